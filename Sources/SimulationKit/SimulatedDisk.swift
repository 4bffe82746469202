internal import Consensus
internal import ExchangeTypes
internal import RaftEngine

/// A replica's disk in memory: what it holds is what survives a power loss.
///
/// A batch becomes durable wholly or not at all, as an LMDB transaction does, at some moment before its
/// end is reported: a crash in between leaves it there although nobody was told.
final class SimulatedDisk: ReplicaStore, @unchecked Sendable {
  // Confined to the simulation's one thread; the port is `Sendable` for disks with threads of their own.

  /// Microseconds that a batch takes.
  private(set) var writeTime = SimulatedDisk.quick
  /// What made it slow.
  private(set) var slowness: LatentFault?
  /// The same when the disk is not slow.
  static let quick: ClosedRange<UInt64> = 150...1_200
  /// There is no room: writes fail.
  var isFull = false
  /// What took the room.
  var fullness: LatentFault?
  /// There is room for what has begun only.
  var isNearlyFull = false
  /// There is hardly any room for that either.
  var isSpent = false
  /// The next sync fails, and nobody knows what of it is durable.
  var failsNextSync = false

  private var content = SimulatedContent()
  /// The bug that this disk has.
  let bug: PlantedBug?
  private var unsynced: [SimulatedContent] = []
  private var snapshot: (manifest: SnapshotManifest, chunks: [SnapshotChunk])?
  /// So many bytes of rows are a chunk of a snapshot: few, so that every snapshot has some.
  private static let chunkBytes = 4 << 10

  /// How far the stored rows have been brought.
  var applied: AppliedMark? { content.applied }

  /// Whether another disk holds the same rows, brought as far.
  func holdsSameState(as other: SimulatedDisk) -> Bool {
    content.applied == other.content.applied && content.rows == other.content.rows
  }

  /// The last durable entry.
  var lastEntry: LogIndex { content.lastEntry }

  /// The term of a durable entry, or of the last one before the log; nil if it is not there.
  func term(at index: LogIndex) -> Term? {
    if let base = content.base, base.index == index { return base.term }
    guard index >= content.firstEntry, index <= content.lastEntry else { return nil }
    return content.log[Int(index.rawValue - content.firstEntry.rawValue)].term
  }

  /// The members by the last durable change.
  var membership: Membership? {
    let change = content.log.last { $0.kind == .change }
    return change.flatMap { Membership(encoded: $0.payload) } ?? content.base?.membership
  }

  init(bug: PlantedBug?) { self.bug = bug }

  /// Writes that begin from now on take so many microseconds, for a reason.
  func slow(to time: ClosedRange<UInt64>, _ reason: LatentFault?) {
    writeTime = time
    slowness = reason
  }

  /// Writes take no longer than usual.
  func quicken() {
    writeTime = Self.quick
    slowness = nil
  }

  func load() throws -> StoredReplica {
    StoredReplica(
      hardState: rememberedHardState, firstEntry: content.firstEntry, lastEntry: content.lastEntry,
      applied: content.applied, base: content.base, staged: content.staged)
  }

  /// Term and vote, but for what the planted bug forgets.
  private var rememberedHardState: HardState? {
    guard let known = content.hardState else { return nil }
    switch bug {
    case .forgottenVote: return HardState(term: known.term, votedFor: nil)
    case .forgottenTerm:
      let written = content.log.last?.term ?? content.base?.term ?? known.term
      return HardState(term: min(known.term, written), votedFor: nil)
    default: return known
    }
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
    guard let first = unsynced.first else { return }
    unsynced = []
    content = first
  }

  /// The process is gone, and its snapshot with it.
  func processEnded() { snapshot = nil }

  /// Makes a batch durable.
  func perform(_ batch: WriteBatch) {
    precondition(!batch.isEmpty, "an empty write was started")
    precondition(batch.rows.isEmpty || batch.applied != nil, "rows without their mark")
    if bug == .acknowledgedBeforePersisted {
      unsynced.append(content)
      if unsynced.count > 3 { unsynced.removeFirst() }
    }
    content.perform(batch)
  }

  /// A write of which nobody was told is there, after the process has died; a disk with the planted bug keeps a
  /// part of it.
  func keep(_ batch: WriteBatch) {
    var kept = batch
    if bug == .tornWrite { kept.rows = [] }
    if !kept.isEmpty { perform(kept) }
  }

  func entries(from first: LogIndex, countMax: Int, bytesMax: Int) throws -> [LogEntry] {
    guard first >= content.firstEntry, first <= content.lastEntry else { return [] }
    var found: [LogEntry] = []
    var bytes = 0
    for entry in content.log[Int(first.rawValue - content.firstEntry.rawValue)...] {
      bytes += entry.payload.count
      if found.count == countMax || (!found.isEmpty && bytes > bytesMax) { break }
      found.append(entry)
    }
    if bug == .swappedEntries { PlantedDisorder.swap(&found) }
    return found
  }

  func row(table: UInt8, key: [UInt8]) throws -> [UInt8]? {
    content.rows[table]?[RowName(bytes: key)]
  }

  func scan(
    table: UInt8, prefix: [UInt8], from start: [UInt8],
    _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Bool
  ) throws {
    var rows = content.rows[table] ?? [:]
    if !prefix.isEmpty { rows = rows.filter { $0.key.bytes.starts(with: prefix) } }
    if !start.isEmpty { rows = rows.filter { !$0.key.bytes.lexicographicallyPrecedes(start) } }
    for (name, value) in SimulatedContent.sorted(rows) {
      guard try body(name.bytes, value) else { return }
    }
  }

  // MARK: Snapshots

  func scanStaged(
    table: UInt8, _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Void
  ) throws {
    for (name, value) in SimulatedContent.sorted(content.stagedRows[table] ?? [:]) {
      try body(name.bytes, value)
    }
  }

  func makeSnapshot(
    _ completion: @escaping @Sendable (Result<SnapshotManifest, any Error>) -> Void
  ) { completion(makeSnapshot()) }

  /// The same at once.
  func makeSnapshot() -> Result<SnapshotManifest, any Error> {
    guard let mark = content.applied else {
      return .failure(SnapshotPostponed("there is no state yet"))
    }
    var builder = SnapshotBuilder(chunkBytes: Self.chunkBytes)
    var pieces: [[UInt8]] = []
    for table in content.rows.keys.sorted() {
      for (name, value) in SimulatedContent.sorted(content.rows[table] ?? [:]) {
        let piece = builder.add(table: table, key: name.bytes, value: value)
        if let piece { pieces.append(piece) }
      }
    }
    if let piece = builder.finish() { pieces.append(piece) }
    let manifest = builder.manifest(mark)
    let chunks = zip(pieces, builder.chunkHashes).enumerated().map { number, piece in
      SnapshotChunk(
        snapshot: manifest.hash, number: UInt32(number), hash: piece.1, bytes: piece.0)
    }
    snapshot = (manifest, chunks)
    return .success(manifest)
  }

  func snapshotChunk(_ number: UInt32) throws -> SnapshotChunk {
    guard let snapshot else { throw SnapshotPostponed("there is no snapshot any more") }
    return snapshot.chunks[Int(number)]
  }

  func dropSnapshot() { snapshot = nil }
}

/// A row's key.
///
/// Its first eight bytes, most often all of it, are hashed and compared at once: every start of a replica sorts all its rows.
struct RowName: Hashable, Comparable {
  let bytes: [UInt8]
  /// The first eight bytes, the most significant first; zeros where there are none.
  private let head: UInt64

  init(bytes: [UInt8]) {
    self.bytes = bytes
    var head: UInt64 = 0
    for place in 0..<8 { head = head << 8 | (place < bytes.count ? UInt64(bytes[place]) : 0) }
    self.head = head
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(head)
    guard bytes.count > 8 else { return }
    bytes.withUnsafeBytes { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0[8...])) }
  }

  /// Byte by byte.
  static func < (left: Self, right: Self) -> Bool {
    left.head != right.head
      ? left.head < right.head : left.bytes.lexicographicallyPrecedes(right.bytes)
  }
}

/// Everything that a simulated disk holds.
struct SimulatedContent {
  private(set) var hardState: HardState?
  private(set) var base: SnapshotMetadata?
  private(set) var log: [LogEntry] = []
  private(set) var rows: [UInt8: [RowName: [UInt8]]] = [:]
  private(set) var applied: AppliedMark?
  private(set) var staged: StagedSnapshot?
  private(set) var stagedRows: [UInt8: [RowName: [UInt8]]] = [:]

  var firstEntry: LogIndex { base?.index.next ?? LogIndex(1) }
  var lastEntry: LogIndex { LogIndex(firstEntry.rawValue + UInt64(log.count) - 1) }

  static func sorted(_ rows: [RowName: [UInt8]]) -> [(key: RowName, value: [UInt8])] {
    rows.sorted { $0.key < $1.key }
  }

  /// Changes everything as a batch says.
  mutating func perform(_ batch: WriteBatch) {
    if let hardState = batch.hardState { self.hardState = hardState }
    if let first = batch.truncateFrom {
      precondition(first > applied?.index ?? LogIndex(0), "applied entries are dropped")
      precondition(first >= firstEntry, "a truncation reaches before the log")
      log.removeSubrange(min(log.count, Int(first.rawValue - firstEntry.rawValue))...)
    }
    if !batch.entries.isEmpty {
      precondition(batch.firstEntry == lastEntry.next, "a gap in the log")
      log += batch.entries
    }
    for row in batch.rows { rows[row.table, default: [:]][RowName(bytes: row.key)] = row.value }
    if let mark = batch.applied {
      precondition(mark.index <= lastEntry, "rows of entries that are not durable")
      precondition(mark.index >= applied?.index ?? mark.index, "the mark went back")
      applied = mark
    }
    if let base = batch.base {
      precondition(base.index <= applied?.index ?? LogIndex(0), "a restart would need more")
      precondition(base.index.next >= firstEntry, "the base went back")
      log.removeFirst(Int(base.index.next.rawValue - firstEntry.rawValue))
      self.base = base
    }
    for step in batch.staging { perform(step) }
  }

  private mutating func perform(_ step: StagingStep) {
    switch step {
    case .begin(let manifest):
      staged = StagedSnapshot(manifest: manifest)
      stagedRows = [:]
    case .load(let new, let hash):
      for row in new {
        stagedRows[row.table, default: [:]][RowName(bytes: row.key)] = row.value
      }
      staged?.loaded += 1
      staged?.hash = hash
    case .discard:
      staged = nil
      stagedRows = [:]
    case .flip(let base):
      guard let staged, staged.loaded == staged.manifest.chunkCount else {
        preconditionFailure("a snapshot takes the state's place before it is whole")
      }
      self.base = base
      log = []
      rows = stagedRows
      applied = staged.manifest.mark
      self.staged = nil
      stagedRows = [:]
    }
  }
}

/// Why a simulated write failed.
enum DiskFailure: Error {
  case full
  case sync
}
