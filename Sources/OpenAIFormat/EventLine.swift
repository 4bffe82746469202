/// JSON as one line of a server-sent event.
///
/// Line breaks between its tokens become spaces: each would end the event's `data` field (WHATWG HTML, 9.2.6), and
/// whoever wrote the object could go on with events of his own. Inside strings JSON allows none.
public enum EventLine {
  /// A JSON object on one line; nil if the bytes are anything else than exactly one.
  public static func object(_ bytes: [UInt8]) -> [UInt8]? {
    members(of: bytes, without: []).map {
      [UInt8(ascii: "{")] + $0 + [UInt8(ascii: "}")]
    }
  }

  /// The members of a JSON object on one line, without braces; nil if the bytes are anything else than exactly one.
  ///
  /// - Parameters:
  ///   - bytes: the object.
  ///   - dropped: keys of members that are left out.
  /// - Returns: the members as they were written, commas between them.
  static func members(of bytes: [UInt8], without dropped: Set<String>) -> [UInt8]? {
    guard bytes.first == UInt8(ascii: "{"), bytes.last == UInt8(ascii: "}") else { return nil }
    var kept: [UInt8] = []
    kept.reserveCapacity(bytes.count)
    var holdsAll = true
    do {
      var scanner = try JSONScanner(bytes)
      try scanner.beginObject()
      var end = scanner.offset
      while let key = try scanner.nextKey() {
        let value = try scanner.skipValue()
        // From the key's quotation mark: what is before it is the comma and spaces.
        let member = bytes[end..<value.upperBound].drop { $0 != UInt8(ascii: "\"") }
        end = value.upperBound
        if dropped.contains(key) {
          holdsAll = false
        } else {
          if !kept.isEmpty { kept.append(UInt8(ascii: ",")) }
          kept += member
        }
      }
      try scanner.end()
    } catch {
      return nil
    }
    // An object of nothing but spaces has no members to put a comma behind.
    return (holdsAll && !kept.isEmpty ? Array(bytes[1..<(bytes.count - 1)]) : kept).map {
      $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") ? UInt8(ascii: " ") : $0
    }
  }
}
