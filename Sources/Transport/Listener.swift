internal import Glibc
internal import HTTP2Session
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
  private let connections: OpenConnections
  private let turns: GroupTurns
  private let refusals: RefusalLog

  private init(
    channel: any Channel, connections: OpenConnections, turns: GroupTurns, refusals: RefusalLog,
    host: String, port: Int
  ) {
    self.channel = channel
    self.connections = connections
    self.turns = turns
    self.refusals = refusals
    self.host = host
    self.port = port
  }

  /// Whether `host` names this machine alone: where plaintext may be spoken.
  public static func isLoopback(_ host: String) -> Bool { Pipeline.isLoopback(host) }

  /// Binds the address and starts to accept.
  ///
  /// - Parameters:
  ///   - host: an address or name of this machine; for plaintext a loopback one.
  ///   - port: the port, or 0 for any.
  ///   - security: TLS, or plaintext.
  ///   - settings: times and budgets.
  ///   - budget: connections and handshakes at once, in all and for one address; further ones are closed.
  ///   - refusals: where what is refused is counted and logged.
  ///   - group: the loops.
  ///   - refused: told, on the connection's loop, of each connection that did not become a link.
  ///   - makeDelegate: called on the link's loop for each link.
  /// - Returns: the listener, bound.
  /// - Throws: `TransportError.portInUse`, `.cannotListen`, `.notLoopback`, `.unusableIdentity`.
  public static func bind(
    host: String, port: Int, security: LinkSecurity, settings: LinkSettings = LinkSettings(),
    budget: ConnectionBudget = ConnectionBudget(),
    refusals: RefusalLog = RefusalLog(label: "Transport"), group: any EventLoopGroup,
    refused: @escaping @Sendable (TransportError) -> Void = { _ in },
    makeDelegate: @escaping @Sendable (Link) -> any LinkDelegate
  ) async throws(TransportError) -> Listener {
    if case .plaintext = security.kind, !Pipeline.isLoopback(host) {
      throw .notLoopback(host: host)
    }
    let pipeline = try Pipeline(
      role: .server, security: security, settings: settings, authority: "")
    let connections = OpenConnections(budget: budget)
    let turns = try await GroupTurns.make(for: group, host: host, port: port)
    let base = ServerBootstrap(group: group)
      .serverChannelOption(ChannelOptions.backlog, value: 1_024)
      .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { child in
        child.eventLoop.makeCompletedFuture {
          let address = child.remoteAddress?.ipAddress ?? ""
          func refuse(_ reason: ConnectionRefusal, of address: String) {
            refusals.note(
              "connection refused", from: address, kind: reason.rawValue, reason.description)
          }
          if let reason = connections.add(
            child, from: AddressPrefix(child.remoteAddress),
            displaced: { refuse(.displaced, of: "\($0)") })
          {
            refuse(reason, of: address)
            throw reason
          }
          child.closeFuture.whenComplete { _ in connections.remove(child) }
          try pipeline.install(
            on: child, turns: turns[child.eventLoop],
            makeDelegate: { link in
              if let reason = connections.add(
                link.loop.bind(link), of: child, peer: link.peer)
              {
                refuse(reason, of: address)
                link.close()
                return UnwantedLink()
              }
              refusals.noteEnd(of: link, on: child, from: address)
              return makeDelegate(link)
            },
            failed: { error in
              refusals.note("connection refused", from: address, error)
              refused(error)
            })
        }
      }
    do {
      let channel = try await Pipeline.configure(base).bind(host: host, port: port).get()
      return Listener(
        channel: channel, connections: connections, turns: turns, refusals: refusals,
        host: channel.localAddress?.ipAddress ?? host, port: channel.localAddress?.port ?? port)
    } catch let error as IOError where error.errnoCode == EADDRINUSE {
      turns.close()
      throw .portInUse(host: host, port: port)
    } catch {
      turns.close()
      throw .cannotListen(host: host, port: port, reason: reason(error))
    }
  }

  /// Why nobody can listen on an address, and what would help, for people.
  public static func reason(_ error: any Error) -> String {
    guard let code = (error as? IOError)?.errnoCode else { return "\(error)" }
    let said = String(cString: strerror(code))
    return switch code {
    case EACCES: "\(said); a port below 1024 takes CAP_NET_BIND_SERVICE"
    case EADDRNOTAVAIL: "\(said); no interface of this machine has it"
    default: said
    }
  }

  /// What lets the links of adopted connections take turns with each other, on every loop of a group.
  public struct Turns: Sendable {
    fileprivate let ofGroup: GroupTurns

    /// Opens what it takes, until `close`.
    ///
    /// - Parameters:
    ///   - group: the loops of the connections.
    ///   - host: where they are to be accepted, for the error.
    ///   - port: the same.
    /// - Returns: the turns of all loops.
    /// - Throws: `TransportError.cannotListen`.
    public static func make(for group: any EventLoopGroup, host: String, port: Int)
      async throws(TransportError) -> Turns
    {
      Turns(ofGroup: try await GroupTurns.make(for: group, host: host, port: port))
    }

    /// Those of a loop of the group.
    ///
    /// - Precondition: called on the loop.
    subscript(loop: any EventLoop) -> LoopTurns? { ofGroup[loop] }

    /// Gives it back, once all links have ended; from any thread.
    public func close() { ofGroup.close() }
  }

  /// Makes a link of a connection that somebody else has accepted, and whose security he has seen to: HTTP/2 begins at once.
  ///
  /// - Parameters:
  ///   - channel: the connection; from now on it reads by itself, and the peer's windows hold it back.
  ///   - settings: times and budgets, of a peer without a certificate.
  ///   - turns: those of the connections that their owner accepts.
  ///   - refusals: where what did not become a link, and what ended for what its peer did, is counted and logged.
  ///   - makeDelegate: called on the connection's loop once the peer's SETTINGS have arrived; else the connection is closed.
  /// - Throws: what the connection's pipeline says.
  public static func adopt(
    _ channel: any Channel, settings: LinkSettings, turns: Turns?, refusals: RefusalLog,
    makeDelegate: @escaping (Link) -> any LinkDelegate
  ) throws {
    let address = channel.remoteAddress?.ipAddress ?? ""
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(
      LinkHandler(
        role: .server, security: .plaintextOnLoopback, settings: settings, authority: "",
        verification: Verification(), turns: turns?[channel.eventLoop],
        makeDelegate: { link in
          refusals.noteEnd(of: link, on: channel, from: address)
          return makeDelegate(link)
        },
        failed: { refusals.note("connection refused", from: address, $0) }))
    channel.setOption(.autoRead, value: true).whenFailure { _ in channel.close(promise: nil) }
  }

  /// Connections that exist, handshakes included.
  public var connectionCount: Int { connections.channels.count }

  /// How many connections were refused, and links ended for what their peer did, by reason.
  public var refusalCounts: [String: UInt64] { refusals.counts }

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
    turns.close()
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
