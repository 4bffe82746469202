internal import ExchangeTypes

extension Exchange {
  /// Checks: a job that has ended, purged or not, answers its recorded outcome; `unknown_job`;
  /// `wrong_state` (no attempt); `stale_epoch`; `malformed_request`; `stream_diverged` (the tail does
  /// not continue the record, or the worker's claim is not the record that comes of it).
  mutating func apply(_ command: Command.Settle) throws(Rejection) -> Accepted {
    try settle(command, cached: .zero)
  }

  /// Checks: `wrong_state` (an older state version), then as the settle, whose answer it gives.
  mutating func apply(_ command: Command.SettleCached) throws(Rejection) -> Accepted {
    return try settle(command.settle, cached: command.cachedTokens)
  }

  private mutating func settle(
    _ command: Command.Settle, cached: TokenCount
  ) throws(Rejection) -> Accepted {
    let id = command.attempt.job
    if let settled = recordedOutcome(of: id) { return .settled(settled) }
    let job = try attempted(command.attempt)
    var lastSeq = job.record.lastSeq
    var chainHash = job.record.chainHash
    if let tail = command.tail {
      try checkContinuation(of: job.record, tail)
      lastSeq += UInt64(tail.count)
      chainHash = tail.chainHash
    }
    if let claim = command.claim {
      guard claim.lastSeq == lastSeq, claim.chainHash == chainHash else {
        throw Rejection(
          .streamDiverged,
          [
            "claimed": "\(claim.lastSeq)", "recorded": "\(lastSeq)",
            "hash": claim.chainHash == chainHash ? "same" : "differs",
          ])
      }
    }
    if let tail = command.tail {
      var writer = SegmentWriter()
      extend(id, command.attempt.epoch, tail, &writer)
      store(writer)
    }
    guard let whole = jobs[id.rawValue] else { preconditionFailure("the job was there") }
    let state = finalState(command.finish)
    end(
      whole, state: state, finish: command.finish,
      error: state == .failed ? command.error ?? .engineError : command.error,
      detailSealed: command.detailSealed, usage: command.usage, cached: cached)
    guard var settled = recordedOutcome(of: id) else { preconditionFailure("the job has ended") }
    settled = Accepted.Settled(
      job: id, state: settled.state, charge: settled.charge, first: true)
    return .settled(settled)
  }

  /// How a job ended, if it has and is still remembered.
  private func recordedOutcome(of id: JobID) -> Accepted.Settled? {
    if let ending = jobs[id.rawValue]?.ending {
      return Accepted.Settled(
        job: id, state: ending.state, charge: ending.charge, first: false)
    }
    return tombstones[id.rawValue].map {
      Accepted.Settled(job: id, state: $0.state, charge: $0.charge, first: false)
    }
  }

  private func finalState(_ finish: FinishReason) -> JobState {
    switch finish {
    case .stop, .length, .toolCalls, .contentFilter: .completed
    case .cancelled: .cancelled
    case .error: .failed
    }
  }
}
