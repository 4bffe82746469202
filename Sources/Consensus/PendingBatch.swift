internal import ExchangeTypes
internal import RaftEngine

/// A row's name in the overlay of rows that have not reached the disk.
struct RowKey: Hashable {
  let table: UInt8
  let key: [UInt8]
}

/// What the next write will hold.
struct PendingBatch {
  var batch = WriteBatch()
  /// The newest value of each changed row; nil inside means that the row is gone.
  private(set) var rows: [RowKey: [UInt8]?] = [:]
  /// The changed rows in the order of their first change, so that a write's order is a function of
  /// the log alone.
  private var order: [RowKey] = []

  /// Whether it holds something that somebody waits for: an entry, a term, a vote.
  ///
  /// Rows of applied entries can wait for the next of these: the log has them.
  var mustBeWritten: Bool {
    batch.hardState != nil || batch.truncateFrom != nil || !batch.entries.isEmpty
  }

  var isEmpty: Bool { !mustBeWritten && batch.applied == nil }

  /// The engine's number of the last log write in it.
  var lastWrite: WriteNumber?

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
    }
  }

  /// What one write holds, and what a reader needs while it is under way.
  struct Taken {
    let batch: WriteBatch
    let rows: [RowKey: [UInt8]?]
    let lastWrite: WriteNumber?
  }

  /// Takes everything; what comes later belongs to the write after this one.
  mutating func take() -> Taken {
    batch.rows = order.map { RowChange(table: $0.table, key: $0.key, value: rows[$0] ?? nil) }
    let taken = Taken(batch: batch, rows: rows, lastWrite: lastWrite)
    self = PendingBatch()
    return taken
  }
}
