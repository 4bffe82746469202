public import ExchangeTypes

/// How a job's tokens likely lie in contexts: each of its answers has one to itself, behind the prompt that it answers.
///
/// A guess, made before any engine has read the prompt: it asks offers for room. Money is held by the bounds of what is possible, and
/// whether it fits says the engine.
public struct ContextUse: Hashable, Sendable {
  /// Tokens that the longest of its prompts likely has.
  public let prompt: TokenCount
  /// How many answers share its output; at least one.
  public let answers: UInt32

  /// Joins both; no answers at all are one.
  public init(prompt: TokenCount, answers: UInt32) {
    self.prompt = prompt
    self.answers = max(1, answers)
  }

  /// What the prompt may come to where it is better thought too long than too short: an eighth more.
  var promptAmply: TokenCount {
    let (sum, overflow) = prompt.rawValue.addingReportingOverflow(prompt.rawValue / 8)
    return TokenCount(overflow ? .max : sum)
  }

  /// The output of all answers if each has so many tokens, or the greatest number if that does not fit.
  public func output(ofEach tokens: TokenCount) -> TokenCount {
    let (all, overflow) = tokens.rawValue.multipliedReportingOverflow(by: UInt64(answers))
    return TokenCount(overflow ? .max : all)
  }
}
