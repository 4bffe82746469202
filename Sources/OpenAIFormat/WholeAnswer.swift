/// Collects an answer for a consumer who did not ask for a stream.
public struct WholeAnswer: Sendable {
  private struct Choice: Sendable {
    var text: [UInt8] = []
    var reasoning: [UInt8] = []
    /// What engines said beyond text, such as `delta` and `logprobs`, added up.
    var rest = JSONValue.object([])
    /// Why it ended, where that was said of it alone.
    var ending: String?
  }

  private let endpoint: InferenceRequest.Endpoint
  private var choices: [Choice] = []
  /// Whether deltas had more parts than any answer has; what is collected is then incomplete.
  public private(set) var isOverfull = false
  /// Bytes collected so far.
  public private(set) var byteCount = 0
  /// How many members may still be looked at to add deltas up: in proportion to what has come, so that a stream takes
  /// no more time than its length explains.
  private var looks = 0

  /// Starts empty.
  public init(endpoint: InferenceRequest.Endpoint) { self.endpoint = endpoint }

  /// Adds a piece of text: UTF-8, which may be cut inside a character.
  public mutating func text(_ bytes: [UInt8], choice: Int) {
    open(choice, bytes.count)
    choices[choice].text += bytes
  }

  /// Adds a piece of reasoning.
  public mutating func reasoning(_ bytes: [UInt8], choice: Int) {
    open(choice, bytes.count)
    choices[choice].reasoning += bytes
  }

  /// Adds members of a choice as the engine wrote them in its stream.
  ///
  /// What is no JSON object adds nothing, and members that the answer itself has are passed over.
  public mutating func verbatim(_ object: [UInt8], choice: Int) {
    open(choice, object.count)
    if let ending = ChoiceEnding.reason(in: object) {
      choices[choice].ending = ending
      return
    }
    guard !isOverfull, let value = try? JSONValue.parse(object), var members = value.members else {
      return
    }
    for place in members.indices {
      if members[place].key == "delta", let delta = members[place].value.members {
        members[place].value = .object(delta.filter { !takeText($0, choice) })
      }
    }
    members.removeAll {
      AnswerStream.ownMembers.contains($0.key) || $0.key == "message"
        || ($0.key == "text" && takeText($0, choice))
    }
    looks += Self.looksPerDelta + Self.looksPerByte * object.count
    if !choices[choice].rest.accumulate(.object(members), looks: &looks) { isOverfull = true }
  }

  /// A delta of 128 tool calls that come in another order than their indices is found its places by so many looks.
  private static let looksPerDelta = 1_024
  private static let looksPerByte = 8

  /// The body of the answer.
  ///
  /// - Parameters:
  ///   - identity: what it begins with.
  ///   - finish: why the choices ended that do not say it of themselves.
  ///   - usage: what is charged.
  /// - Returns: JSON.
  public func body(_ identity: AnswerIdentity, finish: String, usage: UsageReport) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    identity.write(
      object: endpoint == .chatCompletions ? "chat.completion" : "text_completion", to: &writer)
    writer.key("choices")
    writer.beginArray()
    for (index, choice) in (choices.isEmpty ? [Choice()] : choices).enumerated() {
      writer.beginObject()
      writer.key("index")
      writer.integer(index)
      if endpoint == .chatCompletions {
        writeMessage(choice, to: &writer)
      } else {
        writer.key("text")
        writer.string(String(decoding: choice.text, as: UTF8.self))
      }
      let rest = (choice.rest.members ?? []).filter { $0.key != "delta" }
      for member in rest {
        writer.key(member.key)
        member.value.write(to: &writer)
      }
      if !rest.contains(where: { $0.key == "logprobs" }) {
        writer.key("logprobs")
        writer.null()
      }
      writer.key("finish_reason")
      writer.string(choice.ending ?? finish)
      writer.endObject()
    }
    writer.endArray()
    writer.key("usage")
    usage.write(to: &writer)
    writer.endObject()
    return writer.bytes
  }

  private func writeMessage(_ choice: Choice, to writer: inout JSONWriter) {
    let delta = choice.rest["delta"]?.members ?? []
    writer.key("message")
    writer.beginObject()
    writer.key("role")
    writer.string("assistant")
    writer.key("content")
    if choice.text.isEmpty, delta.contains(where: { $0.key == "tool_calls" }) {
      writer.null()
    } else {
      writer.string(String(decoding: choice.text, as: UTF8.self))
    }
    if !choice.reasoning.isEmpty {
      writer.key("reasoning_content")
      writer.string(String(decoding: choice.reasoning, as: UTF8.self))
    }
    for member in delta where member.key != "role" && member.key != "content" {
      writer.key(member.key)
      (member.key == "tool_calls" ? member.value.withoutIndices : member.value).write(to: &writer)
    }
    writer.endObject()
  }

  /// Takes the text of a member, if it is one that holds text; says whether it did.
  private mutating func takeText(_ member: JSONValue.Member, _ choice: Int) -> Bool {
    switch (member.key, member.value) {
    case ("content", .null), ("reasoning_content", .null), ("reasoning", .null), ("text", .null):
      return true
    case ("content", .string(let text)), ("text", .string(let text)):
      choices[choice].text += text.utf8
      return true
    case ("reasoning_content", .string(let text)), ("reasoning", .string(let text)):
      choices[choice].reasoning += text.utf8
      return true
    default: return false
    }
  }

  private mutating func open(_ choice: Int, _ bytes: Int) {
    while choices.count <= choice { choices.append(Choice()) }
    byteCount += bytes
  }
}
