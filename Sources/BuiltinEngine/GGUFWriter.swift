/// Writes a GGUF, version 3: what tests, measurements and the fuzzer start from.
public struct GGUFWriter {
  private var keys: [UInt8] = []
  private var keyCount = 0
  private var infos: [UInt8] = []
  private var tensorCount = 0
  private var data: [UInt8] = []

  private static let alignment = 32

  /// Starts with nothing.
  public init() {}

  /// Adds a 32-bit number.
  public mutating func add(_ key: String, _ value: UInt32) { addKey(key, 4) { $0.number(value) } }

  /// Adds a float.
  public mutating func add(_ key: String, _ value: Float) {
    addKey(key, 6) { $0.number(value.bitPattern) }
  }

  /// Adds a boolean.
  public mutating func add(_ key: String, _ value: Bool) {
    addKey(key, 7) { $0.append(value ? 1 : 0) }
  }

  /// Adds a string.
  public mutating func add(_ key: String, _ value: String) {
    addKey(key, 8) { $0.string(Array(value.utf8)) }
  }

  /// Adds an array of strings.
  public mutating func add(_ key: String, _ values: [[UInt8]]) {
    addKey(key, 9) { bytes in
      bytes.number(UInt32(8))
      bytes.number(UInt64(values.count))
      for value in values { bytes.string(value) }
    }
  }

  /// Adds an array of floats.
  public mutating func add(_ key: String, _ values: [Float]) {
    addKey(key, 9) { bytes in
      bytes.number(UInt32(6))
      bytes.number(UInt64(values.count))
      for value in values { bytes.number(value.bitPattern) }
    }
  }

  /// Adds an array of 32-bit integers.
  public mutating func add(_ key: String, _ values: [Int32]) {
    addKey(key, 9) { bytes in
      bytes.number(UInt32(5))
      bytes.number(UInt64(values.count))
      for value in values { bytes.number(UInt32(bitPattern: value)) }
    }
  }

  /// Adds a tensor; `type` is ggml's number, and `bytes` its data.
  public mutating func addTensor(
    _ name: String, dimensions: [Int], type: UInt32, bytes: [UInt8]
  ) {
    infos.string(Array(name.utf8))
    infos.number(UInt32(dimensions.count))
    for size in dimensions { infos.number(UInt64(size)) }
    infos.number(type)
    infos.number(UInt64(data.count))
    data += bytes
    data.pad(to: Self.alignment)
    tensorCount += 1
  }

  /// The header's bytes, up to the tensors' data.
  public var header: [UInt8] {
    var bytes = Array("GGUF".utf8)
    bytes.number(UInt32(3))
    bytes.number(UInt64(tensorCount))
    bytes.number(UInt64(keyCount))
    bytes += keys
    bytes += infos
    bytes.pad(to: Self.alignment)
    return bytes
  }

  /// The file.
  public var file: [UInt8] { header + data }

  private mutating func addKey(_ key: String, _ type: UInt32, _ write: (inout [UInt8]) -> Void) {
    keys.string(Array(key.utf8))
    keys.number(type)
    write(&keys)
    keyCount += 1
  }
}

extension [UInt8] {
  fileprivate mutating func number(_ value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  fileprivate mutating func string(_ bytes: [UInt8]) {
    number(UInt64(bytes.count))
    append(contentsOf: bytes)
  }

  fileprivate mutating func pad(to alignment: Int) {
    append(contentsOf: repeatElement(0, count: (alignment - count % alignment) % alignment))
  }
}
