public import ExchangeTypes

/// All accounts and what moves between them.
///
/// Invariants, at every moment: the sum of all debits equals the sum of all credits; no account but
/// issuance has promised or spent more than it was given. Accounts are never deleted, so their
/// numbers are dense from 1. The ledger keeps no journal: `post` returns the transfer, and whoever
/// owns the rows keeps it.
public struct Ledger: Sendable {
  private var accounts: [Account] = []
  private var numbers: [String: AccountID] = [:]
  private var nextTransfer = TransferID(1)
  /// Accounts changed since `takeTouched`, each at least once.
  private var touched: [AccountID] = []

  /// No account.
  public init() {}

  /// A ledger with the accounts of rows.
  ///
  /// - Returns: nil if numbers have gaps, names repeat, or the books do not balance.
  public init?(accounts: [Account], nextTransfer: TransferID) {
    for (place, account) in accounts.enumerated() {
      guard account.id == AccountID(UInt64(place) + 1),
        numbers.updateValue(account.id, forKey: account.name) == nil
      else { return nil }
    }
    self.accounts = accounts
    self.nextTransfer = nextTransfer
    guard isBalanced else { return nil }
  }

  // MARK: Reads

  /// How many accounts there are.
  public var count: Int { accounts.count }

  /// The number that the next transfer gets.
  public var nextTransferID: TransferID { nextTransfer }

  /// The account with this number, if there is one.
  public subscript(id: AccountID) -> Account? {
    guard id.rawValue >= 1, id.rawValue <= UInt64(accounts.count) else { return nil }
    return accounts[Int(id.rawValue) - 1]
  }

  /// The account with this name, if there is one.
  public func account(named name: String) -> AccountID? { numbers[name] }

  /// Accounts after `id` in the order of their numbers.
  public func accounts(after id: AccountID = AccountID(0), limit: Int) -> ArraySlice<Account> {
    let start = Int(clamping: min(id.rawValue, UInt64(accounts.count)))
    return accounts[start..<min(accounts.count, start + max(0, min(limit, accounts.count)))]
  }

  /// Whether all debits equal all credits, and each account is within its limit.
  public var isBalanced: Bool {
    var debits: UInt128 = 0
    var credits: UInt128 = 0
    for account in accounts {
      guard account.isWithinLimit else { return false }
      debits += UInt128(account.debitsPosted.rawValue)
      credits += UInt128(account.creditsPosted.rawValue)
    }
    return debits == credits
  }

  // MARK: Changes

  /// Opens an account under a name that is free.
  public mutating func open(
    name: String, kind: AccountKind
  ) throws(LedgerRefusal) -> AccountID {
    guard numbers[name] == nil else { throw .nameTaken }
    let id = AccountID(UInt64(accounts.count) + 1)
    accounts.append(Account(id: id, name: name, kind: kind))
    numbers[name] = id
    touched.append(id)
    return id
  }

  /// Moves `amount` from issuance, or out of what an account has left, to another account.
  public mutating func post(
    debit: AccountID, credit: AccountID, amount: Credits, kind: Transfer.Kind, job: JobID? = nil,
    time: LogTime
  ) throws(LedgerRefusal) -> Transfer {
    precondition(debit != credit, "a transfer needs two accounts")
    guard amount > .zero else { throw .invalidAmount }
    guard let payer = self[debit] else { throw .unknownAccount(debit) }
    guard let payee = self[credit] else { throw .unknownAccount(credit) }
    guard let debits = payer.debitsPosted.adding(amount),
      let credits = payee.creditsPosted.adding(amount)
    else { throw .amountOverflow }
    if payer.kind != .issuance, payer.available < amount {
      throw .insufficientCredit(needed: amount, available: payer.available)
    }
    change(debit) { $0.debitsPosted = debits }
    change(credit) { account in
      account.creditsPosted = credits
      guard kind == .capture else { return }
      // Never overflows: earned is a part of posted.
      account.creditsEarned = account.creditsEarned.adding(amount) ?? credits
    }
    defer { nextTransfer = TransferID(nextTransfer.rawValue + 1) }
    return Transfer(
      id: nextTransfer, debit: debit, credit: credit, amount: amount, kind: kind, job: job,
      time: time)
  }

  /// Sets `amount` aside for a job; zero is allowed, since a model may be free.
  public mutating func hold(_ amount: Credits, on id: AccountID) throws(LedgerRefusal) {
    let held = try heldAfter(amount, on: id)
    guard amount > .zero else { return }
    change(id) { $0.debitsHeld = held }
  }

  /// Why `amount` could not be set aside now; nil if it could.
  public func refusal(ofHold amount: Credits, on id: AccountID) -> LedgerRefusal? {
    do throws(LedgerRefusal) {
      _ = try heldAfter(amount, on: id)
      return nil
    } catch {
      return error
    }
  }

  private func heldAfter(_ amount: Credits, on id: AccountID) throws(LedgerRefusal) -> Credits {
    guard let account = self[id] else { throw .unknownAccount(id) }
    guard account.kind != .issuance, amount <= account.available,
      let held = account.debitsHeld.adding(amount)
    else { throw .insufficientCredit(needed: amount, available: account.available) }
    return held
  }

  /// Closes a hold: pays `captured` of it to `payee` and gives the rest back.
  ///
  /// - Precondition: `held` is the amount of a hold that is open on `id`, and covers `captured`.
  /// - Returns: the capture, or nil when nothing is paid, or when the payer and the payee are one
  ///   account and credit would only move in a circle.
  /// - Throws: `amountOverflow` if the payee cannot take it; the hold is then still open.
  public mutating func close(
    hold held: Credits, on id: AccountID, capturing captured: Credits, payee: AccountID?,
    job: JobID, time: LogTime
  ) throws(LedgerRefusal) -> Transfer? {
    precondition(captured <= held, "a capture is never more than its hold")
    if let payee, let owner = self[payee], captured > .zero, payee != id,
      owner.creditsPosted.adding(captured) == nil
    {
      throw .amountOverflow
    }
    release(held, on: id)
    guard captured > .zero, let payee, payee != id else { return nil }
    return try post(
      debit: id, credit: payee, amount: captured, kind: .capture, job: job, time: time)
  }

  /// Gives a whole hold back.
  ///
  /// - Precondition: `held` is the amount of a hold that is open on `id`.
  public mutating func release(_ held: Credits, on id: AccountID) {
    guard let account = self[id] else { preconditionFailure("a hold without an account") }
    guard let rest = account.debitsHeld.subtracting(held) else {
      preconditionFailure("an account holds less than its jobs do")
    }
    guard held > .zero else { return }
    change(id) { $0.debitsHeld = rest }
  }

  /// The accounts changed since the last call, in the order of their numbers.
  public mutating func takeTouched() -> [AccountID] {
    guard !touched.isEmpty else { return [] }
    touched.sort()
    var unique: [AccountID] = []
    for id in touched where unique.last != id { unique.append(id) }
    touched.removeAll(keepingCapacity: true)
    return unique
  }

  private mutating func change(_ id: AccountID, _ body: (inout Account) -> Void) {
    body(&accounts[Int(id.rawValue) - 1])
    precondition(accounts[Int(id.rawValue) - 1].isWithinLimit, "an account passed its limit")
    touched.append(id)
  }
}
