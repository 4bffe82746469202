/// One entry of the replicated log.
public struct LogEntry: Hashable, Sendable {
  /// What an entry carries; the numbers are libraft's (`raft.h`, `enum raft_entry_type`).
  public enum Kind: UInt8, Sendable {
    /// A batch of commands for the state machine.
    case command = 1
    /// Nothing: commits what older terms left behind.
    case barrier = 2
    /// A configuration of the consensus group.
    case change = 3
  }

  /// The most bytes in a payload: larger LMDB values take runs of contiguous pages and fragment the
  /// file, so commands that do not fit travel in parts.
  public static let payloadBytesMax = 16_384

  /// The term of the leader that appended it.
  public let term: Term
  /// What it carries.
  public let kind: Kind
  /// Its bytes; at most `payloadBytesMax` of them.
  public let payload: [UInt8]

  /// Joins the parts.
  public init(term: Term, kind: Kind, payload: [UInt8]) {
    self.term = term
    self.kind = kind
    self.payload = payload
  }
}

/// What a replica must never forget between two of its messages (Raft, figure 2: persistent state).
public struct HardState: Hashable, Sendable {
  /// The latest term it has seen.
  public let term: Term
  /// Whom it voted for in that term.
  public let votedFor: ReplicaID?
  /// Joins the parts.
  public init(term: Term, votedFor: ReplicaID?) {
    self.term = term
    self.votedFor = votedFor
  }
}

/// One row written or removed by `apply`, for the store that keeps rows on disk.
public struct RowChange: Hashable, Sendable {
  /// Which table; the numbers are listed in `ExchangeCore`, append-only.
  public let table: UInt8
  /// The key; keys of one table that are created later sort later.
  public let key: [UInt8]
  /// The new value, or nil if the row is gone.
  public let value: [UInt8]?
  /// Joins the parts.
  public init(table: UInt8, key: [UInt8], value: [UInt8]?) {
    self.table = table
    self.key = key
    self.value = value
  }
}
