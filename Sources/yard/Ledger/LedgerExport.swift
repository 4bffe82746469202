internal import ExchangeTypes
internal import TokenLedger
internal import WireProtocol

/// A part of the journal, with every account at both of its ends: all that an audit needs.
struct LedgerExport {
  /// Before the first transfer.
  var base = JournalPosition.beginning()
  /// After the last one.
  var head = JournalPosition.beginning()
  /// When it was read.
  var logTime = LogTime(milliseconds: 0)
  /// In the order of their numbers, from 1.
  var accounts: [JournalAudit.Line] = []
  /// In the order of posting.
  var transfers: [Transfer] = []

  /// Takes the accounts of a listing, each of whose pages is as of its own transfer.
  mutating func take(_ pages: [AccountListing]) throws(CommandError) {
    for page in pages {
      // What is in the page's sums, and what came after them.
      guard
        let before = JournalAudit.Sums.moved(by: transfers.lazy.filter { $0.id <= page.head }),
        let after = JournalAudit.Sums.moved(by: transfers.lazy.filter { $0.id > page.head })
      else { throw CommandError(.refused, "the transfers do not add up in 64 bits") }
      for account in page.accounts {
        let earlier = before[account.account] ?? .zero
        let later = after[account.account] ?? .zero
        guard let openingDebits = account.debits.subtracting(earlier.debits),
          let openingCredits = account.credits.subtracting(earlier.credits),
          let closingDebits = account.debits.adding(later.debits),
          let closingCredits = account.credits.adding(later.credits)
        else {
          throw CommandError(
            .refused, "the transfers of account \(account.account) are more than its sums")
        }
        accounts.append(
          JournalAudit.Line(
            account: account.account, name: account.name, kind: account.kind,
            opening: .init(debits: openingDebits, credits: openingCredits),
            closing: .init(debits: closingDebits, credits: closingCredits)))
      }
    }
  }
}

extension JournalAudit {
  /// Takes an export as the next piece, under a name for people.
  ///
  /// - Throws: `CommandError` with the first thing that is wrong.
  mutating func take(_ export: LedgerExport, named name: String) throws(CommandError) {
    do throws(Fault) {
      try begin(export.accounts, from: export.base)
      for transfer in export.transfers { try read(transfer) }
      try finish(at: export.head)
    } catch { throw CommandError(.refused, "\(name): the books are wrong: \(error.sentence)") }
  }
}

extension JournalAudit.Fault {
  /// What is wrong, for people.
  var sentence: String {
    switch self {
    case .accountMissing(let id): "account \(id) is missing"
    case .openingUnbalanced: "debits and credits are not equal at the beginning"
    case .openingUnexplained(let id):
      "account \(id) begins with what no transfer has moved"
    case .pieceMissing(let id):
      "it does not begin where the piece before it ends, after transfer \(id)"
    case .accountDiffers(let id):
      "account \(id) begins with another name, kind or sum than the piece before it ends with"
    case .outOfOrder(let id, let expected): "transfer \(id) is where \(expected) should be"
    case .meaningless(let id): "transfer \(id) moves nothing"
    case .unknownAccount(let id, let account):
      "transfer \(id) names account \(account), which there is not"
    case .overflow(let id, let account):
      "the sums of account \(account) leave 64 bits at transfer \(id)"
    case .overdrawn(let id, let account): "account \(account) owes after transfer \(id)"
    case .badReversal(let id): "transfer \(id) takes back what it may not"
    case .chainBroken: "the chain of transfers comes to another hash than the journal's"
    case .closingDiffers(let account, let computed):
      "account \(account) comes to debits \(computed.debits) and credits \(computed.credits), the file says otherwise"
    }
  }
}
