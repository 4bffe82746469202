internal import ExchangeCore
internal import ExchangeTypes
internal import TokenLedger
internal import WireProtocol

// What a key is told of itself.
extension Dispatcher {
  /// A key's own standing: what it may spend, and with the scope `read` or `admin` what its account has and the budgets
  /// above its own.
  func standing(of caller: Caller) -> (any WireMessage)? {
    guard let key = exchange.key(caller.key) else { return nil }
    let mayRead = !caller.scopes.isDisjoint(with: [.read, .admin])
    let now = queue.now
    let path = exchange.budget(of: key.id).map { exchange.path(from: $0) } ?? []
    let budgets = path.compactMap { exchange.budget($0) }
    let left = budgets.flatMap { budget in
      budget.isClosed
        ? [Credits.zero] : BudgetWindow.allCases.compactMap { budget.left(in: $0, at: now) }
    }.min()
    return Standing(
      key: KeySummary(key), life: life(of: key), rate: rateSummary(of: key.id),
      account: mayRead ? exchange.account(key.account).map { AccountSummary($0) } : nil,
      budgets: budgets.prefix(mayRead ? budgets.count : 1).map(summary), left: left)
  }
}
