internal import ExchangeTypes
internal import JobMarket

extension Exchange {
  /// Checks: caller; `not_found`.
  ///
  /// A job that has ended, purged or not, answers its state.
  mutating func apply(_ command: Command.Cancel) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, .submit)
    if let tombstone = tombstones[command.job.rawValue],
      isOwn(tombstone, of: caller.id, in: caller.account)
    {
      return .cancelled(tombstone.job, tombstone.state)
    }
    let job = try ownJob(command.job, caller)
    cancel(job)
    guard let state = self.job(job.id)?.state ?? tombstones[job.id.rawValue]?.state else {
      preconditionFailure("a cancelled job is remembered")
    }
    return .cancelled(job.id, state)
  }

  /// Checks: caller.
  ///
  /// Jobs that are not there, not the caller's, or not open are passed over.
  mutating func apply(_ command: Command.CancelMany) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, .submit)
    var count = 0
    for id in command.jobs {
      guard let job = jobs[id.rawValue], isOwn(job, of: caller.id, in: caller.account) else {
        continue
      }
      if cancel(job) { count += 1 }
    }
    return .cancelledMany(count)
  }

  /// A queued job ends at once; a running one is asked to, and only its worker's settle, or the
  /// worker's loss, ends it.
  ///
  /// Answers whether anything changed.
  @discardableResult
  mutating func cancel(_ job: Job) -> Bool {
    switch job.phase {
    case .queued:
      endQueued(job, state: .cancelled, error: nil)
      return true
    case .running(let attempt):
      changePhase(of: job.id) {
        $0.orphanDeadline = nil
        $0.phase = .cancelling(attempt)
      }
      pending.effects.append(
        .cancelRequested(AttemptID(job: job.id, epoch: attempt.epoch), attempt.offer.worker))
      return true
    case .cancelling, .ended:
      return false
    }
  }
}
