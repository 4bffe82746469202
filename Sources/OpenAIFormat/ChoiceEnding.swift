/// How one of several answers ended, as it rests among a job's events: a delta with nothing but its `finish_reason`.
///
/// A job has one ending. Where it has several answers, each may have stopped for another reason, and one may have said
/// nothing at all; readers that do not know this form pass over the member, as they do over any engine's own.
public enum ChoiceEnding {
  /// OpenAI's words; an engine's other ones mean that the model stopped.
  private static let words: Set<String> = [
    "stop", "length", "tool_calls", "content_filter", "function_call",
  ]
  private static let opening = Array("{\"finish_reason\":".utf8)

  /// The delta for an engine's word.
  public static func delta(_ reason: String) -> [UInt8] {
    opening + JSONWriter.string(words.contains(reason) ? reason : "stop") + [UInt8(ascii: "}")]
  }

  /// The word of a delta that is of this form; nil for any other.
  static func reason(in delta: [UInt8]) -> String? {
    guard delta.starts(with: opening),
      let value = try? JSONValue.parse(delta), value.members?.count == 1,
      let word = value["finish_reason"]?.string, words.contains(word)
    else { return nil }
    return word
  }
}
