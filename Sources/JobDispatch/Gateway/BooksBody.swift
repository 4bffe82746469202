public import ExchangeTypes
public import WireProtocol

// The bodies of requests about accounts, budgets, the operator's part and asks.
extension MoneyBody {
  /// What `POST /v1/budgets` asks for.
  public struct NewBudget: Hashable, Sendable {
    /// Who pays; nil for the caller's own account.
    public var account: AccountID?
    /// The budget that it becomes a part of; nil for the top of a tree.
    public var parent: BudgetID?
    /// Whose it is.
    public var level: BudgetLevel
    /// A name for people.
    public var name: String
    /// What it allows.
    public var limits = BudgetAllowance()
  }

  /// What a budget allows: what `PUT /v1/budgets/{id}` asks for, all of it.
  public struct BudgetAllowance: Hashable, Sendable {
    /// Most that may be spent in a day of log time; nil for no such limit.
    public var perDay: Credits?
    /// The same of 30 days.
    public var perMonth: Credits?
    /// Most that may ever be spent.
    public var total: Credits?
    /// Whether it allows nothing at all.
    public var isClosed = false
  }

  /// Reads the body of `POST /v1/budgets`.
  ///
  /// - Throws: `malformed_request` with the member at fault, `payload_too_large`.
  public static func newBudget(_ body: [UInt8]) throws(HTTPRefusal) -> NewBudget {
    var budget = NewBudget(level: .team, name: "")
    try members(of: body) { (name, scanner) throws(MemberFault) in
      switch name {
      case "account": budget.account = AccountID(try scanner.number(from: 1))
      case "parent": budget.parent = BudgetID(try scanner.number(from: 1))
      case "level":
        let word = try scanner.text()
        let levels = BudgetLevel.allCases.filter { $0 != .key }
        guard let level = levels.first(where: { $0.name == word }) else {
          throw .value("is organisation, team, user or agent; a key's budget comes with the key")
        }
        budget.level = level
      case "name": budget.name = try scanner.name()
      case "per_day", "per_month", "total": try budget.limits.read(name, from: &scanner)
      default: throw .unknown
      }
    }
    guard !budget.name.isEmpty else {
      throw HTTPRefusal(.malformedRequest, "a budget has a name", param: "name")
    }
    return budget
  }

  /// Reads the body of `PUT /v1/budgets/{id}`: limits, of which what is absent is none; `"none":true` for no limit at all;
  /// or `"closed":true`, with which a budget keeps those that it has.
  ///
  /// Nobody lifts limits by naming none: whoever opens a budget says what it allows.
  ///
  /// - Throws: `malformed_request` with the member at fault, `payload_too_large`.
  public static func budgetAllowance(_ body: [UInt8]) throws(HTTPRefusal) -> BudgetAllowance {
    var allowed = BudgetAllowance()
    var isUnlimited = false
    try members(of: body) { (name, scanner) throws(MemberFault) in
      switch name {
      case "closed": allowed.isClosed = try scanner.boolean()
      case "none": isUnlimited = try scanner.boolean()
      case "per_day", "per_month", "total": try allowed.read(name, from: &scanner)
      default: throw .unknown
      }
    }
    let isLimited = allowed != BudgetAllowance(isClosed: allowed.isClosed)
    if allowed.isClosed {
      guard !isLimited, !isUnlimited else {
        throw HTTPRefusal(
          .malformedRequest, "a budget that is closed keeps its limits: closed goes without any",
          param: "closed")
      }
    } else if isLimited == isUnlimited {
      throw HTTPRefusal(
        .malformedRequest,
        isLimited
          ? "none and a limit exclude each other"
          : "name all limits that the budget has from now on, or none for no limit", param: "none")
    }
    return allowed
  }

  /// Reads the body of `POST /v1/accounts`: `{"name":"alice","kind":"consumer"}`.
  ///
  /// - Throws: `malformed_request` with the member at fault, `payload_too_large`.
  public static func newAccount(
    _ body: [UInt8]
  ) throws(HTTPRefusal) -> (name: String, kind: AccountKind) {
    var account: (name: String, kind: AccountKind) = ("", .consumer)
    try members(of: body) { (name, scanner) throws(MemberFault) in
      switch name {
      case "name": account.name = try scanner.name()
      case "kind":
        let word = try scanner.text()
        guard let kind = AccountKind.allCases.first(where: { $0.name == word }) else {
          throw .value(
            "is one of \(AccountKind.allCases.map(\.name).joined(separator: ", "))")
        }
        account.kind = kind
      default: throw .unknown
      }
    }
    guard !account.name.isEmpty else {
      throw HTTPRefusal(.malformedRequest, "an account has a name", param: "name")
    }
    return account
  }

  /// Reads the body of `PUT /v1/accounts/{id}/owner`: `{"owner":"acme"}`, or an empty name to take it back.
  ///
  /// - Throws: `malformed_request` with the member at fault, `payload_too_large`.
  public static func owner(_ body: [UInt8]) throws(HTTPRefusal) -> String {
    var owner: String?
    try members(of: body) { (name, scanner) throws(MemberFault) in
      guard name == "owner" else { throw .unknown }
      let text = try scanner.text()
      guard text.utf8.count <= 128 else { throw .value("has at most 128 bytes") }
      owner = text
    }
    guard let owner else {
      throw HTTPRefusal(
        .malformedRequest, "owner says whose the account is; it is empty for nobody's",
        param: "owner")
    }
    return owner
  }

  /// Reads the body of `PUT /v1/fee`: `{"parts":25000,"account":4}`.
  ///
  /// - Throws: `malformed_request` with the member at fault, `payload_too_large`.
  public static func fee(
    _ body: [UInt8]
  ) throws(HTTPRefusal) -> (parts: UInt32, account: AccountID) {
    var parts: UInt32?
    var account = AccountID(0)
    try members(of: body) { (name, scanner) throws(MemberFault) in
      switch name {
      case "parts": parts = UInt32(try scanner.number(from: 0, to: 1_000_000))
      case "account": account = AccountID(try scanner.number(from: 0))
      default: throw .unknown
      }
    }
    guard let parts else {
      throw HTTPRefusal(
        .malformedRequest, "parts says how many of a million the operator takes", param: "parts")
    }
    return (parts, account)
  }

  /// Reads the body of `PUT /v1/market/asks`: what is absent is what each worker registers with, or nobody.
  ///
  /// - Throws: `malformed_request` with the member at fault, `payload_too_large`.
  public static func ask(_ body: [UInt8]) throws(HTTPRefusal) -> PostedTerms {
    var model = ""
    var prices: [String: Price] = [:]
    var reserve: UInt16 = 0
    var lists: [String: [AccountID]] = [:]
    try members(of: body) { (name, scanner) throws(MemberFault) in
      switch name {
      case "model": model = try scanner.text()
      case "input_price", "cached_input_price", "output_price":
        prices[name] = Price(nanoPerMillion: try scanner.credits().rawValue)
      case "reserve": reserve = UInt16(try scanner.number(from: 0, to: UInt64(UInt16.max)))
      case "own", "only", "refuse":
        var accounts: [AccountID] = []
        try scanner.elements { (scanner) throws(MemberFault) in
          accounts.append(AccountID(try scanner.number(from: 1)))
        }
        lists[name] = accounts
      default: throw .unknown
      }
    }
    guard !model.isEmpty else {
      throw HTTPRefusal(.malformedRequest, "an ask names its model", param: "model")
    }
    return PostedTerms(
      model: model, priceInput: prices["input_price"],
      priceCachedInput: prices["cached_input_price"], priceOutput: prices["output_price"],
      reserve: reserve, own: lists["own"] ?? [], only: lists["only"] ?? [],
      refuse: lists["refuse"] ?? [])
  }
}

extension MoneyBody.BudgetAllowance {
  fileprivate mutating func read(
    _ name: String, from scanner: inout MoneyBody.Scanner
  ) throws(MoneyBody.MemberFault) {
    let amount = try scanner.credits()
    switch name {
    case "per_day": perDay = amount
    case "per_month": perMonth = amount
    default: total = amount
    }
  }
}

extension MoneyBody.Scanner {
  /// A name for people.
  fileprivate mutating func name() throws(MoneyBody.MemberFault) -> String {
    let name = try text()
    guard (1...128).contains(name.utf8.count) else { throw .value("has 1 to 128 bytes") }
    return name
  }
}
