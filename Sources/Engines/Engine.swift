/// What a worker needs of an engine, wherever it runs.
public protocol Engine: Sendable {
  /// Where a task that runs a request for text begins best: where its output is read; nil for any thread.
  var executor: (any TaskExecutor)? { get }

  /// Asks what it is, which models it serves, and how much at once; succeeds only if it is ready to serve.
  func probe() async throws(EngineError) -> EngineStatus

  /// Finds out what the models of a probe are for, by asking for a little of it; what was found holds until the engine starts anew.
  ///
  /// - Throws: where the engine does not say now and may say later.
  func examine(_ status: EngineStatus) async throws(EngineError) -> EngineStatus

  /// The request as this engine goes on best from the output that it ends with: from the ids of `begun` if they stand for that
  /// output here, else as it is, by its text.
  ///
  /// What goes wrong in asking the engine is no error: then it is the text.
  func resuming(_ request: EngineRequest) async -> EngineRequest

  /// Runs a request and hands its output to `onEvent`, in order, until the stream's end.
  ///
  /// `onEvent` is awaited before more is asked of the engine. Cancelling the task, or throwing from
  /// `onEvent`, ends the request and frees its slot. A stream without a proper end is an error.
  func run(
    _ request: EngineRequest, onEvent: @escaping @Sendable (EngineEvent) async throws -> Void
  ) async throws(EngineError) -> EngineEnd

  /// Lets go of what it holds; requests that run fail.
  func shutdown() async throws
}

extension Engine {
  /// Any thread.
  public var executor: (any TaskExecutor)? { nil }

  /// An engine that a probe tells everything of.
  public func examine(_ status: EngineStatus) async throws(EngineError) -> EngineStatus { status }
}
