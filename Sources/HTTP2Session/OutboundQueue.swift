/// Bytes that wait to become DATA frames: the arrays as they were given, read from the front.
struct OutboundQueue {
  private var chunks: [[UInt8]] = []
  private var head = 0
  private var offset = 0
  /// Bytes queued and not yet read.
  private(set) var count = 0
  /// Whether nothing may be appended any more: the stream ends behind the last byte.
  var isEnded = false

  mutating func append(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    count += bytes.count
    chunks.append(bytes)
  }

  /// Moves as many bytes as fit into `target`; many small chunks fill one frame.
  mutating func read(into target: UnsafeMutableRawBufferPointer) -> Int {
    var filled = 0
    while filled < target.count, head < chunks.count {
      let taken = chunks[head].withUnsafeBytes { source in
        let size = min(source.count - offset, target.count - filled)
        UnsafeMutableRawBufferPointer(rebasing: target[filled...])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[offset..<(offset + size)]))
        return size
      }
      filled += taken
      offset += taken
      if offset == chunks[head].count {
        chunks[head] = []
        head += 1
        offset = 0
      }
    }
    if head == chunks.count {
      chunks.removeAll(keepingCapacity: true)
      head = 0
    } else if head > 64, head * 2 > chunks.count {
      chunks.removeFirst(head)
      head = 0
    }
    count -= filled
    return filled
  }

  mutating func removeAll() {
    chunks = []
    (head, offset, count) = (0, 0, 0)
  }
}

/// What a session keeps about one open stream.
final class SessionStream {
  let id: Int32
  var outbound = OutboundQueue()
  /// Bytes that have become frames, ever.
  var taken: UInt64 = 0
  /// What `taken` is to be, and since when it is not, as `resetStalled` found it.
  var waiting: (due: UInt64, since: UInt64)?
  /// libnghttp2 found the queue empty and asks again only after `nghttp2_session_resume_data`.
  var isDeferred = false
  /// The queue reached the high-water mark and `writable` is owed.
  var owesWritable = false
  /// Bytes given to the owner and not consumed: returned to the connection when the stream closes.
  var unconsumed = 0
  /// The header section being received, and its size as RFC 9113, section 6.5.2 counts it.
  var fields: [HeaderField] = []
  var fieldBytes = 0
  var fieldCount = 0
  /// Whether the owner knows of the stream: it then also hears of its end.
  var isAnnounced: Bool
  /// The owner asked for the reset: it is no doing of the peer's.
  var isResetByOwner = false
  /// What it is reset with once all that was queued has left.
  var codeAfterEnd: HTTP2ErrorCode?
  /// The owner did not want the stream at all: the peer made it send a reset for nothing.
  var isRefused = false
  /// What a reset of the stream counts, where it is the peer's doing.
  var resetCost = 1
  /// A response or request is under way: bytes may be sent.
  var hasHeaders: Bool

  init(id: Int32, openedHere: Bool) {
    self.id = id
    isAnnounced = openedHere
    hasHeaders = openedHere
  }
}
