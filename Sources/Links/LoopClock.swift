public import JobDispatch
internal import Transport

/// The time of the machines around a link: the same monotonic milliseconds on every loop.
public final class LoopClock: MonotonicClock {
  /// A clock.
  public init() {}

  /// Milliseconds.
  public var now: UInt64 { LinkLoop.now }
}
