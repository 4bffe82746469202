import SimulationKit
import Testing

/// Histories whose verdict is known, for the search that judges the others.
@Suite("Linearizability")
struct LinearizabilityTests {
  private typealias Operation = HistoryOperation<CreditedAccount.Call, UInt64>

  private static func credit(_ amount: UInt64, _ asked: UInt64, _ answered: UInt64) -> Operation {
    Operation(.credit(amount), asked: asked, answered: answered, answer: 0)
  }

  private static func read(_ found: UInt64, _ asked: UInt64, _ answered: UInt64) -> Operation {
    Operation(.read, asked: asked, answered: answered, answer: found)
  }

  private func isExplained(_ history: [Operation]) -> Bool {
    LinearizabilitySearch.finds(history, on: CreditedAccount())
  }

  @Test("what happened one after the other is seen so")
  func sequential() {
    #expect(isExplained([]))
    #expect(isExplained([Self.credit(5, 0, 1), Self.read(5, 2, 3)]))
    #expect(!isExplained([Self.credit(5, 0, 1), Self.read(0, 2, 3)]), "a stale read")
    #expect(!isExplained([Self.read(5, 0, 1), Self.credit(5, 2, 3)]), "a read of the future")
    #expect(!isExplained([Self.credit(5, 0, 1), Self.read(10, 2, 3)]), "credit given twice")
  }

  @Test("what overlaps may be seen in either order, by everybody in the same")
  func overlapping() {
    #expect(isExplained([Self.credit(5, 0, 10), Self.read(0, 1, 9)]))
    #expect(isExplained([Self.credit(5, 0, 10), Self.read(5, 1, 9)]))
    // The first reader saw it, so the second, who asked later, must as well.
    #expect(isExplained([Self.credit(5, 0, 10), Self.read(5, 1, 2), Self.read(5, 3, 4)]))
    #expect(!isExplained([Self.credit(5, 0, 10), Self.read(5, 1, 2), Self.read(0, 3, 4)]))
    let two = [Self.credit(1, 0, 10), Self.credit(2, 0, 10)]
    #expect(isExplained(two + [Self.read(1, 1, 2), Self.read(3, 3, 4)]))
    #expect(!isExplained(two + [Self.read(1, 1, 2), Self.read(2, 3, 4)]))
    // A moment that two have in common orders nothing.
    #expect(isExplained([Self.credit(5, 0, 3), Self.read(0, 3, 4)]))
  }

  @Test("what nobody was told of may have happened at any later time, or never")
  func unanswered() {
    let unknown = Operation(unanswered: .credit(5), asked: 2)
    #expect(isExplained([unknown, Self.read(0, 3, 4), Self.read(5, 5, 6)]))
    #expect(isExplained([unknown, Self.read(0, 3, 4), Self.read(0, 5, 6)]))
    #expect(!isExplained([unknown, Self.read(5, 3, 4), Self.read(0, 5, 6)]))
    #expect(!isExplained([unknown, Self.read(5, 0, 1)]), "before it was asked for")
  }

  @Test("a request has one job, and a later request a later one")
  func requests() {
    func isExplained(_ history: [HistoryOperation<UInt64, UInt64>]) -> Bool {
      LinearizabilitySearch.finds(history, on: NumberedRequests())
    }
    func submit(
      _ request: UInt64, _ job: UInt64, _ asked: UInt64, _ answered: UInt64
    ) -> HistoryOperation<UInt64, UInt64> {
      HistoryOperation(request, asked: asked, answered: answered, answer: job)
    }
    #expect(isExplained([submit(1, 7, 0, 1), submit(2, 9, 2, 3), submit(1, 7, 4, 5)]))
    #expect(isExplained([submit(1, 9, 0, 5), submit(2, 7, 1, 4)]), "they overlap")
    #expect(
      !isExplained([submit(1, 9, 0, 1), submit(2, 7, 2, 3)]), "the later has the earlier job")
    #expect(!isExplained([submit(1, 7, 0, 9), submit(1, 8, 0, 9)]), "one request, two jobs")
    #expect(!isExplained([submit(1, 7, 0, 9), submit(2, 7, 0, 9)]), "two requests, one job")
  }

  @Test("a history as long as the longest is judged at once, right or wrong")
  func longest() {
    // Eight clients, each with eight credits of one; every one overlaps those of the other clients.
    var history: [Operation] = []
    for round in 0..<7 as Range<UInt64> {
      for client in 0..<8 as Range<UInt64> {
        history.append(Self.credit(1, round * 100 + client, round * 100 + 50))
      }
    }
    for round in 1...7 as ClosedRange<UInt64> {
      history.append(Self.read(round * 8, round * 100 - 40, round * 100 - 30))
    }
    #expect(isExplained(history))
    history.append(Self.read(55, 700, 701))
    #expect(!isExplained(history))
  }
}
