internal import ExchangeTypes

/// What stands behind a path's question mark: names with numbers or text, each once.
struct RouteQuery {
  private var values: [(name: Substring, value: Substring)] = []

  /// More than any path takes: each is compared with all before it, and whoever sends them has shown no key yet.
  private static let partsMax = 8

  /// Cuts the text into its parts.
  ///
  /// - Throws: `malformed_request` for too many parts, a part without a value, and a name that comes twice.
  init(_ text: Substring) throws(HTTPRefusal) {
    let parts = text.split(separator: "&", maxSplits: Self.partsMax)
    guard parts.count <= Self.partsMax else {
      throw HTTPRefusal(
        .malformedRequest,
        "the path takes no more than \(Self.partsMax) parts behind the question mark")
    }
    for part in parts {
      let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard halves.count == 2, !values.contains(where: { $0.name == halves[0] }) else {
        throw Self.malformed(part)
      }
      values.append((halves[0], halves[1]))
    }
  }

  /// The number of this name; nil if it is not there.
  ///
  /// - Throws: `malformed_request` if it is none.
  mutating func take(
    _ name: String, in range: ClosedRange<UInt64> = 0...UInt64.max
  ) throws(HTTPRefusal) -> UInt64? {
    guard let value = takeValue(name) else { return nil }
    guard let number = Self.number(value), range.contains(number) else {
      let bounds =
        "\(range.lowerBound) " + (range.upperBound == .max ? "on" : "to \(range.upperBound)")
      throw HTTPRefusal(.malformedRequest, "\(name) is a number from \(bounds)", param: name)
    }
    return number
  }

  /// The text of this name, without its percent-encoding.
  ///
  /// - Throws: `malformed_request` if it is not there, is empty, or is no UTF-8.
  mutating func takeText(_ name: String) throws(HTTPRefusal) -> String {
    guard let value = takeValue(name), let text = HTTPRoute.decode(value.utf8), !text.isEmpty else {
      throw HTTPRefusal(
        .malformedRequest,
        "the path takes \(name) behind the question mark, as percent-encoded text",
        param: name)
    }
    return text
  }

  /// What nobody has taken is nothing that the path knows.
  func finish() throws(HTTPRefusal) {
    if let first = values.first { throw Self.malformed(first.name) }
  }

  /// A whole number; nil if the text has anything but digits.
  static func number(_ text: some StringProtocol) -> UInt64? {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      ? UInt64(text) : nil
  }

  private mutating func takeValue(_ name: String) -> Substring? {
    values.firstIndex { $0.name == name }.map { values.remove(at: $0).value }
  }

  private static func malformed(_ part: Substring) -> HTTPRefusal {
    let name = String(part.prefix(100))
    return HTTPRefusal(
      .malformedRequest, "the path takes no '\(name)' behind the question mark", param: name)
  }
}
