/// Signs what the cluster states: keys, certificates and the wall clock are the shell's.
public protocol StatementSigning: AnyObject {
  /// Signs a statement with this coordinator's key.
  ///
  /// - Parameter statement: what is said.
  /// - Returns: the moment in seconds since 1970, the certificate in DER form and the signature.
  /// - Throws: why it cannot be signed, for a log.
  func sign(_ statement: [UInt8]) throws -> (
    signedAt: UInt64, certificate: [UInt8], signature: [UInt8]
  )

  /// Whether the holder of a key has signed what a worker of this cluster states.
  ///
  /// - Parameters:
  ///   - signature: 64 bytes, if it is one.
  ///   - statement: the bytes of a `WorkerStatement`.
  ///   - publicKey: the key, in DER form.
  /// - Returns: false too if one of them is not what it should be.
  func isGood(_ signature: [UInt8], under statement: [UInt8], by publicKey: [UInt8]) -> Bool
}
