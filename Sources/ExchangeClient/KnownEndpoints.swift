/// Where coordinators are: those that the client was told of, and a few that led since.
///
/// Coordinators come and go. A client that runs for months must still reach a cluster none of whose first members is
/// left; what it learned from one of them is tried when the others fail.
struct KnownEndpoints {
  /// The most that are learned; the one that led longest ago gives way.
  static let learnedMax = 4

  private let configured: [String]
  private var learned: [String] = []

  /// At least one endpoint.
  init(_ configured: [String]) {
    precondition(!configured.isEmpty, "a client asks somebody")
    self.configured = configured
  }

  /// Whether the client was told of it: only such a one is preferred for leading, since another may be out of reach.
  func isConfigured(_ endpoint: String) -> Bool { configured.contains(endpoint) }

  /// The endpoint at a place of the round.
  subscript(place: Int) -> String {
    let round = configured + learned
    return round[place % round.count]
  }

  /// A coordinator at this address leads.
  mutating func learn(_ endpoint: String) {
    guard !isConfigured(endpoint), learned.last != endpoint else { return }
    learned.removeAll { $0 == endpoint }
    if learned.count == Self.learnedMax { learned.removeFirst() }
    learned.append(endpoint)
  }
}
