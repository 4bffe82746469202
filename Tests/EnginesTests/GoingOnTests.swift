import Engines
import OpenAIFormat
import Testing

@Suite("Requests that go on from an output")
struct GoingOnTests {
  private func body(
    _ kind: EngineStatus.Kind, _ endpoint: InferenceRequest.Endpoint = .chatCompletions,
    goesOn: Bool = true
  ) throws -> String {
    let text =
      endpoint == .completions
      ? #"{"model":"m","prompt":"once "}"#
      : #"{"model":"m","messages":[{"role":"assistant","content":"once "}]}"#
    let request = try InferenceRequest.parse(body: Array(text.utf8), endpoint: endpoint)
    let addressed = EngineRequest(
      request, model: "m", maxTokens: 5, kind: kind, goesOn: goesOn)
    return String(decoding: addressed.body, as: UTF8.self)
  }

  @Test("vLLM and SGLang are told to go on, llama.cpp does so by itself, a prompt needs no word")
  func flags() throws {
    let flags = #""continue_final_message":true,"add_generation_prompt":false"#
    for kind in [EngineStatus.Kind.vLLM, .sgLang] {
      #expect(try body(kind).contains(flags))
      #expect(try !body(kind, goesOn: false).contains("continue_final_message"))
      #expect(try !body(kind, .completions).contains("continue_final_message"))
    }
    #expect(try !body(.llamaCpp).contains("continue_final_message"))
  }

  @Test("only engines that are known to go on are asked to")
  func capability() {
    func continues(_ kind: EngineStatus.Kind) -> Bool {
      EngineStatus(kind: kind, models: [], slots: nil).continuesOutput
    }
    #expect(continues(.llamaCpp) && continues(.vLLM) && continues(.sgLang))
    #expect(!continues(.ollama) && !continues(.generic))
  }
}
