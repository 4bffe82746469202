import Engines
import Logging
import Testing

@Suite("What an engine says that its models are")
struct ProbeTests {
  /// What a probe finds, of an engine that gives these answers one after another; and which paths it asked for.
  private func probed(_ bodies: [String]) async throws -> (status: EngineStatus, asked: [String]) {
    let steps = bodies.flatMap {
      [ScriptedEngine.Step.awaitRequest, .send(Recorded.answer("200 OK", $0))]
    }
    return try await ScriptedEngine.serving([steps]) { server in
      let engine = OpenAICompatibleEngine(
        spec: EngineSpec(baseURL: server.address), logger: Logger(label: "test"))
      let status = try await engine.probe()
      try await engine.shutdown()
      let paths = server.received.map {
        String($0.split(separator: " ", maxSplits: 2)[1])
      }
      return (status, paths)
    }
  }

  private static func loaded(_ name: String) -> String {
    #"{"models":[{"name":"\#(name)","context_length":4096}]}"#
  }

  /// After Ollama's documents (docs.ollama.com/api/tags).
  @Test(
    "Ollama says the digest of a model's manifest; of one that runs elsewhere, and of what is no digest, nothing is said"
  )
  func ollama() async throws {
    let hash = "a2af6cc3eb7fa8be8504abaf9b04e88f17a119ec3f04a3addf55f92841195f5a"
    let names = ["gemma3:latest", "big:cloud", "odd:latest", "new:latest"]
    let listed = names.map { #"{"id":"\#($0)","object":"model","owned_by":"library"}"# }
    let tags = [
      #"{"name":"gemma3:latest","model":"gemma3:latest","digest":"\#(hash)"}"#,
      #"{"name":"big:cloud","remote_host":"https://ollama.com:443","digest":"\#(hash)"}"#,
      #"{"name":"odd:latest","digest":"sha256:\#(hash.dropFirst(7))"}"#,
    ]
    let (status, asked) = try await probed(
      [
        #"{"object":"list","data":[\#(listed.joined(separator: ","))]}"#,
        #"{"version":"0.12.6"}"#, #"{"models":[\#(tags.joined(separator: ","))]}"#,
      ] + names.map(Self.loaded))
    #expect(status.kind == .ollama && status.models.map(\.name) == names)
    #expect(
      status.models.map(\.digest) == ["ollama-manifest-sha256:\(hash)", nil, nil, nil])
    #expect(status.models.allSatisfy { $0.contextTokens == 4_096 })
    #expect(asked.prefix(3) == ["/v1/models", "/api/version", "/api/tags"])
  }

  @Test("llama.cpp, which does not say what its weights are, is asked for no digest")
  func llamaCpp() async throws {
    let (status, asked) = try await probed([
      #"{"data":[{"id":"m","owned_by":"llamacpp","meta":{"n_params":7,"size":9}}]}"#,
      #"{"status":"ok"}"#, #"[{"id":0,"n_ctx":512}]"#,
    ])
    #expect(status.kind == .llamaCpp && status.models.map(\.digest) == [nil])
    #expect(asked == ["/v1/models", "/health", "/slots"])
  }
}
