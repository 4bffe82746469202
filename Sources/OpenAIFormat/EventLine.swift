/// JSON as one line of a server-sent event.
public enum EventLine {
  /// A JSON object on one line; nil if the bytes are anything else than exactly one.
  ///
  /// Line breaks between its tokens become spaces: each would end the event's `data` field (WHATWG HTML, 9.2.6),
  /// and whoever wrote the object could go on with events of his own. Inside strings JSON allows none.
  public static func object(_ bytes: [UInt8]) -> [UInt8]? {
    guard bytes.first == UInt8(ascii: "{"), bytes.last == UInt8(ascii: "}"),
      String(validating: bytes, as: UTF8.self) != nil
    else { return nil }
    do {
      var scanner = try JSONScanner(bytes)
      try scanner.skipValue()
      try scanner.end()
    } catch {
      return nil
    }
    return bytes.map {
      $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") ? UInt8(ascii: " ") : $0
    }
  }
}
