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

/// One reader of a job: what it was given is kept and checked as it comes (`EventTranscript`).
final class Reader: FollowedJobReader {
  enum End {
    case ended(Ended)
    case failed(ClientFailure)
    case left
  }

  var following: SimulatedFollowing?
  private(set) var end: End? {
    didSet { if oldValue == nil { simulation.openReaders -= 1 } }
  }
  private(set) var transcript: EventTranscript
  private unowned let submission: Submission
  private unowned let simulation: Simulation
  private let asked: UInt64

  fileprivate init(
    of submission: Submission, from first: UInt64, isDurable: Bool, simulation: Simulation
  ) {
    self.submission = submission
    transcript = EventTranscript(from: first, isDurable: isDurable)
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
    do {
      try transcript.take(events, of: job, durableThrough: durableThrough)
    } catch {
      return simulation.fail("P2", error.what)
    }
    simulation.clock.note(job.rawValue << 24 | transcript.lastSeq)
  }

  func ended(_ ended: Ended) {
    end = .ended(ended)
    following = nil
    do {
      try transcript.end(at: ended.lastSeq, of: ended.summary.job)
    } catch {
      simulation.fail("P2", error.what)
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
        if transcript.isDurable {
          simulation.fail("P2", "a reader of committed events was told \(failure.message)")
        }
      default:
        simulation.fail("R2", "a reader was refused with \(failure.code): \(failure.message)")
      }
    }
  }
}
