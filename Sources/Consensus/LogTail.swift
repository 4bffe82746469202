internal import DequeModule
internal import ExchangeTypes
internal import RaftEngine

/// The end of the log in memory: everything not yet applied or not yet durable, and a bounded
/// stretch before that for followers that are nearly up to date.
///
/// What is older is read from the store.
final class LogTail: RaftLog {
  /// Beyond this many bytes, entries that are applied and durable leave memory.
  ///
  /// Enough for a follower that is a few hundred milliseconds behind at full load.
  static let bytesMax = 8 << 20

  private let store: any ReplicaStore
  private var held: Deque<LogEntry> = []
  private var heldBytes = 0
  /// The index of the first entry in memory.
  private(set) var first: LogIndex

  /// The index of the last entry of the log.
  var last: LogIndex { LogIndex(first.rawValue + UInt64(held.count) - 1) }

  /// A tail that starts after `index`, which the store holds.
  init(store: any ReplicaStore, after index: LogIndex) {
    self.store = store
    first = index.next
  }

  func append(_ entries: some Sequence<LogEntry>) {
    for entry in entries {
      held.append(entry)
      heldBytes += entry.payload.count
    }
  }

  /// Forgets the entries from `index` on.
  func truncate(from index: LogIndex) {
    precondition(index >= first, "an entry that left memory was durable and applied: \(index)")
    while last >= index, let entry = held.popLast() { heldBytes -= entry.payload.count }
  }

  /// Begins again after `index`, with nothing.
  func restart(after index: LogIndex) {
    held = []
    heldBytes = 0
    first = index.next
  }

  /// Lets go of what is beyond the bound, none of it after `index`.
  func release(through index: LogIndex) {
    while heldBytes > Self.bytesMax, first <= index, let entry = held.popFirst() {
      heldBytes -= entry.payload.count
      first = first.next
    }
  }

  /// The entry at `index`.
  ///
  /// - Precondition: it is in memory, as every entry that is not applied is.
  subscript(index: LogIndex) -> LogEntry {
    precondition(index >= first && index <= last, "entry \(index) is not in memory")
    return held[Int(index.rawValue - first.rawValue)]
  }

  func entries(from index: LogIndex, count: Int) -> [LogEntry] {
    var entries: [LogEntry] = []
    entries.reserveCapacity(count)
    var next = index
    while entries.count < count, next < first {
      let missing = min(count - entries.count, Int(first.rawValue - next.rawValue))
      do {
        let read = try store.entries(from: next, countMax: missing, bytesMax: Self.bytesMax)
        precondition(!read.isEmpty, "the store has lost entry \(next)")
        entries.append(contentsOf: read)
        next = LogIndex(next.rawValue + UInt64(read.count))
      } catch {
        // A disk that cannot give back what it acknowledged ends the process, as a failed write does.
        preconditionFailure("entry \(next) cannot be read: \(error)")
      }
    }
    while entries.count < count {
      entries.append(self[next])
      next = next.next
    }
    return entries
  }

  /// The snapshot that followers may fetch from here.
  var offered: (metadata: SnapshotMetadata, manifest: [UInt8])?
  /// Whether the engine asked for a snapshot since this was last set to false.
  var wasAskedForSnapshot = false

  func snapshot() -> (metadata: SnapshotMetadata, manifest: [UInt8])? {
    wasAskedForSnapshot = true
    return offered
  }
}
