public import ExchangeTypes
public import WireProtocol

/// What a peer presented to be recognised by: an API key's public id and the hash of its secret, or a delegation whose
/// secret it has.
public struct Credential: Sendable, Hashable {
  /// Which key; for a delegation, the one whose holder signed it.
  public let key: KeyID
  /// SHA-256 of the secret: 32 bytes.
  public let secretHash: [UInt8]
  /// What was signed for the peer; nil if it has a key that the cluster gave out.
  public let delegation: SignedDelegation?
  /// Joins the parts.
  public init(key: KeyID, secretHash: [UInt8]) {
    self.key = key
    self.secretHash = secretHash
    delegation = nil
  }

  /// What the holder of a delegation's secret presents.
  public init(_ delegation: SignedDelegation) {
    key = delegation.delegation.parent
    secretHash = delegation.delegation.secretHash
    self.delegation = delegation
  }
}

/// Who asks: recognised by a key, and by nothing that a message says; and where from.
struct Caller {
  let key: KeyID
  let account: AccountID
  let scopes: Scopes
  /// The hash of the secret that he showed: once it is no good any more, what it opened ends.
  let secretHash: [UInt8]
  /// The other end of his connection, or of that of the coordinator that passes it on.
  let origin: StreamOrigin

  /// Why this caller may not do what takes one of `needed`; nil if he may.
  func refusal(unless needed: Scopes) -> Failure? {
    guard scopes.isDisjoint(with: needed) else { return nil }
    return Failure(
      refusing: .forbidden,
      "the key's scopes do not allow this; it takes one of: \(needed.names.joined(separator: ", "))",
      details: [ErrorDetail(name: "scopes", value: String(needed.rawValue))])
  }
}
