internal import Consensus
internal import ExchangeTypes
internal import Glibc
internal import LMDB

/// Turns batches into changes of LMDB; lives on the writer thread.
///
/// What it remembers (the ends of the log, the highest key of each table) runs ahead of the disk
/// inside a transaction. That is sound because a transaction that fails is the last one.
struct BatchWriter {
  private let meta: Database
  private let log: Database
  private var firstEntry: LogIndex
  private var lastEntry: LogIndex
  private var applied: LogIndex
  /// The tables that exist, with a key that none of their keys exceeds.
  private(set) var tables: [UInt8: Table]

  struct Table {
    let database: Database
    /// The highest key that was ever in the table since it was opened; empty if it never had one.
    var highestKey: [UInt8]
  }

  init(meta: Database, log: Database, tables: [UInt8: Table], stored: StoredReplica) {
    self.meta = meta
    self.log = log
    self.tables = tables
    firstEntry = stored.firstEntry
    lastEntry = stored.lastEntry
    applied = stored.applied?.index ?? LogIndex(stored.firstEntry.rawValue - 1)
  }

  /// Writes one batch: hard state, truncation, entries, rows, applied mark.
  mutating func write(
    _ batch: WriteBatch, to transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    if let hardState = batch.hardState { try write(hardState, to: transaction) }
    if let index = batch.truncateFrom { try truncate(from: index, in: transaction) }
    if !batch.entries.isEmpty { try append(batch.entries, at: batch.firstEntry, to: transaction) }
    for row in batch.rows { try write(row, to: transaction) }
    if let mark = batch.applied { try write(mark, to: transaction) }
  }

  /// Stamps the transaction, as its last change.
  func stamp(_ transaction: borrowing WriteTransaction) throws(LMDBError) {
    let id = transaction.id
    try StoredMeta.put(.commit, in: meta, of: transaction) { $0.write(id) }
  }

  private func write(
    _ hardState: HardState, to transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    try StoredMeta.put(.hardState, in: meta, of: transaction) { writer in
      writer.write(hardState.term.rawValue)
      writer.write(hardState.votedFor) { $0.write($1.rawValue) }
    }
  }

  private mutating func truncate(
    from index: LogIndex, in transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    precondition(index >= firstEntry, "a truncation reaches before the log")
    precondition(index > applied, "a truncation would drop applied entry \(applied)")
    guard index <= lastEntry else { return }
    try LogKey(index).withBytes { (key) throws(LMDBError) in
      _ = try transaction.deleteRange(from: key, in: log)
    }
    lastEntry = LogIndex(index.rawValue - 1)
  }

  private mutating func append(
    _ entries: [LogEntry], at first: LogIndex, to transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    precondition(first == lastEntry.next, "entries at \(first) do not follow \(lastEntry)")
    for entry in entries {
      precondition(entry.payload.count <= LogEntry.payloadBytesMax, "an entry is too long")
      let index = lastEntry.next
      try LogKey(index).withBytes { (key) throws(LMDBError) in
        try transaction.put(
          key: key, byteCount: StoredEntry.byteCount(entry), in: log, append: true
        ) { StoredEntry.write(entry, at: index, to: &$0) }
      }
      lastEntry = index
    }
  }

  private mutating func write(
    _ row: RowChange, to transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    precondition(
      !row.key.isEmpty && row.key.count <= rowKeyBytesMax, "a row's key has \(row.key.count) bytes")
    guard let value = row.value else {
      guard let table = tables[row.table] else { return }
      try transaction.delete(key: row.key.span.bytes, in: table.database)
      return
    }
    precondition(value.count <= rowValueBytesMax, "a row's value has \(value.count) bytes")
    let table = try table(row.table, in: transaction)
    let isLast = precedes(table.highestKey, row.key)
    try transaction.put(
      key: row.key.span.bytes, byteCount: StoredRow.byteCount(value), in: table.database,
      append: isLast
    ) { StoredRow.write(table: row.table, key: row.key, value: value, to: &$0) }
    if isLast { tables[row.table]?.highestKey = row.key }
  }

  private mutating func table(
    _ number: UInt8, in transaction: borrowing WriteTransaction
  ) throws(LMDBError) -> Table {
    if let table = tables[number] { return table }
    let database = try transaction.database(named: StoredRow.databaseName(number))
    let table = Table(database: database, highestKey: [])
    tables[number] = table
    return table
  }

  private mutating func write(
    _ mark: AppliedMark, to transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    precondition(mark.index >= applied, "the applied mark goes back from \(applied)")
    precondition(mark.index <= lastEntry, "applied entry \(mark.index) is not in the log")
    try StoredMeta.put(.applied, in: meta, of: transaction) { writer in
      writer.write(mark.index.rawValue)
      writer.write(mark.term.rawValue)
      writer.writeRaw(mark.digest.bytes)
    }
    applied = mark.index
  }
}

/// The most bytes in a row's key (LMDB's own limit, `MDB_MAXKEYSIZE`).
private let rowKeyBytesMax = 511

/// The most bytes in a row's value; larger ones take long runs of pages and fragment the file.
private let rowValueBytesMax = 16_384

/// Whether `left` sorts before `right` in LMDB's order: as unsigned bytes, a prefix first.
private func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
  let order = memcmp(left, right, min(left.count, right.count))
  return order == 0 ? left.count < right.count : order < 0
}
