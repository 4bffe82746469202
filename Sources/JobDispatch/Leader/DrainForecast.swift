/// How soon those who wait come to their turn, from how fast jobs have ended.
///
/// Whoever is refused for a full queue is told when he will find a place.
/// The n-th that is refused is told when the n-th place from now becomes free: told all the same time, they would all
/// come back at once, and all but one in vain.
struct DrainForecast: Hashable, Sendable {
  /// The time that ends are counted over, in milliseconds: long enough for a rate, short enough to follow a change.
  static let window: UInt64 = 10_000
  /// The least and the most that anybody is told to wait, in milliseconds.
  static let waits: ClosedRange<UInt64> = 100...60_000

  /// Ends in each second of the window, by the second's number modulo their count.
  private var ends = [UInt32](repeating: 0, count: 10)
  /// The second that was counted last.
  private var second: UInt64 = 0
  /// Places that become free until then are promised, in monotonic milliseconds.
  private var promisedUntil: UInt64 = 0

  /// A job has ended.
  mutating func ended(now: UInt64) {
    advance(to: now)
    ends[Int(second % UInt64(ends.count))] &+= 1
  }

  /// Promises the next place that becomes free; answers the milliseconds until then.
  mutating func promise(now: UInt64) -> UInt32 {
    advance(to: now)
    let count = ends.reduce(UInt64(0)) { $0 + UInt64($1) }
    // Without an end in the whole window nobody knows; one more is taken to be about to come.
    promisedUntil = max(promisedUntil, now) + Self.window / max(1, count)
    promisedUntil = min(promisedUntil, now + Self.waits.upperBound)
    return UInt32(max(Self.waits.lowerBound, promisedUntil - now))
  }

  /// Forgets the seconds that have left the window.
  private mutating func advance(to now: UInt64) {
    let present = now / 1_000
    guard present > second else { return }
    for passed in (second + 1)...(min(present, second + UInt64(ends.count))) {
      ends[Int(passed % UInt64(ends.count))] = 0
    }
    second = present
  }
}
