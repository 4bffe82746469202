public import ExchangeTypes

/// An API key: what its holder may do, and for which account.
///
/// ```
/// live ──rotate──► live, the former secret too ──grace over──► live
///   └────── revoke, or its expiry ──────► dead, for good
/// ```
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
  public internal(set) var secretHash: [UInt8]
  /// Whether it is dead.
  public internal(set) var revoked: Bool
  /// When it dies by itself; nil if it does not.
  public internal(set) var expiry: LogTime?
  /// The secret that a rotation replaced, while it is still good.
  public internal(set) var former: FormerSecret?
  /// When it was last seen in use, to within a minute; nil if it never was.
  public internal(set) var lastUsed: LogTime?

  /// A secret that was replaced, and the time until which it still opens what the new one does.
  public struct FormerSecret: Hashable, Sendable {
    /// SHA-256 of it: 32 bytes.
    public let hash: [UInt8]
    /// When it is refused.
    public let until: LogTime
  }

  /// Whether it is dead at a time, that of the log or the leader's estimate of it.
  public func isDead(at time: LogTime) -> Bool {
    revoked || expiry.map { $0 <= time } ?? false
  }

  /// The hashes of the secrets that are good at a time: one, or two within the grace after a rotation.
  public func hashes(at time: LogTime) -> [[UInt8]] {
    guard let former, time < former.until else { return [secretHash] }
    return [secretHash, former.hash]
  }

  /// Whether it administers and goes on to unless somebody ends it.
  var isLastingAdmin: Bool { !revoked && expiry == nil && scopes.contains(.admin) }
}
