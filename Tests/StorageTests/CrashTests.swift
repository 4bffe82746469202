import Consensus
import ExchangeTypes
import Foundation
import Glibc
import LMDB
import Storage
import TemporaryDirectory
import Testing

/// What a crash leaves behind: the process's (SIGKILL), and the machine's (writes that never arrived).
@Suite("After a crash") struct CrashTests {
  @Test("everything acknowledged before a SIGKILL is there, and nothing in part", arguments: 1...6)
  func killed(seed: Int) async throws {
    let medium = try LMDBMedium()
    let path = medium.path
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [path = path as String, seed = seed as Int] in
      try await Torture.writeUntilKilled(path, seed: seed)
    }
    let acknowledged = try Torture.acknowledged(path)
    #expect(acknowledged >= seed * 7)
    let store = try medium.openStore()
    defer { store.close() }
    try store.verify()
    let stored = try store.load()
    #expect(stored.lastEntry.rawValue >= UInt64(acknowledged))
    #expect(
      stored.lastEntry.rawValue <= UInt64(acknowledged + LMDBReplicaStore.batchesInFlightMax))
    // The last batch is whole: its mark, its row and its entry agree.
    #expect(stored.applied == .at(stored.lastEntry.rawValue))
    for index in 1...stored.lastEntry.rawValue {
      try #expect(store.row(table: 1, key: Torture.key(index)) == Torture.key(index))
    }
    try #expect(store.row(table: 1, key: Torture.key(stored.lastEntry.rawValue + 1)) == nil)
  }

  @Test(
    "a commit whose writes arrived in part, or torn, leaves the state before it", arguments: 1...3)
  func lostWrites(seed: UInt64) async throws {
    var random = SplitMix(state: seed)
    let medium = try LMDBMedium()
    let store = try medium.openStore()
    defer { store.close() }
    var model = MemoryReplicaStore.State()
    var before = Array(try Data(contentsOf: URL(filePath: medium.dataFile)))
    /// What the commit before the last one left.
    var older = (file: before, model: model)
    for _ in 0..<10 {
      let batch = WriteBatch.random(after: model, using: &random)
      if batch.isEmpty { continue }
      try await store.commit([batch])
      // The writer is idle now, so the file can be read beside it.
      let after = Array(try Data(contentsOf: URL(filePath: medium.dataFile)))
      for share in [0.0, 0.3, 0.7, 1.0] {
        let image = CrashImage.make(
          from: before, to: after, arriving: share, using: &random)
        try CrashImage.check(image, shows: model)
        // The commit before it is there but for its seal, which this one's flush would have brought.
        let unsealed = CrashImage.make(
          from: before, to: after, arriving: share, sealedAs: older.file, using: &random)
        try CrashImage.check(unsealed, shows: older.model)
      }
      older = (before, model)
      model.write(batch)
      try CrashImage.check(after, shows: model)
      before = after
    }
  }
}

/// What the disk may hold if the power fails inside a commit.
///
/// LMDB writes the pages of a commit, flushes them, and only then writes one meta page (`mdb.c`,
/// `mdb_txn_commit`): until that flush returned any of the pages may be there, or a part of one. The meta page may wait
/// for the flush of the next commit, and be lost with it.
private enum CrashImage {
  private static let pageBytes = 4096
  private static let sectorBytes = 512

  static func make(
    from before: [UInt8], to after: [UInt8], arriving share: Double, sealedAs seal: [UInt8]? = nil,
    using random: inout SplitMix
  ) -> [UInt8] {
    var image = before + Array(repeating: 0, count: max(0, after.count - before.count))
    if let seal { image.replaceSubrange(..<(2 * pageBytes), with: seal[..<(2 * pageBytes)]) }
    for page in stride(from: 2 * pageBytes, to: after.count, by: pageBytes)
    where Double.random(in: 0..<1, using: &random) < share {
      let isTorn = share < 1 && Bool.random(using: &random)
      let sectors = isTorn ? Int.random(in: 1..<8, using: &random) : 8
      let range = page..<(page + sectors * sectorBytes)
      image.replaceSubrange(range, with: after[range])
    }
    return image
  }

  static func check(_ image: [UInt8], shows model: MemoryReplicaStore.State) throws {
    let directory = try TemporaryDirectory()
    try Data(image).write(to: URL(filePath: directory.path + "/data.mdb"))
    let store = try LMDBReplicaStore(
      directory: directory.path, clusterID: LMDBMedium.clusterID, replicaID: LMDBMedium.replicaID)
    defer { store.close() }
    try store.verify()
    try #expect(MemoryReplicaStore.State(contentsOf: store, tables: 0...3) == model)
  }
}

/// The process that is killed: writes batches, and notes each acknowledged index in a file.
private enum Torture {
  static func key(_ index: UInt64) -> [UInt8] {
    var writer = CanonicalWriter()
    writer.write(index)
    return writer.bytes
  }

  /// The last index that was acknowledged: the file has one byte for each.
  ///
  /// A file suffices where a pipe would do: what `write` accepted outlives the process.
  static func acknowledged(_ path: String) throws -> Int {
    try Data(contentsOf: URL(filePath: path + "/acknowledged")).count
  }

  static func writeUntilKilled(_ path: String, seed: Int) async throws {
    let notes = open(path + "/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
    let store = try LMDBReplicaStore(
      directory: path, clusterID: LMDBMedium.clusterID, replicaID: LMDBMedium.replicaID)
    let acknowledged = AsyncStream<Int>.makeStream()
    var count = 0
    for index in 1... as PartialRangeFrom<UInt64> {
      var batch = WriteBatch.entries(index...index)
      batch.hardState = HardState(term: Term(index), votedFor: nil)
      batch.rows = [RowChange(table: 1, key: key(index), value: key(index))]
      batch.applied = .at(index)
      store.write(batch) { result in
        guard case .success = result else { fatalError("\(result)") }
        var note: UInt8 = 1
        precondition(Glibc.write(notes, &note, 1) == 1)
        acknowledged.continuation.yield(1)
      }
      if index < 8 { continue }
      for await _ in acknowledged.stream {
        count += 1
        break
      }
      if count == seed * 7 {
        // From another thread, so that it falls anywhere in what the writer thread does.
        Thread.detachNewThread {
          for _ in 0..<(seed * 20_000) { _ = getpid() }
          kill(getpid(), SIGKILL)
        }
      }
    }
  }
}
