public import ExchangeTypes

/// What a method and a path ask for of accounts, keys, budgets and the books.
public enum MoneyRoute: Hashable, Sendable {
  /// `GET /v1/account`: what the key's account has, and what the key may spend of it.
  case account
  /// `GET /v1/key`: the key itself, in OpenRouter's shape.
  case key
  /// `GET /v1/credits`: what was ever given and spent, in OpenRouter's shape.
  case credits
  /// `GET /v1/accounts?after=N`.
  case accounts(after: AccountID)
  /// `POST /v1/accounts`.
  case makeAccount
  /// `DELETE /v1/accounts/{id}`: closes it.
  case closeAccount(AccountID)
  /// `GET /v1/accounts/{id}/owner`: whose it is.
  case owner(of: AccountID)
  /// `PUT /v1/accounts/{id}/owner`.
  case setOwner(of: AccountID)
  /// `GET /v1/budgets?account=N&after=N`.
  case budgets(of: AccountID, after: BudgetID)
  /// `POST /v1/budgets`.
  case makeBudget
  /// `PUT /v1/budgets/{id}`: what it allows from now on, all of it.
  case setBudget(BudgetID)
  /// `GET /v1/jobs/{id}/receipt`.
  case receipt(JobID)
  /// `GET /v1/keys?account=N`.
  case keys(of: AccountID)
  /// `POST /v1/keys`.
  case makeKey
  /// `DELETE /v1/keys/{id}`.
  case endKey(KeyID)
  /// `PUT /v1/keys/{id}/limit`: what it may use in a minute from now on.
  case limitKey(KeyID)
  /// `POST /v1/keys/{id}/rotation`: gives it a new secret.
  case rotateKey(KeyID)
  /// `GET /v1/keys/{id}/delegations?after=N`.
  case delegations(of: KeyID, after: UInt64)
  /// `DELETE /v1/keys/{id}/delegations/{delegation}`.
  case endDelegation(of: KeyID, DelegationID)
  /// `PUT /v1/keys/{id}/signer`: what signs the key's delegations from now on.
  case setSigner(KeyID)
  /// `DELETE /v1/keys/{id}/signer`: ends all that it has signed.
  case endSigner(KeyID)
  /// `POST /v1/transfers`.
  case transfer
  /// `POST /v1/transfers/{id}/reversal`.
  case reverse(TransferID)
  /// `GET /v1/fee`.
  case fee
  /// `PUT /v1/fee`.
  case setFee
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
    case .accounts, .makeAccount, .closeAccount, .owner, .setOwner: "accounts"
    case .budgets, .makeBudget, .setBudget: "budgets"
    case .receipt: "receipt"
    case .keys, .makeKey, .endKey, .limitKey, .rotateKey: "keys"
    case .delegations, .endDelegation, .setSigner, .endSigner: "delegations"
    case .transfer, .reverse: "transfers"
    case .fee, .setFee: "fee"
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
    var asked = try RouteQuery(query)
    switch (path.first, path.count) {
    case ("account", 1): self = try reading(.account)
    case ("key", 1): self = try reading(.key)
    case ("credits", 1): self = try reading(.credits)
    case ("report", 1): self = try reading(.report)
    case ("accounts", 1):
      switch method {
      case "POST": self = .makeAccount
      case _ where isReading: self = .accounts(after: AccountID(try asked.take("after") ?? 0))
      default: throw Self.notAllowed(method, "GET, POST")
      }
    case ("accounts", 2):
      guard method == "DELETE" else { throw Self.notAllowed(method, "DELETE") }
      self = .closeAccount(AccountID(try Self.number(path[1], of: "an account")))
    case ("accounts", 3) where path[2] == "owner":
      let account = AccountID(try Self.number(path[1], of: "an account"))
      switch method {
      case "PUT": self = .setOwner(of: account)
      case _ where isReading: self = .owner(of: account)
      default: throw Self.notAllowed(method, "GET, PUT")
      }
    case ("budgets", 1):
      switch method {
      case "POST": self = .makeBudget
      case _ where isReading:
        self = .budgets(
          of: AccountID(try asked.take("account") ?? 0),
          after: BudgetID(try asked.take("after") ?? 0))
      default: throw Self.notAllowed(method, "GET, POST")
      }
    case ("budgets", 2):
      guard method == "PUT" else { throw Self.notAllowed(method, "PUT") }
      self = .setBudget(BudgetID(try Self.number(path[1], of: "a budget")))
    case ("fee", 1):
      switch method {
      case "PUT": self = .setFee
      case _ where isReading: self = .fee
      default: throw Self.notAllowed(method, "GET, PUT")
      }
    case ("ledger", 1):
      let most = UInt64(Self.ledgerLimitMax)
      let limit = try asked.take("limit", in: 1...most) ?? most
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
      self = .endKey(KeyID(try Self.number(path[1], of: "a key")))
    case ("keys", 3) where path[2] == "limit":
      guard method == "PUT" else { throw Self.notAllowed(method, "PUT") }
      self = .limitKey(KeyID(try Self.number(path[1], of: "a key")))
    case ("keys", 3) where path[2] == "rotation":
      guard method == "POST" else { throw Self.notAllowed(method, "POST") }
      self = .rotateKey(KeyID(try Self.number(path[1], of: "a key")))
    case ("keys", 3) where path[2] == "delegations":
      let key = KeyID(try Self.number(path[1], of: "a key"))
      self = try reading(.delegations(of: key, after: try asked.take("after") ?? 0))
    case ("keys", 3) where path[2] == "signer":
      let key = KeyID(try Self.number(path[1], of: "a key"))
      switch method {
      case "PUT": self = .setSigner(key)
      case "DELETE": self = .endSigner(key)
      default: throw Self.notAllowed(method, "PUT, DELETE")
      }
    case ("keys", 4) where path[2] == "delegations":
      guard method == "DELETE" else { throw Self.notAllowed(method, "DELETE") }
      guard let delegation = DelegationID(parsing: path[3]) else {
        throw HTTPRefusal(.notFound, "the id of a delegation is 32 hexadecimal digits")
      }
      self = .endDelegation(of: KeyID(try Self.number(path[1], of: "a key")), delegation)
    case ("transfers", 1):
      guard method == "POST" else { throw Self.notAllowed(method, "POST") }
      self = .transfer
    case ("transfers", 3) where path[2] == "reversal":
      guard method == "POST" else { throw Self.notAllowed(method, "POST") }
      self = .reverse(TransferID(try Self.number(path[1], of: "a transfer")))
    case ("jobs", 3) where path[2] == "receipt":
      guard let number = RouteQuery.number(path[1]), number > 0 else {
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
      [
        "account", "accounts", "key", "credits", "report", "budgets", "fee", "ledger", "keys",
        "transfers",
      ].contains(path[0])
    case 2: ["accounts", "budgets", "keys"].contains(path[0])
    case 3:
      switch (path[0], path[2]) {
      case ("accounts", "owner"), ("jobs", "receipt"), ("transfers", "reversal"): true
      case ("keys", "delegations"), ("keys", "limit"), ("keys", "rotation"), ("keys", "signer"):
        true
      default: false
      }
    case 4: path[0] == "keys" && path[2] == "delegations"
    default: false
    }
  }

  /// The number of something in a path.
  private static func number(_ text: String, of what: String) throws(HTTPRefusal) -> UInt64 {
    guard let number = RouteQuery.number(text), number > 0 else {
      throw HTTPRefusal(.notFound, "the id of \(what) is a number from 1 on")
    }
    return number
  }

  private static func notAllowed(_ method: String, _ allowed: String) -> HTTPRefusal {
    HTTPRefusal(.methodNotAllowed, "the path takes \(allowed), not \(method)", allow: allowed)
  }
}
