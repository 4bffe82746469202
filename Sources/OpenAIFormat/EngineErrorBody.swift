/// What an engine says went wrong, in any of the shapes that engines use.
public struct EngineErrorBody: Hashable, Sendable {
  /// The engine's words, at most `messageBytesMax` of them.
  public var message: String
  /// The engine's class of error, such as `invalid_request_error` or `exceed_context_size_error`.
  public var type: String?
  /// The request's field at fault.
  public var param: String?
  /// The engine's code, a word or a number.
  public var code: String?

  /// Longer messages are cut; an engine may repeat the whole request in one.
  public static let messageBytesMax = 2048

  /// Sets the parts.
  public init(message: String, type: String? = nil, param: String? = nil, code: String? = nil) {
    self.message = Self.cut(message)
    self.type = type
    self.param = param
    self.code = code
  }

  /// Reads a body: `{"error":{…}}`, `{"error":"…"}`, `{"message":…}`, `{"detail":…}`, or any text.
  public static func parse(_ body: [UInt8]) -> EngineErrorBody {
    guard let document = try? JSONValue.parse(body), document.members != nil else {
      return EngineErrorBody(message: plain(body))
    }
    if let error = document["error"], error != .null {
      return EngineErrorBody(error) ?? EngineErrorBody(message: plain(body))
    }
    return EngineErrorBody(document) ?? EngineErrorBody(message: plain(body))
  }

  /// Reads the value of an `error` member.
  init(errorMember bytes: [UInt8]) {
    let parsed = (try? JSONValue.parse(bytes)).flatMap { EngineErrorBody($0) }
    self = parsed ?? EngineErrorBody(message: Self.plain(bytes))
  }

  /// Whether the engine refused because prompt and output do not fit its context.
  ///
  /// llama.cpp names a type, and of an input of embeddings only says so in words, as vLLM, SGLang, Ollama and TEI do; OpenAI has a
  /// code.
  public var isContextExceeded: Bool {
    type == "exceed_context_size_error" || code == "context_length_exceeded"
      || message.contains("maximum context length") || message.contains("context length is only")
      || message.contains("longer than the model's context length")
      || message.contains("is too large to process") || message.contains("input length exceeds")
      || message.contains("must have less than")
  }

  private init?(_ value: JSONValue) {
    if let text = value.string {
      self.init(message: text)
      return
    }
    let detail = value["detail"]
    // FastAPI's validation errors: {"detail":[{"loc":…,"msg":…}]}
    let text =
      value["message"]?.string ?? detail?.string ?? detail?.elements?.first?["msg"]?.string
    guard let text else { return nil }
    self.init(
      message: text, type: value["type"]?.string, param: value["param"]?.string,
      code: value["code"].flatMap { $0.string ?? $0.integer.map(String.init) })
  }

  private static func plain(_ body: [UInt8]) -> String {
    let text = cut(String(decoding: body.prefix(4 * messageBytesMax), as: UTF8.self))
    return String(text.drop(while: \.isWhitespace))
  }

  private static func cut(_ text: String) -> String {
    text.utf8.count <= messageBytesMax
      ? text : String(decoding: text.utf8.prefix(messageBytesMax), as: UTF8.self)
  }
}
