import ExchangeCore
import ExchangeTypes
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("The leader: streams that are taken from a living worker")
struct MoveTests {
  /// A stream at one worker, with another that has a slot parked or not.
  private struct Story {
    let bench: LeaderBench
    let first: WorkerPeer
    let second: WorkerPeer?
    let slot: Peer
    let other: Peer?
    let reader: Peer
    let assign: Assign

    init(
      body: [UInt8] = LeaderBench.body(), second hasSecond: Bool = true, isFree: Bool = true,
      continues: Bool = true
    ) throws {
      bench = try LeaderBench()
      first = try WorkerPeer(bench, "first", price: 600_000)
      slot = first.park()
      reader = bench.submit(body: body)
      assign = try slot.last(Assign.self)
      second = hasSecond ? try WorkerPeer(bench, "second", continues: continues) : nil
      other = isFree ? second?.park() : nil
    }

    /// Lets time pass while both workers give signs of life.
    func alive(_ milliseconds: UInt64) {
      for _ in 0..<(milliseconds / 500) {
        bench.advance(500)
        first.heartbeat()
        second?.heartbeat()
      }
    }

    /// Events `range`, one every so many milliseconds.
    func stream(_ range: ClosedRange<UInt64>, every milliseconds: UInt64) {
      for event in output(range) {
        first.chunk(assign, [event], on: slot)
        alive(milliseconds)
      }
    }

    func fail(after count: UInt64, _ code: ErrorCode, isElsewhere: Bool = true) {
      first.finish(
        assign, count > 0 ? output(1...count) : [], on: slot, .error, error: code.rawValue,
        text: "its words", retryElsewhere: isElsewhere)
    }

    /// The other worker goes on after `count` events and finishes.
    func goesOn(after count: UInt64) throws {
      #expect(slot.all(AttemptAbandon.self).count == 1)
      let slot = try #require(other)
      let next = try slot.last(Assign.self)
      #expect(next.epoch == Epoch(2) && next.recordSeq == count)
      second?.chunk(next, output((count + 1)...(count + 2)), on: slot)
      second?.finish(next, output(1...(count + 2)), on: slot)
      #expect(reader.events == output(1...(count + 2)))
      #expect(try reader.last(Ended.self).summary.state == .completed)
      expectUnbroken(reader, of: assign.job)
    }

    func endsWithItsWords(_ code: ErrorCode, after count: UInt64) throws {
      let summary = try reader.last(Ended.self).summary
      #expect(summary.error == code.rawValue && summary.errorText == "its words")
      #expect(summary.outputTokens == TokenCount(count))
    }
  }

  /// A request that wants the first worker and nobody else.
  private static let firstOnly = Array(
    #"{"model":"m","max_tokens":4000,"messages":[{"role":"user","content":"hi"}],"provider":{"only":["operator/first"]}}"#
      .utf8)

  @Test(
    "an engine fails in the middle of a stream, or before it: another worker goes on",
    arguments: [ErrorCode.engineTruncated, .engineError, .engineTimeout, .engineUnreachable],
    [0, 5] as [UInt64])
  func engineFails(code: ErrorCode, count: UInt64) throws {
    let story = try Story()
    if count > 0 { story.first.chunk(story.assign, output(1...count), on: story.slot) }
    story.fail(after: count, code)
    try story.goesOn(after: count)
  }

  @Test(
    "an engine that cannot be reached or is full uses up no try, and is given nothing until its worker says that it takes attempts",
    arguments: [ErrorCode.engineUnreachable, .engineBusy])
  func untaken(code: ErrorCode) throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    var slot = worker.park()
    let reader = bench.submit()
    for epoch in 1...5 as ClosedRange<UInt32> {
      let assign = try slot.last(Assign.self)
      #expect(assign.epoch == Epoch(epoch))
      worker.finish(
        assign, [], on: slot, .error, error: code.rawValue, text: "refused",
        retryElsewhere: true)
      #expect(slot.all(AttemptAbandon.self).count == 1)
      slot = worker.park()
      #expect(slot.all(Assign.self).isEmpty)
      #expect(try bench.job(assign.job).state == .queued)
      worker.heartbeat()
    }
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...2), on: slot)
    worker.finish(assign, output(1...2), on: slot)
    #expect(try reader.last(Ended.self).summary.state == .completed)
  }

  @Test("a stream that must move waits for a worker whose engine has no room just now")
  func waitsForRoom() throws {
    let story = try Story()
    story.second?.heartbeat(isFull: true)
    story.first.chunk(story.assign, output(1...5), on: story.slot)
    story.fail(after: 5, .engineTruncated)
    #expect(story.reader.all(Ended.self).isEmpty && story.other?.all(Assign.self).isEmpty == true)
    story.second?.heartbeat()
    try story.goesOn(after: 5)
  }

  @Test("an engine that was full is no job's last resort: it has not looked at it")
  func fullIsNoFault() throws {
    let story = try Story(isFree: false)
    story.fail(after: 0, .engineBusy)
    let again = story.first.park()
    func candidate() throws -> CandidateTerms? {
      try story.bench.call(.jobWhyQuery(.init(job: story.assign.job))).last(JobWhyReport.self)
        .candidates.first { $0.worker == story.first.id }
    }
    let full = try #require(try candidate())
    #expect(full.obstacle == "engine_full" && full.detail == "its engine has no room just now")
    #expect(!full.hasFailed && again.all(Assign.self).isEmpty)
    story.first.heartbeat()
    #expect(again.all(Assign.self).count == 1)
  }

  @Test("an engine's failure ends the job in the engine's words where nobody else can go on")
  func nobodyElse() throws {
    for story in [
      try Story(second: false), try Story(continues: false),
      try Story(body: LeaderBench.structured), try Story(body: Self.firstOnly),
    ] {
      story.first.chunk(story.assign, output(1...5), on: story.slot)
      story.fail(after: 5, .engineTruncated)
      try story.endsWithItsWords(.engineTruncated, after: 5)
    }
    let ours = try Story()
    ours.fail(after: 0, .malformedRequest, isElsewhere: false)
    try ours.endsWithItsWords(.malformedRequest, after: 0)
  }

  @Test("a stream that gives nothing for five seconds is moved; not before")
  func stalls() throws {
    let story = try Story()
    story.alive(20_000)
    #expect(story.slot.all(AttemptAbandon.self).isEmpty, "a prompt may take its time")
    story.first.chunk(story.assign, output(1...3), on: story.slot)
    story.alive(4_500)
    #expect(story.slot.all(AttemptAbandon.self).isEmpty)
    story.alive(1_000)
    try story.goesOn(after: 3)
  }

  @Test(
    "a worker that keeps its links and says nothing loses the attempt, though nobody else has room")
  func silent() throws {
    let story = try Story(isFree: false)
    story.alive(StreamPace.deathLimit - 1_000)
    #expect(story.slot.all(AttemptAbandon.self).isEmpty)
    story.alive(1_500)
    #expect(story.slot.all(AttemptAbandon.self).count == 1)
    #expect(try story.bench.job(story.assign.job).state == .queued)
    let slot = try #require(story.second).park()
    #expect(try slot.last(Assign.self).epoch == Epoch(2))
  }

  @Test(
    "so does one that falls silent for ever in the middle, and the job ends where it cannot go on")
  func silentInTheMiddle() throws {
    let story = try Story(body: LeaderBench.structured, second: false)
    story.first.chunk(story.assign, output(1...3), on: story.slot)
    story.alive(StreamPace.deathLimit + 500)
    let summary = try story.reader.last(Ended.self).summary
    #expect(summary.error == ErrorCode.engineTimeout.rawValue)
    #expect(summary.outputTokens == TokenCount(3))
    #expect(try story.bench.job(story.assign.job).held == .zero)
  }

  @Test("of two stalled streams one is moved where there is one slot")
  func oneSlot() throws {
    let bench = try LeaderBench()
    let first = try WorkerPeer(bench, "first", price: 600_000)
    let slots = [first.park(), first.park()]
    for _ in slots { _ = bench.submit(body: LeaderBench.body()) }
    for slot in slots { first.chunk(try slot.last(Assign.self), output(1...3), on: slot) }
    let second = try WorkerPeer(bench, "second")
    let free = second.park()
    for _ in 0..<11 {
      bench.advance(500)
      first.heartbeat()
      second.heartbeat()
    }
    #expect(slots.map { $0.all(AttemptAbandon.self).count }.sorted() == [0, 1])
    #expect(free.all(Assign.self).count == 1)
  }

  @Test("a slow stream is suspected after ten times its pace")
  func slow() throws {
    let story = try Story()
    story.stream(1...4, every: 2_000)
    story.alive(17_500)
    #expect(story.slot.all(AttemptAbandon.self).isEmpty)
    story.alive(1_500)
    try story.goesOn(after: 4)
  }

  @Test(
    "a stalled stream stays where it is while nobody has a slot for it, and moves when somebody has"
  )
  func nowhereToGo() throws {
    let story = try Story(isFree: false)
    story.first.chunk(story.assign, output(1...3), on: story.slot)
    story.alive(12_000)
    #expect(story.slot.all(AttemptAbandon.self).isEmpty)
    let slot = try #require(story.second).park()
    story.alive(5_500)
    #expect(story.slot.all(AttemptAbandon.self).count == 1)
    #expect(try slot.last(Assign.self).recordSeq == 3)
  }

  @Test("a job's last try is left where it is, and ends in the engine's words")
  func lastTry() throws {
    let bench = try LeaderBench()
    let workers = try (1...4).map { try WorkerPeer(bench, "w\($0)") }
    let reader = bench.open(.job)
    for (place, worker) in workers.prefix(3).enumerated() {
      let slot = worker.park()
      if place == 0 { bench.say(.submit(bench.submission()), on: reader) }
      let assign = try slot.last(Assign.self)
      let seq = UInt64(place) + 1
      #expect(assign.epoch == Epoch(UInt32(seq)))
      worker.chunk(assign, output(seq...seq), on: slot)
      if place == 2 {
        _ = workers[3].park()
        for _ in 0..<20 {
          bench.advance(500)
          for worker in workers { worker.heartbeat() }
        }
        #expect(slot.all(AttemptAbandon.self).isEmpty)
      }
      worker.finish(
        assign, output(1...seq), on: slot, .error, error: ErrorCode.engineTruncated.rawValue,
        text: "its words", retryElsewhere: true)
    }
    let summary = try reader.last(Ended.self).summary
    #expect(summary.state == .failed && summary.errorText == "its words")
    #expect(summary.outputTokens == TokenCount(3))
  }

  @Test("a stream that was cancelled, or has ended, or cannot be continued, is not suspected")
  func notSuspected() throws {
    let cancelled = try Story()
    cancelled.first.chunk(cancelled.assign, output(1...3), on: cancelled.slot)
    cancelled.bench.say(.cancel(Cancel(job: cancelled.assign.job)), on: cancelled.reader)
    cancelled.alive(7_000)
    #expect(try cancelled.bench.job(cancelled.assign.job).state == .cancelling)
    let structured = try Story(body: LeaderBench.structured)
    structured.first.chunk(structured.assign, output(1...3), on: structured.slot)
    structured.alive(30_000)
    #expect(try structured.bench.job(structured.assign.job).state == .running)
  }
}
