import ExchangeTypes
import Testing
import TokenLedger

@Suite("The journal's chain and its audit")
struct JournalTests {
  private let time = LogTime(milliseconds: 5)

  /// Four transfers between issuance (1), alice (2) and sam (3), the last of them takes the third back.
  private func transfers() throws -> (Ledger, [Transfer]) {
    var ledger = Ledger()
    for (name, kind) in [("issuance", .issuance), ("alice", .consumer), ("sam", .supplier)]
      as [(String, AccountKind)]
    { _ = try ledger.open(name: name, kind: kind) }
    var all = try ledger.post(
      linked: [
        Leg(debit: AccountID(1), credit: AccountID(2), amount: Credits(nano: 9), kind: .credit)
      ], time: time)
    all += try ledger.post(
      linked: [
        Leg(debit: AccountID(2), credit: AccountID(3), amount: Credits(nano: 4), kind: .capture),
        Leg(debit: AccountID(2), credit: AccountID(3), amount: Credits(nano: 2), kind: .capture),
      ], job: JobID(7), time: time)
    all += try ledger.post(
      linked: [
        Leg(
          debit: AccountID(3), credit: AccountID(2), amount: Credits(nano: 2), kind: .reversal,
          reverses: TransferID(3))
      ], time: time)
    return (ledger, all)
  }

  /// What a job delivered, as the fifth line after these.
  private func sale(
    consumer: UInt64 = 2, amount: UInt64 = 0, kind: Transfer.Kind = .sale, group: UInt64? = nil,
    reverses: UInt64? = nil, _ sale: Sale? = JournalTests.delivered
  ) -> Transfer {
    Transfer(
      id: TransferID(5), debit: AccountID(consumer), credit: AccountID(3),
      amount: Credits(nano: amount), kind: kind, job: JobID(7), time: time,
      group: group.map { TransferID($0) }, reverses: reverses.map { TransferID($0) }, sale: sale)
  }

  private static let delivered = Sale(
    promptTokens: TokenCount(30), cachedTokens: TokenCount(10), outputTokens: TokenCount(20),
    charge: Credits(nano: 6), isOwn: false)

  private func lines(_ ledger: Ledger) -> [JournalAudit.Line] {
    let none = JournalAudit.Sums(debits: .zero, credits: .zero)
    return ledger.accounts(limit: .max).map {
      JournalAudit.Line(
        account: $0.id, kind: $0.kind, opening: none,
        closing: .init(debits: $0.debitsPosted, credits: $0.creditsPosted))
    }
  }

  private func head(_ transfers: [Transfer]) -> JournalPosition {
    transfers.reduce(.beginning()) { $0.advanced(by: $1) }
  }

  private func fault(
    _ lines: [JournalAudit.Line], _ transfers: [Transfer], _ end: JournalPosition
  ) -> JournalAudit.Fault? {
    do throws(JournalAudit.Fault) {
      var audit = try JournalAudit(lines, from: .beginning())
      for transfer in transfers { try audit.read(transfer) }
      try audit.finish(at: end)
      return nil
    } catch { return error }
  }

  @Test("what was posted is as the accounts say")
  func whole() throws {
    let (ledger, all) = try transfers()
    #expect(fault(lines(ledger), all, head(all)) == nil)
    // A part that begins later, with the sums at its beginning.
    let start = head(Array(all.prefix(2)))
    let sums = { (debits: UInt64, credits: UInt64) in
      JournalAudit.Sums(debits: Credits(nano: debits), credits: Credits(nano: credits))
    }
    let opening = [sums(9, 0), sums(4, 9), sums(0, 4)]
    let later = zip(lines(ledger), opening).map {
      JournalAudit.Line(account: $0.account, kind: $0.kind, opening: $1, closing: $0.closing)
    }
    var audit = try JournalAudit(later, from: start)
    for transfer in all.suffix(2) { try audit.read(transfer) }
    try audit.finish(at: head(all))
    #expect(audit.count == 2)
  }

  @Test("any change of any field of any transfer breaks the chain, if nothing before it")
  func everyField() throws {
    let (ledger, all) = try transfers()
    let end = head(all)
    for (place, old) in all.enumerated() {
      let others = [
        Transfer(
          id: old.id, debit: AccountID(old.debit.rawValue % 3 + 1), credit: old.credit,
          amount: old.amount, kind: old.kind, job: old.job, time: old.time, group: old.group,
          reverses: old.reverses),
        Transfer(
          id: old.id, debit: old.debit, credit: AccountID(old.credit.rawValue % 3 + 1),
          amount: old.amount, kind: old.kind, job: old.job, time: old.time, group: old.group,
          reverses: old.reverses),
        Transfer(
          id: old.id, debit: old.debit, credit: old.credit, amount: Credits(nano: 1),
          kind: old.kind, job: old.job, time: old.time, group: old.group, reverses: old.reverses),
        Transfer(
          id: old.id, debit: old.debit, credit: old.credit, amount: old.amount, kind: .move,
          job: old.job, time: old.time, group: old.group, reverses: old.reverses),
        Transfer(
          id: old.id, debit: old.debit, credit: old.credit, amount: old.amount, kind: old.kind,
          job: JobID(8), time: old.time, group: old.group, reverses: old.reverses),
        Transfer(
          id: old.id, debit: old.debit, credit: old.credit, amount: old.amount, kind: old.kind,
          job: old.job, time: LogTime(milliseconds: 6), group: old.group, reverses: old.reverses),
        Transfer(
          id: old.id, debit: old.debit, credit: old.credit, amount: old.amount, kind: old.kind,
          job: old.job, time: old.time, group: TransferID(1), reverses: old.reverses),
        Transfer(
          id: old.id, debit: old.debit, credit: old.credit, amount: old.amount, kind: old.kind,
          job: old.job, time: old.time, group: old.group,
          reverses: TransferID((old.reverses?.rawValue ?? 0) + 1)),
      ]
      for other in others where other != old {
        var changed = all
        changed[place] = other
        #expect(fault(lines(ledger), changed, end) != nil, "\(other)")
      }
    }
    #expect(fault(lines(ledger), all.dropLast(), end) == .chainBroken)
    #expect(
      fault(lines(ledger), [all[0], all[2]], end)
        == .outOfOrder(TransferID(3), expected: TransferID(2)))
  }

  @Test("a sale moves nothing, and the chain has every word of it")
  func sales() throws {
    var (ledger, all) = try transfers()
    let right = lines(ledger)
    _ = ledger.takeTouched()
    let noted = ledger.note(
      Self.delivered, of: AccountID(2), by: AccountID(3), job: JobID(7), time: time)
    #expect(noted == sale() && ledger.nextTransferID == TransferID(6))
    #expect(lines(ledger).map(\.closing) == right.map(\.closing) && ledger.takeTouched() == [])
    all.append(noted)
    let end = head(all)
    #expect(fault(right, all, end) == nil)
    func changed(_ other: Transfer, fits: Bool = false) -> JournalAudit.Fault? {
      let others: [Transfer] = all.dropLast() + [other]
      return fault(right, others, fits ? head(others) : end)
    }
    func said(
      prompt: UInt64 = 30, cached: UInt64 = 10, output: UInt64 = 20, charge: UInt64 = 6,
      own: Bool = false
    ) -> Transfer {
      sale(
        Sale(
          promptTokens: TokenCount(prompt), cachedTokens: TokenCount(cached),
          outputTokens: TokenCount(output), charge: Credits(nano: charge), isOwn: own))
    }
    for other in [
      said(prompt: 31), said(cached: 11), said(output: 21), said(charge: 7), said(own: true),
      sale(consumer: 3), said(prompt: 10, cached: 30),
    ] { #expect(changed(other) == .chainBroken, "\(other)") }
    let meaningless = JournalAudit.Fault.meaningless(TransferID(5))
    for other in [
      sale(amount: 1), sale(group: 4), sale(reverses: 2), sale(nil), sale(amount: 1, kind: .move),
    ] { #expect(changed(other, fits: true) == meaningless, "\(other)") }
    #expect(
      changed(sale(consumer: 9), fits: true) == .unknownAccount(TransferID(5), AccountID(9)))
    // What is not a payment is not taken back.
    let back = Transfer(
      id: TransferID(6), debit: AccountID(3), credit: AccountID(2), amount: Credits(nano: 1),
      kind: .reversal, job: nil, time: time, reverses: TransferID(5))
    #expect(fault(right, all + [back], head(all + [back])) == .badReversal(TransferID(6)))
    var report = LedgerReport()
    for transfer in all + [said(own: true)] { report.add(transfer) }
    #expect(
      report.sold.jobs == 1 && report.sold.promptTokens == 30 && report.sold.cachedTokens == 10)
    #expect(report.sold.outputTokens == 20 && report.sold.charges.text == "0.000000006")
    #expect(report.ownUse.jobs == 1 && report.jobs == 1 && report.earned.text == "0.000000004")
  }

  @Test("each fault by its name, with a chain that was made to fit")
  func faults() throws {
    let (ledger, all) = try transfers()
    let right = lines(ledger)
    func next(
      _ debit: UInt64, _ credit: UInt64, _ amount: UInt64, _ kind: Transfer.Kind = .move,
      reverses: UInt64? = nil
    ) -> JournalAudit.Fault? {
      let added = Transfer(
        id: TransferID(5), debit: AccountID(debit), credit: AccountID(credit),
        amount: Credits(nano: amount), kind: kind, job: nil, time: time,
        reverses: reverses.map { TransferID($0) })
      return fault(right, all + [added], head(all + [added]))
    }
    #expect(next(2, 3, 0) == .meaningless(TransferID(5)))
    #expect(next(2, 2, 1) == .meaningless(TransferID(5)))
    #expect(next(9, 3, 1) == .unknownAccount(TransferID(5), AccountID(9)))
    #expect(next(2, 0, 1) == .unknownAccount(TransferID(5), AccountID(0)))
    #expect(next(1, 3, .max) == .overflow(TransferID(5), AccountID(1)))
    #expect(next(2, 3, 6) == .overdrawn(TransferID(5), AccountID(2)))
    #expect(next(3, 2, 2, .reversal, reverses: 3) == .badReversal(TransferID(5)), "twice")
    #expect(next(3, 2, 1, .reversal, reverses: 2) == .badReversal(TransferID(5)), "in part")
    #expect(next(2, 3, 2, .reversal, reverses: 4) == .badReversal(TransferID(5)), "a reversal")
    #expect(next(3, 2, 1, .reversal) == .badReversal(TransferID(5)), "of nothing")
    #expect(
      next(2, 3, 1)
        == .closingDiffers(
          AccountID(2), computed: .init(debits: Credits(nano: 7), credits: Credits(nano: 11))))
    #expect(fault(Array(right.dropFirst()), all, head(all)) == .accountMissing(AccountID(1)))
    let none = JournalAudit.Sums(debits: .zero, credits: .zero)
    let unbalanced = JournalAudit.Line(
      account: AccountID(1), kind: .issuance,
      opening: .init(debits: Credits(nano: 1), credits: .zero), closing: none)
    #expect(fault([unbalanced], [], .beginning()) == .openingUnbalanced)
  }
}
