public import ExchangeTypes

/// A posted movement from one account to another.
///
/// What it debits and what it credits sum to zero by construction: there is one amount. It is never changed: what was wrong is
/// taken back by another transfer, which names it.
public struct Transfer: Hashable, Sendable {
  /// Why credit moved; the numbers are those of rows.
  public enum Kind: UInt8, Hashable, Sendable, CaseIterable {
    /// Issuance lends an account the means to pay.
    case credit = 1
    /// A consumer pays a supplier for a job.
    case capture = 2
    /// An earlier transfer is taken back.
    case reversal = 3
    /// A consumer pays the operator's part of a job's charge.
    case fee = 4
    /// An administrator moves credit between two accounts.
    case move = 5
    /// Credit leaves circulation: it was paid out.
    case redemption = 6
    /// What a job delivered: a line that moves nothing, from its consumer to the supplier who ended it.
    case sale = 7

    /// Whether the payee earns it: with his part of a job's charge.
    var isEarned: Bool { self == .capture || self == .fee }
  }

  /// Its number, in the order of posting.
  public let id: TransferID
  /// Who pays.
  public let debit: AccountID
  /// Who is paid.
  public let credit: AccountID
  /// How much; zero for a sale, and for nothing else.
  public let amount: Credits
  /// Why.
  public let kind: Kind
  /// The job paid for, if one was.
  public let job: JobID?
  /// When it was posted.
  public let time: LogTime
  /// The first transfer of the group that was posted with it, itself perhaps; nil if it was posted alone.
  public let group: TransferID?
  /// The transfer that it takes back, if it is a reversal.
  public let reverses: TransferID?
  /// What was delivered, if it is a sale.
  public let sale: Sale?

  /// A transfer as a row says it is.
  public init(
    id: TransferID, debit: AccountID, credit: AccountID, amount: Credits, kind: Kind, job: JobID?,
    time: LogTime, group: TransferID? = nil, reverses: TransferID? = nil, sale: Sale? = nil
  ) {
    self.id = id
    self.debit = debit
    self.credit = credit
    self.amount = amount
    self.kind = kind
    self.job = job
    self.time = time
    self.group = group
    self.reverses = reverses
    self.sale = sale
  }
}

/// A transfer that is asked for: what it will be but for its number and its time.
public struct Leg: Hashable, Sendable {
  /// Who pays.
  public let debit: AccountID
  /// Who is paid.
  public let credit: AccountID
  /// How much.
  public let amount: Credits
  /// Why.
  public let kind: Transfer.Kind
  /// The transfer that it takes back, if it is a reversal.
  public let reverses: TransferID?

  /// Joins the parts.
  public init(
    debit: AccountID, credit: AccountID, amount: Credits, kind: Transfer.Kind,
    reverses: TransferID? = nil
  ) {
    self.debit = debit
    self.credit = credit
    self.amount = amount
    self.kind = kind
    self.reverses = reverses
  }
}
