import ExchangeTypes
import Glibc
import HTTP2Session
import JobDispatch
import Links
import NIOCore
import NIOPosix
import Testing
import Transport
import WireProtocol

private let local = LocalNode(
  role: .coordinator, clusterID: ClusterID(7), node: 1, name: "c", incarnation: 1, software: "test")

@Suite("A stranger's link", .timeLimit(.minutes(5)))
struct StrangerTests {
  /// What the listeners refused.
  private let refusals = RefusalLog(label: "Transport")

  /// The ports of two listeners without TLS: one that takes everybody for a stranger, and one that knows that it has none.
  private func withListeners(
    timing: NodeLink.Timing = NodeLink.Timing(), bytesMax: Int = 1 << 20,
    _ body: (_ strangers: Int, _ known: Int) throws -> Void
  ) async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let strangers = try await loop.submit {
      LinkLoop(loop).bind(StrangersBytes(bytesMax: bytesMax))
    }.get()
    func listen(isPlaintext: Bool) async throws -> Listener {
      try await Listener.bind(
        host: "127.0.0.1", port: 0, security: .plaintextOnLoopback, group: loop
      ) { link in
        NodeLink.accept(
          link, as: local, accepting: [.client], isPlaintext: isPlaintext, timing: timing,
          among: strangers.value, refusals: refusals, owner: Hearing())
      }
    }
    let (unknown, known) = (
      try await listen(isPlaintext: false), try await listen(isPlaintext: true)
    )
    let result = Result { try body(unknown.port, known.port) }
    await unknown.close()
    await known.close()
    try result.get()
  }

  @Test(
    "gives up its unfinished messages where all strangers' are too many, and its address has most")
  func unfinishedInAll() async throws {
    try await withListeners(bytesMax: 1_000) { port, _ in
      let greedy = try RawStranger(port, from: 0x7F00_0002)
      let other = try RawStranger(port, from: 0x7F00_0001)
      let (large, small) = (try greedy.open(.job), try other.open(.call))
      try greedy.send(Self.part + [UInt8](repeating: 0, count: 700), on: large)
      try greedy.ping()
      let whole = try FrameEncoder.encode(JobQuery(job: JobID(1)))
      let missing = try greedy.open(.call)
      try greedy.send(whole.dropLast(), on: missing)
      try greedy.ping()
      // Of one address, which then has most itself: what comes last is refused.
      let more = try greedy.open(.job)
      try greedy.send(Self.part + [UInt8](repeating: 0, count: 700), on: more)
      #expect(try greedy.failure(on: more) == .overloaded)
      // Of another: the largest message of the first is.
      try other.send(Self.part + [UInt8](repeating: 0, count: 400), on: small)
      #expect(try greedy.failure(on: large) == .overloaded)
      // What it has left goes on, and so does the other.
      try greedy.send(whole.suffix(1), on: missing)
      try greedy.end(of: missing)
      #expect(greedy.failures[missing] == nil)
      // Both have a kind and a count.
      #expect(refusals.counts == ["overloaded": 2])
      try other.ping()
      #expect(other.failures.isEmpty && !other.ended.contains(small))
    }
  }

  @Test("is told that the rest of a message did not come in time")
  func slowMessage() async throws {
    var timing = NodeLink.Timing()
    timing.strangerMessage = 200
    try await withListeners(timing: timing) { port, knownPort in
      let known = try RawStranger(knownPort)
      let early = try known.open(.job)
      try known.send(Self.part, on: early)
      try known.ping()
      let slow = try RawStranger(port)
      let (stream, other) = (try slow.open(.job), try slow.open(.call))
      try slow.send(FrameEncoder.encode(JobQuery(job: JobID(1))), on: other)
      try slow.end(of: other)
      try slow.send(Self.part, on: stream)
      #expect(try slow.failure(on: stream) == .requestTimeout)
      #expect(refusals.counts == ["request_timeout": 1])
      // Whoever is no stranger has his time.
      try known.ping()
      #expect(known.failures.isEmpty && known.ended.isEmpty)
    }
  }

  @Test(
    "ends when nothing was asked on it for long, also of one who does not leave; one that waits for an answer goes on"
  )
  func idle() async throws {
    var timing = NodeLink.Timing()
    timing.strangerIdle = 200
    try await withListeners(timing: timing) { port, knownPort in
      let known = try RawStranger(knownPort)
      let waiting = try RawStranger(port)
      let job = try waiting.open(.job)
      try waiting.send(FrameEncoder.encode(Hearing.unanswered), on: job)
      let idle = try RawStranger(port)
      // A stream on which nothing is said is none.
      _ = try idle.open(.job)
      try idle.untilClosed()
      #expect(idle.hasHeardGoodbye)
      try waiting.ping()
      #expect(!waiting.ended.contains(job))
      try known.ping()
      #expect(!waiting.hasHeardGoodbye && !known.hasHeardGoodbye)
    }
  }

  /// The head of a message of 100,000 bytes, and its first.
  private static let part: [UInt8] =
    withUnsafeBytes(of: UInt32(100_000).bigEndian) { Array($0) }
    + withUnsafeBytes(of: Submit.kind.rawValue.bigEndian) { Array($0) } + [0, 0, 1]
}

/// Answers every message by the stream's end, but for one that waits for ever.
private final class Hearing: NodeLinkOwner, MessageChannelOwner {
  static let unanswered = Follow(
    job: JobID(1), fromSeq: 1, hash: nil, commitIndex: LogIndex(0), attach: false, tail: nil,
    durable: nil)
  func established(_ link: NodeLink, with remote: RemoteNode) {}
  func heard(_ notice: LeaderNotice, on link: NodeLink) {}
  func draining(_ link: NodeLink) {}
  func closed(_ link: NodeLink, _ end: NodeLinkEnd) {}
  func accepted(
    _ channel: LinkChannel, for service: Service, authorization: String, on link: NodeLink
  ) -> any MessageChannelOwner { self }
  func received(_ message: Message, on channel: any MessageChannel) {
    if case .follow = message { return }
    channel.finish()
  }
  func writable(_ channel: any MessageChannel) {}
  func closed(_ channel: any MessageChannel) {}
}

/// A client with a blocking socket that has greeted, and says what no honest one would.
private final class RawStranger {
  private let descriptor: CInt
  private let session: HTTP2Session
  private let control: StreamID
  private var decoders: [StreamID: FrameDecoder] = [:]
  private var nonce: UInt64 = 0
  private var pong: UInt64 = 0
  private(set) var failures: [StreamID: ErrorCode] = [:]
  private(set) var ended: Set<StreamID> = []
  private(set) var hasHeardGoodbye = false
  private var isWelcome = false

  init(_ port: Int, from source: UInt32 = 0x7F00_0001) throws {
    let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    self.descriptor = descriptor
    // What never comes fails the test instead of holding it.
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    session = try HTTP2Session(role: .client, limits: .authenticatedNode, now: LinkLoop.now)
    control = try session.openStream(
      path: Service.control.rawValue, scheme: "http", authority: "a")
    func address(_ host: UInt32, _ port: Int) -> sockaddr_in {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = UInt16(port).bigEndian
      address.sin_addr.s_addr = host.bigEndian
      return address
    }
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    var (own, target) = (address(source, 0), address(0x7F00_0001, port))
    let code =
      withUnsafePointer(to: &own) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(descriptor, $0, size) }
      }
      | withUnsafePointer(to: &target) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
      }
    try #require(code == 0)
    let hello = InitiatorHandshake(
      local: LocalNode(
        role: .client, clusterID: ClusterID(7), name: "s", incarnation: 1, software: "test")
    ).hello
    try send(FrameEncoder.encode(hello), on: control)
    while !isWelcome { try read() }
  }

  deinit { close(descriptor) }

  func open(_ service: Service) throws -> StreamID {
    try session.openStream(path: service.rawValue, scheme: "http", authority: "a")
  }

  func send(_ bytes: some Sequence<UInt8>, on stream: StreamID) throws {
    session.send(stream, Array(bytes))
    try write()
  }

  /// Waits until all that was sent has been looked at.
  func ping() throws {
    nonce += 1
    try send(FrameEncoder.encode(Ping(nonce: nonce)), on: control)
    while pong < nonce { try read() }
  }

  func failure(on stream: StreamID) throws -> ErrorCode? {
    while failures[stream] == nil { try read() }
    return failures[stream]
  }

  func end(of stream: StreamID) throws { while !ended.contains(stream) { try read() } }

  func untilClosed() throws { while try receive() {} }

  private func write() throws {
    var bytes = session.takeOutput()[...]
    while !bytes.isEmpty {
      let size = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      try #require(size > 0)
      bytes = bytes.dropFirst(size)
    }
  }

  private func read() throws { try #require(try receive(), "the link has ended") }

  /// False at the connection's end.
  private func receive() throws -> Bool {
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    let size = Glibc.read(descriptor, &buffer, buffer.count)
    try #require(size >= 0 || errno == ECONNRESET)
    guard size > 0 else { return false }
    try session.receive(Array(buffer[..<size]), now: LinkLoop.now)
    while let event = session.nextEvent() {
      switch event {
      case .data(let stream, let bytes): try take(bytes, of: stream)
      case .ended(let stream): ended.insert(stream)
      default: break
      }
    }
    return true
  }

  private func take(_ bytes: [UInt8], of stream: StreamID) throws {
    var decoder = decoders[stream] ?? FrameDecoder(allowed: .all)
    decoder.append(bytes)
    while let frame = try decoder.next() {
      switch try Message(frame) {
      case .welcome: isWelcome = true
      case .pong(let answer): pong = answer.nonce
      case .goodbye: hasHeardGoodbye = true
      case .failure(let failure): failures[stream] = failure.errorCode
      default: break
      }
    }
    decoders[stream] = decoder
  }
}
