public import ExchangeTypes

/// One frame: a header of eight bytes and a payload.
///
/// Header: payload length (u32), type (u16), reserved (u16, zero); all big-endian.
public struct Frame: Sendable {
  /// Bytes in a header.
  public static let headerBytes = 8

  /// The message that the payload encodes.
  public let kind: MessageKind
  /// What the payload came in: it is read where it lies.
  let bytes: [UInt8]
  /// Where in `bytes` it lies.
  let place: Range<Int>
  /// The encoded fields.
  public var payload: [UInt8] { Array(bytes[place]) }

  /// Joins the parts.
  public init(kind: MessageKind, payload: [UInt8]) {
    self.init(kind: kind, bytes: payload, place: 0..<payload.count)
  }

  init(kind: MessageKind, bytes: [UInt8], place: Range<Int>) {
    self.kind = kind
    self.bytes = bytes
    self.place = place
  }
}

/// Reads the header of a frame and judges it, before any of the payload is looked at.
struct FrameHeader: Hashable {
  let kind: MessageKind
  let length: Int

  /// Reads eight bytes of `bytes` at `offset`.
  ///
  /// The order of the checks is part of the protocol: reserved, type, direction, length.
  init(_ bytes: [UInt8], at offset: Int, allowed: MessageSet) throws(WireError) {
    func number(_ place: Int, _ count: Int) -> UInt32 {
      (offset + place..<offset + place + count).reduce(0) { $0 << 8 | UInt32(bytes[$1]) }
    }
    let length = number(0, 4)
    let type = UInt16(number(4, 2))
    let reserved = UInt16(number(6, 2))
    guard reserved == 0 else { throw .reserved(type: type, value: reserved) }
    guard let kind = MessageKind(rawValue: type) else { throw .unknownType(type) }
    guard allowed.contains(kind) else { throw .notAllowed(kind) }
    guard length <= kind.payloadMax else {
      throw .tooLarge(kind, length: length, limit: kind.payloadMax)
    }
    self.kind = kind
    self.length = Int(length)
  }
}

/// Turns messages into frames.
public enum FrameEncoder {
  /// The bytes of the frame that carries `message`.
  ///
  /// A message that its reader would refuse is refused here: whatever this returns is accepted by
  /// `FrameDecoder` and `Message` on a stream that allows its kind.
  public static func encode(_ message: some WireMessage) throws(WireError) -> [UInt8] {
    var writer = CanonicalWriter(capacity: 256)
    try append(message, to: &writer)
    return writer.bytes
  }

  /// Appends the frame that carries `message` to what `writer` holds: several in one buffer.
  ///
  /// Where it throws, an incomplete frame may be left in `writer`.
  public static func append<Content: WireMessage>(
    _ message: Content, to writer: inout CanonicalWriter
  ) throws(WireError) {
    let kind = Content.kind
    do {
      try message.checkBounds()
    } catch {
      throw .outOfBounds(kind, error)
    }
    let start = writer.bytes.count
    writer.write(UInt32.zero)
    writer.write(kind.rawValue)
    writer.write(UInt16.zero)
    message.encode(into: &writer)
    let length = writer.bytes.count - start - Frame.headerBytes
    guard length <= kind.payloadMax else {
      let field = "\(kind.name) (payload)"
      throw .outOfBounds(
        kind, BoundsError(field: field, count: length, limit: Int(kind.payloadMax)))
    }
    writer.patch(UInt32(length), at: start)
  }
}

extension Message {
  /// Reads the message that `frame` carries.
  ///
  /// After the last known field, a message of class strict must end; in one of class session, bytes
  /// that a newer sender appended are skipped.
  public init(_ frame: Frame) throws(WireError) {
    var reader = CanonicalReader(frame.bytes, in: frame.place)
    do {
      try self.init(frame.kind, from: &reader)
      if frame.kind.isStrict { try reader.finish() }
    } catch {
      throw .malformed(frame.kind, error.counted(from: frame.place.lowerBound))
    }
  }
}

extension CanonicalError {
  /// The same of what begins at `start` of the bytes that were read.
  fileprivate func counted(from start: Int) -> CanonicalError {
    switch self {
    case .truncated(let offset): .truncated(offset: offset - start)
    case .tooLong(let offset, let length, let limit):
      .tooLong(offset: offset - start, length: length, limit: limit)
    case .notBoolean(let offset, let value): .notBoolean(offset: offset - start, value: value)
    case .notUTF8(let offset): .notUTF8(offset: offset - start)
    case .unknownValue(let offset, let value): .unknownValue(offset: offset - start, value: value)
    case .trailing(let offset, let count): .trailing(offset: offset - start, count: count)
    }
  }
}
