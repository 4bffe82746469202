internal import ExchangeTypes

/// When a leader last sent entries to each follower, and heard from it.
///
/// For G12, and for operators: libraft keeps a timer per follower, but counts one as unreachable if it did not answer
/// between *any* two timeouts. Timeouts that serve only some followers make the others look dead.
struct Contacts {
  private struct Contact {
    var sent: UInt64 = 0
    var heard: UInt64?
  }

  private var contacts: [ReplicaID: Contact] = [:]

  mutating func sent(to follower: ReplicaID, at now: UInt64) {
    contacts[follower, default: Contact()].sent = now
  }

  mutating func heard(from follower: ReplicaID, at now: UInt64) {
    contacts[follower, default: Contact()].heard = now
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
