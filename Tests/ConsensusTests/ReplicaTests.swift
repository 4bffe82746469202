import Consensus
import ExchangeCore
import ExchangeTypes
import RaftEngine
import Testing

@Suite("One replica and its log")
struct ReplicaTests {
  @Test("a single voter elects itself, proposes and applies")
  func singleVoter() throws {
    let cluster = try Cluster(1)
    let node = try cluster.elect()
    let ticket = cluster.propose(to: node)
    #expect(ticket.results.isEmpty, "nothing is applied before the write has ended")
    cluster.run(50)
    #expect(ticket.isApplied)
    #expect(node.replica?.applied == node.replica?.lastIndex)
    #expect(node.roles.contains(.elected))
    #expect(node.roles.last == .leader)
  }

  @Test("three voters elect, replicate, and have the same digest at the same index")
  func threeVoters() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    let tickets = (0..<20).map { _ in cluster.propose(to: leader) }
    try cluster.settle()
    #expect(tickets.allSatisfy { $0.isApplied })
    #expect(Set(cluster.nodes.compactMap { $0.replica?.exchange.digest }).count == 1)
    cluster.checkPromises()
  }

  @Test("a follower refuses a proposal and names the leader")
  func followerRefuses() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    cluster.run(300)
    let follower = try #require(cluster.nodes.first { $0 !== leader })
    let ticket = cluster.propose(to: follower)
    guard case .refused(.notLeader(let named)) = ticket.results.first else {
      Issue.record("\(ticket.results)")
      return
    }
    #expect(named == leader.id)
  }

  @Test("nothing is acknowledged before a majority has it on disk")
  func majorityBeforeAnswer() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    try cluster.settle()
    let followers = cluster.nodes.filter { $0 !== leader }
    for follower in followers { follower.holdsWrites = true }
    let ticket = cluster.propose(to: leader)
    cluster.run(300)
    #expect(followers.allSatisfy { $0.isWriteHeld })
    #expect(cluster.copies(of: leader.replica?.lastIndex ?? LogIndex(0)) == 1)
    #expect(ticket.results.isEmpty)
    followers[0].holdsWrites = false
    followers[0].releaseWrite()
    cluster.run(50)
    #expect(ticket.isApplied)
  }

  @Test("a leader whose own disk lags acknowledges nothing that it has not got itself")
  func leaderDiskLags() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    try cluster.settle()
    leader.holdsWrites = true
    let ticket = cluster.propose(to: leader)
    cluster.run(200)
    #expect(ticket.results.isEmpty, "committed by two followers, but not durable here")
    leader.holdsWrites = false
    leader.releaseWrite()
    cluster.run(50)
    #expect(ticket.isApplied)
  }

  @Test("messages wait for the term and the vote that they were sent under")
  func votesWait() throws {
    let cluster = try Cluster(3)
    for node in cluster.nodes { node.holdsWrites = true }
    cluster.run(3_000)
    #expect(cluster.leader == nil, "no vote is durable, so nobody can have been elected")
    for node in cluster.nodes {
      node.holdsWrites = false
      node.releaseWrite()
    }
    _ = try cluster.elect()
  }

  @Test("an uncommitted tail is truncated while its write is in flight")
  func truncationInFlight() throws {
    let cluster = try Cluster(3)
    let old = try cluster.elect()
    try cluster.settle()
    cluster.isolate(old)
    old.holdsWrites = true
    let lost = (0..<5).map { _ in cluster.propose(to: old) }
    #expect(old.isWriteHeld)
    #expect(
      cluster.run(atMost: 5_000) { cluster.leader.map { $0 !== old } ?? false })
    let new = try #require(cluster.leader)
    let kept = (0..<3).map { _ in cluster.propose(to: new) }
    cluster.run(200)
    #expect(kept.allSatisfy { $0.isApplied })
    cluster.heal()
    cluster.run(1_000)
    old.holdsWrites = false
    old.releaseWrite()
    try cluster.settle()
    #expect(lost.allSatisfy { $0.isUnknown })
    #expect(old.store.entries == new.store.entries)
    cluster.checkPromises()
  }

  @Test("a restart applies the log again to the same digest")
  func restart() throws {
    let cluster = try Cluster(1)
    let node = try cluster.elect()
    for _ in 0..<10 { cluster.propose(to: node) }
    cluster.run(100)
    node.replica?.flushRows()
    cluster.run(100)
    let before = try #require(node.replica?.exchange.digest)
    let accounts = cluster.acknowledged.count
    node.crash()
    try node.boot()
    _ = try cluster.elect()
    // The new term's pulse changes only the time.
    #expect(cluster.acknowledged.count == accounts)
    cluster.checkPromises()
    node.crash()
    #expect(try node.store.restored() != nil)
    #expect(before != StateDigest())
  }

  @Test("a crash between an entry and its rows loses nothing")
  func crashBetweenEntryAndRows() throws {
    let cluster = try Cluster(1)
    let node = try cluster.elect()
    cluster.propose(to: node)
    cluster.run(100)
    node.replica?.flushRows()
    for _ in 0..<4 { cluster.propose(to: node) }
    cluster.run(50)
    let applied = try #require(node.replica?.applied)
    let digest = try #require(node.replica?.exchange.digest)
    let mark = try #require(node.store.applied)
    #expect(mark.index < applied, "the last rows wait for what may follow")
    node.crash()
    try node.boot()
    _ = try cluster.elect()
    #expect(node.appliedIndices.first == mark.index.next)
    let replica = try #require(node.replica)
    #expect(replica.applied > applied)
    #expect(digest != mark.digest)
    cluster.checkPromises()
  }

  @Test(
    "what is applied reaches every disk when nothing follows it, with one write; then the disks rest"
  )
  func quiet() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    try cluster.settle()
    cluster.run(2_000)
    let nodes = cluster.nodes
    let idle = nodes.map(\.store.writes)
    for node in nodes { #expect(node.store.applied?.index == leader.replica?.lastIndex) }
    cluster.run(10_000)
    #expect(nodes.map(\.store.writes) == idle, "a cluster without work writes nothing")

    let before = nodes.map(\.store.marks.count)
    let tickets = (0..<5).map { _ in cluster.propose(to: leader) }
    #expect(cluster.run(atMost: 100) { tickets.allSatisfy(\.isApplied) })
    #expect(nodes.map(\.store.marks.count) == before, "rows wait for what may follow")
    cluster.run(500)
    for node in nodes {
      #expect(node.store.applied?.index == leader.replica?.lastIndex)
      #expect(try node.store.restored() != nil)
    }
    #expect(nodes.map(\.store.marks.count) == before.map { $0 + 1 })
  }

  @Test("while entries come without a pause, rows wait together for a second")
  func busy() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    let before = cluster.nodes.map(\.store.marks.count)
    for _ in 0..<80 {
      cluster.propose(to: leader)
      cluster.run(50)
    }
    for (node, before) in zip(cluster.nodes, before) {
      #expect(3...5 ~= node.store.marks.count - before, "in four seconds")
    }
  }

  @Test("rows that are due while another write is under way go with the next one")
  func dueWhileWriting() throws {
    let cluster = try Cluster(1)
    let node = try cluster.elect()
    cluster.run(1_000)
    cluster.propose(to: node)
    cluster.run(20)
    node.holdsWrites = true
    cluster.propose(to: node)
    #expect(node.isWriteHeld)
    cluster.run(1_000)
    let before = node.store.writes
    node.holdsWrites = false
    node.releaseWrite()
    cluster.run(50)
    #expect(node.store.writes <= before + 2)
    #expect(node.store.applied?.index == node.replica?.lastIndex)
  }

  @Test(
    "several writes are under way; each answers for itself, in order, and rows are seen in all of them"
  )
  func severalWrites() throws {
    let cluster = try Cluster(1)
    let node = cluster.nodes[0]
    node.crash()
    node.writesMax = 3
    try node.boot()
    _ = try cluster.elect()
    cluster.run(1_500)
    node.holdsWrites = true
    let tickets = (0..<5).map { _ in cluster.propose(to: node) }
    #expect(node.writesUnderWay == 3, "what comes after the third waits")
    node.releaseWrite()
    #expect(tickets.map(\.isApplied) == [true, false, false, false, false])
    #expect(node.writesUnderWay == 3, "the rest went together")
    // The rows of the first entry leave in the last of them, or after it: never before the entry.
    let replica = try #require(node.replica)
    let change = try #require(node.changes.last { $0.table == Table.accounts.rawValue })
    #expect(try replica.row(table: change.table, key: change.key) == change.value)
    node.releaseWrite()
    #expect(tickets.map(\.isApplied) == [true, true, false, false, false])
    replica.flushRows()
    let latest = try #require(node.changes.last { $0.table == Table.accounts.rawValue })
    #expect(try replica.row(table: latest.table, key: latest.key) == latest.value, "in flight")
    node.releaseWrite()
    node.releaseWrite()
    #expect(tickets.allSatisfy { $0.isApplied })
    node.holdsWrites = false
    node.releaseWrite()
    cluster.run(1_500)
    #expect(node.store.applied?.index == replica.lastIndex)
  }

  @Test(
    "a leader that is deposed with several writes under way vouches for none of their entries",
    arguments: 1...8)
  func truncationOfSeveral(seed: UInt64) throws {
    let cluster = try Cluster(3, seed: seed)
    for node in cluster.nodes {
      node.crash()
      node.writesMax = 4
      try node.boot()
    }
    let old = try cluster.elect()
    try cluster.settle()
    cluster.isolate(old)
    old.holdsWrites = true
    let lost = (0..<3).map { _ in cluster.propose(to: old) }
    #expect(old.writesUnderWay == 3)
    #expect(cluster.run(atMost: 5_000) { cluster.leader.map { $0 !== old } ?? false })
    let new = try #require(cluster.leader)
    let kept = (0..<3).map { _ in cluster.propose(to: new) }
    cluster.run(200)
    #expect(kept.allSatisfy { $0.isApplied })
    cluster.heal()
    cluster.run(1_000)
    // One by one: the entries that were cut off reach the disk, then the term, then what is in their place.
    for _ in 0..<4 {
      old.releaseWrite()
      cluster.run(300)
    }
    old.holdsWrites = false
    old.releaseWrite()
    try cluster.settle()
    #expect(lost.allSatisfy { $0.isUnknown })
    #expect(old.store.entries == new.store.entries)
    cluster.checkPromises()
  }

  @Test("rows and their mark reach the disk together, even if a completion submits")
  func reentrantSubmission() throws {
    let cluster = try Cluster(1)
    let node = try cluster.elect()
    cluster.run(50)
    var submissions = 0
    node.whenApplied = { _, _ in
      guard submissions < 30 else { return }
      submissions += 1
      cluster.propose(to: node)
    }
    // Several entries in one write: applying the first submits while the rest are committed.
    for _ in 0..<5 { cluster.propose(to: node) }
    for _ in 0..<200 {
      cluster.run(1)
      _ = try node.store.restored()
    }
    #expect(submissions == 30)
    #expect(node.appliedIndices == node.appliedIndices.sorted())
    #expect(cluster.counts.applied == 35)
  }

  @Test("proposals of a leader that loses its term end as unknown, each once")
  func exactlyOnceUnderLeaderKills() throws {
    let cluster = try Cluster(3, seed: 5)
    var tickets: [Ticket] = []
    for _ in 0..<6 {
      let leader = try cluster.elect()
      tickets += (0..<3).map { _ in cluster.propose(to: leader) }
      cluster.run(cluster.below(8))
      cluster.isolate(leader)
      tickets += (0..<3).map { _ in cluster.propose(to: leader) }
      cluster.run(2_500)
      cluster.heal()
      cluster.run(500)
    }
    try cluster.settle()
    #expect(tickets.allSatisfy { $0.results.count == 1 })
    #expect(cluster.counts.unknown > 0)
    #expect(cluster.counts.applied > 0)
    cluster.checkPromises()
  }

  @Test("too many uncommitted entries are refused as overload")
  func overload() throws {
    let cluster = try Cluster(1)
    let node = try cluster.elect()
    node.holdsWrites = true
    let tickets = (0..<2_100).map { _ in cluster.propose(to: node) }
    let refused = tickets.filter(\.isRefused)
    #expect(refused.count >= 100)
    guard case .refused(.overloaded) = refused.first?.results.first else {
      Issue.record("not refused as overload")
      return
    }
    node.holdsWrites = false
    node.releaseWrite()
    cluster.run(200)
    #expect(tickets.allSatisfy { $0.results.count == 1 })
  }

  @Test("a row is seen while it is pending, in flight and on the disk")
  func rowOverlay() throws {
    let cluster = try Cluster(1)
    let node = try cluster.elect()
    cluster.propose(to: node)
    cluster.run(50)
    let replica = try #require(node.replica)
    let change = try #require(node.changes.last { $0.table == Table.accounts.rawValue })
    let value = try #require(change.value)
    #expect(try node.store.row(table: change.table, key: change.key) == nil)
    #expect(try replica.row(table: change.table, key: change.key) == value, "pending")
    node.holdsWrites = true
    replica.flushRows()
    #expect(node.isWriteHeld)
    #expect(try node.store.row(table: change.table, key: change.key) == nil)
    #expect(try replica.row(table: change.table, key: change.key) == value, "in flight")
    node.releaseWrite()
    #expect(try node.store.row(table: change.table, key: change.key) == value, "on the disk")
    #expect(try replica.row(table: change.table, key: change.key) == value)
  }

  @Test("a failed write kills the replica, once, and ends what waits")
  func writeFailure() throws {
    let cluster = try Cluster(1)
    let node = try cluster.elect()
    cluster.run(50)
    node.failsWrites = true
    node.holdsWrites = true
    let ticket = cluster.propose(to: node)
    let replica = try #require(node.replica)
    node.releaseWrite()
    #expect(node.failures.count == 1)
    #expect(node.failures.first is Node.DiskFailure)
    #expect(ticket.isUnknown)
    let writes = node.store.writes
    var refused = false
    replica.submit(
      [(Node.payload(.pulse, at: cluster.now), { if case .refused = $0 { refused = true } })],
      now: cluster.now)
    #expect(refused)
    replica.tick(now: cluster.now + 10_000)
    replica.flushRows()
    #expect(node.failures.count == 1)
    #expect(node.store.writes == writes)
    var read: ReadResult?
    replica.confirmRead(now: cluster.now) { read = $0 }
    #expect(read == .unavailable)
  }

  @Test("an entry that does not decode kills the replica before anything of it is believed")
  func undecodable() throws {
    let cluster = try Cluster(1)
    let node = try cluster.elect()
    cluster.run(50)
    let replica = try #require(node.replica)
    let before = replica.applied
    var results: [ProposalResult] = []
    replica.submit([([0xFF, 0xFE], { results.append($0) })], now: cluster.now)
    cluster.run(50)
    #expect(node.failures.count == 1)
    #expect(replica.applied == before)
    #expect(results.count == 1)
  }

  @Test("a leader that stops hands over, and the others go on at once")
  func transfer() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    try cluster.settle()
    let heir = try #require(cluster.nodes.first { $0 !== leader })
    leader.replica?.transferLeadership(to: heir.id, now: cluster.now)
    #expect(cluster.run(atMost: 400) { heir.replica?.role == .leader })
    #expect(leader.replica?.role != .leader)
  }

  @Test("a leader knows until when a majority will have been heard, if it hears nobody any more")
  func majorityHeard() throws {
    let cluster = try Cluster(3)
    let leader = try cluster.elect()
    try cluster.settle()
    let replica = try #require(leader.replica)
    let follower = try #require(cluster.nodes.first { $0 !== leader }?.replica)
    #expect(follower.majorityHeardUntil(now: cluster.now) == 0)
    #expect(replica.majorityHeardUntil(now: cluster.now) > cluster.now)
    cluster.isolate(leader)
    cluster.run(5)
    let until = replica.majorityHeardUntil(now: cluster.now)
    #expect(until > cluster.now && until <= cluster.now + replica.electionTimeout)
    cluster.run(replica.electionTimeout)
    #expect(replica.majorityHeardUntil(now: cluster.now) <= cluster.now)

    let alone = try Cluster(1)
    let sole = try #require(try alone.elect().replica)
    alone.run(5_000)
    #expect(sole.majorityHeardUntil(now: alone.now) == alone.now + sole.electionTimeout)
  }
}
