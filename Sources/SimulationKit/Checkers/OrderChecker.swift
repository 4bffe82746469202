internal import ExchangeTypes

/// Acknowledged commands are one order that agrees with real time (R2), witnessed by their log indices:
/// what was asked after another's answer stands after it in the log.
///
/// The witness replaces a search: O(n log n) for runs of any length.
final class OrderChecker {
  struct Operation {
    let asked: UInt64
    let answered: UInt64
    let index: LogIndex
    let what: String
  }

  private unowned let simulation: Simulation
  private var operations: [Operation] = []

  init(_ simulation: Simulation) { self.simulation = simulation }

  func note(asked: UInt64, index: LogIndex, _ what: String) {
    operations.append(
      Operation(asked: asked, answered: simulation.clock.now, index: index, what: what))
  }

  /// Compares all operations; at the end of a run.
  func check() {
    let byAnswer = operations.sorted { $0.answered < $1.answered }
    var before: Operation?
    var next = 0
    for operation in operations.sorted(by: { $0.asked < $1.asked }) {
      while next < byAnswer.count, byAnswer[next].answered < operation.asked {
        if before.map({ $0.index < byAnswer[next].index }) ?? true { before = byAnswer[next] }
        next += 1
      }
      if let before, operation.index < before.index {
        simulation.fail(
          "R2",
          "\(operation.what) is entry \(operation.index), but was asked after \(before.what), "
            + "entry \(before.index), was answered")
      }
    }
  }
}
