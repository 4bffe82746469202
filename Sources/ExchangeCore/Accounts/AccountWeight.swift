public import ExchangeTypes
internal import TokenLedger

/// The row of table 49: what an account counts for when slots are shared among accounts that wait.
///
/// One of weight 300 is served three times as much as one of weight 100, as long as both have jobs that wait.
public struct AccountWeight: Hashable, Sendable {
  /// What an account counts for that has no row.
  public static let standard: UInt32 = 100
  /// What it may count for: a tenth to a hundred times as much.
  public static let range: ClosedRange<UInt32> = 10...10_000

  /// The account.
  public let account: AccountID
  /// Its weight, in hundredths of what most have.
  public internal(set) var weight: UInt32
}

extension AccountWeight: StoredRow {
  static var table: Table { .accountWeights }
  var rowKey: UInt64 { account.rawValue }

  func encode(into writer: inout CanonicalWriter) { writer.write(weight) }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    let at = reader.offset
    self.init(account: AccountID(key), weight: try reader.read())
    guard Self.range.contains(weight) else {
      throw .unknownValue(offset: at, value: UInt64(weight))
    }
  }
}

extension Exchange {
  /// Checks: `wrong_state` (an older state version), caller, `malformed_request` (a weight out of range), `unknown_account`.
  ///
  /// A row stays once it is there, also with the weight that it would have without.
  mutating func apply(_ command: Command.AccountWeigh) throws(Rejection) -> Accepted {
    _ = try authorize(command.caller, .admin)
    guard AccountWeight.range.contains(command.weight) else {
      throw Rejection(
        .malformedRequest,
        [
          "field": "weight", "least": "\(AccountWeight.range.lowerBound)",
          "most": "\(AccountWeight.range.upperBound)",
        ])
    }
    guard ledger[command.account] != nil else {
      throw Rejection(.unknownAccount, ["account": "\(command.account)"])
    }
    let key = command.account.rawValue
    if accountWeights[key] == nil {
      accountWeights.insert(AccountWeight(account: command.account, weight: command.weight))
    } else {
      accountWeights.update(key) { $0.weight = command.weight }
    }
    return .accountWeighed(command.account)
  }

  // MARK: Reads

  /// What an account counts for when slots are shared, in hundredths of what most have.
  public func weight(of account: AccountID) -> UInt32 {
    accountWeights.count == 0
      ? AccountWeight.standard
      : accountWeights[account.rawValue]?.weight ?? AccountWeight.standard
  }
}
