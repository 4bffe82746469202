// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

/// Asks for an invitation; the caller draws the secret, and a retry under the same secret is the
/// same request.
public struct Invite: WireMessage {
  /// Invite is number 100.
  public static let kind = MessageKind.invite

  /// What the node becomes: not a coordinator.
  public let role: NodeRole
  /// Its name; without one it is refused.
  public let name: String?
  /// SHA-256 of the secret.
  public let secretHash: [UInt8]
  /// Milliseconds until it is worth nothing.
  public let lifetimeMs: UInt64

  /// Joins the fields.
  public init(role: NodeRole, name: String?, secretHash: [UInt8], lifetimeMs: UInt64) {
    self.role = role
    self.name = name
    self.secretHash = secretHash
    self.lifetimeMs = lifetimeMs
  }
}

/// Answers an Invite.
public struct InvitationReport: WireMessage {
  /// InvitationReport is number 101.
  public static let kind = MessageKind.invitationReport

  /// The invitation.
  public let summary: InvitationSummary

  /// Joins the fields.
  public init(summary: InvitationSummary) {
    self.summary = summary
  }
}

/// Asks for a certificate by an invitation.
public struct Join: WireMessage {
  /// Join is number 102.
  public static let kind = MessageKind.join

  /// The invitation.
  public let invitation: InvitationID
  /// Its secret.
  public let secret: Secret
  /// The node's name; absent for the one that the invitation names.
  public let name: String?
  /// A certificate signing request (PKCS #10, DER) of the node's P-256 key; its signature proves
  /// that the sender has the key, its subject is not read.
  public let request: [UInt8]

  /// Joins the fields.
  public init(invitation: InvitationID, secret: Secret, name: String?, request: [UInt8]) {
    self.invitation = invitation
    self.secret = secret
    self.name = name
    self.request = request
  }
}

/// Answers a Join or a CertificateRenew.
public struct CertificateIssued: WireMessage {
  /// CertificateIssued is number 103.
  public static let kind = MessageKind.certificateIssued

  /// What the node is.
  public let role: NodeRole
  /// Its name.
  public let name: String
  /// The certificate, in PEM form.
  public let certificate: String
  /// The cluster's authorities, in PEM form: whom the node is to trust.
  public let authorities: String

  /// Joins the fields.
  public init(role: NodeRole, name: String, certificate: String, authorities: String) {
    self.role = role
    self.name = name
    self.certificate = certificate
    self.authorities = authorities
  }
}

/// Asks the leader for a new certificate of the node and the key that the connection's certificate
/// proves.
public struct CertificateRenew: WireMessage {
  /// CertificateRenew is number 104.
  public static let kind = MessageKind.certificateRenew

  /// Joins the fields.
  public init() {}
}

/// Asks to revoke all certificates that a node has, or one by its serial; answered by a
/// NodeListing.
public struct CertificateRevoke: WireMessage {
  /// CertificateRevoke is number 105.
  public static let kind = MessageKind.certificateRevoke

  /// The node's role; absent to revoke by serial.
  public let role: NodeRole?
  /// The node's name; empty to revoke by serial.
  public let name: String
  /// The serial, without leading zero bytes; empty to revoke a node.
  public let serial: [UInt8]

  /// Joins the fields.
  public init(role: NodeRole?, name: String, serial: [UInt8]) {
    self.role = role
    self.name = name
    self.serial = serial
  }
}

/// Asks for invitations, issued certificates and revocations.
public struct NodeList: WireMessage {
  /// NodeList is number 106.
  public static let kind = MessageKind.nodeList

  /// Joins the fields.
  public init() {}
}

/// Answers a NodeList and a CertificateRevoke: the newest of each kind, in their order.
public struct NodeListing: WireMessage {
  /// NodeListing is number 107.
  public static let kind = MessageKind.nodeListing

  /// Invitations, for a day after their end.
  public let invitations: [InvitationSummary]
  /// Certificates that have not ended; those that yard init made are not among them.
  public let certificates: [CertificateSummary]
  /// What is revoked.
  public let revocations: [RevocationSummary]

  /// Joins the fields.
  public init(
    invitations: [InvitationSummary], certificates: [CertificateSummary],
    revocations: [RevocationSummary]
  ) {
    self.invitations = invitations
    self.certificates = certificates
    self.revocations = revocations
  }
}
