import Logging
import OpenAIFormat
import Testing

@testable import Engines

/// Answers after llama.cpp's, as they were seen, and after vLLM's documents.
@Suite("What an engine can do")
struct TrialTests {
  private static func choices(_ choices: String...) -> (status: String, body: String) {
    ("200 OK", #"{"choices":[\#(choices.joined(separator: ","))]}"#)
  }

  /// What is found at an engine that answers so to the trials, in their order, and what it was asked.
  private func found(
    _ answers: [(status: String, body: String)], kind: EngineStatus.Kind = .vLLM,
    models: [String] = ["m"]
  ) async throws -> (status: EngineStatus?, asked: [String]) {
    let steps = answers.flatMap {
      [ScriptedEngine.Step.awaitRequest, .send(Recorded.answer($0.status, $0.body))]
    }
    return try await ScriptedEngine.serving([steps]) { server in
      let engine = OpenAICompatibleEngine(
        spec: EngineSpec(
          baseURL: server.address, serves: EngineStatus.Model.generation),
        logger: Logger(label: "test"))
      let probed = EngineStatus(
        kind: kind, models: models.map { .init(name: $0, contextTokens: nil) }, slots: nil)
      let status = try? await engine.examine(probed)
      try await engine.shutdown()
      return (status, server.received)
    }
  }

  private static let text = #"{"index":0,"message":{"content":"x"},"text":"x","logprobs":null}"#

  @Test("an engine that does all of it is found to, by one token of each")
  func everything() async throws {
    let (status, asked) = try await found([
      Self.choices(Self.text), Self.choices(#"{"index":0,"message":{"content":"\n{"}}"#),
      Self.choices(#"{"index":0,"message":{"content":"x"},"logprobs":{"content":[]}}"#),
      Self.choices(Self.text, #"{"index":1,"message":{"content":"y"}}"#),
      Self.choices(Self.text), Self.choices(#"{"index":0,"text":"abx"}"#),
    ])
    #expect(status?.features == OpenAICompatibleEngine.Trial.features)
    #expect(
      asked.count == 6 && asked.allSatisfy { $0.contains(#""max_tokens":1,"user":"switchyard"#) })
    #expect(asked.map { $0.hasPrefix("POST /v1/chat/completions ") }.filter { $0 }.count == 4)
  }

  @Test("what is refused or passed over is lacking; what is no answer is taken on trust")
  func some() async throws {
    let (status, _) = try await found(
      [
        (
          "500 Internal Server Error", #"{"error":{"message":"tools param requires --jinja flag"}}"#
        ),
        Self.choices(#"{"index":0,"message":{"content":"Sure"}}"#), Self.choices(Self.text),
        Self.choices(Self.text), ("200 OK", "data: {}"), Self.choices(Self.text),
      ], kind: .llamaCpp)
    #expect(status?.features == [.tokenIDPrompt, .logitBias])
    let odd = try await found([("502 Bad Gateway", "")])
    #expect(odd.status == nil && odd.asked.count == 1, "it was not the engine that said so")
    let busy = try await found([("429 Too Many Requests", "")])
    #expect(busy.status == nil && busy.asked.count == 1)
  }

  @Test("of several models each is asked, and counts what all can do; four are enough")
  func severalModels() async throws {
    let refused = (status: "400 Bad Request", body: #"{"error":{"message":"no"}}"#)
    let able = [String](repeating: Self.text, count: 6).map { Self.choices($0) }
    // The second takes no tools, the third no ids.
    let other = [refused] + able.dropFirst()
    let third = Array(able[..<4]) + [refused, able[5]]
    let (status, asked) = try await found(
      able + other + third + able, models: ["a", "b", "c", "d", "e"])
    #expect(status?.features == .logitBias)
    #expect(asked.count == 24 && !asked.contains { $0.contains(#""model":"e""#) })
    let (alone, _) = try await found(able + other, models: ["a", "b"])
    #expect(alone?.features == [.tokenIDPrompt, .logitBias])
  }

  @Test("half a character, which has no log probabilities, does not say that the engine gives none")
  func halfCharacter() async throws {
    let half = Self.choices(#"{"index":0,"message":{"content":"\ufffd"}}"#)
    let (status, _) = try await found(Array(repeating: half, count: 6))
    #expect(
      status?.features == [.tools, .toolChoice, .logprobs, .tokenIDPrompt, .logitBias])
  }

  @Test("Ollama is not asked, for that would load a model")
  func ollama() async throws {
    let (status, asked) = try await found([], kind: .ollama)
    #expect(status?.features == nil && asked.isEmpty)
  }
}
