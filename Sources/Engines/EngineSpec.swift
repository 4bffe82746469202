public import OpenAIFormat

/// Where an engine is, and what the operator says of it: `PLACE[,model=NAME][,context=N][,slots=N][,serves=WHAT][,can=ABILITIES]`.
///
/// WHAT is `chat` (and completions), `embeddings` or `chat+embeddings`; ABILITIES are `nothing`, or some of `tools`,
/// `structured_output`, `logprobs`, `several_answers`, `token_id_prompt`, `echo`, `tool_choice` and `logit_bias` with a plus between them. A place is `http://host:port`, `builtin` or `builtin:FILE.gguf`; a file's name cannot hold a comma.
public struct EngineSpec: Hashable, Sendable, CustomStringConvertible {
  /// Where an engine is.
  public enum Place: Hashable, Sendable {
    /// A server: scheme, host, port and path prefix, without a trailing slash or `/v1`.
    case server(baseURL: String)
    /// In the worker's process, with the model of a file, or the one inside the program if nil.
    case builtin(file: String?)
  }

  /// Where it is.
  public var place: Place
  /// The one model to serve; all that the engine lists, if nil.
  public var model: String?
  /// Tokens of prompt and output together in one sequence, where the operator overrides the engine.
  public var contextTokens: Int?
  /// Requests that the engine runs at once, where the operator overrides the engine.
  public var slots: Int?
  /// What all of its models are for, where the operator overrides the engine.
  public var serves: [InferenceRequest.Endpoint]?
  /// What it can do beyond text out of text, where the operator overrides what an examination finds.
  public var can: InferenceRequest.Features?

  /// The words for it, those of `JobMarket.Capabilities`.
  private static let abilities: [(word: String, feature: InferenceRequest.Features)] = [
    ("tools", .tools), ("structured_output", .structuredOutput), ("logprobs", .logprobs),
    ("several_answers", .severalSequences), ("token_id_prompt", .tokenIDPrompt), ("echo", .echo),
    ("tool_choice", .toolChoice), ("logit_bias", .logitBias),
  ]

  /// The words for it.
  private static let services: [(word: String, endpoints: [InferenceRequest.Endpoint])] = [
    ("chat", EngineStatus.Model.generation), ("embeddings", [.embeddings]),
    ("chat+embeddings", EngineStatus.Model.generation + [.embeddings]),
  ]

  /// Why a specification cannot be used.
  public struct Invalid: Error, Hashable, Sendable, CustomStringConvertible {
    /// The text that was given.
    public let text: String
    /// What is wrong with it.
    public let reason: String

    /// A sentence for people.
    public var description: String { "engine '\(text)': \(reason)" }
  }

  /// Sets the parts.
  public init(
    place: Place, model: String? = nil, contextTokens: Int? = nil, slots: Int? = nil,
    serves: [InferenceRequest.Endpoint]? = nil, can: InferenceRequest.Features? = nil
  ) {
    self.can = can
    self.serves = serves
    self.place = place
    self.model = model
    self.contextTokens = contextTokens
    self.slots = slots
  }

  /// Sets the parts for a server.
  public init(
    baseURL: String, model: String? = nil, contextTokens: Int? = nil, slots: Int? = nil,
    serves: [InferenceRequest.Endpoint]? = nil, can: InferenceRequest.Features? = nil
  ) {
    self.init(
      place: .server(baseURL: baseURL), model: model, contextTokens: contextTokens, slots: slots,
      serves: serves, can: can)
  }

  /// Parses a specification.
  public static func parse(_ text: String) throws(Invalid) -> EngineSpec {
    func invalid(_ reason: String) -> Invalid { Invalid(text: text, reason: reason) }
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    var spec = EngineSpec(place: try place(String(parts[0]), invalid))
    var seen: Set<Substring> = []
    for part in parts.dropFirst() {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2, !pair[1].isEmpty else {
        throw invalid("'\(part)' is not a setting; \(Self.usage)")
      }
      guard seen.insert(pair[0]).inserted else { throw invalid("'\(pair[0])' is given twice") }
      switch pair[0] {
      case "model": spec.model = String(pair[1])
      case "context": spec.contextTokens = try count(pair[1], "context", 16...(1 << 27), invalid)
      case "slots": spec.slots = try count(pair[1], "slots", 1...65536, invalid)
      case "serves":
        guard let service = services.first(where: { $0.word == pair[1] }) else {
          throw invalid("serves must be chat, embeddings or chat+embeddings")
        }
        spec.serves = service.endpoints
      case "can": spec.can = try features(pair[1], invalid)
      default: throw invalid("unknown setting '\(pair[0])'; \(Self.usage)")
      }
    }
    return spec
  }

  /// The specification as `parse` reads it.
  public var description: String {
    var text =
      switch place {
      case .server(let baseURL): baseURL
      case .builtin(let file): file.map { "builtin:\($0)" } ?? "builtin"
      }
    if let model { text += ",model=\(model)" }
    if let contextTokens { text += ",context=\(contextTokens)" }
    if let slots { text += ",slots=\(slots)" }
    if let serves, let service = Self.services.first(where: { $0.endpoints == serves }) {
      text += ",serves=\(service.word)"
    }
    if let can {
      let words = Self.abilities.filter { can.contains($0.feature) }.map(\.word)
      text += ",can=\(words.isEmpty ? "nothing" : words.joined(separator: "+"))"
    }
    return text
  }

  private static let usage = "use model=NAME, context=N, slots=N, serves=WHAT or can=ABILITIES"

  private static func features(
    _ text: Substring, _ invalid: (String) -> Invalid
  ) throws(Invalid) -> InferenceRequest.Features {
    var features: InferenceRequest.Features = []
    if text == "nothing" { return features }
    for word in text.split(separator: "+", omittingEmptySubsequences: false) {
      guard let ability = abilities.first(where: { $0.word == word }) else {
        let all = abilities.map(\.word).joined(separator: ", ")
        throw invalid("can must be nothing, or some of \(all) with a plus between them")
      }
      features.insert(ability.feature)
    }
    return features
  }

  private static func count(
    _ text: Substring, _ name: String, _ range: ClosedRange<Int>, _ invalid: (String) -> Invalid
  ) throws(Invalid) -> Int {
    guard let value = Int(text), range.contains(value) else {
      throw invalid("\(name) must be a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  private static func place(
    _ text: String, _ invalid: (String) -> Invalid
  ) throws(Invalid) -> Place {
    if text == "builtin" { return .builtin(file: nil) }
    let prefix = "builtin:"
    if text.hasPrefix(prefix) {
      let file = text.dropFirst(prefix.count)
      guard !file.isEmpty else { throw invalid("write it as builtin:FILE.gguf") }
      return .builtin(file: String(file))
    }
    return .server(baseURL: try baseURL(text, invalid))
  }

  private static func baseURL(
    _ text: String, _ invalid: (String) -> Invalid
  ) throws(Invalid) -> String {
    guard let scheme = ["http://", "https://"].first(where: text.hasPrefix) else {
      throw invalid("write it as http://host:port, builtin or builtin:FILE.gguf")
    }
    let rest = text.dropFirst(scheme.count)
    guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw invalid("the address holds a space or a character outside ASCII")
    }
    guard !rest.contains(where: { "?#@".contains($0) }) else {
      throw invalid("the address must not hold a user, query or fragment")
    }
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    let authority = rest[..<slash]
    _ = try parts(of: authority, invalid)
    var path = rest[slash...]
    while path.hasSuffix("/") { path = path.dropLast() }
    if path == "/v1" || path.hasSuffix("/v1") { path = path.dropLast(3) }
    while path.hasSuffix("/") { path = path.dropLast() }
    return scheme + authority + path
  }

  /// Host, without the brackets of a numeric IPv6 address, and port.
  static func parts(
    of authority: Substring, _ invalid: (String) -> Invalid
  ) throws(Invalid) -> (host: Substring, port: Int?) {
    var host = authority
    var port: Substring?
    if authority.hasPrefix("[") {
      guard let bracket = authority.firstIndex(of: "]") else { throw invalid("']' is missing") }
      host = authority[..<bracket].dropFirst()
      let after = authority[authority.index(after: bracket)...]
      guard after.isEmpty || after.hasPrefix(":") else { throw invalid("write [address]:port") }
      port = after.isEmpty ? nil : after.dropFirst()
    } else if let colon = authority.firstIndex(of: ":") {
      host = authority[..<colon]
      port = authority[authority.index(after: colon)...]
    }
    guard !host.isEmpty else { throw invalid("the host is missing") }
    guard let port else { return (host, nil) }
    guard let number = UInt16(port), number > 0 else {
      throw invalid("the port must be a number from 1 to 65535")
    }
    return (host, Int(number))
  }
}
