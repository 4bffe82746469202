internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import OpenAIFormat
internal import WireProtocol

/// What a worker is sent: a request, and if it ends with an output, that in parts where ids of it are known.
struct Continuation {
  let body: [UInt8]
  let parts: [OutputPart]?
}

// A stream whose attempt is lost goes on elsewhere: the next worker gets the request with the output so far as
// its end, and numbers its events from there. See the room's README ("Going on after a loss").
extension Dispatcher {
  /// The largest request that an assignment carries (`proto-spec/messages.md`, Assign), in bytes.
  private static let assignedBodyBytesMax = 1 << 20

  /// The command that ends a lost attempt, once every event of its relay is recorded: the job goes on
  /// elsewhere, or ends with what was delivered.
  func loss(of relay: StreamRelay, _ reason: ErrorCode, retryElsewhere: Bool) -> Command {
    guard retryElsewhere, relay.last > 0, let job = exchange.job(relay.attempt.job) else {
      return lost(relay, reason, retryElsewhere: retryElsewhere)
    }
    // All that was asked for has come: only the worker's word for it is missing.
    guard job.bid.endpoint == .embeddings || relay.tokens < job.bid.outputMax.rawValue else {
      return .settle(.init(attempt: relay.attempt, finish: .length, usage: ReportedUsage()))
    }
    do {
      let canGoOn = try continuation(of: job, with: relay, key: relay.key) != nil
      return lost(relay, reason, retryElsewhere: canGoOn)
    } catch {
      return lost(relay, .internalError, retryElsewhere: false)
    }
  }

  private func lost(_ relay: StreamRelay, _ reason: ErrorCode, retryElsewhere: Bool) -> Command {
    .attemptLost(.init(attempt: relay.attempt, reason: reason, retryElsewhere: retryElsewhere))
  }

  /// The request that a worker is sent: the consumer's, or what continues the job's record; nil if that
  /// cannot be continued.
  func request(of job: Job, key: JobKey) throws -> Continuation? {
    job.record.isEmpty
      ? Continuation(body: try body(of: job, key: key), parts: nil)
      : try continuation(of: job, with: nil, key: key)
  }

  /// The most output tokens that a job has still to come; at least one, which its worker is asked for.
  func outputTokensLeft(_ job: Job) -> UInt32 {
    let max = job.bid.outputMax.rawValue
    return UInt32(clamping: Swift.max(1, max - min(max, job.record.tokens)))
  }

  /// How a job's output went on after a loss; nil if it did not.
  func resumption(of job: Job) -> Resumption? {
    guard let lost = job.interruption?.attempt, job.lastEpoch > lost.epoch else { return nil }
    return exchange.wentOnFromIDs(job) ? .ids : .text
  }

  /// A worker goes on from the ids that it was given: the job says so from now on, unless too much waits for the log.
  func goesOn(_ message: AttemptGoesOn, on slot: WorkerSlot) {
    guard message.resumption == .ids, let relay = relays[message.job], relay.slot === slot,
      relay.attempt.epoch == message.epoch, relay.isUntouched, !relay.saidResumption
    else { return }
    relay.saidResumption = true
    queue.propose(.goesOnFromIDs(.init(attempt: relay.attempt))) { _ in }
  }

  /// A job's request with its output so far as its end, out of the record and a relay's events beyond it.
  ///
  /// - Returns: nil if the output is anything else than the text of one answer, is longer than what an
  ///   assignment carries, or if the request cannot be continued.
  func continuation(
    of job: Job, with live: StreamRelay?, key: JobKey
  ) throws -> Continuation? {
    var output = RecordedOutput()
    for reference in exchange.segments(of: job.id) {
      guard let row = try replica.row(table: Table.segments.rawValue, key: reference.row.key)
      else { throw MissingRow(table: Table.segments.rawValue, job: job.id) }
      let events = try SealedEvents.open(
        Array(row[reference.range]), epoch: reference.epoch, key: key, sealer: sealer)
      guard output.append(events) else { return nil }
    }
    if let live, live.last > job.record.lastSeq {
      let unrecorded = live.events(
        from: job.record.lastSeq + 1, countMax: Int(StreamRelay.windowEvents), bytesMax: .max)
      guard output.append(unrecorded.events) else { return nil }
    }
    let request = try InferenceRequest.parse(
      body: try body(of: job, key: key),
      endpoint: InferenceRequest.Endpoint(job.bid.endpoint))
    guard let body = request.continuing(output.text), body.count <= Self.assignedBodyBytesMax else {
      return nil
    }
    return Continuation(
      body: body, parts: output.parts(within: Self.assignedBodyBytesMax - body.count))
  }
}
