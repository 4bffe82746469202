internal import ExchangeTypes
internal import RaftEngine

/// A row's name in the overlay of rows that have not reached the disk.
struct RowKey: Hashable {
  let table: UInt8
  let key: [UInt8]

  /// Feeds the key as one piece: byte by byte, as an array does it, takes several times as long.
  func hash(into hasher: inout Hasher) {
    hasher.combine(table)
    key.withUnsafeBytes { hasher.combine(bytes: $0) }
  }
}

/// What the next write will hold.
///
/// Log and rows are kept apart: entries, term and vote go with the next write, since somebody waits for
/// them; rows wait until there are many, or until they are asked for, since the log has what they come
/// from. A row that changes again before it is written is written once, and rows written together share
/// pages: one by one they cost a page each.
struct PendingBatch {
  /// So many bytes of rows are due, however few rows they are.
  static let rowBytesMax = 16 << 20

  /// So many rows are due.
  let rowsMax: Int
  /// What concerns the log.
  var batch = WriteBatch()
  /// The newest value of each changed row; nil inside means that the row is gone.
  private(set) var rows: [RowKey: [UInt8]?] = [:]
  /// The changed rows in the order of their first change, so that a write's order is a function of
  /// the log alone.
  private var order: [RowKey] = []
  /// About how many bytes `rows` has: what was noted, though it may have been replaced.
  private var rowBytes = 0
  /// How far `rows` bring the stored state.
  var applied: AppliedMark?
  /// The engine's number of the last log write in `batch`.
  var lastWrite: WriteNumber?

  init(rowsMax: Int) { self.rowsMax = rowsMax }

  /// Whether it holds something that somebody waits for: an entry, a term, a vote.
  var mustBeWritten: Bool {
    batch.hardState != nil || batch.truncateFrom != nil || !batch.entries.isEmpty
      || !batch.staging.isEmpty
  }

  /// Whether there are so many rows that they are due.
  var isFull: Bool { order.count >= rowsMax || rowBytes >= Self.rowBytesMax }

  /// Adds a log write: drops what it replaces, here and, by `truncateFrom`, on the disk.
  mutating func append(_ entries: [LogEntry], at first: LogIndex, truncating: Bool) {
    if truncating {
      if !batch.entries.isEmpty, first > batch.firstEntry {
        batch.entries.removeSubrange(Int(first.rawValue - batch.firstEntry.rawValue)...)
      } else {
        batch.entries = []
        batch.truncateFrom = batch.truncateFrom.map { min($0, first) } ?? first
      }
    }
    if batch.entries.isEmpty { batch.firstEntry = first }
    precondition(
      first.rawValue == batch.firstEntry.rawValue + UInt64(batch.entries.count),
      "a log write that does not follow the one before")
    batch.entries += entries
  }

  mutating func note(_ changes: [RowChange]) {
    for change in changes {
      let name = RowKey(table: change.table, key: change.key)
      if rows.updateValue(change.value, forKey: name) == nil { order.append(name) }
      rowBytes += change.key.count + (change.value?.count ?? 0)
    }
  }

  /// Leaves out everything but term and vote, since another state and another log take their place.
  mutating func void() {
    let hardState = batch.hardState
    self = PendingBatch(rowsMax: rowsMax)
    batch.hardState = hardState
  }

  /// What one write holds, and what a reader needs while it is under way.
  struct Taken {
    let batch: WriteBatch
    let rows: [RowKey: [UInt8]?]
    let lastWrite: WriteNumber?
  }

  /// Takes what concerns the log and, if `withRows`, all rows and their mark together; what stays or
  /// comes later belongs to a write after this one.
  mutating func take(withRows: Bool) -> Taken {
    var taken = batch
    batch = WriteBatch()
    defer { lastWrite = nil }
    guard withRows else { return Taken(batch: taken, rows: [:], lastWrite: lastWrite) }
    taken.rows = order.map { RowChange(table: $0.table, key: $0.key, value: rows[$0] ?? nil) }
    taken.applied = applied
    defer {
      // About as many come before the next: growing to it again and again is most of what noting a row takes.
      rows = Dictionary(minimumCapacity: rows.count)
      order = []
      order.reserveCapacity(taken.rows.count)
      rowBytes = 0
      applied = nil
    }
    return Taken(batch: taken, rows: rows, lastWrite: lastWrite)
  }
}
