internal import ExchangeTypes

/// Confirms, a round at a time, that a leader still leads, so that reads from its memory are
/// linearizable: the ReadIndex method (Ongaro's dissertation, §6.4), since libraft has none.
///
/// ```
/// idle ──read──► round(nonce) ──majority──► reads wait for applied ≥ round's commit index ──► ready
///                   │  reads that arrive now wait for the next round
///                   └─ deadline or leadership lost ──► unavailable
/// ```
struct ReadConfirmation {
  typealias Completion = (ReadResult) -> Void

  private struct Round {
    let nonce: UInt64
    let index: LogIndex
    let deadline: UInt64
    var confirmed: Set<ReplicaID>
    var reads: [Completion]
  }

  private var round: Round?
  private var next: [Completion] = []
  private var lastNonce: UInt64 = 0
  private var confirmedReads: [(index: LogIndex, completion: Completion)] = []

  /// Whether reads wait for a round to begin.
  var wantsRound: Bool { round == nil && !next.isEmpty }
  /// When the round in progress gives up, in monotonic milliseconds.
  var deadline: UInt64? { round?.deadline }

  mutating func add(_ completion: @escaping Completion) { next.append(completion) }

  /// Begins a round for every read that waits; answers its nonce.
  mutating func begin(index: LogIndex, self id: ReplicaID, deadline: UInt64) -> UInt64 {
    precondition(round == nil)
    lastNonce += 1
    round = Round(
      nonce: lastNonce, index: index, deadline: deadline, confirmed: [id], reads: next)
    next = []
    return lastNonce
  }

  /// Counts a confirmation.
  mutating func confirm(nonce: UInt64, by peer: ReplicaID) {
    guard round?.nonce == nonce else { return }
    round?.confirmed.insert(peer)
  }

  /// Ends the round if a majority of `voters` confirmed it.
  mutating func finishIfConfirmed(voters: [ReplicaID]) {
    guard let current = round else { return }
    let count = voters.count { current.confirmed.contains($0) }
    guard count > voters.count / 2 else { return }
    confirmedReads += current.reads.map { (current.index, $0) }
    round = nil
  }

  /// Takes the reads that `applied` satisfies.
  mutating func takeReady(applied: LogIndex) -> [Completion] {
    guard !confirmedReads.isEmpty else { return [] }
    let ready = confirmedReads.filter { $0.index <= applied }.map(\.completion)
    confirmedReads.removeAll { $0.index <= applied }
    return ready
  }

  /// Takes the reads of a round that did not end in time.
  mutating func takeExpired(now: UInt64) -> [Completion] {
    guard let current = round, current.deadline <= now else { return [] }
    round = nil
    return current.reads
  }

  /// Takes every read: leadership is lost.
  mutating func takeAll() -> [Completion] {
    let all = (round?.reads ?? []) + next + confirmedReads.map(\.completion)
    round = nil
    next = []
    confirmedReads = []
    return all
  }
}
