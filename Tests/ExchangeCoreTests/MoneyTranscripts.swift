import ExchangeCore
import ExchangeTypes
import Foundation
import JobMarket
import Testing
import TokenLedger

func transfer(
  _ legs: [(debit: UInt64, credit: UInt64, nano: UInt64)], by caller: KeyID = World.root,
  request number: UInt64 = 70
) -> Command {
  .transfer(
    .init(
      caller: caller, requestKey: request(number),
      legs: legs.map {
        .init(
          debit: AccountID($0.debit), credit: AccountID($0.credit), amount: Credits(nano: $0.nano))
      }))
}

func reverse(
  _ transfer: UInt64, by caller: KeyID = World.root, request number: UInt64 = 80
) -> Command {
  .transferReverse(
    .init(caller: caller, requestKey: request(number), transfer: TransferID(transfer)))
}

func feeSet(_ parts: UInt32, to account: UInt64, by caller: KeyID = World.root) -> Command {
  .feeSet(.init(caller: caller, terms: FeeTerms(parts: parts, account: AccountID(account))))
}

private func close(_ account: UInt64, by caller: KeyID = World.root) -> Command {
  .accountClose(.init(caller: caller, account: AccountID(account)))
}

private func create(_ name: String, _ kind: AccountKind, request number: UInt64) -> Command {
  .accountCreate(
    .init(caller: World.root, requestKey: request(number), name: name, kind: kind))
}

@Suite("Transcripts: transfers, reversals, closed accounts, fees")
struct MoneyTranscripts {
  private func raised(_ limits: Limits = Limits()) -> World {
    var world = World(limits: limits)
    world.run(.raiseStateVersion(.init(to: Exchange.moneyStateVersion)))
    return world
  }

  @Test("before state version 3 nothing of it is done")
  func gated() {
    var world = World()
    world.expect(
      """
      transfer: ✗ wrong_state (state_version 1, needed 3)
      reverse: ✗ wrong_state (state_version 1, needed 3)
      close: ✗ wrong_state (state_version 1, needed 3)
      fee: ✗ wrong_state (state_version 1, needed 3)
      a new kind: ✗ wrong_state (state_version 1, needed 3)
      """,
      of: [
        ("transfer", transfer([(3, 4, 1)])), ("reverse", reverse(1)), ("close", close(5)),
        ("fee", feeSet(0, to: 0)), ("a new kind", create("fees", .fees, request: 60)),
      ])
    #expect(world.exchange.journal == nil)
  }

  @Test("transfer: each refusal in its order, then all legs, once")
  func transfers() throws {
    var world = raised()
    world.run(create("old", .reserve, request: 60))
    world.run(close(6))
    world.expect(
      """
      unknown key: ✗ unauthenticated
      no scope: ✗ forbidden (scope 4)
      no legs: ✗ malformed_request (field legs)
      nothing, to itself: ✗ invalid_amount (amount 0)
      to itself, unknown: ✗ self_transfer (account 9)
      unknown payer: ✗ unknown_account (account 9)
      unknown payee: ✗ unknown_account (account 8)
      to a closed account, too much: ✗ account_closed (account 6)
      more than there can be: ✗ amount_overflow
      more than alice has: ✗ insufficient_credit (amount 1.000000001, available 1, account 3)
      a second leg that fails: ✗ insufficient_credit (amount 0.000000009, available 0.000000008, account 4)
      through sam to bob: transfers 2 to 3
      again: transfers 2 to 3 again
      the same request, another amount: ✗ idempotency_conflict
      out of issuance and back: transfers 4 to 5
      """,
      of: [
        ("unknown key", transfer([], by: KeyID(99))),
        ("no scope", transfer([], by: World.alice)),
        ("no legs", transfer([])),
        ("nothing, to itself", transfer([(3, 3, 0)])),
        ("to itself, unknown", transfer([(9, 9, 1)])),
        ("unknown payer", transfer([(9, 8, 1)])),
        ("unknown payee", transfer([(3, 8, 1)])),
        ("to a closed account, too much", transfer([(3, 6, .max)])),
        ("more than there can be", transfer([(2, 4, .max)])),
        ("more than alice has", transfer([(3, 4, 1_000_000_001)])),
        ("a second leg that fails", transfer([(3, 4, 8), (4, 5, 9)])),
        ("through sam to bob", transfer([(3, 4, 8), (4, 5, 7)])),
        ("again", transfer([(3, 4, 8), (4, 5, 7)])),
        ("the same request, another amount", transfer([(3, 4, 8), (4, 5, 6)])),
        ("out of issuance and back", transfer([(2, 5, 3), (5, 2, 4)], request: 71)),
      ])
    #expect(world.exchange.account(AccountID(5))?.balance == Credits(nano: 6))
    let posted = world.exchange.transfers(after: TransferID(1), limit: 9)
    #expect(posted.map(\.kind) == [.move, .move, .credit, .redemption])
    #expect(posted.map(\.group) == [2, 2, 4, 4].map { TransferID($0) })
    #expect(try world.replica.restored().journal == world.exchange.journal)
  }

  @Test("reverse: each refusal in its order, then what was posted together, in the opposite order")
  func reversals() throws {
    var world = raised()
    world.run(transfer([(3, 4, 8), (4, 5, 7)]))
    world.run(transfer([(5, 2, 7)], request: 71))
    world.expect(
      """
      unknown key: ✗ unauthenticated
      no scope: ✗ forbidden (scope 4)
      no such transfer: ✗ not_found (transfer 99)
      one from before the chain: ✗ not_found (transfer 1)
      bob has spent it: ✗ insufficient_credit (amount 0.000000007, available 0, account 5)
      the spending: transfers 5
      both: transfers 6 to 7
      again: transfers 6 to 7 again
      under another request: ✗ already_reversed (transfer 2)
      the reversal: ✗ wrong_state (transfer 6, reason reversal)
      """,
      of: [
        ("unknown key", reverse(99, by: KeyID(99))),
        ("no scope", reverse(99, by: World.alice)),
        ("no such transfer", reverse(99)),
        ("one from before the chain", reverse(1)),
        ("bob has spent it", reverse(3)),
        ("the spending", reverse(4)),
        ("both", reverse(3, request: 81)),
        ("again", reverse(3, request: 81)),
        ("under another request", reverse(2, request: 82)),
        ("the reversal", reverse(6, request: 83)),
      ])
    #expect(world.exchange.account(AccountID(3))?.balance == Credits(nano: 1_000_000_000))
    #expect(world.exchange.account(AccountID(4))?.balance == .zero)
    let taken = world.exchange.transfers(after: TransferID(5), limit: 9)
    #expect(taken.map(\.reverses) == [TransferID(3), TransferID(2)])
    let restored = try world.replica.restored()
    #expect(restored.journal == world.exchange.journal)
    var again = World()
    again.replica.exchange = restored
    again.replica.index = world.replica.index
    again.expect(
      "after a restart: ✗ already_reversed (transfer 2)",
      of: [("after a restart", reverse(2, request: 84))])
  }

  @Test("close: each refusal in its order; keys end, and what a running job earns still arrives")
  func closing() throws {
    var world = raised()
    world.run(submit(1))
    world.run(assign(1))
    world.expect(
      """
      unknown key: ✗ unauthenticated
      no scope: ✗ forbidden (scope 4)
      no such account: ✗ unknown_account (account 9)
      issuance: ✗ wrong_state (account 2, reason needed)
      the operator: ✗ wrong_state (account 1, reason needed)
      alice, who has a job: ✗ wrong_state (account 3, reason open_jobs)
      sam, who runs it: account 4 closed [key 3 dead]
      again: account 4 closed
      credit for sam: ✗ account_closed (account 4)
      a key for sam: ✗ account_closed (account 4)
      the job ends: completed for 0.00002 [record 1 at 1, ended 1]
      """,
      of: [
        ("unknown key", close(9, by: KeyID(99))), ("no scope", close(9, by: World.alice)),
        ("no such account", close(9)), ("issuance", close(2)), ("the operator", close(1)),
        ("alice, who has a job", close(3)), ("sam, who runs it", close(4)), ("again", close(4)),
        (
          "credit for sam",
          .accountCredit(
            .init(
              caller: World.root, requestKey: request(60), account: AccountID(4),
              amount: Credits(nano: 1)))
        ),
        (
          "a key for sam",
          .keyCreate(
            .init(
              caller: World.root, requestKey: request(61), account: AccountID(4), name: "k",
              scopes: .read, secretHash: hash(9)))
        ),
        ("the job ends", settle(attempt(1), output: 10, tail: events(from: 1))),
      ])
    let sam = try #require(world.exchange.account(AccountID(4)))
    #expect(sam.isClosed && sam.balance == Credits(nano: 20_000))
    #expect(try world.replica.restored().account(AccountID(4)) == sam)
  }

  @Test("fee: each refusal in its order; a job pays the part that held when it was submitted")
  func fee() throws {
    var world = raised()
    world.run(create("fees", .fees, request: 60))
    world.run(create("more", .fees, request: 61))
    world.run(close(7))
    world.run(submit(1))
    world.run(assign(1))
    world.expect(
      """
      unknown key: ✗ unauthenticated
      no scope: ✗ forbidden (scope 4)
      more than all: ✗ malformed_request (field parts, limit 1000000)
      to nobody: ✗ unknown_account (account 0)
      to alice: ✗ malformed_request (field account, kind consumer)
      to a closed account: ✗ account_closed (account 7)
      3%: 30000 to 6
      who takes it is closed: ✗ wrong_state (account 6, reason takes_fees)
      submitted before: completed for 0.00002 [record 1 at 1, ended 1]
      """,
      of: [
        ("unknown key", feeSet(0, to: 0, by: KeyID(99))),
        ("no scope", feeSet(0, to: 0, by: World.alice)),
        ("more than all", feeSet(1_000_001, to: 0)), ("to nobody", feeSet(1, to: 0)),
        ("to alice", feeSet(1, to: 3)), ("to a closed account", feeSet(1, to: 7)),
        ("3%", feeSet(30_000, to: 6)), ("who takes it is closed", close(6)),
        ("submitted before", settle(attempt(1), output: 10, tail: events(from: 1))),
      ])
    #expect(world.exchange.account(AccountID(6))?.balance == .zero)
    world.run(submit(2))
    // Nothing from now on; what was promised before still has its taker.
    world.run(feeSet(0, to: 0))
    world.run(assign(2))
    #expect(try world.replica.restored().job(JobID(2)) == world.exchange.job(JobID(2)))
    // 13 prompt and 10 output tokens: 13 + 20 µ, of which 3% are 0.99.
    world.run(settle(attempt(2), prompt: 13, output: 10, tail: events(from: 1)))
    let paid = world.exchange.transfers(after: TransferID(3), limit: 9).filter { $0.sale == nil }
    #expect(paid.map(\.amount) == [Credits(nano: 32_010), Credits(nano: 990)])
    #expect(paid.map(\.kind) == [.capture, .fee] && paid.allSatisfy { $0.job == JobID(2) })
    #expect(world.exchange.account(AccountID(6))?.creditsEarned == Credits(nano: 990))
    #expect(world.exchange.job(JobID(2))?.ending?.transfer == paid[0].id)
  }

  /// Sam (account 4) and Sue (account 7, worker 2) sell at the same prices; account 6 has 25,000 parts of a million.
  private func withSue() -> World {
    var world = raised()
    world.run(create("fees", .fees, request: 60))
    world.run(create("sue", .supplier, request: 61))
    world.run(
      .keyCreate(
        .init(
          caller: World.root, requestKey: request(62), account: AccountID(7), name: "k",
          scopes: .work, secretHash: hash(7))))
    world.run(register("w2", caller: KeyID(5)))
    world.run(feeSet(25_000, to: 6))
    return world
  }

  /// The worked example of Sources/MONEY.md.
  @Test("a job that two suppliers ran: one charge, a share for each, the fee, the rest given back")
  func shares() throws {
    var world = withSue()
    world.expect(
      """
      submit: job 1 holds 0.0004 [queued 1]
      sam's worker: attempt 1/1 [assign 1/1 to 1]
      100 bytes: 1 through 1 [record 1 at 1]
      it dies: queued [requeued 1]
      sue's worker: attempt 1/2 [assign 1/2 to 2]
      33 bytes more, and the end: completed for 0.000071 [record 1 at 2, ended 1]
      """,
      of: [
        ("submit", submit(1)), ("sam's worker", assign(1)),
        ("100 bytes", checkpoint((attempt(1), events(from: 1, tokens: 15, bytes: 100)))),
        ("it dies", lost(attempt(1))), ("sue's worker", assign(1, epoch: 2, worker: 2)),
        (
          "33 bytes more, and the end",
          settle(
            attempt(1, 2), prompt: 131, output: 5, tail: events(from: 2, tokens: 5, bytes: 33))
        ),
      ])
    let posted = world.exchange.transfers(after: TransferID(1), limit: 9)
    let paid = posted.dropLast()
    let sold = try #require(posted.last)
    #expect(sold.kind == .sale && sold.credit == AccountID(7) && sold.amount == .zero)
    #expect(
      sold.sale
        == Sale(
          promptTokens: TokenCount(31), cachedTokens: .zero, outputTokens: TokenCount(20),
          charge: Credits(nano: 71_000), isOwn: false))
    #expect(paid.map(\.credit) == [AccountID(4), AccountID(7), AccountID(6)])
    #expect(
      paid.map(\.amount) == [
        Credits(nano: 52_048), Credits(nano: 17_177), Credits(nano: 1_775),
      ])
    #expect(paid.allSatisfy { $0.debit == AccountID(3) && $0.group == paid[0].id })
    let alice = try #require(world.exchange.account(AccountID(3)))
    #expect(alice.debitsHeld == .zero && alice.debitsPosted == Credits(nano: 71_000))
    #expect(try world.replica.restored().digest == world.exchange.digest)

    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let document = try String(
      contentsOf: root.appendingPathComponent("Sources/MONEY.md"), encoding: .utf8)
    let job = try #require(world.exchange.job(JobID(1)))
    let charge = try #require(job.ending?.charge)
    for line in [
      "held at submit | \(job.hold)", "charge: 31 × 1 and 20 × 2 millionths | \(charge)",
      "paid to Sam | \(paid[0].amount)", "paid to Sue | \(paid[1].amount)",
      "paid to the operator | \(paid[2].amount)",
      "given back to Alice | \(try #require(job.hold.subtracting(charge)))",
      "Sam's part, 100 of 133 bytes | \(Credits(nano: 53_383))",
      "Sue's part, 33 of 133 bytes | \(Credits(nano: 17_617))",
    ] { #expect(document.contains("| \(line) |"), "\(line)") }
    #expect(Share.divide(charge.rawValue, by: [100, 33]) == [53_383, 17_617])
  }

  @Test(
    "a supplier's job that a stranger ran in part: the journal says what of it was sold, and what was his own",
    arguments: [false, true])
  func mixed(isOwnFirst: Bool) throws {
    var world = withSue()
    world.run(transfer([(3, 4, 1_000_000)]))
    world.run(submit(1, caller: World.sam))
    world.run(assign(1, worker: isOwnFirst ? 1 : 2))
    world.run(checkpoint((attempt(1), events(from: 1, tokens: 15, bytes: 100))))
    world.run(lost(attempt(1)))
    world.run(assign(1, epoch: 2, worker: isOwnFirst ? 2 : 1))
    world.run(
      settleCached(
        attempt(1, 2), prompt: 131, cached: 10, output: 5,
        tail: events(from: 2, tokens: 5, bytes: 33)))
    #expect(world.exchange.job(JobID(1))?.ending?.charge == Credits(nano: 71_000))
    let posted = world.exchange.transfers(limit: 99).filter { $0.job == JobID(1) }
    let lines = posted.filter { $0.kind == .sale }
    let sold = try #require(lines.first?.sale)
    let own = try #require(lines.last?.sale)
    #expect(lines.map(\.credit) == [AccountID(7), AccountID(4)])
    #expect(!sold.isOwn && own.isOwn && lines.count == 2)
    func count(_ sale: Sale) -> [UInt64] {
      [
        sale.promptTokens.rawValue, sale.cachedTokens.rawValue, sale.outputTokens.rawValue,
        sale.charge.rawValue,
      ]
    }
    // By 100 and 33 bytes: 31 prompt tokens, of which 10 were cached, and 20 of output.
    let (first, second): ([UInt64], [UInt64]) = ([23, 8, 15, 53_383], [8, 2, 5, 17_617])
    #expect(count(sold) == (isOwnFirst ? second : first))
    #expect(count(own) == (isOwnFirst ? first : second))
    let paid = posted.filter { $0.kind != .sale }.map(\.amount.rawValue).reduce(0, +)
    #expect(paid == sold.charge.rawValue)
    let point = try #require(world.exchange.priceHistory(model: "m", intervals: 1).first)
    #expect(point.jobs == 1 && point.output.tokens == sold.outputTokens.rawValue)
    #expect(
      point.ownTokens == own.promptTokens.rawValue + own.outputTokens.rawValue)
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test(
    "a supplier's own job moves nothing, the operator takes no part of it, and the journal says what it delivered"
  )
  func ownUse() throws {
    var world = raised()
    world.run(create("fees", .fees, request: 60))
    world.run(feeSet(500_000, to: 6))
    world.run(transfer([(3, 4, 1_000_000)]))
    world.run(submit(1, caller: World.sam))
    world.run(assign(1))
    world.run(settle(attempt(1), output: 10, tail: events(from: 1)))
    #expect(world.exchange.job(JobID(1))?.ending?.charge == Credits(nano: 20_000))
    #expect(world.exchange.account(AccountID(4))?.available == Credits(nano: 1_000_000))
    #expect(world.exchange.account(AccountID(6))?.balance == .zero)
    let own = try #require(world.exchange.transfers(limit: 9).last)
    #expect(own.debit == AccountID(4) && own.credit == AccountID(4) && own.job == JobID(1))
    #expect(own.sale?.isOwn == true && own.sale?.charge == Credits(nano: 20_000))
    #expect(own.sale?.outputTokens == TokenCount(10) && own.sale?.promptTokens == .zero)
    let restored = try world.replica.restored()
    #expect(restored.transfers(limit: 9) == world.exchange.transfers(limit: 9))
    #expect(restored.journal == world.exchange.journal)
    world.expect(
      "it moved nothing: ✗ wrong_state (transfer \(own.id), reason sale)",
      of: [("it moved nothing", reverse(own.id.rawValue, request: 90))])
  }

  @Test("the journal keeps the newest, and its chain begins after those that went")
  func bounded() throws {
    var limits = Limits()
    limits.transfersMax = 3
    var world = raised(limits)
    var place = JournalPosition.beginning(after: TransferID(1))
    for number in 0..<5 {
      world.run(transfer([(3, 4, 1 + UInt64(number))], request: 70 + UInt64(number)))
      let last = world.exchange.transfers(limit: 9).suffix(1)
      place = last.reduce(place) { $0.advanced(by: $1) }
    }
    let journal = try #require(world.exchange.journal)
    #expect(journal.head == place && journal.base.transfer == TransferID(3))
    let kept = world.exchange.transfers(after: journal.base.transfer, limit: 9)
    #expect(kept.map(\.id) == [4, 5, 6].map { TransferID($0) })
    #expect(kept.reduce(journal.base) { $0.advanced(by: $1) } == journal.head)
    #expect(try world.replica.restored().journal == journal)
    world.expect(
      "one that went: ✗ not_found (transfer 3)", of: [("one that went", reverse(3))])
  }

  @Test("what moved credit is moved once under its name, for as long as the journal has it")
  func remembered() throws {
    var limits = Limits()
    limits.transfersMax = 3
    var world = raised(limits)
    let again = transfer([(3, 4, 1)], request: 70)
    world.run(again)
    let credit = Command.accountCredit(
      .init(
        caller: World.root, requestKey: request(71), account: AccountID(3),
        amount: Credits(nano: 5)))
    world.run(credit)
    func aDayPasses() {
      world.time += limits.requestRetention
      world.run(.pulse)
    }
    for _ in 0..<3 { aDayPasses() }
    #expect(try world.replica.restored().digest == world.exchange.digest)
    world.expect(
      """
      days later: transfers 2 again
      the credit: transfer 3 again
      another: ✗ idempotency_conflict
      """,
      of: [
        ("days later", again), ("the credit", credit),
        ("another", transfer([(3, 4, 2)], request: 70)),
      ])
    for number in 0..<3 { world.run(transfer([(3, 4, 1)], request: 80 + UInt64(number))) }
    world.expect(
      "the journal has it no more: transfers 2 again", of: [("the journal has it no more", again)])
    aDayPasses()
    world.expect("forgotten: transfers 7", of: [("forgotten", again)])
    #expect(world.replica.rows[10]?.count == 4)
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test(
    "what an entry posts is one row, which its chain vouches for: any changed byte of it is found")
  func segments() throws {
    var world = raised()
    world.run(transfer([(3, 4, 10), (4, 3, 1)], request: 70))
    world.run(transfer([(3, 4, 2)], request: 71))
    world.run(reverse(4, request: 72))
    let segments = try #require(world.replica.rows[44])
    #expect(segments.count == 3 && world.replica.rows[7]?.count == 1)
    #expect(try world.replica.restored().transfers(limit: 9) == world.exchange.transfers(limit: 9))
    #expect(try world.replica.restored().reversal(of: TransferID(4)) == TransferID(5))
    for (key, value) in segments {
      for place in value.indices {
        var damaged = world.replica
        damaged.rows[44]?[key]?[place] ^= 1
        #expect(throws: RestoreError.self, "byte \(place)") {
          try damaged.restored(expecting: world.exchange.digest)
        }
      }
    }
  }

  @Test("one entry's transfers take as many rows as they fill")
  func largeEntry() throws {
    var world = raised()
    let pair: [(debit: UInt64, credit: UInt64, nano: UInt64)] = [(3, 4, 2), (4, 3, 1)]
    let legs = (0..<8).flatMap { _ in pair }
    let commands = (0..<30).map { transfer(legs, request: UInt64(100 + $0)) }
    let applied = world.replica.apply(commands, at: 0)
    #expect(applied.outcomes.count == 30)
    let rows = applied.changes.filter { $0.table == 44 }
    #expect(rows.count == 2 && rows.allSatisfy { ($0.value?.count ?? 0) <= 16_384 })
    #expect(world.exchange.transfers(limit: .max).count == 481)
    let restored = try world.replica.restored()
    #expect(restored.journal == world.exchange.journal)
    #expect(
      restored.transfers(after: TransferID(200), limit: 300)
        == world.exchange.transfers(after: TransferID(200), limit: 300))
  }

  @Test("transfers that rest in table 7, and are in the chain, are gone on from")
  func earlierRows() throws {
    var limits = Limits()
    limits.transfersMax = 4
    var world = raised(limits)
    let legs: [(debit: UInt64, credit: UInt64, nano: UInt64)] = [(3, 4, 1), (4, 3, 1)]
    for number in 0..<3 {
      world.run(transfer(Array(legs.prefix(1 + number % 2)), request: UInt64(70 + number)))
    }
    // As a program wrote them that knew no segments.
    var old = world.replica
    var digest = world.exchange.digest
    for transfer in world.exchange.transfers(after: TransferID(1), limit: 9) {
      var key = CanonicalWriter()
      key.write(transfer.id.rawValue)
      var value = CanonicalWriter()
      value.write(UInt8(transfer.group == nil ? 1 : 2))
      for number in [transfer.debit.rawValue, transfer.credit.rawValue, transfer.amount.rawValue] {
        value.write(number)
      }
      value.write(transfer.kind.rawValue)
      value.write(false)
      value.write(transfer.time.rawValue)
      if let group = transfer.group {
        value.write(true)
        value.write(group.rawValue)
        value.write(false)
      }
      old.rows[7]?[key.bytes] = value.bytes
      digest.add(StateDigest(table: 7, key: key.bytes, value: value.bytes))
    }
    old.rows[44] = [:]
    old.exchange = try old.restored(expecting: digest)
    #expect(old.exchange.transfers(limit: 9) == world.exchange.transfers(limit: 9))
    for number in 0..<6 {
      let next = transfer([(3, 4, 1)], request: 80 + UInt64(number))
      world.run(next)
      _ = old.apply([next], at: 0)
      #expect(old.exchange.journal?.head == world.exchange.journal?.head)
      // Rows of both tables, for a while.
      #expect(try old.restored().transfers(limit: 9) == old.exchange.transfers(limit: 9))
    }
    let restored = try old.restored()
    let journal = try #require(restored.journal)
    let kept = restored.transfers(after: journal.base.transfer, limit: 9)
    #expect(kept.count == 4 && kept.reduce(journal.base) { $0.advanced(by: $1) } == journal.head)
  }
}
