public import ExchangeTypes
internal import JobMarket
internal import TokenLedger

extension Exchange {
  /// Checks: caller; the request seen before (`idempotency_conflict`, `output_expired`, or its job);
  /// `wrong_state` (embeddings at an older state version); form; `model_not_delegated`; `too_many_jobs`; `overloaded`;
  /// `model_not_found`; `tenant_refused` (no supplier of the model takes the account); `endpoint_not_served` (no offer serves the endpoint); `context_length_exceeded`;
  /// `price_above_ceiling`; `amount_overflow`;
  /// `rate_limit_exceeded` and `request_above_rate_limit`; `wrapping_key_retired`; `wrong_state` (parts are missing);
  /// `budget_closed` and `budget_exceeded`, from the key's own budget to the top of its tree; `insufficient_credit`.
  mutating func apply(_ command: Command.Submit) throws(Rejection) -> Accepted {
    try submit(command, wish: nil)
  }

  /// Checks: `wrong_state` (an older state version), then as the submit, whose answer it gives.
  mutating func apply(_ command: Command.SubmitRetained) throws(Rejection) -> Accepted {
    let accepted = try submit(command.submit, wish: command.retention)
    if let assignment = command.assignment { assign(accepted, assignment) }
    return accepted
  }

  /// Takes the job, or says why not.
  mutating func submit(
    _ command: Command.Submit, wish: Retention?, in jobClass: JobClass = .standard
  ) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, .submit)
    let name = RequestName(account: caller.account, key: command.requestKey)
    if let known = indexes.jobRequests[name] {
      return .submitted(try duplicate(of: known, bodyHash: command.bodyHash, for: caller))
    }
    let (bid, hold) = try price(command, of: caller, at: meta.logTime)
    try checkSeal(command.wrappedKey)
    let upload = try completeUpload(name, command.payload)
    try checkBudgets(ofHold: hold, for: caller.id, at: meta.logTime)
    do { try ledger.hold(hold, on: caller.account) } catch { throw Rejection(ledger: error) }
    takeRate(of: caller.id, for: bid)

    let payload = store(command.payload, upload)
    if let own = budget(of: caller.id) { drawBudgets(hold: hold, from: own) }
    let id = meta.nextJob.take()
    let timeout = queueTimeout(command.queueTimeoutMilliseconds)
    var job = Job(
      id: id, account: caller.account, key: caller.id, requestKey: command.requestKey,
      bodyHash: command.bodyHash, mode: command.mode, model: command.model, bid: bid, hold: hold,
      wrappedKey: command.wrappedKey, payload: payload, createdAt: meta.logTime,
      queueTimeout: timeout,
      phase: .queued(until: meta.logTime.advanced(milliseconds: timeout)), lastEpoch: Epoch(0),
      record: Record(), orphanDeadline: nil,
      retention: meta.stateVersion >= Self.privacyStateVersion ? retention.granted(wish) : nil)
    job.jobClass = jobClass
    jobs.insert(withTerms(job))
    indexes.insert(job)
    pending.effects.append(.jobQueued(id))
    return .submitted(Accepted.Submitted(job: id, hold: hold, duplicate: false))
  }

  /// What the state as it is would refuse a submit for, but for parts that are missing, and for a wrapping key whose
  /// announcement is on its way into the log before it.
  ///
  /// Asked before a large body is put into the log, part by part, for a job that there will not be, and for keys with a
  /// limit, whose refusals are not to fill the log.
  ///
  /// - Parameters:
  ///   - command: the submit.
  ///   - now: the log time that it would be applied at, as the leader estimates it.
  /// - Returns: the refusal; nil if there is none.
  public func refusal(of command: Command.Submit, at now: LogTime) -> Rejection? {
    do throws(Rejection) {
      let caller = try authorize(command.caller, .submit)
      let name = RequestName(account: caller.account, key: command.requestKey)
      guard indexes.jobRequests[name] == nil else { return nil }  // answered by its job
      let (_, hold) = try price(command, of: caller, at: now)
      try checkBudgets(ofHold: hold, for: caller.id, at: now)
      if let refusal = ledger.refusal(ofHold: hold, on: caller.account) {
        return Rejection(ledger: refusal)
      }
      return nil
    } catch {
      return error
    }
  }

  /// The checks that need no body, and what the job may cost.
  private func price(
    _ command: Command.Submit, of caller: APIKey, at time: LogTime
  ) throws(Rejection) -> (bid: Bid, hold: Credits) {
    try checkForm(command)
    try checkModel(command.model, of: caller)
    try checkRoom(for: caller.account)
    let bid = try bid(for: command, of: caller.account)
    guard
      let hold = bid.ceilings.cost(
        inputTokens: bid.promptBound, outputTokens: bid.outputMax, rounding: .up)
    else { throw Rejection(.amountOverflow, ["ceiling": "\(bid.ceilings.output)"]) }
    try checkRate(of: caller.id, for: bid, at: time)
    return (bid, hold)
  }

  /// The answer to a request that has its job already: to whoever reaches the job.
  private func duplicate(
    of id: JobID, bodyHash: [UInt8], for caller: APIKey
  ) throws(Rejection) -> Accepted.Submitted {
    if let job = jobs[id.rawValue] {
      guard isOwn(job, of: caller.id, in: caller.account) else {
        throw Rejection(.idempotencyConflict)
      }
      guard job.bodyHash == bodyHash else {
        throw Rejection(.idempotencyConflict, ["job": "\(id)"], job: id)
      }
      return Accepted.Submitted(job: id, hold: job.held, duplicate: true)
    }
    guard let tombstone = tombstones[id.rawValue] else {
      preconditionFailure("a request without its job")
    }
    guard isOwn(tombstone, of: caller.id, in: caller.account) else {
      throw Rejection(.idempotencyConflict)
    }
    guard tombstone.bodyHash == bodyHash else {
      throw Rejection(.idempotencyConflict, ["job": "\(id)"], job: id)
    }
    throw Rejection(
      .outputExpired,
      ["job": "\(id)", "state": "\(tombstone.state)", "charge": "\(tombstone.charge)"],
      job: id, charge: tombstone.charge)
  }

  private func checkForm(_ command: Command.Submit) throws(Rejection) {
    func refuse(_ field: String) -> Rejection { Rejection(.malformedRequest, ["field": field]) }
    guard !command.model.isEmpty else { throw refuse("model") }
    guard command.outputMax != .zero else { throw refuse("output_max") }
    guard !command.wrappedKey.isEmpty else { throw refuse("wrapped_key") }
    switch command.payload {
    case .inline(let bytes): guard !bytes.isEmpty else { throw refuse("payload") }
    case .parts(let count): guard count >= 1 else { throw refuse("payload") }
    }
  }

  private func checkRoom(for account: AccountID) throws(Rejection) {
    let own = indexes.accounts[account]?.openJobs ?? 0
    guard own < limits.jobsOpenPerAccountMax else {
      throw Rejection(
        .tooManyJobs, ["open": "\(own)", "limit": "\(limits.jobsOpenPerAccountMax)"])
    }
    guard indexes.open.count < limits.jobsOpenMax else {
      throw Rejection(
        .overloaded, ["open": "\(indexes.open.count)", "limit": "\(limits.jobsOpenMax)"])
    }
  }

  /// Fills in what the submit leaves open, and refuses what no offer could ever serve.
  ///
  /// From state version 3 on by the cheapest offer of a worker that is there, or that was if none is. Before, the
  /// dearest ask and the smallest default bound of all that were ever made had the say.
  func bid(for command: Command.Submit, of account: AccountID) throws(Rejection) -> Bid {
    let wish = Wish(
      endpoint: command.endpoint, promptBound: command.promptBound, outputMax: command.outputMax,
      inputCeiling: command.inputCeiling, outputCeiling: command.outputCeiling,
      contextUse: command.contextUse)
    return try bid(for: wish, model: command.model, of: account)
  }

  /// The same for a wish that nobody has submitted.
  func bid(for wish: Wish, model: String, of account: AccountID) throws(Rejection) -> Bid {
    guard let all = indexes.models[model]?.prices, !all.isEmpty else {
      throw Rejection(.modelNotFound, ["model": model])
    }
    // What is not for him moves none of his prices.
    let prices = all.admitting(account)
    guard !prices.isEmpty else {
      throw Rejection(.tenantRefused, ["model": model, "account": "\(account)"])
    }
    if meta.stateVersion >= Self.liveMarketStateVersion {
      if let bid = prices.bid(for: wish, where: { isThere($0) })
        ?? prices.bid(for: wish, where: { _ in true })
      {
        return bid
      }
      // Nobody serves it: why is said below.
    }
    guard let bounds = prices.bounds(for: wish.endpoint) else {
      throw Rejection(
        .endpointNotServed, ["model": model, "endpoint": "\(wish.endpoint)"])
    }
    let bid = Bid(
      endpoint: wish.endpoint, promptBound: wish.promptBound,
      outputMax: wish.outputBound(default: bounds.outputDefault, context: bounds.context),
      ceilings: PricePair(
        input: wish.inputCeiling ?? bounds.highest.input,
        output: wish.outputCeiling ?? bounds.highest.output),
      contextUse: wish.contextUse)
    guard bid.contextNeeded <= bounds.context else {
      throw Rejection(
        .contextLengthExceeded,
        [
          "needed": "\(bid.contextNeeded)", "limit": "\(bounds.context)",
          "prompt": "\(bid.promptLikely)", "output": "\(bid.answerMax)",
        ])
    }
    guard prices.asks.contains(where: { $0.offer.mismatch(with: bid) == nil }) else {
      throw Rejection(
        .priceAboveCeiling,
        [
          "input_ceiling": "\(bid.ceilings.input)", "lowest_input": "\(bounds.lowest.input)",
          "output_ceiling": "\(bid.ceilings.output)", "lowest_output": "\(bounds.lowest.output)",
        ])
    }
    return bid
  }

  private func completeUpload(
    _ name: RequestName, _ payload: Command.Submit.Payload
  ) throws(Rejection) -> Upload? {
    guard case .parts(let count) = payload else { return nil }
    let upload = indexes.uploadRequests[name].flatMap { uploads[$0] }
    guard let upload, upload.of == count, upload.stored == count else {
      throw Rejection(
        .wrongState, ["parts": "\(count)", "stored": "\(upload?.stored ?? 0)"])
    }
    return upload
  }

  private mutating func store(
    _ payload: Command.Submit.Payload, _ upload: Upload?
  ) -> PayloadReference {
    if let upload {
      indexes.leave(upload)
      uploads.remove(upload.number)
      return PayloadReference(upload: upload.number, parts: upload.of, bytes: upload.bytes)
    }
    guard case .inline(let bytes) = payload else { preconditionFailure("an upload was checked") }
    let reference = PayloadReference(
      upload: takeUploadNumber(), parts: 1, bytes: UInt64(bytes.count))
    pending.put(.payloadParts, key: reference.rowKey(part: 0), value: bytes)
    return reference
  }

  private func queueTimeout(_ milliseconds: UInt32) -> UInt64 {
    milliseconds == 0
      ? limits.queueTimeoutDefault : min(UInt64(milliseconds), limits.queueTimeoutMax)
  }
}
