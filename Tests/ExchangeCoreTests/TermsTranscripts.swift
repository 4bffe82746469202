import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing

@Suite("Transcripts: jobs that ask for more than a model")
struct TermsTranscripts {
  private func onTerms(
    _ number: UInt64, _ preferences: Preferences, at worker: UInt64? = nil
  ) -> Command {
    .submitOnTerms(
      .init(
        submit: plainSubmit(number), terms: JobTerms(needs: .tools, preferences: preferences),
        retention: nil,
        assignment: worker.map {
          .init(offer: OfferID(worker: WorkerID($0), index: 0), askVersion: 1)
        }))
  }

  @Test("what a job asks for is kept while it is open, and nobody whom it excludes gets it")
  func exclusions() throws {
    var world = World()
    world.expect(
      "too old: ✗ wrong_state (state_version 1, needed 3)",
      of: [("too old", onTerms(1, Preferences()))])
    world.run(.raiseStateVersion(.init(to: 3)))
    world.run(register("w2"))
    let notSam = Preferences(ignore: ["sam"])
    let secondOnly = Preferences(only: ["sam/w2"])
    world.expect(
      """
      without sam: job 1 holds 0.0004 [queued 1]
      again: job 1 holds 0.0004 again
      sam: ✗ no_capacity (worker 1, reason not_wanted)
      his second: job 2 holds 0.0004 [queued 2]
      not the first: ✗ no_capacity (worker 1, reason not_wanted)
      the second: attempt 2/1 [assign 2/1 to 2]
      at once: job 3 holds 0.0004 [queued 3, assign 3/1 to 2]
      at once, to the other: job 4 holds 0.0004 [queued 4]
      """,
      of: [
        ("without sam", onTerms(1, notSam)), ("again", onTerms(1, notSam)), ("sam", assign(1)),
        ("his second", onTerms(2, secondOnly)), ("not the first", assign(2)),
        ("the second", assign(2, worker: 2)), ("at once", onTerms(3, secondOnly, at: 2)),
        ("at once, to the other", onTerms(4, secondOnly, at: 1)),
      ])
    let kept = JobTerms(needs: .tools, preferences: notSam)
    #expect(world.exchange.terms(of: JobID(1)) == kept)
    #expect(try world.replica.restored().terms(of: JobID(1)) == kept)
    world.run(cancel(1))
    #expect(world.exchange.terms(of: JobID(1)) == nil)
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }
}
