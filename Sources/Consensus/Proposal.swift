public import ExchangeCore
public import ExchangeTypes

/// How a proposal ended.
public enum ProposalResult: Sendable {
  /// Committed and applied at `index`; one outcome for each of its commands.
  case applied(outcomes: [Outcome], index: LogIndex)
  /// It never entered the log: proposing it again cannot apply it twice.
  case refused(ProposalRefusal)
  /// Leadership was lost while it was in the log: it may be applied later, or never.
  case unknown
}

/// Why a proposal did not enter the log.
public enum ProposalRefusal: Sendable, Hashable {
  /// Another replica leads, or none.
  case notLeader(leader: ReplicaID?)
  /// Too much is uncommitted, or the disk budget is used up.
  case overloaded
}

/// How a linearizable read ended.
public enum ReadResult: Sendable, Hashable {
  /// The state is now at least as new as every write acknowledged before the read was asked for.
  case ready
  /// This replica does not lead, or no majority confirmed in time that it does.
  case unavailable
}

/// Proposals in the log that have not been applied yet, in log order.
struct WaitingProposals {
  private struct Waiting {
    let index: LogIndex
    let term: Term
    let completion: (ProposalResult) -> Void
  }
  private var waiting: [Waiting] = []
  private var head = 0

  mutating func add(
    index: LogIndex, term: Term, completion: @escaping (ProposalResult) -> Void
  ) {
    waiting.append(Waiting(index: index, term: term, completion: completion))
  }

  /// Takes the completion of the proposal at `index`, if it was ours and is the entry of `term`.
  mutating func take(at index: LogIndex, term: Term) -> ((ProposalResult) -> Void)? {
    guard head < waiting.count, waiting[head].index == index else { return nil }
    let found = waiting[head]
    head += 1
    if head == waiting.count {
      waiting.removeAll(keepingCapacity: true)
      head = 0
    } else if head > 1_024, head * 2 > waiting.count {
      waiting.removeFirst(head)
      head = 0
    }
    precondition(found.term == term, "an entry was replaced while its leader still led")
    return found.completion
  }

  /// Takes all completions: leadership is lost.
  mutating func takeAll() -> [(ProposalResult) -> Void] {
    let rest = waiting[head...].map(\.completion)
    waiting = []
    head = 0
    return rest
  }
}
