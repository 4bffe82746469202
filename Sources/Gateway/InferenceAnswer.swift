internal import ExchangeClient
internal import ExchangeTypes
internal import JobDispatch
internal import NIOCore
internal import OpenAIFormat
internal import WireProtocol

/// Answers a request for inference: the shell around `JobAnswer`.
///
/// ```
/// following ──ended, failed──► over
///     │ client left, attached: cancelled, and followed to its end for what it is charged
///     └ client left, submitted: the job goes on
/// ```
final class InferenceAnswer: Answering, JobReading {
  private let loop: GatewayLoop
  private let call: InferenceCall
  private var key = ""
  private var answer: JobAnswer
  private weak var connection: (any RequestSource)?
  private var following: FollowingJob?
  /// Nobody wants the answer any more; what the job is charged is still to be counted.
  private var isLeft = false
  /// The job whose output need not be kept once the answer has been delivered.
  private var keptUntilDelivered: JobID?
  /// Whether an earlier request made the job, which has counted it.
  private var isRepeated = false
  /// When the request came, and when its last output did, in monotonic nanoseconds.
  private let beganAt = NIODeadline.now()
  private var outputAt: NIODeadline?

  init(_ call: InferenceCall, on connection: any RequestSource, of loop: GatewayLoop) {
    self.call = call
    self.loop = loop
    self.connection = connection
    answer = JobAnswer(call, created: loop.unixSeconds, now: loop.now)
  }

  func begin(key: String) {
    self.key = key
    loop.counters.running += 1
    following = loop.client.follow(
      .submit(call.submit), key: key, callerRetries: true, reader: self)
  }

  // MARK: JobReading

  func received(_ update: JobUpdate) {
    switch update {
    case .accepted(let accepted):
      // An attached job's key is its own: it can only repeat itself, after a lost link.
      isRepeated = accepted.duplicate && call.submit.mode == .submitted
      answer.accept(accepted)
      connection?.releaseBody(of: self)
    case .waiting, .reconnecting: break
    case .events where isLeft: break
    case .events(let events, _):
      let now = NIODeadline.now()
      measure(events, at: now)
      send(answer.take(events, now: now.uptimeNanoseconds / 1_000_000))
      // The answer broke and the job has not: nobody wants the rest.
      if answer.isOver { clientLeft() }
    case .ended(let ended):
      if !isRepeated { loop.counters.settled(ended.summary) }
      guard !isLeft else { return loop.forget(self) }
      over()
      // One under an `Idempotency-Key` may be asked for again, and goes with its time.
      if ended.untilDelivered == true, call.submit.mode == .attached {
        keptUntilDelivered = ended.summary.job
      }
      send(answer.end(ended))
    }
  }

  /// An output that is kept until it is delivered need not be kept any longer.
  func delivered() {
    guard let job = keptUntilDelivered else { return }
    keptUntilDelivered = nil
    loop.client.call(Purge(jobs: [job]), key: key) { [loop] result in
      if case .failure = result { loop.counters.undeleted += 1 }
    }
  }

  func failed(_ failure: ClientFailure) {
    guard !isLeft else { return loop.forget(self) }
    over()
    send(answer.fail(HTTPRefusal(failure)))
  }

  private func measure(_ events: [Event], at now: NIODeadline) {
    guard call.endpoint != .embeddings else { return }  // it has no tokens that come one by one
    let tokens = events.reduce(UInt64(0)) { $0 + UInt64($1.tokenCount) }
    if let outputAt {
      if tokens > 0 {
        loop.counters.perToken.observe((now - outputAt).seconds / Double(tokens), count: tokens)
      }
    } else {
      loop.counters.firstToken.observe((now - beganAt).seconds)
    }
    outputAt = now
  }

  /// The job has no more to say.
  private func over() {
    following = nil
    loop.counters.running -= 1
    loop.counters.duration.observe((NIODeadline.now() - beganAt).seconds)
  }

  private func send(_ reply: HTTPReply) { connection?.send(reply, from: self) }

  // MARK: Answering

  func setReading(_ isReading: Bool) { following?.setReading(isReading) }

  func tick(now: UInt64) { send(answer.tick(now: now)) }

  func clientLeft() {
    guard let following else { return }
    over()
    loop.counters.left += 1
    switch call.submit.mode {
    case .attached:
      // It is followed until it has settled: a stream that just ended would leave the engine running until the
      // orphan timer.
      isLeft = true
      loop.keep(self)
      following.setReading(true)
      following.cancel()
    case .submitted: following.leave()
    }
  }
}

extension TimeAmount {
  fileprivate var seconds: Double { Double(nanoseconds) / 1e9 }
}
