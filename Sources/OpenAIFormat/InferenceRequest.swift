/// A request for a chat, a completion or embeddings: what the exchange reads of it, and the bytes it came as.
///
/// Reading changes nothing: every field, known or not, can be sent on as it was written (see `rewriting`).
/// A top-level field may come only once, since two parsers on the way might believe different ones.
public struct InferenceRequest: Hashable, Sendable {
  /// Which API a body belongs to.
  public enum Endpoint: String, Hashable, Sendable, CaseIterable {
    /// `POST /v1/chat/completions`.
    case chatCompletions = "/v1/chat/completions"
    /// `POST /v1/completions`.
    case completions = "/v1/completions"
    /// `POST /v1/embeddings`.
    case embeddings = "/v1/embeddings"

    /// The field that holds what is asked.
    var promptField: String {
      switch self {
      case .chatCompletions: "messages"
      case .completions: "prompt"
      case .embeddings: "input"
      }
    }
  }

  /// What a worker must be able to do for this request, and what limits a repair of its stream.
  public struct Features: OptionSet, Hashable, Sendable {
    /// The bits.
    public let rawValue: UInt16
    /// Wraps bits.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Tools or functions are offered to the model.
    public static let tools = Features(rawValue: 1 << 0)
    /// Log probabilities are asked for.
    public static let logprobs = Features(rawValue: 1 << 1)
    /// A message holds an image, sound, video or file: `promptBytes` is no bound then.
    public static let media = Features(rawValue: 1 << 2)
    /// More than one answer: `n`, `best_of` or several prompts.
    public static let severalSequences = Features(rawValue: 1 << 3)
    /// The output must follow a schema or grammar.
    public static let structuredOutput = Features(rawValue: 1 << 4)
    /// The prompt comes as token ids.
    public static let tokenIDPrompt = Features(rawValue: 1 << 5)
    /// The request brings its own template, which can make a prompt of any length: `promptBytes` is no
    /// bound then.
    public static let customTemplate = Features(rawValue: 1 << 6)
    /// The prompt comes back as part of the output.
    public static let echo = Features(rawValue: 1 << 7)
    /// Which tools are called is not left to the model.
    public static let toolChoice = Features(rawValue: 1 << 8)
    /// Tokens are sampled with a bias.
    public static let logitBias = Features(rawValue: 1 << 9)
  }

  /// How the numbers of embeddings are written.
  public enum VectorEncoding: String, Hashable, Sendable, CaseIterable {
    /// A list of decimals.
    case float
    /// Base64 of float32, little-endian.
    case base64
  }

  /// A top-level member of the body.
  struct Field: Hashable, Sendable {
    let name: String
    /// The value's bytes in the body.
    let value: Range<Int>
  }

  /// Which API the body belongs to.
  public let endpoint: Endpoint
  /// The body as it came.
  public let body: [UInt8]
  /// The model asked for.
  public internal(set) var model = ""
  /// Whether the consumer wants a stream.
  public internal(set) var stream = false
  /// Whether the consumer wants usage on the stream (`stream_options.include_usage`).
  public internal(set) var wantsUsage = false
  /// The most tokens that one sequence may have; `max_completion_tokens` wins over `max_tokens`.
  public internal(set) var maxTokens: Int?
  /// Sequences generated for this request: prompts × max(n, best_of); of embeddings, one for each input.
  public internal(set) var sequences = 1
  /// The temperature, if given.
  public internal(set) var temperature: Double?
  /// The seed, if given.
  public internal(set) var seed: Int?
  /// Strings that end the output.
  public internal(set) var stop: [String] = []
  /// Whom the consumer wants to run it; nil where he has not said.
  public internal(set) var provider: ProviderPreferences?
  /// How soon the consumer wants it; nil where he has not said.
  public internal(set) var serviceTier: ServiceTier?
  /// Whether the consumer only asks what the request would come to (`dry_run`).
  public internal(set) var isDryRun = false
  /// Models that do as well, in this order, where the first cannot be had.
  public internal(set) var models: [String] = []
  /// What the request needs.
  public internal(set) var features: Features = []
  /// The first field because of which `promptBytes` is no bound; nil where it is one.
  public internal(set) var unboundedField: String?
  /// How the consumer wants the numbers of embeddings.
  public internal(set) var encoding = VectorEncoding.float
  /// How many numbers each embedding is to have, if that is asked for.
  public internal(set) var dimensions: Int?
  /// The most token ids in one input of embeddings; zero where they are texts, whose tokens nobody has counted yet.
  public internal(set) var inputIDsMax = 0
  /// Messages of a chat, prompts of a completion, or inputs of embeddings: a template allowance is due for each.
  public internal(set) var messageCount = 0
  /// An upper bound, in tokens of a byte-level tokenizer, for what the request itself contributes to the
  /// prompt; the template's own text comes on top.
  ///
  /// A token of a byte-level tokenizer (byte-level BPE, or SentencePiece with byte fallback and identity
  /// normalisation) stands for at least one byte of the rendered prompt, so bytes bound tokens. Counted are:
  /// message contents and prompts, one for each decoded UTF-8 byte, or one for each id of a prompt of ids;
  /// all else in the messages, and every top-level field that is not known to be for sampling or transport
  /// only, at the most bytes that a template can print it in (see `PromptBound`). Fields nobody knows are
  /// counted: some template may read them. No bound where `features` holds `media` or `customTemplate`.
  public internal(set) var promptBytes = 0
  /// How many of `promptBytes` prompts of a completion have that are not its longest: they lie in other contexts.
  public internal(set) var promptBytesElsewhere = 0

  /// The top-level members, in the order of the body.
  var fields: [Field] = []
  /// The members of `stream_options`.
  var streamOptions: [Field] = []
  /// The inputs of embeddings, each a string or a list of ids.
  var inputs: [Range<Int>] = []
  /// The byte after the last top-level member, where a new one can be put.
  var insertionPoint = 0

  /// Parses a body.
  public static func parse(
    body: [UInt8], endpoint: Endpoint, limits: JSONLimits = JSONLimits()
  ) throws(RequestError) -> InferenceRequest {
    var request = InferenceRequest(endpoint: endpoint, body: body)
    do {
      var scanner = try JSONScanner(body, limits: limits)
      try request.collectFields(&scanner)
    } catch let error as RequestError {
      throw error
    } catch let error as JSONError {
      throw .malformed(error)
    } catch {
      preconditionFailure("no other error is thrown above")
    }
    return request
  }

  init(endpoint: Endpoint, body: [UInt8]) {
    self.endpoint = endpoint
    self.body = body
  }

  /// The names of the top-level fields, in the order of the body.
  public var fieldNames: [String] { fields.map(\.name) }

  /// The exact bytes of a top-level field's value, or nil where the body has none of that name.
  public func value(of name: String) -> ArraySlice<UInt8>? {
    fields.first { $0.name == name }.map { body[$0.value] }
  }
}

extension InferenceRequest {
  /// A message of a chat: its role and its text parts joined.
  public struct Message: Hashable, Sendable {
    /// Who speaks: system, user, assistant or tool.
    public let role: String
    /// The decoded text; empty where the message has none.
    public let text: String
  }

  /// The messages of a chat, in order; empty for completions.
  public func messages() -> [Message] {
    guard endpoint == .chatCompletions, let bytes = value(of: "messages"),
      let list = try? JSONValue.parse(Array(bytes))
    else { return [] }  // parse has checked it
    return (list.elements ?? []).map { message in
      let content = message["content"]
      let parts = content?.elements?.compactMap { $0["text"]?.string }.joined()
      return Message(role: message["role"]?.string ?? "", text: content?.string ?? parts ?? "")
    }
  }

  /// The text of a completion's prompt; nil for chats, several prompts and prompts of ids.
  public func prompt() -> String? {
    guard endpoint == .completions, let bytes = value(of: "prompt") else { return nil }
    return (try? JSONValue.parse(Array(bytes)))?.string
  }
}
