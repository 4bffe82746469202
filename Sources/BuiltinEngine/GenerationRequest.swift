internal import Engines
internal import OpenAIFormat

/// What an OpenAI request asks of the built-in engine: a prompt in tokens, and how to go on from it.
struct GenerationRequest: Sendable {
  /// The prompt, rendered.
  var prompt: [UInt32]
  /// Output that is already there: as ids, or as a last message of the assistant.
  var generated: [UInt32]
  /// Tokens of what the request says, a last message of the assistant included.
  var promptCount: Int
  /// The most tokens to add; nil until the context is full.
  var maxTokens: Int?
  var sampling: Sampling
  var stop: [String]

  /// Fields with no say in the output.
  private static let indifferent: Set<String> = [
    "model", "messages", "prompt", "stream", "stream_options", "user", "store", "metadata",
    "service_tier", "prompt_cache_key", "safety_identifier", "cache_prompt", "cache_salt",
    "request_id", "priority", "return_token_ids", "return_tokens", "timings_per_token",
    "parallel_tool_calls", "max_tokens", "max_completion_tokens", "max_new_tokens", "n_predict",
    "temperature", "top_p", "top_k", "seed", "stop",
  ]

  /// Fields that are refused unless they ask for what happens anyway, with these values.
  private static let neutral: [String: [String]] = [
    "n": ["1"], "best_of": ["1"], "presence_penalty": ["0", "0.0"],
    "frequency_penalty": ["0", "0.0"], "repetition_penalty": ["1", "1.0"],
    "repeat_penalty": ["1", "1.0"], "min_p": ["0", "0.0"], "logprobs": ["false", "0"],
    "top_logprobs": ["0"], "echo": ["false"], "ignore_eos": ["false"], "tools": ["[]"],
    "functions": ["[]"], "tool_choice": ["\"none\"", "\"auto\""],
    "function_call": ["\"none\"", "\"auto\""], "logit_bias": ["{}"],
    "response_format": ["{\"type\":\"text\"}"], "modalities": ["[\"text\"]"],
    "skip_special_tokens": ["true"],
  ]

  /// Stop strings of one request.
  private static let stopsMax = 16

  /// Reads a request; whatever it asks for that this engine cannot do is refused by name.
  init(_ request: EngineRequest, _ model: LlamaModel, context: Int) throws(EngineError) {
    let parsed: InferenceRequest
    do throws(RequestError) {
      parsed = try InferenceRequest.parse(body: request.body, endpoint: request.endpoint)
    } catch {
      throw Self.refusal("\(error)", param: error.field)
    }
    for name in parsed.fieldNames where !Self.indifferent.contains(name) {
      let value = String(decoding: parsed.value(of: name) ?? [], as: UTF8.self)
      guard
        value == "null" || Self.neutral[name]?.contains(value.filter { !$0.isWhitespace }) == true
      else { throw .unfit("'\(name)' is not supported by the built-in engine") }
    }
    if parsed.features.contains(.media) {
      throw Self.refusal("messages of text only are supported", param: "messages")
    }
    maxTokens = parsed.maxTokens
    sampling = try Self.sampling(parsed)
    stop = parsed.stop
    guard stop.count <= Self.stopsMax else {
      throw Self.refusal("'stop' has \(stop.count) strings; 16 at most", param: "stop")
    }
    (prompt, generated) = try Self.prompt(parsed, model)
    promptCount = prompt.count + generated.count
    generated += request.generated
    for id in prompt + generated where id >= model.tokenizer.count {
      throw Self.refusal("token \(id) is not in the vocabulary", param: "prompt")
    }
    let length = prompt.count + generated.count
    guard length > 0 else { throw Self.refusal("the prompt is empty", param: "prompt") }
    guard length < context else {
      // The words and the type of llama.cpp, by which `isContextExceeded` knows them.
      throw .refused(
        status: 400,
        EngineErrorBody(
          message: "the request exceeds the available context size: \(length) tokens of \(context)",
          type: "exceed_context_size_error"))
    }
  }

  /// The prompt, and what of the output a last message of the assistant holds.
  private static func prompt(
    _ parsed: InferenceRequest, _ model: LlamaModel
  ) throws(EngineError) -> ([UInt32], [UInt32]) {
    switch parsed.endpoint {
    case .chatCompletions:
      var messages = parsed.messages().map { ($0.role, $0.text) }
      // An answer that has begun goes on: its tokens come after the template's, cut as the model cuts them.
      var begun = ""
      if let last = messages.last, last.0 == "assistant" {
        begun = last.1
        messages.removeLast()
      }
      guard let pieces = model.template.pieces(of: messages) else {
        throw refusal(
          "the model's chat template is of a form that the built-in engine does not know; "
            + "use /v1/completions", param: "messages")
      }
      return (
        model.tokens(of: pieces), model.tokenizer.tokens(of: Array(begun.utf8), isFirst: false)
      )
    case .embeddings:
      throw refusal("the built-in engine gives no embeddings", param: "model")
    case .completions:
      if parsed.features.contains(.tokenIDPrompt) {
        let value = try? JSONValue.parse(Array(parsed.value(of: "prompt") ?? []))
        let ids = value?.elements?.compactMap { $0.integer.flatMap(UInt32.init(exactly:)) } ?? []
        guard !ids.isEmpty, ids.count == value?.elements?.count else {
          throw refusal("a prompt of ids is one list of ids", param: "prompt")
        }
        return (ids, [])
      }
      guard let text = parsed.prompt() else {
        throw refusal("one prompt of text, or of ids, is supported", param: "prompt")
      }
      return (model.tokens(of: [.text(text)]), [])
    }
  }

  private static func sampling(_ parsed: InferenceRequest) throws(EngineError) -> Sampling {
    var sampling = Sampling.standard
    if let temperature = parsed.temperature {
      guard (0...100).contains(temperature) else {
        throw refusal("'temperature' must be from 0 to 100", param: "temperature")
      }
      // Below this the division by it would overflow; the draw is the most likely token long before.
      sampling.temperature = temperature < 1e-3 ? 0 : temperature
    }
    if let topP = try number("top_p", parsed) {
      guard topP > 0, topP <= 1 else {
        throw refusal("'top_p' must be above 0 and at most 1", param: "top_p")
      }
      sampling.topP = topP
    }
    if let topK = try number("top_k", parsed) {
      // -1 is how others write "all".
      guard topK == -1 || (0...Double(Int32.max)).contains(topK), topK == topK.rounded() else {
        throw refusal("'top_k' must be a whole number, 0 or -1 for all", param: "top_k")
      }
      sampling.topK = max(0, Int(topK))
    }
    if let seed = parsed.seed { sampling.seed = UInt64(bitPattern: Int64(seed)) }
    return sampling
  }

  private static func number(
    _ name: String, _ parsed: InferenceRequest
  ) throws(EngineError) -> Double? {
    guard let bytes = parsed.value(of: name) else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    if text == "null" { return nil }
    guard let value = Double(text), value.isFinite else {
      throw refusal("'\(name)' must be a number", param: name)
    }
    return value
  }

  private static func refusal(_ message: String, param: String?) -> EngineError {
    .refused(
      status: 400,
      EngineErrorBody(message: message, type: "invalid_request_error", param: param))
  }
}
