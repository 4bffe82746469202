internal import Consensus
internal import ExchangeTypes

/// At most one coordinator leads a term (Raft, election safety).
final class ElectionChecker {
  private unowned let simulation: Simulation
  private var leaders: [Term: ReplicaID] = [:]
  private(set) var elections = 0
  /// Who was removed, and a term in which that was known.
  private var removed: [ReplicaID: Term] = [:]

  init(_ simulation: Simulation) { self.simulation = simulation }

  /// Who led, or leads, a term.
  func leader(of term: Term) -> ReplicaID? { leaders[term] }

  /// A coordinator has been removed, as a leader of this term knows.
  func removed(_ id: ReplicaID, in term: Term) { removed[id] = term }

  func observe(_ id: ReplicaID, _ role: Consensus.ReplicaRole, _ term: Term) {
    guard role == .elected || role == .leader else { return }
    if let known = leaders[term] {
      if known != id {
        simulation.fail("P1", "\(known) and \(id) both lead term \(term)")
      }
      return
    }
    // The votes of an earlier term may come late, and lead to nothing.
    if let last = removed[id], term > last {
      simulation.fail("P1", "\(id), which was removed, leads term \(term)")
    }
    leaders[term] = id
    elections += 1
    simulation.clock.note(term.rawValue << 8 | id.rawValue)
  }
}
