public import ExchangeTypes

// What can be asked about nodes and their certificates.
extension Exchange {
  /// An invitation, used or not, until it is forgotten.
  public func invitation(_ id: InvitationID) -> Invitation? { invitations[id.rawValue] }

  /// The newest invitations, in the order of their numbers.
  public func invitations(limit: Int) -> [Invitation] {
    invitations.sortedKeys.suffix(limit).compactMap { invitations[$0] }
  }

  /// The newest certificates that have not ended, in the order of their numbers.
  public func certificates(limit: Int) -> [IssuedCertificate] {
    certificates.sortedKeys.suffix(limit).compactMap { certificates[$0] }
  }

  /// The newest certificates of a node that have not ended, in the order of their numbers.
  public func certificates(of node: NodeName, limit: Int) -> [IssuedCertificate] {
    (indexes.certificates[node]?.sorted ?? []).suffix(limit).compactMap {
      certificates[$0.rawValue]
    }
  }

  /// The newest revocations, in the order of their numbers.
  public func revocations(limit: Int) -> [Revocation] {
    revocations.sortedKeys.suffix(limit).compactMap { revocations[$0] }
  }

  /// The nodes of a role that are revoked by name, in the order of their names.
  public func revokedNodes(of role: NodeRole) -> [NodeName] {
    indexes.revokedNodes.keys.filter { $0.role == role }.sorted { $0.name < $1.name }
  }

  /// Whether anything is revoked: most clusters, mostly, need not ask further.
  public var hasRevocations: Bool { revocations.count > 0 }

  /// Whether a node's certificate is revoked.
  ///
  /// - Parameters:
  ///   - node: whom the certificate names.
  ///   - serial: its serial, without leading zero bytes.
  /// - Returns: true if it, or all that the node had when it was revoked, are revoked.
  public func isRevoked(_ node: NodeName, serial: [UInt8]) -> Bool {
    if indexes.revokedSerials[serial] != nil { return true }
    guard let number = indexes.revokedNodes[node],
      case .node(_, let before)? = revocations[number]?.subject
    else { return false }
    return CertificateNumber(serial: serial).map { $0 < before } ?? true
  }
}
