internal import Consensus
internal import ExchangeTypes

/// At most one coordinator leads a term (Raft, election safety).
final class ElectionChecker {
  private unowned let simulation: Simulation
  private var leaders: [Term: ReplicaID] = [:]
  private(set) var elections = 0

  init(_ simulation: Simulation) { self.simulation = simulation }

  /// Who led, or leads, a term.
  func leader(of term: Term) -> ReplicaID? { leaders[term] }

  func observe(_ id: ReplicaID, _ role: Consensus.ReplicaRole, _ term: Term) {
    guard role == .elected || role == .leader else { return }
    // Of one that was elected before it was removed, and learns late that its first entry is committed, nothing is new.
    if let known = leaders[term] {
      if known != id {
        simulation.fail("P1", "\(known) and \(id) both lead term \(term)")
      }
      return
    }
    if simulation.former.contains(where: { $0.id == id }) {
      simulation.fail("P1", "\(id), which was removed, leads term \(term)")
    }
    leaders[term] = id
    elections += 1
    simulation.clock.note(term.rawValue << 8 | id.rawValue)
  }
}
