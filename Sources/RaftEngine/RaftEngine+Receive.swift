internal import CRaft
internal import ExchangeTypes

/// Messages: what is wrong with one is found here, since libraft only asserts it.
extension RaftEngine {
  func receive(
    _ message: RaftMessage, from sender: ReplicaID, into update: inout RaftUpdate
  ) throws(RaftFailure) {
    if case .requestVoteResult(let body) = message, body.granted, !body.preVote, body.term < term {
      patience.noteLateVote(of: body.term, at: now)
    }
    if configuration.guards.contains(.checkPreconditions),
      let reason = reasonToDrop(message, from: sender)
    {
      update.dropped = reason
      return
    }
    switch message {
    case .appendEntries(let body):
      noteLife(of: sender, in: body.term)
      try receiveEntries(rebased(body), from: sender, into: &update)
    case .appendEntriesResult(let body):
      try receiveResult(body, from: sender, into: &update)
    case .installSnapshot(let body):
      noteLife(of: sender, in: body.term)
      try receiveSnapshot(body, from: sender, into: &update)
    case .requestVote(let body):
      guard !abstains(from: body) else {
        update.dropped = .untriedFounder
        return
      }
      var raw = raft_message()
      raw.type = RAFT_REQUEST_VOTE
      raw.request_vote = raft_request_vote(
        version: 2, term: body.term.rawValue, candidate_id: sender.rawValue,
        last_log_index: body.lastLogIndex.rawValue, last_log_term: body.lastLogTerm.rawValue,
        disrupt_leader: body.disruptLeader, pre_vote: body.preVote)
      try deliver(raw, from: sender, EventSource(message: message), into: &update)
    case .requestVoteResult(let body):
      var raw = raft_message()
      raw.type = RAFT_REQUEST_VOTE_RESULT
      raw.request_vote_result = raft_request_vote_result(
        version: 2, term: body.term.rawValue, vote_granted: body.granted, pre_vote: body.preVote,
        features: 1, capacity: .max)
      try deliver(raw, from: sender, EventSource(message: message), into: &update)
    case .timeoutNow(let body):
      var raw = raft_message()
      raw.type = RAFT_TIMEOUT_NOW
      raw.timeout_now = raft_timeout_now(
        version: 0, term: body.term.rawValue, last_log_index: body.lastLogIndex.rawValue,
        last_log_term: body.lastLogTerm.rawValue)
      try deliver(raw, from: sender, EventSource(message: message), into: &update)
    }
  }

  private func deliver(
    _ raw: raft_message, from sender: ReplicaID, _ source: EventSource,
    into update: inout RaftUpdate
  ) throws(RaftFailure) {
    var raw = raw
    raw.server_id = sender.rawValue
    // libraft wants an address to echo; members are named by id here, so any constant per id will do.
    let code = sender.description.withCString { address in
      raw.server_address = address
      return withUnsafeMutablePointer(to: &raw) { pointer in
        var event = raft_event()
        event.type = RAFT_RECEIVE
        event.receive.message = pointer
        return advance(event: &event)
      }
    }
    try expect(code, "receive")
    try collect(source, into: &update)
  }

  // MARK: - Entries

  /// G2: `body` without the part that is committed here; the leader of its term has that too.
  private func rebased(_ body: RaftMessage.AppendEntries) -> RaftMessage.AppendEntries {
    guard configuration.guards.contains(.rebaseOnCommitted), installing == nil,
      body.term >= term, let base = knownCommitted, body.prevLogIndex < base.index
    else { return body }
    let known = min(base.index.rawValue - body.prevLogIndex.rawValue, UInt64(body.entries.count))
    var body = body
    body.entries.removeFirst(Int(known))
    body.prevLogIndex = base.index
    body.prevLogTerm = base.term
    return body
  }

  private func receiveEntries(
    _ body: RaftMessage.AppendEntries, from sender: ReplicaID, into update: inout RaftUpdate
  ) throws(RaftFailure) {
    var part = body
    var rest = body.entries[...]
    repeat {
      // G1: up to the next change of membership, which libraft must find in the first place.
      let end =
        configuration.guards.contains(.splitChanges)
        ? rest.dropFirst().firstIndex { $0.kind == .change } ?? rest.endIndex : rest.endIndex
      part.entries = Array(rest[..<end])
      rest = rest[end...]
      let sent = update.messages.count
      try receivePart(part, from: sender, into: &update)
      for case .appendEntriesResult(let answer) in update.messages[sent...].map(\.message)
      where answer.rejected != nil || answer.term > part.term { return }
      part.prevLogIndex = LogIndex(part.prevLogIndex.rawValue + UInt64(part.entries.count))
      part.prevLogTerm = part.entries.last?.term ?? part.prevLogTerm
    } while !rest.isEmpty
  }

  private func receivePart(
    _ body: RaftMessage.AppendEntries, from sender: ReplicaID, into update: inout RaftUpdate
  ) throws(RaftFailure) {
    var raw = raft_message()
    raw.type = RAFT_APPEND_ENTRIES
    raw.append_entries = raft_append_entries(
      version: 0, term: body.term.rawValue, prev_log_index: body.prevLogIndex.rawValue,
      prev_log_term: body.prevLogTerm.rawValue, leader_commit: body.leaderCommit.rawValue,
      entries: nil, n_entries: UInt32(body.entries.count))
    let batch = body.entries.isEmpty ? nil : EntryBatch(body.entries[...])
    raw.append_entries.entries = batch?.entries
    // libraft frees the batch of entries that it refuses, and passes on that of entries that it takes.
    defer { batch?.freeArray() }
    try deliver(
      raw, from: sender,
      EventSource(
        message: .appendEntries(body), firstOffered: body.prevLogIndex.next, offered: body.entries),
      into: &update)
  }

  private func receiveResult(
    _ body: RaftMessage.AppendEntriesResult, from sender: ReplicaID, into update: inout RaftUpdate
  ) throws(RaftFailure) {
    var body = body
    if role.isLeader, body.term == term {
      contacts.heard(from: sender, at: now)
      if body.rejected == nil { contacts.confirmed(by: sender) }
      if configuration.guards.contains(.noPhantomMatch), body.rejected == nil,
        body.lastLogIndex > lastIndex
      {
        update.dropped = .malformed(rule: "a match beyond the leader's log")
        return
      }
      if configuration.guards.contains(.ignoreStaleRejections), let rejected = body.rejected,
        let match = matchIndex(of: sender), rejected <= match
      {
        if body.lastLogIndex < match {
          contacts.denied(
            by: sender, holding: body.lastLogIndex, at: now,
            within: UInt64(configuration.electionTimeout))
        }
        body.rejected = nil
        body.lastLogIndex = match
      }
    }
    var raw = raft_message()
    raw.type = RAFT_APPEND_ENTRIES_RESULT
    raw.append_entries_result = raft_append_entries_result(
      version: 2, term: body.term.rawValue, rejected: body.rejected?.rawValue ?? 0,
      last_log_index: body.lastLogIndex.rawValue, features: 1, capacity: .max)
    try deliver(
      raw, from: sender, EventSource(message: .appendEntriesResult(body)), into: &update)
  }

  // MARK: - Snapshots

  private func receiveSnapshot(
    _ body: RaftMessage.InstallSnapshot, from sender: ReplicaID, into update: inout RaftUpdate
  ) throws(RaftFailure) {
    if installing != nil, configuration.guards.contains(.oneInstallationAtATime) {
      update.dropped = .installing
      return
    }
    let snapshot = body.snapshot
    let manifest = RaftHeap.allocate(body.manifest.count)
    manifest.copyMemory(from: body.manifest, byteCount: body.manifest.count)
    var raw = raft_message()
    raw.type = RAFT_INSTALL_SNAPSHOT
    raw.install_snapshot = raft_install_snapshot(
      version: 0, term: body.term.rawValue, last_index: snapshot.index.rawValue,
      last_term: snapshot.term.rawValue, conf: try snapshot.membership.makeConfiguration(),
      conf_index: snapshot.membershipIndex.rawValue,
      data: raft_buffer(base: manifest, len: body.manifest.count))
    try deliver(raw, from: sender, EventSource(message: .installSnapshot(body)), into: &update)
  }

  // MARK: - Rules

  /// No honest cluster gets here; beyond it, adding one could wrap around inside libraft.
  private static let numberMax = UInt64.max / 2

  /// G9: why `message` must not reach libraft; nil if it may.
  private func reasonToDrop(_ message: RaftMessage, from sender: ReplicaID) -> DropReason? {
    guard sender.rawValue > 0, sender != configuration.id else {
      return .malformed(rule: "a sender other than this replica")
    }
    guard message.term.rawValue > 0 else { return .malformed(rule: "a term above zero") }
    guard message.term.rawValue < Self.numberMax else {
      return .malformed(rule: "a term that fits")
    }
    switch message {
    case .requestVote(let body):
      guard (body.lastLogIndex.rawValue == 0) == (body.lastLogTerm.rawValue == 0),
        body.lastLogTerm <= body.term
      else { return .malformed(rule: "a last term that fits the last index and the term") }
    case .requestVoteResult(let body):
      // A vote for nobody would be read from the wrong arm of libraft's union.
      guard case .candidate(let preVote) = role else { return .stale }
      if preVote, body.granted, body.term > Term(term.rawValue + 1) {
        return .malformed(rule: "a granted pre-vote in the term asked for")
      }
    case .appendEntries(let body):
      return malformed(body).map { .malformed(rule: $0) }
    case .appendEntriesResult(let body):
      guard body.rejected?.rawValue != 0 else {
        return .malformed(rule: "a rejected index above 0")
      }
    case .installSnapshot(let body):
      let snapshot = body.snapshot
      if role.isLeader, body.term == term { return .malformed(rule: "one leader in a term") }
      guard (1..<Self.numberMax).contains(snapshot.index.rawValue), snapshot.term.rawValue > 0,
        snapshot.term <= body.term
      else { return .malformed(rule: "a snapshot of an entry in the past") }
      guard !snapshot.membership.servers.isEmpty, snapshot.membershipIndex.rawValue > 0,
        snapshot.membershipIndex <= snapshot.index
      else { return .malformed(rule: "a snapshot with its members") }
    case .timeoutNow(let body):
      guard body.lastLogTerm <= body.term else {
        return .malformed(rule: "a last term that fits the term")
      }
    }
    return nil
  }

  /// The rule that these entries break, if any.
  private func malformed(_ body: RaftMessage.AppendEntries) -> String? {
    if role.isLeader, body.term == term { return "one leader in a term" }
    guard (body.prevLogIndex.rawValue == 0) == (body.prevLogTerm.rawValue == 0) else {
      return "a previous term exactly where there is a previous index"
    }
    guard UInt32(exactly: body.entries.count) != nil,
      body.prevLogIndex.rawValue < Self.numberMax
    else { return "indices that fit" }
    var previous = body.prevLogTerm
    for entry in body.entries {
      guard entry.term.rawValue > 0, previous <= entry.term, entry.term <= body.term else {
        return "entry terms in order"
      }
      guard entry.payload.count <= LogEntry.payloadBytesMax else {
        return "payloads of bounded size"
      }
      if entry.kind == .change, Membership(encoded: entry.payload) == nil {
        return "a membership that decodes"
      }
      previous = entry.term
    }
    return nil
  }
}
