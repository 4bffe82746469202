import Engines
import Logging
import NIOCore
import NIOPosix
import OpenAIFormat
import Synchronization
import Testing

private typealias Step = ScriptedEngine.Step

@Suite("Engines that fail") struct FailureTests {
  private static let begun = Recorded.head + Recorded.text("one") + Recorded.text(" two")

  private func ending(
    _ steps: [Step], limits: OpenAICompatibleEngine.Limits = .init(), sequences: Int = 1
  ) async throws -> (text: String, error: EngineError?) {
    // The second script answers the one retry that a connection closed without an answer gets.
    let (events, result) = try await ScriptedEngine.serving(steps, steps) {
      try await run($0, limits: limits, sequences: sequences)
    }
    guard case .failure(let error) = result else { return (outputText(events), nil) }
    return (outputText(events), error)
  }

  @Test("a port where nobody listens is a down engine")
  func refusedConnection() async throws {
    // A server's port, after the server has gone.
    let address = try await ScriptedEngine.serving([.close]) { $0.address }
    let adapter = OpenAICompatibleEngine(
      spec: EngineSpec(baseURL: address), logger: Logger(label: "test"))
    let error = await #expect(throws: EngineError.self) {
      try await adapter.run(EngineRequest(endpoint: .completions, body: [])) { _ in }
    }
    guard case .down(let reason) = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
    #expect(reason.contains("refused"))
    try await adapter.shutdown()
  }

  @Test("an answer that the engine gives up is no answer", arguments: ["abort", "error"])
  func givenUp(_ word: String) async throws {
    let stream = Self.begun + Recorded.finish(word) + Recorded.done
    let (text, error) = try await ending([.awaitRequest, .send(Array(stream.utf8))])
    guard case .failed(let body) = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
    #expect(text == "one two" && body.type == word)
  }

  @Test("an empty word is no finish reason: a stream that breaks off after it is cut")
  func emptyFinish() async throws {
    let stream =
      Recorded.head
      + Recorded.event(
        #"{"choices":[{"index":0,"delta":{"content":"one"},"finish_reason":""}]}"#)
      + Recorded.last
    let (text, error) = try await ending([.awaitRequest, .send(Array(stream.utf8))])
    guard case .truncated = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
    #expect(text == "one")
  }

  @Test("an engine's counters end nothing, however large they are")
  func counters() async throws {
    let stream =
      Recorded.head
      + Recorded.event(
        #"{"choices":[{"index":0,"delta":{"content":"a"}}],"timings":{"predicted_n":9223372036854775807}}"#
      )
      + Recorded.event(#"{"choices":[{"index":0,"delta":{"content":"b"}}]}"#)
      + Recorded.event(
        #"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807}}"#
      )
      + Recorded.done
    let (text, error) = try await ending([.awaitRequest, .send(Array(stream.utf8))])
    #expect(text == "ab" && error == nil)
  }

  @Test("a stream that stops in the middle is cut, however its connection ends")
  func truncated() async throws {
    let plain = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    let first = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one two\"}}]}\n\n"
    let scripts: [[Step]] = [
      [.awaitRequest, .send(Array(Self.begun.utf8)), .close],
      [.awaitRequest, .send(Array(Self.begun.utf8)), .reset],
      // The HTTP body ends properly and the stream does not: what SDKs take for success.
      [.awaitRequest, .send(Array((Self.begun + Recorded.last).utf8))],
      [.awaitRequest, .send(Array((plain + first).utf8)), .close],
      // Half an event at the end.
      [.awaitRequest, .send(Array((plain + first + "data: {\"choi").utf8)), .close],
    ]
    for (number, script) in scripts.enumerated() {
      let (text, error) = try await ending(script)
      guard case .truncated = error else {
        Issue.record("script \(number) got \(String(describing: error))")
        continue
      }
      // A reset may overtake the bytes before it.
      if number != 1 { #expect(text == "one two") }
    }
  }

  @Test("one of two answers without an end is a cut stream")
  func truncatedChoice() async throws {
    let stream =
      Recorded.head + Recorded.text("a") + Recorded.text("b", index: 1) + Recorded.finish("stop")
      + Recorded.last
    let (_, error) = try await ending(
      [.awaitRequest, .send(Array(stream.utf8))], sequences: 2)
    guard case .truncated = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
  }

  @Test("a finish reason without [DONE] is a proper end")
  func finishWithoutDone() async throws {
    let stream = Self.begun + Recorded.finish("stop") + Recorded.usage + Recorded.last
    let (text, error) = try await ending([.awaitRequest, .send(Array(stream.utf8))])
    #expect(text == "one two")
    #expect(error == nil)
  }

  @Test("a connection closed without a word is retried once, then cut")
  func closedBeforeAnswer() async throws {
    let stream = Array(Recorded.ollama.utf8)
    let (events, result) = try await ScriptedEngine.serving(
      [.awaitRequest, .close], [.awaitRequest, .send(stream)]
    ) { try await run($0) }
    #expect(outputText(events) == "Yes")
    #expect(try result.get().finishes.count == 1)
    // One that is gone after it has read the request may be gone because of it.
    for script: [ScriptedEngine.Step] in [
      [.awaitRequest, .close], [.awaitRequest, .stopListening, .close],
      [.awaitRequest, .stopListening, .reset],
    ] {
      let (_, error) = try await ending(script)
      guard case .truncated = error else {
        Issue.record("got \(String(describing: error))")
        return
      }
    }
  }

  @Test(
    "what is not the protocol is called garbage, and quoted",
    arguments: [
      ("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>hi</html>", "<html>hi"),
      (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"choices\":1",
        "instead of an event stream"
      ),
      (Recorded.head + Recorded.event("not json") + Recorded.last, "not json"),
      (Recorded.head + Recorded.event(#"{"choices":[{"index":-1}]}"#) + Recorded.last, "index"),
      (Recorded.head + Recorded.event(#"{"choices":[7]}"#) + Recorded.last, "choices"),
      ("SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "HTTP"),
    ])
  func garbage(bytes: String, quoted: String) async throws {
    let (_, error) = try await ending([.awaitRequest, .send(Array(bytes.utf8)), .close])
    guard case .garbage(let what) = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
    #expect(what.contains(quoted), "\(what)")
  }

  @Test("an engine that never begins, and one that stops, are slow")
  func slow() async throws {
    var never = OpenAICompatibleEngine.Limits()
    never.firstEvent = .milliseconds(50)
    let role = Recorded.event(#"{"choices":[{"index":0,"delta":{"role":"assistant"}}]}"#)
    for answer in ["", Recorded.head, Recorded.head + role] {
      let (_, error) = try await ending(
        [.awaitRequest, .send(Array(answer.utf8)), .awaitClose(.init())], limits: never)
      guard case .slow(.firstEvent) = error else {
        Issue.record("got \(String(describing: error))")
        continue
      }
    }
    var stops = OpenAICompatibleEngine.Limits()
    stops.nextBytes = .milliseconds(50)
    let gone = ScriptedEngine.Gate()
    // In one piece: between two pieces a machine that stands still is a slow engine too.
    let whole = Recorded.head + Recorded.text("one two")
    let (text, error) = try await ending(
      [.awaitRequest, .send(Array(whole.utf8)), .awaitClose(gone)], limits: stops)
    guard case .slow(.nextBytes) = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
    #expect(text == "one two")
    await gone.pass()
  }

  @Test("a slow consumer is not a slow engine")
  func slowConsumer() async throws {
    var limits = OpenAICompatibleEngine.Limits()
    limits.nextBytes = .milliseconds(20)
    // In one piece, for the same reason.
    let events = #"""
      data: {"choices":[{"index":0,"delta":{"content":"one"}}]}

      data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

      data: [DONE]


      """#
    let stream = Recorded.head + Recorded.chunk(events) + Recorded.last
    let (_, result) = try await ScriptedEngine.serving(
      [.awaitRequest, .send(Array(stream.utf8))]
    ) { [limits] in
      try await run($0, limits: limits) { _ in
        // The subject of the test is time that passes in the consumer.
        try await ContinuousClock().sleep(for: .milliseconds(100))
      }
    }
    #expect(try result.get().finishes.first?.reason == "stop")
  }

  @Test("a slow consumer of the last events is none either, and gets them before any end")
  func slowAtTheEnd() async throws {
    var limits = OpenAICompatibleEngine.Limits()
    limits.nextBytes = .milliseconds(20)
    let word = #"data: {"choices":[{"index":0,"delta":{"content":"one"}}]}"# + "\n\n"
    let end = #"data: {"choices":[{"index":0,"delta":{"content":"two"},"finish_reason":"stop"}]}"#
    // In one piece, for the same reason.
    for (events, isWhole) in [(word + end, true), (word, false)] {
      let stream = Recorded.head + Recorded.chunk(events) + Recorded.last
      let (events, result) = try await ScriptedEngine.serving(
        [.awaitRequest, .send(Array(stream.utf8))]
      ) { [limits] in
        try await run($0, limits: limits) { _ in
          // The subject of the test is time that passes in the consumer.
          try await ContinuousClock().sleep(for: .milliseconds(100))
        }
      }
      #expect(outputText(events) == (isWhole ? "onetwo" : "one"))
      switch result {
      case .success(let end): #expect(isWhole && end.finishes.first?.reason == "stop")
      case .failure(.truncated): #expect(!isWhole)
      case .failure(let error): Issue.record("got \(error)")
      }
    }
  }

  @Test("a consumer that never has room holds nothing up when it is cancelled, and is let go")
  func neverRoom() async throws {
    final class Consumer: Sendable {}
    let begun = ScriptedEngine.Gate()
    let gone = ScriptedEngine.Gate()
    try await ScriptedEngine.serving(
      [.awaitRequest, .send(Array(Self.begun.utf8)), .awaitClose(gone)]
    ) { engine in
      let adapter = OpenAICompatibleEngine(
        spec: EngineSpec(baseURL: engine.address), logger: Logger(label: "test"))
      let room = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Void.self)
      weak var weakConsumer: Consumer?
      do {
        let consumer = Consumer()
        weakConsumer = consumer
        let work = Task { [consumer] in
          try await adapter.run(EngineRequest(endpoint: .chatCompletions, body: Array("{}".utf8))) {
            _ in
            withExtendedLifetime(consumer) { begun.open() }
            return room.futureResult
          }
        }
        await begun.pass()
        work.cancel()
        let error = await #expect(throws: EngineError.self) { try await work.value }
        guard case .cancelled = error else {
          Issue.record("got \(String(describing: error))")
          return
        }
      }
      await gone.pass()
      try await adapter.shutdown()
      #expect(weakConsumer == nil)
      room.succeed()
    }
  }

  @Test("an answer larger than any should be is not gathered")
  func oversized() async throws {
    let body = String(repeating: "x", count: (4 << 20) + 1)
    let (_, error) = try await ending(
      [.awaitRequest, .send(Recorded.answer("400 Bad Request", body)), .awaitClose(.init())])
    guard case .garbage(let what) = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
    #expect(what.contains("larger"))
  }

  @Test("refusals carry the engine's status and words")
  func refusals() async throws {
    let context = #"""
      {"error":{"code":400,"message":"request (6020 tokens) exceeds the available context size \#
      (4096 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":6020}}
      """#
    let (_, error) = try await ending(
      [.awaitRequest, .send(Recorded.answer("400 Bad Request", context))])
    guard case .refused(400, let body) = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
    #expect(body.isContextExceeded)
    #expect(body.code == "400")
    #expect(error?.isWorthRetrying == false)

    let (_, missing) = try await ending(
      [.awaitRequest, .send(Recorded.answer("404 Not Found", #"{"detail":"Not Found"}"#))])
    guard case .refused(404, let words) = missing else {
      Issue.record("got \(String(describing: missing))")
      return
    }
    #expect(words.message == "Not Found")
    #expect(missing?.isWorthRetrying == true)
  }

  @Test("429 and 503 mean busy, with the time to wait if given")
  func busy() async throws {
    let full = Recorded.answer(
      "429 Too Many Requests", #"{"error":{"message":"queue full"}}"#,
      headers: "Retry-After: 3\r\n")
    let (_, error) = try await ending([.awaitRequest, .send(full)])
    guard case .busy(.some(.seconds(3)), let body) = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
    #expect(body.message == "queue full")
    let loading = Recorded.answer("503 Service Unavailable", "loading", type: "text/plain")
    let (_, second) = try await ending([.awaitRequest, .send(loading)])
    guard case .busy(nil, let words) = second else {
      Issue.record("got \(String(describing: second))")
      return
    }
    #expect(words.message == "loading")
  }

  @Test(
    "an error inside the stream ends it, with the engine's words",
    arguments: [
      #"data: {"error":{"message":"EngineCore died","type":"InternalServerError","code":500}}"#,
      #"data: {"object":"error","message":"EngineCore died","type":"x","code":500}"#,
      #"data: {"error":"EngineCore died"}"#,
      "event: error\ndata: {\"message\":\"EngineCore died\"}",
    ])
  func errorInStream(event: String) async throws {
    let stream =
      Self.begun + Recorded.chunk(event + "\n\n") + Recorded.done + Recorded.last
    let (text, error) = try await ending([.awaitRequest, .send(Array(stream.utf8))])
    guard case .failed(let body) = error else {
      Issue.record("got \(String(describing: error))")
      return
    }
    #expect(text == "one two")
    #expect(body.message == "EngineCore died")
  }

  @Test("cancelling the task closes the connection")
  func cancelled() async throws {
    let begun = ScriptedEngine.Gate()
    let gone = ScriptedEngine.Gate()
    try await ScriptedEngine.serving(
      [.awaitRequest, .send(Array(Self.begun.utf8)), .awaitClose(gone)]
    ) { engine in
      let work = Task { try await run(engine) { _ in begun.open() } }
      await begun.pass()
      work.cancel()
      await gone.pass()
      guard case .failure(.cancelled) = try await work.value.end else {
        Issue.record("cancelling gave another ending")
        return
      }
    }
  }

  @Test("an error of the consumer closes the connection and comes back")
  func abandoned() async throws {
    struct Full: Error {}
    let gone = ScriptedEngine.Gate()
    let (events, result) = try await ScriptedEngine.serving(
      [.awaitRequest, .send(Array(Self.begun.utf8)), .awaitClose(gone)]
    ) { engine in
      let outcome = try await run(engine) { _ in throw Full() }
      await gone.pass()
      return outcome
    }
    #expect(events.count == 1)
    guard case .failure(.abandoned(let error)) = result, error is Full else {
      Issue.record("got \(result)")
      return
    }
  }

  @Test("a consumer that was told to end it has cancelled it")
  func toldToEnd() async throws {
    let gone = ScriptedEngine.Gate()
    let (_, result) = try await ScriptedEngine.serving(
      [.awaitRequest, .send(Array(Self.begun.utf8)), .awaitClose(gone)]
    ) { engine in
      let outcome = try await run(engine) { _ in throw CancellationError() }
      await gone.pass()
      return outcome
    }
    guard case .failure(.cancelled) = result else {
      Issue.record("got \(result)")
      return
    }
  }

  @Test("a consumer that waits stops the engine from being read")
  func backpressure() async throws {
    struct Enough: Error {}
    let first = ScriptedEngine.Gate()
    let goOn = ScriptedEngine.Gate()
    let written = ScriptedEngine.Gate()
    let chunk = Array(Recorded.text(String(repeating: "x", count: 60_000)).utf8)
    var steps: [Step] = [.awaitRequest, .send(Array(Recorded.head.utf8))]
    // 60 MB: more than any socket buffers hold.
    steps += Array(repeating: .send(chunk), count: 1000)
    steps.append(.reach(written))
    let (events, result) = try await ScriptedEngine.serving(steps) { engine in
      async let outcome = run(engine) { _ in
        first.open()
        await goOn.pass()
        throw Enough()
      }
      await first.pass()
      // Long enough for a reader that does not wait to have taken it all.
      try await ContinuousClock().sleep(for: .milliseconds(300))
      #expect(!written.isOpen)
      goOn.open()
      return try await outcome
    }
    #expect(events.count == 1)
    guard case .failure(.abandoned) = result else {
      Issue.record("got \(result)")
      return
    }
  }
}
