import HTTP2Session
import NIOCore
import NIOPosix
import Transport

/// What one end of a test saw, in order.
enum Seen: Sendable, Equatable {
  case up
  case accepted(StreamID, path: String)
  case responded(StreamID, status: Int)
  case bytes(StreamID, count: Int)
  case ended(StreamID)
  case writable(StreamID)
  case streamClosed(StreamID, StreamEnd)
  case draining
  case linkClosed(LinkEnd)
  case failed(TransportError)
}

/// The things seen, to be waited for.
final class SeenLog: Sendable {
  private let stream: AsyncStream<Seen>
  private let continuation: AsyncStream<Seen>.Continuation
  init() { (stream, continuation) = AsyncStream.makeStream() }
  func add(_ seen: Seen) { continuation.yield(seen) }
  /// Waits for the first one that fits; those before it are passed over.
  @discardableResult
  func wait(for fits: (Seen) -> Bool) async -> Seen? {
    for await seen in stream where fits(seen) { return seen }
    return nil
  }
  /// Waits until `count` have come that fit.
  func wait(for count: Int, _ fits: (Seen) -> Bool) async {
    var left = count
    while left > 0, await wait(for: fits) != nil { left -= 1 }
  }
}

/// One end of a link in a test.
///
/// Belongs to its loop.
final class TestPeer: LinkDelegate, StreamHandler {
  enum Manner {
    /// Answers 200, sends back what comes, ends when the peer ends.
    case echo
    /// Takes bytes without consuming them.
    case hoard
    /// Refuses every stream.
    case refuse
  }
  let manner: Manner
  let log: SeenLog
  private(set) var hoarded: [StreamID: Int] = [:]
  private(set) var received: [StreamID: [UInt8]] = [:]
  private(set) var streams: [StreamID: LinkStream] = [:]

  init(_ manner: Manner, _ log: SeenLog) {
    self.manner = manner
    self.log = log
  }

  func accepted(_ stream: LinkStream, headers: [HeaderField], on link: Link)
    -> (any StreamHandler)?
  {
    log.add(.accepted(stream.id, path: headers.first(":path") ?? ""))
    streams[stream.id] = stream
    switch manner {
    case .refuse: return nil
    case .echo, .hoard:
      stream.respond(status: 200)
      return self
    }
  }
  func responded(status: Int, headers: [HeaderField], on stream: LinkStream) {
    log.add(.responded(stream.id, status: status))
  }
  func received(_ bytes: [UInt8], on stream: LinkStream) {
    switch manner {
    case .echo:
      stream.consume(bytes.count)
      stream.send(bytes)
    case .hoard:
      hoarded[stream.id, default: 0] += bytes.count
    case .refuse: break
    }
    if bytes.count < 4_096 { received[stream.id, default: []] += bytes }
    log.add(.bytes(stream.id, count: bytes.count))
  }
  func ended(_ stream: LinkStream) {
    log.add(.ended(stream.id))
    if manner == .echo { stream.end() }
  }
  func writable(_ stream: LinkStream) { log.add(.writable(stream.id)) }
  func closed(_ stream: LinkStream, _ end: StreamEnd) {
    streams[stream.id] = nil
    log.add(.streamClosed(stream.id, end))
  }
  func draining(_ link: Link) { log.add(.draining) }
  func closed(_ link: Link, _ end: LinkEnd) { log.add(.linkClosed(end)) }

  /// Opens a stream whose events come here.
  func open(_ link: Link, path: String = "/t") throws -> LinkStream {
    let stream = try link.open(path: path, handler: self)
    streams[stream.id] = stream
    return stream
  }
  func consumeAll(_ stream: StreamID) {
    streams[stream]?.consume(hoarded.removeValue(forKey: stream) ?? 0)
  }
}

/// A link in a test, and what its end sees; reached from the test's task.
struct TestLink: Sendable {
  let bound: NIOLoopBound<(Link, TestPeer)>
  let log: SeenLog
  let eventLoop: any EventLoop

  func run<Value: Sendable>(_ body: @escaping @Sendable (Link, TestPeer) throws -> Value)
    async throws -> Value
  {
    try await eventLoop.submit { try body(bound.value.0, bound.value.1) }.get()
  }
}

/// Listeners and links of one test, on one loop.
struct TestNet {
  let group = MultiThreadedEventLoopGroup.singleton

  func listen(
    _ manner: TestPeer.Manner = .echo, security: LinkSecurity = .plaintextOnLoopback,
    settings: LinkSettings = LinkSettings(), port: Int = 0,
    budget: ConnectionBudget = ConnectionBudget(),
    log: SeenLog = SeenLog()
  ) async throws -> Listener {
    try await Listener.bind(
      host: "127.0.0.1", port: port, security: security, settings: settings,
      budget: budget, group: group, refused: { log.add(.failed($0)) }
    ) { _ in
      log.add(.up)
      return TestPeer(manner, log)
    }
  }

  func dial(
    _ port: Int, host: String = "127.0.0.1", _ manner: TestPeer.Manner = .hoard,
    security: LinkSecurity = .plaintextOnLoopback, settings: LinkSettings = LinkSettings(),
    refusals: RefusalLog = RefusalLog(label: "Transport"), connectMilliseconds: Int64 = 3_000,
    on loop: LinkLoop? = nil
  ) async throws -> TestLink {
    let log = SeenLog()
    let loop = loop ?? LinkLoop(group.next())
    return try await withCheckedThrowingContinuation { continuation in
      Dialer(
        security: security, settings: settings, refusals: refusals,
        connectMilliseconds: connectMilliseconds
      ).dial(host: host, port: port, on: loop, failed: { continuation.resume(throwing: $0) }) {
        link in
        let peer = TestPeer(manner, log)
        continuation.resume(
          returning: TestLink(
            bound: loop.bind((link, peer)), log: log, eventLoop: loop.eventLoop))
        return peer
      }
    }
  }
}
