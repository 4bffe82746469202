internal import Consensus
internal import ExchangeTypes
internal import JobDispatch
internal import OpenAIFormat
internal import WireProtocol

/// A request over HTTP, as its connection hands it to a gateway.
struct SimulatedRequest {
  let method: String
  let target: String
  let authorization: String
  var body: [UInt8] = []
  /// The request's own name (`Idempotency-Key`), already hashed.
  var key: RequestKey?
  /// What the gateway draws where there is none: the run knows the job by it.
  var drawn = RequestKey(high: 0, low: 0)
  var maxWaitMs: UInt32 = 0
  var isDurable = false
  var lastEventID: String?
  /// Where what the gateway is told about the job is checked.
  let submission: Submission
}

/// A gateway's process: the product's machines for requests and answers, with links around them.
///
/// It keeps nothing: what it knew is gone when it dies. A connection carries one request, and its answer in parts as `HTTPReply` has them: framing is HTTP's own.
final class SimulatedGateway: SimulatedClient {
  /// Microseconds between two looks at what waits, as `GatewayLoop` has it.
  private static let tickTime: UInt64 = 1_000_000

  private var connections: [GatewayConnection] = []
  /// What follows a job: also those whose consumers have left.
  private var answers: [GatewayAnswer] = []

  override func boot() {
    super.boot()
    simulation.network.returned(self)
    tick()
  }

  /// The process dies, and the machine with it if `silently`.
  func crash(silently: Bool) {
    guard isUp else { return }
    dropAnswers()
    end()
    lane.forget()
    simulation.network.died(self, silently: silently)
  }

  /// Whether an answer has begun, and not ended.
  var isStreaming: Bool { connections.contains { $0.answer?.hasBegun == true } }

  override func accept(_ end: LinkEnd) -> (any LinkOwner)? {
    let connection = GatewayConnection(end, of: self)
    connections.append(connection)
    return connection
  }

  override func clear() {
    super.clear()
    dropAnswers()
  }

  private func dropAnswers() {
    for answer in answers { answer.died() }
    answers = []
    for connection in connections { connection.died() }
    connections = []
  }

  fileprivate func keep(_ answer: GatewayAnswer) { answers.append(answer) }
  fileprivate func forget(_ answer: GatewayAnswer) { answers.removeAll { $0 === answer } }

  fileprivate func forget(_ connection: GatewayConnection) {
    connections.removeAll { $0 === connection }
  }

  private func tick() {
    after(Self.tickTime) { [self] in
      for connection in connections { connection.answer?.tick() }
      tick()
    }
  }
}

/// One connection of a consumer, as its gateway has it (`Gateway/HTTPConnection`, `GatewayLoop.serve`).
private final class GatewayConnection: LinkOwner {
  private unowned let gateway: SimulatedGateway
  private let end: LinkEnd
  private(set) var answer: GatewayAnswer?
  private var isOver = false

  init(_ end: LinkEnd, of gateway: SimulatedGateway) {
    self.end = end
    self.gateway = gateway
  }

  func established(_ end: LinkEnd) {}
  func accepted(
    _ channel: SimulatedChannel, for service: Service, authorization: String, on end: LinkEnd
  ) -> any MessageChannelOwner { preconditionFailure("consumers open no streams") }
  func heard(_ notice: LeaderNotice, on end: LinkEnd) {}
  func received(_ message: PeerMessage, on end: LinkEnd) {}

  func received(_ request: SimulatedRequest, on end: LinkEnd) {
    do throws(HTTPRefusal) {
      switch try HTTPRoute(method: request.method, target: request.target) {
      case .inference(let endpoint):
        let call = try InferenceCall(
          body: request.body, endpoint: endpoint, key: request.key, drawn: request.drawn,
          maxWaitMs: request.maxWaitMs, isDurable: request.isDurable)
        begin(GatewayInference(call, request, on: self, of: gateway))
      case .events(let job):
        let first = try JobEventsAnswer.start(after: request.lastEventID)
        begin(GatewayEvents(job, from: first, request, on: self, of: gateway))
      case .cancel(let job):
        gateway.call(Cancel(job: job), authorization: request.authorization) { [weak self] in
          self?.send(Self.reply(to: $0))
        }
      default: throw HTTPRefusal(.notFound, "the simulated gateway does not serve this")
      }
    } catch { send(error.reply) }
  }

  private func begin(_ answer: GatewayAnswer) {
    self.answer = answer
    answer.begin()
  }

  private static func reply(to result: Result<Message, ClientFailure>) -> HTTPReply {
    switch result {
    case .success(.jobReport(let report)): JobSummaryAnswer.one(report)
    case .success: HTTPRefusal(.internalError, "a coordinator answered another question").reply
    case .failure(let failure): HTTPRefusal(failure).reply
    }
  }

  /// Sends the next part of the answer; nothing after its end.
  func send(_ honest: HTTPReply) {
    guard !isOver, !honest.isEmpty, let reply = planted(honest) else { return }
    end.send(reply)
    guard reply.end != .open else { return }
    isOver = true
    answer = nil
    if reply.end == .broken { end.close() }
  }

  /// What a gateway with a planted bug makes of a part of an answer; nil if it loses it.
  private func planted(_ reply: HTTPReply) -> HTTPReply? {
    switch gateway.simulation.configuration.bug {
    case .droppedPart
    where reply.head == nil && reply.end == .open && gateway.random.chance(perMille: 5):
      return nil
    case .brokenOff where reply.end == .broken: return HTTPReply(end: .broken)
    default: return reply
    }
  }

  func closed(_ end: LinkEnd) {
    let left = answer
    answer = nil
    isOver = true
    left?.clientLeft()
    gateway.forget(self)
  }

  /// The process is gone.
  func died() {
    answer = nil
    isOver = true
  }
}

/// Answers one request from its job's updates: what is common to both kinds of stream.
private class GatewayAnswer: FollowedJobReader {
  let gateway: SimulatedGateway
  let reader: Reader
  /// Whether something of the answer was sent.
  private(set) var hasBegun = false
  private let request: SimulatedRequest
  private weak var connection: GatewayConnection?
  /// Who led when the last output came, and on which of the streams to the coordinators that was.
  private var source: (leader: SimulatedCoordinator, opening: Int)?

  init(
    _ request: SimulatedRequest, from first: UInt64, isDurable: Bool,
    on connection: GatewayConnection, of gateway: SimulatedGateway
  ) {
    self.request = request
    self.gateway = gateway
    self.connection = connection
    reader = request.submission.makeReader(from: first, isDurable: isDurable)
  }

  func begin() {}
  func tick() {}
  func clientLeft() {}

  fileprivate func follow(_ machine: FollowedJob) {
    gateway.keep(self)
    reader.following = gateway.follow(
      machine, authorization: request.authorization, reader: self)
  }

  fileprivate func send(_ reply: HTTPReply) {
    if !reply.isEmpty { hasBegun = true }
    connection?.send(reply)
  }

  /// The process is gone: nobody is told anything.
  func died() { reader.lost() }

  func accepted(_ accepted: Accepted) { reader.accepted(accepted) }

  func delivered(_ events: [Event], durableThrough: UInt64) {
    reader.delivered(events, durableThrough: durableThrough)
    guard let leader = gateway.simulation.leader, let following = reader.following else { return }
    if let source, source.leader !== leader, source.opening < following.openings {
      gateway.simulation.mark(.gatewayFollowedLeader)
    }
    source = (leader, following.openings)
  }

  func ended(_ ended: Ended) {
    reader.ended(ended)
    gateway.forget(self)
  }

  func failed(_ failure: ClientFailure) {
    reader.failed(failure)
    gateway.forget(self)
  }

  /// Stops following.
  fileprivate func leave() {
    reader.leave()
    gateway.forget(self)
  }
}

/// The answer of a request for inference, as `Gateway/InferenceAnswer` has it.
private final class GatewayInference: GatewayAnswer {
  private let call: InferenceCall
  private var answer: JobAnswer
  /// Nobody wants the answer any more; its job is followed to its end all the same.
  private var isLeft = false

  init(
    _ call: InferenceCall, _ request: SimulatedRequest, on connection: GatewayConnection,
    of gateway: SimulatedGateway
  ) {
    self.call = call
    answer = JobAnswer(
      call, created: Int(gateway.simulation.clock.now / 1_000_000), now: gateway.clock.now)
    super.init(
      request, from: 1, isDurable: request.isDurable, on: connection, of: gateway)
  }

  override func begin() {
    follow(
      FollowedJob(
        submitting: call.submit, cluster: gateway.simulation.clusterID,
        patience: SimulatedClient.patience))
  }

  override func accepted(_ accepted: Accepted) {
    super.accepted(accepted)
    answer.accept(accepted)
  }

  override func delivered(_ events: [Event], durableThrough: UInt64) {
    super.delivered(events, durableThrough: durableThrough)
    guard !isLeft else { return }
    send(answer.take(events, now: gateway.clock.now))
    if answer.isOver { clientLeft() }
  }

  override func ended(_ ended: Ended) {
    super.ended(ended)
    if !isLeft { send(answer.end(ended)) }
  }

  override func failed(_ failure: ClientFailure) {
    super.failed(failure)
    if !isLeft { send(answer.fail(HTTPRefusal(failure))) }
  }

  override func tick() { send(answer.tick(now: gateway.clock.now)) }

  override func clientLeft() {
    guard !isLeft, let following = reader.following else { return }
    switch call.submit.mode {
    case .attached:
      isLeft = true
      following.setReading(true)
      following.cancel()
    case .submitted: leave()
    }
  }
}

/// The events of a job that exists, as `Gateway/EventsAnswer` has them.
private final class GatewayEvents: GatewayAnswer {
  private let job: JobID
  private let first: UInt64
  private var answer: JobEventsAnswer

  init(
    _ job: JobID, from first: UInt64, _ request: SimulatedRequest, on connection: GatewayConnection,
    of gateway: SimulatedGateway
  ) {
    self.job = job
    self.first = first
    answer = JobEventsAnswer(now: gateway.clock.now)
    super.init(request, from: first, isDurable: true, on: connection, of: gateway)
  }

  override func begin() {
    follow(
      FollowedJob(
        following: job, fromSeq: first, isDurable: true, cluster: gateway.simulation.clusterID,
        patience: SimulatedClient.patience))
  }

  override func delivered(_ events: [Event], durableThrough: UInt64) {
    super.delivered(events, durableThrough: durableThrough)
    send(answer.take(events, now: gateway.clock.now))
  }

  override func ended(_ ended: Ended) {
    super.ended(ended)
    send(answer.end(ended, now: gateway.clock.now))
  }

  override func failed(_ failure: ClientFailure) {
    super.failed(failure)
    send(answer.fail(HTTPRefusal(failure)))
  }

  override func tick() { send(answer.tick(now: gateway.clock.now)) }
  override func clientLeft() { leave() }
}
