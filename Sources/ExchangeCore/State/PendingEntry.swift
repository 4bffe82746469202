internal import ExchangeTypes

/// What the entry that is being applied has done so far, beside its rows in memory.
struct PendingEntry: Sendable {
  /// Which entry it is.
  var index = LogIndex(0)
  var effects: [Effect] = []
  /// Bulk rows put by this entry, by key; a key is put at most once ever.
  private var put: [BulkKey: [UInt8]] = [:]
  private var deleted: Set<BulkKey> = []
  private var segmentRows: UInt16 = 0

  init(index: LogIndex = LogIndex(0)) { self.index = index }

  private struct BulkKey: Hashable {
    let table: UInt8
    let bytes: [UInt8]
  }

  mutating func put(_ table: Table, key: [UInt8], value: [UInt8]) {
    put[BulkKey(table: table.rawValue, bytes: key)] = value
  }

  /// Deletes a row; one that this entry put is as if it had never been.
  mutating func delete(_ table: Table, key: [UInt8]) {
    let key = BulkKey(table: table.rawValue, bytes: key)
    if put.removeValue(forKey: key) == nil { deleted.insert(key) }
  }

  /// The key of the entry's next row of segments.
  mutating func nextSegmentRow() -> SegmentRow {
    defer { segmentRows += 1 }
    return SegmentRow(index: index, ordinal: segmentRows)
  }

  /// The changes of bulk rows in the order of (table, key).
  func bulkChanges(of table: Table) -> [RowChange] {
    guard !put.isEmpty || !deleted.isEmpty else { return [] }
    var changes: [RowChange] = []
    for (key, value) in put where key.table == table.rawValue {
      changes.append(RowChange(table: key.table, key: key.bytes, value: value))
    }
    for key in deleted where key.table == table.rawValue {
      changes.append(RowChange(table: key.table, key: key.bytes, value: nil))
    }
    return changes.sorted { $0.key.lexicographicallyPrecedes($1.key) }
  }
}
