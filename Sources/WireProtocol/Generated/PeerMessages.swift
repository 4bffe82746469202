// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

/// Asks for a vote (Raft, figure 2; pre-vote: Ongaro's dissertation, 9.6).
public struct RequestVote: WireMessage {
  /// RequestVote is number 32.
  public static let kind = MessageKind.requestVote

  /// libraft's version of this message.
  public let version: UInt8
  /// The sender's term.
  public let term: Term
  /// Who asks.
  public let candidate: ReplicaID
  /// Its last entry.
  public let lastLogIndex: LogIndex
  /// That entry's term.
  public let lastLogTerm: Term
  /// Whether a live leader may be deposed (leadership transfer).
  public let disruptLeader: Bool
  /// Whether it only asks if it would get the vote.
  public let preVote: Bool

  /// Joins the fields.
  public init(
    version: UInt8, term: Term, candidate: ReplicaID, lastLogIndex: LogIndex, lastLogTerm: Term,
    disruptLeader: Bool, preVote: Bool
  ) {
    self.version = version
    self.term = term
    self.candidate = candidate
    self.lastLogIndex = lastLogIndex
    self.lastLogTerm = lastLogTerm
    self.disruptLeader = disruptLeader
    self.preVote = preVote
  }
}

/// Answers a RequestVote.
public struct RequestVoteResult: WireMessage {
  /// RequestVoteResult is number 33.
  public static let kind = MessageKind.requestVoteResult

  /// libraft's version of this message.
  public let version: UInt8
  /// The sender's term.
  public let term: Term
  /// Whether the vote is given.
  public let voteGranted: Bool
  /// Whether it answers a pre-vote.
  public let preVote: Bool
  /// libraft's feature bits of the sender.
  public let features: UInt16
  /// libraft's disk capacity of the sender, in KiB, saturated.
  public let capacity: UInt16

  /// Joins the fields.
  public init(
    version: UInt8, term: Term, voteGranted: Bool, preVote: Bool, features: UInt16, capacity: UInt16
  ) {
    self.version = version
    self.term = term
    self.voteGranted = voteGranted
    self.preVote = preVote
    self.features = features
    self.capacity = capacity
  }
}

/// Replicates entries, or is a heartbeat if there are none; the sender splits by bytes below the
/// payload limit.
public struct AppendEntries: WireMessage {
  /// AppendEntries is number 34.
  public static let kind = MessageKind.appendEntries

  /// libraft's version of this message.
  public let version: UInt8
  /// The sender's term.
  public let term: Term
  /// The entry before the first of these.
  public let prevLogIndex: LogIndex
  /// That entry's term.
  public let prevLogTerm: Term
  /// The sender's commit index.
  public let leaderCommit: LogIndex
  /// The entries, in log order.
  public let entries: [LogEntry]

  /// Joins the fields.
  public init(
    version: UInt8, term: Term, prevLogIndex: LogIndex, prevLogTerm: Term, leaderCommit: LogIndex,
    entries: [LogEntry]
  ) {
    self.version = version
    self.term = term
    self.prevLogIndex = prevLogIndex
    self.prevLogTerm = prevLogTerm
    self.leaderCommit = leaderCommit
    self.entries = entries
  }
}

/// Answers an AppendEntries or an InstallSnapshot.
public struct AppendEntriesResult: WireMessage {
  /// AppendEntriesResult is number 35.
  public static let kind = MessageKind.appendEntriesResult

  /// libraft's version of this message.
  public let version: UInt8
  /// The sender's term.
  public let term: Term
  /// The index refused; 0 if none.
  public let rejected: LogIndex
  /// The receiver's last entry.
  public let lastLogIndex: LogIndex
  /// libraft's feature bits of the sender.
  public let features: UInt16
  /// libraft's disk capacity of the sender, in KiB, saturated.
  public let capacity: UInt16

  /// Joins the fields.
  public init(
    version: UInt8, term: Term, rejected: LogIndex, lastLogIndex: LogIndex, features: UInt16,
    capacity: UInt16
  ) {
    self.version = version
    self.term = term
    self.rejected = rejected
    self.lastLogIndex = lastLogIndex
    self.features = features
    self.capacity = capacity
  }
}

/// Announces a snapshot; its chunks travel out of band under the hashes of the manifest.
public struct InstallSnapshot: WireMessage {
  /// InstallSnapshot is number 36.
  public static let kind = MessageKind.installSnapshot

  /// libraft's version of this message.
  public let version: UInt8
  /// The sender's term.
  public let term: Term
  /// The last entry that it covers.
  public let lastIndex: LogIndex
  /// That entry's term.
  public let lastTerm: Term
  /// The entry of the configuration below.
  public let confIndex: LogIndex
  /// The configuration at `lastIndex`.
  public let servers: [RaftServer]
  /// The manifest, in the snapshot's own encoding.
  public let manifest: [UInt8]

  /// Joins the fields.
  public init(
    version: UInt8, term: Term, lastIndex: LogIndex, lastTerm: Term, confIndex: LogIndex,
    servers: [RaftServer], manifest: [UInt8]
  ) {
    self.version = version
    self.term = term
    self.lastIndex = lastIndex
    self.lastTerm = lastTerm
    self.confIndex = confIndex
    self.servers = servers
    self.manifest = manifest
  }
}

/// Asks the receiver to start an election at once (Ongaro's dissertation, 3.10).
public struct TimeoutNow: WireMessage {
  /// TimeoutNow is number 37.
  public static let kind = MessageKind.timeoutNow

  /// libraft's version of this message.
  public let version: UInt8
  /// The sender's term.
  public let term: Term
  /// The sender's last entry.
  public let lastLogIndex: LogIndex
  /// That entry's term.
  public let lastLogTerm: Term

  /// Joins the fields.
  public init(version: UInt8, term: Term, lastLogIndex: LogIndex, lastLogTerm: Term) {
    self.version = version
    self.term = term
    self.lastLogIndex = lastLogIndex
    self.lastLogTerm = lastLogTerm
  }
}

/// Asks whether the sender still leads, so that it may answer a read (Ongaro's dissertation, 6.4).
public struct ReadConfirm: WireMessage {
  /// ReadConfirm is number 38.
  public static let kind = MessageKind.readConfirm

  /// The sender's term.
  public let term: Term
  /// Returned in the result.
  public let nonce: UInt64

  /// Joins the fields.
  public init(term: Term, nonce: UInt64) {
    self.term = term
    self.nonce = nonce
  }
}

/// Answers a ReadConfirm.
public struct ReadConfirmResult: WireMessage {
  /// ReadConfirmResult is number 39.
  public static let kind = MessageKind.readConfirmResult

  /// The sender's term.
  public let term: Term
  /// The request's.
  public let nonce: UInt64
  /// Whether the receiver knows no newer term.
  public let confirmed: Bool

  /// Joins the fields.
  public init(term: Term, nonce: UInt64, confirmed: Bool) {
    self.term = term
    self.nonce = nonce
    self.confirmed = confirmed
  }
}

/// Hands an hourly wrapping key to another keyring.
public struct KeyOffer: WireMessage {
  /// KeyOffer is number 40.
  public static let kind = MessageKind.keyOffer

  /// The key's number.
  public let wrappingKey: UInt64
  /// The key.
  public let secret: Secret

  /// Joins the fields.
  public init(wrappingKey: UInt64, secret: Secret) {
    self.wrappingKey = wrappingKey
    self.secret = secret
  }
}

/// Says that an offered wrapping key is durable in the sender's keyring.
public struct KeyAccept: WireMessage {
  /// KeyAccept is number 41.
  public static let kind = MessageKind.keyAccept

  /// The key's number.
  public let wrappingKey: UInt64

  /// Joins the fields.
  public init(wrappingKey: UInt64) {
    self.wrappingKey = wrappingKey
  }
}

/// Asks for one chunk of a snapshot that an InstallSnapshot announced.
public struct SnapshotFetch: WireMessage {
  /// SnapshotFetch is number 42.
  public static let kind = MessageKind.snapshotFetch

  /// The hash over the whole snapshot, from its manifest.
  public let snapshot: [UInt8]
  /// The chunk's number, from 0.
  public let chunk: UInt32

  /// Joins the fields.
  public init(snapshot: [UInt8], chunk: UInt32) {
    self.snapshot = snapshot
    self.chunk = chunk
  }
}

/// Answers a SnapshotFetch; there is no answer if the snapshot is gone, since another is announced
/// then.
public struct SnapshotChunk: WireMessage {
  /// SnapshotChunk is number 43.
  public static let kind = MessageKind.snapshotChunk

  /// The request's.
  public let snapshot: [UInt8]
  /// The request's.
  public let chunk: UInt32
  /// SHA-256 of the rows, made when the snapshot was.
  public let hash: [UInt8]
  /// Whole rows, one after the other: table (u8), key and value (each a u32 length and its bytes),
  /// in the order of table and key.
  public let rows: [UInt8]

  /// Joins the fields.
  public init(snapshot: [UInt8], chunk: UInt32, hash: [UInt8], rows: [UInt8]) {
    self.snapshot = snapshot
    self.chunk = chunk
    self.hash = hash
    self.rows = rows
  }
}

/// Asks another coordinator for an hourly wrapping key that the sender lacks.
public struct KeyRequest: WireMessage {
  /// KeyRequest is number 109.
  public static let kind = MessageKind.keyRequest

  /// The key's number.
  public let wrappingKey: UInt64

  /// Joins the fields.
  public init(wrappingKey: UInt64) {
    self.wrappingKey = wrappingKey
  }
}

/// States the digest of a replica's state at a marked index, and what its program supports; only
/// under the feature `state-statements`.
public struct StateStatement: WireMessage {
  /// StateStatement is number 112.
  public static let kind = MessageKind.stateStatement

  /// The newest state version that the sender's program can apply.
  public let versionMax: UInt32
  /// A marked index that it has applied; 0 if it no longer knows the digest there.
  public let index: LogIndex
  /// The digest of its state at that index; zeros if the index is 0.
  public let digest: [UInt8]
  /// Whether the sender leads and marks this index: whoever has applied it states its own digest
  /// there to all members.
  public let asks: Bool

  /// Joins the fields.
  public init(versionMax: UInt32, index: LogIndex, digest: [UInt8], asks: Bool) {
    self.versionMax = versionMax
    self.index = index
    self.digest = digest
    self.asks = asks
  }
}
