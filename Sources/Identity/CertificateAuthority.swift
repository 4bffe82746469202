internal import Crypto
public import ExchangeTypes
internal import SwiftASN1
internal import X509

#if canImport(FoundationEssentials)
  public import FoundationEssentials
#else
  public import Foundation
#endif

/// A node's private key (P-256, which TLS 1.3 libraries all take).
///
/// It is made where it is used.
public struct NodeKey: Sendable, Redacted {
  let key: P256.Signing.PrivateKey

  /// Draws a key from the system's generator.
  public init() { key = P256.Signing.PrivateKey() }

  /// Reads a key in PEM form.
  ///
  /// - Throws: `IdentityError.malformed` (without the text: it may be a secret).
  public init(pem: String) throws(IdentityError) {
    do {
      key = try P256.Signing.PrivateKey(pemRepresentation: pem)
    } catch {
      throw .malformed(path: "", what: "a P-256 private key in PEM form")
    }
  }

  /// The key in PEM form.
  ///
  /// A secret.
  public var pem: String { key.pemRepresentation }

  /// The public half, in DER form (SubjectPublicKeyInfo), to have it certified.
  public var publicKeyDER: [UInt8] { [UInt8](key.publicKey.derRepresentation) }

  /// Asks for a certificate (PKCS #10, DER): the signature proves that the sender has the key.
  ///
  /// It names nobody: who the node becomes is the authority's to say.
  public func certificateRequest() throws -> [UInt8] {
    let request = try CertificateSigningRequest(
      version: .v1, subject: DistinguishedName(), privateKey: Certificate.PrivateKey(key),
      attributes: CertificateSigningRequest.Attributes(), signatureAlgorithm: .ecdsaWithSHA256)
    var serializer = DER.Serializer()
    try serializer.serialize(request)
    return serializer.serializedBytes
  }

  /// Reads a request, and checks that its sender has the key.
  ///
  /// - Parameter request: what `certificateRequest` makes.
  /// - Returns: the public key, as `publicKeyDER` gives it.
  /// - Throws: `IdentityError.malformed`.
  public static func publicKey(ofRequest request: [UInt8]) throws(IdentityError) -> [UInt8] {
    guard let request = try? CertificateSigningRequest(derEncoded: request),
      let key = P256.Signing.PublicKey(request.publicKey),
      request.publicKey.isValidSignature(request.signature, for: request)
    else { throw .malformed(path: "", what: "a certificate request of a P-256 key, signed by it") }
    return [UInt8](key.derRepresentation)
  }
}

/// One of the cluster's certificate authorities: nodes are signed by it directly.
///
/// The *root* may certify every node; its key rests offline. An *issuer*, certified by the root, may certify every
/// node but coordinators; its key is the coordinators', for nodes that join and renew. So who steals a
/// coordinator's files cannot make another coordinator of them.
public struct CertificateAuthority: Sendable {
  /// The cluster that it speaks for.
  public let cluster: ClusterID
  /// Its certificate in PEM form: public, every node has it.
  public let certificatePEM: String
  /// Its key: whoever has it can make nodes of the cluster.
  public let key: NodeKey
  private let certificate: Certificate
  private let isRoot: Bool

  /// How long an authority is valid: ten years of 365 days.
  public static let lifetimeSeconds: Double = 10 * 365 * 86_400
  /// How far a certificate is valid into the past, for clocks that differ.
  public static let clockSkewSeconds: Double = 300

  /// Makes the authority of a new cluster.
  public init(cluster: ClusterID, now: Date) throws {
    let key = NodeKey()
    let name = try DistinguishedName { CommonName("Switchyard \(cluster)") }
    let publicKey = Certificate.PublicKey(key.key.publicKey)
    let certificate = try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
      notValidBefore: now - Self.clockSkewSeconds, notValidAfter: now + Self.lifetimeSeconds,
      issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 1))
        Critical(KeyUsage(keyCertSign: true, cRLSign: true))
        SubjectKeyIdentifier(hash: publicKey)
        SubjectAlternativeNames([
          .uniformResourceIdentifier(TrustAnchor.rootURI(of: cluster))
        ])
      },
      issuerPrivateKey: Certificate.PrivateKey(key.key))
    self.cluster = cluster
    self.key = key
    self.certificate = certificate
    isRoot = true
    certificatePEM = try certificate.serializeAsPEM().pemString
  }

  /// Makes an issuer, certified by the root.
  ///
  /// Its `certificatePEM` has the root's certificate before its own: nodes are to trust both.
  public init(issuerOf root: CertificateAuthority, now: Date) throws {
    precondition(root.isRoot)
    let key = NodeKey()
    let publicKey = Certificate.PublicKey(key.key.publicKey)
    let certificate = try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
      notValidBefore: now - Self.clockSkewSeconds, notValidAfter: now + Self.lifetimeSeconds,
      issuer: root.certificate.subject,
      subject: try DistinguishedName { CommonName("Switchyard \(root.cluster) issuer") },
      signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
        Critical(KeyUsage(keyCertSign: true))
        SubjectKeyIdentifier(hash: publicKey)
        SubjectAlternativeNames([
          .uniformResourceIdentifier(TrustAnchor.issuerURI(of: root.cluster))
        ])
      },
      issuerPrivateKey: Certificate.PrivateKey(root.key.key))
    cluster = root.cluster
    self.key = key
    self.certificate = certificate
    isRoot = false
    certificatePEM = root.certificatePEM + "\n" + (try certificate.serializeAsPEM().pemString)
  }

  /// Joins an authority's certificate and key that were kept.
  ///
  /// - Throws: `IdentityError.malformed` if either cannot be read, `.keyMismatch` if they are not a pair.
  public init(certificatePEM: String, key: NodeKey) throws(IdentityError) {
    let anchor = try TrustAnchor(pem: certificatePEM)
    guard
      let own = anchor.authorities.first(where: {
        $0.certificate.publicKey == .init(key.key.publicKey)
      })
    else { throw .keyMismatch(path: "") }
    cluster = anchor.cluster
    self.key = key
    self.certificatePEM = certificatePEM
    certificate = own.certificate
    isRoot = own.isRoot
  }

  /// Certifies a node: whoever holds the private half of `publicKeyDER` is `role` `name`.
  ///
  /// - Parameters:
  ///   - role: what the node may be.
  ///   - name: its name, unique within the role.
  ///   - publicKeyDER: `NodeKey.publicKeyDER`.
  ///   - now: the time.
  ///   - lifetimeSeconds: how long the certificate is valid.
  ///   - number: the certificate's number in the log; nil for one that the log does not know.
  /// - Returns: the certificate in PEM form.
  /// - Throws: `IdentityError.notAName`, `.malformed` for the key, `.mayNotCertify`.
  public func certify(
    role: NodeRole, name: String, publicKeyDER: [UInt8], now: Date, lifetimeSeconds: Double,
    number: CertificateNumber? = nil
  ) throws -> String {
    guard isRoot || role != .coordinator else { throw IdentityError.mayNotCertify(role) }
    guard let identity = PeerIdentity(cluster: cluster, role: role, name: name) else {
      throw IdentityError.notAName(name)
    }
    let publicKey: P256.Signing.PublicKey
    do {
      publicKey = try P256.Signing.PublicKey(derRepresentation: publicKeyDER)
    } catch {
      throw IdentityError.malformed(path: "", what: "a P-256 public key in DER form")
    }
    let subjectKey = Certificate.PublicKey(publicKey)
    let leaf = try Certificate(
      version: .v3,
      serialNumber: number.map { Certificate.SerialNumber(bytes: $0.serial) }
        ?? Certificate.SerialNumber(),
      publicKey: subjectKey, notValidBefore: now - Self.clockSkewSeconds,
      notValidAfter: now + lifetimeSeconds,
      issuer: certificate.subject, subject: try DistinguishedName { CommonName(name) },
      signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try Certificate.Extensions {
        Critical(BasicConstraints.notCertificateAuthority)
        Critical(KeyUsage(digitalSignature: true))
        try ExtendedKeyUsage([.serverAuth, .clientAuth])
        SubjectKeyIdentifier(hash: subjectKey)
        SubjectAlternativeNames([.uniformResourceIdentifier(identity.uri)])
      },
      issuerPrivateKey: Certificate.PrivateKey(key.key))
    return try leaf.serializeAsPEM().pemString
  }
}
