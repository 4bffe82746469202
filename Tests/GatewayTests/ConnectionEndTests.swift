import ExchangeClient
import ExchangeTypes
import Glibc
import JobDispatch
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing
import Transport

@testable import Gateway

@Suite("How connections of clients end", .timeLimit(.minutes(5)))
struct ConnectionEndTests {
  private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()

  /// One loop of a gateway whose coordinator is not there, and connections to it in clear that `speak` makes.
  private func withConnections(
    _ limits: HTTPLimits,
    speak: @escaping @Sendable (any Channel, GatewayLoop) throws -> Void,
    _ body: (RawClient, NIOLoopBound<GatewayLoop>, any Channel) async throws -> Void
  ) async throws {
    var client = ClientConfiguration(
      endpoints: ["127.0.0.1:1"], key: nil, security: .plaintextOnLoopback, patience: 60_000,
      software: "test")
    client.role = .gateway
    let turns = try await Listener.Turns.make(for: eventLoop, host: "127.0.0.1", port: 0)
    let threads = WorkThreads(count: 1)
    let loop = try await eventLoop.submit { [eventLoop, client] in
      NIOLoopBound(
        GatewayLoop(
          client: client, limits: limits, refusals: RefusalLog(label: "Test"), turns: turns,
          threads: threads, on: eventLoop),
        eventLoop: eventLoop)
    }.get()
    eventLoop.execute { loop.value.start(beside: [loop]) }
    let (accepted, accepting) = AsyncStream.makeStream(of: (any Channel).self)
    let listener = try await ServerBootstrap(group: eventLoop)
      .childChannelOption(.autoRead, value: false)
      .childChannelInitializer { child in
        child.eventLoop.makeCompletedFuture {
          try speak(child, loop.value)
          accepting.yield(child)
        }
      }.bind(host: "127.0.0.1", port: 0).get()
    let raw = try await RawClient("127.0.0.1:\(listener.localAddress?.port ?? 0)")
    for await child in accepted {
      try await body(raw, loop, child)
      break
    }
    try await listener.close()
    // The gateway may have closed it before.
    try? await raw.close()
    try await eventLoop.submit { loop.value.stop() }.get()
    await threads.close()
    turns.close()
  }

  // MARK: HTTP/2

  private static let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, stream: 0, "")

  /// A frame whose bytes are all below 128.
  private static func frame(
    _ type: UInt8, flags: UInt8 = 0, stream: UInt8, _ payload: String
  ) -> String {
    String(
      decoding: [0, 0, UInt8(payload.utf8.count), type, flags, 0, 0, 0, stream], as: UTF8.self)
      + payload
  }

  /// HEADERS of a request without a field in a table.
  private static func request(
    _ method: String, _ path: String, stream: UInt8, _ more: [(String, String)] = []
  ) -> String {
    let fields =
      [(":method", method), (":scheme", "https"), (":authority", "x"), (":path", path)] + more
    let block = fields.map { name, value in
      let lengths = [name, value].map {
        String(decoding: [UInt8($0.utf8.count)], as: UTF8.self) + $0
      }
      return "\0" + lengths.joined()
    }
    return frame(
      1, flags: method == "GET" ? 5 : 4, stream: stream, block.joined())
  }

  private static func speakHTTP2(
    refusing refusal: HTTPRefusal? = nil
  ) -> @Sendable (any Channel, GatewayLoop) throws -> Void {
    { child, loop in
      var settings = HTTP2Connection.settings(loop.limits)
      // The connection's own times are what is tested.
      settings.handshakeMilliseconds = 600_000
      try Listener.adopt(child, settings: settings, turns: nil, refusals: loop.refusals) {
        HTTP2Connection(loop: loop, link: $0, from: AddressPrefix(nil), refusal: refusal)
      }
    }
  }

  /// None of it depends on the client: it is asked for no sign of life meanwhile, and gives none.
  private static let limits = {
    var limits = HTTPLimits()
    limits.stallMilliseconds = 600_000
    limits.sweepMilliseconds = 10
    return limits
  }()

  @Test("one of HTTP/2 ends in its time though its client never says that it has heard")
  func silent() async throws {
    var limits = Self.limits
    limits.headMilliseconds = 100
    limits.lingerMilliseconds = 100
    try await withConnections(limits, speak: Self.speakHTTP2()) { client, _, _ in
      // The beginning of a request, which has no stream before its end.
      try await client.send(Self.preface + String(Self.request("GET", "/", stream: 1).dropLast()))
      #expect(await !client.readToEnd().isEmpty)
    }
  }

  @Test("a client that goes while its long body waits to be read takes it with it")
  func gone() async throws {
    var limits = Self.limits
    limits.bodyBytesAtOnceMax = 64
    try await withConnections(
      limits, speak: { try Gateway.speakHTTP1(on: $0, $1, nil) }
    ) { client, loop, child in
      // The one thread stands still.
      let lock = ConditionLock(value: false)
      try await eventLoop.submit {
        let isTaken = loop.value.beside.run(1) {
          true
        } prepare: {
          {
            lock.lock(whenValue: true)
            lock.unlock()
          }
        } told: {
        }
        #expect(isTaken)
      }.get()
      try await client.post("/v1/chat/completions", String(repeating: " ", count: 1_000))
      while try await eventLoop.submit({ loop.value.beside.bytes }).get() == 1 {
        await Task.yield()
      }
      let held = try await eventLoop.submit { loop.value.bodyBytes }.get()
      #expect(held == 1_000)
      try await client.close()
      try await child.closeFuture.get()
      #expect(try await eventLoop.submit { loop.value.bodyBytes }.get() == 0)
      lock.lock()
      lock.unlock(withValue: true)
      while try await eventLoop.submit({ loop.value.beside.bytes }).get() > 0 {
        await Task.yield()
      }
      #expect(try await eventLoop.submit { loop.value.counters.running }.get() == 0)
    }
  }

  @Test("what a client does wrong with HTTP/2 is counted by its kind")
  func counted() async throws {
    try await withConnections(Self.limits, speak: Self.speakHTTP2()) { client, loop, child in
      // A frame of a stream that nobody has opened.
      try await client.send(Self.preface + Self.frame(0, stream: 1, "x"))
      _ = await client.readToEnd()
      try await child.closeFuture.get()
      #expect(
        try await eventLoop.submit { loop.value.refusals.counts.values.reduce(0, +) }.get() == 1)
    }
    try await withConnections(Self.limits, speak: Self.speakHTTP2()) { client, loop, child in
      try await client.send("GET / HTTP/1.1\r\n\r\n" + String(repeating: " ", count: 100))
      _ = await client.readToEnd()
      try await child.closeFuture.get()
      #expect(try await eventLoop.submit { loop.value.refusals.counts }.get() == ["not_http2": 1])
    }
  }

  @Test("one of HTTP/2 that is refused says why, and ends in its time")
  func refused() async throws {
    var limits = Self.limits
    limits.lingerMilliseconds = 100
    let refusal = HTTPRefusal(.tooManyRequests, "enough")
    try await withConnections(limits, speak: Self.speakHTTP2(refusing: refusal)) { client, _, _ in
      try await client.send(Self.preface + Self.request("GET", "/healthz", stream: 1))
      #expect(await client.readToEnd().contains("too_many_requests"))
    }
  }

  @Test("a client of HTTP/2 that waits for a word is told to go on, or why not")
  func expects() async throws {
    try await withConnections(Self.limits, speak: Self.speakHTTP2()) { client, _, _ in
      let waits = [("expect", "100-continue"), ("authorization", "Bearer sy_1_x")]
      try await client.send(
        Self.preface + Self.request("POST", "/v1/chat/completions", stream: 1, waits))
      // HEADERS, which end the head and not the stream.
      let interim = "\u{1}\u{4}\0\0\0\u{1}"
      #expect(await client.read(until: interim).contains(interim))
      try await client.send(Self.frame(0, flags: 1, stream: 1, "{"))
      #expect(await client.read(until: "malformed_request").contains("malformed_request"))
      try await client.send(Self.request("POST", "/v1/nothing", stream: 3, waits))
      let refusal = await client.read(until: "not_found")
      #expect(refusal.split(separator: "\u{1}\u{4}\0\0\0\u{3}").count == 2, "one head, not two")
    }
  }

  @Test("one of HTTP/2 that ends begins nothing, and ends with its last request")
  func draining() async throws {
    var limits = Self.limits
    limits.lingerMilliseconds = 0
    try await withConnections(limits, speak: Self.speakHTTP2()) { client, loop, _ in
      try await client.send(
        Self.preface + Self.request("POST", "/v1/chat/completions", stream: 1)
          + Self.request("GET", "/healthz", stream: 3))
      #expect(await client.read(until: #"{"status":"ok"}"#).contains("ok"))
      try await eventLoop.submit { loop.value.drain() }.get()
      try await client.send(Self.request("GET", "/healthz", stream: 5))
      let refusal = Self.frame(3, stream: 5, "\0\0\0\u{7}")
      #expect(await client.read(until: refusal).contains(refusal))
      try await client.send(Self.frame(3, stream: 1, "\0\0\0\u{8}"))
      #expect(await client.readToEnd().contains(refusal))
    }
  }

  // MARK: HTTP/1.1, whose end takes a moment under TLS

  /// Keeps the socket open as TLS does until its client has ended too, and tells of what is read.
  private final class SlowEnd: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    private let heard: AsyncStream<Void>.Continuation
    init(heard: AsyncStream<Void>.Continuation) { self.heard = heard }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      context.fireChannelRead(data)
      heard.yield()
    }
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
      promise?.succeed()
    }
  }

  private static func speakHTTP1(
    heard: AsyncStream<Void>.Continuation
  ) -> @Sendable (any Channel, GatewayLoop) throws -> Void {
    { child, loop in
      try child.pipeline.syncOperations.addHandler(SlowEnd(heard: heard))
      try Gateway.speakHTTP1(on: child, loop, nil)
    }
  }

  private func connection(of child: any Channel) async throws -> NIOLoopBound<HTTPConnection> {
    try await child.eventLoop.submit {
      NIOLoopBound(
        try child.pipeline.syncOperations.handler(type: HTTPConnection.self),
        eventLoop: child.eventLoop)
    }.get()
  }

  @Test("one of HTTP/1.1 that was cut off begins nothing that still comes")
  func cutOff() async throws {
    let (reads, heard) = AsyncStream.makeStream(of: Void.self)
    try await withConnections(HTTPLimits(), speak: Self.speakHTTP1(heard: heard)) {
      client, loop, child in
      var reads = reads.makeAsyncIterator()
      try await client.get("/healthz")
      #expect(await client.read(until: "ok").contains("200 OK"))
      await reads.next()
      let connection = try await connection(of: child)
      try await eventLoop.submit { connection.value.abort() }.get()
      try await client.post(
        "/v1/chat/completions",
        #"{"model":"m","messages":[{"role":"user","content":"x"}]}"#)
      await reads.next()
      #expect(try await eventLoop.submit { loop.value.counters.running }.get() == 0)
    }
  }

  /// Keeps what is written until it is flushed, as TLS does: until then the channel does not count it.
  private final class KeepsUntilFlush: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private var kept: [(ByteBuffer, EventLoopPromise<Void>?)] = []

    func write(
      context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?
    ) {
      kept.append((unwrapOutboundIn(data), promise))
    }

    func flush(context: ChannelHandlerContext) {
      for (buffer, promise) in kept { context.write(wrapOutboundOut(buffer), promise: promise) }
      kept = []
      context.flush()
    }
  }

  @Test("a reader that takes nothing is counted once", arguments: [false, true])
  func stalled(keepsUntilFlush: Bool) async throws {
    let (_, heard) = AsyncStream.makeStream(of: Void.self)
    let speak: @Sendable (any Channel, GatewayLoop) throws -> Void = { child, loop in
      if keepsUntilFlush {
        try child.pipeline.syncOperations.addHandler(KeepsUntilFlush())
      }
      try Self.speakHTTP1(heard: heard)(child, loop)
    }
    try await withConnections(HTTPLimits(), speak: speak) { _, loop, child in
      let connection = try await connection(of: child)
      let stalled = try await eventLoop.submit {
        // It is more than one write takes, so it waits at least until the end of this turn.
        connection.value.write(ByteBuffer(repeating: 0, count: 64 << 20))
        connection.value.tick(now: loop.value.now)
        for _ in 0..<3 { connection.value.tick(now: loop.value.now + 60_000) }
        return (loop.value.counters.stalled, loop.value.refusals.counts["stalled"])
      }.get()
      #expect(stalled == (1, 1))
    }
  }

  @Test("the time after an answer begins when it has left, however long that takes its reader")
  func leaving() async throws {
    var limits = HTTPLimits()
    limits.idleMilliseconds = 100
    limits.sweepMilliseconds = 3_600_000
    for drains in [false, true] {
      try await withConnections(limits, speak: { try Gateway.speakHTTP1(on: $0, $1, nil) }) {
        _, loop, child in
        let connection = try await connection(of: child)
        let (isOpen, isOpenLater, stalled) = try await eventLoop.submit {
          // Some of it is taken at once, and no more until the end of this turn.
          connection.value.write(ByteBuffer(repeating: 0, count: 64 << 20))
          if drains { connection.value.drain() }
          let now = loop.value.now
          connection.value.tick(now: now + 20_000)
          connection.value.tick(now: now + 49_999)
          let isOpen = child.isActive
          connection.value.tick(now: now + 50_000)
          return (isOpen, child.isActive, loop.value.counters.stalled)
        }.get()
        #expect(isOpen && !isOpenLater && stalled == 1)
      }
    }
  }

  @Test("a reader that takes little is not one that takes nothing")
  func slowly() {
    var watch = StallWatch()
    func hasStalled(_ now: UInt64, _ outstanding: Int) -> Bool {
      watch.hasStalled(for: 30, now: now, outstanding: outstanding)
    }
    #expect(!hasStalled(100, 5), "nothing was written")
    watch.wrote(200_000)
    #expect(!hasStalled(110, 100_000) && !hasStalled(139, 34_465) && hasStalled(140, 34_465))
    #expect(!hasStalled(140, 34_464), "64 KiB were taken")
    watch.wrote(50_000)
    #expect(!hasStalled(169, 84_464) && !hasStalled(170, 50_000), "all that waited was taken")
    #expect(hasStalled(200, 50_000) && watch.isWaitedFor)
    #expect(!hasStalled(300, 0) && !watch.isWaitedFor)
  }

  @Test("a client whose machine has gone is asked, and given up, by the kernel")
  func vanished() async throws {
    let gateway = try await startGateway(["127.0.0.1:1"])
    let client = try await RawClient(gateway.address)
    try await client.get("/healthz")
    #expect(await client.read(until: "ok").contains("200 OK"))
    let child = try #require(gateway.open.all.first)
    #expect(try await child.getOption(.socketOption(.so_keepalive)).get() == 1)
    let tcp: [(CInt, Int)] = [
      (TCP_KEEPIDLE, 30), (TCP_KEEPINTVL, 10), (TCP_USER_TIMEOUT, 30_000),
    ]
    for (option, value) in tcp {
      #expect(try await child.getOption(.tcpOption(.init(rawValue: option))).get() == value)
    }
    await gateway.stop(within: 0)
  }

  @Test("an answer's date is written as HTTP writes it")
  func dates() {
    var date = AnswerDate()
    let written = [784_111_777, 0, 0, 1_709_209_800].map { date.text(at: $0) }
    #expect(
      written == [
        "Sun, 06 Nov 1994 08:49:37 GMT", "Thu, 01 Jan 1970 00:00:00 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 29 Feb 2024 12:30:00 GMT",
      ])
  }
}
