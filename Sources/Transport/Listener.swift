internal import HTTP2Session
internal import Logging
internal import NIOConcurrencyHelpers
public import NIOCore
internal import NIOPosix

/// Accepts links on one address.
///
/// Each link lives on a loop of the group; `makeDelegate` is called there for each one that is up. A
/// connection that does not become a link is logged with its reason and told to `refused`.
public final class Listener: Sendable {
  /// The address that it is bound to.
  public let host: String
  /// The port: the one that the system chose, if 0 was asked for.
  public let port: Int

  private let channel: any Channel
  private let connections: Connections

  /// Connections that exist, handshakes included, by their object.
  private final class Connections: Sendable {
    let limit: Int
    private let open = NIOLockedValueBox<[ObjectIdentifier: any Channel]>([:])
    private let links = NIOLockedValueBox<[ObjectIdentifier: NIOLoopBound<Link>]>([:])

    init(limit: Int) { self.limit = limit }

    func add(_ channel: any Channel) -> Bool {
      open.withLockedValue {
        guard $0.count < limit else { return false }
        $0[ObjectIdentifier(channel)] = channel
        return true
      }
    }

    func add(_ link: NIOLoopBound<Link>, of channel: any Channel) {
      links.withLockedValue { $0[ObjectIdentifier(channel)] = link }
    }

    func remove(_ channel: any Channel) {
      links.withLockedValue { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
      open.withLockedValue { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    var channels: [any Channel] { open.withLockedValue { Array($0.values) } }
    func link(of channel: any Channel) -> NIOLoopBound<Link>? {
      links.withLockedValue { $0[ObjectIdentifier(channel)] }
    }
  }

  /// Fails the initializer of a connection too many, which closes it.
  private struct TooManyConnections: Error {}

  private init(channel: any Channel, connections: Connections, host: String, port: Int) {
    self.channel = channel
    self.connections = connections
    self.host = host
    self.port = port
  }

  /// Binds the address and starts to accept.
  ///
  /// - Parameters:
  ///   - host: an address or name of this machine; for plaintext a loopback one.
  ///   - port: the port, or 0 for any.
  ///   - security: TLS, or plaintext.
  ///   - settings: times and budgets.
  ///   - connectionsMax: connections at once, handshakes included; further ones are closed.
  ///   - group: the loops.
  ///   - refused: told, on the connection's loop, of each connection that did not become a link.
  ///   - makeDelegate: called on the link's loop for each link.
  /// - Returns: the listener, bound.
  /// - Throws: `TransportError.portInUse`, `.cannotListen`, `.notLoopback`, `.unusableIdentity`.
  public static func bind(
    host: String, port: Int, security: LinkSecurity, settings: LinkSettings = LinkSettings(),
    connectionsMax: Int = 4_096, group: any EventLoopGroup,
    refused: @escaping @Sendable (TransportError) -> Void = { _ in },
    makeDelegate: @escaping @Sendable (Link) -> any LinkDelegate
  ) async throws(TransportError) -> Listener {
    if case .plaintext = security.kind, !Pipeline.isLoopback(host) {
      throw .notLoopback(host: host)
    }
    let pipeline = try Pipeline(
      role: .server, security: security, settings: settings, authority: "")
    let connections = Connections(limit: connectionsMax)
    let log = Logger(label: "switchyard.transport")
    let base = ServerBootstrap(group: group)
      .serverChannelOption(ChannelOptions.backlog, value: 1_024)
      .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { child in
        child.eventLoop.makeCompletedFuture {
          guard connections.add(child) else {
            log.warning("connection closed: \(connectionsMax) are open")
            throw TooManyConnections()
          }
          child.closeFuture.whenComplete { _ in connections.remove(child) }
          try pipeline.install(
            on: child,
            makeDelegate: { link in
              connections.add(link.loop.bind(link), of: child)
              return makeDelegate(link)
            },
            failed: { error in
              log.notice("connection from \(child.remoteAddress?.description ?? "?"): \(error)")
              refused(error)
            })
        }
      }
    do {
      let channel = try await Pipeline.configure(base).bind(host: host, port: port).get()
      return Listener(
        channel: channel, connections: connections,
        host: channel.localAddress?.ipAddress ?? host, port: channel.localAddress?.port ?? port)
    } catch let error as IOError where error.errnoCode == EADDRINUSE {
      throw .portInUse(host: host, port: port)
    } catch {
      throw .cannotListen(host: host, port: port, reason: String(describing: error))
    }
  }

  /// Connections that exist, handshakes included.
  public var connectionCount: Int { connections.channels.count }

  /// Accepts no more, drains the links, and returns when all have ended.
  ///
  /// - Parameter milliseconds: links that are open after this are closed at once.
  public func drain(within milliseconds: Int64) async {
    await close(channel)
    let open = connections.channels
    for child in open {
      child.eventLoop.execute { [connections] in
        if let link = connections.link(of: child) {
          link.value.drain()
        } else {
          child.close(promise: nil)
        }
      }
    }
    let deadline = channel.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) {
      [connections] in
      for child in open {
        child.eventLoop.execute { connections.link(of: child)?.value.close() }
      }
    }
    for child in open { await close(awaiting: child) }
    deadline.cancel()
  }

  /// Accepts no more and closes all links at once.
  public func close() async { await drain(within: 0) }

  private func close(_ channel: any Channel) async {
    channel.close(promise: nil)
    await close(awaiting: channel)
  }

  /// The future only says that it is closed: it has no way to fail.
  private func close(awaiting channel: any Channel) async {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      channel.closeFuture.whenComplete { _ in continuation.resume() }
    }
  }
}
