internal import Consensus
internal import ExchangeTypes
internal import Glibc
internal import LMDB
internal import RaftEngine

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
  private var staged: StagedSnapshot?
  /// The tables that exist, by side.
  private(set) var sides: StoreSides<Table>

  struct Table {
    let database: Database
    /// The highest key that was ever in the table since it was opened; empty if it never had one.
    var highestKey: [UInt8]
  }

  init(meta: Database, log: Database, sides: StoreSides<Table>, stored: StoredReplica) {
    self.meta = meta
    self.log = log
    self.sides = sides
    firstEntry = stored.firstEntry
    lastEntry = stored.lastEntry
    applied = stored.applied?.index ?? LogIndex(stored.firstEntry.rawValue - 1)
    staged = stored.staged
  }

  /// Writes one batch: hard state, truncation, entries, rows, applied mark, base, then what lies beside.
  mutating func write(
    _ batch: WriteBatch, to transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    if let hardState = batch.hardState { try write(hardState, to: transaction) }
    if let index = batch.truncateFrom { try truncate(from: index, in: transaction) }
    if !batch.entries.isEmpty { try append(batch.entries, at: batch.firstEntry, to: transaction) }
    for row in batch.rows { try write(row, on: sides.live, to: transaction) }
    if let mark = batch.applied {
      precondition(mark.index <= lastEntry, "applied entry \(mark.index) is not in the log")
      try write(mark, to: transaction)
    }
    if let base = batch.base { try trim(to: base, in: transaction) }
    for step in batch.staging { try perform(step, in: transaction) }
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
    _ row: RowChange, on side: Side, to transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    precondition(
      !row.key.isEmpty && row.key.count <= rowKeyBytesMax, "a row's key has \(row.key.count) bytes")
    guard let value = row.value else {
      guard let table = sides[side][row.table] else { return }
      try transaction.delete(key: row.key.span.bytes, in: table.database)
      return
    }
    precondition(value.count <= rowValueBytesMax, "a row's value has \(value.count) bytes")
    let table = try table(row.table, on: side, in: transaction)
    let isLast = precedes(table.highestKey, row.key)
    try transaction.put(
      key: row.key.span.bytes, byteCount: StoredRow.byteCount(value), in: table.database,
      append: isLast
    ) { StoredRow.write(table: row.table, key: row.key, value: value, to: &$0) }
    if isLast { sides[side].change(row.table) { $0.highestKey = row.key } }
  }

  private mutating func table(
    _ number: UInt8, on side: Side, in transaction: borrowing WriteTransaction
  ) throws(LMDBError) -> Table {
    if let table = sides[side][number] { return table }
    let database = try transaction.database(named: StoredRow.databaseName(number, side: side))
    let table = Table(database: database, highestKey: [])
    sides[side][number] = table
    return table
  }

  private mutating func write(
    _ mark: AppliedMark, to transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    precondition(mark.index >= applied, "the applied mark goes back from \(applied)")
    try StoredMeta.put(.applied, in: meta, of: transaction) { writer in
      writer.write(mark.index.rawValue)
      writer.write(mark.term.rawValue)
      writer.writeRaw(mark.digest.bytes)
    }
    applied = mark.index
  }

  // MARK: The log's beginning

  private mutating func trim(
    to base: SnapshotMetadata, in transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    precondition(base.index <= applied, "entry \(base.index) is trimmed before it is applied")
    precondition(base.index.next >= firstEntry, "the log's base goes back from \(firstEntry)")
    try LogKey(firstEntry).withBytes { (start) throws(LMDBError) in
      try LogKey(base.index.next).withBytes { (end) throws(LMDBError) in
        _ = try transaction.deleteRange(from: start, to: end, in: log)
      }
    }
    try StoredMeta.put(base, in: meta, of: transaction)
    firstEntry = base.index.next
    lastEntry = max(lastEntry, base.index)
  }

  // MARK: Beside the state

  private mutating func perform(
    _ step: StagingStep, in transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    switch step {
    case .begin(let manifest):
      try clear(sides.live.other, in: transaction)
      staged = StagedSnapshot(manifest: manifest)
    case .load(let rows, let hash):
      precondition(staged != nil, "a chunk of no snapshot")
      for row in rows { try write(row, on: sides.live.other, to: transaction) }
      staged?.loaded += 1
      staged?.hash = hash
    case .discard:
      try clear(sides.live.other, in: transaction)
      staged = nil
    case .flip(let base):
      try flip(to: base, in: transaction)
    }
    try StoredMeta.put(staged, in: meta, of: transaction)
  }

  private mutating func clear(
    _ side: Side, in transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    for number in sides[side].keys.sorted() {
      guard let table = sides[side][number] else { continue }
      try transaction.removeAll(in: table.database)
      sides[side][number]?.highestKey = []
    }
  }

  private mutating func flip(
    to base: SnapshotMetadata, in transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    guard let staged, staged.loaded == staged.manifest.chunkCount,
      staged.manifest.index == base.index
    else { preconditionFailure("a snapshot takes the place of the state before it is whole") }
    try clear(sides.live, in: transaction)
    sides.live = sides.live.other
    let side: UInt8 = sides.live == .rows ? 0 : 1
    try StoredMeta.put(.side, in: meta, of: transaction) { $0.write(side) }
    try transaction.removeAll(in: log)
    try StoredMeta.put(base, in: meta, of: transaction)
    firstEntry = base.index.next
    lastEntry = base.index
    try write(staged.manifest.mark, to: transaction)
    self.staged = nil
  }
}

/// Something by table, on both sides, and which side is the state.
struct StoreSides<Value> {
  var live: Side
  private var rows: [UInt8: Value]
  private var more: [UInt8: Value]

  init(live: Side, rows: [UInt8: Value] = [:], more: [UInt8: Value] = [:]) {
    self.live = live
    self.rows = rows
    self.more = more
  }

  subscript(side: Side) -> [UInt8: Value] {
    get { side == .rows ? rows : more }
    _modify {
      if side == .rows { yield &rows } else { yield &more }
    }
  }

  /// The same tables with other things.
  func mapValues<Other>(_ body: (Value) throws -> Other) rethrows -> StoreSides<Other> {
    StoreSides<Other>(
      live: live, rows: try rows.mapValues(body), more: try more.mapValues(body))
  }
}

extension StoreSides: Sendable where Value: Sendable {}

/// The most bytes in a row's key (LMDB's own limit, `MDB_MAXKEYSIZE`).
private let rowKeyBytesMax = 511

/// The most bytes in a row's value; larger ones take long runs of pages and fragment the file.
private let rowValueBytesMax = 16_384

/// Whether `left` sorts before `right` in LMDB's order: as unsigned bytes, a prefix first.
private func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
  let order = memcmp(left, right, min(left.count, right.count))
  return order == 0 ? left.count < right.count : order < 0
}
