internal import NIOHTTP1
internal import OpenAIFormat

// What an engine can do beyond text out of text, found by asking for one token of each: some builds refuse it, some pass it over
// without a word, and then a consumer would pay for something else than was asked for.
extension OpenAICompatibleEngine {
  /// What is tried, and how an answer shows that it was done.
  struct Trial: Sendable {
    let feature: InferenceRequest.Features
    let endpoint: InferenceRequest.Endpoint
    /// Fields as JSON, beside the model and the limit of one token.
    let fields: [(name: String, value: String)]
    let isDone: @Sendable (JSONValue) -> Bool

    private static let chat = ("messages", #"[{"role":"user","content":"a"}]"#)

    /// What no answer of one token shows: whoever is asked here is taken to do it.
    static let untried: InferenceRequest.Features = .logitBias

    /// One for each feature that a worker can lack, and that one token shows.
    static let all = [
      Trial(
        // A call that is cut after one token, as a choice would make it, is an error to some: who takes tools is trusted with the choice.
        feature: [.tools, .toolChoice], endpoint: .chatCompletions,
        fields: [
          chat,
          (
            "tools",
            #"[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}]"#
          ),
        ], isDone: { _ in true }),
      Trial(
        feature: .structuredOutput, endpoint: .chatCompletions,
        fields: [
          chat,
          (
            "response_format",
            #"{"type":"json_schema","json_schema":{"name":"f","schema":{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}}}"#
          ),
        ],
        // The first token of an object, of the white space before it, or of the fence around it that llama.cpp takes off in the end.
        isDone: { choice in
          let text = choice["message"]?["content"]?.string ?? ""
          return ["{", "`"].contains(text.drop(while: \.isWhitespace).first ?? "{")
        }),
      Trial(
        feature: .logprobs, endpoint: .chatCompletions,
        fields: [chat, ("logprobs", "true"), ("top_logprobs", "1")],
        // llama.cpp gives none for a token that ends inside a character: that one shows nothing.
        isDone: { choice in
          let text = choice["message"]?["content"]?.string ?? ""
          return choice["logprobs"]?.members != nil || text.unicodeScalars.last == "\u{fffd}"
        }),
      Trial(
        feature: .severalSequences, endpoint: .chatCompletions, fields: [chat, ("n", "2")],
        isDone: { $0["index"]?.integer == 1 }),
      Trial(
        feature: .tokenIDPrompt, endpoint: .completions, fields: [("prompt", "[1]")],
        isDone: { _ in true }),
      Trial(
        feature: .echo, endpoint: .completions,
        fields: [("prompt", "\"ab\""), ("echo", "true")],
        isDone: { $0["text"]?.string?.hasPrefix("ab") == true }),
    ]

    /// All that an engine can be found to do.
    static let features = InferenceRequest.Features(all.map(\.feature)).union(untried)
  }

  /// Whom an examination calls itself, for engines' logs.
  static let examiner = "switchyard-examination"

  /// Statuses that refuse what was asked for; llama.cpp says 500 as well.
  private static let refusals: Set = [400, 404, 405, 422, 501]

  /// What an engine does that generates with this model; what it does not say is taken on trust.
  func features(
    of model: String, _ kind: EngineStatus.Kind
  ) async throws(EngineError) -> InferenceRequest.Features {
    var found = Trial.untried
    for trial in Trial.all {
      let fields =
        [("model", Self.json(model))] + trial.fields
        + [("max_tokens", "1"), ("user", Self.json(Self.examiner))]
      let answer = try await ask(.POST, trial.endpoint.rawValue, Self.object(fields))
      guard answer.status == 200 else {
        // A refusal says that it cannot; anything else, that it was not asked well or at a bad time.
        let isRefusal = Self.refusals.contains(answer.status)
        guard isRefusal || (answer.status == 500 && kind == .llamaCpp) else { throw answer.error }
        continue
      }
      // The last answer, where there are several.
      let choice = answer.json?["choices"]?.elements?.last
      if choice.map(trial.isDone) ?? true { found.insert(trial.feature) }
    }
    return found
  }
}
