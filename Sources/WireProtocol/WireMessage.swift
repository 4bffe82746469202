public import ExchangeTypes

/// A message of the protocol: a value whose fields travel as the payload of one frame.
///
/// Conforming types are generated from `proto-spec/registry.json`.
public protocol WireMessage: Sendable, Hashable {
  /// The message's number, class and size limit.
  static var kind: MessageKind { get }
  /// Writes the fields in the registry's order.
  func encode(into writer: inout CanonicalWriter)
  /// Reads what `encode` writes; what follows the last field is left unread.
  init(from reader: inout CanonicalReader) throws(CanonicalError)
  /// Refuses values that a reader would refuse, such as a name longer than its limit.
  func checkBounds() throws(BoundsError)
}

extension WireMessage {
  /// Accepts: most messages have no field that its type does not bound by itself.
  public func checkBounds() throws(BoundsError) {}
}

/// A field holds more (or, where the size is fixed, another number of) bytes or elements than its
/// type in the registry allows.
public struct BoundsError: Error, Hashable, Sendable {
  /// `Message.field`.
  public let field: String
  /// Bytes or elements found.
  public let count: Int
  /// Bytes or elements allowed.
  public let limit: Int

  /// Joins the parts.
  public init(field: String, count: Int, limit: Int) {
    self.field = field
    self.count = count
    self.limit = limit
  }
}

/// Refuses more than `limit` bytes or elements.
func checkCount(_ count: Int, of field: StaticString, atMost limit: Int) throws(BoundsError) {
  guard count <= limit else {
    throw BoundsError(field: field.description, count: count, limit: limit)
  }
}

/// Refuses any other number of bytes than `size`.
func checkCount(_ count: Int, of field: StaticString, exactly size: Int) throws(BoundsError) {
  guard count == size else {
    throw BoundsError(field: field.description, count: count, limit: size)
  }
}

extension CanonicalReader {
  /// Reads a field that a later version appended: nil where the payload ends before it.
  mutating func readAppended<Value>(
    _ read: (inout CanonicalReader) throws(CanonicalError) -> Value
  ) throws(CanonicalError) -> Value? {
    remaining == 0 ? nil : try readOptional(read)
  }
}

extension String {
  /// The longest start of whole Unicode scalars that takes at most `limit` bytes of UTF-8.
  ///
  /// Text for people is cut rather than refused: a failure must not fail for being explained.
  func cut(toBytes limit: Int) -> String {
    guard utf8.count > limit else { return self }
    var end = utf8.index(utf8.startIndex, offsetBy: limit)
    while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
    return String(self[..<end])
  }
}
