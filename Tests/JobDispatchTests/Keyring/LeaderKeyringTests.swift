import Consensus
import ExchangeCore
import ExchangeTypes
import RaftEngine
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("Leader: wrapping keys and retention")
struct LeaderKeyringTests {
  /// A job with two recorded events that a worker has.
  private func running(_ bench: LeaderBench) throws -> (WorkerPeer, Peer, Assign) {
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    bench.submit(.submitted)
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...2), on: slot)
    bench.advance(100)
    return (worker, slot, assign)
  }

  @Test("keys change by the clock; a running job keeps its own until its record is purged")
  func rotation() throws {
    let bench = try LeaderBench(keyInterval: 4_000)
    #expect(bench.replica.exchange.wrappingKey == 1)
    let (worker, slot, assign) = try running(bench)
    worker.alive(4_500)
    let second = try #require(bench.replica.exchange.wrappingKey)
    #expect(second > 1 && second >> 24 == bench.replica.term.rawValue)
    #expect(bench.sealer.ring[1] != nil, "a job is sealed under it")
    worker.finish(assign, output(1...2), on: slot)
    #expect(try bench.job(assign.job).state == .completed)
    #expect(bench.follow(assign.job).events == output(1...2))
    let later = bench.submit(.submitted)
    let other = try later.last(WireProtocol.Accepted.self).job
    #expect(try bench.job(other).wrappedKey.prefix(8).last == UInt8(second & 255))
    bench.call(.purge(.init(jobs: [assign.job])))
    #expect(bench.sealer.ring[1] == nil)
    #expect(bench.sealer.ring[second] != nil)
  }

  @Test("a shorter schedule holds for the key in use, a longer one too")
  func otherSchedule() throws {
    let bench = try LeaderBench()
    let (worker, _, _) = try running(bench)
    worker.alive(4_500)
    #expect(bench.replica.exchange.wrappingKey == 1)
    bench.dispatcher.changeKeys(.init(interval: 4_000))
    worker.alive(1_000)
    let second = try #require(bench.replica.exchange.wrappingKey)
    #expect(second > 1)
    bench.dispatcher.changeKeys(.hourly)
    worker.alive(4_500)
    #expect(bench.replica.exchange.wrappingKey == second)
  }

  @Test("a leader whose keyring was lost says so of each job, in so many words, and seals anew")
  func lostKeyring() throws {
    let bench = try LeaderBench()
    let (_, _, assign) = try running(bench)
    bench.sealer.ring = [:]
    try bench.restart()
    let early = bench.call(.modelList(.init()))
    #expect(early.sent.isEmpty, "it waits for its peers")
    bench.advance(AwaitedLeader.waitMax)
    #expect(early.failure == .unavailable)
    bench.advance(3_100)
    let job = try bench.job(assign.job)
    #expect(job.ending?.error == .keyUnavailable)
    #expect(bench.follow(assign.job).failure == .keyUnavailable)
    _ = try WorkerPeer(bench)
    let accepted = try bench.submit(.submitted).last(WireProtocol.Accepted.self)
    let current = try #require(bench.replica.exchange.wrappingKey)
    #expect(current > 1 && bench.sealer.ring[current] != nil)
    #expect(try bench.job(accepted.job).state == .queued)
  }

  @Test(
    "who is to vote must have the keys: a change of voters waits for them, and is refused without")
  func changeOfVoters() throws {
    let bench = try LeaderBench(voters: 3)
    bench.others.keepKeys = false
    // A new leadership knows of nobody's keys.
    try bench.restart()
    var ends: [ChangeEnd] = []
    let order = MembershipOrder.remove(ReplicaID(3))
    bench.dispatcher.reconfigure(order) { ends.append($0) }
    bench.dispatcher.reconfigure(order) { ends.append($0) }
    #expect(ends == [.replica(.refused(.underWay))], "one at a time")
    bench.advance(2_000)
    #expect(ends.count == 1 && bench.replica.voters.count == 3)
    bench.advance(3_100)
    #expect(ends.last == .keysAreNotHeld && bench.replica.voters.count == 3)

    // Leadership ends while it waits.
    bench.dispatcher.reconfigure(order) { ends.append($0) }
    bench.dispatcher.replica(
      bench.replica, became: .follower(leader: nil), term: bench.replica.term)
    #expect(ends.count == 3 && ends.last == .replica(.refused(.notLeader)))
    bench.dispatcher.replica(bench.replica, became: .leader, term: bench.replica.term)

    bench.others.keepKeys = true
    bench.dispatcher.reconfigure(order) { ends.append($0) }
    bench.advance(600)
    #expect(ends.count == 4 && bench.replica.voters == [ReplicaID(1), ReplicaID(2)])
    // What changes nobody's vote waits for nothing.
    bench.others.keepKeys = false
    bench.dispatcher.reconfigure(.add(ReplicaID(4), address: "m4")) { ends.append($0) }
    bench.advance(100)
    guard case .replica(.changed(let members)) = ends.last else {
      Issue.record("\(ends)")
      return
    }
    #expect(ends.count == 5 && members.server(ReplicaID(4)) != nil)
  }

  @Test(
    "a job asks for a retention, the cluster has one, and the end says whether delivery ends it")
  func retention() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    func report(_ message: RetentionSet) throws -> RetentionReport {
      try bench.call(.retentionSet(message)).last(RetentionReport.self)
    }
    #expect(
      try report(.init(keptMs: nil, untilDelivered: false))
        == RetentionReport(keptMs: 86_400_000, untilDelivered: false))
    #expect(
      try report(.init(keptMs: 60_000, untilDelivered: false))
        == RetentionReport(keptMs: 60_000, untilDelivered: false))
    let reader = try bench.poorCredential()
    #expect(
      bench.call(.retentionSet(.init(keptMs: 1, untilDelivered: false)), reader).failure
        == .forbidden)

    func run(_ retention: UInt64?) throws -> (JobID, Ended) {
      let slot = worker.park()
      let peer = bench.open(.job)
      bench.say(.submit(bench.submission(retention: retention)), on: peer)
      let assign = try slot.last(Assign.self)
      worker.chunk(assign, output(1...2), on: slot)
      worker.finish(assign, output(1...2), on: slot)
      return (assign.job, try peer.last(Ended.self))
    }
    let (plain, plainEnd) = try run(nil)
    let (brief, _) = try run(5_000)
    let (delivered, deliveredEnd) = try run(0)
    #expect(plainEnd.untilDelivered == false && deliveredEnd.untilDelivered == true)
    bench.call(.purge(.init(jobs: [delivered])))
    #expect(bench.follow(delivered).failure == .outputExpired)
    worker.alive(5_500)
    #expect(bench.follow(brief).failure == .outputExpired)
    #expect(bench.follow(plain).events == output(1...2))
    worker.alive(60_000)
    #expect(bench.follow(plain).failure == .outputExpired)
  }
}
