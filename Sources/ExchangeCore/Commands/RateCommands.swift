public import ExchangeTypes

extension Command {
  /// Sets what a key may use in a minute; needs `admin`, or a key of one's own account that has no limit itself.
  public struct KeyLimit: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// The key.
    public let key: KeyID
    /// What it may use; without either of both the limit ends.
    public let limit: RateLimit
    /// Joins the parts.
    public init(caller: KeyID, key: KeyID, limit: RateLimit) {
      self.caller = caller
      self.key = key
      self.limit = limit
    }
  }

  /// As `KeyCreate`, for a key with a limit, which may die by itself.
  public struct KeyIssueLimited: Hashable, Sendable {
    /// The key.
    public let create: KeyCreate
    /// How long it lives from the command's log time on, in milliseconds; nil until it is revoked.
    public let lifetime: UInt64?
    /// What it may use.
    public let limit: RateLimit
    /// Joins the parts.
    public init(create: KeyCreate, lifetime: UInt64?, limit: RateLimit) {
      self.create = create
      self.lifetime = lifetime
      self.limit = limit
    }
  }
}
