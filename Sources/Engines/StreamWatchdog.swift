internal import Synchronization

/// Ends a request whose engine falls silent, without counting the time that our own consumer takes.
///
/// States: *waiting* for bytes ⇄ *suspended* while events are handed on, then *draining* once the stream
/// has ended and only the connection's end is awaited. Waiting expires with an error: before the first
/// event of output after one limit from the start, later after another from the last bytes. Draining
/// expires without one.
final class StreamWatchdog: Sendable {
  private enum Phase {
    case waiting(since: ContinuousClock.Instant)
    case suspended
    case draining(since: ContinuousClock.Instant)
  }

  private struct State {
    var phase: Phase
    var firstEvent: ContinuousClock.Instant?
  }

  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private let limits: OpenAICompatibleEngine.Limits
  /// Where it waits; nil for the timers of all tasks.
  private let executor: LoopExecutor?
  private let state: Mutex<State>

  /// Starts waiting now.
  init(limits: OpenAICompatibleEngine.Limits, on executor: LoopExecutor?) {
    self.limits = limits
    self.executor = executor
    start = clock.now
    state = Mutex(State(phase: .waiting(since: start)))
  }

  /// Bytes came: no time counts until `resume`.
  func suspend() { state.withLock { $0.phase = .suspended } }

  /// All that came has been handed on: waits for more.
  func resume() {
    let now = clock.now
    state.withLock { $0.phase = .waiting(since: now) }
  }

  /// The stream has ended: waits for the connection to be done with.
  func drain() {
    let now = clock.now
    state.withLock { $0.phase = .draining(since: now) }
  }

  /// An event of output is being handed on.
  func noteEvent() {
    state.withLock { if $0.firstEvent == nil { $0.firstEvent = clock.now } }
  }

  /// What has been measured, up to now.
  func timing() -> EngineEnd.Timing {
    let first = state.withLock { $0.firstEvent }
    return EngineEnd.Timing(
      firstEvent: first.map { start.duration(to: $0) }, total: start.duration(to: clock.now))
  }

  /// Returns when a wait has expired, with the error it means, or nil when cancelled or drained.
  func watch() async -> EngineError? {
    // A later phase may have a shorter limit than the one slept through: never sleep longer than the
    // shortest, so that a wait is noticed at most that long after it expires.
    let shortest = min(limits.firstEvent, limits.nextBytes, limits.drain)
    while true {
      let (deadline, error) = nextDeadline()
      let now = clock.now
      if let deadline, now >= deadline { return error }
      let look = now.advanced(by: shortest)
      do {
        try await wait(until: deadline.map { min($0, look) } ?? look)
      } catch {
        return nil  // the attempt has ended first
      }
    }
  }

  private func wait(until moment: ContinuousClock.Instant) async throws {
    guard let executor else { return try await clock.sleep(until: moment) }
    try await executor.wait(for: clock.now.duration(to: moment))
  }

  /// When the present wait expires, and what that means; while suspended nothing can expire.
  private func nextDeadline() -> (ContinuousClock.Instant?, EngineError?) {
    state.withLock { state in
      switch state.phase {
      case .suspended: (nil, nil)
      case .draining(let since): (since.advanced(by: limits.drain), nil)
      case .waiting where state.firstEvent == nil:
        // Comments and role chunks are no output: they do not restart this wait.
        (start.advanced(by: limits.firstEvent), .slow(.firstEvent(limits.firstEvent)))
      case .waiting(let since):
        (since.advanced(by: limits.nextBytes), .slow(.nextBytes(limits.nextBytes)))
      }
    }
  }
}
