public import ExchangeTypes

/// Which coordinators a node that dials them takes for revoked, by what they say of each other.
///
/// Each says whom it knows to be revoked; its own name counts for nothing there. A coordinator is taken for
/// revoked if more than half of the others that have spoken say so, and the last verdict stays while none of
/// them has. So one that keeps silence about itself does not help itself, and one that lies is outvoted by two.
/// Whom two or more have named has no say any more: what it said of others does not count.
public struct CoordinatorStandings: Sendable {
  /// Whom each has named, while its word counts for something.
  private var words: [ReplicaID: Set<ReplicaID>] = [:]
  private var revoked: Set<ReplicaID> = []
  /// Those of the revoked that have no say.
  private var silenced: Set<ReplicaID> = []

  /// Knows of nobody.
  public init() {}

  /// A coordinator says who is revoked: all of them, each time.
  public mutating func heard(_ named: some Sequence<ReplicaID>, from speaker: ReplicaID) {
    words[speaker] = Set(named)
    judge()
  }

  /// There is no link to a coordinator any more: its word is out of date.
  public mutating func left(_ speaker: ReplicaID) { words[speaker] = nil }

  /// Whether a coordinator that there is a link to has said whom it knows.
  public func hasSpoken(_ speaker: ReplicaID) -> Bool { words[speaker] != nil }

  /// Whether a coordinator is taken for revoked.
  public func isRevoked(_ id: ReplicaID) -> Bool { revoked.contains(id) }

  /// Whether another has spoken, so that there is something to go by.
  public func isVouchedFor(_ id: ReplicaID) -> Bool { others(of: id).contains { _ in true } }

  private mutating func judge() {
    let named = words.values.reduce(revoked) { $0.union($1) }.sorted()
    silenced = silenced.filter { isNamedByMost($0) != false }
    // Each that is silenced may turn what is said of the others.
    while let id = named.first(where: {
      !silenced.contains($0) && naming($0) >= 2 && isNamedByMost($0) == true
    }) {
      silenced.insert(id)
    }
    for id in named {
      switch isNamedByMost(id) {
      case true?: revoked.insert(id)
      case false?: revoked.remove(id)
      case nil: break
      }
    }
  }

  private func others(of id: ReplicaID) -> some Sequence<Set<ReplicaID>> {
    words.lazy.filter { $0.key != id && !silenced.contains($0.key) }.map(\.value)
  }

  private func naming(_ id: ReplicaID) -> Int { others(of: id).count { $0.contains(id) } }

  /// Nil while no other has spoken.
  private func isNamedByMost(_ id: ReplicaID) -> Bool? {
    let spoken = others(of: id).count { _ in true }
    return spoken == 0 ? nil : 2 * naming(id) > spoken
  }
}
