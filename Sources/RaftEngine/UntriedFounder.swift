internal import ExchangeTypes

// G14: whether a founder's log, which holds the founding alone, may be a forgotten one.
//
// ```
// untried ──votes, or is elected, among logs that hold the founding alone──► tried
//    └──holds, durably, what its leader has committed in its own term──────► tried
// ```
//
// What a leader has committed in its own term stands behind everything that was ever committed, so whoever holds it holds
// all that he may have confirmed in an earlier life. The state is not kept: a founder that dies while it is brought the log
// counts as tried when it is back.
extension RaftStart {
  /// Whether this is a founder that has never voted and never had an entry of a leader's.
  var isUntried: Bool {
    snapshot == nil && firstIndex == LogIndex(1) && entries.count == 1 && applied.rawValue <= 1
      && hardState?.votedFor == nil && membership.voters.count > 1
  }
}

extension RaftEngine {
  /// Whether this replica's vote is kept from a candidate.
  func abstains(from request: RaftMessage.RequestVote) -> Bool {
    isUntried && request.lastLogIndex.rawValue > 1
  }

  /// Whether this replica must not stand: it holds part of a log.
  var mayNotStand: Bool { isUntried && lastIndex.rawValue > 1 }

  /// Looks whether this step has made a tried founder of an untried one.
  func settleFounder(_ update: RaftUpdate) {
    guard isUntried else { return }
    let hasVoted = update.messages.contains { envelope in
      guard case .requestVoteResult(let result) = envelope.message else { return false }
      return result.granted && !result.preVote
    }
    let known = applicableIndex
    let holdsAll = known.rawValue > 1 && term(at: known) == term
    if hasVoted || role.isLeader || holdsAll { isUntried = false }
  }
}
