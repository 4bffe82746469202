internal import RaftEngine

/// Bugs that are planted on purpose: a checker that cannot fail proves nothing.
///
/// Each lives at a seam that the product has anyway (its disk, its network, how it applies an entry), so none
/// can be switched on in `yard`. The room's README has the table of which seed finds which.
public enum PlantedBug: String, CaseIterable, Sendable {
  /// A disk reports writes as durable that are not yet: a power loss takes the last ones.
  case acknowledgedBeforePersisted
  /// A follower says that it holds what it has been sent before its disk does.
  case answeredBeforePersisted
  /// A coordinator that starts again has forgotten whom it voted for.
  case forgottenVote
  /// A coordinator that starts again has forgotten the terms that it has seen but not written entries in.
  case forgottenTerm
  /// A crash in the middle of a write leaves a part of it on the disk.
  case tornWrite
  /// A log that is read back has two neighbours exchanged.
  case swappedEntries
  /// A follower takes two neighbours of one message in the wrong order.
  case appliedOutOfOrder
  /// A job that has ended is paid for again.
  case settledTwice
  /// Credit is given again when the request for it is.
  case creditedTwice
  /// A request that was answered before makes another job.
  case forgottenRequest
  /// What an attempt says counts although its job has gone on elsewhere.
  case ignoredEpoch
  /// A leader answers questions without asking whether it still leads.
  case unconfirmedRead
  /// A coordinator loses some of the events that it sends to a reader.
  case droppedEvents
  /// A worker changes an event of its engine's now and then.
  case alteredEvent
  /// A gateway loses a part of an answer now and then.
  case droppedPart
  /// A gateway breaks off what has failed without saying so.
  case brokenOff
}

/// One thing that is wrong with a run's program, by name: a planted bug, or a guard of the consensus engine that
/// is off.
public enum Mutation: Hashable, Sendable, CustomStringConvertible {
  /// A bug at a seam.
  case bug(PlantedBug)
  /// A guard is off, G1 to G14.
  case guardOff(Int)

  /// Those that a thousand seeds must find: the bugs, then the guards without which libraft breaks a promise.
  ///
  /// `Replica` asks for what G10 does before the engine does, G11 concerns groups of one voter, without G12 or G13
  /// a group is only slower, and G14 concerns a lost disk, which no run has.
  public static let all =
    PlantedBug.allCases.map { Mutation.bug($0) } + (1...9).map { .guardOff($0) }

  /// The mutation of a name, if there is one.
  public init?(_ name: String) {
    let known = Self.all + (10...14).map { .guardOff($0) }
    guard let found = known.first(where: { $0.description == name }) else { return nil }
    self = found
  }

  /// Its name: the bug's, or the guard's as in `G4`.
  public var description: String {
    switch self {
    case .bug(let bug): bug.rawValue
    case .guardOff(let number): "G\(number)"
    }
  }

  /// Makes a run's program wrong in this way.
  public func apply(to configuration: inout SimulationConfiguration) {
    switch self {
    case .bug(let bug): configuration.bug = bug
    case .guardOff(let number):
      configuration.guards.remove(Guards(rawValue: 1 << UInt16(number - 1)))
    }
  }
}
