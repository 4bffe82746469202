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
  ///   - source: its own address, of this machine.
  /// - Throws: what the connection failed with.
  init(_ address: String, reads: Bool = true, from source: String = "127.0.0.1") async throws {
    let collector = Collector()
    self.collector = collector
    let port = Int(address.split(separator: ":")[1]) ?? 0
    channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(to: SocketAddress(ipAddress: source, port: 0))
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
  func post(
    _ path: String, _ body: String, headers: String = "", method: String = "POST"
  ) async throws {
    try await send(
      "\(method) \(path) HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sy_1_x\r\n\(headers)"
        + "content-length: \(body.utf8.count)\r\n\r\n\(body)")
  }

  func get(_ path: String, authorization: String? = "Bearer sy_1_x") async throws {
    let field = authorization.map { "authorization: \($0)\r\n" } ?? ""
    try await send("GET \(path) HTTP/1.1\r\nhost: x\r\n\(field)\r\n")
  }

  /// Everything that has come, once it holds `text`; or at the connection's end.
  func read(until text: String) async -> String { await collector.wait(for: text) }

  /// Everything that came until the other side ended.
  func readToEnd() async -> String { await collector.wait(for: nil) }

  /// Takes what comes from now on.
  func startReading() async throws {
    try await channel.setOption(.autoRead, value: true).get()
    channel.read()
  }

  func close() async throws { try await channel.close() }

  private final class Collector: Sendable {
    private struct State {
      var bytes: [UInt8] = []
      var hasEnded = false
      /// Who waits, for what, and how much of the bytes does not hold it.
      var waiter: (text: [UInt8]?, searched: Int, CheckedContinuation<String, Never>)?

      /// The waiter, if what it waits for has come.
      mutating func served() -> CheckedContinuation<String, Never>? {
        guard let (text, searched, continuation) = waiter else { return nil }
        guard hasEnded || text.map({ holds($0, after: searched) }) == true else {
          waiter?.searched = max(0, bytes.count - (text?.count ?? 0))
          return nil
        }
        waiter = nil
        return continuation
      }

      private func holds(_ text: [UInt8], after start: Int) -> Bool {
        guard bytes.count - start >= text.count else { return false }
        return (start...(bytes.count - text.count)).contains {
          bytes[$0] == text[0] && bytes[$0..<($0 + text.count)].elementsEqual(text)
        }
      }
    }
    private let state = NIOLockedValueBox(State())

    func append(_ bytes: [UInt8]?) {
      update { state in if let bytes { state.bytes += bytes } else { state.hasEnded = true } }
    }

    func wait(for text: String?) async -> String {
      await withCheckedContinuation { continuation in
        update { $0.waiter = (text.map { Array($0.utf8) }, 0, continuation) }
      }
    }

    private func update(_ change: (inout State) -> Void) {
      let (waiter, bytes) = state.withLockedValue { state in
        change(&state)
        let waiter = state.served()
        return (waiter, waiter == nil ? [] : state.bytes)
      }
      waiter?.resume(returning: String(decoding: bytes, as: UTF8.self))
    }
  }

  private final class Receiver: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let collector: Collector
    init(_ collector: Collector) { self.collector = collector }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      collector.append(Array(Self.unwrapInboundIn(data).readableBytesView))
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
