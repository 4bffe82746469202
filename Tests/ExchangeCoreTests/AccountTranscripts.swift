import ExchangeCore
import ExchangeTypes
import Testing
import TokenLedger

@Suite("Transcripts: accounts and keys")
struct AccountTranscripts {
  @Test("before bootstrap nothing but time passes; bootstrap happens once")
  func bootstrap() {
    var world = Empty().world
    let first = Command.bootstrap(.init(clusterID: ClusterID(7), rootSecretHash: hash(1)))
    world.expect(
      """
      a pulse: expired 0
      a submit: ✗ not_bootstrapped
      a leader's command: ✗ not_bootstrapped
      bootstrap: account 1, key 1
      the same again: account 1, key 1
      another cluster: ✗ already_bootstrapped (cluster 00000000000000000000000000000007)
      another secret: ✗ already_bootstrapped (cluster 00000000000000000000000000000007)
      """,
      of: [
        ("a pulse", .pulse),
        ("a submit", submit(1)),
        ("a leader's command", .orphan(.init(job: JobID(1)))),
        ("bootstrap", first),
        ("the same again", first),
        ("another cluster", .bootstrap(.init(clusterID: ClusterID(8), rootSecretHash: hash(1)))),
        ("another secret", .bootstrap(.init(clusterID: ClusterID(7), rootSecretHash: hash(2)))),
      ])
  }

  @Test("accountCreate: each refusal in its order, then the account, once")
  func accountCreate() {
    var limits = Limits()
    limits.accountsMax = 6
    var world = World(limits: limits)
    func create(
      _ caller: KeyID = World.root, _ key: UInt64 = 50, _ name: String = "carol",
      _ kind: AccountKind = .consumer
    ) -> Command {
      .accountCreate(.init(caller: caller, requestKey: request(key), name: name, kind: kind))
    }
    world.expect(
      """
      unknown key, bad fields: ✗ unauthenticated
      no scope, bad fields: ✗ forbidden (scope 4)
      no name, no kind: ✗ malformed_request (field name)
      issuance: ✗ malformed_request (field kind)
      alice's name: ✗ name_taken
      carol: account 6
      carol again: account 6 again
      same request, other kind: ✗ idempotency_conflict
      one too many, taken name: ✗ too_many_accounts (limit 6)
      """,
      of: [
        ("unknown key, bad fields", create(KeyID(99), 50, "", .issuance)),
        ("no scope, bad fields", create(World.alice, 50, "", .issuance)),
        ("no name, no kind", create(World.root, 50, "", .issuance)),
        ("issuance", create(World.root, 50, "carol", .issuance)),
        ("alice's name", create(World.root, 50, "alice")),
        ("carol", create()),
        ("carol again", create()),
        ("same request, other kind", create(World.root, 50, "carol", .supplier)),
        ("one too many, taken name", create(World.root, 51, "alice")),
      ])
  }

  @Test("accountCredit: each refusal in its order, then the transfer, once")
  func accountCredit() {
    var world = World()
    func credit(
      _ caller: KeyID = World.root, _ key: UInt64 = 50, to account: UInt64 = 3,
      _ amount: UInt64 = 500_000_000
    ) -> Command {
      .accountCredit(
        .init(
          caller: caller, requestKey: request(key), account: AccountID(account),
          amount: Credits(nano: amount)))
    }
    world.expect(
      """
      unknown key: ✗ unauthenticated
      no scope: ✗ forbidden (scope 4)
      no account, no amount: ✗ unknown_account (account 99)
      issuance: ✗ unknown_account (account 2)
      no amount: ✗ invalid_amount (amount 0)
      too much: ✗ amount_overflow
      half a credit: transfer 2
      again: transfer 2 again
      same request, other amount: ✗ idempotency_conflict
      """,
      of: [
        ("unknown key", credit(KeyID(99), to: 99, 0)),
        ("no scope", credit(World.alice, to: 99, 0)),
        ("no account, no amount", credit(to: 99, 0)),
        ("issuance", credit(to: 2)),
        ("no amount", credit(0)),
        ("too much", credit(.max)),
        ("half a credit", credit()),
        ("again", credit()),
        ("same request, other amount", credit(1)),
      ])
    #expect(world.exchange.account(AccountID(3))?.available == Credits(nano: 1_500_000_000))
    #expect(world.exchange.account(AccountID(2))?.debitsPosted == Credits(nano: 1_500_000_000))

    func credit(_ amount: UInt64) -> Command { credit(World.root, 50, to: 3, amount) }
  }

  @Test("keyCreate: each refusal in its order, then the key, once")
  func keyCreate() {
    var limits = Limits()
    limits.keysPerAccountMax = 3
    var world = World(limits: limits)
    func create(
      _ caller: KeyID = World.root, _ key: UInt64 = 50, for account: UInt64 = 3,
      _ scopes: Scopes = .submit
    ) -> Command {
      .keyCreate(
        .init(
          caller: caller, requestKey: request(key), account: AccountID(account), name: "k",
          scopes: scopes, secretHash: hash(5)))
    }
    world.expect(
      """
      unknown key: ✗ unauthenticated
      alice for sam: ✗ forbidden (scope 4)
      no scope, no account: ✗ malformed_request (field scopes)
      a scope that is none: ✗ malformed_request (field scopes)
      no account: ✗ unknown_account (account 99)
      a consumer that works: ✗ forbidden (scopes 2, allowed 9)
      issuance: ✗ forbidden (scopes 1, allowed 0)
      alice beyond her own scopes: ✗ forbidden (scopes 5, allowed 9)
      alice for herself: key 5
      again: key 5 again
      same request, other scopes: ✗ idempotency_conflict
      root for alice: key 6
      one too many: ✗ too_many_keys (limit 3)
      """,
      of: [
        ("unknown key", create(KeyID(99), for: 99, [])),
        ("alice for sam", create(World.alice, for: 4, [])),
        ("no scope, no account", create(for: 99, [])),
        ("a scope that is none", create(Scopes(rawValue: 16))),
        ("no account", create(for: 99)),
        ("a consumer that works", create(.work)),
        ("issuance", create(for: 2)),
        ("alice beyond her own scopes", create(World.alice, 50, for: 3, [.submit, .admin])),
        ("alice for herself", create(World.alice)),
        ("again", create(World.alice)),
        ("same request, other scopes", create(World.alice, 50, for: 3, .read)),
        ("root for alice", create(World.root, 51)),
        ("one too many", create(World.root, 52)),
      ])

    func create(_ scopes: Scopes) -> Command { create(World.root, 50, for: 3, scopes) }
  }

  @Test("keyRevoke: own keys or any with admin, never the last that administers")
  func keyRevoke() {
    var world = World()
    func revoke(_ caller: KeyID, _ key: UInt64) -> Command {
      .keyRevoke(.init(caller: caller, key: KeyID(key)))
    }
    world.expect(
      """
      unknown caller: ✗ unauthenticated
      unknown key: ✗ not_found (key 98)
      another's key: ✗ not_found (key 3)
      the last that administers: ✗ wrong_state (reason last_admin_key)
      alice's own: key 2 dead [key 2 dead]
      with the dead key: ✗ unauthenticated
      root, again: key 2 dead
      a dead key submits: ✗ unauthenticated
      """,
      of: [
        ("unknown caller", revoke(KeyID(99), 98)),
        ("unknown key", revoke(World.root, 98)),
        ("another's key", revoke(World.alice, 3)),
        ("the last that administers", revoke(World.root, 1)),
        ("alice's own", revoke(World.alice, 2)),
        ("with the dead key", revoke(World.alice, 2)),
        ("root, again", revoke(World.root, 2)),
        ("a dead key submits", submit(1)),
      ])
  }

  @Test(
    "from state version 3: a key revokes none that may do more, and requests for keys have a limit")
  func keyGuards() {
    var limits = Limits()
    limits.requestsPerAccountMax = 2
    var world = World(limits: limits)
    func create(_ caller: KeyID, _ key: UInt64, _ scopes: Scopes) -> Command {
      .keyCreate(
        .init(
          caller: caller, requestKey: request(key), account: AccountID(3), name: "k",
          scopes: scopes, secretHash: hash(5)))
    }
    func revoke(_ caller: UInt64, _ key: UInt64) -> Command {
      .keyRevoke(.init(caller: KeyID(caller), key: KeyID(key)))
    }
    world.expect(
      """
      alice makes one that reads: key 5
      version 2: version 2
      version 3: version 3
      the one that reads, alice's: ✗ forbidden (scopes 9, allowed 8)
      alice, one that reads: key 5 dead [key 5 dead]
      alice makes a second: key 6
      alice makes a third: ✗ too_many_keys (requests 2, limit 2)
      root makes a third for her: key 7
      """,
      of: [
        ("alice makes one that reads", create(World.alice, 50, .read)),
        ("version 2", .raiseStateVersion(.init(to: 2))),
        ("version 3", .raiseStateVersion(.init(to: 3))),
        ("the one that reads, alice's", revoke(5, 2)),
        ("alice, one that reads", revoke(2, 5)),
        ("alice makes a second", create(World.alice, 51, .read)),
        ("alice makes a third", create(World.alice, 52, .read)),
        ("root makes a third for her", create(World.root, 53, .read)),
      ])
  }

  @Test("from state version 3: a key that ends makes none that outlives it")
  func heirs() {
    var world = World()
    world.run(.raiseStateVersion(.init(to: 3)))
    func issue(_ caller: UInt64, _ key: UInt64, lifetime: UInt64?) -> Command {
      let create = Command.KeyCreate(
        caller: KeyID(caller), requestKey: request(key), account: AccountID(3), name: "k",
        scopes: .submit, secretHash: hash(5))
      return lifetime.map { .keyIssue(.init(create: create, lifetime: $0)) } ?? .keyCreate(create)
    }
    world.expect(
      """
      alice's for a second: key 5
      that one's for ever: ✗ forbidden (reason outlives_its_maker)
      for two seconds: ✗ forbidden (reason outlives_its_maker)
      for a second: key 6
      """,
      of: [
        ("alice's for a second", issue(2, 50, lifetime: 1_000)),
        ("that one's for ever", issue(5, 51, lifetime: nil)),
        ("for two seconds", issue(5, 52, lifetime: 2_000)),
        ("for a second", issue(5, 53, lifetime: 1_000)),
      ])
  }

  @Test("raiseStateVersion: never back; beyond this program the entry cannot be applied")
  func raiseStateVersion() throws {
    var world = World()
    func raise(_ version: UInt32) -> Command { .raiseStateVersion(.init(to: version)) }
    world.expect(
      """
      back: ✗ wrong_state (version 0, current 1)
      the same: version 1
      the newest: version 3
      """,
      of: [
        ("back", raise(0)), ("the same", raise(1)),
        ("the newest", raise(Exchange.stateVersionMax)),
      ])
    let beyond = Exchange.stateVersionMax + 1
    let batch = CommandBatch(time: LogTime(milliseconds: 0), commands: [.pulse, raise(beyond)])
    let payload = try #require(batch.payload())
    let before = world.exchange.digest
    #expect(throws: ApplyError.unsupportedStateVersion(beyond)) {
      try world.replica.exchange.apply(payload: payload, at: LogIndex(99))
    }
    #expect(world.exchange.digest == before)
  }
}

/// A world before its first command.
private struct Empty {
  var world: World {
    var world = World()
    world.replica = Replica()
    return world
  }
}
