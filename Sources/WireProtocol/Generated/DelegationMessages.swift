// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

/// Binds an API key to the public half of the key that signs its delegations, or ends that and all
/// of them; answered by a DelegationListing without entries.
public struct DelegationKeySet: WireMessage {
  /// DelegationKeySet is number 183.
  public static let kind = MessageKind.delegationKeySet

  /// The API key; 0 for the caller's own.
  public let key: KeyID
  /// The Ed25519 public key; absent to end the delegations of the one before.
  public let signer: [UInt8]?

  /// Joins the fields.
  public init(key: KeyID, signer: [UInt8]?) {
    self.key = key
    self.signer = signer
  }
}

/// Asks to revoke one delegation for ever, whether or not it has been used; answered by a
/// DelegationReport.
public struct DelegationRevoke: WireMessage {
  /// DelegationRevoke is number 184.
  public static let kind = MessageKind.delegationRevoke

  /// The key whose holder signed it; 0 for the caller's own.
  public let key: KeyID
  /// Its id.
  public let delegation: DelegationID

  /// Joins the fields.
  public init(key: KeyID, delegation: DelegationID) {
    self.key = key
    self.delegation = delegation
  }
}

/// Asks for the delegations of a key that the cluster has seen.
public struct DelegationList: WireMessage {
  /// DelegationList is number 185.
  public static let kind = MessageKind.delegationList

  /// The API key; 0 for the caller's own.
  public let key: KeyID
  /// The number after which to begin; 0 for the first.
  public let after: UInt64
  /// Most delegations in the answer, at most 32; 0 for none.
  public let limit: UInt32

  /// Joins the fields.
  public init(key: KeyID, after: UInt64, limit: UInt32) {
    self.key = key
    self.after = after
    self.limit = limit
  }
}

/// Answers a DelegationList and a DelegationKeySet.
public struct DelegationListing: WireMessage {
  /// DelegationListing is number 186.
  public static let kind = MessageKind.delegationListing

  /// The cluster that delegations must name.
  public let clusterID: ClusterID
  /// The API key.
  public let key: KeyID
  /// What its delegations are signed with; absent if nothing is bound.
  public let signer: [UInt8]?
  /// The delegations, by number.
  public let delegations: [DelegationSummary]
  /// Whether there are further ones.
  public let more: Bool

  /// Joins the fields.
  public init(
    clusterID: ClusterID, key: KeyID, signer: [UInt8]?, delegations: [DelegationSummary], more: Bool
  ) {
    self.clusterID = clusterID
    self.key = key
    self.signer = signer
    self.delegations = delegations
    self.more = more
  }
}

/// Answers a DelegationRevoke.
public struct DelegationReport: WireMessage {
  /// DelegationReport is number 187.
  public static let kind = MessageKind.delegationReport

  /// The delegation.
  public let summary: DelegationSummary

  /// Joins the fields.
  public init(summary: DelegationSummary) {
    self.summary = summary
  }
}
