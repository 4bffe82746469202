/// What every part of one answer repeats: who it answers, when, with which model.
public struct AnswerIdentity: Hashable, Sendable {
  /// Which API the answer belongs to.
  public let endpoint: InferenceRequest.Endpoint
  /// The answer's id, such as `chatcmpl-7`.
  public let id: String
  /// Seconds since 1970.
  public let created: Int
  /// The model, as the consumer named it.
  public let model: String

  /// The answer that a job gives.
  ///
  /// - Parameters:
  ///   - job: the job's number, which the id ends with.
  ///   - endpoint: which API.
  ///   - created: seconds since 1970.
  ///   - model: the model's name.
  public init(
    job: UInt64, endpoint: InferenceRequest.Endpoint, created: Int, model: String
  ) {
    self.endpoint = endpoint
    self.created = created
    self.model = model
    id = (endpoint == .chatCompletions ? "chatcmpl-" : "cmpl-") + String(job)
  }

  /// Writes the members that all parts begin with.
  func write(object: String, to writer: inout JSONWriter) {
    writer.key("id")
    writer.string(id)
    writer.key("object")
    writer.string(object)
    writer.key("created")
    writer.integer(created)
    writer.key("model")
    writer.string(model)
  }
}

extension UsageReport {
  /// Writes the `usage` object that consumers read.
  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.key("prompt_tokens")
    writer.integer(promptTokens)
    writer.key("completion_tokens")
    writer.integer(completionTokens)
    writer.key("total_tokens")
    writer.integer(promptTokens.addingReportingOverflow(completionTokens).partialValue)
    if let cachedTokens {
      writer.key("prompt_tokens_details")
      writer.beginObject()
      writer.key("cached_tokens")
      writer.integer(cachedTokens)
      writer.endObject()
    }
    if let reasoningTokens {
      writer.key("completion_tokens_details")
      writer.beginObject()
      writer.key("reasoning_tokens")
      writer.integer(reasoningTokens)
      writer.endObject()
    }
    writer.endObject()
  }
}
