internal import ExchangeTypes
internal import HTTP2Session
internal import JobDispatch
internal import NIOCore
internal import NIOHTTP1
internal import Transport

/// One request on a stream of HTTP/2, and its answer.
///
/// ```
/// reading ──end of the body──► waiting ──room──► due ──its turn──► answering ──complete──► sent ──all has left──► over, delivered
///    │                            │                                └──────broken──► breaking ──what came has left, or 2 s──► over, reset
///    └── too large, too slow ─────┴── too long: answered ──► refused ──2 s──► over, reset
/// ```
/// A stream that breaks is reset, which no client takes for its end. One that the session or the client has reset has delivered
/// nothing. Confined to its connection's loop; `closed` is the last call.
final class HTTP2Request: StreamHandler, RequestSource {
  private enum State {
    case reading(HTTPRequest)
    /// It has come, and is begun once the connection's client has taken more of the other answers.
    case waiting(HTTPRequest)
    /// There is room for its answer.
    case due(HTTPRequest)
    case answering(any Answering)
    /// The answer is whole, and on its way.
    case sent(any Answering)
    /// What has come of the answer is on its way, and nothing follows.
    case breaking(any Answering)
    /// It was answered before its body had come, which nobody reads.
    case refused
    case over
  }

  private let stream: LinkStream
  private let loop: GatewayLoop
  private let address: AddressPrefix
  private let limits: HTTP2Limits
  /// Whether the connection has room for another answer.
  private let hasRoom: () -> Bool
  /// The client has taken some of an answer, or the stream is over.
  private let whenTaken: (_ isOver: Bool) -> Void
  private var state = State.over
  private var requestID = ""
  private var isBodyless = false
  /// When the present state has lasted too long, in monotonic milliseconds.
  private var deadline: UInt64 = 0
  /// Whether the answer waits for the client to take what there is.
  private var isHeld = false
  /// Bytes of a body that count against the loop's budget.
  private(set) var heldBodyBytes = 0

  init(
    on stream: LinkStream, of loop: GatewayLoop, from address: AddressPrefix, limits: HTTP2Limits,
    hasRoom: @escaping () -> Bool, whenTaken: @escaping (_ isOver: Bool) -> Void
  ) {
    self.stream = stream
    self.loop = loop
    self.address = address
    self.limits = limits
    self.hasRoom = hasRoom
    self.whenTaken = whenTaken
  }

  /// The head has come, whole: it is refused, or its body is read.
  func begin(_ fields: [HeaderField], refusal: HTTPRefusal?) {
    let request = HTTPRequest(
      Self.head(fields), limits: loop.limits, drawnID: loop.drawRequestID())
    requestID = request.id
    isBodyless = request.head.method == .HEAD
    state = .reading(request)
    deadline = loop.now + loop.limits.bodyMilliseconds
    if let refusal = refusal ?? request.fatal { return end(with: refusal) }
    guard request.awaitsContinue else { return }
    // A client that waits for a word is not made to send what will be refused.
    if case .failure(let refusal) = request.call { return end(with: refusal) }
    stream.inform(status: 100)
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
      if request.keepsBody {
        try loop.hold(bytes.count, of: address)
        heldBodyBytes += bytes.count
      }
      try request.append(bytes)
      stream.consume(bytes.count)
    } catch {
      end(with: error)
    }
  }

  func ended(_ stream: LinkStream) {
    guard case .reading(let request) = state else { return }
    state = .waiting(request)
    deadline = loop.now + loop.limits.stallMilliseconds
    serveIfRoom()
  }

  /// Begins the answer if the request has come and there is room.
  func serveIfRoom() {
    guard case .waiting(let request) = state, hasRoom() else { return }
    state = .due(request)
    loop.serve(request, on: self)
  }

  func writable(_ stream: LinkStream) {
    isHeld = false
    if case .answering(let answering) = state { answering.setReading(true) }
    whenTaken(false)
  }

  /// Bytes of the answer that wait here.
  var outstanding: Int { stream.outstanding }

  func closed(_ stream: LinkStream, _ end: StreamEnd) {
    let last = state
    state = .over
    release()
    switch last {
    case .answering(let answering): answering.clientLeft()
    case .sent(let answering): if case .complete = end { answering.delivered() }
    case .reading, .waiting, .due, .breaking, .refused, .over: break
    }
    whenTaken(true)
  }

  // MARK: Answers

  func awaits(_ request: HTTPRequest) -> Bool {
    if case .due(let due) = state { due === request } else { false }
  }

  func answer(_ request: HTTPRequest, with answering: any Answering) {
    guard case .due = state else { return }
    state = .answering(answering)
    loop.counters.begin(request)
  }

  func send(_ reply: HTTPReply, from answering: any Answering) {
    guard case .answering(let current) = state, current === answering, !reply.isEmpty else {
      return
    }
    guard write(reply) else { return cutOff(answering) }
    switch reply.end {
    case .open where isBodyless:
      // Nobody waits for what would follow the head.
      state = .sent(answering)
      release()
      answering.clientLeft()
    case .open: hold(answering)
    case .complete:
      state = .sent(answering)
      release()
    case .broken:
      loop.counters.broken += 1
      state = .breaking(answering)
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

  /// Ends the request, whose body is held; once it is being answered, nothing else can be said than that.
  func giveUpBody(_ refusal: HTTPRefusal) {
    switch state {
    case .reading, .waiting: end(with: refusal)
    case .answering(let answering):
      release()
      reset(.enhanceYourCalm)
      answering.clientLeft()
    case .due:
      release()
      reset(.enhanceYourCalm)
    case .sent, .breaking, .refused, .over: break
    }
  }

  /// The session has reset the stream: more waits than it keeps, or the client takes nothing.
  private func cutOff(_ answering: any Answering) {
    loop.counters.broken += 1
    state = .over
    release()
    answering.clientLeft()
  }

  /// Sends a part of an answer; whether the stream took it.
  @discardableResult
  private func write(_ reply: HTTPReply) -> Bool {
    let isEnd = reply.end == .complete
    if let head = reply.head {
      loop.counters.answered(status: head.status)
      var fields = head.fields.map { HeaderField($0.name, $0.value) }
      fields.append(HeaderField("date", loop.date))
      fields.append(HeaderField("x-request-id", requestID))
      if isEnd { fields.append(HeaderField("content-length", "\(reply.body.count)")) }
      stream.respond(status: head.status, headers: fields)
    }
    let body = isBodyless ? [] : reply.body
    stream.send(body, end: isEnd || isBodyless)
    // What is queued leaves at the end of this turn at the earliest; a stream that was reset has nothing queued.
    return stream.outstanding >= body.count
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

  /// Resets the stream if all that was to come has left, which is delivered then.
  private func breakIfSent() {
    guard case .breaking(let answering) = state, !stream.isClosed, stream.outstanding == 0 else {
      return
    }
    answering.delivered()
    reset(.internalError)
  }

  private func reset(_ code: HTTP2ErrorCode) {
    state = .over
    stream.reset(code)
  }

  private func release() {
    guard heldBodyBytes > 0 else { return }
    loop.release(heldBodyBytes, of: address)
    heldBodyBytes = 0
  }

  // MARK: Times

  /// Ends what has lasted too long.
  func tick(now: UInt64) {
    switch state {
    case .reading: if now >= deadline { end(with: .tooSlow("body")) }
    case .waiting:
      serveIfRoom()
      if case .waiting = state, now >= deadline { end(with: .untaken) }
    case .answering(let answering): answering.tick(now: now)
    case .breaking:
      breakIfSent()
      if case .breaking = state, now >= deadline { reset(.internalError) }
    case .refused: if now >= deadline { reset(.noError) }
    case .due, .sent, .over: break
    }
  }
}

extension HTTPRefusal {
  /// The client has as many answers as its connection may and does not read them.
  fileprivate static var untaken: HTTPRefusal {
    HTTPRefusal(
      .overloaded, "the connection's earlier answers are not taken", retryAfterMs: 1_000)
  }
}
