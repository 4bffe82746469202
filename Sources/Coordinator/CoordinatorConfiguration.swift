internal import Consensus
public import ExchangeTypes
public import Identity

/// Everything that a coordinator is told at its start.
public struct CoordinatorConfiguration: Sendable {
  /// How peers, workers and clients reach it and know it.
  public enum Security: Sendable {
    /// TLS 1.3 with the certificates of this identity.
    case identity(NodeIdentity)
    /// No TLS: on loopback addresses only.
    case plaintextOnLoopback
  }

  /// Its id in the consensus group.
  public var replica: ReplicaID
  /// Where it listens.
  public var host: String
  /// The port, or 0 for any that is free.
  public var port: Int
  /// Where coordinators listen, its own address included.
  ///
  /// Those of the founders, or of those that it joins; other members' addresses are learned from the log.
  public var members: [ReplicaID: String]
  /// Who founds the cluster: while the disk is empty, `members` must be exactly these, unless it joins.
  public var founders: Set<ReplicaID>
  /// Whether it waits to be added to a cluster that exists, instead of founding one, if its disk is empty.
  public var joins = false
  /// Where its data is.
  public var directory: String
  /// The cluster that it belongs to.
  public var clusterID: ClusterID
  /// SHA-256 of the root key's secret: opens the books of a new cluster.
  public var rootSecretHash: [UInt8]
  /// The keys that job keys are wrapped under, as they are in `keyringPath`.
  public var keyring: Keyring
  /// The file that the keyring is kept in.
  public var keyringPath: String
  /// How connections are secured.
  public var security: Security
  /// What certificates of nodes that join are signed with; nil where its key is not held.
  public var issuer: CertificateAuthority?
  /// Program and version, for handshakes and status.
  public var software: String
  /// The newest state version that it applies, as a program of an earlier release would; nil for this program's own.
  public var stateVersionMax: UInt32?
  /// How much of the disk its data may take, in bytes, where the volume has as much.
  public var diskBudgetBytes = 64 << 30
  /// What may change while it runs.
  public var live = Live()

  /// The settings that take effect at once when they change (`CoordinatorNode.apply`).
  public struct Live: Hashable, Sendable {
    /// How long a wrapping key is the current one, in milliseconds; the leader's counts.
    public var keyInterval: UInt64 = 3_600_000
    /// How long certificates of nodes that join or renew are valid, in seconds: 30 days, if nobody says.
    public var certificateLifetimeSeconds: Double = 30 * 86_400
    /// Mebibytes of the log that stay behind the applied mark, so that a coordinator which was away for a
    /// moment needs no snapshot; four times as many for one that answers and is behind.
    public var keptLogMebibytes = 32

    /// The defaults.
    public init() {}

    var retention: LogRetention {
      var retention = LogRetention()
      retention.trailingBytes = keptLogMebibytes << 20
      retention.followersBytes = keptLogMebibytes << 22
      return retention
    }
  }

  /// Joins the parts.
  public init(
    replica: ReplicaID, host: String, port: Int, members: [ReplicaID: String],
    founders: Set<ReplicaID>, directory: String, clusterID: ClusterID, rootSecretHash: [UInt8],
    keyring: Keyring, keyringPath: String, security: Security, software: String
  ) {
    self.replica = replica
    self.host = host
    self.port = port
    self.members = members
    self.founders = founders
    self.directory = directory
    self.clusterID = clusterID
    self.rootSecretHash = rootSecretHash
    self.keyring = keyring
    self.keyringPath = keyringPath
    self.security = security
    self.software = software
  }
}
