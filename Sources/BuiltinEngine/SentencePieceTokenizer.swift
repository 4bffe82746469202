internal import HeapModule

/// Text to tokens and back, as SentencePiece's BPE does it ("llama" in GGUF): pieces merge by score.
///
/// What llama.cpp does (`llm_tokenizer_spm`): a space is U+2581; text falls into characters; of all
/// neighbours that make a piece, the best score merges first, the left one of equals; what is no piece then
/// becomes its bytes. Text never makes a control token, whatever it says: these come from the template only.
struct SentencePieceTokenizer: Sendable {
  /// What a token is; raw values are llama.h's.
  enum Kind: Int32 {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  private let pieces: [[UInt8]]
  private let scores: [Float]
  private let kinds: [Kind]
  /// Pieces that text may become.
  private let ids: [[UInt8]: UInt32]
  private let controls: [String: UInt32]
  /// The token of each byte.
  private let byteTokens: [UInt32]
  /// What starts every prompt, if anything.
  let start: UInt32?
  /// Tokens that end an output.
  let ends: Set<UInt32>
  private let addsSpace: Bool

  /// U+2581 in UTF-8.
  private static let space: [UInt8] = [0xe2, 0x96, 0x81]
  /// Control tokens that end an output whatever the metadata calls the end.
  private static let endNames = ["</s>", "<|im_end|>", "<|eot_id|>", "<|end_of_text|>"]
  private static let pieceBytesMax = 4_096

  /// Reads a vocabulary.
  init(_ file: GGUFFile) throws(GGUFError) {
    guard let model = try file.string("tokenizer.ggml.model", most: 64) else {
      throw .metadata(key: "tokenizer.ggml.model", what: "missing")
    }
    guard model == "llama" else {
      throw .metadata(
        key: "tokenizer.ggml.model",
        what: "'\(GGUFError.plain(model))' is not supported; llama (SentencePiece) is")
    }
    let tokensKey = "tokenizer.ggml.tokens"
    let places = try file.strings(tokensKey) ?? []
    let count = places.count
    var pieces: [[UInt8]] = []
    pieces.reserveCapacity(count)
    for place in places {
      guard place.count <= Self.pieceBytesMax else {
        throw .metadata(
          key: tokensKey, what: "token \(pieces.count) has \(place.count) bytes; 4096 at most")
      }
      pieces.append(Array(file.source.bytes[place]))
    }
    guard
      let scores = try file.numbers("tokenizer.ggml.scores", .float32, as: Float.self),
      scores.count == count
    else { throw .metadata(key: "tokenizer.ggml.scores", what: "must be one for each token") }
    guard
      let codes = try file.numbers("tokenizer.ggml.token_type", .int32, as: Int32.self),
      codes.count == count
    else { throw .metadata(key: "tokenizer.ggml.token_type", what: "must be one for each token") }

    var kinds: [Kind] = []
    var ids: [[UInt8]: UInt32] = [:]
    var controls: [String: UInt32] = [:]
    var byteTokens = [UInt32?](repeating: nil, count: 256)
    ids.reserveCapacity(count)
    kinds.reserveCapacity(count)
    for (index, code) in codes.enumerated() {
      guard let kind = Kind(rawValue: code) else {
        throw .metadata(
          key: "tokenizer.ggml.token_type", what: "token \(index) has the unknown type \(code)")
      }
      kinds.append(kind)
      guard !scores[index].isNaN else {
        throw .metadata(key: "tokenizer.ggml.scores", what: "token \(index) has no number")
      }
      switch kind {
      case .normal, .userDefined:
        // The first of equal pieces is the one that text becomes.
        if ids[pieces[index]] == nil { ids[pieces[index]] = UInt32(index) }
      case .control:
        let text = String(decoding: pieces[index], as: UTF8.self)
        if controls[text] == nil { controls[text] = UInt32(index) }
      case .byte:
        guard let byte = Self.byte(pieces[index]) else {
          throw .metadata(
            key: tokensKey, what: "token \(index) is a byte, but not <0x00> to <0xFF>")
        }
        byteTokens[Int(byte)] = byteTokens[Int(byte)] ?? UInt32(index)
        pieces[index] = [byte]
      case .unknown, .unused: break
      }
    }
    let unknown = try file.integer("tokenizer.ggml.unknown_token_id", 0...(count - 1)).map(
      UInt32.init)
    var completeBytes: [UInt32] = []
    for (byte, token) in byteTokens.enumerated() {
      // llama.cpp takes the byte's own text where there is no byte token.
      guard let token = token ?? ids[[UInt8(byte)]] ?? unknown else {
        throw .metadata(
          key: tokensKey, what: "neither a token for byte \(byte) nor an unknown token")
      }
      completeBytes.append(token)
    }
    self.pieces = pieces
    self.scores = scores
    self.kinds = kinds
    self.ids = ids
    self.controls = controls
    self.byteTokens = completeBytes
    start =
      try file.boolean("tokenizer.ggml.add_bos_token") ?? true
      ? try file.integer("tokenizer.ggml.bos_token_id", 0...(count - 1)).map(UInt32.init) : nil
    addsSpace = try file.boolean("tokenizer.ggml.add_space_prefix") ?? true
    var ends: Set<UInt32> = []
    for key in ["eos_token_id", "eot_token_id", "eom_token_id"] {
      if let id = try file.integer("tokenizer.ggml.\(key)", 0...(count - 1)) {
        ends.insert(UInt32(id))
      }
    }
    ends.formUnion(Self.endNames.compactMap { controls[$0] })
    self.ends = ends
  }

  /// Tokens in the vocabulary.
  var count: Int { pieces.count }

  /// The control token of this name.
  func control(_ name: String) -> UInt32? { controls[name] }

  /// The text of a token; none for control tokens and the unknown one.
  func text(of token: UInt32) -> [UInt8] {
    let index = Int(token)
    switch kinds[index] {
    case .control, .unknown, .unused: return []
    case .byte: return pieces[index]
    case .normal, .userDefined: return Self.withSpaces(pieces[index])
    }
  }

  private static func withSpaces(_ piece: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(piece.count)
    var place = 0
    while place < piece.count {
      if piece[place...].starts(with: space) {
        text.append(0x20)
        place += 3
      } else {
        text.append(piece[place])
        place += 1
      }
    }
    return text
  }

  /// `<0x41>` is byte 0x41.
  private static func byte(_ piece: [UInt8]) -> UInt8? {
    guard piece.count == 6, piece.starts(with: Array("<0x".utf8)), piece[5] == UInt8(ascii: ">")
    else { return nil }
    return UInt8(String(decoding: piece[3..<5], as: UTF8.self), radix: 16)
  }

  // MARK: Text to tokens

  private struct Symbol {
    var range: Range<Int>
    var previous: Int
    var next: Int
  }

  /// Two neighbours that make a piece; the best is the greatest.
  private struct Merge: Comparable {
    let score: Float
    let left: Int
    let right: Int
    /// Bytes of both: a symbol that has merged since has another length.
    let length: Int

    static func < (a: Merge, b: Merge) -> Bool {
      a.score != b.score ? a.score < b.score : a.left > b.left
    }
  }

  /// The tokens of a text; `isFirst` where nothing but the start stands before it.
  func tokens(of text: [UInt8], isFirst: Bool) -> [UInt32] {
    guard !text.isEmpty else { return [] }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count + 3)
    if addsSpace, isFirst { bytes += Self.space }
    for byte in text {
      if byte == 0x20 { bytes += Self.space } else { bytes.append(byte) }
    }
    var symbols = Self.characters(of: bytes)
    var merges = Heap<Merge>()
    func consider(_ left: Int, _ right: Int) {
      guard left >= 0, right >= 0 else { return }
      let range = symbols[left].range.lowerBound..<symbols[right].range.upperBound
      guard range.count <= Self.pieceBytesMax, let id = ids[Array(bytes[range])] else { return }
      merges.insert(Merge(score: scores[Int(id)], left: left, right: right, length: range.count))
    }
    for index in symbols.indices.dropFirst() { consider(index - 1, index) }
    while let best = merges.popMax() {
      let left = symbols[best.left].range
      let right = symbols[best.right].range
      guard !left.isEmpty, !right.isEmpty, left.count + right.count == best.length else { continue }
      symbols[best.left].range = left.lowerBound..<right.upperBound
      symbols[best.right].range = right.upperBound..<right.upperBound
      let next = symbols[best.right].next
      symbols[best.left].next = next
      if next >= 0 { symbols[next].previous = best.left }
      consider(symbols[best.left].previous, best.left)
      consider(best.left, next)
    }
    var result: [UInt32] = []
    var index = 0
    while index >= 0 {
      let piece = bytes[symbols[index].range]
      if let id = ids[Array(piece)] {
        result.append(id)
      } else {
        result += piece.map { byteTokens[Int($0)] }
      }
      index = symbols[index].next
    }
    return result
  }

  private static func characters(of bytes: [UInt8]) -> [Symbol] {
    var symbols: [Symbol] = []
    var place = 0
    while place < bytes.count {
      let length =
        switch bytes[place] {
        case 0xc0..<0xe0: 2
        case 0xe0..<0xf0: 3
        case 0xf0...: 4
        default: 1
        }
      let end = min(place + length, bytes.count)
      symbols.append(
        Symbol(range: place..<end, previous: symbols.count - 1, next: symbols.count + 1))
      place = end
    }
    symbols[symbols.count - 1].next = -1
    return symbols
  }
}
