public import ExchangeTypes

extension Command {
  /// Makes an invitation; needs `admin`.
  ///
  /// The secret is drawn by who asks, so its hash is the request's name: a retry makes nothing.
  public struct Invite: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// What the node becomes; not a coordinator.
    public let role: NodeRole
    /// Its name; without one it is refused.
    public let name: String?
    /// SHA-256 of the secret: 32 bytes.
    public let secretHash: [UInt8]
    /// How long it is worth something.
    public let lifetimeMilliseconds: UInt64
    /// Joins the parts.
    public init(
      caller: KeyID, role: NodeRole, name: String?, secretHash: [UInt8],
      lifetimeMilliseconds: UInt64
    ) {
      self.caller = caller
      self.role = role
      self.name = name
      self.secretHash = secretHash
      self.lifetimeMilliseconds = lifetimeMilliseconds
    }
  }

  /// Uses an invitation for a key, and gives the certificate its number.
  public struct Join: Hashable, Sendable {
    /// The invitation.
    public let invitation: InvitationID
    /// SHA-256 of the secret that the node presented: 32 bytes.
    public let secretHash: [UInt8]
    /// The name that the node says; nil for the invitation's.
    public let name: String?
    /// SHA-256 of the node's public key: 32 bytes.
    public let publicKeyHash: [UInt8]
    /// How long the certificate is valid.
    public let lifetimeMilliseconds: UInt64
    /// Joins the parts.
    public init(
      invitation: InvitationID, secretHash: [UInt8], name: String?, publicKeyHash: [UInt8],
      lifetimeMilliseconds: UInt64
    ) {
      self.invitation = invitation
      self.secretHash = secretHash
      self.name = name
      self.publicKeyHash = publicKeyHash
      self.lifetimeMilliseconds = lifetimeMilliseconds
    }
  }

  /// Gives a further certificate of a node its number; the node has proved that it has an earlier one.
  public struct RenewCertificate: Hashable, Sendable {
    /// The node.
    public let node: NodeName
    /// The serial of the certificate that it has: 1 to 20 bytes.
    public let serial: [UInt8]
    /// SHA-256 of its public key: 32 bytes.
    public let publicKeyHash: [UInt8]
    /// How long the new certificate is valid.
    public let lifetimeMilliseconds: UInt64
    /// Joins the parts.
    public init(
      node: NodeName, serial: [UInt8], publicKeyHash: [UInt8], lifetimeMilliseconds: UInt64
    ) {
      self.node = node
      self.serial = serial
      self.publicKeyHash = publicKeyHash
      self.lifetimeMilliseconds = lifetimeMilliseconds
    }
  }

  /// Ends certificates before their time; needs `admin`.
  public struct RevokeCertificate: Hashable, Sendable {
    /// What ends.
    public enum Subject: Hashable, Sendable {
      /// Every certificate that the node has now.
      case node(NodeName)
      /// The certificate of this serial: 1 to 20 bytes, the first not zero.
      case serial([UInt8])
    }

    /// Who asks.
    public let caller: KeyID
    /// What ends.
    public let subject: Subject
    /// Joins the parts.
    public init(caller: KeyID, subject: Subject) {
      self.caller = caller
      self.subject = subject
    }
  }
}
