internal import ExchangeTypes

extension Exchange {
  /// Checks: `wrong_state` (versions never go back).
  ///
  /// The version in force again is no error.
  ///
  /// A change of apply's behaviour asks `meta.stateVersion` and keeps the old branch: entries before
  /// the raise are applied as they were when they were committed.
  mutating func apply(_ command: Command.RaiseStateVersion) throws(Rejection) -> Accepted {
    precondition(command.to <= Self.stateVersionMax, "the batch was not checked")
    guard command.to >= meta.stateVersion else {
      throw Rejection(
        .wrongState, ["version": "\(command.to)", "current": "\(meta.stateVersion)"])
    }
    meta.stateVersion = command.to
    return .stateVersion(command.to)
  }

  /// Why a command is refused before anything else about it is looked at: it came with a later state version than the
  /// one in force.
  ///
  /// A leader proposes none of those: a voter whose program knows only older ones could not read the entry, and would
  /// stop there at each start.
  public func prematurity(of command: Command) -> Rejection? {
    let needed = command.minimumStateVersion
    guard meta.stateVersion < needed else { return nil }
    return Rejection(
      .wrongState, ["state_version": "\(meta.stateVersion)", "needed": "\(needed)"])
  }
}
