import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing

@Suite("Transcripts: workers")
struct WorkerTranscripts {
  @Test("workerRegister: each refusal in its order; a version grows only when the offer changed")
  func registration() {
    var limits = Limits()
    limits.workersPerAccountMax = 2
    var world = World(limits: limits)
    world.expect(
      """
      unknown key: ✗ unauthenticated
      no scope: ✗ forbidden (scope 2)
      no name: ✗ malformed_request (field name)
      an offer without slots: ✗ malformed_request (field slots, offer 1)
      a model twice: ✗ malformed_request (field model, offer 1)
      the same again: worker 1, asks [1] [worker 1 changed]
      another run: worker 1, asks [1] [worker 1 changed]
      a change and an addition: worker 1, asks [2, 3] [worker 1 changed]
      another order: worker 1, asks [3, 2] [worker 1 changed]
      gone and back: worker 1, asks [2] [worker 1 changed]
      back at the old price: worker 1, asks [2, 4] [worker 1 changed]
      draining: worker 1, asks [2, 4] [worker 1 changed]
      a second: worker 2, asks [1] [worker 2 changed]
      a third: ✗ no_capacity (workers 2, limit 2)
      the second goes: worker 2 gone [worker 2 gone]
      a third: worker 3, asks [1] [worker 3 changed]
      root's own: worker 4, asks [1] [worker 4 changed]
      """,
      of: [
        ("unknown key", register("", caller: KeyID(99))),
        ("no scope", register("", caller: World.alice)),
        ("no name", register("", offers: [offer("")])),
        ("an offer without slots", register("w2", offers: [offer(), offer("x", slots: 0)])),
        ("a model twice", register("w2", offers: [offer(), offer()])),
        ("the same again", register()),
        ("another run", register(incarnation: 2)),
        ("a change and an addition", register(offers: [offer("x"), offer(slots: 3)])),
        ("another order", register(offers: [offer(slots: 3), offer("x")])),
        ("gone and back", register(offers: [offer("x")])),
        ("back at the old price", register(offers: [offer("x"), offer()])),
        ("draining", register(offers: [offer("x"), offer()], draining: true)),
        ("a second", register("w2")),
        ("a third", register("w3")),
        ("the second goes", .workerGone(.init(worker: WorkerID(2), incarnation: 1))),
        ("a third", register("w3")),
        ("root's own", register(caller: World.root)),
      ])
    #expect(world.exchange.worker(WorkerID(2)) == nil)
    #expect(world.exchange.workers(of: AccountID(4)).map(\.id) == [WorkerID(1), WorkerID(3)])
    #expect(world.exchange.worker(account: AccountID(1), name: "w1") == WorkerID(4))
  }

  @Test("workerGone: only the run that is named")
  func gone() {
    var world = World()
    func gone(_ worker: UInt64, _ incarnation: UInt64) -> Command {
      .workerGone(.init(worker: WorkerID(worker), incarnation: incarnation))
    }
    world.expect(
      """
      unknown: ✗ unknown_worker (worker 9)
      another run: ✗ stale_epoch (incarnation 2, expected 1)
      gone: worker 1 gone [worker 1 gone]
      again: worker 1 gone
      its model is still known: job 1 holds 0.0002 [queued 1]
      back: worker 1, asks [1] [worker 1 changed]
      """,
      of: [
        ("unknown", gone(9, 1)), ("another run", gone(1, 2)), ("gone", gone(1, 1)),
        ("again", gone(1, 1)), ("its model is still known", submit(1)), ("back", register()),
      ])
  }

  @Test("a model's view adds up what takes jobs; asks come in price order")
  func market() throws {
    var world = World()
    world.run(
      register(
        "w2", offers: [offer(context: 4_000, outputDefault: 50, slots: 5, output: 1_000_000_000)]))
    world.run(register("w3", offers: [offer(input: 1)], draining: true))
    world.run(register("w4", offers: [offer(slots: 7)]))
    world.run(.workerGone(.init(worker: WorkerID(4), incarnation: 1)))
    world.run(submit(1))
    world.run(assign(1))
    let model = try #require(world.exchange.model("m"))
    #expect(model.context == TokenCount(4_000) && model.outputDefault == TokenCount(50))
    #expect(model.suppliers == 2 && model.slots == 7 && model.slotsFree == 6)
    #expect(
      model.lowest.input == Price(nanoPerMillion: 1_000_000_000), "one that drains sells nothing")
    #expect(world.exchange.asks(model: "m").map(\.id.worker.rawValue) == [2, 3, 1, 4])
    #expect(world.exchange.models == ["m"])
    #expect(world.exchange.model("x") == nil)
    #expect(world.exchange.attempts(of: WorkerID(1)) == [attempt(1)])
  }
}
