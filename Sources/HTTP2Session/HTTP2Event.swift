/// A stream's number in its session (RFC 9113, section 5.1.1): odd, opened by the client.
public struct StreamID: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The number; positive.
  public let rawValue: Int32
  /// Wraps a number.
  public init(rawValue: Int32) { self.rawValue = rawValue }
  /// The decimal number.
  public var description: String { String(rawValue) }
}

/// One field of a header section.
///
/// Names are lower case; pseudo-header fields start with a colon.
public struct HeaderField: Hashable, Sendable {
  /// The name, in lower case.
  public var name: String
  /// The value.
  public var value: String
  /// `name: value`.
  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

extension [HeaderField] {
  /// The value of the first field called `name`, which is in lower case.
  public func first(_ name: String) -> String? { first { $0.name == name }?.value }
}

/// What a session tells its owner, in the order in which it happened.
public enum HTTP2Event: Hashable, Sendable {
  /// The peer's SETTINGS arrived: the first time, the connection is up.
  case settings
  /// A whole header section: a request on a new stream (server), or a response (client).
  /// Trailers are checked against the limits and dropped.
  case headers(StreamID, [HeaderField])
  /// Bytes of a body. The peer's window stays smaller by them until the owner calls `consume`.
  case data(StreamID, [UInt8])
  /// The peer has sent everything on the stream.
  case ended(StreamID)
  /// The stream is over in both directions; the last event of it.
  case closed(StreamID, HTTP2ErrorCode)
  /// The stream's queue fell to half of `HTTP2Limits.outboundHighWater` after having reached it.
  case writable(StreamID)
  /// The answer to `ping`.
  case pong(UInt64)
  /// The peer takes no new streams; those above `last` were not looked at.
  case goAway(last: StreamID, HTTP2ErrorCode)
}
