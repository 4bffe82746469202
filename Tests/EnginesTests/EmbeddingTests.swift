import Logging
import OpenAIFormat
import Synchronization
import Testing

@testable import Engines

/// Exchanges after the documents of the engines, but for llama.cpp's, which are as they were seen.
@Suite("Embeddings at engines")
struct EmbeddingTests {
  private typealias Outcome = (
    result: Result<EngineEnd, EngineError>, vectors: [[UInt8]], asked: [String]
  )

  /// What a request comes to at an engine that answers so.
  private func run(
    _ body: String, _ kind: EngineStatus.Kind, _ answers: [(status: String, body: String)]
  ) async throws -> Outcome {
    let parsed = try InferenceRequest.parse(body: Array(body.utf8), endpoint: .embeddings)
    let request = EngineRequest(parsed, model: "e", maxTokens: 1, kind: kind)
    let steps = answers.flatMap {
      [ScriptedEngine.Step.awaitRequest, .send(Recorded.answer($0.status, $0.body))]
    }
    return try await ScriptedEngine.serving([steps]) { server in
      let engine = OpenAICompatibleEngine(
        spec: EngineSpec(baseURL: server.address), logger: Logger(label: "test"))
      let vectors = Mutex<[[UInt8]]>([])
      let result: Result<EngineEnd, EngineError>
      do throws(EngineError) {
        result = .success(
          try await engine.run(request) { event in
            if case .vector(let bytes) = event.content {
              vectors.withLock {
                #expect($0.count == event.choice && event.tokenCount == 0)
                $0.append(bytes)
              }
            }
            return nil
          })
      } catch {
        result = .failure(error)
      }
      try await engine.shutdown()
      return (result, vectors.withLock { $0 }, server.received)
    }
  }

  private static func list(_ count: Int, tokens: Int, numbers: Int = 1) -> (String, String) {
    let vector = "[" + Array(repeating: "0.5", count: numbers).joined(separator: ",") + "]"
    let data = (0..<count).map { #"{"index":\#($0),"embedding":\#(vector)}"# }
    return (
      "200 OK",
      #"{"data":[\#(data.joined(separator: ","))],"usage":{"prompt_tokens":\#(tokens)}}"#
    )
  }

  @Test("inputs are asked for in parts, and handed on in their order with the sum of their tokens")
  func parts() async throws {
    let inputs = (0..<40).map { "\"t\($0)\"" }.joined(separator: ",")
    let outcome = try await run(
      #"{"model":"m","input":[\#(inputs)],"x":1}"#, .llamaCpp,
      [Self.list(32, tokens: 64), Self.list(8, tokens: 9)])
    let end = try outcome.result.get()
    #expect(end.usage == UsageReport(promptTokens: 73, completionTokens: 0))
    #expect(end.finishes.map(\.reason) == ["stop"] && outcome.vectors.count == 40)
    #expect(outcome.asked.count == 2)
    #expect(outcome.asked.allSatisfy { $0.hasPrefix("POST /v1/embeddings ") })
    #expect(outcome.asked[1].contains(#"{"model":"e","input":["t32","t33""#))
    #expect(outcome.asked[1].hasSuffix(#","x":1,"encoding_format":"base64"}"#))
  }

  @Test("nothing is handed on of a job that fails in its second part")
  func half() async throws {
    let inputs = (0..<33).map { "\"t\($0)\"" }.joined(separator: ",")
    let outcome = try await run(
      #"{"model":"m","input":[\#(inputs)]}"#, .generic,
      [Self.list(32, tokens: 1), ("503 Service Unavailable", "busy")])
    guard case .failure(.busy) = outcome.result else { throw Unexpected(outcome) }
    #expect(outcome.vectors.isEmpty)
    #expect(outcome.asked[1].hasSuffix(#","encoding_format":"float"}"#))
  }

  @Test("Ollama is asked on its own route, which says when an input is too long")
  func ollama() async throws {
    let outcome = try await run(
      #"{"model":"m","input":"a","dimensions":2,"encoding_format":"base64"}"#, .ollama,
      [("200 OK", #"{"embeddings":[[1,2]],"prompt_eval_count":3}"#)])
    #expect(try outcome.result.get().usage?.promptTokens == 3)
    #expect(outcome.asked[0].hasPrefix("POST /api/embed "))
    #expect(
      outcome.asked[0].hasSuffix(#"{"model":"e","input":["a"],"truncate":false,"dimensions":2}"#))
    let long = try await run(
      #"{"model":"m","input":"a"}"#, .ollama,
      [("400 Bad Request", #"{"error":"the input length exceeds the context length"}"#)])
    guard case .failure(.refused(400, let body)) = long.result else { throw Unexpected(long) }
    #expect(body.isContextExceeded)
    let odd = try await run(#"{"model":"m","input":"a","x":1}"#, .ollama, [])
    guard case .failure(.unfit(let words)) = odd.result else { throw Unexpected(odd) }
    #expect(words.contains("'x'") && odd.asked.isEmpty)
  }

  @Test("numbers that were not asked for, too many of them, and none at all are errors with names")
  func flawed() async throws {
    let other = try await run(
      #"{"model":"m","input":"a","dimensions":8}"#, .llamaCpp, [Self.list(1, tokens: 1, numbers: 4)]
    )
    guard case .failure(.unfit(let words)) = other.result else { throw Unexpected(other) }
    #expect(words.contains("4 numbers") && words.contains("asks for 8"))
    let many = "[" + Array(repeating: "\"a\"", count: 2_048).joined(separator: ",") + "]"
    let large = try await run(
      #"{"model":"m","input":\#(many)}"#, .llamaCpp, [Self.list(32, tokens: 1, numbers: 2_049)])
    guard case .failure(.oversized(let why)) = large.result else { throw Unexpected(large) }
    #expect(why.contains("2048 vectors of 2049 numbers") && large.vectors.isEmpty)
    let odd = try await run(#"{"model":"m","input":"a"}"#, .generic, [("200 OK", #"{"data":[]}"#)])
    guard case .failure(.garbage) = odd.result else { throw Unexpected(odd) }
    let long = try await run(
      #"{"model":"m","input":"a"}"#, .llamaCpp,
      [
        (
          "500 Internal Server Error",
          #"{"error":{"code":500,"message":"input (600 tokens) is too large to process. increase the physical batch size (current batch size: 512)","type":"server_error"}}"#
        )
      ])
    guard case .failure(.refused(500, let body)) = long.result else { throw Unexpected(long) }
    #expect(body.isContextExceeded)
  }

  @Test("an answer that stops in the middle ends with the limit, of a probe too")
  func stalled() async throws {
    let parsed = try InferenceRequest.parse(
      body: Array(#"{"model":"m","input":"a"}"#.utf8), endpoint: .embeddings)
    let request = EngineRequest(parsed, model: "e", maxTokens: 1, kind: .llamaCpp)
    let half = Array(Recorded.answer("200 OK", #"{"data":[{"embedding":[1]}]}"#).dropLast(9))
    let isOver = ScriptedEngine.Gate()
    let script: [ScriptedEngine.Step] = [.awaitRequest, .send(half), .await(isOver)]
    try await ScriptedEngine.serving(script, script) { server in
      defer { isOver.open() }
      var limits = OpenAICompatibleEngine.Limits()
      limits.firstEvent = .milliseconds(500)
      limits.probe = .milliseconds(500)
      let engine = OpenAICompatibleEngine(
        spec: EngineSpec(baseURL: server.address), limits: limits, logger: Logger(label: "test"))
      var run: EngineError?
      do throws(EngineError) { _ = try await engine.run(request) { _ in } } catch { run = error }
      var probe: EngineError?
      do throws(EngineError) { _ = try await engine.probe() } catch { probe = error }
      try await engine.shutdown()
      guard case .slow(.firstEvent)? = run else { throw Unexpected(run as Any) }
      guard case .slow(.probe)? = probe else { throw Unexpected(probe as Any) }
    }
  }

  @Test("a cancelled job lets go of its engine")
  func cancelled() async throws {
    let closed = ScriptedEngine.Gate()
    let came = ScriptedEngine.Gate()
    let parsed = try InferenceRequest.parse(
      body: Array(#"{"model":"m","input":"a"}"#.utf8), endpoint: .embeddings)
    let request = EngineRequest(parsed, model: "e", maxTokens: 1, kind: .llamaCpp)
    try await ScriptedEngine.serving(
      [.awaitRequest, .reach(came), .awaitClose(closed)]
    ) { server in
      let engine = OpenAICompatibleEngine(
        spec: EngineSpec(baseURL: server.address), logger: Logger(label: "test"))
      let task = Task { () async -> EngineError? in
        do throws(EngineError) { _ = try await engine.run(request) { _ in } } catch {
          return error
        }
        return nil
      }
      await came.pass()
      task.cancel()
      guard case .cancelled? = await task.value else { throw Unexpected("not cancelled") }
      await closed.pass()
      try await engine.shutdown()
    }
  }

  /// What an examination finds of one model at an engine that answers so, and what it asked.
  private func examined(
    _ kind: EngineStatus.Kind, _ answers: [(status: String, body: String)],
    serves: [InferenceRequest.Endpoint]? = nil
  ) async throws -> (endpoints: [InferenceRequest.Endpoint]?, asked: [String]) {
    let steps = answers.flatMap {
      [ScriptedEngine.Step.awaitRequest, .send(Recorded.answer($0.status, $0.body))]
    }
    return try await ScriptedEngine.serving([steps]) { server in
      let engine = OpenAICompatibleEngine(
        spec: EngineSpec(baseURL: server.address, serves: serves, can: []),
        logger: Logger(label: "test"))
      let probed = EngineStatus(
        kind: kind, models: [.init(name: "e", contextTokens: nil)], slots: nil)
      let status = try? await engine.examine(probed)
      try await engine.shutdown()
      return (status?.models[0].endpoints, server.received)
    }
  }

  @Test("what a model is for is asked in each engine's way; who has no room is asked again")
  func examinations() async throws {
    let generation = EngineStatus.Model.generation
    let cases: [(EngineStatus.Kind, String, String, [InferenceRequest.Endpoint]?)] = [
      (.llamaCpp, "501 Not Implemented", #"{"error":{"code":501,"message":"no"}}"#, generation),
      (.llamaCpp, Self.list(1, tokens: 1).0, Self.list(1, tokens: 1).1, [.embeddings]),
      (.vLLM, "400 Bad Request", #"{"message":"does not support Embeddings API"}"#, generation),
      (.generic, "404 Not Found", "", generation),
      (.generic, "200 OK", #"{"object":"list","data":[]}"#, generation),
      (.generic, "503 Service Unavailable", "", nil),
      (.sgLang, "200 OK", #"{"model_path":"x","is_generation":false}"#, [.embeddings]),
      (.sgLang, "200 OK", #"{"model_path":"x","is_generation":true}"#, generation),
      (.ollama, "200 OK", #"{"capabilities":["embedding"]}"#, [.embeddings]),
      (.ollama, "200 OK", #"{"capabilities":["completion","tools"]}"#, generation),
      (
        .ollama, "200 OK", #"{"capabilities":["embedding","completion"]}"#,
        generation + [.embeddings]
      ),
      (.ollama, "200 OK", #"{"model_info":{}}"#, generation),
    ]
    for (kind, status, body, wanted) in cases {
      let found = try await examined(kind, [(status, body)])
      #expect(found.endpoints == wanted && found.asked.count == 1, "\(kind) \(status) \(body)")
    }
    let told = try await examined(.llamaCpp, [], serves: [.embeddings])
    #expect(told.endpoints == [.embeddings] && told.asked.isEmpty)
  }

  private struct Unexpected: Error {
    let what: String
    init(_ what: Any) { self.what = "\(what)" }
  }
}
