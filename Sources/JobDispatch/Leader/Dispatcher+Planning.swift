internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket

// Planning: whose queued job goes to which free slot.
extension Dispatcher {
  func planModel(of job: JobID) {
    guard let job = exchange.job(job) else { return }
    modelsToPlan.insert(job.model)
    shell?.wantsEndOfTurn()
  }

  /// Proposes an assignment for every queued job that a free slot can take.
  func plan() {
    guard !modelsToPlan.isEmpty else { return }
    let models = modelsToPlan.sorted()
    modelsToPlan = []
    redeemClaims()
    for model in models {
      shares.wait(exchange.accountsQueued(model: model), for: model)
      noteTurns(of: model, isFull: assignQueued(of: model))
      makeRoom(for: model)
    }
  }

  /// Gives the jobs that wait for a model to the slots that are free.
  ///
  /// - Returns: whether somebody waits still for a worker that is there: only then does another's end help.
  private func assignQueued(of model: String) -> Bool {
    guard exchange.queuedCount(model: model) > 0 else {
      planCursors[model] = nil
      return false
    }
    let candidates = candidates(for: model)
    guard !candidates.isEmpty else {
      return exchange.asks(model: model).contains { server($0).isThere }
    }
    let room = candidates.reduce(0) { $0 + $1.free }
    // What is kept for suppliers' own jobs keeps its place beside others' jobs, however many wait.
    var roomForOthers = candidates.reduce(0) { $0 + $1.freeForOthers }
    var unserved: Planner.Demand?
    let demands = demands(for: model, limit: room) { demand in
      let able = candidates.filter { $0.server.obstacle(to: demand) == nil }
      if able.contains(where: { $0.isOwn(demand) }) { return true }
      guard roomForOthers > 0, able.contains(where: { $0.freeForOthers > 0 }) else {
        unserved = unserved ?? demand
        return false
      }
      roomForOthers -= 1
      return true
    }
    let planned = Planner.plan(demands, on: candidates)
    for (job, candidate) in planned { assign(job, to: candidate.ask) }
    if planned.count >= room { return true }
    // The slots that are free are not for the first of those that are left: is one that has none free?
    guard let unserved else { return false }
    return exchange.asks(model: model).contains { server($0).misfit(to: unserved) == nil }
  }

  /// The offers of a model whose worker has a slot parked.
  func candidates(for model: String) -> [Planner.Candidate] {
    exchange.asks(model: model).compactMap { ask in
      // Most of what follows is for nothing where the worker is full.
      guard sessions[ask.id.worker]?.hasFree == true else { return nil }
      let candidate = candidate(ask)
      return candidate.free > 0 ? candidate : nil
    }
  }

  /// All offers of a model, those too that take nothing now.
  func allCandidates(for model: String) -> [Planner.Candidate] {
    exchange.asks(model: model).map { candidate($0) }
  }

  /// An offer with all of its free slots, for whoever has a claim to one.
  func claimedCandidate(_ ask: Ask) -> Planner.Candidate {
    candidate(ask, ofClaimed: true)
  }

  /// An offer with its slots that are free, those that others have claims to as well or not.
  private func candidate(_ ask: Ask, ofClaimed: Bool = false) -> Planner.Candidate {
    let session = sessions[ask.id.worker]
    let slots = session?.occupancy(of: ask.offer.model) { exchange.job($0)?.model }
    let claimed = ofClaimed ? 0 : claimed(of: ask.id.worker)
    // Slots that are promised may go to others: what is kept is kept from all of them.
    func room(of open: @autoclosure () -> Int) -> Int {
      guard let slots, slots.free > 0 else { return 0 }
      return max(0, min(slots.free - claimed, open() - slots.taken))
    }
    let free = room(of: exchange.freeSlots(ask.id))
    // Who has a slot free is there: it need not be asked of the state once more.
    let absence = free > 0 ? nil : absence(of: ask.id.worker, session)
    return Planner.Candidate(
      server: server(ask, session, absence), busy: slots?.busy ?? 0, free: free,
      freeForOthers: free > 0 && ask.tenancy.reserve > 0
        ? room(of: exchange.freeSlotsForOthers(ask)) : free,
      inFlight: slots?.inFlight ?? Planner.Work())
  }

  /// An offer and what is known of its worker.
  func server(_ ask: Ask) -> Planner.Server {
    let session = sessions[ask.id.worker]
    return server(ask, session, absence(of: ask.id.worker, session))
  }

  private func server(
    _ ask: Ask, _ session: WorkerSession?, _ absence: Planner.Absence?
  ) -> Planner.Server {
    Planner.Server(
      ask: ask, absence: absence,
      continuesOutput: session?.continuesOutput ?? false,
      capabilities: session?.capabilities ?? .all, name: exchange.supplierName(of: ask.id.worker),
      speed: session?.speeds[ask.offer.model] ?? WorkerSpeed(),
      prefixes: session?.prefixes[ask.offer.model] ?? PrefixMemory())
  }

  private func absence(of worker: WorkerID, _ session: WorkerSession?) -> Planner.Absence? {
    guard let known = exchange.worker(worker), known.online else { return .offline }
    guard !known.draining else { return .draining }
    guard let session, session.channel != nil, !session.isEnding else { return .silent }
    return session.engineAbsence
  }

  /// What a job demands now of whoever is to run it.
  func demand(of job: Job, goesOn: Bool) -> Planner.Demand {
    Planner.Demand(
      job: job.id, bid: job.bid, excluded: lostAttempts.workers(of: job.id), goesOn: goesOn,
      terms: exchange.terms(of: job.id) ?? JobTerms(), account: job.account, work: work(of: job),
      prefix: prefixes[job.id] ?? .empty, outgrown: outgrown(job))
  }

  /// What a job costs an engine.
  func work(of job: Job) -> Planner.Work {
    Planner.Work(of: job.bid, typicalOutput: outputLengths[job.model])
  }

  /// Takes a free slot for the job that `submit` will make, so that both ride one entry; nil if there is none,
  /// or if another job waits for it.
  func promiseSlot(
    to submit: Command.Submit, on terms: JobTerms, beginning prefix: PromptPrefix
  ) -> (slot: WorkerSlot, ask: Ask)? {
    guard isActive, exchange.queuedCount(model: submit.model) == 0 else { return nil }
    let candidates = candidates(for: submit.model)
    guard !candidates.isEmpty, let bid = exchange.demand(of: submit) else { return nil }
    // The plan needs a name for the job, which apply will give it.
    let demand = Planner.Demand(
      job: JobID(0), bid: bid, excluded: [], goesOn: false, terms: terms,
      account: exchange.key(submit.caller)?.account ?? AccountID(0),
      work: Planner.Work(of: bid, typicalOutput: outputLengths[submit.model]), prefix: prefix)
    guard let ask = Planner.plan([demand], on: candidates).first?.candidate.ask,
      let slot = sessions[ask.id.worker]?.take(
        as: .promised(model: submit.model), for: demand.work)
    else { return nil }
    return (slot, ask)
  }

  /// A submit that was promised a slot has been applied, or was not: the slot is its job's, or free again.
  func redeem(_ slot: WorkerSlot, for result: CommandResult) {
    guard isActive, case .promised(let model) = slot.state else { return }
    if case .applied(.accepted(.submitted(let made)), _) = result, !made.duplicate,
      let attempt = exchange.job(made.job)?.attempt, attempt.offer.worker == slot.worker
    {
      slot.state = .reserved(made.job)
      reservations[made.job] = slot  // the effect does the rest
    } else {
      slot.state = .parked
      modelsToPlan.insert(model)
      shell?.wantsEndOfTurn()
    }
  }

  /// Queued jobs that some candidate can take, of the accounts in turn (`FairShare`) and of each in the order of their
  /// classes (`QueueScan`): one that none can take holds up no other.
  ///
  /// One plan looks at `planScanMax` jobs at most from the queues' heads, and at as many from where the last one
  /// stopped; while it has not seen the end of each it is planned again, so jobs that nobody can take, however many,
  /// keep no other from being seen.
  private func demands(
    for model: String, limit: Int, where isServed: (Planner.Demand) -> Bool
  ) -> [Planner.Demand] {
    var demands: [Planner.Demand] = []
    func look(through scan: inout QueueScan) {
      var turns = turns(of: scan.accounts, for: model)
      var looked = 0
      for pass in QueueScan.Pass.allCases {
        var through: [FairShare.Turn] = []
        while demands.count < limit, looked < Self.planScanMax, let turn = turns.next() {
          guard let id = scan.next(of: turn.account, in: pass) else {
            through.append(turn)
            continue
          }
          looked += 1
          // Jobs whose assignment is under way are still queued in the state.
          guard reservations[id] == nil, let job = exchange.job(id) else {
            turns.insert(turn)
            continue
          }
          let demand = demand(of: job, goesOn: !job.record.isEmpty)
          if isServed(demand) { demands.append(demand) }
          turns.insert(turn.after(demand.work))
        }
        turns = FairShare.Turns(through)
      }
    }
    let cursor = planCursors.removeValue(forKey: model) ?? [:]
    var head = scan(of: exchange.accountsQueued(model: model), for: model)
    look(through: &head)
    guard demands.count < limit else { return demands }
    let left = head.left
    guard !left.isEmpty else { return demands }
    let places = head.places
    let further = cursor.filter { left.contains($0.key) && $0.value >= places[$0.key] ?? JobID(0) }
    var next = scan(from: further, for: model)
    look(through: &next)
    guard demands.count < limit, !next.left.isEmpty || further.count != left.count else {
      return demands
    }
    let reached = places.merging(next.places) { $1 }
    planCursors[model] = reached.filter { left.contains($0.key) }
    modelsToPlan.insert(model)
    shell?.wantsEndOfTurn()
    return demands
  }

  /// The turns of accounts whose jobs wait for a model, by their weights.
  func turns(of accounts: [AccountID], for model: String) -> FairShare.Turns {
    shares.turns(of: accounts, for: model) { exchange.weight(of: $0) }
  }

  /// The queues of a model's jobs, from their heads.
  func scan(of accounts: [AccountID], for model: String) -> QueueScan {
    QueueScan(of: accounts, read: reader(of: model), isRisen: riser)
  }

  private func scan(from places: [QueueScan.Queue: JobID], for model: String) -> QueueScan {
    QueueScan(from: places, read: reader(of: model), isRisen: riser)
  }

  private func reader(of model: String) -> QueueScan.Read {
    { [self] queue, after, limit in
      exchange.queued(
        model: model, of: queue.account, in: queue.jobClass, after: after, limit: limit)
    }
  }

  private var riser: (JobID) -> Bool {
    let now = queue.now
    return { [self] id in exchange.job(id).map { isRisen($0, at: now) } ?? false }
  }

  /// Queued jobs that one plan looks at in one go for each model.
  static let planScanMax = 4_096

  func assign(_ job: JobID, to ask: Ask) {
    guard let queued = exchange.job(job), let session = sessions[ask.id.worker],
      let slot = session.take(as: .reserved(job), for: work(of: queued))
    else { return }
    reservations[job] = slot
    turnsGiven[queued.model, default: 0] += 1
    dropClaim(of: job)
    shares.charge(
      job, of: queued.account, for: queued.model, slot.work,
      weight: exchange.weight(of: queued.account))
    let epoch = Epoch(queued.lastEpoch.rawValue + 1)
    queue.propose(
      .assign(.init(job: job, epoch: epoch, offer: ask.id, askVersion: ask.version))
    ) { [weak self] result in
      guard let self, isActive else { return }
      if case .applied(.accepted, _) = result { return }  // the effect has done the rest
      if reservations[job] === slot {
        reservations[job] = nil
        shares.settle(job, at: nil)
      }
      if slot.state == .reserved(job) { slot.state = .parked }
      // Refused for overload: with the next turn, whatever brings it; asking for one now could go round in circles.
      modelsToPlan.insert(queued.model)
      if case .applied = result { shell?.wantsEndOfTurn() }
    }
  }
}
