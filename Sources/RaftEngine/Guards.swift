/// Answers to defects of libraft 0.22.1, each of which loses liveness or safety in an ordinary fault.
///
/// All are on in production. A switch exists so that a test can show the defect behind it, and that the
/// guard ends it.
public struct Guards: OptionSet, Hashable, Sendable {
  /// One bit per guard.
  public let rawValue: UInt16
  /// Wraps bits.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// G1: a receiver splits entries so that a change of membership comes first in what libraft sees.
  ///
  /// `replicationAppend` records every change at the index of the first new entry, so one inside a
  /// batch is never found again: a truncated membership stays in force, or no change is ever taken.
  public static let splitChanges = Guards(rawValue: 1 << 0)

  /// G2: entries that start below the receiver's commit index are moved up to it.
  ///
  /// A follower rejects what starts below its compaction point, which its leader reads as a mismatch
  /// and answers from further down, for ever.
  public static let rebaseOnCommitted = Guards(rawValue: 1 << 1)

  /// G3: a rejection at or below what the follower has already matched counts as a match.
  ///
  /// A late one drives `next_index` to or below `match_index`.
  public static let ignoreStaleRejections = Guards(rawValue: 1 << 2)

  /// G4: the answer to a pre-vote in a lower term carries the responder's own term.
  ///
  /// libraft mirrors the request's, so a candidate with the longer log and the lower term never learns
  /// that it must raise it.
  public static let honestPreVoteTerm = Guards(rawValue: 1 << 3)

  /// G5: the answer to a message of a stale term carries no index, and an answer beyond the end of the
  /// leader's log is dropped.
  ///
  /// libraft leaves `last_log_index` uninitialised there; believed, it commits what nobody holds.
  public static let noPhantomMatch = Guards(rawValue: 1 << 4)

  /// G6: a rejection for a mismatched term sends the leader to the commit index at once.
  ///
  /// libraft backs off by one index per round trip.
  public static let hintCommitted = Guards(rawValue: 1 << 5)

  /// G7: a snapshot that arrives during an installation is dropped before libraft sees it.
  ///
  /// libraft leaks its manifest and membership.
  public static let oneInstallationAtATime = Guards(rawValue: 1 << 6)

  /// G8: a server is promoted only after catching up, when every voter holds the last membership.
  ///
  /// A voter that has not seen its own promotion refuses to vote: too many of them, and no leader.
  public static let promoteOnlyCaughtUp = Guards(rawValue: 1 << 7)

  /// G9: every precondition that the library only asserts is checked before it is called.
  ///
  /// Debian builds with `NDEBUG`: time that goes back, a durable index that was truncated meanwhile, a
  /// vote for somebody who does not stand, or a malformed message corrupt memory or state.
  public static let checkPreconditions = Guards(rawValue: 1 << 8)

  /// G10: membership changes only after the leader committed an entry of its own term.
  ///
  /// Otherwise two changes by successive leaders can have disjoint majorities (Ongaro, "bug in
  /// single-server membership changes", raft-dev, 2015). libraft appends a barrier on election only if
  /// the tail is uncommitted.
  public static let changeOnlyAfterCommitInTerm = Guards(rawValue: 1 << 9)

  /// G11: a sole voter starts in a new term, and two voters never become one.
  ///
  /// libraft lets a sole voter lead without raising its term. Entries that it sent to a standby in
  /// parallel with a write that a crash undid then differ under the same index and term, unnoticed.
  public static let freshTermForSoleVoter = Guards(rawValue: 1 << 10)

  /// G12: a leader's heartbeats to the followers that answer leave together.
  ///
  /// libraft aborts the pipeline of a follower that did not answer between two timeouts, even if it was
  /// not due for anything. With one member down, its timer runs apart from the others', and a lone
  /// command waits for the next heartbeat to leave.
  public static let alignHeartbeats = Guards(rawValue: 1 << 11)

  /// G13: a successor is told to stand only when it holds the leader's whole log.
  ///
  /// libraft tells it as soon as everything is on its way, and once. A successor that has not got it all ignores
  /// the order, and the leader takes nothing until an election timeout has passed.
  public static let standOnlyWhenMatched = Guards(rawValue: 1 << 12)

  /// G14: a founder that holds the founding alone, and has never voted, gives no vote to a longer log; while it is
  /// brought the log it neither votes nor stands.
  ///
  /// It may be one that has lost its disk and was founded again: then it has confirmed what it does not hold, and its
  /// vote could elect a leader that lacks it. Raft takes disks for lasting.
  public static let untriedFounderAbstains = Guards(rawValue: 1 << 13)

  /// Every guard.
  public static let all = Guards(rawValue: (1 << 14) - 1)
}
