internal import Consensus
internal import ExchangeTypes
internal import RaftEngine

/// A coordinator that is replaced under a new id, step by step, as an operator does it: again until it is so.
///
/// ```
/// lost its disk, or still up ──remove──► gone ──a new process joins, add──► learner ──promote──► voter: over
///                                          └── one that was still up runs on for a while, and knocks
/// ```
/// One at a time, and only from a cluster in which everybody is up and votes: whoever is killed besides comes back, so
/// a majority of those who vote has its disks.
final class MemberReplacement {
  private static let stepTime: UInt64 = 200_000

  let old: SimulatedCoordinator
  private var newcomer: SimulatedCoordinator?
  private unowned let simulation: Simulation
  private let lane: Lane
  /// Whether the disk went first, and the member with it.
  private let losesDisk: Bool
  private let stay: UInt64
  private(set) var isOver = false
  /// The term of the last leader that was asked for something: who still believes to lead in an earlier one is none.
  private var term = Term(0)

  /// Prepares it.
  ///
  /// - Parameters:
  ///   - old: who is replaced.
  ///   - losesDisk: whether it is found without its disk, rather than removed while it runs.
  ///   - stay: microseconds for which it runs on after it was removed.
  ///   - simulation: the world.
  ///   - lane: where its steps belong.
  init(
    of old: SimulatedCoordinator, losesDisk: Bool, stay: UInt64, in simulation: Simulation,
    lane: Lane
  ) {
    self.old = old
    self.losesDisk = losesDisk
    self.simulation = simulation
    self.lane = lane
    self.stay = stay
  }

  /// Begins, and goes on until it is over.
  func begin() {
    if losesDisk {
      if old.disk.lastEntry > LogIndex(0) { simulation.count(.diskLost) }
      old.loseDisk()
    }
    goOn()
  }

  private func goOn() {
    guard !isOver, simulation.findings.isEmpty else { return }
    step()
    guard !isOver else { return }
    simulation.clock.schedule(at: simulation.clock.now + Self.stepTime, lane: lane) { [self] in
      goOn()
    }
  }

  private func step() {
    guard let leader = simulation.leader, let replica = leader.replica, !leader.isReconfiguring,
      replica.term >= term
    else { return }
    term = replica.term
    if let member = replica.membership.server(old.id), !member.isRetired {
      // Whom it was to remove leads meanwhile: then it stays.
      if leader === old {
        isOver = true
        return
      }
      return leader.reconfigure(.remove(old.id))
    }
    // A leader has committed something in its term, and so the removal that its log has.
    guard let newcomer else { return join() }
    switch replica.membership.server(newcomer.id)?.role {
    case .voter:
      simulation.count(.memberReplaced)
      if losesDisk { simulation.mark(.lostMemberReplaced) }
      isOver = true
    case .standby, .spare: leader.reconfigure(.promote(newcomer.id))
    case nil: leader.reconfigure(.add(newcomer.id, address: newcomer.name))
    }
  }

  private func join() {
    let newcomer = simulation.replace(old, in: term)
    self.newcomer = newcomer
    newcomer.boot()
    let old = old
    simulation.clock.schedule(at: simulation.clock.now + stay, lane: lane) { old.loseDisk() }
  }
}
