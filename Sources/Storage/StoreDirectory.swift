internal import Glibc

/// A node's data directory, locked for this process from `init` to the end of its life.
///
/// The lock is `flock` on the file `LOCK`, which holds the owner's process id for operators: the
/// kernel drops it when the process dies, however it dies. LMDB's own lock file guards transactions
/// between processes, but lets two of them open the same store.
final class StoreDirectory: Sendable {
  let path: String
  private let lock: Int32

  /// Where LMDB keeps its rows.
  var dataFile: String { Self.dataFile(in: path) }
  private static func dataFile(in path: String) -> String { path + "/data.mdb" }

  /// Locks the directory at `path`, which must exist.
  init(path: String) throws(StoreError) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      if errno == ENOENT { throw .directoryMissing(path: path) }
      throw StoreError(errno: errno, "open", path)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw .notADirectory(path: path) }
    guard access(path, R_OK | W_OK | X_OK) == 0 else { throw StoreError(errno: errno, "use", path) }

    let file = path + "/LOCK"
    let descriptor = Glibc.open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw StoreError(errno: errno, "open", file) }
    do throws(StoreError) {
      try Self.acquire(descriptor, path: path, file: file)
    } catch {
      close(descriptor)
      throw error
    }
    self.path = path
    lock = descriptor
  }

  deinit { close(lock) }

  /// Creates the directory (mode 0700) if it does not exist; its parent must.
  static func create(path: String) throws(StoreError) {
    if mkdir(path, 0o700) != 0 {
      if errno == EEXIST { return }
      throw StoreError(errno: errno, "create", path)
    }
    try synchronize(path: path + "/..")
  }

  /// Makes the directory's own entries durable: a file's `fsync` does not cover its name.
  func synchronize() throws(StoreError) { try Self.synchronize(path: path) }

  /// Makes the entries of the directory at `path` durable.
  static func synchronize(path: String) throws(StoreError) {
    let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StoreError(errno: errno, "open", path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw StoreError(errno: errno, "flush", path) }
  }

  /// Bytes that the file system of `path` has left for this process; nil if it does not say.
  static func roomBytes(path: String) -> Int? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }

  private static func acquire(
    _ descriptor: Int32, path: String, file: String
  ) throws(StoreError) {
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      if errno == EINTR { continue }
      guard errno == EWOULDBLOCK else { throw StoreError(errno: errno, "lock", file) }
      throw .locked(path: path, process: owner(descriptor))
    }
    let owner = Array("\(getpid())\n".utf8)
    guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, owner, owner.count, 0) == owner.count
    else { throw StoreError(errno: errno, "write", file) }
  }

  /// The process id in the lock file; nil while its owner is between locking and writing.
  private static func owner(_ descriptor: Int32) -> Int32? {
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return nil }
    let digits = bytes.prefix(count).prefix { $0 != UInt8(ascii: "\n") }
    return Int32(String(decoding: digits, as: UTF8.self))
  }

  /// Whether LMDB's file exists and is not empty.
  func holdsData() throws(StoreError) -> Bool { try Self.holdsData(path: path) }

  /// The same of the directory at `path`, which need not exist.
  static func holdsData(path: String) throws(StoreError) -> Bool {
    let file = dataFile(in: path)
    var status = stat()
    guard stat(file, &status) == 0 else {
      if errno == ENOENT { return false }
      throw StoreError(errno: errno, "open", file)
    }
    return status.st_size > 0
  }
}

extension StoreError {
  /// The failure of `operation` on `path` with `errno`.
  init(errno code: Int32, _ operation: String, _ path: String) {
    switch code {
    case EACCES, EPERM, EROFS:
      self = .permissionDenied(operation: operation, path: path)
    case ENOTDIR:
      self = .notADirectory(path: path)
    case ENOSPC, EDQUOT:
      self = .diskFull
    default:
      self = .system(operation: operation, path: path, message: String(cString: strerror(code)))
    }
  }
}
