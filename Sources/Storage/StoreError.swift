public import ExchangeTypes
internal import Glibc
public import LMDB

/// Why a replica's store cannot be opened, read or written: what is wrong, and what would be right.
public enum StoreError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is no such directory.
  case directoryMissing(path: String)
  /// The path leads to something else.
  case notADirectory(path: String)
  /// The operating system refused `operation` on `path`.
  case permissionDenied(operation: String, path: String)
  /// Another process, or another store of this one, has the directory open.
  case locked(path: String, process: Int32?)
  /// The directory holds no replica yet.
  case notBootstrapped(path: String)
  /// The directory is empty, and the mark beside it says that it has held this replica.
  case diskLost(path: String, replica: ReplicaID, mark: String)
  /// The replica's state was not the majority's: the mark beside the directory says so.
  case diverged(path: String, replica: ReplicaID, mark: String)
  /// The directory holds a replica of another cluster.
  case foreignCluster(expected: ClusterID, found: ClusterID)
  /// The directory holds another replica of this cluster.
  case foreignReplica(expected: ReplicaID, found: ReplicaID)
  /// A later version of the software wrote the directory.
  case newerFormat(found: UInt32, supported: UInt32)
  /// What the store says about itself cannot be read or contradicts itself.
  case corruptMeta(String)
  /// The file's pages contradict each other.
  case corruptFile(String)
  /// An entry's bytes are not those that were written.
  case corruptEntry(index: LogIndex)
  /// The log lacks an entry between its first and its last.
  case missingEntry(index: LogIndex)
  /// A row's bytes are not those that were written.
  case corruptRow(table: UInt8, key: [UInt8])
  /// The reserved address space is used up.
  case mapFull(mapBytes: Int)
  /// The file system has no room left.
  case diskFull
  /// An earlier write failed, so nothing is known about the disk.
  case stopped(after: String)
  /// The store was closed.
  case closed
  /// Another failure of LMDB.
  case database(LMDBError)
  /// Another failure of the operating system.
  case system(operation: String, path: String, message: String)

  /// A failure of LMDB that has no name of its own here.
  ///
  /// LMDB calls a write that took a part of its bytes an input or output error; where the file system has no room,
  /// that is what it lacked.
  ///
  /// - Parameters:
  ///   - error: what LMDB said.
  ///   - roomBytes: what the file system has left, in bytes, where it says.
  public init(_ error: LMDBError, roomBytes: Int?) {
    let lacksRoom = error.code == EIO && (roomBytes ?? .max) < 1 << 20
    self = error.code == ENOSPC || lacksRoom ? .diskFull : .database(error)
  }

  /// One sentence that says what is wrong, and one that says what to do.
  public var description: String {
    switch self {
    case .directoryMissing(let path):
      "\(path) does not exist. Bootstrap the replica first, or correct the data directory."
    case .notADirectory(let path):
      "\(path) is not a directory. Point the data directory at one."
    case .permissionDenied(let operation, let path):
      "This user may not \(operation) \(path). Give the directory to the user that runs the node."
    case .locked(let path, let process):
      "\(path) is in use by \(process.map { "process \($0)" } ?? "another process"). "
        + "Stop it first; two processes must never share a data directory."
    case .notBootstrapped(let path):
      "\(path) holds no replica. Bootstrap it first, or correct the data directory."
    case .diskLost(let path, let replica, let mark):
      "\(path) holds no data, but \(mark) says that it was the disk of replica \(replica). Correct the data "
        + "directory or put the data back; a replica that lost its disk needs a new id."
    case .diverged(let path, let replica, let mark):
      "\(path) holds a state of replica \(replica) that was not the majority's, as \(mark) says. \(rejoin)"
    case .foreignCluster(let expected, let found):
      "The data belongs to cluster \(found), not \(expected). Correct the data directory or the "
        + "cluster id."
    case .foreignReplica(let expected, let found):
      "The data belongs to replica \(found), not \(expected). Correct the data directory or the "
        + "replica id; a replica that lost its disk needs a new id."
    case .newerFormat(let found, let supported):
      "The data has format \(found), this version reads up to \(supported). Run the newer version."
    case .corruptMeta(let detail):
      "The store's description of itself is damaged: \(detail). \(rejoin)"
    case .corruptFile(let detail):
      "The data file is damaged: \(detail). \(rejoin)"
    case .corruptEntry(let index):
      "Log entry \(index) is damaged. \(rejoin)"
    case .missingEntry(let index):
      "Log entry \(index) is missing. \(rejoin)"
    case .corruptRow(let table, let key):
      "Row \(hexadecimal(key)) of table \(table) is damaged. \(rejoin)"
    case .mapFull(let mapBytes):
      "All \(mapBytes) bytes that the store was given are used. Give it more (yard coordinator --disk-budget) and restart."
    case .diskFull:
      "The file system has no room left. Free some or grow it, and start again: nothing that was acknowledged is lost."
    case .stopped(let cause):
      "An earlier write failed (\(cause)), so nothing is known about the disk. Restart the node."
    case .closed:
      "The store is closed."
    case .database(let error):
      "The database failed: \(error)."
    case .system(let operation, let path, let message):
      "Cannot \(operation) \(path): \(message)."
    }
  }
}

/// Never "truncate and go on": this replica acknowledged what is damaged.
private let rejoin =
  "Keep the directory for inspection and let the node rejoin under a new replica id (yard cluster --help says how)."
