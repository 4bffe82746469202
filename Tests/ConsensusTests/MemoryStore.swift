import Consensus
import ExchangeCore
import ExchangeTypes

/// A replica's disk in memory: what it holds is what would survive a power loss.
///
/// Confined to the test that made it, like everything else in a simulation.
final class MemoryStore: ReplicaStore, @unchecked Sendable {
  private(set) var hardState: HardState?
  private(set) var entries: [LogEntry] = []
  private(set) var rows: [UInt8: [[UInt8]: [UInt8]]] = [:]
  private(set) var applied: AppliedMark?
  private(set) var writes = 0

  func load() throws -> StoredReplica {
    StoredReplica(
      hardState: hardState, firstEntry: LogIndex(1), lastEntry: LogIndex(UInt64(entries.count)),
      applied: applied)
  }

  /// The simulation starts writes itself, so that their ends can be delayed or lost.
  func write(
    _ batch: WriteBatch, completion: @escaping @Sendable (Result<Void, any Error>) -> Void
  ) {
    perform(batch)
    completion(.success(()))
  }

  /// Makes a batch durable.
  func perform(_ batch: WriteBatch) {
    precondition(!batch.isEmpty, "an empty write was started")
    precondition(batch.rows.isEmpty || batch.applied != nil, "rows without their mark")
    writes += 1
    if let hardState = batch.hardState { self.hardState = hardState }
    if let first = batch.truncateFrom {
      let kept = min(entries.count, Int(first.rawValue) - 1)
      precondition(UInt64(kept) >= applied?.index.rawValue ?? 0, "applied entries are dropped")
      entries.removeSubrange(kept...)
    }
    if !batch.entries.isEmpty {
      precondition(batch.firstEntry.rawValue == UInt64(entries.count) + 1, "a gap in the log")
      entries += batch.entries
    }
    for row in batch.rows { rows[row.table, default: [:]][row.key] = row.value }
    if let mark = batch.applied {
      precondition(mark.index.rawValue <= UInt64(entries.count), "rows of entries not durable")
      precondition(mark.index >= applied?.index ?? mark.index, "the mark went back")
      applied = mark
    }
  }

  /// What must never happen, and no checksum has found: an entry is another one.
  func alterEntry(at index: LogIndex, to payload: [UInt8]) {
    let place = Int(index.rawValue) - 1
    entries[place] = LogEntry(term: entries[place].term, kind: .command, payload: payload)
  }

  /// The disk is lost.
  func wipe() {
    hardState = nil
    entries = []
    rows = [:]
    applied = nil
  }

  func entries(from first: LogIndex, countMax: Int, bytesMax: Int) throws -> [LogEntry] {
    let start = Int(first.rawValue) - 1
    guard start < entries.count else { return [] }
    var found: [LogEntry] = []
    var bytes = 0
    for entry in entries[start...] where found.count < countMax {
      bytes += entry.payload.count
      if !found.isEmpty, bytes > bytesMax { break }
      found.append(entry)
    }
    return found
  }

  func row(table: UInt8, key: [UInt8]) throws -> [UInt8]? { rows[table]?[key] }

  func scan(
    table: UInt8, prefix: [UInt8], from start: [UInt8],
    _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Bool
  ) throws {
    for (key, value) in (rows[table] ?? [:]).sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }
    )
    where key.starts(with: prefix) && !key.lexicographicallyPrecedes(start) {
      guard try body(key, value) else { return }
    }
  }

  /// The state machine that a restart would begin with, checked against the stored digest.
  func restored() throws -> Exchange? {
    guard let applied else { return nil }
    return try Exchange.restoring(expecting: applied.digest) { table, visit in
      try scan(table: table, prefix: [], from: []) { key, value in
        try visit(key, value)
        return true
      }
    }
  }
}
