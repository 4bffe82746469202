import HTTP2Session
import NIOCore
import NIOPosix
import Testing
import Transport

@Suite("A link", .timeLimit(.minutes(5)))
struct LinkTests {
  let net = TestNet()

  @Test("carries bytes there and back, to an orderly end")
  func echo() async throws {
    let listener = try await net.listen()
    let link = try await net.dial(listener.port)
    let id = try await link.run { link, peer in
      let stream = try peer.open(link)
      stream.send([1, 2])
      stream.send([3], end: true)
      return stream.id
    }
    await link.log.wait { $0 == .streamClosed(id, .complete) }
    #expect(try await link.run { _, peer in peer.received[id] } == [1, 2, 3])
    await listener.close()
    await link.log.wait { if case .linkClosed = $0 { true } else { false } }
    #expect(listener.connectionCount == 0)
  }

  @Test("carries 1,000 streams at once")
  func manyStreams() async throws {
    var settings = LinkSettings()
    settings.limits = { _ in .authenticatedNode }
    let listener = try await net.listen(settings: settings)
    let link = try await net.dial(listener.port, settings: settings)
    let ids = try await link.run { link, peer in
      try (0..<1_000).map { index in
        let stream = try peer.open(link)
        stream.send([UInt8(truncatingIfNeeded: index), UInt8(index / 256)], end: true)
        return stream.id
      }
    }
    await link.log.wait(for: 1_000) {
      if case .streamClosed(_, .complete) = $0 { true } else { false }
    }
    let received = try await link.run { _, peer in peer.received }
    for (index, id) in ids.enumerated() {
      #expect(received[id] == [UInt8(truncatingIfNeeded: index), UInt8(index / 256)])
    }
    await listener.close()
  }

  @Test("holds a fast sender to what the receiver consumed")
  func backpressure() async throws {
    let log = SeenLog()
    let listener = try await net.listen(.hoard, log: log)
    let link = try await net.dial(listener.port)
    let size = 2 << 20
    let window = HTTP2Limits.stranger.streamWindow
    let (id, other) = try await link.run { link, peer in
      let stream = try peer.open(link)
      stream.send([UInt8](repeating: 1, count: size), end: true)
      return (stream.id, try peer.open(link).id)
    }
    var arrived = 0
    while arrived < window {
      guard
        case .bytes(id, let count)? = await log.wait(for: {
          if case .bytes = $0 { true } else { false }
        })
      else { break }
      arrived += count
    }
    // Another stream still gets through; had more been allowed on the first, it had come before this.
    try await link.run { _, peer in peer.streams[other]?.send([1]) }
    let next = await log.wait { if case .bytes = $0 { true } else { false } }
    #expect(next == .bytes(other, count: 1))
    #expect(arrived == window)
    let outstanding = try await link.run { _, peer in peer.streams[id]?.outstanding }
    #expect(outstanding == size - window)
    #expect(listener.connectionCount == 1)
    await listener.close()
  }

  @Test("goes on as soon as the receiver consumes, to the last byte")
  func consumption() async throws {
    let listener = try await net.listen(.echo)
    let link = try await net.dial(listener.port, .hoard)
    let size = 3 << 20
    let id = try await link.run { link, peer in
      let stream = try peer.open(link)
      stream.send([UInt8](repeating: 1, count: size), end: true)
      return stream.id
    }
    var arrived = 0
    while arrived < size {
      guard
        case .bytes(_, let count)? = await link.log.wait(for: {
          if case .bytes = $0 { true } else { false }
        })
      else { break }
      arrived += count
      try await link.run { _, peer in peer.consumeAll(id) }
    }
    #expect(arrived == size)
    await link.log.wait { $0 == .streamClosed(id, .complete) }
    await listener.close()
  }

  @Test("tells of a refused stream as refused, and goes on")
  func refusal() async throws {
    let listener = try await net.listen(.refuse)
    let link = try await net.dial(listener.port)
    for _ in 0..<2 {
      let id = try await link.run { link, peer in try peer.open(link).id }
      await link.log.wait { $0 == .streamClosed(id, .reset(.refusedStream)) }
    }
    await listener.close()
  }

  @Test("tells every stream and then itself when it is lost")
  func loss() async throws {
    let log = SeenLog()
    let listener = try await net.listen(.hoard, log: log)
    let link = try await net.dial(listener.port)
    let id = try await link.run { link, peer in
      let stream = try peer.open(link)
      stream.send([1])
      return stream.id
    }
    await log.wait { if case .bytes = $0 { true } else { false } }
    try await link.run { link, _ in link.close() }
    await link.log.wait { $0 == .streamClosed(id, .linkLost(.closedHere)) }
    await link.log.wait { $0 == .linkClosed(.closedHere) }
    await log.wait { if case .streamClosed(id, .linkLost) = $0 { true } else { false } }
    await log.wait { if case .linkClosed = $0 { true } else { false } }
    await listener.close()
  }

  @Test("drained by the listener: the open stream finishes, the peer is told, then both have ended")
  func drain() async throws {
    let listener = try await net.listen()
    let link = try await net.dial(listener.port)
    let id = try await link.run { link, peer in
      let stream = try peer.open(link)
      stream.send([1])
      return stream.id
    }
    await link.log.wait { if case .bytes = $0 { true } else { false } }
    async let drained: Void = listener.drain(within: 30_000)
    await link.log.wait { $0 == .draining }
    try await link.run { link, peer in
      #expect(throws: HTTP2OpenRefusal.draining) { try peer.open(link) }
      peer.streams[id]?.send([2], end: true)
    }
    await link.log.wait { $0 == .streamClosed(id, .complete) }
    await link.log.wait { if case .linkClosed = $0 { true } else { false } }
    await drained
    #expect(try await link.run { _, peer in peer.received[id] } == [1, 2])
    #expect(listener.connectionCount == 0)
  }

  @Test("drained by a listener that will not wait: streams that stay open are lost")
  func drainDeadline() async throws {
    let listener = try await net.listen()
    let link = try await net.dial(listener.port)
    let id = try await link.run { link, peer in
      let stream = try peer.open(link)
      stream.send([1])
      return stream.id
    }
    await link.log.wait { if case .bytes = $0 { true } else { false } }
    await listener.drain(within: 50)
    await link.log.wait { if case .streamClosed(id, .linkLost) = $0 { true } else { false } }
  }

  @Test("notices a peer that fell silent")
  func silence() async throws {
    // Answers SETTINGS once, and then nothing.
    let settingsAndAck: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0]
    let mute = try await ServerBootstrap(group: net.group)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Mute(first: settingsAndAck))
        }
      }.bind(host: "127.0.0.1", port: 0).get()
    var settings = LinkSettings()
    settings.keepAliveMilliseconds = 40
    settings.keepAliveTimeoutMilliseconds = 40
    let port = try #require(mute.localAddress?.port)
    let refusals = RefusalLog(label: "Transport")
    let link = try await net.dial(port, settings: settings, refusals: refusals)
    let end = await link.log.wait { if case .linkClosed = $0 { true } else { false } }
    guard case .linkClosed(.silent(let milliseconds))? = end else {
      Issue.record("\(String(describing: end))")
      return
    }
    #expect(milliseconds >= 80)
    while refusals.counts.isEmpty { await Task.yield() }
    #expect(refusals.counts == ["silent": 1])
    try await mute.close()
  }

  @Test("stays with a peer that has nothing to say but answers")
  func idle() async throws {
    var settings = LinkSettings()
    settings.keepAliveMilliseconds = 20
    settings.keepAliveTimeoutMilliseconds = 2_000
    let listener = try await net.listen()
    let link = try await net.dial(listener.port, settings: settings)
    // The passing of time is what is tested: many intervals without a stream.
    try await link.eventLoop.scheduleTask(in: .milliseconds(300)) {}.futureResult.get()
    #expect(try await link.run { link, _ in link.end } == nil)
    await listener.close()
  }

  @Test("with a peer that floods it ends with the breach, and the peer learns why")
  func breach() async throws {
    let log = SeenLog()
    var settings = LinkSettings()
    settings.limits = { _ in
      var limits = HTTP2Limits.stranger
      limits.resetsReceived = RateBudget(5)
      return limits
    }
    let listener = try await net.listen(settings: settings, log: log)
    let link = try await net.dial(listener.port)
    try await link.run { link, peer in
      for _ in 0..<20 {
        let stream = try peer.open(link)
        stream.send([1])
      }
    }
    await link.log.wait(for: 20) { if case .bytes = $0 { true } else { false } }
    try await link.run { _, peer in for stream in peer.streams.values { stream.reset() } }
    await log.wait { $0 == .linkClosed(.failed(.breach(.resetsReceived))) }
    await link.log.wait { if case .linkClosed = $0 { true } else { false } }
    await listener.close()
  }

  @Test("with a peer that floods it with its first bytes is refused for the breach")
  func breachAtOnce() async throws {
    let log = SeenLog()
    let listener = try await net.listen(log: log)
    // Of a type that nobody knows, which is not answered.
    let frame: [UInt8] = [0, 0, 1, 0xee, 0, 0, 0, 0, 0, 7]
    let first =
      Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]
      + (0..<600).flatMap { _ in frame }
    let flood = try await ClientBootstrap(group: net.group)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Mute(first: first))
        }
      }.connect(host: "127.0.0.1", port: listener.port).get()
    let seen = await log.wait { if case .failed = $0 { true } else { false } }
    #expect(seen == .failed(.sessionFailed(.breach(.idleFrames))))
    try await flood.closeFuture.get()
    await listener.close()
  }
}

/// Sends `first` when connected, and never anything more.
private final class Mute: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer
  let first: [UInt8]
  init(first: [UInt8]) { self.first = first }
  func channelActive(context: ChannelHandlerContext) {
    context.writeAndFlush(NIOAny(ByteBuffer(bytes: first)), promise: nil)
  }
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
}
