internal import ExchangeTypes

/// The API keys that opened a stream since the log last heard which did.
///
/// The log hears at most once a minute, in one command for all keys, and not at all while none is used: what a
/// request costs is an insertion here. What has not been told when leadership ends is forgotten.
struct UsedKeys {
  /// How often the log is told, in milliseconds.
  static let interval: UInt64 = 60_000

  private var keys: Set<KeyID> = []
  private var toldAt: UInt64?
  /// When `take` is due, in monotonic milliseconds; never while no key was used.
  private(set) var deadline: UInt64 = .max

  /// A key has opened a stream.
  mutating func note(_ key: KeyID, now: UInt64) {
    guard keys.insert(key).inserted, deadline == .max else { return }
    deadline = max(now, toldAt.map { $0 + Self.interval } ?? now)
  }

  /// At most `limit` of them, in the order of their numbers; the others wait for the next time.
  mutating func take(limit: Int, now: UInt64) -> [KeyID] {
    let taken = Array(keys.sorted().prefix(limit))
    keys.subtract(taken)
    toldAt = now
    deadline = keys.isEmpty ? .max : now + Self.interval
    return taken
  }
}
