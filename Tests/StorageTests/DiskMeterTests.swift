import Consensus
import ExchangeTypes
import Glibc
import LMDB
import Synchronization
import Testing

@testable import Storage

@Suite("The room on the disk") struct DiskMeterTests {
  private struct Case {
    var file: Int
    var used: Int
    var room: Int?
    var isNearlyFull = false
    var isSpent = false
  }

  @Test(
    "of the budget or of what the volume has, whichever is less, four fifths are scarce and nine tenths spent"
  )
  func thresholds() {
    for one in [
      Case(file: 799, used: 799), Case(file: 800, used: 800, isNearlyFull: true),
      Case(file: 900, used: 900, isNearlyFull: true, isSpent: true),
      Case(file: 500, used: 500, room: 130),
      Case(file: 500, used: 500, room: 125, isNearlyFull: true),
      Case(file: 500, used: 500, room: 50, isNearlyFull: true, isSpent: true),
      // Free pages of the file are the store's own.
      Case(file: 500, used: 300, room: 0), Case(file: 700, used: 700, room: .max),
    ] {
      let use = DiskUse(
        budgetBytes: 1_000, fileBytes: one.file, usedBytes: one.used, roomBytes: one.room)
      #expect(use.isNearlyFull == one.isNearlyFull && use.isSpent == one.isSpent, "\(one)")
    }
  }

  @Test("a store on a volume that is nearly full says so, though its budget is far away")
  func smallVolume() async throws {
    let medium = try LMDBMedium()
    var batch = WriteBatch()
    batch.rows = (UInt8(0)..<200).map {
      RowChange(table: 1, key: [$0], value: [UInt8](repeating: $0, count: 8_000))
    }
    try await medium.commit([batch])
    for (room, isNearlyFull, isSpent) in [
      (1 << 30, false, false), (240 << 10, true, false), (0, true, true),
    ] {
      let store = try LMDBReplicaStore(
        directory: medium.path, clusterID: LMDBMedium.clusterID, replicaID: LMDBMedium.replicaID,
        options: .init()
      ) { room }
      defer { store.close() }
      #expect(store.isNearlyFull == isNearlyFull && store.isSpent == isSpent, "\(room)")
    }
  }

  @Test("the file system is asked again after a moment, although nothing is written")
  func roomAgain() {
    let room = Mutex(0)
    let meter = DiskMeter(budgetBytes: 1_000) { room.withLock { $0 } }
    let start = ContinuousClock.now
    #expect(meter.use(now: start).roomBytes == 0)
    room.withLock { $0 = 5 }
    #expect(meter.use(now: start + .milliseconds(900)).roomBytes == 0)
    #expect(meter.use(now: start + .seconds(1)).roomBytes == 5)
  }

  @Test("a budget beyond the usual address space reserves as much")
  func largeBudget() {
    #expect(LMDBReplicaStore.Options(diskBudgetBytes: 1 << 30).mapBytes == 64 << 30)
    #expect(LMDBReplicaStore.Options(diskBudgetBytes: 1 << 40).mapBytes == 1 << 40)
  }

  @Test(
    "whichever file finds no room, it is the disk that is full, and what is said says what to do")
  func noRoom() {
    for code in [ENOSPC, EDQUOT] {
      #expect(StoreError(errno: code, "write", "/d/LOCK") == .diskFull)
    }
  }
}

@Suite("Reading a whole state") struct RowReadingTests {
  @Test("a table that a commit makes between the look at the tables and the reading is read too")
  func tableMadeMeanwhile() async throws {
    let medium = try LMDBMedium()
    var batch = WriteBatch.entries(1...1)
    batch.rows = [RowChange(table: 1, key: [1], value: [1])]
    batch.applied = .at(1)
    try await medium.commit([batch])
    let volume = try StoreVolume(StoreDirectory(path: medium.path), options: .init())
    var writer = try volume.batchWriter(volume.load())
    var looks = 0
    var found: [UInt8] = []
    let commit = {
      looks += 1
      guard looks == 1 else { return }
      var batch = WriteBatch.entries(2...2)
      batch.rows = [RowChange(table: 2, key: [1], value: [1])]
      batch.applied = .at(2)
      try volume.environment.write { transaction in
        try writer.write(batch, to: transaction)
        try writer.stamp(transaction)
        try transaction.commit()
      }
      volume.publish(writer.sides)
    }
    let mark = try volume.forEachRow(lookedUp: commit) { table, _, _ in found.append(table) }
    #expect(mark == .at(2) && found == [1, 2] && looks == 2)
  }
}
