public import ExchangeTypes

/// What a method and a path ask for of accounts, keys, budgets and the books.
public enum MoneyRoute: Hashable, Sendable {
  /// `GET /v1/account`: what the key's account has, and what the key may spend of it.
  case account
  /// `GET /v1/key`: the key itself, in OpenRouter's shape.
  case key
  /// `GET /v1/credits`: what was ever given and spent, in OpenRouter's shape.
  case credits
  /// `GET /v1/budgets?after=N`.
  case budgets(after: BudgetID)
  /// `GET /v1/jobs/{id}/receipt`.
  case receipt(JobID)
  /// `GET /v1/keys?account=N`.
  case keys(of: AccountID)
  /// `POST /v1/keys`.
  case makeKey
  /// `DELETE /v1/keys/{id}`.
  case endKey(KeyID)
  /// `POST /v1/transfers`.
  case transfer
  /// `GET /v1/ledger?after=N&limit=M`.
  case ledger(after: TransferID, limit: UInt32)
  /// `GET /v1/report`.
  case report

  /// The most entries of one answer of `ledger`.
  public static let ledgerLimitMax: UInt32 = 512

  /// A word for counters.
  public var name: String {
    switch self {
    case .account: "account"
    case .key: "key"
    case .credits: "credits"
    case .budgets: "budgets"
    case .receipt: "receipt"
    case .keys, .makeKey, .endKey: "keys"
    case .transfer: "transfers"
    case .ledger: "ledger"
    case .report: "report"
    }
  }

  /// Reads a request's first line; nil if the path is another's.
  ///
  /// - Parameters:
  ///   - method: such as `GET`.
  ///   - path: its decoded parts behind `/v1`.
  ///   - query: what stands behind the question mark.
  /// - Throws: `method_not_allowed`, `malformed_request` (a part of the query), `not_found` and `unknown_job` (a number that is none).
  init?(method: String, path: [String], query: Substring) throws(HTTPRefusal) {
    let isReading = method == "GET" || method == "HEAD"
    func reading(_ route: Self) throws(HTTPRefusal) -> Self {
      guard isReading else { throw Self.notAllowed(method, "GET") }
      return route
    }
    guard Self.isHere(path) else { return nil }
    var asked = try Query(query)
    switch (path.first, path.count) {
    case ("account", 1): self = try reading(.account)
    case ("key", 1): self = try reading(.key)
    case ("credits", 1): self = try reading(.credits)
    case ("report", 1): self = try reading(.report)
    case ("budgets", 1): self = try reading(.budgets(after: BudgetID(try asked.take("after") ?? 0)))
    case ("ledger", 1):
      let limit = try asked.take("limit") ?? UInt64(Self.ledgerLimitMax)
      guard (1...UInt64(Self.ledgerLimitMax)).contains(limit) else {
        throw HTTPRefusal(
          .malformedRequest, "limit is a number from 1 to \(Self.ledgerLimitMax)", param: "limit")
      }
      self = try reading(
        .ledger(after: TransferID(try asked.take("after") ?? 0), limit: UInt32(limit)))
    case ("keys", 1):
      switch method {
      case "POST": self = .makeKey
      case _ where isReading: self = .keys(of: AccountID(try asked.take("account") ?? 0))
      default: throw Self.notAllowed(method, "GET, POST")
      }
    case ("keys", 2):
      guard method == "DELETE" else { throw Self.notAllowed(method, "DELETE") }
      guard let number = Query.number(path[1]), number > 0 else {
        throw HTTPRefusal(.notFound, "a key's id is a number from 1 on")
      }
      self = .endKey(KeyID(number))
    case ("transfers", 1):
      guard method == "POST" else { throw Self.notAllowed(method, "POST") }
      self = .transfer
    case ("jobs", 3) where path[2] == "receipt":
      guard let number = Query.number(path[1]), number > 0 else {
        throw HTTPRefusal(.unknownJob, "a job's id is a number from 1 on")
      }
      self = try reading(.receipt(JobID(number)))
    default: return nil
    }
    try asked.finish()
  }

  private static func isHere(_ path: [String]) -> Bool {
    switch path.count {
    case 1:
      ["account", "key", "credits", "report", "budgets", "ledger", "keys", "transfers"]
        .contains(path[0])
    case 2: path[0] == "keys"
    case 3: path[0] == "jobs" && path[2] == "receipt"
    default: false
    }
  }

  private static func notAllowed(_ method: String, _ allowed: String) -> HTTPRefusal {
    HTTPRefusal(.methodNotAllowed, "the path takes \(allowed), not \(method)", allow: allowed)
  }

  /// The numbers that a query names.
  private struct Query {
    private var values: [(name: Substring, value: Substring)] = []

    init(_ text: Substring) throws(HTTPRefusal) {
      for part in text.split(separator: "&") {
        let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard halves.count == 2, !values.contains(where: { $0.name == halves[0] }) else {
          throw Self.malformed(part)
        }
        values.append((halves[0], halves[1]))
      }
    }

    mutating func take(_ name: String) throws(HTTPRefusal) -> UInt64? {
      guard let place = values.firstIndex(where: { $0.name == name }) else { return nil }
      let value = values.remove(at: place).value
      guard let number = Self.number(value) else {
        throw HTTPRefusal(.malformedRequest, "\(name) is a number from 0 on", param: name)
      }
      return number
    }

    /// What nobody has taken is nothing that the path knows.
    func finish() throws(HTTPRefusal) {
      if let first = values.first { throw Self.malformed(first.name) }
    }

    static func number(_ text: some StringProtocol) -> UInt64? {
      text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        ? UInt64(text) : nil
    }

    private static func malformed(_ part: Substring) -> HTTPRefusal {
      let name = String(part.prefix(100))
      return HTTPRefusal(
        .malformedRequest, "the path takes no '\(name)' behind the question mark", param: name)
    }
  }
}
