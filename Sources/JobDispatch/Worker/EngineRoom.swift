/// Whether the engine has room, as its refusals say: one that is full is left alone for the time that it named, and
/// longer each time that it is still full.
///
/// ```
/// open ──refused──► full until a moment ──the moment, or a run of ours completed (never before the time named)──► open
/// ```
struct EngineRoom {
  /// The time for which a full engine is left alone that named none, in milliseconds; each of its slots too.
  static let waits = Backoff(initial: 1_000, limit: 30_000)
  /// The times that are heeded of those that an engine may name.
  private static let named: ClosedRange<UInt64> = 250...30_000

  /// Until when it is left alone; nil while it takes attempts.
  private(set) var fullUntil: UInt64?
  /// The end of the time that the engine named.
  private var namedUntil: UInt64 = 0
  /// How often it was full since a run last completed; refusals of one moment are one.
  private var refusals = 0

  /// The engine had no room, and named the time after which it may have some, or none.
  mutating func refused(
    retryAfter: UInt64?, now: UInt64, random: (_ bound: UInt64) -> UInt64
  ) {
    if fullUntil == nil { refusals += 1 }
    if let retryAfter {
      let wait = min(max(retryAfter, Self.named.lowerBound), Self.named.upperBound)
      namedUntil = max(namedUntil, now + wait)
    }
    let grown = now + Self.waits.wait(after: refusals, random: random)
    fullUntil = max(fullUntil ?? 0, namedUntil, grown)
  }

  /// A run has completed, so there is room for one.
  mutating func completed(now: UInt64) {
    refusals = 0
    if fullUntil != nil { fullUntil = max(namedUntil, now) }
  }

  /// Whether the time is over for which it was left alone.
  mutating func opens(now: UInt64) -> Bool {
    guard let fullUntil, fullUntil <= now else { return false }
    self.fullUntil = nil
    return true
  }
}
