internal import NIOCore

/// Runs the pieces of a task on an event loop, where its connection lives: no other thread is woken for each piece of a
/// stream.
final class LoopExecutor: TaskExecutor {
  private let loop: any EventLoop

  init(_ loop: any EventLoop) { self.loop = loop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    loop.execute { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
  }

  /// Waits by a timer of the loop: those of all tasks wake a thread of their own, and are not taken back when a task is cancelled.
  func wait(for duration: Duration) async throws {
    let timer = loop.scheduleTask(in: TimeAmount(duration)) {}
    try await withTaskCancellationHandler {
      try await timer.futureResult.get()
    } onCancel: {
      timer.cancel()
    }
  }
}
