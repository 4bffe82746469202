import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

@Suite("The worker's machine: registration, attempts, settling")
struct WorkerMachineTests {
  let bench = Bench()

  @Test("a worker registers with the leader alone, once engine, link and leader are known")
  func registersWithLeader() throws {
    let follower = FakeLink(1)
    let leader = FakeLink(2)
    bench.machine.linkUp(follower)
    bench.machine.linkUp(leader)
    #expect(leader.opened.isEmpty)
    bench.notice(2, 5)
    #expect(leader.opened.isEmpty)
    bench.machine.engineReady(offers: Bench.offers(), slots: 2)
    let registration = try leader.registration
    let register = try #require(registration.all(WorkerRegister.self).first)
    #expect(register.name == "w" && register.incarnation == 77 && !register.draining)
    #expect(register.offers == Bench.offers())
    #expect(follower.opened.isEmpty)
    #expect(leader.slots.isEmpty)

    try bench.accept(leader, 5)
    #expect(registration.all(WorkerHeartbeat.self).count == 1)
    let parks = leader.slots.flatMap { $0.all(Park.self) }
    #expect(parks.map(\.slot) == [0, 1])
    #expect(parks.allSatisfy { $0.worker == WorkerID(9) && $0.incarnation == 77 })
    #expect(bench.machine.status.worker == WorkerID(9))
  }

  @Test("an attempt that has ended is signed: model, digest, counts, own events, the hash of all")
  func signed() throws {
    let link = try bench.register()
    bench.machine.engineReady(
      offers: Bench.offers(), slots: 2, continues: true, digests: ["m": "gguf-sha256:ab"])
    let run = try #require(bench.assign(link.slots[0], recordSeq: 7))
    bench.produce(run, ["a"])
    bench.machine.runEnded(
      run,
      .completed(
        .length, Usage(promptTokens: 3, outputTokens: 4), cachedTokens: 2, reasoningTokens: 1))
    bench.advance(5)
    let finished = try #require(link.slots[0].all(AttemptFinished.self).first)
    #expect(finished.reasoningTokens == 1)
    let word = try #require(finished.word)
    #expect(word.digest == "gguf-sha256:ab" && word.firstSeq == 8)
    let statement = WorkerStatement(
      job: JobID(100), epoch: Epoch(1), model: "m", modelDigest: "gguf-sha256:ab",
      finish: .length, promptTokens: TokenCount(3), outputTokens: TokenCount(4),
      cachedTokens: TokenCount(2), firstSeq: 8, lastSeq: 8, outputHash: finished.hash)
    #expect(bench.stated == [statement.bytes])
  }

  @Test("a notice that names no leader changes nothing")
  func unknownLeader() throws {
    let link = try bench.register()
    bench.notice(0, 8)
    let linkRegistration = try link.registration
    #expect(linkRegistration.isOpen)
    bench.assign(link.slots[0], term: 5)
    #expect(bench.started.count == 1)
  }

  @Test(
    "an attempt: first event at once, later ones together, the ending after the last, then parked")
  func wholeAttempt() throws {
    let link = try bench.register()
    let slot = link.slots[0]
    let run = try #require(bench.assign(slot, recordSeq: 7))
    #expect(bench.started[0].order.attempt == AttemptID(job: JobID(100), epoch: Epoch(1)))
    bench.produce(run, ["a"])
    #expect(slot.all(Chunk.self).map { $0.events.map(\.seq) } == [[8]])
    bench.produce(run, ["b", "c"])
    #expect(slot.all(Chunk.self).count == 1)
    bench.advance(1)
    #expect(slot.all(Chunk.self).count == 1)
    bench.advance(1)
    #expect(slot.all(Chunk.self).map { $0.events.map(\.seq) } == [[8], [9, 10]])
    bench.produce(run, ["d"])
    bench.complete(run)
    let finished = try #require(slot.sent.last as? AttemptFinished)
    #expect(text(slot.events) == "abcd")
    #expect(finished.lastSeq == 11 && finished.finish == .stop && finished.error == 0)
    #expect(finished.usage == Usage(promptTokens: 3, outputTokens: 4))
    #expect(finished.hash == chain(slot.events))
    #expect(bench.machine.status.attempts.count == 1)
    bench.settle(slot)
    #expect(bench.machine.status.attempts.isEmpty)
    #expect(slot.all(Park.self).map(\.slot) == [0, 0])
    #expect(bench.assign(slot, job: 101) != nil)
  }

  @Test(
    "an engine that goes on from ids says so before its first event, and only to who follows it")
  func goesOnFromIDs() throws {
    let link = try bench.register()
    let slot = link.slots[0]
    let run = try #require(bench.assign(slot, recordSeq: 7))
    bench.machine.runGoesOnFromIDs(run)
    bench.produce(run, ["a"])
    let told = AttemptGoesOn(job: JobID(100), epoch: Epoch(1), resumption: .ids)
    #expect(slot.all(AttemptGoesOn.self) == [told])
    #expect(slot.sent.last is Chunk)
    bench.complete(run)
    bench.machine.runGoesOnFromIDs(run)
    #expect(slot.all(AttemptGoesOn.self).count == 1)
  }

  @Test("an engine that continues no output says so, and is given none")
  func continues() throws {
    let link = try bench.register(slots: 1, continues: false)
    #expect(try link.registration.all(WorkerRegister.self).last?.continues == false)
    let slot = link.slots[0]
    #expect(bench.assign(slot, recordSeq: 7) == nil)
    let finished = try #require(slot.sent.last as? AttemptFinished)
    #expect(finished.error == ErrorCode.engineUnreachable.rawValue && finished.retryElsewhere)
    #expect(finished.lastSeq == 7)
    bench.machine.engineReady(offers: Bench.offers(), slots: 1, continues: true)
    #expect(try link.registration.all(WorkerRegister.self).last?.continues == true)
    bench.machine.received(
      .attemptAbandon(AttemptAbandon(job: JobID(100), epoch: Epoch(1), term: Term(5))), on: slot)
    #expect(bench.assign(slot, epoch: 2, recordSeq: 7) != nil)
    #expect(bench.started[0].order.goesOn)
  }

  @Test("chunks hold at most 256 events and 12 KiB, unless one event is larger")
  func chunkLimits() throws {
    let link = try bench.register()
    let slot = link.slots[0]
    let run = try #require(bench.assign(slot))
    bench.produce(run, Array(repeating: "x", count: 601))
    bench.produce(run, Array(repeating: String(repeating: "y", count: 5_000), count: 5))
    bench.produce(run, [String(repeating: "z", count: 12_288)])
    bench.advance(2)
    let chunks = slot.all(Chunk.self)
    #expect(chunks.map(\.events.count) == [1, 256, 256, 90, 2, 1, 1])
    #expect(slot.events.map(\.seq) == Array(1...607))
  }

  @Test("text beyond an event's limits is divided between characters, and its tokens with it")
  func divides() throws {
    let link = try bench.register()
    let slot = link.slots[0]
    let run = try #require(bench.assign(slot))
    let long = String(repeating: "é€😀", count: 4_000)
    bench.machine.runProduced(
      run,
      [
        GeneratedEvent(
          choice: 3, kind: .reasoning, tokenCount: 700, ids: Array(0..<700),
          bytes: Array(long.utf8))
      ])
    bench.complete(run)
    #expect(text(slot.events) == long)
    #expect(slot.events.allSatisfy { $0.bytes.count <= 12_288 && $0.ids.count <= 256 })
    #expect(slot.events.allSatisfy { String(validating: $0.bytes, as: UTF8.self) != nil })
    #expect(slot.events.flatMap(\.ids) == Array(0..<700))
    #expect(slot.events.map(\.tokenCount).reduce(0, +) == 700)
    #expect(slot.events.allSatisfy { $0.choice == 3 && $0.kind == .reasoning })
  }

  @Test("a delta that fits in no event ends the attempt as garbled")
  func oversizedDelta() throws {
    let link = try bench.register()
    let slot = link.slots[0]
    let run = try #require(bench.assign(slot))
    bench.machine.runProduced(
      run,
      [
        GeneratedEvent(
          choice: 0, kind: .delta, tokenCount: 1, bytes: Array(repeating: 32, count: 12_289))
      ])
    let finished = try #require(slot.sent.last as? AttemptFinished)
    #expect(finished.error == ErrorCode.engineGarbled.rawValue && finished.retryElsewhere)
    #expect(bench.cancelled == [run])
  }

  @Test(
    "an engine's fault travels as its code, and may pass elsewhere unless the request is at fault",
    arguments: [
      (ErrorCode.engineUnreachable, true), (.engineBusy, true), (.engineTimeout, true),
      (.engineGarbled, true), (.engineTruncated, true), (.engineError, true),
      (.malformedRequest, false), (.contextLengthExceeded, false), (.internalError, false),
    ])
  func engineFaults(code: ErrorCode, isElsewhere: Bool) throws {
    let link = try bench.register()
    for (place, texts) in [[], ["some"]].enumerated() {
      bench.advance(1_000)  // a full engine is left alone
      bench.machine.engineReady(offers: Bench.offers(), slots: 2, continues: true)
      let slot = link.slots[place]
      let run = try #require(bench.assign(slot, job: UInt64(place) + 1))
      bench.produce(run, texts)
      bench.machine.runEnded(run, .failed(EngineFault(code, "its words")))
      let finished = try #require(slot.sent.last as? AttemptFinished)
      #expect(finished.finish == .error && finished.error == code.rawValue)
      #expect(finished.errorText == "its words" && finished.lastSeq == UInt64(texts.count))
      #expect(finished.retryElsewhere == isElsewhere)
    }
  }

  @Test("a cancelled attempt ends at once with what was made, and its slot waits for the engine")
  func cancels() throws {
    let link = try bench.register()
    let slot = link.slots[0]
    let run = try #require(bench.assign(slot))
    bench.produce(run, ["a", "b"])
    bench.cancel(slot)
    #expect(bench.cancelled == [run])
    bench.produce(run, ["late"])
    let finished = try #require(slot.sent.last as? AttemptFinished)
    #expect(finished.finish == .cancelled && finished.lastSeq == 2 && !finished.retryElsewhere)
    #expect(text(slot.events) == "ab")
    bench.settle(slot)
    #expect(slot.all(Park.self).count == 1)
    bench.machine.runEnded(run, .cancelled)
    #expect(slot.all(Park.self).count == 2)
    #expect(slot.all(AttemptFinished.self).count == 1)
  }

  @Test("a cancel that comes after the end changes nothing")
  func lateCancel() throws {
    let link = try bench.register()
    let slot = link.slots[0]
    let run = try #require(bench.assign(slot))
    bench.complete(run)
    bench.cancel(slot)
    #expect(slot.all(AttemptFinished.self).map(\.finish) == [.stop])
    #expect(bench.cancelled.isEmpty)
  }

  @Test("an attempt that is abandoned stops the engine and frees the slot when the engine lets go")
  func abandons() throws {
    let link = try bench.register()
    let slot = link.slots[0]
    let run = try #require(bench.assign(slot))
    bench.machine.received(
      .attemptAbandon(AttemptAbandon(job: JobID(100), epoch: Epoch(1), term: Term(5))),
      on: slot)
    #expect(bench.cancelled == [run])
    #expect(bench.machine.status.attempts.isEmpty)
    bench.machine.runEnded(run, .cancelled)
    #expect(slot.all(AttemptFinished.self).isEmpty)
    #expect(slot.all(Park.self).count == 2)
  }

  @Test("a slow leader stops the chunks, then the engine, and both go on when it takes more")
  func backpressure() throws {
    let link = try bench.register()
    let slot = link.slots[0]
    let run = try #require(bench.assign(slot))
    slot.isStuck = true
    bench.produce(run, ["first"])
    slot.outstandingBytes = MessageChannelLimits.outstandingBytesMax + 1
    bench.produce(run, Array(repeating: "x", count: 4_096))
    bench.advance(10)
    #expect(slot.events.count == 1)
    #expect(bench.reading[run] == nil)
    bench.produce(run, ["one more"])
    #expect(bench.reading[run] == false)
    bench.complete(run)
    #expect(slot.all(AttemptFinished.self).isEmpty)

    slot.outstandingBytes = 0
    bench.machine.writable(slot)
    #expect(slot.events.map(\.seq) == Array(1...4_098))
    #expect(slot.all(AttemptFinished.self).count == 1)
  }

  @Test("the engine is read again once half of what waits is sent")
  func readsAgain() throws {
    let link = try bench.register()
    let slot = link.slots[0]
    let run = try #require(bench.assign(slot))
    slot.outstandingBytes = MessageChannelLimits.outstandingBytesMax + 1
    bench.produce(run, Array(repeating: String(repeating: "x", count: 1_024), count: 1_100))
    #expect(bench.reading[run] == false)
    slot.outstandingBytes = 0
    bench.machine.writable(slot)
    #expect(bench.reading[run] == true)
    #expect(slot.events.count == 1_100)
  }

  @Test("a message of a kind or for an attempt that has no place ends the stream, not the worker")
  func violations() throws {
    let link = try bench.register()
    let slots = link.slots
    bench.assign(slots[0])
    bench.assign(slots[1])  // the same attempt on another slot
    #expect(slots[1].isAborted && bench.started.count == 1)
    bench.assign(slots[0], job: 101)  // on a stream that has an attempt
    #expect(slots[0].isAborted && bench.started.count == 1)
    bench.advance(200)
    #expect(link.slots.count == 2)
    #expect(link.slots.flatMap { $0.all(AttemptResume.self) }.count == 1)
    let linkRegistration = try link.registration
    #expect(linkRegistration.isOpen)
  }
}
