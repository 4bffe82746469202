internal import CRaft
internal import ExchangeTypes

/// What a follower makes of the news that its leader's process has ended.
///
/// libraft waits for its timer, and refuses its vote until that has fired: of two followers the one with the longer
/// timeout decides how long nobody leads. Whoever has been told that the process is gone need not wait.
///
/// ```
/// following L ──`memberEnded(L)`──► follows nobody, votes for others ──its turn──► asks for pre-votes
///      ▲                                 │                    └──another stands, or leads──► as ever
///      └── L speaks in its term: false ──┘
/// ```
/// The news may be false. Then this follower asks for pre-votes, and whoever hears the leader refuses; only where a majority
/// believed it is a leader deposed. Who has believed it once is deaf to it for a while, so that no leader after the other
/// is. What is durable is touched by none of it: votes are given as ever.
struct LeaderLoss {
  /// So many election timeouts after such news no other is believed.
  static let calmTimeouts: UInt64 = 10
  /// So many election timeouts after false news nothing of the kind is believed.
  static let deafTimeouts: UInt64 = 120

  /// Whose process is said to have ended.
  let leader: ReplicaID
  /// The term that it led.
  let term: Term
  /// When this replica stands, unless another has by then; nil once that is over.
  var standAt: UInt64?
}

extension RaftEngine {
  /// Milliseconds between the turns of two voters: enough for an election where nothing is slow.
  private var turn: UInt64 { UInt64(configuration.heartbeatInterval) << UInt64(patience.doublings) }

  /// Forgets the leader if it is this member: voters stand one after the other, in the order of the membership, and the
  /// first only when the others have had time to hear the same.
  func memberEnded(_ member: ReplicaID) {
    guard role == .follower(leader: member), deafUntil <= now, installing == nil,
      let place = membership.voters.filter({ $0 != member }).firstIndex(of: configuration.id)
    else { return }
    // As after a message of a later term: a follower that knows no leader refuses nobody for its sake.
    raft.pointee.follower_state.current_leader.id = 0
    deafUntil = now + LeaderLoss.calmTimeouts * UInt64(configuration.electionTimeout)
    loss = LeaderLoss(leader: member, term: term, standAt: now + turn / 4 + UInt64(place) * turn)
  }

  /// A timer has fired: if it is this replica's turn to stand, libraft's own timer is made to have fired.
  func standIfDue() {
    guard let due = loss?.standAt, due <= now else { return }
    // libraft does not stand before its log is durable, and would wait for its timer again.
    guard lastStored == lastIndex else {
      loss?.standAt = now + max(1, turn / 4)
      return
    }
    loss?.standAt = nil
    raft.pointee.follower_state.randomized_election_timeout = 0
  }

  /// Whoever waits for his turn waits no longer once somebody else has stood or leads.
  func settleLoss() {
    guard let loss, loss.standAt != nil else { return }
    if role != .follower(leader: nil) || term != loss.term { self.loss?.standAt = nil }
  }

  /// A leader that was said to be gone speaks: such news is not believed for a while.
  func noteLife(of sender: ReplicaID, in term: Term) {
    guard let loss, loss.leader == sender, loss.term == term else { return }
    self.loss = nil
    deafUntil = now + LeaderLoss.deafTimeouts * UInt64(configuration.electionTimeout)
  }
}
