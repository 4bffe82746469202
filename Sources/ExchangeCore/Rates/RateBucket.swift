public import ExchangeTypes

/// How much a key may use in a minute; nil is without limit.
public struct RateLimit: Hashable, Sendable {
  /// The most that a limit may be: a bucket of it in `RateBucket`'s parts fits 64 bits.
  public static let most: UInt64 = 1_000_000_000_000

  /// Jobs that it submits.
  public var requests: UInt32?
  /// Tokens of its jobs, prompt and output together.
  public var tokens: UInt64?

  /// Joins both.
  public init(requests: UInt32?, tokens: UInt64?) {
    self.requests = requests
    self.tokens = tokens
  }
}

/// What is left of a limit per minute: a bucket that holds a minute's worth, and fills as time passes.
///
/// Counted in parts of 1/60,000, so that what a millisecond adds is a whole number and nothing is ever rounded.
/// In `t` milliseconds it gives at most `perMinute + perMinute·t/60,000`.
public struct RateBucket: Hashable, Sendable {
  static let partsPerUnit: UInt64 = 60_000

  /// Units that a minute adds, and that it holds at most; above zero.
  public let perMinute: UInt64
  /// What it held at `at`, in parts.
  private(set) var parts: UInt64
  /// When it was last touched.
  private(set) var at: LogTime

  /// A full bucket.
  ///
  /// - Precondition: `perMinute` is above zero and at most `RateLimit.most`.
  init(perMinute: UInt64, at time: LogTime) {
    precondition(perMinute > 0 && perMinute <= RateLimit.most)
    self.perMinute = perMinute
    parts = perMinute * Self.partsPerUnit
    at = time
  }

  /// A bucket as a row has it; nil if there is none like that.
  init?(perMinute: UInt64, parts: UInt64, at: LogTime) {
    guard perMinute > 0, perMinute <= RateLimit.most, parts <= perMinute * Self.partsPerUnit else {
      return nil
    }
    self.perMinute = perMinute
    self.parts = parts
    self.at = at
  }

  private var partsMax: UInt64 { perMinute * Self.partsPerUnit }

  /// What it holds at a time, in parts; a time before its own counts as its own.
  private func parts(at time: LogTime) -> UInt64 {
    guard time > at else { return parts }
    let elapsed = time.rawValue - at.rawValue
    // A minute fills it, whatever it held.
    guard elapsed < Self.partsPerUnit else { return partsMax }
    return min(partsMax, parts + elapsed * perMinute)
  }

  /// Whole units that it gives at a time.
  public func left(at time: LogTime) -> UInt64 { parts(at: time) / Self.partsPerUnit }

  /// Milliseconds from a time on until it gives `units`; zero if it does, nil if it never can.
  public func wait(for units: UInt64, at time: LogTime) -> UInt64? {
    guard units <= perMinute else { return nil }
    let (held, needed) = (parts(at: time), units * Self.partsPerUnit)
    return held >= needed ? 0 : (needed - held + perMinute - 1) / perMinute
  }

  /// Takes units out.
  ///
  /// - Precondition: it gives them at that time.
  mutating func take(_ units: UInt64, at time: LogTime) {
    parts = parts(at: time) - units * Self.partsPerUnit
    at = max(at, time)
  }

  /// Puts back what was taken and not used.
  mutating func giveBack(_ units: UInt64, at time: LogTime) {
    let held = parts(at: time)
    parts = held + min(partsMax - held, min(units, perMinute) * Self.partsPerUnit)
    at = max(at, time)
  }
}
