public import OpenAIFormat

/// A piece of an engine's output, in the order of its stream.
public struct EngineEvent: Hashable, Sendable {
  /// What a piece holds.
  public enum Content: Hashable, Sendable {
    /// Text: valid UTF-8, whole characters. Empty where only token ids came (an end-of-sequence token).
    case text([UInt8])
    /// Reasoning: valid UTF-8, whole characters.
    case reasoning([UInt8])
    /// A JSON object with the choice's members as the engine sent them (`delta`, `logprobs`, `text`, …):
    /// tool calls, log probabilities, and whatever else is more than text.
    case verbatim([UInt8])
    /// The vector of the input whose place `choice` is: float32 numbers, little-endian.
    case vector([UInt8])
  }

  /// Which of the n answers this belongs to.
  public let choice: Int
  /// What it holds.
  public internal(set) var content: Content
  /// The ids of its tokens, where the engine gives them.
  public internal(set) var tokenIDs: [UInt32]?
  /// How many tokens it stands for; a claim, which billing bounds.
  ///
  /// The number of ids, else what the engine counted, else one for each chunk.
  public internal(set) var tokenCount: Int
  /// Tokens of the prompt, where the engine has said it before its output's end.
  public internal(set) var promptTokens: Int?

  /// Sets the parts.
  public init(
    choice: Int, content: Content, tokenIDs: [UInt32]?, tokenCount: Int, promptTokens: Int? = nil
  ) {
    self.promptTokens = promptTokens
    self.choice = choice
    self.content = content
    self.tokenIDs = tokenIDs
    self.tokenCount = tokenCount
  }

  /// Adds the next event to this one if both are text, or both reasoning, of one choice.
  mutating func merge(_ next: EngineEvent) -> Bool {
    guard choice == next.choice, (tokenIDs == nil) == (next.tokenIDs == nil) else { return false }
    switch (content, next.content) {
    case (.text(let bytes), .text(let more)): content = .text(bytes + more)
    case (.reasoning(let bytes), .reasoning(let more)): content = .reasoning(bytes + more)
    default: return false
    }
    if let ids = tokenIDs, let more = next.tokenIDs { tokenIDs = ids + more }
    tokenCount += next.tokenCount
    return true
  }
}

/// How a stream ended.
public struct EngineEnd: Hashable, Sendable {
  /// Why a choice ended.
  public struct Finish: Hashable, Sendable {
    /// Which of the n answers.
    public let choice: Int
    /// The engine's word, such as stop, length or tool_calls.
    public let reason: String

    /// Sets both.
    public init(choice: Int, reason: String) {
      self.choice = choice
      self.reason = reason
    }
  }

  /// When things happened, since the request was sent.
  public struct Timing: Hashable, Sendable {
    /// Until the first event of output; nil where there was none.
    public var firstEvent: Duration?
    /// Until the end of the stream.
    public var total: Duration

    /// Sets both.
    public init(firstEvent: Duration?, total: Duration) {
      self.firstEvent = firstEvent
      self.total = total
    }
  }

  /// One for each choice that named a reason, by choice.
  public let finishes: [Finish]
  /// What the engine counted, where it says.
  public let usage: UsageReport?
  /// Every event with output carried token ids, so that the output can be resumed by ids.
  public let hasAllTokenIDs: Bool
  /// The ids of the rendered prompt, where the engine gives them.
  public let promptTokenIDs: [UInt32]?
  /// The sum of the events' token counts.
  public let tokenCount: Int
  /// When things happened.
  public let timing: Timing

  /// Sets the parts.
  public init(
    finishes: [Finish], usage: UsageReport?, hasAllTokenIDs: Bool, promptTokenIDs: [UInt32]?,
    tokenCount: Int, timing: Timing
  ) {
    self.finishes = finishes
    self.usage = usage
    self.hasAllTokenIDs = hasAllTokenIDs
    self.promptTokenIDs = promptTokenIDs
    self.tokenCount = tokenCount
    self.timing = timing
  }
}
