internal import CLMDB
internal import Glibc
internal import Synchronization

/// One memory-mapped file of LMDB: the owner of one `MDB_env`.
///
/// Opened with `MDB_NOTLS`, so that a read transaction belongs to its object and not to a thread. A commit that returns has
/// been flushed, unless it leaves its seal to what follows (`WriteTransaction.commitUnsealed`). At most one
/// environment per directory is open in a process, since LMDB's file locks break otherwise.
///
/// Transactions are scoped to closures, which keeps them off every `await`: a reader that lingers
/// stops LMDB from reusing pages, and a write transaction belongs to one thread.
public final class Environment: @unchecked Sendable {
  // Unchecked, because `MDB_env` is an opaque C pointer: LMDB lets any thread begin transactions on it
  // (`lmdb.h`, `mdb_txn_begin`), and nothing else here changes after `init`.

  /// How an environment is opened.
  public struct Options: Hashable, Sendable {
    /// Address space reserved, in bytes.
    ///
    /// It is the most that the file can grow to; reserving costs nothing. 0 is as much as the file's last writer reserved.
    public var mapBytes = 64 << 30
    /// The most named databases.
    public var databasesMax = 272
    /// The most read transactions at once, of all processes.
    public var readersMax = 126
    /// Whether nothing is ever written: the way to look at what another process has open.
    public var isReadOnly = false
    /// The defaults.
    public init() {}
  }

  /// The directory that holds `data.mdb` and `lock.mdb`.
  public let directory: String
  private let handle: OpaquePointer
  private let identity: FileIdentity

  /// Opens the environment in `directory`, which exists; creates its files (mode 0600) if they do not.
  public init(directory: String, options: Options = Options()) throws(LMDBError) {
    let identity = try FileIdentity(path: directory)
    guard openEnvironments.withLock({ $0.insert(identity).inserted }) else {
      throw LMDBError(
        reason: .alreadyOpen, code: EBUSY, operation: "open \(directory)",
        message: "this process has it open already")
    }
    do throws(LMDBError) {
      handle = try Self.open(directory, options)
    } catch {
      openEnvironments.withLock { _ = $0.remove(identity) }
      throw error
    }
    self.directory = directory
    self.identity = identity
  }

  deinit {
    mdb_env_close(handle)
    openEnvironments.withLock { _ = $0.remove(identity) }
  }

  private static func open(
    _ directory: String, _ options: Options
  ) throws(LMDBError) -> OpaquePointer {
    var created: OpaquePointer?
    try check(mdb_env_create(&created), "create an environment")
    guard let created else { preconditionFailure("mdb_env_create succeeded without a handle") }
    do throws(LMDBError) {
      try check(mdb_env_set_mapsize(created, options.mapBytes), "set the map size")
      try check(
        mdb_env_set_maxdbs(created, MDB_dbi(options.databasesMax)), "set the number of databases")
      try check(
        mdb_env_set_maxreaders(created, UInt32(options.readersMax)), "set the number of readers")
      // Without `MDB_NOMETASYNC` the meta page is written through to the disk by each commit, beside the flush of all
      // other pages.
      let flags =
        UInt32(MDB_NOTLS) | UInt32(options.isReadOnly ? MDB_RDONLY : MDB_NOMETASYNC)
      try check(mdb_env_open(created, directory, flags, 0o600), "open \(directory)")
      // What a process wrote and had not sealed when it was killed is read here, and so must not be lost any more.
      if !options.isReadOnly { try check(mdb_env_sync(created, 1), "flush \(directory)") }
      // Slots of readers that were killed keep old pages from being reused.
      var cleared: Int32 = 0
      try check(mdb_reader_check(created, &cleared), "clear stale readers")
    } catch {
      mdb_env_close(created)
      throw error
    }
    return created
  }

  /// Calls `body` with a view of the last committed state.
  ///
  /// Bytes that `body` sees are valid until it returns. It must be short: pages freed meanwhile
  /// cannot be reused.
  public func read<Result>(
    _ body: (borrowing ReadTransaction) throws -> Result
  ) throws -> Result {
    var begun: OpaquePointer?
    try check(mdb_txn_begin(handle, nil, UInt32(MDB_RDONLY), &begun), "begin a read transaction")
    guard let begun else { preconditionFailure("mdb_txn_begin succeeded without a handle") }
    let transaction = ReadTransaction(TransactionReference(begun))
    return try withExtendedLifetime(self) { try body(transaction) }
  }

  /// Calls `body` with the one write transaction, waiting for the thread that has it.
  ///
  /// `body` ends it with `commit()`; leaving without that aborts it. The calling thread must be the
  /// one that runs `body` to its end, which a synchronous closure grants.
  public func write<Result>(
    _ body: (consuming WriteTransaction) throws -> Result
  ) throws -> Result {
    var begun: OpaquePointer?
    try check(mdb_txn_begin(handle, nil, 0, &begun), "begin a write transaction")
    guard let begun else { preconditionFailure("mdb_txn_begin succeeded without a handle") }
    return try withExtendedLifetime(self) {
      try body(WriteTransaction(TransactionReference(begun)))
    }
  }

  /// Makes what was committed durable, the last transaction too.
  ///
  /// After an error the process must end, as after a failed commit.
  public func seal() throws(LMDBError) { try check(mdb_env_sync(handle, 1), "flush") }

  /// Frees the slots of readers whose process has died, and answers how many there were.
  @discardableResult
  public func clearStaleReaders() throws(LMDBError) -> Int {
    var cleared: Int32 = 0
    try check(mdb_reader_check(handle, &cleared), "clear stale readers")
    return Int(cleared)
  }

  /// Bytes from the start of the file to the end of the last page in use: cheap, never shrinks.
  public func highWaterBytes() throws(LMDBError) -> Int {
    var info = MDB_envinfo()
    var stat = MDB_stat()
    try check(mdb_env_info(handle, &info), "read the environment's information")
    try check(mdb_env_stat(handle, &stat), "read the environment's statistics")
    return (info.me_last_pgno + 1) * Int(stat.ms_psize)
  }

  /// Where the file ends, in bytes: not before the last page in use.
  public func fileBytes() throws(LMDBError) -> Int {
    var status = stat()
    guard fstat(try descriptor(), &status) == 0 else {
      throw LMDBError(code: errno, operation: "look at the file's end")
    }
    return Int(status.st_size)
  }

  /// Writes zeros behind the file's end, which pages to come are written over.
  ///
  /// A flush of pages that make the file longer waits for the file system's journal, one of pages that have their place
  /// does not. Call it from the thread that writes, and between two write transactions: nothing else may write
  /// to the file. What is behind the last page in use is nothing to LMDB.
  ///
  /// - Throws: what the file system says, after it took some of it or nothing; no page is harmed.
  public func extendFile(by bytes: Int) throws(LMDBError) {
    let descriptor = try descriptor()
    var end = try fileBytes()
    let goal = end + bytes
    let zeros = [UInt8](repeating: 0, count: 64 << 10)
    while end < goal {
      let written = pwrite(descriptor, zeros, min(zeros.count, goal - end), off_t(end))
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw LMDBError(code: errno, operation: "extend the file") }
      end += written
    }
  }

  private func descriptor() throws(LMDBError) -> Int32 {
    var descriptor: Int32 = -1
    try check(mdb_env_get_fd(handle, &descriptor), "find the file")
    return descriptor
  }

  /// Counts pages; walks the list of free pages, so it is for operators and for rare decisions.
  public func statistics() throws -> EnvironmentStatistics {
    var info = MDB_envinfo()
    var stat = MDB_stat()
    try check(mdb_env_info(handle, &info), "read the environment's information")
    try check(mdb_env_stat(handle, &stat), "read the environment's statistics")
    let free = try read { transaction in
      var pages = 0
      // A record of the free list is a page count, then the page numbers (`mdb.c`, `mdb_midl`).
      try transaction.forEach(in: .freeList) { _, pageNumbers in
        pages += pageNumbers.unsafeLoadUnaligned(as: Int.self)
        return true
      }
      return pages
    }
    return EnvironmentStatistics(
      pageBytes: Int(stat.ms_psize), pagesAllocated: info.me_last_pgno + 1, pagesFree: free,
      mapBytes: info.me_mapsize, readersMax: Int(info.me_maxreaders),
      readerSlotsUsed: Int(info.me_numreaders), lastTransactionID: UInt64(info.me_last_txnid))
  }

  /// The most bytes in a key.
  public var keyBytesMax: Int { Int(mdb_env_get_maxkeysize(handle)) }
}

/// How full an environment is.
public struct EnvironmentStatistics: Hashable, Sendable {
  /// Bytes in a page.
  public let pageBytes: Int
  /// Pages from the start of the file to the last one ever used.
  public let pagesAllocated: Int
  /// Those of them that later transactions may reuse.
  public let pagesFree: Int
  /// The most bytes that the file can grow to.
  public let mapBytes: Int
  /// The most read transactions at once.
  public let readersMax: Int
  /// The most reader slots that were ever taken at once.
  public let readerSlotsUsed: Int
  /// The number of the last committed transaction.
  public let lastTransactionID: UInt64

  /// Pages that hold something.
  public var pagesUsed: Int { pagesAllocated - pagesFree }
  /// Bytes in pages that hold something.
  public var bytesUsed: Int { pagesUsed * pageBytes }
}

/// Which directory, whatever path leads to it.
private struct FileIdentity: Hashable, Sendable {
  let device: dev_t
  let inode: ino_t

  init(path: String) throws(LMDBError) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw LMDBError(code: errno, operation: "open \(path)") }
    device = status.st_dev
    inode = status.st_ino
  }
}

/// The environments that this process has open.
private let openEnvironments = Mutex<Set<FileIdentity>>([])
