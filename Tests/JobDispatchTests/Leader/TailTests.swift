import Consensus
import ExchangeCore
import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

@Suite("The leader: what readers have beyond the record")
struct TailTests {
  /// A stream whose leader and worker die at once: events through 5 are recorded, through 8 delivered.
  private struct Story {
    let bench: LeaderBench
    let job: JobID
    let told: Events
    let assign: Assign

    init(mode: JobMode = .attached, body: [UInt8] = LeaderBench.body()) throws {
      bench = try LeaderBench()
      let worker = try WorkerPeer(bench, "first", price: 600_000)
      let slot = worker.park()
      let reader = bench.submit(mode, body: body)
      assign = try slot.last(Assign.self)
      job = assign.job
      worker.chunk(assign, output(1...5), on: slot)
      bench.advance(60)
      bench.holdsWrites = true
      worker.chunk(assign, output(6...8), on: slot)
      told = try reader.last(Events.self)
      #expect(reader.events == output(1...8) && told.durableThrough == 5)
      try bench.restart()
      #expect(try bench.job(job).record.lastSeq == 5)
    }

    var claim: TailClaim {
      TailClaim(epoch: told.epoch, durableThrough: told.durableThrough, mac: told.mac)
    }

    func back(_ claim: TailClaim? = nil, attach: Bool = true) -> Peer {
      bench.follow(job, from: 9, hash: told.hash, attach: attach, tail: claim ?? self.claim)
    }

    func show(_ events: [Event], on reader: Peer) {
      bench.say(.tail(Tail(job: job, events: events)), on: reader)
    }

    /// Another worker goes on after `before`, to event 10, in words of its own, which it answers.
    @discardableResult
    func finish(after before: [Event], at second: WorkerPeer) throws -> [Event] {
      let slot = second.park()
      let assign = try slot.last(Assign.self)
      #expect(assign.job == job && assign.epoch == Epoch(2))
      #expect(assign.recordHash == chainHash(job, before))
      let rest = output((UInt64(before.count) + 1)...10, bytes: 9)
      second.chunk(assign, rest, on: slot)
      second.finish(assign, before + rest, on: slot)
      return rest
    }
  }

  @Test(
    "leader and worker die at once: the reader shows what it has, it is recorded, and another worker goes on from there"
  )
  func bothDie() throws {
    let story = try Story()
    let second = try WorkerPeer(story.bench, "second")
    let reader = story.back()
    #expect(try reader.last(TailQuery.self).fromSeq == 6)
    story.show(output(6...7), on: reader)  // in parts, as they fit
    story.show(output(8...8), on: reader)
    second.alive(5_000)
    #expect(try story.bench.job(story.job).record.lastSeq == 8)
    let rest = try story.finish(after: output(1...8), at: second)
    #expect(reader.events == rest)
    expectUnbroken(reader, after: output(1...8), of: story.job)
    #expect(try reader.last(Ended.self).summary.outputTokens == TokenCount(10))
  }

  @Test("a worker that outlived the leader sends what the reader showed once more: it counts once")
  func workerComesBack() throws {
    let story = try Story()
    let worker = try WorkerPeer(story.bench, "first", price: 600_000)
    let reader = story.back()
    story.show(output(6...8), on: reader)
    let slot = worker.resume(story.assign, from: 1, through: 9)
    #expect(try slot.last(AttemptContinue.self).fromSeq == 9)
    worker.chunk(story.assign, output(7...9), on: slot)
    worker.finish(story.assign, output(1...9), on: slot)
    #expect(reader.events == output(9...9))
    #expect(try reader.last(Ended.self).summary.outputTokens == TokenCount(9))
  }

  @Test("a worker that comes back before its reader has shown anything makes the tail needless")
  func workerIsFaster() throws {
    let story = try Story()
    let worker = try WorkerPeer(story.bench, "first", price: 600_000)
    let reader = story.back()
    let slot = worker.resume(story.assign, from: 1, through: 8)
    worker.chunk(story.assign, output(6...9), on: slot)
    #expect(reader.events == output(9...9))
    story.show(output(6...8), on: reader)
    #expect(reader.failure == nil && !reader.isFinished)
    #expect(story.back().all(TailQuery.self).isEmpty, "a leader that has it all does not ask")
  }

  @Test("a tail is not spliced onto what its worker says now in other words")
  func workerChangesItsMind() throws {
    let story = try Story()
    let worker = try WorkerPeer(story.bench, "first", price: 600_000)
    let reader = story.back()
    let slot = worker.resume(story.assign, from: 1, through: 8)
    worker.chunk(story.assign, output(6...7, bytes: 9), on: slot)
    story.show(output(6...8), on: reader)
    #expect(reader.failure == .streamDiverged)
    worker.finish(story.assign, output(1...5) + output(6...7, bytes: 9), on: slot)
    #expect(try story.bench.job(story.job).record.lastSeq == 7)
    let whole = story.bench.follow(story.job)
    #expect(whole.events == output(1...5) + output(6...7, bytes: 9))
  }

  @Test(
    "a worker that starts again at once does not lose what the reader has: the attempt waits for its reader"
  )
  func readerIsAwaited() throws {
    let story = try Story()
    let again = try WorkerPeer(story.bench, "first", incarnation: 2, price: 600_000)
    again.alive(8_000)
    #expect(try story.bench.job(story.job).state == .running, "its reader is not back")
    let reader = story.back()
    story.show(output(6...8), on: reader)
    story.bench.advance(100)
    let rest = try story.finish(after: output(1...8), at: again)
    #expect(reader.events == rest)
  }

  @Test("a reader that never comes back does not keep its job: the orphan timer ends it, charged")
  func readerStaysAway() throws {
    let story = try Story()
    story.bench.advance(4_000 + 15_000 + 200)
    let job = try story.bench.job(story.job)
    #expect(job.state == .cancelled && job.ending?.outputTokens == TokenCount(5))
    #expect(story.back().failure == .streamDiverged)
  }

  @Test("a submitted job waits one lease for readers, then goes on from its record")
  func submittedGoesOn() throws {
    let story = try Story(mode: .submitted)
    let second = try WorkerPeer(story.bench, "first", incarnation: 2)
    second.alive(3_000)
    #expect(try story.bench.job(story.job).state == .running)
    second.alive(1_500)
    try story.finish(after: output(1...5), at: second)
    let reader = story.back(attach: false)
    #expect(reader.failure == .streamDiverged && reader.events.isEmpty)
  }

  @Test("a reader that claims a tail and does not show it holds its job for one lease")
  func tailDoesNotCome() throws {
    let story = try Story()
    let second = try WorkerPeer(story.bench, "second")
    let reader = story.back()
    second.alive(5_000)
    try story.finish(after: output(1...5), at: second)
    #expect(reader.failure == .streamDiverged && reader.events.isEmpty)
  }

  @Test("a forged tail is refused: claim, place, events, order, and what nobody asked for")
  func forged() throws {
    let story = try Story()
    let claim = story.claim
    var mac = claim.mac
    mac[31] ^= 1
    let forgeries = [
      TailClaim(epoch: claim.epoch, durableThrough: 5, mac: mac),
      TailClaim(epoch: Epoch(2), durableThrough: 5, mac: claim.mac),
      TailClaim(epoch: claim.epoch, durableThrough: 4, mac: claim.mac),
      TailClaim(epoch: claim.epoch, durableThrough: 8, mac: claim.mac),
      TailClaim(epoch: claim.epoch, durableThrough: .max, mac: claim.mac),
    ]
    for forgery in forgeries {
      let reader = story.back(forgery)
      #expect(reader.failure == .tailInvalid && reader.all(TailQuery.self).isEmpty)
    }
    #expect(
      story.bench.follow(story.job, from: 9, tail: claim).failure == .tailInvalid,
      "without a chain hash a claim vouches for nothing")
    let altered = Event(
      seq: 8, choice: 0, kind: .text, tokenCount: 9, ids: [], bytes: output(8...8)[0].bytes)
    for shown in [output(6...9), output(7...8), output(5...8), [], output(6...7) + [altered]] {
      let reader = story.back()
      story.show(shown, on: reader)
      #expect(reader.failure == .tailInvalid)
    }
    #expect(try story.bench.job(story.job).record.lastSeq == 5)
    let unasked = story.bench.follow(story.job)
    story.show(output(6...8), on: unasked)
    #expect(unasked.failure == .malformedRequest)
    let reader = story.back()
    story.show(output(6...8), on: reader)
    story.bench.advance(60)
    #expect(try story.bench.job(story.job).record.lastSeq == 8, "the true one still is taken")
  }

  @Test("a job that cannot be continued ends with what its reader had, charged")
  func cannotGoOn() throws {
    let story = try Story(body: LeaderBench.structured)
    let reader = story.back()
    story.show(output(6...8), on: reader)
    story.bench.advance(5_000)
    let ended = try reader.last(Ended.self)
    #expect(ended.summary.state == .failed && ended.lastSeq == 8)
    #expect(ended.summary.outputTokens == TokenCount(8))
  }

  @Test("a durable reader is sent only what is committed, and has no tail to show")
  func durable() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.open(.job)
    bench.say(.submit(bench.submission(durable: true)), on: reader)
    let assign = try slot.last(Assign.self)
    let other = bench.follow(assign.job, attach: false)
    worker.chunk(assign, output(1...3), on: slot)
    #expect(reader.events.isEmpty && other.events == output(1...3))
    bench.advance(60)
    #expect(reader.events == output(1...3))
    worker.chunk(assign, output(4...300), on: slot)
    bench.holdsWrites = true
    bench.advance(60)
    #expect(reader.events == output(1...3), "what is only proposed is not delivered")
    bench.holdsWrites = false
    bench.advance(500)
    worker.finish(assign, output(1...300), on: slot)
    #expect(reader.events == output(1...300))
    for message in reader.all(Events.self) {
      #expect(message.durableThrough >= message.events.last?.seq ?? .max)
    }
    expectUnbroken(reader, of: assign.job)
    #expect(try reader.last(Ended.self).lastSeq == 300)
  }

  @Test(
    "a leader that hears no majority passes on what is recorded and nothing else, until it hears one again"
  )
  func unheard() throws {
    let bench = try LeaderBench(voters: 3)
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...5), on: slot)
    #expect(reader.events == output(1...5), "what is not recorded yet is passed on")
    bench.others.areCutOff = true
    worker.chunk(assign, output(6...6), on: slot)
    #expect(reader.events == output(1...6), "a majority was heard a moment ago")
    bench.advance(bench.replica.electionTimeout + 1)
    #expect(bench.replica.role == .leader, "it has not noticed yet")
    worker.chunk(assign, output(7...8), on: slot)
    #expect(reader.events == output(1...6))

    bench.others.areCutOff = false
    bench.advance(500)
    #expect(bench.replica.role == .leader)
    #expect(reader.events == output(1...8))
    #expect(try bench.job(assign.job).record.lastSeq == 8)
  }
}
