internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import WireProtocol

// Readers: who wants a job's events, from where, and what they are sent.
extension Dispatcher {
  /// Events in one message to a reader.
  private static let eventsPerMessage = 256
  /// Bytes of one message to a reader beyond which no further event is added.
  private static let messageBytesMax = 64 << 10

  // MARK: Coming and going

  /// Begins to follow a job for the owner of `stream`.
  ///
  /// Who attaches also ends the job by leaving, so reading alone does not suffice for that.
  func follow(_ message: Follow, from stream: JobStream) {
    let needed: Scopes = message.attach ? .submit : [.submit, .read]
    if let refusal = stream.caller.refusal(unless: needed) { return stream.fail(refusal) }
    let caller = stream.caller
    guard let job = exchange.job(message.job),
      exchange.isOwn(job, of: caller.key, in: caller.account)
    else {
      if let tombstone = exchange.tombstone(message.job),
        exchange.isOwn(tombstone, of: caller.key, in: caller.account)
      {
        stream.fail(
          Failure(
            refusing: .outputExpired, "the output of job \(message.job) is no longer kept",
            job: message.job, charge: tombstone.charge))
      } else {
        stream.fail(
          Failure(refusing: .unknownJob, "there is no job \(message.job) in this account"))
      }
      return
    }
    guard message.fromSeq >= 1 else {
      stream.fail(Failure(refusing: .malformedRequest, "from_seq is 0 and starts at 1"))
      return
    }
    let hash = message.hash.flatMap(ChainHash.init(bytes:))
    let reader = JobReader(
      job: job.id, channel: stream.channel, caller: stream.caller, next: message.fromSeq,
      hash: hash, isAttached: message.attach, isDurable: message.durable ?? false)
    stream.reader = reader
    readers[job.id, default: []].append(reader)
    guard hearTail(message.tail, of: reader, job) else { return }
    if message.attach, job.orphanDeadline != nil { adopt(job.id) }
    tell(reader, of: job)
    pump(reader)
  }

  /// A reader's stream has ended.
  func readerClosed(_ reader: JobReader) {
    reader.isDone = true
    remove(reader)
  }

  /// Starts the orphan timer of an attached job that nobody is attached to.
  func orphanIfUnread(_ id: JobID) {
    guard isActive, let job = exchange.job(id), job.mode == .attached, job.ending == nil,
      job.orphanDeadline == nil, !isRead(id)
    else { return }
    queue.propose(.orphan(.init(job: id))) { [weak self] result in
      guard let self, isActive else { return }
      switch result {
      case .applied(.accepted, _):
        // A reader may have come back while the timer was on its way into the log.
        if isRead(id) { adopt(id) }
      case .applied(.rejected, _), .invalid:
        break  // it has ended, or is being cancelled
      case .refused, .unknown:
        lookForOrphansSoon()
      }
    }
  }

  /// Stops a job's orphan timer.
  private func adopt(_ id: JobID) {
    queue.propose(.adopt(.init(caller: nil, job: id))) { [weak self] result in
      guard let self, isActive, isRead(id) else { return }
      switch result {
      case .applied, .invalid: break
      case .refused, .unknown: lookForOrphansSoon()
      }
    }
  }

  private func isRead(_ id: JobID) -> Bool {
    readers[id]?.contains(where: \.isAttached) == true
  }

  /// Compares timers and readers again shortly: a command was refused.
  private func lookForOrphansSoon() {
    let soon = clock.now + Self.retryDelay
    graceUntil = graceUntil == 0 ? soon : min(graceUntil, soon)
  }

  /// Stops the timers of jobs that have a reader.
  func adoptRead() {
    for id in exchange.orphans where isRead(id) { adopt(id) }
  }

  /// Sole readers of attached jobs that take nothing end them.
  func expireReaders(now: UInt64) {
    func isOverdue(_ reader: JobReader) -> Bool {
      reader.stalledSince.map { $0 + Self.readerStallLimit <= now } ?? false
    }
    let jobs = readers.compactMap { $0.value.contains(where: isOverdue) ? $0.key : nil }
    for reader in jobs.sorted().flatMap({ readers[$0] ?? [] }) where isOverdue(reader) {
      if let job = exchange.job(reader.job), job.mode == .attached, job.ending == nil,
        readers[reader.job]?.count == 1
      {
        queue.propose(.cancel(.init(caller: reader.caller.key, job: reader.job))) { _ in }
      }
      reader.stalledSince = nil
      reader.channel.abort()
    }
  }

  // MARK: Waiting

  func tellReaders(of job: Job) {
    for reader in readers[job.id] ?? [] { tell(reader, of: job) }
  }

  private func tell(_ reader: JobReader, of job: Job) {
    guard job.ending == nil, reader.toldState != job.state else { return }
    reader.toldState = job.state
    let position = exchange.queuePosition(job.id) ?? 0
    let reason: String
    if job.state == .queued {
      let view = exchange.model(job.model)
      reason =
        if view?.suppliers ?? 0 == 0 {
          "no worker for \(job.model) is online"
        } else if view?.slotsFree == 0 {
          "all \(view?.slots ?? 0) slots for \(job.model) are busy"
        } else {
          "a worker is being chosen"
        }
    } else {
      reason = "worker \(job.attempt?.offer.worker.description ?? "") has it"
    }
    reader.channel.send(
      Waiting(state: job.state, position: UInt32(clamping: position), reason: reason))
  }

  // MARK: Events

  func pumpReaders(of job: JobID) {
    guard let list = readers[job] else { return }
    for reader in list { pump(reader) }
  }

  /// Sends a reader what there is for it, until its channel is full or it has everything.
  func pump(_ reader: JobReader) {
    guard !reader.isDone, !passOn(to: reader) else { return }
    // Once, since sending changes nothing of it.
    guard let job = exchange.job(reader.job) else {
      finish(
        reader,
        Failure(refusing: .outputExpired, "the output of job \(reader.job) is no longer kept"))
      return
    }
    while !reader.isDone {
      guard hasRoom(reader) else { return }
      let relay = relays[job.id]
      let last =
        reader.isDurable || !maySendUnrecorded
        ? job.record.lastSeq : max(relay?.last ?? 0, job.record.lastSeq)
      if reader.next > last + 1 || (reader.next == last + 1 && reader.unverifiedHash != nil) {
        // It has seen as much as there is, or more: a new leader waits for the worker to catch up.
        guard job.ending != nil else {
          if reader.next == last + 1 { guard verify(reader, job, relay) else { return } }
          return
        }
        if reader.next > last + 1 || !verify(reader, job, relay) {
          if !reader.isDone { diverged(reader, job) }
          return
        }
      }
      if reader.next <= last {
        guard deliver(to: reader, through: last, job, relay) else { return }
      } else if job.ending != nil {
        end(reader, job)
        return
      } else {
        return
      }
    }
  }

  /// Sends a reader that has kept up with a running job what has come since; answers whether that is all there is to do.
  ///
  /// Most output goes this way: its relay knows all that must be known of the job, which is large and not looked up.
  private func passOn(to reader: JobReader) -> Bool {
    guard let relay = relays[reader.job], reader.unverifiedHash == nil,
      relay.recorded <= relay.last, reader.next >= relay.firstKept, reader.next <= relay.last + 1
    else { return false }
    let last = reader.isDurable || !maySendUnrecorded ? relay.recorded : relay.last
    while hasRoom(reader), reader.next <= last {
      sendNext(to: reader, through: last, of: relay, recorded: relay.recorded)
      if reader.next > last { break }
    }
    return true
  }

  /// Whether output may go to readers that is not recorded yet: only while a majority was heard within an election timeout.
  ///
  /// A leader that is cut off would say what another leader's record need not have. Once a majority answers again it records
  /// what there is, and that is passed on.
  private var maySendUnrecorded: Bool {
    let now = clock.now
    if now >= majorityHeardUntil { majorityHeardUntil = replica.majorityHeardUntil(now: now) }
    return now < majorityHeardUntil
  }

  /// Whether a reader's channel takes more; if not, since when is noted.
  private func hasRoom(_ reader: JobReader) -> Bool {
    guard reader.channel.outstandingBytes < MessageChannelLimits.outstandingBytesMax else {
      if reader.stalledSince == nil { reader.stalledSince = clock.now }
      return false
    }
    reader.stalledSince = nil
    return true
  }

  /// Sends one message of events that its relay has, none of them after `last`, and says that they are recorded through `recorded`.
  private func sendNext(
    to reader: JobReader, through last: UInt64, of relay: StreamRelay, recorded: UInt64
  ) {
    let (events, hash) = relay.events(
      from: reader.next,
      countMax: min(Self.eventsPerMessage, Int(clamping: last - reader.next + 1)),
      bytesMax: Self.messageBytesMax)
    send(
      events, hash: hash, durable: recorded, mac: relay.mac, relay.attempt.epoch, to: reader)
  }

  /// Sends one message of events, none of them after `last`.
  ///
  /// Answers whether the reader goes on.
  private func deliver(
    to reader: JobReader, through last: UInt64, _ job: Job, _ relay: StreamRelay?
  ) -> Bool {
    if let relay, reader.next >= relay.firstKept, reader.next <= relay.last {
      guard verify(reader, job, relay) else { return false }
      // One entry may bring several pieces into the record, of which the relay is told one after the other.
      sendNext(
        to: reader, through: last, of: relay, recorded: max(relay.recorded, job.record.lastSeq))
      return true
    }
    guard let segment = recorded(for: reader, job) else { return false }
    guard verify(reader, job, relay) else { return false }
    let start = Int(reader.next - segment.first)
    let end = min(segment.events.count, start + Self.eventsPerMessage)
    let mac: StreamMAC
    do {
      mac = StreamMAC(key: sealer.streamKey(of: try sealer.unwrap(job.wrappedKey)))
    } catch {
      finish(reader, .keyUnavailable(job.id))
      return false
    }
    send(
      Array(segment.events[start..<end]), hash: segment.hashes[end - 1],
      durable: job.record.lastSeq, mac: mac, job.lastEpoch, to: reader)
    return true
  }

  private func send(
    _ events: [Event], hash: ChainHash, durable: UInt64, mac: StreamMAC, _ epoch: Epoch,
    to reader: JobReader
  ) {
    guard let last = events.last else { return }
    let code = mac.code(
      for: .init(
        attempt: AttemptID(job: reader.job, epoch: epoch), lastSeq: last.seq,
        durableThrough: durable, hash: hash))
    reader.channel.send(
      Events(
        job: reader.job, epoch: epoch, events: events, durableThrough: durable,
        hash: hash.bytes, mac: code))
    reader.next = last.seq + 1
  }

  /// The segment of the record that holds `reader.next`, decoded; nil if the reader was ended.
  private func recorded(for reader: JobReader, _ job: Job) -> RecordedEvents? {
    if let segment = reader.segment, segment.contains(reader.next) { return segment }
    guard let key = try? sealer.unwrap(job.wrappedKey) else {
      finish(reader, .keyUnavailable(job.id))
      return nil
    }
    do {
      let start = try start(of: reader, job)
      var hash = start.hash
      for reference in exchange.segments(of: job.id, from: start.seq) {
        let row = try row(of: reference, job)
        let events = try SealedEvents.open(
          Array(row[reference.range]), epoch: reference.epoch, key: key, sealer: sealer)
        let segment = RecordedEvents(events, hashBefore: hash)
        hash = segment.hashes.last ?? hash
        guard try reference.chainHash(of: job.id, in: row) ?? hash.bytes == hash.bytes else {
          throw AlteredRecord(lastSeq: reference.lastSeq, job: job.id)
        }
        reader.segment = segment
        if segment.contains(reader.next) { return segment }
      }
      throw MissingRow(table: Table.segments.rawValue, job: job.id)
    } catch {
      finish(
        reader,
        Failure(.internalError, "the record of job \(job.id) cannot be read here: \(error)"))
      return nil
    }
  }

  /// Where the record is read from for a reader's next event, and the chain hash before it.
  ///
  /// It is the segment that holds the event, so that a turn opens one however far in it is; in records with rows from
  /// before they had the hash, the one after that at hand, or the beginning.
  private func start(of reader: JobReader, _ job: Job) throws -> (seq: UInt64, hash: ChainHash) {
    var known = (seq: 1 as UInt64, hash: ChainHash(cluster: configuration.clusterID, job: job.id))
    if let segment = reader.segment, segment.last < reader.next, let last = segment.hashes.last {
      known = (segment.last + 1, last)
    }
    let references = exchange.segments(of: job.id, from: reader.next)
    guard let first = references.first?.firstSeq, first > known.seq,
      let before = exchange.segments(of: job.id, from: first - 1).first,
      let hash = try before.chainHash(of: job.id, in: row(of: before, job))
        .flatMap(ChainHash.init(bytes:))
    else { return known }
    return (first, hash)
  }

  private func row(of segment: SegmentReference, _ job: Job) throws -> [UInt8] {
    let table = Table.segments.rawValue
    guard let row = try replica.row(table: table, key: segment.row.key) else {
      throw MissingRow(table: table, job: job.id)
    }
    return row
  }

  /// Compares the hash that a reader came with.
  ///
  /// Answers whether the reader goes on.
  private func verify(_ reader: JobReader, _ job: Job, _ relay: StreamRelay?) -> Bool {
    guard let theirs = reader.unverifiedHash else { return true }
    let seq = reader.next - 1
    var ours = relay?.hash(at: seq)
    if ours == nil, seq == job.record.lastSeq { ours = recordHash(of: job) }
    if ours == nil, seq == 0 {
      ours = ChainHash(cluster: configuration.clusterID, job: job.id)
    }
    if ours == nil, seq < job.record.lastSeq {
      ours = recorded(for: reader, job)?.hash(at: seq)
      if reader.isDone { return false }
      if ours == nil {
        // `seq` is the last of the segment before the one that holds `next`.
        ours = reader.segment?.hashBefore
      }
    }
    guard ours == theirs else {
      diverged(reader, job)
      return false
    }
    reader.unverifiedHash = nil
    return true
  }

  func diverged(_ reader: JobReader, _ job: Job) {
    finish(
      reader,
      Failure(
        refusing: .streamDiverged,
        "the events before \(reader.next) are not those of the record, which ends at "
          + "\(job.record.lastSeq)",
        job: job.id, charge: job.ending?.charge))
  }

  private func end(_ reader: JobReader, _ job: Job) {
    reader.channel.send(
      Ended(
        summary: summary(of: job), hash: recordHash(of: job).bytes, lastSeq: job.record.lastSeq,
        untilDelivered: job.retention?.untilDelivered, cachedTokens: cachedTokens(of: job.id),
        reasoningTokens: reasoningTokens(of: job.id)))
    reader.isDone = true
    reader.channel.finish()
    remove(reader)
  }

  func finish(_ reader: JobReader, _ failure: Failure) {
    reader.isDone = true
    reader.channel.send(failure)
    reader.channel.finish()
    remove(reader)
  }

  private func remove(_ reader: JobReader) {
    readers[reader.job]?.removeAll { $0 === reader }
    if readers[reader.job]?.isEmpty == true { readers[reader.job] = nil }
    if reader.isAttached { orphanIfUnread(reader.job) }
  }

  // MARK: Summaries

  /// Billed prompt tokens of a job that its engine had cached; nil if it said of none.
  func cachedTokens(of job: JobID) -> UInt32? {
    exchange.cachedPrompt(of: job).flatMap {
      $0.tokens > .zero ? UInt32(clamping: $0.tokens.rawValue) : nil
    }
  }

  /// Billed output tokens of a job that were reasoning; nil if its engine said of none.
  func reasoningTokens(of job: JobID) -> UInt32? {
    exchange.cachedPrompt(of: job).flatMap {
      $0.reasoning > .zero ? UInt32(clamping: $0.reasoning.rawValue) : nil
    }
  }

  /// What is said of a job to its owner.
  func summary(of job: Job) -> JobSummary {
    let ending = job.ending
    return JobSummary(
      job: job.id, state: job.state, model: job.model, mode: job.mode, createdAt: job.createdAt,
      epoch: job.lastEpoch,
      worker: (job.attempt ?? ending?.attempt)?.offer.worker ?? WorkerID(0),
      promptTokens: ending?.promptTokens ?? .zero,
      outputTokens: ending?.outputTokens ?? .zero, charge: ending?.charge ?? .zero,
      hold: job.held, lastSeq: job.record.lastSeq, finish: ending?.finish,
      error: ending?.error?.rawValue ?? 0, errorText: errorText(of: job))
  }

  /// What failed, in the engine's words where there are any.
  private func errorText(of job: Job) -> String {
    guard let ending = job.ending, let error = ending.error else { return "" }
    guard !ending.detailSealed.isEmpty, let epoch = ending.attempt?.epoch,
      let key = try? sealer.unwrap(job.wrappedKey),
      let events = try? SealedEvents.open(
        ending.detailSealed, epoch: epoch, key: key, sealer: sealer),
      let text = events.first.map({ String(decoding: $0.bytes, as: UTF8.self) })
    else { return error.sentence() }
    return text
  }
}
