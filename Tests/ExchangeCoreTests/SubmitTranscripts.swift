import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing

@Suite("Transcripts: payloads and submit")
struct SubmitTranscripts {
  private func part(
    _ number: UInt16, of count: UInt16 = 2, key: UInt64 = 1, caller: KeyID = World.alice,
    bytes: [UInt8] = [1]
  ) -> Command {
    .payloadPart(
      .init(
        caller: caller, requestKey: request(100 + key), part: number, of: count, bytes: bytes))
  }

  @Test(
    "from state version 3 on who is not there moves no price, and nobody's default bound but his own"
  )
  func liveMarket() {
    var world = World()
    world.run(.raiseStateVersion(.init(to: 3)))
    world.run(
      register("dear", offers: [offer(outputDefault: 1, input: 1 << 50, output: 1 << 50)]))
    world.run(register("middle", offers: [offer(outputDefault: 10, output: 3_000_000_000)]))
    func bid(_ command: Command) -> String {
      guard case .submit(let submit) = command, let bid = world.exchange.demand(of: submit) else {
        return "none"
      }
      return "\(bid.outputMax) at \(bid.ceilings.input), \(bid.ceilings.output)"
    }
    #expect(bid(submit(1, output: nil)) == "100 at 2, 4", "the cheapest has the say, twice over")
    #expect(bid(submit(1, output: nil, outputCeiling: 2_500_000_000)) == "100 at 2, 2.5")
    #expect(bid(submit(1, output: nil, outputCeiling: 1)) == "none")
    #expect(bid(submit(1, prompt: 950, output: nil)) == "50 at 2, 4", "what the context leaves")
    world.run(.workerGone(.init(worker: WorkerID(1), incarnation: 1)))
    #expect(bid(submit(1, output: nil)) == "10 at 2, 6")
    world.run(.workerGone(.init(worker: WorkerID(3), incarnation: 1)))
    world.run(.workerGone(.init(worker: WorkerID(2), incarnation: 1)))
    #expect(bid(submit(1, output: nil)) == "100 at 2, 4", "nobody is there: the cheapest that was")
  }

  @Test("payloadPart: each refusal in its order; parts come in order; part 0 starts over")
  func payloadPart() {
    var limits = Limits()
    limits.uploadsPerAccountMax = 2
    limits.uploadsMax = 3
    var world = World(limits: limits)
    world.addReader()
    world.expect(
      """
      unknown key: ✗ unauthenticated
      no scope: ✗ forbidden (scope 1)
      no parts: ✗ payload_too_large (parts 0, limit 72)
      too many parts: ✗ payload_too_large (parts 73, limit 72)
      beyond the last: ✗ malformed_request (field part)
      nothing in it: ✗ malformed_request (field bytes)
      not the first: ✗ wrong_state (part 1, expected 0, parts 2)
      the first: 1 stored
      the third before the second: ✗ wrong_state (part 2, expected 1, parts 2)
      of another number: ✗ wrong_state (part 1, expected 1, parts 2)
      the second: 2 stored
      the second again: ✗ wrong_state (part 1, expected 2, parts 2)
      over from the start: 1 stored
      another upload: 1 stored
      too many of alice: ✗ overloaded (uploads 2, limit 2)
      bob's: 1 stored
      too many of all: ✗ overloaded (uploads 3, limit 3)
      submit with a part missing: ✗ wrong_state (parts 2, stored 1)
      the second: 2 stored
      submit with another number: ✗ wrong_state (parts 3, stored 2)
      submit: job 1 holds 0.0002 [queued 1]
      a part of what has its job: 2 stored
      """,
      of: [
        ("unknown key", part(0, of: 0, caller: KeyID(99))),
        ("no scope", part(0, of: 0, caller: World.reader)),
        ("no parts", part(0, of: 0)),
        ("too many parts", part(0, of: 73)),
        ("beyond the last", part(2)),
        ("nothing in it", part(0, bytes: [])),
        ("not the first", part(1)),
        ("the first", part(0)),
        ("the third before the second", part(2, of: 3)),
        ("of another number", part(1, of: 3)),
        ("the second", part(1)),
        ("the second again", part(1)),
        ("over from the start", part(0)),
        ("another upload", part(0, key: 2)),
        ("too many of alice", part(0, key: 3)),
        ("bob's", part(0, key: 1, caller: World.bob)),
        ("too many of all", part(0, key: 2, caller: World.bob)),
        ("submit with a part missing", submit(1, payload: .parts(2))),
        ("the second", part(1)),
        ("submit with another number", submit(1, payload: .parts(3))),
        ("submit", submit(1, payload: .parts(2))),
        ("a part of what has its job", part(1)),
      ])
    let job = world.exchange.job(JobID(1))
    #expect(job?.payload.parts == 2 && job?.payload.bytes == 2)
    #expect(world.replica.rows[5]?.count == 4)
  }

  @Test("submit: each refusal in its order")
  func refusals() {
    var limits = Limits()
    limits.jobsOpenPerAccountMax = 1
    limits.jobsOpenMax = 2
    var world = World(limits: limits, credit: 200_000)
    world.addReader()
    world.run(
      register(
        "w2",
        offers: [offer("chat", endpoints: [.completions]), offer("long", context: 4_000_000)]))
    let ceiling = UInt64.max
    world.expect(
      """
      unknown key: ✗ unauthenticated
      no scope: ✗ forbidden (scope 1)
      no model: ✗ malformed_request (field model)
      no output: ✗ malformed_request (field output_max)
      no key: ✗ malformed_request (field wrapped_key)
      no payload: ✗ malformed_request (field payload)
      no parts: ✗ malformed_request (field payload)
      unknown model: ✗ model_not_found (model x)
      endpoint that nobody serves: ✗ endpoint_not_served (model chat, endpoint chatCompletions)
      too long: ✗ context_length_exceeded (needed 1001, limit 1000, prompt 900, output 101)
      too long whatever is left: ✗ context_length_exceeded (needed 1001, limit 1000, prompt 1000, output 1)
      too dear for input: ✗ price_above_ceiling (input_ceiling 0.999999999, lowest_input 1, output_ceiling 2, lowest_output 2)
      too dear for output: ✗ price_above_ceiling (input_ceiling 1, lowest_input 1, output_ceiling 0.000000001, lowest_output 2)
      more than an amount can be: ✗ amount_overflow (ceiling 18446744073.709551615)
      parts missing: ✗ wrong_state (parts 2, stored 0)
      too little credit: ✗ insufficient_credit (needed 0.0006, available 0.0002)
      alice's job: job 1 holds 0.0002 [queued 1]
      too many of alice, no model: ✗ too_many_jobs (open 1, limit 1)
      the same again: job 1 holds 0.0002 again
      another body: ✗ idempotency_conflict (job 1)
      the same of bob's: ✗ insufficient_credit (needed 0.0002, available 0)
      bob has no credit: ✗ insufficient_credit (needed 0.0001, available 0)
      """,
      of: [
        ("unknown key", submit(1, caller: KeyID(99), model: "")),
        ("no scope", submit(1, caller: World.reader, model: "")),
        ("no model", submit(1, model: "", output: 0)),
        ("no output", submit(1, model: "x", output: 0, wrappedKey: [])),
        ("no key", submit(1, model: "x", wrappedKey: [], payload: .parts(0))),
        ("no payload", submit(1, model: "x", payload: .inline([]))),
        ("no parts", submit(1, model: "x", payload: .parts(0))),
        ("unknown model", submit(1, model: "x", prompt: 5_000)),
        ("endpoint that nobody serves", submit(1, model: "chat", prompt: 5_000)),
        ("too long", submit(1, prompt: 900, output: 101, outputCeiling: 1)),
        ("too long whatever is left", submit(1, prompt: 1_000, output: nil)),
        ("too dear for input", submit(1, inputCeiling: 999_999_999)),
        ("too dear for output", submit(1, outputCeiling: 1)),
        (
          "more than an amount can be",
          submit(
            1, model: "long", prompt: 2_000_000, output: 1_000_000, inputCeiling: ceiling,
            outputCeiling: ceiling, payload: .parts(2))
        ),
        ("parts missing", submit(1, prompt: 500, payload: .parts(2))),
        ("too little credit", submit(1, prompt: 500)),
        ("alice's job", submit(1)),
        ("too many of alice, no model", submit(2, model: "x")),
        ("the same again", submit(1)),
        ("another body", submit(1, body: 8)),
        ("the same of bob's", submit(1, caller: World.bob)),
        ("bob has no credit", submit(1, caller: World.bob, prompt: 0, inputCeiling: nil)),
      ])
  }

  @Test("submit: too many of all accounts is an overload, before the model is looked at")
  func overload() {
    var limits = Limits()
    limits.jobsOpenMax = 1
    var world = World(limits: limits)
    world.expect(
      """
      one: job 1 holds 0.0002 [queued 1]
      two: ✗ overloaded (open 1, limit 1)
      """,
      of: [("one", submit(1)), ("two", submit(1, caller: World.bob, model: "x"))])
  }

  @Test("submit: what it leaves open comes from the offers")
  func defaults() throws {
    var world = World()
    world.run(
      register("w2", offers: [offer(context: 2_000, outputDefault: 80, output: 3_000_000_000)]))
    world.expect(
      """
      smallest default, highest ask: job 1 holds 0.00034 [queued 1]
      a long prompt takes the default's room: job 2 holds 0.00202 [queued 2]
      own ceilings: job 3 holds 0.00031 [queued 3]
      nothing at all: job 4 holds 0.000002001 [queued 4]
      """,
      of: [
        ("smallest default, highest ask", submit(1, output: nil)),
        ("a long prompt takes the default's room", submit(2, prompt: 1_990, output: nil)),
        (
          "own ceilings",
          submit(3, output: nil, inputCeiling: 1_500_000_000, outputCeiling: 2_000_000_000)
        ),
        ("nothing at all", submit(4, prompt: 0, output: 1, outputCeiling: 2_000_000_001)),
      ])
    #expect(world.exchange.job(JobID(1))?.bid.outputMax == TokenCount(80))
    #expect(world.exchange.job(JobID(2))?.bid.outputMax == TokenCount(10))
    let first = try #require(world.exchange.job(JobID(1)))
    #expect(world.replica.rows[5]?[first.payload.rowKey(part: 0)] == [5, 6])
  }

  @Test(
    "from state version 3 on a context is asked for by what a submit says is likely of an answer")
  func contexts() throws {
    var world = World()
    world.expect(
      "too old: ✗ wrong_state (state_version 1, needed 3)", of: [("too old", submit(1, likely: 1))])
    world.run(.raiseStateVersion(.init(to: 3)))
    world.expect(
      """
      as it was: ✗ context_length_exceeded (needed 4400, limit 1000, prompt 4000, output 400)
      too long all the same: ✗ context_length_exceeded (needed 1001, limit 1000, prompt 901, output 100)
      it fits: job 1 holds 0.0096 [queued 1]
      named by nobody: job 2 holds 0.0088 [queued 2]
      of an older form: job 3 holds 0.0004 [queued 3]
      assign: attempt 1/1 [assign 1/1 to 1]
      """,
      of: [
        ("as it was", submit(1, prompt: 4_000, output: 400)),
        (
          "too long all the same", submit(1, prompt: 4_000, output: 400, likely: 901, answers: 4)
        ),
        ("it fits", submit(1, prompt: 4_000, output: 400, likely: 900, answers: 4)),
        ("named by nobody", submit(2, prompt: 4_000, output: nil, likely: 100, answers: 2)),
        ("of an older form", submit(3)), ("assign", assign(1)),
      ])
    #expect(world.exchange.job(JobID(2))?.bid.outputMax == TokenCount(200))
    let use = ContextUse(prompt: TokenCount(900), answers: 4)
    for exchange in [world.exchange, try world.replica.restored()] {
      let bid = try #require(exchange.job(JobID(1))).bid
      #expect(bid.contextUse == use && bid.contextNeeded == TokenCount(1_000))
      #expect(bid.promptBound == TokenCount(4_000) && bid.answerMax == TokenCount(100))
      let old = try #require(exchange.job(JobID(3))).bid
      #expect(old.contextUse == nil && old.contextNeeded == TokenCount(150))
    }
    let versions = world.replica.rows[4]?.values.compactMap(\.first).sorted()
    #expect(versions == [3, 7, 7], "rows that say no more are what they were")
  }

  @Test("a retry finds its job running, ended, purged, and no longer after a day")
  func retries() {
    var world = World()
    world.expect(
      """
      submit: job 1 holds 0.0002 [queued 1]
      assign: attempt 1/1 [assign 1/1 to 1]
      submit while it runs: job 1 holds 0.0002 again
      settle: completed for 0.00012 [record 1 at 1, ended 1]
      submit when it has ended: job 1 holds 0 again
      purge: purged 1 [purged 1]
      submit when it is purged: ✗ output_expired (job 1, state completed, charge 0.00012)
      another body: ✗ idempotency_conflict (job 1)
      a part: 1 stored
      """,
      of: [
        ("submit", submit(1)),
        ("assign", assign(1)),
        ("submit while it runs", submit(1)),
        ("settle", settle(attempt(1), prompt: 100, output: 10, tail: events(from: 1))),
        ("submit when it has ended", submit(1)),
        ("purge", .purge(.init(caller: World.alice, jobs: [JobID(1)]))),
        ("submit when it is purged", submit(1)),
        ("another body", submit(1, body: 8)),
        ("a part", part(0)),
      ])
    #expect(world.replica.rows[5]?.isEmpty ?? true)
    #expect(world.replica.rows[6]?.isEmpty ?? true)
    world.time = 86_400_000
    world.expect(
      """
      a day later: expired 8
      a new job: job 2 holds 0.0002 [queued 2]
      """,
      of: [("a day later", .pulse), ("a new job", submit(1))])
  }

  @Test(
    "submitAssigned: one command takes the job to its worker; a refused assignment leaves it queued"
  )
  func assigned() {
    var world = World()
    world.run(register("w2", draining: true))
    world.expect(
      """
      a dead key: ✗ unauthenticated
      taken: job 1 holds 0.0002 [queued 1, assign 1/1 to 1]
      the same again: job 1 holds 0.0002 again
      another body: ✗ idempotency_conflict (job 1)
      another version: job 2 holds 0.0002 [queued 2]
      draining: job 3 holds 0.0002 [queued 3]
      the other slot: job 4 holds 0.0002 [queued 4, assign 4/1 to 1]
      no slot: job 5 holds 0.0002 [queued 5]
      """,
      of: [
        ("a dead key", submitAssigned(1, caller: KeyID(99))),
        ("taken", submitAssigned(1)),
        ("the same again", submitAssigned(1)),
        ("another body", submitAssigned(1, body: 8)),
        ("another version", submitAssigned(2, version: 2)),
        ("draining", submitAssigned(3, worker: 2)),
        ("the other slot", submitAssigned(4)),
        ("no slot", submitAssigned(5)),
      ])
    #expect(world.exchange.queued(model: "m", limit: 9) == [JobID(2), JobID(3), JobID(5)])
  }
}
