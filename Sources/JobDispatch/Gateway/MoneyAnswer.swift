internal import ExchangeTypes
internal import OpenAIFormat
public import WireProtocol

/// Answers about accounts, keys, budgets and the books; those about the books are in BooksAnswer.swift.
///
/// Amounts are text, in credits, exact; but in `key` and `credits`, whose clients expect numbers as OpenRouter gives them: there
/// they are the same decimals without quotes.
public enum MoneyAnswer {
  /// The answer of `GET /v1/account`.
  public static func account(_ standing: Standing) -> HTTPReply {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("object", "account")
    if let account = standing.account {
      writer.member("id", number: account.account.rawValue)
      writer.member("name", account.name)
      writer.member("balance", "\(account.balance)")
      writer.member("held", "\(account.held)")
      writer.member("available", "\(account.balance.subtracting(account.held) ?? .zero)")
      writer.member("spent", "\(account.spent)")
      writer.member("credited", "\(account.credited)")
    } else {
      // A key that may not read says what it may spend, and nothing of whose it is.
      for name in ["id", "name", "balance", "held", "available", "spent", "credited"] {
        writer.key(name)
        writer.null()
      }
    }
    writer.key("left")
    writer.amount(standing.left)
    writer.key("budgets")
    writer.beginArray()
    for budget in standing.budgets { writer.write(budget) }
    writer.endArray()
    writer.endObject()
    return .json(writer.bytes)
  }

  /// The answer of `GET /v1/key`.
  public static func key(_ standing: Standing) -> HTTPReply {
    let own = standing.budgets.first
    let limit = own.flatMap { $0.total ?? $0.perMonth ?? $0.perDay }
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("data")
    writer.beginObject()
    writer.member("label", standing.key.name)
    writer.member("id", number: standing.key.key.rawValue)
    writer.key("scopes")
    writer.names(standing.key.scopes.names)
    writer.key("limit")
    writer.decimal(limit)
    writer.key("limit_remaining")
    writer.decimal(standing.left)
    writer.key("limit_reset")
    if let own, own.total == nil, limit != nil {
      writer.string(own.perMonth == nil ? "daily" : "monthly")
    } else {
      writer.null()
    }
    writer.key("usage")
    writer.decimal(own?.spent)
    writer.key("usage_daily")
    writer.decimal(own?.spentInDay)
    writer.key("usage_monthly")
    writer.decimal(own?.spentInMonth)
    writer.key("is_free_tier")
    writer.boolean(false)
    writer.key("expires_in")
    writer.seconds(standing.life.expiresInMs)
    writer.write(standing.rate)
    writer.endObject()
    writer.endObject()
    return .json(writer.bytes)
  }

  /// The answer of `GET /v1/credits`.
  public static func credits(_ standing: Standing) -> HTTPReply {
    guard let account = standing.account else {
      return HTTPRefusal(.forbidden, "the account's credit is shown to keys with the scope read")
        .reply
    }
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("data")
    writer.beginObject()
    writer.key("total_credits")
    writer.decimal(account.credited)
    writer.key("total_usage")
    writer.decimal(account.spent)
    writer.endObject()
    writer.endObject()
    return .json(writer.bytes)
  }

  /// The answer of `GET /v1/budgets`.
  public static func budgets(_ listing: BudgetListing) -> HTTPReply {
    list(listing.budgets, more: listing.more) { $0.write($1) }
  }

  /// The answer of `GET /v1/keys`.
  public static func keys(_ listing: KeyListing) -> HTTPReply {
    let lives = listing.lives ?? []
    let rates = listing.rates ?? []
    return list(Array(listing.keys.enumerated()), more: false) { writer, entry in
      let (place, key) = entry
      writer.write(
        key, place < lives.count ? lives[place] : nil, place < rates.count ? rates[place] : nil,
        secret: nil)
    }
  }

  /// The answer of `POST /v1/keys`, of `DELETE /v1/keys/{id}`, and of what limits and rotates a key.
  ///
  /// - Parameters:
  ///   - report: the key.
  ///   - secret: what its holder sends, shown this once; nil if the caller has drawn it himself.
  /// - Returns: the answer.
  public static func key(_ report: KeyReport, secret: String?) -> HTTPReply {
    var writer = JSONWriter()
    writer.write(report.summary, report.life, report.rate, secret: secret)
    return .json(writer.bytes)
  }

  /// The answer of `GET /v1/keys/{id}/delegations` and of `PUT` and `DELETE /v1/keys/{id}/signer`: what delegations must
  /// name, what they are signed with, and those that were used or revoked.
  public static func delegations(_ listing: DelegationListing) -> HTTPReply {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("object", "list")
    writer.member("cluster", "\(listing.clusterID)")
    writer.member("key", number: listing.key.rawValue)
    writer.key("signer")
    if let signer = listing.signer { writer.string(hexadecimal(signer)) } else { writer.null() }
    writer.key("data")
    writer.beginArray()
    for delegation in listing.delegations { writer.write(delegation) }
    writer.endArray()
    writer.key("has_more")
    writer.boolean(listing.more)
    writer.endObject()
    return .json(writer.bytes)
  }

  /// The answer of `DELETE /v1/keys/{id}/delegations/{delegation}`.
  public static func delegation(_ report: DelegationReport) -> HTTPReply {
    var writer = JSONWriter()
    writer.write(report.summary)
    return .json(writer.bytes)
  }

  /// The answer of `POST /v1/budgets` and of `PUT /v1/budgets/{id}`.
  public static func budget(_ summary: BudgetSummary) -> HTTPReply {
    var writer = JSONWriter()
    writer.write(summary)
    return .json(writer.bytes)
  }

  static func list<Entry>(
    _ entries: [Entry], more: Bool, _ write: (inout JSONWriter, Entry) -> Void
  ) -> HTTPReply {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("object", "list")
    writer.key("data")
    writer.beginArray()
    for entry in entries { write(&writer, entry) }
    writer.endArray()
    writer.key("has_more")
    writer.boolean(more)
    writer.endObject()
    return .json(writer.bytes)
  }
}

extension JSONWriter {
  /// A member that is text.
  mutating func member(_ name: String, _ text: String) {
    key(name)
    string(text)
  }

  /// A member that is a number.
  mutating func member(_ name: String, number: UInt64) {
    key(name)
    verbatim("\(number)".utf8)
  }

  /// An amount as text.
  fileprivate mutating func amount(_ credits: Credits?) {
    if let credits { string("\(credits)") } else { null() }
  }

  /// An amount as a number: the same digits.
  fileprivate mutating func decimal(_ credits: Credits?) {
    if let credits { verbatim("\(credits)".utf8) } else { null() }
  }

  fileprivate mutating func seconds(_ milliseconds: UInt64?) {
    if let milliseconds { verbatim("\(milliseconds / 1_000)".utf8) } else { null() }
  }

  fileprivate mutating func names(_ names: [String]) {
    beginArray()
    for name in names { string(name) }
    endArray()
  }

  /// What a key may use in a minute, as OpenRouter names it; null without a limit.
  fileprivate mutating func write(_ rate: RateSummary?) {
    key("rate_limit")
    guard let rate, rate.requests != nil || rate.tokens != nil else { return null() }
    beginObject()
    key("requests")
    if let requests = rate.requests { verbatim("\(requests)".utf8) } else { null() }
    key("tokens")
    if let tokens = rate.tokens { verbatim("\(tokens)".utf8) } else { null() }
    member("interval", "1m")
    endObject()
  }

  fileprivate mutating func write(
    _ key: KeySummary, _ life: KeyLife?, _ rate: RateSummary?, secret: String?
  ) {
    beginObject()
    member("id", number: key.key.rawValue)
    member("object", "key")
    member("name", key.name)
    member("account", number: key.account.rawValue)
    self.key("scopes")
    names(key.scopes.names)
    self.key("revoked")
    boolean(key.revoked)
    self.key("expires_in")
    seconds(life?.expiresInMs)
    self.key("last_used_seconds_ago")
    seconds(life?.lastUsedAgoMs)
    write(rate)
    if let secret { member("key", secret) }
    endObject()
  }

  fileprivate mutating func write(_ delegation: DelegationSummary) {
    beginObject()
    member("id", "\(delegation.delegation)")
    member("object", "delegation")
    member("number", number: delegation.number)
    member("parent", number: delegation.parent.rawValue)
    key("key")
    if delegation.key.rawValue == 0 { null() } else { verbatim("\(delegation.key)".utf8) }
    member("name", delegation.name)
    key("scopes")
    names(delegation.scopes.names)
    key("models")
    names(delegation.models)
    key("live")
    boolean(delegation.live)
    key("expires_in")
    seconds(delegation.expiresInMs)
    key("budget")
    if let budget = delegation.budget { write(budget) } else { null() }
    endObject()
  }

  fileprivate mutating func write(_ budget: BudgetSummary) {
    beginObject()
    member("id", number: budget.budget.rawValue)
    member("object", "budget")
    key("parent")
    if budget.parent.rawValue == 0 { null() } else { verbatim("\(budget.parent)".utf8) }
    member("level", budget.level.name)
    member("name", budget.name)
    key("key")
    if budget.key.rawValue == 0 { null() } else { verbatim("\(budget.key)".utf8) }
    key("closed")
    boolean(budget.closed)
    member("held", "\(budget.held)")
    let windows: [(String, Credits?, Credits, UInt64?)] = [
      ("day", budget.perDay, budget.spentInDay, budget.dayEndsInMs),
      ("month", budget.perMonth, budget.spentInMonth, budget.monthEndsInMs),
      ("total", budget.total, budget.spent, nil),
    ]
    for (name, limit, spent, end) in windows {
      key(name)
      beginObject()
      key("limit")
      amount(limit)
      member("spent", "\(spent)")
      key("left")
      amount(limit.map { $0.subtracting(spent)?.subtracting(budget.held) ?? .zero })
      if let end {
        key("ends_in")
        seconds(end)
      }
      endObject()
    }
    endObject()
  }
}

extension AccountSummary {
  /// All that it was ever paid: what it has and what it has spent.
  fileprivate var credited: Credits { balance.adding(spent) ?? Credits(nano: .max) }
}
