internal import CLMDB

/// A failed call of LMDB.
public struct LMDBError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What went wrong, by name where callers act on it (`lmdb.h`, "Return Codes").
  public enum Reason: Hashable, Sendable {
    /// The map's reserved size is used up; the environment stays usable.
    case mapFull
    /// The key or database does not exist.
    case notFound
    /// The key exists, or an appended key does not sort after the last one.
    case keyExists
    /// A page is not what the pages above it say.
    case corrupted
    /// The file is not one of LMDB's.
    case invalid
    /// The file was written by another format version of LMDB.
    case versionMismatch
    /// All reader slots are taken.
    case readersFull
    /// An earlier failure left the environment or transaction unusable.
    case unusable
    /// This process has the environment open already; LMDB would lose its locks.
    case alreadyOpen
    /// Every other code; a positive one is an `errno`.
    case other
  }

  /// What went wrong.
  public let reason: Reason
  /// LMDB's code, or an `errno` if positive.
  public let code: Int32
  /// Which call failed, and on what.
  public let operation: String
  /// What LMDB or the C library says about the code, or what was found in the file.
  public let message: String

  /// Joins the parts.
  public init(reason: Reason, code: Int32, operation: String, message: String) {
    self.reason = reason
    self.code = code
    self.operation = operation
    self.message = message
  }

  /// The failure of `operation` with `code`.
  init(code: Int32, operation: String) {
    let text = mdb_strerror(code).map { String(cString: $0) } ?? "unknown error"
    self.init(reason: Reason(code: code), code: code, operation: operation, message: text)
  }

  /// `operation: message (code)`.
  public var description: String { "\(operation): \(message) (\(code))" }
}

extension LMDBError.Reason {
  fileprivate init(code: Int32) {
    switch code {
    case MDB_MAP_FULL: self = .mapFull
    case MDB_NOTFOUND: self = .notFound
    case MDB_KEYEXIST: self = .keyExists
    case MDB_CORRUPTED, MDB_PAGE_NOTFOUND: self = .corrupted
    case MDB_INVALID: self = .invalid
    case MDB_VERSION_MISMATCH: self = .versionMismatch
    case MDB_READERS_FULL: self = .readersFull
    case MDB_PANIC, MDB_BAD_TXN: self = .unusable
    default: self = .other
    }
  }
}

/// Throws unless `code` is success.
@inline(__always)
func check(_ code: Int32, _ operation: @autoclosure () -> String) throws(LMDBError) {
  if code != MDB_SUCCESS { throw LMDBError(code: code, operation: operation()) }
}
