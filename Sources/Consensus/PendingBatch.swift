internal import ExchangeTypes
internal import RaftEngine

/// A row's name in the overlay of rows that have not reached the disk.
struct RowKey: Hashable {
  let table: UInt8
  let key: [UInt8]

  /// Feeds the key as one piece: byte by byte, as an array does it, takes several times as long.
  func hash(into hasher: inout Hasher) {
    hasher.combine(table)
    key.withUnsafeBytes { hasher.combine(bytes: $0) }
  }
}

/// Changed rows, each with its newest value, in the order of their first change: a write's order is a function of the
/// log alone.
struct ChangedRows {
  private(set) var changes: [RowChange] = []
  private var places: [RowKey: Int] = [:]

  init(minimumCapacity: Int = 0) {
    changes.reserveCapacity(minimumCapacity)
    places.reserveCapacity(minimumCapacity)
  }

  var count: Int { changes.count }
  var isEmpty: Bool { changes.isEmpty }

  mutating func note(_ change: RowChange) {
    let next = changes.count
    let name = RowKey(table: change.table, key: change.key)
    let place = Self.value(of: &places[name, default: next])
    if place == next { changes.append(change) } else { changes[place] = change }
  }

  /// The newest change of a row; nil if it has not changed.
  subscript(name: RowKey) -> RowChange? { places[name].map { changes[$0] } }

  /// Looks a place up and, where there is none, notes it: in place, so that the key is hashed once.
  private static func value(of place: inout Int) -> Int { place }
}

/// What the next write will hold.
///
/// Log and rows are kept apart: entries, term and vote go with the next write, since somebody waits for
/// them; rows and the log's base wait until there are many rows, until nothing follows them, or for a
/// second, since the log has what they come from. A row that changes again before it is written is written
/// once, and rows written together share pages: one by one they cost a page each.
struct PendingBatch {
  /// So many bytes of rows are due, however few rows they are.
  static let rowBytesMax = 16 << 20
  /// What has waited so many milliseconds is due, whatever follows it.
  static let waitMilliseconds: UInt64 = 1_000
  /// What nothing has followed for so many milliseconds is due: who reads the disk beside the process finds it there.
  ///
  /// More than a heartbeat, by which followers learn what is committed, so that a burst of entries
  /// is one write.
  static let quietMilliseconds: UInt64 = 200
  /// What has waited so many milliseconds is due when its member's turn comes, which it does before `waitMilliseconds` are over.
  static let turnMilliseconds = waitMilliseconds - RowTurns.round

  /// So many rows are due.
  let rowsMax: Int
  /// What concerns the log.
  var batch = WriteBatch()
  /// The rows that have changed since the last write that had any.
  private(set) var rows = ChangedRows()
  /// About how many bytes `rows` has: what was noted, though it may have been replaced.
  private var rowBytes = 0
  /// How far `rows` bring the stored state.
  private(set) var applied: AppliedMark?
  /// When the oldest and the newest came of what nobody waits for, in monotonic milliseconds.
  private var waiting: (since: UInt64, latest: UInt64)?
  /// What nobody waits for goes with the next write all the same.
  private(set) var isDue = false
  /// The engine's number of the last log write in `batch`.
  var lastWrite: WriteNumber?

  init(rowsMax: Int) { self.rowsMax = rowsMax }

  /// Whether it holds something that somebody waits for: an entry, a term, a vote.
  var mustBeWritten: Bool {
    batch.hardState != nil || batch.truncateFrom != nil || !batch.entries.isEmpty
      || !batch.staging.isEmpty
  }

  /// Whether there are so many rows that they are due.
  var isFull: Bool { rows.count >= rowsMax || rowBytes >= Self.rowBytesMax }

  /// When `makeDue` wants to be called, in monotonic milliseconds; nil if nothing waits, or is due already.
  var deadline: UInt64? {
    guard !isDue, let waiting else { return nil }
    return min(waiting.since + Self.waitMilliseconds, waiting.latest + Self.quietMilliseconds)
  }

  /// What waits goes with the next write.
  mutating func makeDue() { isDue = waiting != nil }

  /// Adds a log write: drops what it replaces, here and, by `truncateFrom`, on the disk.
  mutating func append(_ entries: [LogEntry], at first: LogIndex, truncating: Bool) {
    if truncating {
      if !batch.entries.isEmpty, first > batch.firstEntry {
        batch.entries.removeSubrange(Int(first.rawValue - batch.firstEntry.rawValue)...)
      } else {
        batch.entries = []
        batch.truncateFrom = batch.truncateFrom.map { min($0, first) } ?? first
      }
    }
    if batch.entries.isEmpty { batch.firstEntry = first }
    precondition(
      first.rawValue == batch.firstEntry.rawValue + UInt64(batch.entries.count),
      "a log write that does not follow the one before")
    batch.entries += entries
  }

  /// The entry of this mark is applied: its rows are noted, or are none.
  ///
  /// - Parameters:
  ///   - mark: how far the rows bring the stored state now.
  ///   - now: monotonic milliseconds.
  ///   - isTurn: whether it is this member's turn to write rows: half of what is due by itself is due then.
  mutating func noteApplied(_ mark: AppliedMark, at now: UInt64, isTurn: Bool = false) {
    applied = mark
    wait(from: now)
    guard isTurn, let since = waiting?.since else { return }
    if rows.count >= rowsMax / 2 || rowBytes >= Self.rowBytesMax / 2
      || now - since >= Self.turnMilliseconds
    {
      isDue = true
    }
  }

  /// The log follows this from the next write on.
  mutating func noteBase(_ base: SnapshotMetadata, at now: UInt64) {
    batch.base = base
    wait(from: now)
  }

  private mutating func wait(from now: UInt64) {
    waiting = (waiting?.since ?? now, now)
  }

  mutating func note(_ changes: [RowChange]) {
    for change in changes {
      rows.note(change)
      rowBytes += change.key.count + (change.value?.count ?? 0)
    }
  }

  /// Leaves out everything but term and vote, since another state and another log take their place.
  mutating func void() {
    let hardState = batch.hardState
    self = PendingBatch(rowsMax: rowsMax)
    batch.hardState = hardState
  }

  /// What one write holds, and what a reader needs while it is under way.
  struct Taken {
    let batch: WriteBatch
    let rows: ChangedRows
    let lastWrite: WriteNumber?
  }

  /// Takes what concerns the log and, if `withRows`, all rows and their mark together; what stays or
  /// comes later belongs to a write after this one.
  mutating func take(withRows: Bool) -> Taken {
    var taken = batch
    batch = WriteBatch()
    defer { lastWrite = nil }
    if withRows || applied == nil {
      waiting = nil
      isDue = false
    }
    guard withRows else { return Taken(batch: taken, rows: ChangedRows(), lastWrite: lastWrite) }
    taken.rows = rows.changes
    taken.applied = applied
    defer {
      // The next write's rows are about as many; growing step by step hashes each of them again.
      rows = ChangedRows(minimumCapacity: min(rows.count, rowsMax))
      rowBytes = 0
      applied = nil
    }
    return Taken(batch: taken, rows: rows, lastWrite: lastWrite)
  }
}
