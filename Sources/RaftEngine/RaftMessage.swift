public import ExchangeTypes

/// A message between two members, as plain values; `WireProtocol` gives it bytes.
///
/// Field names follow the RPCs of the Raft dissertation (figures 3.1, 3.2 and 5.3) as `raft.h` has them.
public enum RaftMessage: Hashable, Sendable {
  /// Asks for a vote.
  case requestVote(RequestVote)
  /// Answers a request for a vote.
  case requestVoteResult(RequestVoteResult)
  /// Carries entries, or none as a heartbeat.
  case appendEntries(AppendEntries)
  /// Answers entries and snapshots.
  case appendEntriesResult(AppendEntriesResult)
  /// Replaces the receiver's log and state.
  case installSnapshot(InstallSnapshot)
  /// Tells the receiver to start an election at once.
  case timeoutNow(TimeoutNow)

  /// The term that the message carries.
  public var term: Term {
    switch self {
    case .requestVote(let body): body.term
    case .requestVoteResult(let body): body.term
    case .appendEntries(let body): body.term
    case .appendEntriesResult(let body): body.term
    case .installSnapshot(let body): body.term
    case .timeoutNow(let body): body.term
    }
  }

  /// A request for a vote or a pre-vote; the candidate is the sender.
  public struct RequestVote: Hashable, Sendable {
    /// The candidate's term; of a pre-vote, the term that it would stand in.
    public var term: Term
    /// The candidate's last durable index.
    public var lastLogIndex: LogIndex
    /// The term of that index.
    public var lastLogTerm: Term
    /// Whether a leader told the candidate to stand, so that receivers do not protect that leader.
    public var disruptLeader: Bool
    /// Whether it only asks what the answer would be.
    public var preVote: Bool
    /// Joins the parts.
    public init(
      term: Term, lastLogIndex: LogIndex, lastLogTerm: Term, disruptLeader: Bool, preVote: Bool
    ) {
      self.term = term
      self.lastLogIndex = lastLogIndex
      self.lastLogTerm = lastLogTerm
      self.disruptLeader = disruptLeader
      self.preVote = preVote
    }
  }

  /// The answer to a request for a vote.
  public struct RequestVoteResult: Hashable, Sendable {
    /// The voter's term; of a granted pre-vote, the term asked for.
    public var term: Term
    /// Whether the vote is the candidate's.
    public var granted: Bool
    /// Whether it answers a pre-vote.
    public var preVote: Bool
    /// Joins the parts.
    public init(term: Term, granted: Bool, preVote: Bool) {
      self.term = term
      self.granted = granted
      self.preVote = preVote
    }
  }

  /// Entries for a follower's log.
  public struct AppendEntries: Hashable, Sendable {
    /// The leader's term.
    public var term: Term
    /// The index before the first entry.
    public var prevLogIndex: LogIndex
    /// The term of that index; zero exactly if the index is zero.
    public var prevLogTerm: Term
    /// The leader's commit index.
    public var leaderCommit: LogIndex
    /// Entries from `prevLogIndex.next` on, with terms that never fall and never exceed `term`.
    public var entries: [LogEntry]
    /// Joins the parts.
    public init(
      term: Term, prevLogIndex: LogIndex, prevLogTerm: Term, leaderCommit: LogIndex,
      entries: [LogEntry]
    ) {
      self.term = term
      self.prevLogIndex = prevLogIndex
      self.prevLogTerm = prevLogTerm
      self.leaderCommit = leaderCommit
      self.entries = entries
    }
  }

  /// The answer to entries or to a snapshot.
  public struct AppendEntriesResult: Hashable, Sendable {
    /// The follower's term.
    public var term: Term
    /// The `prevLogIndex` that the follower refused; nil if it did not.
    public var rejected: LogIndex?
    /// The last durable index known to match the leader's; of a rejection, where to try next.
    public var lastLogIndex: LogIndex
    /// Joins the parts.
    public init(term: Term, rejected: LogIndex?, lastLogIndex: LogIndex) {
      self.term = term
      self.rejected = rejected
      self.lastLogIndex = lastLogIndex
    }
  }

  /// A snapshot that takes the place of a follower's state and log.
  public struct InstallSnapshot: Hashable, Sendable {
    /// The leader's term.
    public var term: Term
    /// What the snapshot covers.
    public var snapshot: SnapshotMetadata
    /// A manifest: the state itself travels out of band, is verified, and only then is this injected.
    public var manifest: [UInt8]
    /// Joins the parts.
    public init(term: Term, snapshot: SnapshotMetadata, manifest: [UInt8]) {
      self.term = term
      self.snapshot = snapshot
      self.manifest = manifest
    }
  }

  /// A leader's order to stand for election at once.
  public struct TimeoutNow: Hashable, Sendable {
    /// The leader's term.
    public var term: Term
    /// The leader's last index.
    public var lastLogIndex: LogIndex
    /// The term of that index.
    public var lastLogTerm: Term
    /// Joins the parts.
    public init(term: Term, lastLogIndex: LogIndex, lastLogTerm: Term) {
      self.term = term
      self.lastLogIndex = lastLogIndex
      self.lastLogTerm = lastLogTerm
    }
  }
}

/// What a snapshot covers, for the part of the log that it replaces.
public struct SnapshotMetadata: Hashable, Sendable {
  /// The last index that it includes.
  public let index: LogIndex
  /// The term of that index.
  public let term: Term
  /// The members at that index.
  public let membership: Membership
  /// The index of the entry that set them, at most `index`.
  public let membershipIndex: LogIndex
  /// Joins the parts.
  public init(index: LogIndex, term: Term, membership: Membership, membershipIndex: LogIndex) {
    self.index = index
    self.term = term
    self.membership = membership
    self.membershipIndex = membershipIndex
  }
}
