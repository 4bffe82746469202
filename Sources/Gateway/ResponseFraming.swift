internal import JobDispatch
internal import NIOCore
internal import NIOHTTP1

/// Writes an answer's parts as bytes of HTTP/1.1, each part as one write.
///
/// An answer that comes whole has a length; one that comes in parts is chunked (RFC 9112, section 7.1), or for a
/// client of HTTP/1.0 ends with its connection.
struct ResponseFraming {
  private enum Body {
    case none
    case whole
    case chunked
    case untilClose
  }

  /// Whether the connection goes on after this answer.
  private(set) var keepsAlive: Bool
  private let isOld: Bool
  /// Whether the answer has no body, whatever is given to be written: it is one to HEAD.
  let isBodyless: Bool
  private let requestID: String
  private var body = Body.none

  /// The answer to a request.
  init(to request: HTTPRequest) {
    let head = request.head
    keepsAlive = request.keepsAlive
    isOld = head.version.major < 1 || (head.version.major == 1 && head.version.minor < 1)
    isBodyless = head.method == .HEAD
    requestID = request.id
  }

  /// An answer to what is no request: the last of its connection.
  init(closingWith requestID: String) {
    keepsAlive = false
    isOld = false
    isBodyless = false
    self.requestID = requestID
  }

  /// Whether the head has been written.
  var hasBegun: Bool {
    if case .none = body { false } else { true }
  }

  /// Ends the connection with this answer.
  mutating func close() { keepsAlive = false }

  /// Writes one part, with the head the date.
  mutating func write(
    _ reply: HTTPReply, date: @autoclosure () -> String, to buffer: inout ByteBuffer
  ) {
    if let head = reply.head { write(head, reply, date(), to: &buffer) }
    guard !isBodyless else { return }
    switch body {
    case .none: break
    case .whole, .untilClose: buffer.writeBytes(reply.body)
    case .chunked:
      if !reply.body.isEmpty {
        Self.write(chunkSize: reply.body.count, to: &buffer)
        buffer.writeStaticString("\r\n")
        buffer.writeBytes(reply.body)
        buffer.writeStaticString("\r\n")
      }
      if reply.end == .complete { buffer.writeStaticString("0\r\n\r\n") }
    }
  }

  /// In hexadecimal, digit by digit: each token of each stream is a chunk.
  private static func write(chunkSize: Int, to buffer: inout ByteBuffer) {
    var shift = (Int.bitWidth - chunkSize.leadingZeroBitCount - 1) / 4 * 4
    while shift >= 0 {
      let digit = UInt8(truncatingIfNeeded: chunkSize >> shift & 15)
      buffer.writeInteger(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
      shift -= 4
    }
  }

  private mutating func write(
    _ head: HTTPReply.Head, _ reply: HTTPReply, _ date: String, to buffer: inout ByteBuffer
  ) {
    precondition(!hasBegun, "an answer has one head")
    buffer.writeStaticString("HTTP/1.1 ")
    let status = HTTPResponseStatus(statusCode: head.status)
    buffer.writeString("\(head.status) \(status.reasonPhrase)\r\n")
    for field in head.fields { write(field.name, field.value, to: &buffer) }
    write("date", date, to: &buffer)
    write("x-request-id", requestID, to: &buffer)
    if reply.end == .complete {
      body = .whole
      write("content-length", "\(reply.body.count)", to: &buffer)
    } else if isOld {
      body = .untilClose
      keepsAlive = false
    } else {
      body = .chunked
      write("transfer-encoding", "chunked", to: &buffer)
    }
    if !keepsAlive {
      write("connection", "close", to: &buffer)
    } else if isOld {
      write("connection", "keep-alive", to: &buffer)
    }
    buffer.writeStaticString("\r\n")
  }

  private func write(_ name: String, _ value: String, to buffer: inout ByteBuffer) {
    buffer.writeString(name)
    buffer.writeStaticString(": ")
    buffer.writeString(value)
    buffer.writeStaticString("\r\n")
  }
}
