internal import HTTP2Session
internal import JobDispatch
internal import NIOCore
internal import NIOHTTP1
internal import Transport

/// One request on a stream of HTTP/2, and its answer.
///
/// ```
/// reading ──end of the body──► answering ──complete──────────────► over
///    │                             └──────broken──► breaking ──what came has left, or 2 s──► over, reset
///    └── too large, too slow: answered ──► refused ──2 s──────────► over, reset
/// ```
/// A stream that breaks is reset, which no client takes for its end. Confined to its connection's loop; `closed` is the last call.
final class HTTP2Request: StreamHandler, RequestSource {
  private enum State {
    case reading(HTTPRequest)
    case answering(any Answering)
    /// What has come of the answer is on its way, and nothing follows.
    case breaking
    /// It was answered before its body had come, which nobody reads.
    case refused
    case over
  }

  private let stream: LinkStream
  private let loop: GatewayLoop
  private let limits: HTTP2Limits
  private let whenClosed: () -> Void
  private var state = State.over
  private var requestID = ""
  private var isBodyless = false
  /// When the present state has lasted too long, in monotonic milliseconds.
  private var deadline: UInt64 = 0
  /// Whether the answer waits for the client to take what there is.
  private var isHeld = false
  /// Bytes of a body that count against the loop's budget.
  private var heldBytes = 0

  init(
    on stream: LinkStream, of loop: GatewayLoop, limits: HTTP2Limits,
    whenClosed: @escaping () -> Void
  ) {
    self.stream = stream
    self.loop = loop
    self.limits = limits
    self.whenClosed = whenClosed
  }

  /// The head has come, whole: it is refused, or its body is read.
  func begin(_ fields: [HeaderField], refusal: HTTPRefusal?) {
    let request = HTTPRequest(
      Self.head(fields), limits: loop.limits, drawnID: loop.drawRequestID())
    requestID = request.id
    isBodyless = request.head.method == .HEAD
    state = .reading(request)
    deadline = loop.now + loop.limits.bodyMilliseconds
    if let refusal = refusal ?? request.fatal { end(with: refusal) }
  }

  /// A head as HTTP/1.1 would have it (RFC 9113, section 8.3.1); the session has checked its form.
  private static func head(_ fields: [HeaderField]) -> HTTPRequestHead {
    var headers = HTTPHeaders()
    let authority = fields.first(":authority")
    if let authority { headers.add(name: "host", value: authority) }
    for field in fields
    where !field.name.hasPrefix(":") && (field.name != "host" || authority == nil) {
      headers.add(name: field.name, value: field.value)
    }
    return HTTPRequestHead(
      version: .http2, method: HTTPMethod(rawValue: fields.first(":method") ?? ""),
      uri: fields.first(":path") ?? "*", headers: headers)
  }

  // MARK: The stream

  func responded(status: Int, headers: [HeaderField], on stream: LinkStream) {}

  func received(_ bytes: [UInt8], on stream: LinkStream) {
    // What comes after an answer waits in the client's window, until the stream is reset.
    guard case .reading(let request) = state else { return }
    do throws(HTTPRefusal) {
      try loop.hold(bytes.count)
      heldBytes += bytes.count
      try request.append(bytes)
      stream.consume(bytes.count)
    } catch {
      end(with: error)
    }
  }

  func ended(_ stream: LinkStream) {
    guard case .reading(let request) = state else { return }
    loop.serve(request, on: self)
  }

  func writable(_ stream: LinkStream) {
    isHeld = false
    if case .answering(let answering) = state { answering.setReading(true) }
  }

  func closed(_ stream: LinkStream, _ end: StreamEnd) {
    let last = state
    state = .over
    release()
    if case .answering(let answering) = last { answering.clientLeft() }
    whenClosed()
  }

  // MARK: Answers

  func answer(_ request: HTTPRequest, with answering: any Answering) {
    guard case .reading = state else { return }
    state = .answering(answering)
    loop.counters.begin(request)
  }

  func send(_ reply: HTTPReply, from answering: any Answering) {
    guard case .answering(let current) = state, current === answering, !reply.isEmpty else {
      return
    }
    write(reply)
    switch reply.end {
    case .open: hold(answering)
    case .complete:
      state = .over
      release()
    case .broken:
      loop.counters.broken += 1
      state = .breaking
      release()
      deadline = loop.now + loop.limits.lingerMilliseconds
      // What was sent leaves at the end of this turn, if the client takes it.
      let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
      loop.eventLoop.execute { bound.value.breakIfSent() }
    }
  }

  func releaseBody(of answering: any Answering) {
    if case .answering(let current) = state, current === answering { release() }
  }

  private func write(_ reply: HTTPReply) {
    let isEnd = reply.end == .complete
    if let head = reply.head {
      loop.counters.answered(status: head.status)
      var fields = head.fields.map { HeaderField($0.name, $0.value) }
      fields.append(HeaderField("x-request-id", requestID))
      if isEnd { fields.append(HeaderField("content-length", "\(reply.body.count)")) }
      stream.respond(status: head.status, headers: fields)
    }
    stream.send(isBodyless ? [] : reply.body, end: isEnd)
  }

  /// A reader that takes little holds its answer back; the stream says when it may go on.
  private func hold(_ answering: any Answering) {
    guard !isHeld, stream.outstanding >= limits.outboundHighWater else { return }
    isHeld = true
    answering.setReading(false)
  }

  /// Answers what cannot be served.
  private func end(with refusal: HTTPRefusal) {
    state = .refused
    release()
    deadline = loop.now + loop.limits.lingerMilliseconds
    write(refusal.reply)
  }

  private func breakIfSent() {
    if case .breaking = state, stream.outstanding == 0 { reset(.internalError) }
  }

  private func reset(_ code: HTTP2ErrorCode) {
    state = .over
    stream.reset(code)
  }

  private func release() {
    loop.bodyBytes -= heldBytes
    heldBytes = 0
  }

  // MARK: Times

  /// Ends what has lasted too long.
  func tick(now: UInt64) {
    switch state {
    case .reading: if now >= deadline { end(with: .tooSlow("body")) }
    case .answering(let answering): answering.tick(now: now)
    case .breaking:
      breakIfSent()
      if case .breaking = state, now >= deadline { reset(.internalError) }
    case .refused: if now >= deadline { reset(.noError) }
    case .over: break
    }
  }
}
