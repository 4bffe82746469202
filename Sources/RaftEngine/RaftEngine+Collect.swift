internal import CRaft
internal import ExchangeTypes

/// What a step of libraft was about: its output is matched and mended with this.
struct EventSource {
  /// The message received, if it was one.
  var message: RaftMessage?
  /// The index of the first of `offered`.
  var firstOffered = LogIndex(0)
  /// Entries that libraft may ask to persist.
  var offered: [LogEntry] = []
}

/// Reads a `raft_update` at once, since much of it is valid until the next step only.
extension RaftEngine {
  func collect(_ source: EventSource, into update: inout RaftUpdate) throws(RaftFailure) {
    let flags = Int32(bitPattern: output.flags)
    if flags & RAFT_UPDATE_SNAPSHOT != 0 { try collectSnapshot(into: &update) }
    if flags & RAFT_UPDATE_ENTRIES != 0 { try collectEntries(source, into: &update) }
    if flags & RAFT_UPDATE_MESSAGES != 0 {
      for place in 0..<Int(output.messages.n) {
        try collectMessage(output.messages.batch[place], source, into: &update)
      }
    }
  }

  // MARK: - Log

  private func collectEntries(
    _ source: EventSource, into update: inout RaftUpdate
  ) throws(RaftFailure) {
    let first = LogIndex(output.entries.index)
    let count = Int(output.entries.n)
    guard count > 0, let raw = output.entries.batch else {
      throw RaftFailure(code: 0, reason: "libraft asks to persist nothing")
    }
    defer { raft_free(raw[0].batch) }  // the array is ours, the message's or libraft's own
    let entries = try (0..<count).map { (place) throws(RaftFailure) in
      try entry(raw[place], at: LogIndex(first.rawValue + UInt64(place)), source)
    }
    trackChanges(from: first, entries, after: committedIndex)
    let last = LogIndex(first.rawValue + UInt64(count) - 1)
    guard last == lastIndex else {
      throw RaftFailure(code: 0, reason: "libraft's log does not end with its new entries")
    }
    let truncates = first <= lastIssued
    lastIssued = last
    let number = writes.issue(first: first, last: last)
    guard let earlier = update.write else {
      update.write = LogWrite(number: number, first: first, entries: entries, truncates: truncates)
      return
    }
    guard earlier.first.rawValue + UInt64(earlier.entries.count) == first.rawValue else {
      throw RaftFailure(code: 0, reason: "parts of one message do not follow each other")
    }
    update.write = LogWrite(
      number: number, first: earlier.first, entries: earlier.entries + entries,
      truncates: earlier.truncates)
  }

  /// The entry that libraft means: the one offered at that index, or one of its own making.
  private func entry(
    _ raw: raft_entry, at index: LogIndex, _ source: EventSource
  ) throws(RaftFailure) -> LogEntry {
    guard let kind = LogEntry.Kind(rawValue: UInt8(truncatingIfNeeded: raw.type.rawValue)) else {
      throw RaftFailure(code: 0, reason: "libraft made an entry of unknown kind")
    }
    let term = Term(raw.term)
    if index >= source.firstOffered {
      let place = Int(index.rawValue - source.firstOffered.rawValue)
      if place < source.offered.count {
        let entry = source.offered[place]
        guard entry.term == term, entry.kind == kind else {
          throw RaftFailure(code: 0, reason: "libraft changed an entry")
        }
        return entry
      }
    }
    guard kind == .barrier else {
      throw RaftFailure(code: 0, reason: "libraft made an entry that nobody offered")
    }
    return LogEntry(term: term, kind: kind, payload: [])
  }

  private func collectSnapshot(into update: inout RaftUpdate) throws(RaftFailure) {
    let raw = output.snapshot
    var configuration = raw.metadata.configuration
    defer {
      raft_configuration_close(&configuration)
      raft_free(raw.chunk.base)
    }
    let metadata = SnapshotMetadata(
      index: LogIndex(raw.metadata.index), term: Term(raw.metadata.term),
      membership: try Membership(configuration),
      membershipIndex: LogIndex(raw.metadata.configuration_index))
    installing = metadata
    writes.voidAll()
    pendingChanges.removeAll()
    lastIssued = metadata.index
    update.install = SnapshotInstall(
      snapshot: metadata,
      manifest: Array(UnsafeRawBufferPointer(start: raw.chunk.base, count: raw.chunk.len)))
  }

  // MARK: - Messages

  private func collectMessage(
    _ raw: raft_message, _ source: EventSource, into update: inout RaftUpdate
  ) throws(RaftFailure) {
    let to = ReplicaID(raw.server_id)
    func send(_ message: RaftMessage) {
      update.messages.append(Envelope(to: to, message: message))
    }
    switch raw.type {
    case RAFT_REQUEST_VOTE:
      guard !mayNotStand else { return }
      let body = raw.request_vote
      send(
        .requestVote(
          .init(
            term: Term(body.term), lastLogIndex: LogIndex(body.last_log_index),
            lastLogTerm: Term(body.last_log_term), disruptLeader: body.disrupt_leader,
            preVote: body.pre_vote)))
    case RAFT_REQUEST_VOTE_RESULT:
      send(.requestVoteResult(mended(raw.request_vote_result, source)))
    case RAFT_APPEND_ENTRIES:
      try collectAppend(raw.append_entries, update.write).forEach { send(.appendEntries($0)) }
    case RAFT_APPEND_ENTRIES_RESULT:
      send(.appendEntriesResult(mended(raw.append_entries_result, source)))
    case RAFT_INSTALL_SNAPSHOT:
      let body = raw.install_snapshot
      // A newer snapshot than asked is as good, if all that names it is replaced together.
      guard let (metadata, manifest) = log.snapshot() else { return }
      guard metadata.index.rawValue >= body.last_index else {
        throw RaftFailure(code: 0, reason: "the newest snapshot is older than one announced")
      }
      send(
        .installSnapshot(.init(term: Term(body.term), snapshot: metadata, manifest: manifest)))
    case RAFT_TIMEOUT_NOW:
      let body = raw.timeout_now
      let order = RaftMessage.timeoutNow(
        .init(
          term: Term(body.term), lastLogIndex: LogIndex(body.last_log_index),
          lastLogTerm: Term(body.last_log_term)))
      if configuration.guards.contains(.standOnlyWhenMatched), matchIndex(of: to) != lastIndex {
        heldOrder = Envelope(to: to, message: order)
      } else {
        send(order)
      }
    default:
      throw RaftFailure(code: 0, reason: "libraft sends a message of unknown type")
    }
  }

  /// G4: the answer with this replica's own term, where the request's was lower.
  private func mended(
    _ raw: raft_request_vote_result, _ source: EventSource
  ) -> RaftMessage.RequestVoteResult {
    var result = RaftMessage.RequestVoteResult(
      term: Term(raw.term), granted: raw.vote_granted, preVote: raw.pre_vote)
    if configuration.guards.contains(.honestPreVoteTerm),
      case .requestVote(let request) = source.message,
      request.preVote, request.term < term
    {
      result.term = term
    }
    return result
  }

  /// G5 and G6: the answer without an index that was never set, and with a better place to try next.
  private func mended(
    _ raw: raft_append_entries_result, _ source: EventSource
  ) -> RaftMessage.AppendEntriesResult {
    var result = RaftMessage.AppendEntriesResult(
      term: Term(raw.term), rejected: raw.rejected == 0 ? nil : LogIndex(raw.rejected),
      lastLogIndex: LogIndex(raw.last_log_index))
    if configuration.guards.contains(.noPhantomMatch), let request = source.message,
      request.term < result.term
    {
      result.lastLogIndex = LogIndex(0)
    }
    if configuration.guards.contains(.hintCommitted), let rejected = result.rejected,
      case .appendEntries(let request) = source.message, request.term == result.term,
      result.lastLogIndex.next == rejected, let committed = knownCommitted,
      committed.index < result.lastLogIndex
    {
      result.lastLogIndex = committed.index
    }
    return result
  }

  /// An outgoing run of entries with its payloads, divided so that no message grows without bound.
  private func collectAppend(
    _ raw: raft_append_entries, _ write: LogWrite?
  ) throws(RaftFailure) -> [RaftMessage.AppendEntries] {
    var message = RaftMessage.AppendEntries(
      term: Term(raw.term), prevLogIndex: LogIndex(raw.prev_log_index),
      prevLogTerm: Term(raw.prev_log_term), leaderCommit: LogIndex(raw.leader_commit), entries: [])
    let entries = try payloads(from: message.prevLogIndex.next, count: Int(raw.n_entries), write)
    var messages: [RaftMessage.AppendEntries] = []
    var bytes = 0
    for entry in entries {
      if bytes + entry.payload.count > configuration.appendBytesMax, let last = message.entries.last
      {
        messages.append(message)
        message.prevLogIndex = LogIndex(
          message.prevLogIndex.rawValue + UInt64(message.entries.count))
        message.prevLogTerm = last.term
        message.entries = []
        bytes = 0
      }
      message.entries.append(entry)
      bytes += entry.payload.count
    }
    return messages + [message]
  }

  /// Entries from this very update, which the shell has not seen yet, and from its log before them.
  private func payloads(
    from first: LogIndex, count: Int, _ write: LogWrite?
  ) throws(RaftFailure) -> [LogEntry] {
    guard count > 0 else { return [] }
    let end = first.rawValue + UInt64(count)
    let fresh = write.map { max($0.first.rawValue, first.rawValue) } ?? end
    var entries: [LogEntry] = []
    if first.rawValue < fresh {
      let wanted = Int(min(fresh, end) - first.rawValue)
      entries = log.entries(from: first, count: wanted)
      guard entries.count == wanted else {
        throw RaftFailure(code: 0, reason: "the log lacks entries from \(first) on")
      }
    }
    if let write, fresh < end {
      let from = Int(fresh - write.first.rawValue)
      let to = Int(end - write.first.rawValue)
      guard to <= write.entries.count else {
        throw RaftFailure(code: 0, reason: "libraft sends entries beyond its log")
      }
      entries += write.entries[from..<to]
    }
    return entries
  }
}
