internal import ExchangeTypes

/// Rows of one table in memory, with what each contributes to the digest.
///
/// A change marks its row; `drain` encodes and hashes each marked row once per log entry, so a row
/// that changes often in one entry costs one SHA-256 (the old contribution is remembered). Lookups go
/// through a dictionary; nothing that reaches an output iterates over it unsorted.
struct RowTable<Row: StoredRow>: Sendable {
  private struct Slot: Sendable {
    var row: Row
    /// What the stored value adds to the digest; nil while the row has never been stored.
    var contribution: StateDigest?
  }

  private var slots: [UInt64: Slot] = [:]
  /// Rows changed since the last drain, possibly more than once.
  private var marked: [UInt64] = []
  /// The contributions of rows removed since the last drain.
  private var removed: [UInt64: StateDigest] = [:]

  var count: Int { slots.count }

  /// Keys in ascending order: O(n log n), for restarts and rare reads.
  var sortedKeys: [UInt64] { slots.keys.sorted() }

  subscript(key: UInt64) -> Row? { slots[key]?.row }

  mutating func insert(_ row: Row) {
    let key = row.rowKey
    precondition(slots[key] == nil, "a key was given twice")
    slots[key] = Slot(row: row, contribution: nil)
    marked.append(key)
  }

  /// Changes a row in place.
  ///
  /// - Precondition: the row exists, and `body` leaves its key alone.
  mutating func update(_ key: UInt64, _ body: (inout Row) -> Void) {
    guard let place = slots.index(forKey: key) else { preconditionFailure("no such row") }
    body(&slots.values[place].row)
    marked.append(key)
  }

  /// Changes of a row what its stored value does not have.
  ///
  /// - Precondition: the row exists, and `body` leaves its key and its value alone.
  mutating func updateUnstored(_ key: UInt64, _ body: (inout Row) -> Void) {
    guard let place = slots.index(forKey: key) else { preconditionFailure("no such row") }
    body(&slots.values[place].row)
  }

  @discardableResult
  mutating func remove(_ key: UInt64) -> Row? {
    guard let slot = slots.removeValue(forKey: key) else { return nil }
    if let contribution = slot.contribution { removed[key] = contribution }
    marked.append(key)
    return slot.row
  }

  /// Adds a row that is on disk already.
  mutating func restore(_ row: Row, contribution: StateDigest) {
    slots[row.rowKey] = Slot(row: row, contribution: contribution)
  }

  /// Brings `digest` up to date and appends the changed rows in key order.
  mutating func drain(into changes: inout [RowChange], _ digest: inout StateDigest) {
    guard !marked.isEmpty else { return }
    marked.sort()
    var last: UInt64?
    for key in marked where key != last {
      last = key
      let bytes = rowKeyBytes(key)
      guard let place = slots.index(forKey: key) else {
        guard let old = removed[key] else { continue }  // created and removed in one entry
        digest.remove(old)
        changes.append(RowChange(table: Row.table.rawValue, key: bytes, value: nil))
        continue
      }
      let value = slots.values[place].row.rowValue
      let new = StateDigest(table: Row.table.rawValue, key: bytes, value: value)
      let old = slots.values[place].contribution
      guard new != old else { continue }
      if let old { digest.remove(old) }
      digest.add(new)
      slots.values[place].contribution = new
      changes.append(RowChange(table: Row.table.rawValue, key: bytes, value: value))
    }
    marked.removeAll(keepingCapacity: true)
    removed.removeAll(keepingCapacity: true)
  }
}
