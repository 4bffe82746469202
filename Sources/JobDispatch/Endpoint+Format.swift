public import ExchangeTypes
public import OpenAIFormat

extension Endpoint {
  /// The kind of a request, as the log and the wire have it.
  public init(_ endpoint: InferenceRequest.Endpoint) {
    self =
      switch endpoint {
      case .chatCompletions: .chatCompletions
      case .completions: .completions
      case .embeddings: .embeddings
      }
  }
}

extension InferenceRequest.Endpoint {
  /// The kind of a job's request.
  public init(_ endpoint: Endpoint) {
    self =
      switch endpoint {
      case .chatCompletions: .chatCompletions
      case .completions: .completions
      case .embeddings: .embeddings
      }
  }
}
