import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing

@Suite("Transcripts: wrapping keys and retention")
struct PrivacyTranscripts {
  private func announce(_ key: UInt64) -> Command { .wrappingKeyAnnounce(.init(key: key)) }

  private func retain(
    _ kept: UInt64, untilDelivered: Bool = false, by caller: KeyID = World.root
  ) -> Command {
    .retentionSet(
      .init(caller: caller, retention: .init(kept: kept, untilDelivered: untilDelivered)))
  }

  /// A job key that is wrapped under a wrapping key.
  private func wrapped(_ key: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: key >> (56 - 8 * $0)) } + [1, 2, 3]
  }

  private func sealed(_ number: UInt64, under key: UInt64) -> Command {
    submit(number, wrappedKey: wrapped(key))
  }

  private func retained(
    _ number: UInt64, under key: UInt64 = 5, _ kept: UInt64, untilDelivered: Bool = false,
    assigned: Bool = false
  ) -> Command {
    guard case .submit(let submit) = sealed(number, under: key) else { fatalError("a submit") }
    return .submitRetained(
      .init(
        submit: submit, retention: .init(kept: kept, untilDelivered: untilDelivered),
        assignment: assigned
          ? .init(offer: .init(worker: WorkerID(1), index: 0), askVersion: 1) : nil))
  }

  private func purge(_ jobs: UInt64..., by caller: KeyID = World.alice) -> Command {
    .purge(.init(caller: caller, jobs: jobs.map { JobID($0) }))
  }

  private func raised() -> World {
    var world = World()
    world.run(.raiseStateVersion(.init(to: Exchange.privacyStateVersion)))
    world.run(register())
    return world
  }

  @Test("before state version 3 nothing of it is done, and no job has a retention")
  func gated() {
    var world = World()
    world.run(register())
    world.expect(
      """
      announce: ✗ wrong_state (state_version 1, needed 3)
      retention: ✗ wrong_state (state_version 1, needed 3)
      a job of its own: ✗ wrong_state (state_version 1, needed 3)
      a job: job 1 holds 0.0002 [queued 1]
      """,
      of: [
        ("announce", announce(5)), ("retention", retain(1)),
        ("a job of its own", retained(2, 1)), ("a job", sealed(1, under: 5)),
      ])
    world.run(cancel(1))
    #expect(world.exchange.job(JobID(1))?.retention == nil)
    #expect(world.exchange.job(JobID(1))?.keptUntil == nil)
  }

  @Test("keys only go forward, and a job is sealed under the current one or not taken")
  func announcements() {
    var world = raised()
    world.time = 40
    world.expect(
      """
      any key while none is current: job 1 holds 0.0004 [queued 1]
      the first: key 5 current [keys]
      again: key 5 current
      back: ✗ wrong_state (key 4, current 5)
      under it: job 2 holds 0.0004 [queued 2]
      under another: ✗ wrapping_key_retired (current 5)
      under none: ✗ wrapping_key_retired (current 5)
      the second request again, sealed anew: job 2 holds 0.0004 again
      the next: key 9 current [keys]
      """,
      of: [
        ("any key while none is current", sealed(1, under: 3)),
        ("the first", announce(5)), ("again", announce(5)), ("back", announce(4)),
        ("under it", sealed(2, under: 5)), ("under another", sealed(3, under: 6)),
        ("under none", submit(4)),
        ("the second request again, sealed anew", sealed(2, under: 9)),
        ("the next", announce(9)),
      ])
    #expect(world.exchange.wrappingKeySince == LogTime(milliseconds: 40))
    #expect(world.exchange.wrappingKeysNeeded == [3, 5, 9], "each by what is sealed under it")
    // A leader asks about a submit that it is going to propose behind the announcement of its key.
    guard case .submit(let next) = sealed(7, under: 12) else { fatalError("a submit") }
    #expect(world.exchange.refusal(of: next, at: world.exchange.logTime) == nil)
  }

  @Test("a key is needed until the last job under it is purged, and no longer: by the state alone")
  func needs() throws {
    var world = raised()
    world.run(announce(5))
    for number in 1...2 as ClosedRange<UInt64> { world.run(sealed(number, under: 5)) }
    world.run(announce(9))
    world.run(cancel(1))
    world.run(cancel(2))
    #expect(world.exchange.wrappingKeysNeeded == [5, 9], "ended, and still to be read")
    world.expect(
      """
      one: purged 1 [purged 1]
      the other: purged 1 [keys, purged 2]
      """,
      of: [
        ("one", .purge(.init(caller: World.alice, jobs: [JobID(1)]))),
        ("the other", .purge(.init(caller: World.alice, jobs: [JobID(2)]))),
      ])
    #expect(world.exchange.wrappingKeysNeeded == [9])
    let restored = try world.replica.restored()
    #expect(restored.wrappingKeysNeeded == [9] && restored.wrappingKey == 9)
  }

  @Test(
    "whoever may read an output that is kept until delivered may say that he has it; no other is his to delete"
  )
  func delivered() {
    var world = raised()
    world.addReader()
    world.run(announce(5))
    world.run(retained(1, 60_000, untilDelivered: true))
    world.run(retained(2, 60_000))
    world.expect(
      "by a reader, while it is open: purged 0",
      of: [("by a reader, while it is open", purge(1, by: World.reader))])
    world.run(cancel(1))
    world.run(cancel(2))
    world.expect(
      """
      by another account: purged 0
      by the reader, both: purged 1 [purged 1]
      again: purged 0
      by the owner: purged 1 [keys, purged 2]
      """,
      of: [
        ("by another account", purge(1, by: World.sam)),
        ("by the reader, both", purge(1, 2, by: World.reader)),
        ("again", purge(1, 2, by: World.reader)),
        ("by the owner", purge(2)),
      ])
  }

  @Test("an ended job's record goes when its retention is over, through the log; its receipt stays")
  func retention() throws {
    var world = raised()
    world.expect(
      """
      without admin: ✗ forbidden (scope 4)
      ten seconds: kept 10000
      a key: key 5 current [keys]
      the cluster's: job 1 holds 0.0004 [queued 1]
      less: job 2 holds 0.0004 [queued 2]
      more: job 3 holds 0.0004 [queued 3]
      """,
      of: [
        ("without admin", retain(1, by: World.alice)), ("ten seconds", retain(10_000)),
        ("a key", announce(5)), ("the cluster's", sealed(1, under: 5)),
        ("less", retained(2, 3_000)), ("more", retained(3, .max)),
      ])
    world.time = 1_000
    for job in 1...3 as ClosedRange<UInt64> { world.run(cancel(job)) }
    #expect(
      (1...3).map { world.exchange.job(JobID($0))?.keptUntil?.rawValue } == [11_000, 4_000, 11_000])
    #expect(world.exchange.nextDeadline == LogTime(milliseconds: 4_000))
    #expect(try world.replica.restored().nextDeadline == LogTime(milliseconds: 4_000))
    world.time = 4_000
    world.expect("the short one: expired 1 [purged 2]", of: [("the short one", .pulse)])
    world.run(announce(6))
    world.time = 11_000
    world.expect(
      """
      the others: expired 2 [purged 1, keys, purged 3]
      a retry: ✗ output_expired (job 1, state cancelled, charge 0)
      """,
      of: [("the others", .pulse), ("a retry", sealed(1, under: 5))])
    #expect(world.exchange.wrappingKeysNeeded == [6])
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test(
    "a job that runs when its key is not current any more keeps it, and what is asked is granted at most"
  )
  func grants() throws {
    var world = raised()
    world.run(announce(5))
    world.run(retain(60_000, untilDelivered: true))
    world.expect(
      """
      until delivered: job 1 holds 0.0004 [queued 1, assign 1/1 to 1]
      the next key: key 6 current [keys]
      """,
      of: [
        ("until delivered", retained(1, 0, assigned: true)), ("the next key", announce(6)),
      ])
    let job = try #require(world.exchange.job(JobID(1)))
    #expect(job.retention == Retention(kept: 0, untilDelivered: true))
    #expect(job.state == .running && world.exchange.wrappingKeysNeeded == [5, 6])
    world.run(retain(5))
    world.run(checkpoint((attempt(1), events(from: 1))))
    world.run(lost(attempt(1)))
    #expect(world.exchange.job(JobID(1))?.interruption != nil)
    #expect(try world.replica.restored().job(JobID(1)) == world.exchange.job(JobID(1)))
    #expect(world.exchange.wrappingKeysNeeded == [5, 6])
  }
}
