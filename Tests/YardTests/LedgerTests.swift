import ExchangeTypes
import Foundation
import TemporaryDirectory
import Testing
import TokenLedger
import WireProtocol

@testable import yard

@Suite("Exports of the journal")
struct LedgerTests {
  private static let day: UInt64 = 86_400_000

  private func account(
    _ id: UInt64, _ name: String, _ kind: AccountKind, debits: UInt64, credits: UInt64
  ) -> AccountSums {
    AccountSums(
      account: AccountID(id), name: name, kind: kind, debits: Credits(nano: debits),
      credits: Credits(nano: credits), held: .zero, earned: .zero, closed: false)
  }

  /// Credit to alice on the first day, of which she pays sam a part on the second, and what he delivered for it.
  private static let transfers = [
    Transfer(
      id: TransferID(1), debit: AccountID(1), credit: AccountID(2),
      amount: Credits(nano: 3_000_000_000), kind: .credit, job: nil,
      time: LogTime(milliseconds: 5)),
    Transfer(
      id: TransferID(2), debit: AccountID(2), credit: AccountID(3),
      amount: Credits(nano: 1_500_000_000), kind: .capture, job: JobID(7),
      time: LogTime(milliseconds: day)),
    Transfer(
      id: TransferID(3), debit: AccountID(2), credit: AccountID(3), amount: .zero, kind: .sale,
      job: JobID(7), time: LogTime(milliseconds: day),
      sale: Sale(
        promptTokens: TokenCount(30), cachedTokens: TokenCount(10), outputTokens: TokenCount(20),
        charge: Credits(nano: 1_500_000_000), isOwn: false)),
  ]

  /// These in an export whose accounts were listed in two pages: before the capture, and behind everything.
  private func export() throws -> LedgerExport {
    var export = LedgerExport()
    export.transfers = Self.transfers
    export.head = Self.transfers.reduce(.beginning()) { $0.advanced(by: $1) }
    export.logTime = LogTime(milliseconds: Self.day)
    try export.take([
      AccountListing(
        accounts: [
          account(1, "issuance", .issuance, debits: 3_000_000_000, credits: 0),
          account(2, "ali\"ce\\\nx", .consumer, debits: 0, credits: 3_000_000_000),
        ], more: true, head: TransferID(1)),
      AccountListing(
        accounts: [account(3, "sam", .supplier, debits: 0, credits: 1_500_000_000)], more: false,
        head: TransferID(3)),
    ])
    return export
  }

  @Test("sums are brought to both ends, whatever moment their page is of")
  func sums() throws {
    let export = try export()
    #expect(export.accounts.map(\.opening) == [.zero, .zero, .zero])
    #expect(
      export.accounts[1].closing
        == .init(debits: Credits(nano: 1_500_000_000), credits: Credits(nano: 3_000_000_000)))
    var audit = JournalAudit()
    try audit.take(export, named: "books")
    #expect(audit.count == 3 && audit.first == TransferID(1) && audit.accounts == 3)
    // More was paid than the account ever was.
    var wrong = LedgerExport()
    wrong.transfers = Self.transfers
    let poor = account(1, "issuance", .issuance, debits: 1, credits: 0)
    #expect(throws: CommandError.self) {
      try wrong.take([AccountListing(accounts: [poor], more: false, head: TransferID(3))])
    }
  }

  @Test("JSON is read back as it was written, and nothing else is read")
  func json() throws {
    let export = try export()
    let text = LedgerJSON.text(of: export)
    let read = try LedgerJSON.export(from: text, named: "books")
    #expect(read.accounts == export.accounts && read.transfers == export.transfers)
    #expect(
      read.base == export.base && read.head == export.head && read.logTime == export.logTime)
    for (word, other) in [
      ("{\"transfer\":2", "{\"note\":1,\"transfer\":2"), ("\"sam\"", "\"s\\u0061m\""),
      ("\"capture\"", "\"gift\""), (",\"own_use\":false", ""), ("\"ledger\":1", "\"ledger\":2"),
    ] {
      let changed = text.replacingOccurrences(of: word, with: other)
      #expect(changed != text)
      #expect(throws: CommandError.self) { try LedgerJSON.export(from: changed, named: "books") }
    }
    #expect(throws: CommandError.self) { try LedgerJSON.export(from: "", named: "books") }
  }

  @Test("an archive's pieces and a file behind them are audited as one, and reported")
  func archive() throws {
    let whole = try export()
    var first = LedgerExport()
    first.transfers = Array(Self.transfers.prefix(1))
    first.head = JournalPosition.beginning().advanced(by: Self.transfers[0])
    first.accounts = [
      whole.accounts[0],
      JournalAudit.Line(
        account: AccountID(2), name: whole.accounts[1].name, kind: .consumer, opening: .zero,
        closing: .init(debits: .zero, credits: Credits(nano: 3_000_000_000))),
    ]
    var second = whole
    second.base = first.head
    second.transfers.removeFirst()
    for place in 0..<2 {
      let line = whole.accounts[place]
      second.accounts[place] = JournalAudit.Line(
        account: line.account, name: line.name, kind: line.kind,
        opening: first.accounts[place].closing, closing: line.closing)
    }
    let directory = try TemporaryDirectory()
    let archive = try LedgerArchive(directory.file("journal"))
    #expect(try archive.newest() == nil)
    _ = try archive.add(first)
    #expect(try #require(try archive.newest()).head == first.head)
    #expect(throws: CommandError.self, "two archivers") { try LedgerArchive(archive.directory) }
    let file = directory.file("later.jsonl")
    try LedgerJSON.text(of: second).write(toFile: file, atomically: true, encoding: .utf8)
    var report = LedgerReport()
    let audit = try LedgerArchive.audit([archive.directory, file]) { report.add($0) }
    #expect(audit.first == TransferID(1) && audit.head == whole.head && audit.count == 3)
    #expect(report.issued.text == "3" && report.earned.text == "1.5" && report.sold.jobs == 1)
    #expect(throws: CommandError.self, "the other way round") {
      try LedgerArchive.audit([file, archive.directory]) { _ in }
    }
    #expect(throws: CommandError.self, "nothing") {
      try LedgerArchive.audit([directory.path]) { _ in }
    }
  }

  @Test("CSV has a line for each transfer, Beancount an assertion for each account")
  func formats() throws {
    let export = try export()
    let lines = LedgerFormat.csv.text(of: export).split(separator: "\r\n")
    #expect(lines.count == 4)
    #expect(lines[2] == "2,86400000,capture,2,3,1500000000,7,,,,,,,")
    #expect(lines[3] == "3,86400000,sale,2,3,0,7,,,30,10,20,1500000000,false")
    let books = LedgerFormat.beancount.text(of: export)
    for line in [
      "1970-01-01 open Equity:Issuance:N1 CREDIT", "  name: \"ali\\\"ce\\\\ x\"",
      "1970-01-02 * \"capture\" \"job 7\"", "  Assets:Consumer:N2  -1.5 CREDIT",
      "1970-01-03 balance Assets:Consumer:N2  1.5 ~ 0 CREDIT",
      "1970-01-03 balance Equity:Issuance:N1  -3 ~ 0 CREDIT",
    ] { #expect(books.contains("\n" + line + "\n"), "\(line)") }
    #expect(!books.contains("opening balances"))
  }

  @Test("days are those of the Gregorian calendar")
  func days() {
    for (number, day) in [
      (0, "1970-01-01"), (58, "1970-02-28"), (59, "1970-03-01"), (789, "1972-02-29"),
      (10_956, "1999-12-31"), (11_016, "2000-02-29"), (47_541, "2100-03-01"),
    ] as [(UInt64, String)] { #expect(CalendarDay(number: number).description == day) }
    #expect(CalendarDay(logTime: LogTime(milliseconds: 2 * Self.day - 1)).next.number == 2)
  }
}
