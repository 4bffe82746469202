import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

@Suite("The worker's beat: what waits together leaves together")
struct BeatTests {
  let bench: Bench

  init() { bench = Bench(manyAttempts: 3) }

  private init(incarnation: UInt64) {
    bench = Bench(manyAttempts: 3, incarnation: incarnation)
  }

  /// Attempts of jobs 1 to `count`, each of which has sent its first output.
  private func running(_ count: Int) throws -> [(run: EngineRunID, slot: FakeChannel)] {
    let link = try bench.register(slots: count)
    return try link.slots.enumerated().map { place, slot in
      let run = try #require(bench.assign(slot, job: UInt64(place) + 1))
      bench.make(run, "first")
      #expect(text(slot.events) == "first")
      return (run, slot)
    }
  }

  /// Lets the machine see how many run: it looks when something is due.
  private func settle(_ attempts: [(run: EngineRunID, slot: FakeChannel)]) {
    for (run, _) in attempts { bench.make(run, ".") }
    bench.advance(40)
    #expect(attempts.allSatisfy { text($0.slot.events) == "first." })
  }

  @Test("while few run, output leaves within two milliseconds, with that of the others")
  func few() throws {
    let attempts = try running(2)
    settle(attempts)
    for token in 0..<5 {
      for (run, _) in attempts { bench.make(run, "\(token)") }
      bench.advance(1)
      #expect(attempts.allSatisfy { $0.slot.all(Chunk.self).count == 2 + token })
      bench.advance(1)
      #expect(attempts.allSatisfy { $0.slot.all(Chunk.self).count == 3 + token })
      bench.advance(8)
    }
  }

  @Test(
    "while many run, one that is quick sends fifty times a second at most, and its tokens as one piece"
  )
  func many() throws {
    let attempts = try running(3)
    settle(attempts)
    for token in 0..<100 {
      for (run, _) in attempts { bench.make(run, String(token % 10)) }
      bench.advance(10)
    }
    for (run, slot) in attempts {
      let chunks = slot.all(Chunk.self).dropFirst(2)
      #expect((49...52).contains(chunks.count), "\(chunks.count) in a second")
      #expect(chunks.allSatisfy { $0.events.count == 1 })
      // The first left as after a pause, the second with the first beat.
      #expect(chunks.dropFirst(2).allSatisfy { $0.events[0].tokenCount == 2 })
      bench.complete(run)
      let finished = try #require(slot.sent.last as? AttemptFinished)
      #expect(slot.events.map(\.tokenCount).reduce(0, +) == 102)
      #expect(text(slot.events).hasSuffix("0123456789"))
      #expect(
        finished.hash
          == chain(slot.events, job: UInt64(attempts.firstIndex { $0.run == run } ?? 9) + 1))
    }
  }

  /// Where in the twenty milliseconds the quick ones of a worker send, once all are known to be quick.
  private func beats() throws -> Set<UInt64> {
    let attempts = try running(3)
    settle(attempts)
    var beats: Set<UInt64> = []
    for millisecond in 0..<200 {
      let before = attempts[0].slot.all(Chunk.self).count
      if millisecond % 5 == 0 { for (run, _) in attempts { bench.make(run, "x") } }
      bench.advance(1)
      // The first leaves as after a pause.
      if millisecond > 40, attempts[0].slot.all(Chunk.self).count > before {
        beats.insert(bench.clock.now % 20)
      }
    }
    return beats
  }

  @Test("workers that share a clock have their beats at different moments")
  func phases() throws {
    #expect(try BeatTests(incarnation: 77).beats() == [17])
    #expect(try BeatTests(incarnation: 84).beats() == [4])
    #expect(try BeatTests(incarnation: 100).beats() == [0])
  }

  @Test("while many run, one that is slower than the beat waits no longer for that")
  func slow() throws {
    let attempts = try running(3)
    settle(attempts)
    for token in 0..<10 {
      bench.make(attempts[0].run, "x")
      bench.advance(2)
      #expect(attempts[0].slot.all(Chunk.self).count == 3 + token)
      bench.advance(28)
    }
  }

  @Test("what has waited for the beat leaves before the end, and before a cancelled attempt's")
  func ends() throws {
    let attempts = try running(3)
    settle(attempts)
    for (run, _) in attempts { bench.make(run, "a") }
    bench.advance(2)
    for (run, _) in attempts { bench.make(run, "b") }
    bench.complete(attempts[0].run)
    bench.cancel(attempts[1].slot, job: 2)
    for (_, slot) in attempts[..<2] {
      #expect(text(slot.events) == "first.ab")
      let finished = try #require(slot.sent.last as? AttemptFinished)
      #expect(finished.lastSeq == slot.events.last?.seq)
    }
    #expect(text(attempts[2].slot.events) == "first.a")
    bench.advance(20)
    #expect(text(attempts[2].slot.events) == "first.ab")
  }

  @Test(
    "an engine that waits for room is not made to wait for the beat, nor is what fills a message")
  func full() throws {
    let attempts = try running(3)
    settle(attempts)
    let (run, slot) = attempts[0]
    bench.make(run, "a")
    bench.advance(2)
    let large = String(repeating: "x", count: 4_000)
    for _ in 0..<4 { bench.make(run, large) }
    #expect(bench.waiting[run]?.isEmpty == false)
    bench.machine.runHasOutput(run, isFull: true)
    #expect(bench.waiting[run] == nil)
    bench.advance(2)
    #expect(slot.events.map(\.bytes.count).reduce(0, +) == 16_000 + 7)
  }

  @Test(
    "what an attempt makes while its stream is gone is taken, and sent where the next leader says")
  func detached() throws {
    let attempts = try running(3)
    settle(attempts)
    let (run, slot) = attempts[0]
    bench.make(run, "a")
    bench.advance(2)
    bench.make(run, "b")
    slot.abort()
    bench.machine.closed(slot)
    bench.advance(20)
    #expect(bench.waiting[run] == nil)
    bench.make(run, "c")
    #expect(bench.waiting[run] == nil)
  }
}
