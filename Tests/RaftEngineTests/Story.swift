import ExchangeTypes
import RaftEngine

/// The words of the transcripts.
extension RaftEvent {
  var story: String {
    switch self {
    case .timeout: "timeout"
    case .receive(let message, let from): "n\(from): \(message.story)"
    case .memberEnded(let id): "n\(id) has ended"
    case .persisted: "persisted"
    case .submit(let proposals): "submit \(proposals.count)"
    case .change(.add(let server)): "add n\(server.id) as \(server.role)"
    case .change(.assign(let id, let role)): "make n\(id) \(role)"
    case .change(.remove(let id)): "remove n\(id)"
    case .change(.retire(let id)): "retire n\(id)"
    case .catchUp(let id): "catch up n\(id)"
    case .transfer(let id): "transfer to \(id.map { "n\($0)" } ?? "any")"
    case .snapshotTaken(let snapshot, _): "snapshot \(snapshot.index)^\(snapshot.term)"
    case .snapshotInstalled(let snapshot): "installed \(snapshot.index)^\(snapshot.term)"
    }
  }
}

extension RaftMessage {
  var story: String {
    switch self {
    case .requestVote(let body):
      "\(body.preVote ? "pre-vote" : "vote")? t\(body.term) last \(body.lastLogIndex)^\(body.lastLogTerm)"
    case .requestVoteResult(let body):
      "\(body.preVote ? "pre-vote" : "vote") \(body.granted ? "yes" : "no") t\(body.term)"
    case .appendEntries(let body):
      "append \(body.prevLogIndex)^\(body.prevLogTerm)+\(body.entries.count) commit \(body.leaderCommit)"
    case .appendEntriesResult(let body):
      body.rejected.map { "reject \($0), try \(body.lastLogIndex)" } ?? "match \(body.lastLogIndex)"
    case .installSnapshot(let body): "snapshot \(body.snapshot.index)^\(body.snapshot.term)"
    case .timeoutNow: "stand now"
    }
  }
}

extension RaftRole {
  var story: String {
    switch self {
    case .follower(nil): "follows nobody"
    case .follower(let leader?): "follows n\(leader)"
    case .candidate(let preVote): preVote ? "asks for pre-votes" : "asks for votes"
    case .leader(nil): "leads"
    case .leader(let target?): "hands over to n\(target)"
    }
  }
}

extension RaftUpdate {
  /// What followed, in words; nothing for a routine step.
  func effects(withMessages: Bool) -> [String] {
    var effects: [String] = []
    if let refusal { effects.append("refused: \(refusal)") }
    if let dropped { effects.append("dropped: \(dropped)") }
    if let hardState {
      effects.append("term \(hardState.term) vote \(hardState.votedFor.map { "n\($0)" } ?? "-")")
    }
    if let role { effects.append(role.story) }
    if let install { effects.append("installs \(install.snapshot.index)^\(install.snapshot.term)") }
    if let write {
      let last = write.first.rawValue + UInt64(write.entries.count) - 1
      let verb = write.truncates ? "overwrites" : "writes"
      effects.append("\(verb) \(write.first)...\(last)^\(write.entries.last?.term ?? Term(0))")
    }
    if let commitIndex { effects.append("commits \(commitIndex)") }
    if let committedMembership {
      let members = committedMembership.servers.map { "n\($0.id) \($0.role)" }
      effects.append("members \(members.joined(separator: " "))")
    }
    if withMessages { effects += messages.map { "to n\($0.to) \($0.message.story)" } }
    return effects
  }
}

extension ClusterNode {
  func tell(_ update: RaftUpdate, _ event: String) {
    guard cluster.trace != nil else { return }
    let effects = update.effects(withMessages: cluster.tracesMessages)
    if !effects.isEmpty { cluster.record("n\(id) [\(event)] \(effects.joined(separator: ", "))") }
  }
}
