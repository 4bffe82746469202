internal import Consensus
internal import ExchangeTypes
internal import RaftEngine

/// Planted bugs of what coordinators tell each other, and of the order that they keep.
enum PlantedDisorder {
  /// Exchanges two neighbours that the consensus algorithm cannot tell apart.
  static func swap(_ entries: inout [LogEntry]) {
    for (place, next) in zip(entries.indices, entries.indices.dropFirst()) {
      let (one, other) = (entries[place], entries[next])
      guard one.kind == .command, other.kind == .command, one.term == other.term,
        one.payload != other.payload
      else { continue }
      entries.swapAt(place, next)
      return
    }
  }

  /// What a follower with the bug reads instead of a message.
  static func read(_ message: PeerMessage, with bug: PlantedBug?) -> PeerMessage {
    guard bug == .appliedOutOfOrder, case .raft(.appendEntries(var body)) = message else {
      return message
    }
    swap(&body.entries)
    return .raft(.appendEntries(body))
  }

  /// What a follower with the bug answers before its disk has written anything.
  static func hastyAnswer(to message: PeerMessage, term: Term, with bug: PlantedBug?)
    -> RaftMessage?
  {
    guard bug == .answeredBeforePersisted, case .raft(.appendEntries(let body)) = message,
      body.term == term, !body.entries.isEmpty
    else { return nil }
    let last = LogIndex(body.prevLogIndex.rawValue + UInt64(body.entries.count))
    return .appendEntriesResult(.init(term: term, rejected: nil, lastLogIndex: last))
  }
}
