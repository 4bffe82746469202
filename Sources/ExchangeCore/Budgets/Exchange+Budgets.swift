public import ExchangeTypes
public import TokenLedger

// What jobs draw on budgets, and what can be asked about them.
extension Exchange {
  /// A budget, closed ones too.
  public func budget(_ id: BudgetID) -> Budget? { budgets[id.rawValue] }

  /// The budget that a key draws on; nil if its account's credit is all that bounds it.
  public func budget(of key: KeyID) -> BudgetID? { indexes.keyBudgets[key] }

  /// An account's budgets after one, in the order of their making.
  public func budgets(
    of account: AccountID, after id: BudgetID = BudgetID(0), limit: Int
  ) -> [Budget] {
    indexes.accounts[account]?.budgets.prefix(after: id, limit: limit)
      .compactMap { budgets[$0.rawValue] } ?? []
  }

  /// Whether a budget is another, or below it.
  public func isPart(_ id: BudgetID, of other: BudgetID) -> Bool { path(from: id).contains(other) }

  /// Whether a key is told of another: an administrator's of all, one that draws on a budget of those that draw on it too, a
  /// delegation's of itself alone, any other of its account's.
  public func isVisible(_ key: APIKey, to caller: KeyID) -> Bool {
    guard key.id != caller else { return true }
    guard let caller = keys[caller.rawValue] else { return false }
    if caller.scopes.contains(.admin) { return true }
    return key.account == caller.account && delegation(of: caller.id) == nil
      && isWithinBudget(key, of: caller)
  }

  /// A budget and those that it is a part of, itself first.
  public func path(from id: BudgetID) -> [BudgetID] {
    var path: [BudgetID] = []
    var next: BudgetID? = id
    while let id = next, let budget = budgets[id.rawValue] {
      path.append(id)
      next = budget.parent
    }
    return path
  }

  /// Refuses a hold that one of the budgets does not allow, the key's own first.
  func checkBudgets(
    ofHold amount: Credits, for key: KeyID, at time: LogTime
  ) throws(Rejection) {
    var next = budget(of: key)
    while let id = next, let budget = budgets[id.rawValue] {
      if let refusal = budget.refusal(ofHold: amount, at: time) {
        throw Rejection(budget: refusal)
      }
      next = budget.parent
    }
  }

  /// Draws a hold on every budget at once.
  ///
  /// - Precondition: `checkBudgets` has not refused it.
  mutating func drawBudgets(hold amount: Credits, from own: BudgetID) {
    var next: BudgetID? = amount > .zero ? own : nil
    while let id = next {
      budgets.updateUnstored(id.rawValue) {
        $0.hold(amount)
        next = $0.parent
      }
    }
  }

  /// The budget of a key whose row is gone goes too, unless something is held on it or another budget is a part of it;
  /// and with the last part, so does what it was a part of.
  ///
  /// To be called whenever one of these three may have come true of `id`: nobody would ask again.
  mutating func dropUnusedBudgets(from id: BudgetID) {
    var next: BudgetID? = id
    while let id = next, let budget = budgets[id.rawValue], let key = budget.key,
      keys[key.rawValue] == nil, budget.held == .zero, indexes.budgetParts[id] == nil
    {
      indexes.leave(budget)
      budgets.remove(id.rawValue)
      next = budget.parent
    }
  }

  /// Closes a job's hold on every budget.
  mutating func settleBudgets(of job: Job, spending charge: Credits) {
    // What nothing is held on may be gone before its jobs.
    guard job.hold > .zero, let own = job.budget else { return }
    let now = meta.logTime
    var next: BudgetID? = own
    func settle(_ budget: inout Budget) {
      budget.settle(hold: job.hold, spending: charge, at: now)
      next = budget.parent
    }
    while let id = next {
      if charge == .zero {
        budgets.updateUnstored(id.rawValue, settle)
      } else {
        budgets.update(id.rawValue, settle)
      }
    }
    dropUnusedBudgets(from: own)
  }

  /// Holds on every budget what the open jobs below it do, after a restart; answers whether it can.
  mutating func restoreBudgetHolds() -> Bool {
    for id in indexes.open.sorted {
      guard let job = jobs[id.rawValue], let own = job.budget else { continue }
      for budget in path(from: own) {
        guard let held = budgets[budget.rawValue]?.held.adding(job.hold) else { return false }
        budgets.updateUnstored(budget.rawValue) { $0.restoreHeld(held) }
      }
    }
    return true
  }
}

extension Rejection {
  /// A budget's refusal in the words of the wire.
  init(budget refusal: BudgetRefusal) {
    switch refusal {
    case .closed(let id): self.init(.budgetClosed, ["budget": "\(id)"])
    case .exceeded(let id, let window, let needed, let left):
      self.init(
        .budgetExceeded,
        ["budget": "\(id)", "window": "\(window)", "needed": "\(needed)", "left": "\(left)"])
    }
  }
}

extension Budget: StoredRow {
  static var table: Table { .budgets }
  var rowKey: UInt64 { id.rawValue }

  func encode(into writer: inout CanonicalWriter) { write(to: &writer) }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    try self.init(
      id: BudgetID(key), nameBytesMax: Command.Limits.nameBytesMax, from: &reader)
  }
}
