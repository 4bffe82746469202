internal import Consensus
public import ExchangeTypes
internal import Glibc
internal import LMDB
internal import RaftEngine

/// Makes backups: a coordinator's state, read beside the process that has it open.
public enum BackupWriter {
  /// What was written, and what was not.
  public struct Written: Hashable, Sendable {
    /// What the file is of.
    public let manifest: BackupManifest
    /// How many entries are not in it that the log had, or that were known to be committed, when the backup began: those
    /// that the coordinator neither applied nor wrote within the patience.
    public let entriesBehind: UInt64
  }

  /// Writes the state in the data directory at `directory` to a new file at `path`, and flushes it.
  ///
  /// Rows reach the disk a moment after their entries (`Consensus/README.md`, invariant 4), so it first waits until the
  /// rows have come as far as the log goes, and as far as is known to be committed: a coordinator that was cut off has
  /// all of its own log, and not what the others acknowledged meanwhile. One that has stopped, or has no majority,
  /// does not get there: then it is written as it is.
  ///
  /// One read transaction of LMDB sees one state, whatever is committed meanwhile; the log grows by the pages that it
  /// keeps from being reused. Nothing is written to the directory but LMDB's table of readers.
  ///
  /// - Parameters:
  ///   - directory: the data directory, open elsewhere or not.
  ///   - path: the file to make, mode 0600; nothing has this name.
  ///   - now: seconds since 1970, for whoever reads the backup.
  ///   - patience: how long to wait at most.
  ///   - committed: what the cluster's leader has committed, if it was asked; 0 if it was not.
  /// - Returns: what was written.
  /// - Throws: `BackupError`, or `StoreError` if the directory is no replica's or is damaged.
  @discardableResult
  public static func write(
    _ directory: String, to path: String, now: UInt64, patience: Duration = .zero,
    reaching committed: LogIndex = LogIndex(0)
  ) throws -> Written {
    let watch = FileWatch(path: directory + "/data.mdb")
    return try write(directory, to: path, now: now, patience: patience, reaching: committed) {
      watch.wait(milliseconds: lookMilliseconds)
    }
  }

  /// It looks again so often at least.
  private static let lookMilliseconds: Int32 = 100

  /// The same; `pause` is what passes between two looks.
  static func write(
    _ directory: String, to path: String, now: UInt64, patience: Duration,
    reaching committed: LogIndex = LogIndex(0), pausing pause: () throws -> Void
  ) throws -> Written {
    var status = stat()
    guard stat(directory + "/data.mdb", &status) == 0 else {
      throw StoreError.notBootstrapped(path: directory)
    }
    guard access(path, F_OK) != 0 else { throw BackupError.exists(path: path) }
    let end = try goal(of: directory, reaching: committed, appliedWithin: patience, pause)
    let partial = path + ".partial"
    do {
      var file = try OutputFile(path: partial)
      let manifest = try write(directory, to: &file, now: now)
      try file.flush()
      guard rename(partial, path) == 0 else { throw failure("name", path) }
      let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
      try StoreDirectory.synchronize(path: folder)
      return Written(
        manifest: manifest,
        entriesBehind: end > manifest.index ? end.rawValue - manifest.index.rawValue : 0)
    } catch {
      unlink(partial)
      throw error
    }
  }

  /// Where the log ends now, or what is committed does, once the rows have come so far, or the patience is over.
  ///
  /// A log that becomes shorter meanwhile has lost entries that were never committed: nobody waits for those.
  private static func goal(
    of directory: String, reaching committed: LogIndex, appliedWithin patience: Duration,
    _ pause: () throws -> Void
  ) throws -> LogIndex {
    let deadline = ContinuousClock.now + patience
    var (end, applied) = try read(directory) { try progress(directory, $0) }
    while applied < max(end, committed), ContinuousClock.now < deadline {
      try pause()
      let found = try read(directory) { try progress(directory, $0) }
      (end, applied) = (min(end, found.end), found.applied)
    }
    return max(end, committed)
  }

  /// The last index of the log, and how far the rows have been brought.
  private static func progress(
    _ directory: String, _ transaction: borrowing ReadTransaction
  ) throws -> (end: LogIndex, applied: LogIndex) {
    guard let meta = try transaction.database(named: "meta"),
      let log = try transaction.database(named: "log"),
      try StoredMeta.identity(in: meta, of: transaction) != nil
    else { throw StoreError.notBootstrapped(path: directory) }
    let applied = try StoredMeta.applied(in: meta, of: transaction)?.index ?? LogIndex(0)
    let last = try transaction.withRow(at: .last, in: log) { key, _ in try LogKey.index(of: key) }
    return (last ?? applied, applied)
  }

  /// Calls `body` with one state of the directory, and holds nothing afterwards.
  private static func read<Result>(
    _ directory: String, _ body: (borrowing ReadTransaction) throws -> Result
  ) throws -> Result {
    var options = Environment.Options()
    options.isReadOnly = true
    options.mapBytes = 0
    return try Environment(directory: directory, options: options).read(body)
  }

  private static func write(
    _ directory: String, to file: inout OutputFile, now: UInt64
  ) throws -> BackupManifest {
    let found = try read(directory) { transaction in
      try state(directory, transaction, to: &file)
    }
    let manifest = BackupManifest(
      cluster: found.identity.clusterID, replica: found.identity.replicaID, madeAt: now,
      snapshot: found.builder.manifest(found.mark), membership: found.membership)
    var writer = CanonicalWriter()
    writer.write(UInt32(0))
    let bytes = manifest.encoded
    writer.writeRaw(bytes)
    writer.writeRaw(SnapshotHash.ofChunk(bytes))
    writer.write(UInt32(bytes.count))
    writer.writeRaw(BackupManifest.tail)
    try file.append(writer.bytes)
    return manifest
  }

  private struct Found {
    let identity: StoreIdentity
    let mark: AppliedMark
    let membership: Membership
    let builder: SnapshotBuilder
  }

  /// Writes the chunks of the state that one transaction sees.
  private static func state(
    _ directory: String, _ transaction: borrowing ReadTransaction, to file: inout OutputFile
  ) throws -> Found {
    guard let meta = try transaction.database(named: "meta"),
      let log = try transaction.database(named: "log"),
      let identity = try StoredMeta.identity(in: meta, of: transaction)
    else { throw StoreError.notBootstrapped(path: directory) }
    guard let mark = try StoredMeta.applied(in: meta, of: transaction),
      let membership = try members(at: mark.index, meta, log, transaction)
    else { throw BackupError.nothingToBackUp(path: directory) }
    let side = try StoredMeta.side(in: meta, of: transaction)
    var tables: [UInt8] = []
    try transaction.forEach(in: .main) { key, _ in
      let name = String(decoding: key.array, as: UTF8.self)
      if let found = StoredRow.table(databaseName: name), found.side == side {
        tables.append(found.table)
      }
      return true
    }
    var builder = SnapshotBuilder()
    try file.append(BackupManifest.head)
    for table in tables.sorted() {
      let name = StoredRow.databaseName(table, side: side)
      guard let rows = try transaction.database(named: name) else { continue }
      try transaction.forEach(in: rows) { key, value in
        let bytes = try StoredRow.read(value, table: table, key: key)
        if let chunk = builder.add(table: table, key: key.array, value: bytes) {
          try file.append(chunk: chunk)
        }
        return true
      }
    }
    if let chunk = builder.finish() { try file.append(chunk: chunk) }
    return Found(identity: identity, mark: mark, membership: membership, builder: builder)
  }

  /// The members at `index`: those of the last change up to it, or of the log's base.
  private static func members(
    at index: LogIndex, _ meta: Database, _ log: Database,
    _ transaction: borrowing ReadTransaction
  ) throws -> Membership? {
    var members = try StoredMeta.base(in: meta, of: transaction)?.membership
    try transaction.forEach(in: log) { key, value in
      let place = try LogKey.index(of: key)
      guard place <= index else { return false }
      let entry = try StoredEntry.read(value, at: place)
      if entry.kind == .change { members = Membership(encoded: entry.payload) ?? members }
      return true
    }
    return members
  }

  static func failure(_ operation: String, _ path: String) -> BackupError {
    .system(operation: operation, path: path, message: String(cString: strerror(errno)))
  }
}

/// A file that is written from its beginning to its end.
private struct OutputFile: ~Copyable {
  private let descriptor: Int32
  private let path: String

  init(path: String) throws {
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      guard errno != EEXIST else { throw BackupError.exists(path: path) }
      throw BackupWriter.failure("create", path)
    }
    self.path = path
  }

  deinit { close(descriptor) }

  mutating func append(chunk: [UInt8]) throws {
    var writer = CanonicalWriter()
    writer.write(UInt32(chunk.count))
    try append(writer.bytes)
    try append(chunk)
  }

  mutating func append(_ bytes: [UInt8]) throws {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { bytes in
        let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
        return Glibc.write(descriptor, rest.baseAddress, rest.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw BackupWriter.failure("write", path) }
      written += count
    }
  }

  mutating func flush() throws {
    guard fsync(descriptor) == 0 else { throw BackupWriter.failure("flush", path) }
  }
}
