internal import ExchangeTypes
internal import TokenLedger
public import WireProtocol

/// Reads the journal page by page, and says at its end what it comes to.
///
/// ```
/// query ──page──► next query ──page──► … ──last page──► reply
///             └─ a gap: the journal has dropped transfers meanwhile ─► refusal
/// ```
public struct ReportReading {
  private var report = LedgerReport()
  private var base: TransferID?
  private var last = TransferID(0)

  /// A reading that has not begun.
  public init() {}

  /// The next question.
  public var query: JournalQuery {
    JournalQuery(after: last, limit: MoneyRoute.ledgerLimitMax)
  }

  /// Takes a page.
  ///
  /// - Returns: the answer, if it was the last page; else there is another question.
  /// - Throws: `unavailable` if transfers between two pages are no longer there.
  public mutating func take(_ page: JournalListing) throws(HTTPRefusal) -> HTTPReply? {
    if base == nil {
      base = page.base
      last = page.base
    }
    for transfer in page.transfers {
      guard transfer.id.rawValue == last.rawValue + 1 else {
        throw HTTPRefusal(
          .unavailable, "the journal has dropped transfers while it was read; ask again",
          retryAfterMs: 1_000)
      }
      last = transfer.id
      report.add(transfer)
    }
    guard !page.more || page.entries.isEmpty else { return nil }
    let first = TransferID((base?.rawValue ?? 0) + 1)
    return MoneyAnswer.report(report, from: first, through: last)
  }
}
