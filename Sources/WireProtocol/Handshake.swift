public import ExchangeTypes

/// What a node says of itself on the control stream.
public struct LocalNode: Sendable, Hashable {
  /// The protocol versions that this software speaks.
  public static let versions: ClosedRange<UInt16> = 1...1
  /// The feature of coordinators that understand `StateStatement` (handshake.md).
  public static let stateStatements = "state-statements"
  /// The feature of nodes that understand `RevocationNotice` (handshake.md).
  public static let revocationNotices = "revocation-notices"
  /// The feature of workers and coordinators that understand `HostReport` (messages.md).
  public static let hostReports = "host-reports"
  /// The feature of workers and coordinators that know the endpoint of embeddings (messages.md, Endpoint).
  public static let embeddings = "embeddings"
  /// The cluster id of a node that does not know its cluster yet: it matches any.
  public static let clusterUnknown = ClusterID(rawValue: 0)

  /// The versions to offer or accept.
  public var versions: ClosedRange<UInt16>
  /// What the node is.
  public var role: NodeRole
  /// Its cluster, or `clusterUnknown`.
  public var clusterID: ClusterID
  /// Replica id of a coordinator; 0 for others.
  public var node: UInt64
  /// A name for logs, at most 128 bytes.
  public var name: String
  /// Drawn anew at each start of the process.
  public var incarnation: UInt64
  /// Optional abilities, at most 32 of 64 bytes.
  public var features: [String]
  /// Program and version, at most 64 bytes.
  public var software: String

  /// Joins the parts.
  public init(
    role: NodeRole, clusterID: ClusterID, node: UInt64 = 0, name: String, incarnation: UInt64,
    features: [String] = [], software: String, versions: ClosedRange<UInt16> = Self.versions
  ) {
    self.versions = versions
    self.role = role
    self.clusterID = clusterID
    self.node = node
    self.name = name
    self.incarnation = incarnation
    self.features = features
    self.software = software
  }

  /// Whether a node that says `other` may be of this node's cluster.
  func mayShareCluster(with other: ClusterID) -> Bool {
    clusterID == other || clusterID == Self.clusterUnknown || other == Self.clusterUnknown
  }
}

/// What both sides of a connection agreed on, and who the other side is.
public struct RemoteNode: Sendable, Hashable {
  /// The version that both speak.
  public let version: UInt16
  /// What the other side is; its certificate was checked by the transport.
  public let role: NodeRole
  /// Its cluster; `LocalNode.clusterUnknown` if it does not know yet.
  public let clusterID: ClusterID
  /// Its replica id if it is a coordinator; else 0.
  public let node: UInt64
  /// Its name, for logs.
  public let name: String
  /// Tells a restart of its process from a reconnect.
  public let incarnation: UInt64
  /// The features that both have, in ascending order.
  public let features: [String]
  /// Its program and version, for logs.
  public let software: String
}

/// Where a handshake is, and what its owner does next.
///
/// *waiting* → *established* | *refused*; the last two are final.
public enum HandshakeState: Sendable, Hashable {
  /// The other side's Hello or Welcome has not arrived.
  case waiting
  /// The connection may be used.
  case established(RemoteNode)
  /// The connection closes: with this failure sent, or received.
  case refused(Failure)
}

/// The side that opened the connection: sends `hello`, then waits for Welcome or Failure.
public struct InitiatorHandshake: Sendable {
  /// Where it is.
  public private(set) var state = HandshakeState.waiting
  private let local: LocalNode

  /// Opens a connection as `local`, to a coordinator.
  public init(local: LocalNode) { self.local = local }

  /// The first frame of the connection.
  public var hello: Hello {
    Hello(
      versionMin: local.versions.lowerBound, versionMax: local.versions.upperBound,
      role: local.role, clusterID: local.clusterID, node: local.node, name: local.name,
      incarnation: local.incarnation, features: ascending(local.features),
      software: local.software)
  }

  /// Takes the first message of the other side.
  ///
  /// Checks, in this order: the kind, the version, the role, the cluster, the features. Answers the
  /// failure to send before closing, or nil if there is nothing to send.
  ///
  /// - Precondition: the handshake is waiting.
  public mutating func receive(_ message: Message) -> Failure? {
    precondition(state == .waiting)
    switch message {
    case .failure(let failure):
      state = .refused(failure)
      return nil
    case .welcome(let welcome):
      if let failure = refusal(of: welcome) {
        state = .refused(failure)
        return failure
      }
      state = .established(RemoteNode(welcome))
      return nil
    default:
      let failure = Failure(.frameMalformed, "the first answer must be Welcome or Failure")
      state = .refused(failure)
      return failure
    }
  }

  private func refusal(of welcome: Welcome) -> Failure? {
    guard local.versions.contains(welcome.version) else {
      return Failure(versions: local.versions, theirs: welcome.version...welcome.version)
    }
    guard welcome.role == .coordinator else {
      return Failure(role: welcome.role, accepted: [.coordinator])
    }
    guard local.mayShareCluster(with: welcome.clusterID) else {
      return Failure(cluster: local.clusterID, theirs: welcome.clusterID)
    }
    guard welcome.features.allSatisfy(local.features.contains) else {
      return Failure(.frameMalformed, "Welcome names a feature that Hello did not offer")
    }
    return nil
  }
}

/// The side that accepted the connection: waits for Hello, answers Welcome or Failure.
public struct ResponderHandshake: Sendable {
  /// Where it is.
  public private(set) var state = HandshakeState.waiting
  private let local: LocalNode
  private let accepted: [NodeRole]

  /// Accepts, as `local`, a node in one of the roles that its certificate and the listener allow.
  public init(local: LocalNode, accepting accepted: [NodeRole]) {
    self.local = local
    self.accepted = accepted
  }

  /// What to send back; after a failure the connection closes.
  public enum Answer: Sendable, Hashable {
    /// The connection is established.
    case welcome(Welcome)
    /// It is refused.
    case failure(Failure)
  }

  /// Takes the first message of the other side.
  ///
  /// Checks, in this order: the kind, the versions, the role, the cluster.
  ///
  /// - Precondition: the handshake is waiting.
  public mutating func receive(_ message: Message) -> Answer {
    precondition(state == .waiting)
    guard case .hello(let hello) = message else {
      return refuse(Failure(.frameMalformed, "the first frame must be Hello"))
    }
    guard let version = commonVersion(with: hello) else {
      let low = min(hello.versionMin, hello.versionMax)
      return refuse(Failure(versions: local.versions, theirs: low...hello.versionMax))
    }
    guard accepted.contains(hello.role) else {
      return refuse(Failure(role: hello.role, accepted: accepted))
    }
    guard local.mayShareCluster(with: hello.clusterID) else {
      return refuse(Failure(cluster: local.clusterID, theirs: hello.clusterID))
    }
    let welcome = Welcome(
      version: version, role: local.role, clusterID: local.clusterID, node: local.node,
      name: local.name, incarnation: local.incarnation,
      features: ascending(local.features.filter(hello.features.contains)),
      software: local.software)
    state = .established(RemoteNode(hello, version: version, features: welcome.features))
    return .welcome(welcome)
  }

  private mutating func refuse(_ failure: Failure) -> Answer {
    state = .refused(failure)
    return .failure(failure)
  }

  /// The newest version that both speak; nil if there is none or the offer is empty.
  private func commonVersion(with hello: Hello) -> UInt16? {
    let newest = min(hello.versionMax, local.versions.upperBound)
    return newest >= max(hello.versionMin, local.versions.lowerBound) ? newest : nil
  }
}

/// Each name once, in ascending order of its UTF-8 bytes: the order does not depend on the side.
private func ascending(_ features: [String]) -> [String] {
  var result: [String] = []
  for feature in features.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) })
  where result.last != feature {
    result.append(feature)
  }
  return result
}

extension RemoteNode {
  fileprivate init(_ welcome: Welcome) {
    self.init(
      version: welcome.version, role: welcome.role, clusterID: welcome.clusterID,
      node: welcome.node, name: welcome.name, incarnation: welcome.incarnation,
      features: ascending(welcome.features), software: welcome.software)
  }

  fileprivate init(_ hello: Hello, version: UInt16, features: [String]) {
    self.init(
      version: version, role: hello.role, clusterID: hello.clusterID, node: hello.node,
      name: hello.name, incarnation: hello.incarnation, features: features,
      software: hello.software)
  }
}

extension Failure {
  fileprivate init(versions: ClosedRange<UInt16>, theirs: ClosedRange<UInt16>) {
    self.init(
      refusing: .versionMismatch,
      "this side speaks versions \(versions.spelled), the other \(theirs.spelled)",
      details: [
        ErrorDetail(name: "versions_here", value: versions.spelled),
        ErrorDetail(name: "versions_there", value: theirs.spelled),
      ])
  }

  fileprivate init(role: NodeRole, accepted: [NodeRole]) {
    let roles = accepted.map { "\($0)" }.joined(separator: ", ")
    self.init(
      refusing: .wrongRole, "a \(role) may not stand here; accepted: \(roles)",
      details: [ErrorDetail(name: "role", value: "\(role)")])
  }

  fileprivate init(cluster: ClusterID, theirs: ClusterID) {
    self.init(
      refusing: .wrongCluster, "this side belongs to cluster \(cluster), the other to \(theirs)",
      details: [
        ErrorDetail(name: "cluster_here", value: "\(cluster)"),
        ErrorDetail(name: "cluster_there", value: "\(theirs)"),
      ])
  }
}

extension ClosedRange<UInt16> {
  fileprivate var spelled: String { "\(lowerBound) to \(upperBound)" }
}
