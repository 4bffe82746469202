import ExchangeTypes
import Testing
import TokenLedger

@Suite("Budgets")
struct BudgetTests {
  private static let day: UInt64 = 86_400_000

  private func budget(day: UInt64? = nil, month: UInt64? = nil, total: UInt64? = nil) -> Budget {
    Budget(
      id: BudgetID(1), parent: nil, account: AccountID(3), level: .team, name: "b", key: nil,
      limits: BudgetLimits(
        perDay: day.map { Credits(nano: $0) }, perMonth: month.map { Credits(nano: $0) },
        total: total.map { Credits(nano: $0) }))
  }

  private func at(day: UInt64) -> LogTime { LogTime(milliseconds: day * Self.day + 5) }

  private func exceeded(_ window: BudgetWindow, _ needed: UInt64, _ left: UInt64) -> BudgetRefusal {
    .exceeded(BudgetID(1), window, needed: Credits(nano: needed), left: Credits(nano: left))
  }

  @Test("a hold is within what is left of each window, and exactly that much is allowed")
  func windows() {
    var budget = budget(day: 10, month: 15, total: 18)
    let first = at(day: 0)
    #expect(budget.refusal(ofHold: Credits(nano: 11), at: first) == exceeded(.day, 11, 10))
    #expect(budget.refusal(ofHold: Credits(nano: 10), at: first) == nil)
    budget.hold(Credits(nano: 10))
    #expect(budget.refusal(ofHold: Credits(nano: 1), at: first) == exceeded(.day, 1, 0))
    budget.settle(hold: Credits(nano: 10), spending: Credits(nano: 9), at: first)
    #expect(budget.refusal(ofHold: Credits(nano: 2), at: first) == exceeded(.day, 2, 1))
    // The next day: the day is new, the month is not.
    let second = at(day: 1)
    #expect(budget.spent(in: .day, at: second) == .zero)
    #expect(budget.refusal(ofHold: Credits(nano: 7), at: second) == exceeded(.month, 7, 6))
    budget.hold(Credits(nano: 6))
    budget.settle(hold: Credits(nano: 6), spending: Credits(nano: 6), at: second)
    // The next month: only what was ever spent counts on.
    let later = at(day: 30)
    #expect(budget.refusal(ofHold: Credits(nano: 4), at: later) == exceeded(.total, 4, 3))
    #expect(budget.refusal(ofHold: Credits(nano: 3), at: later) == nil)
    #expect(budget.spent == Credits(nano: 15))
    #expect(BudgetWindow.day.end(after: second) == LogTime(milliseconds: 2 * Self.day))
    #expect(BudgetWindow.total.end(after: second) == nil)
  }

  @Test("what is held over midnight counts in the new day, and is spent in the one that it ends in")
  func midnight() {
    var budget = budget(day: 10)
    budget.hold(Credits(nano: 8))
    let tomorrow = at(day: 1)
    #expect(budget.refusal(ofHold: Credits(nano: 3), at: tomorrow) == exceeded(.day, 3, 2))
    budget.settle(hold: Credits(nano: 8), spending: Credits(nano: 7), at: tomorrow)
    #expect(budget.spent(in: .day, at: tomorrow) == Credits(nano: 7))
    #expect(budget.left(in: .day, at: tomorrow) == Credits(nano: 3))
  }

  @Test("closed, or lowered below what is used: nothing more, and no sum overflows")
  func closed() {
    var budget = budget(total: .max)
    budget.hold(Credits(nano: .max - 1))
    #expect(budget.refusal(ofHold: Credits(nano: 2), at: at(day: 0)) == exceeded(.total, 2, 1))
    budget.limits = BudgetLimits(total: Credits(nano: 5))
    #expect(budget.refusal(ofHold: Credits(nano: 1), at: at(day: 0)) == exceeded(.total, 1, 0))
    budget.limits = BudgetLimits()
    #expect(budget.refusal(ofHold: Credits(nano: 1), at: at(day: 0)) == nil)
    #expect(budget.refusal(ofHold: Credits(nano: 9), at: at(day: 0)) == exceeded(.total, 9, 0))
    budget.isClosed = true
    #expect(budget.refusal(ofHold: .zero, at: at(day: 0)) == .closed(BudgetID(1)))
    budget.settle(hold: Credits(nano: .max - 1), spending: .zero, at: at(day: 0))
    #expect(budget.held == .zero)
  }

  @Test("reads what it wrote: all but what is held, which follows from jobs")
  func codec() throws {
    var budget = Budget(
      id: BudgetID(7), parent: BudgetID(2), account: AccountID(3), level: .key, name: "ü",
      key: KeyID(4), limits: BudgetLimits(perDay: Credits(nano: 5), total: Credits(nano: 9)))
    budget.hold(Credits(nano: 4))
    budget.settle(hold: Credits(nano: 2), spending: Credits(nano: 1), at: at(day: 31))
    budget.isClosed = true
    var writer = CanonicalWriter()
    budget.write(to: &writer)
    var reader = CanonicalReader(writer.bytes)
    var read = try Budget(id: BudgetID(7), nameBytesMax: 8, from: &reader)
    try reader.finish()
    #expect(read.held == .zero && budget.held == Credits(nano: 2))
    read.restoreHeld(budget.held)
    #expect(read == budget)
  }
}
