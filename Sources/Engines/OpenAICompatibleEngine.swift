internal import AsyncHTTPClient
internal import Glibc
public import Logging
public import NIOCore
internal import NIOHTTP1
internal import OpenAIFormat

/// An engine behind OpenAI's HTTP API: vLLM, SGLang, llama.cpp, Ollama, or anything that speaks the same.
///
/// One value serves any number of requests at once. Call `shutdown` when done with it.
public final class OpenAICompatibleEngine: Engine {
  /// How long to wait, and for what.
  public struct Limits: Hashable, Sendable {
    /// For a connection.
    public var connect: Duration = .seconds(5)
    /// From sending a request to its first event: queueing and prompt processing count.
    public var firstEvent: Duration = .seconds(120)
    /// Between two arrivals of bytes once the stream has begun; comments count as life.
    public var nextBytes: Duration = .seconds(30)
    /// For each answer to a probe.
    public var probe: Duration = .seconds(5)
    /// For all questions after what models are for.
    public var examination: Duration = .seconds(15)
    /// For the end of the connection after the stream's end has come.
    public var drain: Duration = .seconds(1)

    /// The defaults.
    public init() {}
  }

  /// Where the engine is.
  public let spec: EngineSpec
  let baseURL: String
  let limits: Limits
  let logger: Logger
  let client: HTTPClient
  /// Where streams are read; nil for the threads of all tasks.
  private let loopExecutor: LoopExecutor?
  /// Where streams are read.
  public var executor: (any TaskExecutor)? { loopExecutor }

  /// Bytes of an answer that is not a stream: model lists, error bodies.
  static let answerBytesMax = 4 << 20

  /// Prepares to talk to an engine; nothing is sent yet.
  ///
  /// - Parameters:
  ///   - spec: where the engine is.
  ///   - limits: how long to wait.
  ///   - logger: told what is asked once more.
  ///   - loop: on which streams are read and handed on, as their consumer lives there; nil for any thread.
  /// - Precondition: the specification names a server.
  public init(
    spec: EngineSpec, limits: Limits = Limits(), logger: Logger, on loop: (any EventLoop)? = nil
  ) {
    guard case .server(let baseURL) = spec.place else {
      preconditionFailure("\(spec) is no server")
    }
    self.spec = spec
    self.baseURL = baseURL
    self.limits = limits
    self.logger = logger
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow,
      timeout: .init(connect: TimeAmount(limits.connect)), decompression: .disabled)
    configuration.httpVersion = .http1Only
    // The exchange decides how many requests run at once; a pool limit would queue them unseen.
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 4096
    // Shorter than any engine's keep-alive (llama.cpp: 5 s), so that a pooled connection is a live one.
    configuration.connectionPool.idleTimeout = .seconds(2)
    configuration.connectionPool.retryConnectionEstablishment = false
    client = HTTPClient(
      eventLoopGroupProvider: loop.map { .shared($0) } ?? .singleton, configuration: configuration)
    loopExecutor = loop.map { LoopExecutor($0) }
  }

  /// Closes all connections; requests that run fail.
  public func shutdown() async throws { try await client.shutdown() }

  /// Sends a request and hands its output to `onEvent`, in order, until the stream's end.
  ///
  /// `onEvent` is awaited before more is read, so that a slow consumer slows the engine. Cancelling the
  /// task, or throwing from `onEvent`, closes the connection, by which engines free the slot.
  /// A stream that stops without a proper end is an error, whatever came before.
  public func run(
    _ request: EngineRequest,
    onEvent: @escaping @Sendable (EngineEvent) async throws -> Void
  ) async throws(EngineError) -> EngineEnd {
    guard request.generated.isEmpty else {
      // OpenAI's API has no place for them, and without them the output would begin anew.
      throw .refused(
        status: 400, EngineErrorBody(message: "an OpenAI server cannot go on after token ids"))
    }
    guard request.endpoint != .embeddings else { return try await embed(request, onEvent) }
    return try await withTaskExecutorPreference(loopExecutor) { () async throws(EngineError) in
      try await stream(request, onEvent)
    }
  }

  private func stream(
    _ request: EngineRequest,
    _ onEvent: @escaping @Sendable (EngineEvent) async throws -> Void
  ) async throws(EngineError) -> EngineEnd {
    let watchdog = StreamWatchdog(limits: limits, on: loopExecutor)
    let result = await withTaskGroup(of: Outcome.self) { group -> Result<EngineEnd, EngineError> in
      group.addTask { .ended(await self.attempt(request, watchdog, onEvent)) }
      group.addTask { .watched(await watchdog.watch()) }
      var expired: EngineError?
      while let outcome = await group.next() {
        // Whichever comes first ends the other; the attempt's ending stands unless it was cut for time.
        group.cancelAll()
        switch outcome {
        case .ended(.failure(.cancelled)): return Result.failure(expired ?? EngineError.cancelled)
        case .ended(let result): return result
        case .watched(let error): expired = error
        }
      }
      return Result.failure(expired ?? EngineError.cancelled)
    }
    return try result.get()
  }

  private enum Outcome: Sendable {
    case ended(Result<EngineEnd, EngineError>)
    /// The watchdog's verdict; nil where it only cut the wait for the connection's end.
    case watched(EngineError?)
  }

  private func attempt(
    _ request: EngineRequest, _ watchdog: StreamWatchdog,
    _ onEvent: @Sendable (EngineEvent) async throws -> Void
  ) async -> Result<EngineEnd, EngineError> {
    do {
      let response = try await open(request)
      return .success(try await read(response, request, watchdog, onEvent))
    } catch let error as EngineError {
      return .failure(error)
    } catch {
      return .failure(Self.transportError(error, begun: false))
    }
  }

  /// Whether a connection ended: in order, by a reset because it was written to after that, or just before
  /// the first write (NIO's `ioOnClosedChannel`).
  private static func isClosedConnection(_ error: any Error) -> Bool {
    if let error = error as? HTTPClientError { return error == .remoteConnectionClosed }
    if let error = error as? ChannelError { return error == .ioOnClosedChannel }
    guard let error = error as? IOError else { return false }
    return error.errnoCode == ECONNRESET || error.errnoCode == EPIPE
  }

  /// Sends the request and waits for the answer's head, which must be that of a stream.
  private func open(_ request: EngineRequest) async throws -> HTTPClientResponse {
    var outgoing = HTTPClientRequest(url: baseURL + request.route)
    outgoing.method = .POST
    outgoing.headers.add(name: "content-type", value: "application/json")
    outgoing.headers.add(name: "accept", value: "text/event-stream")
    outgoing.body = .bytes(request.body)
    let response = try await send(outgoing, deadline: .distantFuture)
    guard response.status == .ok else { throw Self.refusal(response, try await collect(response)) }
    let type = response.headers.first(name: "content-type") ?? ""
    if type.hasPrefix("application/json") {
      let body = try await collect(response)
      let error = EngineErrorBody.parse(body)
      throw EngineError.garbage("\(type) instead of an event stream: \(error.message.prefix(256))")
    }
    return response
  }

  /// Sends a request and waits for the answer's head.
  func send(
    _ request: HTTPClientRequest, deadline: NIODeadline
  ) async throws -> HTTPClientResponse {
    do {
      return try await client.execute(request, deadline: deadline)
    } catch let error where Self.isClosedConnection(error) {
      // A pooled connection that the engine was closing just then; a new one tells the truth.
      logger.debug("connection closed before an answer; asking once more")
      do {
        return try await client.execute(request, deadline: deadline)
      } catch {
        // What the first connection brought may be what ended the engine: that nobody listens now is not to say that
        // it has not seen the request.
        guard case .down = Self.transportError(error, begun: false) else { throw error }
        throw EngineError.truncated("it closed the connection before answering, and is gone")
      }
    }
  }

  private func read(
    _ response: HTTPClientResponse, _ request: EngineRequest, _ watchdog: StreamWatchdog,
    _ onEvent: @Sendable (EngineEvent) async throws -> Void
  ) async throws -> EngineEnd {
    var reader = StreamReader(sequences: request.sequences)
    var end: EngineEnd?
    do {
      for try await buffer in response.body {
        // Until the connection can be used again, or the watchdog cuts it.
        if end != nil { continue }
        watchdog.suspend()
        for event in try reader.read(Array(buffer.readableBytesView)) {
          watchdog.noteEvent()
          try await Self.deliver(event, onEvent)
        }
        if reader.isDone {
          end = try await Self.finish(&reader, watchdog, onEvent)
          watchdog.drain()
        } else {
          try Task.checkCancellation()
          watchdog.resume()
        }
      }
    } catch let error as EngineError {
      throw error
    } catch {
      guard let end else { throw Self.transportError(error, begun: true) }
      return end
    }
    if let end { return end }
    watchdog.suspend()
    // A cancelled task sees the end of the body, which says nothing about the stream.
    if Task.isCancelled { throw EngineError.cancelled }
    return try await Self.finish(&reader, watchdog, onEvent)
  }

  private static func finish(
    _ reader: inout StreamReader, _ watchdog: StreamWatchdog,
    _ onEvent: @Sendable (EngineEvent) async throws -> Void
  ) async throws(EngineError) -> EngineEnd {
    let (events, end) = try reader.finish(timing: watchdog.timing())
    for event in events { try await deliver(event, onEvent) }
    return end
  }

  static func deliver(
    _ event: EngineEvent, _ onEvent: @Sendable (EngineEvent) async throws -> Void
  ) async throws(EngineError) {
    do {
      try await onEvent(event)
    } catch is CancellationError where Task.isCancelled {
      throw .cancelled
    } catch {
      throw .abandoned(error)
    }
  }
}

extension OpenAICompatibleEngine {
  /// The error that an answer other than 200 stands for.
  static func refusal(_ response: HTTPClientResponse, _ bytes: [UInt8]) -> EngineError {
    let body = EngineErrorBody.parse(bytes)
    switch response.status {
    case .tooManyRequests, .serviceUnavailable:
      let seconds = response.headers.first(name: "retry-after").flatMap { Int($0) }
      return .busy(retryAfter: seconds.map { .seconds(max(0, min($0, 3600))) }, body)
    default:
      return .refused(status: Int(response.status.code), body)
    }
  }

  /// The whole body of an answer that is not a stream.
  func collect(
    _ response: HTTPClientResponse, upTo bytesMax: Int = OpenAICompatibleEngine.answerBytesMax
  ) async throws -> [UInt8] {
    let buffer = try await response.body.collect(upTo: bytesMax)
    return Array(buffer.readableBytesView)
  }

  /// The whole body within a time: a client's deadline is for the head alone.
  func collect(
    _ response: HTTPClientResponse, upTo bytesMax: Int = OpenAICompatibleEngine.answerBytesMax,
    within limit: Duration
  ) async throws -> [UInt8] {
    try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
      group.addTask { try await self.collect(response, upTo: bytesMax) }
      group.addTask {
        try await Task.sleep(for: limit)
        return nil
      }
      defer { group.cancelAll() }
      guard let first = try await group.next(), let bytes = first else {
        throw HTTPClientError.deadlineExceeded
      }
      return bytes
    }
  }

  /// What a failure below HTTP means for the stream.
  static func transportError(_ error: any Error, begun: Bool) -> EngineError {
    if error is CancellationError { return .cancelled }
    if Task.isCancelled { return .cancelled }
    if error is NIOTooManyBytesError { return .garbage("an answer larger than any should be") }
    if let error = error as? HTTPParserError {
      // The end of the connection inside a chunked body is the parser's to find.
      return error == .invalidEOFState && begun
        ? .truncated("the connection ended inside the stream") : .garbage("not HTTP: \(error)")
    }
    guard let error = error as? HTTPClientError else {
      return begun || isClosedConnection(error) ? .truncated("\(error)") : .down("\(error)")
    }
    switch error {
    case .cancelled: return .cancelled
    case .remoteConnectionClosed where !begun:
      return .truncated("it closed the connection before answering")
    case _ where begun: return .truncated("\(error)")
    default: return .down("\(error)")
    }
  }
}
