import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

@Suite("The worker's machine: lost streams, leaders and leases")
struct WorkerLossTests {
  let bench = Bench()

  @Test(
    "after a change of leader the attempt goes on from any event that the new one asks for",
    arguments: 1...7, [false, true])
  func resumes(from seq: UInt64, isFinished: Bool) throws {
    let old = try bench.register()
    let run = try #require(bench.assign(old.slots[0]))
    bench.produce(run, ["a", "b", "c", "d"])
    bench.advance(2)
    let before = old.slots[0].events
    #expect(before.count == 4)

    bench.notice(2, 6)
    #expect(old.opened.allSatisfy { $0.isAborted })
    bench.produce(run, ["e", "f"])
    if isFinished { bench.complete(run) }
    let new = try bench.join(node: 2, term: 6)
    let slot = try #require(new.slots.first { !$0.all(AttemptResume.self).isEmpty })
    #expect(
      slot.all(AttemptResume.self) == [
        AttemptResume(
          worker: WorkerID(9), job: JobID(100), epoch: Epoch(1), incarnation: 77, firstSeq: 1,
          lastSeq: 6, finished: isFinished)
      ])
    #expect(new.slots.count == 2)
    #expect(slot.events.isEmpty)

    bench.goOn(slot, from: seq, term: 6)
    if !isFinished { bench.complete(run) }
    #expect(slot.events.map(\.seq) == Array(seq..<7))
    #expect(text(before.prefix(Int(seq) - 1) + slot.events) == "abcdef" || seq > 5)
    let finished = try #require(slot.sent.last as? AttemptFinished)
    #expect(finished.lastSeq == 6 && finished.finish == .stop)
    bench.settle(slot, term: 6)
    #expect(slot.all(Park.self).count == 1)
  }

  @Test("a leader that asks for events that are not kept loses the attempt", arguments: [0, 3])
  func unanswerable(seq: UInt64) throws {
    let link = try bench.register()
    let run = try #require(bench.assign(link.slots[0]))
    bench.produce(run, ["a"])
    bench.machine.closed(link.slots[0])
    bench.advance(200)
    let slot = try #require(link.slots.last)
    bench.goOn(slot, from: seq, term: 5)
    #expect(slot.isAborted)
    #expect(bench.cancelled == [run])
    #expect(bench.machine.status.attempts.isEmpty)
  }

  @Test("a slot's broken stream is opened again after a while, on the same registration")
  func slotBreaks() throws {
    let link = try bench.register()
    let slots = link.slots
    let run = try #require(bench.assign(slots[0]))
    slots[0].abort()
    slots[1].abort()
    bench.machine.closed(slots[0])
    bench.machine.closed(slots[1])
    bench.produce(run, ["while", "away"])
    #expect(link.slots.isEmpty)
    bench.advance(100)
    #expect(link.slots.count == 2)
    #expect(link.slots[0].all(AttemptResume.self).map(\.lastSeq) == [2])
    #expect(link.slots[1].all(Park.self).map(\.slot) == [1])
    #expect(link.opened.count { $0.service == .worker } == 1)
    bench.goOn(link.slots[0], from: 1, term: 5)
    #expect(text(link.slots[0].events) == "whileaway")
  }

  @Test("streams that break again and again are opened ever more slowly")
  func backsOff() throws {
    let link = try bench.register(slots: 1)
    var waits: [UInt64] = []
    for _ in 0..<8 {
      let slot = link.slots[0]
      slot.abort()
      bench.machine.closed(slot)
      let begin = bench.clock.now
      while link.slots.isEmpty {
        bench.advance(10)
        try bench.acknowledge(link)
        if bench.clock.now > begin + 20_000 { break }
      }
      waits.append(bench.clock.now - begin)
    }
    #expect(waits == waits.sorted())
    #expect(waits[0] <= 110 && waits[7] >= 4_000 && waits[7] <= 5_010)
  }

  @Test("messages of a term that is over are ignored")
  func fencing() throws {
    let link = try bench.register()
    let slot = link.slots[0]
    bench.assign(slot, term: 4)
    #expect(bench.started.isEmpty)
    let run = try #require(bench.assign(slot, term: 7))
    bench.cancel(slot, term: 6)
    bench.settle(slot, term: 6)
    #expect(bench.cancelled.isEmpty && bench.machine.status.attempts.count == 1)
    bench.notice(3, 6)
    let linkRegistration = try link.registration
    #expect(linkRegistration.isOpen)
    #expect(
      bench.notes.filter { if case .staleTerm = $0 { true } else { false } }.count == 3)
    bench.complete(run)
    bench.settle(slot, term: 7)
    #expect(bench.machine.status.attempts.isEmpty)
  }

  @Test("a leader whose term is over when it answers is not obeyed")
  func staleRegistration() throws {
    bench.machine.engineReady(offers: Bench.offers(), slots: 1)
    let old = FakeLink(1)
    bench.machine.linkUp(old)
    bench.notice(1, 5)
    bench.notice(2, 6)
    let oldRegistration = try old.registration
    #expect(oldRegistration.isAborted)
    try bench.accept(old, 5)
    #expect(old.slots.isEmpty && bench.machine.status.worker == nil)
  }

  @Test("a leader that is elected again is registered with again")
  func reelected() throws {
    let link = try bench.register()
    let run = try #require(bench.assign(link.slots[0]))
    bench.notice(1, 6)
    #expect(link.opened.count { $0.service == .worker } == 2)
    try bench.accept(link, 6)
    let slot = try #require(link.slots.first { !$0.all(AttemptResume.self).isEmpty })
    bench.goOn(slot, from: 1, term: 6)
    bench.produce(run, ["x"])
    #expect(slot.events.count == 1)
  }

  @Test("heartbeats renew the lease four times over, and a silent leader is left after one lease")
  func lease() throws {
    let link = try bench.register()
    let registration = try link.registration
    let run = try #require(bench.assign(link.slots[0]))
    for _ in 0..<12 {
      bench.advance(1_000)
      let nonce = try #require(registration.all(WorkerHeartbeat.self).last).nonce
      bench.machine.received(
        .workerHeartbeatAck(WorkerHeartbeatAck(nonce: nonce, term: Term(5))), on: registration)
    }
    #expect(registration.isOpen)
    #expect(registration.all(WorkerHeartbeat.self).count == 13)
    #expect(registration.all(WorkerHeartbeat.self).last?.busy == 1)
    bench.advance(3_999)
    #expect(registration.isOpen)
    bench.advance(1)
    #expect(registration.isAborted && link.slots.isEmpty)
    #expect(bench.cancelled.isEmpty, "the engine goes on")
    bench.produce(run, ["x"])
    bench.advance(100)
    try bench.accept(link, 5)
    #expect(link.slots.flatMap { $0.all(AttemptResume.self) }.map(\.lastSeq) == [1])
  }

  @Test("a leader that does not answer a registration is asked again")
  func silentRegistration() throws {
    bench.machine.engineReady(offers: Bench.offers(), slots: 1)
    let link = FakeLink(1)
    bench.machine.linkUp(link)
    bench.notice(1, 5)
    bench.advance(5_000)
    #expect(link.opened[0].isAborted)
    bench.advance(100)
    #expect(link.opened.count == 2 && link.opened[1].isOpen)
  }

  @Test("a refusal that may pass is retried soon, another only after half a minute")
  func refusals() throws {
    bench.machine.engineReady(offers: Bench.offers(), slots: 1)
    let link = FakeLink(1)
    bench.machine.linkUp(link)
    bench.notice(1, 5)
    bench.machine.received(.failure(Failure(.notLeader, "")), on: try link.registration)
    bench.advance(100)
    #expect(link.opened.count == 2)
    bench.machine.received(
      .failure(Failure(.overloaded, "", retryAfterMs: 3_000)), on: try link.registration)
    bench.advance(2_999)
    #expect(link.opened.count == 2)
    bench.advance(2_001)
    #expect(link.opened.count == 3)
    bench.machine.received(.failure(Failure(.forbidden, "no scope")), on: try link.registration)
    bench.advance(29_999)
    #expect(link.opened.count == 3)
    bench.advance(15_001)
    #expect(link.opened.count == 4)
    #expect(
      bench.notes.contains(
        .registrationRefused(
          code: 3, message: "no scope", againIn: 45_000, isRepeated: false)))
  }

  private static let notLeading = Failure(
    .notLeader, "this coordinator does not lead", retryAfterMs: 20)

  /// A worker whose every registration at the leader of term 5 was refused for so many milliseconds.
  private func refused(for milliseconds: Int) -> FakeLink {
    bench.machine.engineReady(offers: Bench.offers(), slots: 1)
    let link = FakeLink(1)
    bench.machine.linkUp(link)
    bench.notice(1, 5)
    for _ in 0..<milliseconds {
      if let open = link.opened.last, open.isOpen {
        bench.machine.received(.failure(Self.notLeading), on: open)
      }
      bench.advance(1)
    }
    return link
  }

  @Test("a leader that goes on asking to come back soon is asked less and less, and told of once")
  func refusedAgainAndAgain() throws {
    let link = refused(for: 2_000)
    #expect((5...8).contains(link.opened.count), "\(link.opened.count) tries in 2 s")
    var waits: [UInt64] = []
    var news = 0
    for case .registrationRefused(_, _, let wait, let isRepeated) in bench.notes {
      waits.append(wait)
      news += isRepeated ? 0 : 1
    }
    #expect(news == 1)
    #expect(waits.first == 20 && waits == waits.sorted() && waits.last ?? 0 >= 640, "\(waits)")

    bench.advance(5_000)
    try bench.accept(link, 5)
    bench.machine.linkDown(link)
    let again = FakeLink(1)
    bench.machine.linkUp(again)
    bench.machine.received(.failure(Self.notLeading), on: try again.registration)
    #expect(
      bench.notes.last
        == .registrationRefused(
          code: ErrorCode.notLeader.rawValue, message: Self.notLeading.message, againIn: 20,
          isRepeated: false))
  }

  @Test("a new leader that is not ready yet is asked again at once, whatever others refused before")
  func refusedByTheNext() throws {
    let link = refused(for: 4_000)
    bench.notice(1, 6)
    bench.machine.received(.failure(Self.notLeading), on: try link.registration)
    guard case .registrationRefused(_, _, let againIn, _) = bench.notes.last else {
      Issue.record("got \(bench.notes)")
      return
    }
    #expect(againIn <= 40)
  }

  @Test(
    "what is kept under the number of an assignment is another job's, and is never offered for it")
  func numberGivenAgain() throws {
    let link = try bench.register()
    let old = try #require(bench.assign(link.slots[0]))
    bench.produce(old, ["another job's"])
    let restored = try bench.join(node: 4, term: 1 << 34)
    let offered = try #require(restored.slots.first { !$0.all(AttemptResume.self).isEmpty })
    let parked = try #require(restored.slots.first { !$0.all(Park.self).isEmpty })
    bench.machine.closed(offered)
    #expect(bench.assign(parked, term: 1 << 34) == nil)
    #expect(bench.cancelled == [old] && bench.machine.status.attempts.isEmpty)
    bench.machine.runEnded(old, .cancelled)
    bench.advance(3_000)
    let after = restored.opened.filter { $0 !== offered }
    #expect(after.allSatisfy { $0.all(AttemptResume.self).isEmpty && $0.events.isEmpty })
  }

  @Test("an attempt that no leader takes back in ten minutes is given up")
  func orphans() throws {
    let link = try bench.register()
    let run = try #require(bench.assign(link.slots[0]))
    bench.machine.linkDown(link)
    bench.advance(599_999)
    #expect(bench.cancelled.isEmpty)
    bench.advance(1)
    #expect(bench.cancelled == [run])
    #expect(bench.machine.status.attempts.isEmpty)
    bench.machine.runEnded(run, .cancelled)
    let again = FakeLink(1)
    bench.machine.linkUp(again)
    try bench.accept(again, 5)
    #expect(again.slots.flatMap { $0.all(Park.self) }.count == 2)
  }

  @Test("while no leader follows, the engine waits above the bound")
  func detachedBound() throws {
    let link = try bench.register()
    let run = try #require(bench.assign(link.slots[0]))
    bench.machine.linkDown(link)
    bench.produce(run, Array(repeating: "x", count: 4_097))
    #expect(bench.reading[run] == false)
    let again = try bench.join(node: 1, term: 5)
    let slot = try #require(again.slots.first { !$0.all(AttemptResume.self).isEmpty })
    bench.goOn(slot, from: 1, term: 5)
    #expect(slot.events.count == 4_097)
    #expect(bench.reading[run] == true)
  }

  @Test("what was sent is dropped above 8 MiB, but never the last 1,024 events")
  func prunes() throws {
    let link = try bench.register(slots: 1)
    let run = try #require(bench.assign(link.slots[0]))
    let large = String(repeating: "x", count: 12_000)
    for _ in 0..<1_200 {
      bench.produce(run, [large])
      bench.advance(2)
      try bench.acknowledge(link)
    }
    let all = link.slots[0].events
    #expect(all.count == 1_200)
    bench.machine.closed(link.slots[0])
    link.slots[0].abort()
    bench.advance(100)
    let offer = try #require(link.slots[0].all(AttemptResume.self).first)
    #expect(offer.firstSeq == 177 && offer.lastSeq == 1_200)
    bench.goOn(link.slots[0], from: 177, term: 5)
    #expect(link.slots[0].events == Array(all[176...]))
  }
}

@Suite("The worker's machine: its engine's health, draining and leaving")
struct WorkerLeavingTests {
  let bench = Bench()

  @Test("a failing engine is told to the leader at once, and a raced assignment goes elsewhere")
  func engineFails() throws {
    let link = try bench.register()
    let registration = try link.registration
    bench.machine.engineFailing("refused")
    #expect(registration.all(WorkerHeartbeat.self).map(\.engineHealthy) == [true, false])
    let slot = link.slots[0]
    #expect(bench.assign(slot) == nil)
    let finished = try #require(slot.sent.last as? AttemptFinished)
    #expect(finished.error == ErrorCode.engineUnreachable.rawValue && finished.retryElsewhere)
    #expect(finished.lastSeq == 0 && finished.hash == Bench.start().bytes)
    bench.settle(slot)
    bench.machine.engineReady(offers: Bench.offers(), slots: 2)
    #expect(registration.all(WorkerHeartbeat.self).map(\.engineHealthy) == [true, false, true])
    #expect(bench.assign(slot, job: 101) != nil)
  }

  @Test(
    "a run that cannot reach the engine says so of the engine before its own end, until a probe succeeds"
  )
  func engineUnreached() throws {
    let link = try bench.register()
    let registration = try link.registration
    let run = try #require(bench.assign(link.slots[0]))
    bench.machine.runEnded(run, .failed(EngineFault(.engineUnreachable, "refused")))
    #expect(registration.all(WorkerHeartbeat.self).map(\.engineHealthy) == [true, false])
    #expect(registration.all(WorkerHeartbeat.self).map(\.full) == [false, false])
    #expect(bench.probes == 1 && !bench.machine.status.engineIsHealthy)
    #expect(bench.assign(link.slots[1], job: 101) == nil)
    bench.machine.engineReady(offers: Bench.offers(), slots: 2, continues: true)
    #expect(registration.all(WorkerHeartbeat.self).map(\.engineHealthy) == [true, false, true])
    bench.settle(link.slots[0])
    let next = try #require(bench.assign(link.slots[0], job: 102))
    bench.machine.runEnded(next, .failed(EngineFault(.engineBusy, "no room")))
    #expect(bench.probes == 1 && bench.machine.status.engineIsHealthy)
  }

  @Test(
    "a full engine is given nothing for the time that it named, in no slot; the refused one is parked later; what runs goes on"
  )
  func engineFull() throws {
    let link = try bench.register(slots: 3)
    let registration = try link.registration
    func isTold() -> Bool? { registration.all(WorkerHeartbeat.self).last?.engineHealthy }
    func abandon(_ job: UInt64, on slot: FakeChannel) {
      bench.machine.received(
        .attemptAbandon(AttemptAbandon(job: JobID(job), epoch: Epoch(1), term: Term(5))), on: slot)
    }
    let (runs, refused, free) = (link.slots[0], link.slots[1], link.slots[2])
    let running = try #require(bench.assign(runs, job: 1))
    let run = try #require(bench.assign(refused, job: 2))
    bench.machine.runEnded(
      run, .failed(EngineFault(.engineBusy, "no room", retryAfterMilliseconds: 2_500)))
    #expect(registration.all(WorkerHeartbeat.self).map(\.engineHealthy) == [true, false])
    #expect(bench.machine.status.engineIsHealthy && bench.machine.status.engineFullFor == 2_500)
    #expect(registration.all(WorkerHeartbeat.self).map(\.full) == [false, true])
    abandon(2, on: refused)
    #expect(refused.isFinished && link.slots.count == 2)

    #expect(bench.assign(free, job: 3) == nil, "it was on its way")
    let finished = free.all(AttemptFinished.self).last
    #expect(finished?.error == ErrorCode.engineBusy.rawValue && finished?.retryElsewhere == true)
    abandon(3, on: free)
    #expect(free.all(Park.self).count == 2)

    bench.advance(999)
    #expect(link.slots.count == 2)
    bench.advance(1)
    #expect(link.slots.count == 3 && link.slots[2].all(Park.self).count == 1)
    bench.advance(1_499)
    #expect(isTold() == false)
    #expect(bench.machine.status.engineFullFor == 1)
    bench.advance(1)
    #expect(isTold() == true && bench.machine.status.engineFullFor == nil)
    #expect(bench.assign(free, job: 4) != nil)
    bench.complete(running)
    #expect(runs.all(AttemptFinished.self).map(\.finish) == [.stop])
  }

  @Test("an attempt that is abandoned just before its engine refuses it keeps its slot waiting too")
  func engineFullForAbandoned() throws {
    let link = try bench.register()
    let slot = link.slots[0]
    let run = try #require(bench.assign(slot, job: 1))
    bench.machine.received(
      .attemptAbandon(AttemptAbandon(job: JobID(1), epoch: Epoch(1), term: Term(5))), on: slot)
    bench.machine.runEnded(run, .failed(EngineFault(.engineBusy, "no room")))
    #expect(slot.isFinished && slot.all(Park.self).count == 1)
    bench.advance(999)
    #expect(link.slots.count == 1)
    bench.advance(1)
    #expect(link.slots.count == 2 && link.slots[1].all(Park.self).count == 1)
  }

  @Test(
    "a slot waits for the engine's own refusals alone, not for those of a worker that leaves it alone"
  )
  func engineNotAsked() throws {
    let link = try bench.register(slots: 1)
    let refused = link.slots[0]
    let run = try #require(bench.assign(refused, job: 1))
    bench.machine.runEnded(
      run, .failed(EngineFault(.engineBusy, "no room", retryAfterMilliseconds: 9_000)))
    bench.settle(refused, job: 1)
    bench.advance(1_000)
    let slot = try #require(link.slots.last)
    #expect(bench.assign(slot, job: 2) == nil, "it was on its way")
    bench.settle(slot, job: 2)
    #expect(!slot.isFinished && slot.all(Park.self).count == 2)
  }

  @Test("a run that completes makes room where the engine named no time, and its slot is free")
  func engineHasRoomAgain() throws {
    let link = try bench.register(slots: 2)
    let registration = try link.registration
    let running = try #require(bench.assign(link.slots[0], job: 1))
    let run = try #require(bench.assign(link.slots[1], job: 2))
    bench.machine.runEnded(run, .failed(EngineFault(.engineBusy, "no room")))
    #expect(registration.all(WorkerHeartbeat.self).map(\.engineHealthy) == [true, false])
    bench.complete(running)
    bench.settle(link.slots[0], job: 1)
    bench.advance(0)
    #expect(registration.all(WorkerHeartbeat.self).map(\.engineHealthy) == [true, false, true])
    #expect(bench.assign(link.slots[0], job: 3) != nil)
  }

  @Test("an engine that is not there yet is told of once, and again when the reason is another")
  func engineIsNotThereYet() {
    let bench = Bench()
    for reason in ["refused", "refused", "no route", "no route"] {
      bench.machine.engineFailing(reason)
    }
    bench.machine.engineReady(offers: Bench.offers(), slots: 2)
    bench.machine.engineFailing("no route")
    let told = bench.notes.compactMap { note -> String? in
      if case .engineFailing(let reason) = note { reason } else { nil }
    }
    #expect(told == ["refused", "no route", "no route"])
  }

  @Test("changed offers are announced, more slots parked, fewer slots closed when free")
  func offersChange() throws {
    let link = try bench.register(slots: 2)
    let registration = try link.registration
    bench.machine.engineReady(offers: Bench.offers("other"), slots: 3)
    #expect(registration.all(WorkerRegister.self).map { $0.offers[0].model } == ["m", "other"])
    #expect(link.slots.count == 3)
    let run = try #require(bench.assign(link.slots[2]))
    let last = link.slots[2]
    bench.machine.engineReady(offers: Bench.offers("other"), slots: 1)
    #expect(link.slots.count == 2)
    bench.complete(run)
    bench.settle(last)
    #expect(last.isFinished && link.slots.count == 1)
  }

  @Test("a draining worker says so, finishes what runs, refuses what was on its way, then leaves")
  func drains() throws {
    let link = try bench.register(slots: 3)
    let registration = try link.registration
    let slots = link.slots
    let run = try #require(bench.assign(slots[0]))
    bench.machine.drain()
    #expect(registration.all(WorkerRegister.self).map(\.draining) == [false, true])
    #expect(slots[1].isOpen, "an assignment may be on its way")
    #expect(bench.assign(slots[1], job: 101) == nil)
    #expect((slots[1].sent.last as? AttemptFinished)?.retryElsewhere == true)
    bench.settle(slots[1], job: 101)
    #expect(slots[1].isFinished)
    try bench.accept(link, 5)
    #expect(slots[2].isFinished)
    #expect(bench.timesLeft == 0)
    bench.complete(run)
    #expect(bench.timesLeft == 0)
    bench.settle(slots[0])
    #expect(bench.timesLeft == 1)
    #expect(slots[0].isFinished && registration.isFinished)
    bench.advance(60_000)
    #expect(bench.timesLeft == 1)
  }

  @Test("an idle worker that drains leaves once the leader has committed it")
  func drainsIdle() throws {
    let link = try bench.register()
    bench.machine.drain()
    #expect(bench.timesLeft == 0)
    try bench.accept(link, 5)
    #expect(bench.timesLeft == 1)
  }

  @Test("a worker without a leader drains at once if it keeps nothing, else registers to hand over")
  func drainsAlone() throws {
    bench.machine.drain()
    #expect(bench.timesLeft == 1)

    let other = Bench()
    let link = try other.register()
    let run = try #require(other.assign(link.slots[0]))
    other.machine.linkDown(link)
    other.machine.drain()
    other.produce(run, ["x"])
    other.complete(run)
    #expect(other.timesLeft == 0)
    let again = FakeLink(1)
    other.machine.linkUp(again)
    other.advance(200)
    try other.accept(again, 5)
    let againRegistration = try again.registration
    #expect(againRegistration.all(WorkerRegister.self).map(\.draining) == [true])
    #expect(again.slots.count == 1)
    other.goOn(again.slots[0], from: 1, term: 5)
    other.settle(again.slots[0])
    #expect(other.timesLeft == 1)
  }

  @Test("a worker that stops ends its engine's runs and says on each stream why")
  func stops() throws {
    let link = try bench.register()
    let slots = link.slots
    let run = try #require(bench.assign(slots[0]))
    bench.produce(run, ["x"])
    bench.machine.stop()
    #expect(bench.cancelled == [run] && bench.timesLeft == 1)
    #expect((slots[0].sent.last as? Failure)?.errorCode == .workerLost)
    #expect(slots.allSatisfy { $0.isFinished })
    let linkRegistration = try link.registration
    #expect(linkRegistration.isFinished)
    bench.machine.runEnded(run, .cancelled)
    bench.machine.closed(slots[0])
    #expect(bench.timesLeft == 1)
  }
}
