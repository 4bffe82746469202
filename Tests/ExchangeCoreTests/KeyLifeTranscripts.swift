import ExchangeCore
import ExchangeTypes
import Testing

@Suite("Transcripts: what happens to keys")
struct KeyLifeTranscripts {
  private func issue(
    _ caller: KeyID = World.root, _ key: UInt64 = 50, scopes: Scopes = .submit, account: UInt64 = 3,
    lifetime: UInt64 = 1_000
  ) -> Command {
    .keyIssue(
      .init(
        create: .init(
          caller: caller, requestKey: request(key), account: AccountID(account), name: "k",
          scopes: scopes, secretHash: hash(5)), lifetime: lifetime))
  }

  private func rotate(
    _ key: UInt64, to secret: UInt8 = 6, by caller: KeyID = World.root, request number: UInt64 = 60,
    grace: UInt64 = 500
  ) -> Command {
    .keyRotate(
      .init(
        caller: caller, requestKey: request(number), key: KeyID(key), secretHash: hash(secret),
        grace: grace))
  }

  private func raised(_ limits: Limits = Limits()) -> World {
    var world = World(limits: limits)
    world.run(.raiseStateVersion(.init(to: Exchange.keyLifeStateVersion)))
    return world
  }

  @Test("before state version 3 nothing of it is done")
  func gated() {
    var world = World()
    world.expect(
      """
      issue: ✗ wrong_state (state_version 1, needed 3)
      rotate: ✗ wrong_state (state_version 1, needed 3)
      used: ✗ wrong_state (state_version 1, needed 3)
      """,
      of: [
        ("issue", issue()), ("rotate", rotate(2)),
        ("used", .keysUsed(.init(keys: [World.alice]))),
      ])
  }

  @Test("a key that expires is refused from its moment on, and dies with the next pulse")
  func expiry() throws {
    var world = raised()
    world.time = 100
    world.expect(
      """
      no lifetime: ✗ malformed_request (field lifetime, limit 3162240000000)
      a second: key 5
      again: key 5 again
      it works: ✗ model_not_found (model other)
      """,
      of: [
        ("no lifetime", issue(lifetime: 0)), ("a second", issue()), ("again", issue()),
        ("it works", submit(1, caller: KeyID(5), model: "other")),
      ])
    #expect(world.exchange.nextDeadline == LogTime(milliseconds: 1_100))
    world.time = 1_099
    world.expect(
      "just before: ✗ model_not_found (model other)",
      of: [("just before", submit(1, caller: KeyID(5), model: "other"))]
    )
    world.time = 1_100
    world.expect(
      """
      at its moment: ✗ unauthenticated
      a pulse: expired 1 [key 5 dead]
      rotated: ✗ wrong_state (key 5, reason dead)
      """,
      of: [
        ("at its moment", submit(1, caller: KeyID(5), model: "other")), ("a pulse", .pulse),
        ("rotated", rotate(5)),
      ])
    let key = try #require(world.exchange.key(KeyID(5)))
    #expect(key.revoked && key.expiry == LogTime(milliseconds: 1_100))
    #expect(try world.replica.restored().key(KeyID(5)) == key)
  }

  @Test("a rotation gives a new secret; the former one is good until its grace is over")
  func rotation() throws {
    var world = raised()
    world.time = 100
    world.expect(
      """
      unknown caller: ✗ unauthenticated
      another's key: ✗ not_found (key 3)
      no such key: ✗ not_found (key 98)
      alice's own: key 2 rotated [secrets of key 2]
      again: key 2 rotated again
      the same request, another secret: ✗ idempotency_conflict
      """,
      of: [
        ("unknown caller", rotate(2, by: KeyID(99))),
        ("another's key", rotate(3, by: World.alice)),
        ("no such key", rotate(98)),
        ("alice's own", rotate(2, by: World.alice)),
        ("again", rotate(2, by: World.alice)),
        ("the same request, another secret", rotate(2, to: 7, by: World.alice)),
      ])
    func hashes(_ time: UInt64) throws -> [[UInt8]] {
      try #require(world.exchange.key(World.alice)).hashes(at: LogTime(milliseconds: time))
    }
    #expect(try hashes(599) == [hash(6), hash(2)])
    #expect(try hashes(600) == [hash(6)])
    #expect(world.exchange.nextDeadline == LogTime(milliseconds: 600))
    #expect(try world.replica.restored().nextDeadline == LogTime(milliseconds: 600))

    // A second rotation within the grace: the oldest secret ends at once.
    world.expect(
      "a third secret: key 2 rotated [secrets of key 2]",
      of: [("a third secret", rotate(2, to: 8, request: 61))])
    #expect(try hashes(100) == [hash(8), hash(6)])
    world.time = 600
    world.expect(
      "the grace is over: expired 1 [secrets of key 2]", of: [("the grace is over", .pulse)])
    #expect(try hashes(0) == [hash(8)])

    world.expect(
      "no grace: key 2 rotated [secrets of key 2]",
      of: [("no grace", rotate(2, to: 9, request: 62, grace: 0))])
    #expect(try hashes(600) == [hash(9)])
    #expect(world.exchange.key(World.alice)?.former == nil)
  }

  @Test(
    "a rotation is remembered, and so counts among an account's requests; an administrator's do not"
  )
  func rotationsAreBounded() {
    var limits = Limits()
    limits.requestsPerAccountMax = 2
    var world = raised(limits)
    world.expect(
      """
      one: key 2 rotated [secrets of key 2]
      two: key 2 rotated [secrets of key 2]
      two again: key 2 rotated again
      three: ✗ too_many_keys (requests 2, limit 2)
      by root: key 2 rotated [secrets of key 2]
      """,
      of: [
        ("one", rotate(2, by: World.alice, request: 61)),
        ("two", rotate(2, by: World.alice, request: 62)),
        ("two again", rotate(2, by: World.alice, request: 62)),
        ("three", rotate(2, by: World.alice, request: 63)), ("by root", rotate(2, request: 64)),
      ])
    world.time = limits.requestRetention
    world.run(.pulse)
    world.expect(
      "a day later: key 2 rotated [secrets of key 2]",
      of: [("a day later", rotate(2, by: World.alice, request: 63))])
  }

  @Test("times beyond a hundred years are refused, wherever somebody may say one")
  func spans() throws {
    var world = raised()
    world.time = 100
    let most = Limits().timeSpanMax
    guard case .keyIssue(let long) = issue(lifetime: .max) else { return }
    func keep(_ kept: UInt64) -> Command {
      .retentionSet(
        .init(caller: World.root, retention: Retention(kept: kept, untilDelivered: false)))
    }
    world.expect(
      """
      a life: ✗ malformed_request (field lifetime, limit \(most))
      with a limit: ✗ malformed_request (field lifetime, limit \(most))
      with a budget: ✗ malformed_request (field lifetime, limit \(most))
      a grace: ✗ malformed_request (field grace, limit \(most))
      a record: ✗ malformed_request (field kept, limit \(most))
      the longest life: key 5
      the longest grace: key 2 rotated [secrets of key 2]
      the longest record: kept \(most)
      """,
      of: [
        ("a life", .keyIssue(long)),
        (
          "with a limit",
          .keyIssueLimited(
            .init(
              create: long.create, lifetime: most + 1,
              limit: RateLimit(requests: 1, tokens: nil)))
        ),
        (
          "with a budget",
          .keyIssueBudgeted(
            .init(create: long.create, lifetime: most + 1, budget: BudgetID(1)))
        ),
        ("a grace", rotate(2, grace: most + 1)), ("a record", keep(most + 1)),
        ("the longest life", issue(lifetime: most)), ("the longest grace", rotate(2, grace: most)),
        ("the longest record", keep(most)),
      ])
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test("a key that expires does not count as one that administers for good")
  func lastAdmin() {
    var world = raised()
    world.expect(
      """
      an admin for a second: key 5
      the root key, by that one: ✗ forbidden (reason outlives_its_maker)
      the root key: ✗ wrong_state (reason last_admin_key)
      the other: key 5 dead [key 5 dead]
      """,
      of: [
        ("an admin for a second", issue(scopes: .admin, account: 1)),
        ("the root key, by that one", .keyRevoke(.init(caller: KeyID(5), key: World.root))),
        ("the root key", .keyRevoke(.init(caller: World.root, key: World.root))),
        ("the other", .keyRevoke(.init(caller: World.root, key: KeyID(5)))),
      ])
  }

  @Test("the last use is what the leader says, of live keys only, and a row's version follows")
  func lastUse() throws {
    var world = raised()
    let before = world.exchange.digest
    world.time = 70
    world.run(.keyRevoke(.init(caller: World.root, key: World.bob)))
    world.expect(
      "three, one of them live: 1 used",
      of: [
        (
          "three, one of them live",
          .keysUsed(.init(keys: [World.alice, World.bob, KeyID(77)]))
        )
      ])
    #expect(world.exchange.key(World.alice)?.lastUsed == LogTime(milliseconds: 70))
    #expect(world.exchange.key(World.bob)?.lastUsed == nil)
    #expect(world.exchange.digest != before)
    #expect(world.replica.rows[3]?[[0, 0, 0, 0, 0, 0, 0, 2]]?.first == 2)
    #expect(world.replica.rows[3]?[[0, 0, 0, 0, 0, 0, 0, 3]]?.first == 1)
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }
}
