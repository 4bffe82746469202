import Consensus
import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("Leader: what requests ask for beyond a model")
struct TermsTests {
  private func body(_ more: String, model: String = "m") -> [UInt8] {
    Array(
      (#"{"model":"\#(model)","max_tokens":5,"messages":[{"role":"user","content":"hi"}],"# + more
        + "}").utf8)
  }

  private func submit(
    _ bench: LeaderBench, _ body: [UInt8], model: String = "m", servedOnly: Bool? = true
  ) -> Peer {
    let peer = bench.open(.job)
    let plain = bench.submission(body: body)
    bench.say(
      .submit(
        Submit(
          requestKey: plain.requestKey, mode: plain.mode, endpoint: plain.endpoint, model: model,
          body: body, maxInputPrice: nil, maxOutputPrice: nil,
          queueTimeoutMs: plain.queueTimeoutMs, follow: true, retentionMs: nil,
          durable: nil, servedOnly: servedOnly)), on: peer)
    return peer
  }

  @Test("while no worker of the model is connected, who asks not to wait is told at once")
  func offline() throws {
    let bench = try LeaderBench()
    #expect(submit(bench, body(#""n":1"#)).failure == .modelNotFound)
    let worker = try WorkerPeer(bench)
    #expect(submit(bench, body(#""n":1"#)).failure == nil)
    bench.close(worker.registration)
    // A new leader takes workers for connected until they have had the time to come.
    bench.advance(UInt64(WorkerSession.leaseMilliseconds))
    let refused = try submit(bench, body(#""n":1"#)).last(Failure.self)
    #expect(refused.errorCode == .noWorkerOnline && refused.retryAfterMs == 5_000)
    #expect(refused.message.contains("Every worker of the model is offline".lowercased()))
    // Who does not ask so waits for whoever comes.
    let waits = submit(bench, body(#""n":1"#), servedOnly: nil)
    let job = try waits.last(WireProtocol.Accepted.self).job
    #expect(try bench.job(job).state == .queued)
    try worker.register()
    #expect(submit(bench, body(#""n":1"#)).failure == nil)
  }

  @Test("what no connected worker can do is refused by name; what one can goes to that one")
  func capabilities() throws {
    let bench = try LeaderBench()
    let plain = try WorkerPeer(
      bench, "plain", price: 1, capabilities: Capabilities.structuredOutput.rawValue)
    let cheap = plain.park()
    let tools = body(#""tools":[{"type":"function"}]"#)
    let before = bench.replica.lastIndex
    let refused = try submit(bench, tools).last(Failure.self)
    #expect(refused.errorCode == .unsupportedParameter && bench.replica.lastIndex == before)
    #expect(refused.message.contains("can do tools"))
    #expect(refused.details.contains(ErrorDetail(name: "field", value: "tools")))
    #expect(HTTPRefusal(refused).param == "tools" && HTTPRefusal(refused).status == 400)

    let able = try WorkerPeer(bench, "able", price: 900_000)
    let slot = able.park()
    _ = submit(bench, tools)
    #expect(cheap.all(Assign.self).isEmpty)
    #expect(try slot.last(Assign.self).body == tools)
    // Queued, they wait for one that can.
    let queued = try submit(bench, tools).last(WireProtocol.Accepted.self).job
    #expect(cheap.all(Assign.self).isEmpty)
    #expect(try able.park().last(Assign.self).job == queued)
    // What both can do goes to the cheaper.
    _ = submit(bench, body(#""response_format":{"type":"json_object"}"#))
    #expect(try cheap.last(Assign.self).job > queued)
  }

  @Test("what cannot be priced before it runs is refused by its field; text alone is no such thing")
  func unpriced() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench)
    for (more, field) in [
      (#""modalities":["text","audio"]"#, "modalities"), (#""audio":{}"#, "audio"),
      (#""chat_template":"x""#, "chat_template"),
    ] {
      let refused = try submit(bench, body(more)).last(Failure.self)
      #expect(refused.errorCode == .unsupportedParameter && HTTPRefusal(refused).param == field)
    }
    let image = #"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url"}]}]}"#
    let refused = try submit(bench, Array(image.utf8)).last(Failure.self)
    #expect(HTTPRefusal(refused).param == "messages[0].content")
    #expect(submit(bench, body(#""modalities":["text"]"#)).failure == nil)
  }

  @Test(
    "a choice of tools and a bias are refused by their own names where nobody has them",
    arguments: [
      ("tool_choice", #""tools":[{}],"tool_choice":"required""#, Capabilities.toolChoice),
      ("tool_choice", #""tools":[{}],"tool_choice":"none""#, .toolChoice),
      ("logit_bias", #""logit_bias":{"5":-1}"#, .logitBias),
    ])
  func neverDropped(field: String, fields: String, needed: Capabilities) throws {
    let bench = try LeaderBench()
    // As Ollama's routes are known.
    _ = try WorkerPeer(
      bench, "plain", capabilities: Capabilities([.tools, .structuredOutput]).rawValue)
    let refused = try submit(bench, body(fields)).last(Failure.self)
    #expect(refused.errorCode == .unsupportedParameter && HTTPRefusal(refused).param == field)
    let asksForNothing = body(#""tools":[{}],"tool_choice":"auto","logit_bias":{}"#)
    #expect(submit(bench, asksForNothing).failure == nil)
    _ = try WorkerPeer(bench, "able", capabilities: Capabilities([.tools, needed]).rawValue)
    #expect(submit(bench, body(fields)).failure == nil)
  }

  @Test("preferences: who is excluded is, the order comes before the price, no engine sees them")
  func preferences() throws {
    let bench = try LeaderBench()
    let workers = try [("cheap", 100_000), ("dear", 300_000)].map {
      try WorkerPeer(bench, $0.0, price: UInt64($0.1))
    }
    let slots = workers.map { peer in (0..<3).map { _ in peer.park() } }
    func assigned(to place: Int) -> Int {
      slots[place].reduce(0) { $0 + $1.all(Assign.self).count }
    }
    _ = submit(bench, body(#""x":1"#))
    #expect(assigned(to: 0) == 1)
    _ = submit(bench, body(#""x":1,"provider":{"ignore":["operator/cheap"]}"#))
    _ = submit(bench, body(#""provider":{"order":["operator/dear"]},"x":1"#))
    #expect(assigned(to: 1) == 2)
    for slot in slots[1] {
      for assign in slot.all(Assign.self) { #expect(assign.body == body(#""x":1"#)) }
    }
    let nobody = try submit(bench, body(#""provider":{"only":["sam"]}"#)).last(Failure.self)
    #expect(nobody.errorCode == .noSupplierAdmitted && nobody.message.contains("operator"))
    let dear = submit(bench, body(#""provider":{"max_price":{"completion":0.0000001}}"#))
    #expect(dear.failure == .priceAboveCeiling)
    let odd = try submit(bench, body(#""provider":{"zdr":true}"#)).last(Failure.self)
    #expect(odd.errorCode == .unsupportedParameter && HTTPRefusal(odd).param == "provider.zdr")
  }

  @Test("of several models a request gets the first that is served as it asks, and is told which")
  func models() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench, "one", capabilities: 0)
    let other = try WorkerPeer(bench, "two", model: "other")
    let slot = other.park()
    let plain = submit(bench, body(#""models":["other"]"#))
    #expect(try plain.last(WireProtocol.Accepted.self).model == nil)
    let tools = submit(bench, body(#""tools":[{"type":"function"}],"models":["none","other"]"#))
    #expect(try tools.last(WireProtocol.Accepted.self).model == "other")
    #expect(try slot.last(Assign.self).model == "other")
    let unknown = submit(bench, body(#""models":["nor"]"#, model: "none"), model: "none")
    #expect(unknown.failure == .modelNotFound)
  }

  @Test("of several models a request gets the first that somebody would take now, if there is one")
  func modelsThatAreTaken() throws {
    func unhealthy(_ worker: WorkerPeer) {
      worker.bench.say(
        .workerHeartbeat(.init(worker: worker.id, nonce: 1, busy: 0, engineHealthy: false)),
        on: worker.registration)
    }
    let more = #""models":["other"],"provider":{"max_price":{"completion":0.00001}}"#
    let cases: [(String, (LeaderBench) throws -> WorkerPeer)] = [
      ("engine", { try WorkerPeer($0, "one", price: 1_000) }),
      ("price", { try WorkerPeer($0, "one") }),
      ("context", { try WorkerPeer($0, "one", price: 1_000, context: 4) }),
      ("endpoint", { try WorkerPeer($0, "one", price: 1_000, endpoints: [.completions]) }),
    ]
    for (what, make) in cases {
      let bench = try LeaderBench()
      let first = try make(bench)
      if what == "engine" { unhealthy(first) }
      let second = try WorkerPeer(bench, "two", price: 1_000, model: "other")
      let slot = second.park()
      let peer = submit(bench, body(more))
      #expect(peer.all(WireProtocol.Accepted.self).last?.model == "other", "\(what)")
      #expect(slot.all(Assign.self).last?.model == "other", "\(what)")
      guard what == "engine" else { continue }
      unhealthy(second)
      // Nobody would take it now: it waits for the one that it wants most.
      #expect(try submit(bench, body(more)).last(WireProtocol.Accepted.self).model == nil)
    }
  }

  @Test("an engine that is full for a moment is no reason to take another of several models")
  func modelsOfFullEngines() throws {
    let bench = try LeaderBench()
    let first = try WorkerPeer(bench, "one")
    _ = try WorkerPeer(bench, "two", model: "other").park()
    first.heartbeat(isFull: true)
    let peer = submit(bench, body(#""models":["other"]"#))
    #expect(try peer.last(WireProtocol.Accepted.self).model == nil)
    let slot = first.park()
    #expect(slot.all(Assign.self).isEmpty)
    first.heartbeat()
    #expect(try slot.last(Assign.self).model == "m")
  }

  @Test("the fastest is chosen where that is wanted, and who is not known yet is tried first")
  func speed() {
    func candidate(_ worker: UInt64, first: UInt64?, tokens: UInt64?) -> Planner.Candidate {
      var speed = WorkerSpeed()
      if let first { speed.noteFirstOutput(after: first, prompt: 10) }
      if let tokens { speed.noteTokens(tokens, within: 1_000) }
      let offer = Offer(
        model: "m", context: TokenCount(4_096), outputDefault: TokenCount(512), slots: 4,
        prices: PricePair(input: .zero, output: Price(nanoPerMillion: worker)), basis: .usage,
        bytesPerTokenFloor: 1, endpoints: [.chatCompletions])
      return Planner.Candidate(
        server: Planner.Server(
          ask: Ask(id: OfferID(worker: WorkerID(worker), index: 0), offer: offer, version: 1),
          continuesOutput: true, name: SupplierName(account: "a", worker: "\(worker)"),
          speed: speed), busy: 0, free: 1)
    }
    let known = [
      candidate(1, first: 900, tokens: 10), candidate(2, first: 300, tokens: 20),
      candidate(3, first: 500, tokens: 70),
    ]
    func chosen(_ sort: Preferences.Sort?, _ candidates: [Planner.Candidate]) -> UInt64? {
      let demand = Planner.Demand(
        job: JobID(1),
        bid: Bid(
          endpoint: .chatCompletions, promptBound: TokenCount(10), outputMax: TokenCount(10),
          ceilings: PricePair(
            input: Price(nanoPerMillion: 9), output: Price(nanoPerMillion: 9))),
        excluded: [], goesOn: false, terms: JobTerms(preferences: Preferences(sort: sort)))
      return Planner.plan([demand], on: candidates).first?.candidate.ask.id.worker.rawValue
    }
    #expect(chosen(nil, known) == 1 && chosen(.price, known) == 1)
    #expect(chosen(.latency, known) == 2 && chosen(.throughput, known) == 3)
    let fresh = known + [candidate(4, first: nil, tokens: nil)]
    #expect(chosen(.latency, fresh) == 4 && chosen(.throughput, fresh) == 4)
    #expect(chosen(nil, fresh) == 1)
  }

  @Test("a worker's speed is what its attempts took, each weighing more than the one before")
  func measured() throws {
    var speed = WorkerSpeed()
    speed.noteFirstOutput(after: 800, prompt: 10)
    speed.noteFirstOutput(after: 0, prompt: 10)
    #expect(abs(try #require(speed.firstOutput.value(at: 10)) - 800 * 0.875 / 1.875) < 1e-9)
    speed.noteTokens(0, within: 10)
    speed.noteTokens(10, within: 0)
    #expect(speed.tokensPerSecond == nil)
    speed.noteTokens(50, within: 500)
    #expect(speed.tokensPerSecond == 100)
    var timing = AttemptTiming()
    #expect(timing.output(3, at: 10) == nil)
    timing.assigned(at: 100)
    #expect(timing.output(3, at: 150) == 50 && timing.output(9, at: 170) == nil)
    #expect(timing.rest(3, at: 190) == nil)
    #expect(timing.rest(23, at: 250)?.tokens == 20 && timing.rest(23, at: 250)?.milliseconds == 100)
  }
}
