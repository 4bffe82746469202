/// A cursor over a JSON document (RFC 8259) that hands out spans of the bytes it was given.
///
/// Nothing is copied or normalised until asked: a caller reads what it knows, and `skipValue` gives the
/// exact bytes of what it does not. Numbers keep their digits, strings their escapes.
///
/// An object is read with `beginObject`, then `nextKey` until nil, reading or skipping one value after
/// each key; an array with `beginArray`, then `nextElement` until false. Reading in another order is a bug
/// of the caller and gives an error or nonsense, never a trap.
public struct JSONScanner: Sendable {
  /// The document.
  public let bytes: [UInt8]
  /// The next byte to read.
  public private(set) var offset: Int

  private let depthMax: Int
  private var depth = 0
  /// The last thing read opened an array or object, so that no comma is due.
  private var atStart = false

  /// Starts at the first byte of a document, after checking its size and that it is UTF-8.
  public init(_ bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
    try self.init(trusting: bytes, limits: limits)
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      throw JSONError(.invalidUTF8, at: error.byteOffsets.lowerBound)
    }
  }

  /// Starts without checking the encoding, for engines that cut a character between two chunks.
  ///
  /// Strings may then hold invalid UTF-8, which the caller must repair.
  public init(trusting bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
    guard bytes.count <= limits.bytesMax else { throw JSONError(.tooLarge, at: limits.bytesMax) }
    self.bytes = bytes
    offset = 0
    depthMax = limits.depthMax
  }

  // MARK: Structure

  /// The type of the value that comes next; it stays unread.
  public mutating func peek() throws(JSONError) -> JSONKind {
    switch try peekByte() {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
    case UInt8(ascii: "n"): return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    case let byte: throw JSONError(.unexpectedByte(byte), at: offset)
    }
  }

  /// Enters an object.
  public mutating func beginObject() throws(JSONError) {
    try begin(UInt8(ascii: "{"), .object)
  }

  /// The next key, decoded, or nil after the object's end.
  public mutating func nextKey() throws(JSONError) -> String? {
    guard try next(UInt8(ascii: "}")) else { return nil }
    guard try peekByte() == UInt8(ascii: "\"") else {
      throw JSONError(.unexpectedByte(bytes[offset]), at: offset)
    }
    let key = try readString()
    guard try peekByte() == UInt8(ascii: ":") else {
      throw JSONError(.unexpectedByte(bytes[offset]), at: offset)
    }
    offset += 1
    return key
  }

  /// Enters an array.
  public mutating func beginArray() throws(JSONError) {
    try begin(UInt8(ascii: "["), .array)
  }

  /// Whether another element follows; false after the array's end.
  public mutating func nextElement() throws(JSONError) -> Bool {
    try next(UInt8(ascii: "]"))
  }

  /// Checks that nothing but white space follows the document's value.
  public mutating func end() throws(JSONError) {
    skipSpace()
    guard offset == bytes.count else {
      throw JSONError(.unexpectedByte(bytes[offset]), at: offset)
    }
  }

  // MARK: Values

  /// Reads past a value of any type, checking it, and gives its exact bytes.
  @discardableResult
  public mutating func skipValue() throws(JSONError) -> Range<Int> {
    let kind = try peek()
    let start = offset
    switch kind {
    case .null: try readNull()
    case .boolean: _ = try readBoolean()
    case .number: _ = try readNumber()
    case .string: _ = try readStringSpan()
    case .array:
      try beginArray()
      while try nextElement() { try skipValue() }
    case .object:
      try beginObject()
      while try next(UInt8(ascii: "}")) {
        guard try peekByte() == UInt8(ascii: "\"") else {
          throw JSONError(.unexpectedByte(bytes[offset]), at: offset)
        }
        _ = try readStringSpan()
        guard try peekByte() == UInt8(ascii: ":") else {
          throw JSONError(.unexpectedByte(bytes[offset]), at: offset)
        }
        offset += 1
        try skipValue()
      }
    }
    return start..<offset
  }

  /// Reads `null` if it comes next, and says whether it did.
  public mutating func skipNull() throws(JSONError) -> Bool {
    guard try peek() == .null else { return false }
    try readNull()
    return true
  }

  /// Reads a boolean.
  public mutating func readBoolean() throws(JSONError) -> Bool {
    try expect(.boolean)
    let value = bytes[offset] == UInt8(ascii: "t")
    try readLiteral(value ? "true" : "false")
    return value
  }

  /// Reads a number and gives its exact bytes.
  public mutating func readNumber() throws(JSONError) -> Range<Int> {
    try expect(.number)
    let start = offset
    if bytes[offset] == UInt8(ascii: "-") { offset += 1 }
    let whole = offset
    try readDigits()
    if bytes[whole] == UInt8(ascii: "0"), offset > whole + 1 {
      throw JSONError(.invalidNumber, at: whole)
    }
    if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
      offset += 1
      try readDigits()
    }
    if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
      offset += 1
      if offset < bytes.count,
        bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-")
      {
        offset += 1
      }
      try readDigits()
    }
    atStart = false
    return start..<offset
  }

  /// Reads a number that is written as an integer and fits 64 bits.
  public mutating func readInteger() throws(JSONError) -> Int {
    let span = try readNumber()
    guard let value = Int(text(of: span)) else {
      throw JSONError(.invalidNumber, at: span.lowerBound)
    }
    return value
  }

  /// Reads a number as the nearest double; one too large for a double is refused.
  public mutating func readDouble() throws(JSONError) -> Double {
    let span = try readNumber()
    guard let value = Double(text(of: span)), value.isFinite else {
      throw JSONError(.invalidNumber, at: span.lowerBound)
    }
    return value
  }

  /// Reads a string, decoded; a lone surrogate becomes U+FFFD.
  public mutating func readString() throws(JSONError) -> String {
    let string = try readStringSpan()
    return string.escaped
      ? String(decoding: decode(string), as: UTF8.self) : text(of: string.content)
  }

  /// Reads a string as decoded bytes; a lone surrogate becomes U+FFFD.
  public mutating func readStringBytes() throws(JSONError) -> [UInt8] {
    decode(try readStringSpan())
  }

  /// Reads past a string and gives how many bytes `readStringBytes` would give.
  public mutating func readStringByteCount() throws(JSONError) -> Int {
    let string = try readStringSpan()
    return string.escaped ? decode(string).count : string.content.count
  }

  /// A string in the document: what lies between its quotes, and whether escapes are in it.
  public struct StringSpan: Hashable, Sendable {
    /// The bytes between the quotes, as written.
    public let content: Range<Int>
    /// Whether a backslash is among them.
    public let escaped: Bool
  }

  /// Reads past a string, checking its escapes.
  public mutating func readStringSpan() throws(JSONError) -> StringSpan {
    try expect(.string)
    offset += 1
    let start = offset
    var escaped = false
    while offset < bytes.count {
      switch bytes[offset] {
      case UInt8(ascii: "\""):
        let content = start..<offset
        offset += 1
        atStart = false
        return StringSpan(content: content, escaped: escaped)
      case UInt8(ascii: "\\"):
        escaped = true
        try skipEscape()
      case 0..<0x20:
        throw JSONError(.unexpectedByte(bytes[offset]), at: offset)
      default: offset += 1
      }
    }
    throw JSONError(.unexpectedEnd, at: offset)
  }

  /// The document's bytes in a span, as written.
  public func text(of span: Range<Int>) -> String {
    String(decoding: bytes[span], as: UTF8.self)
  }

  /// The bytes that a string stands for.
  public func decode(_ string: StringSpan) -> [UInt8] {
    guard string.escaped else { return Array(bytes[string.content]) }
    var result: [UInt8] = []
    result.reserveCapacity(string.content.count)
    var index = string.content.lowerBound
    while index < string.content.upperBound {
      guard bytes[index] == UInt8(ascii: "\\") else {
        result.append(bytes[index])
        index += 1
        continue
      }
      let escape = bytes[index + 1]
      index += 2
      switch escape {
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "f"): result.append(0x0c)
      case UInt8(ascii: "n"): result.append(0x0a)
      case UInt8(ascii: "r"): result.append(0x0d)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "u"):
        var unit = codeUnit(at: index)
        index += 4
        if unit & 0xfc00 == 0xd800, index + 6 <= string.content.upperBound,
          bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u"),
          codeUnit(at: index + 2) & 0xfc00 == 0xdc00
        {
          unit = 0x10000 + (unit & 0x3ff) << 10 + (codeUnit(at: index + 2) & 0x3ff)
          index += 6
        }
        result.append(contentsOf: UTF8.encode(UnicodeScalar(unit) ?? "\u{fffd}") ?? .init())
      default: result.append(escape)  // the quote, the backslash, the slash
      }
    }
    return result
  }

  // MARK: Bytes

  private mutating func skipSpace() {
    while offset < bytes.count {
      switch bytes[offset] {
      case 0x20, 0x0a, 0x0d, 0x09: offset += 1
      default: return
      }
    }
  }

  private mutating func peekByte() throws(JSONError) -> UInt8 {
    skipSpace()
    guard offset < bytes.count else { throw JSONError(.unexpectedEnd, at: offset) }
    return bytes[offset]
  }

  private mutating func expect(_ kind: JSONKind) throws(JSONError) {
    guard try peek() == kind else { throw JSONError(.mismatch(expected: kind), at: offset) }
  }

  private mutating func begin(_ opening: UInt8, _ kind: JSONKind) throws(JSONError) {
    try expect(kind)
    guard depth < depthMax else { throw JSONError(.tooDeep, at: offset) }
    depth += 1
    offset += 1
    atStart = true
  }

  private mutating func next(_ closing: UInt8) throws(JSONError) -> Bool {
    let byte = try peekByte()
    if byte == closing {
      offset += 1
      depth -= 1
      atStart = false
      return false
    }
    if !atStart {
      guard byte == UInt8(ascii: ",") else { throw JSONError(.unexpectedByte(byte), at: offset) }
      offset += 1
    }
    return true
  }

  private mutating func readNull() throws(JSONError) { try readLiteral("null") }

  private mutating func readLiteral(_ literal: StaticString) throws(JSONError) {
    for expected in literal.description.utf8 {
      guard offset < bytes.count else { throw JSONError(.unexpectedEnd, at: offset) }
      guard bytes[offset] == expected else {
        throw JSONError(.unexpectedByte(bytes[offset]), at: offset)
      }
      offset += 1
    }
    atStart = false
  }

  private mutating func readDigits() throws(JSONError) {
    let start = offset
    while offset < bytes.count, bytes[offset] &- UInt8(ascii: "0") <= 9 { offset += 1 }
    guard offset > start else {
      throw JSONError(offset < bytes.count ? .invalidNumber : .unexpectedEnd, at: offset)
    }
  }

  private mutating func skipEscape() throws(JSONError) {
    guard offset + 1 < bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
    switch bytes[offset + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      offset += 2
    case UInt8(ascii: "u"):
      guard offset + 6 <= bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
      for index in (offset + 2)..<(offset + 6) where hexadecimal(bytes[index]) == nil {
        throw JSONError(.invalidEscape, at: index)
      }
      offset += 6
    default: throw JSONError(.invalidEscape, at: offset + 1)
    }
  }

  private func codeUnit(at index: Int) -> UInt32 {
    var unit: UInt32 = 0
    for digit in bytes[index..<(index + 4)] { unit = unit << 4 | (hexadecimal(digit) ?? 0) }
    return unit
  }

  private func hexadecimal(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }
}
