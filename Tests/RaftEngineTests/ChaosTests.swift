import ExchangeTypes
import Foundation
import RaftEngine
import Testing

/// Faults from a seed, then peace.
///
/// Crashes, cuts in both directions or one, loss, disorder, slow disks, pauses, transfers, changes of
/// membership, snapshots. Safety is checked throughout; then everything heals, and all must agree.
struct Chaos {
  let cluster: Cluster
  private var members: UInt64

  init(seed: UInt64, guards: Guards = .all) {
    var random = SeededGenerator(seed: seed)
    let voters = Bool.random(using: &random) ? 3 : 5
    let inflight = UInt32.random(in: 8...300, using: &random)
    let preVote = Int.random(in: 0..<4, using: &random) != 0
    cluster = Cluster(voters: voters, seed: seed, guards: guards) {
      $0.inflightEntriesMax = inflight
      $0.preVote = preVote
      $0.installSnapshotTimeout = 3_000
      $0.appendBytesMax = 2_000
    }
    members = UInt64(voters)
    cluster.weather.latency = 1...UInt64.random(in: 2...60, using: &random)
    cluster.weather.ordered = Bool.random(using: &random)
    cluster.weather.lossPercent = Int.random(in: 0...8, using: &random)
    if Bool.random(using: &random) {
      cluster.weather.diskLatency = 0...UInt64.random(in: 1...40, using: &random)
    }
    let every = UInt64.random(in: 50...400, using: &random)
    let trailing = UInt32.random(in: 0...60, using: &random)
    for node in cluster.nodes {
      node.snapshotEvery = every
      node.snapshotTrailing = trailing
    }
  }

  private func roll(_ limit: UInt64) -> UInt64 {
    UInt64.random(in: 0..<limit, using: &cluster.random)
  }

  mutating func run(milliseconds: UInt64) {
    let end = cluster.now + milliseconds
    while cluster.now < end, cluster.checker.violations.isEmpty {
      cluster.run(for: 1 + roll(40))
      work()
      disturb(cluster[1 + roll(members)])
    }
  }

  private func work() {
    for node in cluster.nodes where node.engine?.role.isLeader ?? false {
      guard node.pausedUntil <= cluster.now, roll(3) == 0 else { continue }
      let commands = (0...roll(20)).map { _ in
        Proposal.command((0...roll(200)).map { UInt8(truncatingIfNeeded: $0 ^ cluster.now) })
      }
      node.handle(.submit(commands))
    }
  }

  private func disturb(_ victim: ClusterNode) {
    switch roll(1_000) {
    case 0..<6: victim.crash()
    case 6..<20: if !victim.isUp { victim.start() }
    case 20..<26:
      let oneWay = roll(2) == 0
      for other in 1...members where other != victim.id {
        cluster.cut.insert(.init(from: victim.id, to: other))
        if !oneWay || roll(2) == 0 { cluster.cut.insert(.init(from: other, to: victim.id)) }
      }
    case 26..<34: cluster.heal()
    case 34..<37: awakeLeader?.handle(.transfer(nil))
    case 37..<50: changeMembership()
    case 50..<57: if victim.isUp { victim.pausedUntil = cluster.now + 200 + roll(5_800) }
    default: break
    }
  }

  private var awakeLeader: ClusterNode? {
    cluster.leader.flatMap { $0.pausedUntil <= cluster.now ? $0 : nil }
  }

  /// Demotes a voter while three stay, or brings a standby back the way an operator would.
  private func changeMembership() {
    guard let leader = awakeLeader, let engine = leader.engine else { return }
    let servers = engine.membership.servers
    let server = servers[Int(roll(UInt64(servers.count)))]
    guard server.id.rawValue != leader.id else { return }
    if server.role == .voter {
      if engine.membership.voters.count > 3 {
        leader.handle(.change(.assign(server.id, .standby)))
      }
    } else if engine.catchUpState(of: server.id) == .finished {
      if leader.ask(.change(.assign(server.id, .voter))) != nil {
        leader.handle(.catchUp(server.id))
      }
    } else {
      leader.handle(.catchUp(server.id))
    }
  }

  /// Ends all faults and waits until every member has applied the same.
  func heal() -> Bool {
    cluster.heal()
    cluster.weather.lossPercent = 0
    for node in cluster.nodes {
      node.pausedUntil = 0
      if !node.isUp { node.start() }
    }
    for round in 1...100 {
      cluster.leader?.submit("after the storm")
      cluster.run(for: 500)
      if round > 8, cluster.hasConverged { return true }
    }
    return false
  }
}

extension RaftEngineTests {
  @Suite("Chaos")
  struct ChaosTests {
    /// Seeds and virtual minutes: `RAFT_CHAOS_SEEDS=1000...1999 RAFT_CHAOS_MINUTES=60` for a long run.
    static let seeds: [UInt64] = {
      let bounds = ProcessInfo.processInfo.environment["RAFT_CHAOS_SEEDS"]?
        .split(separator: ".").compactMap { UInt64($0) }
      guard let first = bounds?.first, let last = bounds?.last, first <= last else {
        return Array(1...5)
      }
      return Array(first...last)
    }()
    static let minutes =
      ProcessInfo.processInfo.environment["RAFT_CHAOS_MINUTES"].flatMap { UInt64($0) } ?? 1

    @Test("a cluster in trouble is safe, and recovers", arguments: seeds)
    func chaos(seed: UInt64) {
      print("raft chaos: seed \(seed), \(Self.minutes) virtual minutes")
      let before = RaftHeap.outstandingBytes
      var chaos = Chaos(seed: seed)
      chaos.run(milliseconds: Self.minutes * 60_000)
      let converged = chaos.cluster.checker.violations.isEmpty && chaos.heal()
      #expect(chaos.cluster.checker.violations == [], "seed \(seed)")
      #expect(converged, "seed \(seed) does not converge: \(chaos.cluster.summary)")
      #expect(chaos.cluster.checker.committedCount > 50, "seed \(seed) hardly did anything")
      chaos.cluster.shutDown()
      #expect(RaftHeap.outstandingBytes == before, "seed \(seed) leaks")
    }

    @Test("the same seed gives the same story")
    func determinism() {
      func story() -> [String] {
        var chaos = Chaos(seed: 42)
        chaos.cluster.trace = []
        chaos.cluster.tracesMessages = true
        chaos.run(milliseconds: 5_000)
        defer { chaos.cluster.shutDown() }
        return chaos.cluster.trace ?? []
      }
      let first = story()
      #expect(first.count > 100)
      #expect(first == story())
    }
  }
}

extension Cluster {
  /// Where everybody stands, for a failed test.
  var summary: String {
    nodes.map { node in
      guard let engine = node.engine else { return "n\(node.id) down" }
      return "n\(node.id) \(engine.role) t\(engine.term) last \(engine.lastIndex) "
        + "stored \(engine.lastStored) commit \(engine.commitIndex) applied \(node.applied)"
    }
    .joined(separator: "; ")
  }
}
