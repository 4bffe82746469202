public import ExchangeTypes

/// A secret by which one node may join, as the state remembers it.
public struct Invitation: Hashable, Sendable {
  /// What came of it.
  public struct Use: Hashable, Sendable {
    /// SHA-256 of the public key of the node that joined: 32 bytes.
    public let publicKeyHash: [UInt8]
    /// The node.
    public let node: NodeName
    /// Its certificate.
    public let certificate: CertificateNumber
  }

  /// Its number.
  public let id: InvitationID
  /// What the node becomes.
  public let role: NodeRole
  /// The node's name; nil in none that is taken.
  public let name: String?
  /// SHA-256 of the secret, which is never stored: 32 bytes.
  public let secretHash: [UInt8]
  /// From when on it is worth nothing, for the node that joined by it neither.
  public let expiry: LogTime
  /// When it is forgotten; until then, who comes late is told so.
  public let forgottenAt: LogTime
  /// What came of it; nil while it is unused.
  public internal(set) var use: Use?
}

/// A certificate that was issued, as the state remembers it until its end.
public struct IssuedCertificate: Hashable, Sendable {
  /// Its number, from which its serial follows.
  public let number: CertificateNumber
  /// Whose it is.
  public let node: NodeName
  /// SHA-256 of the public key: 32 bytes.
  public let publicKeyHash: [UInt8]
  /// When its number was given.
  public let issuedAt: LogTime
  /// Not before its end: log time never runs ahead of the clocks.
  public let expiresAt: LogTime
}

/// What is revoked, for as long as it would be worth something.
public struct Revocation: Hashable, Sendable {
  /// What is revoked.
  public enum Subject: Hashable, Sendable {
    /// The node's certificates of lower numbers, and those that have none: `yard init` made them.
    case node(NodeName, before: CertificateNumber)
    /// The certificate of this serial.
    case serial([UInt8])
  }

  /// Its number.
  public let number: UInt64
  /// What is revoked.
  public internal(set) var subject: Subject
  /// When it was last said.
  public internal(set) var at: LogTime
  /// When it can be forgotten: the certificate has ended by then, by every clock that is right to within a day, also one that a
  /// repeated join was given.
  ///
  /// Nil of a node, and of a certificate that was revoked before there was a time.
  var until: LogTime?
}
