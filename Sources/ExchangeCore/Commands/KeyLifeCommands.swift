public import ExchangeTypes

extension Command {
  /// As `KeyCreate`, for a key that dies by itself.
  public struct KeyIssue: Hashable, Sendable {
    /// The key.
    public let create: KeyCreate
    /// How long it lives from the command's log time on, in milliseconds; not zero.
    public let lifetime: UInt64
    /// Joins the parts.
    public init(create: KeyCreate, lifetime: UInt64) {
      self.create = create
      self.lifetime = lifetime
    }
  }

  /// Gives a key a new secret; needs `admin`, or a key of one's own account.
  public struct KeyRotate: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// The request's name: a retry under it rotates nothing.
    public let requestKey: RequestKey
    /// The key.
    public let key: KeyID
    /// SHA-256 of the new secret: 32 bytes.
    public let secretHash: [UInt8]
    /// How long the former secret stays good, in milliseconds; 0 ends it at once.
    public let grace: UInt64
    /// Joins the parts.
    public init(
      caller: KeyID, requestKey: RequestKey, key: KeyID, secretHash: [UInt8], grace: UInt64
    ) {
      self.caller = caller
      self.requestKey = requestKey
      self.key = key
      self.secretHash = secretHash
      self.grace = grace
    }
  }

  /// Says which keys the leader has seen in use since it last said so.
  public struct KeysUsed: Hashable, Sendable {
    /// The keys.
    public let keys: [KeyID]
    /// Joins the parts.
    public init(keys: [KeyID]) { self.keys = keys }
  }
}
