import ExchangeTypes
import RaftEngine
import Testing

/// All tests of this room: one after the other, since libraft's heap is counted for the whole process.
@Suite(.serialized)
enum RaftEngineTests {}

/// Runs `body` with a cluster and expects that nothing of it is left in libraft's heap.
func withCluster(
  voters: Int, seed: UInt64 = 1, guards: Guards = .all, starting: Bool = true,
  configure: @escaping (inout RaftEngine.Configuration) -> Void = { _ in },
  allowsViolations: Bool = false, _ body: (Cluster) throws -> Void
) rethrows {
  let before = RaftHeap.outstandingBytes
  let cluster = Cluster(
    voters: voters, seed: seed, guards: guards, starting: starting, configure: configure)
  defer {
    cluster.shutDown()
    #expect(RaftHeap.outstandingBytes == before, "libraft leaks")
    if !allowsViolations { #expect(cluster.checker.violations == []) }
  }
  try body(cluster)
}

extension RaftEngineTests {
  @Suite("Transcripts")
  struct TraceTests {
    /// What `body` makes happen, as one text.
    func story(_ cluster: Cluster, messages: Bool = false, _ body: () -> Void) -> String {
      cluster.trace = []
      cluster.tracesMessages = messages
      body()
      defer { cluster.trace = nil }
      return (cluster.trace ?? []).joined(separator: "\n")
    }

    @Test("an election: pre-votes, votes, first heartbeat")
    func election() {
      withCluster(voters: 3) { cluster in
        let text = story(cluster, messages: true) {
          cluster.run { cluster.leader != nil }
          cluster.run(for: 1)
        }
        #expect(
          text == """
            583 n1 [timeout] asks for pre-votes, to n2 pre-vote? t2 last 1^1, to n3 pre-vote? t2 last 1^1
            584 n2 [n1: pre-vote? t2 last 1^1] to n1 pre-vote yes t2
            584 n3 [n1: pre-vote? t2 last 1^1] to n1 pre-vote yes t2
            585 n1 [n2: pre-vote yes t2] term 2 vote n1, asks for votes, to n2 vote? t2 last 1^1, to n3 vote? t2 last 1^1
            586 n2 [n1: vote? t2 last 1^1] term 2 vote n1, to n1 vote yes t2
            586 n3 [n1: vote? t2 last 1^1] term 2 vote n1, to n1 vote yes t2
            587 n1 [n2: vote yes t2] leads, to n2 append 1^1+0 commit 1, to n3 append 1^1+0 commit 1
            587 n1 [n3: vote yes t2] dropped: stale
            588 n2 [n1: append 1^1+0 commit 1] follows n1, to n1 match 1
            588 n3 [n1: append 1^1+0 commit 1] follows n1, to n1 match 1
            """)
      }
    }

    @Test("a command: written everywhere, committed by a majority, told with the next heartbeat")
    func replication() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        cluster.run(for: 90)
        let text = story(cluster, messages: true) {
          leader.submit("a")
          cluster.run(for: 20)
        }
        #expect(
          text == """
            677 n1 [submit 1] writes 2...2^2, to n2 append 1^1+1 commit 1, to n3 append 1^1+1 commit 1
            678 n2 [n1: append 1^1+1 commit 1] writes 2...2^2
            678 n2 [persisted] to n1 match 2
            678 n3 [n1: append 1^1+1 commit 1] writes 2...2^2
            678 n3 [persisted] to n1 match 2
            679 n1 [n2: match 2] commits 2
            """)
      }
    }

    @Test("a slow disk: nobody vouches for what is not durable")
    func slowDisk() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        cluster.run(for: 50)
        cluster.weather.diskLatency = 10...10
        let text = story(cluster, messages: true) {
          leader.submit("a")
          cluster.run(for: 15)
        }
        #expect(
          text == """
            637 n1 [submit 1] writes 2...2^2, to n2 append 1^1+1 commit 1, to n3 append 1^1+1 commit 1
            638 n2 [n1: append 1^1+1 commit 1] writes 2...2^2
            638 n3 [n1: append 1^1+1 commit 1] writes 2...2^2
            648 n2 [persisted] to n1 match 2
            648 n3 [persisted] to n1 match 2
            649 n1 [n2: match 2] commits 2
            """)
      }
    }

    @Test("a crashed leader is replaced, and follows when it returns")
    func leaderCrash() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        leader.submit("a")
        cluster.run(for: 300)
        let text = story(cluster) {
          leader.crash()
          cluster.run { cluster.leader != nil }
          cluster.run(for: 50)
          leader.start()
          cluster.run(for: 200)
        }
        #expect(
          text == """
            887 n1 crashes
            1685 n2 [timeout] asks for pre-votes
            1713 n3 [timeout] asks for pre-votes
            1715 n3 [n2: pre-vote yes t3] term 3 vote n3, asks for votes
            1716 n2 [n3: vote? t3 last 2^2] term 3 vote n3, follows nobody
            1717 n3 [n2: vote yes t3] leads
            1718 n2 [n3: append 2^2+0 commit 2] follows n3
            1767 n1 starts
            1767 n1 [start] commits 1, members n1 voter n2 voter n3 voter
            1818 n1 [n3: append 2^2+0 commit 2] term 3 vote -, follows n3, commits 2
            """)
      }
    }

    @Test("entries that only an isolated leader held are overwritten")
    func divergence() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        cluster.run(for: 300)
        let text = story(cluster) {
          cluster.isolate(leader.id)
          leader.submit("lost", "lost too")
          cluster.run { cluster.leader.map { $0.id != leader.id } ?? false }
          cluster.leader?.submit("kept")
          cluster.run(for: 150)
          cluster.heal()
          cluster.run(for: 300)
        }
        #expect(
          text == """
            888 n1 [submit 2] writes 2...3^2
            1387 n1 [timeout] follows nobody
            1783 n2 [timeout] asks for pre-votes
            1811 n3 [timeout] asks for pre-votes
            1813 n3 [n2: pre-vote yes t3] term 3 vote n3, asks for votes
            1814 n2 [n3: vote? t3 last 1^1] term 3 vote n3, follows nobody
            1815 n3 [n2: vote yes t3] leads
            1815 n3 [submit 1] writes 2...2^3
            1816 n2 [n3: append 1^1+0 commit 1] follows n3
            1818 n2 [n3: append 1^1+1 commit 1] writes 2...2^3
            1819 n3 [n2: match 2] commits 2
            1918 n2 [n3: append 2^3+0 commit 2] commits 2
            2018 n1 [n3: append 1^1+1 commit 2] term 3 vote -, follows n3, overwrites 2...2^3, commits 2
            """)
      }
    }

    @Test("an isolated leader resigns, and nobody's term grows")
    func checkQuorum() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        cluster.run(for: 300)
        let text = story(cluster) {
          for follower in cluster.nodes where follower.id != leader.id {
            follower.pausedUntil = cluster.now + 1_200
          }
          cluster.run(for: 1_400)
        }
        #expect(
          text == """
            1487 n1 [timeout] follows nobody
            """)
      }
    }

    @Test("leadership is handed over without waiting for a timeout")
    func transfer() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        cluster.run(for: 50)
        let text = story(cluster, messages: true) {
          leader.handle(.transfer(ReplicaID(leader.id % 3 + 1)))
          leader.submit("refused meanwhile")
          cluster.run(for: 6)
        }
        #expect(
          text == """
            637 n1 [transfer to n2] hands over to n2, to n2 stand now
            637 n1 [submit 1] refused: transferInProgress
            638 n2 [n1: stand now] term 3 vote n2, asks for votes, to n1 vote? t3 last 1^1, to n3 vote? t3 last 1^1
            639 n1 [n2: vote? t3 last 1^1] term 3 vote n2, follows nobody, to n2 vote yes t3
            639 n3 [n2: vote? t3 last 1^1] term 3 vote n2, to n2 vote yes t3
            640 n2 [n1: vote yes t3] leads, to n1 append 1^1+0 commit 1, to n3 append 1^1+0 commit 1
            640 n2 [n3: vote yes t3] dropped: stale
            641 n1 [n2: append 1^1+0 commit 1] follows n2, to n2 match 1
            641 n3 [n2: append 1^1+0 commit 1] follows n2, to n2 match 1
            """)
      }
    }

    @Test("a server is added, catches up, votes; then the leader removes itself")
    func membership() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        let text = story(cluster) {
          let server = RaftServer(id: ReplicaID(4), address: "node-4", role: .standby)
          leader.handle(.change(.add(server)))
          leader.handle(.submit([.barrier]))
          cluster.run(for: 150)
          cluster.addServer()
          leader.handle(.change(.add(server)))
          cluster.run(for: 250)
          leader.handle(.change(.assign(ReplicaID(4), .voter)))
          leader.handle(.catchUp(ReplicaID(4)))
          leader.handle(.submit([.barrier]))
          cluster.run(for: 150)
          leader.handle(.change(.assign(ReplicaID(4), .voter)))
          cluster.run(for: 150)
          leader.handle(.change(.remove(ReplicaID(leader.id))))
          cluster.run(for: 150)
        }
        #expect(
          text == """
            587 n1 [add n4 as standby] refused: nothingCommittedInTerm
            587 n1 [submit 1] writes 2...2^2
            587 n1 [n3: vote yes t2] dropped: stale
            588 n2 [n1: append 1^1+0 commit 1] follows n1
            588 n3 [n1: append 1^1+0 commit 1] follows n1
            590 n2 [n1: append 1^1+1 commit 1] writes 2...2^2
            590 n3 [n1: append 1^1+1 commit 1] writes 2...2^2
            591 n1 [n2: match 2] commits 2
            690 n2 [n1: append 2^2+0 commit 2] commits 2
            690 n3 [n1: append 2^2+0 commit 2] commits 2
            737 n4 starts
            737 n1 [add n4 as standby] writes 3...3^2
            738 n2 [n1: append 2^2+1 commit 2] writes 3...3^2
            738 n3 [n1: append 2^2+1 commit 2] writes 3...3^2
            738 n4 [n1: append 3^2+0 commit 2] term 2 vote -, follows n1
            739 n1 [n2: match 3] commits 3, members n1 voter n2 voter n3 voter n4 standby
            740 n4 [n1: append 0^0+3 commit 3] writes 1...3^2, commits 3, members n1 voter n2 voter n3 voter n4 standby
            840 n2 [n1: append 3^2+0 commit 3] commits 3, members n1 voter n2 voter n3 voter n4 standby
            840 n3 [n1: append 3^2+0 commit 3] commits 3, members n1 voter n2 voter n3 voter n4 standby
            987 n1 [make n4 voter] refused: notCaughtUp(4)
            987 n1 [submit 1] writes 4...4^2
            988 n2 [n1: append 3^2+1 commit 3] writes 4...4^2
            988 n3 [n1: append 3^2+1 commit 3] writes 4...4^2
            988 n4 [n1: append 3^2+1 commit 3] writes 4...4^2
            989 n1 [n2: match 4] commits 4
            1088 n2 [n1: append 4^2+0 commit 4] commits 4
            1088 n3 [n1: append 4^2+0 commit 4] commits 4
            1088 n4 [n1: append 4^2+0 commit 4] commits 4
            1137 n1 [make n4 voter] writes 5...5^2
            1138 n2 [n1: append 4^2+1 commit 4] writes 5...5^2
            1138 n3 [n1: append 4^2+1 commit 4] writes 5...5^2
            1138 n4 [n1: append 4^2+1 commit 4] writes 5...5^2
            1139 n1 [n3: match 5] commits 5, members n1 voter n2 voter n3 voter n4 voter
            1238 n2 [n1: append 5^2+0 commit 5] commits 5, members n1 voter n2 voter n3 voter n4 voter
            1238 n3 [n1: append 5^2+0 commit 5] commits 5, members n1 voter n2 voter n3 voter n4 voter
            1238 n4 [n1: append 5^2+0 commit 5] commits 5, members n1 voter n2 voter n3 voter n4 voter
            1287 n1 [remove n1] writes 6...6^2
            1288 n2 [n1: append 5^2+1 commit 5] writes 6...6^2
            1288 n3 [n1: append 5^2+1 commit 5] writes 6...6^2
            1288 n4 [n1: append 5^2+1 commit 5] writes 6...6^2
            1289 n1 [n3: match 6] follows nobody, commits 6, members n2 voter n3 voter n4 voter
            """)
      }
    }

    @Test("a follower far behind gets a snapshot, then the rest")
    func snapshot() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        let behind = cluster[leader.id % 3 + 1]
        behind.crash()
        for _ in 1...5 { leader.submit("a", "b") }
        cluster.run(for: 50)
        let text = story(cluster) {
          leader.snapshotTrailing = 2
          leader.takeSnapshot()
          leader.submit("after")
          cluster.run(for: 50)
          behind.start()
          cluster.run(for: 400)
        }
        #expect(
          text == """
            637 n1 [submit 1] writes 12...12^2
            638 n3 [n1: append 11^2+1 commit 11] writes 12...12^2, commits 11
            639 n1 [n3: match 12] commits 12
            687 n2 starts
            687 n2 [start] commits 1, members n1 voter n2 voter n3 voter
            738 n2 [n1: append 11^2+0 commit 12] follows n1
            738 n3 [n1: append 12^2+0 commit 12] commits 12
            740 n2 [n1: snapshot 11^2] installs 11^2
            740 n2 [installed 11^2] commits 11, members n1 voter n2 voter n3 voter
            742 n2 [n1: append 11^2+1 commit 12] writes 12...12^2, commits 12
            """)
        #expect(behind.installs == 1)
        #expect(cluster.hasConverged)
      }
    }

    @Test("a restart replays what was durable")
    func restart() {
      withCluster(voters: 1) { cluster in
        let text = story(cluster) {
          cluster[1].submit("a", "b")
          cluster.run(for: 1)
          cluster[1].restart()
          cluster[1].submit("c")
          cluster.run(for: 1)
        }
        #expect(
          text == """
            0 n1 [submit 2] writes 2...3^2
            0 n1 [persisted] commits 3
            1 n1 crashes
            1 n1 starts
            1 n1 [start] term 3 vote n1, leads, commits 3, members n1 voter
            1 n1 [submit 1] writes 4...4^3
            1 n1 [persisted] commits 4
            """)
        #expect(cluster[1].state.count == 3)
      }
    }
  }
}
