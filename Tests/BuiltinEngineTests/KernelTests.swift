import CKernels
import Testing

/// The levels of the kernels against each other, to the bit, and against plain arithmetic.
@Suite("The kernels")
struct KernelTests {
  static let levels = Array(CK_PORTABLE...Int(ck_level_best())).map(Int32.init)

  /// Numbers of both signs and several magnitudes, the same in every run.
  static func numbers(_ count: Int, seed: UInt64) -> [Float] {
    var draws = seed
    return (0..<count).map { index in
      draws = draws &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(Int32(truncatingIfNeeded: draws >> 32)) * 0x1p-31 * Float(1 + index % 5)
    }
  }

  static func weights(_ type: Int32, rows: Int, columns: Int) -> [UInt8] {
    let size = rows * ck_row_bytes(type, columns)
    let values = numbers(rows * columns, seed: 7)
    var bytes: [UInt8] = []
    switch type {
    case Int32(CK_F32): for value in values { withUnsafeBytes(of: value) { bytes += $0 } }
    case Int32(CK_F16): for value in values { withUnsafeBytes(of: Float16(value)) { bytes += $0 } }
    default:
      for block in 0..<(rows * columns / 32) {
        withUnsafeBytes(of: Float16(0.01 * Float(1 + block % 7))) { bytes += $0 }
        // Every byte, the one that has no opposite included.
        bytes += (0..<32).map { UInt8(truncatingIfNeeded: block * 37 + $0 * 11) }
      }
    }
    precondition(bytes.count == size)
    return bytes
  }

  static func products(
    _ level: Int32, _ type: Int32, rows: Int, columns: Int, count: Int
  ) -> [Float] {
    let weights = weights(type, rows: rows, columns: columns)
    let input = numbers(columns * count, seed: 3)
    var prepared = [UInt8](repeating: 0, count: ck_prepared_bytes(type, columns, count))
    var output = [Float](repeating: 0, count: rows * count)
    ck_prepare(level, type, input, columns, count, &prepared)
    ck_multiply(level, type, weights, rows, columns, prepared, count, &output)
    return output
  }

  @Test(
    "products are the same bits at every level and in any batch",
    arguments: [CK_F32, CK_F16, CK_Q8_0], [(1, 32), (7, 64), (13, 96), (9, 288)])
  func products(type: Int, shape: (rows: Int, columns: Int)) {
    let type = Int32(type)
    let expected = Self.products(
      Int32(CK_PORTABLE), type, rows: shape.rows, columns: shape.columns, count: 8)
    for level in Self.levels {
      for count in [1, 3, 8] {
        let found = Self.products(
          level, type, rows: shape.rows, columns: shape.columns, count: count)
        #expect(found.map(\.bitPattern) == expected.prefix(found.count).map(\.bitPattern))
      }
    }
  }

  @Test("products are the sums that they should be", arguments: [CK_F32, CK_F16, CK_Q8_0])
  func values(type: Int) {
    let type = Int32(type)
    let (rows, columns) = (6, 96)
    let weights = Self.weights(type, rows: rows, columns: columns)
    let input = Self.numbers(columns, seed: 3)
    let found = Self.products(Int32(CK_PORTABLE), type, rows: rows, columns: columns, count: 1)
    for row in 0..<rows {
      var plain = [Float](repeating: 0, count: columns)
      weights.withUnsafeBytes { bytes in
        ck_read_row(
          type, bytes.baseAddress.map { $0 + row * ck_row_bytes(type, columns) }, columns, &plain)
      }
      let exact = zip(plain, input).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
      let size = zip(plain, input).reduce(0.0) { $0 + abs(Double($1.0) * Double($1.1)) }
      // Columns for blocks are rounded to 1/127 of their largest; sums of floats to their last place.
      let tolerance = type == Int32(CK_Q8_0) ? 0.01 : 1e-6
      #expect(abs(Double(found[row]) - exact) <= tolerance * size)
    }
  }

  @Test("columns that are no multiple of the lanes lose nothing", arguments: [1, 5, 8, 19])
  func tails(columns: Int) {
    for type in [CK_F32, CK_F16].map(Int32.init) {
      let expected = Self.products(Int32(CK_PORTABLE), type, rows: 5, columns: columns, count: 2)
      for level in Self.levels {
        #expect(Self.products(level, type, rows: 5, columns: columns, count: 2) == expected)
      }
    }
  }

  @Test("attention, norm and gate are the same bits at every level", arguments: [8, 24, 32, 80])
  func steps(size: Int) {
    let positions = 37
    let query = Self.numbers(size, seed: 1)
    let keys = Self.numbers(size * positions, seed: 2)
    let values = Self.numbers(size * positions, seed: 4)
    let up = Self.numbers(size, seed: 5)
    func run(_ level: Int32) -> [UInt32] {
      var scores = [Float](repeating: 0, count: positions)
      var attended = [Float](repeating: 0, count: size)
      var normed = [Float](repeating: 0, count: size)
      var gate = query
      ck_attend(level, query, keys, values, size, positions, 0.3, &scores, &attended)
      ck_rms_norm(level, query, up, 1e-5, size, &normed)
      ck_swiglu(level, &gate, up, size)
      return (attended + normed + gate).map(\.bitPattern)
    }
    for level in Self.levels { #expect(run(level) == run(Int32(CK_PORTABLE))) }
  }

  @Test("attention weighs values by the softmax of the scores")
  func attention() {
    let query: [Float] = [1, 0]
    let keys: [Float] = [0, 0, 1, 0, 200, 0]
    let values: [Float] = [1, 10, 2, 20, 3, 30]
    var scores = [Float](repeating: 0, count: 3)
    var output = [Float](repeating: 0, count: 2)
    ck_attend(Int32(CK_PORTABLE), query, keys, values, 2, 2, 1, &scores, &output)
    let weight = Float(0.26894142)  // 1 / (1 + e)
    #expect(abs(output[0] - (2 - weight)) < 1e-6 && abs(output[1] - (20 - 10 * weight)) < 1e-5)
    ck_attend(Int32(CK_PORTABLE), query, keys, values, 2, 3, 1, &scores, &output)
    #expect(output == [3, 30], "a far larger score takes all, without overflow")
  }

  @Test("halves widen exactly: zeros, subnormals, infinities, every exponent")
  func halves() {
    for bits in stride(from: UInt16(0), through: 0xfbff, by: 7) {
      let half = Float16(bitPattern: bits)
      guard !half.isNaN else { continue }
      var row = [UInt8](repeating: 0, count: 2)
      row[0] = UInt8(bits & 0xff)
      row[1] = UInt8(bits >> 8)
      var value: [Float] = [0]
      ck_read_row(Int32(CK_F16), row, 1, &value)
      #expect(value[0].bitPattern == Float(half).bitPattern)
    }
  }

  @Test("sampling keeps the most likely, ranks equals by token, and follows the draw")
  func sampling() {
    let logits: [Float] = [0, 2, 2, .nan, 1]
    var scratch = [ck_candidate](repeating: ck_candidate(), count: logits.count)
    func sample(_ topK: Int, _ topP: Float, _ draw: Double) -> Int {
      ck_sample(Int32(CK_PORTABLE), logits, logits.count, 1, topK, topP, draw, &scratch)
    }
    #expect(ck_largest(logits, logits.count) == 1)
    #expect(sample(1, 1, 0.99) == 1, "of equals the first")
    #expect(sample(2, 1, 0.4) == 1 && sample(2, 1, 0.6) == 2)
    #expect(sample(0, 0.1, 0.99) == 1, "the fewest that hold a tenth: one")
    #expect(
      sample(0, 1, 0) == 1 && sample(0, 1, 0.999_999) == 0, "best first, never what is no number")
    for level in Self.levels {
      for draw in stride(from: 0.0, to: 1, by: 0.05) {
        #expect(
          ck_sample(level, logits, logits.count, 0.7, 0, 0.9, draw, &scratch)
            == ck_sample(Int32(CK_PORTABLE), logits, logits.count, 0.7, 0, 0.9, draw, &scratch))
      }
    }
  }
}
