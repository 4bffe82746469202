import OpenAIFormat
import Testing

private func identity(_ endpoint: InferenceRequest.Endpoint = .chatCompletions) -> AnswerIdentity {
  AnswerIdentity(job: 7, endpoint: endpoint, created: 5, model: "m")
}

/// The events of a stream, each as the engine side's own scanner reads it.
private func events(_ bytes: [UInt8]) throws -> [String] {
  var scanner = SSEScanner()
  scanner.append(bytes)
  var result: [String] = []
  while let event = try scanner.next() {
    result.append(String(decoding: event.data, as: UTF8.self))
  }
  return result
}

@Suite("Answers")
struct AnswerTests {
  @Test("a chat's stream: role, pieces, finish, usage, [DONE], every byte")
  func chatStream() throws {
    var stream = AnswerStream(identity(), wantsUsage: true)
    var bytes: [UInt8] = []
    stream.text(Array("a\"\n".utf8), choice: 0, to: &bytes)
    stream.reasoning(Array("hm".utf8), choice: 0, to: &bytes)
    stream.finish("stop", to: &bytes)
    stream.done(UsageReport(promptTokens: 2, completionTokens: 3), to: &bytes)
    let head =
      #"{"id":"chatcmpl-7","object":"chat.completion.chunk","created":5,"model":"m","choices":["#
    #expect(
      try events(bytes) == [
        head
          + #"{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
        head + #"{"index":0,"delta":{"content":"a\"\n"},"finish_reason":null}],"usage":null}"#,
        head
          + #"{"index":0,"delta":{"reasoning_content":"hm"},"finish_reason":null}],"usage":null}"#,
        head + #"{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
        head
          + #"],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}}"#,
        "[DONE]",
      ])
  }

  @Test("a completion's stream has no role, and no usage that was not asked for")
  func completionStream() throws {
    var stream = AnswerStream(identity(.completions), wantsUsage: false)
    var bytes: [UInt8] = []
    stream.text(Array("x".utf8), choice: 0, to: &bytes)
    stream.finish("length", to: &bytes)
    stream.done(UsageReport(promptTokens: 2, completionTokens: 3), to: &bytes)
    let head = #"{"id":"cmpl-7","object":"text_completion","created":5,"model":"m","choices":["#
    #expect(
      try events(bytes) == [
        head + #"{"index":0,"text":"x","finish_reason":null}]}"#,
        head + #"{"index":0,"text":"","finish_reason":"length"}]}"#, "[DONE]",
      ])
  }

  @Test("a character cut between two pieces comes whole, and what is no UTF-8 becomes U+FFFD")
  func characters() throws {
    var stream = AnswerStream(identity(.completions), wantsUsage: false)
    var bytes: [UInt8] = []
    stream.text([0xc3], choice: 0, to: &bytes)
    #expect(bytes.isEmpty)
    stream.text([0xa9], choice: 0, to: &bytes)
    stream.text([0xff, 0xe2], choice: 0, to: &bytes)
    stream.finish("stop", to: &bytes)
    let texts = try events(bytes).map { try JSONValue.parse(Array($0.utf8)) }
      .compactMap { $0["choices"]?.elements?.first?["text"]?.string }
    #expect(texts.joined() == "é\u{fffd}\u{fffd}")
  }

  @Test("every choice ends, and an answer without output has one")
  func finishes() throws {
    var stream = AnswerStream(identity(), wantsUsage: false)
    var bytes: [UInt8] = []
    stream.text([97], choice: 2, to: &bytes)
    bytes = []
    stream.finish("stop", to: &bytes)
    #expect(try events(bytes).count { $0.contains(#""finish_reason":"stop""#) } == 3)
    var empty = AnswerStream(identity(), wantsUsage: false)
    bytes = []
    empty.finish("stop", to: &bytes)
    #expect(try events(bytes).count == 2)  // the role and the finish
  }

  @Test("an engine's own members travel as it wrote them, and what is no object adds nothing")
  func verbatim() throws {
    var stream = AnswerStream(identity(), wantsUsage: false)
    var bytes: [UInt8] = []
    stream.verbatim(Array(#"{"delta":{"x": 1.0},"logprobs":{}}"#.utf8), choice: 0, to: &bytes)
    #expect(
      try events(bytes)[1].hasSuffix(
        #"[{"index":0,"delta":{"x": 1.0},"logprobs":{},"finish_reason":null}]}"#))
    bytes = []
    for nothing in ["oops", "{ }", #"{"index":1 }"#] {
      stream.verbatim(Array(nothing.utf8), choice: 0, to: &bytes)
      #expect(bytes.isEmpty, "\(nothing)")
    }
  }

  @Test(
    "an engine says no choice's index, and no finish reason: readers would take the last of two")
  func ownMembers() throws {
    let delta = Array(
      (#"{"ind\u0065x":5, "delta" : {"x":1},"finish_reason":"stop","logprobs":{},"index":1,"#
        + #""message":{"content":"y"}}"#).utf8)
    var stream = AnswerStream(identity(), wantsUsage: false)
    var bytes: [UInt8] = []
    stream.verbatim(delta, choice: 0, to: &bytes)
    #expect(
      try events(bytes)[1].hasSuffix(
        #"[{"index":0,"delta" : {"x":1},"logprobs":{},"message":{"content":"y"},"finish_reason":null}]}"#
      ))
    bytes = []
    stream.verbatim(Array(#"{"index":5,"finish_reason":"stop"}"#.utf8), choice: 0, to: &bytes)
    #expect(bytes.isEmpty)

    var answer = WholeAnswer(endpoint: .chatCompletions)
    answer.verbatim(delta, choice: 0)
    answer.text(Array("a".utf8), choice: 0)
    answer.verbatim(Array(#"{"delta":{"content":[1]}}"#.utf8), choice: 0)
    let body = answer.body(
      identity(), finish: "length", usage: UsageReport(promptTokens: 0, completionTokens: 0))
    #expect(
      String(decoding: body, as: UTF8.self).contains(
        #""choices":[{"index":0,"message":{"role":"assistant","content":"a","x":1},"#
          + #""logprobs":{},"finish_reason":"length"}]"#))
  }

  @Test("what is added up takes no more looks than its length explains")
  func looks() {
    // 120 elements of 255 members, their index first: the worst there is to search.
    var answer = WholeAnswer(endpoint: .chatCompletions)
    let members = (0..<254).map { #""m\#($0)":0"# }.joined(separator: ",")
    for index in 1..<121 {
      answer.verbatim(
        Array(#"{"delta":{"tool_calls":[{"index":\#(index),\#(members)}]}}"#.utf8), choice: 0)
    }
    #expect(!answer.isOverfull)
    var taken = 0
    while !answer.isOverfull, taken < 10_000 {
      answer.verbatim(Array(#"{"delta":{"tool_calls":[{"index":9999}]}}"#.utf8), choice: 0)
      answer.verbatim(Array(#"{"delta":{"tool_calls":[{"index":128}]}}"#.utf8), choice: 0)
      taken += 1
    }
    #expect(answer.isOverfull && taken < 2_000)

    // What engines send is far below: many pieces of the arguments of many calls.
    var honest = WholeAnswer(endpoint: .chatCompletions)
    for piece in 0..<4_000 {
      honest.verbatim(
        Array(
          #"{"delta":{"tool_calls":[{"index":\#(piece * 7 % 128),"function":{"arguments":"x"}}]}}"#
            .utf8), choice: 0)
    }
    #expect(!honest.isOverfull)
  }

  @Test("a whole answer adds up deltas as OpenAI's clients do")
  func wholeToolCall() throws {
    var answer = WholeAnswer(endpoint: .chatCompletions)
    for part in [
      #"{"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\""}}]}}"#,
      #"{"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"arguments":":1}"}}]},"logprobs":{"content":[{"token":"x"}]}}"#,
      #"{"delta":{"tool_calls":[{"index":1,"id":"c2","function":{"name":"g","arguments":""}}]},"logprobs":{"content":[{"token":"y"}]}}"#,
    ] { answer.verbatim(Array(part.utf8), choice: 0) }
    let body = answer.body(
      identity(), finish: "tool_calls", usage: UsageReport(promptTokens: 1, completionTokens: 2))
    #expect(
      String(decoding: body, as: UTF8.self)
        == #"{"id":"chatcmpl-7","object":"chat.completion","created":5,"model":"m","choices":[{"index":0,"#
        + #""message":{"role":"assistant","content":null,"tool_calls":["#
        + #"{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},"#
        + #"{"id":"c2","function":{"name":"g","arguments":""}}]},"#
        + #""logprobs":{"content":[{"token":"x"},{"token":"y"}]},"finish_reason":"tool_calls"}],"#
        + #""usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#)
  }

  @Test("each of several answers ends with its own reason, one that said nothing too")
  func severalEndings() throws {
    var stream = AnswerStream(identity(), wantsUsage: false)
    var whole = WholeAnswer(endpoint: .chatCompletions)
    var bytes: [UInt8] = []
    let output: [(String, Int, isText: Bool)] = [
      ("a", 1, true), ("b", 0, true),
      (String(decoding: ChoiceEnding.delta("length"), as: UTF8.self), 0, false),
      (String(decoding: ChoiceEnding.delta("eos"), as: UTF8.self), 2, false),
      // Not of the form: an engine's own member among others says nothing of the end.
      (#"{"finish_reason":"length","logprobs":{}}"#, 1, false),
    ]
    for (piece, choice, isText) in output {
      if isText {
        stream.text(Array(piece.utf8), choice: choice, to: &bytes)
        whole.text(Array(piece.utf8), choice: choice)
      } else {
        stream.verbatim(Array(piece.utf8), choice: choice, to: &bytes)
        whole.verbatim(Array(piece.utf8), choice: choice)
      }
    }
    stream.finish("tool_calls", to: &bytes)
    let ends = try events(bytes).suffix(3)
    for (choice, end) in zip([(0, "length"), (1, "tool_calls"), (2, "stop")], ends) {
      #expect(
        end.contains(#"{"index":\#(choice.0),"delta":{},"finish_reason":"\#(choice.1)"}"#))
    }
    let body = try JSONValue.parse(
      whole.body(
        identity(), finish: "tool_calls", usage: UsageReport(promptTokens: 0, completionTokens: 0)))
    let choices = try #require(body["choices"]?.elements)
    #expect(choices.map { $0["finish_reason"]?.string } == ["length", "tool_calls", "stop"])
  }

  @Test("text within an engine's own members joins the text around it, in order")
  func wholeText() throws {
    var answer = WholeAnswer(endpoint: .completions)
    answer.text(Array("a".utf8), choice: 1)
    answer.verbatim(Array(#"{"text":"b","logprobs":{"tokens":["b"]}}"#.utf8), choice: 1)
    answer.text(Array("c".utf8), choice: 1)
    let body = try JSONValue.parse(
      answer.body(
        identity(.completions), finish: "stop",
        usage: UsageReport(promptTokens: 0, completionTokens: 0)))
    let choices = try #require(body["choices"]?.elements)
    #expect(choices.map { $0["text"]?.string } == ["", "abc"])
    #expect(choices[1]["logprobs"]?["tokens"]?.elements == [.string("b")])
    #expect(choices[0]["logprobs"] == .null)
  }

  @Test("an error's body names what there is to name")
  func error() {
    let answer = ErrorAnswer(
      message: "no \"m\"", type: ErrorAnswer.type(forStatus: 404), param: "model",
      code: "model_not_found", additions: [.init("job", "7")])
    #expect(
      String(decoding: answer.body, as: UTF8.self)
        == #"{"error":{"message":"no \"m\"","type":"invalid_request_error","param":"model","code":"model_not_found","job":7}}"#
    )
  }
}
