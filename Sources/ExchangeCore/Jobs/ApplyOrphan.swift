internal import ExchangeTypes

extension Exchange {
  /// Checks: `unknown_job`; `wrong_state` (not attached, ended, or cancelled already).
  ///
  /// A timer that runs goes on as it is.
  mutating func apply(_ command: Command.Orphan) throws(Rejection) -> Accepted {
    guard let job = jobs[command.job.rawValue] else {
      throw Rejection(.unknownJob, ["job": "\(command.job)"])
    }
    guard job.mode == .attached, job.state == .queued || job.state == .running else {
      throw Rejection(
        .wrongState, ["job": "\(job.id)", "mode": "\(job.mode)", "state": "\(job.state)"])
    }
    if let deadline = job.orphanDeadline { return .orphaned(job.id, until: deadline) }
    let deadline = meta.logTime.advanced(milliseconds: limits.orphanTimeout)
    jobs.update(job.id.rawValue) { $0.orphanDeadline = deadline }
    indexes.enterOrphan(job.id, deadline)
    return .orphaned(job.id, until: deadline)
  }

  /// Checks: caller, if there is one, and `not_found`; `unknown_job`.
  ///
  /// A job without a timer is adopted by doing nothing.
  mutating func apply(_ command: Command.Adopt) throws(Rejection) -> Accepted {
    if let caller = command.caller {
      _ = try ownJob(command.job, try authorize(caller, .read))
    }
    guard let job = jobs[command.job.rawValue] else {
      throw Rejection(.unknownJob, ["job": "\(command.job)"])
    }
    if job.orphanDeadline != nil {
      jobs.update(job.id.rawValue) { $0.orphanDeadline = nil }
      indexes.orphans.remove(job.id)
    }
    return .adopted(job.id)
  }
}
