import ExchangeCore
import ExchangeTypes
import Testing
import TokenLedger

func budget(
  _ name: String = "b", by caller: KeyID = World.alice, request number: UInt64, account: UInt64 = 3,
  under parent: UInt64? = nil, level: BudgetLevel = .team, day: UInt64? = nil, total: UInt64? = nil
) -> Command {
  .budgetCreate(
    .init(
      caller: caller, requestKey: request(number), account: AccountID(account),
      parent: parent.map { BudgetID($0) }, level: level, name: name,
      limits: BudgetLimits(
        perDay: day.map { Credits(nano: $0) }, total: total.map { Credits(nano: $0) })))
}

func budgetSet(
  _ budget: UInt64, by caller: KeyID = World.alice, total: UInt64? = nil, closed: Bool = false
) -> Command {
  .budgetSet(
    .init(
      caller: caller, budget: BudgetID(budget),
      limits: BudgetLimits(total: total.map { Credits(nano: $0) }), isClosed: closed))
}

func budgetedKey(
  _ budget: UInt64, by caller: KeyID = World.alice, request number: UInt64, account: UInt64 = 3,
  scopes: Scopes = [.submit, .read], lifetime: UInt64? = nil
) -> Command {
  .keyIssueBudgeted(
    .init(
      create: .init(
        caller: caller, requestKey: request(number), account: AccountID(account), name: "k",
        scopes: scopes, secretHash: hash(9)), lifetime: lifetime, budget: BudgetID(budget)))
}

@Suite("Transcripts: budgets")
struct BudgetTranscripts {
  private func raised(_ limits: Limits = Limits()) -> World {
    var world = World(limits: limits)
    world.run(.raiseStateVersion(.init(to: Exchange.moneyStateVersion)))
    return world
  }

  /// The number that the next budget gets.
  private func next(_ world: World) -> UInt64 {
    var copy = world
    guard case .accepted(.budget(let id, _)) = copy.run(budget(request: 99)) else { return 0 }
    return id.rawValue
  }

  @Test("a key's own budget goes with the key's row, and leaves room for others")
  func keysGo() throws {
    var limits = Limits()
    limits.keysRevokedPerAccountMax = 1
    limits.budgetsPerAccountMax = 4
    var world = raised(limits)
    let team = next(world)
    world.run(budget(request: 10))
    for number in 20..<32 as Range<UInt64> {
      guard case .accepted(.key(let key, _)) = world.run(budgetedKey(team, request: number)) else {
        Issue.record("no room for key \(number)")
        return
      }
      world.run(.keyRevoke(.init(caller: World.alice, key: key)))
    }
    #expect(world.replica.rows[Table.budgets.rawValue]?.count == 2)
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test("a budget that something hung on when its key's row went goes with the last of it")
  func heldBudgetsGo() throws {
    var limits = Limits()
    limits.keysRevokedPerAccountMax = 0
    var world = raised(limits)
    let team = next(world)
    world.run(budget(request: 10))
    world.run(budgetedKey(team, request: 20))
    let outer = KeyID(5)
    let whole = try #require(world.exchange.budget(of: outer))
    world.run(budgetedKey(whole.rawValue, request: 21))
    let inner = KeyID(6)
    let part = try #require(world.exchange.budget(of: inner))
    world.run(submit(1, caller: inner, mode: .submitted))
    // The part has the job's hold, the whole its part, and neither its key's row.
    world.run(.keyRevoke(.init(caller: World.alice, key: outer)))
    world.run(.keyRevoke(.init(caller: World.alice, key: inner)))
    #expect(world.exchange.key(outer) == nil && world.exchange.key(inner) == nil)
    #expect(world.exchange.budget(part) != nil && world.exchange.budget(whole) != nil)
    var restored = world
    restored.replica.exchange = try world.replica.restored()
    for other in [world, restored] {
      var other = other
      other.run(cancel(1))
      #expect(other.exchange.budgets(of: AccountID(3), limit: 9).map(\.id.rawValue) == [team])
      #expect(try other.replica.restored().digest == other.exchange.digest)
    }
  }

  @Test("a job that holds nothing ends, though the budget of its key has gone with the key")
  func freeJobs() throws {
    var limits = Limits()
    limits.keysRevokedPerAccountMax = 1
    var world = raised(limits)
    world.run(register(incarnation: 2, offers: [offer(input: 0, output: 0)]))
    let team = next(world)
    world.run(budget(request: 10))
    for number in 20..<23 as Range<UInt64> {
      guard case .accepted(.key(let key, _)) = world.run(budgetedKey(team, request: number)) else {
        Issue.record("no room for key \(number)")
        return
      }
      if number == 20 { world.run(submit(1, caller: key, mode: .submitted)) }
      world.run(.keyRevoke(.init(caller: World.alice, key: key)))
    }
    let own = try #require(world.exchange.job(JobID(1))?.budget)
    #expect(world.exchange.budget(own) == nil)
    world.run(cancel(1))
    #expect(world.exchange.job(JobID(1))?.state == .cancelled)
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test("before state version 3 there are none")
  func gated() {
    var world = World()
    world.expect(
      """
      create: ✗ wrong_state (state_version 1, needed 3)
      set: ✗ wrong_state (state_version 1, needed 3)
      a key: ✗ wrong_state (state_version 1, needed 3)
      """,
      of: [
        ("create", budget(request: 60)), ("set", budgetSet(1)),
        ("a key", budgetedKey(1, request: 61)),
      ])
  }

  @Test("create: each refusal in its order, then the budget, once")
  func create() throws {
    var limits = Limits()
    limits.budgetsPerAccountMax = 3
    var world = raised(limits)
    world.addReader()
    let first = next(world)
    world.run(budget("org", request: 60, level: .organisation))
    world.run(budget("closed", request: 61, level: .user))
    let closed = first + 2  // each is numbered with the request that made it
    world.run(budgetSet(closed, closed: true))
    world.run(.accountClose(.init(caller: World.root, account: AccountID(4))))
    world.expect(
      """
      unknown key: ✗ unauthenticated
      a reader: ✗ forbidden (scope 1)
      no name: ✗ malformed_request (field name)
      a key's level: ✗ malformed_request (field level)
      no such parent: ✗ not_found (budget 999)
      another's parent: ✗ not_found (budget \(first))
      a closed parent: ✗ budget_closed (budget \(closed))
      not below its parent: ✗ malformed_request (field level)
      for bob: ✗ forbidden (scope 4)
      for nobody, by root: ✗ unknown_account (account 99)
      for sam, who is closed: ✗ account_closed (account 4)
      a team: budget \(first + 4)
      again: budget \(first + 4) again
      the same request, another name: ✗ idempotency_conflict
      one too many: ✗ no_capacity (budgets 3, limit 3)
      by root, for bob: budget \(first + 6)
      """,
      of: [
        ("unknown key", budget("", by: KeyID(99), request: 62)),
        ("a reader", budget("", by: World.reader, request: 62)),
        ("no name", budget("", request: 62, level: .key)),
        ("a key's level", budget(request: 62, under: 999, level: .key)),
        ("no such parent", budget(request: 62, under: 999)),
        ("another's parent", budget(by: World.bob, request: 62, account: 5, under: first)),
        ("a closed parent", budget(request: 62, under: closed, level: .team)),
        ("not below its parent", budget(request: 62, under: first, level: .organisation)),
        ("for bob", budget(request: 62, account: 5)),
        ("for nobody, by root", budget(by: World.root, request: 62, account: 99)),
        ("for sam, who is closed", budget(by: World.root, request: 62, account: 4)),
        ("a team", budget(request: 62, under: first)),
        ("again", budget(request: 62, under: first)),
        ("the same request, another name", budget("c", request: 62, under: first)),
        ("one too many", budget(request: 63)),
        ("by root, for bob", budget(by: World.root, request: 63, account: 5)),
      ])
    #expect(
      try world.replica.restored().budgets(of: AccountID(3), limit: 9)
        == world.exchange.budgets(of: AccountID(3), limit: 9))
  }

  @Test("a job draws on every level at once, or on none, and gives back what it did not spend")
  func draws() throws {
    var world = raised()
    let org = next(world)
    world.run(budget("org", request: 60, level: .organisation, total: 900_000))
    world.run(budget("team", request: 61, under: org, total: 500_000))
    let team = org + 2
    world.run(budgetedKey(team, request: 62))
    let key = KeyID(5)
    let own = try #require(world.exchange.budget(of: key))
    func left(_ budget: BudgetID) -> [UInt64?] {
      let found = world.exchange.budget(budget)
      return [found?.held.rawValue, found?.spent.rawValue]
    }
    // Each job holds 400,000 nano-credits.
    world.expect(
      """
      the first: job 1 holds 0.0004 [queued 1]
      the team has too little left: ✗ budget_exceeded (budget \(team), window total, needed 0.0004, left 0.0001)
      a key without a budget: job 2 holds 0.0004 [queued 2]
      it runs: attempt 1/1 [assign 1/1 to 1]
      and ends: completed for 0.00002 [record 1 at 1, ended 1]
      the team has more again: job 3 holds 0.0004 [queued 3]
      cancelled: cancelled [ended 3]
      """,
      of: [
        ("the first", submit(1, caller: key)),
        ("the team has too little left", submit(2, caller: key)),
        ("a key without a budget", submit(3)), ("it runs", assign(1)),
        ("and ends", settle(attempt(1), output: 10, tail: events(from: 1))),
        ("the team has more again", submit(4, caller: key)),
        ("cancelled", cancel(3, caller: key)),
      ])
    for budget in [BudgetID(org), BudgetID(team), own] { #expect(left(budget) == [0, 20_000]) }
    world.run(budgetSet(org, total: 300_000))
    world.expect(
      """
      the organisation has less: ✗ budget_exceeded (budget \(org), window total, needed 0.0004, left 0.00028)
      closed in the middle: budget \(team) set
      nothing goes: ✗ budget_closed (budget \(team))
      """,
      of: [
        ("the organisation has less", submit(5, caller: key)),
        ("closed in the middle", budgetSet(team, closed: true)),
        ("nothing goes", submit(5, caller: key)),
      ])
    for budget in [BudgetID(org), BudgetID(team), own] { #expect(left(budget) == [0, 20_000]) }
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test("of any number of jobs exactly those are admitted that there is a budget for")
  func exactly() throws {
    var limits = Limits()
    limits.jobsOpenPerAccountMax = 1_000
    var world = raised(limits)
    let org = next(world)
    world.run(budget("org", request: 60, level: .organisation, day: 50 * 400_000))
    world.run(budgetedKey(org, request: 61))
    var admitted = 0
    for number in 0..<200 {
      if case .accepted = world.run(submit(UInt64(number), caller: KeyID(5))) { admitted += 1 }
    }
    #expect(admitted == 50)
    #expect(world.exchange.budget(BudgetID(org))?.held == Credits(nano: 20_000_000))
    // The next day has a budget of its own, of which the open jobs hold all.
    world.time = 86_400_000
    world.expect(
      "a day later: ✗ budget_exceeded (budget \(org), window day, needed 0.0004, left 0)",
      of: [("a day later", submit(300, caller: KeyID(5)))])
  }

  @Test("nobody widens what he was given: keys and budgets below one's own only")
  func inheritance() throws {
    var world = raised()
    let org = next(world)
    world.run(budget("org", request: 60, level: .organisation))
    world.run(budgetedKey(org, request: 61))
    let holder = KeyID(5)
    let own = try #require(world.exchange.budget(of: holder)).rawValue
    world.run(
      .keyCreate(
        .init(
          caller: holder, requestKey: request(62), account: AccountID(3), name: "child",
          scopes: .submit, secretHash: hash(8))))
    let child = try #require(world.exchange.budget(of: KeyID(6)))
    #expect(world.exchange.budget(child)?.parent == BudgetID(own))
    world.expect(
      """
      a tree beside it: ✗ forbidden (reason outside_its_budget)
      a part of what it is a part of: ✗ not_found (budget \(org))
      a part of its own, above it: ✗ malformed_request (field level)
      its own limits: ✗ not_found (budget \(own))
      those above: ✗ not_found (budget \(org))
      its child's: budget \(child) set
      a key of the whole: ✗ not_found (budget \(org))
      a secret for alice's key: ✗ forbidden (reason outside_its_budget)
      the end of alice's key: ✗ forbidden (reason outside_its_budget)
      a key below: key 7
      the end of it: key 7 dead [key 7 dead]
      by bob: ✗ not_found (budget \(org))
      for bob's account: ✗ not_found (budget \(org))
      no time at all: ✗ malformed_request (field lifetime, limit 3162240000000)
      """,
      of: [
        ("a tree beside it", budget(by: holder, request: 70)),
        ("a part of what it is a part of", budget(by: holder, request: 70, under: org)),
        ("a part of its own, above it", budget(by: holder, request: 70, under: own)),
        ("its own limits", budgetSet(own, by: holder)),
        ("those above", budgetSet(org, by: holder)),
        ("its child's", budgetSet(child.rawValue, by: holder, total: 5)),
        ("a key of the whole", budgetedKey(org, by: holder, request: 71)),
        (
          "a secret for alice's key",
          .keyRotate(
            .init(
              caller: holder, requestKey: request(72), key: World.alice, secretHash: hash(7),
              grace: 0))
        ),
        ("the end of alice's key", .keyRevoke(.init(caller: holder, key: World.alice))),
        ("a key below", budgetedKey(own, by: holder, request: 73, lifetime: 500)),
        ("the end of it", .keyRevoke(.init(caller: holder, key: KeyID(7)))),
        ("by bob", budgetedKey(org, by: World.bob, request: 74, account: 5)),
        ("for bob's account", budgetedKey(org, by: World.root, request: 74, account: 5)),
        ("no time at all", budgetedKey(org, request: 75, lifetime: 0)),
      ])
  }

  @Test("a chain of keys ends")
  func depth() throws {
    var limits = Limits()
    limits.budgetDepthMax = 3
    var world = raised(limits)
    let org = next(world)
    world.run(budget("org", request: 60, level: .organisation))
    world.run(budgetedKey(org, request: 61))
    let first = try #require(world.exchange.budget(of: KeyID(5))).rawValue
    world.run(budgetedKey(first, request: 62))
    let second = try #require(world.exchange.budget(of: KeyID(6))).rawValue
    world.expect(
      "a fourth: ✗ no_capacity (depth 3)", of: [("a fourth", budgetedKey(second, request: 63))])
  }

  @Test(
    "a budget's row that says what is held, as it was written before, is read by what jobs hold")
  func storedHolds() throws {
    var world = World()
    world.run(.raiseStateVersion(.init(to: Exchange.moneyStateVersion)))
    world.run(budget(request: 60, total: 90_000_000))
    let team = try #require(world.exchange.budgets(of: AccountID(3), limit: 1).first)
    world.run(budgetedKey(team.id.rawValue, request: 61))
    for number in 1...2 as ClosedRange<UInt64> { world.run(submit(number, caller: KeyID(5))) }
    world.run(assign(1))
    let held = try #require(world.exchange.budget(team.id)?.held)
    #expect(held > .zero)
    // What is held stood before what is spent, day, month and their sums: 48 bytes from the end.
    var old = world.replica
    var key = CanonicalWriter()
    key.write(team.id.rawValue)
    var value = try #require(old.rows[39]?[key.bytes])
    var digest = world.exchange.digest
    digest.remove(StateDigest(table: 39, key: key.bytes, value: value))
    var number = CanonicalWriter()
    number.write(held.rawValue)
    value.replaceSubrange((value.count - 48)..<(value.count - 40), with: number.bytes)
    old.rows[39]?[key.bytes] = value
    digest.add(StateDigest(table: 39, key: key.bytes, value: value))
    old.exchange = try old.restored(expecting: digest)
    #expect(old.exchange.budget(team.id)?.held == held)
    // One is settled for nothing, which leaves the row; the other writes it anew.
    for command in [
      cancel(2, caller: KeyID(5)), settle(attempt(1), output: 10, tail: events(from: 1)),
    ] {
      world.run(command)
      _ = old.apply([command], at: 0)
      #expect(try old.restored().digest == old.exchange.digest)
      #expect(old.exchange.budget(team.id) == world.exchange.budget(team.id))
    }
    #expect(old.exchange.digest == world.exchange.digest)
  }
}
