/// How many bytes a chat template can print a JSON value in, at most.
///
/// Templates print structured values (tools, tool calls, documents) as JSON of their own making: Jinja's
/// `tojson` escapes `<`, `>`, `&` and `'` as `\u003c`, may write everything beyond ASCII as `\uXXXX`, puts
/// spaces after separators, and may indent by up to four spaces for each level (Llama 3.1 does).
enum PromptBound {
  /// Reads the value that comes next and gives the most bytes it can be printed in.
  static func printed(_ scanner: inout JSONScanner) throws(JSONError) -> Int {
    try printed(&scanner, depth: 1)
  }

  private static func printed(_ scanner: inout JSONScanner, depth: Int) throws(JSONError) -> Int {
    // A line feed, the indentation, a comma and a space.
    let separator = 3 + 4 * depth
    switch try scanner.peek() {
    case .null:
      try scanner.skipValue()
      return 4  // null, None
    case .boolean:
      _ = try scanner.readBoolean()
      return 5  // False
    case .number:
      // 1e300 may be printed in full, by engines that read it as an integer or a double.
      let span = try scanner.readNumber()
      let hasExponent = scanner.bytes[span].contains { $0 | 0x20 == UInt8(ascii: "e") }
      return hasExponent ? span.count + 330 : max(span.count + 2, 24)
    case .string: return string(scanner.bytes[try scanner.readStringSpan().content])
    case .array:
      var total = 2 + separator
      try scanner.beginArray()
      while try scanner.nextElement() {
        total += try printed(&scanner, depth: depth + 1) + separator + 4
      }
      return total
    case .object:
      var total = 2 + separator
      try scanner.beginObject()
      while let key = try scanner.nextKey() {
        total += string(key.utf8) + 2
        total += try printed(&scanner, depth: depth + 1) + separator + 4
      }
      return total
    }
  }

  /// Escapes in the source are counted as written, which is never less than what they print as:
  /// an escape of n bytes prints as one of the same form, or as the character.
  private static func string(_ content: some Collection<UInt8>) -> Int {
    var special = 0
    var beyondASCII = 0
    for byte in content {
      beyondASCII += byte >= 0x80 ? 1 : 0
      special += isEscaped(byte) ? 1 : 0
    }
    // Two bytes print as \uXXXX at worst, four as two of these.
    return 2 + content.count + 5 * special + 2 * beyondASCII
  }

  private static func isEscaped(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">")
      || byte == UInt8(ascii: "&") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\\")
      || byte == UInt8(ascii: "\"") || byte == 0x7f
  }
}
