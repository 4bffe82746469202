/// A tiny Llama with weights drawn from a seed: it says noise, but through every part of the engine.
///
/// For tests, the fuzzer and simulations, which want shapes of their own and no file.
public struct SampleLlama: Hashable, Sendable {
  /// How weights rest.
  public enum Weights: UInt32, Sendable, CaseIterable {
    /// Single precision.
    case f32 = 0
    /// Half precision.
    case f16 = 1
    /// Blocks of 32 bytes with a scale.
    case q8Block = 8
  }

  /// Floats of a token's vector; a multiple of 32 for blocks.
  public var width = 32
  /// Floats inside a feed-forward network; the same.
  public var hidden = 64
  /// Transformer blocks.
  public var blocks = 2
  /// Query heads.
  public var heads = 4
  /// Key and value heads.
  public var keyHeads = 2
  /// Floats of a head.
  public var headSize = 8
  /// Tokens of prompt and output.
  public var context = 128
  /// How the matrices rest.
  public var weights = Weights.f32
  /// Whether the output has a matrix of its own.
  public var isUntied = false
  /// Where the draws start.
  public var seed: UInt64 = 1
  /// The chat template; nil for none.
  public var template: String? = "{{'<|im_start|>' + message['role']}}"

  /// Sets the defaults.
  public init() {}

  /// Pieces besides the bytes, best first.
  private static let pieces = [
    "▁t", "he", "▁the", "in", "er", "an", "▁a", "on", "▁an", "and", "▁and", "ing", "▁s", "▁w", "en",
    "hello", "llo", "lo", "▁hello", "wor", "ld", "world", "▁world", "é",
  ]

  /// The vocabulary and the sizes, without tensors.
  private func metadata() -> (writer: GGUFWriter, vocabulary: Int) {
    var writer = GGUFWriter()
    writer.add("general.architecture", "llama")
    writer.add("general.name", "sample")
    writer.add("llama.block_count", UInt32(blocks))
    writer.add("llama.embedding_length", UInt32(width))
    writer.add("llama.feed_forward_length", UInt32(hidden))
    writer.add("llama.attention.head_count", UInt32(heads))
    writer.add("llama.attention.head_count_kv", UInt32(keyHeads))
    writer.add("llama.attention.key_length", UInt32(headSize))
    writer.add("llama.attention.value_length", UInt32(headSize))
    writer.add("llama.rope.dimension_count", UInt32(headSize))
    writer.add("llama.attention.layer_norm_rms_epsilon", Float(1e-5))
    writer.add("llama.context_length", UInt32(context))
    var tokens = ["<unk>", "<s>", "</s>"].map { Array($0.utf8) }
    var kinds: [Int32] = [2, 3, 3]
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in 0..<256 {
      tokens.append(Array("<0x".utf8) + [digits[byte / 16], digits[byte % 16], UInt8(ascii: ">")])
      kinds.append(6)
    }
    for name in ["<|im_start|>", "<|im_end|>"] {
      tokens.append(Array(name.utf8))
      kinds.append(3)
    }
    let letters = (0x61...0x7a).map { String(UnicodeScalar(UInt8($0))) } + ["▁"]
    for piece in Self.pieces + letters {
      tokens.append(Array(piece.utf8))
      kinds.append(1)
    }
    writer.add("tokenizer.ggml.model", "llama")
    writer.add("tokenizer.ggml.tokens", tokens)
    writer.add("tokenizer.ggml.scores", tokens.indices.map { kinds[$0] == 1 ? -Float($0) : 0 })
    writer.add("tokenizer.ggml.token_type", kinds)
    writer.add("tokenizer.ggml.bos_token_id", UInt32(1))
    writer.add("tokenizer.ggml.eos_token_id", UInt32(2))
    writer.add("tokenizer.ggml.add_space_prefix", false)
    if let template { writer.add("tokenizer.chat_template", template) }
    return (writer, tokens.count)
  }

  /// The file and where its header ends.
  public func gguf() -> (bytes: [UInt8], headerBytes: Int) {
    var (writer, vocabulary) = metadata()
    var draws = seed
    func draw() -> Float {
      draws = draws &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(Int32(truncatingIfNeeded: draws >> 32)) * 0x1p-31
    }
    func matrix(_ name: String, _ rows: Int, _ columns: Int) {
      let scale = 2 / Float(columns).squareRoot()
      let values = (0..<(rows * columns)).map { _ in draw() * scale }
      writer.addTensor(
        name, dimensions: [columns, rows], type: weights.rawValue, bytes: weights.bytes(of: values))
    }
    func norm(_ name: String) {
      let values = (0..<width).map { _ in 1 + draw() / 8 }
      writer.addTensor(name, dimensions: [width], type: 0, bytes: Weights.f32.bytes(of: values))
    }
    matrix("token_embd.weight", vocabulary, width)
    norm("output_norm.weight")
    if isUntied { matrix("output.weight", vocabulary, width) }
    for block in 0..<blocks {
      let prefix = "blk.\(block)."
      norm(prefix + "attn_norm.weight")
      matrix(prefix + "attn_q.weight", heads * headSize, width)
      matrix(prefix + "attn_k.weight", keyHeads * headSize, width)
      matrix(prefix + "attn_v.weight", keyHeads * headSize, width)
      matrix(prefix + "attn_output.weight", width, heads * headSize)
      norm(prefix + "ffn_norm.weight")
      matrix(prefix + "ffn_gate.weight", hidden, width)
      matrix(prefix + "ffn_up.weight", hidden, width)
      matrix(prefix + "ffn_down.weight", width, hidden)
    }
    return (writer.file, writer.header.count)
  }
}

extension SampleLlama.Weights {
  /// The bytes of values of this kind.
  func bytes(of values: [Float]) -> [UInt8] {
    var bytes: [UInt8] = []
    func append(_ value: some FixedWidthInteger) {
      withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    switch self {
    case .f32: for value in values { append(value.bitPattern) }
    case .f16: for value in values { append(Float16(value).bitPattern) }
    case .q8Block:
      for start in stride(from: 0, to: values.count, by: 32) {
        let block = values[start..<(start + 32)]
        let scale = Float16((block.map(abs).max() ?? 0) / 127)
        append(scale.bitPattern)
        for value in block {
          append(scale == 0 ? Int8(0) : Int8(clamping: Int((value / Float(scale)).rounded())))
        }
      }
    }
    return bytes
  }
}
