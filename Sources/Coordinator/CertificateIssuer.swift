internal import ExchangeTypes
internal import Foundation
internal import Identity
internal import JobDispatch

/// Issues certificates with the key of this coordinator's directory: fills the dispatcher's port with `Identity`.
final class CertificateIssuer: CertificateIssuing {
  private let authority: CertificateAuthority
  /// How long the certificates that it issues from now on are valid.
  var lifetimeSeconds: Double

  init(authority: CertificateAuthority, lifetimeSeconds: Double) {
    self.authority = authority
    self.lifetimeSeconds = lifetimeSeconds
  }

  var lifetimeMilliseconds: UInt64 { UInt64(lifetimeSeconds * 1_000) }

  func publicKey(ofRequest request: [UInt8]) -> [UInt8]? {
    try? NodeKey.publicKey(ofRequest: request)
  }

  func issue(_ number: CertificateNumber, to node: NodeName, publicKey: [UInt8]) throws -> (
    certificate: String, authorities: String
  ) {
    let certificate = try authority.certify(
      role: node.role, name: node.name, publicKeyDER: publicKey, now: Date(),
      lifetimeSeconds: lifetimeSeconds, number: number)
    return (certificate, authority.certificatePEM)
  }
}

extension StreamOrigin {
  /// What a connection shows of its other end.
  init(address: String, certificate: PeerCertificate?) {
    self.init(
      address: address,
      node: certificate.map {
        CertifiedNode(name: $0.identity.node, serial: $0.serial, publicKey: $0.publicKeyDER)
      })
  }
}
