internal import Engines
internal import JobMarket

extension EngineStatus {
  /// What the engine can do, as far as the program that it is says so.
  ///
  /// A request that needs more is refused by the leader before it costs anything. Where a program's builds differ, or it is not
  /// known, nothing is ruled out: the engine then refuses by itself.
  var capabilities: Capabilities {
    switch kind {
    case .builtin: .tokenIDPrompt
    // Its OpenAI routes pass over `n`, `logprobs` and `echo`, and take no ids.
    case .ollama: [.tools, .structuredOutput]
    case .llamaCpp, .vLLM, .sgLang, .generic: .all
    }
  }
}
