internal import ExchangeTypes

extension Exchange {
  /// Checks: caller.
  ///
  /// Jobs that are not there, not the caller's, or still open are passed over.
  mutating func apply(_ command: Command.Purge) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, .submit)
    var count = 0
    for id in command.jobs {
      guard let job = jobs[id.rawValue], job.account == caller.account, job.ending != nil else {
        continue
      }
      purgeRecord(of: id)
      count += 1
    }
    return .purged(count)
  }
}
