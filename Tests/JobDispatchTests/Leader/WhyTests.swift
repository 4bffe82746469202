import Consensus
import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("Leader: why a job is where it is")
struct WhyTests {
  private func body(_ more: String = #""x":1"#) -> [UInt8] {
    Array(
      (#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}],"# + more + "}")
        .utf8)
  }

  private func dryRun(
    _ bench: LeaderBench, _ body: [UInt8], model: String = "m", output: Price? = nil,
    as credential: Credential = LeaderBench.root, key: RequestKey? = nil
  ) -> Peer {
    bench.call(
      .dryRun(
        DryRun(
          requestKey: key ?? bench.requestKey(), endpoint: .chatCompletions, model: model,
          body: body, maxInputPrice: nil, maxOutputPrice: output, servedOnly: true)), credential)
  }

  private func why(_ bench: LeaderBench, _ job: JobID) throws -> JobWhyReport {
    try bench.call(.jobWhyQuery(.init(job: job))).last(JobWhyReport.self)
  }

  private func obstacle(_ report: JobWhyReport, at worker: WorkerPeer) -> String? {
    report.candidates.first { $0.worker == worker.id }?.obstacle
  }

  // MARK: Jobs

  @Test("a job that waits: each offer's obstacle in order, who is before it, the least change")
  func queued() throws {
    let bench = try LeaderBench()
    let cheap = try WorkerPeer(bench, "cheap", slots: 1, price: 100)
    _ = cheap.park()
    let dear = try WorkerPeer(bench, "dear", price: 100_000)
    _ = dear.park()
    let plain = try WorkerPeer(bench, "plain", price: 150, capabilities: 0)
    _ = plain.park()
    let gone = try WorkerPeer(bench, "gone", price: 120)
    bench.close(gone.registration)
    _ = bench.submit(body: body())  // takes the cheap slot
    _ = bench.submit(body: body())  // and the plain one

    let tools = #""tools":[{"type":"function"}],"provider":{"ignore":["operator/gone"]}"#
    let waits = try bench.submit(body: body(tools)).last(WireProtocol.Accepted.self).job
    let second = try bench.submit(body: body(tools)).last(WireProtocol.Accepted.self).job
    let report = try why(bench, waits)
    #expect(report.summary?.state == .queued && report.queueAhead == 0)
    #expect(try why(bench, second).queueAhead == 1)
    #expect(report.waitsMs ?? 0 > 0 && report.hold > .zero && report.refusal == 0)
    #expect(obstacle(report, at: cheap) == "full")
    #expect(obstacle(report, at: dear) == "input_price")
    #expect(obstacle(report, at: plain) == "capability")
    #expect(obstacle(report, at: gone) == "silent")
    #expect(report.candidates.allSatisfy { $0.place == 0 } && report.attempts.isEmpty)
    // The cheap one would take it in time: no change is needed.
    #expect(report.remedy.isEmpty)
  }

  @Test("an ended job: what it was tried at, what for it was lost, what it cost")
  func ended() throws {
    let bench = try LeaderBench()
    let first = try WorkerPeer(bench, "first", price: 600_000)
    let slot = first.park()
    let second = try WorkerPeer(bench, "second")
    let other = second.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    first.finish(
      assign, [], on: slot, .error, error: ErrorCode.engineError.rawValue, retryElsewhere: true)
    let running = try why(bench, assign.job)
    #expect(running.attempts.map(\.state) == ["lost", "running"])
    #expect(running.candidates.first { $0.worker == first.id }?.hasFailed == true)
    let next = try other.last(Assign.self)
    second.chunk(next, output(1...3), on: other)
    second.finish(next, output(1...3), on: other)
    #expect(try reader.last(Ended.self).summary.state == .completed)
    let report = try why(bench, assign.job)
    #expect(report.attempts.map(\.state) == ["lost", "settled"] && report.candidates.isEmpty)
    // Its engine counted nothing: what is billed is what the record claims.
    #expect(report.attempts.last.flatMap { ErrorCode(rawValue: $0.error) } == .engineNoUsage)
    #expect(report.summary?.charge ?? .zero > .zero && report.hold == .zero)
    #expect(report.attempts.first?.error == ErrorCode.engineError.rawValue)
    #expect(report.attempts.first?.worker == first.id)
    // Nobody else is told.
    let poor = try bench.poorCredential()
    #expect(bench.call(.jobWhyQuery(.init(job: assign.job)), poor).failure == .unknownJob)
    #expect(bench.call(.jobWhyQuery(.init(job: JobID(99)))).failure == .unknownJob)
  }

  @Test("what is remembered of lost attempts is bounded, and forgotten with the oldest ended job")
  func bounded() {
    var lost = LostAttempts()
    func attempt(_ job: UInt64, _ epoch: UInt32) -> AttemptID {
      AttemptID(job: JobID(job), epoch: Epoch(epoch))
    }
    for epoch in 1...100 {
      lost.note(attempt(1, UInt32(epoch)), of: WorkerID(UInt64(epoch)), .workerLost)
      lost.note(attempt(1, UInt32(epoch)), of: WorkerID(UInt64(epoch)), .workerLost)
    }
    #expect(lost[JobID(1)].count == LostAttempts.perJobMax)
    #expect(lost[JobID(1)].last?.epoch == Epoch(100))
    lost.jobEnded(JobID(1))
    for job in 2...UInt64(LostAttempts.endedMax) {
      lost.note(attempt(job, 1), of: WorkerID(1), .engineBusy)
      lost.jobEnded(JobID(job))
      lost.jobEnded(JobID(job + 1_000_000))  // had none
    }
    #expect(lost.workers(of: JobID(1)).count == LostAttempts.perJobMax)
    #expect(lost[JobID(2)].count == 1 && lost.workers(of: JobID(2)).isEmpty, "full is no fault")
    lost.note(attempt(9_999, 1), of: WorkerID(1), .engineBusy)
    lost.jobEnded(JobID(9_999))
    #expect(lost[JobID(1)].isEmpty && lost[JobID(2)].count == 1)
  }

  // MARK: Dry runs

  @Test("a dry run ranks by the work that a plan ranks by: answers as long as the model's were")
  func dryWork() throws {
    let bench = try LeaderBench()
    let busy = try WorkerPeer(bench, "busy", slots: 8)
    let slot = busy.park()
    bench.submit()
    let assign = try slot.last(Assign.self)
    busy.chunk(assign, output(1...2), on: slot)
    busy.finish(assign, output(1...2), on: slot)
    for _ in 1...4 {
      _ = busy.park()
      bench.submit()
    }
    _ = busy.park()
    let idle = try WorkerPeer(bench, "idle", slots: 2)
    let free = idle.park()
    let report = try dryRun(bench, LeaderBench.body()).last(JobWhyReport.self)
    #expect(report.candidates.map(\.worker) == [idle.id, busy.id])
    bench.submit()
    #expect(free.all(Assign.self).count == 1)
  }

  @Test("a dry run says who would be chosen, and leaves nothing behind")
  func dry() throws {
    let bench = try LeaderBench()
    let dear = try WorkerPeer(bench, "dear", price: 300)
    _ = dear.park()
    let cheap = try WorkerPeer(bench, "cheap", price: 200)
    let slot = cheap.park()
    bench.advance(100)  // what a leader has to write of its own is written
    let before = (bench.replica.lastIndex, bench.replica.exchange.digest)
    let report = try dryRun(bench, body()).last(JobWhyReport.self)
    #expect(report.refusal == 0 && report.summary == nil && report.hold > .zero)
    #expect(report.candidates.map(\.worker) == [cheap.id, dear.id])
    #expect(report.candidates.map(\.place) == [1, 2])
    let large = try dryRun(bench, LeaderBench.body(bytes: 200_000)).last(JobWhyReport.self)
    #expect(large.refusal == 0)
    #expect(bench.replica.lastIndex == before.0 && bench.replica.exchange.digest == before.1)
    #expect(slot.all(Assign.self).isEmpty)
    // What it said is what happens.
    _ = bench.submit(body: body())
    #expect(slot.all(Assign.self).count == 1)
  }

  @Test("a dry run that would be refused says by what, who is nearest, and what would help")
  func refused() throws {
    let bench = try LeaderBench()
    #expect(dryRun(bench, body()).failure == .modelNotFound)
    let worker = try WorkerPeer(bench, "w", price: 1_000_000)
    _ = worker.park()
    func report(_ peer: Peer, _ code: ErrorCode) throws -> JobWhyReport {
      let report = try peer.last(JobWhyReport.self)
      #expect(report.refusal == code.rawValue && !report.refusalText.isEmpty)
      return report
    }
    let price = try report(
      dryRun(bench, body(), output: Price(nanoPerMillion: 7)), .priceAboveCeiling)
    #expect(price.remedy == [ChangeTerms(field: "provider.max_price.completion", value: "0.002")])
    #expect(price.remedyWorker == worker.id)
    #expect(obstacle(price, at: worker) == "output_price")

    let only = try report(
      dryRun(bench, body(#""provider":{"only":["sam"]}"#)), .noSupplierAdmitted)
    #expect(only.remedy == [ChangeTerms(field: "provider", value: "admit operator/w")])

    let long = Array(
      #"{"model":"m","max_tokens":2000000,"messages":[{"role":"user","content":"hi"}]}"#.utf8)
    let context = try report(dryRun(bench, long), .contextLengthExceeded)
    #expect(context.remedy.map(\.field) == ["max_tokens"])
    let fits = try #require(context.remedy.first.flatMap { UInt64($0.value) })
    // What is likely of the prompt is half of its bound, as long as nothing is known.
    #expect(fits + (context.promptBound.rawValue + 1) / 2 == 1 << 20)

    let poor = try bench.poorCredential()
    _ = try report(dryRun(bench, body(), as: poor), .insufficientCredit)
    #expect(dryRun(bench, Array("{".utf8)).failure == .malformedRequest)

    bench.close(worker.registration)
    bench.advance(UInt64(WorkerSession.leaseMilliseconds) + 1_000)
    let offline = try report(dryRun(bench, body()), .noWorkerOnline)
    #expect(obstacle(offline, at: worker) == "offline")
  }

  @Test("what is asked as a dry run never becomes a job, and what is a job is explained as that")
  func neverAJob() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench, "w").park()
    let dry = bench.submit(body: body(#""dry_run":true"#))
    #expect(try dry.last(Failure.self).errorCode == .malformedRequest)
    #expect(bench.replica.exchange.job(JobID(1)) == nil)
    let report = try dryRun(bench, body(#""dry_run":true"#)).last(JobWhyReport.self)
    #expect(report.refusal == 0 && report.summary == nil)
    let key = bench.requestKey()
    let peer = bench.open(.job)
    bench.say(.submit(bench.submission(key: key)), on: peer)
    let job = try peer.last(WireProtocol.Accepted.self).job
    #expect(try dryRun(bench, body(), key: key).last(JobWhyReport.self).summary?.job == job)
    // No engine sees the field.
    let off = bench.submit(body: body(#""dry_run":false"#))
    #expect(off.failure == nil)
  }

  // MARK: Suppliers

  @Test("why no jobs come to a worker, and at what price they would")
  func outlook() throws {
    let bench = try LeaderBench()
    let rival = try WorkerPeer(bench, "rival", slots: 8, price: 100)
    let dear = try WorkerPeer(bench, "dear", price: 1_000)
    _ = dear.park()
    for _ in 0..<6 {
      _ = rival.park()
      _ = bench.submit(body: body())
    }
    let report = try bench.call(.workerWhyQuery(.init(worker: dear.id))).last(WorkerWhyReport.self)
    let outlook = try #require(report.offers.first)
    #expect(report.offers.count == 1 && outlook.seen == 6 && outlook.taken == 0)
    #expect(outlook.offer.obstacle.isEmpty && outlook.cheapest == rival.id)
    // Who names no ceiling pays at most twice what the cheapest asks.
    #expect(outlook.reasons == [ReasonCount(reason: "input_price", count: 6)])
    let steps = outlook.prices.map { [$0.priceInput.rawValue, $0.priceOutput.rawValue] }
    #expect(steps == [[1_000, 2_000], [100, 199]])
    #expect(outlook.prices.map(\.jobs) == [0, 6])
    // It does as it was told.
    try dear.register(price: 99)
    _ = bench.submit(body: body())
    let all = try bench.call(.workerWhyQuery(.init(worker: WorkerID(0)))).last(WorkerWhyReport.self)
    #expect(all.offers.map(\.offer.worker) == [rival.id, dear.id])
    #expect(all.offers.first?.reasons.first?.reason == "dearer")
    bench.close(dear.registration)
    let silent = try bench.call(.workerWhyQuery(.init(worker: dear.id))).last(WorkerWhyReport.self)
    #expect(silent.offers.first?.offer.obstacle == "silent")
    let poor = try bench.poorCredential()
    #expect(bench.call(.workerWhyQuery(.init(worker: dear.id)), poor).failure == .forbidden)
    #expect(bench.call(.workerWhyQuery(.init(worker: WorkerID(77)))).failure == .unknownWorker)
  }
}

@Suite("Planner: obstacles, changes and prices")
struct PlannerPropertyTests {
  /// Random servers and demands of a few values each, so that everything meets.
  private struct Draw {
    var random: Seeded

    mutating func server(_ id: UInt64) -> Planner.Server {
      let offer = Offer(
        model: "m", context: TokenCount(UInt64([20, 60, 200].randomElement(using: &random) ?? 20)),
        outputDefault: TokenCount(5), slots: 2, prices: prices(), basis: .usage,
        bytesPerTokenFloor: 1,
        endpoints: Bool.random(using: &random)
          ? [.chatCompletions] : [.chatCompletions, .completions])
      let absences: [Planner.Absence?] = [
        nil, nil, nil, .offline, .silent, .draining, .engineDown, .engineFull,
      ]
      return Planner.Server(
        ask: Ask(id: OfferID(worker: WorkerID(id), index: 0), offer: offer, version: 1),
        absence: absences.randomElement(using: &random) ?? nil,
        continuesOutput: Bool.random(using: &random),
        capabilities: Capabilities(rawValue: UInt32.random(in: 0..<8, using: &random)),
        name: SupplierName(
          account: ["a", "b"].randomElement(using: &random) ?? "a", worker: "\(id)"))
    }

    mutating func prices() -> PricePair {
      PricePair(
        input: Price(nanoPerMillion: UInt64.random(in: 0..<5, using: &random)),
        output: Price(nanoPerMillion: UInt64.random(in: 0..<5, using: &random)))
    }

    mutating func demand() -> Planner.Demand {
      func some(_ random: inout Seeded) -> [String] {
        ["a/1", "a", "b/1", "b", "c/1"].filter { _ in
          Int.random(in: 0..<4, using: &random) == 0
        }
      }
      return Planner.Demand(
        job: JobID(1),
        bid: Bid(
          endpoint: Int.random(in: 0..<5, using: &random) == 0 ? .completions : .chatCompletions,
          promptBound: TokenCount(UInt64.random(in: 1...90, using: &random)),
          outputMax: TokenCount(UInt64.random(in: 1...90, using: &random)), ceilings: prices(),
          contextUse: Bool.random(using: &random)
            ? nil
            : ContextUse(
              prompt: TokenCount(UInt64.random(in: 1...90, using: &random)),
              answers: UInt32.random(in: 1...3, using: &random))),
        excluded: [], goesOn: Int.random(in: 0..<5, using: &random) == 0,
        terms: JobTerms(
          needs: Capabilities(rawValue: UInt32.random(in: 0..<8, using: &random)),
          preferences: Preferences(
            order: some(&random), only: some(&random), ignore: some(&random),
            allowsFallbacks: Bool.random(using: &random))))
    }
  }

  @Test("after the changes the server takes the demand; none are named where none are needed")
  func changes() {
    var draw = Draw(random: Seeded(state: 1))
    var helped = 0
    for _ in 0..<3_000 {
      let server = draw.server(UInt64.random(in: 1...3, using: &draw.random))
      let demand = draw.demand()
      guard let changes = Planner.changes(of: demand, for: server) else {
        #expect(server.obstacle(to: demand) != nil)
        continue
      }
      #expect(changes.isEmpty == (server.misfit(to: demand) == nil))
      let changed = changes.reduce(demand) { $0.applying($1) }
      #expect(server.misfit(to: changed) == nil)
      helped += changes.isEmpty ? 0 : 1
    }
    #expect(helped > 100)
  }

  @Test("a plan gives a demand to the first of its verdicts, and to nobody if there is none")
  func verdicts() {
    var draw = Draw(random: Seeded(state: 2))
    for _ in 0..<1_000 {
      let candidates = (1...4).map { id in
        Planner.Candidate(
          server: draw.server(id), busy: Int.random(in: 0..<2, using: &draw.random),
          free: Int.random(in: 0..<2, using: &draw.random))
      }
      let demand = draw.demand()
      let planned = Planner.plan([demand], on: candidates).first?.candidate.ask.id
      let verdicts = Planner.verdicts(on: demand, among: candidates)
      #expect(verdicts.count == 4)
      if case .ranked? = verdicts.first?.verdict {
        #expect(planned == verdicts.first?.candidate.ask.id)
      } else {
        #expect(planned == nil)
      }
      if let remedy = Planner.remedy(for: demand, among: candidates) {
        #expect(planned == nil && !remedy.changes.isEmpty)
      }
    }
  }

  @Test("at each step's price as many demands are given to the offer as the step says")
  func steps() {
    var draw = Draw(random: Seeded(state: 3))
    var lower = 0
    for _ in 0..<100 {
      let own = Planner.Candidate(server: draw.server(1), busy: 1, free: 0)
      let others = (2...4).map { Planner.Candidate(server: draw.server($0), busy: 0, free: 0) }
      let demands = (0..<10).map { _ in draw.demand() }
      let outlook = Planner.outlook(of: own, beside: others, for: demands)
      #expect(outlook.comes + outlook.reasons.reduce(0) { $0 + $1.count } == demands.count)
      #expect(outlook.steps.first?.comes == outlook.comes)
      lower += outlook.steps.count - 1
      for step in outlook.steps {
        let old = own.ask.offer
        let offer = Offer(
          model: "m", context: old.context, outputDefault: old.outputDefault, slots: 2,
          prices: step.prices, basis: .usage, bytesPerTokenFloor: 1, endpoints: old.endpoints)
        let repriced = Planner.Candidate(
          server: Planner.Server(
            ask: Ask(id: own.ask.id, offer: offer, version: 1),
            continuesOutput: own.server.continuesOutput, capabilities: own.server.capabilities,
            name: own.server.name), busy: own.busy, free: 1)
        let all =
          [repriced]
          + others.map {
            let server = $0.server.isThere ? $0.present().server : $0.server
            return Planner.Candidate(server: server, busy: $0.busy, free: 1)
          }
        let won = demands.count { demand in
          Planner.plan([demand], on: all).first?.candidate.ask.id == own.ask.id
        }
        #expect(won == step.comes)
      }
    }
    #expect(lower > 10)
  }
}
