/// Waiting times between tries: doubling, bounded, and spread so that clients cut off together do not
/// come back together.
public struct Backoff: Hashable, Sendable {
  /// The first wait, before it is spread, in milliseconds.
  public let initial: UInt64
  /// The longest wait, before it is spread, in milliseconds.
  public let limit: UInt64
  private var current: UInt64

  /// Waits from `initial` to `limit` milliseconds.
  ///
  /// - Precondition: 0 < `initial` ≤ `limit`.
  public init(initial: UInt64 = 20, limit: UInt64 = 1_000) {
    precondition(initial > 0 && initial <= limit)
    self.initial = initial
    self.limit = limit
    current = initial
  }

  /// The next wait: between half and all of the current step, never below `floor`.
  ///
  /// - Parameters:
  ///   - random: any number; where in the range the wait falls.
  ///   - floor: what the other side asked for, in milliseconds.
  /// - Returns: milliseconds.
  public mutating func next(random: UInt64, floor: UInt64 = 0) -> UInt64 {
    let wait = current / 2 + random % (current - current / 2 + 1)
    current = min(limit, current * 2)
    return max(wait, min(floor, Self.floorMax))
  }

  /// Something succeeded: the next wait is the first again.
  public mutating func reset() { current = initial }

  /// The longest wait that another side may ask for, in milliseconds.
  private static let floorMax: UInt64 = 10_000
}
