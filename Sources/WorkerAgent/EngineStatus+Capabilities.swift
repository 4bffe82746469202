internal import Engines
internal import JobDispatch
internal import JobMarket

extension EngineStatus {
  /// What the engine can do, as an examination found it or the operator says; as far as the program that it is says so, where neither
  /// is known.
  ///
  /// A request that needs more is refused by the leader before it costs anything. Where nothing is known, nothing is ruled out: the
  /// engine then refuses by itself.
  var capabilities: Capabilities {
    if let features { return Capabilities(features) }
    return switch kind {
    case .builtin: .tokenIDPrompt
    // Its OpenAI routes pass over `n`, `logprobs`, `echo`, `tool_choice` and `logit_bias`, and take no ids.
    case .ollama: [.tools, .structuredOutput]
    case .llamaCpp, .vLLM, .sgLang, .generic: .all
    }
  }
}
