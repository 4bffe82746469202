internal import CKernels
internal import Glibc

/// One stream's passage through a model: its cache of keys and values, and room to compute in.
///
/// Invariant: positions `0 ..< count` of the cache are those of the tokens passed so far. What a token
/// leaves there, and the logits after it, depend on the tokens up to it alone: not on how they were cut
/// into passes, nor on other streams (the kernels' sums have one order).
///
/// `@unchecked Sendable`: it is handed from thread to thread under a lock, and used by one at a time.
final class LlamaState: @unchecked Sendable {
  let model: LlamaModel
  let context: Int
  /// Tokens passed.
  private(set) var count = 0

  private let level: Int32
  private let keys: UnsafeMutablePointer<Float>
  private let values: UnsafeMutablePointer<Float>
  private let scratch: UnsafeMutableRawPointer

  // Parts of the scratch.
  private let vectors: UnsafeMutablePointer<Float>
  private let normed: UnsafeMutablePointer<Float>
  private let query: UnsafeMutablePointer<Float>
  private let key: UnsafeMutablePointer<Float>
  private let value: UnsafeMutablePointer<Float>
  private let attended: UnsafeMutablePointer<Float>
  private let gate: UnsafeMutablePointer<Float>
  private let up: UnsafeMutablePointer<Float>
  private let scores: UnsafeMutablePointer<Float>
  private let cosines: UnsafeMutablePointer<Float>
  private let sines: UnsafeMutablePointer<Float>
  private let prepared: UnsafeMutableRawPointer
  private let logitsStart: UnsafeMutablePointer<Float>

  /// Where the scratch begins: at a cache line.
  private static let alignment = 64

  /// Tokens of one pass.
  static let passMax = Int(CK_COLUMNS_MAX)

  /// Reserves a cache for `context` tokens; memory is taken as it fills.
  init(_ model: LlamaModel, context: Int, level: Int32 = ck_level_best()) {
    self.model = model
    self.level = level
    self.context = context
    let shape = model.shape
    let cacheFloats = Self.cacheFloats(shape, context)
    // calloc gives untouched pages, which take no memory until a position is written.
    guard let keys = calloc(cacheFloats, 4), let values = calloc(cacheFloats, 4) else {
      preconditionFailure("no memory for a cache of \(context) tokens")
    }
    self.keys = keys.assumingMemoryBound(to: Float.self)
    self.values = values.assumingMemoryBound(to: Float.self)
    let columns = Self.passMax
    let queryWidth = shape.heads * shape.headSize
    let keyWidth = shape.keyHeads * shape.headSize
    let widest = max(shape.width, queryWidth, shape.hidden)
    // Every part starts at a multiple of 16 floats.
    func padded(_ floats: Int) -> Int { (floats + 15) / 16 * 16 }
    let sizes = [
      columns * shape.width, columns * shape.width, columns * queryWidth, columns * keyWidth,
      columns * keyWidth, columns * queryWidth, columns * shape.hidden, columns * shape.hidden,
      context, shape.rotated / 2, shape.rotated / 2, columns * 2 * widest, shape.vocabulary,
    ].map(padded)
    guard let scratch = calloc(sizes.reduce(0, +) * 4 + Self.alignment, 1) else {
      preconditionFailure("no memory to compute in")
    }
    self.scratch = scratch
    var place = scratch.alignedUp(toMultipleOf: Self.alignment)
    func part(_ index: Int) -> UnsafeMutablePointer<Float> {
      defer { place += sizes[index] * 4 }
      return place.bindMemory(to: Float.self, capacity: sizes[index])
    }
    vectors = part(0)
    normed = part(1)
    query = part(2)
    key = part(3)
    value = part(4)
    attended = part(5)
    gate = part(6)
    up = part(7)
    scores = part(8)
    cosines = part(9)
    sines = part(10)
    prepared = UnsafeMutableRawPointer(part(11))
    logitsStart = part(12)
  }

  deinit {
    free(keys)
    free(values)
    free(scratch)
  }

  /// Floats of the keys, and of the values, of a cache.
  static func cacheFloats(_ shape: LlamaShape, _ context: Int) -> Int {
    shape.blocks * shape.keyHeads * shape.headSize * context
  }

  /// Forgets all tokens.
  func reset() { count = 0 }

  /// The logits after the last token of the last pass that asked for them.
  var logits: UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(start: logitsStart, count: model.shape.vocabulary)
  }

  /// Passes tokens through the model; `logits` are those after the last.
  ///
  /// - Precondition: there are 1 to `passMax`, all in the vocabulary, and the context has room.
  func pass(_ tokens: some Collection<UInt32>, wantsLogits: Bool = true) {
    precondition((1...Self.passMax).contains(tokens.count) && count + tokens.count <= context)
    let shape = model.shape
    let weights = model.weights
    for (column, token) in tokens.enumerated() {
      precondition(token < shape.vocabulary)
      weights.embedding.readRow(Int(token), into: vectors + column * shape.width)
    }
    for (index, block) in weights.blocks.enumerated() {
      attend(block, index, tokens.count)
      feedForward(block, tokens.count)
    }
    count += tokens.count
    guard wantsLogits else { return }
    let last = vectors + (tokens.count - 1) * shape.width
    ck_rms_norm(level, last, weights.outputNorm.start, shape.epsilon, shape.width, normed)
    multiply([(weights.output, logitsStart)], normed, 1)
  }

  private func attend(_ block: LlamaWeights.Block, _ index: Int, _ columns: Int) {
    let shape = model.shape
    let headSize = shape.headSize
    let queryWidth = shape.heads * headSize
    let keyWidth = shape.keyHeads * headSize
    normalize(block.attentionNorm, columns)
    multiply([(block.query, query), (block.key, key), (block.value, value)], normed, columns)
    let scale = 1 / Float(headSize).squareRoot()
    let group = shape.heads / shape.keyHeads
    // Each head's keys lie together, and so do its values.
    let cacheStart = index * shape.keyHeads * context * headSize
    for column in 0..<columns {
      let position = count + column
      turn(to: position)
      let query = query + column * queryWidth
      let key = key + column * keyWidth
      ck_rotate(query, shape.heads, headSize, cosines, sines, shape.rotated / 2)
      ck_rotate(key, shape.keyHeads, headSize, cosines, sines, shape.rotated / 2)
      for head in 0..<shape.keyHeads {
        let place = cacheStart + (head * context + position) * headSize
        (keys + place).update(from: key + head * headSize, count: headSize)
        (values + place).update(from: value + column * keyWidth + head * headSize, count: headSize)
      }
      for head in 0..<shape.heads {
        let place = cacheStart + head / group * context * headSize
        ck_attend(
          level, query + head * headSize, keys + place, values + place, headSize, position + 1,
          scale, scores, attended + column * queryWidth + head * headSize)
      }
    }
    multiply([(block.attentionOutput, normed)], attended, columns)
    ck_add(vectors, normed, columns * shape.width)
  }

  private func feedForward(_ block: LlamaWeights.Block, _ columns: Int) {
    let shape = model.shape
    normalize(block.feedForwardNorm, columns)
    multiply([(block.gate, gate), (block.up, up)], normed, columns)
    ck_swiglu(level, gate, up, columns * shape.hidden)
    multiply([(block.down, normed)], gate, columns)
    ck_add(vectors, normed, columns * shape.width)
  }

  private func normalize(_ weights: WeightVector, _ columns: Int) {
    let width = model.shape.width
    for column in 0..<columns {
      ck_rms_norm(
        level, vectors + column * width, weights.start, model.shape.epsilon, width,
        normed + column * width)
    }
  }

  /// Products of matrices that share their input; it is prepared again only where the type changes.
  private func multiply(
    _ products: [(WeightMatrix, UnsafeMutablePointer<Float>)],
    _ input: UnsafeMutablePointer<Float>, _ columns: Int
  ) {
    var type: Int32 = -1
    for (matrix, output) in products {
      if matrix.type != type {
        type = matrix.type
        ck_prepare(level, type, input, matrix.columns, columns, prepared)
      }
      ck_multiply(
        level, type, matrix.start, matrix.rows, matrix.columns, prepared, columns, output)
    }
  }

  /// The angles of a position: position / base^(2i / rotated) for pair i.
  private func turn(to position: Int) {
    for (pair, frequency) in model.frequencies.enumerated() {
      let angle = Double(position) * frequency
      cosines[pair] = Float(cos(angle))
      sines[pair] = Float(sin(angle))
    }
  }
}
