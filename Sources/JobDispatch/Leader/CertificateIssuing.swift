public import ExchangeTypes

/// Issues certificates: keys, X.509 and the wall clock are the shell's.
public protocol CertificateIssuing: AnyObject {
  /// How long the certificates are valid, in milliseconds.
  var lifetimeMilliseconds: UInt64 { get }

  /// The public key that a certificate request is for, in DER form; nil if it is not a request that its
  /// sender has signed with that key.
  func publicKey(ofRequest request: [UInt8]) -> [UInt8]?

  /// Signs the certificate of a number.
  ///
  /// - Parameters:
  ///   - number: what its serial is made from.
  ///   - node: whom it names.
  ///   - publicKey: the node's key, in DER form.
  /// - Returns: the certificate and the authorities to trust, in PEM form.
  /// - Throws: why it cannot be made, for a log.
  func issue(_ number: CertificateNumber, to node: NodeName, publicKey: [UInt8]) throws -> (
    certificate: String, authorities: String
  )
}
