import ExchangeTypes
import RaftEngine
import Testing

extension RaftEngineTests {
  @Suite("Engine")
  struct EngineTests {
    @Test("who does not lead refuses, and nothing happens")
    func notLeader() {
      withCluster(voters: 3, starting: false) { cluster in
        let node = cluster[1]
        node.start()
        let server = RaftServer(id: ReplicaID(9), address: "node-9", role: .standby)
        let asks: [RaftEvent] = [
          .submit([.command([1])]), .change(.add(server)), .catchUp(ReplicaID(2)), .transfer(nil),
        ]
        for event in asks { #expect(node.ask(event) == .notLeader) }
        #expect(node.engine?.lastIndex == LogIndex(1))
        #expect(cluster.packets.isEmpty)
      }
    }

    @Test("a leader refuses in a fixed order of checks")
    func refusals() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        let standby = RaftServer(id: ReplicaID(4), address: "node-4", role: .standby)
        let voter = RaftServer(id: ReplicaID(4), address: "node-4", role: .voter)
        let twin = RaftServer(id: ReplicaID(5), address: "node-1", role: .standby)
        let other = ReplicaID(leader.id % 3 + 1)
        #expect(leader.ask(.change(.remove(ReplicaID(9)))) == .invalidChange)
        #expect(leader.ask(.change(.add(standby))) == .nothingCommittedInTerm)
        leader.submit("a")
        cluster.run(for: 200)
        #expect(leader.engine?.hasCommittedInTerm == true)
        #expect(leader.ask(.change(.add(twin))) == .invalidChange)
        #expect(leader.ask(.change(.assign(other, .voter))) == .invalidChange)
        #expect(leader.ask(.change(.add(voter))) == .notCaughtUp(ReplicaID(4)))
        #expect(leader.ask(.catchUp(other)) == .unsuitableServer)
        #expect(leader.ask(.catchUp(ReplicaID(9))) == .unsuitableServer)
        #expect(leader.ask(.transfer(ReplicaID(leader.id))) == .unsuitableServer)
        #expect(leader.ask(.transfer(ReplicaID(9))) == .unsuitableServer)
        #expect(leader.ask(.change(.add(standby))) == nil)
        #expect(leader.ask(.change(.remove(ReplicaID(4)))) == .changeInProgress)
        #expect(leader.ask(.transfer(other)) == nil)
        #expect(leader.ask(.submit([.barrier])) == .transferInProgress)
      }
    }

    @Test("a change waits for every voter to know the last one")
    func laggingVoter() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        leader.submit("a")
        cluster.run(for: 200)
        let lagging = ReplicaID(leader.id % 3 + 1)
        cluster.isolate(lagging.rawValue)
        let server = RaftServer(id: ReplicaID(4), address: "node-4", role: .standby)
        #expect(leader.ask(.change(.add(server))) == nil)
        cluster.run(for: 200)
        #expect(leader.ask(.change(.remove(ReplicaID(4)))) == .voterLags(lagging))
        #expect(leader.ask(.change(.remove(lagging))) == nil, "but it can be removed itself")
      }
    }

    @Test("two voters do not become one")
    func twoVoters() {
      withCluster(voters: 2) { cluster in
        let leader = cluster.electedLeader()
        leader.submit("a")
        cluster.run(for: 200)
        let other = ReplicaID(3 - leader.id)
        #expect(leader.ask(.change(.remove(other))) == .twoVotersLeft)
        #expect(leader.ask(.change(.assign(other, .standby))) == .twoVotersLeft)
      }
    }

    @Test("uncommitted entries are bounded")
    func uncommittedBound() {
      withCluster(voters: 3, configure: { $0.uncommittedEntriesMax = 10 }) { cluster in
        let leader = cluster.electedLeader()
        cluster.isolate(leader.id)
        for _ in 1...5 { #expect(leader.submit("a", "b") == nil) }
        #expect(leader.submit("c") == .tooManyUncommitted(limit: 10))
      }
    }

    @Test("a run of entries is divided by bytes, an entry never")
    func divided() {
      withCluster(voters: 2, configure: { $0.appendBytesMax = 100 }) { cluster in
        let leader = cluster.electedLeader()
        cluster.run(for: 200)
        let large = Proposal.command([UInt8](repeating: 7, count: 150))
        let small = Proposal.command([UInt8](repeating: 7, count: 40))
        cluster.packets.removeAll()
        leader.handle(.submit([small, small, small, large, small]))
        let counts = cluster.packets.compactMap { packet -> Int? in
          if case .appendEntries(let body) = packet.message { body.entries.count } else { nil }
        }
        #expect(counts == [2, 1, 1, 1])
        cluster.run(for: 200)
        #expect(cluster.hasConverged)
      }
    }

    @Test(
      "a malformed message never reaches libraft",
      arguments: [
        ("a term above zero", RaftMessage.append(term: 0, after: 1, 1, [])),
        ("a term that fits", .append(term: .max, after: 1, 1, [])),
        ("indices that fit", .append(term: 2, after: .max, 1, [])),
        (
          "a previous term exactly where there is a previous index",
          .append(term: 2, after: 0, 1, [])
        ),
        ("entry terms in order", .append(term: 2, after: 1, 1, [.command(3)])),
        ("entry terms in order", .append(term: 3, after: 1, 1, [.command(3), .command(2)])),
        (
          "payloads of bounded size",
          .append(
            term: 2, after: 1, 1,
            [
              LogEntry(
                term: Term(2), kind: .command,
                payload: [UInt8](repeating: 0, count: LogEntry.payloadBytesMax + 1))
            ])
        ),
        (
          "a membership that decodes",
          .append(term: 2, after: 1, 1, [LogEntry(term: Term(2), kind: .change, payload: [1])])
        ),
        (
          "a rejected index above 0",
          .appendEntriesResult(
            .init(term: Term(2), rejected: LogIndex(0), lastLogIndex: LogIndex(0)))
        ),
        (
          "a last term that fits the last index and the term",
          .requestVote(
            .init(
              term: Term(2), lastLogIndex: LogIndex(1), lastLogTerm: Term(3), disruptLeader: false,
              preVote: false))
        ),
        ("a snapshot with its members", .snapshot(term: 2, index: 9, of: 1, .none)),
        ("a snapshot of an entry in the past", .snapshot(term: 2, index: 9, of: 3, .none)),
        (
          "a last term that fits the term",
          .timeoutNow(.init(term: Term(2), lastLogIndex: LogIndex(1), lastLogTerm: Term(3)))
        ),
      ])
    func malformed(rule: String, message: RaftMessage) {
      withCluster(voters: 3, starting: false) { cluster in
        cluster[1].start()
        cluster[1].hear(message, from: 2)
        #expect(cluster[1].lastDrop == .malformed(rule: rule))
        #expect(cluster[1].engine?.hardState == HardState(term: Term(1), votedFor: nil))
        #expect(cluster.packets.isEmpty)
      }
    }

    @Test("a second leader in a term is not believed")
    func twoLeaders() throws {
      try withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        let term = try #require(leader.engine?.term.rawValue)
        leader.hear(.append(term: term, after: 1, 1, []), from: leader.id % 3 + 1)
        #expect(leader.lastDrop == .malformed(rule: "one leader in a term"))
        #expect(leader.engine?.role.isLeader == true)
      }
    }

    @Test(
      "a follower has lost its disk if it goes on denying what it confirmed, not if answers came late"
    )
    func denial() throws {
      try withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        for _ in 1...5 { leader.submit("x") }
        cluster.run(for: 300)
        let follower = ReplicaID(leader.id % 3 + 1)
        cluster.isolate(follower.rawValue)
        let engine = try #require(leader.engine)
        let match = try #require(engine.matchIndex(of: follower))
        let answer = RaftMessage.appendEntriesResult(
          .init(term: engine.term, rejected: match, lastLogIndex: LogIndex(0)))
        // What a direction had held that was cut, twice.
        for _ in 1...2 {
          for _ in 1...4 { leader.hear(answer, from: follower.rawValue) }
          cluster.run(for: 2_000)
          #expect(engine.denial(by: follower) == nil)
        }
        for _ in 0...20 {
          leader.hear(answer, from: follower.rawValue)
          cluster.run(for: 100)
        }
        #expect(engine.denial(by: follower) == LogIndex(0))
        #expect(engine.role.isLeader)
      }
    }

    @Test("entries that contradict committed ones end the process")
    func contradiction() {
      withCluster(voters: 3, starting: false, allowsViolations: true) { cluster in
        let node = cluster[1]
        node.start()
        node.hear(.append(term: 2, after: 1, 1, [.command(2)], commit: 2), from: 2)
        #expect(node.failure == nil)
        node.hear(.append(term: 3, after: 2, 3, []), from: 3)
        #expect(node.failure?.code ?? 0 != 0)
        #expect(!node.isUp)
      }
    }

    @Test("a completion that was never issued is a failure")
    func unknownWrite() {
      withCluster(voters: 3, allowsViolations: true) { cluster in
        let leader = cluster.electedLeader()
        leader.handle(.persisted(through: WriteNumber(rawValue: 500)))
        #expect(leader.failure?.code == 0)
        #expect(!leader.isUp)
      }
    }

    @Test("a snapshot beyond what is durable, or not newer, is refused")
    func snapshotRules() throws {
      try withCluster(voters: 1) { cluster in
        let node = cluster[1]
        node.submit("a", "b")
        cluster.run(for: 1)
        cluster.weather.diskLatency = 100...100
        node.submit("c")
        func taken(_ index: UInt64, _ term: Term) -> RaftEvent {
          .snapshotTaken(
            SnapshotMetadata(
              index: LogIndex(index), term: term, membership: cluster.founders,
              membershipIndex: LogIndex(1)), trailing: 0)
        }
        let term = try #require(node.engine?.term)
        #expect(node.ask(taken(4, term)) == .snapshotNotAllowed)
        #expect(node.ask(taken(3, Term(term.rawValue + 1))) == .snapshotNotAllowed)
        node.takeSnapshot()
        #expect(node.lastRefusal == nil)
        #expect(node.ask(taken(3, term)) == .snapshotNotAllowed)
        cluster.run(for: 200)
        #expect(node.state.count == 3)
      }
    }

    @Test("a state that no replica can have does not start")
    func impossibleStarts() {
      let members = Membership([RaftServer(id: ReplicaID(1), address: "a", role: .voter)]) ?? .none
      let founding = RaftStart.founding(members)
      func broken(_ change: (inout RaftStart) -> Void) -> RaftStart {
        var start = founding
        change(&start)
        return start
      }
      let snapshot = SnapshotMetadata(
        index: LogIndex(5), term: Term(1), membership: members, membershipIndex: LogIndex(1))
      let starts = [
        broken { $0.hardState = nil },
        broken { $0.entries = [.command(1)] },
        broken { $0.entries.append(.command(2)) },
        broken { $0.firstIndex = LogIndex(2) },
        broken { $0.applied = LogIndex(2) },
        broken { $0.snapshot = snapshot },
        broken { $0.entries = [LogEntry(term: Term(1), kind: .change, payload: [1, 2, 3])] },
        broken {
          $0.snapshot = snapshot
          $0.firstIndex = LogIndex(7)
        },
      ]
      for start in starts {
        #expect(throws: RaftFailure.self) {
          _ = try RaftEngine(
            configuration: .init(id: ReplicaID(1), address: "a", seed: 1), start: start,
            log: MemoryLog(Disk(start)), at: 0)
        }
      }
    }

    @Test("members survive their encoding, and nothing else is one")
    func membershipCodec() throws {
      let members = try #require(
        Membership([
          RaftServer(id: ReplicaID(1), address: "node-1:7000", role: .voter),
          RaftServer(id: ReplicaID(.max), address: "é", role: .spare),
        ]))
      let bytes = members.encoded
      #expect(bytes.count % 8 == 0)
      #expect(Membership(encoded: bytes) == members)
      for length in 0..<bytes.count { #expect(Membership(encoded: Array(bytes[..<length])) == nil) }
      #expect(Membership(encoded: bytes + [0]) == nil)
      for place in bytes.indices {
        var changed = bytes
        changed[place] ^= 0x80
        #expect(Membership(encoded: changed) != members)
      }
    }

    @Test("a leader with a server that it no longer serves does not spin")
    func demotedToSpare() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        leader.submit("a")
        cluster.addServer()
        cluster.run(for: 200)
        let server = RaftServer(id: ReplicaID(4), address: "node-4", role: .standby)
        #expect(leader.ask(.change(.add(server))) == nil)
        cluster.run(for: 300)
        #expect(leader.ask(.change(.assign(ReplicaID(4), .spare))) == nil)
        cluster.run(for: 300)
        let now = cluster.now
        leader.handle(.timeout)
        #expect(leader.engine?.nextTimeout ?? 0 >= now + 25)
        #expect(leader.engine?.role.isLeader == true)
      }
    }
  }
}
