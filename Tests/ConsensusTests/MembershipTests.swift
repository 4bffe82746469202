import ExchangeTypes
import RaftEngine
import Testing

@testable import Consensus

@Suite("Who belongs to the group")
struct MembershipTests {
  private func id(_ number: UInt64) -> ReplicaID { ReplicaID(number) }

  private func server(_ number: UInt64, _ role: RaftServer.Role = .voter) -> RaftServer {
    RaftServer(id: id(number), address: "m\(number)", role: role)
  }

  /// Coordinator 1 leads; `answering` have answered, and support the group's state version but for 9.
  private func view(_ servers: [RaftServer], answering: [UInt64]) throws -> MembershipView {
    MembershipView(
      leader: id(1), members: try #require(Membership(servers)),
      answering: Set(answering.map(id)), stateVersion: 2,
      versionMax: { $0 == ReplicaID(9) ? 1 : 2 })
  }

  @Test(
    "a new id is above all that were given, at an address that nobody has; repeating is no error")
  func add() throws {
    let three = try view([server(1), server(2), server(3)], answering: [2, 3])
    #expect(
      MembershipOrder.add(id(4), address: "m4").decide(three)
        == .change(.add(server(4, .standby))))
    #expect(MembershipOrder.add(id(2), address: "m2").decide(three) == .done)
    #expect(
      MembershipOrder.add(id(2), address: "new").decide(three)
        == .refused(.idWasUsed(highest: id(3))))
    #expect(
      MembershipOrder.add(id(.max), address: "m4").decide(three)
        == .refused(.idIsFar(highest: id(3))))
    #expect(MembershipOrder.add(id(4), address: "m3").decide(three) == .refused(.addressInUse))
    #expect(MembershipOrder.add(id(4), address: "").decide(three) == .refused(.invalid))
  }

  @Test("the highest id stays listed when it is removed, so that it is never given again")
  func retired() throws {
    let three = try view([server(1), server(2), server(3)], answering: [2, 3])
    #expect(MembershipOrder.remove(id(2)).decide(three) == .change(.remove(id(2))))
    #expect(MembershipOrder.remove(id(3)).decide(three) == .change(.retire(id(3))))
    let members = try #require(MembershipChange.retire(id(3)).applied(to: three.members))
    #expect(members.voters == [id(1), id(2)])
    #expect(members.server(id(3))?.isRetired == true)
    let left = try view(members.servers, answering: [2])
    #expect(MembershipOrder.remove(id(3)).decide(left) == .done)
    #expect(MembershipOrder.promote(id(3)).decide(left) == .refused(.unknownMember))
    #expect(
      MembershipOrder.add(id(3), address: "m3").decide(left)
        == .refused(.idWasUsed(highest: id(3))))
    // Its address is free for its successor, and once that is listed the retired one can go.
    #expect(
      MembershipOrder.add(id(4), address: "m3").decide(left)
        == .change(.add(RaftServer(id: id(4), address: "m3", role: .standby))))
    #expect(members.hasRemoved(id(3)) && !members.hasRemoved(id(2)) && !members.hasRemoved(id(4)))
    let gap = try #require(Membership([server(1), server(5)]))
    #expect(gap.hasRemoved(id(4)) && !gap.hasRemoved(id(6)))
    let grown = try view(members.servers + [server(4, .standby)], answering: [2, 4])
    #expect(MembershipOrder.remove(id(3)).decide(grown) == .change(.remove(id(3))))
    #expect(MembershipOrder.remove(id(5)).decide(grown) == .refused(.unknownMember))
  }

  @Test(
    "no change leaves a majority that does not answer, one voter of two, or a group without its leader"
  )
  func majority() throws {
    let lame = try view([server(1), server(2), server(3)], answering: [2])
    for order in [MembershipOrder.remove(id(2)), .demote(id(2))] {
      #expect(order.decide(lame) == .refused(.losesMajority(answering: 1, voters: 2)))
    }
    #expect(MembershipOrder.remove(id(3)).decide(lame) == .change(.retire(id(3))))
    #expect(MembershipOrder.remove(id(1)).decide(lame) == .refused(.isLeader))
    let two = try view([server(1), server(2)], answering: [2])
    #expect(MembershipOrder.remove(id(2)).decide(two) == .refused(.lastTwoVoters))
    let silent = try view([server(1), server(2), server(3, .standby)], answering: [3])
    #expect(MembershipOrder.promote(id(3)).decide(silent) == .change(.assign(id(3), .voter)))
    let worse = try view(
      [server(1), server(2), server(3), server(4, .standby)], answering: [4])
    #expect(
      MembershipOrder.promote(id(4)).decide(worse)
        == .refused(.losesMajority(answering: 2, voters: 4)))
  }

  @Test("only who answers and knows the group's state version gets a vote")
  func promote() throws {
    let view = try view(
      [server(1), server(2), server(8, .standby), server(9, .standby)], answering: [2, 9])
    #expect(MembershipOrder.promote(id(8)).decide(view) == .refused(.silent))
    #expect(MembershipOrder.promote(id(9)).decide(view) == .refused(.olderProgram(needs: 2)))
    #expect(MembershipOrder.promote(id(2)).decide(view) == .done)
    #expect(MembershipOrder.promote(id(7)).decide(view) == .refused(.unknownMember))
    #expect(MembershipOrder.demote(id(8)).decide(view) == .done)
  }

  /// An order's end, once it has one.
  private func end(
    _ order: MembershipOrder, at node: Node, in cluster: Cluster
  ) throws -> MembershipEnd? {
    let replica = try #require(node.replica)
    var ends: [MembershipEnd] = []
    replica.reconfigure(order, now: cluster.now) { ends.append($0) }
    cluster.run(atMost: 10_000) { !ends.isEmpty }
    #expect(ends.count <= 1)
    return ends.first
  }

  @Test("a group grows to four and a lost disk is replaced under a new id, one change at a time")
  func growAndReplace() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    try cluster.settle()
    for _ in 0..<20 { cluster.propose(to: leader) }
    try cluster.settle()

    let fourth = try cluster.join()
    var second: MembershipEnd?
    leader.replica?.reconfigure(.add(fourth.id, address: "m4"), now: cluster.now) { _ in }
    leader.replica?.reconfigure(.add(id(5), address: "m5"), now: cluster.now) { second = $0 }
    #expect(second == .refused(.underWay))
    cluster.run(2_000)
    let promotion = try end(.promote(fourth.id), at: leader, in: cluster)
    guard case .changed(let members) = promotion else {
      Issue.record("not promoted: \(String(describing: promotion))")
      return
    }
    #expect(members.voters.count == 4)
    try cluster.settle()

    // One of the founders loses its disk.
    let lost = try #require(cluster.nodes.first { $0 !== leader && $0 !== fourth })
    lost.crash()
    cluster.run(1_000)
    let removal = try end(.remove(lost.id), at: leader, in: cluster)
    guard case .changed = removal else {
      Issue.record("not removed: \(String(describing: removal))")
      return
    }
    let successor = try cluster.join()
    cluster.run(1_000)
    let addition = try end(.add(successor.id, address: "m5"), at: leader, in: cluster)
    guard case .changed = addition else {
      Issue.record("not added: \(String(describing: addition))")
      return
    }
    cluster.run(2_000)
    let succession = try end(.promote(successor.id), at: leader, in: cluster)
    guard case .changed(let last) = succession else {
      Issue.record("not promoted: \(String(describing: succession))")
      return
    }
    #expect(last.voters.count == 4)
    #expect(!last.voters.contains(lost.id))

    // Who was removed is not heard, whatever term it claims.
    let term = try #require(leader.replica?.term)
    leader.replica?.receive(
      .raft(
        .requestVote(
          .init(
            term: Term(term.rawValue + 9), lastLogIndex: LogIndex(1 << 20), lastLogTerm: term,
            disruptLeader: true, preVote: false))), from: lost.id, now: cluster.now)
    #expect(leader.replica?.term == term && leader.replica?.role == .leader)

    // Started again without its memory, the old one gets nobody's ear, and nobody its vote.
    lost.store.wipe()
    lost.joins = true
    try lost.boot()
    let ticket = cluster.propose(to: leader)
    cluster.run(3_000)
    #expect(ticket.isApplied)
    #expect(lost.replica?.applied == LogIndex(0))
    #expect(lost.store.hardState == nil, "it has no term and has given no vote")
    lost.crash()
    #expect(try cluster.elect() === leader, "it has disturbed nobody")
    cluster.checkPromises()
  }

  @Test("beside a voter that is down a promotion ends soon and names it; removing that one helps")
  func promoteBesideDeadVoter() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    try cluster.settle()
    let dead = try #require(cluster.nodes.first { $0 !== leader })
    dead.crash()
    let fourth = try cluster.join()
    cluster.run(1_000)
    // An entry that the dead voter does not hold: it would not know who votes.
    let addition = try end(.add(fourth.id, address: "m4"), at: leader, in: cluster)
    guard case .changed = addition else {
      Issue.record("not added: \(String(describing: addition))")
      return
    }
    cluster.run(2_000)
    let began = cluster.now
    #expect(
      try end(.promote(fourth.id), at: leader, in: cluster) == .refused(.voterIsDown(dead.id)))
    #expect(cluster.now - began < 2_000, "and holds up no other order for longer")
    let removal = try end(.remove(dead.id), at: leader, in: cluster)
    let promotion = try end(.promote(fourth.id), at: leader, in: cluster)
    guard case .changed = removal, case .changed(let members) = promotion else {
      Issue.record("\(String(describing: removal)), \(String(describing: promotion))")
      return
    }
    #expect(members.voters.count == 3 && members.voters.contains(fourth.id))
  }

  @Test(
    "a voter that lost its disk and returns under its old id is found out, and votes for nobody, whether it joins or founds",
    arguments: [true, false])
  func forgetfulVoter(joins: Bool) throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    try cluster.settle()
    for _ in 0..<5 { cluster.propose(to: leader) }
    try cluster.settle()
    let lost = try #require(cluster.nodes.first { $0 !== leader })
    lost.crash()
    lost.store.wipe()
    lost.joins = joins
    try lost.boot()
    cluster.run(3_000)
    let replica = try #require(leader.replica)
    let held = LogIndex(joins ? 0 : 1)
    #expect(replica.matchIndex(of: lost.id) == held, "its own word counts")
    #expect(cluster.nodes.map(\.id).filter(replica.hasLostVotes) == [lost.id])
    let said = leader.notices.filter {
      if case .memberForgot(lost.id, held, _) = $0 { true } else { false }
    }
    #expect(said.count == 1, "\(leader.notices)")

    // It answers and will confirm nothing: without the third there would be no majority that does.
    let third = try #require(cluster.nodes.first { $0 !== leader && $0 !== lost })
    for order in [MembershipOrder.remove(third.id), .demote(third.id)] {
      #expect(
        try end(order, at: leader, in: cluster) == .refused(.losesMajority(answering: 1, voters: 2))
      )
    }

    // While it is a voter, it must not decide an election that it might have decided otherwise before.
    leader.crash()
    cluster.run(5_000)
    #expect(cluster.nodes.allSatisfy { $0.replica?.role != .leader })
    #expect(lost.store.hardState?.votedFor == nil)
    try leader.boot()
    try cluster.settle()
    cluster.checkPromises()
  }

  @Test(
    "what two of three hold outlives a founder that is founded again, though the third lags and the leader is away"
  )
  func foundedAgain() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    try cluster.settle()
    let lagging = try #require(cluster.nodes.first { $0 !== leader })
    let lost = try #require(cluster.nodes.first { $0 !== leader && $0 !== lagging })
    cluster.isolate(lagging)
    let tickets = (0..<5).map { _ in cluster.propose(to: leader) }
    cluster.run(500)
    #expect(tickets.filter(\.isApplied).count == 5)
    lost.crash()
    leader.crash()
    lost.store.wipe()
    try lost.boot()
    cluster.heal()
    cluster.run(10_000)
    #expect(cluster.leader == nil, "the third lacks what was acknowledged")
    #expect(lost.notices.filter { $0 == .abstains }.count == 1)

    // Once a leader has brought it everything, it counts again.
    try leader.boot()
    try cluster.settle()
    cluster.checkPromises()
    let next = try #require(cluster.leader)
    next.crash()
    _ = try cluster.elect()
    cluster.checkPromises()
  }

  @Test("an order whose leader is lost ends, once")
  func leaderLost() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    try cluster.settle()
    var ends: [MembershipEnd] = []
    cluster.isolate(leader)
    leader.replica?.reconfigure(.add(id(4), address: "m4"), now: cluster.now) { ends.append($0) }
    cluster.run(3_000)
    #expect(ends == [.unknown])
    let next = try cluster.elect()
    #expect(next.replica?.membership.server(id(4)) == nil)
    cluster.heal()
    cluster.run(2_000)
    #expect(leader.replica?.membership.server(id(4)) == nil, "the change was overwritten")
    let follower = try #require(cluster.nodes.first { $0 !== next })
    #expect(try end(.demote(next.id), at: follower, in: cluster) == .refused(.notLeader))
  }
}
