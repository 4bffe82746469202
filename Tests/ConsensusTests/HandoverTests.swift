import Consensus
import ExchangeTypes
import RaftEngine
import Testing

@Suite("Handing leadership over")
struct HandoverTests {
  typealias Successor = LeadershipHandover.Successor

  private func successor(_ id: UInt64, match: UInt64, age: UInt64? = 0) -> Successor {
    Successor(id: ReplicaID(id), match: LogIndex(match), contactAge: age)
  }

  @Test("the voter that answers and is furthest is asked, then the next; a silent one never is")
  func order() {
    var handover = LeadershipHandover(to: nil, electionTimeout: 500, now: 0)
    let view = LeadershipHandover.View.leading([
      successor(2, match: 9), successor(3, match: 10), successor(4, match: 11, age: 500),
      successor(5, match: 12, age: nil),
    ])
    #expect(handover.next(view, now: 0) == .transfer(to: ReplicaID(3)))
    #expect(handover.next(.transferring, now: 1) == .wait(until: 1_500))
    #expect(handover.next(view, now: 600) == .transfer(to: ReplicaID(2)))
    #expect(handover.next(view, now: 1_200) == .over(.noSuccessor))
  }

  @Test("it is over when another leads, when the time is up, and at once where nobody leads")
  func endings() {
    let two = LeadershipHandover.View.leading([successor(2, match: 1)])
    var handover = LeadershipHandover(to: nil, electionTimeout: 500, now: 100)
    #expect(handover.next(two, now: 100) == .transfer(to: ReplicaID(2)))
    #expect(handover.next(.following(nil), now: 110) == .wait(until: 1_600))
    var late = handover
    #expect(late.next(.following(nil), now: 1_600) == .over(.timeIsOver))
    late = handover
    #expect(late.next(.transferring, now: 1_600) == .over(.timeIsOver))
    #expect(handover.next(.following(ReplicaID(3)), now: 120) == .over(.led(by: ReplicaID(3))))

    var follower = LeadershipHandover(to: nil, electionTimeout: 500, now: 0)
    #expect(follower.next(.following(ReplicaID(2)), now: 0) == .over(.notLeading))
    var alone = LeadershipHandover(to: nil, electionTimeout: 500, now: 0)
    #expect(alone.next(.leading([]), now: 0) == .over(.noSuccessor))
    var named = LeadershipHandover(to: ReplicaID(4), electionTimeout: 500, now: 0)
    #expect(named.next(two, now: 0) == .over(.noSuccessor))
  }

  /// Drives a handover as the dispatcher does: after every event.
  private func handOver(_ node: Node, in cluster: Cluster) throws -> LeadershipHandover.Ending? {
    let replica = try #require(node.replica)
    var handover = LeadershipHandover(
      to: nil, electionTimeout: replica.electionTimeout, now: cluster.now)
    var ending: LeadershipHandover.Ending?
    cluster.run(atMost: 5_000) {
      while true {
        switch handover.next(replica.handoverView(now: cluster.now), now: cluster.now) {
        case .transfer(let peer): replica.transferLeadership(to: peer, now: cluster.now)
        case .wait: return false
        case .over(let end):
          ending = end
          return true
        }
      }
    }
    return ending
  }

  @Test("a leader that stops in order leaves no gap in which nobody leads for long")
  func gap() throws {
    for seed in 1...20 as ClosedRange<UInt64> {
      let cluster = try Cluster(3, seed: seed)
      let old = try cluster.elect()
      try cluster.settle()
      let waiting = (0..<5).map { _ in cluster.propose(to: old) }
      let began = cluster.now
      let ending = try handOver(old, in: cluster)
      guard case .led(let next) = ending else {
        Issue.record("seed \(seed): \(String(describing: ending))")
        continue
      }
      cluster.run(atMost: 1_000) { cluster.node(next).replica?.role == .leader }
      #expect(cluster.now - began < 100, "seed \(seed): \(cluster.now - began) ms")
      old.crash()
      let ticket = cluster.propose(to: cluster.node(next))
      cluster.run(atMost: 1_000) { ticket.isApplied }
      #expect(ticket.isApplied)
      #expect(waiting.allSatisfy { $0.results.count == 1 })
      try old.boot()
      try cluster.settle()
      cluster.checkPromises()
    }
  }

  @Test("a successor that has just died is given up for the next, within the bounded time")
  func secondSuccessor() throws {
    let cluster = try Cluster(3)
    let old = try cluster.elect()
    try cluster.settle()
    // Both are equally far: the first of them is asked, and it is gone.
    let first = try #require(cluster.nodes.first { $0 !== old })
    let second = try #require(cluster.nodes.last { $0 !== old })
    first.crash()
    let began = cluster.now
    let ending = try handOver(old, in: cluster)
    #expect(ending == .led(by: second.id))
    #expect(cluster.now - began < 1_500)
  }
}
