internal import DequeModule
public import ExchangeCore
public import ExchangeTypes
public import RaftEngine

/// Told what happens to a replica.
///
/// Every call comes from inside one of the replica's event methods; an observer may propose and
/// read from here, and must not block.
public protocol ReplicaObserver: AnyObject {
  /// The role changed.
  func replica(_ replica: Replica, became role: ReplicaRole, term: Term)
  /// The members are others, committed or not; also told once at the start.
  func replica(_ replica: Replica, members: Membership)
  /// An entry was applied.
  func replica(_ replica: Replica, applied: Applied, at index: LogIndex)
  /// Its state is not the majority's: it ignores every further event and must serve nothing but this news.
  func replica(_ replica: Replica, diverged divergence: StateDivergence)
  /// Another replica says something about a wrapping key.
  func replica(_ replica: Replica, received message: KeyringMessage, from peer: ReplicaID)
  /// The replica is dead and ignores every further event; the process must end.
  func replica(_ replica: Replica, failed error: any Error)
}

/// One replica of the exchange; see this room's README for its invariants, numbered there.
///
/// Confined to one loop: every method runs to completion and none may be called from two threads.
public final class Replica {
  /// What distinguishes this replica from the others.
  public struct Configuration: Sendable {
    /// How the consensus engine is set up: id, address, timeouts, guards.
    public var engine: RaftEngine.Configuration
    /// The members of a new cluster, used only while the disk is empty; identical on all of them.
    ///
    /// None for a replica that joins a cluster: with an empty disk it waits for a leader to send it the log.
    public var founding: Membership
    /// So many changed rows are written without being asked for; until then a restart makes them again
    /// from the log.
    public var rowsMax = 16_384
    /// So many writes may be under way at once; the store executes them in order.
    ///
    /// With more than one the disk never waits for the loop: what one write's end brings is applied and answered
    /// while the next is flushed.
    public var writesMax = 4
    /// How much of the log is kept behind the applied mark.
    public var retention = LogRetention()
    /// The newest state version that this program applies: the group's rises to what all voters support.
    public var stateVersionMax = Exchange.stateVersionMax
    /// How an entry is applied: by the state machine, but where a simulation plants a bug in it.
    public var apply: Apply = { (exchange, payload, index) throws(ApplyError) in
      try exchange.apply(payload: payload, at: index)
    }

    /// Applies the payload of the entry at an index.
    public typealias Apply =
      @Sendable (inout Exchange, [UInt8], LogIndex) throws(ApplyError) -> Applied

    /// Joins the parts.
    public init(engine: RaftEngine.Configuration, founding: Membership) {
      self.engine = engine
      self.founding = founding
    }
  }

  /// Starts a write; its end comes back through `writeFinished`.
  public typealias StartWrite = (WriteBatch) -> Void

  /// Starts to make a snapshot; its end comes back through `snapshotFinished`.
  public typealias StartSnapshot = () -> Void

  /// This replica's id.
  public let id: ReplicaID
  /// The state machine as of `applied`.
  public internal(set) var exchange: Exchange
  /// The last applied entry.
  public internal(set) var applied: LogIndex
  /// What it takes itself to be.
  public private(set) var role: ReplicaRole = .follower(leader: nil)
  /// The current term.
  public var term: Term { engine.term }
  /// The highest index known to be committed.
  public var commitIndex: LogIndex { engine.commitIndex }
  /// The last index of the log.
  public var lastIndex: LogIndex { log.last }
  /// The voting replicas of the configuration in force.
  public var voters: [ReplicaID] { engine.membership.voters }
  /// The members of the configuration in force.
  public var membership: Membership { engine.membership }
  /// Whether this replica's disk has no room for new work, only for what has begun.
  public var isDiskNearlyFull: Bool { store.isNearlyFull }
  /// Whether it has hardly any room for that either: what grows should end.
  public var isDiskSpent: Bool { store.isSpent }
  /// How much of the disk is used; nil where nobody counts.
  public var diskUse: StoreUse? { store.use }
  /// Whether a write is in flight: a submission now would wait for it anyway.
  public var isWriting: Bool { !inFlight.isEmpty }
  /// When `tick` wants to be called next, in monotonic milliseconds.
  public var nextDeadline: UInt64 {
    guard !isDead else { return .max }
    return min(
      engine.nextTimeout, reads.deadline ?? .max, comparison.deadline, pending.deadline ?? .max)
  }

  /// Told of what happens to log and snapshots.
  public var noticed: ((ReplicaNotice) -> Void)?

  let configuration: Configuration
  let store: any ReplicaStore
  private let startWrite: StartWrite
  let startSnapshot: StartSnapshot
  private(set) weak var transport: (any PeerTransport)?
  private weak var observer: (any ReplicaObserver)?
  let engine: RaftEngine
  let log: LogTail

  var pending: PendingBatch
  /// In the order in which they were started, in which they end.
  private var inFlight: Deque<InFlight> = []
  private var gated: [(PeerMessage, ReplicaID)] = []
  private var proposals = WaitingProposals()
  private var reads = ReadConfirmation()
  private var comparison: StateComparison
  var isDead = false
  /// What is kept of the log, and what is said of it (`Replica+Snapshots`).
  var snapshots: SnapshotState
  /// The change of members under way, if this replica leads and one is.
  var reconfiguration: Reconfiguration?
  private var lastMembers = Membership.none
  /// The newest members that are known to be committed; none while no change was seen to be.
  private var committedMembers: Membership
  /// When this member writes its rows; nil while there are no others.
  private var turns: RowTurns?
  /// When this replica was elected last.
  private(set) var electedAt: UInt64 = 0
  /// Members of whom this leader has said that they lost their disks.
  private var forgetful: Set<ReplicaID> = []
  /// Whether it has been said that this founder gives no vote.
  private var hasAbstained = false
  /// That this replica's state is not the majority's: it has stopped.
  public private(set) var divergence: StateDivergence?

  private struct InFlight {
    /// The last of the engine's log writes in it.
    var last: WriteNumber?
    /// Whether messages wait for it.
    var holdsHardState: Bool
    var rows: ChangedRows
    /// How far it brings the applied mark on the disk.
    var applied: LogIndex?
    var staging: SnapshotState.Writing
  }

  /// Loads what the disk holds and starts the engine on it.
  ///
  /// - Parameters:
  ///   - configuration: who this replica is.
  ///   - store: its disk, read here and for entries and rows that left memory.
  ///   - startWrite: starts a write on that disk.
  ///   - startSnapshot: starts `makeSnapshot` of that disk.
  ///   - transport: the way to the other replicas; kept weakly.
  ///   - observer: told of everything; kept weakly.
  ///   - now: monotonic milliseconds.
  /// - Throws: what the disk or the engine refuses.
  public init(
    configuration: Configuration, store: any ReplicaStore, startWrite: @escaping StartWrite,
    startSnapshot: @escaping StartSnapshot, transport: any PeerTransport,
    observer: any ReplicaObserver, now: UInt64
  ) throws {
    self.configuration = configuration
    self.store = store
    self.startWrite = startWrite
    self.startSnapshot = startSnapshot
    self.transport = transport
    self.observer = observer
    id = configuration.engine.id
    pending = PendingBatch(rowsMax: configuration.rowsMax)

    let stored = try store.load()
    if let mark = stored.applied {
      do {
        exchange = try Exchange.restoring(expecting: mark.digest) { table, visit in
          try store.scan(table: table, prefix: [], from: []) { key, value in
            try visit(key, value)
            return true
          }
        }
      } catch RestoreError.unsupportedStateVersion(let version) {
        throw ReplicaFailure.newerState(
          version: version, supported: configuration.stateVersionMax)
      }
      guard exchange.stateVersion <= configuration.stateVersionMax else {
        throw ReplicaFailure.newerState(
          version: exchange.stateVersion, supported: configuration.stateVersionMax)
      }
      applied = mark.index
    } else {
      exchange = Exchange()
      applied = LogIndex(0)
    }

    committedMembers = stored.base?.membership ?? .none
    comparison = StateComparison(
      versionMax: configuration.stateVersionMax, applied: applied, digest: exchange.digest)

    var entries: [LogEntry] = []
    var next = stored.firstEntry
    while next <= stored.lastEntry {
      let read = try store.entries(from: next, countMax: 1_024, bytesMax: LogTail.bytesMax)
      guard !read.isEmpty else { throw ReplicaFailure.missingEntry(next) }
      entries += read
      next = LogIndex(next.rawValue + UInt64(read.count))
    }
    let start: RaftStart
    if stored.isNew, configuration.founding.servers.isEmpty {
      start = RaftStart(hardState: nil)
    } else if stored.isNew {
      start = .founding(configuration.founding)
      pending.batch.hardState = start.hardState
      pending.append(start.entries, at: start.firstIndex, truncating: false)
      entries = start.entries
    } else {
      start = RaftStart(
        hardState: stored.hardState, snapshot: stored.base, firstIndex: stored.firstEntry,
        entries: entries, applied: applied)
    }
    snapshots = SnapshotState(stored, entries, configuration.retention)
    log = LogTail(store: store, after: LogIndex(stored.firstEntry.rawValue - 1))
    log.append(entries)
    engine = try RaftEngine(configuration: configuration.engine, start: start, log: log, at: now)
  }

  /// Acts on what the start itself demands.
  ///
  /// Call once, when the observer is ready.
  public func start() {
    noteMembers()
    absorb(engine.firstUpdate)
  }

  // MARK: Events

  /// Time has passed: call at `nextDeadline`.
  public func tick(now: UInt64) {
    if engine.nextTimeout <= now { step(.timeout, at: now) }
    dropUnusedSnapshot(now: now)
    dropStaleStaging()
    trimIfDue(now: now)
    if let deadline = pending.deadline, deadline <= now { flushRows() }
    for read in reads.takeExpired(now: now) { read(.unavailable) }
    beginReadRound(now: now)
    advanceReconfiguration(now: now)
    noteForgetful()
    if comparison.deadline <= now, !isDead {
      let mark = comparison.dueMark(applied: applied, members: others, now: now)
      if let mark { tellOthers(mark) }
    }
  }

  /// A message from another replica arrived.
  ///
  /// One that was removed, and goes on all the same, is not heard: neither its term nor what it says of the log counts.
  public func receive(_ message: PeerMessage, from peer: ReplicaID, now: UInt64) {
    guard !isDead, !committedMembers.hasRemoved(peer) else { return }
    switch message {
    case .raft(.installSnapshot(let body)):
      receiveAnnouncement(body, from: peer, now: now)
    case .raft(let message):
      step(.receive(message, from: peer), at: now)
    case .readConfirm(let asked, let nonce):
      let answer = PeerMessage.readConfirmResult(
        term: asked, nonce: nonce, confirmed: asked == term)
      transport?.send(answer, to: peer)
    case .readConfirmResult(let asked, let nonce, let confirmed):
      guard confirmed, asked == term, role == .leader else { return }
      reads.confirm(nonce: nonce, by: peer)
      finishReads(now: now)
    case .snapshotFetch(let snapshot, let chunk):
      sendChunk(chunk, of: snapshot, to: peer, now: now)
    case .snapshotChunk(let chunk):
      receiveChunk(chunk, from: peer)
    case .statement(let statement):
      if let answer = comparison.received(statement, from: peer) { tellOthers(answer) }
      judge()
    case .keyring(let message):
      observer?.replica(self, received: message, from: peer)
    }
  }

  /// Another replica's process has ended, as its machine says: no connection is left, and nobody listens there.
  ///
  /// May be called again and again. If it led, another stands without waiting for a timeout.
  public func peerEnded(_ peer: ReplicaID, now: UInt64) {
    step(.memberEnded(peer), at: now)
  }

  /// The oldest write in flight has ended.
  public func writeFinished(_ result: Result<Void, any Error>, now: UInt64) {
    guard !isDead else { return }
    guard let finished = inFlight.popFirst() else {
      preconditionFailure("no write was in flight")
    }
    if case .failure(let error) = result {
      fail(error)
      return
    }
    if finished.holdsHardState, !isHardStateOpen {
      let messages = gated
      gated = []
      for (message, peer) in messages { transport?.send(message, to: peer) }
    }
    if let mark = finished.applied { snapshots.markOnDisk = mark }
    if let last = finished.last { step(.persisted(through: last), at: now) }
    stagingWritten(finished.staging, now: now)
    applyCommitted()
    trimIfDue(now: now)
    writeIfDue()
  }

  /// Submits entries, each a batch of commands; each completion is called exactly once (invariant 5).
  public func submit(
    _ payloads: [(bytes: [UInt8], completion: (ProposalResult) -> Void)], now: UInt64
  ) {
    guard !isDead, isLeading else {
      let refusal = ProposalRefusal.notLeader(leader: knownLeader)
      for payload in payloads { payload.completion(.refused(refusal)) }
      return
    }
    // The entries take the next indices; register before stepping, since a single voter may apply
    // them within the step.
    let first = log.last.next
    let submitted = term
    let entries = payloads.map { Proposal.command($0.bytes) }
    do throws(RaftFailure) {
      let update = try engine.step(.submit(entries), at: now)
      if let refusal = update.refusal {
        let reason: ProposalRefusal =
          switch refusal {
          case .tooManyUncommitted: .overloaded
          default: .notLeader(leader: nil)
          }
        for payload in payloads { payload.completion(.refused(reason)) }
      } else {
        var index = first
        for payload in payloads {
          proposals.add(index: index, term: submitted, completion: payload.completion)
          index = index.next
        }
      }
      absorb(update)
    } catch {
      fail(error)
      for payload in payloads { payload.completion(.unknown) }
    }
  }

  /// Asks for a moment at which this replica's memory may answer a linearizable read.
  public func confirmRead(now: UInt64, _ completion: @escaping (ReadResult) -> Void) {
    guard !isDead, role == .leader else {
      completion(.unavailable)
      return
    }
    reads.add(completion)
    beginReadRound(now: now)
  }

  /// The highest index known to be durable on another replica; nil unless this one leads.
  ///
  /// Of one that has lost its disk, what it says that it holds.
  public func matchIndex(of peer: ReplicaID) -> LogIndex? {
    engine.denial(by: peer) ?? engine.matchIndex(of: peer)
  }

  /// Whether a member answers and denies what it had confirmed: it has lost its disk, and with it its votes.
  ///
  /// False unless this replica leads and knows it so.
  public func hasLostVotes(_ member: ReplicaID) -> Bool { engine.denial(by: member) != nil }

  /// Until when a majority of the voters, this replica included, will have been heard within the configured election
  /// timeout, if it hears nobody any more.
  ///
  /// The engine gives leadership up without them as well, but looks seldom, and waits longer after elections that took long.
  ///
  /// - Parameter now: monotonic milliseconds.
  /// - Returns: monotonic milliseconds, at most an election timeout ahead; 0 unless this replica leads.
  public func majorityHeardUntil(now: UInt64) -> UInt64 {
    guard isLeading else { return 0 }
    let moments = voters.map { $0 == id ? now : engine.lastHeard(from: $0) }
      .map { $0.map { $0 + electionTimeout } ?? 0 }.sorted(by: >)
    return moments.count > voters.count / 2 ? moments[voters.count / 2] : 0
  }

  /// The term of an entry of the log, durable or not; nil if the log does not reach it or no longer has it.
  public func term(at index: LogIndex) -> Term? { engine.term(at: index) }

  /// How long ago, in milliseconds, a follower last answered this leader; nil if it has not, or unless
  /// this replica leads.
  public func contactAge(of peer: ReplicaID, now: UInt64) -> UInt64? {
    engine.lastHeard(from: peer).map { now - min(now, $0) }
  }

  /// The newest value of a row, whether or not it has reached the disk.
  public func row(table: UInt8, key: [UInt8]) throws -> [UInt8]? {
    let name = RowKey(table: table, key: key)
    if let change = pending.rows[name] { return change.value }
    for write in inFlight.reversed() {
      if let change = write.rows[name] { return change.value }
    }
    return try store.row(table: table, key: key)
  }

  /// Makes rows of applied entries durable with the next write, which begins now unless too many are in flight.
  ///
  /// `tick` does so in time; until then a restart applies their entries again.
  public func flushRows() {
    guard !isDead else { return }
    pending.makeDue()
    writeIfDue()
  }

  /// Asks another voter to take over leadership; nothing happens unless this one leads.
  ///
  /// `LeadershipHandover` says whom and when. Until the voter leads, or has not within an election timeout,
  /// nothing is taken for the log.
  public func transferLeadership(to peer: ReplicaID, now: UInt64) {
    guard !isDead, isLeading else { return }
    step(.transfer(peer), at: now)
  }

  /// How a handover of leadership stands here.
  public func handoverView(now: UInt64) -> LeadershipHandover.View {
    guard !isDead else { return .following(nil) }
    switch engine.role {
    case .candidate: return .following(nil)
    case .follower(let leader): return .following(leader)
    case .leader(transferringTo: .some): return .transferring
    case .leader(transferringTo: nil):
      return .leading(
        voters.filter { $0 != id }.map {
          .init(
            id: $0, match: matchIndex(of: $0) ?? LogIndex(0),
            contactAge: contactAge(of: $0, now: now))
        })
    }
  }

  /// The newest state version that all voters support; nil until each has stated its own in this term.
  public var stateVersionOfAll: UInt32? { comparison.versionOfAll(self: id, voters: voters) }

  /// The newest state version that a member's program supports, if it has stated it.
  public func stateVersionMax(of member: ReplicaID) -> UInt32? {
    member == id ? configuration.stateVersionMax : comparison.version(of: member)
  }

  /// Milliseconds without a leader until an election.
  public var electionTimeout: UInt64 { UInt64(configuration.engine.electionTimeout) }

  // MARK: Steps

  var isLeading: Bool { role == .leader || role == .elected }

  /// Who leads as far as this replica knows.
  public var knownLeader: ReplicaID? {
    switch role {
    case .follower(let leader): leader
    case .candidate: nil
    case .elected, .leader: id
    }
  }

  func step(_ event: RaftEvent, at now: UInt64) { _ = order(event, at: now) }

  /// Steps the engine; answers why it did not take the event, if it did not.
  func order(_ event: RaftEvent, at now: UInt64) -> RaftRefusal? {
    guard !isDead else { return .notLeader }
    do throws(RaftFailure) {
      let update = try engine.step(event, at: now)
      absorb(update)
      return update.refusal
    } catch {
      fail(error)
      return nil
    }
  }

  /// Tells the observer if the members are others than it was told last.
  private func noteMembers() {
    let members = membership
    guard members != lastMembers else { return }
    lastMembers = members
    turns = RowTurns(of: id, among: members)
    observer?.replica(self, members: members)
  }

  /// Says once of a member that it has lost its disk: nobody else would notice until its vote is needed.
  private func noteForgetful() {
    guard isLeading else { return }
    for member in engine.deniers where !forgetful.contains(member) {
      guard let index = engine.denial(by: member), let match = engine.matchIndex(of: member)
      else { continue }
      forgetful.insert(member)
      noticed?(.memberForgot(member, holds: index, confirmed: match))
    }
  }

  func absorb(_ update: RaftUpdate) {
    if let hardState = update.hardState { pending.batch.hardState = hardState }
    if let install = update.install { beginInstalling(install) }
    guard !isDead else { return }
    if update.dropped == .untriedFounder, !hasAbstained {
      hasAbstained = true
      noticed?(.abstains)
    }
    if let write = update.write {
      if write.truncates {
        log.truncate(from: write.first)
        snapshots.truncate(from: write.first)
      }
      snapshots.append(write.entries, at: write.first)
      pending.append(write.entries, at: write.first, truncating: write.truncates)
      pending.lastWrite = write.number
      log.append(write.entries)
    }
    let mustWait = isHardStateOpen
    for envelope in update.messages {
      if mustWait {
        gated.append((.raft(envelope.message), envelope.to))
      } else {
        transport?.send(.raft(envelope.message), to: envelope.to)
      }
    }
    updateRole()
    if update.committedMembership != nil || update.install != nil
      || update.write.map({ $0.truncates || $0.entries.contains { $0.kind == .change } }) ?? false
    {
      noteMembers()
    }
    if let members = update.committedMembership {
      committedMembers = members
      noteCommitted(members)
    }
    applyCommitted()
    makeSnapshotIfAsked()
    writeIfDue()
  }

  /// Whether a term or a vote is not durable yet.
  private var isHardStateOpen: Bool {
    pending.batch.hardState != nil || inFlight.contains(where: \.holdsHardState)
  }

  private func updateRole() {
    let next: ReplicaRole
    switch engine.role {
    case .follower(let leader): next = .follower(leader: leader)
    case .candidate: next = .candidate
    case .leader: next = isLeading && roleTerm == term ? role : .elected
    }
    guard next != role || roleTerm != term else { return }
    let led = isLeading
    role = next
    roleTerm = term
    forgetful = []
    if next == .elected { electedAt = engine.lastStep }
    if led, next != .leader {
      for completion in proposals.takeAll() { completion(.unknown) }
      for read in reads.takeAll() { read(.unavailable) }
      abandonReconfiguration()
    }
    comparison.leadershipEnded()
    observer?.replica(self, became: next, term: term)
  }
  private var roleTerm = Term(0)

  private func applyCommitted() {
    // A completion or the observer may submit, which leads back here: what that commits is applied
    // by the loop that is running, in log order.
    guard !isApplying else { return }
    isApplying = true
    defer { isApplying = false }
    while !isDead {
      let index = applied.next
      guard index <= engine.applicableIndex else { break }
      let entry = log[index]
      if entry.kind == .command {
        do {
          let result = try configuration.apply(&exchange, entry.payload, index)
          guard exchange.stateVersion <= configuration.stateVersionMax else {
            throw ApplyError.unsupportedStateVersion(exchange.stateVersion)
          }
          pending.note(result.changes)
          noteApplied(index, entry.term)
          guard !isDead else { return }
          if let completion = proposals.take(at: index, term: entry.term) {
            completion(.applied(outcomes: result.outcomes, index: index))
          }
          observer?.replica(self, applied: result, at: index)
        } catch ApplyError.unsupportedStateVersion(let version) {
          fail(
            ReplicaFailure.newerState(
              version: version, supported: configuration.stateVersionMax))
          return
        } catch {
          fail(ReplicaFailure.undecodable(index, error))
          return
        }
      } else {
        noteApplied(index, entry.term)
      }
      if !isDead, role == .elected, entry.term == term {
        role = .leader
        comparison.leadershipBegan()
        observer?.replica(self, became: .leader, term: term)
      }
    }
    guard !isDead else { return }
    log.release(through: min(applied, engine.lastStored))
    for read in reads.takeReady(applied: applied) { read(.ready) }
  }
  private var isApplying = false

  /// Marks an entry as applied, before anybody is told: a write that begins while they are must hold
  /// its rows and its mark together (invariant 4).
  private func noteApplied(_ index: LogIndex, _ term: Term) {
    applied = index
    pending.noteApplied(
      AppliedMark(index: index, term: term, digest: exchange.digest), at: engine.lastStep,
      isTurn: turns?.isTurn(at: exchange.logTime) ?? false)
    compare(at: index)
  }

  // MARK: Comparison

  /// The state is that of `index` now: by an entry, or by a snapshot.
  func compare(at index: LogIndex) {
    let (answer, isComparable) = comparison.applied(index, exchange.digest)
    if let answer { tellOthers(answer) }
    if isComparable { judge() }
  }

  /// The members that receive the log, but for this one.
  private var others: [ReplicaID] {
    membership.servers.filter { $0.role != .spare && $0.id != id }.map(\.id)
  }

  private func tellOthers(_ statement: StateStatement) {
    for peer in others { transport?.send(.statement(statement), to: peer) }
  }

  /// Stops if the majority has another state: nothing more is served, voted or acknowledged on this one.
  private func judge() {
    guard !isDead, let found = comparison.verdict(self: id, voters: voters) else { return }
    divergence = found
    isDead = true
    role = .follower(leader: nil)
    for completion in proposals.takeAll() { completion(.unknown) }
    for read in reads.takeAll() { read(.unavailable) }
    abandonReconfiguration()
    observer?.replica(self, became: role, term: term)
    observer?.replica(self, diverged: found)
  }

  /// Starts a write of what waits, if somebody waits for it and not too many are in flight.
  func writeIfDue() {
    guard inFlight.count < configuration.writesMax, !isDead else { return }
    let withRows = pending.applied != nil && (pending.isDue || pending.isFull)
    guard pending.mustBeWritten || pending.isDue || withRows else { return }
    let taken = pending.take(withRows: withRows)
    inFlight.append(
      InFlight(
        last: taken.lastWrite, holdsHardState: taken.batch.hardState != nil, rows: taken.rows,
        applied: taken.batch.applied?.index, staging: snapshots.writing(taken.batch.staging)))
    startWrite(taken.batch)
  }

  // MARK: Reads

  private func beginReadRound(now: UInt64) {
    guard reads.wantsRound, role == .leader else { return }
    let nonce = reads.begin(
      index: engine.commitIndex, self: id,
      deadline: now + UInt64(configuration.engine.electionTimeout))
    for peer in voters where peer != id {
      transport?.send(.readConfirm(term: term, nonce: nonce), to: peer)
    }
    finishReads(now: now)
  }

  private func finishReads(now: UInt64) {
    reads.finishIfConfirmed(voters: voters)
    for read in reads.takeReady(applied: applied) { read(.ready) }
    if reads.wantsRound { beginReadRound(now: now) }
  }

  func fail(_ error: any Error) {
    isDead = true
    for completion in proposals.takeAll() { completion(.unknown) }
    for read in reads.takeAll() { read(.unavailable) }
    abandonReconfiguration()
    observer?.replica(self, failed: error)
  }
}

/// Why a replica died or could not start, beyond what its disk and its engine say themselves.
public enum ReplicaFailure: Error, CustomStringConvertible {
  /// The store claims an entry that it does not give.
  case missingEntry(LogIndex)
  /// A committed entry that no state machine of this version wrote.
  case undecodable(LogIndex, any Error)
  /// The engine orders to install a snapshot that was not verified.
  case unverifiedSnapshot(LogIndex)
  /// The state on the disk has a version that this program does not apply.
  case newerState(version: UInt32, supported: UInt32)

  /// A sentence for people.
  public var description: String {
    switch self {
    case .missingEntry(let index): "the store does not have entry \(index), which it claims to have"
    case .undecodable(let index, let error): "entry \(index) cannot be applied: \(error)"
    case .unverifiedSnapshot(let index): "the snapshot at \(index) was never verified"
    case .newerState(let version, let supported):
      "the state has version \(version), and this program applies versions up to \(supported): a later program wrote it; "
        + "install that one, or one after it, for a coordinator does not go back once the state version has risen"
    }
  }
}
