import Consensus
import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("The leader's parts")
struct LeaderPartsTests {
  private func candidate(
    _ worker: UInt64, price: UInt64, busy: Int = 0, free: Int = 1, continues: Bool = true
  ) -> Planner.Candidate {
    let offer = Offer(
      model: "m", context: TokenCount(4_096), outputDefault: TokenCount(512), slots: 4,
      prices: PricePair(
        input: Price(nanoPerMillion: price), output: Price(nanoPerMillion: price)),
      basis: .usage, bytesPerTokenFloor: 1, endpoints: [.chatCompletions])
    return Planner.Candidate(
      server: Planner.Server(
        ask: Ask(id: OfferID(worker: WorkerID(worker), index: 0), offer: offer, version: 1),
        continuesOutput: continues), busy: busy, free: free)
  }

  private func demand(
    _ job: UInt64, ceiling: UInt64 = 1_000, excluded: Set<WorkerID> = [], goesOn: Bool = false
  ) -> Planner.Demand {
    Planner.Demand(
      job: JobID(job),
      bid: Bid(
        endpoint: .chatCompletions, promptBound: TokenCount(10), outputMax: TokenCount(10),
        ceilings: PricePair(
          input: Price(nanoPerMillion: ceiling), output: Price(nanoPerMillion: ceiling))),
      excluded: excluded, goesOn: goesOn)
  }

  private func plan(
    _ demands: [Planner.Demand], _ candidates: [Planner.Candidate]
  ) -> [[UInt64]] {
    Planner.plan(demands, on: candidates).map {
      [$0.job.rawValue, $0.candidate.ask.id.worker.rawValue]
    }
  }

  @Test("the cheapest ask, then the least busy worker, then the lowest id")
  func order() {
    #expect(plan([demand(1)], [candidate(1, price: 9), candidate(2, price: 5)]) == [[1, 2]])
    #expect(
      plan([demand(1)], [candidate(1, price: 5, busy: 2), candidate(2, price: 5, busy: 1)])
        == [[1, 2]])
    #expect(plan([demand(1)], [candidate(2, price: 5), candidate(1, price: 5)]) == [[1, 1]])
  }

  @Test("equal asks share the load, and no candidate gets more than it has free")
  func spread() {
    let both = [candidate(1, price: 5, free: 2), candidate(2, price: 5, free: 1)]
    #expect(plan((1...4).map { demand($0) }, both) == [[1, 1], [2, 2], [3, 1]])
  }

  @Test("a worker that failed a job is its last resort, not out of the question")
  func lastResort() {
    let excluded = demand(1, excluded: [WorkerID(1)])
    #expect(plan([excluded], [candidate(1, price: 1), candidate(2, price: 9)]) == [[1, 2]])
    #expect(plan([excluded], [candidate(1, price: 1)]) == [[1, 1]])
  }

  @Test("an output that has begun goes only to a worker whose engine continues it")
  func continuing() {
    let begun = demand(1, goesOn: true)
    let candidates = [candidate(1, price: 1, continues: false), candidate(2, price: 9)]
    #expect(plan([begun], candidates) == [[1, 2]])
    #expect(plan([demand(1)], candidates) == [[1, 1]])
    #expect(plan([begun], [candidates[0]]).isEmpty)
  }

  @Test("an ask above the ceiling is not taken")
  func ceiling() {
    #expect(plan([demand(1, ceiling: 4)], [candidate(1, price: 5)]).isEmpty)
    #expect(
      plan([demand(1, ceiling: 4), demand(2)], [candidate(1, price: 5)]) == [[2, 1]])
  }

  @Test("a relay keeps its window, its numbers and its hashes, whatever arrives and is recorded")
  func relayProperty() throws {
    var hashes: [ChainHash] = [ChainHash(cluster: LeaderBench.cluster, job: JobID(5))]
    for event in output(1...12_000) { hashes.append(hashes[hashes.count - 1].appending(event)) }
    for seed in UInt64(1)...20 {
      var state = seed
      func below(_ bound: UInt64) -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 33) % bound
      }
      let job = JobID(5)
      let before = below(50)
      let key = JobKey(secret: Secret([UInt8](repeating: 1, count: 32)))
      let relay = StreamRelay(
        attempt: AttemptID(job: job, epoch: Epoch(1)), worker: WorkerID(1), key: key,
        mac: StreamMAC(key: key.secret.bytes), recordSeq: before, recordHash: hashes[Int(before)],
        recordTokens: before)
      var sent = before
      for _ in 0..<200 {
        switch below(5) {
        case 0, 1, 2:
          let first = sent + 1 - min(below(4), sent)
          let last = max(first, sent + below(90))
          _ = try relay.append(output(first...last))
          sent = max(sent, last)
        case 3:
          let piece = relay.unproposed(bytesMax: Int(below(4_000)) + 1)
          if let last = piece.last {
            #expect(piece.first?.seq == relay.proposed + 1)
            relay.noteProposed(through: last.seq)
          }
        default:
          if below(4) == 0 {
            relay.noteNotRecorded()
          } else {
            _ = relay.noteCommitted(through: relay.proposed)
          }
        }
        #expect(relay.last - relay.committed <= StreamRelay.windowEvents, "seed \(seed)")
        #expect(relay.committed <= relay.proposed && relay.proposed <= relay.last)
        #expect(relay.received == sent)
        #expect(relay.isFull == (relay.received > relay.last))
        if relay.last >= relay.firstKept {
          let from = relay.firstKept + below(relay.last - relay.firstKept + 1)
          let (events, hash) = relay.events(from: from, countMax: 256, bytesMax: 2_000)
          #expect(events == output(from...(from + UInt64(events.count) - 1)))
          #expect(hash == hashes[Int(from) + events.count - 1])
        }
        #expect(relay.tokens == relay.last)
      }
      #expect(throws: StreamRelay.Refusal.self) {
        _ = try relay.append(output((sent + 2)...(sent + 3)))
      }
    }
  }

  @Test(
    "an attempt that is being taken away gives readers nothing that is not recorded before its end")
  func endingRelay() throws {
    let key = JobKey(secret: Secret([UInt8](repeating: 1, count: 32)))
    let relay = StreamRelay(
      attempt: AttemptID(job: JobID(5), epoch: Epoch(1)), worker: WorkerID(1), key: key,
      mac: StreamMAC(key: key.secret.bytes), recordSeq: 0,
      recordHash: ChainHash(cluster: LeaderBench.cluster, job: JobID(5)), recordTokens: 0)
    _ = try relay.append(output(1...300))
    #expect(relay.last == 256 && relay.isFull)
    relay.noteProposed(through: 100)  // a checkpoint, on its way
    relay.isEnding = true
    relay.noteProposed(through: relay.last)  // what is recorded before the end
    #expect(!relay.noteCommitted(through: 100))
    #expect(relay.last == 256)
    relay.isEnding = false  // the end was refused
    #expect(relay.noteCommitted(through: 256))
    #expect(relay.last == 300)
  }

  @Test("a pulse that is refused is proposed again a moment later, and only one at a time")
  func pulses() {
    var pulses = PulseSchedule()
    #expect(pulses.moment(due: 70) == 70)
    pulses.proposed()
    #expect(pulses.moment(due: 70) == .max)
    pulses.ended(.refused(.overloaded), now: 80)
    #expect(pulses.moment(due: 70) == 80 + Dispatcher.retryDelay)
    #expect(pulses.moment(due: 500) == 500)
    pulses.proposed()
    pulses.ended(.unknown, now: 500)
    #expect(pulses.moment(due: 510) == 510)
  }

  @Test("a queue packs commands into few entries, in order, and refuses beyond its bounds")
  func queue() throws {
    let bench = try LeaderBench()
    let queue = ProposalQueue(replica: bench.replica, clock: bench.clock, wantsFlush: {})
    queue.leadershipBegan()
    var ends: [Int] = []
    var indices: Set<LogIndex> = []
    for place in 0..<100 {
      queue.propose(.pulse) { result in
        guard case .applied(_, let index) = result else { return }
        ends.append(place)
        indices.insert(index)
      }
    }
    queue.flush()
    bench.settle()
    #expect(ends == Array(0..<100))
    #expect(indices.count == 1)

    bench.holdsWrites = true
    var refused = 0
    var refusedTogether = 0
    for _ in 0..<(ProposalQueue.commandsMax - 1) { queue.propose(.pulse) { _ in } }
    queue.propose(inOrder: [.pulse, .pulse]) { if case .refused = $0 { refusedTogether += 1 } }
    #expect(refusedTogether == 1, "both or none")
    queue.propose(.pulse) { if case .refused = $0 { refused += 1 } }
    #expect(refused == 0)
    queue.propose(.pulse) { if case .refused = $0 { refused += 1 } }
    #expect(refused == 1)
    queue.leadershipEnded()
    #expect(refused == 2)
  }
}
