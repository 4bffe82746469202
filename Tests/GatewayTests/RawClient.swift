import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// An HTTP client that sends the bytes that it is told, and keeps those that come.
final class RawClient: Sendable {
  private let channel: any Channel
  private let collector: Collector

  /// Connects to `host:port`.
  ///
  /// - Parameters:
  ///   - address: the gateway's.
  ///   - reads: whether it takes what comes; a client that does not is a slow reader.
  /// - Throws: what the connection failed with.
  init(_ address: String, reads: Bool = true) async throws {
    let collector = Collector()
    self.collector = collector
    let port = Int(address.split(separator: ":")[1]) ?? 0
    channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.autoRead, value: reads)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelOption(.socketOption(.so_rcvbuf), value: 32 << 10)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Receiver(collector))
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
  }

  func send(_ text: String) async throws {
    try await channel.writeAndFlush(ByteBuffer(string: text))
  }

  /// A request with a JSON body and a key.
  func post(_ path: String, _ body: String, headers: String = "") async throws {
    try await send(
      "POST \(path) HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sy_1_x\r\n\(headers)"
        + "content-length: \(body.utf8.count)\r\n\r\n\(body)")
  }

  func get(_ path: String) async throws {
    try await send("GET \(path) HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sy_1_x\r\n\r\n")
  }

  /// Everything that has come, once it holds `text`; or at the connection's end.
  func read(until text: String) async -> String { await collector.wait { $0.contains(text) } }

  /// Everything that came until the other side ended.
  func readToEnd() async -> String { await collector.wait { _ in false } }

  /// Takes what comes from now on.
  func startReading() async throws {
    try await channel.setOption(.autoRead, value: true).get()
    channel.read()
  }

  func close() async throws { try await channel.close() }

  private final class Collector: Sendable {
    private struct State {
      var text = ""
      var hasEnded = false
      var waiter: (condition: @Sendable (String) -> Bool, CheckedContinuation<String, Never>)?
    }
    private let state = NIOLockedValueBox(State())

    func append(_ text: String?) {
      let woken = state.withLockedValue { state -> (CheckedContinuation<String, Never>, String)? in
        if let text { state.text += text } else { state.hasEnded = true }
        guard let waiter = state.waiter, state.hasEnded || waiter.condition(state.text) else {
          return nil
        }
        state.waiter = nil
        return (waiter.1, state.text)
      }
      if let (continuation, text) = woken { continuation.resume(returning: text) }
    }

    func wait(_ condition: @escaping @Sendable (String) -> Bool) async -> String {
      await withCheckedContinuation { continuation in
        let text = state.withLockedValue { state -> String? in
          if state.hasEnded || condition(state.text) { return state.text }
          state.waiter = (condition, continuation)
          return nil
        }
        if let text { continuation.resume(returning: text) }
      }
    }
  }

  private final class Receiver: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let collector: Collector
    init(_ collector: Collector) { self.collector = collector }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      collector.append(String(buffer: Self.unwrapInboundIn(data)))
    }
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if case ChannelEvent.inputClosed = event { collector.append(nil) }
      context.fireUserInboundEventTriggered(event)
    }
    func channelInactive(context: ChannelHandlerContext) { collector.append(nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      collector.append(nil)
      context.close(promise: nil)
    }
  }
}
