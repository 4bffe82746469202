public import ExchangeTypes

/// Why the ledger did not do what it was asked; it has changed nothing.
public enum LedgerRefusal: Error, Hashable, Sendable {
  /// A transfer of nothing.
  case invalidAmount
  /// A sum beyond 64 bits of nano-credits.
  case amountOverflow
  /// The account has not enough left.
  case insufficientCredit(needed: Credits, available: Credits)
  /// No account has this number.
  case unknownAccount(AccountID)
  /// Another account has this name.
  case nameTaken
}
