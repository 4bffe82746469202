internal import ExchangeClient
internal import ExchangeTypes
internal import JobDispatch

/// Answers with the events of a job that exists: the shell around `JobEventsAnswer`.
///
/// A reader's leaving changes nothing for the job. It is given what is committed: a number is all that it comes back with, so what
/// has a number must never be another event.
final class EventsAnswer: Answering, JobReading {
  private let loop: GatewayLoop
  private var answer: JobEventsAnswer
  private weak var connection: (any RequestSource)?
  private var following: FollowingJob?

  init(on connection: any RequestSource, of loop: GatewayLoop) {
    self.loop = loop
    self.connection = connection
    answer = JobEventsAnswer(now: loop.now)
  }

  func begin(_ job: JobID, from seq: UInt64, key: String) {
    following = loop.client.follow(
      .job(job, fromSeq: seq, commitIndex: LogIndex(0), isDurable: true), key: key, reader: self)
  }

  func received(_ update: JobUpdate) {
    switch update {
    case .accepted, .waiting, .reconnecting: break
    case .events(let events, _): send(answer.take(events, now: loop.now))
    case .ended(let ended):
      following = nil
      send(answer.end(ended, now: loop.now))
    }
  }

  func failed(_ failure: ClientFailure) {
    following = nil
    send(answer.fail(HTTPRefusal(failure)))
  }

  private func send(_ reply: HTTPReply) { connection?.send(reply, from: self) }

  func setReading(_ isReading: Bool) { following?.setReading(isReading) }
  func tick(now: UInt64) { send(answer.tick(now: now)) }
  func clientLeft() {
    following?.leave()
    following = nil
  }
}
