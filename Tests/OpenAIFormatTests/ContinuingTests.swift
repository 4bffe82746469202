import OpenAIFormat
import Testing

private func parse(
  _ text: String, _ endpoint: InferenceRequest.Endpoint = .chatCompletions
) throws -> InferenceRequest {
  try InferenceRequest.parse(body: Array(text.utf8), endpoint: endpoint)
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

@Suite("Requests that end with an output to go on from") struct ContinuingTests {
  @Test("a chat goes on from a last message of the assistant, a completion from a longer prompt")
  func continues() throws {
    let output = Array("so \"far\" é".utf8)
    let chat = try parse(#"{"messages" : [{"role":"user","content":"hi"} ],"model":"m","x":1.0}"#)
    #expect(
      text(try #require(chat.continuing(output)))
        == #"{"messages" : [{"role":"user","content":"hi"} ,{"role":"assistant","content":"so \"far\" é"}],"model":"m","x":1.0}"#
    )
    let completion = try parse(
      #"{"model":"m","prompt" : "a\n","suffix":null,"x":1.0}"#, .completions)
    #expect(
      text(try #require(completion.continuing(output)))
        == #"{"model":"m","prompt" : "a\nso \"far\" é","suffix":null,"x":1.0}"#)
  }

  @Test("what was made longer comes apart again, byte for byte, and nothing else does")
  func separates() throws {
    let output = Array("so \"far\" é".utf8)
    let chat = try parse(#"{"messages" : [{"role":"user","content":"hi"} ],"model":"m","x":1.0}"#)
    let completion = try parse(#"{"model":"m","prompt" : "a\n","x":1.0}"#, .completions)
    for request in [chat, completion] {
      let longer = try InferenceRequest.parse(
        body: #require(request.continuing(output)), endpoint: request.endpoint)
      let parts = try #require(longer.separated(outputBytes: output.count))
      #expect(parts.body == request.body && parts.output == output)
      #expect(request.separated(outputBytes: 0) == nil)
      #expect(request.separated(outputBytes: 20) == nil)
    }
    #expect(chat.separated(outputBytes: 2) == nil, "the last message is the user's")
    let longer = try parse(
      text(#require(completion.continuing(output))), .completions)
    #expect(longer.separated(outputBytes: 1) == nil, "half a character is no output")
  }

  @Test(
    "what would not be a continuation is refused",
    arguments: [
      #""n":2"#, #""response_format":{"type":"json_schema"}"#, #""grammar":"g""#,
      #""logprobs":true"#, #""min_tokens":5"#, #""continue_final_message":true"#,
    ])
  func continuesNothing(field: String) throws {
    let messages = #"{"model":"m","messages":[{"role":"user","content":"hi"}],"#
    #expect(try parse(messages + field + "}").continuing([0x61]) == nil)
    #expect(try parse(messages + #""n":1}"#).continuing([0x61]) != nil)
  }

  @Test("nor is an output of no text, or after a message of the assistant's or ids")
  func continuesNeither() throws {
    let chat = try parse(#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#)
    #expect(chat.continuing([]) == nil)
    #expect(chat.continuing([0xE6, 0x97]) == nil)
    let begun = #"{"model":"m","messages":[{"role":"assistant","content":"I"}]}"#
    #expect(try parse(begun).continuing([0x61]) == nil)
    for prompt in [#"[1,2]"#, #"["a","b"]"#, #""a","echo":true"#, #""a","suffix":"z""#] {
      let request = try parse("{\"model\":\"m\",\"prompt\":\(prompt)}", .completions)
      #expect(request.continuing([0x61]) == nil)
    }
  }
}
