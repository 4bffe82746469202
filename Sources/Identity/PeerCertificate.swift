#if canImport(FoundationEssentials)
  public import FoundationEssentials
#else
  public import Foundation
#endif

/// A peer's certificate, once it has been found good.
public struct PeerCertificate: Hashable, Sendable {
  /// Who the peer is.
  public let identity: PeerIdentity
  /// The certificate's serial, without leading zero bytes: what a revocation may name.
  public let serial: [UInt8]
  /// The key that the peer has proved to hold, in DER form (SubjectPublicKeyInfo).
  public let publicKeyDER: [UInt8]
  /// When the certificate ends.
  public let expiresAt: Date
}
