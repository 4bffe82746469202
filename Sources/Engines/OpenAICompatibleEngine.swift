public import Logging
public import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import OpenAIFormat

/// An engine behind OpenAI's HTTP API: vLLM, SGLang, llama.cpp, Ollama, or anything that speaks the same.
///
/// One value serves any number of requests at once. Call `shutdown` when done with it.
public final class OpenAICompatibleEngine: Engine {
  /// How long to wait, and for what.
  public struct Limits: Hashable, Sendable {
    /// For a connection, with the handshake where there is one.
    public var connect: Duration = .seconds(5)
    /// From sending a request to its first event, or to the end of a whole answer of embeddings.
    ///
    /// Queueing and prompt processing count.
    public var firstEvent: Duration = .seconds(120)
    /// Between two arrivals of bytes once the stream has begun; comments count as life.
    public var nextBytes: Duration = .seconds(30)
    /// For each answer to a probe, head and body.
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
  let limits: Limits
  let logger: Logger
  /// Where its connections live, and where streams are read.
  private let loop: any EventLoop
  private let client: NIOLoopBoundBox<EngineClient>
  /// The loop, if it is whose consumer lives there; nil for the threads of all tasks.
  public let executor: (any TaskExecutor)?

  /// Bytes of an answer that is not a stream: model lists, error bodies.
  static let answerBytesMax = 4 << 20

  /// Prepares to talk to an engine; nothing is sent yet.
  ///
  /// - Parameters:
  ///   - spec: where the engine is.
  ///   - limits: how long to wait.
  ///   - logger: told what is asked once more.
  ///   - loop: on which streams are read and handed on, as their consumer lives there; nil for any.
  /// - Precondition: the specification names a server, as `EngineSpec.parse` lets it through.
  public convenience init(
    spec: EngineSpec, limits: Limits = Limits(), logger: Logger, on loop: (any EventLoop)? = nil
  ) {
    self.init(
      spec: spec, limits: limits, logger: logger, on: loop, tls: .makeClientConfiguration())
  }

  /// The same, with what is asked of a server behind `https`.
  init(
    spec: EngineSpec, limits: Limits, logger: Logger, on loop: (any EventLoop)?,
    tls: TLSConfiguration
  ) {
    guard case .server(let baseURL) = spec.place, let server = try? EngineSpec.Server(baseURL)
    else {
      preconditionFailure("\(spec) is no server")
    }
    self.spec = spec
    self.limits = limits
    self.logger = logger
    executor = loop.map { LoopExecutor($0) }
    let loop = loop ?? MultiThreadedEventLoopGroup.singleton.next()
    self.loop = loop
    client = .makeBoxSendingValue(
      EngineClient(
        server, connect: limits.connect,
        tls: Result { server.isTLS ? try NIOSSLContext(configuration: tls) : nil },
        logger: logger, on: loop),
      eventLoop: loop)
  }

  /// Closes all connections; requests that run fail.
  public func shutdown() async throws {
    try await loop.flatSubmit { [client] in client.value.shutDown() }.get()
  }

  /// Sends a request and hands its output to `onEvent`, in order, until the stream's end.
  ///
  /// Where `onEvent` gives a future, nothing more is read before that is done, so that a slow consumer slows the engine. Cancelling the
  /// task, or an error of `onEvent`, closes the connection, by which engines free the slot.
  /// A stream that stops without a proper end is an error, whatever came before.
  public func run(
    _ request: EngineRequest, onEvent: @escaping EngineSink
  ) async throws(EngineError) -> EngineEnd {
    guard request.generated.isEmpty else {
      // OpenAI's API has no place for them, and without them the output would begin anew.
      throw .refused(
        status: 400, EngineErrorBody(message: "an OpenAI server cannot go on after token ids"))
    }
    guard request.endpoint != .embeddings else { return try await embed(request, onEvent) }
    return try await loop.result { [client, limits] in
      StreamReading(request, limits: limits, client: client.value, onEvent: onEvent)
    }
  }
}

extension OpenAICompatibleEngine {
  /// A whole answer, of any status.
  func answer(
    to request: OutgoingRequest, _ limits: AnswerReading.Limits
  ) async throws(EngineError) -> (head: HTTPResponseHead, body: [UInt8]) {
    try await loop.result { [client] in AnswerReading(request, limits, client: client.value) }
  }

  /// The error that an answer other than 200 stands for.
  static func refusal(_ head: HTTPResponseHead, _ bytes: [UInt8]) -> EngineError {
    let body = EngineErrorBody.parse(bytes)
    switch head.status {
    case .tooManyRequests, .serviceUnavailable:
      let seconds = head.headers.first(name: "retry-after").flatMap { Int($0) }
      return .busy(retryAfter: seconds.map { .seconds(max(0, min($0, 3600))) }, body)
    default:
      return .refused(status: Int(head.status.code), body)
    }
  }
}
