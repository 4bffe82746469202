internal import ExchangeTypes
internal import TokenLedger
internal import WireProtocol

/// A part of the journal, with every account at both of its ends: all that an audit needs.
struct LedgerExport {
  /// An account, named.
  struct Account {
    let name: String
    let line: JournalAudit.Line
  }

  /// Before the first transfer.
  var base = JournalPosition.beginning()
  /// After the last one.
  var head = JournalPosition.beginning()
  /// When it was read.
  var logTime = LogTime(milliseconds: 0)
  /// In the order of their numbers, from 1.
  var accounts: [Account] = []
  /// In the order of posting.
  var transfers: [Transfer] = []

  /// Takes the accounts of a listing, each of whose pages is as of its own transfer.
  mutating func take(_ pages: [AccountListing]) throws {
    typealias Sums = JournalAudit.Sums
    // Per account: what was moved in all, and after the page's transfer.
    for page in pages {
      var before: [AccountID: Sums] = [:]
      var after: [AccountID: Sums] = [:]
      for transfer in transfers {
        if transfer.id <= page.head {
          try Self.add(transfer, to: &before)
        } else {
          try Self.add(transfer, to: &after)
        }
      }
      let none = Sums(debits: .zero, credits: .zero)
      for account in page.accounts {
        let earlier = before[account.account] ?? none
        let later = after[account.account] ?? none
        guard let openingDebits = account.debits.subtracting(earlier.debits),
          let openingCredits = account.credits.subtracting(earlier.credits),
          let closingDebits = account.debits.adding(later.debits),
          let closingCredits = account.credits.adding(later.credits)
        else {
          throw CommandError(
            .refused, "the transfers of account \(account.account) are more than its sums")
        }
        accounts.append(
          Account(
            name: account.name,
            line: JournalAudit.Line(
              account: account.account, kind: account.kind,
              opening: Sums(debits: openingDebits, credits: openingCredits),
              closing: Sums(debits: closingDebits, credits: closingCredits))))
      }
    }
  }

  private static func add(
    _ transfer: Transfer, to sums: inout [AccountID: JournalAudit.Sums]
  ) throws {
    let none = JournalAudit.Sums(debits: .zero, credits: .zero)
    guard let debits = (sums[transfer.debit] ?? none).debits.adding(transfer.amount),
      let credits = (sums[transfer.credit] ?? none).credits.adding(transfer.amount)
    else { throw CommandError(.refused, "the transfers do not add up in 64 bits") }
    sums[transfer.debit, default: none].debits = debits
    sums[transfer.credit, default: none].credits = credits
  }

  /// Checks it without any other knowledge; see `JournalAudit`.
  func audit() throws(JournalAudit.Fault) {
    var audit = try JournalAudit(accounts.map(\.line), from: base)
    for transfer in transfers { try audit.read(transfer) }
    try audit.finish(at: head)
  }
}
