/// The vectors of an engine's answer: OpenAI's `data`, or the `embeddings` of Ollama's own route.
public struct EmbeddingList: Hashable, Sendable {
  /// Why an answer is none that can be passed on.
  public struct Flaw: Error, Hashable, Sendable, CustomStringConvertible {
    /// A sentence for people.
    public let description: String
  }

  /// The numbers of each input, in the order of the inputs: float32, little-endian; all of one length.
  public private(set) var vectors: [[UInt8]] = []
  /// Tokens of all inputs together, where the engine says.
  public private(set) var promptTokens: Int?

  /// Reads an answer.
  ///
  /// - Parameters:
  ///   - body: JSON.
  ///   - count: how many inputs there were.
  /// - Returns: as many vectors.
  /// - Throws: what is missing, doubled or no finite number.
  public static func parse(_ body: [UInt8], count: Int) throws(Flaw) -> EmbeddingList {
    var list = EmbeddingList()
    var found = [[UInt8]?](repeating: nil, count: count)
    do {
      var scanner = try JSONScanner(body, limits: JSONLimits(bytesMax: body.count))
      try list.read(&scanner, into: &found)
    } catch let flaw as Flaw {
      throw flaw
    } catch {
      throw Flaw(description: "\(error)")
    }
    list.vectors = found.compactMap(\.self)
    guard list.vectors.count == count else {
      throw Flaw(description: "\(list.vectors.count) vectors for \(count) inputs")
    }
    guard let first = list.vectors.first, !first.isEmpty,
      list.vectors.allSatisfy({ $0.count == first.count })
    else { throw Flaw(description: "vectors that are empty or not all of one length") }
    return list
  }

  private mutating func read(
    _ scanner: inout JSONScanner, into found: inout [[UInt8]?]
  ) throws {
    func put(_ vector: [UInt8], at place: Int) throws(Flaw) {
      guard found.indices.contains(place), found[place] == nil else {
        throw Flaw(description: "a vector of input \(place), which comes twice or is not there")
      }
      found[place] = vector
    }
    try scanner.beginObject()
    while let key = try scanner.nextKey() {
      switch key {
      case "data":
        var place = 0
        try scanner.beginArray()
        while try scanner.nextElement() {
          let (index, vector) = try Self.entry(&scanner)
          try put(vector, at: index ?? place)
          place += 1
        }
      case "embeddings":
        var place = 0
        try scanner.beginArray()
        while try scanner.nextElement() {
          try put(try Self.numbers(&scanner), at: place)
          place += 1
        }
      case "usage":
        guard try scanner.peek() == .object else {
          try scanner.skipValue()
          continue
        }
        promptTokens = try UsageReport.read(&scanner).promptTokens
      case "prompt_eval_count": promptTokens = try UsageReport.count(&scanner)
      default: try scanner.skipValue()
      }
    }
    try scanner.end()
  }

  private static func entry(
    _ scanner: inout JSONScanner
  ) throws -> (index: Int?, vector: [UInt8]) {
    var index: Int?
    var vector: [UInt8] = []
    try scanner.beginObject()
    while let key = try scanner.nextKey() {
      switch key {
      case "index": index = try UsageReport.count(&scanner)
      case "embedding": vector = try numbers(&scanner)
      default: try scanner.skipValue()
      }
    }
    return (index, vector)
  }

  /// Decimals or base64, as float32.
  private static func numbers(_ scanner: inout JSONScanner) throws -> [UInt8] {
    if try scanner.peek() == .string {
      guard let bytes = Base64.decode(try scanner.readStringBytes()), bytes.count % 4 == 0,
        Vector.isFinite(bytes)
      else { throw Flaw(description: "a vector that is no base64 of finite float32 numbers") }
      return bytes
    }
    var bytes: [UInt8] = []
    try scanner.beginArray()
    while try scanner.nextElement() {
      let text = scanner.text(of: try scanner.readNumber())
      guard let number = Float(text), number.isFinite else {
        throw Flaw(description: "a number that is no float32: \(text.prefix(32))")
      }
      for shift in stride(from: UInt32(0), to: 32, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: number.bitPattern >> shift))
      }
    }
    return bytes
  }
}

/// Numbers as they travel: float32 (IEEE 754), little-endian.
enum Vector {
  /// The numbers of whole groups of four bytes.
  static func numbers(_ bytes: [UInt8]) -> some Sequence<Float> {
    stride(from: 0, to: bytes.count - bytes.count % 4, by: 4).lazy.map { place in
      var bits: UInt32 = 0
      for offset in 0..<4 { bits |= UInt32(bytes[place + offset]) << UInt32(8 * offset) }
      return Float(bitPattern: bits)
    }
  }

  /// Whether JSON can say all of them.
  static func isFinite(_ bytes: [UInt8]) -> Bool { numbers(bytes).allSatisfy(\.isFinite) }
}
