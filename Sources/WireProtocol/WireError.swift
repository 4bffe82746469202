public import ExchangeTypes

/// Why bytes are not a frame, or a frame is not a message, that may stand where it stands.
///
/// Each ends its stream: the reader answers `Failure` with `code` where the stream can still carry
/// one, and closes it.
public enum WireError: Error, Hashable, Sendable {
  /// The header's reserved bytes are not zero.
  case reserved(type: UInt16, value: UInt16)
  /// No message has this number.
  case unknownType(UInt16)
  /// The message exists but may not travel on this stream in this direction.
  case notAllowed(MessageKind)
  /// The header claims more payload than the message may have.
  case tooLarge(MessageKind, length: UInt32, limit: UInt32)
  /// The payload is not the canonical encoding of the message; offsets count from its first byte.
  case malformed(MessageKind, CanonicalError)
  /// The stream ended inside a frame, `missing` bytes before the end of its header or payload.
  case cutShort(missing: Int)
  /// A value handed to the encoder is beyond a bound of the registry.
  case outOfBounds(MessageKind, BoundsError)

  /// What to answer.
  public var code: ErrorCode {
    switch self {
    case .tooLarge: .frameTooLarge
    case .outOfBounds: .payloadTooLarge
    case .reserved, .unknownType, .notAllowed, .malformed, .cutShort: .frameMalformed
    }
  }
}
