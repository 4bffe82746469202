internal import ExchangeTypes
public import TokenLedger

/// Where the journal of transfers begins and ends: the one row of table 37, since state version 3.
///
/// The transfers after `base`, those of table 7 and then those of table 44, lead, by their chain, from its hash to that of `head`.
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

  /// Writes what was posted together to the journal: since state version 3 into the log, which is sealed once for each entry.
  mutating func journal(_ posted: [Transfer]) {
    guard let first = posted.first else { return }
    guard meta.stateVersion >= Self.moneyStateVersion else {
      for transfer in posted {
        transfers.insert(transfer)
        indexes.enter(transfer)
      }
      return dropOldTransfers()
    }
    if log.count == 0, journals[0] == nil {
      let start = JournalPosition.beginning(after: TransferID(first.id.rawValue - 1))
      journals.insert(Journal(base: start, head: start))
    }
    log.append(posted)
    for transfer in posted where transfer.reverses != nil { indexes.enterReversal(transfer) }
  }

  /// Chains what the entry has posted and puts it into rows; the oldest beyond what the journal keeps goes.
  mutating func sealJournal() {
    guard log.unsealed > 0 else { return }
    guard let head = journal?.head else { preconditionFailure("a log without its chain") }
    let sealed = log.seal(after: head)
    journals.update(0) { $0.head = sealed.head }
    for row in sealed.rows { pending.put(.journalSegments, key: row.key, value: row.value) }
    dropOldTransfers()
  }

  /// Drops the oldest transfers that are not of the newest `transfersMax`: of table 7 each, of the log a segment once
  /// all of it is.
  private mutating func dropOldTransfers() {
    while transfers.count + log.count > limits.transfersMax, let oldest = indexes.transfers.first {
      guard let row = transfers.remove(oldest.rawValue) else {
        preconditionFailure("an index without its row")
      }
      indexes.leave(row)
      guard let base = journal?.base, oldest > base.transfer else { continue }
      journals.update(0) { $0.base = base.advanced(by: row) }
    }
    while let oldest = log.segments.first, log.count - oldest.count >= limits.transfersMax {
      let (segment, gone) = log.removeFirstSegment()
      for transfer in gone { indexes.leaveReversal(transfer) }
      pending.delete(.journalSegments, key: segment.key)
      journals.update(0) { $0.base = segment.end }
    }
  }

  /// Computes the chain over what was restored; answers whether it leads from the journal's beginning to its end.
  mutating func chainRestoredJournal() -> Bool {
    guard let journal else { return log.count == 0 }
    var place = journal.base
    for id in indexes.transfers.prefix(after: place.transfer, limit: .max) {
      guard let row = transfers[id.rawValue], id.rawValue == place.transfer.rawValue + 1 else {
        return false
      }
      place = place.advanced(by: row)
    }
    return log.chain(from: place) == journal.head
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
