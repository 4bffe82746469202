internal import ExchangeTypes

extension Exchange {
  /// Each entry by itself: `unknown_job`; `wrong_state` (no attempt); `stale_epoch`;
  /// `malformed_request`; `stream_diverged` (a gap, or events that the record has).
  ///
  /// What is accepted goes into one row.
  mutating func apply(_ command: Command.Checkpoint) -> Accepted {
    var outcomes: [CheckpointOutcome] = []
    var writer = SegmentWriter()
    for entry in command.entries {
      let id = entry.attempt.job
      do {
        let job = try attempted(entry.attempt)
        try checkContinuation(of: job.record, entry.events)
        extend(id, entry.attempt.epoch, entry.events, &writer)
        let last = entry.events.firstSeq + UInt64(entry.events.count) - 1
        outcomes.append(.advanced(id, lastSeq: last))
      } catch {
        outcomes.append(.rejected(id, error))
      }
    }
    store(writer)
    return .checkpointed(outcomes)
  }

  /// The job that `attempt` has now.
  func attempted(_ attempt: AttemptID) throws(Rejection) -> Job {
    guard let job = jobs[attempt.job.rawValue] else {
      throw Rejection(.unknownJob, ["job": "\(attempt.job)"])
    }
    guard let current = job.attempt else {
      throw Rejection(.wrongState, ["job": "\(job.id)", "state": "\(job.state)"])
    }
    guard current.epoch == attempt.epoch else {
      throw Rejection(
        .staleEpoch, ["epoch": "\(attempt.epoch)", "expected": "\(current.epoch)"])
    }
    return job
  }

  /// Whether the events come right after the record's last.
  func checkContinuation(
    of record: Record, _ events: Command.RecordExtension
  ) throws(Rejection) {
    guard events.count >= 1 else { throw Rejection(.malformedRequest, ["field": "count"]) }
    guard !events.sealed.isEmpty else { throw Rejection(.malformedRequest, ["field": "sealed"]) }
    guard events.firstSeq == record.lastSeq + 1 else {
      throw Rejection(
        .streamDiverged, ["seq": "\(events.firstSeq)", "expected": "\(record.lastSeq + 1)"])
    }
  }

  /// Appends events to a record; their bytes go to the row that `writer` makes.
  ///
  /// - Precondition: they continue the record.
  mutating func extend(
    _ id: JobID, _ epoch: Epoch, _ events: Command.RecordExtension, _ writer: inout SegmentWriter
  ) {
    jobs.update(id.rawValue) { job in
      precondition(events.firstSeq == job.record.lastSeq + 1, "a record has no gaps")
      job.record.lastSeq += UInt64(events.count)
      job.record.chainHash = events.chainHash
      job.record.tokens += UInt64(events.tokens)
      job.record.idTokens += UInt64(events.idTokens)
      job.record.bytes += UInt64(events.bytes)
    }
    writer.append(AttemptID(job: id, epoch: epoch), events)
    pending.effects.append(
      .recordAdvanced(id, seq: events.firstSeq + UInt64(events.count) - 1))
  }

  /// Puts the row, if anything was accepted, and indexes what is in it.
  mutating func store(_ writer: SegmentWriter) {
    guard !writer.isEmpty else { return }
    let row = pending.nextSegmentRow()
    pending.put(.segments, key: row.key, value: writer.value)
    for segment in writer.segments {
      indexes.enter(segment.reference(in: row), of: segment.attempt.job)
    }
  }
}
