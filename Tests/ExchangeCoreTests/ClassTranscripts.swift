import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing
import TokenLedger

@Suite("Transcripts: jobs that mind waiting more than others, or less")
struct ClassTranscripts {
  private func world(limits: Limits = Limits()) -> World {
    var world = World(limits: limits)
    world.run(.raiseStateVersion(.init(to: 3)))
    return world
  }

  @Test("a job keeps its class, and what else it asks for, while it is open")
  func classes() throws {
    var old = World()
    old.expect(
      "too old: ✗ wrong_state (state_version 1, needed 3)", of: [("too old", inClass(.batch, 1))])
    var world = world()
    world.expect(
      """
      batch: job 1 holds 0.0004 [queued 1]
      again: job 1 holds 0.0004 again
      interactive, at once: job 2 holds 0.0004 [queued 2, assign 2/1 to 1]
      with terms: job 3 holds 0.0004 [queued 3]
      standard: job 4 holds 0.0004 [queued 4]
      """,
      of: [
        ("batch", inClass(.batch, 1)), ("again", inClass(.batch, 1)),
        ("interactive, at once", inClass(.interactive, 2, at: 1)),
        ("with terms", inClass(.batch, 3, needs: .tools)), ("standard", submit(4)),
      ])
    for exchange in [world.exchange, try world.replica.restored()] {
      func queued(_ jobClass: JobClass) -> [JobID] {
        exchange.queued(
          model: "m", of: AccountID(3), in: jobClass, after: JobID(0), limit: 9)
      }
      #expect(queued(.batch) == [JobID(1), JobID(3)] && queued(.standard) == [JobID(4)])
      #expect(exchange.isQueued(model: "m", in: .batch))
      #expect(!exchange.isQueued(model: "m", in: .interactive))
      #expect(exchange.job(JobID(2))?.jobClass == .interactive)
      #expect(exchange.terms(of: JobID(1)) == nil)
      #expect(exchange.terms(of: JobID(3)) == JobTerms(needs: .tools))
      #expect(exchange.queued(model: "m", limit: 9) == [JobID(1), JobID(3), JobID(4)])
    }
  }

  @Test("a batch job gives way with its record, so often and no more; no other job does")
  func givesWay() throws {
    var world = world()
    world.expect(
      """
      batch: job 1 holds 0.0004 [queued 1, assign 1/1 to 1]
      standard: job 2 holds 0.0004 [queued 2, assign 2/1 to 1]
      not a batch job: ✗ wrong_state (job 2, state running, preemptions 0)
      unknown: ✗ unknown_job (job 9)
      output: 1 through 1 [record 1 at 1]
      gives way: queued [requeued 1]
      again: ✗ wrong_state (job 1, state queued)
      assign: attempt 1/2 [assign 1/2 to 1]
      the old attempt: ✗ stale_epoch (epoch 1, expected 2)
      goes on: 1 through 2 [record 1 at 2]
      gives way: queued [requeued 1]
      assign: attempt 1/3 [assign 1/3 to 1]
      a third time: ✗ wrong_state (job 1, state running, preemptions 2)
      """,
      of: [
        ("batch", inClass(.batch, 1, at: 1)), ("standard", submitAssigned(2)),
        ("not a batch job", preempted(attempt(2))), ("unknown", preempted(attempt(9))),
        ("output", checkpoint((attempt(1), events(from: 1)))),
        ("gives way", preempted(attempt(1))), ("again", preempted(attempt(1))),
        ("assign", assign(1, epoch: 2)), ("the old attempt", preempted(attempt(1))),
        ("goes on", checkpoint((attempt(1, 2), events(from: 2)))),
        ("gives way", preempted(attempt(1, 2))), ("assign", assign(1, epoch: 3)),
        ("a third time", preempted(attempt(1, 3))),
      ])
    let restored = try world.replica.restored()
    #expect(restored.job(JobID(1)) == world.exchange.job(JobID(1)))
    #expect(restored.digest == world.exchange.digest)
    let job = try #require(restored.job(JobID(1)))
    #expect(job.preemptions == 2 && !restored.mayGiveWay(job))
    // Giving way used up no try: two losses leave one, as of any job.
    world.expect(
      """
      lost: queued [requeued 1]
      assign: attempt 1/4 [assign 1/4 to 1]
      lost: queued [requeued 1]
      assign: attempt 1/5 [assign 1/5 to 1]
      the end: completed for 0.00007 [record 1 at 3, ended 1]
      """,
      of: [
        ("lost", lost(attempt(1, 3))), ("assign", assign(1, epoch: 4)),
        ("lost", lost(attempt(1, 4))), ("assign", assign(1, epoch: 5)),
        (
          "the end",
          settle(attempt(1, 5), prompt: 90, tail: events(from: 3))
        ),
      ])
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test("one that was asked to end gives way to nobody: it ends")
  func cancelling() {
    var world = world()
    world.run(inClass(.batch, 1, at: 1))
    world.expect(
      """
      cancel: cancelling [stop 1/1 at 1]
      gives way: ✗ wrong_state (job 1, state cancelling, preemptions 0)
      """, of: [("cancel", cancel(1)), ("gives way", preempted(attempt(1)))])
  }

  @Test("an administrator sets what an account counts for, and may set it back")
  func weights() throws {
    var old = World()
    old.expect(
      "too old: ✗ wrong_state (state_version 1, needed 3)", of: [("too old", weigh(3, 200))])
    var world = world()
    world.expect(
      """
      unknown key: ✗ unauthenticated
      no scope: ✗ forbidden (scope 4)
      too little: ✗ malformed_request (field weight, least 10, most 10000)
      too much: ✗ malformed_request (field weight, least 10, most 10000)
      nobody: ✗ unknown_account (account 9)
      twice: account 3 weighed
      as most: account 3 weighed
      """,
      of: [
        ("unknown key", weigh(3, 200, by: KeyID(99))), ("no scope", weigh(3, 200, by: World.alice)),
        ("too little", weigh(3, 9)), ("too much", weigh(3, 10_001)), ("nobody", weigh(9, 200)),
        ("twice", weigh(3, 200)), ("as most", weigh(3, 100)),
      ])
    #expect(world.exchange.weight(of: AccountID(3)) == 100)
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }
}
