internal import ExchangeTypes

extension Exchange {
  /// Checks: caller.
  ///
  /// Jobs that are not there, not the caller's, or still open are passed over. For a key that may only read, so are those that
  /// are not kept until delivered: whoever may read such an output says by this that he has it (since state version 3).
  mutating func apply(_ command: Command.Purge) throws(Rejection) -> Accepted {
    let canConfirm = meta.stateVersion >= Self.privacyStateVersion
    let caller = try authorize(command.caller, canConfirm ? [] : .submit)
    let mayDelete = caller.scopes.contains(.submit)
    guard mayDelete || caller.scopes.contains(.read) else {
      throw Rejection(.forbidden, ["scope": String(Scopes.submit.rawValue)])
    }
    var count = 0
    for id in command.jobs {
      guard let job = jobs[id.rawValue], isOwn(job, of: caller.id, in: caller.account),
        job.ending != nil,
        mayDelete || job.retention?.untilDelivered == true
      else { continue }
      purgeRecord(of: id)
      count += 1
    }
    return .purged(count)
  }
}
