import Engines
import Logging
import OpenAIFormat
import Testing

/// Exchanges after the documents of vLLM and SGLang, and llama.cpp's stream as it was seen.
///
/// What those two did answer is in `RecordedExchangeTests`.
@Suite("Going on from token ids")
struct ResumingTests {
  private static let chat =
    #"{"model":"x","messages":[{"role":"user","content":"Hi"}],"temperature":0}"#
  private static let completion = #"{"model":"x","prompt":"Say","stop":"Z"}"#
  private static let ids: [UInt32] = [9707, 1052, 0]

  /// A request that ends with "Hello there".
  private func request(
    _ body: String, _ endpoint: InferenceRequest.Endpoint, _ kind: EngineStatus.Kind
  ) throws -> EngineRequest {
    let asked = try InferenceRequest.parse(body: Array(body.utf8), endpoint: endpoint)
    let longer = try InferenceRequest.parse(
      body: #require(asked.continuing(Array("Hello there".utf8))), endpoint: endpoint)
    var request = EngineRequest(longer, model: "m", maxTokens: 5, kind: kind, goesOn: true)
    request.begun = BegunOutput(endOf: longer, in: [(bytes: 11, tokens: 3, ids: Self.ids)])
    #expect(request.begun != nil)
    return request
  }

  /// What `resuming` makes of a request at an engine that answers so, and what it asked.
  private func resuming(
    _ request: EngineRequest, _ answers: String...
  ) async throws -> (request: EngineRequest, asked: [String]) {
    let steps = answers.flatMap {
      [ScriptedEngine.Step.awaitRequest, .send(Recorded.answer("200 OK", $0))]
    }
    return try await ScriptedEngine.serving([steps]) { server in
      let engine = OpenAICompatibleEngine(
        spec: EngineSpec(baseURL: server.address), logger: Logger(label: "test"))
      let resumed = await engine.resuming(request)
      try await engine.shutdown()
      return (resumed, server.received)
    }
  }

  private func text(_ request: EngineRequest) -> String {
    String(decoding: request.body, as: UTF8.self)
  }

  @Test("vLLM renders the chat, confirms the ids, and completes both")
  func vLLMChat() async throws {
    let (resumed, asked) = try await resuming(
      request(Self.chat, .chatCompletions, .vLLM), #"{"prompt":"Hello there"}"#,
      #"{"count":3,"max_model_len":4096,"tokens":[151644,872,198],"token_strs":null}"#)
    #expect(asked.count == 2)
    #expect(asked[0].hasPrefix("POST /detokenize "))
    #expect(asked[0].hasSuffix(#"{"model":"m","tokens":[9707,1052,0]}"#))
    #expect(asked[1].hasPrefix("POST /tokenize "))
    #expect(
      asked[1].hasSuffix(
        #"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#))
    #expect(resumed.goesOnFromIDs && resumed.route == "/v1/completions")
    #expect(resumed.endpoint == .completions)
    for part in [
      #""prompt":[151644,872,198,9707,1052,0]"#, #""temperature":0"#, #""max_tokens":5"#,
      #""return_token_ids":true"#, #""include_usage":true"#, #""model":"m""#,
    ] {
      #expect(text(resumed).contains(part))
    }
    #expect(!text(resumed).contains("messages"))
  }

  @Test("so does SGLang, if it renders chats")
  func sgLangChat() async throws {
    let chat = try request(Self.chat, .chatCompletions, .sgLang)
    let (resumed, asked) = try await resuming(
      chat, #"{"text":"Hello there"}"#,
      #"{"tokens":[151644,872,198],"count":3,"max_model_len":4096}"#)
    #expect(
      asked.last?.hasSuffix(#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#) == true)
    #expect(resumed.goesOnFromIDs && resumed.route == "/v1/completions")
    #expect(text(resumed).contains(#""prompt":[151644,872,198,9707,1052,0]"#))
    // It refuses that field in a chat's stream, and is not asked for ids.
    #expect(!text(resumed).contains("return_token_ids"))
    let (refused, _) = try await resuming(
      chat, #"{"text":"Hello there"}"#, #"{"object":"error","message":"Field required"}"#)
    #expect(refused == chat)
  }

  @Test("SGLang and vLLM take a completion's ids")
  func completions() async throws {
    for (kind, name) in [(EngineStatus.Kind.sgLang, "text"), (.vLLM, "prompt")] {
      let (resumed, asked) = try await resuming(
        request(Self.completion, .completions, kind), #"{"\#(name)":"Hello there"}"#,
        #"{"tokens":[45764],"count":1,"max_model_len":4096}"#)
      #expect(asked.last?.hasSuffix(#"{"model":"m","prompt":"Say"}"#) == true)
      #expect(text(resumed).contains(#""prompt":[45764,9707,1052,0]"#))
      #expect(text(resumed).contains(#""stop":"Z""#))
    }
  }

  @Test("what the engine does not confirm, or does not answer, goes on by text")
  func unconfirmed() async throws {
    let chat = try request(Self.chat, .chatCompletions, .vLLM)
    for answers in [
      [#"{"prompt":"Hello then!"}"#], [#"{"detail":"Not Found"}"#], [],
      [#"{"prompt":"Hello there"}"#, #"{"tokens":[]}"#],
    ] {
      let steps = answers.flatMap {
        [ScriptedEngine.Step.awaitRequest, .send(Recorded.answer("200 OK", $0))]
      }
      let resumed = try await ScriptedEngine.serving([steps]) { server in
        let engine = OpenAICompatibleEngine(
          spec: EngineSpec(baseURL: server.address), logger: Logger(label: "test"))
        let resumed = await engine.resuming(chat)
        try await engine.shutdown()
        return resumed
      }
      #expect(resumed == chat)
    }
    // A decoder may drop the space that begins a text.
    let (spaced, _) = try await resuming(
      {
        var request = chat
        request.begun = try BegunOutput(
          endOf: .parse(
            body: Array(
              Self.chat.replacing("]", with: #",{"role":"assistant","content":" Hello"}]"#).utf8),
            endpoint: .chatCompletions), in: [(bytes: 6, tokens: 1, ids: [1])])
        return request
      }(), #"{"prompt":"Hello"}"#, #"{"tokens":[5]}"#)
    #expect(spaced.goesOnFromIDs)
  }

  @Test("llama.cpp cuts what was not named as if the space that it puts first were not there")
  func unnamedTokens() async throws {
    func resumed(_ answers: String...) async throws -> String {
      let longer = try InferenceRequest.parse(
        body: #require(
          InferenceRequest.parse(body: Array(Self.completion.utf8), endpoint: .completions)
            .continuing(Array("a b c".utf8))), endpoint: .completions)
      var request = EngineRequest(longer, model: "m", maxTokens: 5, kind: .llamaCpp, goesOn: true)
      request.begun = BegunOutput(
        endOf: longer, in: [(bytes: 1, tokens: 1, ids: [7]), (bytes: 4, tokens: 2, ids: [])])
      let steps = answers.flatMap {
        [ScriptedEngine.Step.awaitRequest, .send(Recorded.answer("200 OK", $0))]
      }
      return try await ScriptedEngine.serving([steps]) { [request] server in
        let engine = OpenAICompatibleEngine(
          spec: EngineSpec(baseURL: server.address), logger: Logger(label: "test"))
        let resumed = await engine.resuming(request)
        try await engine.shutdown()
        return resumed.goesOnFromIDs ? text(resumed) : "by text"
      }
    }
    let confirmed = #"{"content":"a b c"}"#
    func cut(_ pieces: KeyValuePairs<Int, String>) -> String {
      let tokens = pieces.map { #"{"id":\#($0.key),"piece":"\#($0.value)"}"# }
      return #"{"tokens":[\#(tokens.joined(separator: ","))]}"#
    }
    // A vocabulary that puts nothing first; one whose space stands alone; one where it has joined the text's own.
    let named = ",7,8,9]"
    #expect(try await resumed(cut([8: " b", 9: " c"]), confirmed).contains(named))
    #expect(try await resumed(cut([1: " ", 8: " b", 9: " c"]), confirmed).contains(named))
    #expect(
      try await resumed(cut([2: "  ", 3: "b", 9: " c"]), cut([8: " b", 9: " c"]), confirmed)
        .contains(named))
    // Neither way, or as more tokens than were counted.
    #expect(
      try await resumed(cut([2: "  ", 3: "b", 9: " c"]), cut([3: "b", 9: " c"])) == "by text")
    #expect(try await resumed(cut([1: " ", 5: " ", 3: "b", 9: " c"])) == "by text")
  }

  @Test("what a completion would not do as a chat does is not asked of it")
  func notTheSame() async throws {
    for field in [#""tools":[{"type":"function"}]"#, #""reasoning_effort":"high""#] {
      let chat = try request(
        #"{"model":"x","messages":[{"role":"user","content":"Hi"}],\#(field)}"#, .chatCompletions,
        .vLLM)
      let (resumed, asked) = try await resuming(chat)
      #expect(resumed == chat && asked.isEmpty)
    }
  }

  @Test("llama.cpp's own route is asked for a plain completion, with the stop string as a list")
  func llamaRoute() throws {
    let plain = try request(Self.completion, .completions, .llamaCpp)
    #expect(plain.route == "/completion")
    #expect(
      text(plain).contains(#""stop":["Z"]"#) && text(plain).contains(#""return_tokens":true"#))
    for field in [#""n":2"#, #""logprobs":1"#, #""echo":true"#, #""suffix":"z""#] {
      let asked = try InferenceRequest.parse(
        body: Array(#"{"model":"x","prompt":"a",\#(field)}"#.utf8), endpoint: .completions)
      let request = EngineRequest(asked, model: "m", maxTokens: 5, kind: .llamaCpp)
      #expect(request.route == "/v1/completions")
    }
  }

  @Test("its stream names ids, and tells by its count where it has left some out")
  func llamaStream() async throws {
    let bytes = [
      Recorded.head,
      Recorded.event(
        #"{"index":0,"content":"R","tokens":[290],"stop":false,"id_slot":-1,"tokens_predicted":1,"tokens_evaluated":7}"#
      ),
      Recorded.event(
        #"{"index":0,"content":"Ǉ","tokens":[138],"stop":false,"id_slot":-1,"tokens_predicted":3,"tokens_evaluated":7}"#
      ),
      Recorded.event(
        #"{"index":0,"content":"p","tokens":[275],"stop":false,"id_slot":-1,"tokens_predicted":4,"tokens_evaluated":7}"#
      ),
      Recorded.event(
        #"{"index":0,"content":"","tokens":[],"id_slot":1,"stop":true,"model":"m","tokens_predicted":5,"tokens_evaluated":7,"stop_type":"limit","stopping_word":"","tokens_cached":11}"#
      ),
      Recorded.last,
    ].joined()
    let (events, result) = try await ScriptedEngine.serving(
      [.awaitRequest, .send(Array(bytes.utf8))]
    ) { try await run($0) }
    #expect(events.map(\.tokenIDs) == [[290], nil, [275]])
    #expect(events.map(\.tokenCount) == [1, 2, 1])
    #expect(outputText(events) == "RǇp")
    let end = try result.get()
    #expect(end.finishes == [.init(choice: 0, reason: "length")])
    #expect(end.usage == UsageReport(promptTokens: 7, completionTokens: 5) && !end.hasAllTokenIDs)
  }
}
