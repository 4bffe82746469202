/// Waiting times between tries: doubling, bounded, and spread so that those cut off together do not
/// come back together.
public struct Backoff: Hashable, Sendable {
  /// The first wait, before it is spread, in milliseconds.
  public let initial: UInt64
  /// The longest wait, before it is spread, in milliseconds.
  public let limit: UInt64
  private var failures = 0

  /// Waits from `initial` to `limit` milliseconds.
  ///
  /// - Precondition: 0 < `initial` ≤ `limit`.
  public init(initial: UInt64 = 20, limit: UInt64 = 1_000) {
    precondition(initial > 0 && initial <= limit)
    self.initial = initial
    self.limit = limit
  }

  /// A worker's waits: for a coordinator, for a leader's word and for a slot.
  public static let ofWorker = Backoff(initial: 100, limit: 5_000)

  /// The next wait, never below `floor`.
  ///
  /// - Parameters:
  ///   - random: any number; where in the range the wait falls.
  ///   - floor: what the other side asked for, in milliseconds.
  /// - Returns: milliseconds.
  public mutating func next(random: UInt64, floor: UInt64 = 0) -> UInt64 {
    failures += 1
    return max(wait(after: failures) { random % $0 }, min(floor, Self.floorMax))
  }

  /// The wait after so many failures in a row: between half and all of its step.
  ///
  /// - Parameters:
  ///   - failures: at least one.
  ///   - random: gives a number below a bound; where in the range the wait falls.
  /// - Returns: milliseconds.
  public func wait(after failures: Int, random: (_ bound: UInt64) -> UInt64) -> UInt64 {
    let doublings = UInt64(min(max(failures, 1) - 1, 32))
    let (grown, overflow) = initial.multipliedReportingOverflow(by: 1 << doublings)
    let step = overflow ? limit : min(limit, grown)
    return step / 2 + random(step - step / 2 + 1)
  }

  /// Something succeeded: the next wait is the first again.
  public mutating func reset() { failures = 0 }

  /// The longest wait that another side may ask for, in milliseconds.
  private static let floorMax: UInt64 = 10_000
}
