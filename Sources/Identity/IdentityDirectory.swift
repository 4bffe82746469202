internal import Crypto
public import ExchangeTypes
internal import SwiftASN1
internal import X509

#if canImport(FoundationEssentials)
  public import FoundationEssentials
#else
  public import Foundation
#endif

/// A node's own identity, checked as a peer would check it.
public struct NodeIdentity: Sendable, CustomStringConvertible {
  /// Who the node is.
  public let identity: PeerIdentity
  /// The certificate that says so, in PEM form.
  public let certificatePEM: String
  /// Its key.
  public let key: NodeKey
  /// The authority to hold peers to.
  public let anchor: TrustAnchor
  /// When the certificate was issued.
  public let issuedAt: Date
  /// When the certificate ends: renew before.
  public let expiresAt: Date

  /// Joins a certificate, its key and the authority.
  ///
  /// - Throws: `IdentityError.refused` with the reason a peer would have, `.keyMismatch`, `.malformed`.
  public init(certificatePEM: String, key: NodeKey, anchor: TrustAnchor, now: Date)
    throws(IdentityError)
  {
    let leaf: Certificate
    let der: [UInt8]
    do {
      leaf = try Certificate(pemEncoded: certificatePEM)
      der = try leaf.serializeAsPEM().derBytes
    } catch {
      throw .malformed(path: "", what: "a certificate in PEM form")
    }
    do {
      identity = try anchor.verify(der: der, now: now, allowed: Set(NodeRole.allCases)).identity
    } catch {
      throw .refused(path: "", error)
    }
    guard leaf.publicKey == Certificate.PublicKey(key.key.publicKey) else {
      throw .keyMismatch(path: "")
    }
    self.certificatePEM = certificatePEM
    self.key = key
    self.anchor = anchor
    issuedAt = leaf.notValidBefore + CertificateAuthority.clockSkewSeconds
    expiresAt = leaf.notValidAfter
  }

  /// Makes a key and has it certified, in one step: for a node beside the authority, and for tests.
  public init(
    authority: CertificateAuthority, role: NodeRole, name: String, now: Date,
    lifetimeSeconds: Double
  ) throws {
    let key = NodeKey()
    let certificate = try authority.certify(
      role: role, name: name, publicKeyDER: key.publicKeyDER, now: now,
      lifetimeSeconds: lifetimeSeconds)
    try self.init(
      certificatePEM: certificate, key: key, anchor: TrustAnchor(pem: authority.certificatePEM),
      now: now)
  }

  /// Who it is, without the key.
  public var description: String { "\(identity) of \(identity.cluster)" }
}

/// The files of an identity: `ca.pem`, `node.pem`, `node.key`, and `ca.key` or `issuer.key` where it is held.
///
/// Keys have mode 0600 and are refused otherwise. Each file is replaced whole, so what must change together
/// is one file: a renewed certificate is for the key that is there.
public struct IdentityDirectory: Sendable {
  /// Where the files are.
  public let path: String

  /// The directory at `path`, which need not exist yet.
  public init(path: String) { self.path = path }

  private func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Loads the node's identity.
  ///
  /// - Parameters:
  ///   - cluster: the cluster that it must be of, if that is known.
  ///   - now: the time.
  /// - Returns: the identity, checked as a peer would check it.
  /// - Throws: an `IdentityError` that names the file and what is wrong with it.
  public func load(cluster: ClusterID? = nil, now: Date) throws(IdentityError) -> NodeIdentity {
    let anchor = try loadAnchor()
    if let cluster, anchor.cluster != cluster {
      throw .wrongCluster(path: file("ca.pem"), expected: cluster, found: anchor.cluster)
    }
    let certificate = try text("node.pem", isSecret: false)
    let key = try loadKey("node.key")
    do {
      return try NodeIdentity(certificatePEM: certificate, key: key, anchor: anchor, now: now)
    } catch {
      switch error {
      case .refused(_, let refusal): throw .refused(path: file("node.pem"), refusal)
      case .keyMismatch: throw .keyMismatch(path: file("node.key"))
      default: throw error.about(file("node.pem"))
      }
    }
  }

  /// Loads the authority's certificate alone: enough to check whom a client talks to.
  public func loadAnchor() throws(IdentityError) -> TrustAnchor {
    let pem = try text("ca.pem", isSecret: false)
    do { return try TrustAnchor(pem: pem) } catch { throw error.about(file("ca.pem")) }
  }

  /// Loads the authority, where its key is held.
  public func loadAuthority() throws(IdentityError) -> CertificateAuthority {
    let pem = try text("ca.pem", isSecret: false)
    let key = try loadKey("ca.key")
    do {
      return try CertificateAuthority(certificatePEM: pem, key: key)
    } catch {
      throw error.about(file(error == .keyMismatch(path: "") ? "ca.key" : "ca.pem"))
    }
  }

  /// Loads the issuer, where its key is held; nil where it is not.
  public func loadIssuer() throws(IdentityError) -> CertificateAuthority? {
    let key: NodeKey
    do { key = try loadKey("issuer.key") } catch {
      if case .missing = error { return nil }
      throw error
    }
    let pem = try text("ca.pem", isSecret: false)
    do {
      return try CertificateAuthority(certificatePEM: pem, key: key)
    } catch {
      throw error.about(file(error == .keyMismatch(path: "") ? "issuer.key" : "ca.pem"))
    }
  }

  /// Writes the root's key, and the certificates that nodes are to trust.
  public func save(_ root: CertificateAuthority, authorityPEM: String) throws(IdentityError) {
    try SecretFile.makeDirectory(path)
    try SecretFile.write(file("ca.key"), Array(root.key.pem.utf8), mode: 0o600)
    try SecretFile.write(file("ca.pem"), Array(authorityPEM.utf8), mode: 0o644)
  }

  /// Writes the issuer's key; its certificate is among those of `ca.pem`.
  public func save(issuer: CertificateAuthority) throws(IdentityError) {
    try SecretFile.makeDirectory(path)
    try SecretFile.write(file("issuer.key"), Array(issuer.key.pem.utf8), mode: 0o600)
  }

  /// The key of a node that has no certificate yet: the one that an earlier try wrote, or a new one.
  ///
  /// It is durable before it is used: a certificate that was issued for it is of use after any crash.
  ///
  /// - Throws: `IdentityError.present` if there is a certificate already.
  public func keyForJoining() throws(IdentityError) -> NodeKey {
    let present: Bool
    do throws(IdentityError) {
      _ = try text("node.pem", isSecret: false)
      present = true
    } catch {
      guard case .missing = error else { throw error }
      present = false
    }
    guard !present else { throw .present(path: file("node.pem")) }
    do { return try loadKey("node.key") } catch {
      guard case .missing = error else { throw error }
    }
    let key = NodeKey()
    try SecretFile.makeDirectory(path)
    try SecretFile.write(file("node.key"), Array(key.pem.utf8), mode: 0o600)
    return key
  }

  /// Writes a certificate for the key that is there, in place of the one before.
  public func save(renewed node: NodeIdentity) throws(IdentityError) {
    try SecretFile.write(file("node.pem"), Array(node.certificatePEM.utf8), mode: 0o644)
  }

  /// Writes the node's certificate and key, and the authority's certificate.
  public func save(_ node: NodeIdentity, authorityPEM: String) throws(IdentityError) {
    try SecretFile.makeDirectory(path)
    try SecretFile.write(file("ca.pem"), Array(authorityPEM.utf8), mode: 0o644)
    try SecretFile.write(file("node.key"), Array(node.key.pem.utf8), mode: 0o600)
    try SecretFile.write(file("node.pem"), Array(node.certificatePEM.utf8), mode: 0o644)
  }

  private func loadKey(_ name: String) throws(IdentityError) -> NodeKey {
    let pem = try text(name, isSecret: true)
    do { return try NodeKey(pem: pem) } catch { throw error.about(file(name)) }
  }

  private func text(_ name: String, isSecret: Bool) throws(IdentityError) -> String {
    let bytes = try SecretFile.read(file(name), isSecret: isSecret)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .malformed(path: file(name), what: "text")
    }
    return text
  }
}
