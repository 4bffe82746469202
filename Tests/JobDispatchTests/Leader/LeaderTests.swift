import Consensus
import ExchangeCore
import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

@Suite("The leader: a job's way")
struct LeaderTests {
  @Test("submit, assign, chunks, checkpoint, finish, settle: the reader has it all and the charge")
  func wholeJob() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let job = try reader.last(WireProtocol.Accepted.self).job
    let assign = try slot.last(Assign.self)
    #expect(assign.body == LeaderBench.body())
    worker.chunk(assign, output(1...3), on: slot)
    #expect(reader.events == output(1...3), "events go on at once")
    #expect(try bench.job(job).record.lastSeq == 0)
    bench.advance(60)
    #expect(try bench.job(job).record.lastSeq == 3, "the timer has recorded them")
    worker.chunk(assign, output(4...6), on: slot)
    bench.holdsWrites = true
    worker.finish(assign, output(1...6), on: slot)
    #expect(reader.all(Ended.self).isEmpty, "not before the settle is durable")
    #expect(slot.all(AttemptSettled.self).isEmpty)
    bench.holdsWrites = false
    bench.settle()
    let ended = try reader.last(Ended.self)
    #expect(ended.summary.state == .completed)
    #expect(ended.summary.outputTokens.rawValue == 6)
    #expect(ended.summary.charge == Credits(nano: 5 + 12))
    #expect(ended.lastSeq == 6)
    #expect(ended.hash == chainHash(job, output(1...6)))
    #expect(slot.all(AttemptSettled.self).count == 1)
    #expect(reader.isFinished)
    expectUnbroken(reader, of: job)
  }

  @Test(
    "bodies of every size reach the worker whole, from memory and after a restart",
    arguments: [0, 11_900, 12_100, 12_300, 14_000, 15_200, 15_400, 40_000])
  func bodies(bytes: Int) throws {
    let bench = try LeaderBench()
    let body = LeaderBench.body(bytes: bytes)
    _ = try WorkerPeer(bench)
    let reader = bench.submit(.submitted, body: body)
    #expect(reader.failure == nil)
    try bench.restart()
    let worker = try WorkerPeer(bench)
    #expect(try worker.park().last(Assign.self).body == body)
  }

  @Test("large events are cut into messages that fit a frame")
  func largeEvents() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let first = bench.submit()
    let job = try first.last(WireProtocol.Accepted.self).job
    let assign = try slot.last(Assign.self)
    for seq in UInt64(1)...20 {
      worker.chunk(assign, output(seq...seq, bytes: 12_000), on: slot)
    }
    let late = bench.follow(job)
    #expect(late.events.count == 20)
    expectUnbroken(late, of: job)
  }

  @Test("a reader comes from an event on, with the right hash, the wrong one, and after the end")
  func fromTheMiddle() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let job = try reader.last(WireProtocol.Accepted.self).job
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...10), on: slot)
    bench.advance(60)
    worker.chunk(assign, output(11...12), on: slot)
    let right = bench.follow(job, from: 6, hash: chainHash(job, output(1...5)))
    #expect(right.events == output(6...12))
    let wrong = bench.follow(job, from: 6, hash: chainHash(job, output(1...4)))
    #expect(wrong.failure == .streamDiverged)
    #expect(wrong.events.isEmpty)
    worker.finish(assign, output(1...12), on: slot)
    let after = bench.follow(job, from: 6, hash: chainHash(job, output(1...5)))
    #expect(after.events == output(6...12))
    #expect(after.all(Ended.self).count == 1)
    let wrongAfter = bench.follow(job, from: 13, hash: chainHash(job, output(1...11)))
    #expect(wrongAfter.failure == .streamDiverged)
    let beyond = bench.follow(job, from: 20)
    #expect(beyond.failure == .streamDiverged)
    // From the record alone.
    try bench.restart()
    let record = bench.follow(job, from: 11, hash: chainHash(job, output(1...10)))
    #expect(record.events == output(11...12))
    #expect(record.all(Ended.self).count == 1)
    expectUnbroken(record, after: output(1...10), of: job)
  }

  @Test(
    "of a reader that comes far into a record only what it wants is opened, and nothing before it")
  func farIn() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    bench.submit()
    let assign = try slot.last(Assign.self)
    for first in stride(from: 1 as UInt64, to: 400, by: 10) {
      worker.chunk(assign, output(first...(first + 9)), on: slot)
      bench.advance(60)
    }
    worker.finish(assign, output(1...400), on: slot)
    #expect(bench.replica.exchange.segments(of: assign.job).count >= 40)
    let before = bench.sealer.opened
    let hash = chainHash(assign.job, output(1...390))
    let reader = bench.follow(assign.job, from: 391, hash: hash, attach: false)
    #expect(reader.events == output(391...400) && bench.sealer.opened == before + 1)
    expectUnbroken(reader, after: output(1...390), of: assign.job)
    #expect(try reader.last(Ended.self).lastSeq == 400)
    let middle = bench.follow(assign.job, from: 205, attach: false)
    #expect(middle.events == output(205...400))
    expectUnbroken(middle, after: output(1...204), of: assign.job)
    #expect(
      bench.follow(assign.job, from: 391, hash: chainHash(assign.job, output(1...389)))
        .failure == .streamDiverged)
  }

  @Test("a slot that breaks is resumed without a gap and without an event twice")
  func slotResumes() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let job = try reader.last(WireProtocol.Accepted.self).job
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...5), on: slot)
    bench.close(slot)
    worker.alive(2_000)
    let again = worker.resume(assign, from: 1, through: 8)
    #expect(try again.last(AttemptContinue.self).fromSeq == 6)
    worker.chunk(assign, output(4...8), on: again)
    worker.finish(assign, output(1...8), on: again)
    #expect(reader.events == output(1...8))
    #expect(try reader.last(Ended.self).summary.state == .completed)
    expectUnbroken(reader, of: job)
  }

  @Test("a lease that ends before the first event gives the job to another worker")
  func leaseBeforeFirstEvent() throws {
    let bench = try LeaderBench()
    let lost = try WorkerPeer(bench, "cheap", price: 600_000)
    let other = try WorkerPeer(bench, "dear")
    let slot = lost.park()
    let reader = bench.submit()
    let first = try slot.last(Assign.self)
    let otherSlot = other.park()
    bench.close(slot)
    bench.close(lost.registration)
    other.alive(9_000)
    let second = try otherSlot.last(Assign.self)
    #expect(second.job == first.job)
    #expect(second.epoch > first.epoch)
    other.chunk(second, output(1...2), on: otherSlot)
    other.finish(second, output(1...2), on: otherSlot)
    #expect(try reader.last(Ended.self).summary.state == .completed)
  }

  @Test(
    "a lease that ends after events that cannot be continued fails the job with exactly them charged"
  )
  func leaseAfterEvents() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit(body: LeaderBench.structured)
    let assign = try slot.last(Assign.self)
    bench.advance(10)
    worker.chunk(assign, output(1...7), on: slot)
    bench.close(slot)
    bench.close(worker.registration)
    bench.advance(9_000)
    let ended = try reader.last(Ended.self)
    #expect(ended.summary.state == .failed)
    #expect(ended.summary.error == ErrorCode.workerLost.rawValue)
    #expect(ended.lastSeq == 7)
    #expect(ended.summary.charge == Credits(nano: 14))
    #expect(reader.events == output(1...7))
    #expect(try bench.job(assign.job).record.lastSeq == 7)
  }

  @Test("events seen an instant before the worker gives up are recorded first")
  func lossRecordsFirst() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit(body: LeaderBench.structured)
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...2), on: slot)
    bench.say(.failure(Failure(.workerLost, "stopping")), on: slot)
    let ended = try reader.last(Ended.self)
    #expect(ended.lastSeq == 2)
    #expect(reader.failure == nil)
  }

  @Test("a new leader goes on where the worker and the reader are")
  func leaderChange() throws {
    let bench = try LeaderBench()
    var worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let job = try reader.last(WireProtocol.Accepted.self).job
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...4), on: slot)
    bench.advance(60)
    worker.chunk(assign, output(5...6), on: slot)  // seen, and lost with the leader
    #expect(reader.events == output(1...6))
    try bench.restart()
    let again = bench.follow(job, from: 7, hash: chainHash(job, output(1...6)))
    #expect(again.failure == nil)
    #expect(again.events.isEmpty)
    worker = try WorkerPeer(bench)
    let resumed = worker.resume(assign, from: 1, through: 6)
    #expect(try resumed.last(AttemptContinue.self).fromSeq == 5)
    worker.chunk(assign, output(5...9), on: resumed)
    worker.finish(assign, output(1...9), on: resumed)
    #expect(again.events == output(7...9))
    expectUnbroken(again, after: output(1...6), of: job)
    #expect(try again.last(Ended.self).summary.state == .completed)
    bench.advance(30_000)
    #expect(try bench.job(job).state == .completed)
  }

  @Test(
    "when leadership ends every stream is told, once, and nothing proposed before enters the log")
  func leadershipEnds() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    bench.holdsWrites = true
    let waiting = bench.submit()
    let queued = bench.submit()
    let last = bench.replica.lastIndex
    bench.dispatcher.replica(
      bench.replica, became: .follower(leader: nil), term: bench.replica.term)
    for peer in [slot, reader, worker.registration, queued] {
      #expect(peer.failure == .notLeader)
      #expect(peer.all(Failure.self).count == 1)
    }
    #expect(waiting.all(Failure.self).count == 1)
    bench.holdsWrites = false
    bench.settle()
    #expect(bench.replica.lastIndex == last)
  }

  @Test("cancel stops the worker, and the job ends with what was recorded")
  func cancel() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...2), on: slot)
    bench.say(.cancel(.init(job: assign.job)), on: reader)
    #expect(slot.all(AttemptCancel.self).count == 1)
    worker.finish(assign, output(1...2), on: slot, .cancelled)
    let ended = try reader.last(Ended.self)
    #expect(ended.summary.state == .cancelled)
    #expect(ended.lastSeq == 2)
  }

  @Test("a queued job is cancelled at once")
  func cancelQueued() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench)
    let reader = bench.submit()
    let job = try reader.last(WireProtocol.Accepted.self).job
    bench.call(.cancel(.init(job: job)))
    #expect(try reader.last(Ended.self).summary.state == .cancelled)
  }

  @Test("the window holds the worker back until the record has grown")
  func backpressure() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...256), on: slot)
    #expect(slot.isReading)
    worker.chunk(assign, output(257...300), on: slot)
    #expect(!slot.isReading)
    #expect(reader.events.count == 256)
    worker.finish(assign, output(1...300), on: slot)
    #expect(reader.all(Ended.self).isEmpty)
    bench.advance(200)
    #expect(reader.events == output(1...300))
    #expect(try reader.last(Ended.self).summary.outputTokens.rawValue == 300)
  }

  @Test("a slow reader is served from the record later, in order")
  func slowReader() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let job = try reader.last(WireProtocol.Accepted.self).job
    let assign = try slot.last(Assign.self)
    reader.isStuck = true
    let all = output(1...2_000, bytes: 200)
    for start in stride(from: 0, to: 2_000, by: 100) {
      worker.chunk(assign, Array(all[start..<(start + 100)]), on: slot)
      worker.alive(500)
    }
    #expect(reader.events.count < 1_500)
    worker.finish(assign, all, on: slot)
    worker.alive(500)
    for _ in 0..<20 { bench.drain(reader) }
    #expect(reader.failure == nil)
    #expect(reader.events.count == 2_000)
    expectUnbroken(reader, of: job)
    #expect(try reader.last(Ended.self).lastSeq == 2_000)
  }

  @Test("an engine that fails before its first event leaves the job to another worker")
  func engineFailure() throws {
    let bench = try LeaderBench()
    let cheap = try WorkerPeer(bench, "cheap", price: 600_000)
    let other = try WorkerPeer(bench, "dear")
    let slot = cheap.park()
    let reader = bench.submit()
    let first = try slot.last(Assign.self)
    let otherSlot = other.park()
    cheap.finish(
      first, [], on: slot, .error, error: ErrorCode.engineError.rawValue, text: "no memory",
      retryElsewhere: true)
    let second = try otherSlot.last(Assign.self)
    #expect(second.job == first.job)
    #expect(slot.all(AttemptAbandon.self).count == 1)
    other.finish(
      second, [], on: otherSlot, .error, error: ErrorCode.engineError.rawValue, text: "bad prompt")
    let ended = try reader.last(Ended.self)
    #expect(ended.summary.state == .failed)
    #expect(ended.summary.errorText == "bad prompt")
    #expect(ended.summary.charge == .zero)
  }

  @Test("a claimed hash that is not ours loses the attempt, with what was seen recorded")
  func wrongHash() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit(body: LeaderBench.structured)
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...2), on: slot)
    worker.finish(assign, output(1...2), on: slot, hash: [UInt8](repeating: 0, count: 32))
    let ended = try reader.last(Ended.self)
    #expect(ended.summary.state == .failed)
    #expect(ended.lastSeq == 2)
  }

  @Test("the same submit twice is one job")
  func duplicate() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench)
    let message = bench.submission()
    let first = bench.open(.job)
    bench.say(.submit(message), on: first)
    let second = bench.open(.job)
    bench.say(.submit(message), on: second)
    let one = try first.last(WireProtocol.Accepted.self)
    let two = try second.last(WireProtocol.Accepted.self)
    #expect(one.job == two.job)
    #expect(!one.duplicate && two.duplicate)
  }

  @Test("without a key, with a wrong secret, or with another account's key nothing is told")
  func authentication() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench)
    let job = try bench.submit().last(WireProtocol.Accepted.self).job
    #expect(bench.call(.jobQuery(.init(job: job)), nil).failure == .unauthenticated)
    let wrong = Credential(key: KeyID(1), secretHash: [UInt8](repeating: 0, count: 32))
    #expect(bench.call(.jobQuery(.init(job: job)), wrong).failure == .unauthenticated)
    let account = try bench.call(
      .accountCreate(.init(requestKey: bench.requestKey(), name: "other", kind: .consumer))
    ).last(AccountReport.self).summary.account
    let hash = [UInt8](repeating: 3, count: 32)
    let key = try bench.call(
      .keyCreate(
        .init(
          requestKey: bench.requestKey(), account: account, name: "k",
          scopes: [.submit, .read], secretHash: hash, lifetimeMs: nil))
    ).last(KeyReport.self).summary.key
    let other = Credential(key: key, secretHash: hash)
    #expect(bench.follow(job, as: other).failure == .unknownJob)
    #expect(bench.call(.jobQuery(.init(job: job)), other).failure == .unknownJob)
    #expect(bench.call(.cancel(.init(job: job)), other).failure != nil)
    #expect(try bench.job(job).state == .queued)
  }

  @Test("a submit and its assign are one entry when a slot is free, and two when another job waits")
  func oneEntry() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, slots: 2)
    let slots = [worker.park(), worker.park()]
    var before = bench.replica.lastIndex
    bench.submit()
    #expect(bench.replica.lastIndex == before.next)
    #expect(slots.flatMap { $0.all(Assign.self) }.count == 1)
    // Two at a time: only one slot is left, and nobody is promised a slot that is taken.
    bench.holdsWrites = true
    let (second, third) = (bench.submit(), bench.submit())
    bench.holdsWrites = false
    bench.settle()
    let assigned = slots.flatMap { $0.all(Assign.self) }.map(\.job)
    #expect(try assigned.sorted().last == second.last(WireProtocol.Accepted.self).job)
    let waiting = try third.last(WireProtocol.Accepted.self).job
    #expect(try bench.job(waiting).state == .queued)
    before = bench.replica.lastIndex
    let assign = try slots[0].last(Assign.self)
    worker.finish(assign, [], on: slots[0])
    bench.say(.park(.init(worker: worker.id, slot: 0, incarnation: 1)), on: slots[0])
    #expect(try slots[0].last(Assign.self).job == waiting)
  }

  @Test("a promised slot is free again when its submit is refused, repeated, or cannot be assigned")
  func promises() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, slots: 1)
    let slot = worker.park()
    let message = bench.submission(mode: .submitted)
    bench.submit(.submitted)
    let first = try slot.last(Assign.self)
    worker.finish(first, [], on: slot)
    bench.say(.park(.init(worker: worker.id, slot: 0, incarnation: 1)), on: slot)
    let bought = bench.open(.job)
    bench.say(.submit(message), on: bought)
    let second = try slot.last(Assign.self)
    worker.finish(second, [], on: slot)
    bench.say(.park(.init(worker: worker.id, slot: 0, incarnation: 1)), on: slot)
    let poor = bench.open(.job, try bench.poorCredential())
    bench.say(.submit(bench.submission()), on: poor)
    #expect(poor.failure == .insufficientCredit)
    let again = bench.open(.job)
    bench.say(.submit(message), on: again)
    #expect(try again.last(WireProtocol.Accepted.self).duplicate)
    // The ask changes while the submit is under way: it is queued, and planned on the new one.
    bench.holdsWrites = true
    try #require(bench.replica.isWriting == false)
    bench.say(
      .workerRegister(worker.announcement(slots: 1, price: 500_000)), on: worker.registration)
    bench.submit(.submitted)
    bench.holdsWrites = false
    bench.settle()
    let third = try slot.last(Assign.self)
    #expect(third.job > second.job)
    #expect(try bench.job(third.job).state == .running)
  }

  @Test("a promised slot that breaks before the submit is applied gives the job to another")
  func brokenPromise() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, slots: 2)
    let slot = worker.park()
    bench.holdsWrites = true
    let reader = bench.submit()
    bench.close(slot)
    bench.holdsWrites = false
    bench.settle()
    #expect(slot.all(Assign.self).isEmpty)
    let next = worker.park()
    #expect(
      try next.last(Assign.self).job == reader.last(WireProtocol.Accepted.self).job)
  }
}
