import ExchangeTypes
import Testing
import TokenLedger

@Suite("Linked transfers, closed accounts, holds that are split")
struct LinkedTests {
  private let time = LogTime(milliseconds: 0)
  private let issuance = AccountID(1)
  private let alice = AccountID(2)
  private let sam = AccountID(3)
  private let fees = AccountID(4)

  private func ledger() throws -> Ledger {
    var ledger = Ledger()
    for (name, kind) in [
      ("issuance", .issuance), ("alice", .consumer), ("sam", .supplier), ("fees", .fees),
    ] as [(String, AccountKind)] {
      _ = try ledger.open(name: name, kind: kind)
    }
    _ = try ledger.post(
      debit: issuance, credit: alice, amount: Credits(nano: 100), kind: .credit, time: time)
    _ = ledger.takeTouched()
    return ledger
  }

  private func leg(_ debit: AccountID, _ credit: AccountID, _ amount: UInt64) -> Leg {
    Leg(debit: debit, credit: credit, amount: Credits(nano: amount), kind: .move)
  }

  @Test("all are posted in their order, and a later one spends what an earlier one brought")
  func linked() throws {
    var ledger = try ledger()
    let posted = try ledger.post(
      linked: [leg(alice, sam, 60), leg(sam, fees, 60), leg(fees, alice, 1)], time: time)
    #expect(posted.map(\.id) == [TransferID(2), TransferID(3), TransferID(4)])
    #expect(posted.allSatisfy { $0.group == TransferID(2) })
    #expect(ledger[alice]?.balance == Credits(nano: 41) && ledger[sam]?.balance == .zero)
    #expect(ledger.takeTouched() == [alice, sam, fees] && ledger.isBalanced)
    let alone = try ledger.post(linked: [leg(alice, sam, 1)], time: time)
    #expect(alone.map(\.group) == [nil])
    #expect(try ledger.post(linked: [], time: time).isEmpty)
  }

  @Test("one that is refused takes all of them with it, wherever it stands")
  func together() throws {
    var ledger = try ledger()
    let before = Array(ledger.accounts(limit: .max))
    let cases: [([Leg], LedgerRefusal)] = [
      (
        [leg(alice, sam, 60), leg(sam, fees, 61)],
        .insufficientCredit(needed: Credits(nano: 61), available: Credits(nano: 60))
      ),
      ([leg(alice, sam, 1), leg(alice, sam, 0), leg(alice, alice, 1)], .invalidAmount),
      ([leg(alice, sam, 1), leg(alice, alice, 1)], .selfTransfer(alice)),
      ([leg(alice, sam, 1), leg(alice, AccountID(9), 1)], .unknownAccount(AccountID(9))),
      ([leg(alice, sam, 1), leg(issuance, sam, .max)], .amountOverflow),
    ]
    for (legs, refusal) in cases {
      #expect(throws: refusal) { try ledger.post(linked: legs, time: time) }
      #expect(Array(ledger.accounts(limit: .max)) == before && ledger.takeTouched().isEmpty)
      #expect(ledger.nextTransferID == TransferID(2))
    }
  }

  @Test("a closed account is given nothing but what jobs earn, and gives what is moved out of it")
  func closed() throws {
    var ledger = try ledger()
    try ledger.hold(Credits(nano: 10), on: alice)
    #expect(throws: LedgerRefusal.accountInUse(held: Credits(nano: 10))) {
      try ledger.closeAccount(alice)
    }
    #expect(throws: LedgerRefusal.unknownAccount(AccountID(9))) {
      try ledger.closeAccount(AccountID(9))
    }
    try ledger.closeAccount(sam)
    try ledger.closeAccount(sam)
    #expect(throws: LedgerRefusal.accountClosed(sam)) {
      try ledger.post(linked: [leg(alice, sam, 1)], time: time)
    }
    #expect(throws: LedgerRefusal.accountClosed(sam)) { try ledger.hold(.zero, on: sam) }
    _ = try ledger.close(
      hold: Credits(nano: 10), on: alice,
      paying: [Payment(to: sam, amount: Credits(nano: 7), kind: .capture)], job: JobID(1),
      time: time)
    _ = try ledger.post(linked: [leg(sam, issuance, 7)], time: time)
    #expect(ledger[sam]?.balance == .zero && ledger[sam]?.isClosed == true && ledger.isBalanced)
  }

  @Test("a hold is paid out to several, in one group; what cannot be paid leaves it open")
  func paying() throws {
    var ledger = try ledger()
    try ledger.hold(Credits(nano: 50), on: alice)
    let payments = [
      Payment(to: sam, amount: Credits(nano: 39), kind: .capture),
      Payment(to: alice, amount: Credits(nano: 5), kind: .capture),
      Payment(to: sam, amount: .zero, kind: .capture),
      Payment(to: fees, amount: Credits(nano: 1), kind: .fee),
    ]
    let paid = try ledger.close(
      hold: Credits(nano: 50), on: alice, paying: payments, job: JobID(1), time: time)
    #expect(paid.map(\.amount) == [Credits(nano: 39), Credits(nano: 1)])
    #expect(paid.map(\.kind) == [.capture, .fee] && paid.allSatisfy { $0.group == paid[0].id })
    #expect(ledger[alice]?.available == Credits(nano: 60))
    #expect(ledger[fees]?.creditsEarned == Credits(nano: 1))

    // What sam was ever paid is nearly 2⁶⁴: he cannot be paid more, and then nobody is.
    try ledger.hold(Credits(nano: 50), on: alice)
    let room = UInt64.max - 100  // what issuance may still owe
    _ = try ledger.post(linked: [leg(issuance, sam, room), leg(fees, sam, 1)], time: time)
    _ = try ledger.post(linked: [leg(sam, alice, 30), leg(alice, sam, 30)], time: time)
    _ = ledger.takeTouched()
    let before = Array(ledger.accounts(limit: .max))
    let next = ledger.nextTransferID
    #expect(throws: LedgerRefusal.amountOverflow) {
      try ledger.close(
        hold: Credits(nano: 50), on: alice,
        paying: [
          Payment(to: fees, amount: Credits(nano: 1), kind: .fee),
          Payment(to: sam, amount: Credits(nano: 49), kind: .capture),
          Payment(to: sam, amount: .zero, kind: .capture),
        ], job: JobID(2), time: time)
    }
    #expect(Array(ledger.accounts(limit: .max)) == before && ledger.nextTransferID == next)
    #expect(ledger.takeTouched().isEmpty)
  }
}

@Suite("Exact shares")
struct ShareTests {
  @Test(
    "by the largest remainder, ties to the first",
    arguments: [
      (10, [1, 1, 1], [4, 3, 3]), (10, [1, 2, 4], [1, 3, 6]), (1, [1, 1], [1, 0]),
      (0, [3, 4], [0, 0]), (7, [0, 1], [0, 7]), (100, [975_000, 25_000], [98, 2]),
      (.max, [.max, .max], [1 << 63, .max - 1 << 63]), (.max, [.max, 0, 1], [.max - 1, 0, 1]),
    ] as [(UInt64, [UInt64], [UInt64])])
  func divide(total: UInt64, weights: [UInt64], shares: [UInt64]) {
    #expect(Share.divide(total, by: weights) == shares)
  }

  @Test("they add up, and none is a unit away from its proportion")
  func sums() {
    var state: UInt64 = 1
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> (state % 60)
    }
    for _ in 0..<2_000 {
      let total = next()
      let weights = (0..<(1 + next() % 5)).map { _ in next() } + [1]
      let shares = Share.divide(total, by: weights)
      let whole = max(weights[0], 1)
      let part = next() % (whole + (whole == .max ? 0 : 1))
      let two = Share.divide(total, taking: part, of: whole)
      #expect([two.rest, two.part] == Share.divide(total, by: [whole - part, part]))
      let sum = weights.reduce(UInt128(0)) { $0 + UInt128($1) }
      #expect(shares.reduce(0, +) == total)
      for (share, weight) in zip(shares, weights) {
        let exact = UInt128(total) * UInt128(weight)
        let near = (UInt128(share) + 1) * sum > exact && UInt128(share) * sum < exact + sum
        #expect(near)
      }
    }
  }
}
