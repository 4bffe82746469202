import Consensus
import ExchangeTypes
import RaftEngine
import Synchronization

/// A replica's disk as two dictionaries: what the contract means, in the fewest words.
final class MemoryReplicaStore: ReplicaStore {
  struct RowKey: Hashable {
    let table: UInt8
    let key: [UInt8]
  }

  struct State: Equatable {
    var hardState: HardState?
    var base: SnapshotMetadata?
    var log: [LogEntry] = []
    var rows: [RowKey: [UInt8]] = [:]
    var applied: AppliedMark?
    var staged: StagedSnapshot?
    var stagedRows: [RowKey: [UInt8]] = [:]

    var firstEntry: LogIndex { base?.index.next ?? LogIndex(1) }
    var lastEntry: LogIndex { LogIndex(firstEntry.rawValue + UInt64(log.count) - 1) }

    mutating func write(_ batch: WriteBatch) {
      hardState = batch.hardState ?? hardState
      if let index = batch.truncateFrom {
        log.removeLast(max(0, Int(lastEntry.rawValue) + 1 - Int(index.rawValue)))
      }
      log += batch.entries
      for row in batch.rows { rows[RowKey(table: row.table, key: row.key)] = row.value }
      applied = batch.applied ?? applied
      if let base = batch.base {
        log.removeFirst(Int(base.index.next.rawValue - firstEntry.rawValue))
        self.base = base
      }
      for step in batch.staging { perform(step) }
    }

    private mutating func perform(_ step: StagingStep) {
      switch step {
      case .begin(let manifest):
        (staged, stagedRows) = (StagedSnapshot(manifest: manifest), [:])
      case .load(let new, let hash):
        for row in new { stagedRows[RowKey(table: row.table, key: row.key)] = row.value }
        staged?.loaded += 1
        staged?.hash = hash
      case .discard: (staged, stagedRows) = (nil, [:])
      case .flip(let base):
        self.base = base
        (log, rows, applied) = ([], stagedRows, staged?.manifest.mark)
        (staged, stagedRows) = (nil, [:])
      }
    }
  }

  let state: Mutex<State>
  private let chunks = Mutex<[SnapshotChunk]>([])

  let isNearlyFull = false
  let isSpent = false

  init(_ state: State = State()) { self.state = Mutex(state) }

  func load() throws -> StoredReplica {
    state.withLock { state in
      StoredReplica(
        hardState: state.hardState, firstEntry: state.firstEntry, lastEntry: state.lastEntry,
        applied: state.applied, base: state.base, staged: state.staged)
    }
  }

  func write(
    _ batch: WriteBatch, completion: @escaping @Sendable (Result<Void, any Error>) -> Void
  ) {
    state.withLock { $0.write(batch) }
    completion(.success(()))
  }

  func entries(from first: LogIndex, countMax: Int, bytesMax: Int) throws -> [LogEntry] {
    var found: [LogEntry] = []
    var bytes = 0
    let (log, start) = state.withLock { ($0.log, $0.firstEntry) }
    for entry in log.dropFirst(Int(first.rawValue - start.rawValue)) {
      bytes += entry.payload.count
      if found.count == countMax || !found.isEmpty && bytes > bytesMax { break }
      found.append(entry)
    }
    return found
  }

  func row(table: UInt8, key: [UInt8]) throws -> [UInt8]? {
    state.withLock { $0.rows[RowKey(table: table, key: key)] }
  }

  func scan(
    table: UInt8, prefix: [UInt8], from start: [UInt8],
    _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Bool
  ) throws {
    let rows = state.withLock(\.rows).filter { row, _ in
      row.table == table && row.key.starts(with: prefix)
        && !row.key.lexicographicallyPrecedes(start)
    }
    for (row, value) in rows.sorted(by: { $0.key.key.lexicographicallyPrecedes($1.key.key) }) {
      guard try body(row.key, value) else { return }
    }
  }

  func scanStaged(
    table: UInt8, _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Void
  ) throws {
    let rows = state.withLock(\.stagedRows).filter { $0.key.table == table }
    for (row, value) in rows.sorted(by: { $0.key.key.lexicographicallyPrecedes($1.key.key) }) {
      try body(row.key, value)
    }
  }

  func makeSnapshot(
    _ completion: @escaping @Sendable (Result<SnapshotManifest, any Error>) -> Void
  ) {
    let state = state.withLock { $0 }
    guard let mark = state.applied, !state.rows.isEmpty else {
      return completion(.failure(SnapshotPostponed("there is no state yet")))
    }
    var builder = SnapshotBuilder()
    var pieces: [[UInt8]] = []
    let sorted = state.rows.sorted { left, right in
      left.key.table == right.key.table
        ? left.key.key.lexicographicallyPrecedes(right.key.key)
        : left.key.table < right.key.table
    }
    for (row, value) in sorted {
      if let piece = builder.add(table: row.table, key: row.key, value: value) {
        pieces.append(piece)
      }
    }
    if let piece = builder.finish() { pieces.append(piece) }
    let manifest = builder.manifest(mark)
    chunks.withLock { chunks in
      chunks = zip(pieces, builder.chunkHashes).enumerated().map { number, piece in
        SnapshotChunk(
          snapshot: manifest.hash, number: UInt32(number), hash: piece.1, bytes: piece.0)
      }
    }
    completion(.success(manifest))
  }

  func snapshotChunk(_ number: UInt32) throws -> SnapshotChunk {
    chunks.withLock { $0[Int(number)] }
  }

  func dropSnapshot() { chunks.withLock { $0 = [] } }
}

extension MemoryReplicaStore.State {
  /// Everything that a store shows through its port.
  init(contentsOf store: any ReplicaStore, tables: some Sequence<UInt8>) throws {
    let stored = try store.load()
    hardState = stored.hardState
    applied = stored.applied
    base = stored.base
    staged = stored.staged
    log = try store.entries(from: stored.firstEntry, countMax: .max, bytesMax: .max)
    for table in tables {
      try store.scan(table: table, prefix: [], from: []) { key, value in
        rows[MemoryReplicaStore.RowKey(table: table, key: key)] = value
        return true
      }
      try store.scanStaged(table: table) { key, value in
        stagedRows[MemoryReplicaStore.RowKey(table: table, key: key)] = value
      }
    }
  }
}
