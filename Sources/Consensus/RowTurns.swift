internal import ExchangeTypes
internal import RaftEngine

/// When each member of a group writes its rows: one after the other.
///
/// A write of many rows takes many times as long as one of the log, which waits behind it. All members apply the same entries,
/// so without turns they would come to their rows at the same moment, and nobody would be left to make an entry durable
/// meanwhile. Log time is what all of them know: it goes around in rounds, each cut into one turn for each member.
struct RowTurns: Hashable {
  /// One round, in milliseconds of log time.
  static let round: UInt64 = 300

  private let place: UInt64
  private let count: UInt64

  /// The turns of one member among those that receive the log.
  ///
  /// Nil where there are no others, or it is none of them.
  init?(of id: ReplicaID, among membership: Membership) {
    let members = membership.servers.filter { $0.role != .spare }.map(\.id).sorted()
    guard members.count > 1, let place = members.firstIndex(of: id) else { return nil }
    self.place = UInt64(place)
    count = UInt64(members.count)
  }

  /// Whether it is this member's turn.
  func isTurn(at time: LogTime) -> Bool {
    time.rawValue % Self.round * count / Self.round == place
  }
}
