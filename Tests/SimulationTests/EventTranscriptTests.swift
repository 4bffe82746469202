import ExchangeTypes
import Testing
import WireProtocol

@testable import SimulationKit

@Suite("What a reader was given of a job")
struct EventTranscriptTests {
  private let job = JobID(7)

  /// Events `numbers` of an attempt whose first place comes after event `base`.
  private func events(_ numbers: ClosedRange<UInt64>, epoch: UInt32 = 1, base: UInt64 = 0)
    -> [Event]
  {
    let output = ScriptedOutput(attempt: AttemptID(job: job, epoch: Epoch(epoch)))
    return numbers.map { output.event(at: $0 - base, numbered: $0) }
  }

  /// What is wrong with deliveries one after the other; nil if nothing is.
  private func flaw(
    _ deliveries: [[Event]], from first: UInt64 = 1, isDurable: Bool = false, durable: UInt64 = 0
  ) -> String? {
    var transcript = EventTranscript(from: first, isDurable: isDurable)
    do {
      for events in deliveries { try transcript.take(events, of: job, durableThrough: durable) }
      return nil
    } catch {
      return error.what
    }
  }

  @Test("one attempt, or a later one after it, has each event once and in its place")
  func whole() {
    #expect(flaw([events(1...3), events(4...9)]) == nil)
    #expect(flaw([events(1...4), events(5...9, epoch: 2, base: 4)]) == nil)
    #expect(flaw([events(1...4), events(5...9, epoch: 3, base: 4)]) == nil)
    #expect(flaw([events(5...9)], from: 5) == nil)
    #expect(flaw([events(5...6), events(7...9, epoch: 2, base: 6)], from: 5) == nil)
  }

  @Test("a gap and a repetition are flaws")
  func numbers() {
    #expect(flaw([events(1...3), events(5...6)]) == "event 5 of job 7 was delivered after 3")
    #expect(flaw([events(1...3), events(3...4)]) == "event 3 of job 7 was delivered after 3")
    #expect(flaw([events(2...3)]) == "event 2 of job 7 was delivered after 0")
    #expect(flaw([events(4...5)], from: 5) == "event 4 of job 7 was delivered after 4")
  }

  @Test("what is spliced from attempts, or altered, stands where nobody made it")
  func places() throws {
    let misplaced = "stands where no attempt of it has made it"
    // Words of one letter can be alike: over several places two attempts never are.
    let back = flaw([events(1...4, epoch: 2), events(5...12)])
    #expect(try #require(back).hasSuffix(misplaced))
    let skipped = flaw([events(1...4), events(5...12, epoch: 2, base: 2)])
    #expect(try #require(skipped).hasSuffix(misplaced))
    var altered = events(1...3)
    altered[1] = Event(
      seq: 2, choice: 0, kind: .text, tokenCount: 1, ids: [], bytes: Array("ABCDEFGHI".utf8))
    #expect(flaw([altered]) == "event 2 of job 7 \(misplaced)")
    #expect(flaw([[altered[1]]], from: 2) == "event 2 of job 7 \(misplaced)")
    let later = flaw([events(5...6), events(7...14, epoch: 2, base: 3)], from: 5)
    #expect(try #require(later).hasSuffix(misplaced))
  }

  @Test("who reads what is durable is given nothing that is not committed")
  func durable() {
    #expect(flaw([events(1...3)], isDurable: true, durable: 3) == nil)
    #expect(
      flaw([events(1...3)], isDurable: true, durable: 2)
        == "event 3 of job 7 was delivered before it was committed")
    #expect(flaw([events(1...3)], isDurable: false, durable: 2) == nil)
    #expect(flaw([events(5...6)], from: 5, isDurable: true, durable: 6) == nil)
    #expect(
      flaw([events(5...6)], from: 5, isDurable: true, durable: 5)
        == "event 6 of job 7 was delivered before it was committed")
  }

  @Test("what was called committed is not more than was delivered, and never less than before")
  func committed() throws {
    var transcript = EventTranscript(from: 1, isDurable: false)
    try transcript.take(events(1...3), of: job, durableThrough: 9)
    #expect(transcript.durableThrough == 3)
    try transcript.take(events(4...5), of: job, durableThrough: 1)
    #expect(transcript.durableThrough == 3)
    #expect(transcript.texts == events(1...5).map(\.bytes))
  }

  @Test("a job ends with the last event that was delivered")
  func end() throws {
    var transcript = EventTranscript(from: 1, isDurable: false)
    try transcript.take(events(1...3), of: job, durableThrough: 0)
    try transcript.end(at: 3, of: job)
    #expect(throws: TranscriptFlaw.self) { try transcript.end(at: 4, of: job) }
    #expect(throws: TranscriptFlaw.self) { try transcript.end(at: 2, of: job) }
  }
}
