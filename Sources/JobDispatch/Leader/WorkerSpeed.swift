/// How fast a worker runs jobs of one model, as this leader has seen it: means in which, of many attempts, the last counts
/// an eighth.
///
/// Never what a supplier says. Forgotten with the leader's term, and known again after a few attempts.
struct WorkerSpeed: Hashable, Sendable {
  /// Prompt tokens a second where nothing is known yet.
  static let promptRateAssumed = 2_000.0
  /// Output tokens a second where nothing is known yet.
  static let outputRateAssumed = 30.0

  /// Milliseconds from an assignment to its first output, by the most tokens that its prompt could be.
  private(set) var firstOutput = DecayedLine()
  /// Tokens a second after that; nil before the first attempt of more than one token.
  private(set) var tokensPerSecond: Double?

  /// An attempt's first output came after so many milliseconds, of a prompt of at most so many tokens.
  mutating func noteFirstOutput(after milliseconds: UInt64, prompt: UInt64) {
    firstOutput.note(Double(milliseconds), at: Double(prompt))
  }

  /// An attempt's further tokens came within so many milliseconds; so few of either say nothing.
  mutating func noteTokens(_ count: UInt64, within milliseconds: UInt64) {
    guard count > 0, milliseconds > 0 else { return }
    let new = Double(count) * 1_000 / Double(milliseconds)
    tokensPerSecond = tokensPerSecond.map { $0 + (new - $0) / 8 } ?? new
  }

  /// Seconds that work takes one slot, as far as it is known.
  func seconds(for work: Planner.Work) -> Double {
    let prompt = firstOutput.slope.map { $0 / 1_000 } ?? 1 / Self.promptRateAssumed
    return Double(work.prompt) * prompt
      + Double(work.output) / (tokensPerSecond ?? Self.outputRateAssumed)
  }
}

/// A straight line through points of which each counts seven eighths of the one after it.
///
/// Exact for points that lie on a line that does not fall; of points at one place, their mean.
struct DecayedLine: Hashable, Sendable {
  private static let decay = 7.0 / 8
  private var weight = 0.0
  private var placeMean = 0.0
  private var mean = 0.0
  /// Sums of squares and of products about the means.
  private var squares = 0.0
  private var products = 0.0

  /// A point.
  mutating func note(_ value: Double, at place: Double) {
    weight = weight * Self.decay + 1
    let before = place - placeMean
    placeMean += before / weight
    mean += (value - mean) / weight
    squares = squares * Self.decay + before * (place - placeMean)
    products = products * Self.decay + before * (value - mean)
  }

  /// How much it rises from one place to the next; nil while all points were at one place.
  var slope: Double? {
    squares > Self.squaresMin ? max(0, products / squares) : nil
  }
  /// Places closer together than this are one: what is left of older ones by rounding is no second place.
  private static let squaresMin = 1e-6

  /// Its value at a place, never below zero; nil before the first point.
  func value(at place: Double) -> Double? {
    weight > 0 ? max(0, mean + (slope ?? 0) * (place - placeMean)) : nil
  }
}

/// When an attempt's output came.
struct AttemptTiming: Sendable {
  /// When its worker was told of it; nil for one that this leader has taken over: when it began is not known then.
  private var assignedAt: UInt64?
  /// Its first output, and the tokens that there were then.
  private var first: (at: UInt64, tokens: UInt64)?

  /// Its worker was told, at a time in monotonic milliseconds.
  mutating func assigned(at now: UInt64) { assignedAt = now }

  /// Output has come, of so many tokens in all.
  ///
  /// - Parameters:
  ///   - tokens: what there is now.
  ///   - now: monotonic milliseconds.
  /// - Returns: for the first output, the milliseconds that it took; nil otherwise.
  mutating func output(_ tokens: UInt64, at now: UInt64) -> UInt64? {
    guard first == nil, let assignedAt else { return nil }
    first = (now, tokens)
    return now - min(now, assignedAt)
  }

  /// Tokens after the first output, and the milliseconds that they took; nil where there were none.
  func rest(_ tokens: UInt64, at now: UInt64) -> (tokens: UInt64, milliseconds: UInt64)? {
    guard let first, tokens > first.tokens, now > first.at else { return nil }
    return (tokens - first.tokens, now - first.at)
  }
}
