internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import JobDispatch
internal import JobMarket
internal import TokenLedger
internal import WireProtocol

/// What must hold once everything has healed and nobody waits any more: compares what clients were told
/// with the state, and the state with what engines made.
struct RestChecker {
  let simulation: Simulation
  let workload: Workload

  func check() {
    guard let exchange = checkAgreement() else { return }
    simulation.states.checkHolds(exchange, at: LogIndex(UInt64(simulation.states.lastIndex)))
    if let open = exchange.openJobs(limit: 1).first {
      simulation.fail("P1", "job \(open.id) is \(open.state), and nobody waits for it any more")
    }
    for coordinator in simulation.coordinators where coordinator.dispatcher?.isAtRest == false {
      simulation.fail("P6", "\(coordinator.name) counts jobs that nobody has any more")
    }
    for submission in workload.submissions { check(submission, exchange) }
    checkCharges(exchange)
    checkCredits(exchange)
    checkJournal(exchange)
    simulation.order.check()
    simulation.history.check()
    checkDisks()
  }

  /// All replicas have applied the same entries and have the same state (P4); answers it.
  private func checkAgreement() -> Exchange? {
    let replicas = simulation.coordinators.compactMap(\.replica)
    guard let first = replicas.first, replicas.count == simulation.coordinators.count else {
      simulation.fail("liveness", "a coordinator is down although nothing breaks any more")
      return nil
    }
    for replica in replicas
    where replica.applied != first.applied || replica.exchange.digest != first.exchange.digest {
      simulation.fail("P4", "\(replica.id) and \(first.id) have different states at rest")
    }
    for replica in replicas where replica.membership != first.membership {
      simulation.fail("P1", "\(replica.id) and \(first.id) have different members at rest")
    }
    return first.exchange
  }

  // MARK: Jobs

  /// P1: an acknowledged job is there under its request, and has ended.
  ///
  /// P2: what its readers got is what the record has.
  private func check(_ submission: Submission, _ exchange: Exchange) {
    let known = exchange.job(account: submission.account, requestKey: submission.message.requestKey)
    guard let id = submission.job else {
      // A request whose outcome its client never learned may have made a job or not; one that was turned away has not.
      if let refusal = submission.refusal, let known {
        simulation.fail("R2", "a request was refused as \(refusal), and is job \(known)")
      }
      return
    }
    guard known == id, let job = exchange.job(id), job.ending != nil else {
      return simulation.fail("P1", "job \(id) was acknowledged and is not there as it was")
    }
    let events = recorded(job, exchange)
    for reader in submission.readers { check(reader, job, events) }
    for stream in submission.streams {
      let flaw = stream.transcript.flaw(
        against: events, of: job, isDurable: submission.message.durable == true,
        wasAskedAgain: submission.requests > 1)
      if let flaw { simulation.fail("P2", "job \(id), over HTTP: \(flaw)") }
    }
  }

  private func check(_ reader: Reader, _ job: Job, _ events: [Event]) {
    let given = reader.transcript
    if given.durableThrough > job.record.lastSeq {
      simulation.fail(
        "P2",
        "job \(job.id): event \(given.durableThrough) was called committed, the record ends at "
          + "\(job.record.lastSeq)")
      return
    }
    // What nobody called committed may have been lost with leader and worker; the reader was told so.
    let last = isEnded(reader) ? given.lastSeq : given.durableThrough
    let before = Int(given.firstSeq - 1)
    let count = max(0, Int(last) - before)
    let wanted = events.dropFirst(before).prefix(count).map(\.bytes)
    if !given.texts.prefix(count).elementsEqual(wanted) {
      simulation.fail("P2", "job \(job.id): a reader was given other events than the record's")
    }
    guard case .ended(let ended) = reader.end else { return }
    if ended.lastSeq != job.record.lastSeq || ended.summary.charge != job.ending?.charge
      || ended.summary.state != job.ending?.state
    {
      simulation.fail("P2", "job \(job.id): its reader was told another end than the record's")
    }
  }

  private func isEnded(_ reader: Reader) -> Bool {
    if case .ended = reader.end { true } else { false }
  }

  // MARK: Money

  /// P3: each charge is that of the record, each record is what an engine made, accounts have paid and earned exactly the charges
  /// and what was moved by hand, and budgets have spent the charges of the jobs that drew on them.
  private func checkCharges(_ exchange: Exchange) {
    var paid: [AccountID: UInt64] = [:]
    var earned: [AccountID: UInt64] = [:]
    var spent: [BudgetID: UInt64] = [:]
    for account in exchange.ledger.accounts(limit: .max) {
      for job in exchange.jobs(of: account.id, limit: .max) {
        guard let ending = job.ending else { continue }
        let charge = checkedCharge(of: job, ending, exchange)
        paid[job.account, default: 0] += charge
        if job.budget != nil, charge > 0 { simulation.mark(.paidFromBudget) }
        for budget in job.budget.map({ exchange.path(from: $0) }) ?? [] {
          spent[budget, default: 0] += charge
        }
        for (payee, amount) in shares(of: charge, job, ending, exchange) {
          earned[payee, default: 0] += amount
        }
      }
    }
    for account in exchange.ledger.accounts(limit: .max) where account.kind != .issuance {
      if account.debitsHeld != .zero {
        simulation.fail("P3", "account \(account.id) still holds \(account.debitsHeld)")
      }
      let byHand = workload.money.debited[account.id] ?? 0
      if account.debitsPosted.rawValue != (paid[account.id] ?? 0) + byHand
        || account.creditsEarned.rawValue != earned[account.id] ?? 0
      {
        simulation.fail(
          "P3", "account \(account.id) paid or earned other than its jobs' charges and transfers")
      }
      for budget in exchange.budgets(of: account.id, limit: .max)
      where budget.spent.rawValue != spent[budget.id] ?? 0 {
        simulation.fail("P3", "budget \(budget.id) has spent other than its jobs' charges")
      }
    }
  }

  /// Who earns how much of a charge: by the bytes that each attempt's engine made, and the operator by its parts.
  private func shares(
    of charge: UInt64, _ job: Job, _ ending: Ending, _ exchange: Exchange
  ) -> [(AccountID, UInt64)] {
    guard let billed = billed(job, ending) else { return [] }
    var made: [(epoch: Epoch, bytes: UInt64)] = []
    for (event, epoch) in zip(recorded(job, exchange), epochs(job, exchange)) {
      if made.last?.epoch != epoch { made.append((epoch, 0)) }
      made[made.count - 1].bytes += UInt64(event.bytes.count)
    }
    // Lost attempts in their order, then the last one; those of an older state version are not known.
    let suppliers = job.deliveries.map(\.supplier) + (ending.attempt.map { [$0.supplier] } ?? [])
    var parts = zip(suppliers, made).map { ($0, $1.bytes) }.filter { $0.1 > 0 }
    if parts.isEmpty || (job.interruption != nil && job.deliveries.isEmpty) {
      parts = [(billed.supplier, 1)]
    }
    let fees = exchange.feeTerms.account
    var earned: [(AccountID, UInt64)] = []
    for (share, part) in zip(divided(charge, by: parts.map(\.1)), parts) {
      let fee = divided(share, by: [1_000_000 - UInt64(job.feeParts), UInt64(job.feeParts)])[1]
      earned += [(part.0, share - fee), (fees, fee)]
    }
    return earned
  }

  /// The attempt of each event of a record.
  private func epochs(_ job: Job, _ exchange: Exchange) -> [Epoch] {
    exchange.segments(of: job.id).flatMap { segment in
      (segment.firstSeq...segment.lastSeq).map { _ in segment.epoch }
    }
  }

  /// The largest remainder, as one would do it by hand: the shares rounded down, then unit by unit.
  private func divided(_ total: UInt64, by weights: [UInt64]) -> [UInt64] {
    let sum = weights.reduce(UInt128(0)) { $0 + UInt128($1) }
    var shares = weights.map { UInt64(UInt128(total) * UInt128($0) / sum) }
    var rest = weights.map { UInt128(total) * UInt128($0) % sum }
    while shares.reduce(0, +) < total {
      guard let largest = rest.max(), let place = rest.firstIndex(of: largest) else { break }
      shares[place] += 1
      rest[place] = 0
    }
    return shares
  }

  /// Each sale of the journal is its job's end, and no job is sold twice (P3).
  private func checkSales(_ transfers: [Transfer], _ exchange: Exchange) {
    var sold: Set<JobID> = []
    for transfer in transfers {
      guard let sale = transfer.sale, let id = transfer.job else { continue }
      let job = exchange.job(id)
      let ending = job?.ending
      if !sold.insert(id).inserted
        || (job != nil
          && (ending?.promptTokens != sale.promptTokens || ending?.outputTokens != sale.outputTokens
            || ending?.charge != sale.charge || job?.account != transfer.debit))
      {
        simulation.fail("P3", "line \(transfer.id) says otherwise what job \(id) delivered")
      }
    }
  }

  /// Every transfer of the run, from the first on, comes to what the accounts say; the chain to its end (P3).
  private func checkJournal(_ exchange: Exchange) {
    guard let journal = exchange.journal else { return }
    let transfers = exchange.transfers(after: TransferID(0), limit: .max)
    let unchained = transfers.prefix { $0.id <= journal.base.transfer }
    guard transfers.first?.id == TransferID(1),
      let openings = JournalAudit.Sums.moved(by: unchained)
    else { return simulation.fail("P3", "the journal does not have every transfer of the run") }
    checkSales(transfers, exchange)
    let lines = exchange.ledger.accounts(limit: .max).map { account in
      JournalAudit.Line(
        account: account.id, name: account.name, kind: account.kind,
        opening: openings[account.id] ?? .zero,
        closing: .init(debits: account.debitsPosted, credits: account.creditsPosted))
    }
    do throws(JournalAudit.Fault) {
      var audit = JournalAudit()
      try audit.begin(lines, from: journal.base)
      for transfer in transfers.dropFirst(unchained.count) { try audit.read(transfer) }
      try audit.finish(at: journal.head)
    } catch {
      simulation.fail("P3", "the journal is wrong: \(error)")
    }
  }

  /// Whose terms the bill is made of: the last attempt that added to the record (decision 10).
  private func billed(_ job: Job, _ ending: Ending) -> Attempt? {
    guard let interruption = job.interruption else { return ending.attempt }
    let hasGoneOn = job.record.bytes > interruption.recordBytes
    return hasGoneOn ? ending.attempt : interruption.attempt
  }

  /// The charge of an ended job, computed again from what engines made.
  private func checkedCharge(of job: Job, _ ending: Ending, _ exchange: Exchange) -> UInt64 {
    checkRefusal(of: job, ending)
    checkReasoning(of: job, ending, exchange)
    guard let attempt = billed(job, ending) else {
      if ending.charge != .zero || !job.record.isEmpty {
        simulation.fail("P3", "job \(job.id) was charged although no worker had it")
      }
      return 0
    }
    guard let name = exchange.worker(attempt.offer.worker)?.name,
      let terms = simulation.workers.first(where: { $0.name == name })?.terms
    else {
      simulation.fail("P3", "job \(job.id) was run by nobody that there is")
      return 0
    }
    checkRecord(of: job, exchange)
    checkEnd(of: job, ending, exchange)
    let prices = attempt.prices
    if workload.money.posted[attempt.supplier]?.contains(prices) == true {
      simulation.mark(.ranAtPostedPrices)
    } else if prices != terms.prices {
      simulation.fail("P3", "job \(job.id) was run at prices that nobody asked")
    }
    let cost = cost(of: job, ending, terms, at: prices)
    if cost != UInt128(ending.charge.rawValue) {
      simulation.fail("P3", "job \(job.id) costs \(cost) and was charged \(ending.charge)")
    }
    if let reported = ending.usage.promptTokens?.rawValue,
      reported != UInt64(ScriptedOutput.promptTokens)
    {
      simulation.fail("P3", "job \(job.id): \(reported) prompt tokens, as nobody counted")
    }
    return ending.charge.rawValue
  }

  /// P3: a job that ended since it was too long for a context has nothing and costs nothing.
  private func checkRefusal(of job: Job, _ ending: Ending) {
    guard ending.error == .contextLengthExceeded else { return }
    if ending.charge != .zero || !job.record.isEmpty {
      simulation.fail("P3", "job \(job.id) was too long, and was charged \(ending.charge)")
    }
  }

  /// What is kept as reasoning is what the last attempt's engine said, and no more than was billed of the output (P3).
  ///
  /// None may be kept of what was said: not before the state version that knows it.
  private func checkReasoning(of job: Job, _ ending: Ending, _ exchange: Exchange) {
    guard let kept = exchange.cachedPrompt(of: job.id)?.reasoning.rawValue, kept > 0 else {
      return
    }
    guard let attempt = ending.attempt else {
      return simulation.fail("P3", "job \(job.id) has reasoning of no engine's")
    }
    simulation.mark(.toldReasoning)
    let made = UInt64(epochs(job, exchange).count { $0 == attempt.epoch })
    let said = ScriptedOutput(attempt: AttemptID(job: job.id, epoch: attempt.epoch))
      .reasoningTokens(after: made)
    if kept != min(UInt64(said ?? 0), ending.outputTokens.rawValue) {
      simulation.fail("P3", "job \(job.id) has \(kept) tokens of reasoning; \(said ?? 0) were said")
    }
  }

  /// P2: a job that has completed ends where its last attempt's engine ended, or where its request bounds it.
  private func checkEnd(of job: Job, _ ending: Ending, _ exchange: Exchange) {
    guard ending.state == .completed, let attempt = ending.attempt else { return }
    let made = UInt64(epochs(job, exchange).count { $0 == attempt.epoch })
    let wanted = ScriptedOutput(attempt: AttemptID(job: job.id, epoch: attempt.epoch))
      .length(max: simulation.configuration.workload.tokensMax)
    guard made != wanted, job.record.lastSeq < job.bid.outputMax.rawValue else { return }
    simulation.fail(
      "P2", "job \(job.id) completed with \(made) of \(wanted) events of its last attempt")
  }

  /// The design's table ("The bill"), and decision 10 for a job that went on elsewhere.
  private func cost(
    of job: Job, _ ending: Ending, _ terms: SimulatedWorker.Terms, at prices: PricePair
  ) -> UInt128 {
    let record = job.record
    guard ending.state == .completed || !record.isEmpty else { return 0 }
    let reported = ending.usage.promptTokens?.rawValue ?? 0
    let promptTokens = reported - min(reported, job.interruption?.recordBytes ?? 0)
    let bound = record.bytes / UInt64(terms.bytesPerTokenFloor)
    let claimed = ending.usage.outputTokens?.rawValue ?? record.tokens
    let tokens: UInt64 =
      switch job.interruption == nil ? terms.basis : .chunkCount {
      case .tokenIDs: record.lastSeq
      case .usage: min(claimed, bound)
      case .chunkCount: min(record.tokens, bound)
      }
    let input = UInt128(promptTokens) * UInt128(prices.input.rawValue)
    let output =
      UInt128(min(tokens, job.bid.outputMax.rawValue)) * UInt128(prices.output.rawValue)
    return (input + output) / 1_000_000
  }

  /// The events that a job's record should have: what each attempt's engine made, from its first place on.
  private func recorded(_ job: Job, _ exchange: Exchange) -> [Event] {
    var events: [Event] = []
    var bases: [Epoch: UInt64] = [:]
    for segment in exchange.segments(of: job.id) {
      let base = bases[segment.epoch] ?? segment.firstSeq - 1
      bases[segment.epoch] = base
      let output = ScriptedOutput(attempt: AttemptID(job: job.id, epoch: segment.epoch))
      for seq in segment.firstSeq...segment.lastSeq {
        events.append(output.event(at: seq - base, numbered: seq))
      }
    }
    return events
  }

  /// A record is what engines made, byte for byte.
  private func checkRecord(of job: Job, _ exchange: Exchange) {
    guard job.record.lastSeq > 0 else { return }
    let events = recorded(job, exchange)
    let hash = ChainHash(cluster: simulation.clusterID, job: job.id).appending(events)
    if hash.bytes != job.record.chainHash {
      simulation.fail("P2", "the record of job \(job.id) is not what its engines made")
    }
    let bytes = events.reduce(0) { $0 + UInt64($1.bytes.count) }
    if bytes != job.record.bytes || UInt64(events.count) != job.record.tokens {
      simulation.fail("P3", "the totals of job \(job.id) are not those of its record")
    }
  }

  /// Credit that was acknowledged is there once; credit whose outcome is unknown, at most once.
  private func checkCredits(_ exchange: Exchange) {
    var least: [AccountID: UInt64] = [:]
    var most: [AccountID: UInt64] = [:]
    for credit in workload.credits.values {
      most[credit.account, default: 0] += credit.amount
      if credit.isAcknowledged { least[credit.account, default: 0] += credit.amount }
    }
    for (account, most) in most {
      guard let found = exchange.account(account)?.creditsPosted.rawValue else { continue }
      if found < least[account] ?? 0 || found > most {
        simulation.fail("P3", "account \(account) was credited \(found), not \(most)")
      }
    }
  }

  /// What disks hold can be started from, and has the digest that it says it has.
  private func checkDisks() {
    var checked: [SimulatedDisk] = []
    for coordinator in simulation.coordinators {
      let disk = coordinator.disk
      guard let mark = disk.applied, !checked.contains(where: disk.holdsSameState) else { continue }
      checked.append(disk)
      do {
        _ = try Exchange.restoring(expecting: mark.digest) { table, visit in
          try disk.scan(table: table, prefix: [], from: []) { key, value in
            try visit(key, value)
            return true
          }
        }
      } catch {
        simulation.fail("P4", "the disk of \(coordinator.name) cannot be started from: \(error)")
      }
    }
  }
}
