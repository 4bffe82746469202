public import ExchangeTypes

/// What a replica states about itself, so that all of them can be compared.
public struct StateStatement: Sendable, Hashable {
  /// The newest state version that its program can apply.
  public let versionMax: UInt32
  /// A marked index that it has applied; 0 if it no longer knows the digest there.
  public let index: LogIndex
  /// The digest of its state at that index.
  public let digest: StateDigest
  /// Whether everybody who has applied `index` is asked to state his own.
  public let asks: Bool

  /// Joins the parts.
  public init(versionMax: UInt32, index: LogIndex, digest: StateDigest, asks: Bool) {
    self.versionMax = versionMax
    self.index = index
    self.digest = digest
    self.asks = asks
  }
}

/// That this replica's state is not the majority's: it has applied the same entries to another result.
public struct StateDivergence: Error, Sendable, Hashable, CustomStringConvertible {
  /// The index at which the states were compared.
  public let index: LogIndex
  /// This replica's digest there.
  public let digest: StateDigest
  /// The majority's.
  public let majority: StateDigest

  /// What was found, for a log.
  public var description: String {
    "the state at \(index) has digest \(digest), and a majority of the voters has \(majority)"
  }
}

/// Compares this replica's state with the others' at marked indices (P4: all replicas agree).
///
/// ```
///            every second, if entries were applied, or somebody has not stated or supports less
/// leader ──marks what it has applied last, states its digest there, asks──► all members
/// member ──has applied the mark, now or later──► states its own to all members
/// each   ──a majority of the voters states one digest, and its own is another──► diverged
/// ```
///
/// Invariants:
/// - A verdict needs a majority of the voters, none of which is this replica, with one digest at one index: so
///   nobody who agrees with the majority ever stops, and when all differ, nobody does.
/// - A statement about an index that is not applied here waits until it is; a newer one does not take its place.
/// - What is kept is bounded: `digestsMax` own digests, one statement of each member.
struct StateComparison {
  /// How many entries back a digest is known: a follower hears of a mark within a heartbeat of applying it.
  static let digestsMax = 2_048
  /// Milliseconds between two marks.
  static let interval: UInt64 = 1_000

  private let versionMax: UInt32
  /// Own digests at consecutive indices: those of `first`, `first + 1`, ...
  private var digests: [StateDigest]
  private var first: LogIndex
  /// The mark that is to be answered once it is applied.
  private var question: LogIndex?
  /// The last statement of each member about an index.
  private var statements: [ReplicaID: StateStatement] = [:]
  /// What each member's program supports, as it has stated since this replica leads.
  private var versions: [ReplicaID: UInt32] = [:]
  private var mark = LogIndex(0)
  private var nextMark: UInt64 = .max
  /// The lowest index that somebody has stated and that is not applied here yet.
  private var nextComparable = LogIndex(.max)

  /// A replica that has applied `applied` when it starts.
  init(versionMax: UInt32, applied: LogIndex, digest: StateDigest) {
    self.versionMax = versionMax
    digests = [digest]
    first = applied
  }

  private var last: LogIndex { LogIndex(first.rawValue + UInt64(digests.count) - 1) }

  private func digest(at index: LogIndex) -> StateDigest? {
    guard index >= first, index.rawValue - first.rawValue < UInt64(digests.count) else {
      return nil
    }
    return digests[Int(index.rawValue - first.rawValue)]
  }

  private func statement(at index: LogIndex, asks: Bool) -> StateStatement {
    guard let digest = digest(at: index) else {
      return StateStatement(
        versionMax: versionMax, index: LogIndex(0), digest: StateDigest(), asks: asks)
    }
    return StateStatement(versionMax: versionMax, index: index, digest: digest, asks: asks)
  }

  // MARK: Own state

  /// The state at `index`, which follows the last that was noted, unless it is the first.
  ///
  /// - Returns: the answer to a mark that waited for this entry, and whether there is something to compare.
  mutating func applied(
    _ index: LogIndex, _ digest: StateDigest
  ) -> (answer: StateStatement?, isComparable: Bool) {
    if index != last.next {
      digests.removeAll(keepingCapacity: true)
      first = index
    } else if digests.count == 2 * Self.digestsMax {
      digests.removeFirst(Self.digestsMax)
      first = LogIndex(first.rawValue + UInt64(Self.digestsMax))
    }
    digests.append(digest)
    guard index >= nextComparable else { return (nil, false) }
    nextComparable =
      statements.values.map(\.index).filter { $0 > index }.min() ?? LogIndex(.max)
    guard let asked = question, asked <= index else { return (nil, true) }
    question = nil
    return (statement(at: asked, asks: false), true)
  }

  // MARK: Marks

  /// This replica leads from now on: everybody is to state what he supports in this term.
  mutating func leadershipBegan() {
    versions = [:]
    nextMark = 0
  }

  /// It leads no longer.
  mutating func leadershipEnded() { nextMark = .max }

  /// When a leader sets its next mark; never unless it leads.
  var deadline: UInt64 { nextMark }

  /// The mark that is due, to be sent to every member; nil if there is nothing new to ask.
  mutating func dueMark(applied: LogIndex, members: [ReplicaID], now: UInt64) -> StateStatement? {
    guard now >= nextMark else { return nil }
    nextMark = now + Self.interval
    let isAnswered = members.allSatisfy { member in
      // Who supports less than this program may have been replaced since.
      statements[member]?.index == mark && versions[member].map { $0 >= versionMax } ?? false
    }
    guard applied > mark || !isAnswered else { return nil }
    mark = max(mark, applied)
    return statement(at: applied, asks: true)
  }

  // MARK: Statements

  /// A member has stated something.
  ///
  /// - Returns: the answer, if it asked for one that can be given now.
  mutating func received(_ statement: StateStatement, from member: ReplicaID) -> StateStatement? {
    versions[member] = statement.versionMax
    if statement.index.rawValue > 0, statements[member].map({ $0.index <= last }) ?? true {
      statements[member] = statement
      if statement.index > last { nextComparable = min(nextComparable, statement.index) }
    }
    guard statement.asks else { return nil }
    guard statement.index > last else { return self.statement(at: statement.index, asks: false) }
    question = question ?? statement.index
    return nil
  }

  /// Whether a majority of the voters has stated another digest than this replica has, at one index.
  func verdict(self id: ReplicaID, voters: [ReplicaID]) -> StateDivergence? {
    for voter in voters where voter != id {
      guard let theirs = statements[voter], let own = digest(at: theirs.index),
        own != theirs.digest
      else { continue }
      let agreeing = voters.count { peer in
        guard peer != id, let statement = statements[peer] else { return false }
        return statement.index == theirs.index && statement.digest == theirs.digest
      }
      if agreeing > voters.count / 2 {
        return StateDivergence(index: theirs.index, digest: own, majority: theirs.digest)
      }
    }
    return nil
  }

  /// The newest state version that a member's program supports, if it has stated it.
  func version(of member: ReplicaID) -> UInt32? { versions[member] }

  /// The newest state version that this replica and all other voters support; nil until all have stated theirs.
  func versionOfAll(self id: ReplicaID, voters: [ReplicaID]) -> UInt32? {
    var lowest = versionMax
    for voter in voters where voter != id {
      guard let version = versions[voter] else { return nil }
      lowest = min(lowest, version)
    }
    return lowest
  }
}
