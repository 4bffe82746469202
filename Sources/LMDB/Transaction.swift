internal import CLMDB

/// A named table of an environment; valid as long as the environment is open.
///
/// Get one from `WriteTransaction.database(named:)`; it is shared once that transaction commits.
public struct Database: Hashable, Sendable {
  let number: UInt32
  /// The table whose keys are the names of all others (`MAIN_DBI` in `mdb.c`).
  public static let main = Database(number: 1)
  /// LMDB's own list of free pages (`FREE_DBI` in `mdb.c`).
  static let freeList = Database(number: 0)
}

/// LMDB's transaction handle, for this module's eyes.
public struct TransactionReference {
  let handle: OpaquePointer
  init(_ handle: OpaquePointer) { self.handle = handle }
}

@available(*, unavailable)
extension TransactionReference: Sendable {}

/// What read and write transactions share: looking at rows.
///
/// Spans point into the map: they are valid inside the closure, and in a write transaction only until
/// its next change, which the closure cannot make.
public protocol Transaction: ~Copyable {
  /// The transaction's handle.
  var reference: TransactionReference { get }
}

/// A view of one committed state; ends with its scope.
public struct ReadTransaction: ~Copyable, Transaction {
  /// The transaction's handle.
  public let reference: TransactionReference

  init(_ reference: TransactionReference) { self.reference = reference }

  deinit { mdb_txn_abort(reference.handle) }
}

/// The one transaction that may change rows; it aborts unless it is committed.
public struct WriteTransaction: ~Copyable, Transaction {
  /// The transaction's handle.
  public let reference: TransactionReference

  init(_ reference: TransactionReference) { self.reference = reference }

  deinit { mdb_txn_abort(reference.handle) }

  /// Writes the changes and flushes them: when this returns they are durable, all of them.
  ///
  /// After an error nothing is known about the disk, although LMDB would go on: an injected EIO of
  /// `fdatasync` failed one commit and the next transaction began as if nothing had been. Callers must
  /// end the process.
  public consuming func commit() throws(LMDBError) {
    let environment = mdb_txn_env(reference.handle)
    try commitUnsealed()
    try check(mdb_env_sync(environment, 1), "flush")
  }

  /// Writes the changes and flushes all of them but for the one page that makes them the state.
  ///
  /// When this returns, everything that was committed before is durable, if this changes anything. This transaction is
  /// once the next one that changes something is committed, or once `Environment.seal` returns. Until then a power loss may
  /// undo it, wholly, and only it: LMDB writes over no page of the state before it in the next transaction either
  /// (`mdb.c`, `mdb_find_oldest`). Others see it at once, and the end of the process does not undo it.
  ///
  /// So commits that follow each other cost one flush each instead of two. After an error the process must end.
  public consuming func commitUnsealed() throws(LMDBError) {
    // LMDB frees the handle whether or not the commit succeeds (`lmdb.h`, `mdb_txn_commit`).
    let code = mdb_txn_commit(reference.handle)
    discard self
    try check(code, "commit")
  }
}

/// An end of a table.
public enum Edge: Sendable {
  /// The lowest key.
  case first
  /// The highest key.
  case last
}

extension Transaction where Self: ~Copyable {
  /// The number of the transaction whose state this sees; for a write, the number it commits as.
  public var id: UInt64 { UInt64(mdb_txn_id(reference.handle)) }

  /// How many rows `database` has.
  public func count(in database: Database) throws(LMDBError) -> Int {
    var stat = MDB_stat()
    try check(mdb_stat(reference.handle, database.number, &stat), "count rows")
    return stat.ms_entries
  }

  /// Calls `body` with the value under `key`, or with nil.
  public func withValue<Result>(
    forKey key: RawSpan, in database: Database, _ body: (RawSpan?) throws -> Result
  ) throws -> Result {
    var value = MDB_val()
    let code = key.withUnsafeBytes { bytes in
      var key = MDB_val(bytes)
      return mdb_get(reference.handle, database.number, &key, &value)
    }
    if code == MDB_NOTFOUND { return try body(nil) }
    try check(code, "get a row")
    let bytes = value.bytes
    return try body(bytes.bytes)
  }

  /// Calls `body` with the key and the value at one end of `database`, or answers nil if it is empty.
  public func withRow<Result>(
    at edge: Edge, in database: Database,
    _ body: (_ key: RawSpan, _ value: RawSpan) throws -> Result
  ) throws -> Result? {
    let cursor = try Cursor(reference, database)
    let operation =
      switch edge {
      case .first: MDB_FIRST
      case .last: MDB_LAST
      }
    guard let (key, value) = try cursor.move(operation) else { return nil }
    return try body(key.bytes, value.bytes)
  }

  /// Calls `body` with every row of `database` from `start` on in the order of keys, until it answers
  /// false.
  public func forEach(
    in database: Database, from start: RawSpan? = nil,
    _ body: (_ key: RawSpan, _ value: RawSpan) throws -> Bool
  ) throws {
    let cursor = try Cursor(reference, database)
    var row: Cursor.Row?
    if let start, start.byteCount > 0 {
      row = try cursor.seek(start)
    } else {
      row = try cursor.move(MDB_FIRST)
    }
    while let (key, value) = row {
      guard try body(key.bytes, value.bytes) else { return }
      row = try cursor.move(MDB_NEXT)
    }
  }
}

extension ReadTransaction {
  /// The database called `name`, for this transaction alone; nil if it does not exist.
  ///
  /// No other transaction may be opening a database at the same time (`lmdb.h`, `mdb_dbi_open`): for an environment
  /// that is read in one transaction after the other.
  public func database(named name: String) throws(LMDBError) -> Database? {
    var number: MDB_dbi = 0
    let code = mdb_dbi_open(reference.handle, name, 0, &number)
    guard code != MDB_NOTFOUND else { return nil }
    try check(code, "open database \(name)")
    return Database(number: number)
  }
}

extension WriteTransaction {
  /// The database called `name`, created if it does not exist.
  ///
  /// No other transaction may be opening a database at the same time (`lmdb.h`, `mdb_dbi_open`),
  /// which the single write transaction grants.
  public func database(named name: String) throws(LMDBError) -> Database {
    var number: MDB_dbi = 0
    try check(
      mdb_dbi_open(reference.handle, name, UInt32(MDB_CREATE), &number), "open database \(name)")
    return Database(number: number)
  }

  /// Sets the value under `key`.
  public func put(key: RawSpan, value: RawSpan, in database: Database) throws(LMDBError) {
    try put(key: key, byteCount: value.byteCount, in: database) { destination in
      destination.withUnsafeMutableBytes { destination in
        value.withUnsafeBytes { destination.copyMemory(from: $0) }
      }
    }
  }

  /// Sets the value under `key` to `byteCount` bytes that `fill` writes in place, all of them.
  ///
  /// - Parameters:
  ///   - key: 1 to `Environment.keyBytesMax` bytes.
  ///   - byteCount: the length of the value.
  ///   - database: where.
  ///   - append: whether `key` sorts after every key that is there. Appended rows fill their pages,
  ///     others leave them half empty. A key that does not sort last is refused as `keyExists`.
  ///   - fill: writes the value.
  /// - Throws: `mapFull`, `keyExists`, or what else LMDB reports.
  public func put(
    key: RawSpan, byteCount: Int, in database: Database, append: Bool = false,
    _ fill: (inout MutableRawSpan) -> Void
  ) throws(LMDBError) {
    let flags = UInt32(MDB_RESERVE) | (append ? UInt32(MDB_APPEND) : 0)
    var value = MDB_val(mv_size: byteCount, mv_data: nil)
    let code = key.withUnsafeBytes { bytes in
      var key = MDB_val(bytes)
      return mdb_put(reference.handle, database.number, &key, &value, flags)
    }
    try check(code, "put a row")
    let reserved = UnsafeMutableRawBufferPointer(start: value.mv_data, count: value.mv_size)
    var span = reserved.mutableBytes
    fill(&span)
  }

  /// Removes the row under `key`, and answers whether there was one.
  @discardableResult
  public func delete(key: RawSpan, in database: Database) throws(LMDBError) -> Bool {
    let code = key.withUnsafeBytes { bytes in
      var key = MDB_val(bytes)
      return mdb_del(reference.handle, database.number, &key, nil)
    }
    if code == MDB_NOTFOUND { return false }
    try check(code, "delete a row")
    return true
  }

  /// Removes every row of `database`, which stays.
  ///
  /// Much cheaper than row by row: whole pages are freed, most of them unread.
  public func removeAll(in database: Database) throws(LMDBError) {
    try check(mdb_drop(reference.handle, database.number, 0), "empty a database")
  }

  /// Removes the rows from `start` on, up to but without `end`, and answers how many there were.
  @discardableResult
  public func deleteRange(
    from start: RawSpan, to end: RawSpan? = nil, in database: Database
  ) throws(LMDBError) -> Int {
    let cursor = try Cursor(reference, database)
    var deleted = 0
    var row = try cursor.seek(start)
    while let (key, _) = row {
      if let end, !cursor.precedes(key, end) { break }
      try cursor.delete()
      deleted += 1
      // After a deletion the cursor stands before the next row, so this does not skip one.
      row = try cursor.move(MDB_NEXT)
    }
    return deleted
  }
}

/// A position in one table; closed with its scope, before its transaction ends.
private struct Cursor: ~Copyable {
  typealias Row = (key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)

  private let transaction: OpaquePointer
  private let database: Database
  private let handle: OpaquePointer

  init(_ reference: TransactionReference, _ database: Database) throws(LMDBError) {
    var opened: OpaquePointer?
    try check(
      mdb_cursor_open(reference.handle, database.number, &opened), "open a cursor")
    guard let opened else { preconditionFailure("mdb_cursor_open succeeded without a handle") }
    transaction = reference.handle
    self.database = database
    handle = opened
  }

  deinit { mdb_cursor_close(handle) }

  /// Moves and answers the row there, or nil at the end.
  func move(_ operation: MDB_cursor_op) throws(LMDBError) -> Row? {
    var key = MDB_val()
    var value = MDB_val()
    let code = mdb_cursor_get(handle, &key, &value, operation)
    if code == MDB_NOTFOUND { return nil }
    try check(code, "move a cursor")
    return (key.bytes, value.bytes)
  }

  /// Moves to the first row whose key is at least `start`.
  func seek(_ start: RawSpan) throws(LMDBError) -> Row? {
    var key = MDB_val()
    var value = MDB_val()
    let code = start.withUnsafeBytes { bytes in
      key = MDB_val(bytes)
      return mdb_cursor_get(handle, &key, &value, MDB_SET_RANGE)
    }
    if code == MDB_NOTFOUND { return nil }
    try check(code, "seek a cursor")
    return (key.bytes, value.bytes)
  }

  func delete() throws(LMDBError) {
    try check(mdb_cursor_del(handle, 0), "delete at a cursor")
  }

  func precedes(_ key: UnsafeRawBufferPointer, _ other: RawSpan) -> Bool {
    other.withUnsafeBytes { other in
      var left = MDB_val(key)
      var right = MDB_val(other)
      return mdb_cmp(transaction, database.number, &left, &right) < 0
    }
  }
}

extension MDB_val {
  /// LMDB does not write through keys; the C type just has no `const`.
  fileprivate init(_ bytes: UnsafeRawBufferPointer) {
    self.init(
      mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
  }

  fileprivate var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: mv_data, count: mv_size)
  }
}
