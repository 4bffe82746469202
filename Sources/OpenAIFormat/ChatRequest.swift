/// A chat request made from options: what the command line sends.
public struct ChatRequest: Hashable, Sendable {
  /// The model's name.
  public var model: String
  /// The system message, if any.
  public var system: String?
  /// The user's message.
  public var prompt: String
  /// The most tokens to generate.
  public var maxTokens: Int?
  /// The sampling temperature; finite.
  public var temperature: Double?
  /// The sampling seed.
  public var seed: Int?
  /// Strings that end the output.
  public var stop: [String]
  /// How soon it is wanted, if that is said.
  public var serviceTier: ServiceTier?

  /// Sets the options.
  public init(
    model: String, system: String? = nil, prompt: String, maxTokens: Int? = nil,
    temperature: Double? = nil, seed: Int? = nil, stop: [String] = [],
    serviceTier: ServiceTier? = nil
  ) {
    self.model = model
    self.system = system
    self.prompt = prompt
    self.maxTokens = maxTokens
    self.temperature = temperature
    self.seed = seed
    self.stop = stop
    self.serviceTier = serviceTier
  }

  /// The body of a streaming `POST /v1/chat/completions`: fixed order, no white space, so that equal
  /// requests have equal bytes.
  ///
  /// - Precondition: the temperature is finite.
  public func body() -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("model")
    writer.string(model)
    writer.key("messages")
    writer.beginArray()
    if let system { Self.message("system", system, &writer) }
    Self.message("user", prompt, &writer)
    writer.endArray()
    if let maxTokens {
      writer.key("max_tokens")
      writer.integer(maxTokens)
    }
    if let temperature {
      writer.key("temperature")
      writer.double(temperature)
    }
    if let seed {
      writer.key("seed")
      writer.integer(seed)
    }
    if !stop.isEmpty {
      writer.key("stop")
      writer.beginArray()
      for string in stop { writer.string(string) }
      writer.endArray()
    }
    if let serviceTier {
      writer.key("service_tier")
      writer.string(serviceTier.rawValue)
    }
    writer.key("stream")
    writer.boolean(true)
    writer.key("stream_options")
    writer.beginObject()
    writer.key("include_usage")
    writer.boolean(true)
    writer.endObject()
    writer.endObject()
    return writer.bytes
  }

  private static func message(_ role: String, _ text: String, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.key("role")
    writer.string(role)
    writer.key("content")
    writer.string(text)
    writer.endObject()
  }
}
