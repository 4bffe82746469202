import Consensus
import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("Leader: jobs that mind waiting more than others, or less")
struct ClassTests {
  // MARK: The order of a plan

  /// Queues by account and class, and what a scan gives out of them.
  private func scan(
    _ queues: [QueueScan.Queue: [UInt64]], from places: [QueueScan.Queue: JobID]? = nil,
    risen: UInt64 = 0
  ) -> QueueScan {
    let read: QueueScan.Read = { queue, after, limit in
      Array((queues[queue] ?? []).map(JobID.init).filter { $0 > after }.prefix(limit))
    }
    let isRisen = { (job: JobID) in job.rawValue <= risen }
    guard let places else {
      return QueueScan(
        of: Set(queues.keys.map(\.account)).sorted(), read: read, isRisen: isRisen)
    }
    return QueueScan(from: places, read: read, isRisen: isRisen)
  }

  private func queue(_ account: UInt64, _ jobClass: JobClass) -> QueueScan.Queue {
    QueueScan.Queue(account: AccountID(account), jobClass: jobClass)
  }

  private func all(_ scan: inout QueueScan, _ account: UInt64, _ pass: QueueScan.Pass) -> [UInt64] {
    var jobs: [UInt64] = []
    while let job = scan.next(of: AccountID(account), in: pass) { jobs.append(job.rawValue) }
    return jobs
  }

  @Test("interactive first, then by number those that may wait no longer, then the patient ones")
  func passes() {
    let queues: [QueueScan.Queue: [UInt64]] = [
      queue(1, .interactive): [8, 9], queue(1, .standard): [4, 7], queue(1, .batch): [2, 5, 6],
      queue(2, .batch): [3],
    ]
    var scan = scan(queues, risen: 5)
    #expect(scan.left.count == 6)
    #expect(all(&scan, 1, .prompt) == [8, 9, 2, 4, 5, 7])
    #expect(all(&scan, 2, .prompt) == [3])
    #expect(all(&scan, 1, .patient) == [6] && all(&scan, 2, .patient).isEmpty)
    #expect(scan.left.isEmpty && scan.places[queue(1, .batch)] == JobID(6))
    // From a place on, and nothing of a queue without one.
    var further = self.scan(queues, from: [queue(1, .standard): JobID(4)], risen: 5)
    #expect(all(&further, 1, .prompt) == [7] && all(&further, 1, .patient).isEmpty)
  }

  @Test(
    "every job is given out once, in the order of its queue, whatever the queues", arguments: 1...20
  )
  func complete(seed: UInt64) {
    var random = Seeded(state: seed)
    var queues: [QueueScan.Queue: [UInt64]] = [:]
    for number in 1...UInt64.random(in: 1...400, using: &random) {
      let account = UInt64.random(in: 1...3, using: &random)
      let jobClass = JobClass.allCases.randomElement(using: &random) ?? .standard
      queues[queue(account, jobClass), default: []].append(number)
    }
    let risen = UInt64.random(in: 0...400, using: &random)
    var scan = scan(queues, risen: risen)
    for account in 1...3 as ClosedRange<UInt64> {
      let prompt = all(&scan, account, .prompt)
      let patient = all(&scan, account, .patient)
      let interactive = queues[queue(account, .interactive)] ?? []
      let batch = queues[queue(account, .batch)] ?? []
      let rest = (queues[queue(account, .standard)] ?? []) + batch.filter { $0 <= risen }
      #expect(prompt == interactive + rest.sorted())
      #expect(patient == batch.filter { $0 > risen })
    }
    #expect(scan.left.isEmpty)
  }

  @Test("the slot is taken where the job would go, from the attempt that loses least by it")
  func giver() {
    func running(
      _ job: UInt64, at worker: UInt64, price: UInt64 = 5, tokens: UInt64 = 10,
      of account: UInt64 = 5, lacks: Capabilities = []
    ) -> Planner.Running {
      let offer = Offer(
        model: "m", context: TokenCount(900), outputDefault: TokenCount(512), slots: 1,
        prices: PricePair(input: .zero, output: Price(nanoPerMillion: price)), basis: .usage,
        bytesPerTokenFloor: 1, endpoints: [.chatCompletions])
      let ask = Ask(
        id: OfferID(worker: WorkerID(worker), index: 0), offer: offer, version: 1,
        tenancy: Tenancy(of: AccountID(7)))
      return Planner.Running(
        job: JobID(job), account: AccountID(account),
        server: Planner.Server(
          ask: ask, continuesOutput: true, capabilities: .all.subtracting(lacks)),
        recomputed: tokens)
    }
    let demand = Planner.Demand(
      job: JobID(99),
      bid: Bid(
        endpoint: .chatCompletions, promptBound: TokenCount(9), outputMax: TokenCount(9),
        ceilings: PricePair(input: Price(nanoPerMillion: 9), output: Price(nanoPerMillion: 9))),
      excluded: [WorkerID(4)], goesOn: false, terms: JobTerms(needs: .tools),
      account: AccountID(3))
    func chosen(_ running: [Planner.Running]) -> UInt64? {
      Planner.giver(to: demand, among: running)?.job.rawValue
    }
    #expect(chosen([]) == nil)
    #expect(chosen([running(1, at: 1), running(2, at: 2, price: 4, tokens: 99)]) == 2)
    #expect(chosen([running(1, at: 1), running(2, at: 2, tokens: 9)]) == 2)
    #expect(chosen([running(1, at: 1), running(2, at: 1)]) == 2)
    #expect(chosen([running(1, at: 4, price: 1), running(2, at: 2)]) == 2)
    #expect(chosen([running(1, at: 1, price: 10)]) == nil)
    #expect(chosen([running(1, at: 1, lacks: .tools)]) == nil)
    #expect(chosen([running(1, at: 1, of: 7)]) == nil, "the supplier's own")
  }

  // MARK: Through the leader

  private func body(_ tier: String, tokens: Int = 4_000, more: String = "") -> [UInt8] {
    Array(
      (#"{"model":"m","max_tokens":\#(tokens),"messages":[{"role":"user","content":"hi"}],"#
        + #""service_tier":"\#(tier)"\#(more)}"#).utf8)
  }

  private func accepted(_ peer: Peer) throws -> JobID {
    try peer.last(WireProtocol.Accepted.self).job
  }

  @Test("one slot: the interactive job, the others as they came, the batch job; and all end")
  func order() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, slots: 1)
    var slot = worker.park()
    let first = try accepted(bench.submit(.submitted))
    let batch = try accepted(bench.submit(.submitted, body: body("flex")))
    let standard = try accepted(bench.submit(.submitted, body: body("auto")))
    let interactive = try accepted(bench.submit(.submitted, body: body("priority")))
    var order: [JobID] = []
    for _ in 0..<4 {
      let assign = try slot.last(Assign.self)
      order.append(assign.job)
      worker.chunk(assign, output(1...3), on: slot)
      worker.finish(assign, output(1...3), on: slot)
      bench.close(slot)
      slot = worker.park()
    }
    #expect(order == [first, interactive, standard, batch])
    bench.advance(10)
    #expect(bench.dispatcher.isAtRest)
  }

  @Test("a batch job that has waited for ten minutes goes before what came after it")
  func rises() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, slots: 1)
    let slot = worker.park()
    bench.submit(.submitted)
    let peer = bench.open(.job)
    bench.say(
      .submit(bench.submission(mode: .submitted, body: body("flex"), timeout: 0)), on: peer)
    let batch = try accepted(peer)
    let assign = try slot.last(Assign.self)
    // Its own time to wait is a day: that of the others would be over.
    let count = Dispatcher.batchPatience / 2_000
    for seq in 1...count {
      worker.chunk(assign, output(seq...seq), on: slot)
      bench.advance(2_000)
      worker.heartbeat()
    }
    let later = try accepted(bench.submit(.submitted))
    worker.finish(assign, output(1...count), on: slot)
    bench.close(slot)
    let next = worker.park()
    #expect(try next.last(Assign.self).job == batch)
    #expect(try bench.job(later).state == .queued)
  }

  /// A batch job that runs on the only slot, with a reader.
  private struct Story {
    let bench: LeaderBench
    let worker: WorkerPeer
    var slot: Peer
    let reader: Peer
    let assign: Assign

    init(_ body: [UInt8], continues: Bool = true) throws {
      bench = try LeaderBench()
      worker = try WorkerPeer(bench, slots: 1, continues: continues)
      slot = worker.park()
      reader = bench.submit(body: body)
      assign = try slot.last(Assign.self)
    }

    var isAbandoned: Bool { !slot.all(AttemptAbandon.self).isEmpty }

    /// The worker has stopped, and parks its slot again.
    mutating func parkAgain() {
      bench.close(slot)
      slot = worker.park()
    }
  }

  @Test("an interactive job takes the slot of a running batch job, whose stream goes on afterwards")
  func preempts() throws {
    var story = try Story(body("flex"))
    let (bench, worker, batch) = (story.bench, story.worker, story.assign)
    worker.chunk(batch, output(1...3), on: story.slot)
    bench.submit(.submitted)
    #expect(!story.isAbandoned, "a job of no class waits")
    let asker = bench.submit(body: body("priority"))
    #expect(story.isAbandoned)
    #expect(try bench.job(batch.job).state == .queued)
    // Another asker finds no batch job that it could take a slot from.
    let second = try accepted(bench.submit(.submitted, body: body("priority")))
    story.parkAgain()
    let urgent = try story.slot.last(Assign.self)
    #expect(try urgent.job == accepted(asker))
    worker.chunk(urgent, output(1...2), on: story.slot)
    worker.finish(urgent, output(1...2), on: story.slot)
    for _ in 0..<2 {
      story.parkAgain()
      let next = try story.slot.last(Assign.self)
      #expect(next.job != batch.job)
      worker.chunk(next, output(1...2), on: story.slot)
      worker.finish(next, output(1...2), on: story.slot)
    }
    #expect(try bench.job(second).state == .completed)
    story.parkAgain()
    let again = try story.slot.last(Assign.self)
    #expect(again.job == batch.job && again.epoch == Epoch(2) && again.recordSeq == 3)
    let why = try bench.call(.jobWhyQuery(.init(job: batch.job))).last(JobWhyReport.self)
    #expect(why.jobClass == .batch && why.preemptions == 1)
    #expect(why.attempts.map(\.state) == ["preempted", "running"])
    #expect(why.candidates.allSatisfy { !$0.hasFailed })
    worker.chunk(again, output(4...6), on: story.slot)
    worker.finish(again, output(1...6), on: story.slot)
    #expect(story.reader.events == output(1...6))
    expectUnbroken(story.reader, of: batch.job)
    let summary = try story.reader.last(Ended.self).summary
    #expect(summary.state == .completed && summary.outputTokens == TokenCount(6))
    // The prompt is billed once: what was computed anew is nobody's debt.
    #expect(summary.promptTokens <= TokenCount(5))
    bench.advance(10)
    #expect(bench.dispatcher.isAtRest)
  }

  @Test("twice and no more")
  func bounded() throws {
    var story = try Story(body("flex"))
    for _ in 0..<2 {
      story.bench.submit(.submitted, body: body("priority"))
      #expect(story.isAbandoned)
      story.parkAgain()
      let urgent = try story.slot.last(Assign.self)
      story.worker.chunk(urgent, output(1...2), on: story.slot)
      story.worker.finish(urgent, output(1...2), on: story.slot)
      story.parkAgain()
      #expect(try story.slot.last(Assign.self).job == story.assign.job)
    }
    story.bench.submit(.submitted, body: body("priority"))
    #expect(!story.isAbandoned)
    #expect(try story.bench.job(story.assign.job).state == .running)
  }

  @Test("what nobody could go on from, or is nearly through, keeps its slot")
  func keeps() throws {
    let structured = #","response_format":{"type":"json_object"}"#
    for (story, count) in [
      (try Story(body("flex", more: structured)), 3),
      (try Story(body("flex"), continues: false), 3),
      (try Story(body("flex", tokens: 66)), 3), (try Story(body("default")), 0),
    ] as [(Story, UInt64)] {
      if count > 0 { story.worker.chunk(story.assign, output(1...count), on: story.slot) }
      story.bench.submit(.submitted, body: body("priority"))
      #expect(!story.isAbandoned)
    }
    // Before its first event any of them begins anew.
    let story = try Story(body("flex", more: structured), continues: false)
    story.bench.submit(.submitted, body: body("priority"))
    #expect(story.isAbandoned)
  }

  @Test("a claim outlasts a moment in which its worker's engine is full")
  func claimOfFullEngine() throws {
    var story = try Story(body("flex"))
    let asker = try accepted(story.bench.submit(.submitted, body: body("priority")))
    story.worker.heartbeat(isFull: true)
    story.parkAgain()
    #expect(story.bench.dispatcher.claims == [asker: story.worker.id])
    #expect(story.slot.all(Assign.self).isEmpty)
    story.worker.heartbeat()
    #expect(try story.slot.last(Assign.self).job == asker)
    #expect(story.bench.dispatcher.claims.isEmpty)
  }

  @Test("a claim ends with its job, and with its worker")
  func claims() throws {
    var story = try Story(body("flex"))
    let asker = try accepted(story.bench.submit(.submitted, body: body("priority")))
    #expect(story.bench.dispatcher.claims == [asker: story.worker.id])
    story.bench.call(.cancel(.init(job: asker)))
    #expect(story.bench.dispatcher.claims.isEmpty)
    story.parkAgain()
    #expect(try story.slot.last(Assign.self).job == story.assign.job)

    let other = try accepted(story.bench.submit(.submitted, body: body("priority")))
    #expect(story.bench.dispatcher.claims == [other: story.worker.id])
    story.bench.close(story.slot)
    story.bench.close(story.worker.registration)
    let successor = try WorkerPeer(story.bench, "successor", slots: 1)
    let slot = successor.park()
    #expect(try slot.last(Assign.self).job == other)
    #expect(story.bench.dispatcher.claims.isEmpty)
  }

  @Test(
    "after a change of leaders nothing gives way before its worker has sent, and its reader shown, what they had",
    arguments: [JobMode.attached, .submitted])
  func leaders(mode: JobMode) throws {
    let bench = try LeaderBench()
    let former = try WorkerPeer(bench, slots: 1)
    let slot = former.park()
    let reader = bench.submit(mode, body: body("flex"))
    let assign = try slot.last(Assign.self)
    former.chunk(assign, output(1...5), on: slot)
    bench.advance(60)
    bench.holdsWrites = true
    former.chunk(assign, output(6...8), on: slot)
    let told = try reader.last(Events.self)
    #expect(reader.events == output(1...8) && told.durableThrough == 5)
    try bench.restart()
    let worker = try WorkerPeer(bench, slots: 1)
    let again = worker.resume(assign, from: 1, through: 8)
    #expect(try again.last(AttemptContinue.self).fromSeq == 6)
    func ask() {
      bench.advance(200)
      bench.submit(.submitted, body: body("priority"))
    }
    if mode == .submitted { worker.alive(4_500) }
    ask()
    #expect(again.all(AttemptAbandon.self).isEmpty, "what was delivered is on its way")
    worker.chunk(assign, output(6...8), on: again)
    ask()
    if mode == .attached {
      #expect(again.all(AttemptAbandon.self).isEmpty, "its reader is not back")
      _ = bench.follow(assign.job, from: 9, hash: told.hash)
      ask()
    }
    #expect(again.all(AttemptAbandon.self).count == 1)
    #expect(try bench.job(assign.job).record.lastSeq == 8)
  }

  @Test("a claimed slot is for its job, whatever else its worker serves")
  func twoModels() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, slots: 1)
    let known = worker.announcement(slots: 1, price: 1_000_000)
    let first = known.offers[0]
    let other = OfferTerms(
      model: "a", context: first.context, outputDefault: first.outputDefault, slots: 1,
      priceInput: first.priceInput, priceOutput: first.priceOutput, basis: first.basis,
      bytesPerTokenFloor: 1, endpoints: first.endpoints)
    bench.say(
      .workerRegister(
        WorkerRegister(
          name: known.name, incarnation: known.incarnation, offers: [other, first],
          draining: false, continues: true)), on: bench.open(.worker))
    var slot = worker.park()
    bench.submit(.submitted, body: body("flex"))
    let batch = try slot.last(Assign.self)
    let peer = bench.open(.job)
    bench.say(
      .submit(
        Submit(
          requestKey: bench.requestKey(), mode: .submitted, endpoint: .chatCompletions, model: "a",
          body: LeaderBench.body(model: "a"), maxInputPrice: nil, maxOutputPrice: nil,
          queueTimeoutMs: 600_000, follow: true, retentionMs: nil)), on: peer)
    let waiting = try accepted(peer)
    let asker = try accepted(bench.submit(.submitted, body: body("priority")))
    #expect(try bench.job(batch.job).state == .queued)
    bench.close(slot)
    slot = worker.park()
    let urgent = try slot.last(Assign.self)
    #expect(urgent.job == asker)
    worker.chunk(urgent, output(1...2), on: slot)
    worker.finish(urgent, output(1...2), on: slot)
    bench.close(slot)
    slot = worker.park()
    #expect(try slot.last(Assign.self).job == waiting)
  }

  @Test("jobs that no running job suits keep no other account's from being looked at")
  func unsuited() throws {
    let bench = try LeaderBench()
    let (stranger, _) = try bench.strangerCredential()
    func submit(_ body: [UInt8]) throws -> JobID {
      let peer = bench.open(.job, stranger)
      bench.say(.submit(bench.submission(mode: .submitted, body: body)), on: peer)
      return try accepted(peer)
    }
    let worker = try WorkerPeer(bench, slots: 1)
    var slot = worker.park()
    // Its account has been served much more than the other.
    let batch = try submit(body("flex", tokens: 400_000))
    #expect(try slot.last(Assign.self).job == batch)
    _ = try WorkerPeer(bench, "elsewhere", slots: 1)
    let elsewhere = #","provider":{"only":["operator/elsewhere"]}"#
    for _ in 0..<80 {
      bench.submit(.submitted, body: body("priority", tokens: 1, more: elsewhere))
    }
    #expect(slot.all(AttemptAbandon.self).isEmpty)
    bench.advance(200)
    let asker = try submit(body("priority"))
    #expect(slot.all(AttemptAbandon.self).count == 1)
    bench.close(slot)
    slot = worker.park()
    #expect(try slot.last(Assign.self).job == asker)
  }
}
