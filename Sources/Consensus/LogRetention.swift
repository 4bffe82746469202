internal import DequeModule
internal import ExchangeTypes

/// How much of the log stays on the disk behind the applied mark.
///
/// Bytes are those of payloads, and `entryBytes` for each entry.
public struct LogRetention: Hashable, Sendable {
  /// Always kept, so that a replica that was away for a moment needs no snapshot.
  public var trailingBytes = 32 << 20
  /// Kept at most, for followers that answer and for a snapshot that is being fetched; beyond it a follower
  /// gets a snapshot, or a newer one.
  public var followersBytes = 128 << 20
  /// So many times the bytes of a snapshot are kept of the log behind it while it is fetched, if that is more.
  public var fetchedFactor = 4
  /// The log is trimmed by whole segments of about so many bytes.
  public var segmentBytes = 256 << 10
  /// At most so many bytes go in one write, so that a write stays short.
  public var stepBytes = 4 << 20
  /// A follower that has not answered for so many milliseconds is not waited for.
  public var reachableMilliseconds: UInt64 = 5_000

  /// What an entry takes beside its payload: its key, its head and its share of a page's list.
  static let entryBytes = 64

  /// The defaults.
  public init() {}
}

/// The sizes of the log's parts, coarse enough to be few.
struct LogSegments {
  private struct Segment {
    let first: LogIndex
    var last: LogIndex
    var bytes: Int
  }

  private let retention: LogRetention
  private var segments: Deque<Segment> = []
  /// Bytes of the whole log; after a truncation too many rather than too few.
  private(set) var bytes = 0

  init(_ retention: LogRetention) { self.retention = retention }

  mutating func append(_ entries: some Sequence<LogEntry>, at first: LogIndex) {
    var index = first
    for entry in entries {
      let size = entry.payload.count + LogRetention.entryBytes
      if let last = segments.last, last.bytes < retention.segmentBytes {
        segments[segments.count - 1].bytes += size
        segments[segments.count - 1].last = index
      } else {
        segments.append(Segment(first: index, last: index, bytes: size))
      }
      bytes += size
      index = index.next
    }
  }

  mutating func truncate(from index: LogIndex) {
    while let last = segments.last, last.first >= index {
      bytes -= last.bytes
      segments.removeLast()
    }
    // What is left of a segment counts in full until it is trimmed.
    if let last = segments.last, last.last >= index {
      segments[segments.count - 1].last = LogIndex(index.rawValue - 1)
    }
  }

  mutating func removeAll() {
    segments = []
    bytes = 0
  }

  /// Forgets what lies up to `index`, the end of a segment.
  mutating func trim(to index: LogIndex) {
    while let first = segments.first, first.last <= index {
      bytes -= first.bytes
      segments.removeFirst()
    }
  }

  /// The furthest end of a segment, none after `limit`, up to which entries may go so that `kept` bytes
  /// stay and no more than a step goes; nil if nothing may go.
  func cut(keeping kept: Int, through limit: LogIndex) -> LogIndex? {
    var found: LogIndex?
    var removed = 0
    for segment in segments {
      removed += segment.bytes
      guard segment.last <= limit, bytes - removed >= kept,
        found == nil || removed <= retention.stepBytes
      else { break }
      found = segment.last
    }
    return found
  }
}
