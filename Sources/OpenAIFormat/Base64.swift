/// Base64 with padding (RFC 4648, section 4).
enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let padding = UInt8(ascii: "=")
  /// The six bits of each character; 64 for what is none.
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 64, count: 256)
    for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
    return values
  }()

  /// Appends the characters of bytes; of a number of bytes that three divides there is no padding, and more may follow.
  static func append(_ bytes: some Collection<UInt8>, to output: inout [UInt8]) {
    var bits: UInt32 = 0
    var count = 0
    for byte in bytes {
      bits = bits << 8 | UInt32(byte)
      count += 1
      if count == 3 {
        append(bits, characters: 4, to: &output)
        bits = 0
        count = 0
      }
    }
    guard count > 0 else { return }
    append(bits << UInt32(8 * (3 - count)), characters: count + 1, to: &output)
    output += repeatElement(padding, count: 3 - count)
  }

  private static func append(_ bits: UInt32, characters: Int, to output: inout [UInt8]) {
    for place in 0..<characters {
      output.append(alphabet[Int(bits >> UInt32(18 - 6 * place) & 63)])
    }
  }

  /// The bytes of whole groups of four characters; nil for anything else.
  static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3)
    var bits: UInt32 = 0
    var count = 0
    var padded = 0
    for character in text {
      let value = values[Int(character)]
      if character == padding, count >= 2 {
        padded += 1
      } else if value == 64 || padded > 0 {
        return nil
      }
      bits = bits << 6 | UInt32(value & 63)
      count += 1
      guard count == 4 else { continue }
      bytes.append(UInt8(truncatingIfNeeded: bits >> 16))
      if padded < 2 { bytes.append(UInt8(truncatingIfNeeded: bits >> 8)) }
      if padded < 1 { bytes.append(UInt8(truncatingIfNeeded: bits)) }
      bits = 0
      count = 0
    }
    return bytes
  }
}
