public import Consensus
public import ExchangeCore
public import ExchangeTypes
internal import JobMarket
public import RaftEngine
public import WireProtocol

/// What a dispatcher asks of the process around it.
public protocol DispatcherShell: AnyObject {
  /// Work waits: call `endOfTurn` when the events at hand have been handled.
  func wantsEndOfTurn()
  /// Who leads has changed: peers, workers and clients are to be told.
  func leadershipChanged(_ notice: LeaderNotice)
  /// The coordinators of the cluster are these, each at its address: links are to follow.
  func membersChanged(_ addresses: [ReplicaID: String])
  /// The replica's state is not the majority's: it serves nothing any more, and an operator must be told.
  func replicaDiverged(_ divergence: StateDivergence)
  /// The replica is dead: the process must end.
  func replicaFailed(_ error: any Error)
  /// Sends to another coordinator, or drops the message if there is no link.
  func send(_ message: PeerMessage, to peer: ReplicaID)
  /// Opens a stream to the leader for a relay; nil if there is no link to it.
  func openRelay(
    to leader: ReplicaID, service: Service, authorization: String, owner: any MessageChannelOwner
  ) -> (any MessageChannel)?
  /// Certificates are revoked: links that rest on one are to be closed.
  func certificatesRevoked()
  /// Somebody was refused for what he is: to be counted and logged.
  func refused(_ what: String, _ failure: Failure, from origin: StreamOrigin)
  /// A message came again, which did nothing: to be counted and logged, with the API key that it came under, if any.
  func repeated(_ message: RepeatedMessage, under key: KeyID?, from origin: StreamOrigin)
  /// How often peers were refused, or repeated themselves, since the process was started, by kind.
  var refusalCounts: [String: UInt64] { get }
}

/// Work that is done beside the dispatcher's loop: of a request for inference, what reading its body is, which takes milliseconds
/// where it is long.
///
/// All of it is called on the loop, but for what `prepare` gives.
public protocol DispatchWork: AnyObject {
  /// Does a piece of work in its turn, and tells what came of it, never within this call.
  ///
  /// - Parameters:
  ///   - bytes: what it holds while it waits.
  ///   - isWanted: asked before it is begun and before it is told; if not, the rest is dropped.
  ///   - prepare: gives what is done beside the loop.
  ///   - told: told what came of it.
  /// - Returns: whether there was room for it.
  func run<Value: Sendable>(
    _ bytes: Int, isWanted: @escaping () -> Bool,
    prepare: @escaping () -> @Sendable () -> Value, told: @escaping (Value) -> Void
  ) -> Bool
}

extension DispatcherShell {
  /// Where there is no network nobody is refused.
  public var refusalCounts: [String: UInt64] { [:] }
}

/// A coordinator's dispatch: takes requests, gives jobs to workers, passes their events to readers,
/// and puts everything that must outlive it into the log.
///
/// It acts only while its replica leads; everything it holds then is derived from the state machine
/// and from live streams, and is dropped when leadership ends (`leadershipBegan`, `leadershipEnded`).
/// Confined to its replica's loop.
public final class Dispatcher {
  /// What distinguishes this coordinator.
  public struct Configuration: Sendable {
    /// The cluster.
    public var clusterID: ClusterID
    /// SHA-256 of the root key's secret, for the first command of a new cluster.
    public var rootSecretHash: [UInt8]
    /// Where replicas listen; for these ids, the members' own addresses in the log do not count.
    public var addresses: [ReplicaID: String]
    /// This program's name and version.
    public var software: String
    /// When wrapping keys change.
    public var keySchedule = KeyCustody.Schedule.hourly
    /// The most bytes of events that a leader holds for all its streams together.
    public var streamBytesMax = 512 << 20
    /// The most bytes of one job's record, whatever it asked for: an output of 8,000 tokens with log probabilities of
    /// twenty others has 24 MiB.
    public var recordBytesMax: UInt64 = 64 << 20

    /// Joins the parts.
    public init(
      clusterID: ClusterID, rootSecretHash: [UInt8], addresses: [ReplicaID: String],
      software: String
    ) {
      self.clusterID = clusterID
      self.rootSecretHash = rootSecretHash
      self.addresses = addresses
      self.software = software
    }
  }

  /// How often so many streams are checkpointed, in milliseconds: 50 to 250.
  ///
  /// A piece of the record costs much the same whether it holds five tokens or ten: sealed, in the log, in a row of every
  /// replica. Where there are many streams that is most of what a token costs the leader. Who reads only what is recorded waits
  /// no longer than 100.
  static func checkpointInterval(streams: Int, areDurable: @autoclosure () -> Bool) -> UInt64 {
    switch streams {
    case ..<32: 50
    case ..<64: 100
    default: areDurable() ? 100 : 250
    }
  }
  /// What was refused for overload is proposed again after this long, in milliseconds.
  static let retryDelay: UInt64 = 100
  /// A reader of an attached job that takes nothing for this long ends it, in milliseconds (rule 7).
  static let readerStallLimit: UInt64 = 30_000
  /// Plaintext bodies of queued jobs that stay in memory, in bytes; others are read from the store.
  static let bodyCacheBytesMax = 64 << 20
  /// A request's body that is longer is read beside the loop.
  static let bodyBytesAtOnceMax = 16 << 10

  let configuration: Configuration
  let clock: any MonotonicClock
  let sealer: any JobSealing
  /// Signs certificates; nil where the key for it is not held.
  let issuer: (any CertificateIssuing)?
  /// Signs what is stated; nil where this coordinator has no certificate.
  let signer: (any StatementSigning)?
  let keyring: any WrappingKeyStore
  /// What delegations' times are compared with; nil where none are taken.
  let wallClock: (any WallClock)?
  /// Where long bodies are read; nil where they are read at once, as in a simulation.
  let beside: (any DispatchWork)?
  weak var shell: (any DispatcherShell)?

  private var attached: Replica?
  private var attachedQueue: ProposalQueue?
  private var attachedKeys: KeyCustody?
  /// The replica that this dispatcher works for.
  var replica: Replica {
    guard let attached else { preconditionFailure("no replica is attached") }
    return attached
  }
  var queue: ProposalQueue {
    guard let attachedQueue else { preconditionFailure("no replica is attached") }
    return attachedQueue
  }
  /// Which wrapping keys are here; on every coordinator, whoever leads.
  var keys: KeyCustody {
    get {
      guard let attachedKeys else { preconditionFailure("no replica is attached") }
      return attachedKeys
    }
    set { attachedKeys = newValue }
  }
  /// The state machine, read in place: a copy would make the next `apply` copy what it changes.
  var exchange: Exchange {
    _read { yield replica.exchange }
  }

  // Volatile facts of a leader.
  var sessions: [WorkerID: WorkerSession] = [:]
  var relays: [JobID: StreamRelay] = [:]
  /// What all relays hold between them.
  let streamMemory: StreamMemory
  var readers: [JobID: [JobReader]] = [:]
  var reservations: [JobID: WorkerSlot] = [:]
  /// Interactive jobs that wait for a slot which was taken from a batch job, and the worker whose it is.
  var claims: [JobID: WorkerID] = [:]
  /// Models for whose interactive jobs no room was found, and until when it is not looked for, in monotonic milliseconds.
  var noRoomUntil: [String: UInt64] = [:]
  /// The batch jobs among those that have a relay.
  var batchRelays: Set<JobID> = []
  /// Submits that are on their way into the log, by the account and its request, and how often each: who asks again is not
  /// refused for what this leader knows now, since the first may make the job.
  var submitting: [SubmitName: Int] = [:]
  var lostAttempts = LostAttempts()
  /// Attempts of jobs that cannot be opened, whose end was refused for overload.
  var unopenable: [AttemptID] = []
  var bodies: [JobID: [UInt8]] = [:]
  var bodyBytes = 0
  /// How the prompts of those begin that are kept.
  var prefixes: [JobID: PromptPrefix] = [:]
  /// Streams that peers have open here, each with its place in the order in which they came.
  private var openStreams: [ObjectIdentifier: (place: UInt64, stream: any LeaderBound)] = [:]
  private var streamsOpened: UInt64 = 0
  var modelsToPlan: Set<String> = []
  /// Where a plan goes on that did not look at a model's whole queue.
  var planCursors: [String: [QueueScan.Queue: JobID]] = [:]
  /// Whose turn it is.
  var shares = FairShare()
  var nextCheckpoint: UInt64 = .max
  private var pulses = PulseSchedule()
  private var raiseIsProposed = false
  var isActive = false
  /// The term of this leadership, which pieces are sealed under.
  ///
  /// The replica's may be a later one already: what was proposed ends before the dispatcher is told that it leads no more, and a
  /// piece of that term is its leader's to seal.
  var ledTerm = Term(0)
  /// Until then, what the state says of workers and readers is believed without their streams.
  var graceUntil: UInt64 = 0
  /// Until then a majority counts as heard, without being looked up.
  var majorityHeardUntil: UInt64 = 0
  /// The change of voters that an operator has ordered.
  var orderedChange: OrderedChange?
  /// Streams that wait for a leader.
  var awaitedLeader = AwaitedLeader()
  /// Leadership is being given away, on request of an operator or of a process that stops.
  var handover: RunningHandover? { didSet { queue.isHeld = handover != nil } }
  /// How long the answers of each model are.
  var outputLengths = Planner.OutputLengths()
  /// How many bytes of a prompt the tokens of each model stand for.
  var bytesPerToken = Planner.BytesPerToken()
  var usedKeys = UsedKeys()
  var drain = DrainForecast()
  /// How long those wait who wait for a model.
  var waitForecasts: [String: WaitForecast] = [:]
  /// Jobs that came to their turns since that was noted there, by model.
  var turnsGiven: [String: Int] = [:]
  /// The secrets of the offers that are being handled.
  var offeredKeys: [UInt64: Secret] = [:]

  /// Whether nothing is running, reserved or charged to anybody: so it is once no job is open.
  public var isAtRest: Bool {
    relays.isEmpty && batchRelays.isEmpty && reservations.isEmpty && claims.isEmpty
      && shares.isEmpty
  }

  /// A dispatcher without a replica; `attach` one before anything else.
  public init(
    configuration: Configuration, clock: any MonotonicClock, sealer: any JobSealing,
    keyring: any WrappingKeyStore, issuer: (any CertificateIssuing)? = nil,
    signer: (any StatementSigning)? = nil, wallClock: (any WallClock)? = nil,
    beside: (any DispatchWork)? = nil, shell: any DispatcherShell
  ) {
    self.configuration = configuration
    streamMemory = StreamMemory(bytesMax: configuration.streamBytesMax)
    self.clock = clock
    self.sealer = sealer
    self.issuer = issuer
    self.signer = signer
    self.keyring = keyring
    self.wallClock = wallClock
    self.beside = beside
    self.shell = shell
  }

  /// Gives the dispatcher its replica, whose observer it must be.
  public func attach(_ replica: Replica) {
    attached = replica
    attachedQueue = ProposalQueue(replica: replica, clock: clock) { [weak self] in
      self?.shell?.wantsEndOfTurn()
    }
    attachedKeys = KeyCustody(
      id: replica.id, schedule: configuration.keySchedule, held: keyring.held)
    tellCustody()
  }

  /// Submits what the turn's events have proposed.
  public func endOfTurn() {
    // What is assigned while there is hardly any room would end at its first event: it waits in its queue.
    if isActive, !replica.isDiskSpent { plan() }
    queue.flush()
    advanceHandover()
    admitWaiting()
  }

  // MARK: Time

  /// When `tick` wants to be called next, in monotonic milliseconds.
  public var nextDeadline: UInt64 {
    var next = min(
      replica.nextDeadline, handover?.wakeAt ?? .max, custodyDeadline, awaitedLeader.deadline)
    guard isActive else { return next }
    next = min(next, nextCheckpoint)
    for session in sessions.values { next = min(next, session.leaseUntil) }
    for relay in relays.values { next = min(next, relay.deadline) }
    for list in readers.values {
      for reader in list {
        if let since = reader.stalledSince { next = min(next, since + Self.readerStallLimit) }
      }
    }
    if let deadline = exchange.nextDeadline {
      let due = Self.wake(for: deadline, at: queue.now, clock: clock.now)
      next = min(next, pulses.moment(due: due))
    }
    if graceUntil > 0 { next = min(next, graceUntil) }
    return min(next, usedKeys.deadline)
  }

  /// When a deadline of the log is to be looked at, in monotonic milliseconds: an hour from now at the latest, since some rows are for
  /// ever and their deadline is the end of time.
  static func wake(for deadline: LogTime, at now: LogTime, clock: UInt64) -> UInt64 {
    guard deadline > now else { return clock }
    return clock + min(deadline.rawValue - now.rawValue, 3_600_000)
  }

  /// Time has passed.
  public func tick() {
    let now = clock.now
    replica.tick(now: now)
    advanceHandover()
    admitWaiting()
    tickCustody(now: now)
    guard isActive else { return }
    if now >= nextCheckpoint { checkpoint() }
    expireLeases(now: now)
    endSilence(now: now)
    suspectStalls(now: now)
    expireReaders(now: now)
    if graceUntil > 0, now >= graceUntil { endGrace() }
    if now >= usedKeys.deadline { tellUsedKeys(now: now) }
    if let deadline = exchange.nextDeadline, deadline <= queue.now { proposePulse(now: now) }
    raiseStateVersion()
    queue.flush()
  }

  /// Lets what is due expire; where that is refused, it is proposed again a moment later.
  private func proposePulse(now: UInt64) {
    guard now >= pulses.moment(due: now) else { return }
    pulses.proposed()
    queue.propose(.pulse) { [weak self] result in
      guard let self else { return }
      pulses.ended(result, now: clock.now)
    }
  }

  // MARK: Leadership

  /// Proposes the newest state version that every voter supports, once each has stated what that is.
  private func raiseStateVersion() {
    guard !raiseIsProposed, exchange.stateVersion < Exchange.stateVersionMax,
      let version = replica.stateVersionOfAll, version > exchange.stateVersion
    else { return }
    raiseIsProposed = true
    queue.propose(.raiseStateVersion(.init(to: version))) { [weak self] _ in
      self?.raiseIsProposed = false
    }
  }

  func leadershipBegan() {
    isActive = true
    ledTerm = replica.term
    let now = clock.now
    graceUntil = now + UInt64(WorkerSession.leaseMilliseconds)
    // Everything that the state says is running is awaited for one lease: its worker will offer it.
    for job in exchange.openJobs(limit: .max) where job.attempt != nil {
      expect(job, until: graceUntil)
      awaitTails(of: job)
    }
    for worker in exchange.allWorkers where worker.online {
      sessions[worker.id] = WorkerSession(
        worker: worker.id, incarnation: worker.incarnation, now: now)
    }
    for model in exchange.models where exchange.queuedCount(model: model) > 0 {
      modelsToPlan.insert(model)
    }
    shell?.wantsEndOfTurn()
  }

  /// Attached jobs whose reader has not come back within the grace get their orphan timer.
  private func endGrace() {
    graceUntil = 0
    for job in exchange.openJobs(limit: .max) { orphanIfUnread(job.id) }
    adoptRead()
  }

  func leadershipEnded() {
    isActive = false
    queue.leadershipEnded()
    let closing = streamsInOrder
    openStreams = [:]
    sessions = [:]
    relays = [:]
    readers = [:]
    reservations = [:]
    claims = [:]
    noRoomUntil = [:]
    batchRelays = []
    lostAttempts = LostAttempts()
    unopenable = []
    bodies = [:]
    prefixes = [:]
    bodyBytes = 0
    modelsToPlan = []
    planCursors = [:]
    shares = FairShare()
    nextCheckpoint = .max
    graceUntil = 0
    pulses = PulseSchedule()
    usedKeys = UsedKeys()
    outputLengths = Planner.OutputLengths()
    bytesPerToken = Planner.BytesPerToken()
    drain = DrainForecast()
    waitForecasts = [:]
    turnsGiven = [:]
    raiseIsProposed = false
    for stream in closing { stream.end(.notLeader) }
  }

  // MARK: Streams

  /// A peer has opened a stream.
  func remember(_ stream: any LeaderBound) {
    streamsOpened += 1
    openStreams[ObjectIdentifier(stream)] = (streamsOpened, stream)
  }

  /// A stream has ended.
  func forget(_ stream: any LeaderBound) { openStreams[ObjectIdentifier(stream)] = nil }

  private var streamsInOrder: [any LeaderBound] {
    openStreams.values.sorted { $0.place < $1.place }.map(\.stream)
  }

  /// Ends every stream that a key opened which is dead now, or a secret that is no good any more.
  ///
  /// What its worker was running is awaited for a lease, what its readers were attached to gets its orphan
  /// timer, as after any loss of a stream.
  private func endStreams(of key: KeyID, _ reason: String) {
    let live = exchange.key(key).flatMap { $0.revoked ? nil : $0.hashes(at: exchange.logTime) }
    for stream in streamsInOrder
    where stream.caller.key == key && live?.contains(stream.caller.secretHash) != true {
      stream.end(Failure(refusing: .unauthenticated, reason))
    }
  }

  /// Who leads, as this coordinator knows it.
  public var leaderNotice: LeaderNotice {
    let leader = replica.role == .elected ? nil : replica.knownLeader
    return LeaderNotice(
      term: replica.term, leader: leader ?? ReplicaID(0),
      address: leader.flatMap { address(of: $0) } ?? "")
  }

  /// Where a coordinator listens.
  func address(of replica: ReplicaID) -> String? {
    configuration.addresses[replica] ?? self.replica.membership.server(replica)?.address
  }

  /// Opens a new cluster's books, in this program's newest state version, since nobody has begun with an older one.
  ///
  /// So all founders run one version: one whose program is older stops at this entry, and says what to install.
  /// On any other cluster one only commits an entry of this term,
  /// which a leader needs before it knows what is committed (Raft, §8).
  private func proposeFirstCommand() {
    queue.leadershipBegan()
    let commands: [Command] =
      exchange.clusterID != nil
      ? [.pulse]
      : [
        .bootstrap(
          .init(
            clusterID: configuration.clusterID, rootSecretHash: configuration.rootSecretHash)),
        .raiseStateVersion(
          .init(to: replica.stateVersionMax(of: replica.id) ?? Exchange.stateVersionMax)),
      ]
    queue.propose(inOrder: commands) { _ in }
    shell?.wantsEndOfTurn()
  }
}

/// A stream that lives only while its coordinator leads and the key that opened it is valid.
protocol LeaderBound: AnyObject {
  /// Who opened it.
  var caller: Caller { get }
  /// Tells the peer why, and ends.
  func end(_ failure: Failure)
}

extension Dispatcher: ReplicaObserver {
  /// Called by the replica: leadership changed hands.
  public func replica(_ replica: Replica, became role: Consensus.ReplicaRole, term: Term) {
    switch role {
    case .elected:
      if isActive { leadershipEnded() }
      custody(.ceased)
      endChange(.replica(.refused(.notLeader)))
      proposeFirstCommand()
    case .leader:
      // Leadership begins once the keys are here, which it is to open jobs with.
      tellCustody(leading: term)
    case .follower, .candidate:
      if isActive { leadershipEnded() }
      custody(.ceased)
      endChange(.replica(.refused(.notLeader)))
    }
    shell?.leadershipChanged(leaderNotice)
    if !awaitedLeader.isEmpty { shell?.wantsEndOfTurn() }
  }

  /// Called by the replica: the members are others.
  public func replica(_ replica: Replica, members: Membership) {
    let listed = members.servers.filter { $0.role != .spare }
    shell?.membersChanged(
      Dictionary(
        uniqueKeysWithValues: listed.map { ($0.id, configuration.addresses[$0.id] ?? $0.address) }))
  }

  /// Called by the replica: an entry was applied.
  public func replica(_ replica: Replica, applied: Applied, at index: LogIndex) {
    // Whoever leads: each replica closes its own links.
    if applied.effects.contains(.certificatesRevoked) { shell?.certificatesRevoked() }
    if applied.effects.contains(.wrappingKeysChanged) { tellCustody() }
    guard isActive else { return }
    for effect in applied.effects { perform(effect) }
  }

  /// Called by the replica: its state is not the majority's.
  public func replica(_ replica: Replica, diverged divergence: StateDivergence) {
    shell?.replicaDiverged(divergence)
  }
  /// Called by the replica: another one says something about a wrapping key.
  public func replica(
    _ replica: Replica, received message: KeyringMessage, from peer: ReplicaID
  ) { received(message, from: peer) }

  /// Called by the replica: it is dead.
  public func replica(_ replica: Replica, failed error: any Error) {
    shell?.replicaFailed(error)
  }

  private func perform(_ effect: Effect) {
    switch effect {
    case .jobQueued(let job), .jobRequeued(let job):
      requeued(job)
    case .attemptAssigned(let attempt, let worker):
      assigned(attempt, to: worker)
    case .cancelRequested(let attempt, _):
      cancelRequested(attempt)
    case .jobEnded(let job):
      drain.ended(now: clock.now)
      ended(job)
    case .recordAdvanced(let job, let seq):
      recordAdvanced(job, through: seq)
    case .jobPurged(let job):
      forgetBody(of: job)
    case .workerChanged(let worker):
      workerChanged(worker)
    case .workerGone(let worker):
      gone(worker)
    case .keyRevoked(let key):
      endStreams(of: key, "API key \(key) was revoked or has expired")
    case .wrappingKeysChanged:
      break  // the custody has been told
    case .keySecretsChanged(let key):
      endStreams(of: key, "API key \(key) has another secret now")
    case .certificatesRevoked:
      break
    }
  }
}
