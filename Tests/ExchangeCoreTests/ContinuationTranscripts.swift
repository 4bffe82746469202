import ExchangeCore
import ExchangeTypes
import Testing
import TokenLedger

@Suite("Jobs that go on after a loss, command by command")
struct ContinuationTranscripts {
  /// A world in state version 2, with jobs 1 to `count` and a dearer second worker.
  private func world(
    jobs count: UInt64, version: UInt32 = 2, limits: Limits = Limits()
  ) -> World {
    var world = World(limits: limits)
    world.run(register("w2", offers: [offer(output: 4_000_000_000)]))
    if version > 1 { world.run(.raiseStateVersion(.init(to: version))) }
    for number in 1...count { world.run(submit(number, timeout: 1_000)) }
    return world
  }

  @Test("in state version 1 a job with a record ends with its worker")
  func before() {
    var world = world(jobs: 1, version: 1)
    world.expect(
      """
      assign: attempt 1/1 [assign 1/1 to 1]
      output: 1 through 1 [record 1 at 1]
      lost: failed [ended 1]
      """,
      of: [
        ("assign", assign(1)),
        ("output", checkpoint((attempt(1), events(from: 1)))),
        ("lost", lost(attempt(1))),
      ])
    #expect(world.exchange.job(JobID(1))?.ending?.charge == Credits(nano: 20_000))
  }

  @Test(
    "a job went on from ids if it did wherever an attempt was lost, and each word for it counts once"
  )
  func fromIDs() throws {
    var limits = Limits()
    limits.attemptsMax = 4
    var world = world(jobs: 3, version: 3, limits: limits)
    func says(_ job: UInt64, _ epoch: UInt32) -> Command {
      .goesOnFromIDs(.init(attempt: attempt(job, epoch)))
    }
    func fromIDs(_ job: UInt64) -> Bool? {
      world.exchange.job(JobID(job)).map(world.exchange.wentOnFromIDs)
    }
    /// An attempt adds an event and is lost, and the next one has the job.
    func cut(_ job: UInt64, _ epoch: UInt32, adding seq: UInt64?) {
      if let seq { world.run(checkpoint((attempt(job, epoch), events(from: seq)))) }
      world.run(lost(attempt(job, epoch)))
      world.run(assign(job, epoch: epoch + 1))
    }
    world.run(assign(1))
    world.expect(
      "nothing is cut yet: 1 from ids", of: [("nothing is cut yet", says(1, 1))])
    #expect(fromIDs(1) == false)
    cut(1, 1, adding: 1)
    #expect(fromIDs(1) == false, "by text, as far as is known")
    world.expect(
      """
      the lost one: ✗ stale_epoch (epoch 1, expected 2)
      the next: 1 from ids
      """, of: [("the lost one", says(1, 1)), ("the next", says(1, 2))])
    #expect(fromIDs(1) == true)
    // The next is lost before it has added anything: the seam is the same, and is passed by text.
    cut(1, 2, adding: nil)
    #expect(fromIDs(1) == false)
    world.run(says(1, 3))
    cut(1, 3, adding: 2)
    #expect(fromIDs(1) == false)
    world.run(says(1, 4))
    #expect(fromIDs(1) == true)
    #expect(try world.replica.restored().wentOnFromIDs(#require(world.exchange.job(JobID(1)))))
    // Once by text, and no later word mends it.
    world.run(assign(2))
    cut(2, 1, adding: 1)
    cut(2, 2, adding: 2)
    world.run(says(2, 3))
    #expect(fromIDs(2) == false)
    // Or by text in between.
    world.run(assign(3))
    cut(3, 1, adding: 1)
    world.run(says(3, 2))
    cut(3, 2, adding: nil)
    cut(3, 3, adding: 2)
    world.run(says(3, 4))
    #expect(fromIDs(3) == false)
    // What is said of a job goes with it.
    world.run(settle(attempt(1, 4)))
    #expect(fromIDs(1) == true)
    world.run(.purge(.init(caller: World.alice, jobs: [JobID(1)])))
    #expect(fromIDs(1) == nil)
    #expect(try world.replica.restored().digest == world.exchange.digest)
    var old = self.world(jobs: 1)
    old.run(assign(1))
    old.expect(
      "in an older version: ✗ wrong_state (state_version 2, needed 3)",
      of: [("in an older version", says(1, 1))])
  }

  @Test("record, epoch and fence: the second attempt goes on where the first one was recorded")
  func goesOn() throws {
    var world = world(jobs: 1)
    world.expect(
      """
      assign: attempt 1/1 [assign 1/1 to 1]
      output: 1 through 1 [record 1 at 1]
      lost: queued [requeued 1]
      lost again: ✗ wrong_state (job 1, state queued)
      its worker goes on: 1 ✗ wrong_state (job 1, state queued)
      its worker ends it: ✗ wrong_state (job 1, state queued)
      assign under the old epoch: ✗ stale_epoch (epoch 1, expected 2)
      assign: attempt 1/2 [assign 1/2 to 1]
      the first worker goes on: 1 ✗ stale_epoch (epoch 1, expected 2)
      the first worker ends it: ✗ stale_epoch (epoch 1, expected 2)
      the second begins anew: 1 ✗ stream_diverged (seq 1, expected 2)
      the second leaves a gap: 1 ✗ stream_diverged (seq 3, expected 2)
      the second goes on: 1 through 2 [record 1 at 2]
      lost in turn: queued [requeued 1]
      assign: attempt 1/3 [assign 1/3 to 1]
      a claim to the wrong record: ✗ stream_diverged (claimed 2, recorded 3, hash same)
      the end: completed for 0.00007 [record 1 at 3, ended 1]
      the first worker's end: completed for 0.00007 again
      """,
      of: [
        ("assign", assign(1)),
        ("output", checkpoint((attempt(1), events(from: 1)))),
        ("lost", lost(attempt(1))),
        ("lost again", lost(attempt(1))),
        ("its worker goes on", checkpoint((attempt(1), events(from: 2)))),
        ("its worker ends it", settle(attempt(1))),
        ("assign under the old epoch", assign(1)),
        ("assign", assign(1, epoch: 2)),
        ("the first worker goes on", checkpoint((attempt(1), events(from: 2)))),
        ("the first worker ends it", settle(attempt(1))),
        ("the second begins anew", checkpoint((attempt(1, 2), events(from: 1)))),
        ("the second leaves a gap", checkpoint((attempt(1, 2), events(from: 3)))),
        ("the second goes on", checkpoint((attempt(1, 2), events(from: 2)))),
        ("lost in turn", lost(attempt(1, 2))),
        ("assign", assign(1, epoch: 3)),
        (
          "a claim to the wrong record",
          settle(
            attempt(1, 3), tail: events(from: 3), claim: .init(lastSeq: 2, chainHash: hash(3)))
        ),
        // Of 90 prompt tokens 80 may be the output so far; of 999 claimed ones the record has 30.
        (
          "the end",
          settle(
            attempt(1, 3), prompt: 90, output: 999, tail: events(from: 3),
            claim: .init(lastSeq: 3, chainHash: hash(3)))
        ),
        ("the first worker's end", settle(attempt(1))),
      ])
    let ending = try #require(world.exchange.job(JobID(1))?.ending)
    #expect(ending.promptTokens == TokenCount(10))
    #expect(ending.outputTokens == TokenCount(30))
    #expect(ending.attempt?.epoch == Epoch(3))
    #expect(world.exchange.account(AccountID(3))?.debitsHeld == .zero)
    #expect(try world.replica.restored().job(JobID(1)) == world.exchange.job(JobID(1)))
  }

  @Test("no way on: the tries are used up, the leader says no, the consumer has cancelled")
  func noWayOn() {
    var world = world(jobs: 3)
    world.expect(
      """
      assign: attempt 1/1 [assign 1/1 to 1]
      output: 1 through 1 [record 1 at 1]
      first try: queued [requeued 1]
      assign: attempt 1/2 [assign 1/2 to 1]
      second try: queued [requeued 1]
      assign: attempt 1/3 [assign 1/3 to 1]
      third try: failed [ended 1]
      assign: attempt 2/1 [assign 2/1 to 1]
      output: 2 through 1 [record 2 at 1]
      what was said cannot be continued: failed [ended 2]
      assign: attempt 3/1 [assign 3/1 to 1]
      output: 3 through 1 [record 3 at 1]
      cancel: cancelling [stop 3/1 at 1]
      lost while it stops: cancelled [ended 3]
      """,
      of: [
        ("assign", assign(1)),
        ("output", checkpoint((attempt(1), events(from: 1)))),
        ("first try", lost(attempt(1))),
        ("assign", assign(1, epoch: 2)),
        ("second try", lost(attempt(1, 2))),
        ("assign", assign(1, epoch: 3)),
        ("third try", lost(attempt(1, 3))),
        ("assign", assign(2)),
        ("output", checkpoint((attempt(2), events(from: 1)))),
        ("what was said cannot be continued", lost(attempt(2), retry: false)),
        ("assign", assign(3)),
        ("output", checkpoint((attempt(3), events(from: 1)))),
        ("cancel", cancel(3)),
        ("lost while it stops", lost(attempt(3))),
      ])
    for job in 1...3 as ClosedRange<UInt64> {
      #expect(world.exchange.job(JobID(job))?.ending?.charge == Credits(nano: 20_000))
    }
    #expect(world.exchange.job(JobID(1))?.ending?.error == .workerLost)
    #expect(world.exchange.account(AccountID(3))?.debitsHeld == .zero)
  }

  @Test("what ends in the queue owes what was delivered: cancelled, orphaned, expired")
  func endsInTheQueue() throws {
    var world = world(jobs: 3)
    for job in 1...3 as ClosedRange<UInt64> {
      world.run(assign(job))
      world.run(checkpoint((attempt(job), events(from: 1))))
      world.run(lost(attempt(job)))
    }
    world.run(.orphan(.init(job: JobID(2))))
    world.expect("cancel: cancelled [ended 1]", of: [("cancel", cancel(1))])
    world.time = 1_000
    world.expect("too late: expired 2 [ended 2, ended 3]", of: [("too late", .pulse)])
    for (job, state, finish, error) in [
      (1, JobState.cancelled, FinishReason.cancelled, nil),
      (2, .expired, .error, .deadlineExpired), (3, .expired, .error, .deadlineExpired),
    ] as [(UInt64, JobState, FinishReason, ErrorCode?)] {
      let ending = try #require(world.exchange.job(JobID(job))?.ending)
      #expect(ending.state == state && ending.finish == finish && ending.error == error)
      #expect(ending.charge == Credits(nano: 20_000))
      #expect(ending.outputTokens == TokenCount(10) && ending.promptTokens == .zero)
    }
    #expect(world.exchange.account(AccountID(4))?.balance == Credits(nano: 60_000))
    #expect(world.exchange.account(AccountID(3))?.debitsHeld == .zero)
  }

  @Test("the terms are those of the last attempt that added to the record")
  func terms() {
    var world = world(jobs: 3)
    for job in 1...3 as ClosedRange<UInt64> {
      world.run(assign(job))
      world.run(checkpoint((attempt(job), events(from: 1))))
      world.run(lost(attempt(job)))
      world.run(assign(job, epoch: 2, worker: 2))
      if job == 2 { world.run(checkpoint((attempt(job, 2), events(from: 2)))) }
      if job < 3 { world.run(lost(attempt(job, 2))) }
    }
    world.expect(
      """
      the dearer one added nothing: cancelled [ended 1]
      it added as much: cancelled [ended 2]
      it only ended it: completed for 0.00002 [ended 3]
      """,
      of: [
        ("the dearer one added nothing", cancel(1)),
        ("it added as much", cancel(2)),
        (
          "it only ended it",
          settle(attempt(3, 2), prompt: 10, claim: .init(lastSeq: 1, chainHash: hash(3)))
        ),
      ])
    #expect(world.exchange.job(JobID(1))?.ending?.charge == Credits(nano: 20_000))
    #expect(world.exchange.job(JobID(2))?.ending?.charge == Credits(nano: 80_000))
  }
}
