import Consensus
import ExchangeTypes
import Foundation
import LMDB
import Storage
import TemporaryDirectory
import Testing

@Suite("Opening a store") struct OpenErrorTests {
  private func open(
    _ path: String, cluster: UInt128 = 0xc1, replica: UInt64 = 1
  ) throws(StoreError) {
    try LMDBReplicaStore(
      directory: path, clusterID: ClusterID(cluster), replicaID: ReplicaID(replica)
    ).close()
  }

  @Test("bootstrapping again does nothing, and for another identity is refused")
  func bootstrapTwice() async throws {
    let medium = try LMDBMedium()
    try await medium.commit([.entries(1...3)])
    try LMDBReplicaStore.bootstrap(
      directory: medium.path, clusterID: LMDBMedium.clusterID, replicaID: LMDBMedium.replicaID)
    try medium.reading { try #expect($0.load().lastEntry == LogIndex(3)) }
    #expect(throws: StoreError.foreignReplica(expected: ReplicaID(2), found: ReplicaID(1))) {
      try LMDBReplicaStore.bootstrap(
        directory: medium.path, clusterID: LMDBMedium.clusterID, replicaID: ReplicaID(2))
    }
  }

  @Test("another replica's or another cluster's directory is refused by name")
  func foreignDirectories() throws {
    let medium = try LMDBMedium()
    #expect(throws: StoreError.foreignReplica(expected: ReplicaID(2), found: ReplicaID(1))) {
      try open(medium.path, replica: 2)
    }
    #expect(throws: StoreError.foreignCluster(expected: ClusterID(0xc2), found: ClusterID(0xc1))) {
      try open(medium.path, cluster: 0xc2, replica: 2)
    }
    try open(medium.path)
  }

  @Test("what is no directory, or holds no replica, is refused by name")
  func absentDirectories() throws {
    let directory = try TemporaryDirectory()
    let missing = directory.path + "/missing"
    #expect(throws: StoreError.directoryMissing(path: missing)) { try open(missing) }
    #expect(throws: StoreError.notBootstrapped(path: directory.path)) { try open(directory.path) }
    #expect(!FileManager.default.fileExists(atPath: directory.path + "/data.mdb"))
    let file = directory.path + "/file"
    try Data().write(to: URL(filePath: file))
    #expect(throws: StoreError.notADirectory(path: file)) { try open(file) }
    #expect(throws: StoreError.notADirectory(path: file)) {
      try LMDBReplicaStore.bootstrap(
        directory: file, clusterID: ClusterID(1), replicaID: ReplicaID(1))
    }
    #expect(throws: StoreError.notADirectory(path: file + "/below")) { try open(file + "/below") }
  }

  @Test(
    "a bootstrap that died before its identity was written is not a replica, and can be repeated")
  func interruptedBootstrap() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("data")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    do { _ = try Environment(directory: path) }
    #expect(throws: StoreError.notBootstrapped(path: path)) { try open(path) }
    try LMDBReplicaStore.bootstrap(
      directory: path, clusterID: ClusterID(0xc1), replicaID: ReplicaID(1))
    try open(path)
  }

  @Test("a replica that lost its disk is not made anew under its id, and is under another")
  func lostDisk() async throws {
    let medium = try LMDBMedium()
    try await medium.commit([.entries(1...3)])
    func bootstrap(_ replica: UInt64) throws(StoreError) {
      try LMDBReplicaStore.bootstrap(
        directory: medium.path + "/", clusterID: LMDBMedium.clusterID, replicaID: ReplicaID(replica)
      )
    }
    let lost = StoreError.diskLost(
      path: medium.path + "/", replica: ReplicaID(1), mark: medium.path + ".founded-1")
    try FileManager.default.removeItem(atPath: medium.dataFile)
    #expect(throws: lost) { try bootstrap(1) }
    #expect(!FileManager.default.fileExists(atPath: medium.dataFile))
    try FileManager.default.removeItem(atPath: medium.path)
    #expect(throws: lost) { try bootstrap(1) }
    #expect(!FileManager.default.fileExists(atPath: medium.path))
    try bootstrap(2)
    try open(medium.path, replica: 2)
  }

  @Test("the mark of a replica that died right after its bootstrap is made at the next start")
  func interruptedMark() throws {
    let medium = try LMDBMedium()
    let mark = medium.path + ".founded-1"
    try FileManager.default.removeItem(atPath: mark)
    try LMDBReplicaStore.bootstrap(
      directory: medium.path, clusterID: LMDBMedium.clusterID, replicaID: LMDBMedium.replicaID)
    #expect(FileManager.default.fileExists(atPath: mark))
    #expect(throws: StoreError.foreignReplica(expected: ReplicaID(2), found: ReplicaID(1))) {
      try LMDBReplicaStore.bootstrap(
        directory: medium.path, clusterID: LMDBMedium.clusterID, replicaID: ReplicaID(2))
    }
    #expect(!FileManager.default.fileExists(atPath: medium.path + ".founded-2"))
  }

  @Test("a replica that was found to have diverged does not start again, and another one may")
  func diverged() async throws {
    let medium = try LMDBMedium()
    try await medium.commit([.entries(1...3)])
    do {
      let store = try LMDBReplicaStore(
        directory: medium.path, clusterID: LMDBMedium.clusterID, replicaID: LMDBMedium.replicaID)
      try store.markDiverged()
      store.close()
    }
    #expect(
      throws: StoreError.diverged(
        path: medium.path, replica: ReplicaID(1), mark: medium.path + ".diverged-1")
    ) { try open(medium.path) }
    try FileManager.default.removeItem(atPath: medium.path)
    try LMDBReplicaStore.bootstrap(
      directory: medium.path, clusterID: LMDBMedium.clusterID, replicaID: ReplicaID(2))
    try open(medium.path, replica: 2)
  }

  @Test("a directory that may not be used is refused by name", .enabled(if: geteuid() != 0))
  func permissions() throws {
    let medium = try LMDBMedium()
    chmod(medium.path, 0o500)
    defer { chmod(medium.path, 0o700) }
    #expect(throws: StoreError.permissionDenied(operation: "use", path: medium.path)) {
      try open(medium.path)
    }
  }

  @Test("a directory that takes no files is refused, for root too", .enabled(if: geteuid() == 0))
  func directoryWithoutFiles() throws {
    #expect(throws: StoreError.self) { try open("/proc/self") }
  }

  @Test(
    "a second store in this process is refused, and the directory is free after the first closed")
  func lockedHere() throws {
    let medium = try LMDBMedium()
    let store = try medium.openStore()
    #expect(throws: StoreError.locked(path: medium.path, process: getpid())) {
      try open(medium.path)
    }
    store.close()
    try open(medium.path)
  }

  @Test("a directory that another process uses is refused with that process's id")
  func lockedElsewhere() throws {
    let medium = try LMDBMedium()
    let script = """
      import fcntl, os, sys
      lock = open(sys.argv[1], "r+")
      fcntl.flock(lock, fcntl.LOCK_EX)
      lock.truncate(0)
      lock.write(str(os.getpid()) + "\\n")
      lock.flush()
      print("locked", flush=True)
      sys.stdin.read()
      """
    let process = Process()
    let input = Pipe()
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["python3", "-c", script, medium.path + "/LOCK"]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    try #expect(output.fileHandleForReading.read(upToCount: 7) == Data("locked\n".utf8))
    #expect(throws: StoreError.locked(path: medium.path, process: process.processIdentifier)) {
      try open(medium.path)
    }
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    try open(medium.path)
  }

  @Test("a newer format is refused with both versions")
  func newerFormat() throws {
    let medium = try LMDBMedium()
    try medium.putMeta("format") { $0.write(UInt32(3)) }
    #expect(throws: StoreError.newerFormat(found: 3, supported: 2)) { try open(medium.path) }
  }

  @Test("a database that this format does not have is refused")
  func unknownDatabase() throws {
    let medium = try LMDBMedium()
    try medium.edit { _ = try $0.database(named: "rows/256") }
    #expect(throws: StoreError.corruptFile("there is a database called rows/256")) {
      try open(medium.path)
    }
  }

  @Test("a description that does not parse is refused", arguments: ["identity", "firstEntry"])
  func unreadableMeta(key: String) throws {
    let medium = try LMDBMedium()
    try medium.putMeta(key) { $0.write(UInt8(1)) }
    let error = #expect(throws: StoreError.self) { try open(medium.path) }
    guard case .corruptMeta = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("a hole in the log is refused with the first missing index")
  func missingEntry() async throws {
    let medium = try LMDBMedium()
    try await medium.commit([.entries(1...9)])
    try medium.edit { transaction in
      let log = try transaction.database(named: "log")
      let key: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 4]
      try transaction.delete(key: key.span.bytes, in: log)
    }
    #expect(throws: StoreError.missingEntry(index: LogIndex(4))) { try open(medium.path) }
  }

  @Test("an applied mark beyond the log is refused: its entries are missing")
  func missingTail() async throws {
    let medium = try LMDBMedium()
    var batch = WriteBatch.entries(1...9)
    batch.applied = .at(9)
    try await medium.commit([batch])
    try medium.edit { transaction in
      let log = try transaction.database(named: "log")
      let key: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 8]
      try transaction.deleteRange(from: key.span.bytes, in: log)
    }
    #expect(throws: StoreError.missingEntry(index: LogIndex(8))) { try open(medium.path) }
  }

  @Test("a write that was cut short for want of room is a full disk, and else what LMDB says")
  func fullDisk() {
    func failure(_ code: Int32) -> LMDBError {
      LMDBError(reason: .other, code: code, operation: "commit", message: "no")
    }
    #expect(StoreError(failure(ENOSPC), roomBytes: nil) == .diskFull)
    #expect(StoreError(failure(EIO), roomBytes: 4096) == .diskFull)
    #expect(StoreError(failure(EIO), roomBytes: 1 << 30) == .database(failure(EIO)))
    #expect(StoreError(failure(EIO), roomBytes: nil) == .database(failure(EIO)))
  }

  @Test("each error says what is wrong and what would be right, in two sentences or more")
  func descriptions() {
    let errors: [StoreError] = [
      .directoryMissing(path: "/d"), .notADirectory(path: "/d"),
      .permissionDenied(operation: "use", path: "/d"), .locked(path: "/d", process: 7),
      .notBootstrapped(path: "/d"), .foreignCluster(expected: ClusterID(1), found: ClusterID(2)),
      .foreignReplica(expected: ReplicaID(1), found: ReplicaID(2)),
      .newerFormat(found: 3, supported: 2), .corruptMeta("x"), .corruptFile("x"),
      .corruptEntry(index: LogIndex(3)), .missingEntry(index: LogIndex(3)),
      .corruptRow(table: 1, key: [0xa, 0xff]), .mapFull(mapBytes: 1), .diskFull,
      .stopped(after: "x"), .diskLost(path: "/d", replica: ReplicaID(1), mark: "/d.founded-1"),
      .diverged(path: "/d", replica: ReplicaID(1), mark: "/d.diverged-1"),
    ]
    for error in errors {
      #expect(error.description.count(where: { $0 == "." }) >= 2, "\(error)")
    }
    #expect(StoreError.corruptRow(table: 1, key: [0xa, 0xff]).description.contains("Row 0aff"))
    #expect(StoreError.locked(path: "/d", process: 7).description.contains("process 7"))
  }
}

extension LMDBMedium {
  /// Changes the closed store behind its back, as a later version or a fault would, with a valid stamp.
  func edit(_ body: (borrowing WriteTransaction) throws -> Void) throws {
    let environment = try Environment(directory: path)
    try environment.write { transaction in
      try body(transaction)
      let meta = try transaction.database(named: "meta")
      var stamp = CanonicalWriter()
      stamp.write(transaction.id)
      try putMeta("commit", stamp.bytes, in: meta, of: transaction)
      try transaction.commit()
    }
  }

  /// Replaces a row of the meta database.
  func putMeta(_ key: String, _ body: (inout CanonicalWriter) -> Void) throws {
    var writer = CanonicalWriter()
    body(&writer)
    try edit { transaction in
      let meta = try transaction.database(named: "meta")
      try putMeta(key, writer.bytes, in: meta, of: transaction)
    }
  }

  private func putMeta(
    _ key: String, _ body: [UInt8], in meta: Database, of transaction: borrowing WriteTransaction
  ) throws {
    let key = Array(key.utf8)
    var value = CanonicalWriter()
    value.write(crc64(key + body))
    value.writeRaw(body)
    let bytes = value.bytes
    try transaction.put(key: key.span.bytes, value: bytes.span.bytes, in: meta)
  }
}

/// CRC-64/XZ bit by bit, written apart from the store's own.
func crc64(_ bytes: [UInt8]) -> UInt64 {
  var state = UInt64.max
  for byte in bytes {
    state ^= UInt64(byte)
    for _ in 0..<8 { state = state & 1 == 1 ? state >> 1 ^ 0xC96C_5795_D787_0F42 : state >> 1 }
  }
  return ~state
}
