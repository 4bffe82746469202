/// The sizes of a Llama, from a GGUF's metadata, each within bounds that keep every product in range.
struct LlamaShape: Hashable, Sendable {
  /// Transformer blocks.
  let blocks: Int
  /// Floats of a token's vector between blocks.
  let width: Int
  /// Floats inside a feed-forward network.
  let hidden: Int
  /// Query heads.
  let heads: Int
  /// Key and value heads; `heads` is a multiple (grouped-query attention).
  let keyHeads: Int
  /// Floats of a head.
  let headSize: Int
  /// Floats of a head that rotate with the position: pairs (2i, 2i + 1), as llama.cpp pairs them for Llama.
  let rotated: Int
  /// The base of the rotation's frequencies.
  let rotationBase: Double
  /// Positions are divided by this (linear scaling), 1 for none.
  let rotationScale: Double
  /// Added to the mean square before its root.
  let epsilon: Float
  /// Tokens of prompt and output that the model was trained for.
  let contextMax: Int
  /// Tokens in the vocabulary.
  let vocabulary: Int

  /// More than any vocabulary has.
  static let vocabularyMax = 1 << 19

  /// Reads the sizes.
  init(_ file: GGUFFile) throws(GGUFError) {
    guard let architecture = try file.string("general.architecture", most: 64) else {
      throw .metadata(key: "general.architecture", what: "missing")
    }
    guard architecture == "llama" else {
      throw .metadata(
        key: "general.architecture",
        what: "'\(GGUFError.plain(architecture))' is not supported; llama is")
    }
    blocks = try file.required("llama.block_count", 1...1_024)
    width = try file.required("llama.embedding_length", 8...65_536)
    hidden = try file.required("llama.feed_forward_length", 8...(1 << 20))
    heads = try file.required("llama.attention.head_count", 1...1_024)
    keyHeads = try file.integer("llama.attention.head_count_kv", 1...1_024) ?? heads
    guard heads % keyHeads == 0 else {
      throw .metadata(
        key: "llama.attention.head_count_kv", what: "\(keyHeads) does not divide \(heads) heads")
    }
    let sizeKey = "llama.attention.key_length"
    guard let headSize = try file.integer(sizeKey, 2...1_024) ?? Self.quotient(width, heads) else {
      throw .metadata(key: sizeKey, what: "missing, and \(heads) heads do not divide \(width)")
    }
    self.headSize = headSize
    if let size = try file.integer("llama.attention.value_length", 1...65_536), size != headSize {
      throw .metadata(
        key: "llama.attention.value_length", what: "\(size) differs from the keys' \(headSize)")
    }
    rotated = try file.integer("llama.rope.dimension_count", 2...headSize) ?? headSize
    guard rotated % 2 == 0 else {
      throw .metadata(key: "llama.rope.dimension_count", what: "\(rotated) is odd")
    }
    rotationBase = try file.positive("llama.rope.freq_base") ?? 10_000
    rotationScale = try Self.scale(file)
    guard let epsilon = try file.positive("llama.attention.layer_norm_rms_epsilon") else {
      throw .metadata(key: "llama.attention.layer_norm_rms_epsilon", what: "missing")
    }
    self.epsilon = Float(epsilon)
    guard self.epsilon > 0, self.epsilon.isFinite else {
      throw .metadata(
        key: "llama.attention.layer_norm_rms_epsilon", what: "\(epsilon) is no 32-bit float")
    }
    contextMax = try file.required("llama.context_length", 1...(1 << 27))
    if let experts = try file.integer("llama.expert_count", 0...1_024), experts > 0 {
      throw .metadata(key: "llama.expert_count", what: "mixtures of experts are not supported")
    }
    guard case .array(let tokens)? = file.metadata["tokenizer.ggml.tokens"] else {
      throw .metadata(key: "tokenizer.ggml.tokens", what: "missing, or no array")
    }
    guard (2...Self.vocabularyMax).contains(tokens.count) else {
      throw .metadata(
        key: "tokenizer.ggml.tokens",
        what: "\(tokens.count) tokens; 2 to \(Self.vocabularyMax) are read")
    }
    vocabulary = tokens.count
    if let said = try file.integer("llama.vocab_size", 0...Int(UInt32.max)), said != vocabulary {
      throw .metadata(key: "llama.vocab_size", what: "\(said), and there are \(vocabulary) tokens")
    }
  }

  private static func quotient(_ width: Int, _ heads: Int) -> Int? {
    let size = width / heads
    return width % heads == 0 && (2...1_024).contains(size) ? size : nil
  }

  private static func scale(_ file: GGUFFile) throws(GGUFError) -> Double {
    switch try file.string("llama.rope.scaling.type", most: 64) {
    case nil, "none": return 1
    case "linear":
      guard let factor = try file.positive("llama.rope.scaling.factor") else {
        throw .metadata(key: "llama.rope.scaling.factor", what: "missing")
      }
      return factor
    case let type?:
      throw .metadata(
        key: "llama.rope.scaling.type",
        what: "'\(GGUFError.plain(type))' is not supported; none and linear are")
    }
  }
}
