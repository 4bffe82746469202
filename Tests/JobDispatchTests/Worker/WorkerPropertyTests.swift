import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

/// SplitMix64: the same interleavings on every run.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

@Suite("The worker's machine, under every interleaving")
struct WorkerPropertyTests {
  /// A cluster whose leaders come and go, and lose what they have not committed.
  final class Cluster {
    let bench = Bench()
    var link: FakeLink?
    var term: UInt64 = 1
    /// The record, as the present leader has it.
    var record: [Event] = []
    /// What no later leader can lose.
    var committed = 0
    var stream: FakeChannel?
    var finished: AttemptFinished?
    var isRegistered = false

    /// Takes what the worker has sent; nil, or what was wrong with it.
    func drain() -> String? {
      guard let link else { return nil }
      if !isRegistered, let registration = try? link.registration, registration.isOpen {
        _ = try? bench.accept(link, term)
        isRegistered = true
      }
      for slot in link.slots {
        for message in slot.take() {
          switch message {
          case let resume as AttemptResume:
            guard resume.firstSeq <= UInt64(record.count) + 1 else { return "\(resume) has a gap" }
            guard resume.lastSeq >= UInt64(record.count) else { return "\(resume) forgot" }
            stream = slot
            bench.goOn(slot, from: UInt64(record.count) + 1, term: term)
            return drain()
          case let chunk as Chunk:
            guard slot === stream else { return "events on a stream that was not continued" }
            for event in chunk.events {
              guard event.seq == UInt64(record.count) + 1 else {
                return "event \(event.seq) after \(record.count)"
              }
              record.append(event)
            }
          case let end as AttemptFinished:
            guard end.lastSeq == UInt64(record.count) else { return "ended at \(end.lastSeq)" }
            finished = end
          default: continue
          }
        }
      }
      return nil
    }

    /// Another leader, which may not have what the old one had not committed.
    func elect(losing count: Int) {
      term += 1
      record.removeLast(min(count, record.count - committed))
      finished = nil
      stream = nil
      if let link { bench.machine.linkDown(link) }
      let next = FakeLink(term % 3 + 1)
      link = next
      isRegistered = false
      bench.machine.linkUp(next)
      bench.notice(term % 3 + 1, term)
    }
  }

  @Test("the record is exactly what the engine made", arguments: 0..<4 as Range<UInt64>)
  func exactlyOnce(seed: UInt64) throws {
    var random = SplitMix(state: seed)
    let cluster = Cluster()
    let bench = cluster.bench
    bench.machine.engineReady(offers: Bench.offers(), slots: 1)
    cluster.elect(losing: 0)
    #expect(cluster.drain() == nil)
    let first = try #require(cluster.link?.slots.first)
    cluster.stream = first
    let run = try #require(bench.assign(first, term: cluster.term))
    var made: [UInt32] = []
    var breaks = 0
    var isEnded = false
    while made.count < 10_000 || cluster.finished == nil {
      switch random.next() % 100 {
      case 0..<70 where made.count < 10_000 && bench.reading[run] != false:
        let batch = (0..<Int(random.next() % 40 + 1)).map { _ in UInt32(random.next() >> 40) }
        made += batch
        bench.machine.runProduced(
          run,
          batch.map {
            GeneratedEvent(
              choice: 0, kind: .text, tokenCount: 1, ids: [$0],
              bytes: Array(String($0).utf8))
          })
      case 70..<80: bench.advance(random.next() % 5)
      case 80..<84:  // the slot's stream breaks
        breaks += 1
        if let stream = cluster.stream, stream.isOpen {
          stream.abort()
          cluster.stream = nil
          bench.machine.closed(stream)
        }
      case 84..<86:  // the leader is replaced, after what it had took effect
        breaks += 1
        let problem = cluster.drain()
        #expect(problem == nil)
        cluster.elect(losing: Int(random.next() % 256))
      case 86..<90:  // the leader takes nothing for a while, or goes on
        if let stream = cluster.stream, stream.isOpen {
          stream.outstandingBytes =
            stream.outstandingBytes > 0 ? 0 : MessageChannelLimits.outstandingBytesMax + 1
          if stream.outstandingBytes == 0 { bench.machine.writable(stream) }
        }
      case 90..<92: bench.advance(random.next() % 3_000)
      case 92..<94: cluster.committed = max(cluster.committed, cluster.record.count - 200)
      default:
        if made.count >= 10_000, !isEnded {
          isEnded = true
          bench.complete(run)
        }
      }
      if let problem = cluster.drain() {
        Issue.record("seed \(seed), \(made.count) made, \(breaks) breaks: \(problem)")
        return
      }
      if let link = cluster.link, cluster.isRegistered, let open = try? link.registration,
        open.isOpen
      {
        try bench.acknowledge(link, cluster.term)
      } else {
        cluster.isRegistered = false
      }
    }
    #expect(breaks > 10)
    #expect(cluster.record.flatMap(\.ids) == made)
    #expect(cluster.record.map(\.seq) == Array(1...UInt64(made.count)))
    #expect(cluster.finished?.hash == chain(cluster.record))
    let stream = try #require(cluster.stream)
    bench.settle(stream, term: cluster.term)
    #expect(bench.machine.status.attempts.isEmpty)
  }
}
