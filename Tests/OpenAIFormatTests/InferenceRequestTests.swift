import OpenAIFormat
import Testing

private func parse(
  _ text: String, _ endpoint: InferenceRequest.Endpoint = .chatCompletions
) throws -> InferenceRequest {
  try InferenceRequest.parse(body: Array(text.utf8), endpoint: endpoint)
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

@Suite("Inference requests") struct InferenceRequestTests {
  private static let chat = #"""
    {"model": "m", "messages": [{"role":"system","content":"be é"}, {"role":"user","content":"hi"}],
     "temperature" : 0.70, "x_future": {"b":1.0,"a":[1E2]}, "max_tokens": 9, "stop":["\n"]}
    """#

  @Test("the known fields of a chat are read")
  func reads() throws {
    let request = try parse(
      #"""
      {"model":"m","messages":[{"role":"user","content":"hi"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"u"}}]}],"stream":true,"stream_options":{"include_usage":true},"max_tokens":5,"max_completion_tokens":7,"n":2,"temperature":0,"seed":-3,"stop":"x","tools":[{}],"logprobs":true,"response_format":{"type":"json_object"}}
      """#)
    #expect(request.model == "m")
    #expect(request.stream && request.wantsUsage)
    #expect(request.maxTokens == 7)
    #expect(request.sequences == 2)
    #expect(request.temperature == 0)
    #expect(request.seed == -3)
    #expect(request.stop == ["x"])
    #expect(request.messageCount == 2)
    #expect(
      request.features == [.tools, .logprobs, .media, .severalSequences, .structuredOutput])
    #expect(request.messages().map(\.text) == ["hi", "a"])
  }

  @Test(
    "what makes the prompt of any length is named by its field; an answer in text alone does not",
    arguments: [
      (#""modalities":["text"]"#, nil), (#""modalities":null,"audio":null"#, nil),
      (#""modalities":["text","audio"]"#, "modalities"), (#""audio":{"voice":"x"}"#, "audio"),
      (#""chat_template":"x","audio":{}"#, "chat_template"),
    ])
  func unbounded(more: String, field: String?) throws {
    let messages = #""messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]"#
    let request = try parse(#"{"model":"m",\#(messages),\#(more)}"#)
    #expect(request.unboundedField == field)
    #expect(request.features.isDisjoint(with: [.media, .customTemplate]) == (field == nil))
    let image = #""messages":[{"role":"u"},{"role":"u","content":[{"type":"image_url"}]}]"#
    let seen = try parse(#"{"model":"m",\#(image),\#(more)}"#)
    #expect(seen.unboundedField == "messages[1].content" && seen.features.contains(.media))
  }

  @Test("nothing is wanted that was not asked for")
  func readsNothing() throws {
    let request = try parse(
      #"{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[],"logprobs":false,"n":1,"response_format":{"type":"text"},"seed":null}"#
    )
    #expect(request.features == [])
    #expect(request.maxTokens == nil && request.temperature == nil && request.seed == nil)
  }

  @Test(
    "a choice of tools and a bias are needed where they ask for something",
    arguments: [
      (#""tool_choice":"auto""#, []), (#""tool_choice":null,"logit_bias":null"#, []),
      (#""tool_choice":"none""#, []), (#""tools":[],"tool_choice":"none""#, []),
      (#""tools":[{}],"tool_choice":"auto""#, .tools),
      (#""tool_choice":"none","tools":[{}]"#, [.tools, .toolChoice]),
      (#""tools":[{}],"tool_choice":"required""#, [.tools, .toolChoice]),
      (#""tool_choice":{"type":"function","function":{"name":"f"}}"#, .toolChoice),
      (#""functions":[{}],"function_call":"auto""#, .tools), (#""function_call":"none""#, []),
      (#""functions":[{}],"function_call":{"name":"f"}"#, [.tools, .toolChoice]),
      (#""function_call":"none","functions":[{}]"#, [.tools, .toolChoice]),
      (#""tool_choice":"none","tools":[{}],"function_call":"auto""#, [.tools, .toolChoice]),
      (#""function_call":"none","tools":[{}],"tool_choice":"auto""#, [.tools, .toolChoice]),
      (#""logit_bias":{}"#, []), (#""logit_bias":{"5":-1}"#, .logitBias),
      (#""logit_bias":[[5,-1]]"#, .logitBias),
    ] as [(String, InferenceRequest.Features)])
  func choices(fields: String, features: InferenceRequest.Features) throws {
    let body = #"{"model":"m","messages":[{"role":"user","content":"hi"}],\#(fields)}"#
    #expect(try parse(body).features == features)
  }

  @Test("a rewriting changes the named values and no other byte")
  func rewrites() throws {
    let request = try parse(Self.chat)
    let body = text(request.rewriting(.init(model: "e", maxTokens: 4)))
    let expected =
      Self.chat.replacing(#""model": "m""#, with: #""model": "e""#)
      .replacing(#""max_tokens": 9"#, with: #""max_tokens": 4"#)
      .replacing(
        #"["\n"]}"#, with: #"["\n"],"stream":true,"stream_options":{"include_usage":true}}"#)
    #expect(body == expected)
  }

  @Test("stream options of the consumer stay, and engine options are added")
  func rewritesStreamOptions() throws {
    let request = try parse(
      #"{"stream_options":{"z":1.0,"include_usage":false},"model":"m","messages":[{"role":"u"}],"n_predict":99}"#
    )
    let body = text(
      request.rewriting(
        .init(
          model: "m", maxTokens: 3, streamOptions: [.init("c", "true")],
          additions: [.init("k", "[1]")])))
    #expect(
      body
        == #"{"stream_options":{"z":1.0,"include_usage":true,"c":true},"model":"m","messages":[{"role":"u"}],"n_predict":3,"stream":true,"max_tokens":3,"k":[1]}"#
    )
  }

  @Test(
    "a bad request names its field",
    arguments: [
      (#"{"messages":[{"role":"user","content":"x"}]}"#, "model"),
      (#"{"model":"m"}"#, "messages"), (#"{"model":"m","messages":[]}"#, "messages"),
      (#"{"model":"m","messages":{}}"#, "messages"),
      (#"{"model":"m","messages":[1]}"#, "messages[0]"),
      (#"{"model":"m","messages":[{"content":"x"}]}"#, "messages[0].role"),
      (#"{"model":"m","messages":[{"role":"u","content":5}]}"#, "messages[0].content"),
      (#"{"model":5,"messages":[{"role":"u"}]}"#, "model"),
      (#"{"model":"m","max_tokens":0,"messages":[{"role":"u"}]}"#, "max_tokens"),
      (#"{"model":"m","max_tokens":1.5,"messages":[{"role":"u"}]}"#, "max_tokens"),
      (#"{"model":"m","n":1000,"messages":[{"role":"u"}]}"#, "n"),
      (#"{"model":"m","stream":"yes","messages":[{"role":"u"}]}"#, "stream"),
      (
        #"{"model":"m","max_tokens":1,"max_tok\u0065ns":99,"messages":[{"role":"u"}]}"#,
        "max_tokens"
      ),
    ])
  func namesField(body: String, field: String) {
    let error = #expect(throws: RequestError.self) { try parse(body) }
    #expect(error?.field == field)
  }

  @Test("prompt bytes count decoded text once, and all that a template may print")
  func promptBytes() throws {
    let plain = try parse(#"{"model":"m","messages":[{"role":"user","content":"h\u00e9"}]}"#)
    #expect(plain.promptBytes == "user".utf8.count + "hé".utf8.count)
    let escaped = try parse(
      #"{"model":"m","messages":[{"role":"user","content":"\n\u0041\u00e9\u20ac\ud83d\ude00\ud800x\udc00\"\/"}]}"#
    )
    #expect(escaped.promptBytes == "user\nAé€😀\u{fffd}x\u{fffd}\"/".utf8.count)
    let sampling = try parse(
      #"{"model":"m","messages":[{"role":"user","content":"h\u00e9"}],"temperature":1,"logit_bias":{"1":2}}"#
    )
    #expect(sampling.promptBytes == plain.promptBytes)
    // Four spaces for each level and escaped markup: Llama 3.1's template with Jinja's own tojson.
    let tools = try parse(
      #"{"model":"m","messages":[{"role":"user","content":"h\u00e9"}],"tools":[{"name":"<é>"}]}"#)
    let printed = "[\n    {\n        \"name\": \"\\u003c\\u00e9\\u003e\"\n    }\n]"
    #expect(tools.promptBytes >= plain.promptBytes + printed.utf8.count)
    let unknown = try parse(
      #"{"model":"m","messages":[{"role":"user","content":"h\u00e9"}],"my_template_field":"abc"}"#)
    #expect(unknown.promptBytes >= plain.promptBytes + 3)
  }

  @Test(
    "what a template may print is bounded by the form of each value",
    arguments: [
      ("null", 5), ("false", 5), ("7", 24), ("1e9", 333), (#""ab""#, 4),
      (#""<é\n""#, 2 + 5 + 14),
      ("[]", 2 + 7), ("[7,[]]", 9 + (24 + 11) + (2 + 11) + 11), (#"{"k":"v"}"#, 9 + 5 + 3 + 11),
    ])
  func printed(value: String, bytes: Int) throws {
    let plain = try parse(#"{"model":"m","prompt":"a"}"#, .completions)
    let other = try parse(#"{"model":"m","prompt":"a","x":\#(value)}"#, .completions)
    #expect(other.promptBytes == plain.promptBytes + 1 + bytes)
    // A text of any length is counted as its parts are.
    let long = try parse(
      #"{"model":"m","prompt":"a","x":"\#(String(repeating: "é<x", count: 33))"}"#, .completions)
    #expect(long.promptBytes == plain.promptBytes + 1 + 2 + 33 * (2 + 4 + 1 + 5 + 1))
  }

  @Test("prompts of completions come as text, texts, ids or lists of ids")
  func prompts() throws {
    let one = try parse(#"{"model":"m","prompt":"abc"}"#, .completions)
    #expect(one.promptBytes == 3 && one.messageCount == 1 && one.prompt() == "abc")
    let two = try parse(#"{"model":"m","prompt":["ab","c"],"n":2}"#, .completions)
    #expect(two.promptBytes == 3 && two.sequences == 4 && two.promptBytesElsewhere == 1)
    let ids = try parse(#"{"model":"m","prompt":[1,2,3,4]}"#, .completions)
    #expect(ids.promptBytes == 4 && ids.sequences == 1 && ids.features == [.tokenIDPrompt])
    #expect(one.promptBytesElsewhere == 0 && ids.promptBytesElsewhere == 0)
    let lists = try parse(#"{"model":"m","prompt":[[1],[2,3]]}"#, .completions)
    #expect(lists.promptBytes == 3 && lists.sequences == 2 && lists.promptBytesElsewhere == 1)
    #expect(throws: RequestError.self) {
      try parse(#"{"model":"m","prompt":[1,"a"]}"#, .completions)
    }
  }

  @Test(
    "what nobody needs so much of is refused, by its field",
    arguments: [
      ("", #""x#":0"#, 255, nil, "256"),
      (#""stream_options":{"#, #""x#":0"#, 33, "stream_options", "32"),
      (#""stop":["#, #""""#, 257, "stop", "256"),
      (#""messages":["#, #"{"role":"u"}"#, 16_385, "messages", "16384"),
      (
        #""messages":[{"role":"u","content":["#, #""""#, 16_385, "messages[0].content", "16384"
      ),
    ])
  func bounds(opening: String, item: String, count: Int, field: String?, words: String) {
    let items = (0..<count).map { item.replacing("#", with: "\($0)") }
    let head =
      #"{"model":"m","# + (opening.contains("messages") ? "" : #""messages":[{"role":"u"}],"#)
    let error = #expect(throws: RequestError.self) {
      // The prompt is refused before its end, the others with it.
      let end = opening.contains("messages") ? "" : opening.hasSuffix("[") ? "]}" : "}}"
      return try parse(head + opening + items.joined(separator: ",") + end)
    }
    #expect(error?.field == field && error?.description.contains(words) == true, "\(error as Any)")
  }

  @Test("a completion has as many prompts as there are inputs of embeddings, and no more")
  func promptsMax() throws {
    let list = { (count: Int) in Array(repeating: #""""#, count: count).joined(separator: ",") }
    #expect(
      try parse(#"{"model":"m","prompt":[\#(list(2_048))]}"#, .completions).sequences == 2_048)
    let error = #expect(throws: RequestError.self) {
      try parse(#"{"model":"m","prompt":[\#(list(2_049))]}"#, .completions)
    }
    #expect(error?.field == "prompt")
  }

  @Test(
    "a list of ids is read as its numbers are, however they are written",
    arguments: [
      ("[1]", 1), ("[0,1]", 2), ("[ 1 , 2\n,3 ]", 3), ("[4294967295,0]", 2), ("[]", nil),
      ("[4294967296]", nil), ("[1,4294967296]", nil), ("[01]", nil), ("[1,01]", nil),
      ("[1,]", nil), ("[,1]", nil), ("[1,,2]", nil), ("[1,2", nil), ("[1,", nil), ("[1 2]", nil),
      ("[1,-1]", nil), ("[1,1.0]", nil), ("[1,1e2]", nil), ("[1,\"2\"]", nil), ("[1}", nil),
      ("[99999999999999999999]", nil), ("[1,18446744073709551617]", nil), ("[00,1]", nil),
    ])
  func ids(list: String, count: Int?) {
    let request = try? parse(#"{"model":"m","prompt":\#(list)}"#, .completions)
    #expect(request?.promptBytes == count && (request == nil) == (count == nil))
    let nested = try? parse(#"{"model":"m","input":[\#(list)]}"#, .embeddings)
    #expect(nested?.inputIDsMax == count)
  }

  @Test("a body from options is canonical and reads back")
  func chatRequest() throws {
    let body = ChatRequest(
      model: "m", system: "s", prompt: "a\"b", maxTokens: 3, temperature: 0.5, seed: 1, stop: ["x"]
    ).body()
    #expect(
      text(body)
        == #"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"a\"b"}],"max_tokens":3,"temperature":0.5,"seed":1,"stop":["x"],"stream":true,"stream_options":{"include_usage":true}}"#
    )
    #expect(try InferenceRequest.parse(body: body, endpoint: .chatCompletions).maxTokens == 3)
  }
}

@Suite("Text in pieces") struct UTF8AssemblerTests {
  @Test("every split gives whole characters and the same text")
  func splits() {
    let bytes = Array("aé€😀z".utf8)
    for cut in 0...bytes.count {
      var assembler = UTF8Assembler()
      let first = assembler.append(Array(bytes[..<cut]))
      #expect(String(validating: first, as: UTF8.self) != nil)
      #expect(first + assembler.append(Array(bytes[cut...])) + assembler.finish() == bytes)
    }
  }

  @Test("bytes that no continuation can mend become replacement characters, at any split")
  func repairs() {
    let bytes: [UInt8] = [0x61, 0xff, 0xe2, 0x82, 0x62, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf0, 0x9f]
    let expected = Array(String(decoding: bytes, as: UTF8.self).utf8)
    for cut in 0...bytes.count {
      var assembler = UTF8Assembler()
      let pieces = assembler.append(Array(bytes[..<cut])) + assembler.append(Array(bytes[cut...]))
      #expect(pieces + assembler.finish() == expected, "cut at \(cut)")
    }
  }
}
