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
    ledger.accounts(limit: .max).map {
      JournalAudit.Line(
        account: $0.id, name: $0.name, kind: $0.kind, opening: .zero,
        closing: .init(debits: $0.debitsPosted, credits: $0.creditsPosted))
    }
  }

  private func head(_ transfers: [Transfer]) -> JournalPosition {
    transfers.reduce(.beginning()) { $0.advanced(by: $1) }
  }

  private func fault(
    _ lines: [JournalAudit.Line], _ transfers: [Transfer], _ end: JournalPosition
  ) -> JournalAudit.Fault? {
    fault([Piece(lines: lines, base: .beginning(), transfers: transfers, head: end)])
  }

  /// What an exporter writes.
  private struct Piece {
    var lines: [JournalAudit.Line]
    var base: JournalPosition
    var transfers: [Transfer]
    var head: JournalPosition
  }

  private func fault(_ pieces: [Piece]) -> JournalAudit.Fault? {
    do throws(JournalAudit.Fault) {
      var audit = JournalAudit()
      for piece in pieces {
        try audit.begin(piece.lines, from: piece.base)
        for transfer in piece.transfers { try audit.read(transfer) }
        try audit.finish(at: piece.head)
      }
      return nil
    } catch { return error }
  }

  private func sums(_ debits: UInt64, _ credits: UInt64) -> JournalAudit.Sums {
    JournalAudit.Sums(debits: Credits(nano: debits), credits: Credits(nano: credits))
  }

  /// The four transfers in two pieces, which join behind the second.
  private func pieces() throws -> [Piece] {
    let (ledger, all) = try transfers()
    let whole = lines(ledger)
    let middle = [sums(9, 0), sums(4, 9), sums(0, 4)]
    let place = head(Array(all.prefix(2)))
    return [
      Piece(
        lines: zip(whole, middle).map { line($0, opening: .zero, closing: $1) },
        base: .beginning(), transfers: Array(all.prefix(2)), head: place),
      Piece(
        lines: zip(whole, middle).map { line($0, opening: $1, closing: $0.closing) },
        base: place, transfers: Array(all.suffix(2)), head: head(all)),
    ]
  }

  /// An account that says something else, if only of its sums.
  private func line(
    _ line: JournalAudit.Line, name: String? = nil, kind: AccountKind? = nil,
    opening: JournalAudit.Sums? = nil, closing: JournalAudit.Sums? = nil
  ) -> JournalAudit.Line {
    JournalAudit.Line(
      account: line.account, name: name ?? line.name, kind: kind ?? line.kind,
      opening: opening ?? line.opening, closing: closing ?? line.closing)
  }

  @Test("what was posted is as the accounts say")
  func whole() throws {
    let (ledger, all) = try transfers()
    #expect(fault(lines(ledger), all, head(all)) == nil)
    // A part that begins later, with the sums at its beginning.
    let later = try pieces()[1]
    #expect(fault([later]) == nil)
    var audit = JournalAudit()
    try audit.begin(later.lines, from: later.base)
    for transfer in later.transfers { try audit.read(transfer) }
    try audit.finish(at: later.head)
    #expect(audit.count == 2 && audit.base == later.base && audit.head == head(all))
  }

  @Test("what no transfer explains is not taken for an opening")
  func openings() throws {
    let (ledger, all) = try transfers()
    let right = lines(ledger)
    // Credit from nowhere, of which issuance knows: balanced, and the exporter's arithmetic.
    let issuance = line(right[0], opening: sums(5, 0), closing: sums(14, 0))
    let sam = line(right[2], opening: sums(0, 5), closing: sums(2, 11))
    #expect(fault([issuance, right[1], sam], all, head(all)) == .openingUnexplained(AccountID(1)))
    let none = [
      line(issuance, closing: issuance.opening), line(right[1], closing: JournalAudit.Sums.zero),
      line(sam, closing: sam.opening),
    ]
    #expect(fault(none, [], .beginning()) == .openingUnexplained(AccountID(1)))
    let place = JournalPosition(transfer: TransferID(0), hash: head(all).hash)
    #expect(
      fault([Piece(lines: right, base: place, transfers: all, head: head(all))]) == .chainBroken)
    // From a place further on they are the exporter's word, but for who may owe.
    let first = JournalPosition.beginning(after: TransferID(7))
    func later(_ lines: [JournalAudit.Line]) -> JournalAudit.Fault? {
      fault([Piece(lines: lines, base: first, transfers: [], head: first)])
    }
    #expect(later(none) == nil)
    let owing = [line(none[0], kind: .consumer), none[1], none[2]]
    #expect(later(owing) == .openingUnexplained(AccountID(1)))
  }

  @Test("pieces join, with the same accounts, and a reversal is checked across them")
  func joining() throws {
    let (first, second) = (try pieces()[0], try pieces()[1])
    #expect(fault([first, second]) == nil)
    #expect(fault([second, first]) == .pieceMissing(after: TransferID(4)))
    #expect(fault([first, first]) == .pieceMissing(after: TransferID(2)))
    func changed(_ change: (inout Piece) -> Void) -> JournalAudit.Fault? {
      var piece = second
      change(&piece)
      return fault([first, piece])
    }
    #expect(changed { $0.lines.removeLast() } == .openingUnbalanced)
    let kept = [second.lines[0], line(second.lines[1], opening: sums(0, 9))]
    #expect(changed { $0.lines = kept } == .accountMissing(AccountID(3)))
    let renamed = line(second.lines[1], name: "eve")
    #expect(changed { $0.lines[1] = renamed } == .accountDiffers(AccountID(2)))
    // Who may owe follows from the kind.
    let owing = line(second.lines[1], kind: .issuance)
    #expect(changed { $0.lines[1] = owing } == .accountDiffers(AccountID(2)))
    let moved = line(second.lines[2], opening: sums(1, 5))
    #expect(changed { $0.lines[2] = moved } == .accountDiffers(AccountID(3)))
    func new(_ number: UInt64, _ sums: JournalAudit.Sums) -> JournalAudit.Line {
      JournalAudit.Line(
        account: AccountID(number), name: "new\(number)", kind: .consumer, opening: sums,
        closing: sums)
    }
    #expect(changed { $0.lines.append(new(4, .zero)) } == nil)
    let minted = [new(4, sums(1_000, 0)), new(5, sums(0, 1_000))]
    #expect(changed { $0.lines += minted } == .openingUnexplained(AccountID(4)))

    // The second piece also takes back the first's second transfer: wholly, and the other way round.
    func taking(
      _ amount: UInt64, debit: UInt64 = 3, credit: UInt64 = 2
    ) -> JournalAudit.Fault? {
      changed { piece in
        piece.transfers.append(
          reversal(of: 2, number: 5, amount: amount, debit: debit, credit: credit))
        piece.head = piece.transfers.reduce(piece.base) { $0.advanced(by: $1) }
        piece.lines[1] = line(piece.lines[1], closing: sums(6, 11 + amount))
        piece.lines[2] = line(piece.lines[2], closing: sums(2 + amount, 6))
      }
    }
    #expect(taking(4) == nil)
    #expect(taking(3) == .badReversal(TransferID(5)), "in part")
    #expect(taking(4, debit: 2, credit: 3) == .badReversal(TransferID(5)), "the same way")
  }

  @Test("what was before the first piece is taken back once, and never from before a chain")
  func earlier() throws {
    let later = try pieces()[1]
    func taking(_ earlier: [UInt64], from base: JournalPosition) -> JournalAudit.Fault? {
      var piece = later
      piece.base = base
      piece.transfers = earlier.enumerated().map {
        reversal(of: $1, number: base.transfer.rawValue + 1 + UInt64($0), amount: 1)
      }
      piece.head = piece.transfers.reduce(base) { $0.advanced(by: $1) }
      let count = UInt64(earlier.count)
      piece.lines[1] = line(piece.lines[1], closing: sums(4, 9 + count))
      piece.lines[2] = line(piece.lines[2], closing: sums(count, 4))
      piece.lines[0] = line(piece.lines[0], closing: sums(9, 0))
      return fault([piece])
    }
    #expect(taking([1, 2], from: later.base) == nil)
    #expect(taking([2, 2], from: later.base) == .badReversal(TransferID(4)))
    #expect(taking([0], from: later.base) == .badReversal(TransferID(3)))
    #expect(taking([3], from: later.base) == .badReversal(TransferID(3)), "itself")
    #expect(taking([1], from: .beginning(after: TransferID(2))) == .badReversal(TransferID(3)))
  }

  @Test("a report takes back across pieces, and counts apart what was given before it")
  func takenBack() throws {
    let (first, second) = (try pieces()[0], try pieces()[1])
    var whole = LedgerReport()
    for transfer in first.transfers + second.transfers { whole.add(transfer) }
    #expect(whole.earned.text == "0.000000004" && whole.takenBackBefore.text == "0")
    var late = LedgerReport()
    late.add(second.transfers[1])
    #expect(late.earned.text == "0" && late.takenBackBefore.text == "0.000000002")
  }

  private func reversal(
    of earlier: UInt64, number: UInt64, amount: UInt64, debit: UInt64 = 3, credit: UInt64 = 2
  ) -> Transfer {
    Transfer(
      id: TransferID(number), debit: AccountID(debit), credit: AccountID(credit),
      amount: Credits(nano: amount), kind: .reversal, job: nil, time: time,
      reverses: TransferID(earlier))
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
    let unbalanced = JournalAudit.Line(
      account: AccountID(1), name: "issuance", kind: .issuance, opening: sums(1, 0), closing: .zero)
    #expect(fault([unbalanced], [], .beginning()) == .openingUnbalanced)
  }
}
