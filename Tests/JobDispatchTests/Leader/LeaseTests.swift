import ExchangeCore
import ExchangeTypes
import Testing
import WireProtocol

@testable import JobDispatch

/// Packets that are dropped without a word: no stream closes, and nothing comes.
@Suite("The leader: workers that fall silent")
struct LeaseTests {
  private static let lease = UInt64(WorkerSession.leaseMilliseconds)

  @Test(
    "a silent worker's running attempt goes elsewhere when its lease ends, and not before, whatever has come of it",
    arguments: [0, 3] as [UInt64])
  func silentWithSlot(events: UInt64) throws {
    let bench = try LeaderBench()
    let silent = try WorkerPeer(bench, "silent", price: 600_000)
    let slot = silent.park()
    let reader = bench.submit()
    let first = try slot.last(Assign.self)
    if events > 0 { silent.chunk(first, output(1...events), on: slot) }
    let other = try WorkerPeer(bench, "other")
    let otherSlot = other.park()
    other.alive(Self.lease - 500)
    #expect(otherSlot.all(Assign.self).isEmpty)
    other.alive(500)
    let second = try otherSlot.last(Assign.self)
    #expect(second.job == first.job && second.epoch > first.epoch && second.recordSeq == events)
    #expect(slot.all(AttemptAbandon.self).last?.epoch == first.epoch)
    #expect(silent.registration.isAborted)
    // What it still makes is fenced.
    silent.chunk(first, output((events + 1)...(events + 2)), on: slot)
    #expect(reader.events.count == Int(events))
    other.chunk(second, output((events + 1)...(events + 2)), on: otherSlot)
    other.finish(second, output(1...(events + 2)), on: otherSlot)
    #expect(try reader.last(Ended.self).summary.state == .completed)
    expectUnbroken(reader, of: first.job)
  }

  @Test(
    "nobody else need have room: the job waits, and one that cannot go on ends, within the lease")
  func nobodyElse() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slots = [worker.park(), worker.park()]
    let waiting = bench.submit()
    let ending = bench.submit(body: LeaderBench.structured)
    let assigns = try slots.map { try $0.last(Assign.self) }
    for (assign, slot) in zip(assigns, slots) { worker.chunk(assign, output(1...2), on: slot) }
    bench.advance(Self.lease)
    #expect(try bench.job(waiting.last(WireProtocol.Accepted.self).job).state == .queued)
    let summary = try ending.last(Ended.self).summary
    #expect(summary.error == ErrorCode.workerLost.rawValue && summary.outputTokens == TokenCount(2))
  }

  @Test("output is a sign of life, as a heartbeat is")
  func outputRenews() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    for seq in UInt64(1)...20 {
      bench.advance(Self.lease / 4)
      worker.chunk(assign, output(seq...seq), on: slot)
    }
    #expect(slot.all(AttemptAbandon.self).isEmpty && !worker.registration.isAborted)
    bench.advance(Self.lease)
    #expect(slot.all(AttemptAbandon.self).count == 1 && worker.registration.isAborted)
    #expect(reader.events == output(1...20))
  }

  @Test("a leader that stood still has heard nobody, and takes nothing from anybody for that")
  func leaderStoodStill() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...2), on: slot)
    bench.clock.now += 3 * Self.lease
    bench.dispatcher.tick()  // before anything is read
    bench.settle()
    worker.heartbeat()
    worker.alive(2_000)
    #expect(slot.all(AttemptAbandon.self).isEmpty && !worker.registration.isAborted)
    worker.finish(assign, output(1...2), on: slot)
    #expect(try reader.last(Ended.self).summary.state == .completed)
  }

  @Test(
    "an attempt whose end has come settles, though its window was full when its worker fell silent")
  func completeAndSilent() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit(body: LeaderBench.structured)
    let assign = try slot.last(Assign.self)
    bench.holdsWrites = true
    worker.chunk(assign, output(1...300), on: slot)
    worker.finish(assign, output(1...300), on: slot)
    bench.advance(2 * Self.lease)
    bench.holdsWrites = false
    bench.settle()
    bench.advance(500)
    #expect(reader.events == output(1...300))
    #expect(try reader.last(Ended.self).summary.state == .completed)
  }

  @Test(
    "an assignment that is applied when its worker's lease is over is taken back, and nobody is told of it"
  )
  func reservedAndSilent() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    bench.advance(Self.lease - 500)
    bench.holdsWrites = true
    let reader = bench.submit()
    bench.advance(1_000)
    bench.holdsWrites = false
    bench.settle()
    #expect(slot.all(Assign.self).isEmpty && slot.isAborted)
    try worker.register()
    let assign = try worker.park().last(Assign.self)
    #expect(try assign.job == reader.last(WireProtocol.Accepted.self).job)
  }

  @Test(
    "while a reader is awaited who may have more than the record, a worker that comes back goes on")
  func readerAwaited() throws {
    let bench = try LeaderBench()
    var worker = try WorkerPeer(bench)
    let slot = worker.park()
    let job = try bench.submit().last(WireProtocol.Accepted.self).job
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...4), on: slot)
    bench.advance(60)
    worker.chunk(assign, output(5...6), on: slot)  // read, and lost with the leader
    try bench.restart()
    worker = try WorkerPeer(bench)
    let silent = worker.resume(assign, from: 1, through: 6)
    #expect(silent.all(AttemptContinue.self).count == 1)
    bench.advance(Self.lease)
    #expect(silent.isAborted)
    #expect(try bench.job(job).state == .running)
    try worker.register()
    let resumed = worker.resume(assign, from: 1, through: 6)
    #expect(try resumed.last(AttemptContinue.self).fromSeq == 5)
    let reader = bench.follow(job, from: 7, hash: chainHash(job, output(1...6)))
    worker.chunk(assign, output(5...8), on: resumed)
    worker.alive(1_000)
    worker.finish(assign, output(1...8), on: resumed)
    #expect(reader.events == output(7...8))
    #expect(try reader.last(Ended.self).summary.state == .completed)
    expectUnbroken(reader, after: output(1...6), of: job)
  }
}
