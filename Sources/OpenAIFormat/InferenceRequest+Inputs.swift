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
    guard messageCount > 0 else {
      throw RequestError.invalid(field: "input", expected: "at least one input, and is empty")
    }
  }

  private mutating func readList(_ scanner: inout JSONScanner) throws {
    let mixed = RequestError.invalid(
      field: "input", expected: "of one kind: strings, token ids, or lists of token ids")
    let start = scanner.offset
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
        ids += try scanner.readIDs("input")
      default: throw mixed
      }
    }
    if ids > 0 { try add(start..<scanner.offset, ids: ids) }
  }

  /// How an input is called in errors: the only one, or one of a list.
  private static func field(_ place: Int?) -> String { place.map { "input[\($0)]" } ?? "input" }

  private mutating func readText(
    _ scanner: inout JSONScanner, in place: Int?
  ) throws {
    let string = try scanner.readStringSpan()
    let count = scanner.decodedCount(string)
    guard count > 0 else {
      throw RequestError.invalid(field: Self.field(place), expected: "a text, and is empty")
    }
    promptBytes += count
    try note((string.content.lowerBound - 1)..<(string.content.upperBound + 1))
  }

  private mutating func readIDs(
    _ scanner: inout JSONScanner, in place: Int?
  ) throws {
    var field: String { Self.field(place) }
    let start = scanner.offset
    var ids = 0
    try scanner.beginArray()
    while try scanner.nextElement() {
      guard try scanner.peek() == .number else {
        throw RequestError.invalid(field: field, expected: "a list of token ids")
      }
      ids += try scanner.readIDs(field)
    }
    guard ids > 0 else {
      throw RequestError.invalid(
        field: field, expected: "a list of token ids, and is empty")
    }
    try add(start..<scanner.offset, ids: ids)
  }

  private mutating func add(_ span: Range<Int>, ids: Int) throws(RequestError) {
    features.insert(.tokenIDPrompt)
    inputIDsMax = max(inputIDsMax, ids)
    promptBytes += ids
    try note(span)
  }

  /// Counts an input.
  private mutating func note(_ span: Range<Int>) throws(RequestError) {
    guard messageCount < Self.inputsMax else {
      throw .invalid(field: "input", expected: "at most \(Self.inputsMax) inputs")
    }
    messageCount += 1
    inputs.append(span)
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
