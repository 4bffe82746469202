import Consensus
import ExchangeTypes
import Synchronization

/// A replica's disk as two dictionaries: what the contract means, in the fewest words.
final class MemoryReplicaStore: ReplicaStore {
  struct RowKey: Hashable {
    let table: UInt8
    let key: [UInt8]
  }

  struct State: Equatable {
    var hardState: HardState?
    var log: [LogEntry] = []
    var rows: [RowKey: [UInt8]] = [:]
    var applied: AppliedMark?

    mutating func write(_ batch: WriteBatch) {
      hardState = batch.hardState ?? hardState
      if let index = batch.truncateFrom {
        log.removeLast(max(0, log.count + 1 - Int(index.rawValue)))
      }
      log += batch.entries
      for row in batch.rows { rows[RowKey(table: row.table, key: row.key)] = row.value }
      applied = batch.applied ?? applied
    }
  }

  let state: Mutex<State>

  let isNearlyFull = false

  init(_ state: State = State()) { self.state = Mutex(state) }

  func load() throws -> StoredReplica {
    state.withLock { state in
      StoredReplica(
        hardState: state.hardState, firstEntry: LogIndex(1),
        lastEntry: LogIndex(UInt64(state.log.count)), applied: state.applied)
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
    for entry in state.withLock({ $0.log }).dropFirst(Int(first.rawValue) - 1) {
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
}

extension MemoryReplicaStore.State {
  /// Everything that a store shows through its port.
  init(contentsOf store: any ReplicaStore, tables: some Sequence<UInt8>) throws {
    let stored = try store.load()
    hardState = stored.hardState
    applied = stored.applied
    log = try store.entries(from: stored.firstEntry, countMax: .max, bytesMax: .max)
    for table in tables {
      try store.scan(table: table, prefix: [], from: []) { key, value in
        rows[MemoryReplicaStore.RowKey(table: table, key: key)] = value
        return true
      }
    }
  }
}
