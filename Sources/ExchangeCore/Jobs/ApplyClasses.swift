internal import ExchangeTypes
internal import JobMarket

// Jobs that mind waiting more than others, or less, since state version 3.
extension Exchange {
  /// Checks: `wrong_state` (an older state version), then as the submit, whose answer it gives.
  mutating func apply(_ command: Command.SubmitInClass) throws(Rejection) -> Accepted {
    let order = command.order
    let accepted = try submit(order.submit, wish: order.retention, in: command.jobClass)
    guard case .submitted(let job) = accepted, !job.duplicate else { return accepted }
    if !order.terms.isEmpty { keep(order.terms, of: job.job) }
    if let assignment = order.assignment { assign(accepted, assignment) }
    return accepted
  }

  /// Checks: `unknown_job`; `wrong_state` (no attempt); `stale_epoch`; `wrong_state` (it is not a batch job, was asked to
  /// end, or has given way as often as it has to).
  ///
  /// The job is queued again with its place, its hold and its record, as after a loss, but that no try is used up:
  /// nothing went wrong. Whether a record can be continued the leader has looked at before.
  mutating func apply(_ command: Command.AttemptPreempted) throws(Rejection) -> Accepted {
    let job = try attempted(command.attempt)
    guard case .running(let attempt) = job.phase, job.jobClass == .batch,
      job.preemptions < limits.preemptionsMax
    else {
      throw Rejection(
        .wrongState,
        ["job": "\(job.id)", "state": "\(job.state)", "preemptions": "\(job.preemptions)"])
    }
    let until = meta.logTime.advanced(milliseconds: job.queueTimeout)
    changePhase(of: job.id) {
      $0.noteLost(attempt)
      $0.preemptions += 1
      $0.phase = .queued(until: until)
    }
    pending.effects.append(.jobRequeued(job.id))
    return .attemptLost(job.id, .queued)
  }

  // MARK: Reads

  /// Whether a running job may have to give its slot to one that minds waiting more.
  public func mayGiveWay(_ job: Job) -> Bool {
    job.jobClass == .batch && job.state == .running && job.preemptions < limits.preemptionsMax
  }
}
