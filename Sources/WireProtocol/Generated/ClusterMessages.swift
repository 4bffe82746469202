// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

/// Asks the leader who the coordinators are; needs scope admin.
public struct ClusterQuery: WireMessage {
  /// ClusterQuery is number 113.
  public static let kind = MessageKind.clusterQuery

  /// Joins the fields.
  public init() {}
}

/// Answers a ClusterQuery and a ClusterChange.
public struct ClusterReport: WireMessage {
  /// ClusterReport is number 114.
  public static let kind = MessageKind.clusterReport

  /// The leader's term.
  public let term: Term
  /// The leader, who answers.
  public let leader: ReplicaID
  /// The last entry of its log.
  public let lastIndex: LogIndex
  /// The version of apply's behaviour.
  public let stateVersion: UInt32
  /// Whether a change is under way, or a member catches up.
  public let underWay: Bool
  /// The members, in the order of the group's configuration.
  public let members: [MemberSummary]
  /// Members that answer and deny what they had confirmed: they have lost their disk, and with it
  /// their votes.
  public let lost: [ReplicaID]?

  /// Joins the fields.
  public init(
    term: Term, leader: ReplicaID, lastIndex: LogIndex, stateVersion: UInt32, underWay: Bool,
    members: [MemberSummary], lost: [ReplicaID]?
  ) {
    self.term = term
    self.leader = leader
    self.lastIndex = lastIndex
    self.stateVersion = stateVersion
    self.underWay = underWay
    self.members = members
    self.lost = lost
  }
}

/// Asks for one change of the coordinators; answered when it is committed.
///
/// May be repeated: what is so already is answered alike. Needs scope admin.
public struct ClusterChange: WireMessage {
  /// ClusterChange is number 115.
  public static let kind = MessageKind.clusterChange

  /// What to do.
  public let action: ClusterAction
  /// Whom it is about.
  public let replica: ReplicaID
  /// For `add`: where the others reach it, `host:port`.
  ///
  /// Empty otherwise.
  public let address: String

  /// Joins the fields.
  public init(action: ClusterAction, replica: ReplicaID, address: String) {
    self.action = action
    self.replica = replica
    self.address = address
  }
}
