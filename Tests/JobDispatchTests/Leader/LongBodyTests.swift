import Consensus
import ExchangeCore
import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

/// Work that is done when the test says so.
private final class HeldWork: DispatchWork {
  private var pieces: [() -> Void] = []
  /// Bytes that may wait.
  var room = Int.max
  var isEmpty: Bool { pieces.isEmpty }

  func run<Value: Sendable>(
    _ bytes: Int, isWanted: @escaping () -> Bool,
    prepare: @escaping () -> @Sendable () -> Value, told: @escaping (Value) -> Void
  ) -> Bool {
    guard bytes <= room else { return false }
    pieces.append {
      guard isWanted() else { return }
      let value = prepare()()
      if isWanted() { told(value) }
    }
    return true
  }

  func finish(_ bench: LeaderBench) {
    for piece in pieces { piece() }
    pieces = []
    bench.settle()
  }
}

@Suite("The leader: bodies that are read beside its loop")
struct LongBodyTests {
  private let work = HeldWork()
  private let long = LeaderBench.body(bytes: 20_000)

  @Test("while a long body is read others are served, and a short one is read at once")
  func others() throws {
    let bench = try LeaderBench(beside: work)
    _ = try WorkerPeer(bench)
    let (first, second) = (bench.submit(body: long), bench.submit())
    #expect(first.sent.isEmpty)
    #expect(try second.last(Accepted.self).job == JobID(1))
    #expect(bench.call(.statusQuery(.init())).all(StatusReport.self).count == 1)
    work.finish(bench)
    #expect(try first.last(Accepted.self).job == JobID(2))
    #expect(try bench.job(JobID(2)).state == .queued)
  }

  @Test("what is wrong with a long body is said as of a short one, to a dry run too")
  func wrong() throws {
    let bench = try LeaderBench(beside: work)
    _ = try WorkerPeer(bench)
    let refused = bench.submit(body: long.dropLast())
    let explained = bench.call(
      .dryRun(
        .init(
          requestKey: bench.requestKey(), endpoint: .chatCompletions, model: "m",
          body: long.dropLast(), maxInputPrice: nil, maxOutputPrice: nil,
          servedOnly: false)))
    #expect(refused.sent.isEmpty && explained.sent.isEmpty)
    work.finish(bench)
    #expect(refused.failure == .malformedRequest)
    #expect(explained.failure == .malformedRequest)
    #expect(refused.isFinished && explained.isFinished)
  }

  @Test("a stream that has gone, or was ended, makes nothing, and asking again makes one job")
  func gone() throws {
    let bench = try LeaderBench(beside: work)
    _ = try WorkerPeer(bench)
    let (credential, account) = try bench.strangerCredential()
    let request = bench.submission(mode: .submitted, body: long)
    for end in ["closed", "revoked"] {
      let peer = bench.open(.job, end == "closed" ? LeaderBench.root : credential)
      bench.say(.submit(request), on: peer)
      if end == "closed" {
        bench.close(peer)
      } else {
        bench.call(.keyRevoke(.init(key: credential.key)))
      }
      #expect(!work.isEmpty)
      work.finish(bench)
      #expect(end == "closed" || peer.failure == .unauthenticated)
      #expect(bench.replica.exchange.job(account: account, requestKey: request.requestKey) == nil)
      #expect(bench.replica.exchange.job(JobID(1)) == nil)
    }
    for isDuplicate in [false, true] {
      let again = bench.open(.job)
      bench.say(.submit(request), on: again)
      work.finish(bench)
      #expect(try again.last(Accepted.self).job == JobID(1))
      #expect(try again.last(Accepted.self).duplicate == isDuplicate)
    }
  }

  @Test("a request that is sent twice while it is read makes one job")
  func twice() throws {
    let bench = try LeaderBench(beside: work)
    _ = try WorkerPeer(bench)
    let request = bench.submission(mode: .submitted, body: long)
    let peers = [bench.open(.job), bench.open(.job)]
    for peer in peers { bench.say(.submit(request), on: peer) }
    work.finish(bench)
    for peer in peers { #expect(try peer.last(Accepted.self).job == JobID(1)) }
  }

  @Test("where too much waits to be read, more is to come again")
  func room() throws {
    let bench = try LeaderBench(beside: work)
    _ = try WorkerPeer(bench)
    work.room = 10_000
    let peer = bench.submit(body: long)
    #expect(peer.failure == .overloaded)
    #expect(try peer.last(Failure.self).retryAfterMs != nil)
    #expect(try bench.submit().last(Accepted.self).job == JobID(1))
  }
}
