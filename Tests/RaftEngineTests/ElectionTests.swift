import ExchangeTypes
import RaftEngine
import Testing

extension RaftEngineTests {
  /// When replicas stand for election: sooner when they are told of a leader's end, later when elections bear nothing.
  @Suite("When to stand")
  struct ElectionTests {
    /// What `body` makes happen, as one text.
    private func story(_ cluster: Cluster, _ body: () -> Void) -> String {
      cluster.trace = []
      body()
      defer { cluster.trace = nil }
      return (cluster.trace ?? []).joined(separator: "\n")
    }

    /// All but `member` are told that its process has ended.
    private func tell(_ cluster: Cluster, ofTheEndOf member: UInt64) {
      for node in cluster.nodes where node.id != member {
        node.handle(.memberEnded(ReplicaID(member)))
      }
    }

    // MARK: A leader's end

    @Test(
      "a leader whose process has ended is replaced without a timeout: the first in the order stands"
    )
    func leaderEnds() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        leader.submit("a")
        cluster.run(for: 300)
        let text = story(cluster) {
          leader.crash()
          cluster.run(for: 1)
          tell(cluster, ofTheEndOf: leader.id)
          cluster.run { cluster.leader != nil }
          cluster.run(for: 1)
        }
        #expect(
          text == """
            887 n1 crashes
            888 n2 [n1 has ended] follows nobody
            888 n3 [n1 has ended] follows nobody
            913 n2 [timeout] asks for pre-votes
            915 n2 [n3: pre-vote yes t3] term 3 vote n2, asks for votes
            916 n3 [n2: vote? t3 last 2^2] term 3 vote n2
            917 n2 [n3: vote yes t3] leads
            918 n3 [n2: append 2^2+0 commit 2] follows n2
            """)
      }
    }

    @Test("who lacks an entry stands first and in vain; the next in the order leads")
    func firstLacksAnEntry() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        cluster.run(for: 300)
        cluster.cut.insert(.init(from: 1, to: 2))
        leader.submit("only with n3")
        cluster.run(for: 5)
        let text = story(cluster) {
          leader.crash()
          cluster.heal()
          tell(cluster, ofTheEndOf: leader.id)
          cluster.run { cluster.leader != nil }
        }
        #expect(
          text == """
            893 n1 crashes
            893 n2 [n1 has ended] follows nobody
            893 n3 [n1 has ended] follows nobody
            918 n2 [timeout] asks for pre-votes
            1018 n3 [timeout] asks for pre-votes
            1020 n3 [n2: pre-vote yes t3] term 3 vote n3, asks for votes
            1021 n2 [n3: vote? t3 last 2^2] term 3 vote n3, follows nobody
            1022 n3 [n2: vote yes t3] leads, writes 3...3^3
            """)
      }
    }

    @Test("nobody stands before his log is durable, and then without waiting for a timeout")
    func logIsBeingWritten() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        cluster.run(for: 300)
        cluster.weather.diskLatency = 60...60
        leader.submit("a")
        cluster.run(for: 2)
        leader.crash()
        tell(cluster, ofTheEndOf: leader.id)
        let since = cluster.now
        cluster.run(atMost: 400) { cluster.leader != nil }
        #expect(cluster.leader != nil)
        #expect(cluster.now - since >= 50)
      }
    }

    @Test("news of somebody else's end, or of a leader of the past, is nothing")
    func otherNews() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        let follower = cluster[leader.id % 3 + 1]
        let other = cluster[follower.id % 3 + 1]
        cluster.run(for: 50)
        let text = story(cluster) {
          follower.handle(.memberEnded(ReplicaID(other.id)))
          leader.handle(.memberEnded(ReplicaID(other.id)))
          leader.handle(.memberEnded(ReplicaID(leader.id)))
          cluster.run(for: 300)
        }
        #expect(text == "")
        #expect(leader.engine?.role == .leader(transferringTo: nil))
      }
    }

    @Test(
      "one follower that is told of it falsely deposes nobody, and believes no such news for a minute"
    )
    func falseNews() {
      withCluster(voters: 3) { cluster in
        let leader = cluster.electedLeader()
        let follower = cluster[leader.id % 3 + 1]
        cluster.run(for: 310)
        let term = leader.engine?.term
        follower.handle(.memberEnded(ReplicaID(leader.id)))
        #expect(follower.engine?.role == .follower(leader: nil))
        cluster.run(for: 200)
        #expect(follower.engine?.role == .follower(leader: ReplicaID(leader.id)))
        cluster.run(for: 59_000)
        follower.handle(.memberEnded(ReplicaID(leader.id)))
        #expect(follower.engine?.role == .follower(leader: ReplicaID(leader.id)))
        cluster.run(for: 2_000)
        follower.handle(.memberEnded(ReplicaID(leader.id)))
        #expect(follower.engine?.role == .follower(leader: nil))
        cluster.run(for: 1_000)
        #expect(leader.engine?.role == .leader(transferringTo: nil))
        #expect(leader.engine?.term == term)
      }
    }

    @Test(
      "false news that comes again and again to everybody deposes a leader once in ten timeouts at most"
    )
    func falseNewsForEverybody() {
      withCluster(voters: 3) { cluster in
        _ = cluster.electedLeader()
        cluster.run(for: 300)
        for _ in 0..<600 {
          if let leader = cluster.leader { tell(cluster, ofTheEndOf: leader.id) }
          cluster.run(for: 100)
        }
        let term = cluster.leader?.engine?.term.rawValue ?? 0
        #expect(term > 2, "nobody believed it")
        #expect(term <= 2 + 12)
        cluster.leader?.submit("goes on")
        cluster.run(for: 300)
        #expect(cluster.hasConverged)
      }
    }

    // MARK: Elections that bear nothing

    /// Messages take longer than the election timeout, and so do writes: for everybody, all the time.
    private let overload = Cluster.Weather(latency: 500...900, diskLatency: 400...900)

    @Test(
      "where everything takes longer than the election timeout, nobody is ever elected with the configured one",
      arguments: 1...2 as ClosedRange<UInt64>)
    func withoutPatience(seed: UInt64) {
      withCluster(voters: 3, seed: seed, configure: { $0.electionDoublingsMax = 0 }) { cluster in
        cluster.weather = overload
        var led: UInt64 = 0
        for _ in 0..<600 {
          cluster.run(for: 100)
          if cluster.leader?.engine?.hasCommittedInTerm == true { led += 100 }
          cluster.leader?.submit("a")
        }
        #expect(led == 0, "a leader committed for \(led) of 60,000 ms")
      }
    }

    @Test(
      "with longer timeouts after each term in vain, somebody is elected and stays",
      arguments: 1...3 as ClosedRange<UInt64>)
    func patience(seed: UInt64) {
      withCluster(voters: 3, seed: seed) { cluster in
        cluster.weather = overload
        cluster.run(atMost: 60_000) {
          cluster.leader?.submit("a")
          return cluster.leader?.engine?.hasCommittedInTerm ?? false
        }
        #expect(cluster.leader?.engine?.hasCommittedInTerm == true, "nobody by \(cluster.now) ms")
        let elected = cluster.leader?.engine?.term
        var led: UInt64 = 0
        for _ in 0..<200 {
          cluster.run(for: 100)
          cluster.leader?.submit("a")
          if cluster.leader != nil { led += 100 }
        }
        #expect(led >= 15_000, "led for \(led) of 20,000 ms since \(String(describing: elected))")
      }
    }

    @Test(
      "a voter that stood still and answers everything at once makes nobody wait for eight timeouts"
    )
    func lateVotesAtOnce() throws {
      try withCluster(voters: 3, starting: false) { cluster in
        let node = cluster[1]
        node.start()
        let engine = try #require(node.engine)
        cluster.run { engine.role == .candidate(preVote: true) }
        let first = Term(engine.term.rawValue + 1)
        node.hear(
          .requestVoteResult(.init(term: first, granted: true, preVote: true)), from: 2)
        // Every term is in vain, and asks the one that stands still once more.
        cluster.run(atMost: 20_000) { engine.term.rawValue >= first.rawValue + 8 }
        let last = engine.term
        #expect(last.rawValue == first.rawValue + 8)
        for term in first.rawValue..<last.rawValue {
          node.hear(
            .requestVoteResult(.init(term: Term(term), granted: true, preVote: false)), from: 2)
        }
        let since = cluster.now
        cluster.run { engine.term > last }
        #expect(cluster.now - since <= 2_100)
      }
    }

    @Test("when nothing is slow any more, the timeout falls back to the configured one")
    func fallsBack() {
      withCluster(voters: 3) { cluster in
        cluster.weather = overload
        cluster.run(atMost: 60_000) { cluster.leader?.engine?.hasCommittedInTerm ?? false }
        cluster.run(for: 10_000)
        cluster.weather = .init()
        cluster.run(for: 60_000)
        let leader = cluster.electedLeader()
        leader.crash()
        let since = cluster.now
        cluster.run { cluster.leader != nil }
        #expect(cluster.now - since <= 1_100)
      }
    }
  }
}
