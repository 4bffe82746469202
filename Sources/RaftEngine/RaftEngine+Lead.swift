internal import CRaft
internal import ExchangeTypes

/// What the shell asks for. A refusal is found before libraft is called, which may have acted in part.
extension RaftEngine {
  // MARK: - Log

  func persisted(through number: WriteNumber, into update: inout RaftUpdate) throws(RaftFailure) {
    guard let done = try writes.complete(through: number) else { return }
    let durable = configuration.guards.contains(.checkPreconditions) ? done.proven : done.written
    guard installing == nil, durable > lastStored else { return }
    var event = raft_event()
    event.type = RAFT_PERSISTED_ENTRIES
    event.persisted_entries.index = durable.rawValue
    try drive(&event, "persisted entries", into: &update)
  }

  func submit(_ proposals: [Proposal], into update: inout RaftUpdate) throws(RaftFailure) {
    for proposal in proposals {
      precondition(proposal.payload.count <= LogEntry.payloadBytesMax, "a payload is too large")
    }
    let waiting = lastIndex.rawValue - min(lastIndex, commitIndex).rawValue
    update.refusal =
      refusalUnlessLeading
      ?? (waiting + UInt64(proposals.count) > UInt64(configuration.uncommittedEntriesMax)
        ? .tooManyUncommitted(limit: configuration.uncommittedEntriesMax) : nil)
    guard update.refusal == nil, !proposals.isEmpty else { return }
    try append(
      proposals.map { LogEntry(term: term, kind: $0.kind, payload: $0.payload) }, into: &update)
  }

  private func append(_ entries: [LogEntry], into update: inout RaftUpdate) throws(RaftFailure) {
    let batch = EntryBatch(entries[...])
    defer { batch.freeArray() }
    var event = raft_event()
    event.type = RAFT_SUBMIT
    event.submit.entries = batch.entries
    event.submit.n = UInt32(entries.count)
    let code = advance(event: &event)
    if code != 0 { batch.freeBatch() }
    try expect(code, "submit")
    // The array must outlive this: the update borrows it.
    let first = LogIndex(lastIndex.rawValue - UInt64(entries.count) + 1)
    try collect(EventSource(firstOffered: first, offered: entries), into: &update)
  }

  private var refusalUnlessLeading: RaftRefusal? {
    switch role {
    case .leader(transferringTo: nil): nil
    case .leader: .transferInProgress
    case .follower, .candidate: .notLeader
    }
  }

  // MARK: - Membership

  func change(_ change: MembershipChange, into update: inout RaftUpdate) throws(RaftFailure) {
    let (next, refusal) = decide(change)
    update.refusal = refusal
    guard let next, refusal == nil else { return }
    try append([LogEntry(term: term, kind: .change, payload: next.encoded)], into: &update)
  }

  private func decide(_ change: MembershipChange) -> (next: Membership?, refusal: RaftRefusal?) {
    if let refusal = refusalUnlessLeading { return (nil, refusal) }
    let guards = configuration.guards
    let present = membership
    guard raft.pointee.configuration_uncommitted_index == 0,
      raft.pointee.leader_state.promotee_id == 0
    else { return (nil, .changeInProgress) }
    guard let next = change.applied(to: present), !next.voters.isEmpty else {
      return (nil, .invalidChange)
    }
    if guards.contains(.changeOnlyAfterCommitInTerm), !hasCommittedInTerm {
      return (nil, .nothingCommittedInTerm)
    }
    if guards.contains(.freshTermForSoleVoter), present.voters.count == 2, next.voters.count == 1 {
      return (nil, .twoVotersLeft)
    }
    guard guards.contains(.promoteOnlyCaughtUp) else { return (next, nil) }
    // Every voter must know the members already, or too few may vote if this leader is lost.
    for voter in present.voters where voter != configuration.id {
      guard let match = matchIndex(of: voter), match >= committedIndex else {
        if case .remove(voter) = change { continue }
        if case .assign(voter, _) = change { continue }
        if case .retire(voter) = change { continue }
        return (nil, .voterLags(voter))
      }
    }
    for voter in next.voters where !present.voters.contains(voter) {
      guard catchUpState(of: voter) == .finished, let match = matchIndex(of: voter),
        match.rawValue + Self.promotionLagMax >= lastIndex.rawValue
      else { return (nil, .notCaughtUp(voter)) }
    }
    return (next, nil)
  }

  func catchUp(_ server: ReplicaID, into update: inout RaftUpdate) throws(RaftFailure) {
    update.refusal = refusalUnlessLeading
    guard update.refusal == nil else { return }
    guard server != configuration.id, let member = membership.server(server), member.role != .voter
    else {
      update.refusal = .unsuitableServer
      return
    }
    guard raft.pointee.leader_state.promotee_id == 0 else {
      update.refusal = .changeInProgress
      return
    }
    var event = raft_event()
    event.type = RAFT_CATCH_UP
    event.catch_up.server_id = server.rawValue
    try drive(&event, "catch up", into: &update)
  }

  // MARK: - Leadership

  func transfer(to target: ReplicaID?, into update: inout RaftUpdate) throws(RaftFailure) {
    update.refusal = refusalUnlessLeading
    guard update.refusal == nil else { return }
    let others = membership.voters.filter { $0 != configuration.id }
    guard target.map(others.contains) ?? !others.isEmpty else {
      update.refusal = .unsuitableServer
      return
    }
    var event = raft_event()
    event.type = RAFT_TRANSFER
    event.transfer.server_id = target?.rawValue ?? 0
    try drive(&event, "transfer", into: &update)
  }

  // MARK: - Snapshots

  func snapshotTaken(
    _ metadata: SnapshotMetadata, trailing: UInt32, into update: inout RaftUpdate
  ) throws(RaftFailure) {
    guard installing == nil, metadata.index <= applicableIndex,
      metadata.index.rawValue > raft.pointee.trail.snapshot.index,
      term(at: metadata.index) == metadata.term
    else {
      update.refusal = .snapshotNotAllowed
      return
    }
    var event = raft_event()
    event.type = RAFT_SNAPSHOT
    event.snapshot.metadata = try metadata.makeMetadata()
    event.snapshot.trailing = trailing
    try drive(&event, "snapshot", into: &update)
  }

  func snapshotInstalled(
    _ metadata: SnapshotMetadata, into update: inout RaftUpdate
  ) throws(RaftFailure) {
    guard metadata == installing else {
      throw RaftFailure(code: 0, reason: "a snapshot was installed that nobody ordered")
    }
    installing = nil
    committed = metadata.membership
    committedIndex = metadata.membershipIndex
    var event = raft_event()
    event.type = RAFT_PERSISTED_SNAPSHOT
    event.persisted_snapshot.metadata = try metadata.makeMetadata()
    event.persisted_snapshot.last = true
    try drive(&event, "persisted snapshot", into: &update)
    update.committedMembership = metadata.membership
  }
}
