/// How fast a worker runs jobs of one model, as this leader has seen it: means in which an attempt counts an eighth.
///
/// Never what a supplier says. Forgotten with the leader's term, and known again after a few attempts.
struct WorkerSpeed: Hashable, Sendable {
  /// Milliseconds from an assignment to its first output; nil before the first attempt.
  private(set) var firstOutput: Double?
  /// Tokens a second after that; nil before the first attempt of more than one token.
  private(set) var tokensPerSecond: Double?

  /// An attempt's first output came after so many milliseconds.
  mutating func noteFirstOutput(after milliseconds: UInt64) {
    firstOutput = Self.mean(firstOutput, Double(milliseconds))
  }

  /// An attempt's further tokens came within so many milliseconds; so few of either say nothing.
  mutating func noteTokens(_ count: UInt64, within milliseconds: UInt64) {
    guard count > 0, milliseconds > 0 else { return }
    tokensPerSecond = Self.mean(tokensPerSecond, Double(count) * 1_000 / Double(milliseconds))
  }

  private static func mean(_ old: Double?, _ new: Double) -> Double {
    old.map { $0 + (new - $0) / 8 } ?? new
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
