internal import Consensus
internal import ExchangeTypes
internal import RaftEngine

/// A vote goes to whom it was safe to give it: to a member that holds the log, when every voter knows the members
/// that there were.
///
/// Otherwise a voter may not know that it is one, and a majority of those that are up elects nobody.
final class MembersChecker {
  /// A new voter may lack so many entries (`RaftEngine`, promotion).
  private static let lagMax: UInt64 = 64

  private unowned let simulation: Simulation
  private var known: [ReplicaID: Membership] = [:]

  init(_ simulation: Simulation) { self.simulation = simulation }

  /// A replica has other members than before; called as well when one starts.
  func observe(_ coordinator: SimulatedCoordinator, _ replica: Replica, _ members: Membership) {
    let before = known.updateValue(members, forKey: coordinator.id)
    guard let before, replica.role == .leader else { return }
    for id in members.voters where !before.voters.contains(id) && id != coordinator.id {
      check(id, before, members, by: replica)
    }
  }

  /// A log has changed: the members in force are those of its last change, whether or not that is committed.
  func check(_ coordinator: SimulatedCoordinator) {
    guard let replica = coordinator.replica, coordinator.isRunning,
      replica.lastIndex == coordinator.disk.lastEntry,
      // A write that is still to come may put other entries in the place of those on the disk: equal terms, equal logs.
      replica.term(at: replica.lastIndex) == coordinator.disk.term(at: replica.lastIndex),
      let written = coordinator.disk.membership, replica.membership != written
    else { return }
    simulation.fail(
      "P1", "\(coordinator.name) counts the votes of other members than those of its log")
  }

  private func check(
    _ promoted: ReplicaID, _ before: Membership, _ after: Membership, by leader: Replica
  ) {
    if let match = leader.matchIndex(of: promoted),
      match.rawValue + Self.lagMax + 1 < leader.lastIndex.rawValue
    {
      simulation.fail(
        "liveness", "\(promoted) gets its vote holding \(match) of \(leader.lastIndex)")
    }
    for coordinator in simulation.coordinators
    where before.voters.contains(coordinator.id) && coordinator.isUp {
      guard let members = coordinator.replica?.membership, members != before, members != after
      else { continue }
      simulation.fail(
        "liveness",
        "\(promoted) gets its vote although \(coordinator.name) does not know who votes now")
    }
  }
}
