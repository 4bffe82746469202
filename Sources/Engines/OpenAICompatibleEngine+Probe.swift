internal import NIOHTTP1
internal import OpenAIFormat

extension OpenAICompatibleEngine {
  /// Asks the engine what it is, which models it serves, and how much at once.
  ///
  /// Succeeds only if the engine is ready to serve. `/v1/models` must answer; everything else is extra,
  /// and what cannot be learned is nil. What the specification says wins over what the engine says.
  public func probe() async throws(EngineError) -> EngineStatus {
    let answer = try await ask(.GET, "/v1/models")
    guard answer.status == 200 else { throw answer.error }
    guard let listed = (try? JSONValue.parse(answer.body))?["data"]?.elements else {
      let start = String(decoding: answer.body.prefix(128), as: UTF8.self)
      throw .garbage("/v1/models answers \(String(reflecting: start))")
    }
    let kind = try await kind(answer, listed)
    try await checkHealth(kind)
    let (slots, slotContext) = try await capacity(kind)
    let digests = kind == .ollama ? try await ollamaDigests() : [:]
    var models: [EngineStatus.Model] = []
    for entry in listed.prefix(1024) {
      guard let name = entry["id"]?.string, spec.model == nil || spec.model == name else {
        continue
      }
      let context: Int? =
        if let context = spec.contextTokens ?? slotContext ?? entry["max_model_len"]?.integer {
          context
        } else if kind == .ollama {
          try await ollamaContext(name)
        } else {
          entry["meta"]?["n_ctx"]?.integer
        }
      models.append(
        EngineStatus.Model(name: name, contextTokens: context, digest: digests[name]))
    }
    guard !models.isEmpty else {
      let names = listed.prefix(16).compactMap { $0["id"]?.string }.joined(separator: ", ")
      throw .garbage(
        spec.model.map { "no model '\($0)'; it serves: \(names)" } ?? "it lists no model")
    }
    return EngineStatus(kind: kind, models: models, slots: spec.slots ?? slots)
  }

  struct Answer {
    let status: Int
    let server: String
    let error: EngineError
    let body: [UInt8]
  }

  /// Tells the program by what it says of its models, then by routes that only it has.
  private func kind(
    _ answer: Answer, _ models: [JSONValue]
  ) async throws(EngineError) -> EngineStatus.Kind {
    switch models.first?["owned_by"]?.string {
    case "llamacpp": return .llamaCpp
    case "vllm": return .vLLM
    case "sglang": return .sgLang
    default: break
    }
    if answer.server.hasPrefix("llama.cpp") { return .llamaCpp }
    if try await ask(.GET, "/api/version").json?["version"]?.string != nil { return .ollama }
    // A model under its own name may be owned by anyone; SGLang and vLLM each have a route of their own.
    if try await ask(.GET, "/get_server_info").status == 200 { return .sgLang }
    if models.first?["max_model_len"] != nil,
      try await ask(.GET, "/version").json?["version"]?.string != nil
    {
      return .vLLM
    }
    return .generic
  }

  /// llama.cpp answers 503 while it loads; vLLM and SGLang when they are broken.
  private func checkHealth(_ kind: EngineStatus.Kind) async throws(EngineError) {
    switch kind {
    case .llamaCpp, .vLLM, .sgLang:
      let health = try await ask(.GET, "/health")
      // Some builds turn the route off; that they list models is then all there is to know.
      if health.status != 200, health.status != 404 { throw health.error }
    case .ollama, .generic, .builtin: break
    }
  }

  /// Slots and the context of one slot, from llama.cpp; other engines do not tell.
  private func capacity(
    _ kind: EngineStatus.Kind
  ) async throws(EngineError) -> (slots: Int?, context: Int?) {
    guard kind == .llamaCpp else { return (nil, nil) }
    // /slots tells each slot's own context; an operator may have turned it off (then 501).
    if let slots = try await ask(.GET, "/slots").json?.elements, !slots.isEmpty {
      return (slots.count, slots.compactMap { $0["n_ctx"]?.integer }.min())
    }
    let properties = try await ask(.GET, "/props").json
    return (
      properties?["total_slots"]?.integer,
      properties?["default_generation_settings"]?["n_ctx"]?.integer
    )
  }

  /// What Ollama has loaded the model with, else the most that the model can.
  ///
  /// It silently drops the front of a longer prompt, so the loaded value is the one to trust.
  private func ollamaContext(_ name: String) async throws(EngineError) -> Int? {
    let loaded = try await ask(.GET, "/api/ps").json?["models"]?.elements
    let entry = loaded?.first { $0["name"]?.string == name || $0["model"]?.string == name }
    if let context = entry?["context_length"]?.integer { return context }
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("model")
    writer.string(name)
    writer.endObject()
    let shown = try await ask(.POST, "/api/show", writer.bytes).json
    return shown?["model_info"]?.members?.first { $0.key.hasSuffix(".context_length") }?.value
      .integer
  }

  /// What Ollama's models are, by their names, as a worker states it: `ollama-manifest-sha256:` and 64 hexadecimal digits.
  ///
  /// Ollama keeps weights, template and parameters in files that are named by their SHA-256, and a model is a manifest of these names; the
  /// hash of that is what `ollama list` begins to print. A model that runs on somebody else's machines has no weights here.
  private func ollamaDigests() async throws(EngineError) -> [String: String] {
    var digests: [String: String] = [:]
    for model in try await ask(.GET, "/api/tags").json?["models"]?.elements ?? [] {
      guard let name = model["name"]?.string, let digest = model["digest"]?.string,
        model["remote_host"] == nil, model["remote_model"] == nil, digest.utf8.count == 64,
        digest.utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) })
      else { continue }
      digests[name] = "ollama-manifest-sha256:" + digest
    }
    return digests
  }

  func ask(
    _ method: HTTPMethod, _ path: String, _ body: [UInt8]? = nil
  ) async throws(EngineError) -> Answer {
    let (head, bytes) = try await answer(
      to: OutgoingRequest(method: method, path: path, body: body),
      AnswerReading.Limits(time: limits.probe, expiry: .slow(.probe(limits.probe))))
    return Answer(
      status: Int(head.status.code), server: head.headers.first(name: "server") ?? "",
      error: Self.refusal(head, bytes), body: bytes)
  }
}

extension OpenAICompatibleEngine.Answer {
  /// The body as JSON where the answer is a success and JSON.
  var json: JSONValue? { status == 200 ? try? JSONValue.parse(body) : nil }
}
