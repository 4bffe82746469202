/// How fast a stream comes, and from when on its silence is suspicious.
///
/// ```
/// silent (before the first event: the engine's own limit holds) ──event──► flowing ──silence──► suspected
///    │                                                               ▲ event, or an excuse ────────┘ │
///    └───────────────────────── silence for `deathLimit`, whatever excuses it ──────────────► dead ◄──┘
/// ```
/// Moments are monotonic milliseconds.
struct StreamPace {
  /// The shortest silence that is suspicious, in milliseconds: engines pause for other requests' prompts.
  static let silenceMin: UInt64 = 5_000
  /// How many times the time that an event takes may pass without any.
  static let patience: UInt64 = 10
  /// How long nothing at all may come before the attempt is taken away, wherever its job can go, in milliseconds: five times as
  /// long as an engine may take to its first event (`Engines`), so that whoever keeps that limit does not meet this one before it.
  static let deathLimit: UInt64 = 600_000
  /// The same of vectors, which come once all are there: an engine is asked for them up to 64 times, one after the other.
  static let bulkDeathLimit = 16 * deathLimit

  private var firstAt: UInt64?
  private var lastAt: UInt64 = 0
  private var events: UInt64 = 0
  /// Since when the silence is the stream's own.
  private var silentSince: UInt64 = 0
  /// Since when a worker has the attempt and could have given something; nil while none has it.
  private var awaitedSince: UInt64?

  /// Events have come, at least one that was not known.
  mutating func came(_ count: Int, now: UInt64) {
    if firstAt == nil { firstAt = now }
    lastAt = now
    silentSince = now
    awaitedSince = now
    events += UInt64(count)
  }

  /// A worker has the attempt: something is to come.
  ///
  /// If one had it before, coming back with it is nothing that came.
  mutating func awaited(now: UInt64) { awaitedSince = awaitedSince ?? now }

  /// Until now it was made to wait.
  mutating func heldBack(now: UInt64) {
    excuse(now: now)
    if awaitedSince != nil { awaitedSince = now }
  }

  /// A worker has come back with a stream that has begun: how fast it came, this leader does not know.
  mutating func goesOn(now: UInt64) {
    if firstAt == nil { firstAt = now }
    lastAt = max(lastAt, now)
    silentSince = now
  }

  /// Until now the silence is not held against it: it was made to wait, or cannot be moved.
  mutating func excuse(now: UInt64) { silentSince = max(silentSince, now) }

  /// When it is suspected if nothing comes; never before its first event.
  var suspectedAt: UInt64 {
    guard let firstAt else { return .max }
    let perEvent = events > 1 ? (lastAt - firstAt) / (events - 1) : 0
    return silentSince + max(Self.silenceMin, Self.patience * perEvent)
  }

  /// When it is given up if nothing comes for so long; never while no worker has it.
  func deadAt(after limit: UInt64) -> UInt64 { awaitedSince.map { $0 + limit } ?? .max }
}
