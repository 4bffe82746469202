internal import ExchangeTypes

/// When a leader last sent entries to each follower, and heard from it.
///
/// For G12, and for operators: libraft keeps a timer per follower, but counts one as unreachable if it did not answer
/// between *any* two timeouts. Timeouts that serve only some followers make the others look dead.
struct Contacts {
  private struct Contact {
    var sent: UInt64 = 0
    var heard: UInt64?
    /// What it said last that it holds, if that is less than it has confirmed, since when it says so, and when it last did.
    var denied: (index: LogIndex, since: UInt64, latest: UInt64, times: Int)?
  }

  private var contacts: [ReplicaID: Contact] = [:]

  mutating func sent(to follower: ReplicaID, at now: UInt64) {
    contacts[follower, default: Contact()].sent = now
  }

  mutating func heard(from follower: ReplicaID, at now: UInt64) {
    contacts[follower, default: Contact()].heard = now
  }

  /// `follower` turned entries down which it has confirmed: it holds no more than up to `index`.
  ///
  /// What it said more than `time` milliseconds ago is not gone on with.
  mutating func denied(
    by follower: ReplicaID, holding index: LogIndex, at now: UInt64, within time: UInt64
  ) {
    let before = contacts[follower]?.denied.flatMap { $0.latest + time >= now ? $0 : nil }
    contacts[follower, default: Contact()].denied = (
      index, before?.since ?? now, now, (before?.times ?? 0) + 1
    )
  }

  /// `follower` has confirmed entries.
  mutating func confirmed(by follower: ReplicaID) { contacts[follower]?.denied = nil }

  /// What `follower` holds by its own word, if it has gone on for so many milliseconds to deny what it had confirmed.
  ///
  /// Answers that came late deny as well, several at once if something held them up; that nothing follows them says nothing.
  func denial(by follower: ReplicaID, for time: UInt64) -> LogIndex? {
    guard let denied = contacts[follower]?.denied, denied.times >= 3,
      denied.since + time <= denied.latest
    else { return nil }
    return denied.index
  }

  /// Who has denied since he last confirmed something, in the order of ids.
  var deniers: [ReplicaID] {
    contacts.compactMap { $0.value.denied == nil ? nil : $0.key }.sorted()
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
