import Consensus
import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("Leader: jobs of embeddings")
struct EmbeddingJobTests {
  private func submit(
    _ bench: LeaderBench, _ input: String = #"["a","b"]"#, endpoint: Endpoint = .embeddings
  ) -> Peer {
    let body =
      endpoint == .embeddings ? Array(#"{"model":"m","input":\#(input)}"#.utf8) : LeaderBench.body()
    let peer = bench.open(.job)
    bench.say(
      .submit(
        Submit(
          requestKey: bench.requestKey(), mode: .attached, endpoint: endpoint, model: "m",
          body: body, maxInputPrice: nil, maxOutputPrice: nil, queueTimeoutMs: 600_000,
          follow: true, retentionMs: nil)), on: peer)
    return peer
  }

  private func vectors(_ range: ClosedRange<UInt64>, bytes: Int = 48) -> [Event] {
    range.map {
      Event(
        seq: $0, choice: UInt16($0 - 1), kind: .vector, tokenCount: 0, ids: [],
        bytes: [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: bytes))
    }
  }

  @Test("vectors beyond the window are recorded and delivered without a wait; the input is charged")
  func whole() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, endpoints: [.embeddings])
    let slot = worker.park()
    let input = "[" + Array(repeating: "\"a\"", count: 900).joined(separator: ",") + "]"
    let reader = submit(bench, input)
    let assign = try slot.last(Assign.self)
    #expect(assign.endpoint == .embeddings)
    #expect(assign.body == Array(#"{"model":"m","input":\#(input)}"#.utf8))
    #expect(try bench.job(assign.job).bid.outputMax == .zero)
    let all = vectors(1...900)
    worker.chunk(assign, Array(all[..<200]), on: slot)
    worker.chunk(assign, Array(all[200..<700]), on: slot)
    #expect(slot.isReading, "a full window is recorded at once")
    worker.chunk(assign, Array(all[700...]), on: slot)
    worker.finish(assign, all, on: slot)
    expectUnbroken(reader, of: assign.job)
    #expect(reader.events == all)
    let ended = try reader.last(Ended.self).summary
    #expect(ended.state == .completed && ended.promptTokens == TokenCount(5))
    #expect(ended.outputTokens == .zero && ended.charge == Credits(nano: 5))
    // Who comes later reads the same out of the record.
    #expect(bench.follow(assign.job).events == all)
  }

  @Test("a worker that is lost before the first vector costs nothing, one after it ends the job")
  func lost() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, endpoints: [.embeddings])
    let slot = worker.park()
    let reader = submit(bench)
    let first = try slot.last(Assign.self)
    bench.say(.failure(Failure(.workerLost, "it goes")), on: slot)
    #expect(try bench.job(first.job).state == .queued)
    let other = worker.park()
    let second = try other.last(Assign.self)
    #expect(second.job == first.job && second.epoch.rawValue == 2 && second.recordSeq == 0)
    worker.chunk(second, vectors(1...1), on: other)
    bench.say(.failure(Failure(.workerLost, "it goes")), on: other)
    let ended = try reader.last(Ended.self).summary
    #expect(ended.state == .failed && ended.charge == .zero)
    #expect(ErrorCode(rawValue: ended.error) == .workerLost)
  }

  @Test("what is no vector, out of order or too little is not paid for")
  func garbled() throws {
    let flawed: [[Event]] = [
      output(1...2), [vectors(1...3)[0], vectors(1...3)[2]], vectors(1...1), [],
    ]
    for (place, events) in flawed.enumerated() {
      let bench = try LeaderBench()
      let worker = try WorkerPeer(bench, endpoints: [.embeddings])
      let slot = worker.park()
      let reader = submit(bench)
      let assign = try slot.last(Assign.self)
      let numbered = events.enumerated().map { place, event in
        Event(
          seq: UInt64(place + 1), choice: event.choice, kind: event.kind, tokenCount: 0, ids: [],
          bytes: event.bytes)
      }
      if !numbered.isEmpty { worker.chunk(assign, numbered, on: slot) }
      worker.finish(assign, numbered, on: slot)
      let ended = try reader.last(Ended.self).summary
      #expect(ErrorCode(rawValue: ended.error) == .engineGarbled, "\(place)")
      #expect(ended.state == .failed && ended.charge == .zero, "\(place)")
    }
  }

  /// Vectors through 2 are recorded and through `last` delivered when the leader dies; the reader is back, and asked for the rest.
  private func reattached(
    _ bench: LeaderBench, after last: UInt64
  ) throws -> (reader: Peer, assign: Assign, slot: Peer, worker: WorkerPeer) {
    let worker = try WorkerPeer(bench, endpoints: [.embeddings])
    let slot = worker.park()
    let input = "[" + Array(repeating: "\"a\"", count: 900).joined(separator: ",") + "]"
    let reader = submit(bench, input)
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, vectors(1...2), on: slot)
    bench.advance(60)
    bench.holdsWrites = true
    worker.chunk(assign, vectors(3...last), on: slot)
    #expect(reader.events == vectors(1...last))
    let told = try reader.last(Events.self)
    try bench.restart()
    #expect(try bench.job(assign.job).record.lastSeq == 2)
    let again = try WorkerPeer(bench, endpoints: [.embeddings])
    let back = bench.follow(
      assign.job, from: last + 1, hash: told.hash,
      tail: TailClaim(epoch: told.epoch, durableThrough: told.durableThrough, mac: told.mac))
    #expect(try back.last(TailQuery.self).fromSeq == 3)
    return (back, assign, again.resume(assign, from: 1, through: last), again)
  }

  @Test("a tail that does not continue what its worker sends now ends its reader, not the leader")
  func worksAgainstItself() throws {
    let bench = try LeaderBench()
    let (reader, assign, slot, worker) = try reattached(bench, after: 6)
    let others = (3...5 as ClosedRange<UInt64>).map {
      Event(
        seq: $0, choice: UInt16($0 - 3), kind: .vector, tokenCount: 0, ids: [],
        bytes: [UInt8](repeating: 7, count: 48))
    }
    worker.chunk(assign, others, on: slot)
    bench.say(.tail(Tail(job: assign.job, events: vectors(3...6))), on: reader)
    #expect(reader.failure == .streamDiverged)
    bench.advance(100)
    #expect(try bench.job(assign.job).record.lastSeq == 5, "nothing was spliced onto it")
  }

  @Test("a tail that comes when its worker has sent it all again, and more, is no forgery")
  func trimmed() throws {
    let bench = try LeaderBench()
    let (reader, assign, slot, worker) = try reattached(bench, after: 60)
    worker.chunk(assign, vectors(3...120), on: slot)
    bench.advance(100)
    bench.say(.tail(Tail(job: assign.job, events: vectors(3...60))), on: reader)
    #expect(reader.failure == nil && reader.events == vectors(61...120))
  }

  @Test("more pieces than any answer has end the attempt")
  func overrun() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, endpoints: [.embeddings])
    let slot = worker.park()
    let reader = submit(bench)
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, vectors(1...4_097, bytes: 4), on: slot)
    let ended = try reader.last(Ended.self).summary
    #expect(ErrorCode(rawValue: ended.error) == .streamOverrun)
  }

  @Test("a model of another kind, and ids beyond the context, are refused by name")
  func refused() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let chatOnly = try submit(bench).last(Failure.self)
    #expect(chatOnly.errorCode == .endpointNotServed && HTTPRefusal(chatOnly).param == "model")
    #expect(HTTPRefusal(chatOnly).status == 400 && chatOnly.message.contains("embeddings"))
    bench.close(worker.registration)
    bench.advance(UInt64(WorkerSession.leaseMilliseconds))
    _ = try WorkerPeer(bench, incarnation: 2, endpoints: [.embeddings])
    #expect(submit(bench, endpoint: .chatCompletions).failure == .endpointNotServed)
  }

  @Test("ids beyond the context are refused with both numbers, before anybody is asked")
  func overlong() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, endpoints: [.embeddings], context: 8)
    let slot = worker.park()
    let before = bench.replica.lastIndex
    let refused = try submit(bench, "[[1],[1,2,3,4,5,6,7,8,9]]").last(Failure.self)
    #expect(refused.errorCode == .contextLengthExceeded)
    #expect(refused.message.contains("9 token ids") && refused.message.contains("takes 8"))
    #expect(HTTPRefusal(refused).param == "input" && bench.replica.lastIndex == before)
    // Of texts nobody knows it but the engine.
    _ = submit(bench, #""a text of more than eight bytes""#)
    #expect(slot.all(Assign.self).count == 1)
  }

  @Test("one model is found, however many there are, and however long its name is")
  func oneOfMany() throws {
    let bench = try LeaderBench()
    let long = String(repeating: "m", count: 47) + "é" + String(repeating: "x", count: 200)
    let names = [long, "m", "z"] + (0..<1_101).map { "m\(10_000 + $0)" }
    for start in stride(from: 0, to: names.count, by: Command.Limits.offersMax) {
      let offers = names[start..<min(names.count, start + Command.Limits.offersMax)].map {
        OfferTerms(
          model: $0, context: 64, outputDefault: 8, slots: 1, priceInput: .zero, priceOutput: .zero,
          basis: .chunkCount, bytesPerTokenFloor: 1, endpoints: [.chatCompletions])
      }
      bench.say(
        .workerRegister(
          WorkerRegister(
            name: "w\(start)", incarnation: 1, offers: offers, draining: false, continues: true)),
        on: bench.open(.worker))
    }
    func find(_ name: String) throws -> (status: Int?, listed: Int) {
      let listing = try bench.call(.modelList(ModelAnswer.question(name))).last(ModelListing.self)
      return (ModelAnswer.one(name, of: listing).head?.status, listing.models.count)
    }
    let all = try bench.call(.modelList(.init())).last(ModelListing.self)
    #expect(all.models.count == 1_024 && !all.models.contains { $0.model == "z" })
    for name in [long, "z", "m11100"] { #expect(try find(name) == (200, 1), "\(name)") }
    #expect(try find("m") == (200, 1_024))
    #expect(try find("m1") == (404, 1_024))
    bench.advance(2 * UInt64(WorkerSession.leaseMilliseconds))
    // Those that nobody serves are left out first, but for the one that is asked for.
    #expect(bench.replica.exchange.model("m")?.slots == 0)
    #expect(try find("m") == (200, 1_024))
    #expect(
      [long, "é" + long, "m"].map { ModelAnswer.question($0).beginning?.utf8.count } == [47, 48, 1])
  }

  @Test("what models are served for is listed")
  func listed() throws {
    let bench = try LeaderBench()
    try WorkerPeer(bench, "one", capabilities: 1).heartbeat(isFull: true)
    _ = try WorkerPeer(bench, "two", capabilities: 4, endpoints: [.embeddings])
    let listing = try bench.call(.modelList(.init())).last(ModelListing.self)
    #expect(
      listing.abilities == [
        ModelAbilities(endpoints: [.chatCompletions, .embeddings], capabilities: 5)
      ])
    let body = String(decoding: ModelAnswer.list(listing).body, as: UTF8.self)
    #expect(body.contains(#""endpoints":["/v1/chat/completions","/v1/embeddings"]"#))
    #expect(body.contains(#""capabilities":["tools","logprobs"]"#))
  }
}
