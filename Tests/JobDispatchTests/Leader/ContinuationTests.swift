import Consensus
import ExchangeCore
import ExchangeTypes
@testable import JobDispatch
import Testing
import WireProtocol

@Suite("The leader: streams that go on after a loss")
struct ContinuationTests {
  /// The text of events.
  private func text(_ events: [Event]) -> String {
    String(decoding: events.flatMap(\.bytes), as: UTF8.self)
  }

  /// What a worker is sent when it is to go on after `before`.
  private func expectContinuation(_ assign: Assign, after before: [Event], of total: UInt32 = 4_000)
  {
    #expect(assign.recordSeq == UInt64(before.count))
    #expect(assign.recordHash == chainHash(assign.job, before))
    #expect(assign.outputTokensMax == total - UInt32(before.count))
    let end = #",{"role":"assistant","content":"\#(text(before))"}]"#
    #expect(String(decoding: assign.body, as: UTF8.self).contains(end))
  }

  /// A process that dies: all its streams end.
  private func kill(_ worker: WorkerPeer, _ slots: Peer..., in bench: LeaderBench) {
    for slot in slots { bench.close(slot) }
    bench.close(worker.registration)
  }

  @Test(
    "a worker dies in mid-stream: another goes on, the reader has it all, the record is charged")
  func goesOn() throws {
    let bench = try LeaderBench()
    let first = try WorkerPeer(bench, "first", price: 600_000)
    let second = try WorkerPeer(bench, "second")
    let slot = first.park()
    let reader = bench.submit()
    let lost = try slot.last(Assign.self)
    first.chunk(lost, output(1...5), on: slot)
    bench.advance(60)
    first.chunk(lost, output(6...7), on: slot)  // seen, and not recorded when the worker dies
    kill(first, slot, in: bench)
    second.alive(5_000)
    #expect(reader.all(Ended.self).isEmpty)
    let late = bench.follow(lost.job, from: 3, hash: chainHash(lost.job, output(1...2)))
    #expect(late.events == output(3...7), "the record serves while nobody has the job")
    let other = second.park()
    let assign = try other.last(Assign.self)
    #expect(assign.job == lost.job && assign.epoch == Epoch(2))
    expectContinuation(assign, after: output(1...7))
    second.chunk(assign, output(8...9), on: other)
    second.finish(assign, output(1...9), on: other)
    for (peer, before) in [(reader, []), (late, output(1...2))] {
      #expect(before + peer.events == output(1...9))
      expectUnbroken(peer, after: before, of: lost.job)
      // 9 tokens of the record at the second's price; its 5 prompt tokens are less than what it was given.
      let summary = try peer.last(Ended.self).summary
      #expect(summary.state == .completed && summary.epoch == Epoch(2))
      #expect(summary.charge == Credits(nano: 18))
    }
    let report = try bench.call(.jobQuery(.init(job: lost.job))).last(JobReport.self)
    #expect(report.resumed == .text)
  }

  @Test("an output goes out with the ids that its events have, and the job says how it went on")
  func ids() throws {
    let bench = try LeaderBench()
    let first = try WorkerPeer(bench, "first", price: 600_000)
    let second = try WorkerPeer(bench, "second")
    let slot = first.park()
    bench.submit(.submitted)
    let lost = try slot.last(Assign.self)
    #expect(lost.output == nil)
    func events(_ range: ClosedRange<UInt64>, ids: Bool) -> [Event] {
      output(range).map {
        Event(
          seq: $0.seq, choice: 0, kind: .text, tokenCount: 2,
          ids: ids ? [UInt32($0.seq), 7] : [], bytes: $0.bytes)
      }
    }
    let begun = events(1...2, ids: true) + events(3...3, ids: false) + events(4...4, ids: true)
    first.chunk(lost, begun, on: slot)
    bench.advance(60)
    bench.say(.failure(Failure(.workerLost, "leaving")), on: slot)
    let other = second.park()
    let assign = try other.last(Assign.self)
    #expect(
      assign.output == [
        OutputPart(bytes: 8, tokens: 4, ids: [1, 7, 2, 7]),
        OutputPart(bytes: 4, tokens: 2, ids: []),
        OutputPart(bytes: 4, tokens: 2, ids: [4, 7]),
      ])
    func resumed() throws -> Resumption? {
      try bench.call(.jobQuery(.init(job: lost.job))).last(JobReport.self).resumed
    }
    #expect(try resumed() == .text)
    func says(_ epoch: Epoch, on peer: Peer) {
      bench.say(.attemptGoesOn(.init(job: lost.job, epoch: epoch, resumption: .ids)), on: peer)
    }
    says(lost.epoch, on: other)
    #expect(try resumed() == .text, "the word of an attempt that is over")
    says(assign.epoch, on: other)
    #expect(try resumed() == .ids)
    second.chunk(assign, events(5...5, ids: true), on: other)
    second.finish(assign, begun + events(5...5, ids: true), on: other)
    try bench.restart()
    #expect(try resumed() == .ids)
  }

  @Test("an output without ids, and one with more than an assignment carries, goes out as text")
  func noIDs() {
    let event = Event(
      seq: 1, choice: 0, kind: .text, tokenCount: 256, ids: [UInt32](repeating: 1, count: 256),
      bytes: Array("x".utf8))
    var output = RecordedOutput()
    #expect(output.parts(within: .max) == nil)
    var isText = output.append([event])
    #expect(output.parts(within: 1_100)?.first?.ids.count == 256)
    #expect(output.parts(within: 1_000) == nil)
    isText = output.append([Event](repeating: event, count: 20)) && isText
    #expect(isText)
    #expect(output.parts(within: .max)?.map(\.ids.count) == [4_096, 1_280])
  }

  @Test("two workers die in turn: the third goes on; if it dies too, the job ends with its charge")
  func diesTwice() throws {
    let bench = try LeaderBench()
    let reader = bench.open(.job)
    var workers: [WorkerPeer] = []
    for number in 1...3 { workers.append(try WorkerPeer(bench, "w\(number)")) }
    var job = JobID(0)
    for (place, worker) in workers.enumerated() {
      worker.heartbeat()
      let slot = worker.park()
      if place == 0 { bench.say(.submit(bench.submission()), on: reader) }
      let assign = try slot.last(Assign.self)
      let sent = UInt64(place) * 3
      #expect(assign.recordSeq == sent && assign.epoch == Epoch(UInt32(place) + 1))
      job = assign.job
      worker.chunk(assign, output((sent + 1)...(sent + 3)), on: slot)
      for other in workers[(place + 1)...] { other.heartbeat() }
      // It gives up: as a worker that is told to leave at once does.
      bench.say(.failure(Failure(.workerLost, "leaving")), on: slot)
    }
    let ended = try reader.last(Ended.self)
    #expect(ended.summary.state == .failed)
    #expect(ended.summary.error == ErrorCode.workerLost.rawValue)
    #expect(ended.summary.outputTokens == TokenCount(9))
    #expect(reader.events == output(1...9))
    expectUnbroken(reader, of: job)
  }

  @Test("a worker that was believed dead comes back with its old epoch: it is fenced")
  func staleWorker() throws {
    let bench = try LeaderBench()
    let first = try WorkerPeer(bench, "first", price: 600_000)
    let second = try WorkerPeer(bench, "second")
    let slot = first.park()
    let reader = bench.submit()
    let lost = try slot.last(Assign.self)
    first.chunk(lost, output(1...2), on: slot)
    kill(first, slot, in: bench)
    second.alive(5_000)
    let other = second.park()
    let assign = try other.last(Assign.self)
    second.chunk(assign, output(3...3), on: other)
    // The same process, cut off for a while, made another third event.
    try first.register(price: 600_000)
    let back = first.resume(lost, from: 1, through: 9)
    #expect(try back.last(AttemptAbandon.self).epoch == lost.epoch)
    first.chunk(lost, output(3...9, bytes: 9), on: back)
    second.finish(assign, output(1...3), on: other)
    #expect(reader.events == output(1...3))
    #expect(try reader.last(Ended.self).summary.state == .completed)
  }

  @Test("a job with a record waits for a worker that continues outputs, also under a new leader")
  func waitsForTheRightOne() throws {
    let bench = try LeaderBench()
    let first = try WorkerPeer(bench, "first")
    let slot = first.park()
    let reader = bench.submit(.submitted)
    let lost = try slot.last(Assign.self)
    first.chunk(lost, output(1...4), on: slot)
    bench.say(.failure(Failure(.workerLost, "leaving")), on: slot)
    kill(first, slot, in: bench)
    #expect(try bench.job(lost.job).state == .queued)
    let report = try bench.call(.jobQuery(.init(job: lost.job))).last(JobReport.self)
    #expect(report.resumed == nil, "it has not gone on yet")
    #expect(reader.all(Ended.self).isEmpty)
    try bench.restart()
    let unable = try WorkerPeer(bench, "unable", price: 500_000, continues: nil)
    let idle = unable.park()
    #expect(idle.all(Assign.self).isEmpty)
    let able = try WorkerPeer(bench, "able")
    expectContinuation(try able.park().last(Assign.self), after: output(1...4))
  }

  @Test("nobody goes on in time: the job expires, and what was delivered is charged")
  func expires() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.open(.job)
    bench.say(.submit(bench.submission(timeout: 10_000)), on: reader)
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...4), on: slot)
    kill(worker, slot, in: bench)
    bench.advance(20_000)
    let ended = try reader.last(Ended.self)
    #expect(ended.summary.state == .expired)
    #expect(ended.summary.error == ErrorCode.deadlineExpired.rawValue)
    #expect(ended.summary.charge == Credits(nano: 8) && ended.lastSeq == 4)
  }

  @Test("a tool call, reasoning or a second answer in the output: the job ends with its charge")
  func cannotBeContinued() throws {
    for (kind, choice) in [(EventKind.delta, 0), (.reasoning, 0), (.text, 1)]
      as [(EventKind, UInt16)]
    {
      let bench = try LeaderBench()
      let worker = try WorkerPeer(bench)
      let slot = worker.park()
      let reader = bench.submit()
      let assign = try slot.last(Assign.self)
      let odd = Event(
        seq: 3, choice: choice, kind: kind, tokenCount: 1, ids: [], bytes: Array("{}".utf8))
      worker.chunk(assign, output(1...2) + [odd], on: slot)
      bench.say(.failure(Failure(.workerLost, "leaving")), on: slot)
      let ended = try reader.last(Ended.self)
      #expect(ended.summary.state == .failed)
      #expect(ended.summary.error == ErrorCode.workerLost.rawValue)
      #expect(ended.summary.outputTokens == TokenCount(3))
    }
  }

  @Test("an output longer than an assignment carries ends with its worker")
  func tooLong() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    for seq in UInt64(1)...22 {
      worker.chunk(assign, output(seq...seq, bytes: 12_000), on: slot)
      bench.advance(60)
    }
    bench.say(.failure(Failure(.workerLost, "leaving")), on: slot)
    #expect(try reader.last(Ended.self).summary.state == .failed)
    #expect(reader.events.count == 22)
  }

  @Test("a worker that dies after the last token that was asked for leaves a whole output")
  func nothingLeft() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let body = #"{"model":"m","max_tokens":3,"messages":[{"role":"user","content":"hi"}]}"#
    let reader = bench.submit(body: Array(body.utf8))
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...3), on: slot)
    bench.say(.failure(Failure(.workerLost, "leaving")), on: slot)
    let ended = try reader.last(Ended.self)
    #expect(ended.summary.state == .completed && ended.summary.finish == .length)
    #expect(ended.summary.outputTokens == TokenCount(3) && ended.lastSeq == 3)
  }

  @Test("a worker that refuses a continuation before its first event leaves it to another")
  func refused() throws {
    let bench = try LeaderBench()
    let first = try WorkerPeer(bench, "first", price: 600_000)
    let busy = try WorkerPeer(bench, "busy", price: 700_000)
    let slot = first.park()
    bench.submit(.submitted)
    let lost = try slot.last(Assign.self)
    first.chunk(lost, output(1...2), on: slot)
    bench.say(.failure(Failure(.workerLost, "leaving")), on: slot)
    let taken = busy.park()
    let assign = try taken.last(Assign.self)
    busy.finish(
      assign, output(1...2), on: taken, .error, error: ErrorCode.engineBusy.rawValue,
      text: "no room", retryElsewhere: true)
    let third = try WorkerPeer(bench, "third", price: 700_000)
    let next = try third.park().last(Assign.self)
    #expect(next.epoch == Epoch(3))
    expectContinuation(next, after: output(1...2))
  }
}
