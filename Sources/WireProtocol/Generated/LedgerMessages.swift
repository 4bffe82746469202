// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

/// Asks for transfers of the journal, oldest first (scope admin).
public struct JournalQuery: WireMessage {
  /// JournalQuery is number 165.
  public static let kind = MessageKind.journalQuery

  /// The transfer after which to begin; 0 for the oldest that is kept.
  public let after: TransferID
  /// Most transfers in the answer, at most 512.
  public let limit: UInt32

  /// Joins the fields.
  public init(after: TransferID, limit: UInt32) {
    self.after = after
    self.limit = limit
  }
}

/// Answers a JournalQuery.
public struct JournalListing: WireMessage {
  /// JournalListing is number 166.
  public static let kind = MessageKind.journalListing

  /// The transfers, in their order.
  public let entries: [TransferEntry]
  /// Whether there are later ones.
  public let more: Bool
  /// The last transfer before those that are kept; 0 if all are.
  public let base: TransferID
  /// The journal's chain hash after it.
  public let baseHash: [UInt8]
  /// The last transfer; 0 if there is none.
  public let head: TransferID
  /// The chain hash after it.
  public let headHash: [UInt8]
  /// Log time of the answer, in milliseconds.
  public let logTime: LogTime
  /// What those of kind sale say, in the same order; absent from an older coordinator.
  public let sales: [JournalSale]?

  /// Joins the fields.
  public init(
    entries: [TransferEntry], more: Bool, base: TransferID, baseHash: [UInt8], head: TransferID,
    headHash: [UInt8], logTime: LogTime, sales: [JournalSale]?
  ) {
    self.entries = entries
    self.more = more
    self.base = base
    self.baseHash = baseHash
    self.head = head
    self.headHash = headHash
    self.logTime = logTime
    self.sales = sales
  }
}

/// Asks for the accounts and their sums (scope admin).
public struct AccountList: WireMessage {
  /// AccountList is number 167.
  public static let kind = MessageKind.accountList

  /// The account after which to begin; 0 for the first.
  public let after: AccountID
  /// Most accounts in the answer, at most 512.
  public let limit: UInt32

  /// Joins the fields.
  public init(after: AccountID, limit: UInt32) {
    self.after = after
    self.limit = limit
  }
}

/// Answers an AccountList.
public struct AccountListing: WireMessage {
  /// AccountListing is number 168.
  public static let kind = MessageKind.accountListing

  /// The accounts, by id.
  public let accounts: [AccountSums]
  /// Whether there are further ones.
  public let more: Bool
  /// The last transfer that is in the sums; 0 if there is none.
  public let head: TransferID

  /// Joins the fields.
  public init(accounts: [AccountSums], more: Bool, head: TransferID) {
    self.accounts = accounts
    self.more = more
    self.head = head
  }
}

/// Asks for transfers, all of them or none (scope admin).
public struct TransferPost: WireMessage {
  /// TransferPost is number 169.
  public static let kind = MessageKind.transferPost

  /// The caller's name for this request: a retry under it is the same request.
  public let requestKey: RequestKey
  /// What is moved, in this order.
  public let legs: [TransferLeg]

  /// Joins the fields.
  public init(requestKey: RequestKey, legs: [TransferLeg]) {
    self.requestKey = requestKey
    self.legs = legs
  }
}

/// Answers a TransferPost and a TransferReverse.
public struct TransferReport: WireMessage {
  /// TransferReport is number 170.
  public static let kind = MessageKind.transferReport

  /// What was posted.
  public let entries: [TransferEntry]
  /// Whether an earlier request under the same key posted it.
  public let duplicate: Bool

  /// Joins the fields.
  public init(entries: [TransferEntry], duplicate: Bool) {
    self.entries = entries
    self.duplicate = duplicate
  }
}

/// Asks to take a transfer back, with all that were posted with it (scope admin).
public struct TransferReverse: WireMessage {
  /// TransferReverse is number 171.
  public static let kind = MessageKind.transferReverse

  /// The caller's name for this request: a retry under it is the same request.
  public let requestKey: RequestKey
  /// The transfer.
  public let transfer: TransferID

  /// Joins the fields.
  public init(requestKey: RequestKey, transfer: TransferID) {
    self.requestKey = requestKey
    self.transfer = transfer
  }
}

/// Closes an account for good and ends its keys (scope admin); answered by an AccountReport.
public struct AccountClose: WireMessage {
  /// AccountClose is number 172.
  public static let kind = MessageKind.accountClose

  /// The account.
  public let account: AccountID

  /// Joins the fields.
  public init(account: AccountID) {
    self.account = account
  }
}

/// Sets the operator's part of the charge of jobs that are submitted from now on (scope admin), or
/// only asks.
public struct FeeSet: WireMessage {
  /// FeeSet is number 173.
  public static let kind = MessageKind.feeSet

  /// Parts of a million; absent to change nothing.
  public let parts: UInt32?
  /// The account of kind fees that gets it; 0 where nothing is taken.
  public let account: AccountID

  /// Joins the fields.
  public init(parts: UInt32?, account: AccountID) {
    self.parts = parts
    self.account = account
  }
}

/// Answers a FeeSet.
public struct FeeReport: WireMessage {
  /// FeeReport is number 174.
  public static let kind = MessageKind.feeReport

  /// Parts of a million.
  public let parts: UInt32
  /// Who gets it; 0 where nothing is taken.
  public let account: AccountID

  /// Joins the fields.
  public init(parts: UInt32, account: AccountID) {
    self.parts = parts
    self.account = account
  }
}

/// Asks for a budget (scope submit, for what the caller's own key draws on, or admin).
public struct BudgetCreate: WireMessage {
  /// BudgetCreate is number 175.
  public static let kind = MessageKind.budgetCreate

  /// The caller's name for this request: a retry under it is the same request.
  public let requestKey: RequestKey
  /// Who pays; 0 for the caller's own account.
  ///
  /// With a parent, that one's.
  public let account: AccountID
  /// The budget that it becomes a part of; 0 for the top of a tree.
  public let parent: BudgetID
  /// Whose it is; a key's comes with the key.
  public let level: BudgetLevel
  /// A name for people.
  public let name: String
  /// Most that may be spent in a day of log time; absent for no such limit.
  public let perDay: Credits?
  /// Most that may be spent in 30 days of log time; absent for no such limit.
  public let perMonth: Credits?
  /// Most that may ever be spent; absent for no such limit.
  public let total: Credits?

  /// Joins the fields.
  public init(
    requestKey: RequestKey, account: AccountID, parent: BudgetID, level: BudgetLevel, name: String,
    perDay: Credits?, perMonth: Credits?, total: Credits?
  ) {
    self.requestKey = requestKey
    self.account = account
    self.parent = parent
    self.level = level
    self.name = name
    self.perDay = perDay
    self.perMonth = perMonth
    self.total = total
  }
}

/// Answers a BudgetCreate and a BudgetSet.
public struct BudgetReport: WireMessage {
  /// BudgetReport is number 176.
  public static let kind = MessageKind.budgetReport

  /// The budget.
  public let summary: BudgetSummary

  /// Joins the fields.
  public init(summary: BudgetSummary) {
    self.summary = summary
  }
}

/// Changes what a budget allows.
public struct BudgetSet: WireMessage {
  /// BudgetSet is number 177.
  public static let kind = MessageKind.budgetSet

  /// The budget.
  public let budget: BudgetID
  /// Most that may be spent in a day of log time; absent for no such limit.
  public let perDay: Credits?
  /// Most that may be spent in 30 days of log time; absent for no such limit.
  public let perMonth: Credits?
  /// Most that may ever be spent; absent for no such limit.
  public let total: Credits?
  /// Whether it allows nothing at all.
  public let closed: Bool

  /// Joins the fields.
  public init(
    budget: BudgetID, perDay: Credits?, perMonth: Credits?, total: Credits?, closed: Bool
  ) {
    self.budget = budget
    self.perDay = perDay
    self.perMonth = perMonth
    self.total = total
    self.closed = closed
  }
}

/// Asks for an account's budgets (scope read, or admin).
public struct BudgetList: WireMessage {
  /// BudgetList is number 178.
  public static let kind = MessageKind.budgetList

  /// The account; 0 for the caller's own.
  public let account: AccountID
  /// The budget after which to begin; 0 for the first.
  public let after: BudgetID
  /// Most budgets in the answer, at most 256.
  public let limit: UInt32

  /// Joins the fields.
  public init(account: AccountID, after: BudgetID, limit: UInt32) {
    self.account = account
    self.after = after
    self.limit = limit
  }
}

/// Answers a BudgetList.
public struct BudgetListing: WireMessage {
  /// BudgetListing is number 179.
  public static let kind = MessageKind.budgetListing

  /// The budgets, by id.
  public let budgets: [BudgetSummary]
  /// Whether there are further ones.
  public let more: Bool

  /// Joins the fields.
  public init(budgets: [BudgetSummary], more: Bool) {
    self.budgets = budgets
    self.more = more
  }
}

/// Asks for an API key that draws on a budget, as KeyCreate does for one that need not; answered by
/// a KeyReport.
public struct BudgetKeyCreate: WireMessage {
  /// BudgetKeyCreate is number 180.
  public static let kind = MessageKind.budgetKeyCreate

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
  /// The budget that it draws on.
  public let budget: BudgetID

  /// Joins the fields.
  public init(
    requestKey: RequestKey, account: AccountID, name: String, scopes: Scopes, secretHash: [UInt8],
    lifetimeMs: UInt64?, budget: BudgetID
  ) {
    self.requestKey = requestKey
    self.account = account
    self.name = name
    self.scopes = scopes
    self.secretHash = secretHash
    self.lifetimeMs = lifetimeMs
    self.budget = budget
  }
}

/// Asks for the signed receipt of one of the caller's own jobs that has ended.
public struct ReceiptQuery: WireMessage {
  /// ReceiptQuery is number 181.
  public static let kind = MessageKind.receiptQuery

  /// The job.
  public let job: JobID

  /// Joins the fields.
  public init(job: JobID) {
    self.job = job
  }
}

/// Answers a ReceiptQuery.
public struct Receipt: WireMessage {
  /// Receipt is number 182.
  public static let kind = MessageKind.receipt

  /// What is stated.
  public let statement: [UInt8]
  /// When it was signed, by the signer's clock, in seconds since 1970.
  public let signedAt: UInt64
  /// The signer's certificate, in DER form.
  public let certificate: [UInt8]
  /// ECDSA over P-256 and SHA-256 of `switchyard statement 1`, the certificate's SHA-256, signedAt
  /// and the statement: r and s.
  public let signature: [UInt8]

  /// Joins the fields.
  public init(statement: [UInt8], signedAt: UInt64, certificate: [UInt8], signature: [UInt8]) {
    self.statement = statement
    self.signedAt = signedAt
    self.certificate = certificate
    self.signature = signature
  }
}
