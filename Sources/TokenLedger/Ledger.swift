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
  /// Accounts changed since `takeTouched`, each once.
  private var touched: [AccountID] = []
  /// Which accounts `touched` has, by their places.
  private var isTouched: [Bool] = []

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
    isTouched = [Bool](repeating: false, count: accounts.count)
    self.nextTransfer = nextTransfer
    guard isBalanced else { return nil }
  }

  // MARK: Reads

  /// How many accounts there are.
  public var count: Int { accounts.count }

  /// The number that the next transfer gets.
  public var nextTransferID: TransferID { nextTransfer }

  /// The account with this number, if there is one.
  public subscript(id: AccountID) -> Account? { place(of: id).map { accounts[$0] } }

  private func place(of id: AccountID) -> Int? {
    id.rawValue >= 1 && id.rawValue <= UInt64(accounts.count) ? Int(id.rawValue) - 1 : nil
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
    isTouched.append(false)
    numbers[name] = id
    touch(accounts.count - 1)
    return id
  }

  /// Moves `amount` from issuance, or out of what an account has left, to another account.
  ///
  /// Refusals are looked for in the order of `LedgerRefusal`.
  public mutating func post(
    debit: AccountID, credit: AccountID, amount: Credits, kind: Transfer.Kind, job: JobID? = nil,
    time: LogTime
  ) throws(LedgerRefusal) -> Transfer {
    try post(
      Leg(debit: debit, credit: credit, amount: amount, kind: kind), job: job, time: time,
      group: nil)
  }

  /// Posts all of the legs in their order, or none of them.
  ///
  /// Each is judged with those before it done, so a leg may spend what an earlier one has brought.
  ///
  /// - Returns: the transfers; they name the first of them as their group if there are several.
  public mutating func post(
    linked legs: [Leg], job: JobID? = nil, time: LogTime
  ) throws(LedgerRefusal) -> [Transfer] {
    let before = nextTransfer
    let touchedBefore = touched.count
    var transfers: [Transfer] = []
    transfers.reserveCapacity(legs.count)
    let group = legs.count > 1 ? before : nil
    for leg in legs {
      do throws(LedgerRefusal) {
        transfers.append(try post(leg, job: job, time: time, group: group))
      } catch {
        for transfer in transfers.reversed() { unpost(transfer) }
        untouch(after: touchedBefore)
        nextTransfer = before
        throw error
      }
    }
    return transfers
  }

  private mutating func post(
    _ leg: Leg, job: JobID?, time: LogTime, group: TransferID?
  ) throws(LedgerRefusal) -> Transfer {
    guard leg.amount > .zero else { throw .invalidAmount }
    guard leg.debit != leg.credit else { throw .selfTransfer(leg.debit) }
    guard let payer = place(of: leg.debit) else { throw .unknownAccount(leg.debit) }
    guard let payee = place(of: leg.credit) else { throw .unknownAccount(leg.credit) }
    // What jobs that ran at its closing earn still arrives; and what it owns can be moved out.
    guard !accounts[payee].isClosed || leg.kind.isEarned else {
      throw .accountClosed(leg.credit)
    }
    guard let debits = accounts[payer].debitsPosted.adding(leg.amount),
      let credits = accounts[payee].creditsPosted.adding(leg.amount)
    else { throw .amountOverflow }
    if accounts[payer].kind != .issuance, accounts[payer].available < leg.amount {
      throw .insufficientCredit(needed: leg.amount, available: accounts[payer].available)
    }
    change(payer) { $0.debitsPosted = debits }
    change(payee) { account in
      account.creditsPosted = credits
      // Never overflows: earned is a part of posted.
      if leg.kind.isEarned { account.creditsEarned = sum(account.creditsEarned, leg.amount) }
    }
    defer { nextTransfer = TransferID(nextTransfer.rawValue + 1) }
    return Transfer(
      id: nextTransfer, debit: leg.debit, credit: leg.credit, amount: leg.amount, kind: leg.kind,
      job: job, time: time, group: group, reverses: leg.reverses)
  }

  /// Takes the next number for a line that moves nothing: what a job delivered.
  ///
  /// - Parameters:
  ///   - sale: what it delivered.
  ///   - consumer: whose job it is.
  ///   - supplier: who ended it.
  ///   - job: the job.
  ///   - time: when it ended.
  /// - Returns: the line for the journal.
  public mutating func note(
    _ sale: Sale, of consumer: AccountID, by supplier: AccountID, job: JobID, time: LogTime
  ) -> Transfer {
    defer { nextTransfer = TransferID(nextTransfer.rawValue + 1) }
    return Transfer(
      id: nextTransfer, debit: consumer, credit: supplier, amount: .zero, kind: .sale, job: job,
      time: time, sale: sale)
  }

  /// Makes the sums what they were before a transfer, the last one, of a group that is refused after all.
  private mutating func unpost(_ transfer: Transfer) {
    guard let payer = place(of: transfer.debit), let payee = place(of: transfer.credit) else {
      preconditionFailure("a transfer without its accounts")
    }
    accounts[payer].debitsPosted = rest(accounts[payer].debitsPosted, transfer.amount)
    accounts[payee].creditsPosted = rest(accounts[payee].creditsPosted, transfer.amount)
    guard transfer.kind.isEarned else { return }
    accounts[payee].creditsEarned = rest(accounts[payee].creditsEarned, transfer.amount)
  }

  /// Closes an account for good; one that is closed stays so.
  public mutating func closeAccount(_ id: AccountID) throws(LedgerRefusal) {
    guard let place = place(of: id) else { throw .unknownAccount(id) }
    let held = accounts[place].debitsHeld
    guard held == .zero else { throw .accountInUse(held: held) }
    guard !accounts[place].isClosed else { return }
    change(place) { $0.isClosed = true }
  }

  /// Sets `amount` aside for a job; zero is allowed, since a model may be free.
  public mutating func hold(_ amount: Credits, on id: AccountID) throws(LedgerRefusal) {
    let (place, held) = try heldAfter(amount, on: id)
    guard amount > .zero else { return }
    change(place) { $0.debitsHeld = held }
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

  private func heldAfter(
    _ amount: Credits, on id: AccountID
  ) throws(LedgerRefusal) -> (place: Int, held: Credits) {
    guard let place = place(of: id) else { throw .unknownAccount(id) }
    guard !accounts[place].isClosed else { throw .accountClosed(id) }
    let available = accounts[place].available
    guard accounts[place].kind != .issuance, amount <= available,
      let held = accounts[place].debitsHeld.adding(amount)
    else { throw .insufficientCredit(needed: amount, available: available) }
    return (place, held)
  }

  /// Closes a hold: pays out of it what is owed, in one group, and gives the rest back.
  ///
  /// Payments of nothing, and to the payer himself, move nothing.
  ///
  /// - Precondition: `held` is the amount of a hold that is open on `id`, and covers all payments.
  /// - Returns: the transfers in the order of the payments.
  /// - Throws: `amountOverflow` if a payee cannot take his part; nothing is paid and the hold is still open.
  public mutating func close(
    hold held: Credits, on id: AccountID, paying payments: [Payment], job: JobID, time: LogTime
  ) throws(LedgerRefusal) -> [Transfer] {
    var left = held
    var legs: [Leg] = []
    legs.reserveCapacity(payments.count)
    for payment in payments {
      guard let rest = left.subtracting(payment.amount) else {
        preconditionFailure("a capture is never more than its hold")
      }
      left = rest
      guard payment.amount > .zero, payment.payee != id else { continue }
      legs.append(
        Leg(debit: id, credit: payment.payee, amount: payment.amount, kind: payment.kind))
    }
    let touchedBefore = touched.count
    release(held, on: id)
    do throws(LedgerRefusal) {
      return try post(linked: legs, job: job, time: time)
    } catch {
      // As it was: what was held is there to be held again.
      let place = Int(id.rawValue) - 1
      accounts[place].debitsHeld = sum(accounts[place].debitsHeld, held)
      untouch(after: touchedBefore)
      throw error
    }
  }

  /// Gives a whole hold back.
  ///
  /// - Precondition: `held` is the amount of a hold that is open on `id`.
  public mutating func release(_ held: Credits, on id: AccountID) {
    guard let place = place(of: id) else { preconditionFailure("a hold without an account") }
    guard held > .zero else { return }
    change(place) { $0.debitsHeld = rest($0.debitsHeld, held) }
  }

  /// The accounts changed since the last call, in the order of their numbers.
  public mutating func takeTouched() -> [AccountID] {
    guard !touched.isEmpty else { return [] }
    let taken = touched.sorted()
    untouch(after: 0)
    return taken
  }

  // MARK: Parts

  private mutating func change(_ place: Int, _ body: (inout Account) -> Void) {
    body(&accounts[place])
    precondition(accounts[place].isWithinLimit, "an account passed its limit")
    touch(place)
  }

  private mutating func touch(_ place: Int) {
    guard !isTouched[place] else { return }
    isTouched[place] = true
    touched.append(accounts[place].id)
  }

  /// Forgets the changes of accounts that came after so many.
  private mutating func untouch(after count: Int) {
    while touched.count > count { isTouched[Int(touched.removeLast().rawValue) - 1] = false }
  }
}

/// A sum that is a part of one that fits.
private func sum(_ amount: Credits, _ more: Credits) -> Credits {
  guard let sum = amount.adding(more) else { preconditionFailure("a part above its whole") }
  return sum
}

/// What is left of a sum that has a part.
private func rest(_ amount: Credits, _ part: Credits) -> Credits {
  guard let rest = amount.subtracting(part) else {
    preconditionFailure("an account has or holds less than its transfers and jobs do")
  }
  return rest
}

/// What is paid out of a hold when it is closed.
public struct Payment: Hashable, Sendable {
  /// Who is paid.
  public let payee: AccountID
  /// How much.
  public let amount: Credits
  /// What for.
  public let kind: Transfer.Kind

  /// Joins the parts.
  public init(to payee: AccountID, amount: Credits, kind: Transfer.Kind) {
    self.payee = payee
    self.amount = amount
    self.kind = kind
  }
}
