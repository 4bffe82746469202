internal import ExchangeTypes
internal import JobMarket

extension Exchange {
  /// Checks and answers as the submit does.
  ///
  /// A new job whose assignment is refused stays queued, as if it had only been submitted: the leader plans it
  /// again. A job that the request made before is left as it is.
  mutating func apply(_ command: Command.SubmitAssigned) throws(Rejection) -> Accepted {
    let accepted = try apply(command.submit)
    assign(accepted, .init(offer: command.offer, askVersion: command.askVersion))
    return accepted
  }

  /// Gives a job that was just submitted to the offer that was promised to it, if that still takes it.
  mutating func assign(
    _ accepted: Accepted, _ assignment: Command.SubmitRetained.Assignment
  ) {
    guard case .submitted(let job) = accepted, !job.duplicate else { return }
    _ = try? apply(
      Command.Assign(
        job: job.job, epoch: Epoch(1), offer: assignment.offer, askVersion: assignment.askVersion))
  }

  /// Checks: `unknown_job`; `wrong_state` (not queued); `stale_epoch`; `unknown_worker`;
  /// `no_capacity` (offline or draining); `ask_changed` (offer gone, of another model, or of another
  /// version); the match (`endpoint_not_served`, `context_length_exceeded`,
  /// `price_above_ceiling`); `no_capacity` (the consumer does not want the worker; no slot); `tenant_refused` (the supplier
  /// does not take the consumer); `slots_reserved` (the slots that are free are the supplier's own).
  mutating func apply(_ command: Command.Assign) throws(Rejection) -> Accepted {
    guard let job = jobs[command.job.rawValue] else {
      throw Rejection(.unknownJob, ["job": "\(command.job)"])
    }
    guard case .queued = job.phase else {
      throw Rejection(.wrongState, ["job": "\(job.id)", "state": "\(job.state)"])
    }
    let epoch = Epoch(job.lastEpoch.rawValue + 1)
    guard command.epoch == epoch else {
      throw Rejection(.staleEpoch, ["epoch": "\(command.epoch)", "expected": "\(epoch)"])
    }
    guard let worker = workers[command.offer.worker.rawValue] else {
      throw Rejection(.unknownWorker, ["worker": "\(command.offer.worker)"])
    }
    guard worker.online, !worker.draining else {
      throw Rejection(
        .noCapacity,
        ["worker": "\(worker.id)", "reason": worker.online ? "draining" : "offline"])
    }
    let ask = try self.ask(of: worker, for: job, command)
    let offer = ask.offer
    try checkTerms(of: job.id, for: worker)
    let busy = busyCount(of: worker.id, model: job.model)
    guard busy < Int(offer.slots) else {
      throw Rejection(.noCapacity, ["busy": "\(busy)", "slots": "\(offer.slots)"])
    }
    try checkTenancy(of: job, on: ask)

    let attempt = Attempt(
      epoch: epoch, offer: command.offer, incarnation: worker.incarnation,
      supplier: worker.account, prices: offer.prices, basis: offer.basis,
      bytesPerTokenFloor: offer.bytesPerTokenFloor, startedAt: meta.logTime)
    changePhase(of: job.id) {
      $0.lastEpoch = epoch
      $0.phase = .running(attempt)
    }
    let id = AttemptID(job: job.id, epoch: epoch)
    noteCachedPrice(of: id, on: ask)
    pending.effects.append(.attemptAssigned(id, worker.id))
    return .assigned(id)
  }

  /// The ask that the planner saw, if it is still the same and serves the job.
  private func ask(
    of worker: Worker, for job: Job, _ command: Command.Assign
  ) throws(Rejection) -> Ask {
    let index = Int(command.offer.index)
    guard index < worker.offers.count, worker.offers[index].model == job.model,
      worker.askVersions[index] == command.askVersion
    else {
      throw Rejection(
        .askChanged, ["offer": "\(command.offer)", "version": "\(command.askVersion)"])
    }
    let ask = ask(of: worker, at: index)
    switch ask.offer.mismatch(with: job.bid) {
    case nil: return ask
    case .endpoint:
      throw Rejection(.endpointNotServed, ["endpoint": "\(job.bid.endpoint)"])
    case .context(let needed, let limit):
      throw Rejection(.contextLengthExceeded, ["needed": "\(needed)", "limit": "\(limit)"])
    case .inputPrice(let ceiling, let ask), .outputPrice(let ceiling, let ask):
      throw Rejection(.priceAboveCeiling, ["ceiling": "\(ceiling)", "ask": "\(ask)"])
    }
  }
}
