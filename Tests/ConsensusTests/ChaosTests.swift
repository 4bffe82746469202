import Consensus
import ExchangeTypes
import Foundation
import Testing

/// Random faults over three replicas; then they heal, and everything that was promised must hold.
///
/// `CONSENSUS_CHAOS_SEEDS=1000...1999` runs other seeds; a failure names its seed.
@Suite("Random faults")
struct ChaosTests {
  static var seeds: ClosedRange<UInt64> {
    let words = ProcessInfo.processInfo.environment["CONSENSUS_CHAOS_SEEDS"]?
      .components(separatedBy: "...").compactMap(UInt64.init)
    guard let words, words.count == 2, words[0] <= words[1] else { return 1...20 }
    return words[0]...words[1]
  }

  @Test("acknowledged writes survive, reads are never stale, replicas agree")
  func chaos() throws {
    var total = Cluster.Counts()
    for seed in Self.seeds {
      // Every other run keeps so little of its log that replicas need snapshots.
      let cluster = try Cluster(3, seed: seed, retention: seed % 2 == 0 ? .tiny : nil)
      try run(cluster)
      for notice in cluster.nodes.flatMap(\.notices) {
        switch notice {
        case .logTrimmed: total.trims += 1
        case .snapshotInstalled: total.installs += 1
        case .snapshotRefused(let reason): Issue.record("\(reason), seed \(seed)")
        default: break
        }
      }
      total.lost += cluster.counts.lost
      total.crashes += cluster.counts.crashes
      total.lostWrites += cluster.counts.lostWrites
      total.unknown += cluster.counts.unknown
      total.applied += cluster.counts.applied
      total.unavailable += cluster.counts.unavailable
      total.reads += cluster.counts.reads
    }
    // A fault test in which no fault fired proves nothing.
    #expect(total.lost > 0)
    #expect(total.crashes > 0)
    #expect(total.trims > 0)
    #expect(total.installs > 0)
    #expect(total.lostWrites > 0)
    #expect(total.unknown > 0)
    #expect(total.applied > 0)
    #expect(total.unavailable > 0)
    #expect(total.reads > total.unavailable)
  }

  private func run(_ cluster: Cluster) throws {
    cluster.lossPerMille = cluster.below(60)
    cluster.delayMax = 1 + cluster.below(60)
    cluster.writeDelayMax = 1 + cluster.below(40)
    let end = cluster.now + 4_000
    while cluster.now < end {
      let node = cluster.nodes[Int(cluster.below(3))]
      switch cluster.below(20) {
      case 0:
        guard node.replica != nil else { break }
        // Half of the time in the middle of writes, if it leads.
        for _ in 0..<(3 * cluster.below(2)) { cluster.propose(to: node) }
        node.crash()
      case 1, 2:
        guard node.replica == nil else { break }
        // Rows that reach the disk at once, and rows that a restart makes again from the log.
        node.rowsMax = cluster.below(2) == 0 ? 16_384 : 1 + Int(cluster.below(12))
        node.writesMax = 1 + Int(cluster.below(4))
        try node.boot()
      case 3: if node.replica != nil { node.pause() }
      case 4, 5: node.resume()
      case 6: cluster.isolate(node)
      case 7:
        let other = cluster.nodes[Int(cluster.below(3))]
        if other !== node { cluster.cutOneWay(from: node, to: other) }
      case 8, 9: cluster.heal()
      case 10...14:
        // Where little of the log is kept, enough of it to need snapshots.
        for _ in 0..<(cluster.retention == nil ? 1 : 6) {
          cluster.propose(to: cluster.leader ?? node)
        }
      case 15: node.replica?.flushRows()
      default: cluster.read(at: node)
      }
      cluster.run(cluster.below(60))
    }
    cluster.heal()
    cluster.lossPerMille = 0
    for node in cluster.nodes {
      node.resume()
      if node.replica == nil { try node.boot() }
    }
    try cluster.settle()
    // An election that had begun may still take the leadership away once: an answer within 3 s.
    let healed = cluster.now
    var isAnswered = false
    while !isAnswered, cluster.now < healed + 3_000 {
      let leader = try cluster.elect()
      let last = cluster.propose(to: leader)
      let read = cluster.read(at: leader)
      cluster.run(500)
      isAnswered = last.isApplied && read.result == .ready
    }
    #expect(isAnswered, "seed \(cluster.seed)")
    try cluster.settle()
    cluster.checkPromises()
    for node in cluster.nodes {
      #expect(node.failures.isEmpty, "seed \(cluster.seed)")
      _ = try node.store.restored()
    }
  }
}
