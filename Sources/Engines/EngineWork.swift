internal import NIOCore

/// Something that is done on an engine's loop and may be cancelled there.
protocol EngineWork: AnyObject, SendableMetatype {
  associatedtype Output: Sendable

  /// Begins; calls `done` once, on the loop.
  func begin(_ done: @escaping (Result<Output, EngineError>) -> Void)
  /// Ends it as cancelled, if it has not ended.
  func cancel()
}

/// Work between the task that waits for it and the loop: `waiting` ──begin──► `working`, or ──cancel──► `cancelled`.
private enum WorkState<Work: EngineWork> {
  case waiting, working(Work), cancelled
}

extension EventLoop {
  /// Does work here; cancelling the task cancels it.
  func result<Work: EngineWork>(
    of make: @escaping @Sendable () -> Work
  ) async throws(EngineError) -> Work.Output {
    let state = NIOLoopBoundBox.makeBoxSendingValue(WorkState<Work>.waiting, eventLoop: self)
    let result: Result<Work.Output, EngineError> = await withTaskCancellationHandler {
      await withCheckedContinuation {
        (continuation: CheckedContinuation<Result<Work.Output, EngineError>, Never>) in
        now {
          if case .cancelled = state.value {
            return continuation.resume(returning: .failure(.cancelled))
          }
          let work = make()
          state.value = .working(work)
          work.begin { continuation.resume(returning: $0) }
        }
      }
    } onCancel: {
      now {
        if case .working(let work) = state.value { work.cancel() } else { state.value = .cancelled }
      }
    }
    return try result.get()
  }

  /// At once where this is the loop's thread already.
  private func now(_ action: @escaping @Sendable () -> Void) {
    if inEventLoop { action() } else { execute(action) }
  }
}
