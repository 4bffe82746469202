internal import Crypto
public import ExchangeTypes

/// A worker's signature under what it states of an attempt, with the key of its certificate.
///
/// What is signed: `switchyard worker statement 1` ‖ the cluster `u128` ‖ the statement. ECDSA over P-256 and SHA-256, r and s of 32
/// bytes each, the lower s.
public enum AttemptSignature {
  private static let context = Array("switchyard worker statement 1".utf8)

  /// Signs a statement.
  ///
  /// - Parameters:
  ///   - statement: the bytes of a `WorkerStatement`.
  ///   - identity: the worker's.
  /// - Returns: 64 bytes.
  /// - Throws: if the key cannot be used.
  public static func sign(_ statement: [UInt8], by identity: NodeIdentity) throws -> [UInt8] {
    let signed = Self.signed(statement, in: identity.identity.cluster)
    return LowSignature.of(
      [UInt8](try identity.key.key.signature(for: signed).rawRepresentation))
  }

  /// Whether the holder of a key has signed a statement.
  ///
  /// - Parameters:
  ///   - signature: 64 bytes.
  ///   - statement: the bytes of a `WorkerStatement`.
  ///   - publicKey: the key, in DER form.
  ///   - cluster: whose worker it is.
  /// - Returns: false too if one of them is not what it should be.
  public static func isGood(
    _ signature: [UInt8], under statement: [UInt8], by publicKey: [UInt8], in cluster: ClusterID
  ) -> Bool {
    guard let key = try? P256.Signing.PublicKey(derRepresentation: publicKey),
      // A key has one form alone, so that no byte of it can be changed.
      [UInt8](key.derRepresentation) == publicKey, LowSignature.isLow(signature),
      let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature)
    else { return false }
    return key.isValidSignature(signature, for: signed(statement, in: cluster))
  }

  /// By what people know a public key: SHA-256 of its DER form, as `openssl pkey -pubout -outform DER | sha256sum` tells it.
  public static func fingerprint(of publicKey: [UInt8]) -> [UInt8] {
    Array(SHA256.hash(data: publicKey))
  }

  private static func signed(_ statement: [UInt8], in cluster: ClusterID) -> [UInt8] {
    var writer = CanonicalWriter(capacity: statement.count + 64)
    writer.writeRaw(context)
    writer.write(cluster.rawValue)
    writer.writeRaw(statement)
    return writer.bytes
  }
}
