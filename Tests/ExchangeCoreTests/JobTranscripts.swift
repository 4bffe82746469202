import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing
import TokenLedger

@Suite("Transcripts: a job's life")
struct JobTranscripts {
  @Test("assign: each refusal in its order")
  func assignment() {
    var world = World()
    world.run(
      register(
        "w2",
        offers: [
          offer("x"), offer(context: 120, slots: 1), offer("y", endpoints: [.completions]),
        ]))
    world.run(register("w3", draining: true))
    world.run(register("w4", offers: [offer(slots: 1, output: 2_500_000_000)]))
    world.run(register("w5", offers: [offer(slots: 1, input: 1_500_000_000)]))
    world.run(register("w6", offers: [offer(endpoints: [.completions])]))
    world.run(register("w7"))
    world.run(.workerGone(.init(worker: WorkerID(7), incarnation: 1)))
    world.run(submit(1, inputCeiling: 1_000_000_000, outputCeiling: 2_000_000_000))
    world.run(submit(2))
    world.run(submit(3))
    world.expect(
      """
      unknown job: ✗ unknown_job (job 9)
      not the next epoch: ✗ stale_epoch (epoch 2, expected 1)
      unknown worker: ✗ unknown_worker (worker 9)
      draining: ✗ no_capacity (worker 3, reason draining)
      offline: ✗ no_capacity (worker 7, reason offline)
      no such offer: ✗ ask_changed (offer 2#9, version 1)
      another model: ✗ ask_changed (offer 2#0, version 1)
      another version: ✗ ask_changed (offer 1#0, version 2)
      another endpoint: ✗ endpoint_not_served (endpoint chatCompletions)
      too small: ✗ context_length_exceeded (needed 150, limit 120)
      output too dear: ✗ price_above_ceiling (ceiling 2, ask 2.5)
      input too dear: ✗ price_above_ceiling (ceiling 1, ask 1.5)
      well: attempt 1/1 [assign 1/1 to 1]
      twice: ✗ wrong_state (job 1, state running)
      the other slot: attempt 2/1 [assign 2/1 to 1]
      no slot: ✗ no_capacity (busy 2, slots 2)
      """,
      of: [
        ("unknown job", assign(9, epoch: 9, worker: 9)),
        ("not the next epoch", assign(1, epoch: 2, worker: 9)),
        ("unknown worker", assign(1, worker: 9)),
        ("draining", assign(1, worker: 3, offer: 9)),
        ("offline", assign(1, worker: 7, offer: 9)),
        ("no such offer", assign(1, worker: 2, offer: 9)),
        ("another model", assign(1, worker: 2)),
        ("another version", assign(1, version: 2)),
        ("another endpoint", assign(1, worker: 6)),
        ("too small", assign(1, worker: 2, offer: 1, version: 2)),
        ("output too dear", assign(1, worker: 4)),
        ("input too dear", assign(1, worker: 5)),
        ("well", assign(1)),
        ("twice", assign(1, epoch: 2)),
        ("the other slot", assign(2)),
        ("no slot", assign(3)),
      ])
    #expect(world.exchange.freeSlots(.init(worker: WorkerID(1), index: 0)) == 0)
    #expect(world.exchange.queued(model: "m", limit: 9) == [JobID(3)])
    #expect(world.exchange.queuePosition(JobID(3)) == 0)
  }

  @Test("checkpoint: each entry is judged by itself")
  func checkpoints() throws {
    var world = World()
    for number in 1...3 as ClosedRange<UInt64> { world.run(submit(number)) }
    world.run(assign(1))
    world.run(assign(2))
    world.expect(
      """
      unknown job: 9 ✗ unknown_job (job 9)
      no attempt: 3 ✗ wrong_state (job 3, state queued)
      older epoch: 1 ✗ stale_epoch (epoch 0, expected 1)
      no events: 1 ✗ malformed_request (field count)
      no bytes: 1 ✗ malformed_request (field sealed)
      a gap: 1 ✗ stream_diverged (seq 2, expected 1)
      two streams: 1 through 3; 2 through 1 [record 1 at 3, record 2 at 1]
      the same again beside news: 1 ✗ stream_diverged (seq 1, expected 4); 2 through 2 [record 2 at 2]
      twice one stream: 1 through 4; 1 through 6 [record 1 at 4, record 1 at 6]
      """,
      of: [
        ("unknown job", checkpoint((attempt(9), events(from: 1)))),
        ("no attempt", checkpoint((attempt(3), events(from: 1)))),
        ("older epoch", checkpoint((attempt(1, 0), events(from: 9)))),
        ("no events", checkpoint((attempt(1), events(from: 9, count: 0)))),
        ("no bytes", checkpoint((attempt(1), events(from: 9, sealed: [])))),
        ("a gap", checkpoint((attempt(1), events(from: 2)))),
        (
          "two streams",
          checkpoint((attempt(1), events(from: 1, count: 3)), (attempt(2), events(from: 1)))
        ),
        (
          "the same again beside news",
          checkpoint((attempt(1), events(from: 1)), (attempt(2), events(from: 2)))
        ),
        (
          "twice one stream",
          checkpoint((attempt(1), events(from: 4)), (attempt(1), events(from: 5, count: 2)))
        ),
      ])
    let segments = world.exchange.segments(of: JobID(1))
    #expect(segments.map(\.firstSeq) == [1, 4, 5])
    #expect(world.exchange.segments(of: JobID(1), from: 5).map(\.firstSeq) == [5])
    #expect(world.exchange.segments(of: JobID(1), from: 7).isEmpty)
    for segment in segments {
      let row = world.replica.rows[6]?[segment.row.key]
      #expect(row.map { Array($0[segment.range]) } == [1, 2, 3])
      #expect(try row.flatMap { try segment.chainHash(of: JobID(1), in: $0) } == hash(3))
      #expect(try row.flatMap { try segment.chainHash(of: JobID(9), in: $0) } == nil)
    }
  }

  @Test("settle: each refusal in its order; the first wins, later ones hear of it")
  func settlement() {
    var world = World()
    for number in 1...4 as ClosedRange<UInt64> { world.run(submit(number)) }
    world.run(assign(1))
    world.expect(
      """
      unknown job: ✗ unknown_job (job 9)
      no attempt: ✗ wrong_state (job 2, state queued)
      older epoch: ✗ stale_epoch (epoch 0, expected 1)
      an empty tail: ✗ malformed_request (field count)
      a gap: ✗ stream_diverged (seq 2, expected 1)
      a claim of more than came: ✗ stream_diverged (claimed 2, recorded 1, hash same)
      a claim of something else: ✗ stream_diverged (claimed 1, recorded 1, hash differs)
      well: completed for 0.00011 [record 1 at 1, ended 1]
      again, otherwise: completed for 0.00011 again
      cancel: completed
      purge: purged 1 [purged 1]
      again: completed for 0.00011 again
      assign: attempt 2/1 [assign 2/1 to 1]
      an error before the first event: failed for 0 [ended 2]
      assign: attempt 3/1 [assign 3/1 to 1]
      an error after some: failed for 0.00002 [record 3 at 1, ended 3]
      assign: attempt 4/1 [assign 4/1 to 1]
      complete without output: completed for 0.00009 [ended 4]
      """,
      of: [
        ("unknown job", settle(attempt(9))),
        ("no attempt", settle(attempt(2))),
        ("older epoch", settle(attempt(1, 0), tail: events(from: 5))),
        ("an empty tail", settle(attempt(1), tail: events(from: 5, count: 0))),
        ("a gap", settle(attempt(1), tail: events(from: 2))),
        (
          "a claim of more than came",
          settle(
            attempt(1), tail: events(from: 1), claim: .init(lastSeq: 2, chainHash: hash(3)))
        ),
        (
          "a claim of something else",
          settle(
            attempt(1), tail: events(from: 1), claim: .init(lastSeq: 1, chainHash: hash(4)))
        ),
        (
          "well",
          settle(
            attempt(1), prompt: 90, output: 10, tail: events(from: 1),
            claim: .init(lastSeq: 1, chainHash: hash(3)))
        ),
        ("again, otherwise", settle(attempt(1, 7), .error, error: .engineError)),
        ("cancel", cancel(1)),
        ("purge", .purge(.init(caller: World.alice, jobs: [JobID(1)]))),
        ("again", settle(attempt(1))),
        ("assign", assign(2)),
        ("an error before the first event", settle(attempt(2), .error, prompt: 90)),
        ("assign", assign(3)),
        (
          "an error after some",
          settle(attempt(3), .error, error: .engineTimeout, tail: events(from: 1))
        ),
        ("assign", assign(4)),
        ("complete without output", settle(attempt(4), .length, prompt: 90, output: 40)),
      ])
    let exchange = world.exchange
    #expect(exchange.job(JobID(2))?.ending?.error == .engineError)
    #expect(exchange.job(JobID(3))?.ending?.error == .engineTimeout)
    #expect(exchange.account(AccountID(3))?.debitsHeld == .zero)
    #expect(
      exchange.account(AccountID(4))?.creditsEarned == exchange.account(AccountID(3))?.debitsPosted)
    #expect(exchange.transfers(limit: 9).map(\.kind) == [.credit, .capture, .capture, .capture])
  }

  @Test("cancel: a queued job ends, a running one is asked to, an ended one has")
  func cancellation() {
    var world = World()
    world.addReader()
    for number in 1...4 as ClosedRange<UInt64> { world.run(submit(number)) }
    world.expect(
      """
      unknown key: ✗ unauthenticated
      no scope: ✗ forbidden (scope 1)
      unknown job: ✗ not_found (job 9)
      another's job: ✗ not_found (job 1)
      queued: cancelled [ended 1]
      again: cancelled
      purge: purged 1 [purged 1]
      purged: cancelled
      purged, another's: ✗ not_found (job 1)
      assign: attempt 2/1 [assign 2/1 to 1]
      running: cancelling [stop 2/1 at 1]
      cancelling: cancelling
      its worker had finished: completed for 0.00003 [record 2 at 1, ended 2]
      assign: attempt 3/1 [assign 3/1 to 1]
      some output: 3 through 1 [record 3 at 1]
      running: cancelling [stop 3/1 at 1]
      output goes on until it stops: 3 through 2 [record 3 at 2]
      its worker stops: cancelled for 0.00005 [ended 3]
      many: cancelled 1 [ended 4]
      many of another's: cancelled 0
      many with a dead key: ✗ unauthenticated
      purge with a dead key: ✗ unauthenticated
      purge without scope: ✗ forbidden (scope 1)
      """,
      of: [
        ("unknown key", cancel(9, caller: KeyID(99))),
        ("no scope", cancel(9, caller: World.reader)),
        ("unknown job", cancel(9)),
        ("another's job", cancel(1, caller: World.bob)),
        ("queued", cancel(1)),
        ("again", cancel(1)),
        ("purge", .purge(.init(caller: World.alice, jobs: [JobID(1), JobID(2), JobID(9)]))),
        ("purged", cancel(1)),
        ("purged, another's", cancel(1, caller: World.bob)),
        ("assign", assign(2)),
        ("running", cancel(2)),
        ("cancelling", cancel(2)),
        (
          "its worker had finished",
          settle(attempt(2), prompt: 10, output: 10, tail: events(from: 1))
        ),
        ("assign", assign(3)),
        ("some output", checkpoint((attempt(3), events(from: 1)))),
        ("running", cancel(3)),
        ("output goes on until it stops", checkpoint((attempt(3), events(from: 2)))),
        ("its worker stops", settle(attempt(3), .cancelled, prompt: 10)),
        (
          "many",
          .cancelMany(.init(caller: World.alice, jobs: [JobID(3), JobID(4), JobID(4), JobID(9)]))
        ),
        ("many of another's", .cancelMany(.init(caller: World.bob, jobs: [JobID(4)]))),
        ("many with a dead key", .cancelMany(.init(caller: KeyID(99), jobs: []))),
        ("purge with a dead key", .purge(.init(caller: KeyID(99), jobs: []))),
        ("purge without scope", .purge(.init(caller: World.reader, jobs: []))),
      ])
  }

  @Test("attemptLost: elsewhere while nothing is committed and tries are left, else the end")
  func losses() {
    var world = World()
    for number in 1...4 as ClosedRange<UInt64> { world.run(submit(number)) }
    world.expect(
      """
      unknown job: ✗ unknown_job (job 9)
      not running: ✗ wrong_state (job 1, state queued)
      assign: attempt 1/1 [assign 1/1 to 1]
      older epoch: ✗ stale_epoch (epoch 0, expected 1)
      first try: queued [requeued 1]
      a word from the first worker: 1 ✗ wrong_state (job 1, state queued)
      assign: attempt 1/2 [assign 1/2 to 1]
      a later word: ✗ stale_epoch (epoch 1, expected 2)
      second try: queued [requeued 1]
      assign: attempt 1/3 [assign 1/3 to 1]
      third try: failed [ended 1]
      assign: attempt 2/1 [assign 2/1 to 1]
      nobody may try again: failed [ended 2]
      assign: attempt 3/1 [assign 3/1 to 1]
      some output: 3 through 1 [record 3 at 1]
      lost with output: failed [ended 3]
      assign: attempt 4/1 [assign 4/1 to 1]
      cancel: cancelling [stop 4/1 at 1]
      lost while it stops: cancelled [ended 4]
      """,
      of: [
        ("unknown job", lost(attempt(9))),
        ("not running", lost(attempt(1, 7))),
        ("assign", assign(1)),
        ("older epoch", lost(attempt(1, 0))),
        ("first try", lost(attempt(1))),
        ("a word from the first worker", checkpoint((attempt(1), events(from: 1)))),
        ("assign", assign(1, epoch: 2)),
        ("a later word", settle(attempt(1))),
        ("second try", lost(attempt(1, 2))),
        ("assign", assign(1, epoch: 3)),
        ("third try", lost(attempt(1, 3), reason: .engineBusy)),
        ("assign", assign(2)),
        ("nobody may try again", lost(attempt(2), reason: .engineGarbled, retry: false)),
        ("assign", assign(3)),
        ("some output", checkpoint((attempt(3), events(from: 1)))),
        ("lost with output", lost(attempt(3))),
        ("assign", assign(4)),
        ("cancel", cancel(4)),
        ("lost while it stops", lost(attempt(4))),
      ])
    #expect(world.exchange.job(JobID(3))?.ending?.charge == Credits(nano: 20_000))
    #expect(world.exchange.account(AccountID(3))?.debitsHeld == .zero)
  }

  @Test(
    "attemptLost: since state version 3 an engine that cannot be reached is no try, so many times")
  func unreachable() throws {
    var limits = Limits()
    limits.attemptsMax = 2
    limits.unreachedMax = 2
    var world = World(limits: limits)
    world.run(submit(1))
    world.run(.raiseStateVersion(.init(to: 3)))
    for number in 2...3 as ClosedRange<UInt64> { world.run(submit(number)) }
    func unreached(_ job: UInt64, _ epoch: UInt32, retry: Bool = true) -> Command {
      lost(attempt(job, epoch), reason: .engineUnreachable, retry: retry)
    }
    world.expect(
      """
      assign: attempt 1/1 [assign 1/1 to 1]
      a job from before: queued [requeued 1]
      assign: attempt 1/2 [assign 1/2 to 1]
      it was a try: failed [ended 1]
      assign: attempt 2/1 [assign 2/1 to 1]
      no try: queued [requeued 2]
      assign: attempt 2/2 [assign 2/2 to 1]
      no try: queued [requeued 2]
      assign: attempt 2/3 [assign 2/3 to 1]
      a try, once too often: queued [requeued 2]
      assign: attempt 2/4 [assign 2/4 to 1]
      the last: failed [ended 2]
      assign: attempt 3/1 [assign 3/1 to 1]
      some output: 3 through 1 [record 3 at 1]
      a try, for the output: queued [requeued 3]
      assign: attempt 3/2 [assign 3/2 to 1]
      no try, it added nothing: queued [requeued 3]
      assign: attempt 3/3 [assign 3/3 to 1]
      nobody may try again: failed [ended 3]
      """,
      of: [
        ("assign", assign(1)), ("a job from before", unreached(1, 1)),
        ("assign", assign(1, epoch: 2)), ("it was a try", unreached(1, 2)),
        ("assign", assign(2)), ("no try", unreached(2, 1)),
        ("assign", assign(2, epoch: 2)), ("no try", unreached(2, 2)),
        ("assign", assign(2, epoch: 3)), ("a try, once too often", unreached(2, 3)),
        ("assign", assign(2, epoch: 4)), ("the last", unreached(2, 4)),
        ("assign", assign(3)), ("some output", checkpoint((attempt(3), events(from: 1)))),
        ("a try, for the output", unreached(3, 1)),
        ("assign", assign(3, epoch: 2)), ("no try, it added nothing", unreached(3, 2)),
        ("assign", assign(3, epoch: 3)), ("nobody may try again", unreached(3, 3, retry: false)),
      ])
    #expect(world.exchange.job(JobID(2))?.ending?.error == .engineUnreachable)
    let restored = try world.replica.restored()
    #expect(restored.job(JobID(2))?.unreached == 2 && restored.job(JobID(3))?.unreached == 1)
  }

  @Test("attemptLost: nor is an engine that has no room, so many times")
  func full() {
    var limits = Limits()
    limits.attemptsMax = 1
    limits.unreachedMax = 2
    var world = World(limits: limits)
    world.run(.raiseStateVersion(.init(to: 3)))
    world.run(submit(1))
    func refused(_ epoch: UInt32, _ reason: ErrorCode = .engineBusy) -> Command {
      lost(attempt(1, epoch), reason: reason)
    }
    world.expect(
      """
      assign: attempt 1/1 [assign 1/1 to 1]
      no try: queued [requeued 1]
      assign: attempt 1/2 [assign 1/2 to 1]
      no try, of either kind: queued [requeued 1]
      assign: attempt 1/3 [assign 1/3 to 1]
      a try, and the last: failed [ended 1]
      """,
      of: [
        ("assign", assign(1)), ("no try", refused(1)),
        ("assign", assign(1, epoch: 2)), ("no try, of either kind", refused(2, .engineUnreachable)),
        ("assign", assign(1, epoch: 3)), ("a try, and the last", refused(3)),
      ])
    #expect(world.exchange.job(JobID(1))?.ending?.error == .engineBusy)
  }

  @Test("orphan and adopt: an attached job without a reader is cancelled in time")
  func orphans() {
    var world = World()
    world.run(submit(1))
    world.run(submit(2))
    world.run(submit(3, mode: .submitted))
    world.run(submit(4))
    world.run(assign(2))
    func orphan(_ job: UInt64) -> Command { .orphan(.init(job: JobID(job))) }
    func adopt(_ job: UInt64, _ caller: KeyID? = nil) -> Command {
      .adopt(.init(caller: caller, job: JobID(job)))
    }
    world.time = 1_000
    world.expect(
      """
      unknown job: ✗ unknown_job (job 9)
      submitted: ✗ wrong_state (job 3, mode submitted, state queued)
      queued: until 16000 ms
      running: until 16000 ms
      its timer goes on: until 16000 ms
      another: until 16000 ms
      adopt with a dead key: ✗ unauthenticated
      adopt another's: ✗ not_found (job 4)
      adopt nothing: ✗ unknown_job (job 9)
      adopt: adopted
      adopt what has a reader: adopted
      """,
      of: [
        ("unknown job", orphan(9)),
        ("submitted", orphan(3)),
        ("queued", orphan(1)),
        ("running", orphan(2)),
        ("its timer goes on", orphan(2)),
        ("another", orphan(4)),
        ("adopt with a dead key", adopt(9, KeyID(99))),
        ("adopt another's", adopt(4, World.bob)),
        ("adopt nothing", adopt(9)),
        ("adopt", adopt(4, World.alice)),
        ("adopt what has a reader", adopt(3)),
      ])
    #expect(world.exchange.orphans == [JobID(1), JobID(2)])
    #expect(world.exchange.nextDeadline == LogTime(milliseconds: 16_000))
    world.time = 15_999
    world.expect("too early: expired 0", of: [("too early", .pulse)])
    world.time = 16_000
    world.expect(
      """
      in time: expired 2 [ended 1, stop 2/1 at 1]
      orphan what stops: ✗ wrong_state (job 2, mode attached, state cancelling)
      orphan what has ended: ✗ wrong_state (job 1, mode attached, state cancelled)
      adopt what has ended: adopted
      """,
      of: [
        ("in time", .pulse),
        ("orphan what stops", orphan(2)),
        ("orphan what has ended", orphan(1)),
        ("adopt what has ended", adopt(1)),
      ])
  }

  @Test("a queued job expires; a requeued one waits anew; time never goes back")
  func expiry() {
    var world = World()
    world.run(submit(1, timeout: 1_000))
    world.run(submit(2, timeout: 1_000))
    world.run(assign(2))
    world.time = 900
    world.run(lost(attempt(2)))
    #expect(world.exchange.nextDeadline == LogTime(milliseconds: 1_000))
    world.time = 1_000
    world.expect("one: expired 1 [ended 1]", of: [("one", .pulse)])
    world.time = 10
    world.expect("an old leader's stamp: expired 0", of: [("an old leader's stamp", .pulse)])
    #expect(world.exchange.logTime == LogTime(milliseconds: 1_000))
    world.time = 1_900
    world.expect("the other: expired 1 [ended 2]", of: [("the other", .pulse)])
    #expect(world.exchange.job(JobID(1))?.state == .expired)
    #expect(world.exchange.job(JobID(1))?.ending?.error == .deadlineExpired)
    #expect(world.exchange.account(AccountID(3))?.debitsHeld == .zero)
    #expect(world.exchange.account(AccountID(3))?.debitsPosted == .zero)
  }

  @Test("one pulse takes bounded time and says that more is due")
  func boundedPulse() {
    var limits = Limits()
    limits.expiriesPerPulseMax = 2
    var world = World(limits: limits)
    for number in 1...3 as ClosedRange<UInt64> { world.run(submit(number, timeout: 5)) }
    world.time = 5
    world.expect(
      """
      first: expired 2, more [ended 1, ended 2]
      second: expired 1 [ended 3]
      """, of: [("first", .pulse), ("second", .pulse)])
  }

  @Test(
    "records beyond the bounds are given up, the oldest ending first, segments with the last user")
  func retention() {
    var limits = Limits()
    limits.jobsEndedMax = 1
    limits.tombstonesMax = 1
    var world = World(limits: limits)
    for number in 1...3 as ClosedRange<UInt64> { world.run(submit(number)) }
    world.run(assign(1))
    world.run(assign(2))
    world.run(checkpoint((attempt(1), events(from: 1)), (attempt(2), events(from: 1))))
    world.time = 1
    world.expect(
      "the younger job ends first: completed for 0.00002 [ended 2]",
      of: [("the younger job ends first", settle(attempt(2)))])
    world.time = 2
    world.expect(
      "the elder: completed for 0.00002 [ended 1, purged 2]",
      of: [("the elder", settle(attempt(1)))])
    world.time = 3
    world.expect("a third: cancelled [ended 3, purged 1]", of: [("a third", cancel(3))])
    #expect(world.replica.rows[6]?.isEmpty ?? true)
    #expect(world.exchange.tombstone(JobID(2)) == nil)
    #expect(world.exchange.tombstone(JobID(1))?.charge == Credits(nano: 20_000))
    #expect(world.exchange.job(JobID(3)) != nil)
  }

  @Test("from state version 3 on an account's purged jobs displace its own, not another's")
  func fairRetention() {
    var limits = Limits()
    limits.tombstonesMax = 3
    limits.tombstonesPerAccountMax = 2
    var world = World(limits: limits)
    world.run(.raiseStateVersion(.init(to: 3)))
    func purge(_ job: UInt64, _ caller: KeyID) {
      world.time += 1
      world.run(.cancel(.init(caller: caller, job: JobID(job))))
      world.run(.purge(.init(caller: caller, jobs: [JobID(job)])))
    }
    world.run(
      .accountCredit(
        .init(
          caller: World.root, requestKey: request(90), account: AccountID(5),
          amount: Credits(nano: Credits.nanoPerCredit))))
    world.run(submit(1, caller: World.bob, output: 1))
    purge(1, World.bob)
    for number in 2...5 as ClosedRange<UInt64> {
      world.run(submit(number))
      purge(number, World.alice)
    }
    #expect(world.exchange.tombstone(JobID(1)) != nil, "bob's")
    #expect(
      (2...5).map { world.exchange.tombstone(JobID($0)) != nil } == [false, false, true, true])
  }

  @Test("what nobody can repeat any more is forgotten before what somebody may repeat tomorrow")
  func attachedRetention() {
    var limits = Limits()
    limits.tombstonesPerAccountMax = 2
    var world = World(limits: limits)
    world.run(.raiseStateVersion(.init(to: 3)))
    func purge(_ job: UInt64, _ mode: JobMode) {
      world.time += 1
      world.run(submit(job, mode: mode))
      world.run(.cancel(.init(caller: World.alice, job: JobID(job))))
      world.run(.purge(.init(caller: World.alice, jobs: [JobID(job)])))
    }
    purge(1, .submitted)
    for number in 2...5 as ClosedRange<UInt64> { purge(number, .attached) }
    #expect(
      (1...5).map { world.exchange.tombstone(JobID($0)) != nil } == [
        true, false, false, false, true,
      ])
    world.time += limits.attachedRequestRetention
    world.run(.pulse)
    #expect(world.exchange.tombstone(JobID(5)) == nil && world.exchange.tombstone(JobID(1)) != nil)
  }
}
