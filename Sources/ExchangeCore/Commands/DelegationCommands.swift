public import ExchangeTypes
public import TokenLedger

extension Command {
  /// Binds an API key to the key that signs its delegations, or ends that and all of them.
  public struct DelegationKeySet: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// The API key whose holder may sign.
    public let key: KeyID
    /// The Ed25519 public key, 32 bytes; nil to end the one that is bound.
    public let publicKey: [UInt8]?
    /// Joins the parts.
    public init(caller: KeyID, key: KeyID, publicKey: [UInt8]?) {
      self.caller = caller
      self.key = key
      self.publicKey = publicKey
    }
  }

  /// Makes the key of a delegation at its first use: the leader has verified its signature and its times.
  public struct DelegationAdmit: Hashable, Sendable {
    /// The most models that one names.
    public static let modelsMax = 8

    /// The key whose holder signed it.
    public let parent: KeyID
    /// What its signature was verified with: 32 bytes.
    public let publicKey: [UInt8]
    /// Its id.
    public let id: DelegationID
    /// SHA-256 of the delegation and its signature: 32 bytes.
    public let digest: [UInt8]
    /// The agent's name.
    public let name: String
    /// What its holder may do.
    public let scopes: Scopes
    /// What it may spend.
    public let limits: BudgetLimits
    /// The only models that it may ask for; empty for all.
    public let models: [String]
    /// SHA-256 of the agent's secret: 32 bytes.
    public let secretHash: [UInt8]
    /// How long it is still good, in milliseconds, by the leader's clock.
    public let lifetime: UInt64
    /// Joins the parts.
    public init(
      parent: KeyID, publicKey: [UInt8], id: DelegationID, digest: [UInt8], name: String,
      scopes: Scopes, limits: BudgetLimits, models: [String], secretHash: [UInt8], lifetime: UInt64
    ) {
      self.parent = parent
      self.publicKey = publicKey
      self.id = id
      self.digest = digest
      self.name = name
      self.scopes = scopes
      self.limits = limits
      self.models = models
      self.secretHash = secretHash
      self.lifetime = lifetime
    }
  }

  /// Ends a delegation for good, used or not.
  public struct DelegationRevoke: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// The key whose holder signed it.
    public let parent: KeyID
    /// Its id.
    public let id: DelegationID
    /// Joins the parts.
    public init(caller: KeyID, parent: KeyID, id: DelegationID) {
      self.caller = caller
      self.parent = parent
      self.id = id
    }
  }
}
