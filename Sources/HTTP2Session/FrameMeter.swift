internal import CNGHTTP2

/// Counts the frames that a peer sends, at their headers and before libnghttp2 sees them.
///
/// The library tells of frames by callbacks, but not of all: DATA on a stream that has closed, and types
/// that it does not know, are skipped in silence, so a flood of those would be free.
///
/// Invariant: `skip` bytes of a preface or a payload are still to come, or `header` holds the first
/// bytes of the next frame's nine.
struct FrameMeter {
  private var skip: Int
  private var header: [UInt8] = []
  private var frames: TokenBucket
  private var idleFrames: TokenBucket
  private var resets: TokenBucket

  /// Bytes of a client's connection preface (RFC 9113, section 3.4).
  private static let prefaceBytes = 24
  private static let headerBytes = 9

  /// A meter at the beginning of a connection.
  init(role: HTTP2Session.Role, limits: HTTP2Limits, now: UInt64) {
    skip = role == .server ? Self.prefaceBytes : 0
    frames = TokenBucket(limits.frames, now: now)
    idleFrames = TokenBucket(limits.idleFrames, now: now)
    resets = TokenBucket(limits.resetsReceived, now: now)
  }

  /// Looks at bytes that arrived.
  ///
  /// - Returns: how many of them may be handed on, and which budget the frame behind them exceeds.
  mutating func measure(_ bytes: UnsafeRawBufferPointer, now: UInt64) -> (Int, HTTP2Breach?) {
    var place = 0
    while place < bytes.count {
      if skip > 0 {
        let step = min(skip, bytes.count - place)
        skip -= step
        place += step
        continue
      }
      let start = place
      if header.isEmpty, bytes.count - place >= Self.headerBytes {
        place += Self.headerBytes
        if let breach = pay({ bytes[start + $0] }, now: now) { return (start, breach) }
        continue
      }
      let step = min(Self.headerBytes - header.count, bytes.count - place)
      header.append(contentsOf: bytes[place..<(place + step)])
      place += step
      guard header.count == Self.headerBytes else { break }
      let whole = header
      header = []
      if let breach = pay({ whole[$0] }, now: now) { return (start, breach) }
    }
    return (bytes.count, nil)
  }

  /// Each frame is paid for, before anything of it is looked at but its header's nine bytes.
  private mutating func pay(_ header: (Int) -> UInt8, now: UInt64) -> HTTP2Breach? {
    skip = Int(header(0)) << 16 | Int(header(1)) << 8 | Int(header(2))
    let (type, flags) = (UInt32(header(3)), UInt32(header(4)))
    guard frames.take(now: now) else { return .frames }
    switch type {
    case NGHTTP2_HEADERS.rawValue, NGHTTP2_CONTINUATION.rawValue, NGHTTP2_GOAWAY.rawValue,
      NGHTTP2_WINDOW_UPDATE.rawValue:
      return nil
    case NGHTTP2_RST_STREAM.rawValue:
      return resets.take(now: now) ? nil : .resetsReceived
    case NGHTTP2_DATA.rawValue where skip > 0 || flags & NGHTTP2_FLAG_END_STREAM.rawValue != 0:
      return nil
    default:
      return idleFrames.take(now: now) ? nil : .idleFrames
    }
  }
}
