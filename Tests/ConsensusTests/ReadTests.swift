import Consensus
import ExchangeTypes
import Testing

@Suite("Confirmed reads")
struct ReadTests {
  @Test("a leader with a majority confirms")
  func confirmed() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    let ticket = cluster.read(at: leader)
    #expect(ticket.result == nil, "nobody has confirmed yet")
    cluster.run(50)
    #expect(ticket.result == .ready)
  }

  @Test("a follower does not answer")
  func follower() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    let follower = try #require(cluster.nodes.first { $0 !== leader })
    #expect(cluster.read(at: follower).result == .unavailable)
  }

  @Test("an isolated leader answers unavailable within an election timeout")
  func isolated() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    try cluster.settle()
    cluster.isolate(leader)
    let ticket = cluster.read(at: leader)
    cluster.run(501)
    #expect(ticket.result == .unavailable)
  }

  @Test("a paused leader that comes back answers nothing from its old state")
  func paused() throws {
    let cluster = try Cluster(3)
    let old = try cluster.elect()
    try cluster.settle()
    cluster.isolate(old)
    old.pause()
    #expect(cluster.run(atMost: 5_000) { cluster.leader.map { $0 !== old } ?? false })
    let new = try #require(cluster.leader)
    let write = cluster.propose(to: new)
    cluster.run(50)
    #expect(write.isApplied)
    // It runs again and has not heard of the new term yet.
    old.resume()
    #expect(old.replica?.role == .leader)
    let ticket = cluster.read(at: old)
    #expect(ticket.result == nil)
    cluster.heal()
    cluster.run(1_000)
    #expect(ticket.result == .unavailable)
  }

  @Test("reads that arrive during a round wait for the next one")
  func rounds() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    try cluster.settle()
    let first = cluster.read(at: leader)
    let second = cluster.read(at: leader)
    var ends: [UInt64] = []
    #expect(cluster.run(atMost: 100) { first.result != nil })
    ends.append(cluster.now)
    #expect(second.result == nil)
    #expect(cluster.run(atMost: 100) { second.result != nil })
    ends.append(cluster.now)
    #expect(ends[1] > ends[0])
    #expect(first.result == .ready && second.result == .ready)
  }

  @Test("a single voter confirms itself at once")
  func single() throws {
    let cluster = try Cluster(1)
    let node = try cluster.elect()
    #expect(cluster.read(at: node).result == .ready)
  }
}
