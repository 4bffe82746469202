internal import Consensus
internal import ExchangeTypes
internal import Glibc
internal import LMDB
internal import RaftEngine
internal import Synchronization

/// Whose disk a directory is.
struct StoreIdentity: Hashable, Sendable {
  let clusterID: ClusterID
  let replicaID: ReplicaID
}

/// An open environment with its databases, and everything that only reads.
///
/// Holds the directory's lock for as long as the environment is open.
final class StoreVolume: Sendable {
  let environment: Environment
  let mapBytes: Int
  private let directory: StoreDirectory
  private let meta: Database
  private let log: Database
  /// A database that no format up to this one has.
  private let unknownDatabase: String?
  /// The tables that exist as of the last commit, and which of them are the state.
  private let tables: Mutex<StoreSides<Database>>

  init(_ directory: StoreDirectory, options: LMDBReplicaStore.Options) throws(StoreError) {
    let mapBytes = options.mapBytes
    let (environment, databases) = try storeErrors(mapBytes: mapBytes, path: directory.path) {
      _ = try PageAudit.check(file: directory.dataFile)
      var settings = Environment.Options()
      settings.mapBytes = mapBytes
      let environment = try Environment(directory: directory.path, options: settings)
      return (environment, try openDatabases(environment))
    }
    self.directory = directory
    self.environment = environment
    self.mapBytes = mapBytes
    meta = databases.meta
    log = databases.log
    unknownDatabase = databases.unknown
    tables = Mutex(databases.tables)
  }

  /// Runs `body` and names its failures.
  func withStoreError<Result>(_ body: () throws -> Result) throws(StoreError) -> Result {
    try storeErrors(mapBytes: mapBytes, path: directory.path, body)
  }

  // MARK: Identity

  /// Writes the identity if there is none, and demands that it is this one if there is.
  func bootstrap(_ identity: StoreIdentity) throws(StoreError) {
    if try storedIdentity() != nil { return try demand(identity) }
    try withStoreError {
      try environment.write { transaction in
        try StoredMeta.put(.format, in: meta, of: transaction) { $0.write(formatVersion) }
        try StoredMeta.put(.identity, in: meta, of: transaction) { writer in
          writer.write(identity.clusterID.rawValue)
          writer.write(identity.replicaID.rawValue)
        }
        try StoredMeta.put(.firstEntry, in: meta, of: transaction) { $0.write(UInt64(1)) }
        let id = transaction.id
        try StoredMeta.put(.commit, in: meta, of: transaction) { $0.write(id) }
        try transaction.commit()
      }
    }
  }

  /// Throws unless the store is of a known format and belongs to `identity`.
  func demand(_ identity: StoreIdentity) throws(StoreError) {
    guard let found = try storedIdentity() else { throw .notBootstrapped(path: directory.path) }
    guard found.clusterID == identity.clusterID else {
      throw .foreignCluster(expected: identity.clusterID, found: found.clusterID)
    }
    guard found.replicaID == identity.replicaID else {
      throw .foreignReplica(expected: identity.replicaID, found: found.replicaID)
    }
    if let unknownDatabase {
      throw .corruptFile("there is a database called \(unknownDatabase)")
    }
  }

  private func storedIdentity() throws(StoreError) -> StoreIdentity? {
    try read { transaction in try StoredMeta.identity(in: meta, of: transaction) }
  }

  // MARK: Log

  /// What the disk holds; checks that the log has no gap.
  func load() throws(StoreError) -> StoredReplica {
    try read { transaction in
      let first = try StoredMeta.get(.firstEntry, in: meta, of: transaction) { reader in
        LogIndex(try reader.read(UInt64.self))
      }
      guard let first, first.rawValue > 0 else {
        throw StoreError.corruptMeta("it does not tell where the log starts")
      }
      let last = try transaction.withRow(at: .last, in: log) { key, _ in try LogKey.index(of: key) }
      let lastEntry = last ?? LogIndex(first.rawValue - 1)
      let count = try transaction.count(in: log)
      if lastEntry < first ? count != 0 : UInt64(count) != lastEntry.rawValue - first.rawValue + 1 {
        throw StoreError.missingEntry(index: try firstGap(from: first, transaction))
      }
      let base = try StoredMeta.base(in: meta, of: transaction)
      guard base.map({ $0.index.next == first }) ?? (first == LogIndex(1)) else {
        throw StoreError.corruptMeta("the log starts at \(first), and what it follows is unknown")
      }
      let hardState = try StoredMeta.get(.hardState, in: meta, of: transaction) { reader in
        HardState(
          term: Term(try reader.read(UInt64.self)),
          votedFor: try reader.readOptional { (reader) throws(CanonicalError) in
            ReplicaID(try reader.read(UInt64.self))
          })
      }
      let applied = try StoredMeta.applied(in: meta, of: transaction)
      if let base, (applied?.index ?? LogIndex(0)) < base.index {
        throw StoreError.corruptMeta("entries up to \(base.index) are gone, and were not applied")
      }
      if let applied, applied.index > lastEntry {
        throw StoreError.missingEntry(index: lastEntry.next)
      }
      return StoredReplica(
        hardState: hardState, firstEntry: first, lastEntry: lastEntry, applied: applied,
        base: base, staged: try StoredMeta.staged(in: meta, of: transaction))
    }
  }

  /// Entries from `first` on, within both limits but at least one if there is one.
  func entries(
    from first: LogIndex, countMax: Int, bytesMax: Int
  ) throws(StoreError) -> [LogEntry] {
    guard countMax > 0 else { return [] }
    var entries: [LogEntry] = []
    var bytes = 0
    try read { transaction in
      try forEachEntry(from: first, transaction) { _, entry in
        bytes += entry.payload.count
        if !entries.isEmpty && bytes > bytesMax { return false }
        entries.append(entry)
        return entries.count < countMax
      }
    }
    return entries
  }

  /// Calls `body` with the entries from `first` on, in order, each one checked.
  private func forEachEntry(
    from first: LogIndex, _ transaction: borrowing ReadTransaction,
    _ body: (LogIndex, LogEntry) throws -> Bool
  ) throws {
    var expected = first
    try LogKey(first).withBytes { start in
      try transaction.forEach(in: log, from: start) { key, value in
        guard try LogKey.index(of: key) == expected else {
          throw StoreError.missingEntry(index: expected)
        }
        let entry = try StoredEntry.read(value, at: expected)
        defer { expected = expected.next }
        return try body(expected, entry)
      }
    }
  }

  private func firstGap(
    from first: LogIndex, _ transaction: borrowing ReadTransaction
  ) throws -> LogIndex {
    var expected = first
    try transaction.forEach(in: log) { key, _ in
      guard try LogKey.index(of: key) == expected else { return false }
      expected = expected.next
      return true
    }
    return expected
  }

  // MARK: Rows

  func row(table: UInt8, key: [UInt8]) throws(StoreError) -> [UInt8]? {
    guard let database = tables.withLock({ $0[$0.live][table] }), !key.isEmpty else { return nil }
    return try read { transaction in
      try transaction.withValue(forKey: key.span.bytes, in: database) { value in
        guard let value else { return nil }
        return try StoredRow.read(value, table: table, key: key.span.bytes)
      }
    }
  }

  func scan(
    table: UInt8, prefix: [UInt8], from start: [UInt8],
    _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Bool
  ) throws {
    guard let database = tables.withLock({ $0[$0.live][table] }) else { return }
    let first = start.lexicographicallyPrecedes(prefix) ? prefix : start
    // Not `read`: an error of `body` belongs to the caller and passes as it is.
    try environment.read { transaction in
      try transaction.forEach(in: database, from: first.span.bytes) { key, value in
        let bytes = key.array
        guard bytes.starts(with: prefix) else { return false }
        return try body(bytes, try StoredRow.read(value, table: table, key: key))
      }
    }
  }

  func scanStaged(
    table: UInt8, _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Void
  ) throws {
    guard let database = tables.withLock({ $0[$0.live.other][table] }) else { return }
    try environment.read { transaction in
      try transaction.forEach(in: database) { key, value in
        try body(key.array, try StoredRow.read(value, table: table, key: key))
        return true
      }
    }
  }

  /// Calls `body` with every row of the state, in the order of (table, key), as one commit left them; answers
  /// that commit's applied mark.
  ///
  /// Tables are looked up before a transaction begins, since it can read only those that were opened by then. One that
  /// a commit made in between is missed: then it is all done again, before anything is read. The writer publishes a table
  /// right after its commit, so it is seldom done a third time. `lookedUp` is called after each look.
  func forEachRow(
    lookedUp: () throws -> Void = {},
    _ body: (_ table: UInt8, _ key: [UInt8], _ value: [UInt8]) throws -> Void
  ) throws -> AppliedMark? {
    while true {
      let sides = tables.withLock { $0 }
      try lookedUp()
      if case .whole(let mark) = try forEachRow(of: sides, body) { return mark }
    }
  }

  private enum RowReading {
    case whole(AppliedMark?)
    case missesTable
  }

  /// The same of tables that were looked up a moment ago, if there are no more by now.
  private func forEachRow(
    of sides: StoreSides<Database>,
    _ body: (_ table: UInt8, _ key: [UInt8], _ value: [UInt8]) throws -> Void
  ) throws -> RowReading {
    try environment.read { transaction in
      // The state may have changed sides since the tables were looked up: the transaction knows.
      let side = try StoredMeta.side(in: meta, of: transaction)
      let live = sides[side]
      var isWhole = true
      try transaction.forEach(in: .main) { key, _ in
        let found = StoredRow.table(databaseName: String(decoding: key.array, as: UTF8.self))
        if let found, found.side == side, live[found.table] == nil { isWhole = false }
        return isWhole
      }
      guard isWhole else { return .missesTable }
      for table in live.keys.sorted() {
        guard let database = live[table] else { continue }
        try transaction.forEach(in: database) { key, value in
          try body(table, key.array, try StoredRow.read(value, table: table, key: key))
          return true
        }
      }
      return .whole(try StoredMeta.applied(in: meta, of: transaction))
    }
  }

  /// Makes the tables that a commit created, and a change of sides, visible to readers.
  func publish(_ written: StoreSides<BatchWriter.Table>) {
    tables.withLock { tables in
      if tables.live != written.live
        || Side.allCases.contains(where: { tables[$0].count < written[$0].count })
      {
        tables = written.mapValues(\.database)
      }
    }
  }

  // MARK: Whole store

  /// Reads everything.
  func verify() throws(StoreError) {
    let stored = try load()
    try read { transaction in
      try forEachEntry(from: stored.firstEntry, transaction) { _, _ in true }
      let sides = tables.withLock { $0 }
      for side in Side.allCases {
        for (table, database) in sides[side] {
          try transaction.forEach(in: database) { key, value in
            _ = try StoredRow.read(value, table: table, key: key)
            return true
          }
        }
      }
    }
  }

  /// The writer that goes on from `stored`.
  func batchWriter(_ stored: StoredReplica) throws(StoreError) -> BatchWriter {
    let written = try read { transaction in
      try tables.withLock { $0 }.mapValues { database in
        let highest = try transaction.withRow(at: .last, in: database) { key, _ in key.array }
        return BatchWriter.Table(database: database, highestKey: highest ?? [])
      }
    }
    return BatchWriter(meta: meta, log: log, sides: written, stored: stored)
  }

  private func read<Result>(
    _ body: (borrowing ReadTransaction) throws -> Result
  ) throws(StoreError) -> Result {
    try withStoreError { try environment.read(body) }
  }
}

/// The databases of an environment.
private struct StoreDatabases {
  let meta: Database
  let log: Database
  var tables: StoreSides<Database>
  var unknown: String?
}

/// Opens the databases; creates `meta` and `log` if the environment is new.
private func openDatabases(_ environment: Environment) throws -> StoreDatabases {
  let names = try environment.read { transaction in
    var names: [String] = []
    try transaction.forEach(in: .main) { key, _ in
      names.append(String(decoding: key.array, as: UTF8.self))
      return true
    }
    return names
  }
  for required in ["meta", "log"] where !names.isEmpty && !names.contains(required) {
    throw StoreError.corruptFile("there is no database called \(required)")
  }
  return try environment.write { transaction in
    let meta = try transaction.database(named: "meta")
    var databases = StoreDatabases(
      meta: meta, log: try transaction.database(named: "log"),
      tables: StoreSides(live: try StoredMeta.side(in: meta, of: transaction)))
    for name in names where name != "meta" && name != "log" {
      if let (table, side) = StoredRow.table(databaseName: name) {
        databases.tables[side][table] = try transaction.database(named: name)
      } else {
        databases.unknown = name
      }
    }
    try transaction.commit()
    return databases
  }
}

/// Runs `body` and names its failures.
private func storeErrors<Result>(
  mapBytes: Int, path: String, _ body: () throws -> Result
) throws(StoreError) -> Result {
  do {
    return try body()
  } catch let error as StoreError {
    throw error
  } catch let error as LMDBError {
    switch error.reason {
    case .mapFull: throw .mapFull(mapBytes: mapBytes)
    case .corrupted, .invalid: throw .corruptFile(error.description)
    default: throw StoreError(error, roomBytes: StoreDirectory.roomBytes(path: path))
    }
  } catch {
    preconditionFailure("a store threw \(error)")
  }
}
