public import ExchangeTypes
public import TokenLedger

extension Command {
  /// Makes a budget, at the top of a tree or as a part of another; needs `submit`, or `admin`.
  public struct BudgetCreate: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// The request's name: a retry under it makes nothing.
    public let requestKey: RequestKey
    /// Who pays; that of the parent where there is one.
    public let account: AccountID
    /// The budget that it becomes a part of; nil for the top of a tree.
    public let parent: BudgetID?
    /// Whose it is; not `key`, which comes with its key.
    public let level: BudgetLevel
    /// A name for people; not empty.
    public let name: String
    /// What it allows.
    public let limits: BudgetLimits
    /// Joins the parts.
    public init(
      caller: KeyID, requestKey: RequestKey, account: AccountID, parent: BudgetID?,
      level: BudgetLevel, name: String, limits: BudgetLimits
    ) {
      self.caller = caller
      self.requestKey = requestKey
      self.account = account
      self.parent = parent
      self.level = level
      self.name = name
      self.limits = limits
    }
  }

  /// Changes what a budget allows; needs `submit`, or `admin`.
  public struct BudgetSet: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// Which budget.
    public let budget: BudgetID
    /// What it allows from now on; without a meaning where it is closed.
    public let limits: BudgetLimits
    /// Whether it allows nothing at all.
    public let isClosed: Bool
    /// Joins the parts.
    public init(caller: KeyID, budget: BudgetID, limits: BudgetLimits, isClosed: Bool) {
      self.caller = caller
      self.budget = budget
      self.limits = limits
      self.isClosed = isClosed
    }
  }

  /// As `KeyCreate`, for a key that draws on a budget.
  public struct KeyIssueBudgeted: Hashable, Sendable {
    /// The key.
    public let create: KeyCreate
    /// How long it lives from the command's log time on, in milliseconds; nil for as long as it is not revoked.
    public let lifetime: UInt64?
    /// The budget that it becomes a part of.
    public let budget: BudgetID
    /// Joins the parts.
    public init(create: KeyCreate, lifetime: UInt64?, budget: BudgetID) {
      self.create = create
      self.lifetime = lifetime
      self.budget = budget
    }
  }
}
