import Consensus
import ExchangeCore
import ExchangeTypes
import JobMarket
import OpenAIFormat
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("Leader: what workers have read before")
struct PrefixTests {
  private static let me = AccountID(1)
  /// Letters that do not repeat within a block.
  private static func text(_ count: Int, _ seed: Int = 0) -> String {
    String(decoding: (0..<count).map { UInt8(97 + ($0 / 26 + $0 * 7 + seed) % 26) }, as: UTF8.self)
  }

  private func body(_ turns: [String], more: String = "") -> [UInt8] {
    let messages = turns.map { #"{"role":"user","content":"\#($0)"}"# }.joined(separator: ",")
    return Array(#"{"model":"m","max_tokens":100,"messages":[\#(messages)]\#(more)}"#.utf8)
  }

  private func prefix(
    _ turns: [String], of account: AccountID = Self.me, model: String = "m", more: String = ""
  ) throws -> PromptPrefix {
    PromptPrefix(
      of: try InferenceRequest.parse(body: body(turns, more: more), endpoint: .chatCompletions),
      for: model, of: account)
  }

  private func common(_ left: PromptPrefix, _ right: PromptPrefix) -> Int {
    zip(left.blocks, right.blocks).prefix { $0 == $1 }.count
  }

  @Test("a conversation that grows begins as it did; another's is like nothing of it")
  func growing() throws {
    let (first, second) = (Self.text(900), Self.text(700, 5))
    let short = try prefix([first])
    let long = try prefix([first, second])
    #expect(short.blocks.count == 3 && long.blocks.count == 6 && common(short, long) == 3)
    #expect(common(long, try prefix([first, Self.text(700, 6)])) == 3)
    // Sampling changes nothing of the prompt; what templates print before it does.
    #expect(try prefix([first], more: #","temperature":0.5"#) == short)
    #expect(common(short, try prefix([first], more: #","tools":[{"type":"function"}]"#)) == 0)
    for other in [
      try prefix([first], of: AccountID(2)), try prefix([first], model: "n"),
      try prefix(["x" + first]),
    ] { #expect(common(short, other) == 0) }
    #expect(try prefix(["short"]) == .empty)
    let all = try prefix([Self.text(PromptPrefix.blockBytes * (PromptPrefix.blocksMax + 9))])
    #expect(all.blocks.count == PromptPrefix.blocksMax)
    // Numbers of one prompt are all different, or one block would stand for another.
    #expect(Set(all.blocks).count == PromptPrefix.blocksMax)
  }

  @Test("what was used last is kept, and never more than two generations")
  func memory() throws {
    var memory = PrefixMemory()
    let kept = try prefix([Self.text(2_000)])
    #expect(memory.known(of: kept) == 0)
    memory.note(kept)
    #expect(memory.known(of: kept) == UInt64(kept.blocks.count * PromptPrefix.blockBytes))
    #expect(memory.known(of: try prefix([Self.text(2_000, 1)])) == 0)
    for number in 0..<100 {
      memory.note(try prefix(["\(number) " + Self.text(20_000, number)]))
      memory.note(kept)
      #expect(memory.count <= 2 * PrefixMemory.generationMax)
      #expect(memory.known(of: kept) > 0, "after \(number)")
    }
    for number in 0..<100 { memory.note(try prefix(["\(number)." + Self.text(20_000, number)])) }
    #expect(memory.known(of: kept) == 0 && memory.count > PrefixMemory.generationMax)
  }

  // MARK: The choice

  private func candidate(
    _ worker: UInt64, price: UInt64 = 5, inFlight: UInt64 = 0, read: PromptPrefix? = nil
  ) -> Planner.Candidate {
    let offer = Offer(
      model: "m", context: TokenCount(90_000), outputDefault: TokenCount(512), slots: 4,
      prices: PricePair(input: .zero, output: Price(nanoPerMillion: price)), basis: .usage,
      bytesPerTokenFloor: 1, endpoints: [.chatCompletions])
    var prefixes = PrefixMemory()
    if let read { prefixes.note(read) }
    return Planner.Candidate(
      server: Planner.Server(
        ask: Ask(id: OfferID(worker: WorkerID(worker), index: 0), offer: offer, version: 1),
        continuesOutput: true, prefixes: prefixes), busy: 0, free: 1,
      inFlight: Planner.Work(prompt: inFlight))
  }

  @Test(
    "of workers alike the one that has read the beginning; not a dearer one, nor one with more to do"
  )
  func choice() throws {
    let prompt = try prefix([Self.text(2_000)])
    let demand = Planner.Demand(
      job: JobID(1),
      bid: Bid(
        endpoint: .chatCompletions, promptBound: TokenCount(2_000), outputMax: TokenCount(100),
        ceilings: PricePair(input: Price(nanoPerMillion: 9), output: Price(nanoPerMillion: 9))),
      excluded: [], goesOn: false, prefix: prompt)
    func chosen(_ candidates: [Planner.Candidate]) -> UInt64? {
      Planner.plan([demand], on: candidates).first?.candidate.ask.id.worker.rawValue
    }
    #expect(chosen([candidate(1), candidate(2)]) == 1)
    #expect(chosen([candidate(1), candidate(2, read: prompt)]) == 2)
    #expect(chosen([candidate(1), candidate(2, inFlight: 1_000, read: prompt)]) == 2)
    #expect(chosen([candidate(1), candidate(2, inFlight: 3_000, read: prompt)]) == 1)
    #expect(chosen([candidate(1), candidate(2, price: 6, read: prompt)]) == 1)
  }

  @Test(
    "a conversation stays where it was; another account, another process, another leader begin anew"
  )
  func throughTheLeader() throws {
    let bench = try LeaderBench()
    let (stranger, _) = try bench.strangerCredential()
    let first = try WorkerPeer(bench, "first")
    let second = try WorkerPeer(bench, "second")
    let slot = second.park()
    let turn = Self.text(900)
    bench.submit(.submitted, body: body([turn]))
    let assign = try slot.last(Assign.self)
    second.chunk(assign, output(1...3), on: slot)
    second.finish(assign, output(1...3), on: slot)
    bench.close(slot)

    func known(_ credential: Credential = LeaderBench.root) throws -> [WorkerID: UInt64] {
      let report = try bench.call(
        .dryRun(
          DryRun(
            requestKey: bench.requestKey(), endpoint: .chatCompletions, model: "m",
            body: body([turn, "and then?"]), maxInputPrice: nil, maxOutputPrice: nil,
            servedOnly: true)), credential
      ).last(JobWhyReport.self)
      return Dictionary(uniqueKeysWithValues: (report.warm ?? []).map { ($0.worker, $0.bytes) })
    }
    #expect(try known() == [second.id: 768])
    #expect(try known(stranger).isEmpty)

    let (one, two) = (first.park(), second.park())
    bench.submit(.submitted, body: body([turn, "and then?"]))
    #expect(one.all(Assign.self).isEmpty && two.all(Assign.self).count == 1)
    let peer = bench.open(.job, stranger)
    bench.say(
      .submit(bench.submission(mode: .submitted, body: body([turn, "and then?"]))), on: peer)
    #expect(one.all(Assign.self).count == 1)
    #expect(try known() == [second.id: 768])

    second.heartbeat(isFull: true)
    #expect(try known() == [second.id: 768], "a full engine keeps what it has read")
    // Its engine has been down.
    bench.say(
      .workerHeartbeat(.init(worker: second.id, nonce: 1, busy: 0, engineHealthy: false)),
      on: second.registration)
    #expect(try known().isEmpty)
    try bench.restart()
    let again = try WorkerPeer(bench, "second")
    #expect(try known().isEmpty && again.id == second.id)
  }
}
