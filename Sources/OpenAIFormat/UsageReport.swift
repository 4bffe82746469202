/// What an engine says it counted; billing bounds it, see the design's bill.
public struct UsageReport: Hashable, Sendable {
  /// Tokens of the rendered prompt, cached ones included.
  public var promptTokens: Int
  /// Tokens generated, over all choices.
  public var completionTokens: Int
  /// Prompt tokens found in the engine's cache, where it says.
  public var cachedTokens: Int?
  /// Generated tokens that were reasoning, where it says.
  public var reasoningTokens: Int?

  /// Sets the counts.
  public init(
    promptTokens: Int, completionTokens: Int, cachedTokens: Int? = nil, reasoningTokens: Int? = nil
  ) {
    self.promptTokens = promptTokens
    self.completionTokens = completionTokens
    self.cachedTokens = cachedTokens
    self.reasoningTokens = reasoningTokens
  }

  /// Reads a `usage` object; counts that are absent, null or negative read as zero or nil.
  static func read(_ scanner: inout JSONScanner) throws(JSONError) -> UsageReport {
    var usage = UsageReport(promptTokens: 0, completionTokens: 0)
    try scanner.beginObject()
    while let key = try scanner.nextKey() {
      switch key {
      case "prompt_tokens": usage.promptTokens = try count(&scanner) ?? 0
      case "completion_tokens": usage.completionTokens = try count(&scanner) ?? 0
      case "reasoning_tokens": usage.reasoningTokens = try count(&scanner)  // SGLang's place for it
      case "prompt_tokens_details":
        usage.cachedTokens = try detail("cached_tokens", &scanner) ?? usage.cachedTokens
      case "completion_tokens_details":
        usage.reasoningTokens = try detail("reasoning_tokens", &scanner) ?? usage.reasoningTokens
      default: try scanner.skipValue()
      }
    }
    return usage
  }

  private static func detail(
    _ name: String, _ scanner: inout JSONScanner
  ) throws(JSONError) -> Int? {
    guard try scanner.peek() == .object else {
      try scanner.skipValue()
      return nil
    }
    var found: Int?
    try scanner.beginObject()
    while let key = try scanner.nextKey() {
      if key == name { found = try count(&scanner) } else { try scanner.skipValue() }
    }
    return found
  }

  /// More tokens than any answer has: whoever adds two of what an engine counts stays within an integer.
  private static let countMax = Int(Int32.max)

  /// What an engine counts; nil if it says null.
  static func count(_ scanner: inout JSONScanner) throws(JSONError) -> Int? {
    if try scanner.skipNull() { return nil }
    return min(max(0, try scanner.readInteger()), countMax)
  }
}
