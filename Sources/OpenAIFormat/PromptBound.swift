/// How many bytes a chat template can print a JSON value in, at most.
///
/// Templates print structured values (tools, tool calls, documents) as JSON of their own making: Jinja's
/// `tojson` escapes `<`, `>`, `&` and `'` as `\u003c`, may write everything beyond ASCII as `\uXXXX`, puts
/// spaces after separators, and may indent by up to four spaces for each level (Llama 3.1 does).
///
/// `JSONScanner.valueEnd` adds these up: of an array or object two brackets, a separator for each member and one more, and four bytes
/// for what else may stand between two members; of a key two bytes more than of a string.
enum PromptBound {
  /// `null`, `None`, `False`.
  static let literalBytesMax = 5

  /// What may stand between two members at a level: a line feed, the indentation, a comma and a space.
  static func separator(atLevel level: Int) -> Int { 3 + 4 * level }

  /// The most bytes of a number.
  ///
  /// 1e300 may be printed in full, by engines that read it as an integer or a double.
  @inline(__always)
  static func number(_ number: Range<Int>, of bytes: [UInt8]) -> Int {
    let span = bytes.span
    for place in number where span[place] | 0x20 == UInt8(ascii: "e") { return number.count + 330 }
    return max(number.count + 2, 24)
  }

  /// The most bytes of a string.
  ///
  /// Escapes in the source are counted as written, which is never less than what they print as:
  /// an escape of n bytes prints as one of the same form, or as the character.
  static func string(_ content: Range<Int>, of bytes: [UInt8]) -> Int {
    let span = bytes.span
    var total = 2 + content.count
    var at = content.lowerBound
    while at + blockBytes <= content.upperBound {
      let block = span.extracting(at..<(at + blockBytes))
      var more: UInt8 = 0  // at most 160
      for place in 0..<blockBytes { more &+= escaping(block[place]) }
      total += Int(more)
      at += blockBytes
    }
    while at < content.upperBound {
      total += Int(escaping(span[at]))
      at += 1
    }
    return total
  }

  private static let blockBytes = 32

  /// How many bytes more than itself a byte is printed in: two beyond ASCII print as \uXXXX at worst, four as two of these.
  @inline(__always)
  private static func escaping(_ byte: UInt8) -> UInt8 {
    let markup =
      one(byte, UInt8(ascii: "<")) | one(byte, UInt8(ascii: ">")) | one(byte, UInt8(ascii: "&"))
      | one(byte, UInt8(ascii: "'")) | one(byte, UInt8(ascii: "\\")) | one(byte, UInt8(ascii: "\""))
      | one(byte, 0x7f)
    return (markup | one(byte >> 5, 0)) &* 5 &+ (byte >> 7) &* 2
  }

  @inline(__always)
  private static func one(_ byte: UInt8, _ other: UInt8) -> UInt8 { byte == other ? 1 : 0 }
}
