internal import ExchangeTypes
internal import Identity
internal import NIOCore
public import Transport
public import WireProtocol

/// Makes links to nodes, from one loop.
public struct NodeDialer: Sendable {
  private let dialer: Dialer
  private let loop: LinkLoop
  private let timing: NodeLink.Timing
  private let refusals: RefusalLog

  /// A dialer with one identity.
  ///
  /// - Parameters:
  ///   - security: TLS, or plaintext on loopback.
  ///   - loop: where its links live.
  ///   - settings: times and budgets of connections.
  ///   - timing: times of links.
  ///   - refusals: where what is refused, by either side, and what peers do wrong is counted and logged.
  public init(
    security: LinkSecurity, on loop: LinkLoop, settings: LinkSettings = LinkSettings(),
    timing: NodeLink.Timing = NodeLink.Timing(),
    refusals: RefusalLog = RefusalLog(label: "Transport")
  ) {
    dialer = Dialer(security: security, settings: settings, refusals: refusals)
    self.loop = loop
    self.timing = timing
    self.refusals = refusals
  }

  /// Begins to connect; `owner` hears `established`, or `closed` alone, but not before this has returned.
  ///
  /// - Parameters:
  ///   - endpoint: `host:port`.
  ///   - local: what this node says of itself.
  ///   - owner: told what happens; held until `closed`.
  /// - Returns: the link, which is not established yet.
  public func connect(
    to endpoint: String, as local: LocalNode, owner: any NodeLinkOwner
  ) -> NodeLink {
    loop.eventLoop.preconditionInEventLoop()
    let node = NodeLink(
      dialing: endpoint, as: local, timing: timing, loop: loop, refusals: refusals, owner: owner)
    let bound = loop.bind(node)
    guard let (host, port) = Self.split(endpoint) else {
      loop.execute {
        bound.value.couldNotConnect(
          .cannotConnect(host: endpoint, port: 0, reason: "not host:port"))
      }
      return node
    }
    dialer.dial(host: host, port: port, on: loop) { error in
      bound.value.couldNotConnect(error)
    } makeDelegate: { link in
      bound.value.connected(link)
      return Delegate(bound.value)
    }
    return node
  }

  /// Takes `host:port` or `[host]:port` apart; nil if it is neither.
  public static func split(_ endpoint: String) -> (host: String, port: Int)? {
    guard let colon = endpoint.lastIndex(of: ":"),
      let port = UInt16(endpoint[endpoint.index(after: colon)...])
    else { return nil }
    var host = endpoint[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    return host.isEmpty ? nil : (String(host), Int(port))
  }
}

extension NodeLinkEnd {
  /// Why no connection came of it: trust is not mended by trying again, reach may be.
  init(_ error: TransportError) {
    self =
      switch error {
      case .untrusted(.wrongCluster(_, _)):
        .refused(Failure(refusing: .wrongCluster, Self.words(error)), by: .here)
      case .untrusted, .noCertificate:
        .refused(Failure(.unauthenticated, Self.words(error)), by: .here)
      case .notLoopback, .unusableIdentity:
        .refused(Failure(.unauthenticated, error.description), by: .here)
      case .refusedByPeer:
        .refused(Failure(.unauthenticated, error.description), by: .there)
      case .connectionRefused: .nobodyListens(error.description)
      case .portInUse, .cannotListen, .connectTimeout, .cannotConnect, .handshakeFailed,
        .endedInHandshake, .sessionFailed, .handshakeTimeout, .notHTTP2:
        .broke(error.description)
      }
  }

  private static func words(_ error: TransportError) -> String {
    "this side refuses its peer: \(error.description)"
  }
}
