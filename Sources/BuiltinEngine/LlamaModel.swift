internal import CKernels
internal import Glibc

/// A model that runs: read from a GGUF, checked whole, shared by all streams, never changed.
public final class LlamaModel: Sendable {
  let source: ModelBytes
  let shape: LlamaShape
  let weights: LlamaWeights
  let tokenizer: SentencePieceTokenizer
  let template: ChatTemplate
  /// Radians that each rotated pair turns by per position.
  let frequencies: [Double]
  /// What the file calls the model, if anything.
  public let name: String?

  /// Tokens of prompt and output that the model was trained for.
  public var contextMax: Int { shape.contextMax }

  /// Tokens in the vocabulary; ids are below it.
  public var vocabularyCount: Int { shape.vocabulary }

  /// Reads a model; nothing of the file is believed that has not been checked.
  public init(_ source: ModelBytes) throws(GGUFError) {
    self.source = source
    let file = try GGUFFile(source)
    shape = try LlamaShape(file)
    weights = try LlamaWeights(file, shape)
    tokenizer = try SentencePieceTokenizer(file)
    template = try ChatTemplate(file, tokenizer)
    name = try file.string("general.name", most: 256).map(GGUFError.plain)
    frequencies = (0..<(shape.rotated / 2)).map { [shape, weights] pair in
      let factor = weights.rotationFactors.map { Double($0.start[pair]) } ?? 1
      return pow(shape.rotationBase, -2 * Double(pair) / Double(shape.rotated))
        / (shape.rotationScale * factor)
    }
    guard frequencies.allSatisfy({ $0.isFinite && $0 > 0 && $0 <= 1e6 }) else {
      throw .metadata(
        key: "llama.rope.freq_base",
        what: "with its scaling and 'rope_freqs.weight' it gives angles that are of no use")
    }
  }

  /// Bytes that the cache of one stream takes when it is full.
  public func cacheBytes(context: Int) -> Int { 8 * LlamaState.cacheFloats(shape, context) }
}
