import Engines
import JobMarket
import OpenAIFormat
import Testing

@testable import WorkerAgent

@Suite("When an engine is examined")
struct ExaminationTests {
  /// An engine that says what it is told to.
  private actor ToldEngine: Engine {
    var models = ["a"]
    var isDown = false
    var isSilent = false
    private(set) var examinations = 0

    func tell(models: [String]? = nil, isDown: Bool = false, isSilent: Bool = false) {
      if let models { self.models = models }
      self.isDown = isDown
      self.isSilent = isSilent
    }

    func probe() async throws(EngineError) -> EngineStatus {
      if isDown { throw .down("it is") }
      return EngineStatus(
        kind: .generic, models: models.map { .init(name: $0, contextTokens: 8) }, slots: 1)
    }

    func examine(_ status: EngineStatus) async throws(EngineError) -> EngineStatus {
      examinations += 1
      if isSilent { throw .down("it is") }
      return EngineStatus(
        kind: .generic,
        models: status.models.map {
          .init(name: $0.name, contextTokens: 8, endpoints: [.embeddings])
        }, slots: 1)
    }

    func resuming(_ request: EngineRequest) async -> EngineRequest { request }

    func run(
      _ request: EngineRequest, onEvent: @escaping EngineSink
    ) async throws(EngineError) -> EngineEnd {
      throw .cancelled
    }

    func shutdown() async throws {}
  }

  @Test("what a program lacks that is not examined is known")
  func known() {
    func capabilities(_ kind: EngineStatus.Kind) -> [String] {
      EngineStatus(kind: kind, models: [], slots: nil).capabilities.names
    }
    #expect(capabilities(.ollama) == ["tools", "structured_output"])
    #expect(capabilities(.builtin) == ["token_id_prompt"])
    for kind in [EngineStatus.Kind.llamaCpp, .vLLM, .sgLang, .generic] {
      #expect(Set(capabilities(kind)).isSuperset(of: ["tool_choice", "logit_bias"]))
    }
  }

  @Test("at first, after a failed probe and with other models; in vain, three times")
  func when() async throws {
    let engine = ToldEngine()
    var examination = EngineExamination(engine)
    for _ in 0..<3 {
      let status = try await examination.probe()
      #expect(status.models.map(\.endpoints) == [[.embeddings]])
    }
    #expect(await engine.examinations == 1)
    await engine.tell(isDown: true)
    var failure: EngineError?
    do throws(EngineError) { _ = try await examination.probe() } catch { failure = error }
    #expect(failure != nil)
    await engine.tell()
    _ = try await examination.probe()
    #expect(await engine.examinations == 2)
    await engine.tell(models: ["a", "b"], isSilent: true)
    for _ in 0..<5 {
      let taken = try await examination.probe()
      #expect(
        taken.models.map(\.endpoints) == [
          EngineStatus.Model.generation, EngineStatus.Model.generation,
        ])
    }
    #expect(await engine.examinations == 5, "three times in vain, and no more")
    await engine.tell(isDown: true)
    do throws(EngineError) { _ = try await examination.probe() } catch { failure = error }
    await engine.tell()
    let both = try await examination.probe()
    #expect(both.models.map(\.endpoints) == [[.embeddings], [.embeddings]])
    _ = try await examination.probe()
    #expect(await engine.examinations == 6)
  }
}
