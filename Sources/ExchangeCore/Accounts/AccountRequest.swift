internal import ExchangeTypes

/// A request that made an account, a credit, a key, transfers or a budget: remembered so that a retry makes nothing.
struct AccountRequest: Hashable, Sendable {
  /// What a request made; the raw values are those of rows.
  enum Result: Hashable, Sendable {
    case account(AccountID)
    case credit(TransferID)
    case key(KeyID)
    case transfers(first: TransferID, count: UInt32)
    case budget(BudgetID)

    /// The first transfer that it posted; nil if it posted none.
    var posted: TransferID? {
      switch self {
      case .credit(let first), .transfers(let first, _): first
      case .account, .key, .budget: nil
      }
    }
  }

  let number: UInt64
  let account: AccountID
  let requestKey: RequestKey
  /// The command's hash: 32 bytes.
  let bodyHash: [UInt8]
  let result: Result
  /// When it is forgotten, unless the journal still has what it posted.
  var expiry: LogTime
}
