// The inputs of a request for embeddings: texts or lists of token ids, each of which gets a vector.
extension InferenceRequest {
  /// The most inputs of one request, as OpenAI has it.
  public static let inputsMax = 2_048
  /// The most numbers that a vector may be asked to have.
  static let dimensionsMax = 65_536

  /// A string, an array of strings, an array of ids, or an array of arrays of ids.
  mutating func readInput(_ scanner: inout JSONScanner) throws {
    switch try scanner.peek() {
    case .string: try readText(&scanner, in: nil)
    case .array: try readList(&scanner)
    default:
      throw RequestError.invalid(
        field: "input", expected: "a string, strings, token ids, or lists of token ids")
    }
    guard messageCount <= Self.inputsMax else {
      throw RequestError.invalid(
        field: "input", expected: "at most \(Self.inputsMax) inputs, and has \(messageCount)")
    }
    guard messageCount > 0 else {
      throw RequestError.invalid(field: "input", expected: "at least one input, and is empty")
    }
  }

  private mutating func readList(_ scanner: inout JSONScanner) throws {
    let mixed = RequestError.invalid(
      field: "input", expected: "of one kind: strings, token ids, or lists of token ids")
    var whole = scanner
    var kind: JSONKind?
    var ids = 0
    try scanner.beginArray()
    while try scanner.nextElement() {
      let next = try scanner.peek()
      guard next == kind ?? next else { throw mixed }
      kind = next
      switch next {
      case .string: try readText(&scanner, in: messageCount)
      case .array: try readIDs(&scanner, in: messageCount)
      case .number:
        _ = try scanner.integer("input", 0...Int(UInt32.max))
        ids += 1
      default: throw mixed
      }
    }
    if ids > 0 { add(try whole.skipValue(), ids: ids) }
  }

  /// How an input is called in errors: the only one, or one of a list.
  private static func field(_ place: Int?) -> String { place.map { "input[\($0)]" } ?? "input" }

  private mutating func readText(
    _ scanner: inout JSONScanner, in place: Int?
  ) throws {
    var value = scanner
    let count = try scanner.readStringBytes().count
    guard count > 0 else {
      throw RequestError.invalid(field: Self.field(place), expected: "a text, and is empty")
    }
    promptBytes += count
    note(try value.skipValue())
  }

  private mutating func readIDs(
    _ scanner: inout JSONScanner, in place: Int?
  ) throws {
    let field = Self.field(place)
    var value = scanner
    var ids = 0
    try scanner.beginArray()
    while try scanner.nextElement() {
      guard try scanner.peek() == .number else {
        throw RequestError.invalid(field: field, expected: "a list of token ids")
      }
      _ = try scanner.integer(field, 0...Int(UInt32.max))
      ids += 1
    }
    guard ids > 0 else {
      throw RequestError.invalid(
        field: field, expected: "a list of token ids, and is empty")
    }
    add(try value.skipValue(), ids: ids)
  }

  private mutating func add(_ span: Range<Int>, ids: Int) {
    features.insert(.tokenIDPrompt)
    inputIDsMax = max(inputIDsMax, ids)
    promptBytes += ids
    note(span)
  }

  /// Counts an input; what is beyond the limit is only counted, since it will be refused.
  private mutating func note(_ span: Range<Int>) {
    messageCount += 1
    if messageCount <= Self.inputsMax { inputs.append(span) }
  }

  /// What the whole body says.
  mutating func finishEmbeddings() throws(RequestError) {
    guard !stream else { throw .unsupported(field: "stream") }
    sequences = messageCount
  }

  /// The body that asks an engine for the vectors of some of the inputs: every other field as it came.
  ///
  /// - Parameters:
  ///   - part: places of inputs; not empty.
  ///   - model: the engine's name for the model.
  ///   - encoding: how the engine shall write the numbers.
  /// - Returns: the body.
  public func embedding(
    _ part: Range<Int>, model: String, encoding: VectorEncoding
  ) -> [UInt8] {
    replacing([
      ("model", JSONWriter.string(model)), ("input", list(of: part)),
      ("encoding_format", JSONWriter.string(encoding.rawValue)),
    ])
  }

  /// Some of the inputs, as a list.
  public func list(of part: Range<Int>) -> [UInt8] {
    var list: [UInt8] = []
    for place in part {
      list.append(UInt8(ascii: list.isEmpty ? "[" : ","))
      list += body[inputs[place]]
    }
    return list + [UInt8(ascii: "]")]
  }
}
