internal import Consensus
internal import ExchangeTypes
internal import JobDispatch
internal import Links
internal import Logging
internal import NIOCore
internal import Storage
internal import Transport
internal import WireProtocol

/// The loop around a replica and its dispatcher: its timer, the ends of its turns, and writes whose end
/// comes back from the disk's thread.
///
/// Confined to `eventLoop`. Several events of one turn of the loop share one `endOfTurn`, so that what
/// arrives together is proposed together.
final class ReplicaHost {
  let eventLoop: any EventLoop
  let dispatcher: Dispatcher
  let replica: Replica
  private let clock: LoopClock
  private let issuer: CertificateIssuer?
  private let store: LMDBReplicaStore
  private let log: Logger
  private let disk = Logger(label: "Storage")
  /// Who was refused, and for what: the whole coordinator's.
  private let refusals: RefusalLog
  private var links: (any CoordinatorLinks)?
  private var turnIsScheduled = false
  private var timer: Scheduled<Void>?
  private var armedFor: UInt64 = .max
  private var hasStopped = false
  private var wasNearlyFull = false
  private var wasSpent = false
  /// Told once, when the replica has died: the process must end.
  var failed: ((any Error) -> Void)?

  init(
    configuration: CoordinatorConfiguration, founding: Consensus.Replica.Configuration,
    store: LMDBReplicaStore, refusals: RefusalLog, threads: WorkThreads,
    eventLoop: any EventLoop, log: Logger
  ) throws {
    self.eventLoop = eventLoop
    self.refusals = refusals
    self.store = store
    self.log = log
    clock = LoopClock()
    let shell = Shell()
    let keyring = NodeKeyring(
      configuration.keyring, path: configuration.keyringPath, eventLoop: eventLoop, log: log)
    var dispatch = Dispatcher.Configuration(
      clusterID: configuration.clusterID, rootSecretHash: configuration.rootSecretHash,
      addresses: configuration.members, software: configuration.software)
    dispatch.keySchedule = .init(interval: configuration.live.keyInterval)
    issuer = configuration.issuer.map {
      CertificateIssuer(
        authority: $0, lifetimeSeconds: configuration.live.certificateLifetimeSeconds)
    }
    dispatcher = Dispatcher(
      configuration: dispatch, clock: clock, sealer: keyring, keyring: keyring,
      issuer: issuer, signer: StatementSigner(configuration.security), wallClock: SystemWallClock(),
      beside: DispatchThreads(of: eventLoop, on: threads), shell: shell)
    let writes = Writes(store: store, eventLoop: eventLoop)
    replica = try Replica(
      configuration: founding, store: store, startWrite: { writes.start($0) },
      startSnapshot: { writes.startSnapshot() }, transport: shell, observer: dispatcher,
      now: clock.now)
    replica.noticed = { [weak shell, log = Logger(label: "Consensus")] notice in
      // What was revoked by entries that the snapshot stands for was not applied here one by one.
      if case .snapshotInstalled = notice { shell?.certificatesRevoked() }
      switch notice {
      case .logTrimmed, .chunkSent: log.debug("log", metadata: ["what": "\(notice)"])
      case .snapshotRefused: log.error("snapshot", metadata: ["what": "\(notice)"])
      case .memberForgot: log.error("member", metadata: ["what": "\(notice)"])
      case .abstains: log.warning("founder", metadata: ["what": "\(notice)"])
      default: log.notice("snapshot", metadata: ["what": "\(notice)"])
      }
    }
    dispatcher.attach(replica)
    self.shell = shell
    self.writes = writes
    shell.host = self
    writes.host = self
  }

  private let shell: Shell
  private let writes: Writes

  /// Begins: the replica may speak from here on.
  func start(links: any CoordinatorLinks) {
    eventLoop.preconditionInEventLoop()
    self.links = links
    replica.start()
    endTurn()
  }

  /// Nothing happens any more.
  func stop() {
    hasStopped = true
    timer?.cancel()
    timer = nil
    links = nil
  }

  /// Runs with these settings from now on.
  func apply(_ live: CoordinatorConfiguration.Live) {
    guard !hasStopped else { return }
    issuer?.lifetimeSeconds = live.certificateLifetimeSeconds
    replica.keepLog(live.retention)
    dispatcher.changeKeys(.init(interval: live.keyInterval))
  }

  /// A message from another coordinator.
  func receive(_ message: PeerMessage, from peer: ReplicaID) {
    guard !hasStopped else { return }
    replica.receive(message, from: peer, now: clock.now)
    scheduleEndOfTurn()
  }

  /// Another coordinator's process has ended, as its machine says.
  func peerEnded(_ peer: ReplicaID) {
    guard !hasStopped else { return }
    let role = replica.role
    replica.peerEnded(peer, now: clock.now)
    guard replica.role != role else { return }
    log.notice(
      "the leader's process has ended: no timeout is waited for", metadata: ["leader": "\(peer)"])
    scheduleEndOfTurn()
  }

  /// Hands leadership over, if this one leads; calls back when that is over, however it ended.
  func handOver(_ completion: @escaping (LeadershipHandover.Ending) -> Void) {
    guard !hasStopped else { return completion(.notLeading) }
    dispatcher.handOver(to: nil, completion)
    scheduleEndOfTurn()
  }

  // MARK: Turns

  fileprivate func writeFinished(_ result: Result<Void, any Error>) {
    guard !hasStopped else { return }
    replica.writeFinished(result, now: clock.now)
    watchRoom()
    endTurn()
  }

  /// Says so when the disk's budget runs out, and when there is room again.
  private func watchRoom() {
    if store.isSpent != wasSpent {
      wasSpent.toggle()
      if wasSpent {
        disk.critical(
          "nine tenths of the disk budget, or of the volume, are used: while this coordinator leads, running jobs end"
        )
      }
    }
    guard store.isNearlyFull != wasNearlyFull else { return }
    wasNearlyFull.toggle()
    if wasNearlyFull {
      disk.error(
        "four fifths of the disk budget, or of the volume, are used: while this coordinator leads, no new job is taken"
      )
    } else {
      disk.notice("there is room on the disk again")
    }
  }

  fileprivate func snapshotFinished(_ result: Result<SnapshotManifest, any Error>) {
    guard !hasStopped else { return }
    replica.snapshotFinished(result, now: clock.now)
    endTurn()
  }

  fileprivate func scheduleEndOfTurn() {
    guard !turnIsScheduled, !hasStopped else { return }
    turnIsScheduled = true
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.execute { bound.value.endTurn() }
  }

  private func endTurn() {
    turnIsScheduled = false
    guard !hasStopped else { return }
    dispatcher.endOfTurn()
    arm()
  }

  /// Sees to it that `tick` comes at the next deadline, or before.
  ///
  /// A deadline that has moved further away, as an election's does with every message of the leader, leaves
  /// the timer as it is: it then fires early, finds nothing due, and is set again.
  private func arm() {
    let next = dispatcher.nextDeadline
    guard next < armedFor || timer == nil else { return }
    timer?.cancel()
    armedFor = next
    let now = clock.now
    let delay = next > now ? Int64(clamping: min(next - now, 60_000)) : 0
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    timer = eventLoop.scheduleTask(in: .milliseconds(delay)) {
      let host = bound.value
      host.timer = nil
      guard !host.hasStopped else { return }
      host.dispatcher.tick()
      host.endTurn()
    }
  }

  // MARK: For the ports

  fileprivate func send(_ message: PeerMessage, to peer: ReplicaID) {
    links?.send(message.wire, to: peer)
  }

  fileprivate func openRelay(
    to leader: ReplicaID, service: Service, authorization: String,
    owner: any MessageChannelOwner
  ) -> (any MessageChannel)? {
    links?.open(service, to: leader, authorization: authorization, owner: owner)
  }

  fileprivate func certificatesRevoked() { links?.certificatesRevoked() }

  /// Counts a refusal, and logs it.
  func refused(_ what: String, _ failure: Failure, from origin: StreamOrigin) {
    refusals.note(what, from: origin.address, failure)
  }

  /// Counts a message that did nothing because its like had come before, and logs it.
  fileprivate func repeated(
    _ message: RepeatedMessage, under key: KeyID?, from origin: StreamOrigin
  ) {
    refusals.note(
      "a message came again", from: origin.address, kind: message.rawValue,
      key.map { "\(message.reason) (key \($0))" } ?? message.reason)
  }

  fileprivate var refusalCounts: [String: UInt64] { refusals.counts }

  fileprivate func leadershipChanged(_ notice: LeaderNotice) {
    log.info(
      "leadership",
      metadata: [
        "role": "\(replica.role)", "term": "\(notice.term)", "leader": "\(notice.leader)",
      ])
    links?.announce(notice)
  }

  fileprivate func membersChanged(_ addresses: [ReplicaID: String]) {
    guard !addresses.isEmpty else { return }
    log.info(
      "members",
      metadata: [
        "members":
          "\(addresses.keys.sorted().map { "\($0)=\(addresses[$0] ?? "")" }.joined(separator: ","))"
      ])
    links?.follow(addresses.filter { $0.key != replica.id })
  }

  fileprivate func diverged(_ divergence: StateDivergence) {
    log.critical(
      "this coordinator's state is not the majority's: it serves nothing any more; replace it under a new id",
      metadata: [
        "index": "\(divergence.index)", "digest": "\(divergence.digest)",
        "majority": "\(divergence.majority)",
      ])
    do throws(StoreError) {
      try store.markDiverged()
    } catch {
      // Started again it serves until the next comparison finds it: nothing else is known about such a disk.
      disk.critical("that it diverged cannot be noted", metadata: ["error": "\(error)"])
    }
  }

  fileprivate func died(_ error: any Error) {
    log.critical("the replica is dead", metadata: ["error": "\(error)"])
    hasStopped = true
    failed?(error)
  }
}

/// What a host asks of the links of its process.
protocol CoordinatorLinks: AnyObject {
  /// Sends to another coordinator, or drops the message if there is no link.
  func send(_ message: any WireMessage, to peer: ReplicaID)
  /// Opens a stream to another coordinator; nil if there is no link.
  func open(
    _ service: Service, to peer: ReplicaID, authorization: String,
    owner: any MessageChannelOwner
  ) -> (any MessageChannel)?
  /// Keeps a link to each of these coordinators, and to no other.
  func follow(_ members: [ReplicaID: String])
  /// Tells every peer, worker and client who leads.
  func announce(_ notice: LeaderNotice)
  /// Closes every link that rests on a certificate that is revoked now.
  func certificatesRevoked()
}

/// Fills the dispatcher's and the replica's ports; apart from the host, which they exist before.
private final class Shell: DispatcherShell, PeerTransport {
  weak var host: ReplicaHost?

  func wantsEndOfTurn() { host?.scheduleEndOfTurn() }
  func leadershipChanged(_ notice: LeaderNotice) { host?.leadershipChanged(notice) }
  func membersChanged(_ addresses: [ReplicaID: String]) { host?.membersChanged(addresses) }
  func replicaDiverged(_ divergence: StateDivergence) { host?.diverged(divergence) }
  func replicaFailed(_ error: any Error) { host?.died(error) }
  func certificatesRevoked() { host?.certificatesRevoked() }
  func refused(_ what: String, _ failure: Failure, from origin: StreamOrigin) {
    host?.refused(what, failure, from: origin)
  }
  func repeated(_ message: RepeatedMessage, under key: KeyID?, from origin: StreamOrigin) {
    host?.repeated(message, under: key, from: origin)
  }
  var refusalCounts: [String: UInt64] { host?.refusalCounts ?? [:] }

  func openRelay(
    to leader: ReplicaID, service: Service, authorization: String,
    owner: any MessageChannelOwner
  ) -> (any MessageChannel)? {
    host?.openRelay(to: leader, service: service, authorization: authorization, owner: owner)
  }

  func send(_ message: PeerMessage, to peer: ReplicaID) { host?.send(message, to: peer) }
}

/// Starts writes and snapshots and brings their ends back to the loop.
private final class Writes {
  weak var host: ReplicaHost?
  private let store: LMDBReplicaStore
  private let eventLoop: any EventLoop

  init(store: LMDBReplicaStore, eventLoop: any EventLoop) {
    self.store = store
    self.eventLoop = eventLoop
  }

  func start(_ batch: WriteBatch) {
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    store.write(batch) { [eventLoop] result in
      eventLoop.execute { bound.value.host?.writeFinished(result) }
    }
  }

  func startSnapshot() {
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    store.makeSnapshot { [eventLoop] result in
      eventLoop.execute { bound.value.host?.snapshotFinished(result) }
    }
  }
}
