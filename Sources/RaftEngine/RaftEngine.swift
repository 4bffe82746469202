internal import CRaft
public import ExchangeTypes

/// One replica's consensus: events in, updates out, over libraft's `raft_step`; no I/O, no clock.
///
/// Not `Sendable`: one loop owns it and steps it with one event at a time. Given the same
/// configuration, start and events it gives the same updates. After it has thrown, the process must
/// exit: any further step is a programming error.
public final class RaftEngine {
  /// How an engine behaves; the same on all members but for `id`, `address` and `seed`.
  public struct Configuration: Sendable {
    /// This replica's id.
    public var id: ReplicaID
    /// This replica's address.
    public var address: String
    /// Milliseconds without a leader until an election, randomised up to twice that.
    public var electionTimeout: UInt32 = 500
    /// How often the election timeout is doubled at most, once for each term whose votes came too late (`ElectionPatience`).
    public var electionDoublingsMax = 3
    /// Milliseconds between a leader's heartbeats.
    public var heartbeatInterval: UInt32 = 100
    /// Milliseconds after which an unanswered snapshot is announced again; libraft's 30 s are for messages
    /// that carry the state itself.
    public var installSnapshotTimeout: UInt32 = 2_000
    /// Whether candidates ask before they raise the term, so that a returning member disturbs nobody.
    public var preVote = true
    /// Seeds the randomisation of election timeouts.
    public var seed: UInt32
    /// The most entries on their way to one follower; libraft's 32 are too few for a busy leader.
    public var inflightEntriesMax: UInt32 = 1_024
    /// The most payload bytes in one message, unless a single entry is larger: longer runs are divided.
    public var appendBytesMax = 1 << 20
    /// The most entries a leader takes that are not committed yet.
    public var uncommittedEntriesMax = 2_000
    /// The guards that are on.
    public var guards: Guards = .all

    /// A configuration with the defaults.
    public init(id: ReplicaID, address: String, seed: UInt32) {
      self.id = id
      self.address = address
      self.seed = seed
    }
  }

  /// A promoted server may lag this far behind the leader's last index.
  static let promotionLagMax: UInt64 = 64

  /// How this engine was configured.
  public let configuration: Configuration
  /// What must follow the start itself; a sole voter leads at once.
  public private(set) var firstUpdate = RaftUpdate()

  let log: any RaftLog
  let raft: UnsafeMutablePointer<raft>
  var now: UInt64
  var writes = OpenWrites()
  var pendingChanges: [(index: LogIndex, membership: Membership)] = []
  var committed: Membership
  var committedIndex: LogIndex
  var installing: SnapshotMetadata?
  /// G13: the order to stand that waits until its receiver holds the whole log.
  var heldOrder: Envelope?
  /// The last index handed out for writing, to tell appends from truncations.
  var lastIssued: LogIndex
  var contacts = Contacts()
  var patience: ElectionPatience
  var loss: LeaderLoss?
  /// G14: whether this may be a founder that has forgotten what it held.
  var isUntried: Bool
  /// Until then no news of a leader's end is believed.
  var deafUntil: UInt64 = 0
  /// Entries up to here were applied before the start, so they are committed whatever libraft knows.
  private let committedAtStart: LogIndex
  private var reportedHardState: HardState
  /// `membership` as it was read since libraft was last stepped: it is asked for far more often.
  private var lastMembership: Membership?
  private var lastTimeout: UInt64
  private var failed = false

  /// Starts a replica with what its disk holds; act on `firstUpdate` before the first step.
  ///
  /// - Throws: if the linked libraft is not the one that this room was written for, or `start` is not a
  ///   state that a replica can have.
  public init(
    configuration: Configuration, start: RaftStart, log: any RaftLog, at now: UInt64
  ) throws(RaftFailure) {
    _ = RaftHeap.installed
    try OwnershipProbe.verdict.get()
    try start.validate()
    let guards = configuration.guards
    precondition(configuration.id.rawValue > 0, "a replica's id is greater than zero")
    precondition(
      configuration.electionTimeout > configuration.heartbeatInterval,
      "heartbeats must come more often than elections")

    self.configuration = configuration
    self.log = log
    self.now = now
    lastTimeout = now
    lastIssued = LogIndex(start.firstIndex.rawValue - 1 + UInt64(start.entries.count))
    committedAtStart = max(start.applied, start.snapshot?.index ?? LogIndex(0))
    committed = start.snapshot?.membership ?? .none
    committedIndex = start.snapshot?.membershipIndex ?? LogIndex(0)
    reportedHardState = start.hardState ?? HardState(term: Term(0), votedFor: nil)
    isUntried = guards.contains(.untriedFounderAbstains) && start.isUntried
    patience = ElectionPatience(
      base: configuration.electionTimeout, doublingsMax: configuration.electionDoublingsMax)
    raft = .allocate(capacity: 1)
    raft.initialize(to: CRaft.raft())  // raft_init leaves fields unset
    let code = raft_init(raft, nil, nil, configuration.id.rawValue, configuration.address)
    guard code == 0 else { throw RaftFailure(code: code, reason: "init") }
    raft.pointee.tracer = nil  // the default one formats into a buffer shared by the whole process
    raft_seed(raft, configuration.seed)
    raft_set_election_timeout(raft, configuration.electionTimeout)
    raft_set_heartbeat_timeout(raft, configuration.heartbeatInterval)
    raft_set_install_snapshot_timeout(raft, configuration.installSnapshotTimeout)
    raft_set_pre_vote(raft, configuration.preVote)
    raft_set_max_inflight_entries(raft, configuration.inflightEntriesMax)

    var hardState = reportedHardState
    if guards.contains(.freshTermForSoleVoter), start.membership.voters == [configuration.id] {
      hardState = HardState(term: Term(hardState.term.rawValue + 1), votedFor: configuration.id)
    }
    try begin(start, hardState)
  }

  deinit {
    raft_close(raft, nil)
    raft.deallocate()
  }

  private func begin(_ start: RaftStart, _ hardState: HardState) throws(RaftFailure) {
    trackChanges(from: start.firstIndex, start.entries, after: committedIndex)
    var event = raft_event()
    event.type = RAFT_START
    event.start.term = hardState.term.rawValue
    event.start.voted_for = hardState.votedFor?.rawValue ?? 0
    event.start.start_index = start.firstIndex.rawValue
    let batch = start.entries.isEmpty ? nil : EntryBatch(start.entries[...])
    event.start.entries = batch?.entries
    event.start.n_entries = UInt32(start.entries.count)
    var metadata = try start.snapshot?.makeMetadata() ?? raft_snapshot_metadata()
    let code = withUnsafeMutablePointer(to: &metadata) { pointer in
      if start.snapshot != nil { event.start.metadata = pointer }
      return advance(event: &event)
    }
    batch?.freeArray()
    if code == 0 { batch?.freeBatch() }  // after an error libraft has freed it
    try expect(code, "start")
    try collect(EventSource(), into: &firstUpdate)
    try finish(&firstUpdate, from: .follower(leader: nil), commit: LogIndex(0))
  }

  /// Tells the engine what happened, and answers what must follow.
  ///
  /// - Parameters:
  ///   - event: what happened.
  ///   - now: milliseconds of a clock that never goes back.
  /// - Returns: what must follow, in the order that README.md gives.
  /// - Throws: on anything that must not happen. The process must then exit at once.
  public func step(_ event: RaftEvent, at now: UInt64) throws(RaftFailure) -> RaftUpdate {
    precondition(!failed, "stepped after a failure")
    self.now = configuration.guards.contains(.checkPreconditions) ? max(self.now, now) : now
    let roleBefore = role
    let commitBefore = commitIndex
    var update = RaftUpdate()
    do {
      switch event {
      case .timeout:
        lastTimeout = self.now
        standIfDue()
        var event = raft_event()
        event.type = RAFT_TIMEOUT
        try drive(&event, "timeout", into: &update)
      case .receive(let message, let from):
        try receive(message, from: from, into: &update)
      case .persisted(let number):
        try persisted(through: number, into: &update)
      case .memberEnded(let member):
        memberEnded(member)
      case .submit(let proposals):
        try submit(proposals, into: &update)
      case .change(let change):
        try self.change(change, into: &update)
      case .catchUp(let server):
        try catchUp(server, into: &update)
      case .transfer(let target):
        try transfer(to: target, into: &update)
      case .snapshotTaken(let metadata, let trailing):
        try snapshotTaken(metadata, trailing: trailing, into: &update)
      case .snapshotInstalled(let metadata):
        try snapshotInstalled(metadata, into: &update)
      }
      try finish(&update, from: roleBefore, commit: commitBefore)
    } catch {
      failed = true
      throw error
    }
    return update
  }

  // MARK: - One step of libraft

  /// The output of the last `raft_step`, valid until the next.
  var output = raft_update()

  func advance(event: inout raft_event) -> Int32 {
    event.time = now
    event.capacity = .max  // the shell refuses writes itself when its disk fills up
    output = raft_update()
    lastMembership = nil
    return raft_step(raft, &event, &output)
  }

  func expect(_ code: Int32, _ what: String) throws(RaftFailure) {
    guard code == 0 else { throw RaftFailure(code: code, reason: what) }
  }

  func drive(
    _ event: inout raft_event, _ what: String, source: EventSource = EventSource(),
    into update: inout RaftUpdate
  ) throws(RaftFailure) {
    try expect(advance(event: &event), what)
    try collect(source, into: &update)
  }

  /// Marks what has become committed, before the next event, and reports what changed.
  private func finish(
    _ update: inout RaftUpdate, from roleBefore: RaftRole, commit commitBefore: LogIndex
  ) throws(RaftFailure) {
    while let first = pendingChanges.first, first.index <= commitIndex {
      pendingChanges.removeFirst()
      var event = raft_event()
      event.type = RAFT_CONFIGURATION
      event.configuration.index = first.index.rawValue
      event.configuration.conf = try first.membership.makeConfiguration()
      try drive(&event, "configuration", into: &update)
      committed = first.membership
      committedIndex = first.index
      update.committedMembership = first.membership
    }
    let hardState = self.hardState
    if hardState != reportedHardState {
      reportedHardState = hardState
      update.hardState = hardState
    }
    if commitIndex != commitBefore { update.commitIndex = commitIndex }
    if role != roleBefore { update.role = role }
    releaseOrder(into: &update)
    if !role.isLeader { contacts = Contacts() }
    settleLoss()
    settleFounder(update)
    adjustPatience()
    for envelope in update.messages {
      if case .appendEntries = envelope.message { contacts.sent(to: envelope.to, at: now) }
    }
  }

  /// G13: the order to stand leaves once its receiver holds the whole log; with its handover it is void.
  private func releaseOrder(into update: inout RaftUpdate) {
    guard let order = heldOrder else { return }
    if role != .leader(transferringTo: order.to) || order.message.term != term {
      heldOrder = nil
    } else if matchIndex(of: order.to) == lastIndex {
      heldOrder = nil
      update.messages.append(order)
    }
  }

  /// Remembers changes of membership among `entries`, to mark them when they are committed.
  func trackChanges(from first: LogIndex, _ entries: [LogEntry], after committed: LogIndex) {
    pendingChanges.removeAll { $0.index >= first }
    for (place, entry) in entries.enumerated() where entry.kind == .change {
      let index = LogIndex(first.rawValue + UInt64(place))
      guard index > committed, let membership = Membership(encoded: entry.payload) else { continue }
      pendingChanges.append((index, membership))
    }
  }

  // MARK: - State

  /// What this replica is.
  public var role: RaftRole {
    switch UInt32(raft.pointee.state) {
    case RAFT_LEADER.rawValue:
      let target = raft_transferee(raft)
      return .leader(transferringTo: target == 0 ? nil : ReplicaID(target))
    case RAFT_CANDIDATE.rawValue:
      return .candidate(preVote: raft.pointee.candidate_state.in_pre_vote)
    default:
      let leader = raft.pointee.follower_state.current_leader.id
      return .follower(leader: leader == 0 ? nil : ReplicaID(leader))
    }
  }

  /// The leader that this replica knows, itself included.
  public var leader: ReplicaID? {
    switch role {
    case .leader: configuration.id
    case .follower(let leader): leader
    case .candidate: nil
    }
  }

  /// Term and vote.
  public var hardState: HardState {
    let vote = raft.pointee.voted_for
    return HardState(term: term, votedFor: vote == 0 ? nil : ReplicaID(vote))
  }

  /// The current term.
  public var term: Term { Term(raft_current_term(raft)) }
  /// The highest index known to be committed; after a restart it starts again at the snapshot, or 1.
  public var commitIndex: LogIndex { LogIndex(raft_commit_index(raft)) }
  /// The last index of the log, durable or not.
  public var lastIndex: LogIndex { LogIndex(raft_last_index(raft)) }
  /// The last durable index; zero while a snapshot is being installed.
  public var lastStored: LogIndex { LogIndex(raft.pointee.last_stored) }
  /// Up to where to apply: committed, and durable on this replica; it may be less than what is applied.
  public var applicableIndex: LogIndex { min(commitIndex, lastStored) }
  /// The first index whose entry followers may still be sent; the shell keeps the log from here.
  public var firstIndex: LogIndex { LogIndex(raft.pointee.trail.offset + 1) }
  /// The clock of the last step.
  public var lastStep: UInt64 { now }
  /// The term of an entry, if it is in the log or the last of the snapshot.
  public func term(at index: LogIndex) -> Term? {
    raft.pointee.trail.term(at: index.rawValue).map { Term($0) }
  }
  /// Whether a leader has committed an entry of its term: it then knows all that is committed.
  public var hasCommittedInTerm: Bool { role.isLeader && term(at: commitIndex) == term }
  /// The members that count for majorities: those of the last change in the log, committed or not.
  ///
  /// They decide what is a majority: if libraft's own cannot be read, the process ends.
  public var membership: Membership {
    if let lastMembership { return lastMembership }
    do {
      let membership = try Membership(raft.pointee.configuration)
      lastMembership = membership
      return membership
    } catch {
      preconditionFailure("libraft's configuration cannot be read: \(error)")
    }
  }
  /// The members of the last committed change, and its index.
  public var committedMembership: (membership: Membership, index: LogIndex) {
    (committed, committedIndex)
  }

  /// When to step `timeout` next, on the clock of `step`; read it again after every step.
  public var nextTimeout: UInt64 {
    let due = raft_timeout(raft)
    guard role.isLeader else { return max(min(due, loss?.standAt ?? .max), lastTimeout + 1) }
    let heartbeat = UInt64(configuration.heartbeatInterval)
    // libraft counts members that it sends nothing any more too, and may name a time long past.
    let soonest = max(due, lastTimeout + max(1, heartbeat / 4))
    guard configuration.guards.contains(.alignHeartbeats) else { return soonest }
    let quorumCheck = raft.pointee.election_timer_start + UInt64(raft.pointee.election_timeout)
    return max(
      soonest,
      min(contacts.allDue(at: now, every: heartbeat), lastTimeout + 2 * heartbeat, quorumCheck))
  }

  /// When a follower last answered this leader, on the clock of `step`; nil if it has not, or unless this
  /// replica leads.
  public func lastHeard(from server: ReplicaID) -> UInt64? { contacts.lastHeard(from: server) }

  /// The highest index known to be durable on a member; nil unless this replica leads and knows it.
  public func matchIndex(of server: ReplicaID) -> LogIndex? {
    var index: raft_index = 0
    return raft_match_index(raft, server.rawValue, &index) == 0 ? LogIndex(index) : nil
  }

  /// The last entry that a member holds by its own word, if it has denied for an election timeout what it had
  /// confirmed: it has lost its disk, and with it its votes.
  ///
  /// Nil unless this replica leads and knows it so.
  public func denial(by server: ReplicaID) -> LogIndex? {
    contacts.denial(by: server, for: UInt64(configuration.electionTimeout))
  }

  /// The members of which `denial` may say something.
  public var deniers: [ReplicaID] { contacts.deniers }

  /// How far a `catchUp` has come.
  public enum CatchUp: Hashable, Sendable {
    /// None was started in this term.
    case none
    /// It goes on.
    case running
    /// The server was too slow or did not answer.
    case aborted
    /// The server holds nearly everything; it can be promoted.
    case finished
  }

  /// The state of a server's catch-up; nil unless this replica leads and knows it.
  public func catchUpState(of server: ReplicaID) -> CatchUp? {
    var status: Int32 = 0
    guard raft_catch_up(raft, server.rawValue, &status) == 0 else { return nil }
    switch Int(status) {
    case Int(RAFT_CATCH_UP_RUNNING): return .running
    case Int(RAFT_CATCH_UP_ABORTED): return .aborted
    case Int(RAFT_CATCH_UP_FINISHED): return .finished
    default: return CatchUp.none
    }
  }

  /// The highest index that this replica knows to be committed, from before the start too, and its term.
  var knownCommitted: (index: LogIndex, term: Term)? {
    let index = max(commitIndex, committedAtStart)
    return term(at: index).map { (index, $0) }
  }
}
