import OpenAIFormat
import Testing

@Suite("The provider object")
struct ProviderPreferencesTests {
  private func parse(_ more: String) throws -> InferenceRequest {
    try InferenceRequest.parse(
      body: Array((#"{"model":"m","messages":[{"role":"user","content":"x"}],"# + more + "}").utf8),
      endpoint: .chatCompletions)
  }

  @Test("everything that it may say")
  func whole() throws {
    let provider = try #require(
      try parse(
        #""provider":{"order":["a","b/c"],"only":["d"],"ignore":["e"],"allow_fallbacks":false,"#
          + #""sort":"throughput","max_price":{"prompt":0.25,"completion":"12.0000000019"}}"#
      ).provider)
    #expect(provider.order == ["a", "b/c"] && provider.only == ["d"] && provider.ignore == ["e"])
    #expect(!provider.allowFallbacks && provider.sort == .throughput)
    #expect(provider.maxPromptPrice == 250_000_000)
    #expect(provider.maxCompletionPrice == 12_000_000_001)
    #expect(try parse(#""provider":null"#).provider == nil)
    #expect(try parse(#""provider":{"sort":null}"#).provider == ProviderPreferences())
  }

  @Test(
    "what it may not say is refused by name",
    arguments: [
      (#"{"data_collection":"deny"}"#, "provider.data_collection", true),
      (#"{"max_price":{"image":1}}"#, "provider.max_price.image", true),
      (#"[]"#, "provider", false), (#"{"sort":"price","sort":"price"}"#, "provider.sort", false),
      (#"{"sort":"age"}"#, "provider.sort", false), (#"{"order":"a"}"#, "provider.order", false),
      (#"{"only":[""]}"#, "provider.only", false), (#"{"only":[1]}"#, "provider.only", false),
      (#"{"ignore":["1","2","3","4","5","6","7","8","9"]}"#, "provider.ignore", false),
      (#"{"allow_fallbacks":1}"#, "provider.allow_fallbacks", false),
      (#"{"allow_fallbacks":false}"#, "provider.allow_fallbacks", false),
      (#"{"max_price":1}"#, "provider.max_price", false),
      (#"{"max_price":{"prompt":-1}}"#, "provider.max_price.prompt", false),
      (#"{"max_price":{"prompt":1e3}}"#, "provider.max_price.prompt", false),
      (#"{"max_price":{"prompt":"1."}}"#, "provider.max_price.prompt", false),
      (#"{"max_price":{"prompt":18446744074}}"#, "provider.max_price.prompt", false),
    ])
  func refused(json: String, field: String, unsupported: Bool) {
    #expect {
      _ = try parse(#""provider":\#(json)"#)
    } throws: {
      guard let error = $0 as? RequestError else { return false }
      if case .unsupported = error { return unsupported && error.field == field }
      return !unsupported && error.field == field
    }
  }

  @Test(
    "what is for the exchange reaches no engine, counts for no prompt, and all else is as it came")
  func stripped() throws {
    let plain = try parse(#""x" : 1.0"#)
    #expect(plain.bodyForEngines == plain.body)
    let request = try parse(
      #""provider" :{"sort":"price"}, "x" : 1.0 , "models":["b"] "#)
    #expect(
      String(decoding: request.bodyForEngines, as: UTF8.self)
        == #"{"model":"m","messages":[{"role":"user","content":"x"}],"x" : 1.0 }"#)
    #expect(request.promptBytes == plain.promptBytes && request.models == ["b"])
    let first = try InferenceRequest.parse(
      body: Array(#" {"models":["a","b"],"prompt":"x"}"#.utf8), endpoint: .completions)
    #expect(first.model == "a")
    #expect(String(decoding: first.bodyForEngines, as: UTF8.self) == #" {"prompt":"x"}"#)
  }
}

@Suite("The service tier")
struct ServiceTierTests {
  private func parse(_ tier: String) throws(RequestError) -> InferenceRequest {
    try InferenceRequest.parse(
      body: Array(
        #"{"model":"m","messages":[{"role":"user","content":"x"}],"service_tier":\#(tier)}"#.utf8),
      endpoint: .chatCompletions)
  }

  @Test("each of OpenAI's values is known, and goes on to engines as it came")
  func known() throws {
    for tier in ServiceTier.allCases {
      let request = try parse("\"\(tier.rawValue)\"")
      #expect(request.serviceTier == tier)
      #expect(request.bodyForEngines == request.body)
    }
    #expect(try parse("null").serviceTier == nil)
    let request = ChatRequest(model: "m", prompt: "x", serviceTier: .flex)
    let read = try InferenceRequest.parse(body: request.body(), endpoint: .chatCompletions)
    #expect(read.serviceTier == .flex)
  }

  @Test("what is no tier is refused by name", arguments: [#""best""#, "1", #"["flex"]"#])
  func unknown(tier: String) {
    #expect(
      throws: RequestError.invalid(
        field: "service_tier", expected: "one of auto, default, flex, scale, priority, fast")
    ) { try parse(tier) }
  }
}
