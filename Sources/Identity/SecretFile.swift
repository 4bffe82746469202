internal import Glibc

/// Small files, some of them secrets: written whole or not at all, and durable when `write` returns.
public enum SecretFile {
  /// Reads a private key that another program wrote, for the public's TLS.
  ///
  /// Its owner may be root, and this node's user one of the file's group, as Debian's `ssl-cert` has it: the group may read it (0640).
  /// Nobody else may do anything with it, and the group nothing else.
  ///
  /// - Parameter path: the file.
  /// - Returns: what is in it.
  /// - Throws: `IdentityError.missing`, `.exposed`, `.malformed`, `.io`.
  public static func readKey(_ path: String) throws(IdentityError) -> [UInt8] {
    try read(path, forbidding: 0o037)
  }

  /// More than any file of this room: larger ones are not ours.
  static let bytesMax = 4 << 20

  /// Reads the file; a secret is refused if anybody but the owner has any right to it.
  static func read(_ path: String, isSecret: Bool) throws(IdentityError) -> [UInt8] {
    try read(path, forbidding: isSecret ? 0o077 : 0)
  }

  /// Reads the file, unless it is there with one of these rights.
  private static func read(_ path: String, forbidding rights: mode_t) throws(IdentityError)
    -> [UInt8]
  {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { throw .missing(path: path) }
      throw .io(path: path, operation: "open", errno: errno)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .io(path: path, operation: "fstat", errno: errno)
    }
    let mode = status.st_mode & 0o777
    if mode & rights != 0 { throw .exposed(path: path, mode: mode) }
    guard status.st_size <= bytesMax else { throw .malformed(path: path, what: "a small file") }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var filled = 0
    while filled < bytes.count {
      let taken = bytes[filled...].withUnsafeMutableBytes {
        Glibc.read(descriptor, $0.baseAddress, $0.count)
      }
      if taken < 0, errno == EINTR { continue }
      guard taken >= 0 else { throw .io(path: path, operation: "read", errno: errno) }
      if taken == 0 { break }
      filled += taken
    }
    bytes.removeLast(bytes.count - filled)
    return bytes
  }

  /// Writes beside the file, flushes, renames over it, and flushes the directory.
  static func write(_ path: String, _ bytes: [UInt8], mode: mode_t) throws(IdentityError) {
    let temporary = path + ".new"
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw .io(path: temporary, operation: "open", errno: errno) }
    do {
      defer { close(descriptor) }
      guard fchmod(descriptor, mode) == 0 else {
        throw IdentityError.io(path: temporary, operation: "fchmod", errno: errno)
      }
      var written = 0
      while written < bytes.count {
        let size = bytes[written...].withUnsafeBytes {
          Glibc.write(descriptor, $0.baseAddress, $0.count)
        }
        if size < 0, errno == EINTR { continue }
        guard size >= 0 else {
          throw IdentityError.io(path: temporary, operation: "write", errno: errno)
        }
        written += size
      }
      guard fsync(descriptor) == 0 else {
        throw IdentityError.io(path: temporary, operation: "fsync", errno: errno)
      }
      guard rename(temporary, path) == 0 else {
        throw IdentityError.io(path: path, operation: "rename", errno: errno)
      }
    } catch {
      unlink(temporary)
      throw error as? IdentityError ?? .io(path: path, operation: "write", errno: EIO)
    }
    try syncDirectory(of: path)
  }

  private static func syncDirectory(of path: String) throws(IdentityError) {
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    let descriptor = open(directory.isEmpty ? "/" : directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .io(path: directory, operation: "open", errno: errno) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw .io(path: directory, operation: "fsync", errno: errno)
    }
  }

  /// Makes the directory, for the owner only, unless it is there.
  static func makeDirectory(_ path: String) throws(IdentityError) {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw .io(path: path, operation: "mkdir", errno: errno)
    }
  }
}
