internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import OpenAIFormat
internal import WireProtocol

// Workers: registration, leases, slots, and the jobs that they are given.
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
      session = WorkerSession(worker: worker, incarnation: incarnation, now: clock.now)
      sessions[worker] = session
    }
    if session.incarnation != incarnation {
      // Another run of the process: what the old one was doing is lost.
      session.incarnation = incarnation
      session.gpus = []
      session.prefixes = [:]
      close(session.slots)
      for relay in relays(where: { $0.worker == worker }) { giveUp(relay, now: clock.now) }
    }
    session.prefixes = session.prefixes.filter { known in
      message.offers.contains { $0.model == known.key }
    }
    session.continuesOutput = message.continues ?? false
    session.capabilities = message.capabilities.map { Capabilities(rawValue: $0) } ?? .all
    session.begin(on: stream.channel, now: clock.now)
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
    guard let session = stream.session, session.worker == message.worker,
      session.channel === stream.channel
    else { return }
    session.renew(now: clock.now)
    let took = session.engineAbsence == nil
    session.engineAbsence =
      message.engineHealthy ? nil : message.full == true ? .engineFull : .engineDown
    // A full engine has what it has read.
    if session.engineAbsence == .engineDown { session.prefixes = [:] }
    stream.channel.send(WorkerHeartbeatAck(nonce: message.nonce, term: replica.term))
    if message.engineHealthy, !took { planModels(of: session.worker) }
  }

  /// A registration stream has ended: no new work from now on; the lease decides about the rest.
  func workerStreamClosed(_ stream: WorkerStream) {
    guard let session = stream.session, session.channel === stream.channel else { return }
    session.channel = nil
  }

  /// Leases that are over: the worker is gone, and what it had is taken back, whatever streams of it seem to be there.
  ///
  /// It may live and generate, unheard. So its streams are ended behind the loss of its attempts: it is told to abandon
  /// them if it still hears this leader, else when it offers them again.
  func expireLeases(now: UInt64) {
    for worker in sessions.keys.sorted() {
      guard let session = sessions[worker], session.isLeaseOver(now: now) else { continue }
      let registration = session.end()
      // A worker that is there after all registers and parks again.
      close(session.slots.filter(\.isVacant))
      for relay in relays(where: { $0.worker == worker }) { giveUp(relay, now: now) }
      queue.propose(
        .workerGone(.init(worker: worker, incarnation: session.incarnation))
      ) { [weak self] result in
        registration?.abort()
        guard let self, let session = sessions[worker], session.channel == nil else { return }
        if case .applied = result {
          sessions[worker] = nil
        } else {
          session.endAgain(at: clock.now + Self.retryDelay)
        }
      }
    }
    for relay in relays(where: { $0.lostAt <= now && !$0.isEnding }) {
      lose(relay, .workerLost)
    }
    for relay in relays(where: { $0.stopUntil <= now && !$0.isEnding && !$0.isComplete }) {
      relay.stopUntil = .max
      lose(relay, .workerLost, retryElsewhere: false)
    }
  }

  /// An attempt's worker does not come back: it is lost, unless its readers are still to be heard, or all of it is here.
  private func giveUp(_ relay: StreamRelay, now: UInt64) {
    guard !relay.isComplete else { return }
    relay.isWorkerGone = true
    if relay.lostAt <= now {
      lose(relay, .workerLost)
    } else if let slot = relay.slot {
      close([slot])
    }
  }

  /// A worker is offline in the state.
  ///
  /// If it has come back meanwhile, its registration is older in the log than its end: it has to register again,
  /// or it would be connected and never get work. What it runs it offers again then.
  func gone(_ worker: WorkerID) {
    guard let session = sessions.removeValue(forKey: worker), let channel = session.channel
    else { return }
    channel.abort()
    close(session.slots)
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
    relay.isWorkerGone = false
    relay.offered = message.lastSeq
    slot.state = .running(attempt)
    slot.work = exchange.job(attempt.job).map(work) ?? Planner.Work()
    relay.pace.awaited(now: clock.now)
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

  // MARK: Assignments

  /// An assignment is committed: the worker is told on the slot that was reserved for it.
  func assigned(_ attempt: AttemptID, to worker: WorkerID) {
    let reserved = reservations.removeValue(forKey: attempt.job)
    guard let job = exchange.job(attempt.job) else { return }
    shares.charge(
      job.id, of: job.account, for: job.model, work(of: job),
      weight: exchange.weight(of: job.account))
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
      relay.pace.awaited(now: clock.now)
      relay.timing.assigned(at: clock.now)
      if relay.isBulk {
        relay.inputsDue =
          (try? InferenceRequest.parse(body: request.body, endpoint: .embeddings))?.sequences
      }
      slot.state = .running(attempt)
      slot.channel.send(
        Assign(
          job: job.id, epoch: attempt.epoch, term: replica.term, endpoint: job.bid.endpoint,
          model: job.model, body: request.body, recordSeq: job.record.lastSeq,
          recordHash: recordHash(of: job).bytes, outputTokensMax: outputTokensLeft(job),
          output: request.parts))
      if let prefix = prefixes[job.id] {
        sessions[worker]?.prefixes[job.model, default: PrefixMemory()].note(prefix)
      }
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
        recordBytes: job.record.bytes, outputMax: job.bid.outputMax.rawValue,
        isBulk: job.bid.endpoint == .embeddings, memory: streamMemory)
      relay.awaitedUntil = deadline
      relays[job.id] = relay
      if job.jobClass == .batch { batchRelays.insert(job.id) }
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

  func keepBody(_ body: [UInt8], of job: JobID, beginning prefix: PromptPrefix) {
    guard bodyBytes + body.count <= Self.bodyCacheBytesMax, bodies[job] == nil else { return }
    bodies[job] = body
    bodyBytes += body.count
    if prefix != .empty { prefixes[job] = prefix }
  }

  func forgetBody(of job: JobID) {
    guard let body = bodies.removeValue(forKey: job) else { return }
    bodyBytes -= body.count
    prefixes[job] = nil
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
