import Engines
import Logging
import OpenAIFormat
import Synchronization
import Testing

/// Runs one chat request against scripted bytes and gives the events and the ending.
func run(
  _ engine: ScriptedEngine, limits: OpenAICompatibleEngine.Limits = .init(), sequences: Int = 1,
  body: String = "{}", onEvent: (@Sendable (EngineEvent) async throws -> Void)? = nil
) async throws -> (events: [EngineEvent], end: Result<EngineEnd, EngineError>) {
  let adapter = OpenAICompatibleEngine(
    spec: EngineSpec(baseURL: engine.address), limits: limits, logger: Logger(label: "test"))
  let events = Mutex<[EngineEvent]>([])
  let request = EngineRequest(
    endpoint: .chatCompletions, body: Array(body.utf8), sequences: sequences)
  let end: Result<EngineEnd, EngineError>
  do {
    end = .success(
      try await adapter.run(request) { event in
        events.withLock { $0.append(event) }
        try await onEvent?(event)
      })
  } catch {
    end = .failure(error)
  }
  try await adapter.shutdown()
  return (events.withLock { $0 }, end)
}

func outputText(_ events: [EngineEvent], choice: Int = 0) -> String {
  var bytes: [UInt8] = []
  for event in events where event.choice == choice {
    if case .text(let more) = event.content { bytes += more }
  }
  return String(decoding: bytes, as: UTF8.self)
}

@Suite("Streams as engines send them") struct StreamTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: String
    let text: String
    let reasoning: String
    let tokens: Int
    let hasIDs: Bool
    let finish: String
    let usage: UsageReport?
    var testDescription: String { name }
  }

  static let shapes = [
    Shape(
      name: "llama.cpp", bytes: Recorded.llamaCpp, text: "RǇ", reasoning: "", tokens: 4,
      hasIDs: false, finish: "length",
      usage: UsageReport(promptTokens: 22, completionTokens: 4, cachedTokens: 21)),
    Shape(
      name: "vLLM", bytes: Recorded.vLLM, text: "Hello there", reasoning: "", tokens: 4,
      hasIDs: true, finish: "stop", usage: UsageReport(promptTokens: 3, completionTokens: 4)),
    Shape(
      name: "SGLang", bytes: Recorded.sgLang, text: "Yes", reasoning: "Hm", tokens: 2,
      hasIDs: false, finish: "stop",
      usage: UsageReport(promptTokens: 9, completionTokens: 3, reasoningTokens: 1)),
    Shape(
      name: "Ollama", bytes: Recorded.ollama, text: "Yes", reasoning: "Hm", tokens: 2,
      hasIDs: false, finish: "stop", usage: UsageReport(promptTokens: 11, completionTokens: 2)),
  ]

  @Test("each engine's stream is understood", arguments: shapes, [false, true])
  func understands(shape: Shape, byteByByte: Bool) async throws {
    let bytes = Array(shape.bytes.utf8)
    let (events, result) = try await ScriptedEngine.serving(
      [.awaitRequest, byteByByte ? .trickle(bytes) : .send(bytes)]
    ) { try await run($0) }
    let end = try result.get()
    #expect(outputText(events) == shape.text)
    var reasoning: [UInt8] = []
    for case .reasoning(let bytes) in events.map(\.content) { reasoning += bytes }
    #expect(String(decoding: reasoning, as: UTF8.self) == shape.reasoning)
    #expect(end.tokenCount == shape.tokens)
    #expect(end.hasAllTokenIDs == shape.hasIDs)
    #expect(end.usage == shape.usage)
    #expect(end.finishes == [.init(choice: 0, reason: shape.finish)])
    if shape.hasIDs {
      #expect(events.flatMap { $0.tokenIDs ?? [] } == [9707, 1052, 0, 151645])
      #expect(end.promptTokenIDs == [151644, 872, 198])
    }
  }

  @Test("tool calls travel as the bytes the engine sent")
  func toolCalls() async throws {
    let (events, result) = try await ScriptedEngine.serving(
      [.awaitRequest, .send(Array(Recorded.toolCall.utf8))]
    ) { try await run($0) }
    let json = events.compactMap { event -> String? in
      guard case .verbatim(let bytes) = event.content else { return nil }
      return String(decoding: bytes, as: UTF8.self)
    }
    #expect(
      json.last
        == #"{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1.0}"}}]}}"#)
    #expect(json.count == 2)
    #expect(try result.get().finishes.first?.reason == "tool_calls")
  }

  @Test("a character cut between two chunks comes whole, with the tokens of both")
  func cutCharacter() async throws {
    let cut = Array("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"".utf8)
    let close = Array("\"}}]}\n\n".utf8)
    var body: [UInt8] = []
    for piece: [UInt8] in [[0x61, 0xf0, 0x9f], [0x98], [0x80, 0x62], [0xe2, 0x82]] {
      body += cut + piece + close
    }
    body += Array("data: [DONE]\n\n".utf8)
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    let (events, result) = try await ScriptedEngine.serving(
      [.awaitRequest, .send(Array(head.utf8) + body), .close]
    ) { try await run($0) }
    let end = try result.get()
    #expect(outputText(events) == "a😀b\u{fffd}")
    #expect(end.tokenCount == 4)
    #expect(end.finishes.isEmpty)
  }

  @Test("a connection serves the next request once the stream is done")
  func reusesConnection() async throws {
    let stream = Array(Recorded.ollama.utf8)
    try await ScriptedEngine.serving([
      .awaitRequest, .send(stream), .awaitRequest, .send(stream),
    ]) { engine in
      let adapter = OpenAICompatibleEngine(
        spec: EngineSpec(baseURL: engine.address), logger: Logger(label: "test"))
      for _ in 0..<2 {
        let end = try await adapter.run(
          EngineRequest(endpoint: .chatCompletions, body: Array("{}".utf8))
        ) { _ in }
        #expect(end.finishes.first?.reason == "stop")
      }
      #expect(engine.received.count == 2)
      try await adapter.shutdown()
    }
  }

  @Test("an engine that closes after each answer, unannounced, serves the next request too")
  func closedBetween() async throws {
    let script: [ScriptedEngine.Step] = [.awaitRequest, .send(Array(Recorded.ollama.utf8)), .close]
    // A request may meet the connection before, in any stage of its end, and is asked once more then.
    try await ScriptedEngine.serving(Array(repeating: script, count: 400)) { engine in
      let adapter = OpenAICompatibleEngine(
        spec: EngineSpec(baseURL: engine.address), logger: Logger(label: "test"))
      var failures: [String] = []
      for _ in 0..<200 {
        do {
          _ = try await adapter.run(
            EngineRequest(endpoint: .chatCompletions, body: Array("{}".utf8))
          ) { _ in }
        } catch {
          failures.append("\(error)")
        }
      }
      #expect(failures == [])
      try await adapter.shutdown()
    }
  }

  @Test("an engine that closes after each answer, unannounced, is found by every probe")
  func closedBetweenQuestions() async throws {
    let answer = Recorded.answer("200 OK", #"{"data":[{"id":"m","owned_by":"llamacpp"}]}"#)
    let script: [ScriptedEngine.Step] = [.awaitRequest, .send(answer), .close]
    try await ScriptedEngine.serving(Array(repeating: script, count: 400)) { engine in
      let adapter = OpenAICompatibleEngine(
        spec: EngineSpec(baseURL: engine.address), logger: Logger(label: "test"))
      var failures: [String] = []
      for _ in 0..<50 {
        do { _ = try await adapter.probe() } catch { failures.append("\(error)") }
      }
      #expect(failures == [])
      try await adapter.shutdown()
    }
  }

  @Test("a server that leaves the connection open after [DONE] does not hold the ending up")
  func drains() async throws {
    var limits = OpenAICompatibleEngine.Limits()
    limits.drain = .milliseconds(50)
    let gone = ScriptedEngine.Gate()
    let stream = Recorded.head + Recorded.text("a") + Recorded.finish("stop") + Recorded.done
    let (events, result) = try await ScriptedEngine.serving(
      [.awaitRequest, .send(Array(stream.utf8)), .awaitClose(gone)]
    ) { [limits] engine in
      let outcome = try await run(engine, limits: limits)
      await gone.pass()
      return outcome
    }
    #expect(outputText(events) == "a")
    #expect(try result.get().finishes.first?.reason == "stop")
  }
}
