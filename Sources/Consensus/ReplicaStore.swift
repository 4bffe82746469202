public import ExchangeTypes
public import RaftEngine

/// One group commit: everything in it becomes durable together, in one transaction and one fsync.
public struct WriteBatch: Sendable {
  /// The new term and vote, if they changed; written first.
  public var hardState: HardState?
  /// Entries from this index on are dropped before `entries` are appended.
  public var truncateFrom: LogIndex?
  /// The index of the first of `entries`; it follows what the log holds after the truncation.
  public var firstEntry = LogIndex(0)
  /// Entries to append, in order.
  public var entries: [LogEntry] = []
  /// Rows changed by applied entries, in the order of the changes: the last change of a row wins.
  public var rows: [RowChange] = []
  /// The index through which `rows` bring the stored state, if any entry was applied.
  public var applied: AppliedMark?
  /// What the log follows from now on: entries up to its index are dropped.
  ///
  /// It is not after the applied mark that this batch leaves, and not before the base that is there.
  public var base: SnapshotMetadata?
  /// What happens to the state beside the current one, in order, after everything above.
  public var staging: [StagingStep] = []

  /// A batch that writes nothing.
  public init() {}

  /// Whether there is nothing to write.
  public var isEmpty: Bool {
    hardState == nil && truncateFrom == nil && entries.isEmpty && rows.isEmpty && applied == nil
      && base == nil && staging.isEmpty
  }
}

/// A step of a snapshot that is being received, beside the state that the replica has.
///
/// ```
/// nothing ──begin──► n chunks ──load──► n + 1 chunks ──…──► all ──flip──► nothing, and another state
///    ▲                  └───────────── discard or begin ─────┘
///    └───────────────────────┘
/// ```
public enum StagingStep: Sendable {
  /// Drops what lies beside the state, and begins with no rows of this snapshot.
  case begin(SnapshotManifest)
  /// Adds the rows of the next chunk; the hash is that over all chunks up to it.
  case load([RowChange], SnapshotHash)
  /// Drops what lies beside the state.
  case discard
  /// Puts what lies beside the state in its place: rows, applied mark and, as the base of an empty log, this
  /// metadata. Term and vote stay. Such a batch holds neither entries nor rows.
  case flip(SnapshotMetadata)
}

/// How far the stored rows have been brought, with what a restart needs to go on from there.
public struct AppliedMark: Hashable, Sendable {
  /// The last applied index.
  public let index: LogIndex
  /// Its entry's term.
  public let term: Term
  /// The digest of all rows that count for it, after that index.
  public let digest: StateDigest
  /// Joins the parts.
  public init(index: LogIndex, term: Term, digest: StateDigest) {
    self.index = index
    self.term = term
    self.digest = digest
  }
}

/// What a replica finds on its disk when it starts.
public struct StoredReplica: Sendable {
  /// Term and vote; nil if it never had any.
  public var hardState: HardState?
  /// The index of the first entry that the log holds (1 while nothing was trimmed).
  public var firstEntry: LogIndex
  /// The index of the last entry, or one before `firstEntry` if there is none.
  public var lastEntry: LogIndex
  /// How far the rows have been brought; nil if nothing was ever applied.
  public var applied: AppliedMark?
  /// The entry right before `firstEntry` with the members at it; nil while the log starts at 1.
  public var base: SnapshotMetadata?
  /// What lies beside the state of a snapshot that was being received.
  public var staged: StagedSnapshot?
  /// Whether nothing was ever written.
  public var isNew: Bool { hardState == nil && lastEntry < firstEntry }
  /// Joins the parts.
  public init(
    hardState: HardState?, firstEntry: LogIndex, lastEntry: LogIndex, applied: AppliedMark?,
    base: SnapshotMetadata? = nil, staged: StagedSnapshot? = nil
  ) {
    self.hardState = hardState
    self.firstEntry = firstEntry
    self.lastEntry = lastEntry
    self.applied = applied
    self.base = base
    self.staged = staged
  }
}

/// How much of what a disk may hold it holds.
public struct StoreUse: Hashable, Sendable {
  /// Bytes in what holds something.
  public let usedBytes: Int
  /// The most bytes that can: the disk's budget, or what the file system has where that is less.
  public let capacityBytes: Int

  /// Joins the two, in bytes.
  public init(usedBytes: Int, capacityBytes: Int) {
    self.usedBytes = usedBytes
    self.capacityBytes = capacityBytes
  }
}

extension ReplicaStore {
  /// A disk that counts says it itself.
  public var use: StoreUse? { nil }
}

/// The port to a replica's disk: log, term, vote and rows in one place, so that one transaction holds
/// them together.
///
/// Writes are executed one at a time in the order of the calls. A write that fails may have reached
/// the disk in part only in the sense of "wholly or not at all"; whoever sees a failure must end the
/// process, since after a failed fsync nothing is known (`reliability`: LMDB, `fdatasync` EIO).
public protocol ReplicaStore: AnyObject, Sendable {
  /// Whether so much of the disk's budget is used that no new work should begin: what has begun still fits.
  var isNearlyFull: Bool { get }

  /// Whether so much of it is used that what has begun should end, so that its ending still fits.
  var isSpent: Bool { get }

  /// How much of the disk is used; nil where nobody counts.
  var use: StoreUse? { get }

  /// What the disk holds. Called before any write.
  func load() throws -> StoredReplica

  /// Makes `batch` durable, then calls `completion` on a thread of the store's choice.
  func write(_ batch: WriteBatch, completion: @escaping @Sendable (Result<Void, any Error>) -> Void)

  /// Durable entries from `first` on: at most `countMax`, and as many as fit in `bytesMax`, but at
  /// least one if there is one. Checks each entry's checksum.
  func entries(from first: LogIndex, countMax: Int, bytesMax: Int) throws -> [LogEntry]

  /// The stored value of one row, as of the last completed write.
  func row(table: UInt8, key: [UInt8]) throws -> [UInt8]?

  /// Calls `body` with every stored row of `table` whose key starts with `prefix`, in key order, until
  /// it answers false.
  func scan(
    table: UInt8, prefix: [UInt8], from start: [UInt8],
    _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Bool
  ) throws

  /// Calls `body` with every row of `table` that lies beside the state, in key order.
  func scanStaged(
    table: UInt8, _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Void
  ) throws

  /// Makes a snapshot of the rows and their applied mark as one completed write left them, in place of the
  /// one made before, and calls `completion` on a thread of the store's choice.
  ///
  /// It lives as long as the process. Not called again before its end, nor while nothing was ever applied.
  /// Fails with `SnapshotPostponed` if it may succeed later; any other failure is one of the disk.
  func makeSnapshot(
    _ completion: @escaping @Sendable (Result<SnapshotManifest, any Error>) -> Void)

  /// A chunk of the last snapshot made, checked against its hash.
  func snapshotChunk(_ number: UInt32) throws -> SnapshotChunk

  /// Gives the room of the last snapshot back.
  func dropSnapshot()
}

/// There was no room for a snapshot, or no state to make it of.
public struct SnapshotPostponed: Error, Hashable, Sendable, CustomStringConvertible {
  /// Why.
  public let description: String
  /// Says why.
  public init(_ reason: String) { description = reason }
}
