internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

/// One request of a client for a job: what was asked, and what became of it as far as clients were told.
///
/// It outlives its readers, for the checkers at the end.
final class Submission {
  let account: AccountID
  let message: Submit
  let asked: UInt64
  /// The job, once a coordinator acknowledged it: it must not be lost from here on.
  private(set) var job: JobID?
  /// When it first was, in virtual microseconds.
  private var acknowledgedAt: UInt64?
  /// Set when a coordinator refused the request for good.
  var refusal: ErrorCode?
  private(set) var readers: [Reader] = []
  /// Its consumers' streams through gateways.
  private(set) var streams: [ConsumerStream] = []
  /// How often it was asked for: of several, one may be refused and another make the job.
  var requests = 0
  private unowned let simulation: Simulation

  init(_ message: Submit, account: AccountID, simulation: Simulation) {
    self.message = message
    self.account = account
    self.simulation = simulation
    asked = simulation.clock.now
  }

  /// A coordinator acknowledged it.
  func acknowledged(_ accepted: Accepted, asked: UInt64) {
    if let job, job != accepted.job {
      simulation.fail("P1", "request \(message.requestKey) is job \(job) and job \(accepted.job)")
    }
    job = accepted.job
    acknowledgedAt = acknowledgedAt ?? simulation.clock.now
    // An earlier try that nobody was told the end of may have made the job.
    simulation.history.note(request: message.requestKey, job: accepted.job, asked: self.asked)
    simulation.order.note(
      asked: asked, index: accepted.commitIndex, "submit of job \(accepted.job)")
  }

  /// Whether a refusal may be the answer to what was asked at a moment: not once it had been acknowledged.
  ///
  /// Who asked before may have been turned away before another, who asked for the same, was not.
  func mayBeRefused(askedAt moment: UInt64) -> Bool {
    acknowledgedAt.map { moment <= $0 } ?? true
  }

  /// Submits and follows.
  func submitAndFollow(on client: SimulatedClient) -> Reader {
    requests += 1
    let machine = FollowedJob(
      submitting: message, cluster: simulation.clusterID, patience: SimulatedClient.patience)
    return follow(machine, on: client)
  }

  /// Follows from the first event.
  func follow(_ job: JobID, on client: SimulatedClient, attach: Bool) -> Reader {
    let machine = FollowedJob(
      following: job, attach: attach, isDurable: message.durable ?? false,
      cluster: simulation.clusterID,
      patience: SimulatedClient.patience)
    return follow(machine, on: client)
  }

  /// Somebody follows from an event on: what he is given is checked.
  func makeReader(from first: UInt64 = 1, isDurable: Bool) -> Reader {
    let reader = Reader(of: self, from: first, isDurable: isDurable, simulation: simulation)
    readers.append(reader)
    return reader
  }

  /// A consumer asks for it through a gateway.
  func note(_ stream: ConsumerStream) { streams.append(stream) }

  private func follow(_ machine: FollowedJob, on client: SimulatedClient) -> Reader {
    let reader = makeReader(isDurable: message.durable ?? false)
    reader.following = client.follow(machine, reader: reader)
    return reader
  }

  /// Breaks what keeps the run in memory.
  func clear() {
    for reader in readers { reader.following = nil }
    streams = []
  }
}

/// One reader of a job, and what it was given: checked as it comes.
final class Reader: FollowedJobReader {
  /// Attempts at a job that a reader may meet the output of.
  static let epochsMax: UInt32 = 8

  private struct Part: Hashable {
    let epoch: UInt32
    let base: UInt64
  }

  enum End {
    case ended(Ended)
    case failed(ClientFailure)
    case left
  }

  var following: SimulatedFollowing?
  private(set) var end: End? {
    didSet { if oldValue == nil { simulation.openReaders -= 1 } }
  }
  /// Whether it is given nothing that is not committed.
  private let isDurable: Bool
  /// The first event that it wants.
  let firstSeq: UInt64
  /// The last event that was delivered, or the one before the first.
  private(set) var lastSeq: UInt64
  /// The last event that the leader called committed.
  private(set) var durableThrough: UInt64 = 0
  /// The bytes of each event that was delivered.
  private(set) var texts: [[UInt8]] = []
  /// Attempts that the last event may be of, each with the number of the last event before its first.
  private var parts: [Part] = []
  private unowned let submission: Submission
  private unowned let simulation: Simulation
  private let asked: UInt64

  fileprivate init(
    of submission: Submission, from first: UInt64, isDurable: Bool, simulation: Simulation
  ) {
    self.submission = submission
    self.isDurable = isDurable
    firstSeq = first
    lastSeq = first - 1
    self.simulation = simulation
    asked = simulation.clock.now
    simulation.openReaders += 1
  }

  /// Stops following for good.
  func leave() {
    guard end == nil else { return }
    end = .left
    following?.leave()
    following = nil
  }

  /// The process that follows is gone.
  func lost() {
    if end == nil { end = .left }
    following = nil
  }

  // MARK: FollowedJobReader

  func accepted(_ accepted: Accepted) { submission.acknowledged(accepted, asked: asked) }

  func delivered(_ events: [Event], durableThrough: UInt64) {
    guard let job = submission.job else {
      return simulation.fail("P2", "events of a job that was not acknowledged")
    }
    for event in events {
      guard event.seq == lastSeq + 1 else {
        return simulation.fail(
          "P2", "event \(event.seq) of job \(job) was delivered after \(lastSeq)")
      }
      lastSeq = event.seq
      texts.append(event.bytes)
      parts = places(of: event, in: job)
      if parts.isEmpty {
        return simulation.fail(
          "P2", "event \(event.seq) of job \(job) stands where no attempt of it has made it")
      }
    }
    if isDurable, durableThrough < lastSeq {
      simulation.fail("P2", "event \(lastSeq) of job \(job) was delivered before it was committed")
    }
    self.durableThrough = max(self.durableThrough, min(durableThrough, lastSeq))
    simulation.clock.note(job.rawValue << 24 | lastSeq)
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

  func ended(_ ended: Ended) {
    end = .ended(ended)
    following = nil
    if ended.lastSeq != lastSeq {
      simulation.fail(
        "P2", "job \(ended.summary.job) ends at \(ended.lastSeq), \(lastSeq) were delivered")
    }
  }

  func failed(_ failure: ClientFailure) {
    end = .failed(failure)
    let hasForged = following?.hasForged == true
    let asked = following?.lastAsked ?? asked
    following = nil
    switch failure {
    case .violated(let what):
      simulation.fail("P2", "the stream of \(submission.message.requestKey): \(what)")
    case .unavailable(let cause, let waited):
      simulation.fail(
        "R7", "nobody answered for \(waited) ms: \(cause)")
    case .refused(let failure):
      switch failure.errorCode {
      case .modelNotFound, .insufficientCredit, .queueTooLong, .noWorkerOnline:
        // Of several requests another may make the job yet.
        if submission.requests <= 1 { submission.refusal = failure.errorCode }
        if !submission.mayBeRefused(askedAt: asked) {
          simulation.fail("R2", "an acknowledged job was refused: \(failure.message)")
        }
      case .tailInvalid where hasForged:
        break
      case .streamDiverged:
        if isDurable {
          simulation.fail("P2", "a reader of committed events was told \(failure.message)")
        }
      default:
        simulation.fail("R2", "a reader was refused with \(failure.code): \(failure.message)")
      }
    }
  }
}
