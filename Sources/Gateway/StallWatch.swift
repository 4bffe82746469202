internal import HTTP2Session

/// Tells a client of HTTP/1.1 that takes little of what waits for it from one that as good as takes nothing.
///
/// Its bytes are those that were written. Under TLS more wait, by some for each record, so that as many less count as taken until
/// the last has left.
struct StallWatch {
  /// Bytes that were written, ever, and what they were at the last look.
  private var (written, seen) = (0, 0)
  /// How many of them are to have been taken, and since when they are waited for.
  private var waiting: (due: Int, since: UInt64)?

  /// What a client takes at least of more in its time, as over HTTP/2.
  static let takenMin = HTTP2Limits.stranger.takenMin

  /// Whether something waited for it at the last look.
  var isWaitedFor: Bool { waiting != nil }

  /// Bytes were written.
  mutating func wrote(_ bytes: Int) { written += bytes }

  /// Looks at what waits.
  ///
  /// - Parameters:
  ///   - milliseconds: the time.
  ///   - now: in monotonic milliseconds.
  ///   - outstanding: bytes that wait; not asked for where there are none.
  /// - Returns: whether the client has taken neither what waited nor `takenMin` of it in its time.
  mutating func hasStalled(
    for milliseconds: UInt64, now: UInt64, outstanding: @autoclosure () -> Int
  ) -> Bool {
    guard waiting != nil || written != seen else { return false }
    seen = written
    let outstanding = outstanding()
    let taken = written - outstanding
    guard outstanding > 0 else {
      waiting = nil
      return false
    }
    if let waiting, taken < waiting.due { return waiting.since + milliseconds <= now }
    waiting = (taken + min(outstanding, Self.takenMin), now)
    return false
  }
}
