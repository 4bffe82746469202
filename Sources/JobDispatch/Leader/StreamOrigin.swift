public import ExchangeTypes

/// A node as its connection's certificate shows it.
public struct CertifiedNode: Sendable, Hashable {
  /// Who it is.
  public let name: NodeName
  /// The certificate's serial, without leading zero bytes.
  public let serial: [UInt8]
  /// The key that it has proved to hold, in DER form.
  public let publicKey: [UInt8]
  /// Joins the parts.
  public init(name: NodeName, serial: [UInt8], publicKey: [UInt8]) {
    self.name = name
    self.serial = serial
    self.publicKey = publicKey
  }
}

/// Where a stream comes from, as its connection shows it; nothing that a message says.
public struct StreamOrigin: Sendable, Hashable {
  /// The other end's address, for logs.
  public let address: String
  /// The node at the other end; nil for a stranger, and in plaintext.
  ///
  /// For what another coordinator passes on, that coordinator.
  public let node: CertifiedNode?
  /// Joins the parts.
  public init(address: String = "", node: CertifiedNode? = nil) {
    self.address = address
    self.node = node
  }
}
