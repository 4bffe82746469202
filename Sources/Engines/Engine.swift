public import NIOCore
internal import NIOPosix
internal import Synchronization

/// Takes an event of an engine's output; gives nil where the next may come at once, else what to wait for before it comes.
///
/// What it throws, or what the future fails with, ends the request.
public typealias EngineSink = @Sendable (EngineEvent) throws -> EventLoopFuture<Void>?

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
  /// What `onEvent` gives is waited for before more is asked of the engine. Cancelling the task, or an error of
  /// `onEvent`, ends the request and frees its slot. A stream without a proper end is an error.
  func run(
    _ request: EngineRequest, onEvent: @escaping EngineSink
  ) async throws(EngineError) -> EngineEnd

  /// Lets go of what it holds; requests that run fail.
  func shutdown() async throws
}

extension Engine {
  /// Runs a request for a consumer that takes its time with each event: the next one waits until it returns.
  ///
  /// Cancelling the task cancels the one that `onEvent` is in, and does not wait for it.
  public func run(
    _ request: EngineRequest, onEvent: @escaping @Sendable (EngineEvent) async throws -> Void
  ) async throws(EngineError) -> EngineEnd {
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    // The task that takes an event; whether it is to be cancelled.
    let taking = Mutex<(task: Task<Void, any Error>?, isCancelled: Bool)>((nil, false))
    let result = await withTaskCancellationHandler { () async -> Result<EngineEnd, EngineError> in
      do throws(EngineError) {
        return .success(
          try await run(request) { event in
            let task = Task { try await onEvent(event) }
            let isCancelled = taking.withLock { taking in
              taking.task = task
              return taking.isCancelled
            }
            if isCancelled { task.cancel() }
            return loop.makeFutureWithTask { try await task.value }
          })
      } catch {
        return .failure(error)
      }
    } onCancel: {
      taking.withLock { taking in
        taking.isCancelled = true
        return taking.task
      }?.cancel()
    }
    return try result.get()
  }

  /// Any thread.
  public var executor: (any TaskExecutor)? { nil }

  /// An engine that a probe tells everything of.
  public func examine(_ status: EngineStatus) async throws(EngineError) -> EngineStatus { status }
}
