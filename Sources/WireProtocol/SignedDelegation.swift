internal import Crypto

/// A delegation with its holder's signature: Ed25519 (RFC 8032) over `switchyard delegation 1` ‖ the delegation.
public struct SignedDelegation: Hashable, Sendable {
  private static let context = Array("switchyard delegation 1".utf8)

  /// What is delegated.
  public let delegation: Delegation
  /// The signature: 64 bytes.
  public let signature: [UInt8]
  /// SHA-256 of the delegation's bytes and the signature: 32 bytes; its name in the state of the cluster.
  public let digest: [UInt8]

  /// Joins the parts.
  ///
  /// - Precondition: the signature has 64 bytes.
  public init(_ delegation: Delegation, signature: [UInt8]) {
    precondition(signature.count == 64)
    self.delegation = delegation
    self.signature = signature
    digest = Array(SHA256.hash(data: delegation.bytes + signature))
  }

  /// The bytes that a signature is over.
  public static func signed(_ delegation: Delegation) -> [UInt8] { context + delegation.bytes }

  /// Whether the holder of a public key has signed it.
  public func isSigned(by publicKey: [UInt8]) -> Bool {
    guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else {
      return false
    }
    return key.isValidSignature(signature, for: Self.signed(delegation))
  }
}
