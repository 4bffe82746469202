public import ExchangeTypes

extension Command {
  /// Creates the operator's account 1, issuance as account 2, and key 1 with every scope.
  public struct Bootstrap: Hashable, Sendable {
    /// The name of the cluster.
    public let clusterID: ClusterID
    /// SHA-256 of the root key's secret: 32 bytes.
    public let rootSecretHash: [UInt8]
    /// Joins the parts.
    public init(clusterID: ClusterID, rootSecretHash: [UInt8]) {
      self.clusterID = clusterID
      self.rootSecretHash = rootSecretHash
    }
  }

  /// Opens an account; needs `admin`.
  public struct AccountCreate: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// The request's name: a retry under it creates nothing.
    public let requestKey: RequestKey
    /// The account's name, unique in the cluster.
    public let name: String
    /// What it is for; issuance cannot be created.
    public let kind: AccountKind
    /// Joins the parts.
    public init(caller: KeyID, requestKey: RequestKey, name: String, kind: AccountKind) {
      self.caller = caller
      self.requestKey = requestKey
      self.name = name
      self.kind = kind
    }
  }

  /// Moves credit from issuance to an account; needs `admin`.
  public struct AccountCredit: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// The request's name: a retry under it moves nothing.
    public let requestKey: RequestKey
    /// Who gets it.
    public let account: AccountID
    /// How much; not zero.
    public let amount: Credits
    /// Joins the parts.
    public init(caller: KeyID, requestKey: RequestKey, account: AccountID, amount: Credits) {
      self.caller = caller
      self.requestKey = requestKey
      self.account = account
      self.amount = amount
    }
  }

  /// Adds a key; needs `admin`, or the account as one's own and no scope that one has not.
  public struct KeyCreate: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// The request's name: a retry under it creates nothing.
    public let requestKey: RequestKey
    /// Whose key it will be.
    public let account: AccountID
    /// A name for people.
    public let name: String
    /// What its holder may do; not empty.
    public let scopes: Scopes
    /// SHA-256 of the secret: 32 bytes.
    public let secretHash: [UInt8]
    /// Joins the parts.
    public init(
      caller: KeyID, requestKey: RequestKey, account: AccountID, name: String, scopes: Scopes,
      secretHash: [UInt8]
    ) {
      self.caller = caller
      self.requestKey = requestKey
      self.account = account
      self.name = name
      self.scopes = scopes
      self.secretHash = secretHash
    }
  }

  /// Ends a key; needs `admin`, or a key of one's own account.
  public struct KeyRevoke: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// The key to end.
    public let key: KeyID
    /// Joins the parts.
    public init(caller: KeyID, key: KeyID) {
      self.caller = caller
      self.key = key
    }
  }

  /// Raises the version of apply's behaviour, proposed once every voter supports it.
  public struct RaiseStateVersion: Hashable, Sendable {
    /// The new version.
    public let to: UInt32
    /// Joins the parts.
    public init(to: UInt32) { self.to = to }
  }
}
