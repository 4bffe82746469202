/// An amount of money: an unsigned integer of nano-credits (10⁻⁹ credit).
public struct Credits: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Nano-credits.
  public let rawValue: UInt64
  /// Wraps nano-credits.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Wraps nano-credits.
  public init(nano: UInt64) { self.rawValue = nano }
  /// Nothing.
  public static let zero = Credits(nano: 0)
  /// Nano-credits in one credit.
  public static let nanoPerCredit: UInt64 = 1_000_000_000
  /// Orders by amount.
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// The sum, or nil if it does not fit in 64 bits.
  public func adding(_ other: Credits) -> Credits? {
    let (sum, overflow) = rawValue.addingReportingOverflow(other.rawValue)
    return overflow ? nil : Credits(nano: sum)
  }

  /// The difference, or nil if `other` is greater.
  public func subtracting(_ other: Credits) -> Credits? {
    rawValue >= other.rawValue ? Credits(nano: rawValue - other.rawValue) : nil
  }

  /// Credits as a decimal with up to nine digits after the point, without trailing zeros.
  public var description: String {
    let fraction = rawValue % Self.nanoPerCredit
    let whole = String(rawValue / Self.nanoPerCredit)
    guard fraction > 0 else { return whole }
    let digits = String(fraction)
    var padded = String(repeating: "0", count: 9 - digits.count) + digits
    while padded.hasSuffix("0") { padded.removeLast() }
    return whole + "." + padded
  }

  /// Parses what `description` prints: decimal credits with at most nine digits after the point.
  ///
  /// - Parameter text: the decimal, such as `12.5`.
  /// - Throws: `AmountFault`.
  public init(parsing text: some StringProtocol) throws(AmountFault) {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, !first.isEmpty, first.utf8.allSatisfy(isDigit) else {
      throw .invalid
    }
    var fraction: UInt64 = 0
    if parts.count == 2 {
      let digits = parts[1]
      guard (1...9).contains(digits.utf8.count), digits.utf8.allSatisfy(isDigit),
        let value = UInt64(digits + String(repeating: "0", count: 9 - digits.utf8.count))
      else { throw .invalid }
      fraction = value
    }
    guard let whole = UInt64(first) else { throw .overflow }
    let (scaled, overflow) = whole.multipliedReportingOverflow(by: Self.nanoPerCredit)
    let (sum, carry) = scaled.addingReportingOverflow(fraction)
    guard !overflow, !carry else { throw .overflow }
    self.init(nano: sum)
  }
}

/// Why text is no amount of credits.
public enum AmountFault: Error, Hashable, Sendable {
  /// It is negative, or not a whole number of nano-credits, or no decimal at all.
  case invalid
  /// It does not fit in 64 bits of nano-credits.
  case overflow

  /// The code that it is refused with.
  public var code: ErrorCode { self == .invalid ? .invalidAmount : .amountOverflow }

  /// What is wrong, for people.
  public var sentence: String {
    switch self {
    case .invalid:
      "is no amount of credits: write a decimal of at least zero with at most nine digits after the point"
    case .overflow: "is more than an amount can be: at most \(Credits(nano: .max)) credits"
    }
  }
}

private func isDigit(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}

/// A price: nano-credits per million tokens.
public struct Price: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Nano-credits per million tokens.
  public let rawValue: UInt64
  /// Wraps nano-credits per million tokens.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Wraps nano-credits per million tokens.
  public init(nanoPerMillion: UInt64) { self.rawValue = nanoPerMillion }
  /// Free of charge.
  public static let zero = Price(nanoPerMillion: 0)
  /// Orders by price.
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  /// Credits per million tokens, as a decimal.
  public var description: String { Credits(nano: rawValue).description }
}

/// A number of tokens.
public struct TokenCount: RawRepresentable, Hashable, Comparable, Sendable,
  CustomStringConvertible
{
  /// The number.
  public let rawValue: UInt64
  /// Wraps a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Wraps a number.
  public init(_ value: UInt64) { self.rawValue = value }
  /// No token.
  public static let zero = TokenCount(0)
  /// Orders by number.
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  /// The decimal number.
  public var description: String { String(rawValue) }
}

/// The price of a job: what its prompt and its output cost per million tokens.
public struct PricePair: Hashable, Sendable {
  /// Per million prompt tokens.
  public let input: Price
  /// Per million output tokens.
  public let output: Price

  /// Joins two prices.
  public init(input: Price, output: Price) {
    self.input = input
    self.output = output
  }

  /// How an amount that is not whole is rounded.
  public enum Rounding: Sendable {
    /// Towards zero: charges.
    case down
    /// Away from zero: holds, so that a hold covers every charge within its bounds.
    case up
  }

  /// What the tokens cost, computed in 128 bits and rounded once, or nil if it does not fit.
  ///
  /// - Parameters:
  ///   - inputTokens: prompt tokens.
  ///   - outputTokens: output tokens.
  ///   - rounding: what happens to a fraction of a nano-credit.
  /// - Returns: the amount, or nil if it does not fit in 64 bits.
  public func cost(
    inputTokens: TokenCount, outputTokens: TokenCount, rounding: Rounding
  ) -> Credits? {
    cost(
      inputTokens: inputTokens, cachedTokens: .zero, cachedPrice: input, outputTokens: outputTokens,
      rounding: rounding)
  }

  /// The same where prompt tokens that an engine had cached have a price of their own.
  ///
  /// - Parameters:
  ///   - inputTokens: prompt tokens, without the cached ones.
  ///   - cachedTokens: the cached ones.
  ///   - cachedPrice: per million of these.
  ///   - outputTokens: output tokens.
  ///   - rounding: what happens to a fraction of a nano-credit.
  /// - Returns: the amount, or nil if it does not fit in 64 bits.
  public func cost(
    inputTokens: TokenCount, cachedTokens: TokenCount, cachedPrice: Price, outputTokens: TokenCount,
    rounding: Rounding
  ) -> Credits? {
    let million: UInt128 = 1_000_000
    var sum: UInt128 = 0
    for (price, tokens) in [
      (input, inputTokens), (cachedPrice, cachedTokens), (output, outputTokens),
    ] {
      // Two factors of 64 bits: the product fits.
      let product = UInt128(price.rawValue) * UInt128(tokens.rawValue)
      let (next, overflow) = sum.addingReportingOverflow(product)
      guard !overflow else { return nil }
      sum = next
    }
    var whole = sum / million
    if rounding == .up, sum % million != 0 { whole += 1 }
    guard let nano = UInt64(exactly: whole) else { return nil }
    return Credits(nano: nano)
  }
}
