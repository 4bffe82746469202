public import Consensus
public import ExchangeTypes
internal import Glibc
internal import LMDB
internal import Synchronization

/// A replica's disk on LMDB: one environment in the node's data directory.
///
/// One thread owns all write transactions and executes batches strictly in the order of `write`; what
/// waits while a commit flushes shares the next commit. A completed batch is durable. After a failed
/// one every later batch fails too, since nothing is known about the disk. Reads run on the caller's
/// thread and see the completed batches, and those of the last commit already while its seal is flushed: what it brings
/// a power loss may still undo.
public final class LMDBReplicaStore: ReplicaStore {
  /// How a store is opened.
  public struct Options: Hashable, Sendable {
    /// Address space reserved, in bytes.
    ///
    /// It is the most that the file can grow to; reserving costs nothing.
    public var mapBytes = 64 << 30
    /// The bytes that the store should stay within; at most `mapBytes`.
    ///
    /// Of it, or of what the file system has where that is less, `isNearlyFull` says that four fifths are used, and
    /// `isSpent` nine tenths.
    public var diskBudgetBytes = 64 << 30
    /// The defaults.
    public init() {}
    /// A store that stays within `diskBudgetBytes`, with as much address space as that needs.
    public init(diskBudgetBytes: Int) {
      self.diskBudgetBytes = diskBudgetBytes
      mapBytes = max(mapBytes, diskBudgetBytes)
    }
  }

  /// The most batches that may have been written and not completed; one more is a bug of the caller.
  public static let batchesInFlightMax = WriteQueue.batchesMax

  private let volume: Mutex<StoreVolume?>
  private let queue: WriteQueue
  private let thread: Mutex<WriterThread?>
  private let meter: DiskMeter
  private let snapshots: Snapshots
  private let divergence: ReplicaMark

  /// Makes `directory` the disk of this replica, or does nothing if it already is; once only.
  ///
  /// Creates the directory (mode 0700) if its parent exists, and a mark beside it: where there is the mark and
  /// no data, the replica has lost its disk and is refused. A crash in between leaves either no
  /// replica or a whole one.
  public static func bootstrap(
    directory path: String, clusterID: ClusterID, replicaID: ReplicaID
  ) throws(StoreError) {
    let identity = StoreIdentity(clusterID: clusterID, replicaID: replicaID)
    let mark = ReplicaMark.founded(identity, beside: path)
    let wasFounded = try mark.exists()
    if wasFounded, try !StoreDirectory.holdsData(path: path) {
      throw .diskLost(path: path, replica: replicaID, mark: mark.path)
    }
    try StoreDirectory.create(path: path)
    let directory = try StoreDirectory(path: path)
    let volume = try StoreVolume(directory, options: Options())
    try volume.bootstrap(identity)
    try directory.synchronize()
    // Last: a mark without data says that they were lost.
    if !wasFounded { try mark.make() }
  }

  /// Opens what `bootstrap` made, and refuses what is not this replica's or is damaged.
  public convenience init(
    directory path: String, clusterID: ClusterID, replicaID: ReplicaID,
    options: Options = Options()
  ) throws(StoreError) {
    try self.init(
      directory: path, clusterID: clusterID, replicaID: replicaID, options: options
    ) { StoreDirectory.roomBytes(path: path) }
  }

  /// The same; `room` says what the file system has left, in bytes.
  init(
    directory path: String, clusterID: ClusterID, replicaID: ReplicaID, options: Options,
    room: @escaping @Sendable () -> Int?
  ) throws(StoreError) {
    precondition(options.diskBudgetBytes <= options.mapBytes, "the budget exceeds the map")
    let directory = try StoreDirectory(path: path)
    let divergence = ReplicaMark.diverged(replicaID, beside: path)
    guard try !divergence.exists() else {
      throw .diverged(path: path, replica: replicaID, mark: divergence.path)
    }
    guard try directory.holdsData() else { throw .notBootstrapped(path: path) }
    let volume = try StoreVolume(directory, options: options)
    try volume.demand(StoreIdentity(clusterID: clusterID, replicaID: replicaID))
    let stored = try volume.load()
    let meter = DiskMeter(budgetBytes: options.diskBudgetBytes, room: room)
    try volume.withStoreError { try meter.update(from: volume.environment, now: .now) }
    let queue = WriteQueue()
    let writer = try volume.batchWriter(stored)
    let thread = WriterThread {
      var loop = WriterLoop(queue, volume, writer, meter)
      loop.run()
    }
    guard let thread else {
      throw .system(operation: "start a thread for", path: path, message: "none is left")
    }
    self.volume = Mutex(volume)
    self.queue = queue
    self.thread = Mutex(thread)
    self.meter = meter
    snapshots = Snapshots(path: path)
    self.divergence = divergence
  }

  deinit { close() }

  /// Waits until every batch is completed, then ends the writer thread and gives the directory back.
  ///
  /// A `write` after this fails with `StoreError.closed`.
  public func close() {
    queue.close()
    thread.withLock { thread in
      thread?.join()
      thread = nil
    }
    snapshots.close()
    volume.withLock { $0 = nil }
  }

  /// Whether the store uses four fifths of what it can have: the sign to take no new jobs.
  public var isNearlyFull: Bool { meter.use(now: .now).isNearlyFull }

  /// Whether the store uses nine tenths of what it can have: the sign to end what has begun.
  public var isSpent: Bool { meter.use(now: .now).isSpent }

  /// What the store uses of what it can have.
  public var use: StoreUse? {
    let use = meter.use(now: .now)
    return StoreUse(usedBytes: use.usedBytes, capacityBytes: use.capacityBytes)
  }

  /// Bytes in use, counted now: walks LMDB's list of free pages.
  public func usedBytes() throws(StoreError) -> Int {
    let volume = try open()
    return try volume.withStoreError { try volume.environment.statistics().bytesUsed }
  }

  /// Reads every entry and every row, and throws for the first one that is damaged or missing.
  public func verify() throws(StoreError) { try open().verify() }

  /// This replica's state was found not to be the majority's: its directory is refused from the next start on.
  ///
  /// Makes a mark beside the directory, durably; blocks for as long as that takes.
  public func markDiverged() throws(StoreError) { try divergence.make() }

  /// What the disk holds.
  public func load() throws -> StoredReplica { try open().load() }

  /// Queues `batch` for the writer thread; `completion` is called there, in the order of the writes.
  ///
  /// - Precondition: fewer than `batchesInFlightMax` batches are under way. Entries follow the log, a
  ///   truncation drops nothing that was applied, the applied mark does not go back and lies within
  ///   the log; a row's key has 1 to 511 bytes, its value at most 16 KiB.
  public func write(
    _ batch: WriteBatch, completion: @escaping @Sendable (Result<Void, any Error>) -> Void
  ) {
    if !queue.append(WriteQueue.Item(batch: batch, completion: completion)) {
      completion(.failure(StoreError.closed))
    }
  }

  /// Durable entries from `first` on, as many as fit in `bytesMax` bytes of payload, but at least one.
  public func entries(
    from first: LogIndex, countMax: Int, bytesMax: Int
  ) throws -> [LogEntry] {
    try open().entries(from: first, countMax: countMax, bytesMax: bytesMax)
  }

  /// The stored value of one row.
  public func row(table: UInt8, key: [UInt8]) throws -> [UInt8]? {
    try open().row(table: table, key: key)
  }

  /// Calls `body` with every row of `table` whose key starts with `prefix`, from `start` on.
  ///
  /// All rows are of one state: what is written meanwhile does not appear. It holds a read
  /// transaction, so `body` must not take long.
  public func scan(
    table: UInt8, prefix: [UInt8], from start: [UInt8],
    _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Bool
  ) throws {
    try open().scan(table: table, prefix: prefix, from: start, body)
  }

  /// Calls `body` with every row of `table` that lies beside the state.
  public func scanStaged(
    table: UInt8, _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Void
  ) throws {
    try open().scanStaged(table: table, body)
  }

  /// Makes a snapshot on a thread of its own, in one read transaction; batches are written meanwhile.
  public func makeSnapshot(
    _ completion: @escaping @Sendable (Result<SnapshotManifest, any Error>) -> Void
  ) {
    do throws(StoreError) {
      snapshots.make(of: try open(), completion)
    } catch {
      completion(.failure(error))
    }
  }

  /// A chunk of the last snapshot made.
  public func snapshotChunk(_ number: UInt32) throws -> SnapshotChunk {
    try snapshots.chunk(number)
  }

  /// Gives the room of the last snapshot back.
  public func dropSnapshot() { snapshots.drop() }

  private func open() throws(StoreError) -> StoreVolume {
    guard let volume = volume.withLock({ $0 }) else { throw .closed }
    return volume
  }
}
