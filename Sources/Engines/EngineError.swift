public import OpenAIFormat

/// Why an engine did not finish a request, in the engine's words where it had any.
public enum EngineError: Error, Sendable, CustomStringConvertible {
  /// Nobody answers at the address: refused, unknown host, or no connection in time.
  case down(String)
  /// The engine took longer than the limit for what is named.
  case slow(Wait)
  /// What came is not what an OpenAI-compatible server sends; the text says what it was.
  case garbage(String)
  /// The connection ended before the stream did.
  case truncated(String)
  /// The engine refused the request.
  case refused(status: Int, EngineErrorBody)
  /// The engine has no room now (429, 503): capacity, not failure.
  case busy(retryAfter: Duration?, EngineErrorBody)
  /// The engine reported an error inside a stream that had begun.
  case failed(EngineErrorBody)
  /// The engine cannot give what the request asks for: it passed over a field, or would have to.
  ///
  /// The sentence has the field's name in single quotes, and nothing else before it: consumers are told by it (`HTTPRefusal`).
  case unfit(String)
  /// What was asked for is more than an answer holds.
  case oversized(String)
  /// The task that ran the request was cancelled; the engine has been disconnected.
  case cancelled
  /// The handler of events threw this; the engine has been disconnected.
  case abandoned(any Error)

  /// What an engine was too slow with.
  public enum Wait: Hashable, Sendable {
    /// The first event of the stream.
    case firstEvent(Duration)
    /// The next bytes of the stream.
    case nextBytes(Duration)
    /// An answer to a probe.
    case probe(Duration)
  }

  /// What an error of whoever takes the events means: one that was told to end the request has cancelled it.
  public static func ended(by error: any Error) -> EngineError {
    error is CancellationError ? .cancelled : .abandoned(error)
  }

  /// Whether another engine may do better with the same request.
  ///
  /// False where the request is at fault, or nobody wants the answer any more.
  public var isWorthRetrying: Bool {
    switch self {
    case .down, .slow, .garbage, .truncated, .busy, .failed: true
    case .refused(let status, _): status >= 500 || [401, 403, 404, 408].contains(status)
    case .unfit, .oversized, .cancelled, .abandoned: false
    }
  }

  /// A sentence for people.
  public var description: String {
    switch self {
    case .down(let reason): "the engine is down: \(reason)"
    case .slow(.firstEvent(let limit)): "the engine sent no event within \(limit)"
    case .slow(.nextBytes(let limit)): "the engine's stream stalled for \(limit)"
    case .slow(.probe(let limit)): "the engine did not answer a probe within \(limit)"
    case .garbage(let what): "the engine's answer is not OpenAI's protocol: \(what)"
    case .truncated(let what): "the engine's stream was cut: \(what)"
    case .refused(let status, let body): "the engine refused with \(status): \(body.message)"
    case .busy(let after, let body):
      "the engine is busy\(after.map { ", retry after \($0)" } ?? ""): \(body.message)"
    case .failed(let body): "the engine failed during the stream: \(body.message)"
    case .unfit(let what), .oversized(let what): what
    case .cancelled: "the request was cancelled"
    case .abandoned(let error): "the stream was abandoned: \(error)"
    }
  }
}
