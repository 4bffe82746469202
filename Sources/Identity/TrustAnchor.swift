internal import Crypto
public import ExchangeTypes
internal import SwiftASN1
internal import X509

#if canImport(FoundationEssentials)
  public import FoundationEssentials
#else
  public import Foundation
#endif

/// The authority that a node trusts, and the check of a peer's certificate against it.
///
/// Verification is by signature and URI, not by host name: a node may move. Every authority is known
/// beforehand, so that a node's certificate is one signature; a chain that a peer brings is not followed.
public struct TrustAnchor: Sendable {
  struct Authority: Sendable {
    let certificate: Certificate
    let der: [UInt8]
    /// Whether it may certify coordinators.
    let isRoot: Bool
  }

  /// The cluster that the authorities speak for.
  public let cluster: ClusterID
  /// A root and an issuer, usually; more while one is being replaced.
  let authorities: [Authority]

  /// Reads the certificates of one cluster's authorities: roots, and issuers that a root has certified.
  ///
  /// - Throws: `IdentityError.malformed`.
  public init(pem: String) throws(IdentityError) {
    let found: [Certificate]
    do {
      found = try PEMDocument.parseMultiple(pemString: pem).map { try Certificate(pemDocument: $0) }
    } catch {
      throw .malformed(path: "", what: "certificates in PEM form")
    }
    try self.init(found)
  }

  private init(_ found: [Certificate]) throws(IdentityError) {
    let kinds = found.compactMap(Self.kindOfAuthority)
    let roots = zip(found, kinds).filter(\.1.isRoot).map(\.0)
    guard let cluster = kinds.first?.cluster, kinds.count == found.count, !roots.isEmpty,
      kinds.allSatisfy({ $0.cluster == cluster })
    else { throw .malformed(path: "", what: "certificates of one cluster's authority") }
    var authorities: [Authority] = []
    for (certificate, kind) in zip(found, kinds) {
      let isCertified =
        kind.isRoot
        || roots.contains {
          $0.subject == certificate.issuer
            && $0.publicKey.isValidSignature(certificate.signature, for: certificate)
        }
      guard isCertified, let der = try? certificate.serializeAsPEM().derBytes else {
        throw .malformed(path: "", what: "issuers that the cluster's root has certified")
      }
      authorities.append(Authority(certificate: certificate, der: der, isRoot: kind.isRoot))
    }
    self.cluster = cluster
    self.authorities = authorities
  }

  /// Finds the root of a fingerprint in the chain that a peer presents: for a node that has nothing else of
  /// the cluster yet.
  ///
  /// - Parameters:
  ///   - chain: certificates in DER form, as the peer sent them.
  ///   - fingerprint: what the invitation says.
  /// - Throws: `PeerRefusal.untrusted` if none is that root.
  public init(chain: [[UInt8]], fingerprint: [UInt8]) throws(PeerRefusal) {
    guard let der = chain.first(where: { Self.fingerprint(of: $0) == fingerprint }),
      let root = try? Certificate(derEncoded: der), let anchor = try? TrustAnchor([root])
    else { throw .untrusted }
    self = anchor
  }

  /// SHA-256 of the root's certificate: what an invitation carries.
  public var fingerprint: [UInt8] {
    authorities.first(where: \.isRoot).map { Self.fingerprint(of: $0.der) } ?? []
  }

  /// Whether the root of a fingerprint is the only one: a node that has nothing else of the cluster yet trusts no other.
  public func rests(on fingerprint: [UInt8]) -> Bool {
    roots.allSatisfy { Self.fingerprint(of: $0) == fingerprint }
  }

  /// The roots' certificates in DER form: what a coordinator presents, so that a fingerprint is enough.
  public var roots: [[UInt8]] { authorities.filter(\.isRoot).map(\.der) }

  private static func fingerprint(of der: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: der)) }

  /// Checks a peer's certificate, given in DER form.
  ///
  /// - Parameters:
  ///   - der: the leaf that the peer proved to hold the key of (TLS has checked that).
  ///   - now: the time.
  ///   - allowed: the roles that may be at the other end.
  /// - Returns: who the peer is, and by which certificate.
  /// - Throws: the first reason against it, in the order of `PeerRefusal`'s cases.
  public func verify(der: [UInt8], now: Date, allowed: Set<NodeRole>) throws(PeerRefusal)
    -> PeerCertificate
  {
    let leaf: Certificate
    do {
      leaf = try Certificate(derEncoded: der)
      try Self.demandWholeSignature(der)
    } catch { throw .malformed("\(error)") }
    let identity = try identity(of: leaf)
    let signer = authorities.first {
      let authority = $0.certificate
      return authority.subject == leaf.issuer
        && authority.publicKey.isValidSignature(leaf.signature, for: leaf)
        && authority.notValidBefore <= now && now <= authority.notValidAfter
    }
    guard let signer else { throw .untrusted }
    guard signer.isRoot || identity.role != .coordinator else {
      throw .unsuitable("an issuer does not certify coordinators")
    }
    try checkUse(of: leaf)
    guard let key = P256.Signing.PublicKey(leaf.publicKey) else {
      throw .unsuitable("its key is not of P-256")
    }
    guard leaf.notValidBefore <= now else { throw .notYetValid(from: leaf.notValidBefore) }
    guard now <= leaf.notValidAfter else { throw .expired(at: leaf.notValidAfter) }
    guard allowed.contains(identity.role) else {
      throw .wrongRole(found: identity.role, allowed: allowed)
    }
    return PeerCertificate(
      identity: identity, serial: Array(leaf.serialNumber.bytes.drop { $0 == 0 }),
      publicKeyDER: [UInt8](key.derRepresentation), expiresAt: leaf.notValidAfter)
  }

  /// A signature is whole bytes: without this a certificate could come in two encodings, since what is
  /// signed does not say how many bits of the signature's last byte are unused (RFC 5280, §4.1).
  private static func demandWholeSignature(_ der: [UInt8]) throws {
    let padding = try DER.sequence(try DER.parse(der), identifier: .sequence) { nodes in
      _ = nodes.next()  // what is signed
      _ = nodes.next()  // by which algorithm
      return try ASN1BitString(derEncoded: &nodes).paddingBits
    }
    guard padding == 0 else {
      throw ASN1Error.invalidASN1Object(reason: "unused bits in the signature")
    }
  }

  /// The one URI of ours among the names.
  private func identity(of leaf: Certificate) throws(PeerRefusal) -> PeerIdentity {
    let found = Self.uris(of: leaf).compactMap(PeerIdentity.init(uri:))
    guard found.count == 1, let identity = found.first else { throw .noIdentity }
    guard identity.cluster == cluster else {
      throw .wrongCluster(expected: cluster, found: identity.cluster)
    }
    return identity
  }

  /// RFC 5280, section 4.2: an unknown critical extension refuses the certificate.
  private func checkUse(of leaf: Certificate) throws(PeerRefusal) {
    let known: Set<ASN1ObjectIdentifier> = [
      .X509ExtensionID.basicConstraints, .X509ExtensionID.keyUsage,
      .X509ExtensionID.extendedKeyUsage, .X509ExtensionID.subjectAlternativeName,
    ]
    for item in leaf.extensions where item.critical && !known.contains(item.oid) {
      throw .unsuitable("unknown critical extension \(item.oid)")
    }
    do {
      guard case .notCertificateAuthority? = try leaf.extensions.basicConstraints else {
        throw PeerRefusal.unsuitable("it is an authority's")
      }
      guard try leaf.extensions.keyUsage?.digitalSignature == true else {
        throw PeerRefusal.unsuitable("its key is not for signatures")
      }
      let uses = try leaf.extensions.extendedKeyUsage
      guard let uses, uses.contains(.serverAuth), uses.contains(.clientAuth) else {
        throw PeerRefusal.unsuitable("it is not for TLS servers and clients")
      }
    } catch let refusal as PeerRefusal {
      throw refusal
    } catch {
      throw .malformed("\(error)")
    }
  }

  private static func uris(of certificate: Certificate) -> [String] {
    guard let names = try? certificate.extensions.subjectAlternativeNames else { return [] }
    return names.compactMap { name in
      if case .uniformResourceIdentifier(let uri) = name { uri } else { nil }
    }
  }

  static func rootURI(of cluster: ClusterID) -> String {
    "\(PeerIdentity.scheme)\(cluster)\(rootSuffix)"
  }
  static func issuerURI(of cluster: ClusterID) -> String {
    "\(PeerIdentity.scheme)\(cluster)\(issuerSuffix)"
  }
  private static let rootSuffix = "/authority"
  private static let issuerSuffix = "/issuer"

  private static func kindOfAuthority(_ certificate: Certificate) -> (
    cluster: ClusterID, isRoot: Bool
  )? {
    guard case .isCertificateAuthority? = try? certificate.extensions.basicConstraints else {
      return nil
    }
    let found = uris(of: certificate).compactMap { uri -> (cluster: ClusterID, isRoot: Bool)? in
      let isRoot = uri.hasSuffix(rootSuffix)
      let suffix = isRoot ? rootSuffix : issuerSuffix
      guard uri.hasPrefix(PeerIdentity.scheme), uri.hasSuffix(suffix) else { return nil }
      let middle = uri.dropFirst(PeerIdentity.scheme.count).dropLast(suffix.count)
      return ClusterID(hexadecimal: middle).map { ($0, isRoot) }
    }
    return found.count == 1 ? found.first : nil
  }
}
