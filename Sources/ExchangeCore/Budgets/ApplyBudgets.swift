internal import ExchangeTypes
internal import TokenLedger

// Budgets are made and changed; since state version 3.
//
// Who governs a budget: an administrator; a key of its account that draws on no budget itself; and a key that does,
// for what is below its own. So nobody widens what he was given.
extension Exchange {
  /// Checks: `wrong_state` (an older state version), caller, duplicate, a name, a level (that of keys, or one that is not
  /// below the parent's), `not_found` (the parent: unknown, another account's, or not the caller's to divide),
  /// `budget_closed` (the parent), `forbidden` (a tree of one's own beside the budget that one has, or for another
  /// account without `admin`), `unknown_account`, `account_closed`, `no_capacity`.
  mutating func apply(_ command: Command.BudgetCreate) throws(Rejection) -> Accepted {
    let caller = try authorizeForBudgets(command.caller)
    let hash = bodyHash(.budgetCreate(command))
    if let result = try earlier(caller, command.requestKey, hash), case .budget(let id) = result {
      return .budget(id, duplicate: true)
    }
    guard !command.name.isEmpty else { throw Rejection(.malformedRequest, ["field": "name"]) }
    guard command.level != .key else { throw Rejection(.malformedRequest, ["field": "level"]) }
    var account = command.account
    if let id = command.parent {
      let parent = try dividable(id, by: caller)
      guard parent.level < command.level else {
        throw Rejection(.malformedRequest, ["field": "level"])
      }
      account = parent.account
    } else {
      guard isAdmin(caller) || account == caller.account else {
        throw Rejection(.forbidden, ["scope": String(Scopes.admin.rawValue)])
      }
      guard isAdmin(caller) || budget(of: caller.id) == nil else {
        throw Rejection(.forbidden, ["reason": "outside_its_budget"])
      }
    }
    guard let payer = ledger[account] else {
      throw Rejection(.unknownAccount, ["account": "\(account)"])
    }
    guard !payer.isClosed else {
      throw Rejection(.accountClosed, ["account": "\(account)"])
    }
    try checkRoomForBudget(of: account)
    let id = addBudget(
      parent: command.parent, account: account, level: command.level, name: command.name, key: nil,
      limits: command.limits)
    remember(caller, command.requestKey, hash, .budget(id))
    return .budget(id, duplicate: false)
  }

  /// Checks: `wrong_state` (an older state version), caller, `not_found` (unknown, another account's, or not below the
  /// caller's own).
  ///
  /// A limit below what is held and spent refuses new holds, and takes none back. Closing leaves the limits as they are.
  mutating func apply(_ command: Command.BudgetSet) throws(Rejection) -> Accepted {
    let caller = try authorizeForBudgets(command.caller)
    guard let budget = budgets[command.budget.rawValue], governs(caller, budget) else {
      throw Rejection(.notFound, ["budget": "\(command.budget)"])
    }
    budgets.update(budget.id.rawValue) {
      $0.isClosed = command.isClosed
      if !command.isClosed { $0.limits = command.limits }
    }
    return .budgetSet(budget.id)
  }

  /// Checks: `wrong_state` (an older state version), the lifetime, then as `KeyCreate`, with the budget after its
  /// scopes: `not_found` (unknown, another account's, or not the caller's to divide), `budget_closed`, `no_capacity`.
  mutating func apply(_ command: Command.KeyIssueBudgeted) throws(Rejection) -> Accepted {
    if let lifetime = command.lifetime { try checkSpan(lifetime, "lifetime", least: 1) }
    return try create(
      command.create, named: bodyHash(.keyIssueBudgeted(command)), lifetime: command.lifetime,
      under: command.budget)
  }

  // MARK: Parts

  private func authorizeForBudgets(_ id: KeyID) throws(Rejection) -> APIKey {
    let caller = try authorize(id, [])
    try requireUndelegated(caller)
    guard !caller.scopes.isDisjoint(with: [.submit, .admin]) else {
      throw Rejection(.forbidden, ["scope": String(Scopes.submit.rawValue)])
    }
    return caller
  }

  private func isAdmin(_ caller: APIKey) -> Bool { caller.scopes.contains(.admin) }

  /// Whether a caller may change a budget.
  private func governs(_ caller: APIKey, _ budget: Budget) -> Bool {
    if isAdmin(caller) { return true }
    guard budget.account == caller.account else { return false }
    guard let own = self.budget(of: caller.id) else { return true }
    return budget.id != own && path(from: budget.id).contains(own)
  }

  /// The budget that a new one may become a part of: one that the caller governs, or draws on.
  func dividable(_ id: BudgetID, by caller: APIKey) throws(Rejection) -> Budget {
    guard let budget = budgets[id.rawValue],
      governs(caller, budget) || self.budget(of: caller.id) == id
    else { throw Rejection(.notFound, ["budget": "\(id)"]) }
    guard !budget.isClosed else { throw Rejection(.budgetClosed, ["budget": "\(id)"]) }
    return budget
  }

  /// The budget that a new key becomes a part of: the one that is named, or else the caller's own, so that no
  /// key makes another that may spend more.
  func budgetForKey(
    of account: AccountID, named id: BudgetID?, by caller: APIKey
  ) throws(Rejection) -> BudgetID? {
    guard let id = id ?? (isAdmin(caller) ? nil : budget(of: caller.id)) else { return nil }
    let parent = try dividable(id, by: caller)
    guard parent.account == account else { throw Rejection(.notFound, ["budget": "\(id)"]) }
    guard path(from: id).count < limits.budgetDepthMax else {
      throw Rejection(.noCapacity, ["depth": "\(limits.budgetDepthMax)"])
    }
    try checkRoomForBudget(of: account)
    return id
  }

  /// Whether a caller who draws on a budget may change a key: only those that draw on his own.
  func isWithinBudget(_ key: APIKey, of caller: APIKey) -> Bool {
    guard !isAdmin(caller), key.id != caller.id, let own = budget(of: caller.id) else {
      return true
    }
    return budget(of: key.id).map { path(from: $0).contains(own) } ?? false
  }

  func checkRoomForBudget(of account: AccountID) throws(Rejection) {
    let own = indexes.accounts[account]?.budgets.count ?? 0
    guard own < limits.budgetsPerAccountMax, budgets.count < limits.budgetsMax else {
      throw Rejection(
        .noCapacity, ["budgets": "\(own)", "limit": "\(limits.budgetsPerAccountMax)"])
    }
  }

  @discardableResult
  mutating func addBudget(
    parent: BudgetID?, account: AccountID, level: BudgetLevel, name: String, key: KeyID?,
    limits: BudgetLimits
  ) -> BudgetID {
    // Numbered with requests, invitations and certificates: the numbers grow, and none is given twice.
    let budget = Budget(
      id: BudgetID(meta.nextRequest), parent: parent, account: account, level: level, name: name,
      key: key, limits: limits)
    meta.nextRequest += 1
    budgets.insert(budget)
    indexes.enter(budget)
    return budget.id
  }
}

extension BudgetLevel {
  /// Whether it is above another.
  static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
