internal import ExchangeTypes

/// Cuts the bytes of a stream into frames, whatever pieces they arrive in.
///
/// States: *reading* → *failed*, which is final. Feed it with `append`, then take frames with
/// `next` until it answers nil, which asks for more bytes.
///
/// Invariant: a header is judged as soon as its eight bytes are there, so after `next` answered nil
/// at most one header and `payloadMax` bytes of its kind are held; nothing is reserved for a length
/// that is only claimed.
public struct FrameDecoder: Sendable {
  private enum State {
    case reading(FrameHeader?)
    case failed(WireError)
  }

  /// What may arrive on this stream.
  public let allowed: MessageSet
  private var state = State.reading(nil)
  private var bytes: [UInt8] = []
  private var start = 0

  /// Decodes a stream on which `allowed` may arrive.
  public init(allowed: MessageSet) { self.allowed = allowed }

  /// Bytes held: of a frame that is not complete, or not yet taken.
  public var bytesHeld: Int { bytes.count - start }

  /// Takes over bytes that arrived.
  ///
  /// Once a stream has failed, further bytes are dropped. Mostly nothing is held, since frames come whole: then the array
  /// that came is taken as it is.
  public mutating func append(_ arrived: [UInt8]) {
    if case .failed = state { return }
    if bytesHeld == 0 {
      bytes = arrived
      start = 0
    } else {
      bytes.append(contentsOf: arrived)
    }
  }

  /// The next frame, or nil if more bytes are needed.
  ///
  /// An error is final: the stream has no frame boundary any more, and every later call throws it
  /// again.
  public mutating func next() throws(WireError) -> Frame? {
    switch state {
    case .failed(let error): throw error
    case .reading(let header):
      do {
        return try next(after: header)
      } catch {
        state = .failed(error)
        bytes = []
        start = 0
        throw error
      }
    }
  }

  /// Demands that the stream, which has ended, ended between two frames.
  public func finish() throws(WireError) {
    switch state {
    case .failed(let error): throw error
    case .reading(let header?): throw .cutShort(missing: header.length - bytesHeld)
    case .reading(nil):
      guard bytesHeld == 0 else { throw .cutShort(missing: Frame.headerBytes - bytesHeld) }
    }
  }

  private mutating func next(after known: FrameHeader?) throws(WireError) -> Frame? {
    var pending = known
    if pending == nil, bytesHeld >= Frame.headerBytes {
      pending = try FrameHeader(bytes, at: start, allowed: allowed)
      start += Frame.headerBytes
      state = .reading(pending)
    }
    guard let header = pending, bytesHeld >= header.length else {
      compact()
      return nil
    }
    defer { start += header.length }
    state = .reading(nil)
    return Frame(kind: header.kind, bytes: bytes, place: start..<(start + header.length))
  }

  /// Moves what is held to the front, and gives memory back where nothing is.
  private mutating func compact() {
    guard start > 0 else { return }
    bytes = bytesHeld == 0 ? [] : Array(bytes[start...])
    start = 0
  }
}
