internal import ExchangeTypes

/// Rows of one table in memory, with what each contributes to the digest.
///
/// A change marks its row; `drain` encodes and hashes each marked row once per log entry, so a row
/// that changes often in one entry costs one SHA-256 (the old contribution is remembered). Lookups go
/// through a dictionary of places; nothing that reaches an output iterates over it unsorted. Rows lie apart from it, and none moves
/// because another goes: a job is hundreds of bytes, which a dictionary would move whenever a neighbour does.
struct RowTable<Row: StoredRow>: Sendable {
  /// A row, and what its stored value adds to the digest.
  ///
  /// One that has never been stored adds nothing; empty once the row is gone.
  private struct Slot: Sendable {
    var row: Row?
    var contribution: StateDigest?
  }

  private var places: [UInt64: Int] = [:]
  private var slots: [Slot] = []
  /// Places of empty slots.
  private var free: [Int] = []
  /// Rows changed since the last drain, possibly more than once.
  private var marked: [UInt64] = []
  /// The contributions of rows removed since the last drain.
  private var removed: [UInt64: StateDigest] = [:]

  var count: Int { places.count }

  /// Keys in ascending order: O(n log n), for restarts and rare reads.
  var sortedKeys: [UInt64] { places.keys.sorted() }

  subscript(key: UInt64) -> Row? {
    guard let place = places[key] else { return nil }
    return slots[place].row
  }

  /// Whether there is such a row.
  func contains(_ key: UInt64) -> Bool { places[key] != nil }

  mutating func insert(_ row: Row) {
    let key = row.rowKey
    put(Slot(row: row), under: key)
    marked.append(key)
  }

  /// Changes a row in place.
  ///
  /// - Precondition: the row exists, and `body` leaves its key alone.
  mutating func update(_ key: UInt64, _ body: (inout Row) -> Void) {
    updateUnstored(key, body)
    marked.append(key)
  }

  /// Changes of a row what its stored value does not have.
  ///
  /// - Precondition: the row exists, and `body` leaves its key and its value alone.
  mutating func updateUnstored(_ key: UInt64, _ body: (inout Row) -> Void) {
    guard let place = places[key] else { preconditionFailure("no such row") }
    slots[place].row?.change(body)
  }

  @discardableResult
  mutating func remove(_ key: UInt64) -> Row? {
    guard let place = places.removeValue(forKey: key) else { return nil }
    if let contribution = slots[place].contribution.take() { removed[key] = contribution }
    free.append(place)
    marked.append(key)
    return slots[place].row.take()
  }

  /// Adds a row that is on disk already.
  mutating func restore(_ row: Row, contribution: StateDigest) {
    put(Slot(row: row, contribution: contribution), under: row.rowKey)
  }

  private mutating func put(_ slot: Slot, under key: UInt64) {
    let place = free.popLast() ?? slots.count
    let known = places.updateValue(place, forKey: key)
    precondition(known == nil, "a key was given twice")
    if place == slots.count { slots.append(slot) } else { slots[place] = slot }
  }

  /// Brings `digest` up to date and appends the changed rows in key order.
  mutating func drain(into changes: inout [RowChange], _ digest: inout StateDigest) {
    guard !marked.isEmpty else { return }
    marked.sort()
    var last: UInt64?
    for key in marked where key != last {
      last = key
      let bytes = rowKeyBytes(key)
      guard let place = places[key] else {
        guard let old = removed[key] else { continue }  // created and removed in one entry
        digest.remove(old)
        changes.append(RowChange(table: Row.table.rawValue, key: bytes, value: nil))
        continue
      }
      guard let value = slots[place].row?.storedValue() else {
        preconditionFailure("a place without a row")
      }
      let new = StateDigest(table: Row.table.rawValue, key: bytes, value: value)
      let old = slots[place].contribution
      guard new != old else { continue }
      slots[place].contribution = new
      if let old { digest.remove(old) }
      digest.add(new)
      changes.append(RowChange(table: Row.table.rawValue, key: bytes, value: value))
    }
    marked.removeAll(keepingCapacity: true)
    removed.removeAll(keepingCapacity: true)
  }
}

/// Both in place: a row that is read out of its slot is a copy of all that it refers to.
extension StoredRow {
  fileprivate mutating func change(_ body: (inout Self) -> Void) { body(&self) }
  fileprivate mutating func storedValue() -> [UInt8] { rowValue }
}
