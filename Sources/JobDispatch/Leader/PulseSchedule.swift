/// When a leader proposes the next pulse, which lets what is due expire.
///
/// ```
/// idle ──due──► proposed ──taken, or its term is over──► idle
///   ▲ after `Dispatcher.retryDelay`  │ refused for overload
///   └────────────────────────────────┘
/// ```
/// What is due stays due while pulses are refused: without the delay its leader would do nothing else.
/// Moments are monotonic milliseconds.
struct PulseSchedule {
  private var isProposed = false
  private var retryAt: UInt64 = 0

  /// When one is to be proposed for what is due then.
  func moment(due: UInt64) -> UInt64 { isProposed ? .max : max(due, retryAt) }

  /// One is proposed now.
  mutating func proposed() { isProposed = true }

  /// It has ended.
  mutating func ended(_ result: CommandResult, now: UInt64) {
    isProposed = false
    if case .refused = result { retryAt = now + Dispatcher.retryDelay }
  }
}
