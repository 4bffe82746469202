import Consensus
import ExchangeTypes
import Foundation
import RaftEngine
import TemporaryDirectory
import Testing

@testable import Storage

@Suite("Backups") struct BackupTests {
  private static let rows: [RowChange] = (1...40).map {
    RowChange(
      table: UInt8(1 + $0 / 20), key: [UInt8($0)],
      value: [UInt8](repeating: UInt8($0), count: 9_000))
  }

  /// A store with members, rows of more than one chunk, and an entry beyond what was applied.
  private func filled() async throws -> LMDBMedium {
    let medium = try LMDBMedium()
    let members = try #require(
      Membership([
        RaftServer(id: ReplicaID(1), address: "one:1", role: .voter),
        RaftServer(id: ReplicaID(3), address: "three:3", role: .voter),
      ]))
    var batch = WriteBatch.entries(2...6)
    batch.firstEntry = LogIndex(1)
    batch.entries.insert(LogEntry(term: Term(1), kind: .change, payload: members.encoded), at: 0)
    batch.hardState = HardState(term: Term(2), votedFor: ReplicaID(1))
    batch.rows = Self.rows
    batch.applied = .at(5)
    try await medium.commit([batch])
    return medium
  }

  private func rows(of backup: BackupFile) throws -> [RowChange] {
    var found: [RowChange] = []
    for table in UInt8(0)...9 {
      try backup.rows(of: table) { key, value in
        found.append(RowChange(table: table, key: key, value: value))
      }
    }
    return found
  }

  @Test(
    "what was applied comes back, as the state of a new coordinator alone, under an id above all others"
  )
  func roundTrip() async throws {
    let medium = try await filled()
    let file = medium.directory.file("backup")
    let written = try BackupWriter.write(medium.path, to: file, now: 7).manifest
    let backup = try BackupFile(path: file)
    #expect(backup.manifest == written)
    #expect(written.index == LogIndex(5) && written.replica == ReplicaID(1) && written.madeAt == 7)
    #expect(written.cluster == LMDBMedium.clusterID && written.highestReplica == ReplicaID(3))
    #expect(try rows(of: backup) == Self.rows)

    let restored = medium.directory.file("restored")
    await #expect(throws: BackupError.unsuitable(replica: ReplicaID(3), highest: ReplicaID(3))) {
      try await LMDBReplicaStore.restore(
        backup, to: restored, as: ReplicaID(3), address: "four:4", now: 1_000)
    }
    try await LMDBReplicaStore.restore(
      backup, to: restored, as: ReplicaID(4), address: "four:4", now: 1_000_000_000)
    let store = try LMDBReplicaStore(
      directory: restored, clusterID: LMDBMedium.clusterID, replicaID: ReplicaID(4))
    defer { store.close() }
    try store.verify()
    let stored = try store.load()
    #expect(stored.applied == .at(5) && stored.lastEntry == LogIndex(5) && stored.staged == nil)
    #expect(stored.hardState == HardState(term: Term(16_000_000_000), votedFor: nil))
    #expect(stored.base?.term == Term(1), "what the log follows is what the backup ended with")
    let members = try #require(stored.base?.membership)
    #expect(members.voters == [ReplicaID(4)])
    #expect(members.servers.filter(\.isRetired).map(\.id) == [ReplicaID(1), ReplicaID(3)])
    for row in Self.rows { #expect(try store.row(table: row.table, key: row.key) == row.value) }
  }

  @Test(
    "a backup waits for the rows of what the log has when it begins, and says how far behind it is where they do not come"
  )
  func waits() async throws {
    let medium = try await filled()
    func commit(_ batch: WriteBatch) throws {
      let store = try medium.openStore()
      store.write(batch) { result in #expect(throws: Never.self) { try result.get() } }
      store.close()
    }
    var looks = 0
    func backup(
      _ name: String, _ patience: Duration, reaching committed: UInt64 = 0,
      pausing pause: () throws -> Void
    ) throws -> [UInt64] {
      let written = try BackupWriter.write(
        medium.path, to: medium.directory.file(name), now: 7, patience: patience,
        reaching: LogIndex(committed), pausing: pause)
      return [written.manifest.index.rawValue, written.entriesBehind]
    }
    let waited = try backup("waited", .seconds(600)) {
      looks += 1
      guard looks == 3 else { return }
      var batch = WriteBatch.entries(7...8)
      batch.applied = .at(6)
      try commit(batch)
    }
    #expect(waited == [6, 0], "entries 7 and 8 came after it had begun")
    #expect(looks == 3)

    looks = 0
    #expect(try backup("at once", .zero) { looks += 1 } == [6, 2])
    #expect(looks == 0)
    #expect(try backup("in vain", .seconds(1)) { looks += 1 } == [6, 2])
    #expect(looks > 0)

    let shorter = try backup("shorter", .seconds(600)) {
      var batch = WriteBatch()
      batch.truncateFrom = LogIndex(7)
      try commit(batch)
    }
    #expect(shorter == [6, 0], "what was never committed is not waited for")

    #expect(
      try backup("cut off", .zero, reaching: 9) {} == [6, 3],
      "all of its own log, and not what others have committed")
    let caughtUp = try backup("caught up", .seconds(600), reaching: 7) {
      var batch = WriteBatch.entries(7...7)
      batch.applied = .at(7)
      try commit(batch)
    }
    #expect(caughtUp == [7, 0])
  }

  @Test(
    "a restored cluster's term is above all that were heard of: of the old one, and of one restored from the same backup before"
  )
  func terms() {
    func term(_ last: UInt64, _ now: UInt64) -> UInt64 {
      LMDBReplicaStore.termOfRestored(after: Term(last), at: now).rawValue
    }
    let now: UInt64 = 1_795_939_200  // 2026-11-29
    #expect(term(12, now) > 1_000_000 * 12, "no cluster of its own has had so many elections")
    #expect(term(12, now + 60) >= term(12, now) + 16 * 60, "the same backup, a minute later")
    #expect(term(term(12, now) + 5, now) > term(12, now) + 5, "a clock that went back")
    let again = term(12, now) + 5
    #expect(
      term(again, now + 60) < term(again, now + 120),
      "a backup of what was restored, restored twice")
    #expect(term(12, 86_400) > 1_000_000 * 12, "a clock that was never set")
    #expect(term(12, now) < 1 << 40, "keys are numbered by 40 bits of it")
  }

  @Test("a restore to a coordinator's directory is refused, and so is a backup over another")
  func occupied() async throws {
    let medium = try await filled()
    let file = medium.directory.file("backup")
    try BackupWriter.write(medium.path, to: file, now: 7)
    #expect(throws: BackupError.exists(path: file)) {
      try BackupWriter.write(medium.path, to: file, now: 8)
    }
    let backup = try BackupFile(path: file)
    let restored = medium.directory.file("restored")
    try await LMDBReplicaStore.restore(
      backup, to: restored, as: ReplicaID(4), address: "four:4", now: 1_000_000_000)
    await #expect(throws: BackupError.occupied(path: restored)) {
      try await LMDBReplicaStore.restore(
        backup, to: restored, as: ReplicaID(4), address: "four:4", now: 1_000_000_000)
    }
    let empty = try LMDBMedium()
    #expect(throws: BackupError.nothingToBackUp(path: empty.path)) {
      try BackupWriter.write(empty.path, to: empty.directory.file("backup"), now: 7)
    }
    #expect(!FileManager.default.fileExists(atPath: empty.directory.file("backup.partial")))
  }

  @Test("a backup that is cut anywhere, or has any byte changed, is refused by name")
  func damaged() async throws {
    let medium = try await filled()
    let file = medium.directory.file("backup")
    try BackupWriter.write(medium.path, to: file, now: 7)
    let whole = try Data(contentsOf: URL(fileURLWithPath: file))
    func verdict(_ bytes: Data, _ name: String) throws -> BackupError? {
      let path = medium.directory.file(name)
      try bytes.write(to: URL(fileURLWithPath: path))
      do {
        _ = try BackupFile(path: path)
        return nil
      } catch {
        return error
      }
    }
    for length in [0, 10, 20, 30, 4_000, whole.count / 2, whole.count - 100, whole.count - 1] {
      let path = medium.directory.file("cut-\(length)")
      let found = try verdict(whole.prefix(length), "cut-\(length)")
      #expect(found == (length < 20 ? .notABackup(path: path) : .cutShort(path: path)))
    }
    for offset in [
      0, 19, 20, 23, 24, 30, 9_000, 200_000, whole.count - 150, whole.count - 60, whole.count - 16,
    ] {
      var bytes = whole
      bytes[offset] ^= 0x10
      #expect(try verdict(bytes, "changed-\(offset)") != nil, "a change at \(offset) was not seen")
    }
    #expect(try verdict(whole, "same") == nil)
  }
}
