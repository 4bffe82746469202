import ExchangeTypes
import RaftEngine
import Testing

/// Each guard twice: with it the good outcome, without it the defect of libraft that it answers.
extension RaftEngineTests {
  @Suite("Guards")
  struct GuardTests {
    @Test("G1: a truncated change of membership is rolled back", arguments: [true, false])
    func splitChanges(guarded: Bool) throws {
      try withCluster(voters: 3, guards: .all(but: .splitChanges, if: !guarded), starting: false) {
        cluster in
        let node = cluster[1]
        node.start()
        let four = try #require(
          MembershipChange.add(.init(id: ReplicaID(4), address: "node-4", role: .voter))
            .applied(to: cluster.founders))
        node.hear(
          .append(term: 2, after: 1, 1, [.command(2), .init(term: 2, four)]), from: 2)
        #expect(node.engine?.membership.servers.count == 4)
        node.hear(.append(term: 3, after: 2, 2, [.command(3)]), from: 3)
        #expect(node.engine?.membership.servers.count == (guarded ? 3 : 4))
      }
    }

    @Test(
      "G2: entries from below a follower's compaction point still match", arguments: [true, false])
    func rebaseOnCommitted(guarded: Bool) {
      withCluster(
        voters: 3, guards: .all(but: [.rebaseOnCommitted, .hintCommitted], if: !guarded),
        starting: false
      ) { cluster in
        let node = cluster[1]
        node.snapshotEvery = 5
        node.snapshotTrailing = 0
        node.start()
        let entries = (2...9).map { _ in LogEntry.command(2) }
        node.hear(.append(term: 2, after: 1, 1, entries, commit: 9), from: 2)
        cluster.run(for: 1)
        #expect(node.engine?.firstIndex.rawValue ?? 0 > 5)
        cluster.packets.removeAll()
        node.hear(.append(term: 2, after: 2, 2, Array(entries.dropFirst())), from: 2)
        let answer = RaftMessage.appendEntriesResult(
          .init(
            term: Term(2), rejected: guarded ? nil : LogIndex(2),
            lastLogIndex: LogIndex(guarded ? 9 : 1)))
        #expect(cluster.packets.map(\.message) == [answer])
      }
    }

    @Test("G3: a late rejection does not lower what is sent", arguments: [true, false])
    func ignoreStaleRejections(guarded: Bool) throws {
      try withCluster(voters: 3, guards: .all(but: .ignoreStaleRejections, if: !guarded)) {
        cluster in
        let leader = cluster.electedLeader()
        for _ in 1...5 { leader.submit("x") }
        cluster.run(for: 300)
        let follower = leader.id % 3 + 1
        cluster.isolate(follower)
        cluster.run(for: 1_500)  // the leader falls back from pipeline to probe
        let match = try #require(leader.engine?.matchIndex(of: ReplicaID(follower)))
        #expect(match.rawValue > 3)
        cluster.packets.removeAll()
        leader.hear(
          .appendEntriesResult(
            .init(
              term: try #require(leader.engine?.term), rejected: match,
              lastLogIndex: LogIndex(match.rawValue - 2))), from: follower)
        let regressed = cluster.packets.contains {
          if case .appendEntries(let body) = $0.message { body.prevLogIndex < match } else { false }
        }
        #expect(regressed == !guarded)
      }
    }

    @Test("G4: two of three with crossed terms and logs elect a leader", arguments: [true, false])
    func honestPreVoteTerm(guarded: Bool) {
      withCluster(voters: 3, guards: .all(but: .honestPreVoteTerm, if: !guarded), starting: false) {
        cluster in
        cluster[1].disk.hardState = HardState(term: Term(5), votedFor: nil)
        cluster[1].disk.entries.append(.command(5))
        cluster[2].disk.hardState = HardState(term: Term(9), votedFor: ReplicaID(3))
        cluster[1].start()
        cluster[2].start()
        #expect(cluster.run(atMost: 600_000) { cluster.leader != nil } == guarded)
      }
    }

    @Test("G5: an index out of thin air commits nothing", arguments: [true, false])
    func noPhantomMatch(guarded: Bool) throws {
      try withCluster(
        voters: 3, guards: .all(but: .noPhantomMatch, if: !guarded), allowsViolations: !guarded
      ) { cluster in
        let leader = cluster.electedLeader()
        cluster.run(for: 200)
        cluster.isolate(leader.id)
        leader.submit("a", "b", "c")
        cluster.run(for: 1)
        let engine = try #require(leader.engine)
        let before = engine.commitIndex
        leader.hear(
          .appendEntriesResult(
            .init(term: engine.term, rejected: nil, lastLogIndex: LogIndex(0x7FFE_1234_5678))),
          from: leader.id % 3 + 1)
        #expect((engine.commitIndex == before) == guarded)
      }
    }

    @Test("G5: the answer to a stale term names no index")
    func staleTermAnswer() {
      withCluster(voters: 3, starting: false) { cluster in
        let node = cluster[1]
        node.disk.hardState = HardState(term: Term(5), votedFor: nil)
        node.start()
        node.hear(.append(term: 2, after: 1, 1, [.command(2)]), from: 2)
        node.hear(.snapshot(term: 2, index: 10, of: 2, cluster.founders), from: 2)
        for packet in cluster.packets {
          guard case .appendEntriesResult(let body) = packet.message else { continue }
          #expect(body.term == Term(5) && body.lastLogIndex == LogIndex(0))
        }
        #expect(cluster.packets.count == 2)
      }
    }

    @Test("G6: a diverged follower sends the leader to its commit index", arguments: [true, false])
    func hintCommitted(guarded: Bool) {
      withCluster(voters: 3, guards: .all(but: .hintCommitted, if: !guarded), starting: false) {
        cluster in
        let node = cluster[1]
        node.disk.hardState = HardState(term: Term(2), votedFor: nil)
        for _ in 2...60 { node.disk.entries.append(.command(2)) }
        node.start()
        node.hear(.append(term: 4, after: 40, 3, []), from: 2)
        let answer = RaftMessage.appendEntriesResult(
          .init(
            term: Term(4), rejected: LogIndex(40), lastLogIndex: LogIndex(guarded ? 1 : 39)))
        #expect(cluster.packets.map(\.message) == [answer])
      }
    }

    @Test("G7: a snapshot during an installation leaks nothing", arguments: [true, false])
    func oneInstallationAtATime(guarded: Bool) {
      let before = RaftHeap.outstandingBytes
      let cluster = Cluster(
        voters: 3, guards: .all(but: .oneInstallationAtATime, if: !guarded), starting: false)
      cluster.weather.diskLatency = 1_000...1_000
      cluster[1].start()
      for _ in 1...3 {
        cluster[1].hear(.snapshot(term: 2, index: 10, of: 2, cluster.founders), from: 2)
      }
      #expect(cluster[1].lastDrop == (guarded ? .installing : nil))
      cluster.shutDown()
      #expect((RaftHeap.outstandingBytes == before) == guarded)
    }

    @Test("G8: three of four that know of each other elect a leader", arguments: [true, false])
    func promoteOnlyCaughtUp(guarded: Bool) {
      withCluster(voters: 3, guards: .all(but: .promoteOnlyCaughtUp, if: !guarded)) { cluster in
        let leader = cluster.electedLeader()
        leader.submit("settle the term")
        cluster.run(for: 300)
        cluster.addServer()
        let server = RaftServer(id: ReplicaID(4), address: "node-4", role: .standby)
        #expect(leader.ask(.change(.add(server))) == nil)
        cluster.run(for: 300)
        cluster.isolate(4)
        let refusal = leader.ask(.change(.assign(ReplicaID(4), .voter)))
        #expect(refusal == (guarded ? .notCaughtUp(ReplicaID(4)) : nil))
        cluster.run(for: 300)
        leader.crash()
        cluster.heal()
        #expect(cluster.run(atMost: 600_000) { cluster.leader != nil } == guarded)
      }
    }

    @Test("G9: time that goes back deposes no leader", arguments: [true, false])
    func monotonicTime(guarded: Bool) throws {
      try withCluster(voters: 3, guards: .all(but: .checkPreconditions, if: !guarded)) { cluster in
        let leader = cluster.electedLeader()
        cluster.run(for: 1_000)
        let engine = try #require(leader.engine)
        _ = try engine.step(.timeout, at: cluster.now)
        _ = try engine.step(.timeout, at: cluster.now - 200)
        #expect(engine.role.isLeader == guarded)
      }
    }

    @Test("G9: a write vouches for nothing that was truncated meanwhile", arguments: [true, false])
    func truncatedWrite(guarded: Bool) throws {
      try withCluster(
        voters: 3, guards: .all(but: .checkPreconditions, if: !guarded), starting: false
      ) { cluster in
        cluster.weather.diskLatency = 100...100
        let node = cluster[1]
        node.start()
        node.hear(.append(term: 2, after: 1, 1, [.command(2), .command(2), .command(2)]), from: 2)
        node.hear(.append(term: 3, after: 2, 2, [.command(3)]), from: 3)
        let engine = try #require(node.engine)
        _ = try engine.step(.persisted(through: WriteNumber(rawValue: 1)), at: cluster.now)
        #expect(engine.lastIndex == LogIndex(3))
        #expect(engine.lastStored == LogIndex(guarded ? 2 : 4))
      }
    }

    @Test(
      "G10: successive leaders do not change the members past each other", arguments: [true, false])
    func changeOnlyAfterCommitInTerm(guarded: Bool) {
      withCluster(
        voters: 4, guards: .all(but: .changeOnlyAfterCommitInTerm, if: !guarded),
        allowsViolations: !guarded
      ) { cluster in
        let first = cluster.electedLeader()
        first.submit("settle the term")
        cluster.addServer()
        let server = RaftServer(id: ReplicaID(5), address: "node-5", role: .standby)
        cluster.run(for: 300)
        #expect(first.ask(.change(.add(server))) == nil)
        cluster.run(for: 300)
        #expect(first.ask(.catchUp(ReplicaID(5))) == nil)
        first.submit("something to catch up with")
        cluster.run(for: 300)
        let others = (1...UInt64(4)).filter { $0 != first.id }

        // The first leader promotes n5, and only n5 hears of it.
        cluster.isolate(first.id, 5)
        #expect(first.ask(.change(.assign(ReplicaID(5), .voter))) == nil)
        cluster.run { cluster.leader.map { $0.id != first.id } ?? false }
        let second = cluster.electedLeader()
        cluster.run(for: 300)

        // The second removes the first, and only one other hears of it.
        let last = others.filter { $0 != second.id }[1]
        cluster.isolate(last)
        let refusal = second.ask(.change(.remove(ReplicaID(first.id))))
        #expect(refusal == (guarded ? .nothingCommittedInTerm : nil))
        cluster.run(for: 100)
        second.crash()
        cluster.heal()
        cluster.isolate(first.id, 5, last)
        cluster.run(atMost: 60_000) { cluster.leader.map { $0.id != second.id } ?? false }
        #expect(cluster.checker.violations.isEmpty == guarded)
      }
    }

    @Test("G11: a sole voter and its standby hold the same log", arguments: [true, false])
    func freshTermForSoleVoter(guarded: Bool) {
      withCluster(
        voters: 1, guards: .all(but: .freshTermForSoleVoter, if: !guarded),
        allowsViolations: !guarded
      ) { cluster in
        let voter = cluster[1]
        voter.submit("settle the term")
        cluster.run(for: 10)
        cluster.addServer()
        let server = RaftServer(id: ReplicaID(2), address: "node-2", role: .standby)
        #expect(voter.ask(.change(.add(server))) == nil)
        cluster.run(for: 500)
        cluster.weather.diskLatency = 20...20
        voter.submit("sent, then lost")
        cluster.run(for: 10)
        voter.restart()
        cluster.weather.diskLatency = 0...0
        voter.submit("in its place")
        cluster.run(for: 1_000)
        #expect((cluster.checker.violations.isEmpty && cluster.hasConverged) == guarded)
      }
    }

    @Test("G12: with a member down, a lone command leaves at once", arguments: [true, false])
    func alignHeartbeats(guarded: Bool) {
      withCluster(voters: 3, guards: .all(but: .alignHeartbeats, if: !guarded)) { cluster in
        let leader = cluster.electedLeader()
        leader.submit("settle")
        cluster.run(for: 370)
        cluster[leader.id % 3 + 1].crash()
        var slowest: UInt64 = 0
        for pause in 0..<20 {
          cluster.run(for: 230 + UInt64(pause) * 7)
          let sent = cluster.now
          let count = cluster.checker.committedCount
          leader.submit("alone")
          cluster.run { cluster.checker.committedCount > count }
          slowest = max(slowest, cluster.now - sent)
        }
        #expect((slowest <= 2) == guarded, "a round trip takes 2 ms, the slowest took \(slowest)")
      }
    }

    @Test("G13: a handover under load does not wait for a timeout", arguments: [true, false])
    func standOnlyWhenMatched(guarded: Bool) {
      let guards = Guards.all(but: .standOnlyWhenMatched, if: !guarded)
      withCluster(voters: 3, guards: guards) { cluster in
        let leader = cluster.electedLeader()
        cluster.weather.diskLatency = 5...5
        for number in 1...3 {
          leader.submit("command \(number)")
          cluster.run(for: 2)
        }
        let successor = leader.id % 3 + 1
        leader.handle(.transfer(ReplicaID(successor)))
        cluster.run(for: 100)
        #expect((cluster.leader?.id == successor) == guarded)
        cluster.run { cluster.leader?.engine?.role == .leader(transferringTo: nil) }
        cluster.leader?.submit("taken again")
        cluster.run { cluster.hasConverged }
        #expect(cluster.hasConverged)
      }
    }

    @Test(
      "G14: a founder that was founded again elects nobody who lacks what it held",
      arguments: [true, false])
    func untriedFounderAbstains(guarded: Bool) {
      withCluster(
        voters: 3, guards: .all(but: .untriedFounderAbstains, if: !guarded), starting: false
      ) { cluster in
        let node = cluster[1]
        node.start()
        let asked = RaftMessage.requestVote(
          .init(
            term: Term(7), lastLogIndex: LogIndex(40), lastLogTerm: Term(5), disruptLeader: false,
            preVote: false))
        cluster.packets.removeAll()
        node.hear(asked, from: 3)
        cluster.run(for: 1)
        #expect((node.engine?.hardState.votedFor == nil) == guarded)
        #expect((node.lastDrop == .untriedFounder) == guarded)
        guard guarded else { return }
        // It is brought part of the log: it does not stand.
        let entries = (2...9).map { _ in LogEntry.command(6) }
        node.hear(.append(term: 8, after: 1, 1, entries, commit: 9), from: 2)
        cluster.run(for: 1)
        cluster.packets.removeAll()
        let stands = cluster.run(atMost: 5_000) {
          if case .candidate = node.engine?.role { true } else { false }
        }
        #expect(stands && cluster.packets.isEmpty, "it asks nobody")
        node.hear(asked, from: 3)
        #expect(node.lastDrop == .untriedFounder)
        // It holds what its leader has committed in its own term: it holds all that was ever committed.
        node.hear(.append(term: 9, after: 9, 6, [.command(9)], commit: 10), from: 2)
        cluster.run(for: 1)
        node.hear(
          .requestVote(
            .init(
              term: Term(10), lastLogIndex: LogIndex(40), lastLogTerm: Term(9),
              disruptLeader: true, preVote: false)), from: 3)
        #expect(node.engine?.hardState.votedFor == ReplicaID(3))
      }
    }

    @Test("G2 and G3: two of three with compacted logs commit again", arguments: [true, false])
    func livelock(guarded: Bool) {
      withCluster(
        voters: 3, guards: .all(but: [.rebaseOnCommitted, .ignoreStaleRejections], if: !guarded)
      ) { cluster in
        let leader = cluster.electedLeader()
        cluster.run(for: 500)
        let follower = cluster[leader.id % 3 + 1]
        let third = cluster[(leader.id + 1) % 3 + 1]
        for node in cluster.nodes { node.snapshotTrailing = 5 }
        leader.snapshotEvery = 100
        follower.snapshotEvery = 20
        for _ in 1...110 {
          leader.submit("before")
          cluster.run(for: 3)
        }
        cluster.run(for: 200)
        cluster.cut.insert(.init(from: follower.id, to: leader.id))  // answers are lost
        for _ in 1...60 {
          leader.submit("unanswered")
          cluster.run(for: 3)
        }
        cluster.run(for: 1_220)
        third.crash()
        cluster.heal()
        let before = cluster.checker.committedCount
        cluster.leader?.submit("after")
        for _ in 1...60 {
          cluster.run(for: 1_000)
          cluster.leader?.submit("after")
        }
        #expect((cluster.checker.committedCount > before) == guarded)
      }
    }
  }
}

extension Guards {
  static func all(but guards: Guards, if without: Bool) -> Guards {
    without ? .all.subtracting(guards) : .all
  }
}

extension LogEntry {
  static func command(_ term: UInt64) -> LogEntry {
    LogEntry(term: Term(term), kind: .command, payload: [UInt8(truncatingIfNeeded: term)])
  }

  init(term: UInt64, _ members: Membership) {
    self.init(term: Term(term), kind: .change, payload: members.encoded)
  }
}

extension RaftMessage {
  static func append(
    term: UInt64, after index: UInt64, _ indexTerm: UInt64, _ entries: [LogEntry],
    commit: UInt64 = 1
  ) -> RaftMessage {
    .appendEntries(
      .init(
        term: Term(term), prevLogIndex: LogIndex(index), prevLogTerm: Term(indexTerm),
        leaderCommit: LogIndex(commit), entries: entries))
  }

  static func snapshot(
    term: UInt64, index: UInt64, of indexTerm: UInt64, _ members: Membership
  ) -> RaftMessage {
    .installSnapshot(
      .init(
        term: Term(term),
        snapshot: SnapshotMetadata(
          index: LogIndex(index), term: Term(indexTerm), membership: members,
          membershipIndex: LogIndex(1)),
        manifest: MachineState().manifest))
  }
}

extension ClusterNode {
  func hear(_ message: RaftMessage, from sender: UInt64) {
    handle(.receive(message, from: ReplicaID(sender)))
  }
}
