import ExchangeCore
import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

@Suite("Leader: API keys that expire, are rotated and are seen in use")
struct KeyTests {
  @Test("a key that expires ends every stream that it opened at its moment, and opens no other")
  func expiry() throws {
    let bench = try LeaderBench()
    let hash = [UInt8](repeating: 3, count: 32)
    let made = try bench.call(
      .keyCreate(
        .init(
          requestKey: bench.requestKey(), account: AccountID(1), name: "k",
          scopes: [.submit, .read], secretHash: hash, lifetimeMs: 5_000))
    ).last(KeyReport.self)
    #expect(made.life?.expiresInMs == 5_000)
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let kept = bench.submit()
    let job = try slot.last(Assign.self).job
    let other = Credential(key: made.summary.key, secretHash: hash)
    let ending = bench.follow(job, as: other)
    worker.alive(4_500)
    #expect(ending.failure == nil)
    worker.alive(1_000)
    #expect(ending.failure == .unauthenticated && ending.isFinished)
    #expect(bench.follow(job, as: other).failure == .unauthenticated)
    #expect(kept.failure == nil)
  }

  @Test("after a rotation both secrets open streams; after its grace the former one's are ended")
  func rotation() throws {
    let bench = try LeaderBench()
    let hashes = [3, 4].map { [UInt8](repeating: $0, count: 32) }
    let key = try bench.call(
      .keyCreate(
        .init(
          requestKey: bench.requestKey(), account: AccountID(1), name: "k",
          scopes: [.submit, .read], secretHash: hashes[0], lifetimeMs: nil))
    ).last(KeyReport.self).summary.key
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    bench.submit()
    let job = try slot.last(Assign.self).job
    let credentials = hashes.map { Credential(key: key, secretHash: $0) }
    let former = bench.follow(job, as: credentials[0])
    #expect(bench.follow(job, as: credentials[1]).failure == .unauthenticated)
    let rotated = try bench.call(
      .keyRotate(
        .init(requestKey: bench.requestKey(), key: key, secretHash: hashes[1], graceMs: 1_000))
    ).last(KeyReport.self)
    #expect(rotated.life?.formerForMs == 1_000)
    let newer = bench.follow(job, as: credentials[1])
    #expect(former.failure == nil && newer.failure == nil)
    #expect(bench.follow(job, as: credentials[0]).failure == nil)
    worker.alive(1_500)
    #expect(former.failure == .unauthenticated)
    #expect(bench.follow(job, as: credentials[0]).failure == .unauthenticated)
    #expect(newer.failure == nil)
  }

  @Test("a hundred requests of one key within a minute are one entry that says when it was used")
  func lastUse() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    func uses() throws -> Int {
      try bench.commands(after: LogIndex(0)).count {
        if case .keysUsed = $0 { true } else { false }
      }
    }
    worker.alive(70_000)
    let before = try uses()
    for _ in 0..<100 { bench.call(.modelList(.init())) }
    worker.alive(70_000)
    #expect(try uses() == before + 1)
    let listing = try bench.call(.keyList(.init(account: AccountID(1)))).last(KeyListing.self)
    let ago = try #require(listing.lives?.first?.lastUsedAgoMs)
    #expect(ago <= 70_000)
    // What is used on and on is told once a minute.
    for _ in 0..<30 {
      bench.call(.modelList(.init()))
      worker.alive(4_000)
    }
    #expect(try uses() <= before + 5)
  }
}
