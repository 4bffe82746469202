internal import Consensus
internal import ExchangeTypes
internal import RaftEngine

/// What coordinators tell each other about votes, terms and logs is true, whatever life they are in.
///
/// Each rule is one that the consensus algorithm builds on (Raft, figure 2), and that a disk which forgets or an
/// engine without a guard breaks long before two replicas differ.
final class MessageChecker {
  private struct Direction: Hashable {
    let from: ReplicaID
    let to: ReplicaID
  }

  private struct Ballot: Hashable {
    let term: Term
    let voter: ReplicaID
  }

  /// A follower that turns down one entry after the other, each one below the last.
  private struct Descent {
    var term: Term
    var rejected: LogIndex
    var steps = 0
  }

  /// So many rejections, one entry apart, are a search that walks: the answer names a better place at once.
  private static let descentMax = 5

  private unowned let simulation: Simulation
  private var ballots: [Ballot: ReplicaID] = [:]
  private var spoken: [ReplicaID: Term] = [:]
  private var late: [Direction: Set<LogIndex>] = [:]
  private var descents: [Direction: Descent] = [:]

  init(_ simulation: Simulation) { self.simulation = simulation }

  /// A coordinator has been sent something, which it has not read yet.
  func arrives(_ message: RaftMessage, at receiver: SimulatedCoordinator, from sender: ReplicaID) {
    guard case .appendEntries(let body) = message, let replica = receiver.replica,
      body.term < replica.term
    else { return }
    // An answer to a leader of the past says no more than that there is a later term.
    late[Direction(from: receiver.id, to: sender), default: []].insert(body.prevLogIndex)
  }

  /// A coordinator tells another something.
  func sends(
    _ message: RaftMessage, from sender: SimulatedCoordinator, _ replica: Replica,
    to receiver: ReplicaID
  ) {
    checkTerm(message, of: sender.id)
    if case .requestVote = message, simulation.former.contains(where: { $0 === sender }) {
      simulation.mark(.removedMemberKnocked)
    }
    switch message {
    case .requestVote(let body) where !body.preVote:
      note(vote: sender.id, for: sender.id, in: body.term)
    case .requestVoteResult(let body) where body.granted && !body.preVote:
      note(vote: sender.id, for: receiver, in: body.term)
    case .appendEntries(let body):
      if body.term == replica.term, let match = replica.matchIndex(of: receiver),
        body.prevLogIndex < match
      {
        fail(sender.id, "sends \(receiver) what follows \(body.prevLogIndex), which holds \(match)")
      }
    case .appendEntriesResult(let body):
      if body.term == replica.term { check(body, from: sender, replica, to: receiver) }
    case .requestVote, .requestVoteResult, .installSnapshot, .timeoutNow: break
    }
  }

  /// Nobody speaks of a term below one that he has spoken in before, in this life or an earlier one.
  private func checkTerm(_ message: RaftMessage, of sender: ReplicaID) {
    let known = spoken[sender] ?? Term(0)
    if message.term < known {
      fail(sender, "speaks in term \(message.term) after it spoke in \(known)")
    }
    switch message {
    // What would be a term is none yet.
    case .requestVote(let body) where body.preVote: return
    case .requestVoteResult(let body) where body.preVote: return
    default: spoken[sender] = max(known, message.term)
    }
  }

  /// A voter has one vote a term.
  private func note(vote voter: ReplicaID, for candidate: ReplicaID, in term: Term) {
    let ballot = Ballot(term: term, voter: voter)
    guard let before = ballots.updateValue(candidate, forKey: ballot), before != candidate else {
      return
    }
    fail(voter, "votes for \(before) and for \(candidate) in term \(term)")
  }

  private func check(
    _ answer: RaftMessage.AppendEntriesResult, from sender: SimulatedCoordinator,
    _ replica: Replica, to receiver: ReplicaID
  ) {
    let direction = Direction(from: sender.id, to: receiver)
    guard let rejected = answer.rejected else {
      descents[direction] = nil
      // What a follower says that it holds decides what is committed.
      if answer.lastLogIndex > sender.disk.lastEntry {
        fail(
          sender.id,
          "says that it holds \(answer.lastLogIndex), its disk ends at \(sender.disk.lastEntry)")
      }
      if answer.lastLogIndex > replica.lastIndex {
        fail(
          sender.id,
          "says that it holds \(answer.lastLogIndex), its log ends at \(replica.lastIndex)"
        )
      }
      // It vouches for its log: a write that ended says nothing of entries that were dropped while it went on.
      if let durable = sender.disk.term(at: answer.lastLogIndex),
        let held = replica.term(at: answer.lastLogIndex), durable != held
      {
        fail(
          sender.id,
          "says that it holds \(answer.lastLogIndex) of term \(held), its disk has that of term \(durable)"
        )
      }
      // A leader's log is the truth in its term, and it drops nothing of it.
      if let leader = simulation.coordinators.first(where: { $0.id == receiver }),
        leader.isLeader, leader.replica?.term == answer.term,
        let theirs = leader.disk.term(at: answer.lastLogIndex),
        let own = sender.disk.term(at: answer.lastLogIndex), own != theirs
      {
        fail(
          sender.id,
          "says that it holds \(answer.lastLogIndex), and its disk has another entry there")
      }
      return
    }
    guard late[direction]?.contains(rejected) != true else {
      if simulation.elections.leader(of: answer.term) != receiver, answer.lastLogIndex > LogIndex(0)
      {
        fail(sender.id, "names \(answer.lastLogIndex) to \(receiver), a leader of the past")
      }
      return
    }
    if rejected <= replica.applied {
      fail(sender.id, "turns down entry \(rejected), which it has applied")
    }
    noteDescent(rejected, answer, direction, applied: replica.applied)
  }

  /// Where logs differ, a follower names a place from which they agree: a leader need not try entry by entry.
  private func noteDescent(
    _ rejected: LogIndex, _ answer: RaftMessage.AppendEntriesResult, _ direction: Direction,
    applied: LogIndex
  ) {
    guard answer.lastLogIndex.next == rejected, applied < answer.lastLogIndex else {
      descents[direction] = nil
      return
    }
    var descent =
      descents[direction].flatMap { $0.term == answer.term ? $0 : nil }
      ?? Descent(term: answer.term, rejected: rejected.next)
    guard rejected < descent.rejected else { return }
    descent.steps = rejected.next == descent.rejected ? descent.steps + 1 : 1
    descent.rejected = rejected
    descents[direction] = descent
    if descent.steps >= Self.descentMax {
      simulation.fail(
        "liveness",
        "\(direction.from) turns down one entry after the other, down to \(rejected), having applied \(applied)"
      )
    }
  }

  private func fail(_ sender: ReplicaID, _ what: String) {
    simulation.fail("P1", "c\(sender) \(what)")
  }
}
