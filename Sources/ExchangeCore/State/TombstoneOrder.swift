/// Purged jobs in the order in which their requests are forgotten.
///
/// Requests are remembered for one of two times (`Limits.requestRetention`, `attachedRequestRetention`), so there are two rows that each grow at the
/// end: what comes before the end of the one goes to the end of the other, and nothing is shifted.
struct TombstoneOrder: Sendable {
  private var lasting = SortedDeque<Deadline>()
  private var brief = SortedDeque<Deadline>()

  var count: Int { lasting.count + brief.count }

  /// The next that is forgotten.
  var first: Deadline? {
    guard let brief = brief.first else { return lasting.first }
    return lasting.first.map { min($0, brief) } ?? brief
  }

  mutating func insert(_ deadline: Deadline) {
    if let last = lasting.last, deadline < last {
      brief.insert(deadline)
    } else {
      lasting.insert(deadline)
    }
  }

  mutating func remove(_ deadline: Deadline) {
    lasting.remove(deadline)
    brief.remove(deadline)
  }
}
