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
      var writer = JSONWriter()
      writer.beginObject()
      writer.key("role")
      writer.string("assistant")
      writer.key("content")
      writer.string(text)
      writer.endObject()
      // The array is not empty: `parse` refuses a chat without messages.
      let longer = messages.dropLast() + [UInt8(ascii: ",")] + writer.bytes + [UInt8(ascii: "]")]
      return replacing([("messages", Array(longer))])
    }
  }

  private func isGiven(_ field: String) -> Bool {
    value(of: field).map { !$0.elementsEqual("null".utf8) } ?? false
  }
}
