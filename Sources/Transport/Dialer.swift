internal import Glibc
internal import HTTP2Session
internal import NIOCore
internal import NIOPosix

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
        authority: host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)")
    } catch {
      let reason = error as? TransportError ?? .handshakeFailed(reason: String(describing: error))
      return loop.execute { failed(reason) }
    }
    let base = ClientBootstrap(group: loop.eventLoop)
      .connectTimeout(.milliseconds(connectMilliseconds))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try pipeline.install(on: channel, makeDelegate: makeDelegate, failed: failed)
        }
      }
    Pipeline.configure(base).connect(host: host, port: port).whenFailure { error in
      failed(reason(for: error, host: host, port: port))
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
