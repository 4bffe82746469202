/// Reads a GGUF's header front to back; nothing is believed that the bytes do not hold.
struct GGUFCursor {
  let bytes: UnsafeRawBufferPointer
  private(set) var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var remaining: Int { bytes.count - offset }

  /// A number of fixed size, little-endian.
  mutating func number<Number: FixedWidthInteger>(
    _: Number.Type = Number.self, _ what: String
  ) throws(GGUFError) -> Number {
    let size = MemoryLayout<Number>.size
    guard remaining >= size else { throw cut(what, size) }
    defer { offset += size }
    return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
  }

  /// A count that the rest of the file can hold, at `bytesMin` bytes each, and at most `most`.
  mutating func count(
    _ what: String, bytesMin: Int, most: Int
  ) throws(GGUFError) -> Int {
    let start = offset
    let claimed = try number(UInt64.self, what)
    guard claimed <= UInt64(remaining / bytesMin) else {
      throw .malformed(
        offset: start, what: "\(what) is \(claimed), and \(remaining) bytes are left")
    }
    guard claimed <= UInt64(most) else {
      throw .malformed(offset: start, what: "\(what) is \(claimed); \(most) at most")
    }
    return Int(claimed)
  }

  /// Where a string with its length in front lies.
  mutating func string(_ what: String) throws(GGUFError) -> Range<Int> {
    let length = try count("the length of \(what)", bytesMin: 1, most: Int.max)
    defer { offset += length }
    return offset..<(offset + length)
  }

  /// A short string as text.
  mutating func name(_ what: String, most: Int) throws(GGUFError) -> String {
    let start = offset
    let range = try string(what)
    guard !range.isEmpty, range.count <= most else {
      throw .malformed(offset: start, what: "\(what) has \(range.count) bytes; 1 to \(most) fit")
    }
    let text = String(decoding: bytes[range], as: UTF8.self)
    guard text.utf8.elementsEqual(bytes[range]) else {
      throw .malformed(offset: range.lowerBound, what: "\(what) is not UTF-8")
    }
    return text
  }

  /// Passes bytes.
  mutating func skip(_ count: Int, _ what: String) throws(GGUFError) {
    guard count <= remaining else { throw cut(what, count) }
    offset += count
  }

  private func cut(_ what: String, _ size: Int) -> GGUFError {
    .malformed(
      offset: offset, what: "\(what) needs \(size) bytes and the file ends after \(remaining)")
  }
}
