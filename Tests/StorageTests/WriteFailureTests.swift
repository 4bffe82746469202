import Consensus
import ExchangeTypes
import Foundation
import LMDB
import Storage
import Testing

@Suite("Writing to a store") struct WriteFailureTests {
  private static func smallMap() throws -> LMDBMedium {
    var options = LMDBReplicaStore.Options()
    options.mapBytes = 1 << 20
    options.diskBudgetBytes = 1 << 20
    return try LMDBMedium(options: options)
  }

  @Test("a full map is its own error, later writes fail too, and what was acknowledged stays")
  func mapFull() async throws {
    let medium = try Self.smallMap()
    let store = try medium.openStore()
    var acknowledged: UInt64 = 0
    var failure: (any Error)?
    while failure == nil && acknowledged < 20_000 {
      do {
        try await store.commit([.entries((acknowledged + 1)...(acknowledged + 50))])
        acknowledged += 50
      } catch {
        failure = error
      }
    }
    #expect(failure as? StoreError == .mapFull(mapBytes: 1 << 20))
    #expect(acknowledged > 1000)
    #expect(store.isNearlyFull)

    let later = await #expect(throws: StoreError.self) { try await store.commit([WriteBatch()]) }
    guard case .stopped = later else {
      Issue.record("\(String(describing: later))")
      return
    }
    store.close()
    try medium.reading { try #expect($0.load().lastEntry == LogIndex(acknowledged)) }
  }

  @Test("a file that grows ends ahead of its pages, and is the same store")
  func roomAhead() async throws {
    let medium = try LMDBMedium()
    let step = 1 << 20
    func end() throws -> Int {
      let size = try FileManager.default.attributesOfItem(atPath: medium.dataFile)[.size]
      return try #require(size as? Int)
    }
    do {
      let store = try medium.openStore()
      defer { store.close() }
      try await store.commit([.entries(1...10)])
      try #expect(end() < step, "a small file is as long as its pages")
      var index: UInt64 = 10
      var ends: Set<Int> = []
      while try end() < 3 * step {
        try await store.commit([.entries((index + 1)...(index + 500))])
        index += 500
        try ends.insert(end())
      }
      #expect(ends.filter { $0 > step }.count <= 3, "it grows by steps: \(ends)")
    }
    let audit = try #require(try PageAudit.check(file: medium.dataFile))
    try #expect((audit.pagesUsed + audit.pagesFree) * 4096 <= end())
    let store = try LMDBReplicaStore(
      directory: medium.path, clusterID: LMDBMedium.clusterID, replicaID: LMDBMedium.replicaID)
    defer { store.close() }
    try store.verify()
  }

  @Test("a larger map lets a full store go on")
  func mapGrows() async throws {
    let medium = try Self.smallMap()
    do {
      let store = try medium.openStore()
      defer { store.close() }
      await #expect(throws: StoreError.mapFull(mapBytes: 1 << 20)) {
        try await store.commit([.entries(1...20_000)])
      }
    }
    let store = try LMDBReplicaStore(
      directory: medium.path, clusterID: LMDBMedium.clusterID, replicaID: LMDBMedium.replicaID)
    defer { store.close() }
    try #expect(store.load().lastEntry == LogIndex(0))
    try await store.commit([.entries(1...20_000)])
    try #expect(store.load().lastEntry == LogIndex(20_000))
  }

  @Test("four fifths of the budget is nearly full, and removed rows make it roomy again")
  func budget() async throws {
    var options = LMDBReplicaStore.Options()
    options.diskBudgetBytes = 1 << 20
    let medium = try LMDBMedium(options: options)
    let store = try medium.openStore()
    defer { store.close() }
    var keys: [[UInt8]] = []
    while try store.usedBytes() < 1 << 20 {
      try #expect(store.isNearlyFull == (store.usedBytes() >= (1 << 20) / 5 * 4))
      var batch = WriteBatch()
      for _ in 0..<100 {
        var key = CanonicalWriter()
        key.write(UInt32(keys.count))
        keys.append(key.bytes)
        batch.rows.append(
          RowChange(table: 1, key: key.bytes, value: Array(repeating: 7, count: 200)))
      }
      try await store.commit([batch])
    }
    #expect(store.isNearlyFull)
    var removal = WriteBatch()
    removal.rows = keys.map { RowChange(table: 1, key: $0, value: nil) }
    try await store.commit([removal])
    for _ in 0..<64 { try await store.commit([.row(2, [1], [])]) }
    #expect(!store.isNearlyFull)
  }

  @Test("a write to a closed store fails, and closing waits for what was written")
  func closing() async throws {
    let medium = try LMDBMedium()
    let store = try medium.openStore()
    let results = AsyncStream<Bool>.makeStream()
    for index in 1...10 as ClosedRange<UInt64> {
      store.write(.entries(index...index)) { result in
        results.continuation.yield((try? result.get()) != nil)
      }
    }
    store.close()
    results.continuation.finish()
    var succeeded: [Bool] = []
    for await success in results.stream { succeeded.append(success) }
    #expect(succeeded == Array(repeating: true, count: 10))
    await #expect(throws: StoreError.closed) { try await store.commit([WriteBatch()]) }
    #expect(throws: StoreError.closed) { try store.load() }
    store.close()
  }

  @Test("a store that is dropped by its own last completion ends in peace")
  func droppedOnWriterThread() async throws {
    let medium = try LMDBMedium()
    await withCheckedContinuation { continuation in
      do {
        let store = try medium.openStore()
        store.write(.entries(1...1)) { [store] result in
          #expect(throws: Never.self) { try result.get() }
          withExtendedLifetime(store) {}
          continuation.resume()
        }
      } catch {
        Issue.record(error)
        continuation.resume()
      }
    }
  }

  @Test("a breach of the contract is a crash", arguments: Breach.allCases)
  func breaches(breach: Breach) async throws {
    await #expect(processExitsWith: .signal(SIGILL)) { [breach] in
      let medium = try LMDBMedium()
      let store = try medium.openStore()
      var batch = WriteBatch.entries(1...5)
      batch.applied = .at(3)
      try await store.commit([batch])
      try await store.commit([breach.batch])
    }
  }

  enum Breach: String, CaseIterable, Codable, Sendable {
    case gap, overlap, truncatesApplied, appliedGoesBack, appliedBeyondLog, emptyKey, longKey

    var batch: WriteBatch {
      var batch = WriteBatch()
      switch self {
      case .gap: batch = .entries(7...7)
      case .overlap: batch = .entries(5...5)
      case .truncatesApplied: batch.truncateFrom = LogIndex(3)
      case .appliedGoesBack: batch.applied = .at(2)
      case .appliedBeyondLog: batch.applied = .at(6)
      case .emptyKey: batch = .row(1, [], [1])
      case .longKey: batch = .row(1, Array(repeating: 1, count: 512), [1])
      }
      return batch
    }
  }
}
