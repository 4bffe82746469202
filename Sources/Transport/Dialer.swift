internal import Glibc
internal import HTTP2Session
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Makes links to peers.
public struct Dialer: Sendable {
  private let security: LinkSecurity
  private let settings: LinkSettings
  private let refusals: RefusalLog
  /// How long a connection may take, name resolution included.
  private let connectMilliseconds: Int64

  /// A dialer with one identity.
  ///
  /// - Parameters:
  ///   - security: TLS, or plaintext.
  ///   - settings: times and budgets.
  ///   - refusals: where a peer that is refused, one that refuses this node, and a link that ends by its peer's fault is
  ///     counted and logged.
  ///   - connectMilliseconds: how long a connection may take, before the handshake.
  public init(
    security: LinkSecurity, settings: LinkSettings = LinkSettings(),
    refusals: RefusalLog = RefusalLog(label: "Transport"), connectMilliseconds: Int64 = 3_000
  ) {
    self.security = security
    self.settings = settings
    self.refusals = refusals
    self.connectMilliseconds = connectMilliseconds
  }

  /// Connects to a peer; exactly one of the closures is called, once, on `loop`.
  ///
  /// - Parameters:
  ///   - host: an address or name; for plaintext a loopback one.
  ///   - port: the port.
  ///   - loop: where the link is to live.
  ///   - failed: called if no link comes of it.
  ///   - makeDelegate: called when the link is up: streams can be opened from within it.
  public func dial(
    host: String, port: Int, on loop: LinkLoop,
    failed: @escaping @Sendable (TransportError) -> Void,
    makeDelegate: @escaping @Sendable (Link) -> any LinkDelegate
  ) {
    let address = hostAndPort(host, port)
    let pipeline: Pipeline
    do {
      if case .plaintext = security.kind, !Pipeline.isLoopback(host) {
        throw TransportError.notLoopback(host: host)
      }
      pipeline = try Pipeline(
        role: .client, security: security, settings: settings,
        authority: address)
    } catch {
      let reason = error as? TransportError ?? .handshakeFailed(reason: String(describing: error))
      return loop.execute { failed(reason) }
    }
    // The handshake's limit may pass while the connection is still being made, which fails then, too.
    let failure = FirstFailure { [refusals] error in
      if let what = error.toTheDialer { refusals.note(what, from: address, error) }
      failed(error)
    }
    let base = ClientBootstrap(group: loop.eventLoop)
      .connectTimeout(.milliseconds(connectMilliseconds))
      .channelInitializer { [refusals] channel in
        channel.eventLoop.makeCompletedFuture {
          try pipeline.install(
            on: channel, turns: loop.turns?[channel.eventLoop],
            makeDelegate: { link in
              refusals.noteEnd(of: link, on: channel, from: address)
              return makeDelegate(link)
            },
            failed: { failure.tell($0) })
        }
      }
    Pipeline.configure(base).connect(host: host, port: port).whenFailure { error in
      failure.tell(reason(for: error, host: host, port: port))
    }
  }

  /// Tells of the first of several failures.
  private final class FirstFailure: Sendable {
    private let failed: @Sendable (TransportError) -> Void
    private let isTold = Mutex(false)

    init(_ failed: @escaping @Sendable (TransportError) -> Void) { self.failed = failed }

    func tell(_ error: TransportError) {
      let isFirst = isTold.withLock { told in
        defer { told = true }
        return !told
      }
      if isFirst { failed(error) }
    }
  }

  private func reason(for error: any Error, host: String, port: Int) -> TransportError {
    switch error {
    case ChannelError.connectTimeout:
      .connectTimeout(host: host, port: port, milliseconds: connectMilliseconds)
    case let error as NIOConnectionError
    where !error.connectionErrors.isEmpty
      && error.connectionErrors.allSatisfy {
        ($0.error as? IOError)?.errnoCode == ECONNREFUSED
      }:
      .connectionRefused(host: host, port: port)
    default: .cannotConnect(host: host, port: port, reason: String(describing: error))
    }
  }
}

extension TransportError {
  /// Which side refused which, where one did, in words of the dialing side; nil for a peer that only went away.
  fileprivate var toTheDialer: String? {
    switch self {
    case .untrusted, .noCertificate: "a peer is refused"
    case .refusedByPeer: "a peer refuses this node"
    case .endedInHandshake: nil
    default: "no link to a peer"
    }
  }
}
