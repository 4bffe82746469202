/// Writes an answer of embeddings for a consumer, piece by piece: it is never there as a whole.
///
/// ```
/// nothing ──first piece──► in a vector ──piece of the same input──► in it ──piece of the next──► in that … ──finish──► over
/// ```
/// Vectors come in the order of their inputs, and are all of one length.
public struct EmbeddingAnswer: Sendable {
  private let inputs: Int
  private let encoding: InferenceRequest.VectorEncoding
  /// The input whose vector is being written; nil before the first.
  private var input: Int?
  /// Bytes of its vector so far, and of each whole one.
  private var bytes = 0
  private var bytesOfEach: Int?

  /// Begins an answer for so many inputs.
  public init(inputs: Int, encoding: InferenceRequest.VectorEncoding) {
    self.inputs = inputs
    self.encoding = encoding
  }

  /// Adds a piece of a vector.
  ///
  /// - Parameters:
  ///   - piece: float32 numbers, little-endian.
  ///   - place: the input's.
  ///   - output: where the JSON of it is appended.
  /// - Throws: why it is not the next piece.
  public mutating func add(
    _ piece: [UInt8], of place: Int, to output: inout [UInt8]
  ) throws(EmbeddingList.Flaw) {
    guard !piece.isEmpty, piece.count % 4 == 0, Vector.isFinite(piece) else {
      throw EmbeddingList.Flaw(description: "\(piece.count) bytes that are no finite float32")
    }
    if place == input {
      // In base64 what was written has ended with its padding.
      guard bytes % 3 == 0 || encoding == .float else {
        throw EmbeddingList.Flaw(description: "a vector that was cut inside a group of base64")
      }
    } else {
      guard place == input.map({ $0 + 1 }) ?? 0, place < inputs else {
        throw EmbeddingList.Flaw(description: "the vector of input \(place) out of its order")
      }
      try close(to: &output)
      output += (input == nil ? "{\"object\":\"list\",\"data\":[" : ",").utf8
      output += "{\"object\":\"embedding\",\"index\":\(place),\"embedding\":".utf8
      output.append(UInt8(ascii: encoding == .float ? "[" : "\""))
      input = place
    }
    switch encoding {
    case .base64: Base64.append(piece, to: &output)
    case .float:
      var isFirst = bytes == 0
      for number in Vector.numbers(piece) {
        if !isFirst { output.append(UInt8(ascii: ",")) }
        isFirst = false
        output += number.description.utf8
      }
    }
    bytes += piece.count
  }

  /// Ends the answer.
  ///
  /// - Parameters:
  ///   - model: the model's name.
  ///   - promptTokens: what is charged.
  ///   - output: where the end is appended.
  /// - Throws: what is missing.
  public mutating func finish(
    model: String, promptTokens: Int, to output: inout [UInt8]
  ) throws(EmbeddingList.Flaw) {
    guard let input, input == inputs - 1 else {
      throw EmbeddingList.Flaw(
        description: "\(input.map { $0 + 1 } ?? 0) vectors for \(inputs) inputs")
    }
    try close(to: &output)
    output += "],\"model\":".utf8
    output += JSONWriter.string(model)
    let usage = "{\"prompt_tokens\":\(promptTokens),\"total_tokens\":\(promptTokens)}"
    output += ",\"usage\":\(usage)}".utf8
  }

  /// Numbers as base64.
  public static func base64(_ piece: [UInt8]) -> String {
    var text: [UInt8] = []
    Base64.append(piece, to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  private mutating func close(to output: inout [UInt8]) throws(EmbeddingList.Flaw) {
    guard input != nil else { return }
    guard bytes == bytesOfEach ?? bytes else {
      throw EmbeddingList.Flaw(description: "vectors that are not all of one length")
    }
    bytesOfEach = bytes
    bytes = 0
    output += (encoding == .float ? "]}" : "\"}").utf8
  }
}
