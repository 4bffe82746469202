import Consensus
import ExchangeTypes
import Foundation
import LMDB
import Storage
import Testing

/// Damage done to the data file while the store was closed: a store must show what was written, or
/// refuse by name; it must never show anything else.
@Suite("A damaged data file") struct DamageTests {
  private static let tables: ClosedRange<UInt8> = 0...3

  /// A store with a history, and what it must show.
  private static func filled() async throws -> (LMDBMedium, MemoryReplicaStore.State) {
    let medium = try LMDBMedium()
    var random = SplitMix(state: 11)
    var model = MemoryReplicaStore.State()
    for _ in 0..<14 {
      let batch = WriteBatch.random(after: model, using: &random)
      model.write(batch)
      try await medium.commit([batch])
    }
    var last = WriteBatch()
    last.hardState = HardState(term: Term(99), votedFor: ReplicaID(1))
    model.write(last)
    try await medium.commit([last])
    return (medium, model)
  }

  private enum Finding: Equatable {
    case intact
    case refused(StoreError)
    case wrong(String)
  }

  private static func inspect(
    _ medium: LMDBMedium, expecting model: MemoryReplicaStore.State
  ) -> Finding {
    do {
      let store = try medium.openStore()
      defer { store.close() }
      try store.verify()
      let found = try MemoryReplicaStore.State(contentsOf: store, tables: tables)
      return found == model ? .intact : .wrong("the store shows what was never written")
    } catch let error as StoreError {
      switch error {
      case .corruptFile, .corruptMeta, .corruptEntry, .corruptRow, .missingEntry, .newerFormat,
        .foreignCluster, .foreignReplica, .notBootstrapped:
        return .refused(error)
      default: return .wrong("\(error)")
      }
    } catch {
      return .wrong("\(error)")
    }
  }

  /// Flips bits of single bytes, one file each, and counts what came of it.
  private static func flip(
    _ offsets: some Sequence<Int>, seed: UInt64
  ) async throws -> (intact: Int, refused: Int) {
    let (medium, model) = try await filled()
    try #require(inspect(medium, expecting: model) == .intact)
    let image = try Data(contentsOf: URL(filePath: medium.dataFile))
    var random = SplitMix(state: seed)
    var counts = (intact: 0, refused: 0)
    for offset in offsets where offset < image.count {
      let mask = UInt8.random(in: 1...255, using: &random)
      var damaged = image
      damaged[offset] ^= mask
      try damaged.write(to: URL(filePath: medium.dataFile))
      switch inspect(medium, expecting: model) {
      case .intact: counts.intact += 1
      case .refused: counts.refused += 1
      case .wrong(let what): Issue.record("byte \(offset) xor \(mask): \(what)")
      }
    }
    return counts
  }

  @Test("a flipped byte anywhere leaves the store intact or is refused", arguments: 0..<4)
  func flippedBytes(part: Int) async throws {
    let offsets = stride(from: 8192 + part * 1009, to: 1 << 20, by: 4 * 1009)
    let counts = try await Self.flip(offsets, seed: UInt64(part))
    #expect(counts.intact > 0)
    #expect(counts.refused > counts.intact / 20)
  }

  @Test("a flipped byte in the meta pages leaves the store intact or is refused", arguments: 0...1)
  func flippedMeta(page: Int) async throws {
    let start = page * 4096
    let counts = try await Self.flip(start..<(start + 152), seed: UInt64(page))
    // The older of the two pages has many bytes that no longer matter.
    #expect(counts.refused > 20)
  }

  @Test("a file that was cut short is refused", arguments: [1, 100, 4096, 8192, 20_000])
  func truncatedFile(bytesLeft: Int) async throws {
    let (medium, model) = try await Self.filled()
    let image = try Data(contentsOf: URL(filePath: medium.dataFile))
    try image.prefix(bytesLeft).write(to: URL(filePath: medium.dataFile))
    guard case .refused = Self.inspect(medium, expecting: model) else {
      Issue.record("\(Self.inspect(medium, expecting: model))")
      return
    }
  }

  @Test("a meta page that claims to be older than it is is refused: LMDB would forget a commit")
  func backdatedMetaPage() async throws {
    let (medium, model) = try await Self.filled()
    let newest = try #require(try PageAudit.check(file: medium.dataFile)).transactionID
    var image = try Data(contentsOf: URL(filePath: medium.dataFile))
    // `mm_txnid`; two less keeps the two meta pages consecutive.
    let offset = Int(newest % 2) * 4096 + 144
    try #require(image[offset] == UInt8(truncatingIfNeeded: newest))
    image[offset] -= 2
    try image.write(to: URL(filePath: medium.dataFile))
    guard case .refused(.corruptFile) = Self.inspect(medium, expecting: model) else {
      Issue.record("\(Self.inspect(medium, expecting: model))")
      return
    }
  }

  @Test("a damaged entry is named, entries before it can be read, and nothing is dropped")
  func damagedEntry() async throws {
    let medium = try LMDBMedium()
    try await medium.commit([.entries(1...20)])
    let image = try medium.flip(
      after: [0, 0, 0, 0, 0, 0, 0, 7] + [UInt8](repeating: 0xab, count: 9))
    let store = try medium.openStore()
    defer { store.close() }
    try #expect(store.load().lastEntry == LogIndex(20))
    try #expect(store.entries(from: LogIndex(1), countMax: 6, bytesMax: .max).count == 6)
    for first in [1, 7] as [UInt64] {
      #expect(throws: StoreError.corruptEntry(index: LogIndex(7))) {
        try store.entries(from: LogIndex(first), countMax: 20, bytesMax: .max)
      }
    }
    #expect(throws: StoreError.corruptEntry(index: LogIndex(7))) { try store.verify() }
    try #expect(Data(contentsOf: URL(filePath: medium.dataFile)) == image)
  }

  @Test("a damaged row is named by its table and key")
  func damagedRow() async throws {
    let medium = try LMDBMedium()
    let value = Array("a value to find".utf8)
    try await medium.commit([.row(3, [1, 2], value), .row(3, [1, 3], [])])
    try medium.flip(after: value.dropLast())
    let store = try medium.openStore()
    defer { store.close() }
    let expected = StoreError.corruptRow(table: 3, key: [1, 2])
    #expect(throws: expected) { try store.row(table: 3, key: [1, 2]) }
    #expect(throws: expected) { try store.scan(table: 3, prefix: [], from: []) { _, _ in true } }
    #expect(throws: expected) { try store.verify() }
    try #expect(store.row(table: 3, key: [1, 3]) == [])
  }

  @Test("a row or an entry whose bytes belong to another is found out")
  func movedValues() async throws {
    let medium = try LMDBMedium()
    try await medium.commit([.entries(1...3), .row(1, [1], [5]), .row(1, [2], [5])])
    try medium.edit { transaction in
      let entry: ([UInt8], [UInt8]) = ([0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 2])
      for (name, (from, to)) in [("log", entry), ("rows/001", ([1], [2]))] {
        let database = try transaction.database(named: name)
        let value = try transaction.withValue(forKey: from.span.bytes, in: database) { value in
          value?.withUnsafeBytes { Array($0) } ?? []
        }
        try transaction.put(key: to.span.bytes, value: value.span.bytes, in: database)
      }
    }
    let store = try medium.openStore()
    defer { store.close() }
    #expect(throws: StoreError.corruptRow(table: 1, key: [2])) { try store.row(table: 1, key: [2]) }
    #expect(throws: StoreError.corruptEntry(index: LogIndex(2))) {
      try store.entries(from: LogIndex(1), countMax: 3, bytesMax: .max)
    }
  }
}

extension LMDBMedium {
  /// Flips the last bit of the byte that follows each occurrence of `pattern` in the data file;
  /// answers the damaged file.
  @discardableResult
  fileprivate func flip(after pattern: some Collection<UInt8>) throws -> Data {
    var image = try Data(contentsOf: URL(filePath: dataFile))
    let pattern = Data(pattern)
    var from = image.startIndex
    var flips = 0
    while let found = image.range(of: pattern, in: from..<image.endIndex) {
      image[found.upperBound] ^= 1
      flips += 1
      from = found.upperBound
    }
    try #require(flips > 0)
    try image.write(to: URL(filePath: dataFile))
    return image
  }
}
