import ExchangeTypes
import Testing

@testable import ExchangeCore

@Suite("Limits per minute")
struct RateTests {
  private func time(_ milliseconds: UInt64) -> LogTime { LogTime(milliseconds: milliseconds) }

  @Test("a bucket gives a minute's worth at once, and then what time adds, to the millisecond")
  func bucket() {
    var bucket = RateBucket(perMinute: 7, at: time(1_000))
    #expect(bucket.left(at: time(1_000)) == 7 && bucket.wait(for: 8, at: time(1_000)) == nil)
    bucket.take(7, at: time(1_000))
    // A seventh of a minute is 8,571.4 ms.
    #expect(bucket.wait(for: 1, at: time(1_000)) == 8_572)
    #expect(bucket.left(at: time(9_571)) == 0 && bucket.left(at: time(9_572)) == 1)
    #expect(bucket.wait(for: 1, at: time(9_572)) == 0)
    bucket.take(1, at: time(9_572))
    bucket.giveBack(1, at: time(9_572))
    #expect(bucket.left(at: time(9_572)) == 1 && bucket.left(at: time(61_000)) == 7)
    bucket.giveBack(.max, at: time(61_000))
    #expect(bucket.left(at: time(61_000)) == 7 && bucket.left(at: time(.max)) == 7)
    // A time before its own changes nothing.
    #expect(bucket.left(at: time(0)) == 7)
    let largest = RateBucket(perMinute: RateLimit.most, at: time(0))
    #expect(largest.left(at: time(.max)) == RateLimit.most)
  }

  @Test("in any time a bucket gives no more than a minute's worth and what the time adds")
  func property() {
    var random = SeededGenerator(seed: 11)
    for _ in 0..<200 {
      let limit = UInt64.random(in: 1...5_000, using: &random)
      var bucket = RateBucket(perMinute: limit, at: time(0))
      var now: UInt64 = 0
      var taken: [(at: UInt64, units: UInt64)] = []
      for _ in 0..<60 {
        now += UInt64.random(in: 0...9_000, using: &random)
        let units = UInt64.random(in: 1...max(1, limit / 3), using: &random)
        guard let wait = bucket.wait(for: units, at: time(now)) else { continue }
        if wait > 0 {
          // Neither too early nor too late.
          #expect(bucket.wait(for: units, at: time(now + wait - 1)) == 1)
          #expect(bucket.wait(for: units, at: time(now + wait)) == 0)
          continue
        }
        bucket.take(units, at: time(now))
        taken.append((now, units))
      }
      for start in taken.indices {
        var sum: UInt64 = 0
        for take in taken[start...] {
          sum += take.units
          let elapsed = take.at - taken[start].at
          #expect(sum * 60_000 <= limit * 60_000 + limit * elapsed)
        }
      }
    }
  }

  private func limit(
    _ key: KeyID = World.alice, requests: UInt32? = nil, tokens: UInt64? = nil,
    by caller: KeyID = World.root
  ) -> Command {
    .keyLimit(
      .init(caller: caller, key: key, limit: RateLimit(requests: requests, tokens: tokens)))
  }

  private func raised() -> World {
    var world = World()
    world.run(.raiseStateVersion(.init(to: 3)))
    world.time = 1_000
    return world
  }

  @Test("who sets limits, of what, and what a key with one may not do")
  func setting() throws {
    var old = World()
    old.expect(
      "too old: ✗ wrong_state (state_version 1, needed 3)", of: [("too old", limit(requests: 1))])
    var world = raised()
    world.addReader()
    func create(_ number: UInt64, by caller: KeyID) -> Command {
      .keyCreate(
        .init(
          caller: caller, requestKey: request(number), account: AccountID(3), name: "k",
          scopes: .submit, secretHash: hash(5)))
    }
    func issue(_ number: UInt64, by caller: KeyID, requests: UInt32? = 5) -> Command {
      guard case .keyCreate(let create) = create(number, by: caller) else { fatalError("a create") }
      return .keyIssueLimited(
        .init(
          create: create, lifetime: nil, limit: RateLimit(requests: requests, tokens: nil)))
    }
    world.expect(
      """
      unknown caller: ✗ unauthenticated
      no such key: ✗ not_found (key 98)
      another's: ✗ not_found (key 3)
      one that may do more: ✗ forbidden (scopes 9, allowed 8)
      no requests: ✗ malformed_request (field requests)
      no tokens: ✗ malformed_request (field tokens, limit 1000000000000)
      alice limits a key of hers: key 5 limited
      a key with a limit makes none: key 6
      alice is limited: key 2 limited
      she lifts it: ✗ forbidden (reason has_a_limit)
      she makes a key: ✗ forbidden (reason has_a_limit)
      with a limit: ✗ forbidden (reason has_a_limit)
      she takes one over: ✗ forbidden (reason has_a_limit)
      an admin's: key 1 limited
      lifts all: key 1 limited
      again: key 2 limited
      she makes one now: key 7
      again: key 7 again
      no such limit: ✗ malformed_request (field requests)
      a dead key: key 7 dead [key 7 dead]
      cannot be limited: ✗ wrong_state (key 7, reason dead)
      """,
      of: [
        ("unknown caller", limit(requests: 1, by: KeyID(99))),
        ("no such key", limit(KeyID(98), requests: 1)),
        ("another's", limit(World.sam, requests: 1, by: World.alice)),
        ("one that may do more", limit(requests: 1, by: KeyID(5))),
        ("no requests", limit(requests: 0)), ("no tokens", limit(tokens: 0)),
        ("alice limits a key of hers", limit(KeyID(5), requests: 9, by: World.alice)),
        ("a key with a limit makes none", issue(70, by: World.alice)),
        ("alice is limited", limit(requests: 1)),
        ("she lifts it", limit(by: World.alice)),
        ("she makes a key", create(71, by: World.alice)),
        ("with a limit", issue(72, by: World.alice)),
        (
          "she takes one over",
          .keyRotate(
            .init(
              caller: World.alice, requestKey: request(75), key: KeyID(6), secretHash: hash(6),
              grace: 0))
        ),
        ("an admin's", limit(World.root, requests: 1)),
        ("lifts all", limit(World.root, by: World.root)),
        ("again", limit(by: World.root)),
        ("she makes one now", issue(73, by: World.alice)),
        ("again", issue(73, by: World.alice)),
        ("no such limit", issue(74, by: World.alice, requests: 0)),
        ("a dead key", .keyRevoke(.init(caller: World.root, key: KeyID(7)))),
        ("cannot be limited", limit(KeyID(7), requests: 1)),
      ])
    #expect(world.exchange.rate(of: KeyID(6))?.requests?.perMinute == 5)
    #expect(world.exchange.rate(of: KeyID(7)) == nil && world.exchange.rate(of: World.alice) == nil)
    let restored = try world.replica.restored()
    #expect(restored.rate(of: KeyID(6)) == world.exchange.rate(of: KeyID(6)))
  }

  @Test("requests: as many as allowed, then one whenever time has added it; a retry takes none")
  func requests() {
    var world = raised()
    world.run(limit(requests: 2))
    world.expect(
      """
      one: job 1 holds 0.0004 [queued 1]
      refused, takes none: ✗ price_above_ceiling (input_ceiling 0.000000001, lowest_input 1, output_ceiling 2, lowest_output 2)
      two: job 2 holds 0.0004 [queued 2]
      three: ✗ rate_limit_exceeded (limit requests, needed 1, per_minute 2, left 0, retry_after_ms 30000)
      one again: job 1 holds 0.0004 again
      bob's are his: ✗ insufficient_credit (needed 0.0004, available 0)
      """,
      of: [
        ("one", submit(1)), ("refused, takes none", submit(9, inputCeiling: 1)),
        ("two", submit(2)), ("three", submit(3)), ("one again", submit(1)),
        ("bob's are his", submit(4, caller: World.bob)),
      ])
    world.time = 30_999
    world.expect(
      "a millisecond early: ✗ rate_limit_exceeded (limit requests, needed 1, per_minute 2, left 0, retry_after_ms 1)",
      of: [("a millisecond early", submit(3))])
    world.time = 31_000
    guard case .submit(let third) = submit(3) else { return }
    #expect(world.exchange.refusal(of: third, at: time(30_999))?.code == .rateLimitExceeded)
    #expect(world.exchange.refusal(of: third, at: time(31_000)) == nil)
    world.expect(
      "in time: job 3 holds 0.0004 [queued 3]",
      of: [("in time", submit(3))])
  }

  @Test("tokens: a job takes the most that it can have, and gives back what it had not")
  func tokens() throws {
    var world = raised()
    world.run(submit(1))  // before there was a limit
    world.run(limit(tokens: 200))
    world.expect(
      """
      more than a minute's: ✗ request_above_rate_limit (limit tokens, needed 201, per_minute 200)
      150 at most: job 2 holds 0.0004 [queued 2]
      another 150: ✗ rate_limit_exceeded (limit tokens, needed 150, per_minute 200, left 50, retry_after_ms 30000)
      the one before the limit: cancelled [ended 1]
      which gives nothing back: ✗ rate_limit_exceeded (limit tokens, needed 150, per_minute 200, left 50, retry_after_ms 30000)
      assigned: attempt 2/1 [assign 2/1 to 1]
      had 20 and 10: completed for 0.00004 [record 2 at 1, ended 2]
      now there are 170: job 3 holds 0.0004 [queued 3]
      cancelled: cancelled [ended 3]
      """,
      of: [
        ("more than a minute's", submit(8, prompt: 151)), ("150 at most", submit(2)),
        ("another 150", submit(3)), ("the one before the limit", cancel(1)),
        ("which gives nothing back", submit(3)), ("assigned", assign(2)),
        (
          "had 20 and 10",
          settle(attempt(2), prompt: 20, output: 10, tail: events(from: 1, tokens: 10))
        ),
        ("now there are 170", submit(3)), ("cancelled", cancel(3)),
      ])
    let left = try #require(world.exchange.rate(of: World.alice)?.tokens)
    #expect(left.left(at: time(1_000)) == 170)
    #expect(try world.replica.restored().digest == world.exchange.digest)
    // A new limit begins anew, and what went before it gives nothing back.
    world.run(submit(4))
    world.run(limit(tokens: 300))
    world.run(submit(5))
    world.run(cancel(4))
    #expect(world.exchange.rate(of: World.alice)?.tokens?.left(at: time(1_000)) == 150)
  }

  @Test(
    "tokens: a job of embeddings takes as many as its inputs can be, and gives back what they were not"
  )
  func embeddings() {
    var world = raised()
    world.run(
      register("w2", offers: [offer("e", context: 64, outputDefault: 64, endpoints: [.embeddings])])
    )
    world.run(limit(tokens: 1_000))
    func embed(_ number: UInt64, prompt: UInt64) -> Command {
      submit(number, endpoint: .embeddings, model: "e", prompt: prompt, output: nil)
    }
    world.expect(
      """
      more than a minute's: ✗ request_above_rate_limit (limit tokens, needed 1001, per_minute 1000)
      900 at most: job 1 holds 0.0018 [queued 1]
      another 200: ✗ rate_limit_exceeded (limit tokens, needed 200, per_minute 1000, left 100, retry_after_ms 6000)
      assigned: attempt 1/1 [assign 1/1 to 2]
      had 300: completed for 0.0003 [ended 1]
      now there are 700: job 2 holds 0.0014 [queued 2]
      """,
      of: [
        ("more than a minute's", embed(1, prompt: 1_001)), ("900 at most", embed(2, prompt: 900)),
        ("another 200", embed(3, prompt: 200)), ("assigned", assign(1, worker: 2)),
        ("had 300", settle(attempt(1), prompt: 300, output: 0)),
        ("now there are 700", embed(4, prompt: 700)),
      ])
  }
}
