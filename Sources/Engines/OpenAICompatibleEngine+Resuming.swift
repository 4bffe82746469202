internal import Logging
internal import NIOHTTP1
internal import OpenAIFormat

// Going on from the ids of an output. What each server offers for it is in the room's README. That ids stand for the output is
// asked of the server each time; where it does not say so, the request goes on by text.
extension OpenAICompatibleEngine {
  /// Pieces of one output whose ids are looked for; more are not worth their questions.
  private static let gapsMax = 256

  /// The request from ids, if the server says that they stand for the output; else as it is.
  public func resuming(_ request: EngineRequest) async -> EngineRequest {
    guard let begun = request.begun, let address = request.address else { return request }
    do throws(EngineError) {
      return try await fromIDs(begun, address) ?? request
    } catch {
      logger.debug("an output goes on by text", metadata: ["reason": "\(error)"])
      return request
    }
  }

  private func fromIDs(
    _ begun: BegunOutput, _ address: EngineRequest.Address
  ) async throws(EngineError) -> EngineRequest? {
    var resumed: EngineRequest
    switch (address.kind, begun.request.endpoint) {
    case (.llamaCpp, .completions):
      guard EngineRequest.isPlainCompletion(begun.request), let text = begun.request.prompt(),
        let ids = try await ids(of: begun, address)
      else { return nil }
      // A list of text and ids is one prompt there: the text is cut as it was the first time.
      let prompt = Self.list([Self.json(text)] + ids.map(String.init))
      resumed = .llamaCompletion(begun.request, address, prompt: prompt)
    case (.vLLM, .chatCompletions), (.vLLM, .completions), (.sgLang, .chatCompletions),
      (.sgLang, .completions):
      guard let completion = begun.request.asCompletion,
        let ids = try await ids(of: begun, address),
        let prompt = try await promptIDs(of: begun.request, address)
      else { return nil }
      var changes = address.changes
      changes.additions.append(.init("prompt", Self.list((prompt + ids).map(String.init))))
      resumed = EngineRequest(endpoint: .completions, body: completion.rewriting(changes))
    case (.llamaCpp, .chatCompletions), (.ollama, _), (.generic, _), (.builtin, _),
      (_, .embeddings):
      return nil
    }
    resumed.goesOnFromIDs = true
    return resumed
  }

  /// The ids of an output that the server confirms; nil if it does not.
  ///
  /// A piece whose ids the first engine left out is cut by llama.cpp, and taken if it comes out as as many tokens.
  private func ids(
    of begun: BegunOutput, _ address: EngineRequest.Address
  ) async throws(EngineError) -> [UInt32]? {
    var ids: [UInt32] = []
    var gaps = 0
    for part in begun.parts {
      guard part.ids.isEmpty, !part.text.isEmpty else {
        ids += part.ids
        continue
      }
      gaps += 1
      guard address.kind == .llamaCpp, gaps <= Self.gapsMax,
        let missing = try await llamaTokens(of: part.text), missing.count == part.tokens
      else { return nil }
      ids += missing
    }
    let answer = try await ask(
      .POST, "/detokenize",
      Self.object([
        ("model", Self.json(address.model)), ("tokens", Self.list(ids.map(String.init))),
      ])
    ).json
    // llama.cpp calls it content, vLLM prompt, SGLang text.
    let said = answer?["content"]?.string ?? answer?["prompt"]?.string ?? answer?["text"]?.string
    guard let said else { return nil }
    let text = begun.text
    // A decoder may drop the space that begins a text; it did not say more or less for that.
    return said.utf8.elementsEqual(text) || (" " + said).utf8.elementsEqual(text) ? ids : nil
  }

  /// The tokens of a text in the middle of another, on llama.cpp; nil if they are not known to be this text's.
  private func llamaTokens(of text: [UInt8]) async throws(EngineError) -> [UInt32]? {
    let space = UInt8(ascii: " ")
    let tokens = try await llamaTokens(from: text)
    if tokens?.text == text { return tokens?.ids }
    // Vocabularies of SentencePiece put a space before whatever they are given: it is dropped where it is a token of
    // its own, and where it has joined a space that begins the text, the text is given without its own.
    guard let tokens, tokens.text == [space] + text else { return nil }
    if tokens.first == [space] { return Array(tokens.ids.dropFirst()) }
    guard text.first == space, text.count > 1 else { return nil }
    let bare = try await llamaTokens(from: Array(text.dropFirst()))
    return bare?.text == text ? bare?.ids : nil
  }

  /// How llama.cpp cuts a text that stands alone: the tokens, the first one's text, and the text of all.
  private func llamaTokens(
    from text: [UInt8]
  ) async throws(EngineError) -> (ids: [UInt32], first: [UInt8], text: [UInt8])? {
    let answer = try await ask(
      .POST, "/tokenize",
      Self.object([
        ("content", Self.json(String(decoding: text, as: UTF8.self))), ("add_special", "false"),
        ("with_pieces", "true"),
      ])
    ).json
    var ids: [UInt32] = []
    var pieces: [[UInt8]] = []
    for entry in answer?["tokens"]?.elements ?? [] {
      guard let id = entry["id"]?.integer.flatMap(UInt32.init(exactly:)),
        let piece = Self.bytes(entry["piece"])
      else { return nil }
      ids.append(id)
      pieces.append(piece)
    }
    guard let first = pieces.first else { return nil }
    return (ids, first, pieces.flatMap(\.self))
  }

  /// The prompt in tokens, from vLLM or SGLang; nil from an SGLang that renders no chats yet, which refuses the question.
  ///
  /// A chat is rendered as for an answer, with the beginning of the assistant's turn, unless something else is asked.
  private func promptIDs(
    of request: InferenceRequest, _ address: EngineRequest.Address
  ) async throws(EngineError) -> [UInt32]? {
    var fields = [("model", Self.json(address.model))]
    switch request.endpoint {
    case .completions:
      guard let text = request.prompt() else { return nil }
      fields.append(("prompt", Self.json(text)))
    case .chatCompletions:
      for name in ["messages", "chat_template_kwargs"] {
        guard let value = request.value(of: name) else { continue }
        fields.append((name, String(decoding: value, as: UTF8.self)))
      }
    case .embeddings: return nil
    }
    let tokens = try await ask(.POST, "/tokenize", Self.object(fields)).json?["tokens"]?.elements
    let ids = tokens?.compactMap { $0.integer.flatMap(UInt32.init(exactly:)) }
    return ids?.isEmpty == false && ids?.count == tokens?.count ? ids : nil
  }

  private static func bytes(_ piece: JSONValue?) -> [UInt8]? {
    if let text = piece?.string { return Array(text.utf8) }
    let bytes = piece?.elements?.compactMap { $0.integer.flatMap(UInt8.init(exactly:)) }
    return bytes?.count == piece?.elements?.count ? bytes : nil
  }

  static func json(_ text: String) -> String {
    String(decoding: JSONWriter.string(text), as: UTF8.self)
  }

  private static func list(_ values: [String]) -> String {
    "[" + values.joined(separator: ",") + "]"
  }

  static func object(_ fields: [(name: String, value: String)]) -> [UInt8] {
    Array(("{" + fields.map { json($0.name) + ":" + $0.value }.joined(separator: ",") + "}").utf8)
  }
}

extension InferenceRequest {
  /// Fields that mean the same in a chat and in a completion.
  private static let shared: Set<String> = [
    "temperature", "top_p", "top_k", "min_p", "seed", "stop", "stop_token_ids", "presence_penalty",
    "frequency_penalty", "repetition_penalty", "logit_bias", "ignore_eos", "user", "priority",
    "cache_salt", "skip_special_tokens",
  ]
  /// Fields that are set anew, are part of the rendered prompt, or have no say in what is said.
  private static let passedOver: Set<String> = [
    "model", "messages", "chat_template_kwargs", "stream", "stream_options", "max_tokens",
    "max_completion_tokens", "n", "store", "metadata", "service_tier", "parallel_tool_calls",
  ]

  /// A completion that is sampled as this request is, for a prompt that is still to be set; nil where a field of it says something
  /// that is not known to be the same there.
  fileprivate var asCompletion: InferenceRequest? {
    guard features.isDisjoint(with: [.tools, .structuredOutput, .logprobs, .severalSequences])
    else { return nil }
    guard endpoint == .chatCompletions else { return self }
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("model")
    writer.string(model)
    writer.key("prompt")
    writer.string("")
    for name in fieldNames where !Self.passedOver.contains(name) {
      guard let value = value(of: name), Self.shared.contains(name) else { return nil }
      writer.key(name)
      writer.verbatim(value)
    }
    writer.endObject()
    return try? InferenceRequest.parse(body: writer.bytes, endpoint: .completions)
  }
}
