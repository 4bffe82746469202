// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

/// Asks for an account.
public struct AccountCreate: WireMessage {
  /// AccountCreate is number 90.
  public static let kind = MessageKind.accountCreate

  /// The caller's name for this request: a retry under it is the same request.
  public let requestKey: RequestKey
  /// Its name, unique in the cluster.
  public let name: String
  /// What it is for.
  public let kind: AccountKind

  /// Joins the fields.
  public init(requestKey: RequestKey, name: String, kind: AccountKind) {
    self.requestKey = requestKey
    self.name = name
    self.kind = kind
  }
}

/// Answers AccountCreate, AccountCredit and AccountQuery.
public struct AccountReport: WireMessage {
  /// AccountReport is number 91.
  public static let kind = MessageKind.accountReport

  /// The account.
  public let summary: AccountSummary

  /// Joins the fields.
  public init(summary: AccountSummary) {
    self.summary = summary
  }
}

/// Asks to issue credit to an account.
public struct AccountCredit: WireMessage {
  /// AccountCredit is number 92.
  public static let kind = MessageKind.accountCredit

  /// The caller's name for this request: a retry under it is the same request.
  public let requestKey: RequestKey
  /// The account.
  public let account: AccountID
  /// How much.
  public let amount: Credits

  /// Joins the fields.
  public init(requestKey: RequestKey, account: AccountID, amount: Credits) {
    self.requestKey = requestKey
    self.account = account
    self.amount = amount
  }
}

/// Asks for an account.
public struct AccountQuery: WireMessage {
  /// AccountQuery is number 93.
  public static let kind = MessageKind.accountQuery

  /// The account; 0 for the caller's own.
  public let account: AccountID

  /// Joins the fields.
  public init(account: AccountID) {
    self.account = account
  }
}

/// Asks for an API key; the caller draws the secret and the server sees it at its first use only.
public struct KeyCreate: WireMessage {
  /// KeyCreate is number 94.
  public static let kind = MessageKind.keyCreate

  /// The caller's name for this request: a retry under it is the same request.
  public let requestKey: RequestKey
  /// Whose key it becomes; 0 for the caller's own account.
  public let account: AccountID
  /// Its name.
  public let name: String
  /// What it allows: bits of Scopes.
  public let scopes: Scopes
  /// SHA-256 of the secret.
  public let secretHash: [UInt8]
  /// Milliseconds after which it dies by itself; absent if it does not.
  public let lifetimeMs: UInt64?
  /// What it may use; absent if it has no limit.
  public let limit: RateTerms?

  /// Joins the fields.
  public init(
    requestKey: RequestKey, account: AccountID, name: String, scopes: Scopes, secretHash: [UInt8],
    lifetimeMs: UInt64?, limit: RateTerms?
  ) {
    self.requestKey = requestKey
    self.account = account
    self.name = name
    self.scopes = scopes
    self.secretHash = secretHash
    self.lifetimeMs = lifetimeMs
    self.limit = limit
  }
}

/// Answers KeyCreate, KeyRevoke, KeyRotate and KeyLimit.
public struct KeyReport: WireMessage {
  /// KeyReport is number 95.
  public static let kind = MessageKind.keyReport

  /// The key.
  public let summary: KeySummary
  /// When it ends and when it was used; absent from an older coordinator.
  public let life: KeyLife?
  /// What it may use and has left; absent if it has no limit, and from an older coordinator.
  public let rate: RateSummary?

  /// Joins the fields.
  public init(summary: KeySummary, life: KeyLife?, rate: RateSummary?) {
    self.summary = summary
    self.life = life
    self.rate = rate
  }
}

/// Asks for an account's keys.
public struct KeyList: WireMessage {
  /// KeyList is number 96.
  public static let kind = MessageKind.keyList

  /// The account; 0 for the caller's own.
  public let account: AccountID

  /// Joins the fields.
  public init(account: AccountID) {
    self.account = account
  }
}

/// Answers a KeyList.
public struct KeyListing: WireMessage {
  /// KeyListing is number 97.
  public static let kind = MessageKind.keyListing

  /// The keys, by id; of more than fit, the oldest that are revoked are left out first.
  public let keys: [KeySummary]
  /// When each of them ends and was used, in the same order; absent from an older coordinator.
  public let lives: [KeyLife]?
  /// What each of them may use and has left, in the same order; absent from an older coordinator.
  public let rates: [RateSummary]?

  /// Joins the fields.
  public init(keys: [KeySummary], lives: [KeyLife]?, rates: [RateSummary]?) {
    self.keys = keys
    self.lives = lives
    self.rates = rates
  }
}

/// Asks to revoke a key for ever.
public struct KeyRevoke: WireMessage {
  /// KeyRevoke is number 98.
  public static let kind = MessageKind.keyRevoke

  /// The key.
  public let key: KeyID

  /// Joins the fields.
  public init(key: KeyID) {
    self.key = key
  }
}

/// Asks to give a key a new secret, which the caller draws; the former one stays good for a while.
public struct KeyRotate: WireMessage {
  /// KeyRotate is number 108.
  public static let kind = MessageKind.keyRotate

  /// The caller's name for this request: a retry under it is the same request.
  public let requestKey: RequestKey
  /// The key.
  public let key: KeyID
  /// SHA-256 of the new secret.
  public let secretHash: [UInt8]
  /// Milliseconds for which the former secret is still taken; 0 ends it, and what it opened, at
  /// once.
  public let graceMs: UInt64

  /// Joins the fields.
  public init(requestKey: RequestKey, key: KeyID, secretHash: [UInt8], graceMs: UInt64) {
    self.requestKey = requestKey
    self.key = key
    self.secretHash = secretHash
    self.graceMs = graceMs
  }
}

/// Sets how long the records of jobs are kept that are submitted from now on, or only asks.
public struct RetentionSet: WireMessage {
  /// RetentionSet is number 110.
  public static let kind = MessageKind.retentionSet

  /// Milliseconds from a job's end on; absent to change nothing.
  public let keptMs: UInt64?
  /// Whether a record goes before that, once its owner says that he has it; meaningless where
  /// keptMs is absent.
  public let untilDelivered: Bool

  /// Joins the fields.
  public init(keptMs: UInt64?, untilDelivered: Bool) {
    self.keptMs = keptMs
    self.untilDelivered = untilDelivered
  }
}

/// Answers a RetentionSet: what holds now.
public struct RetentionReport: WireMessage {
  /// RetentionReport is number 111.
  public static let kind = MessageKind.retentionReport

  /// Milliseconds from a job's end on.
  public let keptMs: UInt64
  /// Whether a record goes before that, once its owner says that he has it.
  public let untilDelivered: Bool

  /// Joins the fields.
  public init(keptMs: UInt64, untilDelivered: Bool) {
    self.keptMs = keptMs
    self.untilDelivered = untilDelivered
  }
}

/// Asks to limit what an API key may use in a minute, or to end its limit; it begins anew, with a
/// minute's worth.
public struct KeyLimit: WireMessage {
  /// KeyLimit is number 155.
  public static let kind = MessageKind.keyLimit

  /// The key.
  public let key: KeyID
  /// What it may use; with neither of both the limit ends.
  public let limit: RateTerms

  /// Joins the fields.
  public init(key: KeyID, limit: RateTerms) {
    self.key = key
    self.limit = limit
  }
}

/// Asks what the caller's own key is and may spend.
public struct StandingQuery: WireMessage {
  /// StandingQuery is number 188.
  public static let kind = MessageKind.standingQuery

  /// Joins the fields.
  public init() {}
}

/// Answers a StandingQuery.
public struct Standing: WireMessage {
  /// Standing is number 189.
  public static let kind = MessageKind.standing

  /// The key.
  public let key: KeySummary
  /// When it ends and when it was used.
  public let life: KeyLife
  /// What it may use in a minute and has left; absent if it has no limit of its own.
  public let rate: RateSummary?
  /// Its account; absent without the scope read or admin.
  public let account: AccountSummary?
  /// The budget that it draws on, and with the scope read or admin those that that is a part of;
  /// empty if its account's credit is all that bounds it.
  public let budgets: [BudgetSummary]
  /// Most that all its budgets together still allow; absent if none has a limit.
  public let left: Credits?

  /// Joins the fields.
  public init(
    key: KeySummary, life: KeyLife, rate: RateSummary?, account: AccountSummary?,
    budgets: [BudgetSummary], left: Credits?
  ) {
    self.key = key
    self.life = life
    self.rate = rate
    self.account = account
    self.budgets = budgets
    self.left = left
  }
}

/// Sets what an account counts for when slots are shared among accounts that wait (scope admin), or
/// only asks.
public struct AccountWeightSet: WireMessage {
  /// AccountWeightSet is number 215.
  public static let kind = MessageKind.accountWeightSet

  /// The account; 0 for the caller's own.
  public let account: AccountID
  /// Hundredths of what most count for, from 10 to 10,000; absent to change nothing.
  public let weight: UInt32?

  /// Joins the fields.
  public init(account: AccountID, weight: UInt32?) {
    self.account = account
    self.weight = weight
  }
}

/// Answers an AccountWeightSet.
public struct AccountWeightReport: WireMessage {
  /// AccountWeightReport is number 216.
  public static let kind = MessageKind.accountWeightReport

  /// The account.
  public let account: AccountID
  /// Hundredths of what most count for.
  public let weight: UInt32

  /// Joins the fields.
  public init(account: AccountID, weight: UInt32) {
    self.account = account
    self.weight = weight
  }
}

/// Says whose an account is (scope admin), or only asks; what one of an owner's accounts buys of
/// another makes no price.
public struct AccountOwnerSet: WireMessage {
  /// AccountOwnerSet is number 223.
  public static let kind = MessageKind.accountOwnerSet

  /// The account; 0 for the caller's own.
  public let account: AccountID
  /// A name that all accounts of one owner have; empty to take it back, absent to change nothing.
  public let owner: String?

  /// Joins the fields.
  public init(account: AccountID, owner: String?) {
    self.account = account
    self.owner = owner
  }
}

/// Answers an AccountOwnerSet.
public struct AccountOwnerReport: WireMessage {
  /// AccountOwnerReport is number 224.
  public static let kind = MessageKind.accountOwnerReport

  /// The account.
  public let account: AccountID
  /// Whose it is; empty if no administrator has said it.
  public let owner: String

  /// Joins the fields.
  public init(account: AccountID, owner: String) {
    self.account = account
    self.owner = owner
  }
}
