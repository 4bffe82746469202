extension InferenceRequest {
  /// Fields that make the output something else than a text that goes on where it was cut.
  private static let obstacles = [
    "suffix", "min_tokens", "continue_final_message", "add_generation_prompt",
  ]

  /// The body with `output`, which an engine has given for it and stopped, as its end: an engine that goes on
  /// from there gives what is missing.
  ///
  /// A chat gets a last message of the assistant, a completion a longer prompt.
  ///
  /// - Parameter output: what was said so far, in UTF-8; not empty.
  /// - Returns: nil where the rest would not be a continuation: more than one sequence, an output bound to a
  ///   schema, log probabilities, an echoed prompt or one of ids, a prompt with a suffix, a minimum of tokens,
  ///   a chat whose last message is the assistant's already.
  public func continuing(_ output: [UInt8]) -> [UInt8]? {
    guard !output.isEmpty, let text = String(validating: output, as: UTF8.self),
      features.isDisjoint(with: [
        .severalSequences, .structuredOutput, .logprobs, .echo, .tokenIDPrompt,
      ]), !Self.obstacles.contains(where: isGiven)
    else { return nil }
    switch endpoint {
    case .completions:
      guard let prompt = prompt() else { return nil }
      return replacing([("prompt", JSONWriter.string(prompt + text))])
    case .chatCompletions:
      guard let messages = value(of: "messages"), self.messages().last?.role != "assistant" else {
        return nil
      }
      // The array is not empty: `parse` refuses a chat without messages.
      return replacing([("messages", Array(messages.dropLast()) + Self.lastMessage(text))])
    case .embeddings: return nil  // vectors of one answer are of one engine
    }
  }

  /// What `continuing` has made longer, taken apart again.
  ///
  /// - Parameter count: the output's bytes.
  /// - Returns: the body without the output at its end, and the output; nil if it does not end in one of this length.
  public func separated(outputBytes count: Int) -> (body: [UInt8], output: [UInt8])? {
    guard count > 0 else { return nil }
    switch endpoint {
    case .completions:
      guard let prompt = prompt().map({ Array($0.utf8) }), prompt.count >= count,
        let start = String(validating: prompt.dropLast(count), as: UTF8.self)
      else { return nil }
      return (replacing([("prompt", JSONWriter.string(start))]), Array(prompt.suffix(count)))
    case .chatCompletions:
      guard let messages = value(of: "messages"), let text = self.messages().last?.text,
        text.utf8.count == count
      else { return nil }
      let end = Self.lastMessage(text)
      guard messages.suffix(end.count).elementsEqual(end) else { return nil }
      let shorter = Array(messages.dropLast(end.count)) + [UInt8(ascii: "]")]
      return (replacing([("messages", shorter)]), Array(text.utf8))
    case .embeddings: return nil
    }
  }

  /// The end of an array of messages whose last is the assistant's.
  private static func lastMessage(_ text: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("role")
    writer.string("assistant")
    writer.key("content")
    writer.string(text)
    writer.endObject()
    return [UInt8(ascii: ",")] + writer.bytes + [UInt8(ascii: "]")]
  }

  private func isGiven(_ field: String) -> Bool {
    value(of: field).map { !$0.elementsEqual("null".utf8) } ?? false
  }
}
