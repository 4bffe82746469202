internal import Consensus
internal import Crypto
internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import OpenAIFormat
internal import RaftEngine
internal import TokenLedger
internal import WireProtocol

// Requests: what a client asks, as commands, and outcomes as answers.
extension Dispatcher {
  typealias Answer = (any WireMessage) -> Void

  /// Runs `body` once this replica has confirmed that it leads and has applied everything that was
  /// acknowledged before.
  func confirmed(_ body: @escaping (_ isLeader: Bool) -> Void) {
    replica.confirmRead(now: clock.now) { body($0 == .ready) }
  }

  /// Answers one request, whose stream waits for it as long as `isWanted`.
  func call(
    _ message: Message, from caller: Caller, isWanted: @escaping () -> Bool,
    answer: @escaping Answer
  ) {
    switch message {
    case .submit(let message):
      submit(message, from: caller, isWanted: isWanted) { result in
        switch result {
        case .success(let accepted): answer(accepted)
        case .failure(let failure): answer(failure)
        }
      }
    case .cancel(let message):
      cancel(message, from: caller) { [weak self] failure in
        if let failure { return answer(failure) }
        self?.report(message.job, to: caller, answer)
      }
    case .cancelMany(let message):
      change(.cancelMany(.init(caller: caller.key, jobs: message.jobs)), answer) {
        if case .cancelledMany(let count) = $0 {
          CancelledMany(count: UInt32(clamping: count))
        } else {
          nil
        }
      }
    case .purge(let message):
      change(.purge(.init(caller: caller.key, jobs: message.jobs)), answer) {
        if case .purged(let count) = $0 { Purged(count: UInt32(clamping: count)) } else { nil }
      }
    case .accountCreate, .accountCredit:
      changeAccounts(message, from: caller, answer)
    case .keyCreate, .keyRotate, .keyLimit, .keyRevoke, .budgetKeyCreate, .delegationKeySet,
      .delegationRevoke:
      changeKeys(message, from: caller, answer)
    case .invite(let message):
      invite(message, from: caller, answer)
    case .certificateRevoke(let message):
      revoke(message, from: caller, answer)
    case .retentionSet(let message):
      retention(message, from: caller, answer)
    case .accountWeightSet(let message):
      weigh(message, from: caller, answer)
    case .accountOwnerSet(let message):
      own(message, from: caller, answer)
    case .transferPost, .transferReverse, .accountClose, .feeSet:
      changeLedger(message, from: caller, answer)
    case .budgetCreate, .budgetSet:
      changeBudgets(message, from: caller, answer)
    case .askSet(let message):
      postAsk(message, from: caller, answer)
    case .statusQuery:
      answer(statusReport)
    case .clusterQuery, .clusterChange:
      administer(message, from: caller, answer)
    default:
      confirmed { [weak self] isLeader in
        guard isLeader, let self else { return answer(Failure.notLeader) }
        query(message, from: caller, isWanted, answer)
      }
    }
  }

  /// Proposes a command and answers with what `reply` makes of its acceptance: nil if what it made is no longer
  /// there to be told of, as when a key was made long ago by the same request and has been forgotten since.
  func change(
    _ command: Command, from caller: Caller? = nil, _ answer: @escaping Answer,
    reply: @escaping (ExchangeCore.Accepted) -> (any WireMessage)?
  ) {
    queue.propose(command) { [weak self] result in
      if let failure = Failure(result) { return answer(failure) }
      guard case .applied(.accepted(let accepted), _) = result else {
        preconditionFailure("neither accepted nor refused: \(result)")
      }
      if accepted.isDuplicate, let caller {
        self?.shell?.repeated(.request, under: caller.key, from: caller.origin)
      }
      answer(
        reply(accepted) ?? Failure(.notFound, "what this request made is no longer kept"))
    }
  }

  // MARK: Jobs

  /// Takes a job: seals its body, proposes it, answers with its number once it cannot be lost.
  ///
  /// While the disk of this leader is nearly full it takes no new one, so that those it has can still settle. Of a stream that does not
  /// wait any more when the body has been read nothing is made: whoever opened it has heard nothing, and asks again.
  func submit(
    _ message: Submit, from caller: Caller, isWanted: @escaping () -> Bool,
    _ answer: @escaping (Result<WireProtocol.Accepted, Failure>) -> Void
  ) {
    read(message.body, for: message.endpoint, isWanted: isWanted) { [weak self] request in
      self?.submit(message, asking: request, from: caller, answer)
    }
  }

  private func submit(
    _ message: Submit, asking request: Result<InferenceRequest, Failure>, from caller: Caller,
    _ answer: @escaping (Result<WireProtocol.Accepted, Failure>) -> Void
  ) {
    let order: Order
    let sealed: (parts: [Command], submit: Command.Submit)
    let name = SubmitName(account: caller.account, request: message.requestKey)
    do throws(Failure) {
      order = try self.order(message, asking: try request.get(), from: caller)
      if submitting[name] == nil,
        let refusal = earlyRefusal(of: order.submit, inParts: !Self.isInline(order.body))
      {
        throw refusal
      }
      sealed = try self.sealed(order, of: message)
    } catch {
      // A leader that is none any more may not know of the job that this request is by now.
      return confirmed { answer(.failure($0 ? error : .notLeader)) }
    }
    let terms = order.hasTerms ? order.terms : JobTerms()
    let prefix = prefix(of: order, from: caller)
    let promise = promiseSlot(to: sealed.submit, on: order.terms, beginning: prefix)
    let promised = promise?.slot
    let last = Self.command(
      sealed.submit, in: order.jobClass, on: promise?.ask, terms, retentionMs: message.retentionMs)
    submitting[name, default: 0] += 1
    // Parts go first, in order; the log keeps that order, so the submit finds them all.
    queue.propose(inOrder: sealed.parts + [last]) { [weak self] result in
      self?.noteSubmitted(name)
      if let promised { self?.redeem(promised, for: result) }
      if case .applied(.rejected(let rejection), _) = result, let self {
        return answer(.failure(refusal(rejection)))
      }
      if let failure = Failure(result) { return answer(.failure(failure)) }
      guard case .applied(.accepted(.submitted(let job)), let index) = result else {
        preconditionFailure("a submit was accepted as another command: \(result)")
      }
      if job.duplicate {
        self?.shell?.repeated(.submit, under: caller.key, from: caller.origin)
      } else {
        self?.keepBody(order.body, of: job.job, beginning: prefix)
      }
      answer(
        .success(
          WireProtocol.Accepted(
            job: job.job, commitIndex: index, duplicate: job.duplicate, hold: job.hold,
            rate: self?.rateSummary(of: caller.key),
            model: job.duplicate
              ? self?.exchange.job(job.job).flatMap { $0.model == message.model ? nil : $0.model }
              : order.submit.model == message.model ? nil : order.submit.model)))
    }
  }

  private func noteSubmitted(_ name: SubmitName) {
    let others = (submitting[name] ?? 1) - 1
    submitting[name] = others > 0 ? others : nil
  }

  /// Asks a job to end.
  func cancel(
    _ message: Cancel, from caller: Caller, _ answer: @escaping (Failure?) -> Void
  ) {
    queue.propose(.cancel(.init(caller: caller.key, job: message.job))) {
      answer(Failure($0))
    }
  }

  func report(_ id: JobID, to caller: Caller, _ answer: Answer) {
    if let job = exchange.job(id), exchange.isOwn(job, of: caller.key, in: caller.account) {
      answer(
        JobReport(
          summary: summary(of: job), resumed: resumption(of: job),
          cachedTokens: cachedTokens(of: job.id), reasoningTokens: reasoningTokens(of: job.id)))
    } else if let tombstone = exchange.tombstone(id),
      exchange.isOwn(tombstone, of: caller.key, in: caller.account)
    {
      answer(
        Failure(
          refusing: .outputExpired, "the output of job \(id) is no longer kept", job: id,
          charge: tombstone.charge))
    } else {
      answer(Failure(refusing: .unknownJob, "there is no job \(id) in this account"))
    }
  }

  /// Sets how long records are kept, or only says it.
  private func retention(
    _ message: RetentionSet, from caller: Caller, _ answer: @escaping Answer
  ) {
    func report(_ retention: Retention) -> RetentionReport {
      RetentionReport(keptMs: retention.kept, untilDelivered: retention.untilDelivered)
    }
    guard let kept = message.keptMs else {
      return confirmed { [weak self] isLeader in
        guard isLeader, let self else { return answer(Failure.notLeader) }
        answer(report(exchange.retention))
      }
    }
    let retention = Retention(kept: kept, untilDelivered: message.untilDelivered)
    change(.retentionSet(.init(caller: caller.key, retention: retention)), answer) {
      if case .retention(let retention) = $0 { report(retention) } else { nil }
    }
  }

  // MARK: Accounts

  private func changeAccounts(_ message: Message, from caller: Caller, _ answer: @escaping Answer) {
    switch message {
    case .accountCreate(let message):
      change(
        .accountCreate(
          .init(
            caller: caller.key, requestKey: message.requestKey, name: message.name,
            kind: message.kind)), from: caller, answer
      ) { [weak self] in
        guard case .account(let id, _) = $0 else { return nil }
        return self?.accountReport(id)
      }
    case .accountCredit(let message):
      change(
        .accountCredit(
          .init(
            caller: caller.key, requestKey: message.requestKey, account: message.account,
            amount: message.amount)), from: caller, answer
      ) { [weak self] _ in self?.accountReport(message.account) }
    default:
      preconditionFailure("not a change of accounts: \(message)")
    }
  }

  func accountReport(_ id: AccountID) -> (any WireMessage)? {
    exchange.account(id).map { AccountReport(summary: AccountSummary($0)) }
  }

  // MARK: Reads

  /// What a key must be allowed for a question: what anybody may know takes nothing.
  private func scopes(for message: Message) -> Scopes? {
    switch message {
    case .jobQuery, .jobList, .receiptQuery, .jobWhyQuery: [.read, .submit]
    case .askList, .salesQuery: [.read, .work, .admin]
    case .dryRun: [.submit]
    case .workerWhyQuery: [.work, .read, .admin]
    case .accountQuery, .keyList, .budgetList: [.read, .admin]
    case .delegationList: [.read, .admin]
    default: nil
    }
  }

  private func query(
    _ message: Message, from caller: Caller, _ isWanted: @escaping () -> Bool,
    _ answer: @escaping Answer
  ) {
    if let refusal = scopes(for: message).flatMap({ caller.refusal(unless: $0) }) {
      return answer(refusal)
    }
    switch message {
    case .jobQuery(let message):
      report(message.job, to: caller, answer)
    case .jobList(let message):
      let limit = Int(min(max(message.limit, 1), 256))
      let found = exchange.jobs(
        seenBy: caller.key, of: caller.account, after: message.after, limit: limit + 1)
      answer(
        JobListing(jobs: found.prefix(limit).map(summary), more: found.count > limit))
    case .modelList(let message):
      let beginning = (message.beginning ?? "").utf8
      let names = exchange.models.lazy.filter { $0.utf8.starts(with: beginning) }
      let models = listed(names.compactMap { exchange.model($0) }) {
        $0.slots > 0 || $0.name == message.beginning
      }
      answer(
        ModelListing(
          models: models.map(ModelSummary.init), abilities: models.map { abilities(of: $0.name) }))
    case .workerList:
      let workers = listed(Array(exchange.allWorkers), first: \.online)
      answer(
        WorkerListing(workers: workers.map(workerSummary), gpus: gpus(of: workers, for: caller)))
    case .accountQuery(let message):
      let id = message.account.rawValue == 0 ? caller.account : message.account
      guard id == caller.account || caller.scopes.contains(.admin), let report = accountReport(id)
      else {
        return answer(
          Failure(refusing: .unknownAccount, "there is no account \(id) that this key may see"))
      }
      answer(report)
    case .keyList(let message):
      listKeys(message, from: caller, answer)
    case .journalQuery(let message):
      listJournal(message, from: caller, answer)
    case .accountList(let message):
      listAccounts(message, from: caller, answer)
    case .delegationList(let message): listDelegations(message, from: caller, answer)
    case .standingQuery:
      answer(standing(of: caller) ?? Failure(.notFound, "the key is no longer kept"))
    case .budgetList(let message):
      listBudgets(message, from: caller, answer)
    case .bookQuery, .quoteQuery, .priceQuery, .askList, .salesQuery:
      queryMarket(message, from: caller, answer)
    case .receiptQuery(let message):
      receipt(message, of: caller, answer)
    case .jobWhyQuery(let message):
      why(message, of: caller, answer)
    case .dryRun(let message):
      dryRun(message, of: caller, isWanted, answer)
    case .workerWhyQuery(let message):
      why(message, of: caller, answer)
    case .nodeList:
      guard caller.scopes.contains(.admin) else {
        return answer(
          Failure(Rejection(.forbidden, ["scope": String(Scopes.admin.rawValue)])))
      }
      answer(nodeListing)
    default:
      answer(Failure(.malformedRequest, "this message is not a request"))
    }
  }

  /// The most entries of a listing.
  private static let listedMax = 1_024

  /// What fits into one answer, in its order: if that is not all, the first of those that do not `matter` are
  /// left out.
  func listed<Entry>(_ all: [Entry], first matters: (Entry) -> Bool) -> [Entry] {
    var surplus = all.count - Self.listedMax
    guard surplus > 0 else { return all }
    let kept = all.filter { entry in
      guard surplus > 0, !matters(entry) else { return true }
      surplus -= 1
      return false
    }
    return Array(kept.prefix(Self.listedMax))
  }

  /// What a model is offered for, and what the engines of connected workers can do with it.
  private func abilities(of model: String) -> ModelAbilities {
    let asks = exchange.asks(model: model)
    let capabilities = asks.compactMap { ask -> Capabilities? in
      let server = server(ask)
      return server.isThere ? server.capabilities : nil
    }
    return ModelAbilities(
      endpoints: Endpoint.allCases.filter { endpoint in
        asks.contains { $0.offer.endpoints.contains(endpoint) }
      }, capabilities: capabilities.reduce(Capabilities()) { $0.union($1) }.rawValue)
  }

  private func workerSummary(_ worker: Worker) -> WorkerSummary {
    WorkerSummary(
      worker: worker.id, name: worker.name, account: worker.account, online: worker.online,
      draining: worker.draining,
      slots: UInt16(clamping: worker.offers.reduce(0) { $0 + Int($1.slots) }),
      busy: UInt16(clamping: exchange.busyCount(of: worker.id)),
      offers: exchange.asks(of: worker).map { OfferTerms($0.offer) })
  }

  /// The most GPUs of a listing.
  private static let gpusListedMax = 512

  /// The GPUs of those workers that are connected, for their own account and for operators: to others a supplier's
  /// host is no concern.
  private func gpus(of workers: [Worker], for caller: Caller) -> [WorkerGPU] {
    let isOperator = caller.scopes.contains(.admin)
    let all = workers.lazy.flatMap { worker -> [WorkerGPU] in
      guard isOperator || worker.account == caller.account, let session = self.sessions[worker.id],
        session.channel != nil
      else { return [] }
      return session.gpus.map { WorkerGPU(worker: worker.id, gpu: $0) }
    }
    return Array(all.prefix(Self.gpusListedMax))
  }

  /// What this coordinator knows of itself and of the cluster.
  var statusReport: StatusReport {
    let role: WireProtocol.ReplicaRole =
      switch replica.role {
      case .leader, .elected: .leader
      case .candidate: .candidate
      case .follower: .follower
      }
    let notice = leaderNotice
    let disk = replica.diskUse
    return StatusReport(
      replica: replica.id, role: role, term: replica.term, leader: notice.leader,
      leaderAddress: notice.address, commitIndex: replica.commitIndex,
      appliedIndex: replica.applied, lastIndex: replica.lastIndex,
      digest: exchange.digest.bytes, stateVersion: exchange.stateVersion,
      logTime: exchange.logTime, jobsQueued: UInt32(clamping: exchange.queuedCount),
      jobsRunning: UInt32(clamping: exchange.runningCount),
      peers: replica.membership.servers.map { server in
        PeerSummary(
          replica: server.id,
          address: address(of: server.id) ?? "",
          voter: server.role == .voter,
          matchIndex: replica.matchIndex(of: server.id) ?? LogIndex(0),
          contactAgeMs: server.id == replica.id
            ? 0 : replica.contactAge(of: server.id, now: clock.now) ?? .max)
      },
      software: configuration.software, divergedAt: replica.divergence?.index,
      stateVersionMax: replica.stateVersionMax(of: replica.id), refusals: refusals,
      diskUsed: disk.map { UInt64(clamping: $0.usedBytes) },
      diskCapacity: disk.map { UInt64(clamping: $0.capacityBytes) })
  }

  private var refusals: [RefusalCount] {
    let counts = shell?.refusalCounts ?? [:]
    return counts.sorted { $0.key < $1.key }.prefix(64).map(RefusalCount.init(kind:count:))
  }
}

extension AccountSummary {
  init(_ account: Account) {
    self.init(
      account: account.id, name: account.name, kind: account.kind, balance: account.balance,
      held: account.debitsHeld, spent: account.debitsPosted, earned: account.creditsEarned)
  }
}

extension ModelSummary {
  fileprivate init(_ model: ModelView) {
    self.init(
      model: model.name, context: UInt32(clamping: model.context.rawValue),
      outputDefault: UInt32(clamping: model.outputDefault.rawValue),
      priceInputMin: model.lowest.input, priceOutputMin: model.lowest.output,
      suppliers: UInt16(clamping: model.suppliers), slots: UInt16(clamping: model.slots),
      slotsFree: UInt16(clamping: model.slotsFree))
  }
}
