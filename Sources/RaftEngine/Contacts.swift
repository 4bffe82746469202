internal import ExchangeTypes

/// When a leader last sent entries to each follower, and heard from it.
///
/// For G12, and for operators: libraft keeps a timer per follower, but counts one as unreachable if it did not answer
/// between *any* two timeouts. Timeouts that serve only some followers make the others look dead.
struct Contacts {
  private struct Contact {
    var sent: UInt64 = 0
    var heard: UInt64?
    /// What it said last that it holds, if that is less than it has confirmed, and since when it says so.
    var denied: (index: LogIndex, since: UInt64, times: Int)?
  }

  private var contacts: [ReplicaID: Contact] = [:]

  mutating func sent(to follower: ReplicaID, at now: UInt64) {
    contacts[follower, default: Contact()].sent = now
  }

  mutating func heard(from follower: ReplicaID, at now: UInt64) {
    contacts[follower, default: Contact()].heard = now
  }

  /// `follower` turned entries down which it has confirmed: it holds no more than up to `index`.
  mutating func denied(by follower: ReplicaID, holding index: LogIndex, at now: UInt64) {
    let before = contacts[follower]?.denied
    contacts[follower, default: Contact()].denied = (
      index, before?.since ?? now, (before?.times ?? 0) + 1
    )
  }

  /// `follower` has confirmed entries.
  mutating func confirmed(by follower: ReplicaID) { contacts[follower]?.denied = nil }

  /// What `follower` holds by its own word, if it has denied for so many milliseconds what it had confirmed: an
  /// answer that came late denies once.
  func denial(by follower: ReplicaID, at now: UInt64, for time: UInt64) -> LogIndex? {
    guard let denied = contacts[follower]?.denied, denied.times >= 3, denied.since + time <= now
    else { return nil }
    return denied.index
  }

  /// When `follower` was last heard; nil if never since this replica leads.
  func lastHeard(from follower: ReplicaID) -> UInt64? { contacts[follower]?.heard }

  /// When every follower that answers is due for a heartbeat; zero if none answers.
  func allDue(at now: UInt64, every heartbeat: UInt64) -> UInt64 {
    var due: UInt64 = 0
    for contact in contacts.values {
      guard let heard = contact.heard, heard + 3 * heartbeat > now else { continue }
      due = max(due, contact.sent + heartbeat)
    }
    return due
  }
}
