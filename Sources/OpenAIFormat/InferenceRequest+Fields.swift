/// Fields that engines use for sampling, limits and transport: no template sees them.
private let samplingFields: Set<String> = [
  "model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "max_new_tokens",
  "n_predict", "min_tokens", "n", "best_of", "temperature", "top_p", "top_k", "min_p", "typical_p",
  "seed", "stop", "stop_token_ids", "logit_bias", "logprobs", "top_logprobs", "prompt_logprobs",
  "presence_penalty", "frequency_penalty", "repetition_penalty", "repeat_penalty", "user",
  "service_tier", "store", "metadata", "prompt_cache_key", "safety_identifier", "echo",
  "ignore_eos",
  "skip_special_tokens", "return_token_ids", "return_tokens", "timings_per_token", "cache_salt",
  "request_id", "priority", "parallel_tool_calls", "cache_prompt",
  // For the exchange: no engine sees them.
  "provider", "models", "dry_run",
]

/// Fields of embeddings that no engine makes tokens of.
private let vectorFields: Set<String> = ["dimensions", "encoding_format"]

/// Fields that bound the output: an engine may know any of them, so a rewriting sets all that are present.
let outputLimitFields = ["max_tokens", "max_completion_tokens", "max_new_tokens", "n_predict"]

extension InferenceRequest {
  /// The most top-level fields; OpenAI has three dozen, engines as many again.
  static let fieldsMax = 256
  /// The most members of `stream_options`.
  static let streamOptionsMax = 32
  /// The most messages of a chat and parts of one message.
  static let partsMax = 16_384
  /// The most strings of `stop`.
  static let stopsMax = 256

  /// Reads the whole body once; throws `JSONError` or `RequestError`.
  mutating func collectFields(_ scanner: inout JSONScanner) throws {
    let promptField = endpoint.promptField
    var seen = Set<String>(minimumCapacity: 8)
    var limits: [String: Int] = [:]
    var answers = 1
    var prompts = 1
    var forbidsTools = false
    try scanner.beginObject()
    insertionPoint = scanner.offset
    while let name = try scanner.nextKey() {
      guard seen.insert(name).inserted else { throw RequestError.duplicate(field: name) }
      guard fields.count < Self.fieldsMax else { throw RequestError.tooManyFields }
      // A value is read once, since it may be nearly all of the body: the prompt's, and one that a template may print.
      let kind = try scanner.peek()
      var value = scanner
      if name == promptField, kind != .null {
        prompts = try readPrompt(&scanner)
      } else if samplingFields.contains(name) || name == promptField
        || (endpoint == .embeddings && vectorFields.contains(name))
      {
        try scanner.skipValue()
      } else {
        promptBytes += try scanner.skipPrinted() + name.utf8.count
      }
      let span = value.offset..<scanner.offset
      fields.append(Field(name: name, value: span))
      insertionPoint = scanner.offset
      if kind == .null { continue }
      switch name {
      case "model": model = try value.string(name)
      case "models": models = try value.names(name)
      case "provider": provider = try ProviderPreferences.read(&value)
      case "dry_run": isDryRun = try value.boolean(name)
      case "service_tier": serviceTier = try ServiceTier.read(&value)
      case "stream": stream = try value.boolean(name)
      case "stream_options": try readStreamOptions(&value)
      case let name where outputLimitFields.contains(name):
        limits[name] = try value.integer(name, 1...Int(Int32.max))
      case "n", "best_of": answers = max(answers, try value.integer(name, 1...128))
      case "temperature": temperature = try value.double(name)
      case "seed": seed = try value.integer(name, Int.min...Int.max)
      case "stop": stop = try value.strings(name)
      case "dimensions" where endpoint == .embeddings:
        dimensions = try value.integer(name, 1...Self.dimensionsMax)
      case "encoding_format" where endpoint == .embeddings:
        guard let asked = VectorEncoding(rawValue: try value.string(name)) else {
          throw RequestError.invalid(field: name, expected: "\"float\" or \"base64\"")
        }
        encoding = asked
      case "tools", "functions":
        if try value.peek() != .array || !value.isEmptyArray() { features.insert(.tools) }
      case "tool_choice", "function_call":
        switch try value.peek() == .string ? value.readString() : nil {
        case "auto": break
        case "none": forbidsTools = true
        default: features.insert(.toolChoice)
        }
      case "logit_bias":
        if try value.peek() != .object || !value.isEmptyObject() { features.insert(.logitBias) }
      case "logprobs": if try value.isWanted() { features.insert(.logprobs) }
      case "top_logprobs", "prompt_logprobs":
        if body[span] != [UInt8(ascii: "0")] { features.insert(.logprobs) }
      case "response_format":
        if try value.member("type") != "text" { features.insert(.structuredOutput) }
      case "guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs",
        "grammar", "json_schema", "regex", "ebnf":
        features.insert(.structuredOutput)
      case "chat_template": note(.customTemplate, in: name)
      case "echo": if try value.isWanted() { features.insert(.echo) }
      case "audio": note(.media, in: name)
      case "modalities":
        if try value.strings(name).contains(where: { $0 != "text" }) { note(.media, in: name) }
      default: break
      }
    }
    try scanner.end()
    // Who offers no tools has none called by any engine.
    if forbidsTools, features.contains(.tools) { features.insert(.toolChoice) }
    if !seen.contains("model"), let first = models.first { model = first }
    guard !model.isEmpty else { throw RequestError.missing(field: "model") }
    guard messageCount > 0 else { throw RequestError.missing(field: promptField) }
    guard endpoint != .embeddings else { return try finishEmbeddings() }
    maxTokens = limits["max_completion_tokens"] ?? limits["max_tokens"] ?? limits.values.min()
    sequences = answers * prompts
    if sequences > 1 { features.insert(.severalSequences) }
  }

  /// Notes what makes `promptBytes` no bound, and where it is.
  private mutating func note(_ feature: Features, in field: String) {
    features.insert(feature)
    if unboundedField == nil { unboundedField = field }
  }

  private mutating func readStreamOptions(_ scanner: inout JSONScanner) throws {
    guard try scanner.peek() == .object else {
      throw RequestError.invalid(field: "stream_options", expected: "an object")
    }
    var seen: Set<String> = []
    try scanner.beginObject()
    while let name = try scanner.nextKey() {
      guard seen.insert(name).inserted else {
        throw RequestError.duplicate(field: "stream_options.\(name)")
      }
      guard streamOptions.count < Self.streamOptionsMax else {
        throw RequestError.invalid(
          field: "stream_options", expected: "an object of at most \(Self.streamOptionsMax) members"
        )
      }
      var value = scanner
      streamOptions.append(Field(name: name, value: try scanner.skipValue()))
      if name == "include_usage", try value.peek() != .null {
        wantsUsage = try value.boolean("stream_options.include_usage")
      }
    }
  }

  /// Reads what is asked; gives how many prompts there are.
  private mutating func readPrompt(_ scanner: inout JSONScanner) throws -> Int {
    switch endpoint {
    case .chatCompletions: try readMessages(&scanner)
    case .completions: return try readPrompts(&scanner)
    case .embeddings: try readInput(&scanner)
    }
    return 1
  }

  private mutating func readMessages(_ scanner: inout JSONScanner) throws {
    guard try scanner.peek() == .array else {
      throw RequestError.invalid(field: "messages", expected: "an array")
    }
    try scanner.beginArray()
    while try scanner.nextElement() {
      let place = messageCount
      var field: String { "messages[\(place)]" }
      guard place < Self.partsMax else {
        throw RequestError.invalid(
          field: "messages", expected: "at most \(Self.partsMax) messages")
      }
      messageCount += 1
      guard try scanner.peek() == .object else {
        throw RequestError.invalid(field: field, expected: "an object")
      }
      var hasRole = false
      try scanner.beginObject()
      while let key = try scanner.nextKey() {
        switch (key, try scanner.peek()) {
        case ("role", .string):
          hasRole = true
          promptBytes += try scanner.readStringCount()
        case ("role", _): throw RequestError.invalid(field: field + ".role", expected: "a string")
        case ("content", .string): promptBytes += try scanner.readStringCount()
        case ("content", .array): try readParts(&scanner, field + ".content")
        case ("content", .null): try scanner.skipValue()
        case ("content", _):
          throw RequestError.invalid(field: field + ".content", expected: "a string or an array")
        default: promptBytes += try scanner.skipPrinted() + key.utf8.count
        }
      }
      guard hasRole else { throw RequestError.missing(field: field + ".role") }
    }
  }

  /// Content parts: text is counted once decoded; anything else is media of unknown cost.
  private mutating func readParts(
    _ scanner: inout JSONScanner, _ field: @autoclosure () -> String
  ) throws {
    var parts = 0
    try scanner.beginArray()
    while try scanner.nextElement() {
      guard parts < Self.partsMax else {
        throw RequestError.invalid(field: field(), expected: "at most \(Self.partsMax) parts")
      }
      parts += 1
      if try scanner.peek() == .string {
        promptBytes += try scanner.readStringCount()
        continue
      }
      guard try scanner.peek() == .object else {
        throw RequestError.invalid(field: field(), expected: "parts that are objects")
      }
      try scanner.beginObject()
      while let key = try scanner.nextKey() {
        switch (key, try scanner.peek()) {
        case ("text", .string), ("refusal", .string):
          promptBytes += try scanner.readStringCount()
        case ("type", .string):
          let type = try scanner.readString()
          if type != "text", type != "refusal" { note(.media, in: field()) }
        default: promptBytes += try scanner.skipPrinted() + key.utf8.count
        }
      }
    }
  }

  /// A string, an array of strings, an array of ids, or an array of arrays of ids; gives how many prompts.
  private mutating func readPrompts(_ scanner: inout JSONScanner) throws -> Int {
    let wrong = RequestError.invalid(field: "prompt", expected: "a string, strings, or token ids")
    switch try scanner.peek() {
    case .string:
      promptBytes += try scanner.readStringCount()
      messageCount = 1
    case .array:
      var ids = 0
      let before = promptBytes
      var longest = 0
      try scanner.beginArray()
      while try scanner.nextElement() {
        let start = promptBytes
        defer { longest = max(longest, promptBytes - start) }
        guard messageCount < Self.inputsMax else {
          throw RequestError.invalid(
            field: "prompt", expected: "at most \(Self.inputsMax) prompts")
        }
        switch try scanner.peek() {
        case .string:
          promptBytes += try scanner.readStringCount()
          messageCount += 1
        case .number:
          ids += try scanner.readIDs("prompt")
        case .array:
          features.insert(.tokenIDPrompt)
          messageCount += 1
          try scanner.beginArray()
          while try scanner.nextElement() {
            promptBytes += try scanner.readIDs("prompt")
          }
        default: throw wrong
        }
      }
      promptBytesElsewhere = promptBytes - before - longest
      if ids > 0 {
        guard messageCount == 0 else { throw wrong }  // ids and prompts mixed
        features.insert(.tokenIDPrompt)
        promptBytes += ids
        messageCount = 1
      }
    default: throw wrong
    }
    return max(1, messageCount)
  }
}

extension JSONScanner {
  /// Reads past a string; gives how many bytes it stands for.
  mutating func readStringCount() throws(JSONError) -> Int {
    decodedCount(try readStringSpan())
  }

  mutating func string(_ field: String) throws -> String {
    guard try peek() == .string else {
      throw RequestError.invalid(field: field, expected: "a string")
    }
    return try readString()
  }

  /// Reads one or more token ids of a list; gives how many.
  mutating func readIDs(_ field: @autoclosure () -> String) throws -> Int {
    let count = skipIntegers(upTo: Int(UInt32.max))
    guard count == 0 else { return count }
    _ = try integer(field(), 0...Int(UInt32.max))
    return 1
  }

  fileprivate mutating func boolean(_ field: String) throws -> Bool {
    guard try peek() == .boolean else {
      throw RequestError.invalid(field: field, expected: "a boolean")
    }
    return try readBoolean()
  }

  mutating func integer(
    _ field: @autoclosure () -> String, _ range: ClosedRange<Int>
  ) throws -> Int {
    guard try peek() == .number, let value = integer(of: try readNumber()), range.contains(value)
    else {
      let bounds =
        range == Int.min...Int.max
        ? "an integer of 64 bits" : "an integer from \(range.lowerBound) to \(range.upperBound)"
      throw RequestError.invalid(field: field(), expected: bounds)
    }
    return value
  }

  fileprivate mutating func double(_ field: String) throws -> Double {
    guard try peek() == .number, let value = Double(text(of: try readNumber())), value.isFinite
    else { throw RequestError.invalid(field: field, expected: "a number") }
    return value
  }

  fileprivate mutating func strings(_ field: String) throws -> [String] {
    if try peek() == .string { return [try readString()] }
    guard try peek() == .array else {
      throw RequestError.invalid(field: field, expected: "a string or an array of strings")
    }
    var result: [String] = []
    try beginArray()
    while try nextElement() {
      guard result.count < InferenceRequest.stopsMax else {
        throw RequestError.invalid(
          field: field, expected: "at most \(InferenceRequest.stopsMax) strings")
      }
      result.append(try string(field))
    }
    return result
  }

  /// A boolean's value; for `logprobs` of completions, a number means yes.
  fileprivate mutating func isWanted() throws -> Bool {
    try peek() == .boolean ? readBoolean() : true
  }

  fileprivate mutating func isEmptyArray() throws -> Bool {
    try beginArray()
    return try !nextElement()
  }

  fileprivate mutating func isEmptyObject() throws -> Bool {
    try beginObject()
    return try nextKey() == nil
  }

  /// The string under a key of the object that comes next, if it is an object with such a string.
  fileprivate mutating func member(_ name: String) throws -> String? {
    guard try peek() == .object else { return nil }
    var found: String?
    try beginObject()
    while let key = try nextKey() {
      if key == name, try peek() == .string {
        found = try readString()
      } else {
        try skipValue()
      }
    }
    return found
  }
}
