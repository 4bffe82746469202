/// Decides when a request whose engine falls silent has waited enough, without counting the time that our own consumer takes.
///
/// States: *waiting* for bytes ⇄ *suspended* while events are handed on, then *draining* once the stream
/// has ended and only the connection's end is awaited. Waiting expires with an error: before the first
/// event of output after one limit from the start, later after another from the last bytes. Draining
/// expires without one.
struct StreamWatchdog {
  private enum Phase {
    case waiting(since: ContinuousClock.Instant)
    case suspended
    case draining(since: ContinuousClock.Instant)
  }

  /// What a look finds.
  enum Verdict {
    case goesOn
    case isSlow(EngineError.Wait)
    case isDrained
  }

  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private let limits: OpenAICompatibleEngine.Limits
  private var phase: Phase
  private var firstEvent: ContinuousClock.Instant?

  /// Starts waiting now.
  init(limits: OpenAICompatibleEngine.Limits) {
    self.limits = limits
    start = clock.now
    phase = .waiting(since: start)
  }

  /// Bytes came: no time counts until `resume`.
  mutating func suspend() { phase = .suspended }

  /// All that came has been handed on: waits for more.
  mutating func resume() { phase = .waiting(since: clock.now) }

  /// The stream has ended: waits for the connection to be done with.
  mutating func drain() { phase = .draining(since: clock.now) }

  /// An event of output is being handed on.
  mutating func noteEvent() { if firstEvent == nil { firstEvent = clock.now } }

  /// What has been measured, up to now.
  func timing() -> EngineEnd.Timing {
    EngineEnd.Timing(
      firstEvent: firstEvent.map { start.duration(to: $0) }, total: start.duration(to: clock.now))
  }

  /// How long the present wait may last; while suspended nothing can expire.
  private var deadline: ContinuousClock.Instant? {
    switch phase {
    case .suspended: nil
    case .draining(let since): since.advanced(by: limits.drain)
    // Comments and role chunks are no output: they do not restart this wait.
    case .waiting where firstEvent == nil: start.advanced(by: limits.firstEvent)
    case .waiting(let since): since.advanced(by: limits.nextBytes)
    }
  }

  /// Whether the present wait has expired.
  var verdict: Verdict {
    guard let deadline, clock.now >= deadline else { return .goesOn }
    if case .draining = phase { return .isDrained }
    return .isSlow(
      firstEvent == nil ? .firstEvent(limits.firstEvent) : .nextBytes(limits.nextBytes))
  }

  /// How long nobody need look, unless draining begins: a later wait may be shorter than the present one, and is noticed at most the
  /// shorter one's length after it expires.
  var nextLook: Duration {
    let shortest = min(limits.firstEvent, limits.nextBytes)
    guard let deadline else { return shortest }
    return max(.zero, min(shortest, clock.now.duration(to: deadline)))
  }
}
