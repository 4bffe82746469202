/// Random values from a seed: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct SampleSource: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// Often a small number or an extreme one.
  mutating func number<Value: FixedWidthInteger & UnsignedInteger>(
    _ type: Value.Type = Value.self
  ) -> Value {
    switch next() % 8 {
    case 0: 0
    case 1: .max
    case 2, 3: Value(next() % 100)
    default: .random(in: .min ... .max, using: &self)
    }
  }

  mutating func boolean() -> Bool { next() & 1 == 1 }

  mutating func pick<Value>(_ values: [Value]) -> Value {
    values[Int(next() % UInt64(values.count))]
  }

  mutating func bytes(count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }

  mutating func bytes(atMost limit: Int) -> [UInt8] { bytes(count: count(limit, 40)) }

  mutating func text(atMost limit: Int) -> String {
    let alphabet = Array("abc \"\\/\n\t\u{0}\u{1F}\u{7F}é日😀\u{2028}".unicodeScalars)
    var scalars = String.UnicodeScalarView()
    for _ in 0..<count(limit / 4, 12) { scalars.append(pick(alphabet)) }
    return String(scalars)
  }

  mutating func optional<Value>(_ body: (inout SampleSource) -> Value) -> Value? {
    boolean() ? body(&self) : nil
  }

  mutating func list<Value>(
    atMost limit: Int, _ body: (inout SampleSource) -> Value
  ) -> [Value] {
    (0..<count(limit, 4)).map { _ in body(&self) }
  }

  private mutating func count(_ limit: Int, _ usual: Int) -> Int {
    Int(next() % UInt64(min(limit, usual) + 1))
  }
}
