/// An error in the shape that OpenAI's clients read: `{"error":{message,type,param,code}}`.
public struct ErrorAnswer: Hashable, Sendable {
  /// A sentence for people.
  public var message: String
  /// OpenAI's class of the error, such as `invalid_request_error`.
  public var type: String
  /// The field of the request at fault.
  public var param: String?
  /// A stable word for programs.
  public var code: String
  /// Further members of the error: names and values as JSON.
  public var additions: [InferenceRequest.Rewriting.Addition]

  /// Sets the parts.
  public init(
    message: String, type: String, param: String? = nil, code: String,
    additions: [InferenceRequest.Rewriting.Addition] = []
  ) {
    self.message = message
    self.type = type
    self.param = param
    self.code = code
    self.additions = additions
  }

  /// OpenAI's class of errors with a status.
  public static func type(forStatus status: Int) -> String {
    switch status {
    case 401: "authentication_error"
    case 402: "insufficient_quota"
    case 403: "permission_error"
    case 429: "rate_limit_error"
    case 500...: "server_error"
    default: "invalid_request_error"
    }
  }

  /// The body of an answer, and the data of an error event.
  public var body: [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("error")
    writer.beginObject()
    writer.key("message")
    writer.string(message)
    writer.key("type")
    writer.string(type)
    writer.key("param")
    if let param { writer.string(param) } else { writer.null() }
    writer.key("code")
    writer.string(code)
    for addition in additions {
      writer.key(addition.name)
      writer.verbatim(addition.value)
    }
    writer.endObject()
    writer.endObject()
    return writer.bytes
  }
}
