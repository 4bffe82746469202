internal import Consensus
public import ExchangeTypes
internal import RaftEngine

/// What a backup is of: its last words, checked by a hash of their own.
///
/// ```
/// file     head ‖ chunks ‖ 0 (4) ‖ manifest ‖ SHA-256(manifest) ‖ length of manifest (4) ‖ tail
/// chunk    length (4) ‖ bytes, as `SnapshotBuilder` cuts them
/// ```
///
/// Everything is big-endian. A file that was cut short lacks its tail.
public struct BackupManifest: Hashable, Sendable {
  /// Whose state it is.
  public let cluster: ClusterID
  /// The coordinator whose disk it was read from.
  public let replica: ReplicaID
  /// When it was made, in seconds since 1970 by the clock of the machine that made it.
  public let madeAt: UInt64
  let snapshot: SnapshotManifest
  /// The members at the snapshot's index.
  let membership: Membership

  /// The log entry after which the state was taken.
  public var index: LogIndex { snapshot.index }
  /// The digest of that state.
  public var digest: StateDigest { snapshot.mark.digest }
  /// How many bytes of rows there are.
  public var byteCount: UInt64 { snapshot.byteCount }
  /// The highest id that any coordinator ever had: a new one's is above it.
  public var highestReplica: ReplicaID { membership.servers.map(\.id).max() ?? replica }

  static let head = Array("switchyard backup 1\n".utf8)
  static let tail = Array("end of backup\n".utf8)
  /// The most bytes of a manifest: the most members that there can be, and a little.
  static let bytesMax = 65_536

  init(
    cluster: ClusterID, replica: ReplicaID, madeAt: UInt64, snapshot: SnapshotManifest,
    membership: Membership
  ) {
    self.cluster = cluster
    self.replica = replica
    self.madeAt = madeAt
    self.snapshot = snapshot
    self.membership = membership
  }

  var encoded: [UInt8] {
    var writer = CanonicalWriter()
    writer.write(cluster.rawValue)
    writer.write(replica.rawValue)
    writer.write(madeAt)
    writer.write(snapshot.encoded)
    writer.write(membership.encoded)
    return writer.bytes
  }

  init?(encoded bytes: [UInt8]) {
    var reader = CanonicalReader(bytes)
    do {
      cluster = ClusterID(try reader.read(UInt128.self))
      replica = ReplicaID(try reader.read(UInt64.self))
      madeAt = try reader.read()
      guard
        let snapshot = SnapshotManifest(encoded: try reader.readBytes(limit: Self.bytesMax)),
        let membership = Membership(encoded: try reader.readBytes(limit: Self.bytesMax))
      else { return nil }
      self.snapshot = snapshot
      self.membership = membership
      try reader.finish()
    } catch {
      return nil
    }
  }
}

/// Why a backup cannot be made, read or restored: what is wrong, and what would be right.
public enum BackupError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file is there already.
  case exists(path: String)
  /// The file is something else.
  case notABackup(path: String)
  /// The file begins as a backup and does not end as one.
  case cutShort(path: String)
  /// What it says of itself is not what it holds.
  case damaged(path: String, what: String)
  /// The store has applied nothing yet.
  case nothingToBackUp(path: String)
  /// The directory that a backup would be restored to holds a coordinator's state already.
  case occupied(path: String)
  /// The new coordinator's id was given before, or its address is not one.
  case unsuitable(replica: ReplicaID, highest: ReplicaID)
  /// The operating system refused.
  case system(operation: String, path: String, message: String)

  /// One sentence that says what is wrong, and one that says what to do.
  public var description: String {
    switch self {
    case .exists(let path):
      "\(path) is there already. Name another file: a backup never replaces one."
    case .notABackup(let path):
      "\(path) is not a backup of this version. Name a file that yard backup made."
    case .cutShort(let path):
      "\(path) is cut short. Take another backup, or copy this one again, whole."
    case .damaged(let path, let what):
      "\(path) is damaged: \(what). Take another backup."
    case .nothingToBackUp(let path):
      "\(path) holds no state yet. Bootstrap the cluster first, or name a coordinator that has joined."
    case .occupied(let path):
      "\(path) holds a coordinator's state already. Restore to the directory of a new coordinator, under a new id."
    case .unsuitable(let replica, let highest):
      "coordinator \(replica) cannot begin with this backup. Ids only rise: give one above \(highest), and an "
        + "address of the form host:port."
    case .system(let operation, let path, let message):
      "cannot \(operation) \(path): \(message). Correct that, and repeat."
    }
  }
}
