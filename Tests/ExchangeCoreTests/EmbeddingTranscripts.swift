import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing

@Suite("Transcripts: jobs of embeddings")
struct EmbeddingTranscripts {
  @Test("one holds and pays its inputs alone, however many tokens of context they are together")
  func bills() throws {
    var world = World()
    let offers = [offer("e", context: 64, outputDefault: 64, endpoints: [.embeddings])]
    let vectors = submit(1, endpoint: .embeddings, model: "e", prompt: 1_000, output: nil)
    world.expect(
      """
      too old: ✗ wrong_state (state_version 1, needed 3)
      an offer too old: ✗ wrong_state (state_version 1, needed 3)
      """, of: [("too old", vectors), ("an offer too old", register("w2", offers: offers))])
    world.run(.raiseStateVersion(.init(to: 3)))
    world.run(register("w2", offers: offers))
    world.expect(
      """
      a model that generates: ✗ endpoint_not_served (model m, endpoint embeddings)
      a chat with one that does not: ✗ endpoint_not_served (model e, endpoint chatCompletions)
      beyond the context: job 1 holds 0.002 [queued 1]
      assigned: attempt 1/1 [assign 1/1 to 2]
      """,
      of: [
        ("a model that generates", submit(1, endpoint: .embeddings, output: nil)),
        ("a chat with one that does not", submit(1, model: "e")), ("beyond the context", vectors),
        ("assigned", assign(1, worker: 2)),
      ])
    let held = try #require(world.exchange.job(JobID(1)))
    #expect(held.bid.outputMax == .zero && held.bid.promptBound == TokenCount(1_000))
    world.run(checkpoint((attempt(1), events(from: 1, tokens: 0, idTokens: 0, bytes: 4_000))))
    world.run(settle(attempt(1), prompt: 700, output: 0))
    let ending = try #require(world.exchange.job(JobID(1))?.ending)
    #expect(ending.state == .completed && ending.outputTokens == .zero)
    #expect(ending.charge == Credits(nano: 700_000))
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test("records are bounded by their bytes: the oldest go, the newest is kept whatever it has")
  func records() throws {
    var limits = Limits()
    limits.recordBytesPerAccountMax = 100
    limits.recordBytesMax = 250
    var world = World(limits: limits)
    world.run(.raiseStateVersion(.init(to: 3)))
    func end(_ job: UInt64, caller: KeyID = World.alice, bytes: UInt32) {
      world.run(submit(job, caller: caller, output: 50))
      world.run(assign(job))
      world.run(checkpoint((attempt(job), events(from: 1, tokens: 1, bytes: bytes))))
      world.run(settle(attempt(job), prompt: 1, output: 1))
    }
    end(1, bytes: 60)
    end(2, bytes: 40)
    #expect(world.exchange.job(JobID(1)) != nil, "a hundred bytes are kept")
    end(3, bytes: 60)
    #expect(world.exchange.tombstone(JobID(1)) != nil && world.exchange.job(JobID(2)) != nil)
    end(4, bytes: 900)
    #expect(world.exchange.tombstone(JobID(3)) != nil && world.exchange.job(JobID(4)) != nil)
    // A restart counts the same.
    var restored = world
    restored.replica.exchange = try world.replica.restored()
    for number in [0, 1] {
      var other = number == 0 ? world : restored
      other.run(submit(5))
      other.run(cancel(5))
      #expect(other.exchange.tombstone(JobID(4)) != nil)
    }
  }
}
