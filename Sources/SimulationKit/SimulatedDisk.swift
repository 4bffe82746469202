internal import Consensus
internal import ExchangeTypes

/// A replica's disk in memory: what it holds is what survives a power loss.
///
/// A batch becomes durable wholly or not at all, as an LMDB transaction does, at some moment before its
/// end is reported: a crash in between leaves it there although nobody was told.
final class SimulatedDisk: ReplicaStore, @unchecked Sendable {
  // Confined to the simulation's one thread; the port is `Sendable` for disks with threads of their own.

  /// Microseconds that a batch takes.
  var writeTime = SimulatedDisk.quick
  /// The same when the disk is not slow.
  static let quick: ClosedRange<UInt64> = 150...1_200
  /// There is no room: writes fail.
  var isFull = false
  /// There is room for what has begun only.
  var isNearlyFull = false
  /// The next sync fails, and nobody knows what of it is durable.
  var failsNextSync = false

  private(set) var hardState: HardState?
  private(set) var log: [LogEntry] = []
  private var rows: [UInt8: [[UInt8]: [UInt8]]] = [:]
  private(set) var applied: AppliedMark?
  /// The bug that this disk has.
  let bug: PlantedBug?
  private var unsynced: [Content] = []

  /// Everything that it held before a batch.
  private struct Content {
    let hardState: HardState?
    let log: [LogEntry]
    let rows: [UInt8: [[UInt8]: [UInt8]]]
    let applied: AppliedMark?
  }

  init(bug: PlantedBug?) { self.bug = bug }

  func load() throws -> StoredReplica {
    let known =
      bug == .forgottenVote ? hardState.map { HardState(term: $0.term, votedFor: nil) } : hardState
    return StoredReplica(
      hardState: known, firstEntry: LogIndex(1), lastEntry: LogIndex(UInt64(log.count)),
      applied: applied)
  }

  /// Makes a batch durable at once; the coordinator decides when.
  func write(
    _ batch: WriteBatch, completion: @escaping @Sendable (Result<Void, any Error>) -> Void
  ) {
    perform(batch)
    completion(.success(()))
  }

  /// The machine has lost its power: what a lying disk had not written is gone.
  func losePower() {
    guard let content = unsynced.first else { return }
    unsynced = []
    hardState = content.hardState
    log = content.log
    rows = content.rows
    applied = content.applied
  }

  /// Makes a batch durable.
  func perform(_ batch: WriteBatch) {
    precondition(!batch.isEmpty, "an empty write was started")
    precondition(batch.rows.isEmpty || batch.applied != nil, "rows without their mark")
    if bug == .lyingSync {
      unsynced.append(Content(hardState: hardState, log: log, rows: rows, applied: applied))
      if unsynced.count > 3 { unsynced.removeFirst() }
    }
    if let hardState = batch.hardState { self.hardState = hardState }
    if let first = batch.truncateFrom {
      let kept = min(log.count, Int(first.rawValue) - 1)
      precondition(UInt64(kept) >= applied?.index.rawValue ?? 0, "applied entries are dropped")
      log.removeSubrange(kept...)
    }
    if !batch.entries.isEmpty {
      precondition(batch.firstEntry.rawValue == UInt64(log.count) + 1, "a gap in the log")
      log += batch.entries
    }
    for row in batch.rows { rows[row.table, default: [:]][row.key] = row.value }
    if let mark = batch.applied {
      precondition(mark.index.rawValue <= UInt64(log.count), "rows of entries that are not durable")
      precondition(mark.index >= applied?.index ?? mark.index, "the mark went back")
      applied = mark
    }
  }

  func entries(from first: LogIndex, countMax: Int, bytesMax: Int) throws -> [LogEntry] {
    let start = Int(first.rawValue) - 1
    guard start < log.count else { return [] }
    var found: [LogEntry] = []
    var bytes = 0
    for entry in log[start...] {
      bytes += entry.payload.count
      if found.count == countMax || (!found.isEmpty && bytes > bytesMax) { break }
      found.append(entry)
    }
    return found
  }

  func row(table: UInt8, key: [UInt8]) throws -> [UInt8]? { rows[table]?[key] }

  func scan(
    table: UInt8, prefix: [UInt8], from start: [UInt8],
    _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Bool
  ) throws {
    let sorted = (rows[table] ?? [:]).filter {
      $0.key.starts(with: prefix) && !$0.key.lexicographicallyPrecedes(start)
    }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    for (key, value) in sorted {
      guard try body(key, value) else { return }
    }
  }
}

/// Why a simulated write failed.
enum DiskFailure: Error {
  case full
  case sync
}
