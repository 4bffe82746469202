internal import ExchangeTypes

extension Exchange {
  /// Checks: `unknown_job`; `wrong_state` (no attempt); `stale_epoch`.
  ///
  /// The job is queued again if another worker may go on, it has tries left and nobody cancelled it; it
  /// keeps its hold, its place and its record. Otherwise it ends, billed by its record.
  ///
  /// From state version 3 on an attempt that could not reach its engine, or found no room there, and added nothing, uses up no try: nobody has
  /// looked at the request.
  /// A job may meet so many of these, and is bounded by its queue timeout as ever.
  ///
  /// Whether another worker may go on is the leader's word, since only it can read what was said: request
  /// and record are sealed. Before state version 2 a job with a record always ends here.
  mutating func apply(_ command: Command.AttemptLost) throws(Rejection) -> Accepted {
    let job = try attempted(command.attempt)
    let isCancelling = job.state == .cancelling
    let mayKeepRecord = meta.stateVersion >= Self.continuationStateVersion
    let isUncounted = Self.isUntaken(command.reason) && mayBeUncounted(job)
    if command.retryElsewhere, job.record.isEmpty || mayKeepRecord, !isCancelling,
      isUncounted || hasTriesLeft(job)
    {
      let until = meta.logTime.advanced(milliseconds: job.queueTimeout)
      changePhase(of: job.id) {
        if let attempt = $0.attempt { $0.noteLost(attempt) }
        if isUncounted { $0.unreached += 1 }
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

  /// Whether an attempt that is lost for this had no engine to begin with.
  private static func isUntaken(_ reason: ErrorCode) -> Bool {
    reason == .engineUnreachable || reason == .engineBusy
  }

  /// Whether the attempt that a job has now has added nothing, and may be none of its tries.
  ///
  /// A job of an older state version has no place for it.
  private func mayBeUncounted(_ job: Job) -> Bool {
    job.retention != nil && job.unreached < limits.unreachedMax
      && job.record.bytes == job.interruption?.recordBytes ?? 0
  }
}
