import Consensus
import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("Leader: whose turn it is")
struct FairShareTests {
  private func work(_ prompt: UInt64, _ output: UInt64 = 0) -> Planner.Work {
    Planner.Work(prompt: prompt, output: output)
  }

  @Test(
    "who was served least is next, with what is in flight; who comes late owes and is owed nothing")
  func turns() {
    var shares = FairShare()
    let (a, b, c) = (AccountID(1), AccountID(2), AccountID(3))
    func next(_ accounts: [AccountID]) -> AccountID? {
      var turns = shares.turns(of: accounts, for: "m")
      return turns.next()?.account
    }
    shares.wait([a, b], for: "m")
    #expect(next([b, a]) == a)
    shares.charge(JobID(1), of: a, for: "m", work(100, 50))
    #expect(shares.counter(of: a, for: "m") == 200 && next([a, b]) == b)
    // Charged again, for another worker: once.
    shares.charge(JobID(1), of: a, for: "m", work(100, 50))
    #expect(shares.counter(of: a, for: "m") == 200)
    // The newcomer begins with the least that is served, not with what is only thought to be.
    shares.charge(JobID(2), of: b, for: "m", work(30))
    shares.settle(JobID(2), at: work(30))
    shares.settle(JobID(1), at: work(10, 5))
    shares.wait([a, b, c], for: "m")
    #expect(shares.counter(of: c, for: "m") == 20 && next([a, b, c]) == a)
    #expect(shares.counter(of: a, for: "other") == 0)
    // What came to nothing costs nothing; when nobody waits and nobody is served, nothing is left.
    shares.charge(JobID(3), of: c, for: "m", work(5))
    shares.settle(JobID(3), at: nil)
    shares.settle(JobID(3), at: work(1))
    #expect(shares.counter(of: c, for: "m") == 20 && !shares.isEmpty)
    shares.wait([], for: "m")
    #expect(shares.isEmpty)
  }

  @Test("costs that no counter could hold are cut off")
  func large() {
    #expect(FairShare.cost(work(.max, .max)) == FairShare.costMax)
    #expect(FairShare.cost(work(1, .max / 2)) == FairShare.costMax)
    #expect(work(.max, 3) + work(1, 4) == work(.max, 7))
  }

  @Test(
    "accounts that wait all the time are served alike, however large and many their jobs are",
    arguments: 1...20)
  func fair(seed: UInt64) throws {
    var random = Seeded(state: seed)
    var shares = FairShare()
    let slots = Int.random(in: 1...4, using: &random)
    let accounts = (1...UInt64(Int.random(in: 2...5, using: &random))).map { AccountID($0) }
    let sizes = accounts.map { _ in UInt64.random(in: 1...1_000, using: &random) }
    let largest = sizes.max() ?? 0
    var served = [AccountID: UInt64]()
    var running: [(job: JobID, account: AccountID, cost: UInt64)] = []
    var number: UInt64 = 0
    shares.wait(accounts, for: "m")
    for _ in 0..<2_000 {
      if running.count < slots {
        var turns = shares.turns(of: accounts, for: "m")
        let account = try #require(turns.next()?.account)
        number += 1
        // What it is thought to cost is wrong by half at most, either way.
        let cost = sizes[Int(account.rawValue) - 1]
        let thought = UInt64.random(in: (cost / 2)...(cost * 3 / 2), using: &random)
        shares.charge(JobID(number), of: account, for: "m", work(thought))
        running.append((JobID(number), account, cost))
      } else {
        let ended = running.remove(at: Int.random(in: 0..<running.count, using: &random))
        let isLost = Int.random(in: 0..<8, using: &random) == 0
        shares.settle(ended.job, at: isLost ? nil : work(ended.cost))
        if !isLost { served[ended.account, default: 0] += ended.cost }
      }
      let most = accounts.map { served[$0] ?? 0 }.max() ?? 0
      let least = accounts.map { served[$0] ?? 0 }.min() ?? 0
      #expect(most - least <= 3 * largest * UInt64(slots + 1), "\(served)")
    }
    for job in running { shares.settle(job.job, at: work(1)) }
    shares.wait([], for: "m")
    #expect(shares.isEmpty)
  }

  @Test(
    "accounts that wait all the time are served by their weights", arguments: [10, 50, 300, 10_000])
  func weighted(weight: UInt32) {
    var shares = FairShare()
    let (light, heavy) = (AccountID(1), AccountID(2))
    shares.wait([light, heavy], for: "m")
    var served = [AccountID: UInt64]()
    let rounds: UInt64 = weight > 1_000 ? 1 : 20
    let whole = rounds * (UInt64(weight) + 100)
    for number in 1...whole {
      var turns = shares.turns(of: [light, heavy], for: "m") { $0 == heavy ? weight : 100 }
      guard let turn = turns.next() else { break }
      shares.charge(
        JobID(number), of: turn.account, for: "m", work(100_000), weight: turn.weight)
      shares.settle(JobID(number), at: work(100_000))
      served[turn.account, default: 0] += 1
      // What one look ahead would give it next is what it is charged.
      #expect(turn.after(work(100_000)).counter == shares.counter(of: turn.account, for: "m"))
    }
    #expect((served[heavy] ?? 0).distance(to: rounds * UInt64(weight)).magnitude <= 1, "\(served)")
  }

  @Test("a stranger's single job does not wait for another account's whole queue")
  func throughTheLeader() throws {
    let bench = try LeaderBench()
    let (stranger, account) = try bench.strangerCredential()
    let worker = try WorkerPeer(bench, slots: 1)
    var slot = worker.park()
    for _ in 0..<6 { bench.submit(.submitted) }
    for _ in 0..<2 {
      let peer = bench.open(.job, stranger)
      bench.say(.submit(bench.submission(mode: .submitted)), on: peer)
    }
    var order: [AccountID] = []
    for _ in 0..<8 {
      let assign = try slot.last(Assign.self)
      order.append(try bench.job(assign.job).account)
      worker.chunk(assign, output(1...3), on: slot)
      worker.finish(assign, output(1...3), on: slot)
      bench.close(slot)
      slot = worker.park()
    }
    #expect(order.prefix(4).count { $0 == account } == 2, "\(order)")
    #expect(order.count { $0 == account } == 2 && order.first == AccountID(1))
    bench.advance(10)
    #expect(bench.dispatcher.shares.isEmpty)
  }

  @Test(
    "what expires or is cancelled in the queue leaves nothing behind, and neither does a lost attempt"
  )
  func nothingIsLeft() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, slots: 1)
    let slot = worker.park()
    let first = try bench.submit(.submitted).last(WireProtocol.Accepted.self).job
    let second = try bench.submit(.submitted).last(WireProtocol.Accepted.self).job
    #expect(!bench.dispatcher.shares.isEmpty)
    bench.call(.cancel(.init(job: second)))
    let assign = try slot.last(Assign.self)
    #expect(assign.job == first)
    bench.close(slot)
    worker.alive(8_000)
    #expect(try bench.job(first).state == .queued)
    bench.call(.cancel(.init(job: first)))
    bench.advance(10)
    #expect(bench.dispatcher.shares.isEmpty)
  }
}

@Suite("Leader: how fast workers are")
struct WorkerSpeedTests {
  @Test("a line is found again, and points at one place are their mean")
  func line() throws {
    var line = DecayedLine()
    #expect(line.value(at: 3) == nil && line.slope == nil)
    line.note(50, at: 100)
    #expect(line.value(at: 100) == 50 && line.value(at: 9_999) == 50 && line.slope == nil)
    for place in [100.0, 400, 200, 900] { line.note(30 + place / 5, at: place) }
    var exact = DecayedLine()
    for place in [100.0, 400, 200, 900] { exact.note(30 + place / 5, at: place) }
    #expect(abs(try #require(exact.slope) - 0.2) < 1e-9)
    #expect(abs(try #require(exact.value(at: 2_000)) - 430) < 1e-6)
    // Old points are forgotten by an eighth with each new one.
    for _ in 0..<200 { for place in [100.0, 500] { exact.note(place, at: place) } }
    #expect(abs(try #require(exact.slope) - 1) < 1e-6)
    // A line that falls says nothing of larger prompts, and no value is below zero.
    var falling = DecayedLine()
    for place in [1.0, 2, 3] { falling.note(10 - place, at: place) }
    #expect(falling.slope == 0)
    let low = try #require(exact.value(at: -10_000))
    #expect(low == 0)
  }

  private func candidate(
    _ worker: UInt64, slots: UInt16 = 4, inFlight: Planner.Work = Planner.Work(), busy: Int = 0,
    speed: WorkerSpeed = WorkerSpeed()
  ) -> Planner.Candidate {
    let offer = Offer(
      model: "m", context: TokenCount(90_000), outputDefault: TokenCount(512), slots: slots,
      prices: PricePair(input: .zero, output: Price(nanoPerMillion: 5)), basis: .usage,
      bytesPerTokenFloor: 1, endpoints: [.chatCompletions])
    return Planner.Candidate(
      server: Planner.Server(
        ask: Ask(id: OfferID(worker: WorkerID(worker), index: 0), offer: offer, version: 1),
        continuesOutput: true, speed: speed), busy: busy, free: 1, inFlight: inFlight)
  }

  private func chosen(
    _ candidates: [Planner.Candidate], prompt: UInt64 = 10, output: UInt64 = 100,
    sort: Preferences.Sort? = nil
  ) -> UInt64? {
    let demand = Planner.Demand(
      job: JobID(1),
      bid: Bid(
        endpoint: .chatCompletions, promptBound: TokenCount(prompt), outputMax: TokenCount(output),
        ceilings: PricePair(input: Price(nanoPerMillion: 9), output: Price(nanoPerMillion: 9))),
      excluded: [], goesOn: false, terms: JobTerms(preferences: Preferences(sort: sort)))
    return Planner.plan([demand], on: candidates).first?.candidate.ask.id.worker.rawValue
  }

  private func speed(_ tokens: UInt64, first: [(prompt: UInt64, after: UInt64)] = []) -> WorkerSpeed
  {
    var speed = WorkerSpeed()
    speed.noteTokens(tokens, within: 1_000)
    for point in first { speed.noteFirstOutput(after: point.after, prompt: point.prompt) }
    return speed
  }

  @Test(
    "at one price the job goes where it is through soonest: by tokens in flight, slots and speed")
  func load() {
    let some = Planner.Work(prompt: 0, output: 1_000)
    let more = Planner.Work(prompt: 0, output: 2_000)
    // Fewer attempts, but longer ones.
    #expect(
      chosen([candidate(1, inFlight: more, busy: 1), candidate(2, inFlight: some, busy: 3)]) == 2)
    #expect(
      chosen([candidate(1, slots: 2, inFlight: some), candidate(2, slots: 8, inFlight: some)]) == 2)
    let (slow, fast) = (speed(10), speed(100))
    #expect(chosen([candidate(1, speed: slow), candidate(2, inFlight: some, speed: fast)]) == 1)
    #expect(
      chosen([candidate(1, inFlight: some, speed: slow), candidate(2, inFlight: more, speed: fast)])
        == 2)
    // A long prompt counts, where reading is what is slow.
    let reader = speed(50, first: [(0, 0), (1_000, 100)])
    let slowReader = speed(50, first: [(0, 0), (1_000, 10_000)])
    let both = [candidate(1, speed: slowReader), candidate(2, speed: reader)]
    #expect(chosen(both, prompt: 20_000) == 2)
  }

  @Test("the least latency is that of a prompt as long as the job's")
  func latency() {
    let short = speed(50, first: [(100, 100), (10_000, 9_000)])
    let long = speed(50, first: [(100, 500), (10_000, 1_000)])
    let both = [candidate(1, speed: short), candidate(2, speed: long)]
    #expect(chosen(both, prompt: 50, sort: .latency) == 1)
    #expect(chosen(both, prompt: 20_000, sort: .latency) == 2)
  }

  @Test(
    "answers are taken to be as long as the model's mostly are, and never longer than they may be")
  func lengths() {
    var lengths = Planner.OutputLengths()
    #expect(lengths["m"] == nil)
    lengths.note(80, of: "m")
    #expect(lengths["m"] == 80)
    lengths.note(0, of: "m")
    #expect(lengths["m"] == 70)
    let bid = Bid(
      endpoint: .chatCompletions, promptBound: TokenCount(7), outputMax: TokenCount(50),
      ceilings: PricePair(input: .zero, output: .zero))
    #expect(Planner.Work(of: bid, typicalOutput: 70) == Planner.Work(prompt: 7, output: 50))
    #expect(Planner.Work(of: bid, typicalOutput: 20) == Planner.Work(prompt: 7, output: 20))
    for number in 0..<(Planner.OutputLengths.modelsMax + 1) { lengths.note(1, of: "\(number)") }
    #expect(lengths["m"] == nil)
  }
}

/// splitmix64.
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
