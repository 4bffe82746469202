internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import TokenLedger

/// What must hold of the state machine at every index: replicas agree (P4), the books balance and holds
/// are those of open jobs (P3), and a job ends once.
///
/// It is told of every entry that any replica applies, a restarted one's replay included.
final class StateChecker {
  private unowned let simulation: Simulation
  private var digests: [StateDigest] = []
  private var ended: Set<JobID> = []
  /// The entries that moved credit, by the names of their requests.
  private var orders: [RequestKey: LogIndex] = [:]
  /// How often each batch job has given way.
  private var preemptions: [JobID: UInt8] = [:]
  /// Holds are compared with open jobs after so many entries.
  private static let holdsInterval = 64

  init(_ simulation: Simulation) { self.simulation = simulation }

  /// How many entries have been applied by somebody.
  var lastIndex: Int { digests.count }

  func observe(
    _ coordinator: SimulatedCoordinator, _ replica: Replica, _ applied: Applied, at index: LogIndex
  ) {
    let place = Int(index.rawValue)
    if digests.count <= place {
      digests += Array(repeating: StateDigest(), count: place + 1 - digests.count)
    }
    let exchange = replica.exchange
    let digest = exchange.digest
    if digests[place] != StateDigest() {
      if digests[place] != digest {
        simulation.fail("P4", "\(coordinator.name) has another state at \(index)")
      }
      return
    }
    digests[place] = digest
    simulation.clock.note(digest.lanes.0)
    if !exchange.ledger.isBalanced {
      simulation.fail("P3", "the books do not balance at \(index)")
    }
    if place % Self.holdsInterval == 0 { checkHolds(exchange, at: index) }
    noteOutcomes(applied, of: replica)
    noteAccountOrders(applied, of: coordinator, at: index)
    noteEffects(applied, exchange, at: index)
  }

  /// A snapshot gives a replica the state that others had at its index.
  ///
  /// That of the last command before it, where it ends with an entry that is none: a change of the members.
  func installed(_ coordinator: SimulatedCoordinator, _ replica: Replica, at index: LogIndex) {
    let known = digests.prefix(Int(index.rawValue) + 1).last { $0 != StateDigest() }
    guard known == replica.exchange.digest else {
      return simulation.fail(
        "P4", "\(coordinator.name) installed a state at \(index) that nobody had")
    }
  }

  /// The holds of every account and of every budget are those of the open jobs that draw on it.
  func checkHolds(_ exchange: Exchange, at index: LogIndex) {
    var held: [AccountID: UInt64] = [:]
    var drawn: [BudgetID: UInt64] = [:]
    for job in exchange.openJobs(limit: .max) {
      held[job.account, default: 0] += job.held.rawValue
      for budget in job.budget.map({ exchange.path(from: $0) }) ?? [] {
        drawn[budget, default: 0] += job.held.rawValue
      }
    }
    for account in exchange.ledger.accounts(limit: .max) {
      for budget in exchange.budgets(of: account.id, limit: .max)
      where budget.held.rawValue != drawn[budget.id] ?? 0 {
        simulation.fail(
          "P3",
          "budget \(budget.id) holds \(budget.held) at \(index), the open jobs that draw on it \(drawn[budget.id] ?? 0)"
        )
      }
    }
    for account in exchange.ledger.accounts(limit: .max)
    where account.debitsHeld.rawValue != held[account.id] ?? 0 {
      simulation.fail(
        "P3",
        "account \(account.id) holds \(account.debitsHeld) at \(index), its open jobs hold \(held[account.id] ?? 0)"
      )
    }
  }

  /// A key that is announced was durable on a majority of those who voted, dead and replaced coordinators among them.
  ///
  /// One voter may have been added since they were counted: changes come one at a time, and are in force before they are committed.
  private func checkHolders(of key: UInt64, _ replica: Replica) {
    let voters = replica.voters.count
    let holders = (simulation.coordinators + simulation.former).count {
      $0.keyring.held.contains(key)
    }
    if holders <= (voters - 1) / 2 {
      simulation.fail("P5", "wrapping key \(key) is current, and in \(holders) keyrings only")
    }
  }

  /// After a change of members a majority of those who vote has every key that is needed (decision 58).
  func checkKeys(of replica: Replica) {
    let voters = (simulation.coordinators + simulation.former).filter {
      replica.voters.contains($0.id)
    }
    for key in replica.exchange.wrappingKeysNeeded {
      let holders = voters.count { $0.keyring.held.contains(key) }
      if holders <= replica.voters.count / 2 {
        simulation.fail(
          "P5",
          "wrapping key \(key) is needed, and \(holders) of \(replica.voters.count) voters have it")
      }
    }
  }

  private func noteOutcomes(_ applied: Applied, of replica: Replica) {
    for case .accepted(let accepted) in applied.outcomes {
      switch accepted {
      case .submitted(let job) where job.duplicate: simulation.mark(.duplicateSubmission)
      case .orphaned: simulation.mark(.orphaned)
      case .wrappingKey(let key): checkHolders(of: key, replica)
      case .adopted: simulation.mark(.adopted)
      case .cancelled(_, .cancelling): simulation.mark(.cancelledRunning)
      case .partsStored: simulation.mark(.promptInParts)
      default: break
      }
    }
  }

  /// Where what moves credit stands in the log, under its request's name.
  private func noteAccountOrders(
    _ applied: Applied, of coordinator: SimulatedCoordinator, at index: LogIndex
  ) {
    let moves = applied.outcomes.map { outcome in
      switch outcome {
      case .accepted(.credited(_, duplicate: false)),
        .accepted(.transferred(first: _, count: _, duplicate: false)):
        true
      default: false
      }
    }
    guard moves.contains(true) else { return }
    // What is applied is on this coordinator's disk.
    guard let entry = try? coordinator.disk.entries(from: index, countMax: 1, bytesMax: 1).first,
      let batch = try? CommandBatch(payload: entry.payload), batch.commands.count == moves.count
    else { return simulation.fail("P1", "entry \(index) was applied, and cannot be read") }
    for (command, didMove) in zip(batch.commands, moves) where didMove {
      switch command {
      case .accountCredit(let order): orders[order.requestKey] = index
      case .transfer(let order): orders[order.requestKey] = index
      case .transferReverse(let order): orders[order.requestKey] = index
      default: break
      }
    }
  }

  /// A client was told that what it ordered for accounts is done: it stands in the log behind all that was told before it was asked.
  func acknowledged(_ request: RequestKey, asked: UInt64, _ what: String) {
    guard let index = orders[request] else {
      return simulation.fail("P1", "\(what) was acknowledged, and nobody has applied it")
    }
    simulation.order.note(asked: asked, index: index, what)
  }

  private func noteEffects(_ applied: Applied, _ exchange: Exchange, at index: LogIndex) {
    for effect in applied.effects {
      switch effect {
      case .jobRequeued(let id):
        simulation.mark(.jobRequeued)
        if let job = exchange.job(id), job.preemptions > preemptions[id] ?? 0 {
          preemptions[id] = job.preemptions
          simulation.mark(.gaveWay)
          if job.jobClass != .batch || job.preemptions > 2 {
            simulation.fail("R", "a \(job.jobClass) job, \(id), gave way \(job.preemptions) times")
          }
        }
        if exchange.job(id)?.record.isEmpty == false { simulation.mark(.wentOnElsewhere) }
      case .jobEnded(let id):
        if !ended.insert(id).inserted {
          simulation.fail("P3", "job \(id) ended a second time at \(index)")
        }
        if exchange.job(id)?.ending?.state == .expired { simulation.mark(.jobExpired) }
        // A majority of the voters has every key that is needed, whoever was replaced.
        if exchange.job(id)?.ending?.error == .keyUnavailable {
          simulation.fail("P1", "job \(id) ended since nobody had its key")
        }
      default: break
      }
    }
  }
}
