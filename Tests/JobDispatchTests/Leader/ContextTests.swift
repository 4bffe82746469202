import Consensus
import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("Leader: what a context has room for")
struct ContextTests {
  /// A chat with a prompt of so many bytes, and other fields before it.
  private func chat(_ bytes: Int, _ fields: String = "") -> [UInt8] {
    let text = String(repeating: "word ", count: bytes / 5)
    return Array(
      #"{"model":"m",\#(fields)"messages":[{"role":"user","content":"\#(text)"}]}"#.utf8)
  }

  private func completion(_ bench: LeaderBench, _ fields: String) -> Peer {
    let peer = bench.open(.job)
    bench.say(
      .submit(
        Submit(
          requestKey: bench.requestKey(), mode: .submitted, endpoint: .completions, model: "m",
          body: Array(#"{"model":"m",\#(fields)}"#.utf8), maxInputPrice: nil, maxOutputPrice: nil,
          queueTimeoutMs: 600_000, follow: false, retentionMs: nil)), on: peer)
    return peer
  }

  private func admitted(_ bench: LeaderBench, _ peer: Peer) throws -> Job {
    try bench.job(peer.last(WireProtocol.Accepted.self).job)
  }

  @Test(
    "a prompt of common text fits, with a default output of use; held is all that is possible")
  func commonText() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench, context: 4_096)
    let job = try admitted(bench, bench.submit(.submitted, body: chat(5_000)))
    let bid = job.bid
    #expect(bid.promptBound == TokenCount(5_084) && bid.outputMax == TokenCount(512))
    #expect(bid.contextNeeded == TokenCount(2_542 + 512))
    #expect(
      job.hold
        == bid.ceilings.cost(
          inputTokens: bid.promptBound, outputTokens: bid.outputMax, rounding: .up))
  }

  @Test("each of several answers has a context of its own, and so has each of several prompts")
  func severalAnswers() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench, endpoints: [.chatCompletions, .completions], context: 4_096)
    let chat = try admitted(
      bench, bench.submit(.submitted, body: chat(20, #""n":8,"max_tokens":600,"#)))
    #expect(chat.bid.outputMax == TokenCount(4_800))
    let text = String(repeating: "x", count: 3_000)
    let prompts = try admitted(
      bench, completion(bench, #""prompt":["\#(text)","\#(text)","y"],"max_tokens":2000"#))
    #expect(prompts.bid.outputMax == TokenCount(6_000))
    #expect(prompts.bid.promptBound == TokenCount(6_001 + 3 * 16 + 64))
    #expect(prompts.bid.contextNeeded == TokenCount(1_540 + 2_000))
  }

  @Test("what is too long by any measure is refused before the log, with both numbers")
  func beyond() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench, context: 4_096)
    let before = bench.replica.lastIndex
    let refused = try bench.submit(body: chat(40_000, #""max_tokens":10,"#)).last(Failure.self)
    #expect(refused.errorCode == .contextLengthExceeded && bench.replica.lastIndex == before)
    #expect(refused.message.contains("needed 20052, limit 4096, prompt 20042, output 10"))
  }

  @Test("token ids are counted, not guessed")
  func tokenIDs() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench, endpoints: [.completions], context: 4_096)
    let ids = "[" + Array(repeating: "1", count: 4_000).joined(separator: ",") + "]"
    let job = try admitted(bench, completion(bench, #""prompt":\#(ids),"max_tokens":96"#))
    #expect(job.bid.contextNeeded == TokenCount(4_096))
    let refused = completion(bench, #""prompt":\#(ids),"max_tokens":97"#)
    #expect(refused.failure == .contextLengthExceeded)
  }

  @Test("what engines have counted is what is likely from then on", arguments: [1, 4] as [UInt32])
  func learned(bytesPerToken: UInt32) throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, context: 4_096)
    func isAdmitted(_ body: [UInt8]) throws -> Bool {
      let report = try bench.call(
        .dryRun(
          DryRun(
            requestKey: bench.requestKey(), endpoint: .chatCompletions, model: "m", body: body,
            maxInputPrice: nil, maxOutputPrice: nil, servedOnly: true))
      ).last(JobWhyReport.self)
      return report.refusal == 0
    }
    let (short, long) = (chat(3_000, #""max_tokens":1100,"#), chat(14_000, #""max_tokens":100,"#))
    #expect(try isAdmitted(short) && !isAdmitted(long))
    for _ in 0..<50 {
      let slot = worker.park()
      _ = bench.submit(body: chat(2_000))
      let assign = try slot.last(Assign.self)
      let bound = try bench.job(assign.job).bid.promptBound.rawValue
      worker.finish(assign, [], on: slot, promptTokens: UInt32(bound) / bytesPerToken)
    }
    #expect(try isAdmitted(short) == (bytesPerToken == 4))
    #expect(try isAdmitted(long) == (bytesPerToken == 4))
  }

  @Test("how many bytes a token has is a mean that forgets, between what is believable")
  func bytesPerToken() {
    var seen = Planner.BytesPerToken()
    #expect(seen.tokens(in: 1_001, of: "m") == 501)
    seen.note(bytes: 1_023, tokens: 1, of: "m")
    seen.note(bytes: 9_000, tokens: 0, of: "m")
    #expect(seen.tokens(in: 1_001, of: "m") == 501, "too short, or nothing counted")
    seen.note(bytes: 4_000, tokens: 400, of: "m")
    #expect(seen.tokens(in: 1_100, of: "m") == 400, "8 bytes are believed: 2 and an eighth of 6")
    for _ in 0..<200 { seen.note(bytes: 4_000, tokens: 40_000, of: "m") }
    #expect(seen.tokens(in: 1_100, of: "m") == 1_100)
    #expect(seen.tokens(in: .max, of: "m") > .max / 2, "no number is too large to be divided")
    #expect(seen.tokens(in: 1_100, of: "other") == 550)
    for number in 0..<(Planner.BytesPerToken.modelsMax + 1) {
      seen.note(bytes: 4_000, tokens: 4_000, of: "\(number)")
    }
    #expect(seen.tokens(in: 1_100, of: "m") == 550)
  }

  @Test("what is said to help is said for each answer, and helps")
  func remedy() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench, context: 4_096)
    func report(_ tokens: String) throws -> JobWhyReport {
      try bench.call(
        .dryRun(
          DryRun(
            requestKey: bench.requestKey(), endpoint: .chatCompletions, model: "m",
            body: chat(5_000, #""n":8,"max_tokens":\#(tokens),"#), maxInputPrice: nil,
            maxOutputPrice: nil, servedOnly: true))
      ).last(JobWhyReport.self)
    }
    let refused = try report("4000")
    #expect(refused.refusal == ErrorCode.contextLengthExceeded.rawValue)
    #expect(refused.refusalText.contains("needed 6542, limit 4096, prompt 2542, output 4000"))
    #expect(refused.remedy == [ChangeTerms(field: "max_tokens", value: "1554")])
    #expect(try report("1554").refusal == 0)
    #expect(try report("1555").refusal == ErrorCode.contextLengthExceeded.rawValue)
  }

  @Test("an engine has the last word, uncharged; one with more room is asked first")
  func lastWord() throws {
    func refuse(_ bench: LeaderBench, _ worker: WorkerPeer, _ slot: Peer) throws -> Peer {
      let reader = bench.submit(body: chat(5_000))
      worker.finish(
        try slot.last(Assign.self), [], on: slot, .error,
        error: ErrorCode.contextLengthExceeded.rawValue, text: "5000 tokens, 4096 fit")
      return reader
    }
    let alone = try LeaderBench()
    let only = try WorkerPeer(alone, price: 600_000, context: 4_096)
    _ = try WorkerPeer(alone, "same", context: 4_096).park()
    let ended = try refuse(alone, only, only.park()).last(Ended.self).summary
    #expect(ended.error == ErrorCode.contextLengthExceeded.rawValue && ended.charge == .zero)
    #expect(ended.errorText == "5000 tokens, 4096 fit")

    let bench = try LeaderBench()
    let small = try WorkerPeer(bench, price: 600_000, context: 4_096)
    let slot = small.park()
    let other = try WorkerPeer(bench, "large", context: 8_192).park()
    let reader = try refuse(bench, small, slot)
    #expect(slot.all(AttemptAbandon.self).count == 1 && reader.all(Ended.self).isEmpty)
    #expect(try other.last(Assign.self).epoch == Epoch(2))
  }

  /// A job that a small engine has refused for its length.
  private func outgrown(_ bench: LeaderBench, _ small: WorkerPeer, on slot: Peer) throws -> Peer {
    let reader = bench.submit(body: chat(5_000))
    small.finish(
      try slot.last(Assign.self), [], on: slot, .error,
      error: ErrorCode.contextLengthExceeded.rawValue, text: "5000 tokens, 4096 fit")
    return reader
  }

  @Test("a job that was too long for one small context is asked of no other, but of a larger one")
  func outgrownAtOnce() throws {
    let bench = try LeaderBench()
    let smalls = try (1...3).map {
      try WorkerPeer(bench, "small\($0)", price: 600_000, context: 4_096)
    }
    let slots = smalls.map { $0.park() }
    let large = try WorkerPeer(bench, "large", context: 8_192)
    let other = large.park()
    let reader = try outgrown(bench, smalls[0], on: slots[0])
    _ = smalls[0].park()
    #expect(slots[1...].allSatisfy { $0.all(Assign.self).isEmpty })
    let assign = try other.last(Assign.self)
    #expect(assign.epoch == Epoch(2))
    large.chunk(assign, output(1...2), on: other)
    large.finish(assign, output(1...2), on: other)
    #expect(try reader.last(Ended.self).summary.state == .completed)
  }

  @Test("it waits for a larger context that is busy, and its tries are not used up meanwhile")
  func outgrownAndWaits() throws {
    let bench = try LeaderBench()
    let small = try WorkerPeer(bench, "small", price: 600_000, context: 4_096)
    let slot = small.park()
    let large = try WorkerPeer(bench, "large", context: 8_192)
    let reader = try outgrown(bench, small, on: slot)
    let job = try slot.last(Assign.self).job
    let again = small.park()
    small.alive(2_000)
    #expect(again.all(Assign.self).isEmpty && reader.all(Ended.self).isEmpty)
    let report = try bench.call(.jobWhyQuery(.init(job: job))).last(JobWhyReport.self)
    #expect(report.candidates.first { $0.worker == small.id }?.obstacle == "outgrown")
    #expect(report.candidates.first { $0.worker == large.id }?.obstacle == "full")
    #expect(report.remedy.isEmpty)
    #expect(try large.park().last(Assign.self).epoch == Epoch(2))
  }

  @Test("once no offer is larger any more, those that are left have the last word")
  func outgrownByAll() throws {
    let bench = try LeaderBench()
    let small = try WorkerPeer(bench, "small", price: 600_000, context: 4_096)
    let slot = small.park()
    let large = try WorkerPeer(bench, "large", context: 8_192)
    let reader = try outgrown(bench, small, on: slot)
    let again = small.park()
    #expect(again.all(Assign.self).isEmpty)
    large.context = 2_048
    try large.register()
    let assign = try again.last(Assign.self)
    small.finish(
      assign, [], on: again, .error, error: ErrorCode.contextLengthExceeded.rawValue,
      text: "5000 tokens, 4096 fit")
    #expect(
      try reader.last(Ended.self).summary.error == ErrorCode.contextLengthExceeded.rawValue)
    #expect(bench.dispatcher.lostAttempts.outgrown.isEmpty)
  }
}
