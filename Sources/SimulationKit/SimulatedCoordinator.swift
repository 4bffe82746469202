internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import JobDispatch
internal import RaftEngine
internal import WireProtocol

/// A coordinator: the real replica and the real dispatcher, with everything around them that the
/// assembly `Coordinator` has: turns, the timer, writes that come back, links to peers.
final class SimulatedCoordinator: SimulatedNode {
  /// What work handed to the end of the turn waits for company, in microseconds.
  private static let turnTime: UInt64 = 30
  private static let redialTime: UInt64 = 100_000
  /// A link that was up for so long is dialed again at once when it breaks (`PeerLinks`).
  private static let provenTime: UInt64 = 1_000_000
  /// So little of the log is kept that a replica which was away for some seconds needs a snapshot.
  private static let retention: LogRetention = {
    var retention = LogRetention()
    retention.trailingBytes = 6 << 10
    retention.followersBytes = 24 << 10
    retention.segmentBytes = 1 << 10
    retention.stepBytes = 4 << 10
    return retention
  }()
  private static let rowsMax = 256
  /// How long a wrapping key is the current one, in milliseconds: some of them in each run.
  private static let keyInterval: UInt64 = 15_000

  /// A death that waits for its moment.
  enum SuddenDeath {
    /// In the middle of the next write.
    case writing
    /// Right after the next vote has left.
    case voting
  }

  /// What the writes of a disk wait for that end at the worst moment for a leader which is deposed.
  private enum HeldWrites {
    /// Somebody has stood in a term after this one: it becomes durable in the next write, beside what was taken as a leader.
    case untilTerm(after: Term)
    /// The leader of this term or a later one has sent what stands in the place of that.
    case untilEntries(of: Term)
  }

  let id: ReplicaID
  /// Whether it comes to a cluster that exists, rather than founding one.
  let joins: Bool
  /// What it had is gone: it is never started again under its id.
  private(set) var hasLostDisk = false
  let disk: SimulatedDisk
  private(set) lazy var keyring = SimulatedKeyring(of: self)
  private(set) var dispatcher: Dispatcher?
  private(set) var replica: Replica?
  private var peers: [PeerDialer] = []
  private var accepted: [LinkEnd] = []
  private var notice: LeaderNotice?
  /// The members, as far as the own log knows them.
  private var members: Set<ReplicaID> = []
  /// Who leads, as a peer has said.
  private var told: LeaderNotice?
  /// What is being written, the oldest first; the first `flushing` of them become durable together.
  private var writing: [WriteBatch] = []
  private var flushing = 0
  private var flushesBegun = 0
  private var heldWrites: HeldWrites?
  /// Why they are held.
  private var writeHolder: LatentFault?
  private var turnIsScheduled = false
  private var isDying = false
  private var suddenDeath: SuddenDeath?
  private lazy var timer = NodeTimer(of: self) { [unowned self] in timerIsDue() }
  private lazy var diskLane = Lane(major: simulation.clock.makeLane(), minor: 0)

  init(_ id: ReplicaID, joins: Bool = false, in simulation: Simulation) {
    self.id = id
    self.joins = joins
    disk = SimulatedDisk(bug: simulation.configuration.bug)
    super.init("c\(id)", in: simulation)
  }

  /// Whether it carries out an operator's order.
  var isReconfiguring: Bool { dispatcher?.isReconfiguring ?? false }

  var isLeader: Bool { isRunning && replica?.role == .leader }

  // MARK: Life

  /// The process starts on what its disk has.
  func boot() {
    begin()
    simulation.network.returned(self)
    var configuration = Dispatcher.Configuration(
      clusterID: simulation.clusterID, rootSecretHash: Credential.secretHash(of: 0),
      addresses: simulation.addresses, software: "simulated")
    configuration.keySchedule = .init(interval: Self.keyInterval)
    let dispatcher = Dispatcher(
      configuration: configuration, clock: clock, sealer: keyring, keyring: keyring, shell: self)
    var engine = RaftEngine.Configuration(
      id: id, address: name, seed: UInt32(truncatingIfNeeded: random.next()))
    engine.guards = simulation.configuration.guards
    do {
      var configuration = Replica.Configuration(
        engine: engine, founding: joins ? .none : simulation.membership)
      configuration.rowsMax = Self.rowsMax
      configuration.retention = Self.retention
      if let planted = PlantedMachine.apply(with: simulation.configuration.bug) {
        configuration.apply = planted
      }
      let replica = try Replica(
        configuration: configuration, store: disk,
        startWrite: { [unowned self] in startWrite($0) },
        startSnapshot: { [unowned self] in startSnapshot() }, transport: self, observer: self,
        now: clock.now)
      replica.noticed = { [unowned self] in noticed($0) }
      dispatcher.attach(replica)
      self.dispatcher = dispatcher
      self.replica = replica
    } catch {
      simulation.fail("P1", "\(name) cannot start on what it wrote: \(error)")
      end()
      return
    }
    peers = simulation.coordinators.filter { $0 !== self }.map { PeerDialer($0, of: self) }
    for peer in peers { peer.dial() }
    after(0) { [self] in
      replica?.start()
      endTurn()
    }
  }

  /// The process dies; of the writes under way the first few have reached the disk, or all, or none.
  ///
  /// - Parameter silently: the machine lost its power, so that nobody tells its peers.
  func crash(silently: Bool) {
    guard isUp else { return }
    if !writing.isEmpty {
      let kept = disk.isFull ? 0 : Int(random.below(UInt64(writing.count) + 1))
      if kept > 0 { simulation.count(.writeKept) }
      if kept < writing.count { simulation.count(.writeLost) }
      for batch in writing.prefix(kept) { disk.keep(batch) }
    }
    if silently { disk.losePower() }
    stop()
    simulation.network.died(self, silently: silently)
  }

  /// Its disk is gone, and the process with it.
  ///
  /// The mark that a coordinator leaves beside its data keeps it from founding a cluster anew under its old id.
  func loseDisk() {
    hasLostDisk = true
    crash(silently: false)
  }

  /// Gives leadership away, if it leads; `body` happens in this life, once that is over.
  func handOver(_ body: @escaping () -> Void) {
    dispatcher?.handOver(to: nil) { [self] ending in
      if case .led = ending { simulation.mark(.leadershipHandedOver) }
      after(0, body)
    }
  }

  /// The process dies when the moment comes, and is back within milliseconds.
  func die(_ death: SuddenDeath) { if isRunning { suddenDeath = death } }

  private func dieNow(_ fault: Fault) {
    suddenDeath = nil
    guard simulation.faultsAreOn else { return }
    simulation.count(fault)
    crash(silently: false)
    simulation.restart(self, after: random.within(1_000...60_000))
  }

  private func changed() {
    simulation.count(.membersChanged)
    if let replica { simulation.states.checkKeys(of: replica) }
  }

  /// Carries out an operator's order, if this one leads.
  func reconfigure(_ order: MembershipOrder) {
    dispatcher?.reconfigure(order) { [self] end in
      switch (end, order) {
      case (.replica(.changed), .promote):
        changed()
        simulation.mark(.memberPromoted)
      case (.replica(.changed), _): changed()
      case (.replica(.refused), _), (.keysAreNotHeld, _): simulation.mark(.memberChangeRefused)
      case (.replica(.unknown), _): simulation.mark(.memberChangeUnknown)
      }
    }
    wantsEndOfTurn()
  }

  private func stop() {
    writing = []
    flushing = 0
    heldWrites = nil
    writeHolder = nil
    disk.processEnded()
    turnIsScheduled = false
    isDying = false
    suddenDeath = nil
    notice = nil
    members = []
    told = nil
    timer.stop()
    peers = []
    accepted = []
    dispatcher = nil
    replica = nil
    end()
  }

  /// Breaks what keeps the run in memory.
  func clear() {
    timer.stop()
    disk.quicken()
    disk.fullness = nil
    writeHolder = nil
    peers = []
    accepted = []
    dispatcher = nil
    replica = nil
  }

  // MARK: Turns

  override func timerIsDue() {
    dispatcher?.tick()
    endTurn()
  }

  private func endTurn() {
    turnIsScheduled = false
    guard !isDying, let dispatcher else { return }
    dispatcher.endOfTurn()
    timer.set(clock.moment(of: dispatcher.nextDeadline))
  }

  // MARK: The disk

  private func startWrite(_ batch: WriteBatch) {
    writing.append(batch)
    beginFlush()
    if suddenDeath == .writing { after(random.within(1...150)) { [self] in dieNow(.diedWriting) } }
  }

  /// What has come since the last flush began shares the next one, as in `Storage`.
  private func beginFlush() {
    guard flushing == 0, !writing.isEmpty else { return }
    flushing = writing.count
    flushesBegun += 1
    if heldWrites == nil { endFlush(within: disk.writeTime) }
  }

  /// The flush under way ends after so many microseconds, unless it has ended by then.
  private func endFlush(within time: ClosedRange<UInt64>) {
    let number = flushesBegun
    let time = random.within(time)
    let slowness = time > SimulatedDisk.quick.upperBound ? disk.slowness : nil
    at(simulation.clock.now + time, lane: diskLane) { [self] in
      guard flushing > 0, number == flushesBegun else { return }
      slowness?.bite()
      flushEnded()
    }
  }

  /// From the next one on, a write of a leader waits until another term is known here, and the write after it until
  /// the log that it was for is another: that is when the fault bites.
  func holdWrites(_ fault: LatentFault) {
    guard isRunning, let replica else { return }
    heldWrites = .untilTerm(after: replica.term)
    writeHolder = fault
  }

  /// Writes end by themselves again.
  func releaseWrites() {
    guard heldWrites != nil else { return }
    heldWrites = nil
    writeHolder = nil
    if flushing > 0 { endFlush(within: SimulatedDisk.quick) }
  }

  /// A write that a slow disk has under way takes no longer than any other.
  func hurryWrites() { if flushing > 0 { endFlush(within: SimulatedDisk.quick) } }

  /// Ends a write that waited for what has come with a message.
  private func endHeldWrite(after message: PeerMessage, _ replica: Replica) {
    switch heldWrites {
    case .untilTerm(let term) where replica.term > term:
      heldWrites = .untilEntries(of: replica.term)
      if flushing > 0 { endFlush(within: SimulatedDisk.quick) }
    case .untilEntries(let term):
      guard case .raft(.appendEntries(let body)) = message, body.term >= term,
        !body.entries.isEmpty
      else { return }
      if flushing > 0 { writeHolder?.bite() }
      releaseWrites()
    case .untilTerm, nil: return
    }
  }

  private func flushEnded() {
    let flushed = Array(writing.prefix(flushing))
    writing.removeFirst(flushing)
    flushing = 0
    var result: Result<Void, any Error> = .success(())
    if disk.isFull {
      disk.fullness?.bite()
      result = .failure(DiskFailure.full)
    } else if disk.failsNextSync {
      disk.failsNextSync = false
      simulation.count(.failedSync)
      if random.chance(perMille: 500) { flushed.forEach(disk.perform) }
      result = .failure(DiskFailure.sync)
    } else {
      flushed.forEach(disk.perform)
    }
    // A store whose write has failed executes none that follows.
    if case .failure = result { writing = [] }
    for batch in flushed { writeEnded(batch, result) }
    beginFlush()
  }

  private func writeEnded(_ batch: WriteBatch, _ result: Result<Void, any Error>) {
    replica?.writeFinished(result, now: clock.now)
    if batch.truncateFrom != nil || batch.entries.contains(where: { $0.kind == .change }) {
      simulation.members.check(self)
    }
    endTurn()
    if suddenDeath == .voting, batch.hardState?.votedFor != nil, isRunning, !isDying {
      suddenDeath = nil
      after(random.within(1...2_000)) { [self] in dieNow(.diedVoting) }
    }
  }

  private func startSnapshot() {
    after(random.within(1_000...50_000)) { [self] in
      replica?.snapshotFinished(disk.makeSnapshot(), now: clock.now)
      endTurn()
    }
  }

  private func noticed(_ notice: ReplicaNotice) {
    switch notice {
    case .logTrimmed: simulation.mark(.logTrimmed)
    case .chunkSent: simulation.mark(.snapshotSent)
    case .snapshotInstalled(let index):
      simulation.mark(.snapshotInstalled)
      if let replica { simulation.states.installed(self, replica, at: index) }
    case .snapshotRefused(let reason):
      simulation.fail("P4", "\(name) refuses a snapshot: \(reason)")
    case .memberForgot(let member, let index, let confirmed):
      simulation.fail("P1", "\(member) holds \(index) after it has confirmed \(confirmed)")
    case .snapshotMade, .snapshotPostponed, .snapshotDropped, .snapshotFetched, .abstains: break
    }
  }

  // MARK: Links

  override func accept(_ end: LinkEnd) -> (any LinkOwner)? {
    guard !isDying else { return nil }
    accepted.append(end)
    return AcceptedLink(self)
  }

  fileprivate func ended(_ end: LinkEnd) { accepted.removeAll { $0 === end } }
  fileprivate func welcome(_ end: LinkEnd) { if let notice { end.tell(notice) } }

  fileprivate func received(_ message: PeerMessage, from peer: SimulatedNode) {
    guard !isDying, let peer = peer as? SimulatedCoordinator, let replica else { return }
    let bug = simulation.configuration.bug
    if case .raft(let message) = message {
      simulation.messages.arrives(message, at: self, from: peer.id)
    }
    let hasty = PlantedDisorder.hastyAnswer(to: message, term: replica.term, with: bug)
    if let hasty { send(.raft(hasty), to: peer.id) }
    replica.receive(PlantedDisorder.read(message, with: bug), from: peer.id, now: clock.now)
    endHeldWrite(after: message, replica)
    wantsEndOfTurn()
  }

  fileprivate func open(
    _ service: Service, on channel: SimulatedChannel, authorization: String
  ) -> any MessageChannelOwner {
    guard let dispatcher else { preconditionFailure("a link of a process that is gone") }
    if simulation.configuration.bug == .droppedEvents, service == .job {
      channel.loses = { [unowned self] in $0 is Events && random.chance(perMille: 5) }
    }
    return dispatcher.open(
      service, on: channel, credential: Credential(authorization: authorization),
      authorization: authorization)
  }

  /// The link to a peer is over, or never was; it was up since `since`, if it was.
  fileprivate func lost(_ peer: PeerDialer, _ end: LinkEnd, since: UInt64?) {
    if end.foundNobody, !accepted.contains(where: { $0.peerEnd?.node === peer.peer }) {
      if hear(ofTheEndOf: peer.peer.id) { simulation.mark(.leaderEndHeard) }
    }
    let isProven = since.map { $0 + Self.provenTime <= simulation.clock.now } ?? false
    after(isProven ? 0 : Self.redialTime) { [self] in
      if peers.contains(where: { $0 === peer }) { peer.dial() }
    }
  }

  /// A coordinator's process has ended, or so it seems; answers whether that made a difference.
  func hear(ofTheEndOf peer: ReplicaID) -> Bool {
    guard !isDying, let replica else { return false }
    let before = replica.role
    replica.peerEnded(peer, now: clock.now)
    wantsEndOfTurn()
    return replica.role != before
  }

  /// Puts a command into the log, if this one leads, beside what its dispatcher proposes.
  func propose(_ command: Command, _ completion: @escaping (ProposalResult) -> Void) {
    guard !isDying, let replica else { return }
    var builder = CommandBatch.Builder(time: replica.exchange.logTime)
    guard builder.append(command) == .taken else { return }
    replica.submit([(builder.payload, completion)], now: clock.now)
    wantsEndOfTurn()
  }
}

extension SimulatedCoordinator: DispatcherShell {
  // The simulation has no certificates.
  func certificatesRevoked() {}
  func refused(_ what: String, _ failure: Failure, from origin: StreamOrigin) {}
  func repeated(_ message: RepeatedMessage, under key: KeyID?, from origin: StreamOrigin) {}

  func wantsEndOfTurn() {
    guard !turnIsScheduled else { return }
    turnIsScheduled = true
    after(Self.turnTime) { [self] in endTurn() }
  }

  func leadershipChanged(_ notice: LeaderNotice) {
    self.notice = notice
    for end in accepted { end.tell(notice) }
  }

  func membersChanged(_ addresses: [ReplicaID: String]) {
    guard !addresses.isEmpty else { return }
    members = Set(addresses.keys)
    keepLinks()
  }

  /// A peer says who leads.
  fileprivate func heard(_ notice: LeaderNotice) {
    guard notice.leader.rawValue > 0, notice.leader != id,
      told.map({ $0.term < notice.term }) ?? true
    else { return }
    told = notice
    keepLinks()
  }

  /// Keeps a link to each member, and besides to the leader alone, as `PeerLinks` does.
  private func keepLinks() {
    guard !members.isEmpty else { return }
    var wanted = members
    if let told { wanted.insert(told.leader) }
    for peer in peers where !wanted.contains(peer.peer.id) { peer.hangUp() }
    peers.removeAll { !wanted.contains($0.peer.id) }
    for id in wanted.sorted() where id != self.id {
      guard !peers.contains(where: { $0.peer.id == id }), let peer = simulation.coordinator(id)
      else { continue }
      let dialer = PeerDialer(peer, of: self)
      peers.append(dialer)
      dialer.dial()
    }
  }

  func replicaDiverged(_ divergence: StateDivergence) {
    simulation.fail("P4", "\(name) stopped: \(divergence)")
  }

  func replicaFailed(_ error: any Error) {
    guard !isDying else { return }
    isDying = true
    if !(error is DiskFailure) {
      simulation.fail("P1", "the replica of \(name) died: \(error)")
    }
    // The process ends with exit code 70; whoever runs it starts it again after a while.
    after(0) { [self] in
      stop()
      simulation.network.died(self, silently: false)
      simulation.restart(self, after: random.within(500_000...2_000_000))
    }
  }

  func openRelay(
    to leader: ReplicaID, service: Service, authorization: String, owner: any MessageChannelOwner
  ) -> (any MessageChannel)? {
    guard let peer = peers.first(where: { $0.peer.id == leader }), peer.isUp, let end = peer.end
    else { return nil }
    simulation.mark(.relayedByFollower)
    return end.openStream(service, authorization: authorization, owner: owner)
  }
}

extension SimulatedCoordinator: PeerTransport {
  func send(_ message: PeerMessage, to peer: ReplicaID) {
    guard !isDying, let replica else { return }
    if case .raft(let message) = message {
      simulation.messages.sends(message, from: self, replica, to: peer)
    }
    if simulation.configuration.bug == .unconfirmedRead,
      case .readConfirm(let term, let nonce) = message
    {
      // The planted bug: everybody is taken to have confirmed.
      after(0) { [self] in
        self.replica?.receive(
          .readConfirmResult(term: term, nonce: nonce, confirmed: true), from: peer,
          now: clock.now)
      }
    }
    guard let dialer = peers.first(where: { $0.peer.id == peer }), dialer.isUp else { return }
    dialer.end?.send(message)
  }
}

extension SimulatedCoordinator: ReplicaObserver {
  func replica(_ replica: Replica, became role: Consensus.ReplicaRole, term: Term) {
    simulation.elections.observe(id, role, term)
    if role == .leader, let since = simulation.overloadedSince,
      since + 5_000_000 < simulation.clock.now
    {
      simulation.mark(.electedUnderOverload)
    }
    if role == .leader, term > Term(1), replica.exchange.runningCount > 0 {
      simulation.mark(.leaderChangedUnderLoad)
    }
    dispatcher?.replica(replica, became: role, term: term)
  }

  func replica(_ replica: Replica, applied: Applied, at index: LogIndex) {
    simulation.states.observe(self, replica, applied, at: index)
    dispatcher?.replica(replica, applied: applied, at: index)
  }

  func replica(_ replica: Replica, members: Membership) {
    simulation.members.observe(self, replica, members)
    dispatcher?.replica(replica, members: members)
  }

  func replica(_ replica: Replica, diverged divergence: StateDivergence) {
    dispatcher?.replica(replica, diverged: divergence)
  }

  func replica(_ replica: Replica, received message: KeyringMessage, from peer: ReplicaID) {
    dispatcher?.replica(replica, received: message, from: peer)
  }

  func replica(_ replica: Replica, failed error: any Error) {
    dispatcher?.replica(replica, failed: error)
  }
}

/// A coordinator's link to another one, dialed again for as long as the process lives.
final class PeerDialer: LinkOwner {
  let peer: SimulatedCoordinator
  private(set) var end: LinkEnd?
  private(set) var isUp = false
  private var upSince: UInt64?
  private unowned let owner: SimulatedCoordinator

  init(_ peer: SimulatedCoordinator, of owner: SimulatedCoordinator) {
    self.peer = peer
    self.owner = owner
  }

  func dial() {
    guard end == nil else { return }
    end = owner.simulation.network.connect(owner, to: peer, owner: self)
  }

  /// Nobody is to be reached there any more.
  func hangUp() {
    let last = end
    end = nil
    isUp = false
    last?.close()
  }

  func established(_ end: LinkEnd) {
    isUp = self.end === end
    if isUp { upSince = owner.simulation.clock.now }
  }
  func accepted(
    _ channel: SimulatedChannel, for service: Service, authorization: String, on end: LinkEnd
  ) -> any MessageChannelOwner { preconditionFailure("only dialing sides open streams") }
  func heard(_ notice: LeaderNotice, on end: LinkEnd) { owner.heard(notice) }
  func received(_ message: PeerMessage, on end: LinkEnd) {}
  func closed(_ end: LinkEnd) {
    guard self.end === end else { return }
    self.end = nil
    isUp = false
    let since = upSince
    upSince = nil
    owner.lost(self, end, since: since)
  }
}

/// A link that somebody opened to a coordinator.
private final class AcceptedLink: LinkOwner {
  private unowned let coordinator: SimulatedCoordinator

  init(_ coordinator: SimulatedCoordinator) { self.coordinator = coordinator }

  func established(_ end: LinkEnd) { coordinator.welcome(end) }
  func accepted(
    _ channel: SimulatedChannel, for service: Service, authorization: String, on end: LinkEnd
  ) -> any MessageChannelOwner {
    coordinator.open(service, on: channel, authorization: authorization)
  }
  func heard(_ notice: LeaderNotice, on end: LinkEnd) {}
  func received(_ message: PeerMessage, on end: LinkEnd) {
    guard let peer = end.peerEnd?.node else { return }
    coordinator.received(message, from: peer)
  }
  func closed(_ end: LinkEnd) { coordinator.ended(end) }
}

extension Credential {
  /// The hash of a simulated secret; 0 is the root key's.
  static func secretHash(of secret: UInt64) -> [UInt8] {
    (0..<32).map { UInt8(truncatingIfNeeded: SeededGenerator.mix(secret &* 64 &+ $0)) }
  }

  /// How a simulated key is presented.
  static func authorization(key: KeyID, secret: UInt64) -> String { "\(key) \(secret)" }

  init?(authorization: String) {
    let text = authorization.utf8
    guard let gap = text.firstIndex(of: UInt8(ascii: " ")),
      let key = UInt64(authorization[..<gap]),
      let secret = UInt64(authorization[text.index(after: gap)...])
    else { return nil }
    self.init(key: KeyID(key), secretHash: Self.secretHash(of: secret))
  }
}
