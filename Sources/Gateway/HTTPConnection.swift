internal import DequeModule
internal import ExchangeTypes
internal import JobDispatch
internal import NIOCore
internal import NIOHTTP1
internal import Transport

/// One client's connection: one request after another, each answered before the next is read.
///
/// ```
/// idle ──head──► reading ──end of the body──► due ──its turn──► answering ──answered──► idle
///  │               │ too large, too slow: answered, the connection ends               │
///  └───────────────┴─────────────────► lingering ──peer's end, or 2 s──► closed ──────┘
/// ```
/// While it answers it reads nothing, so a client that sends ahead is held by its own socket. A client that ends
/// its side has gone: no server can tell the two apart. Everything happens on the connection's loop; whoever holds the
/// channel ends in `channelInactive`.
final class HTTPConnection: ChannelInboundHandler, RequestSource, ClientConnection {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = ByteBuffer

  private enum State {
    /// Waits for a request's head.
    case idle
    /// The head has come, and a part of the body.
    case reading(HTTPRequest)
    /// The whole request has come.
    case due(HTTPRequest)
    case answering(any Answering)
    /// The last answer is on its way, and what still comes is dropped.
    case lingering
    /// It is being closed, or is.
    case closed
  }

  private let loop: GatewayLoop
  private let watch: ProgressWatch
  private var context: ChannelHandlerContext?
  private var state = State.idle
  /// How the present answer is written, or the last: in place, since each token of a stream is a part of one.
  private var framing = ResponseFraming(closingWith: "")
  /// Why the connection is not served at all.
  private var refusal: HTTPRefusal?
  /// Parts of requests that came before their turn.
  private var pending: Deque<HTTPServerRequestPart> = []
  /// More came ahead than is kept: the connection ends once what is kept has been answered.
  private var hasDropped = false
  /// Whether a request has been answered.
  private var hasServed = false
  private var isTaking = false
  /// Whether something is written that has not been flushed: it is at the end of the turn.
  private var hasUnsent = false
  private var isDraining = false
  /// When the present state has lasted too long, in monotonic milliseconds.
  private var deadline: UInt64
  /// Whether the client takes what is sent.
  private var reader = StallWatch()
  /// Whose it is; kept, since a socket that has ended does not know any more.
  private(set) var address = AddressPrefix(nil)
  /// Bytes of a body that count against the loop's budget.
  private(set) var heldBodyBytes = 0

  init(loop: GatewayLoop, watch: ProgressWatch, refusal: HTTPRefusal?) {
    self.loop = loop
    self.watch = watch
    self.refusal = refusal
    deadline = loop.now + loop.limits.headMilliseconds
  }

  // MARK: The channel

  func handlerAdded(context: ChannelHandlerContext) {
    // After a handshake of TLS the connection is there already.
    if context.channel.isActive { begin(context) }
  }

  func channelActive(context: ChannelHandlerContext) { begin(context) }

  private func begin(_ context: ChannelHandlerContext) {
    self.context = context
    address = AddressPrefix(context.remoteAddress)
    loop.add(self)
    if let refusal { return end(with: refusal) }
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    watch.progressed()
    switch state {
    case .lingering, .closed: return
    case .idle, .reading, .due, .answering: break
    }
    guard pending.count < loop.limits.pipelinedPartsMax else {
      hasDropped = true
      return
    }
    guard !hasDropped else { return }
    pending.append(Self.unwrapInboundIn(data))
    takePending()
  }

  func channelReadComplete(context: ChannelHandlerContext) { readOn() }

  /// Reads on, where what comes next has its turn.
  private func readOn() {
    switch state {
    case .idle: if pending.isEmpty { context?.read() }
    case .reading, .lingering: context?.read()
    case .due, .answering, .closed: break
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    let isWritable = context.channel.isWritable
    if case .answering(let answering) = state { answering.setReading(isWritable) }
    guard isWritable else { return }
    takePending()
    readOn()
  }

  func channelInactive(context: ChannelHandlerContext) {
    let last = state
    state = .closed
    self.context = nil
    pending = []
    release()
    loop.remove(self)
    if case .answering(let answering) = last { answering.clientLeft() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch state {
    case .idle, .reading:
      guard let error = error as? HTTPParserError else { return abort() }
      end(
        with: error == .headerOverflow
          ? HTTPRefusal(
            .headerTooLarge,
            "at most \(loop.limits.headerFieldsMax) header fields of \(loop.limits.headerBytesMax) bytes in all"
          )
          : HTTPRefusal(.malformedRequest, "this is not HTTP/1.1: \(error)"))
    case .due, .answering:
      // What came behind the request is no HTTP, or the socket broke: the connection ends after the answer, or has.
      if error is HTTPParserError { hasDropped = true } else { abort() }
    case .lingering, .closed:
      // The decoder complains of all that still comes, which nobody reads: the answer is to arrive.
      if error is IOError || error is ChannelError { context.close(promise: nil) }
    }
  }

  // MARK: Requests

  private func takePending() {
    guard !isTaking else { return }
    isTaking = true
    defer { isTaking = false }
    while let part = pending.first {
      switch (state, part) {
      case (.idle, .head(let head)):
        // What a slow reader has asked for before waits for it: no answer is made that it does not take.
        guard context?.channel.isWritable == true else { return }
        pending.removeFirst()
        begin(head)
      case (.reading(let request), .body(let bytes)):
        pending.removeFirst()
        do throws(HTTPRefusal) {
          if request.keepsBody {
            try loop.hold(bytes.readableBytes, of: address)
            heldBodyBytes += bytes.readableBytes
          }
          try request.append(bytes.readableBytesView)
        } catch {
          end(with: error)
        }
      case (.reading(let request), .end):
        pending.removeFirst()
        state = .due(request)
        loop.serve(request, on: self)
      case (.due, _), (.answering, _): return
      default: pending.removeFirst()
      }
    }
    guard hasDropped else { return }
    switch state {
    case .idle: linger()
    case .reading: end(with: .cutShort)
    case .due, .answering, .lingering, .closed: break
    }
  }

  private func begin(_ head: HTTPRequestHead) {
    let request = HTTPRequest(head, limits: loop.limits, drawnID: loop.drawRequestID())
    state = .reading(request)
    deadline = loop.now + loop.limits.bodyMilliseconds
    if let refusal = request.fatal { return end(with: refusal) }
    guard request.awaitsContinue else { return }
    // A client that waits for a word is not made to send what will be refused.
    if case .failure(let refusal) = request.call { return end(with: refusal) }
    write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
  }

  private func release() {
    guard heldBodyBytes > 0 else { return }
    loop.release(heldBodyBytes, of: address)
    heldBodyBytes = 0
  }

  func giveUpBodies(_ refusal: HTTPRefusal) {
    // Once it is being answered, nothing else can be said.
    if case .reading = state { end(with: refusal) } else { abort() }
  }

  func releaseBody(of answering: any Answering) {
    if case .answering(let current) = state, current === answering { release() }
  }

  // MARK: Answers

  func awaits(_ request: HTTPRequest) -> Bool {
    if case .due(let due) = state { due === request } else { false }
  }

  func answer(_ request: HTTPRequest, with answering: any Answering) {
    guard case .due = state else { return }
    framing = ResponseFraming(to: request)
    if isDraining { framing.close() }
    state = .answering(answering)
    loop.counters.begin(request)
  }

  func send(_ reply: HTTPReply, from answering: any Answering) {
    guard case .answering(let current) = state, current === answering, !reply.isEmpty, let context
    else { return }
    if isDraining || (hasDropped && pending.isEmpty) { framing.close() }
    var buffer = context.channel.allocator.buffer(
      capacity: reply.body.count + (reply.head == nil ? 32 : 512))
    framing.write(reply, date: loop.date, to: &buffer)
    if let head = reply.head { loop.counters.answered(status: head.status) }
    switch reply.end {
    case .open where framing.isBodyless:
      // Nobody waits for what would follow the head.
      write(buffer)
      answered(keepsAlive: framing.keepsAlive)
      answering.clientLeft()
    case .open: write(buffer)
    case .complete:
      write(buffer, promise: delivery(of: answering, on: context.eventLoop))
      answered(keepsAlive: framing.keepsAlive)
    case .broken:
      loop.counters.broken += 1
      close(after: buffer, promise: delivery(of: answering, on: context.eventLoop))
    }
  }

  /// Kept once the last part of an answer has left, which is delivered then.
  private func delivery(
    of answering: any Answering, on eventLoop: any EventLoop
  ) -> EventLoopPromise<Void> {
    let promise = eventLoop.makePromise(of: Void.self)
    let bound = NIOLoopBound(answering, eventLoop: eventLoop)
    promise.futureResult.whenSuccess { bound.value.delivered() }
    return promise
  }

  private func answered(keepsAlive: Bool) {
    release()
    hasServed = true
    guard keepsAlive, !isDraining else { return linger() }
    state = .idle
    deadline = loop.now + loop.limits.idleMilliseconds
    takePending()
    readOn()
  }

  /// Answers what cannot be served, and ends the connection.
  private func end(with refusal: HTTPRefusal) {
    guard let context else { return }
    var framing = ResponseFraming(closingWith: loop.drawRequestID())
    if case .reading(let request) = state {
      framing = ResponseFraming(to: request)
      framing.close()
    }
    var buffer = context.channel.allocator.buffer(capacity: 512)
    framing.write(refusal.reply, date: loop.date, to: &buffer)
    loop.counters.answered(status: refusal.status)
    // Its message may quote what was asked, which is for no log.
    loop.refusals.note(
      "connection ended", from: "\(address)", kind: "http_\(refusal.name)",
      "what it asked is answered with \(refusal.status)")
    write(buffer)
    linger()
  }

  /// Ends our side, and drops what still comes: a socket that is closed with unread bytes would take the answer
  /// back.
  private func linger() {
    release()
    pending = []
    state = .lingering
    deadline = loop.now + loop.limits.lingerMilliseconds
    guard let context else { return }
    flush()
    context.close(mode: .output, promise: nil)
    context.read()
  }

  /// Ends the connection once `buffer` has left, or has not within the time of a stalled reader.
  private func close(after buffer: ByteBuffer, promise: EventLoopPromise<Void>) {
    release()
    pending = []
    state = .lingering
    deadline = loop.now + loop.limits.lingerMilliseconds
    guard let context else { return promise.fail(ChannelError.ioOnClosedChannel) }
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    promise.futureResult.whenComplete { _ in bound.value.close(promise: nil) }
    write(buffer, promise: promise)
  }

  func write(_ buffer: ByteBuffer, promise: EventLoopPromise<Void>? = nil) {
    guard let context else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    reader.wrote(buffer.readableBytes)
    context.write(Self.wrapOutboundOut(buffer), promise: promise)
    guard !hasUnsent else { return }
    hasUnsent = true
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.eventLoop.execute { bound.value.flush() }
  }

  /// Sends what this turn of the loop has brought, in one write: a short answer's beginning and end come together.
  private func flush() {
    guard hasUnsent else { return }
    hasUnsent = false
    context?.flush()
  }

  // MARK: Times

  func tick(now: UInt64) {
    // Under TLS what has not been flushed is not among the bytes that wait.
    flush()
    if case .closed = state { return }
    if reader.hasStalled(
      for: loop.limits.stallMilliseconds, now: now, outstanding: outstanding)
    {
      loop.counters.stalled += 1
      loop.refusals.note(
        "connection ended", from: "\(address)", kind: "stalled",
        "it takes nothing of what waits for it")
      return abort()
    }
    if reader.isWaitedFor {
      // The time after an answer begins when all of it has left: until then it is the reader's.
      switch state {
      case .idle: deadline = now + loop.limits.idleMilliseconds
      case .lingering: deadline = now + loop.limits.lingerMilliseconds
      case .reading, .due, .answering, .closed: break
      }
    }
    switch state {
    case .closed: break
    case .answering(let answering): answering.tick(now: now)
    case .lingering: if now >= deadline { abort() }
    case .idle:
      guard now >= deadline else { return }
      // An idle connection is just closed: an answer that nobody asked for could be taken for that of the next request.
      if hasServed { abort() } else { end(with: .tooSlow("head")) }
    case .reading: if now >= deadline { end(with: .tooSlow("body")) }
    case .due: break
    }
  }

  /// Bytes that wait for the client to take them; a channel that has closed has none.
  var outstanding: Int {
    if case .closed = state { return 0 }
    guard let options = context?.channel.syncOptions else { return 0 }
    do { return try options.getOption(.bufferedWritableBytes) } catch { return 0 }
  }

  func drain() {
    isDraining = true
    if case .idle = state { linger() }
  }

  /// Ends the connection; under TLS its end takes a moment, and what still comes meanwhile is dropped.
  func abort() {
    guard let context else { return }
    flush()
    let last = state
    state = .closed
    pending = []
    release()
    context.close(promise: nil)
    if case .answering(let answering) = last { answering.clientLeft() }
  }
}

extension HTTPRefusal {
  /// A part of a request that took too long.
  static func tooSlow(_ part: String) -> HTTPRefusal {
    HTTPRefusal(.requestTimeout, "the request's \(part) did not arrive in time")
  }

  /// A request that was sent ahead, of which the end is missing and will not come.
  fileprivate static var cutShort: HTTPRefusal {
    HTTPRefusal(
      .requestTimeout,
      "the request was not kept whole: too much was sent ahead, or what came with it is no HTTP")
  }
}
