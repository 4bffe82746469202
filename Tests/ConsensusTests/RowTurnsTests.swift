import ExchangeTypes
import RaftEngine
import Testing

@testable import Consensus

@Suite("Whose turn it is to write rows")
struct RowTurnsTests {
  private func membership(_ servers: [(UInt64, RaftServer.Role)]) throws -> Membership {
    try #require(
      Membership(servers.map { RaftServer(id: ReplicaID($0), address: "m\($0)", role: $1) }))
  }

  @Test("at each moment it is one member's turn, and each has as long a turn as the others")
  func rounds() throws {
    for count in 2...7 as ClosedRange<UInt64> {
      let members = try membership((1...count).map { ($0 * 3, .voter) })
      let turns = members.servers.compactMap { RowTurns(of: $0.id, among: members) }
      #expect(turns.count == Int(count))
      var lengths = [Int](repeating: 0, count: turns.count)
      for time in 7 * RowTurns.round..<8 * RowTurns.round {
        let whose = turns.indices.filter { turns[$0].isTurn(at: LogTime(milliseconds: time)) }
        #expect(whose.count == 1)
        for place in whose { lengths[place] += 1 }
      }
      #expect((lengths.max() ?? 0) - (lengths.min() ?? 0) <= 1)
    }
  }

  @Test("who is alone, listed no more or not listed at all has no turns")
  func alone() throws {
    let members = try membership([(1, .voter), (2, .spare)])
    for id in 1...3 as ClosedRange<UInt64> {
      #expect(RowTurns(of: ReplicaID(id), among: members) == nil)
    }
    #expect(RowTurns(of: ReplicaID(2), among: try membership([(1, .voter), (2, .standby)])) != nil)
  }

  @Test(
    "members that apply the same entries write their rows one after the other, each within a second"
  )
  func apart() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    try cluster.settle()
    cluster.run(1_000)
    for node in cluster.nodes { node.rowWrites = [] }
    for _ in 0..<300 {
      cluster.propose(to: leader)
      cluster.run(20)
    }
    let all = cluster.nodes.flatMap { node in node.rowWrites.map { (at: $0, node.id) } }
      .sorted { $0.at < $1.at }
    for (earlier, later) in zip(all, all.dropFirst()) {
      #expect(later.at - earlier.at >= 30, "\(earlier) and \(later)")
    }
    for node in cluster.nodes {
      #expect(node.rowWrites.count >= 5)
      for (earlier, later) in zip(node.rowWrites, node.rowWrites.dropFirst()) {
        #expect(later - earlier <= PendingBatch.waitMilliseconds + 50)
      }
    }
    try cluster.settle()
    cluster.checkPromises()
  }
}
