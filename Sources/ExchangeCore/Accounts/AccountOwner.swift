public import ExchangeTypes
internal import TokenLedger

/// The row of table 52: whose an account is, as administrators say.
///
/// What one of an owner's accounts buys of another is no sale to anybody: it makes no price, and the books count it apart. So it
/// is not for suppliers to say.
struct AccountOwner: Hashable, Sendable {
  let account: AccountID
  /// A name for people, the same for all accounts of one owner; empty where it was taken back.
  var name: String
}

extension AccountOwner: StoredRow {
  static var table: Table { .accountOwners }
  var rowKey: UInt64 { account.rawValue }

  func encode(into writer: inout CanonicalWriter) { writer.write(name) }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      account: AccountID(key), name: try reader.readString(limit: Command.Limits.nameBytesMax))
  }
}

extension Exchange {
  /// Checks: `wrong_state` (an older state version), caller, `unknown_account`.
  ///
  /// It counts for jobs that end from now on. A row stays once it is there, also with no owner.
  mutating func apply(_ command: Command.AccountOwnerSet) throws(Rejection) -> Accepted {
    _ = try authorize(command.caller, .admin)
    guard ledger[command.account] != nil else {
      throw Rejection(.unknownAccount, ["account": "\(command.account)"])
    }
    let key = command.account.rawValue
    if accountOwners[key] == nil {
      accountOwners.insert(AccountOwner(account: command.account, name: command.owner))
    } else {
      accountOwners.update(key) { $0.name = command.owner }
    }
    return .accountOwnerSet(command.account)
  }

  // MARK: Reads

  /// Whose an account is; nil if no administrator has said it.
  public func owner(of account: AccountID) -> String? {
    guard accountOwners.count > 0, let name = accountOwners[account.rawValue]?.name else {
      return nil
    }
    return name.isEmpty ? nil : name
  }

  /// Whether two accounts are one, or one owner's.
  func isOneOwner(_ account: AccountID, _ other: AccountID) -> Bool {
    account == other || owner(of: account).map { $0 == owner(of: other) } == true
  }
}
