// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

/// Opens a connection: who the initiator is and what it speaks.
public struct Hello: WireMessage {
  /// Hello is number 1.
  public static let kind = MessageKind.hello

  /// Oldest protocol version it speaks.
  public let versionMin: UInt16
  /// Newest protocol version it speaks.
  public let versionMax: UInt16
  /// What it is.
  public let role: NodeRole
  /// The cluster it means; all zero if it does not know yet.
  public let clusterID: ClusterID
  /// Replica id of a coordinator; 0 for others.
  public let node: UInt64
  /// A name for logs.
  public let name: String
  /// Drawn anew at each start of the process: tells a restart from a reconnect.
  public let incarnation: UInt64
  /// Optional abilities, in ascending order.
  public let features: [String]
  /// Program and version, for logs.
  public let software: String

  /// Joins the fields.
  public init(
    versionMin: UInt16, versionMax: UInt16, role: NodeRole, clusterID: ClusterID, node: UInt64,
    name: String, incarnation: UInt64, features: [String], software: String
  ) {
    self.versionMin = versionMin
    self.versionMax = versionMax
    self.role = role
    self.clusterID = clusterID
    self.node = node
    self.name = name
    self.incarnation = incarnation
    self.features = features
    self.software = software
  }
}

/// Accepts a connection.
public struct Welcome: WireMessage {
  /// Welcome is number 2.
  public static let kind = MessageKind.welcome

  /// The version that both speak from here on.
  public let version: UInt16
  /// What the responder is.
  public let role: NodeRole
  /// Its cluster; all zero before bootstrap.
  public let clusterID: ClusterID
  /// Replica id of a coordinator; 0 for others.
  public let node: UInt64
  /// A name for logs.
  public let name: String
  /// Drawn anew at each start of the process.
  public let incarnation: UInt64
  /// The offered features that it has too, in ascending order.
  public let features: [String]
  /// Program and version, for logs.
  public let software: String

  /// Joins the fields.
  public init(
    version: UInt16, role: NodeRole, clusterID: ClusterID, node: UInt64, name: String,
    incarnation: UInt64, features: [String], software: String
  ) {
    self.version = version
    self.role = role
    self.clusterID = clusterID
    self.node = node
    self.name = name
    self.incarnation = incarnation
    self.features = features
    self.software = software
  }
}

/// A typed refusal or the failed end of a stream; the last frame of its sender on the stream.
public struct Failure: WireMessage {
  /// Failure is number 3.
  public static let kind = MessageKind.failure

  /// An error code of this registry; readers show unknown ones as they are.
  public let code: UInt16
  /// What happened and what would be right, for people.
  public let message: String
  /// The facts, for programs.
  public let details: [ErrorDetail]
  /// Milliseconds after which a retry may succeed.
  public let retryAfterMs: UInt32?
  /// The job concerned; 0 if none.
  public let job: JobID
  /// What was charged for it, in nano-credits; absent if not yet known.
  public let charge: Credits?

  /// Joins the fields.
  public init(
    code: UInt16, message: String, details: [ErrorDetail], retryAfterMs: UInt32?, job: JobID,
    charge: Credits?
  ) {
    self.code = code
    self.message = message
    self.details = details
    self.retryAfterMs = retryAfterMs
    self.job = job
    self.charge = charge
  }
}

/// Asks for a Pong: is the other side's loop alive.
public struct Ping: WireMessage {
  /// Ping is number 4.
  public static let kind = MessageKind.ping

  /// Returned in the Pong.
  public let nonce: UInt64

  /// Joins the fields.
  public init(nonce: UInt64) {
    self.nonce = nonce
  }
}

/// Answers a Ping.
public struct Pong: WireMessage {
  /// Pong is number 5.
  public static let kind = MessageKind.pong

  /// The Ping's.
  public let nonce: UInt64

  /// Joins the fields.
  public init(nonce: UInt64) {
    self.nonce = nonce
  }
}

/// Says that the connection closes once its streams have ended; no new stream is opened on it.
public struct Goodbye: WireMessage {
  /// Goodbye is number 6.
  public static let kind = MessageKind.goodbye

  /// Why, for logs.
  public let reason: String

  /// Joins the fields.
  public init(reason: String) {
    self.reason = reason
  }
}

/// Tells who leads; sent after Welcome and at every change.
public struct LeaderNotice: WireMessage {
  /// LeaderNotice is number 7.
  public static let kind = MessageKind.leaderNotice

  /// The term.
  public let term: Term
  /// Its leader; 0 while unknown.
  public let leader: ReplicaID
  /// The leader's `host:port`; empty while unknown.
  public let address: String

  /// Joins the fields.
  public init(term: Term, leader: ReplicaID, address: String) {
    self.term = term
    self.leader = leader
    self.address = address
  }
}

/// Tells which coordinators' certificates are revoked; sent after Welcome and at every change,
/// where `revocation-notices` is agreed on.
public struct RevocationNotice: WireMessage {
  /// RevocationNotice is number 141.
  public static let kind = MessageKind.revocationNotice

  /// Their ids, as far as the sender has applied the log, in ascending order.
  public let coordinators: [ReplicaID]
  /// Where the other coordinators are, as far as they fit: who knows the sender alone listens to
  /// them too.
  ///
  /// Absent from an older coordinator.
  public let others: [CoordinatorAddress]?

  /// Joins the fields.
  public init(coordinators: [ReplicaID], others: [CoordinatorAddress]?) {
    self.coordinators = coordinators
    self.others = others
  }
}
