internal import CKernels

/// A matrix of a model, where it lies in the file: `rows` outputs of `columns` inputs.
struct WeightMatrix: @unchecked Sendable {
  /// Points into the model's bytes, which `LlamaModel` keeps.
  let start: UnsafeRawPointer
  let type: Int32
  let rows: Int
  let columns: Int

  /// A row as floats.
  func readRow(_ row: Int, into output: UnsafeMutablePointer<Float>) {
    let stride = ck_row_bytes(type, columns)
    ck_read_row(type, start + row * stride, columns, output)
  }
}

/// A vector of floats of a model, where it lies in the file.
struct WeightVector: @unchecked Sendable {
  /// Points into the model's bytes, which `LlamaModel` keeps; aligned, as GGUF's alignment is 8 at least.
  let start: UnsafePointer<Float>
}

/// The tensors of a Llama, each of the shape that its sizes demand.
struct LlamaWeights: Sendable {
  /// The tensors of one block.
  struct Block: Sendable {
    let attentionNorm: WeightVector
    let query: WeightMatrix
    let key: WeightMatrix
    let value: WeightMatrix
    let attentionOutput: WeightMatrix
    let feedForwardNorm: WeightVector
    let gate: WeightMatrix
    let up: WeightMatrix
    let down: WeightMatrix
  }

  let embedding: WeightMatrix
  let blocks: [Block]
  let outputNorm: WeightVector
  let output: WeightMatrix
  /// What each pair's frequency is divided by (Llama 3.1's `rope_freqs`); nil for nothing.
  let rotationFactors: WeightVector?

  /// Finds every tensor; one that a Llama does not have is refused, since leaving it out would compute
  /// another model.
  init(_ file: GGUFFile, _ shape: LlamaShape) throws(GGUFError) {
    var unused = Set(file.tensors.keys)
    let source = file.source

    func find(_ name: String, _ dimensions: [Int]) throws(GGUFError) -> GGUFTensor {
      guard let tensor = file.tensors[name] else { throw .tensor(name: name, what: "missing") }
      unused.remove(name)
      // Trailing dimensions of 1 say nothing.
      var found = tensor.dimensions
      while found.count > dimensions.count, found.last == 1 { found.removeLast() }
      guard found == dimensions else {
        throw .tensor(
          name: name, what: "the shape is \(tensor.dimensions), and must be \(dimensions)")
      }
      return tensor
    }
    func start(_ tensor: GGUFTensor) -> UnsafeRawPointer {
      source.address(tensor.range.lowerBound)
    }
    func matrix(_ name: String, rows: Int, columns: Int) throws(GGUFError) -> WeightMatrix {
      let tensor = try find(name, [columns, rows])
      return WeightMatrix(
        start: start(tensor), type: Int32(tensor.type.rawValue), rows: rows, columns: columns)
    }
    func vector(_ name: String, _ count: Int) throws(GGUFError) -> WeightVector {
      let tensor = try find(name, [count])
      guard tensor.type == .f32 else {
        throw .tensor(name: name, what: "must be F32, and is \(tensor.type.name)")
      }
      let values = start(tensor).assumingMemoryBound(to: Float.self)
      guard UnsafeBufferPointer(start: values, count: count).allSatisfy(\.isFinite) else {
        throw .tensor(name: name, what: "holds what is no number")
      }
      return WeightVector(start: values)
    }

    let width = shape.width
    let queryWidth = shape.heads * shape.headSize
    let keyWidth = shape.keyHeads * shape.headSize
    embedding = try matrix("token_embd.weight", rows: shape.vocabulary, columns: width)
    outputNorm = try vector("output_norm.weight", width)
    output =
      file.tensors["output.weight"] == nil
      ? embedding : try matrix("output.weight", rows: shape.vocabulary, columns: width)
    rotationFactors =
      file.tensors["rope_freqs.weight"] == nil
      ? nil : try vector("rope_freqs.weight", shape.rotated / 2)
    var blocks: [Block] = []
    for index in 0..<shape.blocks {
      let prefix = "blk.\(index)."
      blocks.append(
        Block(
          attentionNorm: try vector(prefix + "attn_norm.weight", width),
          query: try matrix(prefix + "attn_q.weight", rows: queryWidth, columns: width),
          key: try matrix(prefix + "attn_k.weight", rows: keyWidth, columns: width),
          value: try matrix(prefix + "attn_v.weight", rows: keyWidth, columns: width),
          attentionOutput: try matrix(
            prefix + "attn_output.weight", rows: width, columns: queryWidth),
          feedForwardNorm: try vector(prefix + "ffn_norm.weight", width),
          gate: try matrix(prefix + "ffn_gate.weight", rows: shape.hidden, columns: width),
          up: try matrix(prefix + "ffn_up.weight", rows: shape.hidden, columns: width),
          down: try matrix(prefix + "ffn_down.weight", rows: width, columns: shape.hidden)))
    }
    self.blocks = blocks
    if let name = unused.min() {
      throw .tensor(name: name, what: "not one of a Llama's; this model is something else")
    }
  }
}
