internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import WireProtocol

// Workers: registration, leases, slots, and giving queued jobs to them.
extension Dispatcher {
  // MARK: Registration

  /// A worker announces itself on its registration stream.
  ///
  /// Its name is its own while it is here: another process of the account under the same name would take its
  /// attempts, and it theirs, for ever.
  func register(_ message: WorkerRegister, from stream: WorkerStream) {
    if let failure = misnamed(message.name, from: stream.origin, "a worker may not register") {
      return stream.fail(failure)
    }
    if let live = liveSession(named: message.name, of: stream.caller.account),
      live.incarnation != message.incarnation
    {
      return stream.fail(
        Failure(
          .nameTaken,
          "a worker named \"\(message.name)\" of this account is connected; start this one with another --name",
          retryAfterMs: WorkerSession.leaseMilliseconds))
    }
    // An older replica could not read the others.
    let hasEmbeddings = exchange.stateVersion >= Exchange.embeddingsStateVersion
    let offers = (hasEmbeddings ? message.offers : message.offers.compactMap(\.generating))
      .map(Offer.init)
    let command = Command.workerRegister(
      .init(
        caller: stream.caller.key, name: message.name, incarnation: message.incarnation,
        offers: offers, draining: message.draining))
    queue.propose(command) { [weak self, weak stream] result in
      guard let self, let stream, isActive else { return }
      if case .applied(.accepted(.worker(let worker, _)), _) = result {
        registered(worker, message, on: stream)
      } else {
        stream.fail(Failure(result) ?? .notLeader)
      }
    }
  }

  /// The session of a worker that is connected, by its name.
  private func liveSession(named name: String, of account: AccountID) -> WorkerSession? {
    guard let worker = exchange.worker(account: account, name: name),
      let session = sessions[worker], session.channel != nil, !session.isEnding
    else { return nil }
    return session
  }

  private func registered(
    _ worker: WorkerID, _ message: WorkerRegister, on stream: WorkerStream
  ) {
    guard !stream.isClosed else { return }
    let incarnation = message.incarnation
    let lease = UInt64(WorkerSession.leaseMilliseconds)
    let session: WorkerSession
    if let known = sessions[worker] {
      session = known
      if let old = known.channel, old !== stream.channel { old.abort() }
    } else {
      session = WorkerSession(
        worker: worker, incarnation: incarnation, channel: nil, leaseUntil: 0)
      sessions[worker] = session
    }
    if session.incarnation != incarnation {
      // Another run of the process: what the old one was doing is lost.
      session.incarnation = incarnation
      session.gpus = []
      close(session.slots)
      for relay in relays(where: { $0.worker == worker }) { giveUp(relay, now: clock.now) }
    }
    session.continuesOutput = message.continues ?? false
    session.capabilities = message.capabilities.map { Capabilities(rawValue: $0) } ?? .all
    session.channel = stream.channel
    session.leaseUntil = clock.now + lease
    session.isEnding = false
    stream.session = session
    // Attempts that this worker is believed to run: it has one lease to offer them again.
    for relay in relays.values
    where relay.worker == worker && relay.slot == nil && !relay.isWorkerGone {
      relay.awaitedUntil = clock.now + lease
    }
    stream.channel.send(
      WorkerRegistered(
        worker: worker, term: replica.term, leaseMs: WorkerSession.leaseMilliseconds))
    planModels(of: worker)
  }

  /// A worker says that it is there.
  func heartbeat(_ message: WorkerHeartbeat, from stream: WorkerStream) {
    guard let session = stream.session, session.worker == message.worker else { return }
    session.leaseUntil = clock.now + UInt64(WorkerSession.leaseMilliseconds)
    let wasHealthy = session.engineIsHealthy
    session.engineIsHealthy = message.engineHealthy
    stream.channel.send(WorkerHeartbeatAck(nonce: message.nonce, term: replica.term))
    if message.engineHealthy, !wasHealthy { planModels(of: session.worker) }
  }

  /// A registration stream has ended: no new work from now on; the lease decides about the rest.
  func workerStreamClosed(_ stream: WorkerStream) {
    guard let session = stream.session, session.channel === stream.channel else { return }
    session.channel = nil
  }

  /// Leases that are over: the worker is gone, and what it had is taken back.
  func expireLeases(now: UInt64) {
    for worker in sessions.keys.sorted() {
      guard let session = sessions[worker], session.leaseUntil <= now, !session.isEnding
      else { continue }
      session.isEnding = true
      session.leaseUntil = .max
      session.channel?.abort()
      session.channel = nil
      // A worker that is there after all registers and parks again.
      close(session.slots.filter { $0.state == .parked })
      queue.propose(
        .workerGone(.init(worker: worker, incarnation: session.incarnation))
      ) { [weak self] result in
        guard let self, let session = sessions[worker], session.channel == nil else { return }
        if case .applied = result {
          sessions[worker] = nil
        } else {
          session.isEnding = false
          session.leaseUntil = clock.now + Self.retryDelay
        }
      }
      for relay in relays(where: { $0.worker == worker && $0.slot == nil }) {
        giveUp(relay, now: now)
      }
    }
    for relay in relays(where: { $0.slot == nil && $0.lostAt <= now && !$0.isEnding }) {
      lose(relay, .workerLost)
    }
    for relay in relays(where: { $0.stopUntil <= now && !$0.isEnding && !$0.isComplete }) {
      relay.stopUntil = .max
      lose(relay, .workerLost, retryElsewhere: false)
    }
  }

  /// An attempt's worker does not come back: it is lost, unless its readers are still to be heard.
  private func giveUp(_ relay: StreamRelay, now: UInt64) {
    relay.isWorkerGone = true
    if relay.lostAt <= now { lose(relay, .workerLost) }
  }

  /// A worker is offline in the state.
  ///
  /// If it has come back meanwhile, its registration is older in the log than its end: it has to register again,
  /// or it would be connected and never get work.
  func gone(_ worker: WorkerID) {
    guard let session = sessions.removeValue(forKey: worker), let channel = session.channel
    else { return }
    channel.abort()
    close(session.slots.filter { $0.state == .parked })
  }

  /// Relays that `condition` holds for, in the order of their jobs: what is proposed for them must not
  /// depend on a dictionary's order, or the same events would not give the same log.
  func relays(where condition: (StreamRelay) -> Bool) -> [StreamRelay] {
    relays.values.filter(condition).sorted { $0.attempt.job < $1.attempt.job }
  }

  func workerChanged(_ worker: WorkerID) { planModels(of: worker) }

  private func planModels(of worker: WorkerID) {
    guard let known = exchange.worker(worker) else { return }
    for offer in known.offers { modelsToPlan.insert(offer.model) }
    shell?.wantsEndOfTurn()
  }

  // MARK: Slots

  /// A worker parks a slot.
  func park(_ message: Park, on slot: WorkerSlot) {
    guard slot.state == .opened else { return }
    guard let session = session(message.worker, of: slot, message.incarnation, toPark: true)
    else { return }
    slot.worker = message.worker
    slot.state = .parked
    if !session.slots.contains(where: { $0 === slot }) { session.slots.append(slot) }
    planModels(of: message.worker)
  }

  /// A worker offers an attempt that it still has.
  func resume(_ message: AttemptResume, on slot: WorkerSlot) {
    let attempt = AttemptID(job: message.job, epoch: message.epoch)
    guard slot.state == .opened,
      let session = session(message.worker, of: slot, message.incarnation, toPark: false)
    else { return }
    slot.worker = message.worker
    if !session.slots.contains(where: { $0 === slot }) { session.slots.append(slot) }
    guard let relay = relays[attempt.job], relay.attempt == attempt,
      relay.worker == message.worker, !relay.isEnding
    else {
      slot.channel.send(
        AttemptAbandon(job: attempt.job, epoch: attempt.epoch, term: replica.term))
      return
    }
    guard message.firstSeq <= relay.received + 1 else {
      // It has dropped events that this leader does not have: nothing can fill the gap.
      lose(relay, .workerLost)
      slot.channel.send(
        AttemptAbandon(job: attempt.job, epoch: attempt.epoch, term: replica.term))
      return
    }
    if let old = relay.slot, old !== slot { release(old) }
    relay.slot = slot
    slot.state = .running(attempt)
    slot.work = exchange.job(attempt.job).map(work) ?? Planner.Work()
    if message.lastSeq >= message.firstSeq, message.firstSeq > 0 {
      relay.pace.goesOn(now: clock.now)
    }
    slot.channel.send(
      AttemptContinue(
        job: attempt.job, epoch: attempt.epoch, term: replica.term,
        fromSeq: relay.received + 1))
    if case .cancelling = exchange.job(attempt.job)?.phase { sendCancel(relay) }
  }

  /// The session that a slot belongs to; nil once the slot has been told that it belongs to none.
  ///
  /// A slot is its own worker's: by the account of its key, and by the name in its certificate.
  private func session(
    _ worker: WorkerID, of slot: WorkerSlot, _ incarnation: UInt64, toPark: Bool
  ) -> WorkerSession? {
    let failure: Failure
    if let session = sessions[worker], session.channel != nil, session.incarnation == incarnation,
      let known = exchange.worker(worker), known.account == slot.caller.account
    {
      guard
        let other = misnamed(known.name, from: slot.origin, "a worker may not use another's slots")
      else { return session }
      failure = other
    } else {
      failure = Failure(
        .unknownWorker,
        "register with this coordinator first, then \(toPark ? "park slots" : "resume attempts")")
    }
    slot.channel.send(failure)
    slot.channel.finish()
    return nil
  }

  /// A slot stream has ended.
  func slotClosed(_ slot: WorkerSlot) {
    let state = slot.state
    slot.state = .gone
    if let worker = slot.worker { sessions[worker]?.slots.removeAll { $0 === slot } }
    switch state {
    case .running(let attempt):
      guard let relay = relays[attempt.job], relay.slot === slot else { return }
      relay.slot = nil
      // Everything is here already: the worker is not needed for the settle.
      relay.awaitedUntil =
        relay.isComplete ? .max : clock.now + UInt64(WorkerSession.leaseMilliseconds)
    case .reserved(let job):
      reservations[job] = nil
      shares.settle(job, at: nil)
      planModel(of: job)
    case .opened, .parked, .promised, .gone:
      break
    }
  }

  /// Ends slots whose worker is not what it was.
  private func close(_ slots: [WorkerSlot]) {
    for slot in slots {
      slotClosed(slot)
      slot.channel.abort()
    }
  }

  /// Lets a slot's worker park it again.
  func release(_ slot: WorkerSlot) {
    if slot.state != .gone { slot.state = .opened }
  }

  // MARK: Planning

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
    for model in models {
      shares.wait(exchange.accountsQueued(model: model), for: model)
      let candidates = candidates(for: model)
      guard !candidates.isEmpty else { continue }
      let room = candidates.reduce(0) { $0 + $1.free }
      // What is kept for suppliers' own jobs keeps its place beside others' jobs, however many wait.
      var roomForOthers = candidates.reduce(0) { $0 + $1.freeForOthers }
      let demands = demands(for: model, limit: room) { demand in
        let able = candidates.filter { $0.server.obstacle(to: demand) == nil }
        if able.contains(where: { $0.isOwn(demand) }) { return true }
        guard roomForOthers > 0, able.contains(where: { $0.freeForOthers > 0 }) else {
          return false
        }
        roomForOthers -= 1
        return true
      }
      for (job, candidate) in Planner.plan(demands, on: candidates) {
        assign(job, to: candidate.ask)
      }
    }
  }

  /// The offers of a model whose worker has a slot parked.
  private func candidates(for model: String) -> [Planner.Candidate] {
    exchange.asks(model: model).compactMap { ask in
      let free = freeSlots(ask)
      return free > 0 ? candidate(ask, free: free) : nil
    }
  }

  /// All offers of a model, those too that take nothing now.
  func allCandidates(for model: String) -> [Planner.Candidate] {
    exchange.asks(model: model).map { candidate($0, free: freeSlots($0)) }
  }

  private func candidate(_ ask: Ask, free: Int) -> Planner.Candidate {
    let session = sessions[ask.id.worker]
    // Who has a slot free is there: it need not be asked of the state once more.
    let absence = free > 0 ? nil : absence(of: ask.id.worker, session)
    let load = session?.load
    return Planner.Candidate(
      server: server(ask, session, absence), busy: load?.busy ?? 0, free: free,
      freeForOthers: free > 0 && ask.tenancy.reserve > 0 ? freeSlots(ask, ofKept: false) : free,
      inFlight: load?.inFlight ?? Planner.Work())
  }

  /// Slots that take a job at an offer now, with or without those that are kept for its supplier's own.
  ///
  /// Slots that are promised may go to others: what is kept is kept from all of them.
  private func freeSlots(_ ask: Ask, ofKept: Bool = true) -> Int {
    guard let session = sessions[ask.id.worker], session.free > 0 else { return 0 }
    let model = ask.offer.model
    let taken = session.slots.count {
      switch $0.state {
      case .promised(let other): other == model
      case .reserved(let job): exchange.job(job)?.model == model
      case .opened, .parked, .running, .gone: false
      }
    }
    let free = ofKept ? exchange.freeSlots(ask.id) : exchange.freeSlotsForOthers(ask)
    return max(0, min(session.free, free - taken))
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
      speed: session?.speeds[ask.offer.model] ?? WorkerSpeed())
  }

  private func absence(of worker: WorkerID, _ session: WorkerSession?) -> Planner.Absence? {
    guard let known = exchange.worker(worker), known.online else { return .offline }
    guard !known.draining else { return .draining }
    guard let session, session.channel != nil, !session.isEnding else { return .silent }
    return session.engineIsHealthy ? nil : .engineDown
  }

  /// What a job demands now of whoever is to run it.
  func demand(of job: Job, goesOn: Bool) -> Planner.Demand {
    Planner.Demand(
      job: job.id, bid: job.bid, excluded: lostAttempts.workers(of: job.id), goesOn: goesOn,
      terms: exchange.terms(of: job.id) ?? JobTerms(), account: job.account, work: work(of: job))
  }

  /// What a job costs an engine.
  private func work(of job: Job) -> Planner.Work {
    Planner.Work(of: job.bid, typicalOutput: outputLengths[job.model])
  }

  /// Takes a free slot for the job that `submit` will make, so that both ride one entry; nil if there is none,
  /// or if another job waits for it.
  func promiseSlot(
    to submit: Command.Submit, on terms: JobTerms
  ) -> (slot: WorkerSlot, ask: Ask)? {
    guard isActive, exchange.queuedCount(model: submit.model) == 0 else { return nil }
    let candidates = candidates(for: submit.model)
    guard !candidates.isEmpty, let bid = exchange.demand(of: submit) else { return nil }
    // The plan needs a name for the job, which apply will give it.
    let demand = Planner.Demand(
      job: JobID(0), bid: bid, excluded: [], goesOn: false, terms: terms,
      account: exchange.key(submit.caller)?.account ?? AccountID(0),
      work: Planner.Work(of: bid, typicalOutput: outputLengths[submit.model]))
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

  /// Queued jobs that some candidate can take, of the accounts in turn (`FairShare`) and of each the first come first: one
  /// that none can take holds up no other.
  ///
  /// One plan looks at `planScanMax` jobs at most from the queues' heads, and at as many from where the last one
  /// stopped; while it has not seen the end of each it is planned again, so jobs that nobody can take, however many,
  /// keep no other from being seen.
  private func demands(
    for model: String, limit: Int, where isServed: (Planner.Demand) -> Bool
  ) -> [Planner.Demand] {
    var demands: [Planner.Demand] = []
    /// Looks at accounts' jobs after some; answers the last of each that it saw, and whose it did not see all of.
    func look(
      after start: [AccountID: JobID], among accounts: [AccountID]
    ) -> (places: [AccountID: JobID], left: Set<AccountID>) {
      var places = start
      var buffers: [AccountID: ArraySlice<JobID>] = [:]
      var turns = shares.turns(of: accounts, for: model)
      var left = Set(accounts)
      var looked = 0
      while demands.count < limit, looked < Self.planScanMax, let turn = turns.next() {
        let account = turn.account
        if buffers[account]?.isEmpty ?? true {
          buffers[account] =
            exchange.queued(
              model: model, of: account, after: places[account] ?? JobID(0), limit: 64)[...]
        }
        guard let id = buffers[account]?.popFirst() else {
          left.remove(account)
          continue
        }
        places[account] = id
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
      return (places, left)
    }
    let cursor = planCursors.removeValue(forKey: model) ?? [:]
    let head = look(after: [:], among: exchange.accountsQueued(model: model))
    guard demands.count < limit, !head.left.isEmpty else { return demands }
    let further = head.left.filter { account in
      cursor[account].map { $0 >= head.places[account] ?? JobID(0) } ?? false
    }
    let next = look(after: cursor.filter { further.contains($0.key) }, among: Array(further))
    guard demands.count < limit, !next.left.isEmpty || further != head.left else { return demands }
    planCursors[model] = Dictionary(
      uniqueKeysWithValues: head.left.map { account in
        (account, next.places[account] ?? head.places[account] ?? JobID(0))
      })
    modelsToPlan.insert(model)
    shell?.wantsEndOfTurn()
    return demands
  }
  /// Queued jobs that one plan looks at in one go for each model.
  static let planScanMax = 4_096

  private func assign(_ job: JobID, to ask: Ask) {
    guard let queued = exchange.job(job), let session = sessions[ask.id.worker],
      let slot = session.take(as: .reserved(job), for: work(of: queued))
    else { return }
    reservations[job] = slot
    shares.charge(job, of: queued.account, for: queued.model, slot.work)
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

  /// An assignment is committed: the worker is told on the slot that was reserved for it.
  func assigned(_ attempt: AttemptID, to worker: WorkerID) {
    let reserved = reservations.removeValue(forKey: attempt.job)
    guard let job = exchange.job(attempt.job) else { return }
    shares.charge(job.id, of: job.account, for: job.model, work(of: job))
    expect(job, until: clock.now + UInt64(WorkerSession.leaseMilliseconds))
    guard let relay = relays[attempt.job] else {
      if let reserved, reserved.state == .reserved(attempt.job) { reserved.state = .parked }
      return
    }
    guard let slot = reserved, slot.state == .reserved(attempt.job), slot.worker == worker else {
      // The slot went away between the proposal and now; nobody has begun anything.
      lose(relay, .workerLost)
      return
    }
    do {
      guard let request = try request(of: job, key: relay.key) else {
        slot.state = .parked
        return settleWithoutWorker(relay, error: .workerLost)
      }
      relay.slot = slot
      relay.timing.assigned(at: clock.now)
      slot.state = .running(attempt)
      slot.channel.send(
        Assign(
          job: job.id, epoch: attempt.epoch, term: replica.term, endpoint: job.bid.endpoint,
          model: job.model, body: request.body, recordSeq: job.record.lastSeq,
          recordHash: recordHash(of: job).bytes, outputTokensMax: outputTokensLeft(job),
          output: request.parts))
      tellReaders(of: job)
    } catch {
      slot.state = .parked
      relay.isEnding = true
      settleWithoutWorker(relay, error: .internalError)
    }
  }

  /// Makes the relay of a dispatched job, without a stream yet.
  func expect(_ job: Job, until deadline: UInt64) {
    guard let attempt = job.attempt else { return }
    do {
      let key = try sealer.unwrap(job.wrappedKey)
      let relay = StreamRelay(
        attempt: AttemptID(job: job.id, epoch: attempt.epoch), worker: attempt.offer.worker,
        key: key, mac: StreamMAC(key: sealer.streamKey(of: key)), recordSeq: job.record.lastSeq,
        recordHash: recordHash(of: job), recordTokens: job.record.tokens,
        isBulk: job.bid.endpoint == .embeddings)
      relay.awaitedUntil = deadline
      relays[job.id] = relay
    } catch {
      // Its wrapping key is not to be had: the output could be neither stored nor read again.
      loseUnopenable(AttemptID(job: job.id, epoch: attempt.epoch))
    }
  }

  /// Ends the attempt of a job that cannot be opened; with the next checkpoint again, if it was refused.
  func loseUnopenable(_ attempt: AttemptID) {
    queue.propose(
      .attemptLost(.init(attempt: attempt, reason: .keyUnavailable, retryElsewhere: false))
    ) { [weak self] result in
      guard let self, isActive else { return }
      if case .applied = result { return }
      unopenable.append(attempt)
      armCheckpoint()
    }
  }

  /// The chain hash after a job's record.
  func recordHash(of job: Job) -> ChainHash {
    let start = ChainHash(cluster: configuration.clusterID, job: job.id)
    return job.record.isEmpty ? start : ChainHash(bytes: job.record.chainHash) ?? start
  }

  /// A job's request, from memory or out of the store.
  func body(of job: Job, key: JobKey) throws -> [UInt8] {
    if let body = bodies[job.id] { return body }
    var body: [UInt8] = []
    for part in 0..<job.payload.parts {
      guard
        let sealed = try replica.row(
          table: Table.payloadParts.rawValue, key: job.payload.rowKey(part: part))
      else { throw MissingRow(table: Table.payloadParts.rawValue, job: job.id) }
      body += try sealer.open(sealed, as: .payload(part: UInt32(part)), under: key)
    }
    return body
  }

  func keepBody(_ body: [UInt8], of job: JobID) {
    guard bodyBytes + body.count <= Self.bodyCacheBytesMax, bodies[job] == nil else { return }
    bodies[job] = body
    bodyBytes += body.count
  }

  func forgetBody(of job: JobID) {
    if let body = bodies.removeValue(forKey: job) { bodyBytes -= body.count }
  }
}

/// A row that the state names and the store does not have.
struct MissingRow: Error {
  let table: UInt8
  let job: JobID
}

extension Offer {
  /// What a worker's message says that it offers.
  init(_ terms: OfferTerms) {
    self.init(
      model: terms.model, context: TokenCount(UInt64(terms.context)),
      outputDefault: TokenCount(UInt64(terms.outputDefault)), slots: terms.slots,
      prices: PricePair(input: terms.priceInput, output: terms.priceOutput), basis: terms.basis,
      bytesPerTokenFloor: terms.bytesPerTokenFloor, endpoints: terms.endpoints)
  }
}

extension OfferTerms {
  /// An offer as the wire says it.
  init(_ offer: Offer) {
    self.init(
      model: offer.model, context: UInt32(clamping: offer.context.rawValue),
      outputDefault: UInt32(clamping: offer.outputDefault.rawValue), slots: offer.slots,
      priceInput: offer.prices.input, priceOutput: offer.prices.output, basis: offer.basis,
      bytesPerTokenFloor: offer.bytesPerTokenFloor, endpoints: offer.endpoints)
  }
}
