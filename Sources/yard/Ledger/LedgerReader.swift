internal import ExchangeClient
internal import ExchangeTypes
internal import JobDispatch
internal import TokenLedger
internal import WireProtocol

/// Reads the books of a cluster, page by page, while they go on.
struct LedgerReader {
  let client: ExchangeClient

  /// The most entries of a page.
  private static let pageLimit: UInt32 = 512

  /// All accounts after one; each page says which transfers are in its sums.
  func accounts(after first: AccountID = AccountID(0)) async throws -> [AccountListing] {
    var pages: [AccountListing] = []
    var after = first
    while true {
      let page = try await client.ask(AccountList(after: after, limit: Self.pageLimit)) {
        if case .accountListing(let listing) = $0 { listing } else { nil }
      }
      pages.append(page)
      guard page.more, let last = page.accounts.last else { return pages }
      after = last.account
    }
  }

  /// A page of transfers.
  func page(after transfer: TransferID, limit: UInt32 = pageLimit) async throws -> JournalListing {
    try await client.ask(JournalQuery(after: transfer, limit: limit)) {
      if case .journalListing(let listing) = $0 { listing } else { nil }
    }
  }

  /// The journal after a transfer, or all that is kept, with every account at both of its ends.
  ///
  /// Each page is as of its own moment: sums are brought to the journal's two ends by the transfers between.
  ///
  /// - Parameters:
  ///   - start: the transfer; 0 for all that is kept.
  ///   - place: the same with the chain's hash after it, if that is known: an audit says whether it is the cluster's.
  /// - Returns: the transfers with the accounts at both ends.
  /// - Throws: `CommandError` if the journal does not reach so far back, or not so far; what asking a coordinator throws.
  func export(after start: TransferID, from place: JournalPosition? = nil) async throws
    -> LedgerExport
  {
    var pages = try await accounts()
    var export = LedgerExport()
    var last = start
    while true {
      let known = pages.reduce(0) { $0 + $1.accounts.count }
      let listing = try await page(after: last)
      if export.transfers.isEmpty {
        guard start == TransferID(0) || start >= listing.base else {
          throw CommandError(
            .refused,
            "the journal begins after transfer \(listing.base); what was before is in earlier exports"
          )
        }
        guard start <= listing.head else {
          throw CommandError(
            .refused, "the journal ends at transfer \(listing.head), before \(start)")
        }
        if last < listing.base { last = listing.base }
        export.base = JournalPosition(transfer: listing.base, hash: listing.baseHash)
      }
      for transfer in listing.transfers {
        guard transfer.id.rawValue == last.rawValue + 1 else {
          throw CommandError(
            .refused, "the journal has dropped transfers while it was read; export it again")
        }
        last = transfer.id
        export.transfers.append(transfer)
      }
      export.logTime = listing.logTime
      guard !listing.more else { continue }
      export.head = JournalPosition(transfer: listing.head, hash: listing.headHash)
      let newest = export.transfers.lazy.map { max($0.debit, $0.credit) }.max()?.rawValue ?? 0
      if newest > UInt64(known) {
        pages += try await accounts(after: AccountID(UInt64(known)))
      } else if pages.allSatisfy({ $0.head <= last }) {
        break
      }
    }
    if let place { export.base = place } else { try await placeBase(of: &export, after: start) }
    try export.take(pages)
    return export
  }

  /// The chain's hash at a transfer that is not the journal's first comes from the transfers before it.
  private func placeBase(of export: inout LedgerExport, after start: TransferID) async throws {
    var place = export.base
    while place.transfer < start {
      let listing = try await page(after: place.transfer)
      guard let first = listing.entries.first,
        first.transfer.rawValue == place.transfer.rawValue + 1
      else {
        throw CommandError(
          .refused, "the journal has dropped transfers while it was read; export it again")
      }
      for transfer in listing.transfers where transfer.id <= start {
        place = place.advanced(by: transfer)
      }
    }
    export.base = place
  }
}

extension Transfer.Kind {
  /// As the wire calls it.
  var name: String { TransferKind(rawValue: rawValue)?.name ?? "kind_\(rawValue)" }
}
