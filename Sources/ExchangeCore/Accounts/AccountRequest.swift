internal import ExchangeTypes

/// A request that made an account, a credit or a key: remembered so that a retry makes nothing.
struct AccountRequest: Hashable, Sendable {
  /// What a request made; the raw values are those of rows.
  enum Result: Hashable, Sendable {
    case account(AccountID)
    case credit(TransferID)
    case key(KeyID)
  }

  let number: UInt64
  let account: AccountID
  let requestKey: RequestKey
  /// The command's hash: 32 bytes.
  let bodyHash: [UInt8]
  let result: Result
  let expiry: LogTime
}
