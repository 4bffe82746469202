extension ErrorCode {
  /// What people are told: what is wrong, then what would be right, in one sentence.
  ///
  /// - Parameters:
  ///   - what: what is wrong, from somebody who knows more than the table of errors; nil for its words.
  ///   - facts: the numbers and names that make the difference; empty if there are none.
  ///   - instead: what would be right, likewise.
  /// - Returns: `what (facts); what would be right`.
  public func sentence(
    _ what: String? = nil, facts: String = "", instead: String? = nil
  ) -> String {
    let problem = what ?? Self.clause(meaning)
    let reason = facts.isEmpty ? problem : "\(problem) (\(facts))"
    return "\(reason); \(instead ?? Self.clause(remedy))"
  }

  /// A sentence of the table, without its capital and its full stop.
  private static func clause(_ sentence: String) -> String {
    sentence.prefix(1).lowercased() + sentence.dropFirst().dropLast()
  }
}
