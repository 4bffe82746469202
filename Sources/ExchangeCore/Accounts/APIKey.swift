public import ExchangeTypes

/// An API key: what its holder may do, and for which account.
public struct APIKey: Hashable, Sendable {
  /// Its number.
  public let id: KeyID
  /// Whose key it is.
  public let account: AccountID
  /// A name for people.
  public let name: String
  /// What its holder may do.
  public let scopes: Scopes
  /// SHA-256 of the secret, which is never stored: 32 bytes.
  public let secretHash: [UInt8]
  /// Whether it is dead.
  public internal(set) var revoked: Bool
}
