internal import Consensus
internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

/// A client process: the real machines `FollowedJob` and `CallTries` with one lane around them, as
/// `ExchangeClient` has it.
class SimulatedClient: SimulatedNode {
  /// Milliseconds for which a client goes on without any coordinator answering.
  static let patience: UInt64 = 120_000

  var authorization = ""
  private(set) lazy var lane = ClientLane(of: self)

  func boot() { begin() }

  /// Asks, and calls back once.
  func call(
    _ message: any WireMessage, authorization: String? = nil,
    _ completion: @escaping (Result<Message, ClientFailure>) -> Void
  ) {
    let authorization = authorization ?? self.authorization
    SimulatedCall(message, authorization, client: self, completion).begin()
  }

  /// Follows a job; `reader` is told of everything.
  func follow(
    _ job: FollowedJob, authorization: String? = nil, reader: any FollowedJobReader
  ) -> SimulatedFollowing {
    let authorization = authorization ?? self.authorization
    let following = SimulatedFollowing(job, authorization, client: self, reader: reader)
    following.begin()
    return following
  }

  /// Breaks what keeps the run in memory.
  func clear() { lane.clear() }
}

/// A place for one link at a time: to the leader if one was named, else to the coordinators in turn.
final class ClientLane: LinkOwner {
  private enum State {
    case idle
    case connecting(LinkEnd, waiters: [(LinkEnd?) -> Void])
    case ready(LinkEnd)
  }

  private unowned let client: SimulatedClient
  private var state = State.idle
  private var place: Int
  private var leader: LeaderNotice?

  init(of client: SimulatedClient) {
    self.client = client
    place = client.number
  }

  /// Calls back with a link that is up, or with nil if it could not be made.
  func withLink(_ body: @escaping (LinkEnd?) -> Void) {
    switch state {
    case .ready(let end): body(end)
    case .connecting(let end, let waiters): state = .connecting(end, waiters: waiters + [body])
    case .idle:
      let end = client.simulation.network.connect(client, to: target, owner: self)
      state = .connecting(end, waiters: [body])
    }
  }

  private var target: SimulatedCoordinator {
    let coordinators = client.simulation.coordinators
    // One client in three knows no leader, as behind a load balancer: followers relay for it.
    if client.number % 3 != 0, let leader,
      let named = coordinators.first(where: { $0.id == leader.leader })
    {
      return named
    }
    return coordinators[place % coordinators.count]
  }

  /// Something that may pass failed on `end`: the next try goes elsewhere.
  func leave(_ end: LinkEnd) {
    guard case .ready(let current) = state, current === end else { return }
    leader = nil
    place += 1
    state = .idle
    end.drain()
  }

  func clear() { state = .idle }

  /// The process is another.
  func forget() {
    state = .idle
    leader = nil
  }

  func established(_ end: LinkEnd) {
    guard case .connecting(let current, let waiters) = state, current === end else { return }
    state = .ready(end)
    for waiter in waiters { waiter(end) }
  }
  func accepted(
    _ channel: SimulatedChannel, for service: Service, authorization: String, on end: LinkEnd
  ) -> any MessageChannelOwner { preconditionFailure("only dialing sides open streams") }
  func heard(_ notice: LeaderNotice, on end: LinkEnd) {
    if let known = leader, known.term > notice.term { return }
    guard notice.leader != ReplicaID(0) else {
      if let known = leader, known.term < notice.term { leader = nil }
      return
    }
    leader = notice
    guard case .ready(let current) = state, current.peerEnd?.node !== target else { return }
    state = .idle
    current.drain()
  }
  func received(_ message: PeerMessage, on end: LinkEnd) {}
  func closed(_ end: LinkEnd) {
    switch state {
    case .connecting(let current, let waiters) where current === end:
      moveOn()
      for waiter in waiters { waiter(nil) }
    case .ready(let current) where current === end: moveOn()
    case .idle, .connecting, .ready: break
    }
  }
  private func moveOn() {
    state = .idle
    leader = nil
    place += 1
  }
}

/// One request under way, through as many tries as it takes.
private final class SimulatedCall: MessageChannelOwner {
  private let message: any WireMessage
  private let authorization: String
  private let client: SimulatedClient
  private var tries: CallTries
  private var completion: ((Result<Message, ClientFailure>) -> Void)?
  private var channel: (any MessageChannel)?
  private var end: LinkEnd?
  private var wasTurnedAway = false

  init(
    _ message: any WireMessage, _ authorization: String, client: SimulatedClient,
    _ completion: @escaping (Result<Message, ClientFailure>) -> Void
  ) {
    self.message = message
    self.authorization = authorization
    self.client = client
    self.completion = completion
    tries = CallTries(now: client.clock.now, patience: SimulatedClient.patience)
  }

  func begin() {
    client.lane.withLink { [self] end in
      guard let end else { return ended(.broke("no link")) }
      self.end = end
      let channel = end.openStream(.call, authorization: authorization, owner: self)
      self.channel = channel
      channel.send(message)
      channel.finish()
    }
  }

  func received(_ message: Message, on channel: any MessageChannel) {
    guard channel === self.channel else { return }
    self.channel = nil
    if case .failure(let failure) = message {
      if failure.asksElsewhere(wasTurnedAway: &wasTurnedAway), let end { client.lane.leave(end) }
      client.simulation.noteFailure(failure)
      ended(.failure(failure))
    } else {
      complete(.success(message))
    }
  }

  func writable(_ channel: any MessageChannel) {}

  func closed(_ channel: any MessageChannel) {
    guard channel === self.channel else { return }
    self.channel = nil
    ended(.broke("the connection broke before the answer"))
  }

  private func ended(_ end: TryEnd) {
    switch tries.ended(end, now: client.clock.now, random: client.random.next()) {
    case .giveUp(let failure): complete(.failure(failure))
    case .retry(let wait): client.after(wait * 1_000) { self.begin() }
    }
  }

  private func complete(_ result: Result<Message, ClientFailure>) {
    end = nil
    guard let completion else { return }
    self.completion = nil
    completion(result)
  }
}

/// Told of a followed job.
protocol FollowedJobReader: AnyObject {
  func accepted(_ accepted: Accepted)
  func delivered(_ events: [Event], durableThrough: UInt64)
  func ended(_ ended: Ended)
  func failed(_ failure: ClientFailure)
}

/// A job being followed: opens the streams of `FollowedJob` and waits its pauses.
final class SimulatedFollowing: MessageChannelOwner {
  private var job: FollowedJob
  private let authorization: String
  private let client: SimulatedClient
  /// Whoever reads outlives what it follows: submissions are kept to the end of a run.
  private unowned let reader: any FollowedJobReader
  private var wasTurnedAway = false
  private var channel: (any MessageChannel)?
  private var end: LinkEnd?
  private var isReading = true
  private var isOver = false
  /// The attempt that the last events were of.
  private var lastEpoch = Epoch(0)
  /// The attempt that a tail was of which was shown.
  private var shownEpoch: Epoch?
  /// Whether a tail that it showed was not what it had been sent.
  private(set) var hasForged = false
  /// When it last asked a coordinator, in virtual microseconds.
  private(set) var lastAsked: UInt64 = 0
  /// How often it has.
  private(set) var openings = 0

  init(
    _ job: FollowedJob, _ authorization: String, client: SimulatedClient,
    reader: any FollowedJobReader
  ) {
    self.job = job
    self.authorization = authorization
    self.client = client
    self.reader = reader
  }

  func begin() {
    guard !isOver else { return }
    client.lane.withLink { [self] end in
      guard !isOver else { return }
      guard let end else { return perform(broke("no link")) }
      self.end = end
      lastAsked = client.simulation.clock.now
      openings += 1
      let channel = end.openStream(.job, authorization: authorization, owner: self)
      self.channel = channel
      channel.setReading(isReading)
      for message in job.opening { channel.send(message.content) }
    }
  }

  /// Asks for the job's end; the stream goes on until it has settled.
  func cancel() {
    if let message = job.cancel() { channel?.send(message.content) }
  }

  /// Stops (or resumes) taking events.
  func setReading(_ isReading: Bool) {
    self.isReading = isReading
    channel?.setReading(isReading)
  }

  /// Stops following.
  func leave() {
    isOver = true
    close()
  }

  func received(_ message: Message, on channel: any MessageChannel) {
    guard !isOver, channel === self.channel else { return }
    if case .failure(let failure) = message {
      if failure.asksElsewhere(wasTurnedAway: &wasTurnedAway), let end { client.lane.leave(end) }
      client.simulation.noteFailure(failure)
    }
    if case .events(let events) = message { noteEpoch(events.epoch) }
    let action = job.received(message, now: client.clock.now, random: client.random.next())
    perform(action)
    if case .accepted = action, let cancel = job.cancelMessage {
      self.channel?.send(cancel.content)
    }
  }

  func writable(_ channel: any MessageChannel) {}

  func closed(_ channel: any MessageChannel) {
    guard !isOver, channel === self.channel else { return }
    self.channel = nil
    perform(broke("the job's stream broke"))
  }

  /// Now and then a client shows what it was not sent.
  private func forged(_ messages: [Message]) -> [Message] {
    guard client.simulation.faultsAreOn, !(client is SimulatedGateway),
      client.random.chance(perMille: 100),
      case .tail(let tail)? = messages.last, let last = tail.events.last
    else { return messages }
    client.simulation.count(.tailForged)
    hasForged = true
    let other = Event(
      seq: last.seq, choice: last.choice, kind: last.kind, tokenCount: last.tokenCount + 1,
      ids: last.ids, bytes: last.bytes)
    return messages.dropLast() + [
      .tail(Tail(job: tail.job, events: tail.events.dropLast() + [other]))
    ]
  }

  private func noteEpoch(_ epoch: Epoch) {
    if let shownEpoch, epoch > shownEpoch {
      client.simulation.mark(.wentOnFromTail)
      self.shownEpoch = nil
    }
    lastEpoch = epoch
  }

  private func broke(_ cause: String) -> FollowedJob.Action {
    job.broke(cause, now: client.clock.now, random: client.random.next())
  }

  private func perform(_ action: FollowedJob.Action) {
    switch action {
    case .nothing, .waiting: break
    case .accepted(let accepted): reader.accepted(accepted)
    case .deliver(let events, let durable): reader.delivered(events, durableThrough: durable)
    case .show(let messages):
      client.simulation.mark(.tailShown)
      shownEpoch = lastEpoch
      for message in forged(messages) { channel?.send(message.content) }
    case .end(let ended):
      isOver = true
      channel?.finish()
      channel = nil
      end = nil
      reader.ended(ended)
    case .reopen(let wait, _):
      close()
      client.simulation.mark(.readerCameBack)
      client.after(wait * 1_000) { self.begin() }
    case .fail(let failure):
      isOver = true
      close()
      reader.failed(failure)
    }
  }

  private func close() {
    let open = channel
    channel = nil
    end = nil
    open?.abort()
  }
}
