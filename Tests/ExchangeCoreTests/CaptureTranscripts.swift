import ExchangeCore
import ExchangeTypes
import TokenLedger
import Testing
import TokenLedger

@Suite("Transcripts: a capture is never above its hold, and never made twice")
struct CaptureTranscripts {
  private func raised() -> World {
    var world = World()
    world.run(.raiseStateVersion(.init(to: Exchange.moneyStateVersion)))
    return world
  }

  /// A job of which exactly so much is held as 100 prompt and 50 output tokens cost at sam's prices.
  private func exact(_ number: UInt64) -> Command {
    submit(number, inputCeiling: 1_000_000_000, outputCeiling: 2_000_000_000)
  }

  @Test(
    "more than was held: the stream is an overrun, and what is claimed of it is cut to the hold")
  func aboveHold() throws {
    var world = raised()
    world.expect(
      """
      100 and 50 tokens: job 1 holds 0.0002 [queued 1]
      its worker: attempt 1/1 [assign 1/1 to 1]
      900 tokens of output: 1 through 1 [record 1 at 1]
      taken from its worker: failed [ended 1]
      what that worker still sends: 1 ✗ wrong_state (job 1, state failed)
      another of the same: job 2 holds 0.0002 [queued 2]
      its worker: attempt 2/1 [assign 2/1 to 1]
      9,000 tokens claimed of each: completed for 0.0002 [record 2 at 1, ended 2]
      """,
      of: [
        ("100 and 50 tokens", exact(1)), ("its worker", assign(1)),
        (
          "900 tokens of output",
          checkpoint((attempt(1), events(from: 1, tokens: 900, bytes: 4_000)))
        ),
        ("taken from its worker", lost(attempt(1), reason: .streamOverrun, retry: false)),
        ("what that worker still sends", checkpoint((attempt(1), events(from: 2)))),
        ("another of the same", exact(2)), ("its worker", assign(2)),
        (
          "9,000 tokens claimed of each",
          settle(
            attempt(2), prompt: 9_000, output: 9_000,
            tail: events(from: 1, tokens: 9_000, bytes: 36_000))
        ),
      ])
    let overrun = try #require(world.exchange.job(JobID(1)))
    #expect(overrun.ending?.error == .streamOverrun && overrun.held == .zero)
    #expect(overrun.record.tokens == 900 && overrun.ending?.outputTokens == TokenCount(50))
    #expect(overrun.ending?.charge == Credits(nano: 100_000))
    let claimed = try #require(world.exchange.job(JobID(2)))
    #expect(claimed.ending?.charge == claimed.hold && claimed.held == .zero)
    let alice = try #require(world.exchange.account(AccountID(3)))
    #expect(alice.debitsHeld == .zero && alice.debitsPosted == Credits(nano: 300_000))
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test("a second capture: each way to ask for one, and what it is told")
  func twice() throws {
    var world = raised()
    world.run(exact(1))
    world.run(exact(2))
    world.expect(
      """
      its worker: attempt 1/1 [assign 1/1 to 1]
      it ends: completed for 0.00012 [record 1 at 1, ended 1]
      the same again: completed for 0.00012 again
      the same for more: completed for 0.00012 again
      as a failure: completed for 0.00012 again
      as a loss: ✗ wrong_state (job 1, state completed)
      more of its output: 1 ✗ wrong_state (job 1, state completed)
      cancelled: completed
      a first worker: attempt 2/1 [assign 2/1 to 1]
      it is lost: queued [requeued 2]
      it settles in the queue: ✗ wrong_state (job 2, state queued)
      a second worker: attempt 2/2 [assign 2/2 to 1]
      the first settles: ✗ stale_epoch (epoch 1, expected 2)
      the second does: completed for 0.00002 [record 2 at 1, ended 2]
      the first once more: completed for 0.00002 again
      taken back: transfers 6
      taken back again: ✗ already_reversed (transfer 2)
      """,
      of: [
        ("its worker", assign(1)),
        ("it ends", settle(attempt(1), prompt: 100, output: 10, tail: events(from: 1))),
        ("the same again", settle(attempt(1), prompt: 100, output: 10, tail: events(from: 1))),
        (
          "the same for more",
          settle(attempt(1), prompt: 100, output: 50, tail: events(from: 2, tokens: 40, bytes: 160))
        ),
        ("as a failure", settle(attempt(1), .error, error: .engineError)),
        ("as a loss", lost(attempt(1))),
        ("more of its output", checkpoint((attempt(1), events(from: 2)))),
        ("cancelled", cancel(1)),
        ("a first worker", assign(2)), ("it is lost", lost(attempt(2))),
        ("it settles in the queue", settle(attempt(2), output: 10)),
        ("a second worker", assign(2, epoch: 2)),
        ("the first settles", settle(attempt(2), output: 10, tail: events(from: 1))),
        ("the second does", settle(attempt(2, 2), output: 10, tail: events(from: 1))),
        ("the first once more", settle(attempt(2), output: 10)),
        ("taken back", reverse(2)), ("taken back again", reverse(2, request: 81)),
      ])
    let posted = world.exchange.transfers(after: TransferID(1), limit: 9)
    #expect(posted.map(\.kind) == [.capture, .sale, .capture, .sale, .reversal])
    #expect(posted.compactMap { $0.job?.rawValue } == [1, 1, 2, 2, 1])
    let alice = try #require(world.exchange.account(AccountID(3)))
    #expect(alice.debitsHeld == .zero && alice.debitsPosted == Credits(nano: 140_000))
    #expect(try world.replica.restored().journal == world.exchange.journal)
  }
}
