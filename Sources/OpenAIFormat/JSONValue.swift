/// A JSON document as a tree, for answers that are read once: model lists, properties, error bodies.
///
/// Requests and stream chunks are never read this way: they keep their bytes.
public indirect enum JSONValue: Hashable, Sendable {
  /// `null`.
  case null
  /// A boolean.
  case boolean(Bool)
  /// A number, as written.
  case number(String)
  /// A string, decoded.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object, in the order of the document.
  case object([Member])

  /// A key and its value.
  public struct Member: Hashable, Sendable {
    /// The key, decoded.
    public let key: String
    /// The value.
    public internal(set) var value: JSONValue
  }

  /// Parses a whole document.
  public static func parse(
    _ bytes: [UInt8], limits: JSONLimits = JSONLimits()
  ) throws(JSONError) -> JSONValue {
    var scanner = try JSONScanner(bytes, limits: limits)
    let value = try read(&scanner)
    try scanner.end()
    return value
  }

  /// Reads the value that comes next.
  public static func read(_ scanner: inout JSONScanner) throws(JSONError) -> JSONValue {
    switch try scanner.peek() {
    case .null:
      try scanner.skipValue()
      return .null
    case .boolean: return .boolean(try scanner.readBoolean())
    case .number: return .number(scanner.text(of: try scanner.readNumber()))
    case .string: return .string(try scanner.readString())
    case .array:
      var elements: [JSONValue] = []
      try scanner.beginArray()
      while try scanner.nextElement() { elements.append(try read(&scanner)) }
      return .array(elements)
    case .object:
      var members: [Member] = []
      try scanner.beginObject()
      while let key = try scanner.nextKey() {
        members.append(Member(key: key, value: try read(&scanner)))
      }
      return .object(members)
    }
  }

  /// The value of a key; the last one where the key repeats, nil where this is no object.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.key == key }?.value
  }

  /// The members, where this is an object.
  public var members: [Member]? {
    guard case .object(let members) = self else { return nil }
    return members
  }

  /// The elements, where this is an array.
  public var elements: [JSONValue]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  /// The string, where this is one.
  public var string: String? {
    guard case .string(let string) = self else { return nil }
    return string
  }

  /// The integer, where this is a number written as one that fits 64 bits.
  public var integer: Int? {
    guard case .number(let text) = self else { return nil }
    return Int(text)
  }
}
