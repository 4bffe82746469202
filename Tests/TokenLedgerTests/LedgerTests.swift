import ExchangeTypes
import Testing
import TokenLedger

@Suite("Ledger")
struct LedgerTests {
  private let time = LogTime(milliseconds: 0)
  private let issuance = AccountID(1)
  private let alice = AccountID(2)
  private let sam = AccountID(3)

  private func ledger(credit: UInt64 = 100) throws -> Ledger {
    var ledger = Ledger()
    _ = try ledger.open(name: "issuance", kind: .issuance)
    _ = try ledger.open(name: "alice", kind: .consumer)
    _ = try ledger.open(name: "sam", kind: .supplier)
    if credit > 0 {
      _ = try ledger.post(
        debit: issuance, credit: alice, amount: Credits(nano: credit), kind: .credit, time: time)
    }
    return ledger
  }

  @Test("a name is taken once; numbers are dense")
  func open() throws {
    var ledger = try ledger()
    #expect(throws: LedgerRefusal.nameTaken) { try ledger.open(name: "alice", kind: .supplier) }
    #expect(try ledger.open(name: "bob", kind: .consumer) == AccountID(4))
    #expect(ledger.account(named: "bob") == AccountID(4) && ledger[AccountID(5)] == nil)
    #expect(ledger.accounts(after: AccountID(2), limit: 1).map(\.name) == ["sam"])
    #expect(ledger.accounts(after: AccountID(9), limit: .max).isEmpty)
  }

  @Test("a transfer debits one account what it credits another")
  func post() throws {
    var ledger = try ledger()
    let transfer = try ledger.post(
      debit: alice, credit: sam, amount: Credits(nano: 60), kind: .capture, time: time)
    #expect(transfer.id == TransferID(2) && transfer.amount == Credits(nano: 60))
    #expect(transfer.debit == alice && transfer.credit == sam)
    #expect(ledger[alice]?.available == Credits(nano: 40))
    #expect(ledger[sam]?.creditsEarned == Credits(nano: 60))
    #expect(ledger[issuance]?.debitsPosted == Credits(nano: 100) && ledger.isBalanced)
  }

  @Test("each refusal in its order, and none of them changes anything")
  func refusals() throws {
    var ledger = try ledger()
    let touched = ledger.takeTouched()
    func post(_ debit: AccountID, _ credit: AccountID, _ amount: UInt64) -> LedgerRefusal? {
      do {
        _ = try ledger.post(
          debit: debit, credit: credit, amount: Credits(nano: amount), kind: .credit, time: time)
        return nil
      } catch { return error }
    }
    #expect(post(AccountID(8), AccountID(9), 0) == .invalidAmount)
    #expect(post(AccountID(8), AccountID(9), 1) == .unknownAccount(AccountID(8)))
    #expect(post(alice, AccountID(9), 1) == .unknownAccount(AccountID(9)))
    #expect(post(issuance, sam, .max) == .amountOverflow)
    #expect(
      post(alice, sam, 101)
        == .insufficientCredit(needed: Credits(nano: 101), available: Credits(nano: 100)))
    #expect(touched == [issuance, alice, sam] && ledger.takeTouched().isEmpty)
  }

  @Test("a hold is set aside, and closed by a capture with the rest given back")
  func hold() throws {
    var ledger = try ledger()
    try ledger.hold(Credits(nano: 70), on: alice)
    #expect(ledger[alice]?.available == Credits(nano: 30))
    #expect(ledger[alice]?.balance == Credits(nano: 100))
    #expect(
      throws: LedgerRefusal.insufficientCredit(
        needed: Credits(nano: 31), available: Credits(nano: 30))
    ) { try ledger.hold(Credits(nano: 31), on: alice) }
    #expect(throws: LedgerRefusal.self) { try ledger.hold(Credits(nano: 1), on: issuance) }
    let transfers = try ledger.close(
      hold: Credits(nano: 70), on: alice, paying: [capture(50, to: sam)], job: JobID(1), time: time)
    #expect(transfers.map(\.amount) == [Credits(nano: 50)] && transfers[0].job == JobID(1))
    #expect(ledger[alice]?.available == Credits(nano: 50) && ledger[alice]?.debitsHeld == .zero)
  }

  private func capture(_ amount: UInt64, to payee: AccountID) -> Payment {
    Payment(to: payee, amount: Credits(nano: amount), kind: .capture)
  }

  @Test("closing without a capture, or to oneself, moves nothing")
  func closeWithoutTransfer() throws {
    var ledger = try ledger()
    for (captured, payee) in [(0, sam), (5, alice)] as [(UInt64, AccountID)] {
      try ledger.hold(Credits(nano: 10), on: alice)
      let transfers = try ledger.close(
        hold: Credits(nano: 10), on: alice, paying: [capture(captured, to: payee)], job: JobID(1),
        time: time)
      #expect(transfers.isEmpty && ledger[alice]?.available == Credits(nano: 100))
    }
  }

  @Test("a payee that can take no more leaves the hold open")
  func overflowAtCapture() throws {
    var ledger = try ledger(credit: .max)
    try ledger.hold(Credits(nano: 10), on: alice)
    // Credit that goes round and round fills what sam was ever paid, never what he has.
    _ = try ledger.post(
      debit: alice, credit: sam, amount: Credits(nano: .max - 10), kind: .capture, time: time)
    #expect(throws: LedgerRefusal.amountOverflow) {
      _ = try ledger.post(
        debit: sam, credit: alice, amount: Credits(nano: 20), kind: .reversal, time: time)
    }
    #expect(ledger[alice]?.debitsHeld == Credits(nano: 10))
    ledger.release(Credits(nano: 10), on: alice)
    #expect(ledger[alice]?.debitsHeld == .zero && ledger.isBalanced)
  }

  @Test("rows that do not balance, repeat a name or leave a gap are no ledger")
  func restoring() throws {
    let accounts = Array(try ledger().accounts(limit: .max))
    #expect(
      Ledger(accounts: accounts, nextTransfer: TransferID(2))?.nextTransferID == TransferID(2))
    #expect(Ledger(accounts: Array(accounts.dropFirst()), nextTransfer: TransferID(2)) == nil)
    #expect(Ledger(accounts: Array(accounts.dropLast(2)), nextTransfer: TransferID(2)) == nil)
    func row(_ kind: AccountKind, posted: UInt64, held: UInt64) -> Account? {
      Account(
        id: AccountID(1), name: "a", kind: kind, debitsPosted: Credits(nano: posted),
        creditsPosted: .zero, debitsHeld: Credits(nano: held), creditsEarned: .zero)
    }
    #expect(row(.consumer, posted: 1, held: 0) == nil && row(.consumer, posted: 0, held: 1) == nil)
    #expect(row(.issuance, posted: 1, held: 0) != nil && row(.issuance, posted: 0, held: 1) == nil)
  }

  @Test("a capture beyond its hold is a bug, not a refusal")
  func captureBeyondHold() async {
    await #expect(processExitsWith: .failure) {
      var ledger = Ledger()
      _ = try ledger.open(name: "a", kind: .consumer)
      _ = try ledger.close(
        hold: .zero, on: AccountID(1),
        paying: [Payment(to: AccountID(1), amount: Credits(nano: 1), kind: .capture)],
        job: JobID(1), time: LogTime(milliseconds: 0))
    }
  }
}
