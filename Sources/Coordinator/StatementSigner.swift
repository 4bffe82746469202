internal import Foundation
internal import Identity
internal import JobDispatch

/// Signs with the key of this coordinator: fills the dispatcher's port with `Identity`.
final class StatementSigner: StatementSigning {
  private let identity: NodeIdentity

  /// The signer of a coordinator; nil if it runs without TLS, and so has no certificate.
  init?(_ security: CoordinatorConfiguration.Security) {
    guard case .identity(let identity) = security else { return nil }
    self.identity = identity
  }

  func sign(_ statement: [UInt8]) throws -> (
    signedAt: UInt64, certificate: [UInt8], signature: [UInt8]
  ) {
    let signed = try SignedStatement(signing: statement, by: identity, now: Date())
    return (signed.signedAt, signed.certificate, signed.signature)
  }

  func isGood(_ signature: [UInt8], under statement: [UInt8], by publicKey: [UInt8]) -> Bool {
    AttemptSignature.isGood(
      signature, under: statement, by: publicKey, in: identity.identity.cluster)
  }
}
