public import ExchangeTypes

/// What a method and a path ask for of prices: what is asked now, what was sold and earned.
public enum MarketRoute: Hashable, Sendable {
  /// `GET /v1/market/book?model=M`: what workers that take jobs now ask.
  case book(model: String)
  /// `GET /v1/market/quote?model=M&input_tokens=N&output_tokens=N`: what such a job would cost.
  case quote(model: String, promptTokens: UInt32, outputTokens: UInt32)
  /// `GET /v1/market/history?model=M&hours=N`: the price index.
  case history(model: String, hours: UInt32)
  /// `GET /v1/market/asks`: what the key's account posts.
  case asks
  /// `PUT /v1/market/asks`: what it posts about a model from now on, all of it.
  case setAsk
  /// `DELETE /v1/market/asks?model=M`: takes it back.
  case withdrawAsk(model: String)
  /// `GET /v1/earnings?account=N&after=N`: what a supplier sold and was paid, by model and hour.
  case earnings(of: AccountID, after: UInt64)

  /// The most entries of one answer of `earnings`.
  public static let earningsLimit: UInt32 = 256
  /// What the index keeps, in hours.
  private static let hoursMax: UInt64 = 168

  /// A word for counters.
  public var name: String {
    switch self {
    case .book, .quote, .history, .asks, .setAsk, .withdrawAsk: "market"
    case .earnings: "earnings"
    }
  }

  /// Reads a request's first line; nil if the path is another's.
  ///
  /// - Parameters:
  ///   - method: such as `GET`.
  ///   - path: its decoded parts behind `/v1`.
  ///   - query: what stands behind the question mark.
  /// - Throws: `method_not_allowed`, `malformed_request` (a part of the query).
  init?(method: String, path: [String], query: Substring) throws(HTTPRefusal) {
    guard Self.isHere(path) else { return nil }
    let isReading = method == "GET" || method == "HEAD"
    guard isReading || (path.last == "asks" && ["PUT", "DELETE"].contains(method)) else {
      let allowed = path.last == "asks" ? "GET, PUT, DELETE" : "GET"
      throw HTTPRefusal(
        .methodNotAllowed, "the path takes \(allowed), not \(method)", allow: allowed)
    }
    var asked = try RouteQuery(query)
    switch path.last {
    case "book": self = .book(model: try asked.takeText("model"))
    case "quote":
      let most = UInt64(UInt32.max)
      let model = try asked.takeText("model")
      let prompt = try asked.take("input_tokens", in: 0...most) ?? 0
      guard let output = try asked.take("output_tokens", in: 1...most) else {
        throw HTTPRefusal(
          .malformedRequest, "a job has at least one token of output: output_tokens",
          param: "output_tokens")
      }
      self = .quote(
        model: model, promptTokens: UInt32(prompt), outputTokens: UInt32(output))
    case "history":
      let model = try asked.takeText("model")
      self = .history(
        model: model, hours: UInt32(try asked.take("hours", in: 1...Self.hoursMax) ?? 24))
    case "asks":
      switch method {
      case "PUT": self = .setAsk
      case "DELETE": self = .withdrawAsk(model: try asked.takeText("model"))
      default: self = .asks
      }
    default:
      let account = try asked.take("account") ?? 0
      self = .earnings(of: AccountID(account), after: try asked.take("after") ?? 0)
    }
    try asked.finish()
  }

  private static func isHere(_ path: [String]) -> Bool {
    switch path.count {
    case 1: path[0] == "earnings"
    case 2: path[0] == "market" && ["book", "quote", "history", "asks"].contains(path[1])
    default: false
    }
  }
}
