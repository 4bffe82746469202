internal import ExchangeTypes

extension Exchange {
  /// Checks: `unknown_job`; `wrong_state` (no attempt); `stale_epoch`.
  ///
  /// The job is queued again if another worker may try, nothing of its output is committed, it has
  /// tries left and nobody cancelled it; it keeps its hold and its place. Otherwise it ends, billed
  /// by its record.
  mutating func apply(_ command: Command.AttemptLost) throws(Rejection) -> Accepted {
    let job = try attempted(command.attempt)
    let isCancelling = job.state == .cancelling
    if command.retryElsewhere, job.record.isEmpty, !isCancelling,
      job.lastEpoch.rawValue < limits.attemptsMax
    {
      let until = meta.logTime.advanced(milliseconds: job.queueTimeout)
      changePhase(of: job.id) { $0.phase = .queued(until: until) }
      pending.effects.append(.jobRequeued(job.id))
      return .attemptLost(job.id, .queued)
    }
    end(
      job, state: isCancelling ? .cancelled : .failed,
      finish: isCancelling ? .cancelled : .error, error: command.reason, detailSealed: [],
      usage: ReportedUsage())
    return .attemptLost(job.id, isCancelling ? .cancelled : .failed)
  }
}
