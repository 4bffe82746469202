import Engines
import Logging
import OpenAIFormat
import Synchronization
import Testing

/// Everything here runs against a real llama.cpp that was started for embeddings.
@Suite(
  "A real llama.cpp, embeddings", .enabled(if: LlamaServer.embeddingAddress != nil), .serialized)
struct LlamaEmbeddingTests {
  private func withEngine(
    _ body: (OpenAICompatibleEngine) async throws -> Void
  ) async throws {
    try await LlamaServer.withEngine(at: LlamaServer.embeddingAddress, body)
  }

  private func vectors(
    _ input: String, _ engine: OpenAICompatibleEngine
  ) async throws -> (vectors: [[UInt8]], tokens: Int?) {
    let body = #"{"model":"x","input":\#(input)}"#
    let parsed = try InferenceRequest.parse(body: Array(body.utf8), endpoint: .embeddings)
    let request = EngineRequest(
      parsed, model: "switchyard-vectors", maxTokens: 1, kind: .llamaCpp)
    let pieces = Mutex<[[UInt8]]>([])
    let end = try await engine.run(request) { event in
      if case .vector(let bytes) = event.content { pieces.withLock { $0.append(bytes) } }
      return nil
    }
    return (pieces.withLock { $0 }, end.usage?.promptTokens)
  }

  @Test("an examination finds that it gives embeddings")
  func examined() async throws {
    try await withEngine { engine in
      let status = try await engine.examine(try await engine.probe())
      #expect(status.kind == .llamaCpp)
      #expect(status.models.map(\.endpoints) == [[.embeddings]])
    }
  }

  @Test("texts and ids get a vector each, and tokens add up")
  func several() async throws {
    try await withEngine { engine in
      let one = try await vectors(#""hello""#, engine)
      #expect(one.vectors.count == 1 && one.vectors[0].count == 64 * 4)
      let texts = (0..<40).map { $0 == 35 ? "hello" : "t\($0)" }
      let all = try await vectors(
        "[" + texts.map { "\"\($0)\"" }.joined(separator: ",") + "]", engine)
      #expect(all.vectors.count == 40 && Set(all.vectors).count == 40)
      #expect(try #require(all.tokens) > 40 * 2)
      let ids = try await vectors("[[1,5],[6,7,8]]", engine)
      #expect(ids.vectors.count == 2 && ids.tokens == 5)
    }
  }

  @Test("an input that is too long is known as such, with its numbers")
  func tooLong() async throws {
    try await withEngine { engine in
      let long = #"["a","\#(String(repeating: "a b ", count: 400))"]"#
      do {
        _ = try await vectors(long, engine)
        Issue.record("it took \(long.count) letters")
      } catch let error as EngineError {
        guard case .refused(_, let body) = error else { throw error }
        #expect(body.isContextExceeded && body.message.contains("512"))
      }
    }
  }
}
