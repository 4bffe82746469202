internal import ExchangeTypes

extension Exchange {
  /// Checks: `unknown_job`; `wrong_state` (no attempt); `stale_epoch`.
  ///
  /// The job is queued again if another worker may go on, it has tries left and nobody cancelled it; it
  /// keeps its hold, its place and its record. Otherwise it ends, billed by its record.
  ///
  /// Whether another worker may go on is the leader's word, since only it can read what was said: request
  /// and record are sealed. Before state version 2 a job with a record always ends here.
  mutating func apply(_ command: Command.AttemptLost) throws(Rejection) -> Accepted {
    let job = try attempted(command.attempt)
    let isCancelling = job.state == .cancelling
    let mayKeepRecord = meta.stateVersion >= Self.continuationStateVersion
    if command.retryElsewhere, job.record.isEmpty || mayKeepRecord, !isCancelling,
      hasTriesLeft(job)
    {
      let until = meta.logTime.advanced(milliseconds: job.queueTimeout)
      changePhase(of: job.id) {
        if let attempt = $0.attempt { $0.noteLost(attempt) }
        $0.phase = .queued(until: until)
      }
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
