import ExchangeCore
import ExchangeTypes
import Testing
import TokenLedger

func bind(_ publicKey: UInt8?, to key: KeyID = World.alice, by caller: KeyID = World.alice)
  -> Command
{
  .delegationKeySet(.init(caller: caller, key: key, publicKey: publicKey.map(hash)))
}

func admit(
  _ id: UInt64, under parent: KeyID = World.alice, signedBy publicKey: UInt8 = 70,
  digest: UInt8? = nil, scopes: Scopes = .submit, day: UInt64? = nil, total: UInt64? = nil,
  models: [String] = [], lifetime: UInt64 = 10_000
) -> Command {
  .delegationAdmit(
    .init(
      parent: parent, publicKey: hash(publicKey), id: DelegationID(high: 0, low: id),
      digest: hash(digest ?? UInt8(100 + id)), name: "agent", scopes: scopes,
      limits: BudgetLimits(
        perDay: day.map { Credits(nano: $0) }, total: total.map { Credits(nano: $0) }),
      models: models, secretHash: hash(5), lifetime: lifetime))
}

func undelegate(
  _ id: UInt64, under parent: KeyID = World.alice, by caller: KeyID = World.alice
) -> Command {
  .delegationRevoke(
    .init(caller: caller, parent: parent, id: DelegationID(high: 0, low: id)))
}

@Suite("Transcripts: delegations")
struct DelegationTranscripts {
  private func raised(_ limits: Limits = Limits()) -> World {
    var world = World(limits: limits)
    world.run(.raiseStateVersion(.init(to: Exchange.moneyStateVersion)))
    return world
  }

  @Test("before state version 3 there are none")
  func gated() {
    var world = World()
    world.expect(
      """
      bind: ✗ wrong_state (state_version 1, needed 3)
      use: ✗ wrong_state (state_version 1, needed 3)
      revoke: ✗ wrong_state (state_version 1, needed 3)
      """,
      of: [("bind", bind(70)), ("use", admit(1)), ("revoke", undelegate(1))])
  }

  @Test("bind: each refusal in its order, then another key ends what the former signed")
  func binding() throws {
    var world = raised()
    world.addReader()
    world.expect(
      """
      unknown key: ✗ unauthenticated
      no such key: ✗ not_found (key 99)
      another's key: ✗ not_found (key 4)
      one that may do more: ✗ forbidden (scopes 9, allowed 8)
      bound: key 2 signs
      again: key 2 signs
      a use: key 6
      the same again: key 6 again
      by the delegated key: ✗ forbidden (reason delegated)
      of the delegated key: ✗ wrong_state (key 6, reason delegated)
      another: key 2 signs [key 6 dead]
      what the former signed: ✗ delegation_forged (parent 2)
      none: key 2 signs
      the one that was ended: ✗ wrong_state (key 2, reason ended_before)
      what nobody signs: ✗ delegation_revoked (parent 2, reason not_bound)
      a third: key 2 signs
      the former's again: ✗ delegation_revoked (parent 2, reason revoked)
      root ends its maker: key 2 dead [key 2 dead]
      of a dead key: ✗ wrong_state (key 2, reason dead)
      """,
      of: [
        ("unknown key", bind(70, by: KeyID(99))),
        ("no such key", bind(70, to: KeyID(99))),
        ("another's key", bind(70, to: World.bob)),
        ("one that may do more", bind(70, by: World.reader)),
        ("bound", bind(70)), ("again", bind(70)), ("a use", admit(1)),
        ("the same again", admit(1)),
        ("by the delegated key", bind(71, to: KeyID(6), by: KeyID(6))),
        ("of the delegated key", bind(71, to: KeyID(6))),
        ("another", bind(71)), ("what the former signed", admit(2)),
        ("none", bind(nil)), ("the one that was ended", bind(71)),
        ("what nobody signs", admit(2, signedBy: 71)), ("a third", bind(72)),
        ("the former's again", admit(1, signedBy: 72)),
        ("root ends its maker", .keyRevoke(.init(caller: World.root, key: World.alice))),
        ("of a dead key", bind(70, by: World.root)),
      ])
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test(
    "a public key that was bound before is never bound again, so what it signed stays worthless")
  func boundBefore() throws {
    var limits = Limits()
    limits.delegationKeysMax = 2
    var world = raised(limits)
    world.expect(
      """
      A: key 2 signs
      none: key 2 signs
      B: key 2 signs
      A again: ✗ wrong_state (key 2, reason ended_before)
      what A signed: ✗ delegation_forged (parent 2)
      C: key 2 signs
      A once more: ✗ wrong_state (key 2, reason ended_before)
      B again: ✗ wrong_state (key 2, reason ended_before)
      C, which is bound: key 2 signs
      one too many: ✗ no_capacity (bound_before 2)
      what C signed: key 5
      none after it: key 2 signs [key 5 dead]
      """,
      of: [
        ("A", bind(70)), ("none", bind(nil)), ("B", bind(71)), ("A again", bind(70)),
        ("what A signed", admit(1)), ("C", bind(72)), ("A once more", bind(70)),
        ("B again", bind(71)), ("C, which is bound", bind(72)), ("one too many", bind(73)),
        ("what C signed", admit(2, signedBy: 72)), ("none after it", bind(nil)),
      ])
    var restored = try world.replica.restored()
    #expect(restored.digest == world.exchange.digest)
    let again = restored.apply(
      CommandBatch(time: LogTime(milliseconds: world.time), commands: [bind(70), bind(71)]),
      at: LogIndex(1_000))
    #expect(
      again.outcomes.map(describe)
        == Array(repeating: "✗ wrong_state (key 2, reason ended_before)", count: 2))
  }

  @Test(
    "what is revoked before it is used has no deadline, and goes when nothing that was signed is good any more"
  )
  func revokedUnused() throws {
    var limits = Limits()
    limits.delegationsPerAccountMax = 1
    var world = raised(limits)
    world.run(bind(70))
    world.run(undelegate(1))
    world.time = limits.requestRetention
    world.run(.pulse)
    #expect(world.exchange.nextDeadline == nil, "no leader waits for the end of time")
    #expect(try world.replica.restored().nextDeadline == nil)
    world.expect(
      """
      no room: ✗ no_capacity (delegations 1, limit 1)
      another public key: key 2 signs
      its own: key 5
      none: key 2 signs [key 5 dead]
      """,
      of: [
        ("no room", undelegate(2)), ("another public key", bind(71)),
        ("its own", admit(1, signedBy: 71)), ("none", bind(nil)),
      ])
    world.run(bind(70, to: World.bob, by: World.bob))
    world.run(undelegate(1, under: World.bob, by: World.bob))
    world.run(.keyRevoke(.init(caller: World.root, key: World.bob)))
    #expect(world.exchange.delegations(of: World.bob, limit: 9).isEmpty)
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test("as many as an account may have end at once with what signed them")
  func manyEnd() throws {
    var world = raised()
    world.run(bind(70))
    let count = UInt64(world.replica.limits.keysPerAccountMax - 1)
    let uses = (1...count).map { number -> Command in
      guard case .delegationAdmit(let one) = admit(1) else { fatalError("an admission is one") }
      var digest = hash(0)
      (digest[0], digest[1]) = (UInt8(number >> 8), UInt8(number & 255))
      return .delegationAdmit(
        .init(
          parent: one.parent, publicKey: one.publicKey, id: DelegationID(high: 0, low: number),
          digest: digest, name: one.name, scopes: one.scopes, limits: one.limits, models: [],
          secretHash: hash(5), lifetime: 1_000))
    }
    for start in stride(from: 0, to: uses.count, by: 40) {
      _ = world.replica.apply(Array(uses[start..<min(start + 40, uses.count)]), at: 0)
    }
    #expect(world.exchange.key(KeyID(4 + count))?.revoked == false)
    world.run(bind(nil))
    let ended = world.lastEffects.filter { if case .keyRevoked = $0 { true } else { false } }
    #expect(ended.count == Int(count))
    // The newest are still listed, with their budgets.
    let listed = world.replica.limits.keysRevokedPerAccountMax
    #expect(world.exchange.key(KeyID(4 + count - UInt64(listed))) == nil)
    #expect(world.exchange.key(KeyID(5 + count - UInt64(listed)))?.revoked == true)
    #expect(world.exchange.budgets(of: AccountID(3), limit: 2_000).count == listed)
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test("a delegated key reaches the jobs that it submitted, and no other of its account")
  func ownJobs() throws {
    var world = raised()
    world.run(bind(70))
    world.run(admit(1, scopes: [.submit, .read]))
    world.run(admit(2, scopes: [.submit, .read]))
    let (one, other) = (KeyID(5), KeyID(6))
    world.run(submit(1))
    world.run(submit(2, caller: one))
    world.run(submit(3, caller: other))
    #expect(world.exchange.jobs(seenBy: one, of: AccountID(3), limit: 9).map(\.id) == [JobID(2)])
    let restarted = try world.replica.restored()
    #expect(restarted.jobs(seenBy: other, of: AccountID(3), limit: 9).map(\.id) == [JobID(3)])
    world.expect(
      """
      its holder's: ✗ not_found (job 1)
      its sibling's: ✗ not_found (job 3)
      all: cancelled 1 [ended 2]
      the request of its sibling: ✗ idempotency_conflict
      its own again: job 2 holds 0 again
      the records: purged 1 [purged 2]
      its own, gone: cancelled
      the sibling's, for the other: cancelled [ended 3]
      the holder reaches all: purged 1 [purged 3]
      gone, and not its own: ✗ not_found (job 3)
      for the holder: cancelled
      """,
      of: [
        ("its holder's", cancel(1, caller: one)), ("its sibling's", cancel(3, caller: one)),
        ("all", .cancelMany(.init(caller: one, jobs: [JobID(1), JobID(2), JobID(3)]))),
        ("the request of its sibling", submit(3, caller: one)),
        ("its own again", submit(2, caller: one)),
        ("the records", .purge(.init(caller: one, jobs: [JobID(1), JobID(2), JobID(3)]))),
        ("its own, gone", cancel(2, caller: one)),
        ("the sibling's, for the other", cancel(3, caller: other)),
        ("the holder reaches all", .purge(.init(caller: World.alice, jobs: [JobID(3)]))),
        ("gone, and not its own", cancel(3, caller: one)), ("for the holder", cancel(3)),
      ])
    let seen = world.exchange.jobs(seenBy: one, of: AccountID(3), limit: 9)
    #expect(seen.isEmpty)
    #expect(world.exchange.jobs(seenBy: World.alice, of: AccountID(3), limit: 9).count == 1)
    let restored = try world.replica.restored()
    #expect(restored.digest == world.exchange.digest)
    #expect(restored.tombstone(JobID(3)) == world.exchange.tombstone(JobID(3)))
  }

  @Test("first use: each refusal in its order; what is refused beforehand is what apply refuses")
  func firstUse() throws {
    var limits = Limits()
    limits.delegationsPerAccountMax = 3
    limits.keysPerAccountMax = 4
    var world = raised(limits)
    world.run(budget(request: 60, day: 5_000, total: 9_000))
    let team = try #require(world.exchange.budgets(of: AccountID(3), limit: 1).first?.id.rawValue)
    world.run(budgetedKey(team, request: 61))
    let parent = KeyID(5)
    world.run(bind(70, to: parent))
    let steps: [Step] = [
      ("no such parent", admit(1, under: KeyID(99), signedBy: 1, scopes: .admin)),
      ("a parent that signs nothing", admit(1, signedBy: 1, scopes: .admin)),
      ("signed by another", admit(1, under: parent, signedBy: 1, scopes: .admin)),
      ("nothing at all", admit(1, under: parent, scopes: [], lifetime: 0)),
      ("more than its parent", admit(1, under: parent, scopes: [.submit, .work], lifetime: 0)),
      ("to administer", admit(1, under: parent, scopes: .admin, lifetime: 0)),
      ("no time", admit(1, under: parent, day: 5_001, lifetime: 0)),
      ("too long", admit(1, under: parent, day: 5_001, lifetime: limits.delegationLifetimeMax + 1)),
      ("more a day", admit(1, under: parent, day: 5_001, total: 9_001)),
      ("more in total", admit(1, under: parent, day: 5_000, total: 9_001)),
      ("as much", admit(1, under: parent, day: 5_000, total: 9_000)),
      ("again", admit(1, under: parent, day: 5_000, total: 9_000)),
      ("its id for another", admit(1, under: parent, digest: 9)),
      ("revoked before its use", undelegate(2, under: parent)),
      ("used then", admit(2, under: parent)),
      ("a second", admit(3, under: parent)),
      ("a key too many", admit(4, under: parent)),
      ("one ends", .keyRevoke(.init(caller: World.alice, key: KeyID(7)))),
      ("one that is remembered too many", admit(4, under: parent)),
    ]
    var lines: [String] = []
    for (label, command) in steps {
      if case .delegationAdmit(let admit) = command {
        let early = world.exchange.refusal(of: admit)
        let outcome = world.run(command)
        if case .rejected(let rejection) = outcome {
          #expect(early == rejection, "\(label)")
        } else {
          #expect(early == nil, "\(label)")
        }
        lines.append("\(label): \(describe(outcome))")
      } else {
        lines.append("\(label): \(describe(world.run(command)))")
      }
    }
    #expect(
      lines.joined(separator: "\n") == """
        no such parent: ✗ delegation_revoked (parent 99, reason parent)
        a parent that signs nothing: ✗ delegation_revoked (parent 2, reason not_bound)
        signed by another: ✗ delegation_forged (parent 5)
        nothing at all: ✗ delegation_widened (scopes 0, allowed 9)
        more than its parent: ✗ delegation_widened (scopes 3, allowed 9)
        to administer: ✗ delegation_widened (scopes 4, allowed 9)
        no time: ✗ delegation_widened (lifetime_ms 0, limit_ms 31622400000)
        too long: ✗ delegation_widened (lifetime_ms 31622400001, limit_ms 31622400000)
        more a day: ✗ delegation_widened (window day, limit 0.000005001, budget \(team), allowed 0.000005)
        more in total: ✗ delegation_widened (window total, limit 0.000009001, budget \(team), allowed 0.000009)
        as much: key 6
        again: key 6 again
        its id for another: ✗ delegation_replayed (parent 5, id 00000000000000000000000000000001)
        revoked before its use: delegation dead
        used then: ✗ delegation_revoked (parent 5, reason revoked)
        a second: key 7
        a key too many: ✗ too_many_keys (limit 4)
        one ends: key 7 dead
        one that is remembered too many: ✗ no_capacity (delegations 3, limit 3)
        """)
    #expect(try world.replica.restored().digest == world.exchange.digest)
    #expect(
      try world.replica.restored().delegations(of: parent, limit: 9)
        == world.exchange.delegations(of: parent, limit: 9))
  }

  @Test(
    "a job of a delegated key draws on every level; it asks for its models only, and changes no keys"
  )
  func draws() throws {
    var world = raised()
    world.run(bind(70))
    let own = next(world)
    // A job holds 100 prompt tokens at 2 and 50 of output at 4 millionths: 400,000 nano-credits.
    world.expect(
      """
      a use: key 5
      another model: ✗ model_not_delegated (model x, delegated m n)
      its first: job 1 holds 0.0004 [queued 1]
      its second: job 2 holds 0.0004 [queued 2]
      one too many: ✗ budget_exceeded (budget \(own), window total, needed 0.0004, left 0.0001)
      a key of its own: ✗ forbidden (reason delegated)
      a budget of its own: ✗ forbidden (reason delegated)
      its own end: ✗ forbidden (reason delegated)
      another secret: ✗ wrong_state (key 5, reason delegated)
      """,
      of: [
        ("a use", admit(1, total: 900_000, models: ["m", "n"])),
        ("another model", submit(1, caller: KeyID(5), model: "x")),
        ("its first", submit(1, caller: KeyID(5))), ("its second", submit(2, caller: KeyID(5))),
        ("one too many", submit(3, caller: KeyID(5))),
        (
          "a key of its own",
          .keyCreate(
            .init(
              caller: KeyID(5), requestKey: request(70), account: AccountID(3), name: "k",
              scopes: .submit, secretHash: hash(9)))
        ),
        ("a budget of its own", budget(by: KeyID(5), request: 71)),
        ("its own end", .keyRevoke(.init(caller: KeyID(5), key: KeyID(5)))),
        (
          "another secret",
          .keyRotate(
            .init(
              caller: World.alice, requestKey: request(72), key: KeyID(5), secretHash: hash(8),
              grace: 0))
        ),
      ])
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  /// The number that the budget of a delegation gets that is used next: the row of the delegation comes behind it.
  private func next(_ world: World) -> UInt64 {
    var copy = world
    copy.run(admit(99))
    return copy.exchange.budgets(of: AccountID(3), limit: 9).last?.id.rawValue ?? 0
  }

  @Test("a limit per minute of the parent is one for all of its delegations")
  func rates() {
    var world = raised()
    world.run(bind(70))
    world.run(admit(1))
    world.run(admit(2))
    world.run(
      .keyLimit(
        .init(caller: World.root, key: World.alice, limit: RateLimit(requests: 2, tokens: nil))))
    #expect(world.exchange.isRated(KeyID(5)) && !world.exchange.isRated(World.bob))
    world.expect(
      """
      one's: job 1 holds 0.0004 [queued 1]
      the other's: job 2 holds 0.0004 [queued 2]
      the parent's: ✗ rate_limit_exceeded (limit requests, needed 1, per_minute 2, left 0, retry_after_ms 30000)
      one's again: ✗ rate_limit_exceeded (limit requests, needed 1, per_minute 2, left 0, retry_after_ms 30000)
      """,
      of: [
        ("one's", submit(1, caller: KeyID(5))), ("the other's", submit(2, caller: KeyID(6))),
        ("the parent's", submit(3)), ("one's again", submit(4, caller: KeyID(5))),
      ])
  }

  @Test(
    "it ends at its time, with its parent, or when its account is closed, and is remembered a day longer"
  )
  func ends() throws {
    var limits = Limits()
    limits.delegationGrace = 1_000
    var world = raised(limits)
    world.run(bind(70))
    world.run(admit(1, lifetime: 500))
    world.run(admit(2, lifetime: 5_000))
    world.run(bind(71, to: World.bob, by: World.bob))
    world.run(admit(1, under: World.bob, signedBy: 71))
    world.time = 500
    world.expect(
      "time: expired 1 [key 5 dead]\nused again: ✗ delegation_revoked (parent 2, reason revoked)",
      of: [("time", .pulse), ("used again", admit(1, lifetime: 500))])
    world.time = 1_500
    world.expect("time: expired 1", of: [("time", .pulse)])
    #expect(world.exchange.delegations(of: World.alice, limit: 9).map(\.use?.key) == [KeyID(6)])
    world.expect(
      """
      its parent ends: key 2 dead [key 2 dead, key 6 dead]
      used again: ✗ delegation_revoked (parent 2, reason parent)
      its account is closed: account 5 closed [key 4 dead, key 7 dead]
      """,
      of: [
        ("its parent ends", .keyRevoke(.init(caller: World.root, key: World.alice))),
        ("used again", admit(2, lifetime: 5_000)),
        (
          "its account is closed",
          .accountClose(.init(caller: World.root, account: AccountID(5)))
        ),
      ])
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }
}
