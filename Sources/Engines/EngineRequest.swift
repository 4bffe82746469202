public import OpenAIFormat

/// What is sent to an engine: a body that streams, and how many answers it asks for.
public struct EngineRequest: Hashable, Sendable {
  /// The API.
  public var endpoint: InferenceRequest.Endpoint
  /// The body as the engine gets it.
  public var body: [UInt8]
  /// How many answers will come.
  public var sequences: Int
  /// Ids of output that is already there: the engine goes on after them, and sends none of it again.
  ///
  /// The output's limit counts what is still to come.
  public var generated: [UInt32] = []

  /// Sends a body as it is; it must ask for a stream.
  public init(endpoint: InferenceRequest.Endpoint, body: [UInt8], sequences: Int = 1) {
    self.endpoint = endpoint
    self.body = body
    self.sequences = sequences
  }

  /// Addresses a consumer's request to an engine, and asks for all that the engine can tell about tokens.
  ///
  /// Every engine is asked for usage. vLLM gives the ids of prompt and output (`return_token_ids`) and
  /// running usage; llama.cpp counts tokens in each chunk (`timings_per_token`) and has ids only on
  /// routes and terms that lose some (see the room's README); others ignore or refuse fields they do not
  /// know, so they get none.
  ///
  /// - Parameters:
  ///   - request: the consumer's request.
  ///   - model: the engine's name for the model.
  ///   - maxTokens: the most output tokens, at least 1; nil leaves the request's own limit.
  ///   - kind: the program that is asked.
  ///   - goesOn: whether the request ends with an output that is to be continued, which must be an engine's
  ///     that `continuesOutput`. llama.cpp goes on from a last message of the assistant by itself and, in a
  ///     stream, does not repeat it; vLLM and SGLang must be told.
  public init(
    _ request: InferenceRequest, model: String, maxTokens: Int?, kind: EngineStatus.Kind,
    goesOn: Bool = false
  ) {
    var changes = InferenceRequest.Rewriting(model: model, maxTokens: maxTokens)
    switch kind {
    case .vLLM:
      changes.additions = [.init("return_token_ids", "true")]
      changes.streamOptions = [.init("continuous_usage_stats", "true")]
    case .llamaCpp: changes.additions = [.init("timings_per_token", "true")]
    case .sgLang, .ollama, .generic, .builtin: break
    }
    if goesOn, request.endpoint == .chatCompletions, kind == .vLLM || kind == .sgLang {
      changes.additions += [
        .init("continue_final_message", "true"), .init("add_generation_prompt", "false"),
      ]
    }
    self.init(
      endpoint: request.endpoint, body: request.rewriting(changes), sequences: request.sequences)
  }
}

/// What a probe found.
public struct EngineStatus: Hashable, Sendable {
  /// The program behind the address, as far as its answers tell.
  public enum Kind: String, Hashable, Sendable {
    /// llama.cpp's server.
    case llamaCpp = "llama.cpp"
    /// vLLM.
    case vLLM = "vLLM"
    /// SGLang.
    case sgLang = "SGLang"
    /// Ollama.
    case ollama = "Ollama"
    /// The engine inside the worker's own program.
    case builtin = "builtin"
    /// Any other server with OpenAI's routes.
    case generic = "OpenAI-compatible"
  }

  /// Whether the engine goes on from a last message of the assistant, or from the end of a prompt, and sends
  /// only what is new.
  public var continuesOutput: Bool { [.llamaCpp, .vLLM, .sgLang, .builtin].contains(kind) }

  /// A model that the engine serves.
  public struct Model: Hashable, Sendable {
    /// Its name in requests.
    public let name: String
    /// Tokens of prompt and output together in one sequence, where the engine says.
    public let contextTokens: Int?

    /// Sets both.
    public init(name: String, contextTokens: Int?) {
      self.name = name
      self.contextTokens = contextTokens
    }
  }

  /// The program, as far as its answers tell.
  public let kind: Kind
  /// The models, in the engine's order; never empty.
  public let models: [Model]
  /// Requests that the engine runs at once, where it says.
  public let slots: Int?

  /// Sets the parts.
  public init(kind: Kind, models: [Model], slots: Int?) {
    self.kind = kind
    self.models = models
    self.slots = slots
  }
}
