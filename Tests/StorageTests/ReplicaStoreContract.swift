import Consensus
import ExchangeTypes
import RaftEngine
import Testing

/// Something that keeps a replica's state while no store is open on it.
protocol ReplicaMedium: Sendable {
  /// Opens the store, as a process does when it starts.
  func open() throws -> any ReplicaStore
  /// Ends a store, as a process does when it stops in peace.
  func close(_ store: any ReplicaStore)
}

/// What every `ReplicaStore` promises, whatever is under it: LMDB, or the simulator's disk.
struct ReplicaStoreContract: CustomTestStringConvertible, Sendable {
  let testDescription: String
  private let body: @Sendable (any ReplicaMedium) async throws -> Void

  private init(
    _ sentence: String, _ body: @escaping @Sendable (any ReplicaMedium) async throws -> Void
  ) {
    testDescription = sentence
    self.body = body
  }

  /// Checks the promise on a fresh medium.
  func check(on medium: any ReplicaMedium) async throws { try await body(medium) }

  static let all: [ReplicaStoreContract] = [
    ReplicaStoreContract("a new store is empty and its log starts at 1") { medium in
      try medium.reading { store in
        let stored = try store.load()
        #expect(stored.hardState == nil)
        #expect(stored.firstEntry == LogIndex(1))
        #expect(stored.lastEntry == LogIndex(0))
        #expect(stored.applied == nil)
        try #expect(store.entries(from: LogIndex(1), countMax: 9, bytesMax: 9).isEmpty)
        try #expect(store.row(table: 1, key: [1]) == nil)
        try store.scan(table: 1, prefix: [], from: []) { _, _ in
          Issue.record("a row in a new store")
          return false
        }
      }
    },
    ReplicaStoreContract("everything of a completed batch is there after a restart") { medium in
      var batch = WriteBatch.entries(1...3)
      batch.hardState = HardState(term: Term(7), votedFor: ReplicaID(2))
      batch.rows = [RowChange(table: 4, key: [1], value: [2, 3])]
      batch.applied = .at(2)
      try await medium.commit([batch])
      try medium.reading { store in
        var expected = MemoryReplicaStore.State()
        expected.write(batch)
        try #expect(MemoryReplicaStore.State(contentsOf: store, tables: 0...5) == expected)
      }
    },
    ReplicaStoreContract("a vote can be taken back, and no vote differs from a vote") { medium in
      for vote in [ReplicaID(1), nil, ReplicaID(.max)] {
        var batch = WriteBatch()
        batch.hardState = HardState(term: Term(.max), votedFor: vote)
        try await medium.commit([batch])
        try medium.reading { try #expect($0.load().hardState == batch.hardState) }
      }
    },
    ReplicaStoreContract("a truncation drops its index and all after it, then entries follow") {
      medium in
      var batch = WriteBatch.entries(4...5, term: 9)
      batch.truncateFrom = LogIndex(4)
      try await medium.commit([.entries(1...6), batch])
      try medium.reading { store in
        try #expect(store.load().lastEntry == LogIndex(5))
        let terms = try store.entries(from: LogIndex(1), countMax: 9, bytesMax: .max).map(\.term)
        #expect(terms == [1, 1, 1, 9, 9].map { Term($0) })
      }
    },
    ReplicaStoreContract("a truncation of everything leaves an empty log") { medium in
      var batch = WriteBatch()
      batch.truncateFrom = LogIndex(1)
      try await medium.commit([.entries(1...3), batch])
      try medium.reading { try #expect($0.load().lastEntry == LogIndex(0)) }
      try await medium.commit([.entries(1...1)])
      try medium.reading { try #expect($0.load().lastEntry == LogIndex(1)) }
    },
    ReplicaStoreContract("a truncation beyond the end drops nothing") { medium in
      var batch = WriteBatch()
      batch.truncateFrom = LogIndex(4)
      try await medium.commit([.entries(1...3), batch])
      try medium.reading { try #expect($0.load().lastEntry == LogIndex(3)) }
    },
    ReplicaStoreContract("entries answer as many as both limits allow, but at least one") {
      medium in
      try await medium.commit([.entries(1...10)])  // of 100 bytes each
      try medium.reading { store in
        for (first, countMax, bytesMax, expected) in [
          (1, 10, Int.max, 10), (1, 3, .max, 3), (4, 10, .max, 7), (1, 10, 300, 3), (1, 10, 299, 2),
          (1, 10, 0, 1), (1, 0, .max, 0), (11, 10, .max, 0), (99, 10, .max, 0),
        ] {
          let found = try store.entries(
            from: LogIndex(UInt64(first)), countMax: countMax, bytesMax: bytesMax)
          #expect(found.count == expected, "from \(first), \(countMax) entries, \(bytesMax) bytes")
          #expect(found.first == (expected > 0 ? .number(UInt64(first)) : nil))
        }
      }
    },
    ReplicaStoreContract("an entry may be empty and may have the most bytes") { medium in
      var batch = WriteBatch()
      batch.firstEntry = LogIndex(1)
      batch.entries = [
        LogEntry(term: Term(1), kind: .barrier, payload: []),
        LogEntry(
          term: Term(1), kind: .change,
          payload: Array(repeating: 0xff, count: LogEntry.payloadBytesMax)),
      ]
      try await medium.commit([batch])
      try medium.reading { store in
        try #expect(
          store.entries(from: LogIndex(1), countMax: 9, bytesMax: .max) == batch.entries)
      }
    },
    ReplicaStoreContract("the last change of a row in a batch wins") { medium in
      var batch = WriteBatch()
      for value in [[1], nil, [2], [3], nil] as [[UInt8]?] {
        batch.rows.append(RowChange(table: 1, key: [1], value: value))
        batch.rows.append(RowChange(table: 1, key: [2], value: value.map { $0 + [0] } ?? [9]))
      }
      try await medium.commit([batch])
      try medium.reading { store in
        try #expect(store.row(table: 1, key: [1]) == nil)
        try #expect(store.row(table: 1, key: [2]) == [9])
      }
    },
    ReplicaStoreContract("a row may have an empty value, and a removed row can come back") {
      medium in
      for value in [[], nil, [1], [], nil, [2, 2]] as [[UInt8]?] {
        try await medium.commit([.row(1, [5], value)])
        try medium.reading { try #expect($0.row(table: 1, key: [5]) == value) }
      }
    },
    ReplicaStoreContract("the same key in two tables names two rows") { medium in
      try await medium.commit([.row(0, [1], [10]), .row(255, [1], [20])])
      try medium.reading { store in
        try #expect(store.row(table: 0, key: [1]) == [10])
        try #expect(store.row(table: 255, key: [1]) == [20])
        try #expect(store.row(table: 1, key: [1]) == nil)
      }
    },
    ReplicaStoreContract("a scan gives the rows of a prefix in key order, from a start") { medium in
      let keys: [[UInt8]] = [[2, 1], [1], [2], [3], [2, 0xff, 0xff], [2, 1, 7], [0xff]]
      try await medium.commit(keys.map { .row(1, $0, $0) } + [.row(2, [2, 5], [])])
      try medium.reading { store in
        for (prefix, start, expected) in [
          ([], [], [[1], [2], [2, 1], [2, 1, 7], [2, 0xff, 0xff], [3], [0xff]]),
          ([2], [], [[2], [2, 1], [2, 1, 7], [2, 0xff, 0xff]]),
          ([2], [2, 1, 0], [[2, 1, 7], [2, 0xff, 0xff]]),
          (
            [2], [1],
            [
              [2], [2, 1], [2, 1, 7],
              [2, 0xff, 0xff],
            ]
          ),
          ([2], [3], []), ([0xff], [], [[0xff]]), ([4], [], []),
        ] as [([UInt8], [UInt8], [[UInt8]])] {
          var seen: [[UInt8]] = []
          try store.scan(table: 1, prefix: prefix, from: start) { key, value in
            #expect(key == value)
            seen.append(key)
            return true
          }
          #expect(seen == expected, "prefix \(prefix) from \(start)")
        }
      }
    },
    ReplicaStoreContract("a scan ends when it is told to, and passes the error of its body") {
      medium in
      struct Enough: Error {}
      try await medium.commit((1...5).map { .row(1, [$0], []) })
      try medium.reading { store in
        var seen = 0
        try store.scan(table: 1, prefix: [], from: []) { _, _ in
          seen += 1
          return seen < 3
        }
        #expect(seen == 3)
        #expect(throws: Enough.self) {
          try store.scan(table: 1, prefix: [], from: []) { _, _ in throw Enough() }
        }
      }
    },
    ReplicaStoreContract("completions come in the order of the writes, and a write is then visible")
    {
      medium in
      let store = try medium.open()
      defer { medium.close(store) }
      let order = AsyncStream<UInt64>.makeStream()
      for index in 1...12 as ClosedRange<UInt64> {
        store.write(.entries(index...index)) { result in
          #expect(throws: Never.self) { try result.get() }
          do {
            let visible = try store.entries(from: LogIndex(index), countMax: 1, bytesMax: 0)
            #expect(visible == [.number(index)])
          } catch {
            Issue.record(error)
          }
          order.continuation.yield(index)
        }
      }
      var completed: [UInt64] = []
      for await index in order.stream.prefix(12) { completed.append(index) }
      #expect(completed == Array(1...12))
    },
    ReplicaStoreContract("a base drops the entries up to it, and is there after a restart") {
      medium in
      var batch = WriteBatch.entries(4...6)
      batch.applied = .at(5)
      batch.base = .at(4)
      try await medium.commit([.entries(1...3), batch])
      try medium.reading { store in
        let stored = try store.load()
        #expect(stored.base == .at(4))
        #expect(stored.firstEntry == LogIndex(5))
        #expect(stored.lastEntry == LogIndex(6))
        let entries = try store.entries(from: LogIndex(5), countMax: 9, bytesMax: .max)
        #expect(entries == [.number(5), .number(6)])
      }
      var all = WriteBatch()
      all.applied = .at(6)
      all.base = .at(6)
      try await medium.commit([all, .entries(7...7)])
      try medium.reading { store in
        try #expect(store.load().firstEntry == LogIndex(7))
        try #expect(store.load().lastEntry == LogIndex(7))
      }
    },
    ReplicaStoreContract("what lies beside the state is not the state until it takes its place") {
      medium in
      var batch = WriteBatch.entries(1...3)
      batch.hardState = HardState(term: Term(7), votedFor: ReplicaID(2))
      batch.rows = [
        RowChange(table: 1, key: [1], value: [1]), RowChange(table: 2, key: [2], value: [2]),
      ]
      batch.applied = .at(2)
      var staging = WriteBatch()
      staging.staging = .snapshot(
        90,
        chunks: [
          [RowChange(table: 1, key: [1], value: [10]), RowChange(table: 1, key: [3], value: [30])],
          [RowChange(table: 3, key: [1], value: [])],
        ])
      try await medium.commit([batch, staging])
      try medium.reading { store in
        try #expect(store.row(table: 1, key: [1]) == [1])
        try #expect(store.row(table: 3, key: [1]) == nil)
        try #expect(store.load().staged?.loaded == 2)
        var seen: [[UInt8]] = []
        try store.scanStaged(table: 1) { _, value in seen.append(value) }
        #expect(seen == [[10], [30]])
      }
      var flip = WriteBatch()
      flip.staging = [.flip(.at(90))]
      try await medium.commit([flip, .entries(91...92)])
      try medium.reading { store in
        let stored = try store.load()
        #expect(stored.base == .at(90))
        #expect(stored.firstEntry == LogIndex(91))
        #expect(stored.lastEntry == LogIndex(92))
        #expect(stored.applied == .at(90))
        #expect(stored.staged == nil)
        #expect(stored.hardState == batch.hardState, "a snapshot brings no vote")
        try #expect(store.row(table: 1, key: [1]) == [10])
        try #expect(store.row(table: 2, key: [2]) == nil)
        try #expect(store.row(table: 3, key: [1]) == [])
      }
      // And back: the other side is empty again.
      var second = WriteBatch()
      second.staging = .snapshot(200, chunks: [[RowChange(table: 2, key: [9], value: [9])]])
      second.staging.append(.flip(.at(200)))
      try await medium.commit([second])
      try medium.reading { store in
        try #expect(store.row(table: 1, key: [1]) == nil)
        try #expect(store.row(table: 2, key: [9]) == [9])
        try #expect(store.load().firstEntry == LogIndex(201))
      }
    },
    ReplicaStoreContract("what lies beside the state can be dropped, and begun anew") { medium in
      var batch = WriteBatch()
      batch.staging = .snapshot(9, chunks: [[RowChange(table: 1, key: [1], value: [1])]])
      var discard = WriteBatch()
      discard.staging = [.discard]
      try await medium.commit([batch, discard])
      try medium.reading { store in
        try #expect(store.load().staged == nil)
        try store.scanStaged(table: 1) { _, _ in Issue.record("a row that was dropped") }
      }
      var again = WriteBatch()
      again.staging = .snapshot(9, chunks: [[RowChange(table: 1, key: [2], value: [2])]])
      try await medium.commit([batch, again])
      try medium.reading { store in
        var keys: [[UInt8]] = []
        try store.scanStaged(table: 1) { key, _ in keys.append(key) }
        #expect(keys == [[2]])
      }
    },
    ReplicaStoreContract(
      "a snapshot is a function of the state: chunks of sorted rows, and their hash"
    ) {
      medium in
      var batch = WriteBatch.entries(1...3)
      batch.applied = .at(3)
      for number in 0..<200 as Range<UInt16> {
        var key = CanonicalWriter()
        key.write(number &* 40_503)
        batch.rows.append(
          RowChange(
            table: UInt8(number % 3), key: key.bytes,
            value: Array(repeating: UInt8(number % 251), count: 4_000)))
      }
      try await medium.commit([batch])
      var builder = SnapshotBuilder()
      var expected: [[UInt8]] = []
      let sorted = batch.rows.sorted { left, right in
        left.table == right.table
          ? left.key.lexicographicallyPrecedes(right.key) : left.table < right.table
      }
      for row in sorted {
        if let chunk = builder.add(table: row.table, key: row.key, value: row.value ?? []) {
          expected.append(chunk)
        }
      }
      if let chunk = builder.finish() { expected.append(chunk) }
      #expect(expected.count > 2)
      let store = try medium.open()
      defer { medium.close(store) }
      let results = AsyncStream<Result<SnapshotManifest, any Error>>.makeStream()
      store.makeSnapshot { results.continuation.yield($0) }
      for await result in results.stream.prefix(1) {
        #expect(try result.get() == builder.manifest(.at(3)))
      }
      for (number, bytes) in expected.enumerated() {
        let chunk = try store.snapshotChunk(UInt32(number))
        #expect(chunk.bytes == bytes)
        #expect(chunk.hash == SnapshotHash.ofChunk(bytes))
      }
      store.dropSnapshot()
    },
    ReplicaStoreContract("a store without a state has no snapshot to give") { medium in
      let store = try medium.open()
      defer { medium.close(store) }
      let results = AsyncStream<Result<SnapshotManifest, any Error>>.makeStream()
      store.makeSnapshot { results.continuation.yield($0) }
      for await result in results.stream.prefix(1) {
        #expect(throws: SnapshotPostponed.self) { try result.get() }
      }
    },
    ReplicaStoreContract("random batches leave what the model says, after each restart") { medium in
      var random = SplitMix(state: 42)
      var model = MemoryReplicaStore.State()
      for _ in 0..<12 {
        var batches: [WriteBatch] = []
        for _ in 0..<Int.random(in: 1...6, using: &random) {
          let batch = WriteBatch.random(after: model, using: &random)
          model.write(batch)
          batches.append(batch)
        }
        try await medium.commit(batches)
        try medium.reading { store in
          try #expect(MemoryReplicaStore.State(contentsOf: store, tables: 0...3) == model)
        }
      }
    },
  ]
}

extension ReplicaMedium {
  /// Opens the store, commits batches that are all under way at once, and closes it.
  func commit(_ batches: [WriteBatch]) async throws {
    let store = try open()
    defer { close(store) }
    try await store.commit(batches)
  }

  /// Opens the store, reads, and closes it.
  func reading(_ body: (any ReplicaStore) throws -> Void) throws {
    let store = try open()
    defer { close(store) }
    try body(store)
  }
}

extension ReplicaStore {
  /// Writes batches one behind the other and waits for all; throws the first failure.
  func commit(_ batches: [WriteBatch]) async throws {
    let results = AsyncStream<Result<Void, any Error>>.makeStream()
    for batch in batches { write(batch) { results.continuation.yield($0) } }
    var failure: (any Error)?
    for await result in results.stream.prefix(batches.count) {
      if case .failure(let error) = result { failure = failure ?? error }
    }
    if let failure { throw failure }
  }
}

extension LogEntry {
  /// An entry of 100 bytes that tells its index.
  static func number(_ index: UInt64, term: UInt64 = 1) -> LogEntry {
    var writer = CanonicalWriter()
    writer.write(index)
    writer.writeRaw(repeatElement(0xab, count: 92))
    return LogEntry(term: Term(term), kind: .command, payload: writer.bytes)
  }
}

extension AppliedMark {
  /// A mark at `index`.
  static func at(_ index: UInt64) -> AppliedMark {
    AppliedMark(
      index: LogIndex(index), term: Term(1),
      digest: StateDigest(table: 1, key: [UInt8(truncatingIfNeeded: index)], value: []))
  }
}

extension WriteBatch {
  /// A batch of entries that tell their indices.
  static func entries(_ indices: ClosedRange<UInt64>, term: UInt64 = 1) -> WriteBatch {
    var batch = WriteBatch()
    batch.firstEntry = LogIndex(indices.lowerBound)
    batch.entries = indices.map { .number($0, term: term) }
    return batch
  }

  /// A batch of one change of a row.
  static func row(_ table: UInt8, _ key: [UInt8], _ value: [UInt8]?) -> WriteBatch {
    var batch = WriteBatch()
    batch.rows = [RowChange(table: table, key: key, value: value)]
    return batch
  }

  /// Any batch that may follow `state`, of the kinds and in the proportions of a replica's life.
  static func random(
    after state: MemoryReplicaStore.State, using random: inout SplitMix
  ) -> WriteBatch {
    var batch = WriteBatch()
    if Int.random(in: 0...4, using: &random) == 0 {
      let vote: ReplicaID? = Bool.random(using: &random) ? ReplicaID(3) : nil
      batch.hardState = HardState(term: Term(random.next()), votedFor: vote)
    }
    let applied = state.applied?.index.rawValue ?? 0
    var last = state.lastEntry.rawValue
    if last > applied, Int.random(in: 0...5, using: &random) == 0 {
      let from = UInt64.random(in: (applied + 1)...last, using: &random)
      batch.truncateFrom = LogIndex(from)
      last = from - 1
    }
    batch.firstEntry = LogIndex(last + 1)
    for _ in 0..<Int.random(in: 0...4, using: &random) {
      let payload = Array(
        repeating: UInt8(truncatingIfNeeded: random.next()),
        count: Int.random(in: 0...(Bool.random(using: &random) ? 100 : 9000), using: &random))
      batch.entries.append(LogEntry(term: Term(last), kind: .command, payload: payload))
      last += 1
    }
    for _ in 0..<Int.random(in: 0...20, using: &random) {
      var key = CanonicalWriter()
      key.write(UInt16.random(in: 0...300, using: &random))
      let value = Array(
        repeating: UInt8(truncatingIfNeeded: random.next()),
        count: Int.random(in: 0...300, using: &random))
      batch.rows.append(
        RowChange(
          table: UInt8.random(in: 0...3, using: &random), key: key.bytes,
          value: Int.random(in: 0...3, using: &random) == 0 ? nil : value))
    }
    if last > applied, Bool.random(using: &random) {
      batch.applied = .at(UInt64.random(in: (applied + 1)...last, using: &random))
    }
    let mark = batch.applied?.index.rawValue ?? applied
    let first = state.firstEntry.rawValue
    if mark >= first, Int.random(in: 0...3, using: &random) == 0 {
      batch.base = .at(UInt64.random(in: first...mark, using: &random))
    }
    batch.staging = .random(after: state, using: &random)
    return batch
  }
}

extension SnapshotMetadata {
  /// A base at `index`.
  static func at(_ index: UInt64) -> SnapshotMetadata {
    guard
      let members = Membership([
        RaftServer(id: ReplicaID(1), address: "one", role: .voter),
        RaftServer(id: ReplicaID(index + 1), address: "two", role: .standby),
      ])
    else { preconditionFailure("two members are members") }
    return SnapshotMetadata(
      index: LogIndex(index), term: Term(1), membership: members, membershipIndex: LogIndex(1))
  }
}

extension SnapshotManifest {
  /// A manifest of so many chunks, of the state at `index`.
  static func at(_ index: UInt64, chunks: UInt32) -> SnapshotManifest {
    SnapshotManifest(mark: .at(index), chunkCount: chunks, byteCount: 99, hash: .start)
  }
}

extension [StagingStep] {
  /// A snapshot of some chunks that begin at row `start`, from its beginning to before its flip.
  static func snapshot(_ index: UInt64, chunks: [[RowChange]]) -> [StagingStep] {
    [.begin(.at(index, chunks: UInt32(chunks.count)))] + chunks.map { .load($0, .start) }
  }

  /// A step that may follow `state`, or none.
  fileprivate static func random(
    after state: MemoryReplicaStore.State, using random: inout SplitMix
  ) -> [StagingStep] {
    guard let staged = state.staged else {
      let index = state.lastEntry.rawValue + 1
      return Int.random(in: 0...3, using: &random) == 0 ? [.begin(.at(index, chunks: 3))] : []
    }
    switch Int.random(in: 0...9, using: &random) {
    case 0: return [.discard]
    case 1...5 where staged.loaded < staged.manifest.chunkCount:
      let rows = (0..<Int.random(in: 1...30, using: &random)).map { number in
        RowChange(
          table: UInt8(staged.loaded), key: [UInt8(number)],
          value: [UInt8](
            repeating: UInt8(truncatingIfNeeded: random.next()),
            count: Int.random(in: 0...400, using: &random)))
      }
      return [.load(rows, SnapshotHash.start.appending([UInt8(staged.loaded)]))]
    default: return []
    }
  }
}

/// A small generator with a seed, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
