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
  /// The output's limit counts what is still to come. Of the built-in engine alone: others get them in the body.
  public var generated: [UInt32] = []
  /// The output that the body ends with, if ids of it are known: for `Engine.resuming`.
  public var begun: BegunOutput?
  /// The consumer's request, if it is for embeddings: its inputs are asked for in parts.
  var embedded: InferenceRequest?
  /// How it was made of a consumer's request; nil if it is a body as it came.
  var address: Address?
  /// Whether it goes on from the ids of an output, and not from its text.
  public internal(set) var goesOnFromIDs = false
  /// The server's route for it.
  public internal(set) var route: String

  /// Whom a consumer's request is for, and within what.
  struct Address: Hashable, Sendable {
    let model: String
    let maxTokens: Int?
    let kind: EngineStatus.Kind

    /// What is changed in the request for it.
    var changes: InferenceRequest.Rewriting {
      var changes = InferenceRequest.Rewriting(model: model, maxTokens: maxTokens)
      switch kind {
      case .vLLM:
        changes.additions = [.init("return_token_ids", "true")]
        changes.streamOptions = [.init("continuous_usage_stats", "true")]
      case .llamaCpp: changes.additions = [.init("timings_per_token", "true")]
      case .sgLang, .ollama, .generic, .builtin: break
      }
      return changes
    }
  }

  /// Sends a body as it is; it must ask for a stream.
  public init(endpoint: InferenceRequest.Endpoint, body: [UInt8], sequences: Int = 1) {
    self.endpoint = endpoint
    route = endpoint.rawValue
    self.body = body
    self.sequences = sequences
  }

  /// Addresses a consumer's request to an engine, and asks for all that the engine can tell about tokens.
  ///
  /// Every engine is asked for usage. vLLM gives the ids of prompt and output (`return_token_ids`) and
  /// running usage; llama.cpp counts tokens in each chunk (`timings_per_token`), and gives ids on its own route for
  /// completions, for which plain ones are asked there (see the room's README); others ignore or refuse fields they do not
  /// know, so they get none. Embeddings are asked for as the room's README says.
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
    let address = Address(model: model, maxTokens: maxTokens, kind: kind)
    guard request.endpoint != .embeddings else {
      self.init(endpoint: .embeddings, body: request.body, sequences: request.sequences)
      embedded = request
      self.address = address
      return
    }
    if kind == .llamaCpp, Self.isPlainCompletion(request) {
      self = .llamaCompletion(request, address)
      return
    }
    var changes = address.changes
    if goesOn, request.endpoint == .chatCompletions, kind == .vLLM || kind == .sgLang {
      changes.additions += [
        .init("continue_final_message", "true"), .init("add_generation_prompt", "false"),
      ]
    }
    self.init(
      endpoint: request.endpoint, body: request.rewriting(changes), sequences: request.sequences)
    self.address = address
  }
}

extension EngineRequest {
  /// The request from the ids of the output that it ends with, for an engine that takes them beside the body: the built-in one.
  ///
  /// Nil if no ids are known, or if this is a body as it came.
  public func resumed(from ids: [UInt32]) -> EngineRequest? {
    guard let begun, let address else { return nil }
    let body = begun.request.rewriting(
      .init(model: address.model, maxTokens: address.maxTokens))
    var resumed = EngineRequest(endpoint: begun.request.endpoint, body: body)
    resumed.generated = ids
    resumed.goesOnFromIDs = true
    return resumed
  }

  /// What is not asked of llama.cpp's own route, or means something else there.
  private static let openAIOnly = [
    "suffix", "best_of", "response_format", "grammar", "json_schema", "n_probs", "response_fields",
    "return_progress",
  ]

  /// Whether llama.cpp's own route for completions does with a request what OpenAI's does.
  static func isPlainCompletion(_ request: InferenceRequest) -> Bool {
    request.endpoint == .completions
      && request.features.isDisjoint(with: [
        .severalSequences, .structuredOutput, .logprobs, .echo, .tools,
      ]) && !openAIOnly.contains { request.value(of: $0) != nil }
  }

  /// A completion on llama.cpp's own route, which gives the ids of its tokens; with another prompt than the request's, as JSON.
  static func llamaCompletion(
    _ request: InferenceRequest, _ address: Address, prompt: String? = nil
  ) -> EngineRequest {
    var changes = address.changes
    changes.additions.append(.init("return_tokens", "true"))
    if let prompt { changes.additions.append(.init("prompt", prompt)) }
    // This route takes a list only, and passes over a string.
    if request.stop.count == 1 {
      let stop = String(decoding: JSONWriter.string(request.stop[0]), as: UTF8.self)
      changes.additions.append(.init("stop", "[\(stop)]"))
    }
    var addressed = EngineRequest(
      endpoint: .completions, body: request.rewriting(changes), sequences: 1)
    addressed.route = "/completion"
    addressed.address = address
    return addressed
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
    /// What a model is for of which nobody says more.
    public static let generation: [InferenceRequest.Endpoint] = [.chatCompletions, .completions]

    /// Its name in requests.
    public let name: String
    /// Tokens of prompt and output together in one sequence, where the engine says.
    public let contextTokens: Int?
    /// What its weights are, where the engine says: the kind of the hash, a colon, and the hash in hexadecimal.
    public let digest: String?
    /// What it is for: generation, until the engine was examined.
    public internal(set) var endpoints: [InferenceRequest.Endpoint]

    /// Sets the parts.
    public init(
      name: String, contextTokens: Int?, digest: String? = nil,
      endpoints: [InferenceRequest.Endpoint] = Self.generation
    ) {
      self.name = name
      self.contextTokens = contextTokens
      self.digest = digest
      self.endpoints = endpoints
    }
  }

  /// The program, as far as its answers tell.
  public let kind: Kind
  /// The models, in the engine's order; never empty.
  public internal(set) var models: [Model]
  /// Requests that the engine runs at once, where it says.
  public let slots: Int?
  /// What it can do beyond text out of text; nil until the engine was examined, and where that is not asked.
  public internal(set) var features: InferenceRequest.Features?

  /// Sets the parts.
  public init(
    kind: Kind, models: [Model], slots: Int?, features: InferenceRequest.Features? = nil
  ) {
    self.features = features
    self.kind = kind
    self.models = models
    self.slots = slots
  }
}
