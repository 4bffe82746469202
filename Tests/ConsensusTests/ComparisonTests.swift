import ExchangeCore
import ExchangeTypes
import Testing

@testable import Consensus

@Suite("States are compared at marked indices")
struct ComparisonTests {
  private let ids = (1...5).map { ReplicaID(UInt64($0)) }

  /// A digest that only `name` has.
  private func digest(_ name: UInt8) -> StateDigest {
    StateDigest(table: 0, key: [name], value: [])
  }

  private func statement(_ index: UInt64, _ name: UInt8, asks: Bool = false) -> StateStatement {
    StateStatement(versionMax: 2, index: LogIndex(index), digest: digest(name), asks: asks)
  }

  /// Replica 1, which has applied index 10 with digest 0.
  private func comparison() -> StateComparison {
    var comparison = StateComparison(
      versionMax: 2, applied: LogIndex(9), digest: digest(9))
    _ = comparison.applied(LogIndex(10), digest(0))
    return comparison
  }

  @Test(
    "only who is outside a majority of the voters with one digest is found",
    arguments: [
      // What the others state, of how many voters, and whether replica 1 is outside.
      ([0, 0], 3, false), ([0, 7], 3, false), ([7, 7], 3, true), ([7, 8], 3, false),
      ([7], 2, false), ([7], 3, false), ([0, 0, 7, 7], 5, false), ([7, 7, 7, 0], 5, true),
      ([7, 7, 8, 8], 5, false), ([7, 7], 5, false), ([7, 7, 7], 3, true),
    ] as [([UInt8], Int, Bool)])
  func verdict(stated: [UInt8], voters: Int, isOutside: Bool) {
    var comparison = comparison()
    for (place, name) in stated.enumerated() {
      _ = comparison.received(statement(10, name), from: ids[place + 1])
    }
    let found = comparison.verdict(self: ids[0], voters: Array(ids.prefix(voters)))
    #expect((found != nil) == isOutside, "\(String(describing: found))")
  }

  @Test("a statement about what is not applied here waits; a newer one does not take its place")
  func ahead() {
    var comparison = comparison()
    #expect(comparison.received(statement(12, 7, asks: true), from: ids[1]) == nil)
    _ = comparison.received(statement(12, 7), from: ids[2])
    _ = comparison.received(statement(15, 8, asks: true), from: ids[1])
    let voters = Array(ids.prefix(3))
    #expect(comparison.verdict(self: ids[0], voters: voters) == nil)
    #expect(comparison.applied(LogIndex(11), digest(1)).isComparable == false)
    let (answer, isComparable) = comparison.applied(LogIndex(12), digest(2))
    #expect(answer == statement(12, 2))
    #expect(isComparable)
    let found = comparison.verdict(self: ids[0], voters: voters)
    #expect(
      found == StateDivergence(index: LogIndex(12), digest: digest(2), majority: digest(7)))
  }

  @Test("an index that is no longer known is answered without a digest, and compared with nobody's")
  func forgotten() {
    var comparison = comparison()
    for index in 11...UInt64(11 + 3 * StateComparison.digestsMax) {
      _ = comparison.applied(LogIndex(index), digest(1))
    }
    let answer = comparison.received(statement(10, 7, asks: true), from: ids[1])
    #expect(answer?.index == LogIndex(0))
    _ = comparison.received(statement(10, 7), from: ids[2])
    #expect(comparison.verdict(self: ids[0], voters: Array(ids.prefix(3))) == nil)
  }

  @Test("a leader marks what is new, and asks again while somebody is silent or supports less")
  func marks() {
    var comparison = comparison()
    let others = Array(ids[1...2])
    func due(_ applied: UInt64, _ now: UInt64) -> StateStatement? {
      comparison.dueMark(applied: LogIndex(applied), members: others, now: now)
    }
    #expect(due(10, 5_000) == nil, "it does not lead")
    comparison.leadershipBegan()
    #expect(due(10, 5_000) == statement(10, 0, asks: true))
    #expect(due(10, 5_999) == nil)
    #expect(due(10, 6_000) == statement(10, 0, asks: true), "nobody has answered")
    for other in others { _ = comparison.received(statement(10, 0), from: other) }
    #expect(due(10, 7_000) == nil)
    #expect(comparison.versionOfAll(self: ids[0], voters: Array(ids.prefix(3))) == 2)
    _ = comparison.received(
      StateStatement(versionMax: 1, index: LogIndex(10), digest: digest(0), asks: false),
      from: ids[1])
    #expect(due(10, 8_000) != nil)
    #expect(comparison.versionOfAll(self: ids[0], voters: Array(ids.prefix(3))) == 1)
    #expect(comparison.versionOfAll(self: ids[0], voters: Array(ids.prefix(4))) == nil)
    comparison.leadershipEnded()
    #expect(due(10, 9_000) == nil)
  }

  @Test("a replica that applied another entry stops, and says where; the others go on")
  func diverged() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    for _ in 0..<5 { cluster.propose(to: leader) }
    try cluster.settle()
    let stray = try #require(cluster.nodes.first { $0 !== leader })
    let index = try #require(stray.replica?.applied)
    stray.crash()
    stray.store.alterEntry(
      at: index,
      to: Node.payload(
        .accountCreate(
          .init(
            caller: KeyID(1), requestKey: RequestKey(high: 9, low: 9), name: "another",
            kind: .consumer)), at: cluster.now))
    cluster.comparesStates = false
    try stray.boot()
    let ticket = cluster.propose(to: leader)
    #expect(cluster.run(atMost: 5_000) { !stray.divergences.isEmpty })
    #expect(stray.replica?.divergence == stray.divergences.first)
    #expect(stray.replica?.nextDeadline == .max, "it wants no more time")
    #expect(stray.failures.isEmpty)
    #expect(ticket.isApplied)
    let second = try #require(cluster.nodes.first { $0 !== leader && $0 !== stray })
    let later = cluster.propose(to: leader)
    cluster.run(atMost: 1_000) { later.isApplied }
    #expect(later.isApplied)
    #expect(leader.divergences.isEmpty && second.divergences.isEmpty)
    #expect(cluster.propose(to: stray).isRefused)
  }

  @Test("a program that does not apply the state's version does not start on it")
  func olderProgram() throws {
    let cluster = try Cluster(1)
    let node = try cluster.elect()
    cluster.propose(to: node)
    cluster.run(100)
    let version = try #require(node.replica?.exchange.stateVersion)
    node.replica?.flushRows()
    cluster.run(100)
    node.crash()
    node.stateVersionMax = version - 1
    let refusal = #expect(throws: ReplicaFailure.self) { try node.boot() }
    guard case .newerState(version, supported: version - 1)? = refusal else {
      Issue.record("it was refused with \(String(describing: refusal))")
      return
    }
    node.stateVersionMax = version
    try node.boot()
  }

  @Test("what all voters support is the least of them, and rises when the last is replaced")
  func versions() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    let old = try #require(cluster.nodes.first { $0 !== leader })
    old.crash()
    cluster.run(1_500)
    #expect(leader.replica?.stateVersionOfAll == nil, "one has not said what it supports")
    old.stateVersionMax = 1
    try old.boot()
    #expect(cluster.run(atMost: 3_000) { leader.replica?.stateVersionOfAll == 1 })
    old.crash()
    old.stateVersionMax = Exchange.stateVersionMax
    try old.boot()
    #expect(
      cluster.run(atMost: 3_000) {
        leader.replica?.stateVersionOfAll == Exchange.stateVersionMax
      })
  }
}
