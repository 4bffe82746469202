internal import ExchangeTypes
internal import Identity
public import JobDispatch
internal import Links
public import NIOCore
public import Transport
public import WireProtocol

/// A client confined to one event loop, with callbacks: what `ExchangeClient` wraps, and what a load
/// generator uses directly, since no task is made per request.
///
/// It holds `connections` lanes, and one more for requests with large bodies where the configuration wants that. A lane has at
/// most one current link, to the leader if a coordinator has named it and it is one of the endpoints, else to the endpoints in
/// turn, and to addresses that have led since. A request that fails in a way that may pass is tried again, after a pause, on
/// whatever link its lane then has.
public final class LoopClient {
  private(set) var configuration: ClientConfiguration
  /// The loop that this is confined to.
  public let eventLoop: any EventLoop
  private let dialer: NodeDialer
  private var local: LocalNode
  private var lanes: [Lane] = []
  /// Where large requests go; connected when the first comes.
  private var largeLane: Lane?
  /// Which coordinators are talked to.
  let trust: CoordinatorTrust
  private(set) var witness: Witness?
  /// Whether one coordinator only was named: the others are learned from it.
  private let knowsOne: Bool
  private var nextLane = 0
  /// Who leads, by the highest term heard of.
  private var leader: LeaderNotice?
  private var endpoints: KnownEndpoints
  private var isClosed = false
  private let generator = SystemRandomBlocks()

  /// A client on `eventLoop`; it connects when it is first asked for something.
  ///
  /// - Parameters:
  ///   - configuration: the cluster, and who asks.
  ///   - eventLoop: where everything happens.
  ///   - turns: those of the loop's group, where others are served on it.
  ///   - refusals: where coordinators that are refused, or refuse, are counted and logged.
  public init(
    configuration: ClientConfiguration, on eventLoop: any EventLoop, turns: Listener.Turns? = nil,
    refusals: RefusalLog = RefusalLog(label: "Transport")
  ) {
    self.configuration = configuration
    self.eventLoop = eventLoop
    endpoints = KnownEndpoints(configuration.endpoints)
    dialer = NodeDialer(
      security: configuration.security, on: LinkLoop(eventLoop, turns: turns), refusals: refusals)
    local = LocalNode(
      role: configuration.role, clusterID: configuration.clusterID ?? LocalNode.clusterUnknown,
      name: configuration.name, incarnation: generator.next(),
      features: [LocalNode.revocationNotices], software: configuration.software)
    let others = configuration.witnesses.filter { !configuration.endpoints.contains($0) }
    let heard = configuration.endpoints + others
    trust = CoordinatorTrust(endpoints: heard, patience: configuration.vouchingPatience)
    knowsOne = heard.count == 1
    if !knowsOne { witness = Witness(client: self, endpoints: heard) }
    lanes = (0..<configuration.connections).map { place in
      Lane(client: self, endpoint: place % configuration.endpoints.count)
    }
    if configuration.bodyBytesTogetherMax != nil { largeLane = Lane(client: self, endpoint: 0) }
  }

  private var allLanes: [Lane] { largeLane.map { lanes + [$0] } ?? lanes }

  /// Milliseconds since an arbitrary moment; never decreases.
  var now: UInt64 { LinkLoop.now }
  func random() -> UInt64 { generator.next() }
  var authorization: String? { configuration.key.map { "Bearer \($0)" } }

  /// How long what is asked from now on is tried for, in milliseconds.
  public var patience: UInt64 {
    get { configuration.patience }
    set { configuration.patience = newValue }
  }

  /// Asks, and calls back once, on the loop: with the answer, or with why there is none.
  ///
  /// - Parameters:
  ///   - message: the request; one of those that the service lists.
  ///   - service: what the request is for.
  ///   - lane: which connection to use, modulo their number; nil for each in turn.
  ///   - key: another API key than the client's own.
  ///   - callerRetries: whether whoever waits can try again by itself, and is told at once what is full.
  ///   - completion: called exactly once.
  public func call(
    _ message: any WireMessage, service: Service = .call, lane: Int? = nil, key: String? = nil,
    callerRetries: Bool = false,
    completion: @escaping (Result<Message, ClientFailure>) -> Void
  ) {
    eventLoop.preconditionInEventLoop()
    guard !isClosed else {
      return completion(.failure(.unavailable(lastCause: "the client is closed", waited: 0)))
    }
    do throws(BoundsError) {
      try message.checkBounds()
    } catch {
      let what = "\(error.field) has \(error.count) bytes or elements and may have \(error.limit)"
      return completion(.failure(.refused(Failure(refusing: .payloadTooLarge, what))))
    }
    let call = PendingCall(
      message: message, service: service,
      authorization: key.map { "Bearer \($0)" } ?? authorization, client: self,
      lane: pick(lane, for: message),
      tries: CallTries(
        now: now, patience: configuration.patience, callerRetries: callerRetries),
      completion: completion)
    call.begin()
  }

  /// Follows a job; what happens goes to `reader`, on the loop, until its end or its failure.
  ///
  /// - Parameters:
  ///   - order: what to follow.
  ///   - key: another API key than the client's own.
  ///   - callerRetries: whether whoever waits can submit again by itself, and is told at once what is full.
  ///   - reader: told what happens; not kept.
  /// - Returns: the job being followed.
  public func follow(
    _ order: FollowOrder, key: String? = nil, callerRetries: Bool = false, reader: any JobReading
  ) -> FollowingJob {
    eventLoop.preconditionInEventLoop()
    var submit: Submit?
    if case .submit(let message) = order { submit = message }
    let following = FollowingJob(
      order: order, authorization: key.map { "Bearer \($0)" } ?? authorization, client: self,
      lane: pick(for: submit), callerRetries: callerRetries, reader: reader)
    if isClosed {
      following.giveUp(.unavailable(lastCause: "the client is closed", waited: 0))
    } else {
      following.begin()
    }
    return following
  }

  /// Connects all lanes that have no connection, before anything is asked.
  public func connect() {
    eventLoop.preconditionInEventLoop()
    guard !isClosed else { return }
    // Who is waiting for nothing needs no answer: what fails is tried again by whoever asks for something.
    for lane in lanes { lane.withLink { _ in } }
  }

  /// Whether a coordinator is connected and has named a leader.
  public var isReady: Bool { leader != nil && lanes.contains(where: \.isReady) }

  /// Closes all links; requests under way fail as unavailable.
  public func close() {
    eventLoop.preconditionInEventLoop()
    guard !isClosed else { return }
    isClosed = true
    for lane in allLanes { lane.close() }
    witness?.close()
  }

  var hasClosed: Bool { isClosed }

  private func pick(_ lane: Int? = nil, for message: (any WireMessage)?) -> Lane {
    if let lane { return lanes[lane % lanes.count] }
    if let largeLane, let most = configuration.bodyBytesTogetherMax, let message,
      message.bodyBytes > most
    {
      return largeLane
    }
    nextLane = (nextLane + 1) % lanes.count
    return lanes[nextLane]
  }

  // MARK: For lanes

  /// The endpoints that lanes are at, or on their way to.
  var usedEndpoints: Set<String> { Set(allLanes.compactMap(\.endpoint)) }

  /// Which endpoint a lane that is at `place` tries.
  func endpoint(at place: Int) -> String {
    if let leader, endpoints.isConfigured(leader.address) { return leader.address }
    return endpoints[place]
  }

  func connect(to endpoint: String, owner: any NodeLinkOwner) -> NodeLink {
    dialer.connect(to: endpoint, as: local, owner: owner)
  }

  /// A link was established: every later one must belong to the same cluster.
  func learned(_ remote: RemoteNode) {
    if local.clusterID == LocalNode.clusterUnknown { local.clusterID = remote.clusterID }
  }

  /// A coordinator named the leader: lanes that are elsewhere move there.
  func learned(_ notice: LeaderNotice) {
    if let known = leader, known.term > notice.term { return }
    guard !notice.address.isEmpty else {
      if let known = leader, known.term < notice.term { leader = nil }
      return
    }
    leader = notice
    endpoints.learn(notice.address)
    guard endpoints.isConfigured(notice.address) else { return }
    for lane in allLanes { lane.prefer(notice.address) }
  }

  /// A coordinator that is trusted named the others: who knew it alone listens to them from now on.
  ///
  /// What it says later, or another, changes nothing: who is believed now is believed for whom to hear.
  func learned(others: [String]) {
    let others = others.filter { !configuration.endpoints.contains($0) }
    guard knowsOne, witness == nil, !others.isEmpty, !isClosed else { return }
    for other in others { endpoints.learn(other) }
    trust.learnedOthers()
    witness = Witness(client: self, endpoints: configuration.endpoints + others)
    witness?.look()
  }

  /// What the end of a link to `endpoint` is for those that wait for it.
  ///
  /// That a gateway is refused, or refuses, is nothing that its clients could mend.
  func cause(of end: NodeLinkEnd, at endpoint: String) -> TryEnd {
    guard case .refused(let failure, by: let side) = end, configuration.role == .gateway,
      failure.errorCode?.isRetryable != true
    else { return end.asTry(at: endpoint) }
    let what =
      switch side {
      case .here: "this gateway does not talk to \(endpoint)"
      case .there: "\(endpoint) refuses this gateway"
      }
    return .failure(Failure(refusing: .nodeRefused, "\(what): \(failure.message)"))
  }

  /// A link to `endpoint` did not work: it is no longer preferred.
  func failed(_ endpoint: String) {
    if leader?.address == endpoint { leader = nil }
  }
}

extension WireMessage {
  /// Bytes of the request for inference that it carries.
  fileprivate var bodyBytes: Int {
    switch self {
    case let submit as Submit: submit.body.count
    case let dryRun as DryRun: dryRun.body.count
    default: 0
    }
  }
}

/// A place for one link, and for a moment two: it moves to the leader when it has arrived there.
///
/// ```
/// idle ──asked──► connecting ──established──► ready ──another leads──► moving ──established──► ready (the other drains)
///  ▲                  │                        │  ▲                      │ │
///  └──────closed──────┴────closed, drains──────┘  └──the new one closed──┘ └──this one closed, drains──► connecting
/// ```
final class Lane: NodeLinkOwner {
  private enum State {
    case idle
    case connecting(NodeLink, endpoint: String, waiters: [(Result<NodeLink, TryEnd>) -> Void])
    case ready(NodeLink, endpoint: String)
    case moving(NodeLink, endpoint: String, next: NodeLink, to: String)
  }

  private weak var client: LoopClient?
  private var state = State.idle
  private var place: Int
  /// The endpoints that have refused a link since one was established.
  private var refusing: Set<String> = []
  /// Who leads, as the link's end said before it was trusted.
  private var early: LeaderNotice?

  init(client: LoopClient, endpoint place: Int) {
    self.client = client
    self.place = place
  }

  /// Calls back with an established link, at once if there is one, or with why there is none.
  func withLink(_ body: @escaping (Result<NodeLink, TryEnd>) -> Void) {
    switch state {
    case .ready(let link, _), .moving(let link, _, _, _):
      body(.success(link))
    case .connecting(let link, let endpoint, var waiters):
      state = .idle
      waiters.append(body)
      state = .connecting(link, endpoint: endpoint, waiters: waiters)
    case .idle:
      guard let client, !client.hasClosed else {
        return body(.failure(.unreached("the client is closed")))
      }
      let endpoint = client.endpoint(at: place)
      let link = client.connect(to: endpoint, owner: self)
      state = .connecting(link, endpoint: endpoint, waiters: [body])
      client.witness?.look()
    }
  }

  /// Where it is, or on its way to.
  var endpoint: String? {
    switch state {
    case .idle: nil
    case .connecting(_, let endpoint, _), .ready(_, let endpoint), .moving(_, _, _, let endpoint):
      endpoint
    }
  }

  /// Whether it has an established link.
  var isReady: Bool {
    switch state {
    case .ready, .moving: true
    case .idle, .connecting: false
    }
  }

  /// Something that may pass failed on `link`: the next try goes to the next endpoint.
  func leave(_ link: NodeLink) {
    guard let endpoint = lose(link) else { return }
    client?.failed(endpoint)
    link.drain(reason: "trying another coordinator")
  }

  /// New streams go to `address` once it is connected.
  func prefer(_ address: String) {
    guard let client else { return }
    switch state {
    case .ready(let link, let endpoint) where endpoint != address:
      let next = client.connect(to: address, owner: self)
      state = .moving(link, endpoint: endpoint, next: next, to: address)
    case .moving(let link, let endpoint, let next, let other) where other != address:
      state = .ready(link, endpoint: endpoint)
      early = nil
      next.close()
      prefer(address)
    case .idle, .connecting, .ready, .moving: break
    }
  }

  /// The link that is used is not used any more; answers where it leads, or nil if it is another.
  private func lose(_ link: NodeLink) -> String? {
    switch state {
    case .ready(let current, let endpoint) where current === link:
      place += 1
      state = .idle
      return endpoint
    case .moving(let current, let endpoint, let next, let address) where current === link:
      state = .connecting(next, endpoint: address, waiters: [])
      return endpoint
    case .idle, .connecting, .ready, .moving: return nil
    }
  }

  func close() {
    switch state {
    case .idle: break
    case .ready(let link, _): link.close()
    case .connecting(let link, _, _): link.close()
    case .moving(let link, _, let next, _):
      link.close()
      next.close()
    }
  }

  // MARK: NodeLinkOwner

  func established(_ link: NodeLink, with remote: RemoteNode) {
    client?.trust.established(link) { [self] in admitted(link, remote) }
  }

  private func admitted(_ link: NodeLink, _ remote: RemoteNode) {
    var waiters: [(Result<NodeLink, TryEnd>) -> Void] = []
    switch state {
    case .connecting(let current, let endpoint, let waiting) where current === link:
      state = .ready(link, endpoint: endpoint)
      waiters = waiting
    case .moving(let former, _, let next, let address) where next === link:
      state = .ready(link, endpoint: address)
      former.drain(reason: "going to the leader")
    case .idle, .connecting, .ready, .moving: return
    }
    refusing = []
    client?.learned(remote)
    for waiter in waiters { waiter(.success(link)) }
    if let early { client?.learned(early) }
    early = nil
  }

  func heard(_ notice: LeaderNotice, on link: NodeLink) {
    // Who leads is nothing that a coordinator may say before it is known to be one.
    switch state {
    case .connecting(let current, _, _) where current === link: early = notice
    case .moving(_, _, let next, _) where next === link: early = notice
    case .idle, .connecting, .ready, .moving: client?.learned(notice)
    }
  }

  func heard(_ notice: RevocationNotice, on link: NodeLink) {
    client?.trust.heard(notice, on: link)
    // Who comes without a certificate is not asked for anybody else either.
    switch state {
    case .ready(let current, _) where current === link && link.certificate != nil,
      .moving(let current, _, _, _) where current === link && link.certificate != nil:
      client?.learned(others: notice.others?.map(\.address) ?? [])
    case .idle, .connecting, .ready, .moving: break
    }
  }

  func draining(_ link: NodeLink) {
    _ = lose(link)
  }

  func closed(_ link: NodeLink, _ end: NodeLinkEnd) {
    client?.trust.closed(link)
    switch state {
    case .connecting(let current, let endpoint, let waiters) where current === link:
      state = .idle
      early = nil
      place += 1
      client?.failed(endpoint)
      let cause = verdict(end, at: endpoint)
      for waiter in waiters { waiter(.failure(cause)) }
    case .moving(let current, let endpoint, let next, let address) where next === link:
      state = .ready(current, endpoint: endpoint)
      early = nil
      client?.failed(address)
    case .idle, .connecting, .ready, .moving:
      if let endpoint = lose(link) { client?.failed(endpoint) }
    }
  }

  /// What a link that was not established says of the cluster: one coordinator may refuse for a reason of its own, such
  /// as a clock that is wrong, so a refusal is the cluster's once every endpoint that was configured has refused.
  private func verdict(_ end: NodeLinkEnd, at endpoint: String) -> TryEnd {
    let cause = client?.cause(of: end, at: endpoint) ?? end.asTry(at: endpoint)
    guard case .refused = end, case .failure(let failure) = cause else { return cause }
    refusing.insert(endpoint)
    guard let client, !refusing.isSuperset(of: client.configuration.endpoints) else {
      refusing = []
      return cause
    }
    return .unreached("\(endpoint): \(failure.message)")
  }
}

extension NodeLinkEnd {
  /// The end of a connection that was not established as the end of a try that waited for it.
  func asTry(at endpoint: String) -> TryEnd {
    switch self {
    case .refused(let failure, by: _): .failure(failure)
    case .distrusted(let failure): .unreached("\(endpoint): \(failure.message)")
    case .broke(let cause), .nobodyListens(let cause):
      .unreached(cause.contains(endpoint) ? cause : "\(endpoint): \(cause)")
    case .orderly: .unreached("\(endpoint) closed the connection")
    }
  }
}
