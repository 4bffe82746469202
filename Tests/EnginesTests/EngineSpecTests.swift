import Engines
import OpenAIFormat
import Testing

@Suite("Engine specifications") struct EngineSpecTests {
  @Test(
    "an address with settings is read",
    arguments: [
      ("http://127.0.0.1:8000", EngineSpec(baseURL: "http://127.0.0.1:8000")),
      ("http://host:8000/v1", EngineSpec(baseURL: "http://host:8000")),
      ("https://host/llm/v1/", EngineSpec(baseURL: "https://host/llm")),
      ("http://[::1]:80", EngineSpec(baseURL: "http://[::1]:80")),
      (
        "http://h:1,model=a/b:q4,context=4096,slots=2",
        EngineSpec(baseURL: "http://h:1", model: "a/b:q4", contextTokens: 4096, slots: 2)
      ),
      (
        "http://h:1,serves=chat+embeddings",
        EngineSpec(
          baseURL: "http://h:1", serves: [.chatCompletions, .completions, .embeddings])
      ),
      (
        "http://h:1,can=tools+several_answers",
        EngineSpec(baseURL: "http://h:1", can: [.tools, .severalSequences])
      ),
      (
        "http://h:1,can=tools+tool_choice+logit_bias",
        EngineSpec(baseURL: "http://h:1", can: [.tools, .toolChoice, .logitBias])
      ),
      ("http://h:1,can=nothing", EngineSpec(baseURL: "http://h:1", can: [])),
      ("builtin", EngineSpec(place: .builtin(file: nil))),
      (
        "builtin:/m/x.gguf,model=x,slots=1",
        EngineSpec(place: .builtin(file: "/m/x.gguf"), model: "x", slots: 1)
      ),
    ])
  func reads(text: String, expected: EngineSpec) throws {
    let spec = try EngineSpec.parse(text)
    #expect(spec == expected)
    #expect(try EngineSpec.parse(spec.description) == spec)
  }

  @Test(
    "a mistake is named",
    arguments: [
      ("localhost:8000", "http://host:port"), ("http://", "host is missing"),
      ("http://:80", "host is missing"), ("http://h:0", "port"), ("http://h:70000", "port"),
      ("http://h:x", "port"), ("http://u@h", "user"), ("http://h/?a=b", "query"),
      ("http://h a", "space"), ("http://[::1", "']'"), ("http://[::1]x", "[address]:port"),
      ("http://h,model=", "model="), ("http://h,context=ten", "context must be"),
      ("http://h,context=1", "context must be"), ("http://h,slots=0", "slots must be"),
      ("http://h,can=fly", "can must be nothing, or some of tools"),
      ("http://h,serves=tea", "serves must be chat, embeddings"),
      ("http://h,colour=red", "unknown setting 'colour'"),
      ("http://h,model=a,model=b", "'model' is given twice"), ("", "http://host:port"),
      ("builtin:", "builtin:FILE.gguf"), ("builtins", "builtin"), ("builtin,threads=2", "threads"),
    ])
  func namesMistake(text: String, words: String) {
    let error = #expect(throws: EngineSpec.Invalid.self) { try EngineSpec.parse(text) }
    #expect(error?.description.contains(words) == true)
    #expect(error?.text == text)
  }
}
