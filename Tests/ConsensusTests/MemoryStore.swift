import Consensus
import ExchangeCore
import ExchangeTypes
import RaftEngine

/// A replica's disk in memory: what it holds is what would survive a power loss.
///
/// Confined to the test that made it, like everything else in a simulation.
final class MemoryStore: ReplicaStore, @unchecked Sendable {
  private(set) var hardState: HardState?
  private(set) var entries: [LogEntry] = []
  private(set) var rows: [UInt8: [[UInt8]: [UInt8]]] = [:]
  private(set) var applied: AppliedMark?
  private(set) var base: SnapshotMetadata?
  private(set) var staged: StagedSnapshot?
  private(set) var stagedRows: [UInt8: [[UInt8]: [UInt8]]] = [:]
  private(set) var writes = 0
  /// The applied marks that were written, in order.
  private(set) var marks: [LogIndex] = []
  let isNearlyFull = false
  let isSpent = false
  /// The last snapshot made of this disk.
  private(set) var chunks: [SnapshotChunk] = []
  /// Changes what is read of a snapshot: a file that is damaged, or a leader that lies.
  var damage: ((SnapshotChunk) -> SnapshotChunk)?

  var firstEntry: LogIndex { base?.index.next ?? LogIndex(1) }
  var lastEntry: LogIndex { LogIndex(firstEntry.rawValue + UInt64(entries.count) - 1) }

  /// The entry at `index`, if it is there.
  func entry(_ index: LogIndex) -> LogEntry? {
    index >= firstEntry && index <= lastEntry
      ? entries[Int(index.rawValue - firstEntry.rawValue)] : nil
  }

  func load() throws -> StoredReplica {
    StoredReplica(
      hardState: hardState, firstEntry: firstEntry, lastEntry: lastEntry, applied: applied,
      base: base, staged: staged)
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
      precondition(first > applied?.index ?? LogIndex(0), "applied entries are dropped")
      entries.removeSubrange(min(entries.count, Int(first.rawValue - firstEntry.rawValue))...)
    }
    if !batch.entries.isEmpty {
      precondition(batch.firstEntry == lastEntry.next, "a gap in the log")
      entries += batch.entries
    }
    for row in batch.rows { rows[row.table, default: [:]][row.key] = row.value }
    if let mark = batch.applied {
      precondition(mark.index <= lastEntry, "rows of entries not durable")
      precondition(mark.index >= applied?.index ?? mark.index, "the mark went back")
      applied = mark
      marks.append(mark.index)
    }
    if let base = batch.base {
      precondition(base.index <= applied?.index ?? LogIndex(0), "a restart would need more")
      entries.removeFirst(Int(base.index.next.rawValue - firstEntry.rawValue))
      self.base = base
    }
    for step in batch.staging { perform(step) }
  }

  private func perform(_ step: StagingStep) {
    switch step {
    case .begin(let manifest):
      staged = StagedSnapshot(manifest: manifest)
      stagedRows = [:]
    case .load(let new, let hash):
      for row in new { stagedRows[row.table, default: [:]][row.key] = row.value }
      staged?.loaded += 1
      staged?.hash = hash
    case .discard:
      staged = nil
      stagedRows = [:]
    case .flip(let base):
      guard let staged, staged.loaded == staged.manifest.chunkCount else {
        preconditionFailure("a snapshot takes the state's place before it is whole")
      }
      (self.base, entries, rows, applied) = (base, [], stagedRows, staged.manifest.mark)
      (self.staged, stagedRows) = (nil, [:])
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
    guard first >= firstEntry, first <= lastEntry else { return [] }
    var found: [LogEntry] = []
    var bytes = 0
    for entry in entries[Int(first.rawValue - firstEntry.rawValue)...]
    where found.count < countMax {
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

  func scanStaged(
    table: UInt8, _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Void
  ) throws {
    for (key, value) in (stagedRows[table] ?? [:])
      .sorted(by: { $0.key.lexicographicallyPrecedes($1.key) })
    {
      try body(key, value)
    }
  }

  func makeSnapshot(
    _ completion: @escaping @Sendable (Result<SnapshotManifest, any Error>) -> Void
  ) { completion(makeSnapshot()) }

  /// The same at once.
  func makeSnapshot() -> Result<SnapshotManifest, any Error> {
    guard let applied else { return .failure(SnapshotPostponed("no state")) }
    var builder = SnapshotBuilder(chunkBytes: 512)
    var pieces: [[UInt8]] = []
    for table in rows.keys.sorted() {
      for (key, value) in (rows[table] ?? [:])
        .sorted(by: { $0.key.lexicographicallyPrecedes($1.key) })
      {
        if let piece = builder.add(table: table, key: key, value: value) { pieces.append(piece) }
      }
    }
    if let piece = builder.finish() { pieces.append(piece) }
    let manifest = builder.manifest(applied)
    chunks = zip(pieces, builder.chunkHashes).enumerated().map { number, piece in
      SnapshotChunk(
        snapshot: manifest.hash, number: UInt32(number), hash: piece.1, bytes: piece.0)
    }
    return .success(manifest)
  }

  func snapshotChunk(_ number: UInt32) throws -> SnapshotChunk {
    let chunk = chunks[Int(number)]
    return damage?(chunk) ?? chunk
  }

  func dropSnapshot() { chunks = [] }

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
