internal import NIOCore
internal import NIOHTTP1
internal import NIOTLS

/// One connection to an engine, with a request on it or none.
///
/// ```
/// connected ──under TLS greeted──► open ──► closed
///    └── no greeting ──► closed
/// ```
/// All bytes of a body that one read brings are handed on as one: engines write a chunk a token.
final class EngineConnection: ChannelDuplexHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundIn = HTTPClientRequestPart
  typealias OutboundOut = HTTPClientRequestPart

  private let client: EngineClient
  private let channel: any Channel
  private let isSecure: Bool
  /// Told once that it is open, or why it is not.
  private var opened: (((any Error)?) -> Void)?
  private var context: ChannelHandlerContext?
  private var exchange: HTTPExchange?
  private var hasBegun = false
  private var keepsAlive = false
  private var gathered: [UInt8] = []
  /// Reading is held back until `resume`; whether the channel wanted to read meanwhile.
  private var isPaused = false
  private var wantsRead = false
  /// Since when it waits for a request; nil if it does not.
  var idleSince: NIODeadline?

  init(of client: EngineClient, on channel: any Channel, isSecure: Bool) {
    self.client = client
    self.channel = channel
    self.isSecure = isSecure
  }

  var whenClosed: EventLoopFuture<Void> { channel.closeFuture }

  /// Calls `opened` once requests may be sent, or with why none may; asked when it is connected, before anything has come.
  func whenOpen(_ opened: @escaping ((any Error)?) -> Void) {
    if isSecure { self.opened = opened } else { opened(nil) }
  }

  private func tell(_ error: (any Error)?) {
    guard let opened else { return }
    self.opened = nil
    opened(error)
  }

  /// Sends a request; its answer goes to the exchange's reader.
  func begin(_ exchange: HTTPExchange, headers: HTTPHeaders, path: String) {
    self.exchange = exchange
    hasBegun = false
    guard let context else { return lose(nil) }
    let head = HTTPRequestHead(
      version: .http1_1, method: exchange.request.method, uri: path, headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if let body = exchange.request.body {
      let buffer = channel.allocator.buffer(bytes: body)
      context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }

  /// Closes without a word to anybody.
  func abandon() {
    exchange = nil
    opened = nil
    client.closed(self)
    shut()
  }

  /// Closes; the request that is on it fails.
  func shutDown() {
    lose(nil)
    shut()
  }

  /// Under TLS the peer's last word is read, which comes behind what it has still to say.
  private func shut() {
    resume()
    channel.close(promise: nil)
  }

  func pause() { isPaused = true }

  func resume() {
    isPaused = false
    guard wantsRead else { return }
    wantsRead = false
    context?.read()
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    close(nil)
    self.context = nil
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .handshakeCompleted = event as? TLSUserEvent { tell(nil) }
    context.fireUserInboundEventTriggered(event)
  }

  func read(context: ChannelHandlerContext) {
    if isPaused { wantsRead = true } else { context.read() }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard let exchange else {
      // Bytes that nobody asked for: the connection is not to be trusted with a request.
      return abandon()
    }
    switch unwrapInboundIn(data) {
    case .head(let head):
      hasBegun = true
      keepsAlive = head.isKeepAlive && head.status != .switchingProtocols
      exchange.reader?.received(head)
    case .body(let buffer): gathered += buffer.readableBytesView
    case .end:
      deliver()
      guard self.exchange === exchange else { return }
      self.exchange = nil
      resume()
      client.finished(exchange, on: self, keepsAlive: keepsAlive && isSent)
    }
  }

  /// Whether the request has left: an answer may come before, and then the rest of the request would precede the next.
  private var isSent: Bool {
    (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) == 0
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    deliver()
    context.fireChannelReadComplete()
  }

  func channelInactive(context: ChannelHandlerContext) {
    close(nil)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    close(error)
    context.close(promise: nil)
  }

  private func deliver() {
    guard !gathered.isEmpty else { return }
    let bytes = gathered
    gathered = []
    exchange?.reader?.received(bytes)
  }

  /// It ends, with an error or in order; no request is to find it from now on.
  private func close(_ error: (any Error)?) {
    client.closed(self)
    tell(error ?? ChannelError.eof)
    lose(error)
  }

  private func lose(_ error: (any Error)?) {
    deliver()
    guard let exchange else { return }
    self.exchange = nil
    client.lost(exchange, error, hasBegun: hasBegun)
  }
}
