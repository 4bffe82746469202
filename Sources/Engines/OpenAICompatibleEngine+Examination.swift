internal import NIOHTTP1
internal import OpenAIFormat

extension OpenAICompatibleEngine {
  /// Models that are tried for what they can do; further ones are taken to be able to do the same.
  private static let modelsTriedMax = 4

  /// Finds out what models are for, which kinds of request each serves, and what the engine can do with all that generate.
  ///
  /// The operator's word stands (`serves=`). Ollama and SGLang say it. Others are asked for the vector of one letter, and who gives
  /// one is taken to do nothing else: so it is with vLLM, and so llama.cpp's `--embeddings` is meant; whether such a model
  /// generates as well is not tried, since a model that cannot may end an engine.
  public func examine(_ status: EngineStatus) async throws(EngineError) -> EngineStatus {
    var examined = status
    let clock = ContinuousClock()
    let deadline = clock.now + limits.examination
    for place in examined.models.indices {
      guard clock.now < deadline else { throw .slow(.probe(limits.examination)) }
      examined.models[place].endpoints = try await endpoints(
        of: examined.models[place].name, status.kind)
    }
    examined.features = try await features(examined, until: deadline)
    return examined
  }

  private func features(
    _ status: EngineStatus, until deadline: ContinuousClock.Instant
  ) async throws(EngineError) -> InferenceRequest.Features? {
    if let can = spec.can { return can }
    let generating = status.models.filter { $0.endpoints.contains(.chatCompletions) }
    switch status.kind {
    case .llamaCpp, .vLLM, .sgLang, .generic:
      guard !generating.isEmpty else { return status.features }
      // A worker declares for all of its models: what one of them lacks is refused for each.
      var common = Trial.features
      for model in generating.prefix(Self.modelsTriedMax) {
        guard ContinuousClock.now < deadline else { throw .slow(.probe(limits.examination)) }
        common.formIntersection(try await features(of: model.name, status.kind))
      }
      return common
    // What it lacks is known (`EngineStatus.capabilities`), and asking would load a model.
    case .ollama, .builtin: return status.features
    }
  }

  private func endpoints(
    of model: String, _ kind: EngineStatus.Kind
  ) async throws(EngineError) -> [InferenceRequest.Endpoint] {
    if let serves = spec.serves { return serves }
    switch kind {
    case .ollama:
      let shown = try await ask(.POST, "/api/show", Self.object([("model", Self.json(model))]))
      let words = shown.json?["capabilities"]?.elements?.compactMap(\.string) ?? []
      var endpoints: [InferenceRequest.Endpoint] = []
      // Before Ollama said it, its models were taken to generate.
      if words.contains("completion") || !words.contains("embedding") {
        endpoints += EngineStatus.Model.generation
      }
      if words.contains("embedding") { endpoints.append(.embeddings) }
      return endpoints
    case .sgLang:
      let generates = try await ask(.GET, "/get_model_info").json?["is_generation"]
      return generates == .boolean(false) ? [.embeddings] : EngineStatus.Model.generation
    case .llamaCpp, .vLLM, .generic:
      let asked = Self.object([("model", Self.json(model)), ("input", Self.json("a"))])
      let answer = try await ask(.POST, "/v1/embeddings", asked)
      // It has no room just now, or is still loading.
      if case .busy = answer.error { throw answer.error }
      guard answer.status == 200, (try? EmbeddingList.parse(answer.body, count: 1)) != nil else {
        return EngineStatus.Model.generation
      }
      return [.embeddings]
    case .builtin: return EngineStatus.Model.generation
    }
  }
}
