internal import ExchangeCore
internal import ExchangeTypes
internal import WireProtocol

/// One reader of a job's events: a cursor and the channel that it feeds.
///
/// ```
/// following ──events──► following ──job ended and all delivered──► Ended, closed
///     │ fell behind: reads the record, then the live end again
///     │ has more than the leader: TailQuery, then on from there (`ReaderTail`)
///     └─ its hash does not continue ours ──► Failure(stream_diverged), closed
/// ```
final class JobReader {
  let job: JobID
  let channel: any MessageChannel
  let caller: Caller
  /// The next event to deliver.
  var next: UInt64
  /// The chain hash that the reader has before `next`, until it has been compared with ours.
  var unverifiedHash: ChainHash?
  /// Whether its going away counts as the client's going away.
  let isAttached: Bool
  /// Whether it is sent only what is committed.
  let isDurable: Bool
  /// What it has beyond what the leader has.
  var tail = ReaderTail.none
  /// Since when its channel has been full, in monotonic milliseconds.
  var stalledSince: UInt64?
  /// The state that it was last told while it waits for the first event.
  var toldState: JobState?
  /// Events decoded from one segment of the record, for a reader that has fallen behind.
  var segment: RecordedEvents?
  var isDone = false

  /// The first event that it may need from memory, to be sent or to be compared with.
  var unread: UInt64 {
    if case .asked(_, let from, _) = tail { min(from, next) } else { next }
  }

  init(
    job: JobID, channel: any MessageChannel, caller: Caller, next: UInt64, hash: ChainHash?,
    isAttached: Bool, isDurable: Bool
  ) {
    self.job = job
    self.channel = channel
    self.caller = caller
    self.next = next
    unverifiedHash = hash
    self.isAttached = isAttached
    self.isDurable = isDurable
  }
}

/// Events of a record that are not those whose chain hash its row has.
struct AlteredRecord: Error {
  let lastSeq: UInt64
  let job: JobID
}

/// Consecutive events out of the record, with the chain hash around them.
struct RecordedEvents {
  let events: [Event]
  /// The chain hash before the first event.
  let hashBefore: ChainHash
  /// The chain hash after each event.
  let hashes: [ChainHash]

  init(_ events: [Event], hashBefore: ChainHash) {
    self.events = events
    self.hashBefore = hashBefore
    var hashes: [ChainHash] = []
    hashes.reserveCapacity(events.count)
    var hash = hashBefore
    for event in events {
      hash = hash.appending(event)
      hashes.append(hash)
    }
    self.hashes = hashes
  }

  var first: UInt64 { events.first?.seq ?? 0 }
  var last: UInt64 { events.last?.seq ?? 0 }
  func contains(_ seq: UInt64) -> Bool { !events.isEmpty && seq >= first && seq <= last }

  /// The chain hash after `seq`, which is in here or right before the first event.
  func hash(at seq: UInt64) -> ChainHash? {
    if seq + 1 == first { return hashBefore }
    return contains(seq) ? hashes[Int(seq - first)] : nil
  }
}
