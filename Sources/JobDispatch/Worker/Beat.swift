/// When the output of running attempts leaves: how long it waits for company.
///
/// ```
/// nothing waits ──output, not an attempt's first──► due at a moment ──the moment, or all that is due soon──► left
/// ```
/// Each piece that travels alone costs a message, a frame, a hash, a code and a client's write, and each write of a worker one
/// of every process behind it, however short it is. So output waits for that of other streams, as long as nobody notices.
/// While many attempts run, those that are quick send together, each `interval`: what an engine makes meanwhile becomes one
/// piece. A stream that is slower than that is as it was, and so are the first output and the end of each.
///
/// Each worker has one of twenty phases, by chance: those on one machine, whose clock is the same, would bring everything to their leader at
/// one moment, and a first output that comes then waits behind all of it.
struct Beat {
  /// Milliseconds for which output waits for that of other streams.
  static let gathering: UInt64 = 2
  /// Milliseconds from one beat to the next of quick streams, while many run: fifty times a second, which is about as often as
  /// a screen shows anything.
  static let interval: UInt64 = 20
  /// Attempts that are many.
  private let manyAttempts: Int
  /// Milliseconds from a multiple of `interval` to the beat.
  private let phase: UInt64
  /// Attempts that ran when it was looked at last.
  private var running = 0
  /// When something is due; nil while nothing waits.
  private(set) var dueAt: UInt64?

  /// A beat of which nothing is known yet.
  ///
  /// - Parameters:
  ///   - manyAttempts: attempts that are many.
  ///   - seed: a number that other workers hardly have, for the phase.
  init(manyAttempts: Int, seed: UInt64) {
    self.manyAttempts = manyAttempts
    phase = seed % Self.interval
  }

  private var areMany: Bool { running >= manyAttempts }

  /// Output of an attempt waits from `now` on, which sent some at `sentAt`: when it is due.
  ///
  /// As much as fills a message waits for nothing but the others.
  mutating func wait(now: UInt64, sentAt: UInt64, fillsMessage: Bool) -> UInt64 {
    let soon = now + Self.gathering
    let isQuick = areMany && !fillsMessage && sentAt + Self.interval > soon
    let due = isQuick ? next(after: now) : soon
    dueAt = min(dueAt ?? .max, due)
    return due
  }

  /// The next beat.
  private func next(after now: UInt64) -> UInt64 {
    (now + Self.interval - phase) / Self.interval * Self.interval + phase
  }

  /// Whether something is to leave now.
  func isDue(now: UInt64) -> Bool { dueAt.map { $0 <= now } ?? false }

  /// Whether what is due at `moment` leaves with what is due `now`.
  func takesAlong(_ moment: UInt64, now: UInt64) -> Bool { moment <= now + Self.gathering }

  /// All attempts were looked at: so many run, and the first output that still waits is due then.
  mutating func looked(running: Int, nextDue: UInt64?) {
    self.running = running
    dueAt = nextDue
  }
}
