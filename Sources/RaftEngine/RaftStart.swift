public import ExchangeTypes

/// The engine's view of the shell's log and snapshots, asked while it fills outgoing messages.
///
/// It answers from memory or a cache: it is called inside `RaftEngine.step`, which must not wait long.
/// The engine keeps a strong reference, so it is an object of its own and not the engine's owner.
public protocol RaftLog: AnyObject {
  /// Exactly `count` entries from `first` on. The engine asks for what it has handed out in the writes
  /// of earlier updates, durable or not, and has not been told to be trimmed.
  func entries(from first: LogIndex, count: Int) -> [LogEntry]

  /// The newest durable snapshot with its manifest; nil postpones the message that it was for.
  func snapshot() -> (metadata: SnapshotMetadata, manifest: [UInt8])?
}

/// What a replica's disk holds when its engine starts.
public struct RaftStart: Sendable {
  /// Term and vote; nil for a server that never had any, which then has neither log nor snapshot.
  public var hardState: HardState?
  /// The last snapshot, or nil while the log starts at 1.
  public var snapshot: SnapshotMetadata?
  /// The index of the first of `entries`: at most one after the snapshot.
  public var firstIndex: LogIndex
  /// Every entry of the log; payloads count for changes of membership only, others may be empty here.
  public var entries: [LogEntry]
  /// Up to where entries had been applied, and are thus known to be committed.
  public var applied: LogIndex

  /// Joins the parts.
  public init(
    hardState: HardState?, snapshot: SnapshotMetadata? = nil, firstIndex: LogIndex = LogIndex(1),
    entries: [LogEntry] = [], applied: LogIndex = LogIndex(0)
  ) {
    self.hardState = hardState
    self.snapshot = snapshot
    self.firstIndex = firstIndex
    self.entries = entries
    self.applied = applied
  }

  /// What every founding voter makes durable before its first start: the same term and first entry.
  ///
  /// A server that joins later starts with nothing instead.
  public static func founding(_ membership: Membership) -> RaftStart {
    RaftStart(
      hardState: HardState(term: Term(1), votedFor: nil),
      entries: [LogEntry(term: Term(1), kind: .change, payload: membership.encoded)])
  }

  /// The members that count: those of the last change in the log, committed or not.
  var membership: Membership {
    for entry in entries.reversed() where entry.kind == .change {
      if let membership = Membership(encoded: entry.payload) { return membership }
    }
    return snapshot?.membership ?? .none
  }

  /// Throws unless this is a state that a replica can have: libraft asserts it, or not even that.
  func validate() throws(RaftFailure) {
    func demand(_ holds: Bool, _ rule: String) throws(RaftFailure) {
      guard holds else { throw RaftFailure(code: 0, reason: "start: \(rule)") }
    }
    let term = hardState?.term ?? Term(0)
    if term.rawValue == 0 {
      try demand(hardState?.votedFor == nil, "a vote without a term")
      try demand(snapshot == nil && entries.isEmpty, "a log without a term")
    }
    try demand(hardState?.votedFor?.rawValue != 0, "a vote for server 0")
    let base = snapshot?.index ?? LogIndex(0)
    try demand(firstIndex.rawValue >= 1 && firstIndex <= base.next, "a gap before the log")
    let last = firstIndex.rawValue - 1 + UInt64(entries.count)
    try demand(last >= base.rawValue, "a log that ends before its snapshot")
    try demand(applied.rawValue <= last, "applied beyond the log")
    if let snapshot {
      try demand(snapshot.index.rawValue > 0 && snapshot.term.rawValue > 0, "an empty snapshot")
      try demand(snapshot.term <= term, "a snapshot of a later term")
      try demand(!snapshot.membership.servers.isEmpty, "a snapshot without members")
      try demand(
        snapshot.membershipIndex.rawValue > 0 && snapshot.membershipIndex <= snapshot.index,
        "a snapshot whose members come after it")
      if firstIndex <= base, !entries.isEmpty {
        let entry = entries[Int(base.rawValue - firstIndex.rawValue)]
        try demand(entry.term == snapshot.term, "a snapshot of another log")
      }
    } else if let first = entries.first {
      try demand(first.kind == .change, "a first entry that names no members")
    }
    var previous = Term(1)
    for entry in entries {
      try demand(previous <= entry.term && entry.term <= term, "entry terms out of order")
      try demand(
        entry.kind != .change || Membership(encoded: entry.payload) != nil,
        "a change of membership that does not decode")
      previous = entry.term
    }
  }
}
