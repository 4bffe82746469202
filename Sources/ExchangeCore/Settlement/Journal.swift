internal import ExchangeTypes
public import TokenLedger

/// Where the journal of transfers begins and ends: the one row of table 37, since state version 3.
///
/// The rows of table 7 after `base` lead, by their chain, from its hash to that of `head`.
public struct Journal: Hashable, Sendable {
  /// Before the oldest transfer that is kept; what was before the chain began is not in it.
  public internal(set) var base: JournalPosition
  /// After the newest.
  public internal(set) var head: JournalPosition

  /// Joins the parts.
  public init(base: JournalPosition, head: JournalPosition) {
    self.base = base
    self.head = head
  }
}

extension Exchange {
  /// The journal's ends; nil before state version 3 and its first transfer.
  public var journal: Journal? { journals[0] }

  /// What the operator takes of jobs that are submitted now.
  public var feeTerms: FeeTerms { fees[0] ?? .none }

  /// Writes a transfer to the journal, and drops the oldest beyond what the journal keeps.
  mutating func journal(_ transfer: Transfer) {
    if meta.stateVersion >= Self.moneyStateVersion {
      if journals[0] == nil {
        let start = JournalPosition.beginning(after: TransferID(transfer.id.rawValue - 1))
        journals.insert(Journal(base: start, head: start))
      }
      journals.update(0) { $0.head = $0.head.advanced(by: transfer) }
    }
    transfers.insert(transfer)
    indexes.enter(transfer)
    while indexes.transfers.count > limits.transfersMax, let oldest = indexes.transfers.first {
      guard let row = transfers.remove(oldest.rawValue) else {
        preconditionFailure("an index without its row")
      }
      indexes.leave(row)
      guard let base = journal?.base, oldest > base.transfer else { continue }
      journals.update(0) { $0.base = base.advanced(by: row) }
    }
  }

  /// Whether the chain over the rows leads from the journal's beginning to its end.
  var isJournalWhole: Bool {
    guard let journal else { return true }
    var place = journal.base
    for id in indexes.transfers.prefix(after: place.transfer, limit: .max) {
      guard let row = transfers[id.rawValue], id.rawValue == place.transfer.rawValue + 1 else {
        return false
      }
      place = place.advanced(by: row)
    }
    return place == journal.head
  }
}

extension Journal: StoredRow {
  static var table: Table { .journal }
  var rowKey: UInt64 { 0 }

  func encode(into writer: inout CanonicalWriter) {
    for place in [base, head] {
      writer.write(place.transfer.rawValue)
      writer.writeRaw(place.hash)
    }
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    guard key == 0 else { throw .unknownValue(offset: 0, value: key) }
    self.init(
      base: JournalPosition(transfer: try reader.readID(), hash: try reader.readHash()),
      head: JournalPosition(transfer: try reader.readID(), hash: try reader.readHash()))
  }
}
