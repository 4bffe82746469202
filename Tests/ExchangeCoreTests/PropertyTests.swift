import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing
import TokenLedger

@Suite("Random commands")
struct PropertyTests {
  /// Bounds so small that every cap is reached.
  static var limits: Limits {
    var limits = Limits()
    limits.jobsOpenPerAccountMax = 7
    limits.jobsOpenMax = 14
    limits.jobsEndedPerAccountMax = 8
    limits.jobsEndedMax = 12
    limits.tombstonesMax = 30
    limits.tombstonesPerAccountMax = 20
    limits.requestsPerAccountMax = 40
    limits.keysPerAccountMax = 3
    limits.keysRevokedPerAccountMax = 2
    limits.workersPerAccountMax = 3
    limits.uploadsPerAccountMax = 3
    limits.uploadsMax = 3
    limits.accountsMax = 12
    limits.transfersMax = 20
    limits.expiriesPerPulseMax = 3
    limits.queueTimeoutDefault = 4_000
    limits.orphanTimeout = 500
    limits.requestRetention = 6_000
    limits.attachedRequestRetention = 2_000
    limits.uploadTimeout = 1_000
    limits.invitationsMax = 6
    limits.certificatesPerNodeMax = 2
    limits.revocationsMax = 4
    limits.postedAsksPerAccountMax = 1
    limits.salesPerAccountMax = 3
    limits.salesMax = 4
    return limits
  }

  @Test(
    "the books balance, holds match open jobs, and a restarted replica does the same",
    arguments: zip([[1], [2], [5, 6, 7]] as [[UInt64]], [1, 2, 3] as [UInt32]))
  func invariants(seeds: [UInt64], stateVersion: UInt32) throws {
    var seen: Set<String> = []
    for seed in seeds { seen.formUnion(try run(seed: seed, stateVersion: stateVersion)) }
    // A generator that stopped reaching something would leave it untested.
    for kind in Self.mustSee { #expect(seen.contains(kind), "never saw \(kind), seeds \(seeds)") }
    #expect(seen.contains("ended after a loss") == (stateVersion > 1))
    for kind in Self.enrolment + Self.money {
      #expect(seen.contains(kind) == (stateVersion > 2), "\(kind), seeds \(seeds)")
    }
  }

  /// One random history; the kinds of outcome that it had.
  private func run(seed: UInt64, stateVersion: UInt32) throws -> Set<String> {
    var generator = CommandGenerator(seed: seed)
    // From version 3 on a job without ceilings holds twice what the cheapest offer asks.
    var limits = Self.limits
    // Keys that draw on budgets are among them from here on.
    if stateVersion > 2 { limits.keysPerAccountMax = 5 }
    var world = World(limits: limits, credit: stateVersion < 3 ? 3_000_000 : 6_000_000)
    world.run(.raiseStateVersion(.init(to: stateVersion)))
    var twin = try world.replica.restored()
    var endings: [JobID: Ending] = [:]
    var seen: Set<String> = []
    for round in 0..<2_500 {
      let place: Comment = "seed \(seed) round \(round)"
      world.time += generator.elapsed()
      let commands = generator.batch(for: world.exchange)
      let batch = CommandBatch(time: LogTime(milliseconds: world.time), commands: commands)
      let applied = world.replica.apply(commands, at: world.time)
      // The twin was rebuilt from rows and so has other dictionary orders.
      #expect(twin.apply(batch, at: world.replica.index) == applied, place)
      try #require(twin.digest == world.exchange.digest, place)
      for outcome in applied.outcomes { seen.insert(kind(of: outcome)) }
      for case .jobEnded(let job) in applied.effects
      where world.exchange.job(job)?.interruption != nil { seen.insert("ended after a loss") }
      for job in world.exchange.openJobs(limit: .max) where job.preemptions > 0 {
        seen.insert("preempted")
      }
      checkBooks(world.exchange, place)
      guard round % 25 == 0 else { continue }
      checkJobs(world.exchange, &endings, place)
      twin = try world.replica.restored()
    }
    return seen
  }

  private static let mustSee = [
    "submitted", "submitted again", "assigned", "settled", "settled again", "partsStored",
    "attemptLost queued", "attemptLost failed", "orphaned", "adopted", "purged", "pulsed",
    "idempotency_conflict", "output_expired", "too_many_jobs", "insufficient_credit",
    "stale_epoch", "name_taken", "stream_diverged", "no_capacity", "ask_changed", "wrong_state",
    "not_found",
    "unauthenticated", "forbidden", "too_many_keys", "overloaded", "context_length_exceeded",
    "price_above_ceiling",
  ]

  /// Seen exactly from state version 3 on.
  private static let enrolment = [
    "invited", "certified", "revoked", "invitation_invalid", "invitation_used", "wrong_name",
    "certificate_revoked", "revoke_by_name", "keyLimited", "rate_limit_exceeded",
    "request_above_rate_limit",
  ]

  private static let money = [
    "transferred", "accountClosed", "fee", "already_reversed", "account_closed", "self_transfer",
    "budget", "budgetSet", "budget_exceeded", "budget_closed", "askSet", "tenant_refused",
    "slots_reserved",
    "delegationKeySet", "delegationRevoked", "delegation_forged", "delegation_replayed",
    "delegation_revoked", "delegation_widened", "model_not_delegated", "preempted",
    "accountWeighed", "accountOwnerSet",
  ]

  private func kind(of outcome: Outcome) -> String {
    switch outcome {
    case .rejected(let rejection): rejection.code.name
    case .accepted(.submitted(let job)): job.duplicate ? "submitted again" : "submitted"
    case .accepted(.settled(let ending)): ending.first ? "settled" : "settled again"
    case .accepted(.attemptLost(_, let state)): "attemptLost \(state)"
    case .accepted(let accepted): String(describing: accepted).prefix { $0 != "(" }.description
    }
  }

  /// What must hold after every entry.
  private func checkBooks(_ exchange: Exchange, _ place: Comment) {
    #expect(exchange.ledger.isBalanced, place)
    var held: [AccountID: UInt64] = [:]
    let open = exchange.openJobs(limit: .max)
    for job in open { held[job.account, default: 0] += job.held.rawValue }
    let match = exchange.ledger.accounts(limit: .max).allSatisfy {
      $0.debitsHeld.rawValue == held[$0.id] ?? 0
    }
    #expect(match, place)
    var drawn: [BudgetID: UInt64] = [:]
    for job in open {
      for id in job.budget.map({ exchange.path(from: $0) }) ?? [] {
        drawn[id, default: 0] += job.hold.rawValue
      }
    }
    for account in exchange.ledger.accounts(limit: .max) {
      for budget in exchange.budgets(of: account.id, limit: .max) {
        #expect(budget.held.rawValue == drawn[budget.id] ?? 0, place)
      }
    }
    #expect(exchange.queuedCount + exchange.runningCount == open.count, place)
  }

  private func checkJobs(
    _ exchange: Exchange, _ endings: inout [JobID: Ending], _ place: Comment
  ) {
    for account in exchange.ledger.accounts(limit: .max) {
      for job in exchange.jobs(of: account.id, limit: .max) {
        #expect(job.account == account.id, place)
        checkRecord(of: job, exchange, place)
        guard let ending = job.ending else { continue }
        #expect(ending.charge <= job.hold && job.held == .zero, place)
        #expect(endings[job.id] ?? ending == ending, place)
        endings[job.id] = ending
      }
    }
    for worker in exchange.allWorkers {
      let attempts = exchange.attempts(of: worker.id)
      #expect(attempts.count == exchange.busyCount(of: worker.id), place)
      for attempt in attempts {
        #expect(exchange.job(attempt.job)?.attempt?.epoch == attempt.epoch, place)
      }
    }
  }

  private func checkRecord(of job: Job, _ exchange: Exchange, _ place: Comment) {
    var next: UInt64 = 1
    for segment in exchange.segments(of: job.id) {
      #expect(segment.firstSeq == next, place)
      next = segment.lastSeq + 1
    }
    #expect(next == job.record.lastSeq + 1, place)
  }
}
