public import ExchangeTypes

/// Why the ledger did not do what it was asked; it has changed nothing.
///
/// The cases are in the order in which `Ledger.post` looks for them.
public enum LedgerRefusal: Error, Hashable, Sendable {
  /// A transfer of nothing.
  case invalidAmount
  /// A transfer from an account to itself.
  case selfTransfer(AccountID)
  /// No account has this number.
  case unknownAccount(AccountID)
  /// The account is closed.
  case accountClosed(AccountID)
  /// A sum beyond 64 bits of nano-credits.
  case amountOverflow
  /// The account has not enough left.
  case insufficientCredit(needed: Credits, available: Credits)
  /// Another account has this name.
  case nameTaken
  /// The account has holds that are open.
  case accountInUse(held: Credits)
}
