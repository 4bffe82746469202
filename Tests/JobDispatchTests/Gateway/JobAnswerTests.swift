import ExchangeTypes
import OpenAIFormat
import Testing
import WireProtocol

@testable import JobDispatch

private let accepted = Accepted(
  job: JobID(7), commitIndex: LogIndex(4), duplicate: false, hold: Credits(nano: 9),
  rate: RateSummary(requests: 60, requestsLeft: 59, tokens: nil, tokensLeft: 0), model: nil)

private func answer(stream: Bool, n: Int = 1, usage: Bool = false) throws -> JobAnswer {
  let options = usage ? #","stream_options":{"include_usage":true}"# : ""
  let body =
    #"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":\#(stream),"n":\#(n)\#(options)}"#
  return JobAnswer(
    try InferenceCall(
      body: Array(body.utf8), endpoint: .chatCompletions, key: nil,
      drawn: RequestKey(high: 1, low: 2)),
    created: 5, now: 1_000)
}

private func event(_ seq: UInt64, _ text: String, choice: UInt16 = 0) -> Event {
  Event(
    seq: seq, choice: choice, kind: .text, tokenCount: 1, ids: [], bytes: Array(text.utf8))
}

private func delta(_ seq: UInt64, _ json: String) -> Event {
  Event(seq: seq, choice: 0, kind: .delta, tokenCount: 1, ids: [], bytes: Array(json.utf8))
}

private func ended(
  _ state: JobState, finish: FinishReason? = .stop, error: ErrorCode? = nil, text: String = ""
) -> Ended {
  Ended(
    summary: JobSummary(
      job: JobID(7), state: state, model: "m", mode: .attached, createdAt: LogTime(rawValue: 0),
      epoch: Epoch(1), worker: WorkerID(1), promptTokens: TokenCount(3),
      outputTokens: TokenCount(2), charge: Credits(nano: 1_500_000_000), hold: .zero, lastSeq: 2,
      finish: finish, error: error?.rawValue ?? 0, errorText: text),
    hash: Array(repeating: 0, count: 32), lastSeq: 2, untilDelivered: nil)
}

private func text(_ reply: HTTPReply) -> String { String(decoding: reply.body, as: UTF8.self) }

@Suite("An answer over HTTP")
struct JobAnswerTests {
  @Test("a stream: its head comes with the first output, and it ends with finish, usage and [DONE]")
  func stream() throws {
    var answer = try answer(stream: true, usage: true)
    answer.accept(accepted)
    #expect(answer.tick(now: 5_000).isEmpty)
    let first = answer.take([event(1, "a"), event(2, "b")], now: 6_000)
    #expect(first.head?.status == 200 && first.end == .open)
    #expect(first.head?.fields.contains(.init("content-type", "text/event-stream")) == true)
    #expect(first.head?.fields.contains(.init("x-switchyard-job", "7")) == true)
    #expect(first.head?.fields.contains(.init("x-ratelimit-remaining-requests", "59")) == true)
    let last = answer.end(ended(.completed))
    #expect(last.head == nil && last.end == .complete && answer.isOver)
    #expect(text(last).contains(#""finish_reason":"stop""#))
    #expect(
      text(last).contains(#""usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}"#))
    #expect(text(last).hasSuffix("data: [DONE]\n\n"))
  }

  @Test("usage says what of the output was reasoning, and of the prompt cached")
  func usageDetails() throws {
    var answer = try answer(stream: true, usage: true)
    answer.accept(accepted)
    let plain = ended(.completed)
    let reply = answer.end(
      Ended(
        summary: plain.summary, hash: plain.hash, lastSeq: plain.lastSeq, untilDelivered: nil,
        cachedTokens: 2, reasoningTokens: 1))
    #expect(text(reply).contains(#""prompt_tokens_details":{"cached_tokens":2}"#))
    #expect(text(reply).contains(#""completion_tokens_details":{"reasoning_tokens":1}"#))
  }

  @Test("an answer without output is one write")
  func empty() throws {
    var answer = try answer(stream: true)
    answer.accept(accepted)
    let reply = answer.end(ended(.completed, finish: .length))
    #expect(reply.head?.status == 200 && reply.end == .complete)
    #expect(text(reply).contains(#""finish_reason":"length""#) && !text(reply).contains("usage"))
  }

  @Test(
    "an event's line breaks never leave its line, and what is no single object leaves not at all")
  func foreignBytes() throws {
    var answer = try answer(stream: true)
    answer.accept(accepted)
    let split = "{\"delta\":{\"tool_calls\":\n\n[{\"index\":0}]}}"
    let first = text(answer.take([delta(1, split)], now: 0))
    #expect(first.contains("\"tool_calls\":  [{\"index\":0}]"))
    for forged in [
      "{\"x\":1}]}\n\ndata: [DONE]\n\ndata: {\"y\":0}", "{}{}", "[1]", "{\"a\":\"\n\"}",
    ] {
      #expect(!text(answer.take([delta(2, forged)], now: 0)).contains("DONE"))
    }
  }

  @Test(
    "a field that the engine has not is said as param, as one that is refused beforehand",
    arguments: [
      ("'presence_penalty' is not supported by the built-in engine", "\"presence_penalty\""),
      ("the engine gives vectors of 9 numbers whatever 'dimensions' asks for", "\"dimensions\""),
      ("it has no 'such field that was cut", "null"), ("it says nothing of it", "null"),
    ])
  func engineLacksField(words: String, param: String) throws {
    var answer = try answer(stream: false)
    answer.accept(accepted)
    let reply = answer.end(
      ended(.failed, finish: .error, error: .unsupportedParameter, text: words))
    #expect(reply.head?.status == 400 && text(reply).contains(#""code":"unsupported_parameter""#))
    #expect(text(reply).contains(#""param":\#(param)"#))
  }

  @Test("deltas without end of small parts break a whole answer, not the gateway")
  func manyParts() throws {
    var answer = try answer(stream: false)
    answer.accept(accepted)
    let calls = (0..<200).map { "{\"index\":\($0)}" }.joined(separator: ",")
    _ = answer.take([delta(1, "{\"delta\":{\"tool_calls\":[\(calls)]}}")], now: 0)
    #expect(!answer.isOver)
    let more = (200..<400).map { "{\"index\":\($0)}" }.joined(separator: ",")
    let reply = answer.take([delta(2, "{\"delta\":{\"tool_calls\":[\(more)]}}")], now: 0)
    #expect(text(reply).contains("answer_too_large"))
  }

  @Test("a failure before the first output is a status, with the job and its charge")
  func earlyFailure() throws {
    var answer = try answer(stream: true)
    answer.accept(accepted)
    let reply = answer.end(ended(.failed, finish: .error, error: .engineError, text: "no memory"))
    #expect(reply.head?.status == 502 && reply.end == .complete)
    #expect(
      text(reply).contains(#""message":"no memory""#)
        && text(reply).contains(#""code":"engine_error""#))
    #expect(text(reply).contains(#""job":7,"charge":"1.5""#))
    #expect(reply.head?.fields.contains(.init("x-should-retry", "false")) == true)
    #expect(reply.head?.fields.contains(.init("x-ratelimit-remaining-requests", "59")) == true)
  }

  @Test("a failure after it is an event, and the connection is cut: no [DONE]")
  func lateFailure() throws {
    var answer = try answer(stream: true)
    answer.accept(accepted)
    _ = answer.take([event(1, "a")], now: 2_000)
    let reply = answer.end(ended(.failed, finish: .error, error: .workerLost))
    #expect(reply.end == .broken && reply.head == nil)
    #expect(text(reply).hasPrefix(#"data: {"error":{"message":"worker_lost""#))
    #expect(!text(reply).contains("[DONE]"))
    #expect(answer.take([event(2, "b")], now: 2_000).isEmpty)
  }

  @Test("a job that was cancelled or never got a worker is no success")
  func otherEnds() throws {
    for (state, status) in [(JobState.cancelled, 499), (.expired, 504)] {
      var answer = try answer(stream: false)
      answer.accept(accepted)
      let head = try #require(answer.end(ended(state, finish: .cancelled)).head)
      #expect(head.status == status)
      // The table of errors says not to ask for the same again: then there is no time to do so.
      #expect(head.fields.contains(.init("x-should-retry", "false")))
      #expect(!head.fields.contains { $0.name.hasPrefix("retry-after") })
    }
  }

  @Test("a job that no engine had room for in the end says when to ask again")
  func full() throws {
    var answer = try answer(stream: false)
    answer.accept(accepted)
    let head = answer.end(ended(.failed, finish: .error, error: .engineBusy)).head
    #expect(head?.status == 503)
    #expect(head?.fields.contains(.init("retry-after", "10")) == true)
    #expect(head?.fields.contains(.init("x-should-retry", "true")) == true)
  }

  @Test("a refusal before acceptance is a status")
  func refused() throws {
    var answer = try answer(stream: true)
    let reply = answer.fail(HTTPRefusal(Failure(.modelNotFound, "no such model")))
    #expect(reply.head?.status == 404 && text(reply).contains(#""param":"model""#))
  }

  @Test("who waits hears something every ten seconds, and the head is then out")
  func pings() throws {
    var answer = try answer(stream: true)
    #expect(answer.tick(now: 20_000).isEmpty, "nothing is known of the job yet")
    answer.accept(accepted)
    let first = answer.tick(now: 20_000)
    #expect(first.head?.status == 200 && text(first) == ": waiting\n\n")
    #expect(answer.tick(now: 25_000).isEmpty)
    let second = answer.tick(now: 30_000)
    #expect(second.head == nil && text(second) == ": waiting\n\n")
    let reply = answer.end(ended(.expired, finish: nil))
    #expect(reply.end == .broken && text(reply).contains("deadline_expired"))
  }

  @Test("a whole answer is collected")
  func whole() throws {
    var answer = try answer(stream: false, n: 2)
    answer.accept(accepted)
    #expect(answer.take([event(1, "a"), event(2, "b", choice: 1)], now: 2_000).isEmpty)
    #expect(answer.tick(now: 90_000).isEmpty)
    let reply = answer.end(ended(.completed))
    #expect(reply.head?.status == 200 && reply.end == .complete)
    let body = try JSONValue.parse(reply.body)
    #expect(
      body["choices"]?.elements?.map { $0["message"]?["content"]?.string } == ["a", "b"])
    #expect(body["usage"]?["total_tokens"]?.integer == 5)
  }

  @Test("a whole answer has a limit, and so has the number of its choices")
  func limits() throws {
    var large = try answer(stream: false)
    large.accept(accepted)
    let piece = String(repeating: "x", count: 12_000)
    var reply = HTTPReply.nothing
    for seq in 1...1_000 where reply.isEmpty {
      reply = large.take([event(UInt64(seq), piece)], now: 0)
    }
    #expect(text(reply).contains("answer_too_large") && large.isOver)
    var many = try answer(stream: true)
    many.accept(accepted)
    #expect(text(many.take([event(1, "x", choice: 1)], now: 0)).contains("engine_garbled"))
  }
}

@Suite("A job's events over HTTP")
struct JobEventsAnswerTests {
  @Test("each event has its number as id; the end is the job")
  func stream() throws {
    var answer = JobEventsAnswer(now: 0)
    let first = answer.take([event(1, "a")], now: 1)
    #expect(first.head?.status == 200)
    #expect(text(first) == "id: 1\ndata: {\"seq\":1,\"choice\":0,\"tokens\":1,\"text\":\"a\"}\n\n")
    let last = answer.end(ended(.completed), now: 2)
    #expect(
      text(last).hasPrefix(
        "event: end\ndata: {\"id\":7,\"object\":\"job\",\"status\":\"completed\""))
    #expect(last.end == .complete && text(last).contains(#""charge":"1.5""#))
  }

  @Test("a reader goes on after the event that it names")
  func resumes() throws {
    #expect(try JobEventsAnswer.start(after: nil) == 1)
    #expect(try JobEventsAnswer.start(after: "41") == 42)
    for wrong in ["x", "-1", "1.5", "18446744073709551615", "99999999999999999999"] {
      #expect(throws: HTTPRefusal.self) { try JobEventsAnswer.start(after: wrong) }
    }
  }

  @Test("an engine's delta is JSON, or a string where it is none")
  func deltas() throws {
    var answer = JobEventsAnswer(now: 0)
    func delta(_ text: String) -> Event {
      Event(seq: 1, choice: 0, kind: .delta, tokenCount: 0, ids: [], bytes: Array(text.utf8))
    }
    #expect(text(answer.take([delta(#"{"a":1}"#)], now: 0)).contains(#""delta":{"a":1}"#))
    #expect(
      text(answer.take([delta("}\n\nevent: end")], now: 0)).contains(#""delta":"}\n\nevent: end""#))
  }
}

@Suite("Models over HTTP")
struct ModelAnswerTests {
  @Test("prices are exact decimals per token")
  func prices() {
    #expect(Price(nanoPerMillion: 200_000_000).perToken == "0.0000002")
    #expect(Price(nanoPerMillion: 0).perToken == "0")
    #expect(Price(nanoPerMillion: 1).perToken == "0.000000000000001")
    #expect(Price(nanoPerMillion: 2_000_000_000_000_000).perToken == "2")
  }
}

@Suite("An answer of embeddings over HTTP")
struct EmbeddingAnswerTests {
  private func answer(_ more: String = "") throws -> JobAnswer {
    JobAnswer(
      try InferenceCall(
        body: Array(#"{"model":"m","input":["a","b"]\#(more)}"#.utf8), endpoint: .embeddings,
        key: nil, drawn: RequestKey(high: 1, low: 2)),
      created: 5, now: 1_000)
  }

  private func vector(_ seq: UInt64, _ choice: UInt16, _ bytes: [UInt8] = [0, 0, 128, 63]) -> Event
  {
    Event(seq: seq, choice: choice, kind: .vector, tokenCount: 0, ids: [], bytes: bytes)
  }

  @Test("it is written as it comes, and ends with the usage that is charged")
  func whole() throws {
    for (more, number) in [("", "[1.0]"), (#","encoding_format":"base64""#, #""AACAPw==""#)] {
      var answer = try answer(more)
      answer.accept(accepted)
      #expect(answer.tick(now: 50_000).isEmpty, "JSON has no comments")
      let first = answer.take([vector(1, 0)], now: 0)
      #expect(first.head?.status == 200 && first.end == .open)
      #expect(first.head?.fields.contains(.init("content-type", "application/json")) == true)
      #expect(first.head?.fields.contains(.init("x-switchyard-job", "7")) == true)
      let second = answer.take([vector(2, 1)], now: 0)
      let last = answer.end(ended(.completed))
      #expect(second.head == nil && last.head == nil && last.end == .complete && answer.isOver)
      let data = (0...1).map { #"{"object":"embedding","index":\#($0),"embedding":\#(number)}"# }
      #expect(
        text(first) + text(second) + text(last)
          == #"{"object":"list","data":[\#(data[0]),\#(data[1])],"model":"m","#
          + #""usage":{"prompt_tokens":3,"total_tokens":3}}"#)
    }
  }

  @Test("before the first vector a failure is a status; after it the connection is cut")
  func failures() throws {
    var early = try answer()
    early.accept(accepted)
    let reply = early.end(
      ended(.failed, finish: .error, error: .contextLengthExceeded, text: "600 tokens, 512 fit"))
    #expect(reply.head?.status == 400 && text(reply).contains("600 tokens, 512 fit"))
    var late = try answer()
    late.accept(accepted)
    _ = late.take([vector(1, 0)], now: 0)
    let cut = late.end(ended(.failed, finish: .error, error: .workerLost))
    #expect(cut.head == nil && cut.body.isEmpty && cut.end == .broken)
  }

  @Test("text instead of vectors, vectors instead of text, and too few of them are garbled")
  func garbled() throws {
    var embeddings = try answer()
    embeddings.accept(accepted)
    #expect(text(embeddings.take([event(1, "a")], now: 0)).contains("engine_garbled"))
    var chat = try JobDispatchTests.answer(stream: true)
    chat.accept(accepted)
    #expect(text(chat.take([vector(1, 0)], now: 0)).contains("engine_garbled"))
    var few = try answer()
    few.accept(accepted)
    _ = few.take([vector(1, 0)], now: 0)
    #expect(few.end(ended(.completed)).end == .broken)
    var none = try answer()
    none.accept(accepted)
    #expect(none.end(ended(.completed)).head?.status == 502)
  }
}
