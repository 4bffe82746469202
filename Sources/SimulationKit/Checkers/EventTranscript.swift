internal import ExchangeTypes
internal import WireProtocol

/// What a reader was given of a job, event by event, by our own protocol.
///
/// It knows nothing of who asked and why. Numbers have no gap and no repetition; each event is next in its attempt, or
/// the first of a later one; who reads what is durable is given nothing that is not committed (P2).
struct EventTranscript {
  /// Attempts at a job that a reader may meet the output of.
  static let epochsMax: UInt32 = 8

  private struct Part: Hashable {
    let epoch: UInt32
    let base: UInt64
  }

  /// Whether it is to hold nothing that is not committed.
  let isDurable: Bool
  /// The first event that was asked for.
  let firstSeq: UInt64
  /// The last event that was delivered, or the one before the first.
  private(set) var lastSeq: UInt64
  /// The last event that the leader called committed.
  private(set) var durableThrough: UInt64 = 0
  /// The bytes of each event that was delivered.
  private(set) var texts: [[UInt8]] = []
  /// Attempts that the last event may be of, each with the number of the last event before its first.
  private var parts: [Part] = []

  init(from first: UInt64, isDurable: Bool) {
    self.isDurable = isDurable
    firstSeq = first
    lastSeq = first - 1
  }

  /// The next events of `job`, of which those up to `durable` are called committed.
  mutating func take(_ events: [Event], of job: JobID, durableThrough durable: UInt64)
    throws(TranscriptFlaw)
  {
    for event in events {
      guard event.seq == lastSeq + 1 else {
        throw TranscriptFlaw("event \(event.seq) of job \(job) was delivered after \(lastSeq)")
      }
      lastSeq = event.seq
      texts.append(event.bytes)
      parts = places(of: event, in: job)
      if parts.isEmpty {
        throw TranscriptFlaw(
          "event \(event.seq) of job \(job) stands where no attempt of it has made it")
      }
    }
    durableThrough = max(durableThrough, min(durable, lastSeq))
    if isDurable, durable < lastSeq {
      throw TranscriptFlaw("event \(lastSeq) of job \(job) was delivered before it was committed")
    }
  }

  /// The job has ended, and its last event is said to be this one.
  func end(at last: UInt64, of job: JobID) throws(TranscriptFlaw) {
    if last != lastSeq {
      throw TranscriptFlaw("job \(job) ends at \(last), \(lastSeq) were delivered")
    }
  }

  /// Where an event can stand: next in the attempt that made the last one, or first in a later attempt.
  private func places(of event: Event, in job: JobID) -> [Part] {
    func fits(_ part: Part) -> Bool {
      let attempt = AttemptID(job: job, epoch: Epoch(part.epoch))
      return ScriptedOutput(attempt: attempt).bytes(at: event.seq - part.base) == event.bytes
    }
    // Whoever comes in the middle does not know which attempt he is in, nor where it began.
    if parts.isEmpty, lastSeq == firstSeq, firstSeq > 1 {
      return (1...Self.epochsMax).flatMap { epoch in
        (0..<event.seq).map { Part(epoch: epoch, base: $0) }
      }.filter(fits)
    }
    let first = (parts.map(\.epoch).min() ?? 0) + 1
    var found = parts.filter(fits)
    for epoch in first...max(first, Self.epochsMax) {
      let begun = Part(epoch: epoch, base: event.seq - 1)
      if fits(begun) { found.append(begun) }
    }
    return found
  }
}
