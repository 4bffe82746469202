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

  let depthMax: Int
  private(set) var depth = 0
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
    let key = try keyEnd(from: offset)
    offset = key.end
    atStart = false
    return text(of: key.string)
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
    skipSpace()
    let start = offset
    offset = try valueEnd(from: start, counting: false).offset
    atStart = false
    return start..<offset
  }

  /// Reads past a value of any type, checking it, and gives the most bytes that a template can print it in.
  mutating func skipPrinted() throws(JSONError) -> Int {
    let end = try valueEnd(from: offset, counting: true)
    offset = end.offset
    atStart = false
    return end.printed
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
    offset = try numberEnd(from: start)
    atStart = false
    return start..<offset
  }

  /// Reads a number that is written as an integer and fits 64 bits.
  public mutating func readInteger() throws(JSONError) -> Int {
    let span = try readNumber()
    guard let value = integer(of: span) else {
      throw JSONError(.invalidNumber, at: span.lowerBound)
    }
    return value
  }

  /// Reads past as many whole numbers of at most `most` as stand here in a row, between commas; gives how many.
  ///
  /// For lists of token ids, which have hundreds of thousands: what is anything else stays unread.
  mutating func skipIntegers(upTo most: Int) -> Int {
    let (count, end) = integers(from: offset, upTo: most)
    guard count > 0 else { return 0 }
    offset = end
    atStart = false
    return count
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
    text(of: try readStringSpan())
  }

  /// Reads a string as decoded bytes; a lone surrogate becomes U+FFFD.
  public mutating func readStringBytes() throws(JSONError) -> [UInt8] {
    decode(try readStringSpan())
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
    let string = try string(from: offset + 1)
    offset = string.content.upperBound + 1
    atStart = false
    return string
  }

  // MARK: Bytes

  private mutating func skipSpace() { offset = spaceEnd(from: offset) }

  private mutating func peekByte() throws(JSONError) -> UInt8 {
    skipSpace()
    guard let byte = byte(at: offset) else { throw JSONError(.unexpectedEnd, at: offset) }
    return byte
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
    offset = try end(of: literal, from: offset)
    atStart = false
  }
}
