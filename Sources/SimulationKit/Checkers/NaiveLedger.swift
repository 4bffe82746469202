internal import ExchangeTypes
internal import TokenLedger

/// The ledger as somebody would write it who has all the time in the world: numbers of 128 bits, which do not
/// overflow here, limits compared where they are meant, and a copy of everything to go back to.
struct NaiveLedger {
  struct Account {
    let kind: AccountKind
    var debits: UInt128 = 0
    var credits: UInt128 = 0
    var held: UInt128 = 0
    var earned: UInt128 = 0
    var isClosed = false

    var free: UInt128 { credits - min(credits, debits + held) }
  }

  private static let limit = UInt128(UInt64.max)
  private(set) var accounts: [Account] = []
  private(set) var transfers = 0

  mutating func open(_ kind: AccountKind) { accounts.append(Account(kind: kind)) }

  subscript(id: AccountID) -> Account? {
    id.rawValue >= 1 && id.rawValue <= UInt64(accounts.count)
      ? accounts[Int(id.rawValue) - 1] : nil
  }

  /// A sale has a number, and moves nothing.
  mutating func sell() { transfers += 1 }

  /// All legs, or none.
  mutating func post(_ legs: [Leg]) throws(LedgerRefusal) {
    var after = self
    for leg in legs { try after.post(leg) }
    self = after
  }

  private mutating func post(_ leg: Leg) throws(LedgerRefusal) {
    if leg.amount == .zero { throw .invalidAmount }
    if leg.debit == leg.credit { throw .selfTransfer(leg.debit) }
    guard let payer = self[leg.debit] else { throw .unknownAccount(leg.debit) }
    guard let payee = self[leg.credit] else { throw .unknownAccount(leg.credit) }
    let isEarned = leg.kind == .capture || leg.kind == .fee
    if payee.isClosed, !isEarned { throw .accountClosed(leg.credit) }
    let amount = UInt128(leg.amount.rawValue)
    if payer.debits + amount > Self.limit || payee.credits + amount > Self.limit {
      throw .amountOverflow
    }
    if payer.kind != .issuance, payer.free < amount {
      throw .insufficientCredit(needed: leg.amount, available: Credits(nano: UInt64(payer.free)))
    }
    accounts[Int(leg.debit.rawValue) - 1].debits += amount
    accounts[Int(leg.credit.rawValue) - 1].credits += amount
    if isEarned { accounts[Int(leg.credit.rawValue) - 1].earned += amount }
    transfers += 1
  }

  mutating func hold(_ amount: Credits, on id: AccountID) throws(LedgerRefusal) {
    guard let account = self[id] else { throw .unknownAccount(id) }
    if account.isClosed { throw .accountClosed(id) }
    if account.kind == .issuance || account.free < UInt128(amount.rawValue) {
      let free = account.kind == .issuance ? 0 : UInt64(account.free)
      throw .insufficientCredit(needed: amount, available: Credits(nano: free))
    }
    accounts[Int(id.rawValue) - 1].held += UInt128(amount.rawValue)
  }

  mutating func close(
    hold: Credits, on id: AccountID, paying payments: [Payment]
  ) throws(LedgerRefusal) {
    var after = self
    after.accounts[Int(id.rawValue) - 1].held -= UInt128(hold.rawValue)
    for payment in payments where payment.amount > .zero && payment.payee != id {
      try after.post(
        Leg(debit: id, credit: payment.payee, amount: payment.amount, kind: payment.kind))
    }
    self = after
  }

  mutating func closeAccount(_ id: AccountID) throws(LedgerRefusal) {
    guard let account = self[id] else { throw .unknownAccount(id) }
    if account.held > 0 { throw .accountInUse(held: Credits(nano: UInt64(account.held))) }
    accounts[Int(id.rawValue) - 1].isClosed = true
  }
}
