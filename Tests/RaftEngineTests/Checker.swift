import ExchangeTypes
import RaftEngine

/// Knows everything that any member ever committed, and what Raft promises about it (Raft, figure 3).
final class Checker {
  var violations: [String] = []
  private(set) var elections = 0
  private var leaders: [Term: UInt64] = [:]
  private var log: [(entry: LogEntry, committedIn: Term)] = []

  var committedCount: Int { log.count }

  /// State machine safety: one index, one entry, on every member and for ever.
  func committed(_ entry: LogEntry, at index: LogIndex, by node: UInt64, in term: Term) {
    let place = Int(index.rawValue) - 1
    if place < log.count {
      if log[place].entry != entry {
        violations.append("state machine safety: n\(node) applied another entry at \(index)")
      }
    } else if place == log.count {
      log.append((entry, term))
    } else {
      violations.append("n\(node) applied \(index) before anybody applied \(log.count + 1)")
    }
  }

  /// Election safety and leader completeness.
  func elected(_ node: UInt64, _ engine: RaftEngine, _ memory: MemoryLog) {
    if leaders.updateValue(node, forKey: engine.term) ?? node != node {
      violations.append("election safety: two leaders in term \(engine.term)")
    }
    elections += 1
    for place in log.indices.suffix(50) where log[place].committedIn < engine.term {
      let index = LogIndex(UInt64(place) + 1)
      guard index >= memory.first else { continue }
      if memory.entry(at: index) != log[place].entry {
        violations.append("leader completeness: n\(node) lacks \(index) in term \(engine.term)")
      }
    }
  }

  /// What the engine believes is what the disk holds.
  func check(hardState: HardState, durable: HardState?, of node: UInt64) {
    if hardState != durable ?? HardState(term: Term(0), votedFor: nil) {
      violations.append("n\(node) did not make its term and vote durable")
    }
  }
}
