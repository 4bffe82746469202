import Consensus
import ExchangeCore
import ExchangeTypes
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("Leader: limits of keys, and what a full queue says")
struct RateLimitTests {
  private func limited(_ bench: LeaderBench, _ limit: RateTerms) throws -> Credential {
    let secret = [UInt8](repeating: 3, count: 32)
    let made = try bench.call(
      .keyCreate(
        .init(
          requestKey: bench.requestKey(), account: AccountID(1), name: "k",
          scopes: [.submit, .read], secretHash: secret, lifetimeMs: nil, limit: limit))
    ).last(KeyReport.self)
    return Credential(key: made.summary.key, secretHash: secret)
  }

  private func submit(_ bench: LeaderBench, _ credential: Credential) -> Peer {
    let peer = bench.open(.job, credential)
    bench.say(.submit(bench.submission()), on: peer)
    return peer
  }

  @Test("what a key may use and has left is said with each job, in listings, and in refusals")
  func said() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench)
    let key = try limited(bench, RateTerms(requests: 2, tokens: 20_000))
    let first = try submit(bench, key).last(WireProtocol.Accepted.self).rate
    #expect(first?.requests == 2 && first?.requestsLeft == 1 && first?.tokens == 20_000)
    #expect(try #require(first?.tokensLeft) < 16_000)
    #expect(try submit(bench, key).last(WireProtocol.Accepted.self).rate?.requestsLeft == 0)
    let listing = try bench.call(.keyList(.init(account: AccountID(1)))).last(KeyListing.self)
    #expect(listing.rates?.map(\.requests) == [nil, 2])
    // Beyond it: nothing is written, and the wait is the failure's own.
    let before = bench.replica.lastIndex
    let refused = try submit(bench, key).last(Failure.self)
    #expect(refused.errorCode == .rateLimitExceeded)
    #expect(refused.retryAfterMs == 30_000 && bench.replica.lastIndex == before)
    #expect(
      refused.details == [
        .init(name: "limit", value: "requests"), .init(name: "needed", value: "1"),
        .init(name: "per_minute", value: "2"), .init(name: "left", value: "0"),
      ])
    // The log stands still meanwhile: time counts all the same.
    bench.advance(30_000)
    #expect(try submit(bench, key).last(WireProtocol.Accepted.self).rate?.requestsLeft == 0)
    // Without its limit there is nothing to say.
    let lifted = try bench.call(
      .keyLimit(.init(key: key.key, limit: RateTerms(requests: nil, tokens: nil)))
    ).last(KeyReport.self)
    #expect(lifted.rate == nil)
    #expect(try submit(bench, key).last(WireProtocol.Accepted.self).rate == nil)
  }

  @Test("requests that are under way together get no more than one by one")
  func together() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench)
    let key = try limited(bench, RateTerms(requests: 3, tokens: nil))
    bench.holdsWrites = true
    let peers = (0..<7).map { _ in submit(bench, key) }
    bench.holdsWrites = false
    bench.settle()
    #expect(peers.count { !$0.all(WireProtocol.Accepted.self).isEmpty } == 3)
    #expect(peers.count { $0.failure == .rateLimitExceeded } == 4)
  }

  @Test("a full queue's n-th refused is told when its n-th place becomes free")
  func drain() {
    var forecast = DrainForecast()
    // Nobody knows: a window for each.
    #expect(forecast.promise(now: 1_000) == 10_000 && forecast.promise(now: 1_000) == 20_000)
    forecast = DrainForecast()
    for moment in 0..<100 { forecast.ended(now: 20_000 + UInt64(moment) * 100) }
    // Ten a second.
    #expect((0..<3).map { _ in forecast.promise(now: 29_900) } == [100, 200, 300])
    // A second later there are those of nine seconds left.
    #expect(forecast.promise(now: 30_000) == 200 + 10_000 / 90)
    for _ in 0..<2_000 { _ = forecast.promise(now: 30_000) }
    #expect(forecast.promise(now: 30_000) == 60_000)
    // What ended longer ago does not count, and promises that are over bind nobody.
    #expect(forecast.promise(now: 200_000) == 10_000)
  }

  /// Jobs that wait, and come to their turns one after another.
  private func takeTurns(
    _ count: Int, every milliseconds: UInt64, _ bench: LeaderBench, _ worker: WorkerPeer
  ) throws {
    let readers = (0..<count).map { _ in bench.submit() }
    for reader in readers {
      bench.advance(milliseconds)
      let slot = worker.park()
      worker.finish(try slot.last(Assign.self), [], on: slot)
      _ = try reader.last(Ended.self)
    }
  }

  @Test("who may not wait as long as he would is told at once; one that says nothing waits")
  func queueTooLong() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    try takeTurns(2, every: 1_000, bench, worker)
    func ask(_ milliseconds: UInt32) -> Peer {
      let peer = bench.open(.job)
      bench.say(.submit(bench.submission(timeout: milliseconds)), on: peer)
      return peer
    }
    // Nobody is before the first, whatever it says; the next one would wait for it.
    #expect(ask(1).failure == nil)
    let refused = ask(500)
    let failure = try refused.last(Failure.self)
    #expect(failure.errorCode == .queueTooLong)
    #expect(failure.details.map(\.name) == ["queue_timeout_ms", "waits_ms"])
    #expect((100...60_000).contains(failure.retryAfterMs ?? 0))
    #expect(ask(60_000).failure == nil && ask(0).failure == nil)
  }

  @Test("a request that is under way is not refused when it comes again: it may make the job")
  func queueTooLongMeanwhile() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    try takeTurns(6, every: 500, bench, worker)
    bench.submit()
    let message = bench.submission(timeout: 1_500)
    bench.holdsWrites = true
    let peers = (0..<2).map { _ in bench.open(.job) }
    bench.say(.submit(message), on: peers[0])
    // Nobody's turn comes meanwhile, so whoever comes now would wait for longer.
    bench.advance(2_000)
    let another = bench.open(.job)
    bench.say(.submit(bench.submission(timeout: 1_500)), on: another)
    #expect(another.failure == .queueTooLong)
    bench.say(.submit(message), on: peers[1])
    bench.holdsWrites = false
    bench.settle()
    let jobs = try peers.map { try $0.last(WireProtocol.Accepted.self).job }
    #expect(jobs[0] == jobs[1])
  }

  @Test("who may not wait is not told to go where a slot is free that those before it may not take")
  func freeSlotElsewhere() throws {
    let bench = try LeaderBench()
    let first = try WorkerPeer(bench, "first")
    try takeTurns(2, every: 1_000, bench, first)
    let waiting = bench.submit(
      body: Array(
        #"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"provider":{"only":["operator/first"]}}"#
          .utf8))
    let free = try WorkerPeer(bench, "second").park()
    let peer = bench.open(.job)
    bench.say(.submit(bench.submission(timeout: 500)), on: peer)
    #expect(peer.failure == nil && waiting.failure == nil)
    _ = try free.last(Assign.self)
  }

  @Test("who waits beside a free slot that is not for him waits for one that is")
  func waitsForWhom() throws {
    let bench = try LeaderBench()
    let first = try WorkerPeer(bench, "first")
    let second = try WorkerPeer(bench, "second")
    let slot = first.park()
    let body = Array(
      #"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"provider":{"only":["operator/second"]}}"#
        .utf8)
    let waiting = bench.submit(body: body)
    bench.advance(300)
    // Its worker has no slot free, and the free one is not for it.
    #expect(bench.dispatcher.waitForecasts["m"] != nil && waiting.failure == nil)
    let turn = second.park()
    second.finish(try turn.last(Assign.self), [], on: turn)
    #expect(bench.dispatcher.waitForecasts["m"]?.wait(behind: 0, now: bench.clock.now) != nil)
    _ = slot
  }

  @Test("while its worker is away, a job waits for nobody's end")
  func waitsForNobody() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    try takeTurns(2, every: 300, bench, worker)
    bench.close(worker.registration)
    bench.advance(UInt64(WorkerSession.leaseMilliseconds) + 500)
    let forecast = try #require(bench.dispatcher.waitForecasts["m"])
    let before = forecast.wait(behind: 0, now: bench.clock.now)
    #expect(before != nil)
    let waiting = bench.submit()
    bench.advance(4_000)
    #expect(waiting.failure == nil)
    #expect(bench.dispatcher.waitForecasts["m"]?.wait(behind: 0, now: bench.clock.now) == before)
  }
}
