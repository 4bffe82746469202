/// Writes an answer as the server-sent events of OpenAI's streams.
///
/// ```
/// (role ─► pieces…)* per choice ─► finish per choice ─► usage, if wanted ─► [DONE]
///                         └─ error: the last event; the connection ends after it
/// ```
/// What does not change from chunk to chunk is written once; a piece of text costs a copy and its escapes.
public struct AnswerStream: Sendable {
  private let identity: AnswerIdentity
  private let wantsUsage: Bool
  /// `data: {…,"choices":[{"index":`: what each chunk begins with.
  private let opening: [UInt8]
  /// The end of each chunk, from the choice's bracket on.
  private let closing: [UInt8]
  private var choices: [Choice] = []

  private struct Choice: Hashable, Sendable {
    var text = UTF8Assembler()
    var reasoning = UTF8Assembler()
    var hasBegun = false
    /// Why it ended, where that was said of it alone.
    var ending: String?
  }

  /// Starts an answer.
  ///
  /// - Parameters:
  ///   - identity: what every chunk repeats.
  ///   - wantsUsage: whether the consumer asked for usage: a last chunk has it, and the others say null.
  public init(_ identity: AnswerIdentity, wantsUsage: Bool) {
    self.identity = identity
    self.wantsUsage = wantsUsage
    var writer = JSONWriter()
    writer.beginObject()
    identity.write(object: Self.object(identity.endpoint), to: &writer)
    writer.key("choices")
    opening = Array("data: ".utf8) + writer.bytes + Array("[{\"index\":".utf8)
    closing = Array((wantsUsage ? "}],\"usage\":null}\n\n" : "}]}\n\n").utf8)
  }

  /// Adds a piece of text.
  ///
  /// - Parameters:
  ///   - bytes: UTF-8; what is not becomes U+FFFD, and a character may continue in the next piece.
  ///   - choice: which of the answers.
  ///   - output: where the event is appended; nothing is, if no character is complete.
  public mutating func text(_ bytes: [UInt8], choice: Int, to output: inout [UInt8]) {
    begin(choice, to: &output)
    let whole = choices[choice].text.append(bytes)
    write(whole, as: textField, choice, to: &output)
  }

  /// Adds a piece of reasoning, as `text` does.
  public mutating func reasoning(_ bytes: [UInt8], choice: Int, to output: inout [UInt8]) {
    begin(choice, to: &output)
    let whole = choices[choice].reasoning.append(bytes)
    write(whole, as: Self.reasoningField, choice, to: &output)
  }

  /// Adds members of a choice as the engine wrote them.
  ///
  /// Its index and finish reason are not the engine's to say: readers take the last of two.
  ///
  /// - Parameters:
  ///   - object: a JSON object with the members (`StreamChunk.Choice.verbatim`).
  ///   - choice: which of the answers.
  ///   - output: where the event is appended.
  public mutating func verbatim(_ object: [UInt8], choice: Int, to output: inout [UInt8]) {
    begin(choice, to: &output)
    flush(choice, to: &output)
    if let ending = ChoiceEnding.reason(in: object) {
      choices[choice].ending = ending
      return
    }
    guard let members = EventLine.members(of: object, without: Self.ownMembers), !members.isEmpty
    else { return }
    output += opening
    output += String(choice).utf8
    output.append(UInt8(ascii: ","))
    output += members
    output += Self.openEnd
    output += closing
  }

  /// Ends every choice with its reason: its own where it has one (`ChoiceEnding`), else the job's.
  ///
  /// An answer that said nothing has one choice.
  public mutating func finish(_ reason: String, to output: inout [UInt8]) {
    for choice in 0..<max(1, choices.count) {
      begin(choice, to: &output)
      flush(choice, to: &output)
      output += opening
      output += String(choice).utf8
      output += identity.endpoint == .chatCompletions ? Self.chatEnd : Self.textEnd
      JSONWriter.append(string: (choices[choice].ending ?? reason).utf8, to: &output)
      output += closing
    }
  }

  /// Ends the stream, with usage if it was wanted.
  public func done(_ usage: UsageReport, to output: inout [UInt8]) {
    if wantsUsage {
      var writer = JSONWriter()
      writer.beginObject()
      identity.write(object: Self.object(identity.endpoint), to: &writer)
      writer.key("choices")
      writer.beginArray()
      writer.endArray()
      writer.key("usage")
      usage.write(to: &writer)
      writer.endObject()
      output += "data: ".utf8
      output += writer.bytes
      output += "\n\n".utf8
    }
    output += "data: [DONE]\n\n".utf8
  }

  /// An event that says what broke the stream.
  public static func error(_ error: ErrorAnswer, to output: inout [UInt8]) {
    output += "data: ".utf8
    output += error.body
    output += "\n\n".utf8
  }

  /// A comment: readers skip it, and whoever is between sees that the connection lives.
  public static let ping = Array(": waiting\n\n".utf8)

  // MARK: Parts

  /// The members of a choice that this stream writes.
  static let ownMembers: Set<String> = ["index", "finish_reason"]

  /// A member that holds a piece of text, up to its value.
  private struct Field {
    let opening: [UInt8]
    /// Whether it is inside of a delta, which ends behind it.
    let isInDelta: Bool

    init(_ opening: String, isInDelta: Bool) {
      self.opening = Array(opening.utf8)
      self.isInDelta = isInDelta
    }
  }

  private static let reasoningField = Field("\"delta\":{\"reasoning_content\":", isInDelta: true)
  private static let chatField = Field("\"delta\":{\"content\":", isInDelta: true)
  private static let completionField = Field("\"text\":", isInDelta: false)

  private var textField: Field {
    identity.endpoint == .chatCompletions ? Self.chatField : Self.completionField
  }

  private static let openEnd = Array(",\"finish_reason\":null".utf8)
  private static let chatEnd = Array(",\"delta\":{},\"finish_reason\":".utf8)
  private static let textEnd = Array(",\"text\":\"\",\"finish_reason\":".utf8)
  private static let role = Array(
    ",\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null".utf8)

  private static func object(_ endpoint: InferenceRequest.Endpoint) -> String {
    endpoint == .chatCompletions ? "chat.completion.chunk" : "text_completion"
  }

  /// A chat's choice begins with its role.
  private mutating func begin(_ choice: Int, to output: inout [UInt8]) {
    while choices.count <= choice { choices.append(Choice()) }
    guard !choices[choice].hasBegun else { return }
    choices[choice].hasBegun = true
    guard identity.endpoint == .chatCompletions else { return }
    output += opening
    output += String(choice).utf8
    output += Self.role
    output += closing
  }

  private func write(
    _ text: [UInt8], as field: Field, _ choice: Int, to output: inout [UInt8]
  ) {
    guard !text.isEmpty else { return }
    output += opening
    output += String(choice).utf8
    output.append(UInt8(ascii: ","))
    output += field.opening
    JSONWriter.append(string: text, to: &output)
    if field.isInDelta { output.append(UInt8(ascii: "}")) }
    output += Self.openEnd
    output += closing
  }

  /// A character that was begun and will not be completed.
  private mutating func flush(_ choice: Int, to output: inout [UInt8]) {
    if choices[choice].reasoning.holdsPartialCharacter {
      write(choices[choice].reasoning.finish(), as: Self.reasoningField, choice, to: &output)
    }
    if choices[choice].text.holdsPartialCharacter {
      write(
        choices[choice].text.finish(), as: textField, choice, to: &output)
    }
  }
}
