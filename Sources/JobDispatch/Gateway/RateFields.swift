internal import ExchangeTypes
internal import WireProtocol

/// A key's limits as OpenAI's clients read them: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`.
///
/// The reset is when as much may be used again as a minute allows.
enum RateFields {
  /// The fields of an answer to a key with these limits; none where it has none.
  static func of(_ rate: RateSummary?) -> [HTTPReply.Field] {
    guard let rate else { return [] }
    return fields("requests", rate.requests.map(UInt64.init), left: UInt64(rate.requestsLeft))
      + fields("tokens", rate.tokens, left: rate.tokensLeft)
  }

  /// The fields of a refusal: of the limit that was met.
  static func of(_ details: [ErrorDetail]) -> [HTTPReply.Field] {
    func value(_ name: String) -> String? { details.first { $0.name == name }?.value }
    guard let limit = value("limit"), ["requests", "tokens"].contains(limit) else { return [] }
    return fields(
      limit, value("per_minute").flatMap { UInt64($0) },
      left: value("left").flatMap { UInt64($0) } ?? 0)
  }

  private static func fields(
    _ what: String, _ perMinute: UInt64?, left: UInt64
  ) -> [HTTPReply.Field] {
    guard let perMinute, perMinute > 0 else { return [] }
    let used = perMinute - min(left, perMinute)
    let (product, overflow) = used.multipliedReportingOverflow(by: 60_000)
    let reset = overflow ? 60_000 : (product + perMinute - 1) / perMinute
    return [
      .init("x-ratelimit-limit-\(what)", "\(perMinute)"),
      .init("x-ratelimit-remaining-\(what)", "\(left)"),
      .init("x-ratelimit-reset-\(what)", duration(reset)),
    ]
  }

  /// A time as OpenAI writes it: `0s`, `120ms`, `6s`, `1m0s`; seconds rounded up.
  static func duration(_ milliseconds: UInt64) -> String {
    if milliseconds > 0, milliseconds < 1_000 { return "\(milliseconds)ms" }
    let seconds = (milliseconds + 999) / 1_000
    return seconds < 60 ? "\(seconds)s" : "\(seconds / 60)m\(seconds % 60)s"
  }
}
