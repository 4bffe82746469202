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
/// Verification is by chain and URI, not by host name: a node may move. The chain has one level, so it
/// is one signature; anything longer is refused.
public struct TrustAnchor: Sendable {
  /// The cluster that the authority speaks for.
  public let cluster: ClusterID
  /// Usually one; two while an authority is being replaced.
  let authorities: [Certificate]

  /// Reads one or more authorities' certificates of one cluster.
  ///
  /// - Throws: `IdentityError.malformed`.
  public init(pem: String) throws(IdentityError) {
    let found: [Certificate]
    do {
      found = try PEMDocument.parseMultiple(pemString: pem).map { try Certificate(pemDocument: $0) }
    } catch {
      throw .malformed(path: "", what: "certificates in PEM form")
    }
    let clusters = found.compactMap(Self.clusterOfAuthority)
    guard let cluster = clusters.first, clusters.count == found.count,
      clusters.allSatisfy({ $0 == cluster })
    else { throw .malformed(path: "", what: "certificates of one cluster's authority") }
    self.cluster = cluster
    authorities = found
  }

  /// Checks a peer's certificate, given in DER form.
  ///
  /// - Parameters:
  ///   - der: the leaf that the peer proved to hold the key of (TLS has checked that).
  ///   - now: the time.
  ///   - allowed: the roles that may be at the other end.
  /// - Returns: who the peer is.
  /// - Throws: the first reason against it, in the order of `PeerRefusal`'s cases.
  public func verify(der: [UInt8], now: Date, allowed: Set<NodeRole>) throws(PeerRefusal)
    -> PeerIdentity
  {
    let leaf: Certificate
    do {
      leaf = try Certificate(derEncoded: der)
      try Self.demandWholeSignature(der)
    } catch { throw .malformed("\(error)") }
    let identity = try identity(of: leaf)
    guard
      authorities.contains(where: {
        $0.subject == leaf.issuer && $0.publicKey.isValidSignature(leaf.signature, for: leaf)
          && $0.notValidBefore <= now && now <= $0.notValidAfter
      })
    else { throw .untrusted }
    try checkUse(of: leaf)
    guard leaf.notValidBefore <= now else { throw .notYetValid(from: leaf.notValidBefore) }
    guard now <= leaf.notValidAfter else { throw .expired(at: leaf.notValidAfter) }
    guard allowed.contains(identity.role) else {
      throw .wrongRole(found: identity.role, allowed: allowed)
    }
    return identity
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

  private static func clusterOfAuthority(_ certificate: Certificate) -> ClusterID? {
    guard case .isCertificateAuthority? = try? certificate.extensions.basicConstraints else {
      return nil
    }
    let found = uris(of: certificate).compactMap { uri -> ClusterID? in
      guard uri.hasPrefix(PeerIdentity.scheme), uri.hasSuffix("/authority") else { return nil }
      return ClusterID(
        hexadecimal: uri.dropFirst(PeerIdentity.scheme.count).dropLast("/authority".count))
    }
    return found.count == 1 ? found.first : nil
  }
}
