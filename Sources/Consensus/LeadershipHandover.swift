public import ExchangeTypes

/// Gives leadership away before a coordinator stops, or because an operator asks: which voter is asked, how long
/// is waited for it, when that is over.
///
/// ```
///            ┌──────────── that voter did not take it: the next best ◄────────────┐
///            ▼                                                                    │
/// leading ──`.transfer`──► asked (takes no entries) ──one election timeout──► leading again
///    │                        └──another's term──► follows nobody ──hears who──► over: another leads
///    ├── no voter that answers is left ──► over: no successor
///    └── in any state, at the deadline ──► over: time is over
/// ```
///
/// A value: it is shown how things stand (`View`) and says what follows. It keeps its place until it is over, so
/// that a process that stops can still pass its clients' requests to the new leader.
public struct LeadershipHandover: Sendable, Hashable {
  /// A voter that could lead.
  public struct Successor: Sendable, Hashable {
    /// The voter.
    public let id: ReplicaID
    /// The highest index known to be durable there.
    public let match: LogIndex
    /// Milliseconds since it last answered; nil if it has not in this term.
    public let contactAge: UInt64?
    /// Joins the parts.
    public init(id: ReplicaID, match: LogIndex, contactAge: UInt64?) {
      self.id = id
      self.match = match
      self.contactAge = contactAge
    }
  }

  /// How things stand at this replica.
  public enum View: Sendable, Hashable {
    /// It leads, and nobody has been asked, or who was asked did not take it in time.
    case leading([Successor])
    /// It leads until the voter that was asked has been elected.
    case transferring
    /// It does not lead; who does, if it knows.
    case following(ReplicaID?)
  }

  /// What follows.
  public enum Step: Sendable, Hashable {
    /// Ask this voter to stand for election, then show how things stand.
    case transfer(to: ReplicaID)
    /// Show again how things stand when they have changed, at the latest at this moment.
    case wait(until: UInt64)
    /// It is over.
    case over(Ending)
  }

  /// How it ended.
  public enum Ending: Sendable, Hashable {
    /// This voter leads now.
    case led(by: ReplicaID)
    /// This replica did not lead in the first place.
    case notLeading
    /// No other voter answers, or the one that was named does not.
    case noSuccessor
    /// Nobody had taken over when the time was up.
    case timeIsOver
  }

  /// Milliseconds without an answer after which a voter is not asked.
  private let silenceMax: UInt64
  private let deadline: UInt64
  private let target: ReplicaID?
  private var asked: [ReplicaID] = []

  /// A handover that begins now.
  ///
  /// - Parameters:
  ///   - target: the only voter that may take over; nil for whichever is furthest.
  ///   - electionTimeout: the group's, in milliseconds: three of them are the longest that it takes.
  ///   - now: monotonic milliseconds.
  public init(to target: ReplicaID?, electionTimeout: UInt64, now: UInt64) {
    self.target = target
    silenceMax = electionTimeout
    deadline = now + 3 * electionTimeout
  }

  /// What follows from how things stand.
  ///
  /// - Parameters:
  ///   - view: how they stand.
  ///   - now: monotonic milliseconds.
  /// - Returns: what to do; after `.over` nothing more.
  public mutating func next(_ view: View, now: UInt64) -> Step {
    switch view {
    case .following where asked.isEmpty:
      return .over(.notLeading)
    case .following(let leader?):
      return .over(.led(by: leader))
    case .following(nil), .transferring:
      return now < deadline ? .wait(until: deadline) : .over(.timeIsOver)
    case .leading(let successors):
      guard now < deadline else { return .over(.timeIsOver) }
      guard let best = best(of: successors) else { return .over(.noSuccessor) }
      asked.append(best)
      return .transfer(to: best)
    }
  }

  /// The voter that answers and is furthest, of those not asked yet; the first of equals.
  private func best(of successors: [Successor]) -> ReplicaID? {
    var best: Successor?
    for successor in successors where !asked.contains(successor.id) {
      guard target.map({ $0 == successor.id }) ?? true, let age = successor.contactAge,
        age < silenceMax
      else { continue }
      if best.map({ successor.match > $0.match }) ?? true { best = successor }
    }
    return best?.id
  }
}
