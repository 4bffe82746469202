internal import ExchangeTypes
internal import RaftEngine

/// The members at every index from the log's base on: what a base or a snapshot at an index must name.
struct MembershipHistory {
  private struct Change {
    let index: LogIndex
    let membership: Membership
  }

  /// In the order of their indices; the first is the one in force at the base, if the log has one.
  private var changes: [Change] = []

  /// The members before a log that follows `base`.
  init(base: SnapshotMetadata?) {
    if let base { changes = [Change(index: base.membershipIndex, membership: base.membership)] }
  }

  mutating func append(_ entries: some Sequence<LogEntry>, at first: LogIndex) {
    var index = first
    for entry in entries {
      if entry.kind == .change, let membership = Membership(encoded: entry.payload) {
        changes.append(Change(index: index, membership: membership))
      }
      index = index.next
    }
  }

  mutating func truncate(from index: LogIndex) {
    while let last = changes.last, last.index >= index { changes.removeLast() }
  }

  /// Forgets what no index from `base` on asks for.
  mutating func trim(to base: LogIndex) {
    while changes.count > 1, changes[1].index <= base { changes.removeFirst() }
  }

  /// An entry with the members in force at it; nil before the first members.
  func metadata(index: LogIndex, term: Term) -> SnapshotMetadata? {
    guard let change = changes.last(where: { $0.index <= index }) else { return nil }
    return SnapshotMetadata(
      index: index, term: term, membership: change.membership, membershipIndex: change.index)
  }
}
