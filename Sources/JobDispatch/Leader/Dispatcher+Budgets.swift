internal import ExchangeCore
internal import ExchangeTypes
internal import TokenLedger
internal import WireProtocol

// Budgets: made, changed, listed, and keys that draw on them.
extension Dispatcher {
  /// The most entries of an answer.
  private static let budgetsMax = 256

  /// Answers a request to change budgets.
  func changeBudgets(_ message: Message, from caller: Caller, _ answer: @escaping Answer) {
    switch message {
    case .budgetCreate(let message):
      change(
        .budgetCreate(
          .init(
            caller: caller.key, requestKey: message.requestKey,
            account: message.account == AccountID(0) ? caller.account : message.account,
            parent: message.parent == BudgetID(0) ? nil : message.parent, level: message.level,
            name: message.name,
            limits: BudgetLimits(
              perDay: message.perDay, perMonth: message.perMonth, total: message.total))),
        from: caller, answer
      ) { [weak self] in
        guard case .budget(let id, _) = $0 else { return nil }
        return self?.budgetReport(id)
      }
    case .budgetSet(let message):
      change(
        .budgetSet(
          .init(
            caller: caller.key, budget: message.budget,
            limits: BudgetLimits(
              perDay: message.perDay, perMonth: message.perMonth, total: message.total),
            isClosed: message.closed)), answer
      ) { [weak self] in
        guard case .budgetSet(let id) = $0 else { return nil }
        return self?.budgetReport(id)
      }
    default:
      preconditionFailure("not a change of budgets: \(message)")
    }
  }

  /// Answers an account's budgets: to a key that draws on one, that and what is below it.
  func listBudgets(_ message: BudgetList, from caller: Caller, _ answer: Answer) {
    let id = message.account == AccountID(0) ? caller.account : message.account
    let isAdmin = caller.scopes.contains(.admin)
    guard id == caller.account || isAdmin, exchange.account(id) != nil else {
      return answer(
        Failure(refusing: .unknownAccount, "there is no account \(id) that this key may see"))
    }
    let limit = min(max(Int(message.limit), 1), Self.budgetsMax)
    let own = isAdmin ? nil : exchange.budget(of: caller.key)
    // Budgets are numbered after those that they are a part of: nothing below one's own is before it.
    let after = own.map { max(message.after, BudgetID($0.rawValue - 1)) } ?? message.after
    var found: [Budget] = []
    var last = after
    while found.count <= limit {
      let page = exchange.budgets(of: id, after: last, limit: Self.budgetsMax)
      guard let end = page.last else { break }
      last = end.id
      found += page.filter { budget in own.map { exchange.isPart(budget.id, of: $0) } ?? true }
    }
    answer(
      BudgetListing(budgets: found.prefix(limit).map(summary), more: found.count > limit))
  }

  private func budgetReport(_ id: BudgetID) -> (any WireMessage)? {
    exchange.budget(id).map { BudgetReport(summary: summary(of: $0)) }
  }

  func summary(of budget: Budget) -> BudgetSummary {
    let now = queue.now
    func left(_ window: BudgetWindow) -> UInt64 {
      window.end(after: now).map { $0.rawValue - now.rawValue } ?? .max
    }
    return BudgetSummary(
      budget: budget.id, parent: budget.parent ?? BudgetID(0), account: budget.account,
      level: budget.level, name: budget.name, key: budget.key ?? KeyID(0),
      perDay: budget.limits.perDay, perMonth: budget.limits.perMonth, total: budget.limits.total,
      closed: budget.isClosed, held: budget.held,
      spentInDay: budget.spent(in: .day, at: now),
      spentInMonth: budget.spent(in: .month, at: now), spent: budget.spent,
      dayEndsInMs: left(.day), monthEndsInMs: left(.month))
  }
}
