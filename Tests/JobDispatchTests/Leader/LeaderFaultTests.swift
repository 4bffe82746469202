import Consensus
import ExchangeCore
import ExchangeTypes
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("The leader: what must not be left behind")
struct LeaderFaultTests {
  @Test("an attached job whose reader is lost is cancelled after 15 s")
  func orphan() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    bench.close(reader)
    worker.alive(14_500)
    #expect(slot.all(AttemptCancel.self).isEmpty)
    worker.alive(1_500)
    #expect(!slot.all(AttemptCancel.self).isEmpty)
    worker.finish(assign, [], on: slot, .cancelled)
    #expect(try bench.job(assign.job).state == .cancelled)
  }

  @Test("a reader that comes back stops the timer, also while the timer is on its way")
  func adoption() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    _ = worker.park()
    let reader = bench.submit()
    let job = try reader.last(WireProtocol.Accepted.self).job
    bench.close(reader)
    worker.alive(5_000)
    let second = bench.follow(job)
    worker.alive(20_000)
    #expect(try bench.job(job).state == .running)
    // Now the follow arrives before the orphan command is applied.
    bench.holdsWrites = true
    bench.close(second)
    _ = bench.follow(job)
    bench.holdsWrites = false
    bench.settle()
    worker.alive(20_000)
    #expect(try bench.job(job).state == .running)
    #expect(try bench.job(job).orphanDeadline == nil)
  }

  @Test("a client that goes before it hears of its attached job leaves no job behind")
  func goneBeforeAccepted() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench)
    let reader = bench.open(.job)
    bench.holdsWrites = true
    bench.say(.submit(bench.submission()), on: reader)
    bench.close(reader)
    bench.holdsWrites = false
    bench.settle()
    let job = try #require(bench.replica.exchange.openJobs(limit: 1).first)
    bench.advance(20_000)
    #expect(try bench.job(job.id).state == .cancelled)
  }

  @Test("an attached reader that is sent away is a lost reader")
  func divergedReader() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...2), on: slot)
    // A second Submit on the stream is a mistake that ends it.
    bench.say(.submit(bench.submission()), on: reader)
    #expect(reader.failure == .malformedRequest)
    #expect(try bench.job(assign.job).orphanDeadline != nil)
  }

  @Test("after an election attached jobs without a reader get their timer, others do not")
  func orphansAfterElection() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench)
    let left = try bench.submit().last(WireProtocol.Accepted.self).job
    let kept = try bench.submit().last(WireProtocol.Accepted.self).job
    let free = try bench.submit(.submitted).last(WireProtocol.Accepted.self).job
    try bench.restart()
    _ = bench.follow(kept)
    bench.advance(5_000)
    #expect(try bench.job(left).orphanDeadline != nil)
    #expect(try bench.job(kept).orphanDeadline == nil)
    #expect(try bench.job(free).orphanDeadline == nil)
    bench.advance(16_000)
    #expect(try bench.job(left).state == .cancelled)
    #expect(try bench.job(kept).state == .queued)
  }

  @Test("a job that no free worker may take does not hold up the next one")
  func headOfLine() throws {
    let bench = try LeaderBench()
    let cheap = try WorkerPeer(bench, "cheap", price: 1_000)
    let dear = try WorkerPeer(bench, "dear", price: 1_000_000)
    #expect(cheap.id != dear.id)
    for _ in 0..<3 {
      let poor = bench.open(.job)
      bench.say(
        .submit(bench.submission(maxOutputPrice: Price(nanoPerMillion: 2_000))), on: poor)
      #expect(poor.failure == nil)
    }
    let rich = bench.open(.job)
    bench.say(
      .submit(
        bench.submission(
          maxInputPrice: Price(nanoPerMillion: 9_000_000),
          maxOutputPrice: Price(nanoPerMillion: 9_000_000))), on: rich)
    let job = try rich.last(WireProtocol.Accepted.self).job
    let slot = dear.park()
    #expect(try slot.last(Assign.self).job == job)
  }

  @Test("a slot that was reserved for a job that cannot be opened is free again")
  func reservationIsReturned() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let reader = bench.submit(.submitted)
    let job = try reader.last(WireProtocol.Accepted.self).job
    bench.sealer.refusesUnwrap = true
    let slot = worker.park()
    #expect(slot.all(Assign.self).isEmpty)
    #expect(try bench.job(job).state == .failed)
    bench.sealer.refusesUnwrap = false
    let next = bench.submit(.submitted)
    #expect(try slot.last(Assign.self).job == next.last(WireProtocol.Accepted.self).job)
  }

  @Test("a reserved slot that breaks before the assignment is applied gives the job back")
  func reservedSlotBreaks() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    bench.holdsWrites = true
    let reader = bench.open(.job)
    bench.say(.submit(bench.submission()), on: reader)
    bench.holdsWrites = false
    bench.settle()
    #expect(slot.all(Assign.self).count == 1)
    let second = worker.park()
    let other = bench.open(.job)
    bench.say(.submit(bench.submission()), on: other)
    #expect(second.all(Assign.self).count == 1)
    let third = worker.park()
    bench.close(third)
    let waiting = bench.submit()
    let job = try waiting.last(WireProtocol.Accepted.self).job
    #expect(try bench.job(job).state == .queued)
    #expect(try worker.park().last(Assign.self).job == job)
  }

  @Test("another run of a worker's process ends what the old one had, and its slots")
  func newIncarnation() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let running = worker.park()
    let idle = worker.park()
    let reader = bench.submit()
    let first = try running.last(Assign.self)
    bench.close(worker.registration)
    worker.incarnation = 2
    try worker.register()
    #expect(running.isAborted)
    #expect(idle.isAborted)
    #expect(idle.all(Assign.self).isEmpty, "the old process gets nothing any more")
    let slot = worker.park()
    let second = try slot.last(Assign.self)
    #expect(second.job == first.job)
    #expect(second.epoch > first.epoch)
    #expect(reader.failure == nil)
  }

  @Test("a worker that was silent for a lease parks again after it registered again")
  func silentWorkerReturns() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    bench.advance(5_000)
    #expect(slot.isAborted)
    try worker.register()
    let reader = bench.submit()
    #expect(try worker.park().last(Assign.self).job == reader.last(WireProtocol.Accepted.self).job)
  }

  @Test("a stale chunk frees no slot but its own")
  func staleChunk() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    bench.say(
      .chunk(.init(job: assign.job, epoch: Epoch(99), events: output(1...1))), on: slot)
    #expect(slot.all(AttemptAbandon.self).last?.epoch == Epoch(99))
    // The slot still carries its attempt: it cannot be parked.
    bench.say(.park(.init(worker: worker.id, slot: 0, incarnation: 1)), on: slot)
    bench.submit()
    #expect(slot.all(Assign.self).count == 1)
    worker.finish(assign, [], on: slot)
    #expect(try reader.last(Ended.self).summary.state == .completed)
  }

  @Test("a finished attempt settles although its worker has gone")
  func finishedAndGone() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...3), on: slot)
    bench.holdsWrites = true
    worker.finish(assign, output(1...3), on: slot)
    bench.close(slot)
    bench.close(worker.registration)
    bench.advance(9_000)
    bench.holdsWrites = false
    bench.settle()
    #expect(try reader.last(Ended.self).summary.state == .completed)
  }

  @Test(
    "where one entry brings many pieces into the record, a durable reader is told that all of them are there"
  )
  func recordedAtOnce() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    bench.submit()
    let assign = try slot.last(Assign.self)
    let all = output(1...20, bytes: 4_000)
    worker.chunk(assign, all, on: slot)
    // It comes with more than is recorded, and waits for that.
    let reader = bench.open(.job)
    bench.say(
      .follow(
        .init(
          job: assign.job, fromSeq: 3, hash: chainHash(assign.job, Array(all.prefix(2))),
          commitIndex: LogIndex(0), attach: false, tail: nil, durable: true)), on: reader)
    #expect(reader.events.isEmpty)
    bench.say(.failure(Failure(.workerLost, "stopping")), on: slot)
    #expect(reader.events == Array(all.dropFirst(2)))
    for message in reader.all(Events.self) {
      #expect(message.durableThrough >= message.events.last?.seq ?? .max)
    }
  }

  @Test("a settle that is refused for overload is proposed again")
  func settleRefused() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...3), on: slot)
    bench.advance(60)
    // Everything is recorded: the settle will carry no tail. The queue fills up first.
    bench.holdsWrites = true
    bench.call(.cancel(.init(job: JobID(1 << 40))))
    for _ in 0..<ProposalQueue.commandsMax { bench.dispatcher.queue.propose(.pulse) { _ in } }
    var wasRefused = false
    bench.dispatcher.queue.propose(.pulse) { if case .refused = $0 { wasRefused = true } }
    #expect(wasRefused)
    worker.finish(assign, output(1...3), on: slot)
    bench.holdsWrites = false
    bench.settle()
    bench.advance(1_000)
    #expect(try reader.last(Ended.self).summary.state == .completed)
    #expect(slot.all(AttemptSettled.self).count == 1)
  }

  @Test(
    "an ending that counts events which never came takes the attempt away, whatever is recorded",
    arguments: [0, 2] as [UInt64])
  func missingEvents(recorded: UInt64) throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit(body: LeaderBench.structured)
    let assign = try slot.last(Assign.self)
    if recorded > 0 { worker.chunk(assign, output(1...recorded), on: slot) }
    worker.finish(assign, output(1...5), on: slot)
    #expect(slot.all(AttemptAbandon.self).count + slot.all(AttemptSettled.self).count == 1)
    if recorded > 0 {
      let ended = try reader.last(Ended.self)
      #expect(ended.summary.state == .failed)
      #expect(ended.summary.error == ErrorCode.streamDiverged.rawValue)
      #expect(ended.lastSeq == recorded)
      #expect(ended.summary.charge == Credits(nano: 2 * recorded))
    } else {
      #expect(try bench.job(assign.job).state == .queued, "nobody has read anything: again")
      #expect(try worker.park().last(Assign.self).epoch > assign.epoch)
    }
  }

  @Test("what many jobs need at one moment enters the log in their order")
  func orderOfLosses() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, slots: 12)
    let slots = (0..<12).map { _ in worker.park() }
    for _ in slots { bench.submit(.submitted) }
    let running = try slots.map { try $0.last(Assign.self).job }
    let before = bench.replica.lastIndex
    bench.close(worker.registration)
    worker.incarnation = 2
    try worker.register(slots: 12)
    #expect(try bench.losses(after: before) == running.sorted())
  }

  @Test("readers that all stall at one moment are cancelled in the order of their jobs")
  func orderOfStalls() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, slots: 12)
    let slots = (0..<12).map { _ in worker.park() }
    let readers = slots.map { _ in bench.submit() }
    for (slot, reader) in zip(slots, readers) {
      reader.isStuck = true
      let assign = try slot.last(Assign.self)
      for seq in UInt64(1)...30 {
        worker.chunk(assign, output(seq...seq, bytes: 12_000), on: slot)
      }
    }
    let before = bench.replica.lastIndex
    worker.alive(31_000)
    let cancelled = try bench.commands(after: before).compactMap {
      if case .cancel(let command) = $0 { command.job } else { nil }
    }
    #expect(cancelled.count == 12)
    #expect(cancelled == cancelled.sorted())
  }

  @Test("a revoked key ends every stream that it opened, at once, and no other")
  func revocation() throws {
    let bench = try LeaderBench()
    let hash = [UInt8](repeating: 3, count: 32)
    let key = try bench.call(
      .keyCreate(
        .init(
          requestKey: bench.requestKey(), account: AccountID(1), name: "k",
          scopes: [.submit, .read, .work, .admin], secretHash: hash, lifetimeMs: nil))
    ).last(KeyReport.self).summary.key
    let other = Credential(key: key, secretHash: hash)
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let kept = bench.submit()
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...2), on: slot)
    let ending = bench.follow(assign.job, as: other)
    #expect(ending.events == output(1...2))
    let registration = bench.open(.worker, other)
    let parked = bench.open(.slot, other)
    bench.holdsWrites = true
    let underWay = bench.open(.call, other)
    bench.say(.cancel(.init(job: assign.job)), on: underWay)
    let revoking = bench.open(.call, other)
    bench.say(.keyRevoke(.init(key: key)), on: revoking)
    bench.holdsWrites = false
    bench.settle()
    #expect(try revoking.last(KeyReport.self).summary.revoked)
    #expect(underWay.failure == nil, "its command was applied before")
    for peer in [ending, registration, parked] {
      #expect(peer.failure == .unauthenticated)
      #expect(peer.isFinished)
    }
    #expect(kept.failure == nil)
    #expect(slot.failure == nil)
    worker.chunk(assign, output(3...3), on: slot)
    #expect(kept.events == output(1...3))
    #expect(ending.events == output(1...2))
  }

  @Test("a worker whose key is revoked gets nothing more, and its job is taken back after a lease")
  func revokedWorker() throws {
    let bench = try LeaderBench()
    let hash = [UInt8](repeating: 3, count: 32)
    let key = try bench.call(
      .keyCreate(
        .init(
          requestKey: bench.requestKey(), account: AccountID(1), name: "k",
          scopes: [.submit, .read, .admin], secretHash: hash, lifetimeMs: nil))
    ).last(KeyReport.self).summary.key
    let reader = Credential(key: key, secretHash: hash)
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let idle = worker.park()
    let stream = bench.open(.job, reader)
    bench.say(.submit(bench.submission(mode: .submitted, body: LeaderBench.structured)), on: stream)
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...2), on: slot)
    bench.call(.keyRevoke(.init(key: KeyID(1))))
    #expect(slot.failure == .unauthenticated)
    #expect(idle.failure == .unauthenticated)
    #expect(worker.registration.failure == .unauthenticated)
    let second = bench.open(.job, reader)
    bench.say(.submit(bench.submission(mode: .submitted)), on: second)
    #expect(idle.all(Assign.self).isEmpty)
    bench.advance(9_000)
    #expect(try stream.last(Ended.self).summary.error == ErrorCode.workerLost.rawValue)
  }
}

extension LeaderBench {
  /// What entered the log after an entry, in its order.
  func commands(after index: LogIndex) throws -> [Command] {
    try store.entries(from: index.next, countMax: .max, bytesMax: .max)
      .filter { $0.kind == .command }
      .flatMap { try CommandBatch(payload: $0.payload).commands }
  }

  /// The jobs whose attempts were lost after an entry.
  func losses(after index: LogIndex) throws -> [JobID] {
    try commands(after: index).compactMap {
      if case .attemptLost(let command) = $0 { command.attempt.job } else { nil }
    }
  }
}
