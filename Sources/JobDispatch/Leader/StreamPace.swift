/// How fast a stream comes, and from when on its silence is suspicious.
///
/// ```
/// silent (before the first event: the engine's own limit holds) ──event──► flowing ──silence──► suspected
///                                                                    ▲ event, or an excuse ────────┘
/// ```
/// Moments are monotonic milliseconds.
struct StreamPace {
  /// The shortest silence that is suspicious, in milliseconds: engines pause for other requests' prompts.
  static let silenceMin: UInt64 = 5_000
  /// How many times the time that an event takes may pass without any.
  static let patience: UInt64 = 10

  private var firstAt: UInt64?
  private var lastAt: UInt64 = 0
  private var events: UInt64 = 0
  /// Since when the silence is the stream's own.
  private var silentSince: UInt64 = 0

  /// Events have come.
  mutating func came(_ count: Int, now: UInt64) {
    if firstAt == nil { firstAt = now }
    lastAt = now
    silentSince = now
    events += UInt64(count)
  }

  /// A worker has come back with a stream that has begun: how fast it came, this leader does not know.
  mutating func goesOn(now: UInt64) {
    if firstAt == nil { firstAt = now }
    lastAt = max(lastAt, now)
    silentSince = now
  }

  /// Until now the silence was not its fault: it was made to wait, or cannot be moved.
  mutating func excuse(now: UInt64) { silentSince = max(silentSince, now) }

  /// When it is suspected if nothing comes; never before its first event.
  var suspectedAt: UInt64 {
    guard let firstAt else { return .max }
    let perEvent = events > 1 ? (lastAt - firstAt) / (events - 1) : 0
    return silentSince + max(Self.silenceMin, Self.patience * perEvent)
  }
}
