// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

/// What an event's bytes are.
public enum EventKind: UInt8, Sendable, Hashable, CaseIterable {
  /// Text of the answer, in UTF-8; a character may span events.
  case text = 1
  /// Text of the model's reasoning, in UTF-8.
  case reasoning = 2
  /// The engine's delta, a JSON object, verbatim.
  case delta = 3
  /// Numbers of the vector of an input, whose place `choice` is: float32 (IEEE 754), little-endian.
  ///
  /// A longer vector goes on in the next event; the last of an input may be shorter than the
  /// others, and vectors come in the order of their inputs.
  case vector = 4
}

/// What a member of the consensus group may do.
public enum MemberRole: UInt8, Sendable, Hashable, CaseIterable {
  /// It receives the log and has no vote.
  case standby = 1
  /// It receives the log and votes.
  case voter = 2
  /// It was removed; it is listed so that its id is not given again.
  case retired = 3
}

/// A change of the cluster's coordinators.
public enum ClusterAction: UInt8, Sendable, Hashable, CaseIterable {
  /// Adds a coordinator without a vote.
  case add = 1
  /// Gives a member a vote, once it has caught up.
  case promote = 2
  /// Takes a member's vote.
  case demote = 3
  /// Ends a membership; the id is never given again.
  case remove = 4
  /// Hands leadership to a voter.
  case transfer = 5
}

/// What a replica is in its consensus group.
public enum ReplicaRole: UInt8, Sendable, Hashable, CaseIterable {
  /// It proposes entries.
  case leader = 1
  /// It accepts a leader's entries.
  case follower = 2
  /// It asks for votes.
  case candidate = 3
}

/// What a server is in a configuration; the numbers are libraft's `RAFT_STANDBY`, `RAFT_VOTER` and
/// `RAFT_SPARE`.
public enum ServerRole: UInt8, Sendable, Hashable, CaseIterable {
  /// It replicates the log and does not vote.
  case standby = 0
  /// It replicates the log and votes.
  case voter = 1
  /// It does neither.
  case spare = 2
}

/// How an output goes on after an attempt was lost in the middle of it.
public enum Resumption: UInt8, Sendable, Hashable, CaseIterable {
  /// From its text: the engine has cut it into tokens again.
  case text = 1
  /// From its tokens.
  case ids = 2
}

/// Why credit moved.
public enum TransferKind: UInt8, Sendable, Hashable, CaseIterable {
  /// Issuance lends an account the means to pay.
  case credit = 1
  /// A consumer pays a supplier for a job.
  case capture = 2
  /// An earlier transfer is taken back.
  case reversal = 3
  /// A consumer pays the operator's part of a job's charge.
  case fee = 4
  /// An administrator moves credit between two accounts.
  case move = 5
  /// Credit leaves circulation: it was paid out.
  case redemption = 6
  /// What a job delivered, from its consumer to the supplier who ended it: a line that moves
  /// nothing.
  case sale = 7
}
