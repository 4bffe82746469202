internal import Consensus
internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

/// A consumer's stream through a gateway, asked for again at another one where its gateway has died.
///
/// ```
/// connecting ──established──► asked ──the answer ends──► over
///     ▲ nobody there            │ the gateway died
///     └─────────────────────────┴── a job under its own key: the same request again
///                                   a job that is known: its events, after the last one that came
///                                   else nothing: nobody could ever ask for it ──► over
/// ```
/// A gateway that lives breaks nothing off: whatever ends without an end is a finding, unless its process is another now.
final class ConsumerStream: LinkOwner {
  private static let waitTime: ClosedRange<UInt64> = 100_000...1_000_000

  private let client: SimulatedClient
  private let submission: Submission
  private let request: SimulatedRequest
  private(set) var transcript: AnswerTranscript
  /// The job, once an answer has named it.
  private(set) var job: JobID?
  private var place: Int
  private var end: LinkEnd?
  /// The gateway that was asked, and the life that it was in.
  private var asked: (gateway: SimulatedGateway, life: Int)?
  private var status: Int?
  private var body: [UInt8] = []
  private var hasLostGateway = false

  private var simulation: Simulation { client.simulation }

  /// Asks for `submission` as `request` has it, or for the events of a job that exists.
  init(_ request: SimulatedRequest, job: JobID? = nil, on client: SimulatedClient) {
    self.client = client
    self.request = request
    submission = request.submission
    self.job = job
    transcript = AnswerTranscript(job == nil ? .chat : .events)
    place = Int(client.random.below(UInt64(client.simulation.gateways.count)))
    simulation.openReaders += 1
    submission.note(self)
  }

  /// Connects to a gateway, and asks.
  func begin() {
    guard transcript.end == nil else { return }
    let gateways = simulation.gateways
    let gateway = gateways[place % gateways.count]
    place += 1
    asked = nil
    status = nil
    body = []
    end = simulation.network.connect(client, to: gateway, owner: self)
  }

  /// Wants no more.
  func leave() {
    guard transcript.end == nil else { return }
    transcript.left()
    over()
  }

  private func over() {
    simulation.openReaders -= 1
    let last = end
    end = nil
    last?.close()
  }

  // MARK: LinkOwner

  func established(_ end: LinkEnd) {
    guard self.end === end, let peer = end.peerEnd, let gateway = peer.node as? SimulatedGateway
    else { return }
    asked = (gateway, peer.life)
    if transcript.form == .chat {
      submission.requests += 1
      end.send(request)
    } else if let job {
      let last = transcript.lastSeq
      end.send(
        SimulatedRequest(
          method: "GET", target: "/v1/jobs/\(job)/events", authorization: request.authorization,
          lastEventID: last == 0 ? nil : "\(last)", submission: submission))
    }
  }

  func accepted(
    _ channel: SimulatedChannel, for service: Service, authorization: String, on end: LinkEnd
  ) -> any MessageChannelOwner { preconditionFailure("only dialing sides open streams") }
  func heard(_ notice: LeaderNotice, on end: LinkEnd) {}
  func received(_ message: PeerMessage, on end: LinkEnd) {}

  func received(_ reply: HTTPReply, on end: LinkEnd) {
    guard self.end === end, transcript.end == nil else { return }
    do throws(TranscriptFlaw) {
      if let head = reply.head { try read(head) }
      guard let status else { throw TranscriptFlaw("an answer without a head") }
      if status == 200 { try transcript.take(reply.body) } else { body += reply.body }
      guard reply.end != .open else { return }
      if status == 200 {
        try transcript.over(isBroken: reply.end == .broken)
        if reply.end == .broken { simulation.mark(.gatewayToldError) }
        if reply.end == .complete, hasLostGateway {
          simulation.mark(transcript.form == .chat ? .gatewayAskedAgain : .gatewayEventsResumed)
        }
      } else {
        try transcript.refused(body)
      }
      over()
    } catch { fail(error) }
  }

  private func read(_ head: HTTPReply.Head) throws(TranscriptFlaw) {
    guard status == nil else { throw TranscriptFlaw("an answer with two heads") }
    status = head.status
    guard let named = head.fields.first(where: { $0.name == HTTPReply.jobField }) else { return }
    guard let number = UInt64(named.value), job.map({ $0 == JobID(number) }) ?? true else {
      throw TranscriptFlaw("the answer to a request names job \(named.value)")
    }
    job = JobID(number)
  }

  func closed(_ end: LinkEnd) {
    guard self.end === end, transcript.end == nil else { return }
    self.end = nil
    guard let asked else { return askLater() }
    guard asked.gateway.life != asked.life else {
      return fail(TranscriptFlaw("\(asked.gateway.name) lives, and breaks it off"))
    }
    hasLostGateway = true
    transcript.interrupted()
    if transcript.form == .events {
      askLater()
    } else if request.key != nil {
      transcript = AnswerTranscript(.chat)
      askLater()
    } else if job != nil {
      transcript = AnswerTranscript(.events)
      askLater()
    } else {
      transcript.left()
      over()
    }
  }

  private func askLater() { client.after(client.random.within(Self.waitTime)) { self.begin() } }

  private func fail(_ flaw: TranscriptFlaw) {
    simulation.fail("P2", "the stream of \(submission.message.requestKey) over HTTP: \(flaw.what)")
  }
}

/// A consumer's order over HTTP that is answered at once: nobody asks again where its gateway has died.
final class ConsumerOrder: LinkOwner {
  private let request: SimulatedRequest

  init(_ request: SimulatedRequest) { self.request = request }

  /// Asks a gateway.
  func begin(on client: SimulatedClient) {
    let gateways = client.simulation.gateways
    let gateway = gateways[Int(client.random.below(UInt64(gateways.count)))]
    _ = client.simulation.network.connect(client, to: gateway, owner: self)
  }

  func established(_ end: LinkEnd) { end.send(request) }
  func accepted(
    _ channel: SimulatedChannel, for service: Service, authorization: String, on end: LinkEnd
  ) -> any MessageChannelOwner { preconditionFailure("only dialing sides open streams") }
  func heard(_ notice: LeaderNotice, on end: LinkEnd) {}
  func received(_ message: PeerMessage, on end: LinkEnd) {}

  func received(_ reply: HTTPReply, on end: LinkEnd) {
    guard reply.end == .complete, let head = reply.head else {
      return end.node.simulation.fail("P2", "an order over HTTP was answered in parts")
    }
    if head.status >= 500, head.status != 503 {
      end.node.simulation.fail("P2", "an order over HTTP was answered with \(head.status)")
    }
    end.close()
  }

  func closed(_ end: LinkEnd) {}
}
