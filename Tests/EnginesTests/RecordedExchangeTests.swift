import Engines
import Logging
import OpenAIFormat
import Testing

/// What our code makes of vLLM's and SGLang's own answers (`Published`).
///
/// Looked for and found nowhere, so that these are after the documents (`ResumingTests`, `StreamTests`): the first chunk of a stream with
/// the prompt's ids in it; a completion's stream with ids, or for a prompt of ids, of either engine; what `/tokenize` and `/detokenize` say
/// when they refuse. The refusals here are of the chat's route of the same servers.
@Suite("What vLLM and SGLang did answer")
struct RecordedExchangeTests {
  private typealias Exchange = (request: EngineRequest, asked: [String])

  /// What `resuming` makes of a request that ends with an output of these ids, at an engine that answers so, and what it asked.
  private func resuming(
    _ kind: EngineStatus.Kind, _ endpoint: InferenceRequest.Endpoint, _ body: String,
    output: String, ids: [UInt32], _ answers: [(status: String, body: String)]
  ) async throws -> Exchange {
    let asked = try InferenceRequest.parse(body: Array(body.utf8), endpoint: endpoint)
    let longer = try InferenceRequest.parse(
      body: #require(asked.continuing(Array(output.utf8))), endpoint: endpoint)
    var request = EngineRequest(longer, model: "m", maxTokens: 5, kind: kind, goesOn: true)
    request.begun = BegunOutput(endOf: longer, in: [(output.utf8.count, ids.count, ids)])
    #expect(request.begun != nil)
    let steps = answers.flatMap {
      [ScriptedEngine.Step.awaitRequest, .send(Recorded.answer($0.status, $0.body))]
    }
    return try await ScriptedEngine.serving([steps]) { [request] server in
      let engine = OpenAICompatibleEngine(
        spec: EngineSpec(baseURL: server.address), logger: Logger(label: "test"))
      let resumed = await engine.resuming(request)
      try await engine.shutdown()
      #expect(resumed.goesOnFromIDs || resumed == request)
      return (resumed, server.received)
    }
  }

  private func prompt(_ exchange: Exchange) throws -> [Int]? {
    guard exchange.request.goesOnFromIDs else { return nil }
    #expect(exchange.request.route == "/v1/completions")
    let body = try JSONValue.parse(exchange.request.body)
    #expect(body["messages"] == nil)
    return body["prompt"]?.elements?.compactMap(\.integer)
  }

  private func ok(_ bodies: String...) -> [(status: String, body: String)] {
    bodies.map { ("200 OK", $0) }
  }

  /// What a stream of these events and no more gives.
  private func replay(
    _ events: String
  ) async throws -> (events: [EngineEvent], end: Result<EngineEnd, EngineError>) {
    try await ScriptedEngine.serving([
      .awaitRequest, .send(Array((Recorded.head + events + Recorded.last).utf8)),
    ]) { try await run($0) }
  }

  private func reasoning(_ events: [EngineEvent]) -> String {
    var bytes: [UInt8] = []
    for case .reasoning(let more) in events.map(\.content) { bytes += more }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test("vLLM's ids come with their text, one in a chunk or several; without its end it is cut")
  func vLLMStreams() async throws {
    let several = try await replay(Published.vLLMSeveralTokens)
    #expect(
      outputText(several.events)
        == " generate multiple candidate tokens in parallel, which are then verified")
    #expect(
      several.events.flatMap { $0.tokenIDs ?? [] }
        == [10559, 4990, 14626, 35977, 295, 11550, 14, 778, 477, 1539, 32457])
    #expect(several.events.reduce(0) { $0 + $1.tokenCount } == 11)
    let single = try await replay(Published.vLLMOneToken)
    #expect(outputText(single.events) == #" fast "drafttarget" model then"#)
    #expect(
      single.events.flatMap { $0.tokenIDs ?? [] }
        == [6292, 582, 70, 4420, 28292, 4, 2645, 1539])
    #expect(single.events.reduce(0) { $0 + $1.tokenCount } == 8)
    for end in [several.end, single.end] {
      guard case .failure(.truncated) = end else {
        Issue.record("got \(end)")
        continue
      }
    }
  }

  @Test("who was not asked for ids says null, which is none")
  func withoutIDs() async throws {
    let completion = try await replay(Published.vLLMCompletionEnd)
    #expect(outputText(completion.events) == " performance and")
    #expect(completion.events.allSatisfy { $0.tokenIDs == nil })
    let ended = try completion.end.get()
    #expect(ended.finishes == [.init(choice: 0, reason: "length")] && ended.usage == nil)
    #expect(ended.tokenCount == 2 && !ended.hasAllTokenIDs && ended.promptTokenIDs == nil)

    // The last chunk of vLLM's has both a piece of output and the reason; SGLang's has the reason alone.
    let chat = try await replay(Published.vLLMReasoning)
    #expect(reasoning(chat.events) == "We need toSTATE" && outputText(chat.events) == "")
    let end = try chat.end.get()
    #expect(end.finishes == [.init(choice: 0, reason: "length")])
    #expect(end.usage == UsageReport(promptTokens: 2674, completionTokens: 200))
    #expect(end.tokenCount == 4 && !end.hasAllTokenIDs && end.promptTokenIDs == nil)
    let other = try await replay(Published.sgLangReasoning)
    #expect(reasoning(other.events) == "We need to IDs" && outputText(other.events) == "")
    let last = try other.end.get()
    #expect(last.finishes == [.init(choice: 0, reason: "length")])
    #expect(
      last.usage
        == UsageReport(promptTokens: 2677, completionTokens: 200, reasoningTokens: 200))
    #expect(last.tokenCount == 4 && !last.hasAllTokenIDs)
  }

  @Test("a completion goes on at vLLM from ids that stand for its output")
  func vLLMCompletion() async throws {
    let whole = try await resuming(
      .vLLM, .completions, #"{"model":"x","prompt":"test"}"#, output: "<|begin_of_text|>test",
      ids: [128000, 1985], ok(Published.vLLMText, Published.vLLMTokens))
    #expect(try prompt(whole) == [128000, 1985, 128000, 1985])
    #expect(whole.asked.map { $0.hasPrefix("POST /detokenize ") } == [true, false])
    #expect(whole.asked[0].hasSuffix(#"{"model":"m","tokens":[128000,1985]}"#))
    #expect(whole.asked[1].hasPrefix("POST /tokenize "))
    #expect(whole.asked[1].hasSuffix(#"{"model":"m","prompt":"test"}"#))
    // Another year's answer, with a member more.
    let later = try await resuming(
      .vLLM, .completions,
      #"{"model":"x","prompt":"Explain the significance of KV cache in language models."}"#,
      output: "<|begin_of_text|>test", ids: [128000, 1985],
      ok(Published.vLLMText, Published.vLLMTokensLater))
    #expect(
      try prompt(later) == [
        128000, 849, 21435, 279, 26431, 315, 85748, 6636, 304, 4221, 4211, 13, 128000, 1985,
      ])
    // It spells out what the output left out: then it is not that output.
    let special = try await resuming(
      .vLLM, .completions, #"{"model":"x","prompt":"test"}"#, output: "test", ids: [128000, 1985],
      ok(Published.vLLMText))
    #expect(try prompt(special) == nil && special.asked.count == 1)
  }

  @Test("a chat goes on at vLLM from the ids of its prompt, rendered, and of its output")
  func vLLMChat() async throws {
    let hi: [UInt32] = [
      128000, 128006, 882, 128007, 271, 13347, 128009, 128006, 78191, 128007, 271,
    ]
    let text = try #require(JSONValue.parse(Array(Published.vLLMChatText.utf8))["prompt"]?.string)
    let chat = try await resuming(
      .vLLM, .chatCompletions, #"{"model":"x","messages":[{"role":"user","content":"Hi"}]}"#,
      output: text, ids: hi, ok(Published.vLLMChatText, Published.vLLMChatTokens))
    #expect(try prompt(chat) == (hi + hi).map(Int.init))
    #expect(
      chat.asked[1].hasSuffix(#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#))
  }

  @Test("SGLang confirms and renders, completions and chats")
  func sgLang() async throws {
    let said: [UInt32] = [50, 3825, 524, 5707, 11050, 3950, 2022, 36342, 13]
    let completion = try await resuming(
      .sgLang, .completions, #"{"model":"x","prompt":"\#(Published.sgLangSaid)"}"#,
      output: Published.sgLangSaid, ids: said, ok(Published.sgLangText, Published.sgLangTokens))
    #expect(try prompt(completion) == (said + said).map(Int.init))
    // Two models' answers; what is asked is what was asked then, but for the limit.
    let messages =
      #"[{"role":"system","content":"You are concise."},{"role":"user","content":"Hello world"}]"#
    let chat = try await resuming(
      .sgLang, .chatCompletions, #"{"model":"x","messages":\#(messages),"temperature":0}"#,
      output: Published.sgLangSaid, ids: said,
      ok(Published.sgLangText, Published.sgLangChatTokens))
    #expect(chat.asked.count == 2)
    #expect(chat.asked[1].hasSuffix(#"{"model":"m","messages":\#(messages)}"#))
    #expect(
      try prompt(chat)?.dropLast(said.count) == [
        248045, 8678, 198, 2523, 513, 61446, 13, 248046, 198, 248045, 846, 198, 9419, 1814, 248046,
        198, 248045, 74455, 198, 248068, 198,
      ])
    #expect(try prompt(chat)?.suffix(said.count) == said.map(Int.init)[...])
    // It refuses that field in a chat's stream, so nobody sends it.
    #expect(!String(decoding: chat.request.body, as: UTF8.self).contains("return_token_ids"))
  }

  @Test(
    "what is refused goes on by text, and is understood as a refusal",
    arguments: [
      (EngineStatus.Kind.vLLM, "404 Not Found", Published.vLLMUnknownModel, "NotFoundError"),
      (.vLLM, "400 Bad Request", Published.vLLMNoTemplate, "BadRequestError"),
      (.sgLang, "400 Bad Request", Published.sgLangTooLong, "BadRequestError"),
    ])
  func refused(
    kind: EngineStatus.Kind, status: String, body: String, type: String
  ) async throws {
    let confirmed = kind == .vLLM ? Published.vLLMText : #"{"text":"<|begin_of_text|>test"}"#
    for answers in [[(status, body)], [("200 OK", confirmed), (status, body)]] {
      let chat = try await resuming(
        kind, .chatCompletions, #"{"model":"x","messages":[{"role":"user","content":"Hi"}]}"#,
        output: "<|begin_of_text|>test", ids: [128000, 1985], answers)
      #expect(!chat.request.goesOnFromIDs && chat.asked.count == answers.count)
      #expect(chat.request.route == "/v1/chat/completions")
    }
    let (_, end) = try await ScriptedEngine.serving([
      .awaitRequest, .send(Recorded.answer(status, body)),
    ]) { try await run($0) }
    guard case .failure(.refused(let code, let error)) = end else {
      Issue.record("got \(end)")
      return
    }
    #expect(status.hasPrefix("\(code) ") && error.type == type && error.code == "\(code)")
    #expect(error.isContextExceeded == (body == Published.sgLangTooLong))
  }
}
