public import ExchangeTypes
internal import HTTP2Session
public import Identity
public import JobDispatch
internal import NIOCore
public import Transport
public import WireProtocol

/// Told what happens to a link between two nodes, on its loop.
public protocol NodeLinkOwner: AnyObject {
  /// The handshake is done: streams may be opened.
  func established(_ link: NodeLink, with remote: RemoteNode)
  /// The peer opened a stream. Return who owns the channel.
  func accepted(
    _ channel: LinkChannel, for service: Service, authorization: String, on link: NodeLink
  ) -> any MessageChannelOwner
  /// The peer says who leads.
  func heard(_ notice: LeaderNotice, on link: NodeLink)
  /// The peer says which coordinators are revoked.
  func heard(_ notice: RevocationNotice, on link: NodeLink)
  /// The peer will close the link once its streams have ended: open new ones elsewhere.
  func draining(_ link: NodeLink)
  /// A peer with this certificate greets: say why it is not wanted, or nil.
  func refusal(of certificate: PeerCertificate, on link: NodeLink) -> Failure?
  /// The link is over, after all its channels: the last call.
  func closed(_ link: NodeLink, _ end: NodeLinkEnd)
}

extension NodeLinkOwner {
  /// Most nodes open streams and accept none: dialing sides.
  public func accepted(
    _ channel: LinkChannel, for service: Service, authorization: String, on link: NodeLink
  ) -> any MessageChannelOwner { Refusing(channel) }

  /// Coordinators know by themselves who is revoked.
  public func heard(_ notice: RevocationNotice, on link: NodeLink) {}

  /// Most nodes take every peer whose certificate is good.
  public func refusal(of certificate: PeerCertificate, on link: NodeLink) -> Failure? { nil }
}

/// One connection between two nodes, from its first byte to its last.
///
/// What its two sides refuse each other for, and what the peer sends that it may not, is noted here, whichever side dialed.
public final class NodeLink {
  /// Times of a link, in milliseconds.
  public struct Timing: Sendable {
    /// Until the peer has said who it is.
    public var greeting: Int64 = 5_000
    /// Between two pings of the dialing side.
    public var pingInterval: Int64 = 2_000
    /// A peer that has answered no ping for this long is gone.
    public var pingTimeout: Int64 = 6_000
    /// How long a stranger's link may have no stream that says anything.
    public var strangerIdle: Int64 = 60_000
    /// How long a stranger's message may take from its first byte to its last.
    public var strangerMessage: Int64 = 30_000

    /// The defaults.
    public init() {}
  }

  enum State {
    case dialing
    case greeting(Link, LinkChannel?)
    case up(Link, LinkChannel)
    /// Streams end, none begin; the control channel may be gone.
    case draining(Link)
    case closed
  }

  /// Who is at the other end, once that is known.
  public private(set) var remote: RemoteNode?
  /// Where everything about the link is called.
  public let loop: LinkLoop
  /// The peer's address, for logs.
  public let address: String
  let local: LocalNode
  let accepting: [NodeRole]
  let timing: Timing
  private let refusals: RefusalLog
  var state: State
  private var owner: (any NodeLinkOwner)?
  private var initiator: InitiatorHandshake?
  private var responder: ResponderHandshake?
  private var greetingTimer: Scheduled<Void>?
  private var pingTimer: RepeatedTask?
  private var pongAt: UInt64 = 0
  private var nonce: UInt64 = 0
  /// The peer's certificate, once the connection is there; nil for a stranger, and in plaintext.
  public private(set) var certificate: PeerCertificate?
  /// Why this side ends the link, once it has decided to.
  private var ending: NodeLinkEnd?
  private lazy var control = ControlStream(self)
  /// What every channel of this link tells: made once, since a link has thousands of channels in a second.
  private lazy var whenViolated: (Failure) -> Void = { [weak self] in self?.violated($0) }
  /// What the peer may say on the control stream, where a ping in two seconds is usual: a frame of HTTP/2 holds a thousand.
  private var controlBudget = TokenBucket(RateBudget(100), now: LinkLoop.now)
  /// Bounds what the peer of an accepted link leaves unfinished.
  private let streams: AcceptedStreams
  /// Looks after a stranger, of whom no other bound is an end in time.
  private var strangerTimer: RepeatedTask?

  /// The dialing side's.
  init(
    dialing address: String, as local: LocalNode, timing: Timing, loop: LinkLoop,
    refusals: RefusalLog, owner: any NodeLinkOwner
  ) {
    self.address = address
    self.local = local
    self.timing = timing
    self.loop = loop
    self.owner = owner
    self.refusals = refusals
    accepting = []
    streams = AcceptedStreams(bytesMax: 0, of: AddressPrefix(nil))
    state = .dialing
    initiator = InitiatorHandshake(local: local)
  }

  private init(
    accepted link: Link, as local: LocalNode, accepting: [NodeRole], timing: Timing,
    among strangers: StrangersBytes?, refusals: RefusalLog, owner: any NodeLinkOwner
  ) {
    address = link.remoteAddress
    self.refusals = refusals
    certificate = link.certificate
    self.local = local
    self.accepting = accepting
    self.timing = timing
    loop = link.loop
    self.owner = owner
    state = .greeting(link, nil)
    streams = AcceptedStreams(
      bytesMax: link.limits.unfinishedBytesMax, among: strangers, of: link.remotePrefix)
    responder = ResponderHandshake(local: local, accepting: accepting)
  }

  /// Turns a connection that a listener accepted into a link.
  ///
  /// - Parameters:
  ///   - link: the connection.
  ///   - local: what this node says of itself.
  ///   - accepting: the roles that may be at the other end; a certificate narrows them.
  ///   - isPlaintext: whether the listener has no TLS, so that nobody has a certificate.
  ///   - timing: times of the link.
  ///   - strangers: what all who have no certificate, where there is TLS, may leave unfinished together.
  ///   - refusals: where what is refused, and what peers do wrong, is counted and logged.
  ///   - owner: told what happens.
  /// - Returns: the connection's delegate.
  public static func accept(
    _ link: Link, as local: LocalNode, accepting: [NodeRole], isPlaintext: Bool,
    timing: Timing = Timing(), among strangers: StrangersBytes = StrangersBytes(),
    refusals: RefusalLog, owner: any NodeLinkOwner
  ) -> any LinkDelegate {
    let roles: [NodeRole]
    if let peer = link.peer {
      roles = accepting.filter { $0 == peer.role }
    } else {
      roles = isPlaintext ? accepting : accepting.filter { $0 == .client }
    }
    let isStranger = link.peer == nil && !isPlaintext
    let node = NodeLink(
      accepted: link, as: local, accepting: roles, timing: timing,
      among: isStranger ? strangers : nil, refusals: refusals, owner: owner)
    node.armGreeting()
    if isStranger { node.watchStranger() }
    return Delegate(node)
  }

  // MARK: For owners

  /// Opens a stream of a service; only the dialing side may.
  ///
  /// A link that cannot gives a channel that ends by itself, after this has returned.
  ///
  /// - Parameters:
  ///   - service: what for.
  ///   - authorization: the header's value, `Bearer sy_…`.
  ///   - owner: told what arrives; held until the channel has ended.
  /// - Returns: the channel, ready for `send`.
  public func openStream(
    _ service: Service, authorization: String? = nil, owner: any MessageChannelOwner
  ) -> LinkChannel {
    let channel = LinkChannel(opening: service, owner: owner)
    if case .up(let link, _) = state {
      open(channel, service, authorization, on: link)
    } else {
      endSoon(channel)
    }
    return channel
  }

  /// Calls `body` once the loop's other connections have had their turn; dropped where the link has ended.
  public func wait(_ body: @escaping () -> Void) {
    switch state {
    case .greeting(let link, _), .up(let link, _), .draining(let link): link.wait(body)
    case .dialing, .closed: break
    }
  }

  /// Tells the peer who leads.
  public func tell(_ notice: LeaderNotice) {
    if case .up(_, let control) = state { control.send(notice) }
  }

  /// Tells the peer which coordinators are revoked, if it understands that.
  public func tell(_ notice: RevocationNotice) {
    guard case .up(_, let control) = state,
      remote?.features.contains(LocalNode.revocationNotices) == true
    else { return }
    control.send(notice)
  }

  /// Ends the link at once, because the other side has turned out to be none to talk to.
  public func distrust(_ failure: Failure) {
    note("a peer is not trusted", failure)
    if case .up(_, let control) = state { control.send(failure) }
    close(.distrusted(failure))
  }

  /// Opens no more streams, and closes the link when those that are open have ended.
  public func drain(reason: String) {
    switch state {
    case .up(let link, let channel):
      state = .draining(link)
      stopTimers()
      channel.send(Goodbye(reason: reason))
      channel.finish()
      link.drain()
    case .dialing, .greeting: close()
    case .draining, .closed: break
    }
  }

  /// Ends the link at once.
  public func close() { close(.orderly) }

  func close(_ end: NodeLinkEnd) {
    if ending == nil { ending = end }
    switch state {
    case .dialing: finished(end)
    case .greeting(let link, _), .up(let link, _), .draining(let link): link.close()
    case .closed: break
    }
  }

  // MARK: From the transport

  func connected(_ link: Link) {
    guard case .dialing = state else { return link.close() }
    certificate = link.certificate
    let channel = LinkChannel(opening: .control, owner: control)
    state = .greeting(link, channel)
    open(channel, .control, nil, on: link)
    if let hello = initiator?.hello { channel.send(hello) }
    armGreeting()
  }

  func couldNotConnect(_ error: TransportError) {
    guard case .dialing = state else { return }
    finished(NodeLinkEnd(error))
  }

  func lost(_ end: Transport.LinkEnd) {
    switch end {
    case .drained, .closedHere: finished(ending ?? .orderly)
    default: finished(ending ?? .broke(end.description))
    }
  }

  func peerDrains() {
    guard case .up(let link, let channel) = state else { return }
    state = .draining(link)
    stopTimers()
    channel.finish()
    owner?.draining(self)
    link.drain()
  }

  func accepted(_ stream: LinkStream, headers: [HeaderField], on link: Link) -> (any StreamHandler)?
  {
    guard let service = headers.first(":path").flatMap(Service.init(rawValue:)) else {
      stream.respond(status: 404)
      stream.end()
      return Discarding()
    }
    switch state {
    case .greeting(let link, nil) where service == .control:
      let channel = LinkChannel(accepting: stream, service: .control, among: streams)
      channel.whenViolated = whenViolated
      channel.begin(owner: control)
      state = .greeting(link, channel)
      stream.respond(status: 200)
      return channel
    case .up where service != .control:
      guard let owner, let remote else { return nil }
      guard service.initiators.contains(remote.role) else {
        violated(Failure(.wrongRole, "a \(remote.role) may not open \(service.rawValue)"))
        return nil
      }
      let channel = LinkChannel(accepting: stream, service: service, among: streams)
      channel.whenViolated = whenViolated
      stream.respond(status: 200)
      channel.begin(
        owner: owner.accepted(
          channel, for: service, authorization: headers.first("authorization") ?? "", on: self))
      return channel
    default: return nil
    }
  }

  private func violated(_ failure: Failure) { note("a stream is ended", failure) }

  private func note(_ what: String, _ failure: Failure) {
    refusals.note(what, from: address, failure)
  }

  // MARK: The control stream

  func received(_ message: Message, on channel: LinkChannel) {
    guard ending == nil else { return }
    switch state {
    case .greeting(let link, _): greeted(message, link, channel)
    case .up:
      guard controlBudget.take(now: loop.now) else {
        let failure = Failure(.overloaded, "more on the control stream than a link has use for")
        violated(failure)
        return close(.broke(failure.message))
      }
      switch message {
      case .ping(let ping): channel.send(Pong(nonce: ping.nonce))
      case .pong: pongAt = loop.now
      case .leaderNotice(let notice): owner?.heard(notice, on: self)
      case .revocationNotice(let notice): owner?.heard(notice, on: self)
      case .goodbye: peerDrains()
      case .failure(let failure): refused(failure)
      default:
        let name = type(of: message.content).kind.name
        let failure = Failure(.malformedRequest, "\(name) after the handshake")
        violated(failure)
        close(.broke(failure.message))
      }
    case .dialing, .draining, .closed: break
    }
  }

  func controlClosed() {
    switch state {
    case .greeting, .up: close(.broke("the control stream ended"))
    case .dialing, .draining, .closed: break
    }
  }

  private func greeted(_ message: Message, _ link: Link, _ channel: LinkChannel) {
    if var handshake = initiator {
      let objection = handshake.receive(message)
      initiator = handshake
      switch handshake.state {
      case .waiting: break
      case .established(let remote):
        if let failure = refusal(of: remote) {
          refuse(failure, channel)
          close()
        } else {
          establish(remote, link, channel)
        }
      case .refused(let failure) where objection == nil:
        channel.finish()
        refused(failure)
      case .refused(let failure):
        refuse(failure, channel)
        close()
      }
    } else if var handshake = responder {
      let answer = handshake.receive(message)
      responder = handshake
      switch answer {
      case .failure(let failure): refuse(failure, channel)
      case .welcome(let welcome):
        guard case .established(let remote) = handshake.state else { return }
        if let failure = refusal(of: remote) { return refuse(failure, channel) }
        channel.send(welcome)
        establish(remote, link, channel)
      }
    }
  }

  private func establish(_ remote: RemoteNode, _ link: Link, _ channel: LinkChannel) {
    greetingTimer?.cancel()
    greetingTimer = nil
    self.remote = remote
    state = .up(link, channel)
    if initiator != nil { startPings() }
    owner?.established(self, with: remote)
  }

  /// This side does not want the peer: it is told, and the link ends when it has been.
  private func refuse(_ failure: Failure, _ channel: LinkChannel) {
    note("a greeting is refused", failure)
    channel.send(failure)
    channel.finish()
    ending = .refused(failure, by: .here)
  }

  /// The peer does not want this side: of one that has dialed, that is its own word, and counted nowhere.
  private func refused(_ failure: Failure) {
    if initiator != nil { note("a peer refuses this node", failure) }
    close(.refused(failure, by: .there))
  }

  /// What a node says of itself, against what its certificate says, and whether the owner wants that.
  private func refusal(of remote: RemoteNode) -> Failure? {
    guard let certificate else { return nil }
    let peer = certificate.identity
    let role = peer.role
    guard remote.role == role else {
      return Failure(
        refusing: .wrongRole,
        "the certificate is a \(role)'s, and the node says that it is a \(remote.role)")
    }
    guard role != .coordinator || peer.name == "coordinator-\(remote.node)" else {
      return Failure(
        refusing: .wrongRole,
        "the certificate is \(peer.name)'s, and the node says that it is coordinator \(remote.node)"
      )
    }
    return owner?.refusal(of: certificate, on: self)
  }

  // MARK: Times

  func armGreeting() {
    let bound = loop.bind(self)
    greetingTimer = loop.eventLoop.scheduleTask(in: .milliseconds(timing.greeting)) {
      bound.value.greetingIsLate()
    }
  }

  private func greetingIsLate() {
    guard case .greeting = state else { return }
    let reason = "the peer did not greet within \(timing.greeting) ms"
    // One that was refused has greeted, and only does not leave.
    if ending == nil {
      refusals.note("link ended", from: address, kind: "greeting_timeout", reason)
    }
    close(.broke(reason))
  }

  private func startPings() {
    pongAt = loop.now
    let bound = loop.bind(self)
    let interval = TimeAmount.milliseconds(timing.pingInterval)
    pingTimer = loop.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
      bound.value.ping()
    }
  }

  private func ping() {
    guard case .up(_, let channel) = state else { return }
    let silence = loop.now - pongAt
    guard silence < UInt64(timing.pingTimeout) else {
      return close(.broke("no ping was answered for \(silence) ms"))
    }
    nonce += 1
    channel.send(Ping(nonce: nonce))
  }

  /// Ends what a stranger leaves lying: a message without an end, and a link that he does nothing with.
  private func watchStranger() {
    let bound = loop.bind(self)
    let tick = TimeAmount.milliseconds(
      max(1, min(timing.strangerIdle, timing.strangerMessage) / 4))
    strangerTimer = loop.eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in
      bound.value.lookAtStranger(now: bound.value.loop.now)
    }
  }

  private func lookAtStranger(now: UInt64) {
    streams.giveUp(begunBefore: now - min(now, UInt64(timing.strangerMessage)))
    if streams.speaking > 0 { streams.usedAt = now }
    guard now >= streams.usedAt + UInt64(timing.strangerIdle) else { return }
    switch state {
    // He is told, and has until the next look to leave.
    case .up: drain(reason: "nothing was asked for \(timing.strangerIdle) ms")
    case .draining: close()
    case .dialing, .greeting, .closed: break
    }
  }

  private func stopTimers() {
    greetingTimer?.cancel()
    greetingTimer = nil
    pingTimer?.cancel()
    pingTimer = nil
  }

  // MARK: Parts

  private func open(
    _ channel: LinkChannel, _ service: Service, _ authorization: String?, on link: Link
  ) {
    channel.whenViolated = whenViolated
    let headers = authorization.map { [HeaderField("authorization", $0)] } ?? []
    do {
      channel.begin(on: try link.open(path: service.rawValue, headers: headers, handler: channel))
    } catch {
      endSoon(channel)
    }
  }

  private func endSoon(_ channel: LinkChannel) {
    let bound = loop.bind(channel)
    loop.execute { bound.value.end() }
  }

  private func finished(_ end: NodeLinkEnd) {
    if case .closed = state { return }
    state = .closed
    stopTimers()
    strangerTimer?.cancel()
    strangerTimer = nil
    let last = owner
    owner = nil
    last?.closed(self, end)
  }
}

/// Owns the control channel on the link's behalf.
private final class ControlStream: MessageChannelOwner {
  private weak var link: NodeLink?
  init(_ link: NodeLink) { self.link = link }

  func received(_ message: Message, on channel: any MessageChannel) {
    if let channel = channel as? LinkChannel { link?.received(message, on: channel) }
  }
  func writable(_ channel: any MessageChannel) {}
  func closed(_ channel: any MessageChannel) { link?.controlClosed() }
}

/// Keeps the node link alive as long as its connection.
final class Delegate: LinkDelegate {
  private let node: NodeLink
  init(_ node: NodeLink) { self.node = node }

  func accepted(_ stream: LinkStream, headers: [HeaderField], on link: Link)
    -> (any StreamHandler)?
  {
    node.accepted(stream, headers: headers, on: link)
  }
  func draining(_ link: Link) { node.peerDrains() }
  func closed(_ link: Link, _ end: Transport.LinkEnd) { node.lost(end) }
}

/// Reads nothing of a stream that has had its answer.
private final class Discarding: StreamHandler {
  func responded(status: Int, headers: [HeaderField], on stream: LinkStream) {}
  func received(_ bytes: [UInt8], on stream: LinkStream) { stream.reset(.cancel) }
  func ended(_ stream: LinkStream) {}
  func writable(_ stream: LinkStream) {}
  func closed(_ stream: LinkStream, _ end: StreamEnd) {}
}

/// Ends a channel that nobody here serves.
private final class Refusing: MessageChannelOwner {
  init(_ channel: LinkChannel) {
    channel.send(Failure(.wrongRole, "this node serves no streams"))
    channel.finish()
  }
  func received(_ message: Message, on channel: any MessageChannel) {}
  func writable(_ channel: any MessageChannel) {}
  func closed(_ channel: any MessageChannel) {}
}
