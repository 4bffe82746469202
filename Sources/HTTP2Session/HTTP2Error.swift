/// An HTTP/2 error code (RFC 9113, section 7).
public struct HTTP2ErrorCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The 32 bits on the wire.
  public let rawValue: UInt32
  /// Wraps 32 bits from the wire.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// No error: an orderly end.
  public static let noError = HTTP2ErrorCode(rawValue: 0x0)
  /// The peer broke the protocol.
  public static let protocolError = HTTP2ErrorCode(rawValue: 0x1)
  /// A fault of this side.
  public static let internalError = HTTP2ErrorCode(rawValue: 0x2)
  /// The peer sent beyond a window.
  public static let flowControlError = HTTP2ErrorCode(rawValue: 0x3)
  /// SETTINGS were not acknowledged in time.
  public static let settingsTimeout = HTTP2ErrorCode(rawValue: 0x4)
  /// A frame arrived on a stream that had ended.
  public static let streamClosed = HTTP2ErrorCode(rawValue: 0x5)
  /// A frame of a wrong size.
  public static let frameSizeError = HTTP2ErrorCode(rawValue: 0x6)
  /// The stream was refused before anything was done: safe to send again.
  public static let refusedStream = HTTP2ErrorCode(rawValue: 0x7)
  /// The stream is no longer wanted.
  public static let cancel = HTTP2ErrorCode(rawValue: 0x8)
  /// The header compression state is lost.
  public static let compressionError = HTTP2ErrorCode(rawValue: 0x9)
  /// The peer's load was excessive.
  public static let enhanceYourCalm = HTTP2ErrorCode(rawValue: 0xb)

  /// The RFC's name of the code, or the number in hexadecimal.
  public var description: String {
    switch self {
    case .noError: "NO_ERROR"
    case .protocolError: "PROTOCOL_ERROR"
    case .internalError: "INTERNAL_ERROR"
    case .flowControlError: "FLOW_CONTROL_ERROR"
    case .settingsTimeout: "SETTINGS_TIMEOUT"
    case .streamClosed: "STREAM_CLOSED"
    case .frameSizeError: "FRAME_SIZE_ERROR"
    case .refusedStream: "REFUSED_STREAM"
    case .cancel: "CANCEL"
    case .compressionError: "COMPRESSION_ERROR"
    case .enhanceYourCalm: "ENHANCE_YOUR_CALM"
    default: "0x" + String(rawValue, radix: 16)
    }
  }

  /// What the code says of a peer, in a phrase of this program's own.
  ///
  /// Nothing that the peer sent is in it: what libnghttp2 says of a header field quotes the field.
  public var explanation: String {
    switch self {
    case .noError: "an orderly end"
    case .protocolError: "the peer broke a rule of HTTP/2"
    case .internalError: "a fault of this side"
    case .flowControlError: "the peer sent beyond a window"
    case .settingsTimeout: "the peer did not acknowledge the settings in time"
    case .streamClosed: "the peer sent a frame on a stream that had ended"
    case .frameSizeError: "the peer sent a frame of a wrong size"
    case .refusedStream: "the stream was refused"
    case .cancel: "the stream is no longer wanted"
    case .compressionError: "the peer's header compression cannot be understood"
    case .enhanceYourCalm: "the peer's load was excessive"
    default: "an error that HTTP/2 does not name"
    }
  }
}

/// Which budget of `HTTP2Limits` the peer used up.
public enum HTTP2Breach: String, Hashable, Sendable {
  /// `HTTP2Limits.frames`: too many frames of any kind.
  case frames
  /// `HTTP2Limits.idleFrames`: too many frames that carry nothing.
  case idleFrames
  /// `HTTP2Limits.resetsReceived`: rapid reset (CVE-2023-44487).
  case resetsReceived
  /// `HTTP2Limits.resetsSent`: the peer makes this side reset streams (CVE-2025-8671).
  case resetsSent
  /// `HTTP2Limits.continuationsMax`: a CONTINUATION flood (CVE-2024-28182).
  case continuations
  /// `HTTP2Limits.headerBytesMax` or `headerFieldsMax`, by far: an HPACK bomb.
  case headerSection
  /// `HTTP2Limits.outboundAcksMax`: acknowledgements that the peer does not read (CVE-2019-9512).
  case outboundAcks
}

/// Why a session is over.
///
/// Nothing can be received or sent after it, except the GOAWAY already queued.
public enum HTTP2Error: Error, Hashable, Sendable, CustomStringConvertible {
  /// A client's first bytes are not the HTTP/2 connection preface (RFC 9113, section 3.4).
  case notHTTP2
  /// The peer went beyond a budget.
  case breach(HTTP2Breach)
  /// The peer broke a rule of the protocol.
  case protocolViolation(HTTP2ErrorCode)
  /// libnghttp2 failed by itself, by lack of memory for instance (`nghttp2_error`).
  case library(code: Int32, reason: String)

  /// One line for a log.
  public var description: String {
    switch self {
    case .notHTTP2: "the peer does not speak HTTP/2"
    case .breach(let breach): "the peer exceeded its budget of \(breach.rawValue)"
    case .protocolViolation(let code): "\(code): \(code.explanation)"
    case .library(let code, let reason): "libnghttp2: \(reason) (\(code))"
    }
  }
}

/// Why a stream cannot be opened now.
///
/// The session goes on.
public enum HTTP2OpenRefusal: Error, Hashable, Sendable {
  /// As many streams are open as the peer allows: open another when one has closed.
  case streamLimit(Int)
  /// One side is draining: use another connection.
  case draining
  /// All 2³⁰ stream numbers of the connection are used: use another connection.
  case numbersExhausted
  /// The session has failed.
  case failed
}
