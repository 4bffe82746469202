internal import Consensus
internal import ExchangeTypes
internal import LMDB
internal import RaftEngine

// How a replica's rows lie in LMDB, format 2. Everything is big-endian, and every value starts with a
// checksum that also covers its key, so that a value under another key is found out.
//
//   database   key               value, after 8 bytes of CRC-64
//   meta       name              see `MetaKey`
//   log        index (8)         term (8) ‖ kind (1) ‖ payload
//   rows/NNN   the row's key     the row's value
//   more/NNN   the same
//
// One of the two sides, `rows` and `more`, is the state; the other is empty, or holds what has come of a
// snapshot that is to take its place. Which one is which is a row of meta, so that it changes in one
// transaction with the log. Format 1 had no second side and no trimmed log, and is read as it is.
//
// One database per table of rows: keys of one table are created in order, so most rows are appended
// to the end of their own tree (`MDB_APPEND` fills pages; in one common tree they would be split in
// halves).

/// The bytes of a checksum in front of every value.
let checksumBytes = 8

/// The version that this code writes and the highest that it reads.
let formatVersion: UInt32 = 2

/// The names of the meta database's rows.
///
/// The row `format` keeps its encoding in every version.
enum MetaKey: String {
  /// The format version (4).
  case format
  /// The cluster's id (16) and the replica's (8).
  case identity
  /// The term (8), then a flag (1) and a vote (8).
  case hardState
  /// The applied index (8), its term (8) and the digest after it (32).
  case applied
  /// The index of the first entry that the log holds (8).
  case firstEntry
  /// What the log follows: an entry's index (8), its term (8), the index of the members' entry (8) and the
  /// members (4 and as many bytes); absent while the log starts at 1.
  case base
  /// Which side is the state: 0 is `rows`, 1 is `more` (1); absent means 0.
  case side
  /// What lies on the other side: a manifest (4 and as many bytes), how many of its chunks are there (4)
  /// and the hash over them (32); absent if nothing does.
  case staged
  /// The number of the LMDB transaction that wrote this state (8): it tells when LMDB falls back to
  /// an older state because the newest is damaged.
  case commit
}

/// An index as a key of the log.
struct LogKey {
  private let bigEndian: UInt64

  init(_ index: LogIndex) { bigEndian = index.rawValue.bigEndian }

  /// The index that a key of the log names.
  static func index(of key: RawSpan) throws(StoreError) -> LogIndex {
    guard key.byteCount == 8 else {
      throw .corruptFile("the log has a key of \(key.byteCount) bytes")
    }
    return LogIndex(key.number(at: 0))
  }

  /// Calls `body` with the eight bytes.
  func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let bytes: InlineArray<1, UInt64> = [bigEndian]
    return try body(bytes.span.bytes)
  }
}

/// The format of log entries.
enum StoredEntry {
  static let headBytes = checksumBytes + 9

  static func byteCount(_ entry: LogEntry) -> Int { headBytes + entry.payload.count }

  static func write(_ entry: LogEntry, at index: LogIndex, to destination: inout MutableRawSpan) {
    let kind = entry.kind.rawValue
    let checksum = checksum(index, entry.term.rawValue, kind, entry.payload.span.bytes)
    destination.store(checksum, at: 0)
    destination.store(entry.term.rawValue, at: checksumBytes)
    destination.storeBytes(of: kind, toByteOffset: checksumBytes + 8, as: UInt8.self)
    destination.store(entry.payload, at: headBytes)
  }

  static func read(_ value: RawSpan, at index: LogIndex) throws(StoreError) -> LogEntry {
    guard value.byteCount >= headBytes else { throw .corruptEntry(index: index) }
    let term = value.number(at: checksumBytes)
    let kind = value.unsafeLoad(fromByteOffset: checksumBytes + 8, as: UInt8.self)
    let payload = value.extracting(droppingFirst: headBytes)
    guard checksum(index, term, kind, payload) == value.number(at: 0),
      let kind = LogEntry.Kind(rawValue: kind)
    else { throw .corruptEntry(index: index) }
    return LogEntry(term: Term(term), kind: kind, payload: payload.array)
  }

  private static func checksum(
    _ index: LogIndex, _ term: UInt64, _ kind: UInt8, _ payload: RawSpan
  ) -> UInt64 {
    var checksum = Checksum()
    checksum.update(index.rawValue)
    checksum.update(term)
    checksum.update(kind)
    checksum.update(payload)
    return checksum.value
  }
}

/// The format of rows.
enum StoredRow {
  static func byteCount(_ value: [UInt8]) -> Int { checksumBytes + value.count }

  static func write(
    table: UInt8, key: [UInt8], value: [UInt8], to destination: inout MutableRawSpan
  ) {
    destination.store(checksum(table, key.span.bytes, value.span.bytes), at: 0)
    destination.store(value, at: checksumBytes)
  }

  static func read(_ value: RawSpan, table: UInt8, key: RawSpan) throws(StoreError) -> [UInt8] {
    guard value.byteCount >= checksumBytes else {
      throw .corruptRow(table: table, key: key.array)
    }
    let body = value.extracting(droppingFirst: checksumBytes)
    guard checksum(table, key, body) == value.number(at: 0) else {
      throw .corruptRow(table: table, key: key.array)
    }
    return body.array
  }

  private static func checksum(_ table: UInt8, _ key: RawSpan, _ value: RawSpan) -> UInt64 {
    var checksum = Checksum()
    checksum.update(table)
    checksum.update(UInt64(key.byteCount))
    checksum.update(key)
    checksum.update(value)
    return checksum.value
  }

  /// The name of the database that holds `table` on one side.
  static func databaseName(_ table: UInt8, side: Side) -> String {
    let digits = String(table)
    return side.rawValue + "/" + String(repeating: "0", count: 3 - digits.count) + digits
  }

  /// The table and the side that a database of this name holds; nil if it holds none.
  static func table(databaseName: String) -> (table: UInt8, side: Side)? {
    guard let side = Side(rawValue: String(databaseName.prefix(4))),
      let table = UInt8(databaseName.dropFirst(5)),
      self.databaseName(table, side: side) == databaseName
    else { return nil }
    return (table, side)
  }
}

/// One of the two places of the rows.
enum Side: String, CaseIterable {
  case rows
  case more

  var other: Side { self == .rows ? .more : .rows }
}

/// The format of the meta database.
enum StoredMeta {
  static func put(
    _ key: MetaKey, in meta: Database, of transaction: borrowing WriteTransaction,
    _ body: (inout CanonicalWriter) -> Void
  ) throws(LMDBError) {
    var writer = CanonicalWriter()
    body(&writer)
    let bytes = writer.bytes
    let name = Array(key.rawValue.utf8)
    try transaction.put(key: name.span.bytes, byteCount: checksumBytes + bytes.count, in: meta) {
      $0.store(checksum(name, bytes.span.bytes), at: 0)
      $0.store(bytes, at: checksumBytes)
    }
  }

  static func remove(
    _ key: MetaKey, in meta: Database, of transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    let name = Array(key.rawValue.utf8)
    try transaction.delete(key: name.span.bytes, in: meta)
  }

  /// Whose the store is, of a format that this code reads; nil if it is new.
  static func identity(
    in meta: Database, of transaction: borrowing some Transaction & ~Copyable
  ) throws -> StoreIdentity? {
    let format = try get(.format, in: meta, of: transaction) { try $0.read(UInt32.self) }
    guard let format else {
      guard try transaction.count(in: meta) == 0 else {
        throw StoreError.corruptMeta("it has no format")
      }
      return nil
    }
    guard format <= formatVersion else {
      throw StoreError.newerFormat(found: format, supported: formatVersion)
    }
    guard format > 0 else { throw StoreError.corruptMeta("its format is 0") }
    let commit = try get(.commit, in: meta, of: transaction) { try $0.read(UInt64.self) }
    guard commit == transaction.id else {
      throw StoreError.corruptMeta(
        "transaction \(transaction.id) claims to be \(commit.map(String.init) ?? "none")")
    }
    let identity = try get(.identity, in: meta, of: transaction) { reader in
      StoreIdentity(
        clusterID: ClusterID(try reader.read(UInt128.self)),
        replicaID: ReplicaID(try reader.read(UInt64.self)))
    }
    guard let identity else { throw StoreError.corruptMeta("it has no identity") }
    return identity
  }

  static func side(
    in meta: Database, of transaction: borrowing some Transaction & ~Copyable
  ) throws -> Side {
    let side = try get(.side, in: meta, of: transaction) { try $0.read(UInt8.self) }
    switch side {
    case nil, 0: return .rows
    case 1: return .more
    case let other?: throw StoreError.corruptMeta("there is no side \(other)")
    }
  }

  static func applied(
    in meta: Database, of transaction: borrowing some Transaction & ~Copyable
  ) throws -> AppliedMark? {
    try get(.applied, in: meta, of: transaction) { reader in
      let index = LogIndex(try reader.read(UInt64.self))
      let term = Term(try reader.read(UInt64.self))
      guard let digest = StateDigest(bytes: try reader.readRaw(count: 32)) else {
        preconditionFailure("32 bytes are a digest")
      }
      return AppliedMark(index: index, term: term, digest: digest)
    }
  }

  static func base(
    in meta: Database, of transaction: borrowing some Transaction & ~Copyable
  ) throws -> SnapshotMetadata? {
    try get(.base, in: meta, of: transaction) { reader in
      let index = LogIndex(try reader.read(UInt64.self))
      let term = Term(try reader.read(UInt64.self))
      let membershipIndex = LogIndex(try reader.read(UInt64.self))
      guard let members = Membership(encoded: try reader.readBytes(limit: 65_536)) else {
        throw StoreError.corruptMeta("the members at the log's base do not parse")
      }
      return SnapshotMetadata(
        index: index, term: term, membership: members, membershipIndex: membershipIndex)
    }
  }

  static func put(
    _ base: SnapshotMetadata, in meta: Database, of transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    try put(.base, in: meta, of: transaction) { writer in
      writer.write(base.index.rawValue)
      writer.write(base.term.rawValue)
      writer.write(base.membershipIndex.rawValue)
      writer.write(base.membership.encoded)
    }
    try put(.firstEntry, in: meta, of: transaction) { $0.write(base.index.next.rawValue) }
    try put(.format, in: meta, of: transaction) { $0.write(formatVersion) }
  }

  static func staged(
    in meta: Database, of transaction: borrowing some Transaction & ~Copyable
  ) throws -> StagedSnapshot? {
    try get(.staged, in: meta, of: transaction) { reader in
      let bytes = try reader.readBytes(limit: 65_536)
      let loaded = try reader.read(UInt32.self)
      guard let hash = SnapshotHash(bytes: try reader.readRaw(count: 32)) else {
        preconditionFailure("32 bytes are a hash")
      }
      guard let manifest = SnapshotManifest(encoded: bytes) else {
        throw StoreError.corruptMeta("the manifest of a snapshot does not parse")
      }
      return StagedSnapshot(manifest: manifest, loaded: loaded, hash: hash)
    }
  }

  static func put(
    _ staged: StagedSnapshot?, in meta: Database, of transaction: borrowing WriteTransaction
  ) throws(LMDBError) {
    guard let staged else { return try remove(.staged, in: meta, of: transaction) }
    try put(.staged, in: meta, of: transaction) { writer in
      writer.write(staged.manifest.encoded)
      writer.write(staged.loaded)
      writer.writeRaw(staged.hash.bytes)
    }
    try put(.format, in: meta, of: transaction) { $0.write(formatVersion) }
  }

  /// Reads the row `key` with `body`; nil if there is none.
  static func get<Value>(
    _ key: MetaKey, in meta: Database, of transaction: borrowing some Transaction & ~Copyable,
    _ body: (inout CanonicalReader) throws -> Value
  ) throws -> Value? {
    let name = Array(key.rawValue.utf8)
    let bytes: [UInt8]? = try transaction.withValue(forKey: name.span.bytes, in: meta) { value in
      guard let value else { return nil }
      guard value.byteCount >= checksumBytes else {
        throw StoreError.corruptMeta("the row \(key.rawValue) is too short")
      }
      let body = value.extracting(droppingFirst: checksumBytes)
      guard checksum(name, body) == value.number(at: 0) else {
        throw StoreError.corruptMeta("the row \(key.rawValue) fails its checksum")
      }
      return body.array
    }
    guard let bytes else { return nil }
    var reader = CanonicalReader(bytes)
    do {
      let value = try body(&reader)
      try reader.finish()
      return value
    } catch let error as CanonicalError {
      throw StoreError.corruptMeta("the row \(key.rawValue) does not parse: \(error)")
    }
  }

  private static func checksum(_ name: [UInt8], _ body: RawSpan) -> UInt64 {
    var checksum = Checksum()
    checksum.update(name.span.bytes)
    checksum.update(body)
    return checksum.value
  }
}

extension RawSpan {
  /// The eight big-endian bytes at `offset`.
  func number(at offset: Int) -> UInt64 {
    UInt64(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// A copy.
  var array: [UInt8] { withUnsafeBytes { Array($0) } }
}

extension MutableRawSpan {
  fileprivate mutating func store(_ number: UInt64, at offset: Int) {
    storeBytes(of: number.bigEndian, toByteOffset: offset, as: UInt64.self)
  }

  fileprivate mutating func store(_ bytes: [UInt8], at offset: Int) {
    withUnsafeMutableBytes { destination in
      bytes.withUnsafeBytes { source in
        UnsafeMutableRawBufferPointer(rebasing: destination[offset...]).copyMemory(from: source)
      }
    }
  }
}
