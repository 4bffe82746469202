import ExchangeCore
import ExchangeTypes
import Foundation
import JobMarket
import Testing
import TokenLedger

func askSet(_ terms: AskTerms?, by caller: KeyID = World.sam) -> Command {
  askSet("m", terms, by: caller)
}

func askSet(_ model: String, _ terms: AskTerms?, by caller: KeyID = World.sam) -> Command {
  .askSet(.init(caller: caller, model: model, terms: terms))
}

/// The end of an attempt whose engine had `cached` tokens of its prompt.
func settleCached(
  _ id: AttemptID, _ finish: FinishReason = .stop, prompt: UInt64?, cached: UInt64,
  output: UInt64?, tail: Command.RecordExtension? = events(from: 1)
) -> Command {
  .settleCached(
    .init(
      settle: .init(
        attempt: id, finish: finish,
        usage: ReportedUsage(
          promptTokens: prompt.map { TokenCount($0) }, outputTokens: output.map { TokenCount($0) }),
        tail: tail), cachedTokens: TokenCount(cached)))
}

/// The end of an attempt whose worker has signed it.
func settleSigned(
  _ id: AttemptID, cached: UInt64 = 0, digest: String? = "gguf-sha256:00", firstSeq: UInt64 = 1,
  tail: Command.RecordExtension? = events(from: 1)
) -> Command {
  guard
    case .settleCached(let settle) = settleCached(
      id, prompt: 30, cached: cached, output: 10, tail: tail)
  else { fatalError("a settle is a settle") }
  return .settleSigned(
    .init(
      settle: settle,
      signed: .init(
        firstSeq: firstSeq, modelDigest: digest, publicKey: [1, 2],
        signature: [UInt8](repeating: 3, count: 64))))
}

/// The end of an attempt whose engine says that `reasoning` tokens of its output were that.
func settleReasoned(
  _ id: AttemptID, cached: UInt64 = 0, reasoning: UInt64, isSigned: Bool = false
) -> Command {
  guard case .settleSigned(let command) = settleSigned(id, cached: cached) else {
    fatalError("a settle is a settle")
  }
  return .settleReasoned(
    .init(
      settle: command.settle, signed: isSigned ? command.signed : nil,
      reasoningTokens: TokenCount(reasoning)))
}

func perMillion(_ credits: UInt64) -> Price {
  Price(nanoPerMillion: credits * Credits.nanoPerCredit)
}

@Suite("Transcripts: what suppliers post, and what was sold")
struct MarketTranscripts {
  private func raised(_ limits: Limits = Limits()) -> World {
    var world = World(limits: limits)
    world.run(.raiseStateVersion(.init(to: Exchange.marketStateVersion)))
    return world
  }

  @Test(
    "post: each refusal in its order, then a price that holds at once, over what a worker registers with"
  )
  func posting() throws {
    var limits = Limits()
    limits.postedAsksPerAccountMax = 1
    var old = World()
    old.expect(
      "too old: ✗ wrong_state (state_version 1, needed 3)",
      of: [("too old", askSet(AskTerms()))])
    var world = raised(limits)
    world.run(register(offers: [offer(), offer("x")]))
    world.expect(
      """
      unknown key: ✗ unauthenticated
      no scope: ✗ forbidden (scope 2)
      not his: ✗ model_not_found (model y, account 4)
      twice: ✗ malformed_request (field only)
      in two lists: ✗ malformed_request (field refuse)
      unknown account: ✗ unknown_account (account 99)
      a price: posted for 1 [worker 1 changed]
      one too many: ✗ no_capacity (asks 1, limit 1)
      a job at it: job 1 holds 0.0006 [queued 1]
      what was planned before: ✗ ask_changed (offer 1#0, version 1)
      its worker: attempt 1/1 [assign 1/1 to 1]
      another price, while it runs: posted for 1 [worker 1 changed]
      its end, at the price that it began with: completed for 0.00007 [record 1 at 1, ended 1]
      the worker is there again: worker 1, asks [4, 2] [worker 1 changed]
      a job at the price that is posted: job 2 holds 0.0012 [queued 2]
      taken back: posted for 1 [worker 1 changed]
      a job at the worker's price: job 3 holds 0.0004 [queued 3]
      nothing to take back: posted for 1 [worker 1 changed]
      """,
      of: [
        ("unknown key", askSet("y", nil, by: KeyID(99))),
        ("no scope", askSet("y", nil, by: World.alice)),
        ("not his", askSet("y", AskTerms(own: [AccountID(3), AccountID(3)]))),
        (
          "twice",
          askSet(AskTerms(output: .init(nanoPerMillion: .max), only: [AccountID(3), AccountID(3)]))
        ),
        ("in two lists", askSet(AskTerms(own: [AccountID(99)], refuse: [AccountID(99)]))),
        ("unknown account", askSet(AskTerms(refuse: [AccountID(99)]))),
        ("a price", askSet(AskTerms(output: perMillion(4)))),
        ("one too many", askSet("x", AskTerms())),
        ("a job at it", submit(1)), ("what was planned before", assign(1)),
        ("its worker", assign(1, version: 3)),
        ("another price, while it runs", askSet(AskTerms(output: perMillion(10)))),
        (
          "its end, at the price that it began with",
          settle(attempt(1), prompt: 30, output: 10, tail: events(from: 1))
        ),
        ("the worker is there again", register(incarnation: 2, offers: [offer(), offer("x")])),
        ("a job at the price that is posted", submit(2)),
        ("taken back", askSet(nil)), ("a job at the worker's price", submit(3)),
        ("nothing to take back", askSet(nil)),
      ])
    #expect(world.exchange.postedTerms(of: AccountID(4), model: "m") == nil)
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test(
    "a worker comes back from disk with the prices that its supplier posts, and with their tenants")
  func restoring() throws {
    var world = raised()
    world.run(askSet(AskTerms(input: perMillion(3), reserve: 1, refuse: [AccountID(5)])))
    let asks = world.exchange.asks(model: "m")
    #expect(asks.map(\.offer.prices.input) == [perMillion(3)])
    #expect(try world.replica.restored().asks(model: "m") == asks)
  }

  @Test(
    "whose jobs a supplier takes is checked at the submit and at the assignment; its own it always takes"
  )
  func tenants() throws {
    var world = raised()
    world.run(
      .accountCredit(
        .init(
          caller: World.root, requestKey: request(60), account: AccountID(5),
          amount: Credits(nano: 1 << 30))))
    world.run(
      .accountCredit(
        .init(
          caller: World.root, requestKey: request(61), account: AccountID(4),
          amount: Credits(nano: 1 << 30))))
    let sue = supplier(&world)
    world.expect(
      """
      bob, while he may: job 1 holds 0.0004 [queued 1]
      not bob: posted for 1 [worker 1 changed]
      his job: ✗ tenant_refused (worker 1, account 5)
      another of his: ✗ tenant_refused (model m, account 5)
      alice: job 2 holds 0.0004 [queued 2]
      only bob: posted for 1 [worker 1 changed]
      alice's job: ✗ tenant_refused (worker 1, account 3)
      bob's: attempt 1/1 [assign 1/1 to 1]
      the supplier's own: job 3 holds 0.0004 [queued 3]
      it: attempt 3/1 [assign 3/1 to 1]
      another supplier: worker 2, asks [1] [worker 2 changed]
      alice, who goes by what he asks: job 4 holds 0.003 [queued 4]
      """,
      of: [
        ("bob, while he may", submit(1, caller: World.bob)),
        ("not bob", askSet(AskTerms(refuse: [AccountID(5)]))), ("his job", assign(1, version: 2)),
        ("another of his", submit(2, caller: World.bob)), ("alice", submit(3)),
        ("only bob", askSet(AskTerms(only: [AccountID(5)]))),
        ("alice's job", assign(2, version: 3)), ("bob's", assign(1, version: 3)),
        ("the supplier's own", submit(4, caller: World.sam)), ("it", assign(3, version: 3)),
        (
          "another supplier",
          register("w2", caller: sue, offers: [offer(input: 5_000_000_000, output: 20_000_000_000)])
        ),
        ("alice, who goes by what he asks", submit(5)),
      ])
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  /// A key of another supplier.
  private func supplier(_ world: inout World) -> KeyID {
    world.run(
      .accountCreate(
        .init(caller: World.root, requestKey: request(62), name: "sue", kind: .supplier)))
    world.run(
      .keyCreate(
        .init(
          caller: World.root, requestKey: request(63), account: AccountID(6), name: "k",
          scopes: .work, secretHash: hash(7))))
    return KeyID(5)
  }

  @Test("slots that are kept are for the supplier's own jobs, which may have all of them")
  func reserve() throws {
    var world = raised()
    for (number, account) in [(60, 4), (61, 5)] as [(UInt64, UInt64)] {
      world.run(
        .accountCredit(
          .init(
            caller: World.root, requestKey: request(number), account: AccountID(account),
            amount: Credits(nano: 1 << 30))))
    }
    world.run(register(offers: [offer(slots: 3)]))
    for number in 1...6 as ClosedRange<UInt64> {
      world.run(submit(number, caller: [World.alice, World.bob, World.sam][Int(number) % 3]))
    }
    // 1, 4: bob's; 2, 5: sam's; 3, 6: alice's. Bob counts as sam's own.
    world.expect(
      """
      two of three are kept: posted for 1 [worker 1 changed]
      alice: attempt 3/1 [assign 3/1 to 1]
      alice again: ✗ slots_reserved (worker 1, slots 3, reserve 2)
      bob: attempt 1/1 [assign 1/1 to 1]
      sam: attempt 2/1 [assign 2/1 to 1]
      bob again: ✗ no_capacity (busy 3, slots 3)
      alice's first has ended: cancelled for 0 [ended 3]
      bob has her slot: attempt 4/1 [assign 4/1 to 1]
      bob's first has ended: cancelled for 0 [ended 1]
      nothing of others runs: attempt 6/1 [assign 6/1 to 1]
      """,
      of: [
        ("two of three are kept", askSet(AskTerms(reserve: 2, own: [AccountID(5)]))),
        ("alice", assign(3, version: 3)), ("alice again", assign(6, version: 3)),
        ("bob", assign(1, version: 3)), ("sam", assign(2, version: 3)),
        ("bob again", assign(4, version: 3)),
        ("alice's first has ended", settle(attempt(3), .cancelled)),
        ("bob has her slot", assign(4, version: 3)),
        ("bob's first has ended", settle(attempt(1), .cancelled)),
        ("nothing of others runs", assign(6, version: 3)),
      ])
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  /// Runs a job through and answers its ending.
  private func sell(
    _ world: inout World, _ job: UInt64, caller: KeyID = World.alice, version: UInt32 = 1,
    prompt: UInt64, output: UInt64
  ) {
    world.run(submit(job, caller: caller))
    world.run(assign(job, version: version))
    let done = world.run(
      settle(attempt(job), prompt: prompt, output: output, tail: events(from: 1)))
    #expect(describe(done).hasPrefix("completed"))
  }

  /// The worked example of Sources/MONEY.md.
  @Test(
    "the price index: by hours of log time, by volume, without what a supplier bought of itself")
  func index() throws {
    var world = raised()
    world.run(
      .accountCredit(
        .init(
          caller: World.root, requestKey: request(60), account: AccountID(4),
          amount: Credits(nano: 1 << 30))))
    world.run(
      .accountCreate(
        .init(caller: World.root, requestKey: request(61), name: "fees", kind: .fees)))
    world.run(feeSet(100_000, to: 6))
    world.time = 3_599_999
    sell(&world, 1, prompt: 30, output: 10)
    sell(&world, 2, prompt: 10, output: 20)
    world.run(askSet(AskTerms(output: perMillion(5))))
    world.time = 3_600_000
    sell(&world, 3, version: 2, prompt: 20, output: 10)
    sell(&world, 4, version: 2, prompt: 0, output: 20)
    world.run(askSet(AskTerms(input: perMillion(3), output: perMillion(4))))
    sell(&world, 5, version: 3, prompt: 60, output: 15)
    sell(&world, 6, caller: World.sam, version: 3, prompt: 70, output: 5)

    let points = world.exchange.priceHistory(model: "m", intervals: 168)
    #expect(points.map(\.start.rawValue) == [0, 3_600_000])
    #expect(points.map(\.jobs) == [2, 3] && points.map(\.ownTokens) == [0, 75])
    #expect(world.exchange.priceHistory(model: "m", intervals: 1) == [points[1]])
    #expect(world.exchange.priceHistory(model: "x", intervals: 9).isEmpty)
    let earned = world.exchange.sales(of: AccountID(4), limit: 9)
    #expect(earned.map(\.ownJobs) == [0, 1])
    let paid = world.exchange.transfers(limit: 99).filter { $0.kind == .capture }
    #expect(
      earned.map(\.earned.rawValue).reduce(0, +) == paid.map(\.amount.rawValue).reduce(0, +))
    #expect(world.exchange.sales(of: AccountID(4), after: earned[0].number, limit: 9).count == 1)
    // The journal comes to the same, without the index.
    var report = LedgerReport()
    for transfer in world.exchange.transfers(limit: 99) { report.add(transfer) }
    #expect(report.sold.jobs == 5 && report.sold.promptTokens == 120)
    #expect(report.sold.outputTokens == 75 && report.ownUse.jobs == 1)
    #expect(report.ownUse.promptTokens == 70 && report.ownUse.outputTokens == 5)
    #expect(report.ownUse.charges.text == "0.00023")
    let restored = try world.replica.restored()
    #expect(restored.digest == world.exchange.digest)
    #expect(restored.priceHistory(model: "m", intervals: 168) == points)

    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let document = try String(
      contentsOf: root.appendingPathComponent("Sources/MONEY.md"), encoding: .utf8)
    for (hour, point) in points.enumerated() {
      let input = try #require(point.input.mean)
      let output = try #require(point.output.mean)
      let line =
        "| \(hour) | \(point.jobs) | \(point.input.tokens) | \(input) (\(point.input.low) to "
        + "\(point.input.high)) | \(point.output.tokens) | \(output) (\(point.output.low) to "
        + "\(point.output.high)) | \(point.ownTokens) | \(earned[hour].earned) |"
      #expect(document.contains(line), "\(line)")
    }
  }

  @Test("an administrator says whose an account is, and may take it back")
  func owners() throws {
    var old = World()
    old.expect(
      "too old: ✗ wrong_state (state_version 1, needed 3)", of: [("too old", ownerSet(3, "acme"))])
    var world = raised()
    world.expect(
      """
      unknown key: ✗ unauthenticated
      no scope: ✗ forbidden (scope 4)
      nobody: ✗ unknown_account (account 9)
      said: account 3 owned
      taken back: account 3 owned
      """,
      of: [
        ("unknown key", ownerSet(3, "acme", by: KeyID(99))),
        ("no scope", ownerSet(3, "acme", by: World.sam)), ("nobody", ownerSet(9, "acme")),
        ("said", ownerSet(3, "acme")), ("taken back", ownerSet(3, "")),
      ])
    #expect(world.exchange.owner(of: AccountID(3)) == nil)
    world.run(ownerSet(3, "acme"))
    #expect(world.exchange.owner(of: AccountID(3)) == "acme")
    #expect(try world.replica.restored().owner(of: AccountID(3)) == "acme")
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test(
    "what accounts of the supplier's owner buy makes no price, and is paid and earned; what a supplier posts as his own is sold"
  )
  func ownAccounts() throws {
    var world = raised()
    world.run(
      .accountCredit(
        .init(
          caller: World.root, requestKey: request(60), account: AccountID(5),
          amount: Credits(nano: 1 << 30))))
    sell(&world, 1, prompt: 10, output: 10)
    // Bob is no relation of Sam's, whatever Sam posts.
    world.run(askSet(AskTerms(output: perMillion(3), own: [AccountID(5)])))
    sell(&world, 2, caller: World.bob, version: 2, prompt: 10, output: 20)
    world.run(ownerSet(5, "acme"))
    world.run(askSet(AskTerms(output: perMillion(900))))
    sell(&world, 3, caller: World.bob, version: 3, prompt: 10, output: 20)
    world.run(ownerSet(4, "acme"))
    sell(&world, 4, caller: World.bob, version: 3, prompt: 10, output: 10)
    sell(&world, 5, version: 3, prompt: 10, output: 1)
    let point = try #require(world.exchange.priceHistory(model: "m", intervals: 1).first)
    #expect(point.jobs == 4 && point.ownTokens == 20)
    #expect(point.output.tokens == 51 && point.output.high == perMillion(900))
    let earned = try #require(world.exchange.sales(of: AccountID(4), limit: 1).first)
    let paid = world.exchange.transfers(limit: 99).filter { $0.kind == .capture }
    #expect(paid.count == 5 && earned.ownJobs == 1)
    let sold = world.exchange.transfers(limit: 99).compactMap(\.sale)
    #expect(sold.map(\.isOwn) == [false, false, false, true, false])
    #expect(earned.earned.rawValue == paid.map(\.amount.rawValue).reduce(0, +))
  }

  @Test("sales are kept for a week, and so many of an account and in all; older ones do not show")
  func bounds() throws {
    var limits = Limits()
    limits.salesPerAccountMax = 3
    var world = raised(limits)
    for hour in [0, 1, 100, 168] as [UInt64] {
      world.time = hour * Sales.intervalMilliseconds
      sell(&world, hour == 0 ? 1 : hour == 1 ? 2 : hour == 100 ? 3 : 4, prompt: 1, output: 1)
    }
    func hours(_ intervals: Int = 168) -> [UInt64] {
      world.exchange.priceHistory(model: "m", intervals: intervals)
        .map { $0.start.rawValue / Sales.intervalMilliseconds }
    }
    // The first is out of the week, and beyond what an account may have.
    #expect(hours() == [1, 100, 168])
    #expect(hours(2) == [100, 168] && hours(0).isEmpty)
    world.time = 269 * Sales.intervalMilliseconds
    world.run(.pulse)
    #expect(hours() == [168])
    #expect(world.replica.rows[41]?.count == 3)
    sell(&world, 5, prompt: 1, output: 1)
    #expect(world.exchange.sales(of: AccountID(4), limit: 9).count == 2)
    #expect(world.exchange.sales(of: AccountID(4), limit: 9).map(\.jobs) == [1, 1])
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  /// The worked example of Sources/MONEY.md.
  @Test("what an engine had cached costs what is asked for it, at most all of what is billed")
  func cached() throws {
    var old = World()
    old.run(submit(1))
    old.run(assign(1))
    var world = raised()
    old.expect(
      "too old: ✗ wrong_state (state_version 1, needed 3)",
      of: [("too old", settleCached(attempt(1), prompt: 9, cached: 8, output: 3))])
    world.run(submit(1))
    world.run(assign(1))
    world.expect(
      """
      dearer than the rest: ✗ malformed_request (field cached_input)
      dearer than the worker's: ✗ malformed_request (field cached_input)
      without a price of its own: completed for 0.00005 [record 1 at 1, ended 1]
      a tenth: posted for 1 [worker 1 changed]
      held as if nothing were cached: job 2 holds 0.0004 [queued 2]
      its worker: attempt 2/1 [assign 2/1 to 1]
      taken back while it runs: posted for 1 [worker 1 changed]
      80 of 90 cached: completed for 0.000038 [record 2 at 1, ended 2]
      again: completed for 0.000038 again
      """,
      of: [
        (
          "dearer than the rest",
          askSet(AskTerms(input: perMillion(1), cachedInput: perMillion(2)))
        ),
        ("dearer than the worker's", askSet(AskTerms(cachedInput: perMillion(2)))),
        (
          "without a price of its own",
          settleCached(attempt(1), prompt: 30, cached: 20, output: 10)
        ),
        ("a tenth", askSet(AskTerms(cachedInput: Price(nanoPerMillion: 100_000_000)))),
        ("held as if nothing were cached", submit(2)), ("its worker", assign(2, version: 2)),
        ("taken back while it runs", askSet(nil)),
        ("80 of 90 cached", settleCached(attempt(2), prompt: 90, cached: 80, output: 10)),
        ("again", settleCached(attempt(2), prompt: 90, cached: 0, output: 10)),
      ])
    #expect(world.exchange.cachedPrompt(of: JobID(1))?.tokens == TokenCount(20))
    #expect(world.exchange.cachedPrompt(of: JobID(2))?.tokens == TokenCount(80))
    let point = try #require(world.exchange.priceHistory(model: "m", intervals: 1).first)
    #expect(point.input.tokens == 20 && point.cached.tokens == 100)
    #expect(point.cached.low.rawValue == 100_000_000 && point.cached.high == perMillion(1))
    let restored = try world.replica.restored()
    #expect(restored.cachedPrompt(of: JobID(2)) == world.exchange.cachedPrompt(of: JobID(2)))
    world.run(.purge(.init(caller: World.alice, jobs: [JobID(1), JobID(2)])))
    #expect(world.replica.rows[42]?.isEmpty != false)

    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let document = try String(
      contentsOf: root.appendingPathComponent("Sources/MONEY.md"), encoding: .utf8)
    #expect(document.contains("10 × 1, 80 × 0.1 and 10 × 2 millionths: 0.000038"))
  }

  @Test(
    "an engine that claims more than there was, or goes on after a loss, is believed up to what is billed"
  )
  func cachedBounds() throws {
    var world = raised()
    world.run(askSet(AskTerms(cachedInput: .zero)))
    world.run(register("w2"))
    for number in 1...3 as ClosedRange<UInt64> { world.run(submit(number)) }
    world.run(assign(1, version: 2))
    world.run(assign(2, version: 2))
    world.expect(
      """
      more than its prompt: completed for 0.00002 [record 1 at 1, ended 1]
      10 bytes: 2 through 1 [record 2 at 1]
      it dies: queued [requeued 2]
      another, at the same terms: attempt 2/2 [assign 2/2 to 2]
      40 of prompt and record, all cached: completed for 0.000002 [record 2 at 2, ended 2]
      one that reads nothing: attempt 3/1 [assign 3/1 to 1]
      nothing of nothing: completed for 0.00002 [record 3 at 1, ended 3]
      """,
      of: [
        (
          "more than its prompt",
          settleCached(attempt(1), prompt: 30, cached: .max, output: 10)
        ),
        ("10 bytes", checkpoint((attempt(2), events(from: 1, tokens: 1, bytes: 10)))),
        ("it dies", lost(attempt(2))),
        ("another, at the same terms", assign(2, epoch: 2, worker: 2)),
        (
          "40 of prompt and record, all cached",
          settleCached(
            attempt(2, 2), prompt: 40, cached: 40, output: 0,
            tail: events(from: 2, tokens: 0, bytes: 10))
        ),
        ("one that reads nothing", assign(3, version: 2)),
        ("nothing of nothing", settleCached(attempt(3), prompt: nil, cached: 7, output: 10)),
      ])
    #expect(world.exchange.cachedPrompt(of: JobID(1))?.tokens == TokenCount(30))
    #expect(world.exchange.cachedPrompt(of: JobID(2))?.tokens == TokenCount(30))
    #expect(world.exchange.cachedPrompt(of: JobID(3))?.tokens == .zero)
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test("what an engine counts as reasoning is kept, at most what is billed, and costs nothing")
  func reasoning() throws {
    var old = World()
    old.run(submit(1))
    old.run(assign(1))
    old.expect(
      "too old: ✗ wrong_state (state_version 1, needed 3)",
      of: [("too old", settleReasoned(attempt(1), reasoning: 2))])
    var world = raised()
    for number in 1...3 as ClosedRange<UInt64> {
      world.run(submit(number))
      world.run(assign(number))
      if number == 1 { world.run(settleReasoned(attempt(1), cached: 20, reasoning: 4)) }
      if number == 2 {
        world.run(settleReasoned(attempt(2), reasoning: .max, isSigned: true))
        world.run(settleReasoned(attempt(2), reasoning: 1))
      }
      if number == 3 { world.run(settleReasoned(attempt(3), cached: 5, reasoning: 0)) }
    }
    let first = world.exchange.cachedPrompt(of: JobID(1))
    #expect(first?.reasoning == TokenCount(4) && first?.tokens == TokenCount(20))
    let billed = try #require(world.exchange.job(JobID(2))?.ending?.outputTokens)
    #expect(billed > .zero && world.exchange.cachedPrompt(of: JobID(2))?.reasoning == billed)
    #expect(world.exchange.signedAttempt(of: JobID(2)) != nil)
    #expect(world.exchange.cachedPrompt(of: JobID(3))?.reasoning == .zero)
    let charges = (1...3 as ClosedRange<UInt64>).map {
      world.exchange.job(JobID($0))?.ending?.charge
    }
    #expect(Set(charges).count == 1)
    // A row without it is of the version that older rows have.
    #expect(world.replica.rows[42]?.values.compactMap(\.first).sorted() == [1, 2, 2])
    let restored = try world.replica.restored()
    #expect(restored.digest == world.exchange.digest)
    #expect(restored.cachedPrompt(of: JobID(1)) == first)
    world.run(.purge(.init(caller: World.alice, jobs: [JobID(1), JobID(2), JobID(3)])))
    #expect(world.replica.rows[42]?.isEmpty != false)
  }

  @Test("what a worker signs is kept with the job that it ends, until the job's record goes")
  func signed() throws {
    var old = World()
    old.run(submit(1))
    old.run(assign(1))
    old.expect(
      "too old: ✗ wrong_state (state_version 1, needed 3)",
      of: [("too old", settleSigned(attempt(1)))])
    var world = raised()
    world.run(submit(1))
    world.run(register("w2"))
    world.expect(
      """
      queued: ✗ wrong_state (job 1, state queued)
      its worker: attempt 1/1 [assign 1/1 to 1]
      a part, then it dies: 1 through 1 [record 1 at 1]
      lost: queued [requeued 1]
      another: attempt 1/2 [assign 1/2 to 2]
      the lost one signs: ✗ stale_epoch (epoch 1, expected 2)
      its end: completed for 0.00004 [record 1 at 2, ended 1]
      again: completed for 0.00004 again
      """,
      of: [
        ("queued", settleSigned(attempt(1))), ("its worker", assign(1)),
        ("a part, then it dies", checkpoint((attempt(1), events(from: 1, tokens: 1, bytes: 10)))),
        ("lost", lost(attempt(1))), ("another", assign(1, epoch: 2, worker: 2)),
        ("the lost one signs", settleSigned(attempt(1))),
        (
          "its end",
          settleSigned(
            attempt(1, 2), cached: 40, firstSeq: 2,
            tail: events(from: 2, tokens: 9, bytes: 10))
        ),
        ("again", settleSigned(attempt(1, 2), digest: nil)),
      ])
    let row = try #require(world.exchange.signedAttempt(of: JobID(1)))
    #expect(row.signed.firstSeq == 2 && row.signed.modelDigest == "gguf-sha256:00")
    // What it says, and not what was billed.
    #expect(row.cachedTokens == TokenCount(40))
    #expect(world.exchange.cachedPrompt(of: JobID(1))?.tokens == TokenCount(20))
    #expect(try world.replica.restored().signedAttempt(of: JobID(1)) == row)
    world.run(.purge(.init(caller: World.alice, jobs: [JobID(1)])))
    #expect(world.replica.rows[43]?.isEmpty == true)
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }
}
