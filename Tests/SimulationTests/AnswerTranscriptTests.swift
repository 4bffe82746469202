import Testing

@testable import SimulationKit

@Suite("What a consumer got over HTTP")
struct AnswerTranscriptTests {
  private static let text = chunk(#"[{"index":0,"delta":{"content":"ab"},"finish_reason":null}]"#)
  private static let reason = chunk(#"[{"index":0,"delta":{},"finish_reason":"stop"}]"#)
  private static let usage =
    #"data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}"# + "\n\n"
  private static let done = "data: [DONE]\n\n"
  private static let error = #"data: {"error":{"message":"m","code":"cancelled"}}"# + "\n\n"

  private static func chunk(_ choices: String) -> String {
    #"data: {"id":"x","choices":"# + choices + "}\n\n"
  }

  /// What a transcript makes of a whole answer, given byte by byte; nil where it has a flaw.
  private func read(
    _ form: AnswerTranscript.Form, _ parts: [String], isBroken: Bool = false
  ) -> AnswerTranscript? {
    var transcript = AnswerTranscript(form)
    do {
      for byte in parts.joined().utf8 { try transcript.take([byte]) }
      try transcript.over(isBroken: isBroken)
    } catch { return nil }
    return transcript
  }

  @Test("a stream ends with its reason, its usage and [DONE]")
  func whole() {
    let whole = [Self.text, ": waiting\n\n", Self.text, Self.reason, Self.usage, Self.done]
    let transcript = read(.chat, whole)
    #expect(transcript?.end == .complete)
    #expect(transcript?.text == Array("abab".utf8))
    #expect(read(.chat, whole, isBroken: true) == nil)
    #expect(read(.chat, Array(whole.dropLast())) == nil)
    #expect(read(.chat, [Self.text, Self.reason, Self.done]) == nil)
    #expect(read(.chat, [Self.text, Self.usage, Self.done]) == nil)
    #expect(read(.chat, whole + [Self.text]) == nil)
  }

  @Test("a stream breaks off with one typed error, or it has a flaw")
  func broken() {
    let broken = read(.chat, [Self.text, Self.error], isBroken: true)
    #expect(broken?.end == .error("cancelled", isFirst: false))
    #expect(read(.chat, [Self.text], isBroken: true) == nil)
    #expect(read(.chat, [Self.text, Self.error, Self.error], isBroken: true) == nil)
    #expect(read(.chat, [Self.text, Self.error]) == nil)
    let untyped = #"data: {"error":{"message":"m"}}"# + "\n\n"
    #expect(read(.chat, [Self.text, untyped], isBroken: true) == nil)
    #expect(read(.chat, [Self.text, "data: {"], isBroken: true) == nil)
  }

  private func event(_ seq: Int, id: Int? = nil) -> String {
    "id: \(id ?? seq)\n" + #"data: {"seq":\#(seq),"choice":0,"tokens":1,"text":"c"}"# + "\n\n"
  }

  private func end(_ events: Int) -> String {
    "event: end\n"
      + #"data: {"id":1,"events":\#(events),"finish_reason":"stop","usage":{"prompt_tokens":5,"completion_tokens":2},"error":null}"#
      + "\n\n"
  }

  @Test("events come in order, each once, also on a second connection")
  func events() {
    #expect(read(.events, [event(1), event(2), end(2)])?.text == Array("cc".utf8))
    #expect(read(.events, [event(1), event(3), end(3)]) == nil)
    #expect(read(.events, [event(1), event(1), end(1)]) == nil)
    #expect(read(.events, [event(1), event(2, id: 3), end(2)]) == nil)
    #expect(read(.events, [event(1), event(2), end(3)]) == nil)
    var transcript = AnswerTranscript(.events)
    #expect(throws: Never.self) {
      try transcript.take(Array((event(1) + "id: 2\nda").utf8))
      transcript.interrupted()
      try transcript.take(Array((event(2) + end(2)).utf8))
      try transcript.over(isBroken: false)
    }
    #expect(transcript.end == .complete)
  }
}
