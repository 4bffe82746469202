internal import ExchangeClient
internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

/// Answers a request for inference: the shell around `JobAnswer`.
///
/// ```
/// following ──ended, failed──► over
///     │ client left, attached: cancelled, followed to its end by nobody
///     └ client left, submitted: the job goes on
/// ```
final class InferenceAnswer: Answering, JobReading {
  private let loop: GatewayLoop
  private let call: InferenceCall
  private var answer: JobAnswer
  private weak var connection: HTTPConnection?
  private var following: FollowingJob?

  init(_ call: InferenceCall, on connection: HTTPConnection, of loop: GatewayLoop) {
    self.call = call
    self.loop = loop
    self.connection = connection
    answer = JobAnswer(call, created: loop.unixSeconds, now: loop.now)
  }

  func begin(key: String) {
    following = loop.client.follow(.submit(call.submit), key: key, reader: self)
  }

  // MARK: JobReading

  func received(_ update: JobUpdate) {
    switch update {
    case .accepted(let accepted):
      answer.accept(accepted)
      connection?.releaseBody(of: self)
    case .waiting, .reconnecting: break
    case .events(let events, _):
      send(answer.take(events, now: loop.now))
      // The answer broke and the job has not: nobody wants the rest.
      if answer.isOver { clientLeft() }
    case .ended(let ended):
      following = nil
      send(answer.end(ended))
    }
  }

  func failed(_ failure: ClientFailure) {
    following = nil
    send(answer.fail(HTTPRefusal(failure)))
  }

  private func send(_ reply: HTTPReply) { connection?.send(reply, from: self) }

  // MARK: Answering

  func setReading(_ isReading: Bool) { following?.setReading(isReading) }

  func tick(now: UInt64) { send(answer.tick(now: now)) }

  func clientLeft() {
    guard let following else { return }
    self.following = nil
    switch call.submit.mode {
    case .attached:
      // It is followed until it has settled: a stream that just ended would leave the engine running until the
      // orphan timer.
      following.setReading(true)
      following.cancel()
    case .submitted: following.leave()
    }
  }
}
