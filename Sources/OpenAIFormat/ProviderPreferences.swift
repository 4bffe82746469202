/// OpenRouter's `provider` object: whom a consumer wants to have a request run by.
///
/// The exchange honours it and no engine sees it. A member that it does not honour is refused by name: to drop one, such as
/// `data_collection`, would be to do what its consumer has forbidden.
public struct ProviderPreferences: Hashable, Sendable {
  /// What the choice is made by.
  public enum Sort: String, Hashable, Sendable, CaseIterable {
    /// The lowest price.
    case price
    /// The most tokens a second.
    case throughput
    /// The least time to the first output.
    case latency
  }

  /// The most names in a list.
  static let namesMax = 8
  /// The most bytes of a name.
  static let nameBytesMax = 257

  /// Who is asked first, in this order.
  public var order: [String] = []
  /// Nobody else; empty for anybody.
  public var only: [String] = []
  /// Not these.
  public var ignore: [String] = []
  /// Whether those that `order` does not name come after it.
  public var allowFallbacks = true
  /// What decides among the rest.
  public var sort: Sort?
  /// The highest price of prompt tokens, in nano-credits per million.
  public var maxPromptPrice: UInt64?
  /// The highest price of output tokens, in nano-credits per million.
  public var maxCompletionPrice: UInt64?

  /// Asks for nothing.
  public init() {}

  /// Reads the object that comes next; throws `JSONError` or `RequestError`.
  static func read(_ scanner: inout JSONScanner) throws -> ProviderPreferences {
    guard try scanner.peek() == .object else {
      throw RequestError.invalid(field: "provider", expected: "an object")
    }
    var preferences = ProviderPreferences()
    var seen: Set<String> = []
    try scanner.beginObject()
    while let name = try scanner.nextKey() {
      let field = "provider.\(name)"
      guard seen.insert(name).inserted else { throw RequestError.duplicate(field: field) }
      if try scanner.skipNull() { continue }
      switch name {
      case "order": preferences.order = try scanner.names(field)
      case "only": preferences.only = try scanner.names(field)
      case "ignore": preferences.ignore = try scanner.names(field)
      case "allow_fallbacks":
        guard try scanner.peek() == .boolean else {
          throw RequestError.invalid(field: field, expected: "a boolean")
        }
        preferences.allowFallbacks = try scanner.readBoolean()
      case "sort":
        let words = Sort.allCases.map(\.rawValue).joined(separator: ", ")
        guard try scanner.peek() == .string, let sort = Sort(rawValue: try scanner.readString())
        else { throw RequestError.invalid(field: field, expected: "one of \(words)") }
        preferences.sort = sort
      case "max_price": try preferences.readPrices(&scanner, field)
      default: throw RequestError.unsupported(field: field)
      }
    }
    guard preferences.allowFallbacks || !preferences.order.isEmpty else {
      throw RequestError.invalid(
        field: "provider.allow_fallbacks", expected: "true where provider.order names nobody")
    }
    return preferences
  }

  private mutating func readPrices(_ scanner: inout JSONScanner, _ field: String) throws {
    guard try scanner.peek() == .object else {
      throw RequestError.invalid(field: field, expected: "an object")
    }
    var seen: Set<String> = []
    try scanner.beginObject()
    while let name = try scanner.nextKey() {
      let field = "\(field).\(name)"
      guard seen.insert(name).inserted else { throw RequestError.duplicate(field: field) }
      if try scanner.skipNull() { continue }
      switch name {
      case "prompt": maxPromptPrice = try scanner.price(field)
      case "completion": maxCompletionPrice = try scanner.price(field)
      default: throw RequestError.unsupported(field: field)
      }
    }
  }
}

extension JSONScanner {
  /// A list of at most `ProviderPreferences.namesMax` names.
  mutating func names(_ field: String) throws -> [String] {
    let wrong = RequestError.invalid(
      field: field,
      expected:
        "at most \(ProviderPreferences.namesMax) names of 1 to \(ProviderPreferences.nameBytesMax) bytes"
    )
    guard try peek() == .array else { throw wrong }
    var names: [String] = []
    try beginArray()
    while try nextElement() {
      guard try peek() == .string, names.count < ProviderPreferences.namesMax else { throw wrong }
      let name = try readString()
      guard (1...ProviderPreferences.nameBytesMax).contains(name.utf8.count) else { throw wrong }
      names.append(name)
    }
    return names
  }

  /// A decimal of credits, as a number or a string, in nano-credits: what is beyond them is cut off.
  fileprivate mutating func price(_ field: String) throws -> UInt64 {
    let wrong = RequestError.invalid(
      field: field, expected: "credits per million tokens, a decimal without an exponent")
    let digits: String
    switch try peek() {
    case .number: digits = text(of: try readNumber())
    case .string: digits = try readString()
    default: throw wrong
    }
    let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), digits.utf8.count <= 40,
      parts.allSatisfy({
        !$0.isEmpty && $0.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      }), let whole = UInt64(parts[0])
    else { throw wrong }
    let fraction = (parts.count == 2 ? String(parts[1].prefix(9)) : "")
    let nano = UInt64(fraction + String(repeating: "0", count: 9 - fraction.utf8.count)) ?? 0
    let (scaled, overflow) = whole.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carried) = scaled.addingReportingOverflow(nano)
    guard !overflow, !carried else { throw wrong }
    return sum
  }
}
