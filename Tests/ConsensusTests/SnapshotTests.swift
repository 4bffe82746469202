import Consensus
import ExchangeCore
import ExchangeTypes
import RaftEngine
import Testing

/// The log's beginning goes; whoever still needed it gets a snapshot, whatever breaks meanwhile.
@Suite("Trimming and snapshots")
struct SnapshotTests {
  /// A cluster of three with one follower away until the log it needs is gone.
  private static func withLateFollower(
    seed: UInt64 = 1
  ) throws -> (cluster: Cluster, late: Node) {
    let cluster = try Cluster(3, seed: seed, retention: .tiny)
    let leader = try cluster.elect()
    try cluster.settle()
    let late = try #require(cluster.nodes.first { $0 !== leader })
    late.crash()
    let last = late.store.lastEntry
    load(cluster, to: leader, 120)
    cluster.run(200)
    #expect(leader.store.firstEntry > last.next, "the log was not trimmed beyond it")
    return (cluster, late)
  }

  private static func load(_ cluster: Cluster, to leader: Node, _ count: Int) {
    for number in 1...count {
      cluster.propose(to: leader)
      cluster.run(5)
      if number % 5 == 0 { for node in cluster.nodes { node.replica?.flushRows() } }
    }
  }

  @Test("the log is bounded, and every state of the disk while it is trimmed starts")
  func trimmed() throws {
    let cluster = try Cluster(1, retention: .tiny)
    let node = try cluster.elect()
    var firsts: Set<LogIndex> = []
    for _ in 0..<25 {
      let leader = try cluster.elect()
      Self.load(cluster, to: leader, 10)
      let bytes = node.store.entries.reduce(0) { $0 + $1.payload.count + 64 }
      #expect(bytes < 8 << 10)
      firsts.insert(node.store.firstEntry)
      node.crash()
      #expect(node.store.firstEntry.rawValue <= (node.store.applied?.index.rawValue ?? 0) + 1)
      try node.boot()
    }
    _ = try cluster.elect()
    #expect(firsts.count > 10)
    cluster.checkPromises()
  }

  @Test(
    "a replica that is told to keep less of its log trims it, and one told to keep more does not")
  func otherRetention() throws {
    var retention = LogRetention.tiny
    retention.trailingBytes = 32 << 20
    let cluster = try Cluster(1, retention: retention)
    let node = try cluster.elect()
    Self.load(cluster, to: node, 60)
    #expect(node.store.firstEntry.rawValue <= 1)
    let replica = try #require(node.replica)
    replica.keepLog(.tiny)
    Self.load(cluster, to: node, 60)
    let trimmed = node.store.firstEntry
    #expect(trimmed.rawValue > 1)
    replica.keepLog(retention)
    Self.load(cluster, to: node, 60)
    #expect(node.store.firstEntry == trimmed)
  }

  @Test("a follower that answers keeps its part of the log, but not for ever")
  func slowFollower() throws {
    var retention = LogRetention.tiny
    // The snapshot that it is offered grows with every account here, and the log with it.
    retention.fetchedFactor = 0
    let cluster = try Cluster(3, retention: retention)
    let leader = try cluster.elect()
    try cluster.settle()
    let slow = try #require(cluster.nodes.first { $0 !== leader })
    slow.holdsWrites = true
    Self.load(cluster, to: leader, 12)
    #expect(leader.store.firstEntry <= slow.store.lastEntry.next)
    Self.load(cluster, to: leader, 400)
    let bytes = leader.store.entries.reduce(0) { $0 + $1.payload.count + 64 }
    #expect(bytes < 14 << 10)
    slow.holdsWrites = false
    slow.releaseWrite()
    try cluster.settle()
  }

  @Test("a follower that needs entries which are gone gets a snapshot; its vote stays its own")
  func caughtUp() throws {
    let (cluster, late) = try Self.withLateFollower()
    let vote = try #require(late.store.hardState)
    try late.boot()
    #expect(
      cluster.run(atMost: 5_000) {
        late.notices.contains {
          if case .snapshotInstalled = $0 { true } else { false }
        }
      })
    let kept = try #require(late.store.hardState)
    #expect(kept.term > vote.term || kept == vote)
    try cluster.settle()
    cluster.checkPromises()
    // It can do without the leader that sent it, and starts on what it has.
    late.crash()
    _ = try #require(try late.store.restored())
    try late.boot()
    try cluster.settle()
    #expect(late.failures.isEmpty)
  }

  @Test(
    "while a snapshot is made the log that follows it is kept, however long that takes, and then it is installed"
  )
  func slowlyMade() throws {
    let (cluster, late) = try Self.withLateFollower()
    let leader = try #require(cluster.leader)
    leader.holdsSnapshots = true
    try late.boot()
    #expect(cluster.run(atMost: 5_000) { leader.isSnapshotHeld })
    Self.load(cluster, to: leader, 400)
    leader.releaseSnapshot()
    #expect(
      cluster.run(atMost: 5_000) {
        late.notices.contains { if case .snapshotInstalled = $0 { true } else { false } }
      })
    try cluster.settle()
    let bytes = leader.store.entries.reduce(0) { $0 + $1.payload.count + 64 }
    cluster.run(20_000)
    Self.load(cluster, to: leader, 10)
    #expect(leader.store.entries.reduce(0) { $0 + $1.payload.count + 64 } < bytes)
    try cluster.settle()
    cluster.checkPromises()
  }

  @Test("a replica that installed a snapshot can lead, and give one")
  func passedOn() throws {
    let (cluster, late) = try Self.withLateFollower()
    try late.boot()
    try cluster.settle()
    let others = cluster.nodes.filter { $0 !== late }
    let leader = try cluster.elect()
    leader.replica?.transferLeadership(to: late.id, now: cluster.now)
    #expect(cluster.run(atMost: 5_000) { late.replica?.role == .leader })
    let third = try #require(others.first { $0 !== leader })
    third.crash()
    Self.load(cluster, to: late, 150)
    try third.boot()
    try cluster.settle()
    #expect(third.notices.contains { if case .snapshotInstalled = $0 { true } else { false } })
    cluster.checkPromises()
  }

  @Test("a chunk that fails its hash is refused and asked for again")
  func damagedChunk() throws {
    let (cluster, late) = try Self.withLateFollower()
    var left = 3
    for node in cluster.nodes {
      node.store.damage = { chunk in
        guard left > 0 else { return chunk }
        left -= 1
        return SnapshotChunk(
          snapshot: chunk.snapshot, number: chunk.number, hash: chunk.hash,
          bytes: chunk.bytes.dropLast() + [chunk.bytes[chunk.bytes.count - 1] ^ 1])
      }
    }
    try late.boot()
    try cluster.settle()
    #expect(left == 0)
    #expect(late.refusals.contains { $0.contains("fails its hash") }, "\(late.refusals)")
    cluster.checkPromises()
  }

  @Test(
    "chunks that are not those of the manifest are refused as a whole, and nothing of them stays")
  func foreignChunk() throws {
    let (cluster, late) = try Self.withLateFollower()
    var lies = true
    for node in cluster.nodes {
      node.store.damage = { chunk in
        guard lies, chunk.number == 1, var rows = SnapshotRows.read(chunk.bytes),
          let last = rows.popLast()
        else { return chunk }
        var builder = SnapshotBuilder()
        for row in rows {
          _ = builder.add(table: row.table, key: row.key, value: row.value ?? [])
        }
        _ = builder.add(table: last.table, key: last.key, value: (last.value ?? []) + [7])
        guard let bytes = builder.finish() else { return chunk }
        return SnapshotChunk(
          snapshot: chunk.snapshot, number: chunk.number, hash: builder.chunkHashes[0],
          bytes: bytes)
      }
    }
    try late.boot()
    #expect(cluster.run(atMost: 5_000) { late.refusals.count > 1 }, "\(late.notices)")
    #expect(late.refusals.allSatisfy { $0.contains("fail the hash") }, "\(late.refusals)")
    #expect(late.store.base == nil)
    lies = false
    try cluster.settle()
    #expect(late.store.base != nil)
    #expect(late.store.stagedRows.isEmpty)
    cluster.checkPromises()
  }

  @Test("a transfer goes on from where it was broken off, after a crash of the receiver too")
  func resumed() throws {
    let (cluster, late) = try Self.withLateFollower()
    try late.boot()
    #expect(cluster.run(atMost: 5_000) { (late.store.staged?.loaded ?? 0) >= 2 })
    let loaded = try #require(late.store.staged?.loaded)
    cluster.isolate(late)
    cluster.run(100)
    late.crash()
    cluster.heal()
    try late.boot()
    try cluster.settle()
    let resumed = late.notices.contains {
      if case .snapshotFetched(_, _, let held, _) = $0 { held >= loaded } else { false }
    }
    #expect(resumed, "\(late.notices)")
    cluster.checkPromises()
  }

  @Test("a receiver that dies at any of its writes starts and catches up", arguments: 1...24)
  func crashAtAnyWrite(write: Int) throws {
    let (cluster, late) = try Self.withLateFollower(seed: UInt64(write))
    try late.boot()
    let target = late.store.writes + write
    let reached = cluster.run(atMost: 5_000) { late.store.writes >= target }
    late.crash()
    if reached, late.store.applied != nil { _ = try late.store.restored() }
    try late.boot()
    try cluster.settle()
    #expect(late.failures.isEmpty)
    cluster.checkPromises()
  }

  @Test("a manifest survives its encoding, and nothing else is one")
  func manifestCodec() throws {
    let manifest = SnapshotManifest(
      mark: AppliedMark(
        index: LogIndex(9), term: Term(4), digest: StateDigest(table: 1, key: [2], value: [3])),
      chunkCount: 5, byteCount: 600, hash: .start)
    let bytes = manifest.encoded
    #expect(SnapshotManifest(encoded: bytes) == manifest)
    for length in bytes.indices {
      #expect(SnapshotManifest(encoded: Array(bytes[..<length])) == nil)
    }
    #expect(SnapshotManifest(encoded: bytes + [0]) == nil)
    #expect(SnapshotManifest(encoded: [2] + bytes.dropFirst()) == nil)
  }

  @Test("chunks give back the rows they were made of, and rows out of order are none")
  func chunks() throws {
    var builder = SnapshotBuilder(chunkBytes: 100)
    let rows = (0..<50).map {
      RowChange(table: UInt8($0 / 20), key: [UInt8($0)], value: Array(repeating: 7, count: $0))
    }
    var pieces = rows.compactMap {
      builder.add(table: $0.table, key: $0.key, value: $0.value ?? [])
    }
    if let last = builder.finish() { pieces.append(last) }
    #expect(pieces.count > 10)
    #expect(try pieces.flatMap { try #require(SnapshotRows.read($0)) } == rows)
    #expect(builder.chunkHashes == pieces.map(SnapshotHash.ofChunk))
    #expect(SnapshotRows.read(pieces[1] + pieces[0]) == nil)
    #expect(SnapshotRows.read(pieces[0].dropLast()) == nil)
  }
}

extension LogRetention {
  /// A few dozen entries.
  static let tiny: LogRetention = {
    var retention = LogRetention()
    retention.trailingBytes = 2 << 10
    retention.followersBytes = 8 << 10
    retention.segmentBytes = 512
    retention.stepBytes = 1 << 10
    retention.reachableMilliseconds = 1_000
    return retention
  }()
}

extension Node {
  /// Why it refused snapshots.
  var refusals: [String] {
    notices.compactMap { if case .snapshotRefused(let reason) = $0 { reason } else { nil } }
  }
}
