internal import ExchangeTypes
internal import WireProtocol

/// One attempt: what the engine makes of it, and what of that a leader has been sent.
///
/// ```
/// generation:  running ──runEnded, cancel, overlong──► finished
/// engine:      running ─────────────────runEnded─────► released    (never before the generation ended)
/// ```
/// Where its stream is (attached, resuming, detached) is the slot's state. Everything it made is kept
/// until the slot forgets it, whether sent or not.
final class AttemptRunner {
  /// Above this many unsent events, or bytes, the engine waits; it goes on below half.
  static let unsentEventsMax = 4_096
  static let unsentBytesMax = 1 << 20

  private enum Generation {
    case running
    case finished(AttemptFinished, isSent: Bool)
  }

  let attempt: AttemptID
  let run: EngineRunID
  private let model: String
  private let modelDigest: String?
  private let recordSeq: UInt64
  private unowned let host: any WorkerHost
  private var generation = Generation.running
  /// Tokens of the prompt, once the engine has said it.
  private var promptTokens: UInt32?
  private var events: RetainedEvents
  private var isReading = true
  /// Whether the engine still has the run: until then its slot is not free.
  private(set) var isInEngine = false
  /// When what it has made and not sent is to leave (`Beat`); nil if nothing waits for that.
  var dueAt: UInt64?
  /// When something was sent last, in monotonic milliseconds.
  private(set) var sentAt: UInt64 = 0

  /// An attempt that has not begun.
  ///
  /// - Parameters:
  ///   - assign: what is asked for.
  ///   - modelDigest: what the model's weights are (`WorkerStatement.modelDigest`).
  ///   - recordHash: the chain hash after the record that it goes on from.
  ///   - run: the run of the engine.
  ///   - host: runs the engine, and signs what is stated in the end.
  init(
    _ assign: Assign, modelDigest: String?, recordHash: ChainHash, run: EngineRunID,
    host: any WorkerHost
  ) {
    model = assign.model
    self.modelDigest = modelDigest
    attempt = AttemptID(job: assign.job, epoch: assign.epoch)
    recordSeq = assign.recordSeq
    self.run = run
    self.host = host
    events = RetainedEvents(recordSeq: assign.recordSeq, recordHash: recordHash)
  }

  var isFinished: Bool {
    if case .finished = generation { true } else { false }
  }
  /// Whether some of it has been sent, to whoever follows it now or before.
  var hasSent: Bool { events.sentThrough > recordSeq }
  /// Whether what waits fills a message.
  var fillsMessage: Bool { events.unsentBytes >= RetainedEvents.chunkBytesMax }
  /// Whether the first event has been made and not sent: it leaves at once.
  var awaitsFirstSend: Bool { events.sentThrough == recordSeq && events.unsentCount > 0 }

  // MARK: The engine's side

  func start(_ order: EngineOrder) {
    isInEngine = true
    host.startRun(run, order)
  }

  /// Numbers and keeps what the engine made.
  func produced(_ generated: [GeneratedEvent]) {
    guard !isFinished else { return }
    for event in generated {
      promptTokens = event.promptTokens ?? promptTokens
      guard let pieces = event.pieces() else {
        finish(
          .error, EngineFault(.engineGarbled, "a delta of \(event.bytes.count) bytes; 12,288 fit"))
        stopEngine()
        return
      }
      for piece in pieces { events.append(piece) }
    }
    adjustReading()
  }

  /// The engine has let go of the run.
  func released(_ ending: EngineEnding) {
    isInEngine = false
    switch ending {
    case .completed(let reason, let usage, let cached, let reasoning):
      finish(reason, usage: usage, cachedTokens: cached, reasoningTokens: reasoning)
    case .failed(let fault): finish(.error, fault)
    case .cancelled: finish(.cancelled, usage: known)
    }
  }

  /// What is owed for an output that is cancelled.
  private var known: Usage { Usage(promptTokens: promptTokens, outputTokens: nil) }

  /// Ends the output here; a leader hears so after the last event.
  func cancel() {
    finish(.cancelled, usage: known)
    stopEngine()
  }

  /// Never begins: says so to the leader.
  func refuse(_ fault: EngineFault) { finish(.error, fault) }

  /// Nobody wants the output any more.
  func stopEngine() {
    if isInEngine { host.cancelRun(run) }
  }

  private func finish(
    _ reason: FinishReason, _ fault: EngineFault? = nil,
    usage: Usage = Usage(promptTokens: nil, outputTokens: nil), cachedTokens: UInt32? = nil,
    reasoningTokens: UInt32? = nil
  ) {
    guard !isFinished else { return }
    generation = .finished(
      AttemptFinished(
        job: attempt.job, epoch: attempt.epoch, finish: reason, usage: usage,
        lastSeq: events.lastSeq, hash: events.hash.bytes, error: fault?.code.rawValue ?? 0,
        errorText: fault?.message ?? "",
        retryElsewhere: fault?.isTheEngines == true, cachedTokens: cachedTokens,
        word: word(reason, usage, cachedTokens), reasoningTokens: reasoningTokens),
      isSent: false)
    host.note(.generated(attempt, reason, fault, lastSeq: events.lastSeq))
  }

  /// What the worker signs of the attempt.
  private func word(
    _ reason: FinishReason, _ usage: Usage, _ cachedTokens: UInt32?
  ) -> WorkerWord? {
    func tokens(_ count: UInt32?) -> TokenCount? { count.map { TokenCount(UInt64($0)) } }
    let statement = WorkerStatement(
      job: attempt.job, epoch: attempt.epoch, model: model, modelDigest: modelDigest,
      finish: reason, promptTokens: tokens(usage.promptTokens),
      outputTokens: tokens(usage.outputTokens), cachedTokens: tokens(cachedTokens) ?? .zero,
      firstSeq: recordSeq + 1, lastSeq: events.lastSeq, outputHash: events.hash.bytes)
    return host.signature(under: statement.bytes).map {
      WorkerWord(firstSeq: recordSeq + 1, digest: modelDigest, signature: $0)
    }
  }

  // MARK: The leader's side

  /// Sends what the stream takes.
  func send(on channel: any MessageChannel, now: UInt64) {
    if events.unsentCount > 0 { sentAt = now }
    while events.unsentCount > 0 {
      guard channel.outstandingBytes < MessageChannelLimits.outstandingBytesMax else { break }
      channel.send(
        Chunk(job: attempt.job, epoch: attempt.epoch, events: events.takeUnsent()))
    }
    if events.unsentCount == 0, case .finished(let message, isSent: false) = generation {
      channel.send(message)
      generation = .finished(message, isSent: true)
    }
    adjustReading()
  }

  /// The offer of this attempt to a leader.
  func offer(worker: WorkerID, incarnation: UInt64) -> AttemptResume {
    AttemptResume(
      worker: worker, job: attempt.job, epoch: attempt.epoch, incarnation: incarnation,
      firstSeq: events.isEmpty ? 0 : events.firstSeq,
      lastSeq: events.isEmpty ? 0 : events.lastSeq, finished: isFinished)
  }

  /// A leader wants everything from `seq` on; false if that is not kept here.
  func goOn(from seq: UInt64) -> Bool {
    guard events.rewind(to: seq) else { return false }
    if case .finished(let message, _) = generation {
      generation = .finished(message, isSent: false)
    }
    adjustReading()
    return true
  }

  private func adjustReading() {
    guard isInEngine, !isFinished else { return }
    let count = events.unsentCount
    let bytes = events.unsentBytes
    if isReading, count > Self.unsentEventsMax || bytes > Self.unsentBytesMax {
      isReading = false
      host.setReading(run, false)
    } else if !isReading, count < Self.unsentEventsMax / 2, bytes < Self.unsentBytesMax / 2 {
      isReading = true
      host.setReading(run, true)
    }
  }
}
