internal import Glibc
internal import HTTP2Session
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Makes links to peers.
public struct Dialer: Sendable {
  private let security: LinkSecurity
  private let settings: LinkSettings
  /// How long a connection may take, name resolution included.
  private let connectMilliseconds: Int64

  /// A dialer with one identity.
  ///
  /// - Parameters:
  ///   - security: TLS, or plaintext.
  ///   - settings: times and budgets.
  ///   - connectMilliseconds: how long a connection may take, before the handshake.
  public init(
    security: LinkSecurity, settings: LinkSettings = LinkSettings(),
    connectMilliseconds: Int64 = 3_000
  ) {
    self.security = security
    self.settings = settings
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
    let pipeline: Pipeline
    do {
      if case .plaintext = security.kind, !Pipeline.isLoopback(host) {
        throw TransportError.notLoopback(host: host)
      }
      pipeline = try Pipeline(
        role: .client, security: security, settings: settings,
        authority: hostAndPort(host, port))
    } catch {
      let reason = error as? TransportError ?? .handshakeFailed(reason: String(describing: error))
      return loop.execute { failed(reason) }
    }
    // The handshake's limit may pass while the connection is still being made, which fails then, too.
    let failure = FirstFailure(failed)
    let base = ClientBootstrap(group: loop.eventLoop)
      .connectTimeout(.milliseconds(connectMilliseconds))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try pipeline.install(
            on: channel, turns: loop.turns?[channel.eventLoop], makeDelegate: makeDelegate,
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
