/// CRC-64/XZ: the checksum of every value on disk, since LMDB's pages have none.
///
/// The reflected ECMA-182 polynomial, initial value and final exclusive-or all ones ("CRC-64/XZ" in
/// the RevEng catalogue; check value of "123456789" is 0x995DC9BBDF1939FA). It finds every damage of
/// up to 64 adjacent bits and misses another with probability 2⁻⁶⁴. It is no protection against an
/// author: whoever can write the file can write the checksum.
struct Checksum {
  private var state = UInt64.max

  /// The checksum of the bytes seen so far.
  var value: UInt64 { ~state }

  mutating func update(_ bytes: RawSpan) {
    bytes.withUnsafeBytes { update($0) }
  }

  mutating func update(_ byte: UInt8) {
    withUnsafeBytes(of: byte) { update($0) }
  }

  /// Feeds the eight bytes of `value`, most significant first.
  mutating func update(_ value: UInt64) {
    withUnsafeBytes(of: value.bigEndian) { update($0) }
  }

  /// Eight bytes a step through eight tables ("slicing by 8", Kounavis and Berry 2005).
  private mutating func update(_ bytes: UnsafeRawBufferPointer) {
    tables.withUnsafeBufferPointer { table in
      var state = state
      var place = 0
      while bytes.count - place >= 8 {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
        let mixed = state ^ word
        state =
          table[7 &* 256 &+ Int(mixed & 0xff)]
          ^ table[6 &* 256 &+ Int(mixed &>> 8 & 0xff)]
          ^ table[5 &* 256 &+ Int(mixed &>> 16 & 0xff)]
          ^ table[4 &* 256 &+ Int(mixed &>> 24 & 0xff)]
        state ^=
          table[3 &* 256 &+ Int(mixed &>> 32 & 0xff)]
          ^ table[2 &* 256 &+ Int(mixed &>> 40 & 0xff)]
          ^ table[1 &* 256 &+ Int(mixed &>> 48 & 0xff)]
          ^ table[Int(mixed &>> 56)]
        place &+= 8
      }
      while place < bytes.count {
        state = state &>> 8 ^ table[Int((state ^ UInt64(bytes[place])) & 0xff)]
        place &+= 1
      }
      self.state = state
    }
  }
}

/// `tables[256 × n + b]` is what byte `b`, followed by `n` zero bytes, does to the remainder.
private let tables: [UInt64] = {
  let polynomial: UInt64 = 0xC96C_5795_D787_0F42
  var tables: [UInt64] = (0..<256).map { byte in
    (0..<8).reduce(UInt64(byte)) { remainder, _ in
      remainder & 1 == 1 ? remainder >> 1 ^ polynomial : remainder >> 1
    }
  }
  for place in 256..<(8 * 256) {
    let before = tables[place - 256]
    tables.append(tables[Int(before & 0xff)] ^ before >> 8)
  }
  return tables
}()
