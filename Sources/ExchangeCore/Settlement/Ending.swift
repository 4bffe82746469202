internal import ExchangeTypes
internal import TokenLedger

extension Exchange {
  /// Ends a job that no worker has: what lost attempts delivered is owed, and nothing else.
  mutating func endQueued(_ job: Job, state: JobState, error: ErrorCode?) {
    let finish: FinishReason? =
      state == .cancelled ? .cancelled : job.record.isEmpty ? nil : .error
    end(job, state: state, finish: finish, error: error, detailSealed: [], usage: ReportedUsage())
  }

  /// Ends a job: bills its committed record, closes its hold, drops its payload, and gives up the
  /// oldest records if there are too many.
  ///
  /// The only way to an ending.
  ///
  /// - Precondition: the job has not ended.
  mutating func end(
    _ job: Job, state: JobState, finish: FinishReason?, error: ErrorCode?, detailSealed: [UInt8],
    usage: ReportedUsage, cached: TokenCount = .zero
  ) {
    precondition(job.ending == nil && state.isFinal)
    let billed = job.billedAttempt
    var bill = Bill.nothing
    if let billed {
      bill = Bill(
        of: job, attempt: billed, usage: usage, cached: cached,
        cachedPrice: cachedPrompt(of: job.id)?.price(of: billed), completed: state == .completed)
    }
    let (charge, paid) = closeHold(of: job, attempt: billed, charge: bill.charge)
    if let billed, charge == bill.charge { noteSale(of: job, bill, by: billed, paid) }
    noteCached(bill.cachedTokens, of: job.id)
    let ending = Ending(
      state: state, finish: finish, error: error, detailSealed: detailSealed, usage: usage,
      promptTokens: bill.promptTokens, outputTokens: bill.outputTokens, charge: charge,
      transfer: paid.first?.id, attempt: job.attempt ?? job.interruption?.attempt,
      endedAt: meta.logTime)
    changePhase(of: job.id) {
      $0.orphanDeadline = nil
      $0.phase = .ended(ending)
    }
    for part in 0..<job.payload.parts {
      pending.delete(.payloadParts, key: job.payload.rowKey(part: part))
    }
    giveBackRate(of: job, used: bill.promptTokens.rawValue + bill.outputTokens.rawValue)
    jobTerms.remove(job.id.rawValue)
    pending.effects.append(.jobEnded(job.id))
    giveUpOldestRecords(of: job.account)
  }

  /// Captures the charge and frees the rest; answers what was charged in the end, and the transfers that paid it.
  ///
  /// A supplier whose total has reached 2⁶⁴ nano-credits cannot be paid any more: the consumer then
  /// pays nothing, rather than that the hold outlives its job.
  private mutating func closeHold(
    of job: Job, attempt: Attempt?, charge: Credits
  ) -> (Credits, [Transfer]) {
    do {
      let transfers = try ledger.close(
        hold: job.hold, on: job.account, paying: payments(of: charge, for: job, billed: attempt),
        job: job.id, time: meta.logTime)
      journal(transfers)
      // No overflow: they fitted into the account's debits.
      let spent = transfers.reduce(UInt64(0)) { $0 + $1.amount.rawValue }
      settleBudgets(of: job, spending: Credits(nano: spent))
      return (charge, transfers)
    } catch {
      precondition(error == .amountOverflow, "a hold can always be closed")
      ledger.release(job.hold, on: job.account)
      settleBudgets(of: job, spending: .zero)
      return (.zero, [])
    }
  }

  /// Changes a job's phase or its orphan timer, and the indexes with it.
  mutating func changePhase(of id: JobID, _ body: (inout Job) -> Void) {
    tables.changePhase(of: id, body)
  }

  private mutating func giveUpOldestRecords(of account: AccountID) {
    while let job = recordBeyondBounds(of: account) { purgeRecord(of: job) }
  }

  /// The ended job whose record goes next, if there are too many of its account or of all.
  private func recordBeyondBounds(of account: AccountID) -> JobID? {
    let countsBytes = meta.stateVersion >= Self.embeddingsStateVersion
    if let own = indexes.accounts[account],
      own.endedJobs.count > limits.jobsEndedPerAccountMax
        || (countsBytes && own.endedJobs.count > 1
          && own.recordBytes > limits.recordBytesPerAccountMax)
    {
      return own.endedJobs.first?.job
    }
    let isBeyond =
      indexes.ended.count > limits.jobsEndedMax
      || (countsBytes && indexes.ended.count > 1 && indexes.recordBytes > limits.recordBytesMax)
    return isBeyond ? indexes.ended.first?.job : nil
  }

  /// Turns an ended job into its tombstone.
  mutating func purgeRecord(of id: JobID) {
    guard let job = jobs.remove(id.rawValue), let ending = job.ending else {
      preconditionFailure("only ended jobs are purged")
    }
    idResumptions.remove(id.rawValue)
    cachedPrompts.remove(id.rawValue)
    signedAttempts.remove(id.rawValue)
    if indexes.remove(job) { pending.effects.append(.wrappingKeysChanged) }
    for row in indexes.removeSegments(of: id) { pending.delete(.segments, key: row.key) }
    let tombstone = Tombstone(
      job: id, account: job.account, requestKey: job.requestKey, bodyHash: job.bodyHash,
      state: ending.state, charge: ending.charge,
      expiry: meta.logTime.advanced(milliseconds: requestRetention(of: job)),
      delegatedKey: delegation(of: job.key) == nil ? nil : job.key)
    tombstones.insert(tombstone)
    indexes.enter(tombstone)
    while let oldest = tombstoneBeyondBounds(of: job.account) { forget(tombstone: oldest) }
    pending.effects.append(.jobPurged(id))
  }

  /// How long a job's request is remembered after its record.
  ///
  /// The first to expire are the first to go where there are too many: however many jobs an account's streams are, they do not displace
  /// the requests that a client may repeat tomorrow.
  private func requestRetention(of job: Job) -> UInt64 {
    job.mode == .attached && meta.stateVersion >= Self.fairRetentionStateVersion
      ? min(limits.attachedRequestRetention, limits.requestRetention) : limits.requestRetention
  }

  /// The purged job whose request is forgotten next, if there are too many of its account or of all.
  private func tombstoneBeyondBounds(of account: AccountID) -> JobID? {
    if meta.stateVersion >= Self.fairRetentionStateVersion,
      let own = indexes.accounts[account]?.tombstones, own.count > limits.tombstonesPerAccountMax
    {
      return own.first.map { JobID($0.key) }
    }
    guard tombstones.count > limits.tombstonesMax else { return nil }
    return indexes.tombstoneOrder.first.map { JobID($0.key) }
  }

  /// Forgets a purged job's request.
  mutating func forget(tombstone id: JobID) {
    guard let tombstone = tombstones.remove(id.rawValue) else {
      preconditionFailure("no such tombstone")
    }
    indexes.leave(tombstone)
  }
}

extension Tables {
  /// In place: a job has a dozen references, and a copy counts each of them.
  fileprivate mutating func changePhase(of id: JobID, _ body: (inout Job) -> Void) {
    func change(_ jobs: inout RowTable<Job>, _ indexes: inout Indexes) {
      jobs.update(id.rawValue) {
        indexes.leave($0)
        body(&$0)
        indexes.enter($0)
      }
    }
    change(&jobs, &indexes)
  }
}
