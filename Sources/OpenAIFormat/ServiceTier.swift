/// The values of OpenAI's `service_tier`: how soon a consumer wants a request to be served.
///
/// The field goes on to engines as it was written: some have tiers of their own.
public enum ServiceTier: String, Hashable, Sendable, CaseIterable {
  /// Whatever is usual; as if nothing was said.
  case auto
  /// The usual one.
  case `default`
  /// When there is room.
  case flex
  /// What was reserved beforehand, which is nothing here.
  case scale
  /// Before others.
  case priority
  /// The same.
  case fast

  /// Reads the value that comes next; throws `JSONError` or `RequestError`.
  static func read(_ scanner: inout JSONScanner) throws -> ServiceTier {
    guard try scanner.peek() == .string, let tier = ServiceTier(rawValue: try scanner.readString())
    else {
      let words = allCases.map(\.rawValue).joined(separator: ", ")
      throw RequestError.invalid(field: "service_tier", expected: "one of \(words)")
    }
    return tier
  }
}
