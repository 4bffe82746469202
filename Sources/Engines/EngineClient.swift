internal import Glibc
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// A request as it is sent.
struct OutgoingRequest: Sendable {
  var method: HTTPMethod
  /// Behind the server's own prefix.
  var path: String
  /// JSON; nil for none.
  var body: [UInt8]?
  /// What a good answer is.
  var accept = "*/*"
}

/// Takes an answer as it comes, on the client's loop.
///
/// After `ended`, `failed`, or `cancel` of its exchange it is told no more.
protocol ResponseReader: AnyObject {
  func received(_ head: HTTPResponseHead)
  /// Bytes of the body: all that came at once.
  func received(_ bytes: [UInt8])
  /// The answer is whole.
  func ended()
  func failed(_ error: EngineError)
}

/// One request and its answer.
final class HTTPExchange {
  let request: OutgoingRequest
  /// Nil once it is over.
  fileprivate(set) var reader: (any ResponseReader)?
  fileprivate var connection: EngineConnection?
  /// A connection was closed under it already.
  fileprivate var isSecond = false

  fileprivate init(_ request: OutgoingRequest, _ reader: any ResponseReader) {
    self.request = request
    self.reader = reader
  }

  /// Closes its connection, by which engines free the slot.
  func cancel() {
    reader = nil
    connection?.abandon()
    connection = nil
  }

  /// Reads no more until `resume`, which slows the engine.
  func pause() { connection?.pause() }

  func resume() { connection?.resume() }

  /// Ends it: whom to tell, once.
  fileprivate func over() -> (any ResponseReader)? {
    defer {
      reader = nil
      connection = nil
    }
    return reader
  }
}

/// A connection that is being made, for a request that waits for it.
private final class Opening {
  let exchange: HTTPExchange
  /// Connected, and under TLS not greeted yet.
  var connection: EngineConnection?
  var timer: Scheduled<Void>?
  var isOver = false

  init(for exchange: HTTPExchange) { self.exchange = exchange }
}

/// The connections to an engine: HTTP/1.1 (RFC 9112), one request at a time on each, over TLS where the address says so.
///
/// ```
/// opening ──► exchanging ──answer whole, keep-alive──► idle ──next request──► exchanging
///    │            │                                     └── 2 s, or closed by the engine ──► closed
///    └────────────┴── cancelled, failed, "connection: close" ──► closed
/// ```
/// Lives on one loop. There is no limit of connections: coordinators decide how many requests run at once, and a limit here would queue
/// them unseen. A request whose connection closes before the first byte of an answer is sent once more, on a new one: a connection
/// that was kept may have been closing just then.
final class EngineClient {
  /// Shorter than any engine's keep-alive (llama.cpp: 5 s), so that a connection that was kept is a live one.
  static let idleMax = TimeAmount.seconds(2)

  let loop: any EventLoop
  private let server: EngineSpec.Server
  private let connectLimit: Duration
  /// What a server behind `https` is met with; nil for one without.
  private let tls: Result<NIOSSLContext?, any Error>
  private let logger: Logger
  /// Used last is last.
  private var idle: [EngineConnection] = []
  private var connections: [ObjectIdentifier: EngineConnection] = [:]
  private var openings: [ObjectIdentifier: Opening] = [:]
  private var sweep: Scheduled<Void>?
  private var isShutDown = false

  init(
    _ server: EngineSpec.Server, connect limit: Duration, tls: Result<NIOSSLContext?, any Error>,
    logger: Logger, on loop: any EventLoop
  ) {
    self.server = server
    connectLimit = limit
    self.tls = tls
    self.logger = logger
    self.loop = loop
  }

  /// Sends a request; its answer comes to the reader.
  func send(_ request: OutgoingRequest, to reader: any ResponseReader) -> HTTPExchange {
    let exchange = HTTPExchange(request, reader)
    if isShutDown {
      fail(exchange, .cancelled)
    } else if let connection = kept() {
      begin(exchange, on: connection)
    } else {
      open(for: exchange)
    }
    return exchange
  }

  /// Closes all connections; requests that run fail.
  func shutDown() -> EventLoopFuture<Void> {
    isShutDown = true
    sweep?.cancel()
    idle = []
    for opening in Array(openings.values) {
      settle(opening, .failure(ChannelError.ioOnClosedChannel))
    }
    let all = Array(connections.values)
    for connection in all { connection.shutDown() }
    return EventLoopFuture.andAllComplete(all.map(\.whenClosed), on: loop)
  }

  private func kept() -> EngineConnection? {
    // Those before it are older, and the sweep's.
    guard let connection = idle.last, let since = connection.idleSince,
      since > NIODeadline.now() - Self.idleMax
    else { return nil }
    idle.removeLast()
    connection.idleSince = nil
    return connection
  }

  private func begin(_ exchange: HTTPExchange, on connection: EngineConnection) {
    exchange.connection = connection
    connection.begin(
      exchange, headers: headers(of: exchange.request), path: server.path + exchange.request.path)
  }

  private func headers(of request: OutgoingRequest) -> HTTPHeaders {
    var headers = HTTPHeaders()
    headers.reserveCapacity(4)
    headers.add(name: "host", value: server.authority)
    headers.add(name: "accept", value: request.accept)
    if let body = request.body {
      headers.add(name: "content-type", value: "application/json")
      headers.add(name: "content-length", value: String(body.count))
    }
    return headers
  }

  /// Fails an exchange that has just begun, not before its beginner has it.
  private func fail(_ exchange: HTTPExchange, _ error: EngineError) {
    let bound = NIOLoopBound(exchange, eventLoop: loop)
    loop.execute { bound.value.over()?.failed(error) }
  }

  private func open(for exchange: HTTPExchange) {
    let context: NIOSSLContext?
    do { context = try tls.get() } catch { return fail(exchange, .down("\(error)")) }
    let opening = Opening(for: exchange)
    openings[ObjectIdentifier(opening)] = opening
    let bound = NIOLoopBound((client: self, opening: opening), eventLoop: loop)
    opening.timer = loop.scheduleTask(in: TimeAmount(connectLimit)) { [connectLimit] in
      let late = ChannelError.connectTimeout(TimeAmount(connectLimit))
      bound.value.client.settle(bound.value.opening, .failure(late))
    }
    let name = server.tlsName
    // Of a name with several addresses more than one channel may be made; one is connected.
    let bootstrap = ClientBootstrap(group: loop).connectTimeout(TimeAmount(connectLimit))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          if let context {
            try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: name))
          }
          try pipeline.addHTTPClientHandlers()
          try pipeline.addHandler(
            EngineConnection(of: bound.value.client, on: channel, isSecure: context != nil))
        }
      }
    let connected =
      server.address.map { bootstrap.connect(to: $0) }
      ?? bootstrap.connect(host: server.host, port: server.port)
    connected.flatMapThrowing { channel in
      NIOLoopBound(
        try channel.pipeline.syncOperations.handler(type: EngineConnection.self),
        eventLoop: channel.eventLoop)
    }.whenComplete { result in
      bound.value.client.connected(result.map(\.value), bound.value.opening)
    }
  }

  private func connected(_ result: Result<EngineConnection, any Error>, _ opening: Opening) {
    switch result {
    case .success(let connection) where opening.isOver: connection.abandon()
    case .success(let connection):
      opening.connection = connection
      connection.whenOpen { [self] error in
        settle(opening, error.map { .failure($0) } ?? .success(connection))
      }
    case .failure(let error): settle(opening, .failure(error))
    }
  }

  private func settle(_ opening: Opening, _ result: Result<EngineConnection, any Error>) {
    guard !opening.isOver else { return }
    opening.isOver = true
    opening.timer?.cancel()
    openings[ObjectIdentifier(opening)] = nil
    let exchange = opening.exchange
    switch result {
    case .success(let connection):
      connections[ObjectIdentifier(connection)] = connection
      // It was cancelled meanwhile: the next request finds the connection.
      if exchange.reader == nil { keep(connection) } else { begin(exchange, on: connection) }
    case .failure(let error):
      opening.connection?.abandon()
      let failure = isShutDown ? EngineError.cancelled : .down(reason(of: error))
      exchange.over()?.failed(Self.gone(failure, exchange))
    }
  }

  private func reason(of error: any Error) -> String {
    if case .connectTimeout = error as? ChannelError {
      return "no connection within \(connectLimit)"
    }
    guard let error = error as? NIOConnectionError else { return "\(error)" }
    if let first = error.connectionErrors.first { return "\(first.error)" }
    return (error.dnsAAAAError ?? error.dnsAError).map { "\(error.host): \($0)" } ?? "\(error)"
  }
}

// What connections tell.
extension EngineClient {
  /// It takes no further request.
  func closed(_ connection: EngineConnection) {
    connections[ObjectIdentifier(connection)] = nil
    guard connection.idleSince != nil else { return }
    connection.idleSince = nil
    idle.removeAll { $0 === connection }
  }

  /// An answer is whole.
  func finished(_ exchange: HTTPExchange, on connection: EngineConnection, keepsAlive: Bool) {
    if keepsAlive, !isShutDown { keep(connection) } else { connection.abandon() }
    exchange.over()?.ended()
  }

  /// A connection ended under an exchange: with an error, or in order if nil.
  func lost(_ exchange: HTTPExchange, _ error: (any Error)?, hasBegun: Bool) {
    if isShutDown {
      exchange.over()?.failed(.cancelled)
    } else if !hasBegun, !exchange.isSecond, Self.isClosing(error) {
      logger.debug("connection closed before an answer; asking once more")
      exchange.isSecond = true
      exchange.connection = nil
      open(for: exchange)
    } else {
      exchange.over()?.failed(Self.gone(Self.meaning(of: error, hasBegun: hasBegun), exchange))
    }
  }

  /// Keeps a connection for the next request.
  private func keep(_ connection: EngineConnection) {
    connection.idleSince = .now()
    idle.append(connection)
    if sweep == nil { sweepLater() }
  }

  /// Looks again when the first of them has not been used for long enough.
  private func sweepLater() {
    guard let first = idle.first?.idleSince else { return }
    let bound = NIOLoopBound(self, eventLoop: loop)
    sweep = loop.scheduleTask(deadline: first + Self.idleMax) { bound.value.sweepNow() }
  }

  private func sweepNow() {
    sweep = nil
    guard !isShutDown else { return }
    let oldest = NIODeadline.now() - Self.idleMax
    let old = idle.prefix { $0.idleSince ?? oldest <= oldest }
    idle.removeFirst(old.count)
    for connection in old {
      connection.idleSince = nil
      connection.abandon()
    }
    sweepLater()
  }

  /// Whether a connection ended: in order, by a reset because it was written to after that, just before the first write (NIO's
  /// `ioOnClosedChannel`), or without TLS's word for it.
  private static func isClosing(_ error: (any Error)?) -> Bool {
    guard let error else { return true }
    if let error = error as? NIOSSLError { return error == .uncleanShutdown }
    if let error = error as? ChannelError { return error == .ioOnClosedChannel }
    guard let error = error as? IOError else { return false }
    return error.errnoCode == ECONNRESET || error.errnoCode == EPIPE
  }

  /// What a failure below HTTP means for the request.
  private static func meaning(of error: (any Error)?, hasBegun: Bool) -> EngineError {
    if let error = error as? HTTPParserError {
      // The end of the connection inside a body is the parser's to find.
      return error == .invalidEOFState && hasBegun
        ? .truncated("the connection ended inside the stream") : .garbage("not HTTP: \(error)")
    }
    if hasBegun {
      return .truncated(error.map { "\($0)" } ?? "the connection ended inside the stream")
    }
    if let error, !isClosing(error) { return .down("\(error)") }
    return .truncated("it closed the connection before answering")
  }

  /// What the first connection brought may be what ended the engine: that nobody listens now is not to say that it has not seen the
  /// request.
  private static func gone(_ error: EngineError, _ exchange: HTTPExchange) -> EngineError {
    guard exchange.isSecond, case .down = error else { return error }
    return .truncated("it closed the connection before answering, and is gone")
  }
}
