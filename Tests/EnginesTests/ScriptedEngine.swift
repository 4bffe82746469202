import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A TCP server that answers each connection with the next script, for the failures real engines have.
///
/// Nothing waits on a clock: a script goes on when a request's bytes have come or a gate opens.
final class ScriptedEngine: Sendable {
  /// One thing to do on a connection.
  enum Step: Sendable {
    /// Waits until the head and body of a request have come.
    case awaitRequest
    /// Writes bytes at once, and waits until they are in the socket.
    case send([UInt8])
    /// Writes bytes, each in a write of its own.
    case trickle([UInt8])
    /// Waits for the test.
    case await(Gate)
    /// Tells the test that the script came here.
    case reach(Gate)
    /// Waits until the client closes, then opens the gate.
    case awaitClose(Gate)
    /// Listens no more: further connections are refused.
    case stopListening
    /// Closes with a FIN.
    case close
    /// Closes with a reset.
    case reset
    /// Under TLS: closes with a FIN and no word of TLS.
    case breakOff
  }

  /// Opens once, for good.
  final class Gate: Sendable {
    private let state = Mutex<(open: Bool, waiters: [CheckedContinuation<Void, Never>])>(
      (false, []))

    /// Lets everyone through.
    func open() {
      let waiters = state.withLock { state in
        state.open = true
        defer { state.waiters = [] }
        return state.waiters
      }
      for waiter in waiters { waiter.resume() }
    }

    /// Whether it has opened.
    var isOpen: Bool { state.withLock { $0.open } }

    /// Waits until it is open.
    func pass() async {
      await withCheckedContinuation { continuation in
        let isOpen = state.withLock { state in
          if !state.open { state.waiters.append(continuation) }
          return state.open
        }
        if isOpen { continuation.resume() }
      }
    }
  }

  /// What came on all connections, in the order of their requests.
  private let requests = Mutex<[[UInt8]]>([])
  private let scripts: Mutex<ArraySlice<[Step]>>
  private let connections = Mutex<[Task<Void, Never>]>([])

  /// The whole requests so far, head and body.
  var received: [String] {
    requests.withLock { $0.map { String(decoding: $0, as: UTF8.self) } }
  }

  /// Where it listens.
  var address: String { "http://127.0.0.1:\(port.withLock { $0 })" }
  private let port = Mutex(0)
  private let listener = Mutex<(any Channel)?>(nil)

  private init(_ scripts: [[Step]]) { self.scripts = Mutex(scripts[...]) }

  /// Serves one script for each connection, in order, while `body` runs; further connections are closed.
  static func serving<T: Sendable>(
    _ scripts: [Step]..., to body: @escaping @Sendable (ScriptedEngine) async throws -> T
  ) async throws -> T {
    try await serving(scripts, to: body)
  }

  /// The same for as many scripts as an array has.
  static func serving<T: Sendable>(
    _ scripts: [[Step]], under tls: NIOSSLContext? = nil,
    to body: @escaping @Sendable (ScriptedEngine) async throws -> T
  ) async throws -> T {
    let engine = ScriptedEngine(scripts)
    let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
          }
          try engine.accept(channel)
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    engine.port.withLock { $0 = server.localAddress?.port ?? 0 }
    engine.listener.withLock { $0 = server }
    let result: Result<T, any Error>
    do { result = .success(try await body(engine)) } catch { result = .failure(error) }
    try await engine.stopListening()
    let connections = engine.connections.withLock { $0 }
    for connection in connections { connection.cancel() }
    for connection in connections { await connection.value }
    return try result.get()
  }

  private func stopListening() async throws {
    try await listener.withLock { $0.take() }?.close()
  }

  private func accept(_ channel: any Channel) throws {
    let script = scripts.withLock { $0.popFirst() } ?? [.close]
    let connection = try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
      wrappingChannelSynchronously: channel)
    let task = Task {
      // A client that goes away in the middle is part of many scripts.
      _ = try? await self.perform(script, on: connection)
    }
    connections.withLock { $0.append(task) }
  }

  private func perform(
    _ script: [Step], on connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>
  ) async throws {
    try await connection.executeThenClose { inbound, outbound in
      var arrivals = inbound.makeAsyncIterator()
      var pending: [UInt8] = []
      for step in script {
        switch step {
        case .awaitRequest:
          while Self.wholeRequest(pending) == nil, let more = try await arrivals.next() {
            pending += more.readableBytesView
          }
          if let length = Self.wholeRequest(pending) {
            requests.withLock { $0.append(Array(pending[..<length])) }
            pending.removeFirst(length)
          }
        case .send(let bytes):
          // The writer takes much on a machine where the loop has no turn; this returns when the socket has it.
          try await connection.channel.writeAndFlush(ByteBuffer(bytes: bytes))
        case .trickle(let bytes):
          for byte in bytes { try await outbound.write(ByteBuffer(bytes: [byte])) }
        case .await(let gate): await gate.pass()
        case .reach(let gate): gate.open()
        case .awaitClose(let gate):
          // Reads to the end of the client's side; an error is a close too.
          while (try? await arrivals.next()) != nil {}
          gate.open()
        case .stopListening: try await stopListening()
        case .close: return
        case .reset:
          // Lingering for no time turns the close into a reset.
          let provider = try #require(connection.channel as? any SocketOptionProvider)
          try await provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
          return
        case .breakOff:
          let pipeline = connection.channel.pipeline
          try await pipeline.eventLoop.flatSubmit {
            do {
              let tls = try pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
              return pipeline.syncOperations.removeHandler(context: tls)
            } catch {
              return pipeline.eventLoop.makeFailedFuture(error)
            }
          }.get()
          return
        }
      }
    }
  }

  /// The length of the request at the start of `bytes`, once all of it is there.
  private static func wholeRequest(_ bytes: [UInt8]) -> Int? {
    guard let end = bytes.firstRange(of: "\r\n\r\n".utf8) else { return nil }
    let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).lowercased()
    let length = head.split(separator: "\r\n")
      .first { $0.hasPrefix("content-length:") }
      .flatMap { Int($0.dropFirst(15).drop(while: { $0 == " " })) }
    let whole = end.upperBound + (length ?? 0)
    return bytes.count >= whole ? whole : nil
  }
}
