public import ExchangeTypes

/// Something that happened to a replica; `RaftEngine.step` answers what must follow.
public enum RaftEvent: Hashable, Sendable {
  /// `nextTimeout` has come.
  case timeout
  /// A message arrived from a member or former member, authenticated by the transport.
  case receive(RaftMessage, from: ReplicaID)
  /// The transport knows that a member's process has ended: its machine says so itself, silence is no such news.
  case memberEnded(ReplicaID)
  /// Every write up to this one is durable, including truncations.
  case persisted(through: WriteNumber)
  /// Commands and barriers for the log; only a leader takes them.
  case submit([Proposal])
  /// One step in membership; only a leader takes it.
  case change(MembershipChange)
  /// Begin to bring a standby or spare up to date before it is promoted; only a leader takes it.
  case catchUp(ReplicaID)
  /// Hand leadership to this voter, or to the most up-to-date one; only a leader takes it.
  case transfer(ReplicaID?)
  /// The shell has a durable snapshot at this index, and will keep `trailing` entries before it.
  case snapshotTaken(SnapshotMetadata, trailing: UInt32)
  /// The snapshot of `RaftUpdate.install` has replaced state and log on disk.
  case snapshotInstalled(SnapshotMetadata)
}

/// What a client of the log asks it to hold.
public struct Proposal: Hashable, Sendable {
  /// A command or a barrier; memberships change through `RaftEvent.change`.
  public let kind: LogEntry.Kind
  /// At most `LogEntry.payloadBytesMax` bytes.
  public let payload: [UInt8]
  /// A command with these bytes.
  public static func command(_ payload: [UInt8]) -> Proposal { .init(.command, payload) }
  /// An entry that says nothing, to commit what older terms left behind.
  public static let barrier = Proposal(.barrier, [])
  private init(_ kind: LogEntry.Kind, _ payload: [UInt8]) {
    self.kind = kind
    self.payload = payload
  }
}

/// The number of one `LogWrite`, counted from 1 since the engine started.
public struct WriteNumber: RawRepresentable, Hashable, Comparable, Sendable {
  /// The number.
  public let rawValue: UInt64
  /// Wraps a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Later writes are greater.
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A change to the durable log: drop everything from `first` on, then append `entries`.
public struct LogWrite: Hashable, Sendable {
  /// What `RaftEvent.persisted(through:)` names once this is durable; writes are executed in order.
  public let number: WriteNumber
  /// The index of the first entry; it may lie inside the log, which is then truncated there.
  public let first: LogIndex
  /// At least one entry.
  public let entries: [LogEntry]
  /// Whether entries that the log held are dropped.
  public let truncates: Bool
}

/// A message and whom it is for.
public struct Envelope: Hashable, Sendable {
  /// The receiver.
  public let to: ReplicaID
  /// What it is told.
  public let message: RaftMessage
}

/// An order to replace state and log by a snapshot that has been received and verified.
public struct SnapshotInstall: Hashable, Sendable {
  /// What it covers; answered with `RaftEvent.snapshotInstalled`.
  public let snapshot: SnapshotMetadata
  /// The leader's manifest.
  public let manifest: [UInt8]
}

/// What must follow a step, in this order; README.md says which parts may overlap.
public struct RaftUpdate: Hashable, Sendable {
  /// Term and vote, if they changed: durable before any message of this update leaves.
  public var hardState: HardState?
  /// A snapshot to install; everything the log holds goes with it.
  public var install: SnapshotInstall?
  /// A change to the log.
  public var write: LogWrite?
  /// Messages to send, in order; losing one or sending it late is harmless.
  public var messages: [Envelope] = []
  /// The new commit index, if it moved; apply up to `RaftEngine.applicableIndex` only.
  public var commitIndex: LogIndex?
  /// The members that have become committed, if an entry that this commit covers changed them.
  public var committedMembership: Membership?
  /// The new role, if it or the known leader changed.
  public var role: RaftRole?
  /// Why a `submit`, `change`, `catchUp`, `transfer` or snapshot was not taken; nothing else happened.
  public var refusal: RaftRefusal?
  /// Why a received message was not used: normal for late ones, worth a log line for malformed ones.
  public var dropped: DropReason?

  /// An update that asks for nothing.
  public init() {}
}

/// What a replica is at the moment.
public enum RaftRole: Hashable, Sendable {
  /// Follows this leader, or waits for one.
  case follower(leader: ReplicaID?)
  /// Asks for votes, or for pre-votes.
  case candidate(preVote: Bool)
  /// Leads; while it hands over to another, it takes no entries.
  case leader(transferringTo: ReplicaID?)

  /// Whether it leads, handing over or not.
  public var isLeader: Bool {
    if case .leader = self { true } else { false }
  }
}

/// Why an event was not taken; ask the leader, wait, or do the missing step first.
public enum RaftRefusal: Hashable, Sendable {
  /// Only a leader takes this.
  case notLeader
  /// Leadership is being handed over; entries are taken again when that ends.
  case transferInProgress
  /// As many entries wait for commitment as the configuration allows.
  case tooManyUncommitted(limit: Int)
  /// An earlier change of membership is not committed yet, or a server is catching up.
  case changeInProgress
  /// The leader has committed nothing in its term yet: submit a barrier (Ongaro, raft-dev 2015).
  case nothingCommittedInTerm
  /// The change does not apply to the present members, or the result would be invalid.
  case invalidChange
  /// The server must finish catching up before it votes.
  case notCaughtUp(ReplicaID)
  /// This voter does not hold the last membership yet.
  case voterLags(ReplicaID)
  /// Two voters cannot become one: the last would lead without a new term.
  case twoVotersLeft
  /// No such member, or it has a role for which this makes no sense.
  case unsuitableServer
  /// A snapshot must be at an applicable index, newer than the last, and not during an installation.
  case snapshotNotAllowed
}

/// Why a received message was not used.
public enum DropReason: Hashable, Sendable {
  /// It breaks a rule that every sender keeps; `rule` says which.
  case malformed(rule: String)
  /// It came too late to mean anything.
  case stale
  /// A snapshot is being installed.
  case installing
  /// It asks for the vote of a founder that may have forgotten what it held (G14).
  case untriedFounder
}

/// libraft reported what must not happen: the process must exit without another write or message.
public struct RaftFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// libraft's error code (`raft.h`), or zero for a failed check of this room.
  public let code: Int32
  /// What failed.
  public let reason: String
  /// Reason and code.
  public var description: String { code == 0 ? reason : "\(reason) (libraft error \(code))" }
}
