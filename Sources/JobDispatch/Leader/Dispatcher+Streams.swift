internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import WireProtocol

// Streams of running jobs: from the worker, into the record, to their end.
extension Dispatcher {
  /// Output tokens that may come beyond the held bound, and are nobody's cost: an engine that ignores its limit is stopped behind them.
  private static let overrunTokens: UInt64 = 64

  /// How long a worker may take to stop an attempt, in milliseconds.
  static let stopLimit: UInt64 = 10_000

  /// Bytes that one token may have: with log probabilities of twenty others it is a few thousand.
  private static let tokenBytesMax: UInt64 = 8 << 10
  /// Events that one token may have: some carry a role, a name, a piece of a call.
  private static let tokenEventsMax: UInt64 = 8

  /// Bytes of all vectors of a job (`Engines`), and events: the pieces of each, of which the last may be short.
  private static let vectorBytesMax: UInt64 = 16 << 20
  private static let vectorEventsMax: UInt64 = 4_096

  /// Whether an output is no larger than what was asked for can be, by its tokens, and by its events and bytes: a worker that counts no
  /// tokens could otherwise fill every coordinator's disk.
  private func isPlausible(_ relay: StreamRelay) -> Bool {
    guard !relay.isBulk else {
      return relay.received <= Self.vectorEventsMax
        && UInt64(relay.meter.bytes) <= Self.vectorBytesMax
    }
    let tokens = relay.outputMax + Self.overrunTokens
    return relay.tokens <= tokens
      && relay.received
        <= tokens.multipliedReportingOverflow(by: Self.tokenEventsMax).partialValue
      && relay.bytes
        <= min(
          configuration.recordBytesMax,
          tokens.multipliedReportingOverflow(by: Self.tokenBytesMax).partialValue)
  }

  // MARK: From the worker

  /// Events have come on a slot.
  func received(_ chunk: Chunk, on slot: WorkerSlot) {
    let attempt = AttemptID(job: chunk.job, epoch: chunk.epoch)
    guard let relay = relays[chunk.job], relay.attempt == attempt, relay.slot === slot else {
      abandon(attempt, on: slot)
      return
    }
    guard !relay.isEnding else {
      relay.hasMissed = true
      return
    }
    let isFirstOfPiece = relay.last == relay.proposed
    do throws(StreamRelay.Refusal) {
      let before = relay.received
      let isNew = try relay.append(chunk.events)
      let now = clock.now
      slot.heardAt = now
      if relay.received > before {
        relay.pace.came(Int(relay.received - before), now: now)
      }
      notePace(of: relay, now: now)
      slot.channel.setReading(!relay.holdsBack)
      armCheckpoint(isFull: relay.isFull)
      catchUp(relay)
      if isNew { pumpReaders(of: chunk.job) }
    } catch {
      switch error {
      case .gap: lose(relay, .frameMalformed)
      case .garbled: lose(relay, .engineGarbled, retryElsewhere: false)
      }
      return
    }
    // From here on the job, which is large, is not looked up: most of what comes changes nothing of it.
    guard isPlausible(relay) else { return lose(relay, .streamOverrun, retryElsewhere: false) }
    if isFirstOfPiece, replica.isDiskSpent {
      return lose(relay, .storageFull, retryElsewhere: false)
    }
    guard !streamMemory.isExhausted || !relay.isFull else { return lose(relay, .overloaded) }
    settleIfComplete(relay)
  }

  /// The worker says how an attempt ended.
  func received(_ finished: AttemptFinished, on slot: WorkerSlot) {
    let attempt = AttemptID(job: finished.job, epoch: finished.epoch)
    guard let relay = relays[finished.job], relay.attempt == attempt, relay.slot === slot else {
      abandon(attempt, on: slot)
      return
    }
    guard !relay.isEnding else {
      relay.hasMissed = true
      return
    }
    // Streams keep their order: events that have not come before this are not going to come.
    guard finished.lastSeq <= relay.received else { return lose(relay, .streamDiverged) }
    if isUntaken(finished, relay) { noteUntaken(finished, of: relay.worker) }
    if isOutgrown(finished, relay) { noteOutgrown(of: relay) }
    relay.finished = finished
    relay.signed = signed(finished, from: slot.origin)
    notePace(of: relay, now: clock.now)
    settleIfComplete(relay)
  }

  /// What a worker signed, with the key of its certificate; nil where that is not known: it has none, or another coordinator passes
  /// its stream on; and where what it calls a digest is none.
  private func signed(
    _ finished: AttemptFinished, from origin: StreamOrigin
  ) -> Command.AttemptSigned? {
    guard let word = finished.word, let node = origin.node, node.name.role == .worker,
      word.digest.map(WorkerStatement.isDigest) ?? true
    else { return nil }
    return Command.AttemptSigned(
      firstSeq: word.firstSeq, modelDigest: word.digest, publicKey: node.publicKey,
      signature: word.signature)
  }

  /// What has come says how fast the worker is: its first output, and at its end the rest.
  private func notePace(of relay: StreamRelay, now: UInt64) {
    let firstAfter = relay.timing.output(relay.tokens, at: now)
    // Most output is neither the first nor the last: nothing is looked up for it.
    guard firstAfter != nil || relay.finished != nil, let session = sessions[relay.worker],
      let job = exchange.job(relay.attempt.job)
    else { return }
    let model = job.model
    if let wait = firstAfter {
      session.speeds[model, default: WorkerSpeed()].noteFirstOutput(
        after: wait, prompt: job.bid.promptBound.rawValue)
    }
    guard let finished = relay.finished else { return }
    if let (tokens, time) = relay.timing.rest(relay.tokens, at: now) {
      session.speeds[model, default: WorkerSpeed()].noteTokens(tokens, within: time)
    }
    guard job.bid.endpoint != .embeddings else { return }
    if finished.finish == .stop || finished.finish == .length || finished.finish == .toolCalls {
      outputLengths.note(relay.tokens, of: model)
      noteBytesPerToken(of: job, finished.usage.promptTokens)
    }
  }

  /// What an engine counted of a prompt says how many bytes its tokens stand for; not where these were ids, nor where what had been
  /// delivered before a loss was counted with it.
  private func noteBytesPerToken(of job: Job, _ counted: UInt32?) {
    guard let counted, job.interruption == nil,
      exchange.terms(of: job.id)?.needs.contains(.tokenIDPrompt) != true
    else { return }
    bytesPerToken.note(
      bytes: job.bid.promptBound.rawValue, tokens: UInt64(counted), of: job.model)
  }

  /// A worker gives up the attempt on its slot at once: it stops, or its memory is full.
  func gaveUp(_ failure: Failure, on slot: WorkerSlot) {
    guard case .running(let attempt) = slot.state, let relay = relays[attempt.job],
      relay.slot === slot
    else { return }
    lose(relay, failure.errorCode ?? .workerLost)
  }

  private func abandon(_ attempt: AttemptID, on slot: WorkerSlot) {
    if slot.state == .running(attempt) { release(slot) }
    slot.channel.send(
      AttemptAbandon(job: attempt.job, epoch: attempt.epoch, term: replica.term))
  }

  /// Asks an attempt's worker to stop, and gives it a limited time for that: a job's hold is open until it ends.
  func sendCancel(_ relay: StreamRelay) {
    if relay.stopUntil == .max { relay.stopUntil = clock.now + Self.stopLimit }
    relay.slot?.channel.send(
      AttemptCancel(job: relay.attempt.job, epoch: relay.attempt.epoch, term: replica.term))
  }

  func cancelRequested(_ attempt: AttemptID) {
    guard let relay = relays[attempt.job], relay.attempt == attempt else { return }
    relay.tailsUntil = 0  // nobody wants the rest
    sendCancel(relay)
  }

  // MARK: Into the record

  /// Sees to it that what has come is recorded, and soon where a stream whose window is full waits for nothing else.
  func armCheckpoint(isFull: Bool = false) {
    guard isFull || nextCheckpoint == .max else { return }
    let streams = isFull || relays.values.contains(where: \.isFull) ? 0 : relays.count
    let due =
      clock.now
      + Self.checkpointInterval(
        streams: streams,
        areDurable: readers.values.contains { $0.contains(where: \.isDurable) })
    guard due < nextCheckpoint else { return }
    if nextCheckpoint != .max { shell?.wantsEndOfTurn() }  // which sets the timer
    nextCheckpoint = due
  }

  /// Commits what all streams have delivered since the last time, in as few commands as it fits.
  func checkpoint() {
    nextCheckpoint = .max
    if streamMemory.isScarce {
      for relay in relays.values { relay.dropAllRecorded() }
    }
    let refused = unopenable
    unopenable = []
    for attempt in refused { loseUnopenable(attempt) }
    var entries: [Command.Checkpoint.Entry] = []
    var relaysOfBatch: [StreamRelay] = []
    var bytes = 0
    func close() {
      guard !entries.isEmpty else { return }
      proposeCheckpoint(entries, of: relaysOfBatch)
      entries = []
      relaysOfBatch = []
      bytes = 0
    }
    for job in relays.keys.sorted() {
      guard let relay = relays[job] else { continue }
      if case .giveWay(let asker) = relay.retry {
        relay.retry = nil
        proposeGivingWay(relay, to: asker)
        continue
      }
      guard !relay.isEnding, !relay.isCheckpointing else { continue }
      switch relay.retry {
      case .settle where relay.last == relay.proposed:
        relay.retry = nil
        settleIfComplete(relay)
        continue
      case .lose(let reason, let retryElsewhere):
        relay.retry = nil
        lose(relay, reason, retryElsewhere: retryElsewhere)
        continue
      case .settle, .giveWay, nil:
        break
      }
      guard relay.last > relay.proposed else { continue }
      // Whatever a stream brings comes by here; a piece that begins is looked at as it comes (`received`).
      guard !replica.isDiskSpent else {
        lose(relay, .storageFull, retryElsewhere: false)
        continue
      }
      guard let extensions = sealed(relay, upTo: Command.Limits.segmentBytesMax / 2) else {
        continue
      }
      let size = extensions.sealed.count + 64
      if bytes + size > Command.Limits.segmentBytesMax
        || entries.count == Command.Limits.checkpointEntriesMax
      {
        close()
      }
      entries.append(.init(attempt: relay.attempt, events: extensions))
      relaysOfBatch.append(relay)
      relay.isCheckpointing = true
      bytes += size
    }
    close()
  }

  /// Seals the next piece of a stream; nil (and the attempt is lost) if that cannot be done.
  private func sealed(_ relay: StreamRelay, upTo bytesMax: Int) -> Command.RecordExtension? {
    let events = relay.unproposed(bytesMax: bytesMax - SealedEvents.overheadBytes)
    guard let last = events.last else { return nil }
    do {
      let piece = try relay.seal(events, term: ledTerm, sealer: sealer)
      relay.noteProposed(through: last.seq)
      return piece
    } catch {
      lose(relay, .internalError)
      return nil
    }
  }

  /// Commits all that a bulk stream has given once its window is full or its end has come: nobody is to wait for a timer then.
  private func catchUp(_ relay: StreamRelay) {
    guard relay.isBulk, relay.isFull || relay.isComplete, !relay.isEnding, !relay.isCheckpointing,
      isActive
    else { return }
    let (commands, isWhole) = rest(of: relay)
    guard isWhole else { return lose(relay, .internalError) }
    guard !commands.isEmpty else { return }
    relay.isCheckpointing = true
    queue.propose(inOrder: commands) { [weak self] result in
      guard let self else { return }
      relay.isCheckpointing = false
      guard isActive else { return }
      guard case .applied(.accepted(.checkpointed(let outcomes)), _) = result,
        case .advanced? = outcomes.first
      else {
        // Refused for overload, or lost: with the timer.
        relay.noteNotRecorded()
        return armCheckpoint()
      }
      guard relays[relay.attempt.job] === relay else { return }
      if relay.isFull { return catchUp(relay) }
      if relay.isDue { armCheckpoint() }
      settleIfComplete(relay)
    }
  }

  private func proposeCheckpoint(
    _ entries: [Command.Checkpoint.Entry], of checkpointed: [StreamRelay]
  ) {
    queue.propose(.checkpoint(.init(entries: entries))) { [weak self] result in
      guard let self else { return }
      for relay in checkpointed { relay.isCheckpointing = false }
      guard isActive else { return }
      switch result {
      case .applied(.accepted(.checkpointed(let outcomes)), _):
        for (relay, outcome) in zip(checkpointed, outcomes) {
          if case .rejected = outcome { relay.noteNotRecorded() }
        }
      case .applied, .refused, .invalid, .unknown:
        for relay in checkpointed { relay.noteNotRecorded() }
      }
      for relay in checkpointed where relays[relay.attempt.job] === relay {
        if relay.isDue { armCheckpoint() }
        settleIfComplete(relay)
      }
    }
  }

  /// A job's record has grown.
  func recordAdvanced(_ job: JobID, through seq: UInt64) {
    guard let relay = relays[job] else { return }
    guard seq <= relay.last else { return relay.noteRecorded(through: seq) }
    let waited = relay.holdsBack
    let unread = readers[job]?.lazy.map(\.unread).min() ?? .max
    let isNew = relay.noteCommitted(through: seq, unreadFrom: unread)
    if isNew || waited { relay.pace.heldBack(now: clock.now) }
    relay.slot?.channel.setReading(!relay.holdsBack)
    if relay.isDue { armCheckpoint() }
    catchUp(relay)
    // Who is sent only what is recorded has waited for it.
    if isNew || readers[job]?.contains(where: { $0.next <= seq }) == true { pumpReaders(of: job) }
    settleIfComplete(relay)
  }

  // MARK: To the end

  /// Settles an attempt once its worker has said how it ended and readers may have every event of it.
  ///
  /// All but the last piece goes ahead as checkpoints; the last rides in the settle itself.
  func settleIfComplete(_ relay: StreamRelay) {
    guard let finished = relay.finished, !relay.isEnding, !relay.isCheckpointing, isActive
    else { return }
    if relay.isFull { return catchUp(relay) }
    guard finished.lastSeq == relay.last, finished.hash == relay.lastHash.bytes else {
      lose(relay, .streamDiverged)
      return
    }
    // Whoever gives too little is paid nothing for it.
    if relay.lacksVectors, finished.finish != .error, finished.finish != .cancelled {
      return lose(relay, .engineGarbled, retryElsewhere: false)
    }
    if isMoved(finished, relay) {
      lose(relay, ErrorCode(rawValue: finished.error) ?? .engineError)
      return
    }
    let bytesMax = Command.Limits.segmentBytesMax - SealedEvents.overheadBytes
    let events = relay.unproposed(bytesMax: bytesMax)
    if let last = events.last, last.seq < relay.last {
      if relay.isBulk { catchUp(relay) } else { checkpoint() }
      return
    }
    relay.isEnding = true
    do {
      let tail =
        try events.isEmpty
        ? nil : relay.seal(events, term: ledTerm, sealer: sealer)
      if let last = events.last { relay.noteProposed(through: last.seq) }
      let detail = try sealedDetail(finished.errorText, of: relay)
      settle(
        relay,
        Command.Settle(
          attempt: relay.attempt, finish: finished.finish,
          usage: ReportedUsage(
            promptTokens: finished.usage.promptTokens.map { TokenCount(UInt64($0)) },
            outputTokens: finished.usage.outputTokens.map { TokenCount(UInt64($0)) }),
          error: finished.error == 0
            ? nil : ErrorCode(rawValue: finished.error) ?? .engineError,
          detailSealed: detail, tail: tail,
          // An empty record has no chain to compare; the relay has compared the start of it.
          claim: finished.lastSeq == 0
            ? nil : .init(lastSeq: finished.lastSeq, chainHash: finished.hash)),
        cached: TokenCount(UInt64(finished.cachedTokens ?? 0)),
        reasoning: TokenCount(UInt64(finished.reasoningTokens ?? 0)), signed: relay.signed)
    } catch {
      relay.isEnding = false
      lose(relay, .internalError)
    }
  }

  /// Ends a job by the leader's own word, with what the record has.
  func settleWithoutWorker(_ relay: StreamRelay, error: ErrorCode) {
    relay.isEnding = true
    settle(
      relay,
      Command.Settle(
        attempt: relay.attempt, finish: .error, usage: ReportedUsage(), error: error))
  }

  private func settle(
    _ relay: StreamRelay, _ settle: Command.Settle, cached: TokenCount = .zero,
    reasoning: TokenCount = .zero, signed: Command.AttemptSigned? = nil
  ) {
    let command: Command
    if exchange.stateVersion < Exchange.marketStateVersion {
      command = .settle(settle)  // older members of the cluster know no other
    } else if reasoning > .zero {
      command = .settleReasoned(
        .init(
          settle: .init(settle: settle, cachedTokens: cached), signed: signed,
          reasoningTokens: reasoning))
    } else if let signed {
      command = .settleSigned(
        .init(settle: .init(settle: settle, cachedTokens: cached), signed: signed))
    } else if cached > .zero {
      command = .settleCached(.init(settle: settle, cachedTokens: cached))
    } else {
      command = .settle(settle)
    }
    queue.propose(command) { [weak self] result in
      guard let self, isActive, relays[relay.attempt.job] === relay else { return }
      switch result {
      case .applied(.accepted, _):
        break  // the effect `jobEnded` has done the rest
      case .applied(.rejected, _), .invalid:
        relay.isEnding = false
        relay.noteNotRecorded()
        lose(relay, .internalError)
      case .refused, .unknown:
        relay.isEnding = false
        relay.noteNotRecorded()
        relay.retry = .settle
        armCheckpoint()
      }
    }
  }

  private func sealedDetail(_ text: String, of relay: StreamRelay) throws -> [UInt8] {
    guard !text.isEmpty else { return [] }
    let event = Event(
      seq: 0, choice: 0, kind: .text, tokenCount: 0, ids: [], bytes: Array(text.utf8))
    return try relay.sealDetail(event, term: ledTerm, sealer: sealer)
  }

  /// Takes an attempt away from its worker: its job goes on elsewhere if it can, else it ends.
  func lose(_ relay: StreamRelay, _ reason: ErrorCode, retryElsewhere: Bool = true) {
    guard !relay.isEnding else { return }
    relay.isEnding = true
    lostAttempts.note(relay.attempt, of: relay.worker, reason)
    let (rest, isWhole) = rest(of: relay)
    // What cannot be recorded has perhaps been read: such a job must not go on.
    let loss = loss(of: relay, reason, retryElsewhere: retryElsewhere && isWhole)
    queue.propose(inOrder: rest + [loss]) { [weak self] result in
      guard let self, isActive, relays[relay.attempt.job] === relay else { return }
      if case .applied = result { return }
      relay.isEnding = false
      relay.noteNotRecorded()
      relay.retry = .lose(reason, retryElsewhere: retryElsewhere)
      armCheckpoint()
    }
  }

  /// Commands that record what readers may already have seen, before an attempt is taken away: the next
  /// attempt goes on from the record, and nobody must have read anything else.
  ///
  /// - Returns: the commands, and whether they hold everything.
  func rest(of relay: StreamRelay) -> (commands: [Command], isWhole: Bool) {
    let bytesMax = Command.Limits.segmentBytesMax - SealedEvents.overheadBytes
    var commands: [Command] = []
    while true {
      let events = relay.unproposed(bytesMax: bytesMax)
      guard let last = events.last else { return (commands, true) }
      guard let piece = try? relay.seal(events, term: ledTerm, sealer: sealer) else {
        return (commands, false)
      }
      relay.noteProposed(through: last.seq)
      commands.append(.checkpoint(.init(entries: [.init(attempt: relay.attempt, events: piece)])))
    }
  }

  /// A job waits for a worker, for the first time or again.
  func requeued(_ job: JobID) {
    if let relay = forgetRelay(of: job) { letGo(relay, settled: false) }
    shares.settle(job, at: nil)
    planModel(of: job)
    if readers[job] != nil, let job = exchange.job(job) { tellReaders(of: job) }
  }

  /// A job has ended: its worker may forget it, its readers get the rest and the ending.
  func ended(_ job: JobID) {
    forgetBody(of: job)
    lostAttempts.jobEnded(job)
    let known = exchange.job(job)
    shares.settle(
      job,
      at: known?.ending.map {
        Planner.Work(prompt: $0.promptTokens.rawValue, output: $0.outputTokens.rawValue)
      })
    var hadSlot = reservations.removeValue(forKey: job) != nil
    dropClaim(of: job)
    if let relay = forgetRelay(of: job) {
      hadSlot = true
      letGo(relay, settled: true)
      // What was delivered beyond the record does not count: readers are served from the record now.
      for reader in readers[job] ?? [] { reader.segment = nil }
    }
    pumpReaders(of: job)
    if hadSlot {
      planModel(of: job)  // its slot may be one that nobody parks again
    }
    if let model = known?.model, shares.isWaited(for: model),
      exchange.queuedCount(model: model) == 0
    {
      shares.wait([], for: model)
      noteTurns(of: model, isFull: false)
    }
  }

  private func forgetRelay(of job: JobID) -> StreamRelay? {
    if !batchRelays.isEmpty { batchRelays.remove(job) }
    return relays.removeValue(forKey: job)
  }

  private func letGo(_ relay: StreamRelay, settled: Bool) {
    guard let slot = relay.slot else { return }
    release(slot)
    slot.channel.setReading(true)
    let attempt = relay.attempt
    if settled {
      slot.channel.send(
        AttemptSettled(job: attempt.job, epoch: attempt.epoch, term: replica.term))
    } else {
      slot.channel.send(
        AttemptAbandon(job: attempt.job, epoch: attempt.epoch, term: replica.term))
    }
  }
}
