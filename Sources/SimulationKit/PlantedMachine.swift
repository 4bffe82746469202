internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes

/// The state machine with a planted bug: the same on all replicas, so that it is for the checkers of P1 to P3 to
/// find, and not for the comparison of replicas.
enum PlantedMachine {
  /// How a replica with this bug applies an entry; nil for a bug that is elsewhere.
  static func apply(with bug: PlantedBug?) -> Replica.Configuration.Apply? {
    switch bug {
    case .settledTwice:
      { (exchange, payload, index) throws(ApplyError) in
        try settledTwice(&exchange, payload, index)
      }
    case .creditedTwice: rewriting { command, _, _ in creditedTwice(command) }
    case .forgottenRequest: rewriting(by: forgottenRequest)
    case .ignoredEpoch: rewriting { command, exchange, _ in ignoredEpoch(command, exchange) }
    default: nil
    }
  }

  private typealias Rewrite = @Sendable (Command, Exchange, LogIndex) -> Command

  /// Applies other commands than the entry's.
  private static func rewriting(by rewrite: @escaping Rewrite) -> Replica.Configuration.Apply {
    { (exchange, payload, index) throws(ApplyError) in
      let batch = try batch(of: payload)
      let known = exchange
      let commands = batch.commands.map { rewrite($0, known, index) }
      return exchange.apply(CommandBatch(time: batch.time, commands: commands), at: index)
    }
  }

  private static func batch(of payload: [UInt8]) throws(ApplyError) -> CommandBatch {
    do { return try CommandBatch(payload: payload) } catch { throw .malformed(error) }
  }

  /// What a job has cost is moved from its account to its supplier's once more.
  private static func settledTwice(
    _ exchange: inout Exchange, _ payload: [UInt8], _ index: LogIndex
  ) throws(ApplyError) -> Applied {
    let batch = try batch(of: payload)
    var honest = exchange
    let applied = honest.apply(batch, at: index)
    let again = applied.outcomes.compactMap { outcome -> Command? in
      guard case .accepted(.settled(let settled)) = outcome, settled.first,
        settled.charge > .zero, let job = honest.job(settled.job),
        let supplier = job.ending?.attempt?.supplier
      else { return nil }
      return .transfer(
        .init(
          caller: KeyID(1), requestKey: RequestKey(high: .max, low: job.id.rawValue),
          legs: [.init(debit: job.account, credit: supplier, amount: settled.charge)]))
    }
    let all = exchange.apply(
      CommandBatch(time: batch.time, commands: batch.commands + again), at: index)
    return Applied(
      outcomes: Array(all.outcomes.prefix(batch.commands.count)), effects: all.effects,
      changes: all.changes)
  }

  private static func creditedTwice(_ command: Command) -> Command {
    guard case .accountCredit(let credit) = command,
      let twice = credit.amount.adding(credit.amount)
    else { return command }
    return .accountCredit(
      .init(
        caller: credit.caller, requestKey: credit.requestKey, account: credit.account,
        amount: twice))
  }

  /// A submit whose request is known gets a name of its own.
  private static func forgottenRequest(
    _ command: Command, _ exchange: Exchange, _ index: LogIndex
  ) -> Command {
    func renamed(_ submit: Command.Submit) -> Command.Submit? {
      guard let account = exchange.key(submit.caller)?.account, case .inline = submit.payload,
        exchange.job(account: account, requestKey: submit.requestKey) != nil
      else { return nil }
      return Command.Submit(
        caller: submit.caller, requestKey: RequestKey(high: .max, low: index.rawValue),
        bodyHash: submit.bodyHash, mode: submit.mode, endpoint: submit.endpoint,
        model: submit.model, promptBound: submit.promptBound, outputMax: submit.outputMax,
        inputCeiling: submit.inputCeiling, outputCeiling: submit.outputCeiling,
        queueTimeoutMilliseconds: submit.queueTimeoutMilliseconds,
        wrappedKey: submit.wrappedKey, payload: submit.payload, contextUse: submit.contextUse)
    }
    switch command {
    case .submit(let submit): return renamed(submit).map { .submit($0) } ?? command
    case .submitAssigned(let assigned):
      return renamed(assigned.submit).map {
        .submitAssigned(
          .init(submit: $0, offer: assigned.offer, askVersion: assigned.askVersion))
      } ?? command
    case .submitInClass(let classed):
      let order = classed.order
      return renamed(order.submit).map {
        .submitInClass(
          .init(
            order: .init(
              submit: $0, terms: order.terms, retention: order.retention,
              assignment: order.assignment), jobClass: classed.jobClass))
      } ?? command
    default: return command
    }
  }

  /// Whatever an attempt says is taken for the one that runs.
  private static func ignoredEpoch(_ command: Command, _ exchange: Exchange) -> Command {
    func current(_ attempt: AttemptID) -> AttemptID {
      guard let job = exchange.job(attempt.job), job.attempt != nil else { return attempt }
      return AttemptID(job: attempt.job, epoch: job.lastEpoch)
    }
    switch command {
    case .checkpoint(let checkpoint):
      return .checkpoint(
        .init(
          entries: checkpoint.entries.map {
            .init(attempt: current($0.attempt), events: $0.events)
          }))
    case .settle(let settle):
      return .settle(
        .init(
          attempt: current(settle.attempt), finish: settle.finish, usage: settle.usage,
          error: settle.error, detailSealed: settle.detailSealed, tail: settle.tail,
          claim: settle.claim))
    case .attemptLost(let lost):
      return .attemptLost(
        .init(
          attempt: current(lost.attempt), reason: lost.reason,
          retryElsewhere: lost.retryElsewhere))
    case .attemptPreempted(let preempted):
      return .attemptPreempted(.init(attempt: current(preempted.attempt)))
    default: return command
    }
  }
}
