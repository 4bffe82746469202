internal import ExchangeTypes
internal import HTTP2Session
internal import Identity
internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// What the custom verification of one handshake found; on the connection's loop only.
final class Verification {
  var result: Result<PeerCertificate, PeerRefusal>?
}

/// Carries one connection from the socket to its `Link`: handshake, identity, then bytes.
///
/// ```
/// connecting ──active (plaintext)─────────────► settling ──peer's SETTINGS──► up
///     └────────handshake completed (TLS)──────────┘
///     └── any error, silence ──► over (the attempt has failed)
/// ```
final class LinkHandler: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private enum State {
    case connecting
    case settling(Link)
    case up(Link)
    case over
  }

  private let role: HTTP2Session.Role
  private let security: LinkSecurity
  private let settings: LinkSettings
  private let authority: String
  private let verification: Verification
  private let turns: LoopTurns?
  private let makeDelegate: (Link) -> any LinkDelegate
  /// Called at most once, if no link comes of the connection.
  private let failed: (TransportError) -> Void
  private var state = State.connecting
  private var limit: Scheduled<Void>?

  init(
    role: HTTP2Session.Role, security: LinkSecurity, settings: LinkSettings, authority: String,
    verification: Verification, turns: LoopTurns?,
    makeDelegate: @escaping (Link) -> any LinkDelegate,
    failed: @escaping (TransportError) -> Void
  ) {
    self.role = role
    self.security = security
    self.settings = settings
    self.authority = authority
    self.verification = verification
    self.turns = turns
    self.makeDelegate = makeDelegate
    self.failed = failed
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    limit = context.eventLoop.scheduleTask(in: .milliseconds(settings.handshakeMilliseconds)) {
      let (handler, context) = bound.value
      handler.fail(
        .handshakeTimeout(milliseconds: handler.settings.handshakeMilliseconds), context)
    }
    if context.channel.isActive { startIfPlaintext(context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { limit?.cancel() }

  func channelActive(context: ChannelHandlerContext) {
    startIfPlaintext(context)
    context.fireChannelActive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent {
      completeHandshake(context, negotiated: negotiated)
    }
    context.fireUserInboundEventTriggered(event)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch state {
    case .settling(let link), .up(let link): link.receive(unwrapInboundIn(data))
    case .connecting, .over: break
    }
  }

  /// Nothing more is read of a peer who has sent more than a turn of the loop is for; the link asks again.
  func read(context: ChannelHandlerContext) {
    switch state {
    case .settling(let link), .up(let link): if !link.isBehind { context.read() }
    case .connecting, .over: context.read()
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    switch state {
    case .settling(let link), .up(let link): link.readComplete()
    case .connecting, .over: break
    }
    context.fireChannelReadComplete()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    switch state {
    case .settling(let link), .up(let link): link.writabilityChanged()
    case .connecting, .over: break
    }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    switch state {
    case .up(let link): link.lost(.closedByPeer)
    case .settling(let link): fail(reason(for: link.end ?? .closedByPeer), context)
    case .connecting: fail(reason(for: LinkEnd.closedByPeer), context)
    case .over: break
    }
    state = .over
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch state {
    case .up(let link):
      // A peer that closes without close_notify has closed: frames, not TLS, say what is complete.
      if case .uncleanShutdown? = error as? NIOSSLError {
        link.lost(.closedByPeer)
      } else {
        link.lost(.broken(reason: String(describing: error)))
      }
      context.close(promise: nil)
    // A link that has ended knows why; that its peer then resets the connection does not matter.
    case .settling(let link): fail(reason(for: link.end ?? error), context)
    case .connecting: fail(reason(for: error), context)
    case .over: context.close(promise: nil)
    }
  }

  private func startIfPlaintext(_ context: ChannelHandlerContext) {
    guard case .plaintext = security.kind, case .connecting = state else { return }
    start(context, peer: nil)
  }

  private func completeHandshake(_ context: ChannelHandlerContext, negotiated: String?) {
    guard case .connecting = state else { return }
    guard negotiated == "h2" else { return fail(.notHTTP2, context) }
    switch identify(context) {
    case .success(let peer): start(context, peer: peer)
    case .failure(let error): fail(error, context)
    }
  }

  /// A resumed session skips the verification callback: its certificate is checked here.
  private func identify(
    _ context: ChannelHandlerContext
  ) -> Result<PeerCertificate?, TransportError> {
    do {
      if let result = verification.result { return .success(try result.get()) }
      guard !security.isPlaintext else { return .success(nil) }
      let tls = try context.pipeline.syncOperations.handler(type: NIOSSLHandler.self)
      guard let certificate = tls.peerCertificate else {
        return security.demandsCertificate(asServer: role == .server)
          ? .failure(.noCertificate) : .success(nil)
      }
      return .success(try security.verify([certificate], now: settings.wallClock()))
    } catch let refusal as PeerRefusal {
      return .failure(.untrusted(refusal))
    } catch {
      return .failure(.handshakeFailed(reason: String(describing: error)))
    }
  }

  private func start(_ context: ChannelHandlerContext, peer: PeerCertificate?) {
    let link: Link
    do {
      link = try Link(
        channel: context.channel, role: role, certificate: peer, authority: authority,
        isPlaintext: security.isPlaintext, settings: settings,
        turns: turns, isHeldBack: role == .server && peer?.identity.role != .coordinator)
    } catch {
      return fail(.handshakeFailed(reason: String(describing: error)), context)
    }
    state = .settling(link)
    link.start { [unowned self, unowned link] in
      guard case .settling = state else { return }
      state = .up(link)
      limit?.cancel()
      limit = nil
      link.start(delegate: makeDelegate(link))
    }
  }

  private func fail(_ error: TransportError, _ context: ChannelHandlerContext) {
    switch state {
    case .up, .over: return
    case .settling(let link): link.lost(.broken(reason: String(describing: error)))
    case .connecting: break
    }
    state = .over
    limit?.cancel()
    limit = nil
    failed(error)
    context.close(promise: nil)
  }

  /// What a handshake error means: our refusal, theirs, or something else.
  private func reason(for error: any Error) -> TransportError {
    if case .failure(let refusal)? = verification.result { return .untrusted(refusal) }
    if case .failed(let failure)? = error as? LinkEnd {
      return failure == .notHTTP2 ? .notHTTP2 : .sessionFailed(failure)
    }
    let text = String(describing: error)
    if text.contains("PEER_DID_NOT_RETURN_A_CERTIFICATE") { return .noCertificate }
    // BoringSSL's text: `…:SSL routines:OPENSSL_internal:TLSV1_ALERT_UNKNOWN_CA at file:line`.
    if let alert = text.firstRange(of: "_ALERT_") {
      return .refusedByPeer(reason: String(text[alert.upperBound...].prefix { $0 != " " }))
    }
    if error is LinkEnd || error is IOError || isEndOfFile(error) {
      return .endedInHandshake(reason: text)
    }
    return .handshakeFailed(reason: text)
  }

  /// Whether a handshake failed since the peer closed its connection.
  private func isEndOfFile(_ error: any Error) -> Bool {
    guard case .handshakeFailed(.sslError(let stack))? = error as? NIOSSLError else { return false }
    return stack == [.eofDuringHandshake]
  }
}
