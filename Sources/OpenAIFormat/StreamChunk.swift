/// One `data:` payload of a chat or completions stream, taken apart as far as the exchange needs it.
///
/// Text and reasoning come decoded. Whatever else an engine says about a choice stays as the bytes it sent,
/// so that tool calls, log probabilities and fields of tomorrow pass unchanged.
public struct StreamChunk: Hashable, Sendable {
  /// What a chunk adds to one choice.
  public struct Choice: Hashable, Sendable {
    /// Which of the n answers this belongs to.
    public var index = 0
    /// Decoded text; may end inside a character (see `UTF8Assembler`).
    public var text: [UInt8] = []
    /// Decoded reasoning; may end inside a character.
    ///
    /// Newer vLLM and Ollama call it `reasoning`, others `reasoning_content`, which is what consumers read of all of them.
    public var reasoning: [UInt8] = []
    /// An object with the choice's members as sent (`delta`, `logprobs`, …), when they hold more than
    /// text, reasoning and a role; `text` and `reasoning` are then empty, they are in here.
    public var verbatim: [UInt8]?
    /// Why the choice ended, on its last chunk.
    public var finishReason: String?
    /// The ids of the tokens in this chunk, where the engine gives them.
    public var tokenIDs: [UInt32]?
  }

  /// One element for each choice that the chunk mentions.
  public var choices: [Choice] = []
  /// Usage, on the last chunk or, from engines asked for it, on every chunk so far.
  public var usage: UsageReport?
  /// An error in the place of a chunk.
  public var error: EngineErrorBody?
  /// The ids of the rendered prompt, where the engine gives them (vLLM, on the first chunk).
  public var promptTokenIDs: [UInt32]?
  /// Tokens generated so far for this choice (llama.cpp's `timings.predicted_n`).
  public var generatedTokens: Int?
  /// Prompt tokens that were in the engine's cache (llama.cpp's `timings.cache_n`).
  ///
  /// Its `tokens_cached` is something else: all that the slot holds after the answer.
  public var cachedTokens: Int?

  /// Parses the payload of one event, which is not `[DONE]`.
  ///
  /// The one of llama.cpp's own route for completions is read as well: its text, ids and counts are at the top.
  ///
  /// Strings are not checked to be UTF-8 where they are decoded (an engine may cut a character between two
  /// chunks); verbatim parts are.
  public static func parse(
    _ data: [UInt8], limits: JSONLimits = JSONLimits(bytesMax: 8 << 20)
  ) throws(JSONError) -> StreamChunk {
    var strings = ChunkPattern.Strings()
    return try parse(data, limits: limits, &strings)
  }

  /// Parses the payload of one event, and says what others may have in common with it.
  public static func parse(
    learning data: [UInt8], limits: JSONLimits = JSONLimits(bytesMax: 8 << 20)
  ) throws(JSONError) -> (chunk: StreamChunk, pattern: ChunkPattern?) {
    var strings = ChunkPattern.Strings()
    let chunk = try parse(data, limits: limits, &strings)
    return (chunk, ChunkPattern(of: data, parsedAs: chunk, strings))
  }

  private static func parse(
    _ data: [UInt8], limits: JSONLimits, _ strings: inout ChunkPattern.Strings
  ) throws(JSONError) -> StreamChunk {
    var chunk = StreamChunk()
    var scanner = try JSONScanner(trusting: data, limits: limits)
    var topLevelMessage = false
    var recognised = false
    var native = Choice()
    var isNative = false
    var promptTokens: Int?
    try scanner.beginObject()
    while let key = try scanner.nextKey() {
      switch key {
      case "choices" where try scanner.peek() == .array:
        recognised = true
        try scanner.beginArray()
        while try scanner.nextElement() {
          chunk.choices.append(try readChoice(&scanner, &strings))
        }
      case "usage" where try scanner.peek() == .object:
        recognised = true
        chunk.usage = try UsageReport.read(&scanner)
      case "error" where try scanner.peek() != .null:
        let span = try scanner.skipValue()
        recognised = true
        chunk.error = EngineErrorBody(errorMember: Array(data[span]))
      case "content" where try scanner.peek() == .string:
        recognised = true
        native.text = try readOutput(&scanner, &strings)
        isNative = true
      case "index" where try scanner.peek() == .number: native.index = try scanner.readInteger()
      case "tokens" where try scanner.peek() == .array:
        native.tokenIDs = try readTokenIDs(&scanner)
      case "tokens_predicted": chunk.generatedTokens = try UsageReport.count(&scanner)
      case "tokens_evaluated": promptTokens = try UsageReport.count(&scanner)
      case "stop" where try scanner.peek() == .boolean:
        if try scanner.readBoolean(), native.finishReason == nil { native.finishReason = "stop" }
      case "stop_type" where try scanner.peek() == .string:
        if try scanner.readString() == "limit" { native.finishReason = "length" }
      case "stopped_limit" where try scanner.peek() == .boolean:  // before stop_type
        if try scanner.readBoolean() { native.finishReason = "length" }
      case "prompt_token_ids": chunk.promptTokenIDs = try readTokenIDs(&scanner)
      case "timings" where try scanner.peek() == .object:
        try chunk.readTimings(&scanner)
      case "message":
        topLevelMessage = true
        try scanner.skipValue()
      default: try scanner.skipValue()
      }
    }
    try scanner.end()
    if isNative, chunk.choices.isEmpty {
      guard (0..<4096).contains(native.index) else {
        throw JSONError(.invalidNumber, at: scanner.offset)
      }
      if native.finishReason != nil {
        // The last chunk adds nothing, and says "none" of the ids that it has left out.
        native.tokenIDs = nil
        chunk.usage = UsageReport(
          promptTokens: promptTokens ?? 0, completionTokens: chunk.generatedTokens ?? 0)
      }
      chunk.choices = [native]
    }
    if !recognised, topLevelMessage {
      // Older vLLM and SGLang: {"object":"error","message":…,"code":400} without a wrapper.
      chunk.error = EngineErrorBody.parse(data)
    }
    return chunk
  }

  private mutating func readTimings(_ scanner: inout JSONScanner) throws(JSONError) {
    try scanner.beginObject()
    while let key = try scanner.nextKey() {
      switch key {
      case "predicted_n": generatedTokens = try UsageReport.count(&scanner)
      case "cache_n": cachedTokens = try UsageReport.count(&scanner)
      default: try scanner.skipValue()
      }
    }
  }

  /// Reads a string of output.
  private static func readOutput(
    _ scanner: inout JSONScanner, _ strings: inout ChunkPattern.Strings
  ) throws(JSONError) -> [UInt8] {
    let string = try scanner.readStringSpan()
    strings.note(string)
    return scanner.decode(string)
  }

  private static func readChoice(
    _ scanner: inout JSONScanner, _ strings: inout ChunkPattern.Strings
  ) throws(JSONError) -> Choice {
    var choice = Choice()
    /// Spans of `"key":value` that the consumer must see as sent.
    var kept: [(key: String, span: Range<Int>)] = []
    var hasMore = false
    try scanner.beginObject()
    while let key = try scanner.nextKey() {
      switch key {
      case "index":
        let index = try scanner.readInteger()
        guard (0..<4096).contains(index) else {
          throw JSONError(.invalidNumber, at: scanner.offset)
        }
        choice.index = index
      case "finish_reason":
        // LocalAI and older Ollama say "" before the end, where others say null.
        if try !scanner.skipNull() {
          let word = try scanner.readString()
          if !word.isEmpty { choice.finishReason = word }
        }
      case "token_ids": choice.tokenIDs = try readTokenIDs(&scanner)
      case "text":
        let start = scanner
        if try !scanner.skipNull() { choice.text = try readOutput(&scanner, &strings) }
        kept.append((key, start.valueStart..<scanner.offset))
      case "delta" where try scanner.peek() == .object:
        let start = scanner.valueStart
        if try readDelta(&scanner, into: &choice, &strings) { hasMore = true }
        kept.append((key, start..<scanner.offset))
      case "prompt_token_ids":
        try scanner.skipValue()  // already in the chunk where vLLM puts them for chats
      case "stop_reason", "matched_stop":
        try scanner.skipValue()  // which stop string or token it was; finish_reason says enough
      default:
        let empty = try isEmpty(&scanner)
        let span = try scanner.skipValue()
        if !empty {
          hasMore = true
          kept.append((key, span))
        }
      }
    }
    if hasMore {
      var writer = JSONWriter()
      writer.beginObject()
      for (key, span) in kept {
        writer.key(key)
        writer.verbatim(scanner.bytes[span])
      }
      writer.endObject()
      do {
        _ = try UTF8Span(validating: writer.bytes.span)
      } catch {
        throw JSONError(.invalidUTF8, at: kept[0].span.lowerBound)
      }
      choice.verbatim = writer.bytes
      choice.text = []
      choice.reasoning = []
    }
    return choice
  }

  /// Reads a chat delta, and says whether it holds more than text, reasoning and a role.
  private static func readDelta(
    _ scanner: inout JSONScanner, into choice: inout Choice,
    _ strings: inout ChunkPattern.Strings
  ) throws(JSONError) -> Bool {
    var hasMore = false
    try scanner.beginObject()
    while let key = try scanner.nextKey() {
      switch key {
      case "role": try scanner.skipValue()
      case "content" where try scanner.peek() == .string:
        choice.text = try readOutput(&scanner, &strings)
      case "reasoning_content" where try scanner.peek() == .string:
        let bytes = try readOutput(&scanner, &strings)
        // Some versions send the same text under both names: count it once, prefer this one.
        if !bytes.isEmpty { choice.reasoning = bytes }
      case "reasoning" where try scanner.peek() == .string:
        let bytes = try readOutput(&scanner, &strings)
        if choice.reasoning.isEmpty { choice.reasoning = bytes }
      default:
        if try !isEmpty(&scanner) { hasMore = true }
        try scanner.skipValue()
      }
    }
    return hasMore
  }

  /// Whether null, an empty array or an empty object comes next: engines send these for "nothing".
  private static func isEmpty(_ scanner: inout JSONScanner) throws(JSONError) -> Bool {
    var ahead = scanner
    switch try ahead.peek() {
    case .null: return true
    case .array:
      try ahead.beginArray()
      return try !ahead.nextElement()
    case .object:
      try ahead.beginObject()
      return try ahead.nextKey() == nil
    case .boolean, .number, .string: return false
    }
  }

  private static func readTokenIDs(_ scanner: inout JSONScanner) throws(JSONError) -> [UInt32]? {
    if try scanner.skipNull() { return nil }
    var ids: [UInt32] = []
    try scanner.beginArray()
    while try scanner.nextElement() {
      guard let id = UInt32(exactly: try scanner.readInteger()) else {
        throw JSONError(.invalidNumber, at: scanner.offset)
      }
      ids.append(id)
    }
    return ids
  }
}

extension JSONScanner {
  /// Where the value that comes next begins.
  fileprivate var valueStart: Int {
    var index = offset
    while index < bytes.count, [0x20, 0x0a, 0x0d, 0x09].contains(bytes[index]) { index += 1 }
    return index
  }
}
