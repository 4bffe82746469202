public import ExchangeClient
internal import Glibc
internal import JobDispatch
internal import NIOConcurrencyHelpers
public import NIOCore
internal import NIOHTTP1
internal import NIOPosix
public import Transport

/// Where a gateway listens, and which cluster it serves.
public struct GatewayConfiguration: Sendable {
  /// An address or name of this machine.
  public var host: String
  /// The port, or 0 for any.
  public var port: Int
  /// Whether several gateways may listen at the same port, and the kernel spreads connections over them.
  public var sharesPort = false
  /// The cluster, to which each loop has its own connections.
  ///
  /// The key is not used: each request brings its own.
  public var client: ClientConfiguration
  /// What it presents to clients, with whom it then speaks HTTP/1.1 or HTTP/2 under TLS; nil for HTTP/1.1 in clear.
  public var certificate: ServerCertificate?
  /// What strangers may cost.
  public var limits = HTTPLimits()
  /// What may change while it runs.
  public var live = Live()

  /// The settings that take effect at once when they change (`Gateway.apply`).
  public struct Live: Hashable, Sendable {
    /// Connections at once, of everybody.
    public var connectionsMax = 16_384
    /// Connections at once of one address; callers behind one proxy share them.
    public var connectionsPerAddressMax = 4_096
    /// How long a request looks for a coordinator that answers, in milliseconds; nil for the client's own.
    public var patience: UInt64?
    /// How long answers may take to end when the gateway stops, in milliseconds.
    public var drainMilliseconds: Int64 = 30_000

    /// The defaults.
    public init() {}
  }

  /// Joins the parts.
  public init(host: String, port: Int, client: ClientConfiguration) {
    self.host = host
    self.port = port
    self.client = client
    self.client.key = nil
  }
}

/// Why a gateway did not start.
public enum GatewayError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Another process listens there.
  case portInUse(host: String, port: Int)
  /// The address cannot be listened on.
  case cannotListen(host: String, port: Int, reason: String)

  /// A sentence for people.
  public var description: String {
    switch self {
    case .portInUse(let host, let port): "another process listens on \(host):\(port)"
    case .cannotListen(let host, let port, let reason):
      "cannot listen on \(host):\(port): \(reason)"
    }
  }
}

/// A process without state that speaks OpenAI's API to clients and the exchange's protocol to coordinators.
public final class Gateway: Sendable {
  /// Where it listens, `host:port`: with the port that the system chose, if 0 was asked for.
  public let address: String
  private let listener: any Channel
  private let loops: [ObjectIdentifier: NIOLoopBound<GatewayLoop>]
  let open: OpenChannels
  private let counts: ConnectionCounts
  private let live: NIOLockedValueBox<GatewayConfiguration.Live>
  /// What the next connection is presented.
  private let certificate: NIOLockedValueBox<ServerCertificate?>
  /// Those of its clients.
  private let turns: Listener.Turns
  /// Where long bodies are read.
  private let threads: WorkThreads
  /// Where what it refuses, and who refuses it, is counted and logged.
  public let refusals: RefusalLog

  private init(
    address: String, listener: any Channel, loops: [ObjectIdentifier: NIOLoopBound<GatewayLoop>],
    open: OpenChannels, counts: ConnectionCounts, live: GatewayConfiguration.Live,
    certificate: NIOLockedValueBox<ServerCertificate?>, turns: Listener.Turns,
    threads: WorkThreads, refusals: RefusalLog
  ) {
    self.address = address
    self.listener = listener
    self.loops = loops
    self.open = open
    self.counts = counts
    self.live = NIOLockedValueBox(live)
    self.certificate = certificate
    self.turns = turns
    self.threads = threads
    self.refusals = refusals
  }

  /// Listens, on all loops of `group`.
  ///
  /// - Throws: `GatewayError`.
  public static func start(
    _ configuration: GatewayConfiguration, on group: any EventLoopGroup
  ) async throws -> Gateway {
    let turns = try await turns(of: configuration, on: group)
    let threads = WorkThreads(count: WorkThreads.usualCount)
    var loops: [ObjectIdentifier: NIOLoopBound<GatewayLoop>] = [:]
    let refusals = RefusalLog(label: "Gateway")
    var client = configuration.client
    client.bodyBytesTogetherMax = configuration.limits.bodyBytesAtOnceMax
    for eventLoop in group.makeIterator() {
      loops[ObjectIdentifier(eventLoop)] = try await eventLoop.submit { [client] in
        let loop = GatewayLoop(
          client: client, limits: configuration.limits, refusals: refusals,
          turns: turns, threads: threads, on: eventLoop)
        return NIOLoopBound(loop, eventLoop: eventLoop)
      }.get()
    }
    let all = Array(loops.values)
    for loop in all { loop.eventLoop.execute { loop.value.start(beside: all) } }
    let open = OpenChannels()
    let counts = ConnectionCounts(configuration.live)
    let certificate = NIOLockedValueBox(configuration.certificate)
    do {
      let listener = try await bootstrap(
        configuration, loops, open, counts, certificate, turns, on: group
      ).bind(host: configuration.host, port: configuration.port).get()
      let host = listener.localAddress?.ipAddress ?? configuration.host
      let port = listener.localAddress?.port ?? configuration.port
      return Gateway(
        address: hostAndPort(host, port), listener: listener,
        loops: loops, open: open, counts: counts, live: configuration.live,
        certificate: certificate, turns: turns, threads: threads, refusals: refusals)
    } catch {
      for loop in loops.values { await stop(loop) }
      await threads.close()
      turns.close()
      if let error = error as? IOError, error.errnoCode == EADDRINUSE {
        throw GatewayError.portInUse(host: configuration.host, port: configuration.port)
      }
      throw GatewayError.cannotListen(
        host: configuration.host, port: configuration.port, reason: Listener.reason(error))
    }
  }

  private static func turns(
    of configuration: GatewayConfiguration, on group: any EventLoopGroup
  ) async throws -> Listener.Turns {
    let (host, port) = (configuration.host, configuration.port)
    do {
      return try await Listener.Turns.make(for: group, host: host, port: port)
    } catch {
      throw GatewayError.cannotListen(host: host, port: port, reason: "\(error)")
    }
  }

  private static func bootstrap(
    _ configuration: GatewayConfiguration,
    _ loops: [ObjectIdentifier: NIOLoopBound<GatewayLoop>], _ open: OpenChannels,
    _ counts: ConnectionCounts, _ certificate: NIOLockedValueBox<ServerCertificate?>,
    _ turns: Listener.Turns, on group: any EventLoopGroup
  ) -> ServerBootstrap {
    let limits = configuration.limits
    let stallSeconds = Int(clamping: max(1, limits.stallMilliseconds / 1_000))
    return ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1_024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(
        .socketOption(NIOBSDSocket.Option(rawValue: SO_REUSEPORT)),
        value: configuration.sharesPort ? 1 : 0
      )
      .childChannelOption(.autoRead, value: false)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      // A client whose machine has gone says nothing: it is asked, and given up after as long as one that takes nothing.
      .childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: stallSeconds)
      .childChannelOption(
        .tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: max(1, stallSeconds / 3)
      )
      .childChannelOption(
        .tcpOption(.init(rawValue: TCP_USER_TIMEOUT)),
        value: Int(clamping: limits.stallMilliseconds)
      )
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelOption(
        // A connection keeps its buffer: most requests are short, and most of a connection's life nothing is read.
        .recvAllocator,
        value: AdaptiveRecvByteBufferAllocator(
          minimum: 1 << 10, initial: 2 << 10, maximum: readBytes)
      )
      .childChannelOption(
        .writeBufferWaterMark,
        value: .init(low: limits.outboundHighWater / 4, high: limits.outboundHighWater)
      )
      .childChannelInitializer { child in
        child.eventLoop.makeCompletedFuture {
          guard let loop = loops[ObjectIdentifier(child.eventLoop)] else {
            preconditionFailure("a connection lives on a loop of the group")
          }
          let address = AddressPrefix(child.remoteAddress)
          var refusal: HTTPRefusal?
          switch counts.add(child, from: address) {
          case .served: break
          case .servedInsteadOf(let other, let loser):
            loop.value.refusals.note(
              "connection ended", from: "\(loser)", kind: "displaced",
              "no more connections fit, and of all addresses this one has most")
            other.close(promise: nil)
          case .refused(let why): refusal = why
          case .closed: throw ChannelError.ioOnClosedChannel
          }
          let wasServed = refusal == nil
          open.add(child)
          child.closeFuture.whenComplete { _ in
            counts.remove(child, wasServed: wasServed)
            open.remove(child)
            loop.value.hasBegun(child)
          }
          guard let presented = certificate.withLockedValue({ $0 }) else {
            return try speakHTTP1(on: child, loop.value, refusal)
          }
          loop.value.begins(child)
          try presented.begin(on: child, within: limits.headMilliseconds) { spoken in
            switch spoken {
            case .http1:
              loop.value.hasBegun(child)
              try speakHTTP1(on: child, loop.value, refusal)
            case .http2:
              try Listener.adopt(
                child, settings: HTTP2Connection.settings(limits), turns: turns,
                refusals: loop.value.refusals
              ) { link in
                loop.value.hasBegun(child)
                return HTTP2Connection(
                  loop: loop.value, link: link, from: address, refusal: refusal)
              }
            }
          } failed: {
            loop.value.counters.handshakesFailed += 1
            loop.value.refusals.note(
              "connection ended", from: "\(address)", kind: "handshake_failed",
              "it came to no agreement on TLS, or to none in time")
          }
        }
      }
  }

  /// Adds what a connection of HTTP/1.1 needs.
  static func speakHTTP1(
    on channel: any Channel, _ loop: GatewayLoop, _ refusal: HTTPRefusal?
  ) throws {
    var decoding = NIOHTTPDecoderLimitConfiguration()
    decoding.maxHeaderFieldSize = loop.limits.headerFieldBytesMax
    decoding.maxHeaderListSize = loop.limits.headerBytesMax
    decoding.maxHeaderFieldCount = loop.limits.headerFieldsMax
    let pipeline = channel.pipeline.syncOperations
    let watch = ProgressWatch(bytesMax: loop.limits.headerBytesMax + readBytes)
    try pipeline.addHandler(watch)
    try pipeline.addHandler(
      ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: decoding)))
    try pipeline.addHandler(HTTPConnection(loop: loop, watch: watch, refusal: refusal))
  }

  /// The most bytes of one read.
  private static let readBytes = 16 << 10

  /// Runs with these settings from now on.
  public func apply(_ live: GatewayConfiguration.Live) {
    self.live.withLockedValue { $0 = live }
    counts.apply(live)
    guard let patience = live.patience else { return }
    for loop in loops.values {
      loop.eventLoop.execute { loop.value.client.patience = patience }
    }
  }

  /// Presents this certificate to each connection from now on.
  ///
  /// - Precondition: the gateway was started with one.
  public func apply(_ certificate: ServerCertificate) {
    self.certificate.withLockedValue { known in
      precondition(known != nil, "what began in clear stays in clear")
      known = certificate
    }
  }

  /// Takes no further request, lets answers end, and returns when all connections have.
  ///
  /// - Parameter milliseconds: answers that have not ended after this are cut off; nil for what the settings say.
  public func stop(within milliseconds: Int64? = nil) async {
    let milliseconds = milliseconds ?? live.withLockedValue { $0.drainMilliseconds }
    await Self.close(listener)
    for loop in loops.values {
      loop.eventLoop.execute { loop.value.drain() }
    }
    let deadline = listener.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) { [open] in
      for channel in open.all { channel.close(promise: nil) }
    }
    for channel in open.all { await Self.ended(channel) }
    deadline.cancel()
    for loop in loops.values { await Self.stop(loop) }
    await threads.close()
    turns.close()
  }

  private static func stop(_ loop: NIOLoopBound<GatewayLoop>) async {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      loop.eventLoop.execute {
        loop.value.stop()
        continuation.resume()
      }
    }
  }

  private static func close(_ channel: any Channel) async {
    channel.close(promise: nil)
    await ended(channel)
  }

  /// The future only says that it is closed: it has no way to fail.
  private static func ended(_ channel: any Channel) async {
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      channel.closeFuture.whenComplete { _ in continuation.resume() }
    }
  }
}

/// The connections that are open, from whatever thread.
final class OpenChannels: Sendable {
  private let channels = NIOLockedValueBox<[ObjectIdentifier: any Channel]>([:])
  func add(_ channel: any Channel) {
    channels.withLockedValue { $0[ObjectIdentifier(channel)] = channel }
  }
  func remove(_ channel: any Channel) {
    channels.withLockedValue { $0[ObjectIdentifier(channel)] = nil }
  }
  var all: [any Channel] { channels.withLockedValue { Array($0.values) } }
}
