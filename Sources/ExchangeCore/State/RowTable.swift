internal import ExchangeTypes

/// Rows of one table in memory, with what each contributes to the digest.
///
/// A change marks its row; `drain` encodes and hashes each marked row once per log entry, so a row
/// that changes often in one entry costs one SHA-256 (the old contribution is remembered). Lookups go
/// through a dictionary; nothing that reaches an output iterates over it unsorted.
struct RowTable<Row: StoredRow>: Sendable {
  private var rows: [UInt64: Row] = [:]
  /// What each row's stored value adds to the digest; a row that has never been stored has none.
  ///
  /// Apart from the rows: whoever reads a row takes a copy of what lies with it.
  private var contributions: [UInt64: StateDigest] = [:]
  /// Rows changed since the last drain, possibly more than once.
  private var marked: [UInt64] = []
  /// The contributions of rows removed since the last drain.
  private var removed: [UInt64: StateDigest] = [:]

  var count: Int { rows.count }

  /// Keys in ascending order: O(n log n), for restarts and rare reads.
  var sortedKeys: [UInt64] { rows.keys.sorted() }

  subscript(key: UInt64) -> Row? { rows[key] }

  mutating func insert(_ row: Row) {
    let key = row.rowKey
    let known = rows.updateValue(row, forKey: key)
    precondition(known == nil, "a key was given twice")
    marked.append(key)
  }

  /// Changes a row in place.
  ///
  /// - Precondition: the row exists, and `body` leaves its key alone.
  mutating func update(_ key: UInt64, _ body: (inout Row) -> Void) {
    guard let place = rows.index(forKey: key) else { preconditionFailure("no such row") }
    body(&rows.values[place])
    marked.append(key)
  }

  /// Changes of a row what its stored value does not have.
  ///
  /// - Precondition: the row exists, and `body` leaves its key and its value alone.
  mutating func updateUnstored(_ key: UInt64, _ body: (inout Row) -> Void) {
    guard let place = rows.index(forKey: key) else { preconditionFailure("no such row") }
    body(&rows.values[place])
  }

  @discardableResult
  mutating func remove(_ key: UInt64) -> Row? {
    guard let row = rows.removeValue(forKey: key) else { return nil }
    if let contribution = contributions.removeValue(forKey: key) { removed[key] = contribution }
    marked.append(key)
    return row
  }

  /// Adds a row that is on disk already.
  mutating func restore(_ row: Row, contribution: StateDigest) {
    rows[row.rowKey] = row
    contributions[row.rowKey] = contribution
  }

  /// Brings `digest` up to date and appends the changed rows in key order.
  mutating func drain(into changes: inout [RowChange], _ digest: inout StateDigest) {
    guard !marked.isEmpty else { return }
    marked.sort()
    var last: UInt64?
    for key in marked where key != last {
      last = key
      let bytes = rowKeyBytes(key)
      guard let place = rows.index(forKey: key) else {
        guard let old = removed[key] else { continue }  // created and removed in one entry
        digest.remove(old)
        changes.append(RowChange(table: Row.table.rawValue, key: bytes, value: nil))
        continue
      }
      let value = Self.stored(&rows.values[place])
      let new = StateDigest(table: Row.table.rawValue, key: bytes, value: value)
      let old = contributions.updateValue(new, forKey: key)
      guard new != old else { continue }
      if let old { digest.remove(old) }
      digest.add(new)
      changes.append(RowChange(table: Row.table.rawValue, key: bytes, value: value))
    }
    marked.removeAll(keepingCapacity: true)
    removed.removeAll(keepingCapacity: true)
  }

  /// A row's value, in place: a row that is read out of a dictionary is a copy of all that it refers to.
  private static func stored(_ row: inout Row) -> [UInt8] { row.rowValue }
}
