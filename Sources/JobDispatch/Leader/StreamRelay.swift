internal import DequeModule
internal import ExchangeCore
internal import ExchangeTypes
internal import WireProtocol

/// The live end of one running job's stream, on the leader: events that have come from the worker,
/// which of them are committed, and which of them readers may have.
///
/// ```
///            record (committed)          live
///   1 ─────────────────── committed ─── proposed ─── last      held (not accepted yet)
///                              └──── at most 256 ──────┘
/// ```
///
/// Invariants:
/// - Sequence numbers are contiguous from `firstKept` to `last`; `hash(at:)` is the chain hash after
///   each of them, so a reader can be checked at any of them.
/// - `last − committed ≤ windowEvents`, and their bytes exceed the window's by less than one event: what is beyond waits in
///   `held`, and the worker's stream is not read on, until a checkpoint is committed. So a leader that dies takes at
///   most that much with it.
/// - What it holds is accounted for in `memory`, and given back when the relay goes.
/// - Only the slot that holds the attempt's stream may append; every append names the attempt.
final class StreamRelay {
  /// How many events may be ahead of the record.
  static let windowEvents: UInt64 = 256
  /// The same in bytes: about what the checkpoints of a second record of one stream.
  static let windowBytes = 256 << 10
  /// The same of bulk streams, which are to be recorded in few turns.
  static let bulkWindowBytes = 1 << 20
  /// Committed events that stay in memory for a reader that is close behind; none that nobody waits for.
  static let keptEvents = 256
  /// The same of bulk streams, whose events are a hundred times as large.
  static let keptBulkEvents = 32
  /// Bytes of either, beside those that are not committed.
  static let keptBytes = 256 << 10

  let attempt: AttemptID
  let worker: WorkerID
  let key: JobKey
  let mac: StreamMAC
  /// Whether all of its output comes at once, as vectors do: it is recorded as fast as the log takes it.
  let isBulk: Bool
  /// The most output tokens that were asked for.
  let outputMax: UInt64
  /// Inputs of which a vector has begun, and of which there must be one in the end; nil of one that this leader has taken over.
  private(set) var inputsBegun: Int?
  var inputsDue: Int?
  /// Whether a bulk stream that ends well has not given all that was asked for.
  var lacksVectors: Bool {
    guard let inputsDue, let inputsBegun else { return false }
    return inputsBegun != inputsDue
  }

  /// The stream that the attempt's events come on; nil while its worker is being waited for.
  var slot: WorkerSlot?
  /// Without a slot: when the attempt is given up, in monotonic milliseconds.
  var awaitedUntil: UInt64 = 0
  /// Its worker has been silent for a lease, or is another process now: the attempt is not awaited any more.
  var isWorkerGone = false
  /// Until when the attempt is kept although its worker is gone, in monotonic milliseconds: readers may have more of
  /// it than the record (`Dispatcher+Tails`).
  var tailsUntil: UInt64 = 0
  /// When it is given up for want of a stream or of a worker, unless its end was refused and waits for its turn.
  var lostAt: UInt64 {
    guard slot == nil || isWorkerGone, retry == nil else { return .max }
    return max(isWorkerGone ? 0 : awaitedUntil, tailsUntil)
  }
  /// When the attempt is taken away although its stream is there, in monotonic milliseconds: its worker was asked
  /// to stop and has not said that it did.
  var stopUntil: UInt64 = .max
  /// How fast its worker gives it.
  var pace = StreamPace()
  /// When its worker is suspected to have stalled; never while its silence is somebody else's doing.
  var suspectedAt: UInt64 { isSilenceItsOwn ? pace.suspectedAt : .max }
  /// When it is taken away for its silence, though nobody else may have room for its job.
  var deadAt: UInt64 {
    isSilenceItsOwn
      ? pace.deadAt(after: isBulk ? StreamPace.bulkDeathLimit : StreamPace.deathLimit) : .max
  }
  /// When the first of these comes.
  var deadline: UInt64 {
    guard !isEnding else { return .max }
    return isComplete ? lostAt : min(lostAt, stopUntil, suspectedAt, deadAt)
  }
  private var isSilenceItsOwn: Bool {
    slot != nil && !holdsBack && !isComplete && !isEnding && retry == nil && stopUntil == .max
  }
  /// What the worker said when it ended, which it says after its last event; the job settles with it
  /// once the window has taken them all.
  var finished: AttemptFinished? { didSet { isComplete = finished != nil } }
  /// What the worker signed of it, with the key that its connection has proved to hold.
  var signed: Command.AttemptSigned?
  /// When its output came, for what is known of its worker.
  var timing = AttemptTiming()
  /// Whether its worker has said that it goes on from ids.
  var saidResumption = false
  /// Whether a settle or a loss of this attempt has been proposed.
  var isEnding = false
  /// The last event that its worker said it has, when it offered the attempt again: a former leader may have delivered it.
  var offered: UInt64 = 0
  /// Whether anything came of its worker since its end was proposed, which was passed over.
  var hasMissed = false
  /// A loss, a settle or a giving way that was refused for overload, to be proposed again.
  var retry: Retry?
  enum Retry {
    case settle
    case lose(ErrorCode, retryElsewhere: Bool)
    case giveWay(to: JobID)
  }
  /// Whether its output was found to be such that nobody could go on from it: it never gives way.
  var keepsSlot = false
  /// Whether a checkpoint of this stream has been proposed and not answered.
  var isCheckpointing = false
  /// Pieces sealed by this leader for this attempt: the next ordinal.
  private(set) var ordinal: UInt32 = 0

  private var kept: Deque<Event> = []
  private var hashes: Deque<ChainHash> = []
  private(set) var firstKept: UInt64
  /// The chain hash before `firstKept`.
  private var hashBefore: ChainHash
  private(set) var committed: UInt64
  /// The record's last event: beyond `last` where an entry of an earlier term has brought what has not come here.
  private(set) var recorded: UInt64
  private(set) var proposed: UInt64
  private var held: Deque<Event> = []
  /// Bytes of the events in `kept` that are committed, and of those that are not.
  private var recordedBytes = 0
  private var aheadBytes = 0
  private let memory: StreamMemory
  /// What this relay has taken of `memory`.
  private var footprint = 0
  /// What this leader has taken; `tokensBefore` were in the record when it began.
  private(set) var meter = Meter()
  private let tokensBefore: UInt64
  private let bytesBefore: UInt64
  /// The record's last event when this leader took the attempt up.
  private let lastBefore: UInt64
  /// Whether nothing has come of the attempt since.
  var isUntouched: Bool { received == lastBefore }
  /// Tokens that the engine has claimed for this job.
  var tokens: UInt64 { tokensBefore + UInt64(meter.tokens) }
  /// Bytes of this job's output that readers may have.
  var bytes: UInt64 { bytesBefore + UInt64(meter.bytes) }

  /// Whether the next checkpoint has something to do for it: to record, or to ask for once more.
  var isDue: Bool { last > proposed || retry != nil }
  /// The last event that readers may have.
  var last: UInt64 { firstKept + UInt64(kept.count) - 1 }
  /// The chain hash after `last`.
  var lastHash: ChainHash { hashes.last ?? hashBefore }
  /// The last event that the worker has sent, accepted or not.
  var received: UInt64 { last + UInt64(held.count) }
  /// The chain hash after `received`.
  var receivedHash: ChainHash { lastHash.appending(held) }
  /// Whether the worker has said how it ended: everything that it has to give is here.
  ///
  /// Kept beside `finished`, which would be copied whole to see whether it is there, at every turn.
  private(set) var isComplete = false
  /// Whether more has come than the window holds.
  var isFull: Bool { !held.isEmpty }
  /// Whether the worker must be made to wait: while memory is scarce, until all that came is recorded.
  var holdsBack: Bool { isFull || memory.isScarce && last > committed }

  /// A relay that goes on where the record ends.
  init(
    attempt: AttemptID, worker: WorkerID, key: JobKey, mac: StreamMAC, recordSeq: UInt64,
    recordHash: ChainHash, recordTokens: UInt64, recordBytes: UInt64 = 0, outputMax: UInt64 = .max,
    isBulk: Bool = false, memory: StreamMemory = StreamMemory()
  ) {
    self.memory = memory
    self.isBulk = isBulk
    self.outputMax = outputMax
    inputsBegun = recordSeq == 0 ? 0 : nil
    self.attempt = attempt
    self.worker = worker
    self.key = key
    self.mac = mac
    firstKept = recordSeq + 1
    hashBefore = recordHash
    committed = recordSeq
    recorded = recordSeq
    proposed = recordSeq
    tokensBefore = recordTokens
    bytesBefore = recordBytes
    lastBefore = recordSeq
  }

  deinit { memory.give(back: footprint) }

  /// Why a chunk was not taken.
  enum Refusal: Error {
    /// It does not begin with the event after the last.
    case gap(expected: UInt64, got: UInt64)
    /// A bulk stream gives something else than vectors in the order of their inputs.
    case garbled
  }

  /// Takes a worker's events; events that are already here (a resumed worker repeats) are skipped.
  ///
  /// - Returns: whether readers have something new.
  func append(_ events: [Event]) throws(Refusal) -> Bool {
    let received = received
    let first = events.firstIndex { $0.seq > received } ?? events.count
    var expected = received + 1
    for place in first..<events.count {
      let seq = events[place].seq
      guard seq == expected else { throw .gap(expected: expected, got: seq) }
      expected += 1
      if isBulk { try noteInput(events[place]) }
    }
    let before = last
    for place in first..<events.count {
      account(events[place].footprint)
      // Mostly there is room, and nothing waits before it.
      if held.isEmpty, hasRoom { admit(events[place]) } else { held.append(events[place]) }
    }
    _ = admit()
    return last > before
  }

  private func noteInput(_ event: Event) throws(Refusal) {
    let input = Int(event.choice)
    guard event.kind == .vector, inputsBegun.map({ input == $0 || input == $0 - 1 }) ?? true else {
      throw .garbled
    }
    inputsBegun = input + 1
  }

  private func account(_ bytes: Int) {
    footprint += bytes
    memory.take(bytes)
  }

  /// Whether the window takes another event.
  private var hasRoom: Bool {
    last - committed < Self.windowEvents
      && aheadBytes < (isBulk ? Self.bulkWindowBytes : Self.windowBytes)
  }

  /// Moves events from `held` into the window.
  ///
  /// Answers whether any moved.
  private func admit() -> Bool {
    let before = last
    while hasRoom, let event = held.popFirst() { admit(event) }
    return last > before
  }

  /// Takes the event that comes next into the window.
  private func admit(_ event: Event) {
    hashes.append(lastHash.appending(event))
    aheadBytes += event.encodedSizeBound
    kept.append(event)
    meter.count(event)
  }

  /// The chain hash after `seq`, if it is known here.
  func hash(at seq: UInt64) -> ChainHash? {
    if seq + 1 == firstKept { return hashBefore }
    guard seq >= firstKept, seq <= last else { return nil }
    return hashes[Int(seq - firstKept)]
  }

  /// Events from `seq` on, at least one, at most `countMax` and as many as fit in `bytesMax`, and the
  /// chain hash after the last of them.
  ///
  /// - Precondition: `firstKept ≤ seq ≤ last`.
  func events(
    from seq: UInt64, countMax: Int, bytesMax: Int
  ) -> (events: [Event], hash: ChainHash) {
    precondition(seq >= firstKept && seq <= last)
    let start = Int(seq - firstKept)
    let limit = min(kept.count, start + countMax)
    var bytes = kept[start].encodedSizeBound
    var end = start + 1
    while end < limit, bytes + kept[end].encodedSizeBound <= bytesMax {
      bytes += kept[end].encodedSizeBound
      end += 1
    }
    return (Array(kept[start..<end]), hashes[end - 1])
  }

  /// What no checkpoint has carried yet: as many events as fit in `bytesMax`, at least one.
  func unproposed(bytesMax: Int) -> [Event] {
    var events: [Event] = []
    var bytes = 0
    var place = Int(proposed + 1 - firstKept)
    while place < kept.count {
      let event = kept[place]
      let size = event.encodedSizeBound
      if !events.isEmpty, bytes + size > bytesMax { break }
      events.append(event)
      bytes += size
      place += 1
    }
    return events
  }

  /// Seals events as this attempt's next piece; each piece gets its own subkey.
  func seal(_ events: [Event], term: Term, sealer: any JobSealing) throws
    -> Command.RecordExtension
  {
    guard let first = events.first, let lastEvent = events.last, let hash = hash(at: lastEvent.seq)
    else { preconditionFailure("a piece without events, or of events that are not here") }
    let sealed = try SealedEvents.seal(
      events, term: term, epoch: attempt.epoch, ordinal: ordinal, key: key, sealer: sealer)
    ordinal += 1
    var meter = Meter()
    for event in events { meter.count(event) }
    return Command.RecordExtension(
      firstSeq: first.seq, count: UInt32(events.count), tokens: meter.tokens,
      idTokens: meter.idTokens, bytes: meter.bytes, chainHash: hash.bytes, sealed: sealed)
  }

  /// Seals an error's text as one of this attempt's pieces.
  func sealDetail(_ text: Event, term: Term, sealer: any JobSealing) throws -> [UInt8] {
    defer { ordinal += 1 }
    return try SealedEvents.seal(
      [text], term: term, epoch: attempt.epoch, ordinal: ordinal, key: key, sealer: sealer)
  }

  /// A checkpoint through `seq` has been proposed.
  func noteProposed(through seq: UInt64) { proposed = max(proposed, seq) }

  /// What was proposed did not enter the record: it is to be proposed again, sealed anew.
  func noteNotRecorded() { proposed = committed }

  /// The record has grown through `seq`.
  ///
  /// Readers get nothing more of an attempt that is being taken away: what is in the window then is recorded before
  /// its end, and the next attempt goes on after that.
  ///
  /// - Parameters:
  ///   - seq: the record's last event now.
  ///   - unread: the first event that a reader of the job has not been sent: what is before it, and recorded, goes.
  /// - Returns: whether readers have something new.
  func noteCommitted(through seq: UInt64, unreadFrom unread: UInt64 = 0) -> Bool {
    guard seq > committed else { return false }
    precondition(seq <= last, "the record has events that this leader never had")
    recorded = max(recorded, seq)
    let fresh = Int(committed + 1 - firstKept)..<Int(seq + 1 - firstKept)
    let bytes = kept[fresh].reduce(0) { $0 + $1.encodedSizeBound }
    aheadBytes -= bytes
    recordedBytes += bytes
    committed = seq
    proposed = max(proposed, seq)
    let keptMax = isBulk ? Self.keptBulkEvents : Self.keptEvents
    while firstKept < unread || kept.count > keptMax || recordedBytes > Self.keptBytes
      || memory.isScarce, dropRecorded()
    {}
    return isEnding ? false : admit()
  }

  /// The record has grown beyond what has come here.
  func noteRecorded(through seq: UInt64) { recorded = max(recorded, seq) }

  /// Keeps nothing of what is recorded: readers read it there.
  func dropAllRecorded() {
    while dropRecorded() {}
  }

  /// Drops the oldest event, if it is recorded.
  private func dropRecorded() -> Bool {
    guard firstKept <= committed, let event = kept.popFirst(), let hash = hashes.popFirst() else {
      return false
    }
    hashBefore = hash
    firstKept += 1
    recordedBytes -= event.encodedSizeBound
    footprint -= event.footprint
    memory.give(back: event.footprint)
    return true
  }
}

extension Event {
  /// No fewer bytes than its canonical encoding takes.
  var encodedSizeBound: Int { 32 + ids.count * 4 + bytes.count }
  /// About how many bytes of memory it takes, with two arrays and its hash.
  var footprint: Int { 192 + ids.count * 4 + bytes.count }
}
