import Consensus
import ExchangeCore
import ExchangeTypes
import RaftEngine
import Testing

/// One replica's process: its disk stays, everything else dies with `crash`.
final class Node: PeerTransport, ReplicaObserver {
  struct DiskFailure: Error {}

  let id: ReplicaID
  let store = MemoryStore()
  private(set) var replica: Replica?
  private(set) var isPaused = false
  private(set) var failures: [any Error] = []
  private(set) var divergences: [StateDivergence] = []
  /// What the program of the next life supports.
  var stateVersionMax = Exchange.stateVersionMax
  private(set) var appliedIndices: [LogIndex] = []
  private(set) var changes: [RowChange] = []
  private(set) var roles: [Consensus.ReplicaRole] = []
  /// Writes wait for `releaseWrite` instead of time.
  var holdsWrites = false
  var failsWrites = false
  /// Snapshots wait for `releaseSnapshot` instead of time.
  var holdsSnapshots = false
  private var heldSnapshot: (() -> Void)?
  /// How many changed rows a life of the replica begins to write by itself.
  var rowsMax = 16_384
  /// How many writes a life of the replica has under way at most: one by one, unless a test is about more.
  var writesMax = 1
  private(set) var notices: [ReplicaNotice] = []
  /// Called from inside the observer's `applied`.
  var whenApplied: ((Replica, LogIndex) -> Void)?
  /// What is being written, the oldest first: one after the other reaches the disk.
  private var writing: [WriteBatch] = []
  private var writesEnded = 0
  /// When writes that hold rows began.
  var rowWrites: [UInt64] = []
  private var generation = 0
  private var inbox: [(Replica) -> Void] = []
  /// With an empty disk it founds nothing.
  var joins = false
  private let founding: Membership
  private unowned let cluster: Cluster

  init(_ id: ReplicaID, founding: Membership, cluster: Cluster) {
    self.id = id
    self.founding = founding
    self.cluster = cluster
  }

  var isRunning: Bool { replica != nil && !isPaused && failures.isEmpty }
  var deadline: UInt64 { replica?.nextDeadline ?? .max }
  var isWriteHeld: Bool { !writing.isEmpty }
  var writesUnderWay: Int { writing.count }

  static func payload(_ command: Command, at now: UInt64) -> [UInt8] {
    var builder = CommandBatch.Builder(time: LogTime(milliseconds: now))
    guard builder.append(command) == .taken else { preconditionFailure("\(command) does not fit") }
    return builder.payload
  }

  // MARK: Life and death

  func boot() throws {
    generation += 1
    let current = generation
    appliedIndices = []
    var engine = RaftEngine.Configuration(
      id: id, address: "m\(id)", seed: UInt32(truncatingIfNeeded: cluster.seed ^ id.rawValue))
    engine.electionTimeout = 500
    engine.heartbeatInterval = 100
    var configuration = Replica.Configuration(
      engine: engine, founding: joins ? .none : founding)
    configuration.rowsMax = rowsMax
    configuration.writesMax = writesMax
    if let retention = cluster.retention { configuration.retention = retention }
    configuration.stateVersionMax = stateVersionMax
    let started = try Replica(
      configuration: configuration, store: store,
      startWrite: { [unowned self] batch in startWrite(batch, of: current) },
      startSnapshot: { [unowned self] in startSnapshot(of: current) }, transport: self,
      observer: self, now: cluster.now)
    started.noticed = { [unowned self] in notices.append($0) }
    replica = started
    started.start()
  }

  /// The process dies; of the writes in flight the first few reach the disk, or all, or none.
  func crash() {
    cluster.counts.crashes += 1
    if !writing.isEmpty, !failsWrites {
      let kept = Int(cluster.below(UInt64(writing.count) + 1))
      for write in writing.prefix(kept) { store.perform(write) }
      cluster.counts.lostWrites += writing.count - kept
    }
    writing = []
    generation += 1
    replica = nil
    inbox = []
    failures = []
    isPaused = false
  }

  func pause() { isPaused = true }

  /// The process goes on, as after SIGCONT: time has passed, messages wait.
  func resume() {
    isPaused = false
    let waiting = inbox
    inbox = []
    for event in waiting { hear(event) }
  }

  func hear(_ event: @escaping (Replica) -> Void) {
    guard let replica, failures.isEmpty else { return }
    if isPaused { inbox.append(event) } else { event(replica) }
  }

  // MARK: The disk

  private func startWrite(_ batch: WriteBatch, of started: Int) {
    precondition(writing.count < writesMax, "too many writes in flight")
    writing.append(batch)
    if batch.applied != nil { rowWrites.append(cluster.now) }
    if writing.count == 1, !holdsWrites { endWriteInTime(of: started) }
  }

  /// Ends the oldest write in flight after a while.
  private func endWriteInTime(of started: Int) {
    let number = writesEnded
    cluster.after(1 + cluster.below(cluster.writeDelayMax)) { [self] in
      guard generation == started else { return }
      hear { [self] _ in
        guard generation == started, number == writesEnded else { return }
        releaseWrite()
      }
    }
  }

  private func startSnapshot(of started: Int) {
    cluster.after(1 + cluster.below(20)) { [self] in
      guard generation == started else { return }
      let result = store.makeSnapshot()
      let end = { [self] in
        guard generation == started else { return }
        hear { $0.snapshotFinished(result, now: self.cluster.now) }
      }
      if holdsSnapshots { heldSnapshot = end } else { end() }
    }
  }

  var isSnapshotHeld: Bool { heldSnapshot != nil }
  func releaseSnapshot() {
    holdsSnapshots = false
    heldSnapshot?()
    heldSnapshot = nil
  }

  /// Ends the oldest write in flight; the others follow by themselves, unless they are held as well.
  func releaseWrite() {
    guard !writing.isEmpty, let replica else { return }
    let batch = writing.removeFirst()
    writesEnded += 1
    if failsWrites {
      writing = []
      replica.writeFinished(.failure(DiskFailure()), now: cluster.now)
    } else {
      store.perform(batch)
      if !writing.isEmpty, !holdsWrites { endWriteInTime(of: generation) }
      replica.writeFinished(.success(()), now: cluster.now)
    }
  }

  // MARK: Ports

  func send(_ message: PeerMessage, to peer: ReplicaID) {
    checkDurability(of: message, to: peer)
    cluster.deliver(message, from: id, to: peer)
  }

  /// A term and a vote are on the disk before anybody hears of them (invariant 2).
  ///
  /// A message that waited may leave under a later term: then no other vote can be given in its own
  /// any more.
  private func checkDurability(of message: PeerMessage, to peer: ReplicaID) {
    guard case .raft(let message) = message else { return }
    let durable = store.hardState
    switch message {
    case .requestVote(let request) where request.preVote: return
    case .requestVoteResult(let result) where result.preVote == true: return
    case .requestVote(let request) where durable?.term == request.term:
      #expect(durable?.votedFor == id)
    case .requestVoteResult(let result) where result.granted && durable?.term == result.term:
      #expect(durable?.votedFor == peer)
    default: break
    }
    #expect((durable?.term ?? Term(0)) >= message.term, "a term left before it was durable")
  }

  func replica(_ replica: Replica, became role: Consensus.ReplicaRole, term: Term) {
    roles.append(role)
    // A leader needs an entry of its own term. Proposing from inside the callback is allowed.
    guard role == .elected else { return }
    let command: Command =
      replica.exchange.clusterID == nil
      ? .bootstrap(
        .init(clusterID: ClusterID(7), rootSecretHash: [UInt8](repeating: 1, count: 32)))
      : .pulse
    replica.submit([(Self.payload(command, at: cluster.now), { _ in })], now: cluster.now)
  }

  func replica(_ replica: Replica, applied: Applied, at index: LogIndex) {
    #expect(replica.applied == index, "told of \(index) at \(replica.applied)")
    #expect(index > appliedIndices.last ?? LogIndex(0), "applied out of order")
    appliedIndices.append(index)
    changes += applied.changes
    cluster.noteApplied(replica, index)
    whenApplied?(replica, index)
  }

  func replica(_ replica: Replica, members: Membership) {}

  func replica(_ replica: Replica, diverged divergence: StateDivergence) {
    divergences.append(divergence)
  }

  func replica(_ replica: Replica, received message: KeyringMessage, from peer: ReplicaID) {
    Issue.record("nobody here speaks of keys")
  }

  func replica(_ replica: Replica, failed error: any Error) { failures.append(error) }
}
