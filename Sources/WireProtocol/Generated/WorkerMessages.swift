// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

/// Announces a worker and what it offers; sent again when that changes.
public struct WorkerRegister: WireMessage {
  /// WorkerRegister is number 128.
  public static let kind = MessageKind.workerRegister

  /// Its name, stable over restarts, unique under its account.
  public let name: String
  /// Drawn anew at each start of the process.
  public let incarnation: UInt64
  /// What it offers.
  public let offers: [OfferTerms]
  /// Whether it takes no new job.
  public let draining: Bool
  /// Whether its engine goes on from an output that a request ends with (Assign.body); absent from
  /// an older worker, which does not.
  public let continues: Bool?
  /// What its engine can do, the sum of: 1 tools, 2 structured output, 4 log probabilities, 8
  /// several answers, 16 prompts of token ids, 32 echo of the prompt, 64 choice of tools, 128 bias
  /// of tokens.
  ///
  /// What it does not say it is taken not to do, so a worker that is older than a bit lacks it;
  /// absent from a worker that is older than all, which is taken to have all.
  public let capabilities: UInt32?

  /// Joins the fields.
  public init(
    name: String, incarnation: UInt64, offers: [OfferTerms], draining: Bool, continues: Bool?,
    capabilities: UInt32?
  ) {
    self.name = name
    self.incarnation = incarnation
    self.offers = offers
    self.draining = draining
    self.continues = continues
    self.capabilities = capabilities
  }
}

/// Answers a WorkerRegister.
public struct WorkerRegistered: WireMessage {
  /// WorkerRegistered is number 129.
  public static let kind = MessageKind.workerRegistered

  /// The worker's id, stable for its name.
  public let worker: WorkerID
  /// The leader's term: a worker obeys the highest that it has seen.
  public let term: Term
  /// A worker not heard for so many milliseconds loses its attempts.
  public let leaseMs: UInt32

  /// Joins the fields.
  public init(worker: WorkerID, term: Term, leaseMs: UInt32) {
    self.worker = worker
    self.term = term
    self.leaseMs = leaseMs
  }
}

/// Renews the lease of a worker's attempts.
public struct WorkerHeartbeat: WireMessage {
  /// WorkerHeartbeat is number 130.
  public static let kind = MessageKind.workerHeartbeat

  /// The worker.
  public let worker: WorkerID
  /// Returned in the answer.
  public let nonce: UInt64
  /// Slots in use.
  public let busy: UInt16
  /// Whether the engine takes attempts: it answered its last health check, and has not just refused
  /// one for want of room.
  public let engineHealthy: Bool
  /// Whether an engine that takes none answers its health checks and only has no room just now: the
  /// worker is there, as one whose slots all have a job.
  ///
  /// Absent from an older worker.
  public let full: Bool?

  /// Joins the fields.
  public init(worker: WorkerID, nonce: UInt64, busy: UInt16, engineHealthy: Bool, full: Bool?) {
    self.worker = worker
    self.nonce = nonce
    self.busy = busy
    self.engineHealthy = engineHealthy
    self.full = full
  }
}

/// Answers a WorkerHeartbeat.
public struct WorkerHeartbeatAck: WireMessage {
  /// WorkerHeartbeatAck is number 131.
  public static let kind = MessageKind.workerHeartbeatAck

  /// The heartbeat's.
  public let nonce: UInt64
  /// The leader's term: a worker obeys the highest that it has seen.
  public let term: Term

  /// Joins the fields.
  public init(nonce: UInt64, term: Term) {
    self.nonce = nonce
    self.term = term
  }
}

/// Opens a slot's stream, on which the leader may send one Assign.
public struct Park: WireMessage {
  /// Park is number 132.
  public static let kind = MessageKind.park

  /// The worker.
  public let worker: WorkerID
  /// Which of its slots.
  public let slot: UInt16
  /// The worker's, as registered.
  public let incarnation: UInt64

  /// Joins the fields.
  public init(worker: WorkerID, slot: UInt16, incarnation: UInt64) {
    self.worker = worker
    self.slot = slot
    self.incarnation = incarnation
  }
}

/// Starts an attempt on a parked stream.
public struct Assign: WireMessage {
  /// Assign is number 133.
  public static let kind = MessageKind.assign

  /// The job.
  public let job: JobID
  /// The attempt.
  public let epoch: Epoch
  /// The leader's term: a worker obeys the highest that it has seen.
  public let term: Term
  /// What the body is for.
  public let endpoint: Endpoint
  /// The model.
  public let model: String
  /// The OpenAI request.
  ///
  /// When the attempt continues a record, the output so far is its end: a last message of the
  /// assistant that is to be continued, or the end of the prompt.
  public let body: [UInt8]
  /// The last event already in the record; the attempt's first is the next.
  public let recordSeq: UInt64
  /// Chain hash after that event.
  public let recordHash: [UInt8]
  /// Most output tokens that are still paid for.
  public let outputTokensMax: UInt32
  /// The output at the end of `body` in parts, where the ids of some are known: an engine that
  /// finds that they stand for that text may go on from them instead.
  ///
  /// A worker that is given some understands AttemptGoesOn.
  public let output: [OutputPart]?

  /// Joins the fields.
  public init(
    job: JobID, epoch: Epoch, term: Term, endpoint: Endpoint, model: String, body: [UInt8],
    recordSeq: UInt64, recordHash: [UInt8], outputTokensMax: UInt32, output: [OutputPart]?
  ) {
    self.job = job
    self.epoch = epoch
    self.term = term
    self.endpoint = endpoint
    self.model = model
    self.body = body
    self.recordSeq = recordSeq
    self.recordHash = recordHash
    self.outputTokensMax = outputTokensMax
    self.output = output
  }
}

/// Carries an attempt's events; the sender splits by bytes below the payload limit and keeps them,
/// or the newest of them, until it is told AttemptSettled.
public struct Chunk: WireMessage {
  /// Chunk is number 134.
  public static let kind = MessageKind.chunk

  /// The job.
  public let job: JobID
  /// The attempt.
  public let epoch: Epoch
  /// The events, without a gap.
  public let events: [Event]

  /// Joins the fields.
  public init(job: JobID, epoch: Epoch, events: [Event]) {
    self.job = job
    self.epoch = epoch
    self.events = events
  }
}

/// Ends an attempt's output.
public struct AttemptFinished: WireMessage {
  /// AttemptFinished is number 135.
  public static let kind = MessageKind.attemptFinished

  /// The job.
  public let job: JobID
  /// The attempt.
  public let epoch: Epoch
  /// Why it ended.
  public let finish: FinishReason
  /// What the engine reported.
  public let usage: Usage
  /// The last event sent; that of the record if none.
  public let lastSeq: UInt64
  /// Chain hash after it.
  public let hash: [UInt8]
  /// An error code; 0 if none.
  public let error: UInt16
  /// More about the error; empty if none.
  public let errorText: String
  /// Whether another worker may succeed.
  public let retryElsewhere: Bool
  /// Prompt tokens that the engine had cached, among those of the usage; absent if it said nothing.
  public let cachedTokens: UInt32?
  /// What the worker signs of it, for the job's receipt; absent from one without a certificate.
  public let word: WorkerWord?
  /// Output tokens that were reasoning, among those of the usage; absent if the engine said
  /// nothing.
  public let reasoningTokens: UInt32?

  /// Joins the fields.
  public init(
    job: JobID, epoch: Epoch, finish: FinishReason, usage: Usage, lastSeq: UInt64, hash: [UInt8],
    error: UInt16, errorText: String, retryElsewhere: Bool, cachedTokens: UInt32?,
    word: WorkerWord?, reasoningTokens: UInt32?
  ) {
    self.job = job
    self.epoch = epoch
    self.finish = finish
    self.usage = usage
    self.lastSeq = lastSeq
    self.hash = hash
    self.error = error
    self.errorText = errorText
    self.retryElsewhere = retryElsewhere
    self.cachedTokens = cachedTokens
    self.word = word
    self.reasoningTokens = reasoningTokens
  }
}

/// Asks to stop an attempt; the worker answers AttemptFinished.
public struct AttemptCancel: WireMessage {
  /// AttemptCancel is number 136.
  public static let kind = MessageKind.attemptCancel

  /// The job.
  public let job: JobID
  /// The attempt.
  public let epoch: Epoch
  /// The leader's term: a worker obeys the highest that it has seen.
  public let term: Term

  /// Joins the fields.
  public init(job: JobID, epoch: Epoch, term: Term) {
    self.job = job
    self.epoch = epoch
    self.term = term
  }
}

/// Says that the attempt is settled: its chunks may be forgotten.
public struct AttemptSettled: WireMessage {
  /// AttemptSettled is number 137.
  public static let kind = MessageKind.attemptSettled

  /// The job.
  public let job: JobID
  /// The attempt.
  public let epoch: Epoch
  /// The leader's term: a worker obeys the highest that it has seen.
  public let term: Term

  /// Joins the fields.
  public init(job: JobID, epoch: Epoch, term: Term) {
    self.job = job
    self.epoch = epoch
    self.term = term
  }
}

/// Offers an attempt that outlived its stream to the leader.
public struct AttemptResume: WireMessage {
  /// AttemptResume is number 138.
  public static let kind = MessageKind.attemptResume

  /// The worker.
  public let worker: WorkerID
  /// The job.
  public let job: JobID
  /// The attempt.
  public let epoch: Epoch
  /// The worker's, as registered.
  public let incarnation: UInt64
  /// The first event that it still keeps; 0 if none.
  public let firstSeq: UInt64
  /// The last event that it made; 0 if none.
  public let lastSeq: UInt64
  /// Whether the output has ended.
  public let finished: Bool

  /// Joins the fields.
  public init(
    worker: WorkerID, job: JobID, epoch: Epoch, incarnation: UInt64, firstSeq: UInt64,
    lastSeq: UInt64, finished: Bool
  ) {
    self.worker = worker
    self.job = job
    self.epoch = epoch
    self.incarnation = incarnation
    self.firstSeq = firstSeq
    self.lastSeq = lastSeq
    self.finished = finished
  }
}

/// Accepts an AttemptResume: the worker sends from a place on.
public struct AttemptContinue: WireMessage {
  /// AttemptContinue is number 139.
  public static let kind = MessageKind.attemptContinue

  /// The job.
  public let job: JobID
  /// The attempt.
  public let epoch: Epoch
  /// The leader's term: a worker obeys the highest that it has seen.
  public let term: Term
  /// The first event wanted.
  public let fromSeq: UInt64

  /// Joins the fields.
  public init(job: JobID, epoch: Epoch, term: Term, fromSeq: UInt64) {
    self.job = job
    self.epoch = epoch
    self.term = term
    self.fromSeq = fromSeq
  }
}

/// Refuses an attempt: the job is no longer its own, and the worker forgets it.
public struct AttemptAbandon: WireMessage {
  /// AttemptAbandon is number 140.
  public static let kind = MessageKind.attemptAbandon

  /// The job.
  public let job: JobID
  /// The attempt.
  public let epoch: Epoch
  /// The leader's term: a worker obeys the highest that it has seen.
  public let term: Term

  /// Joins the fields.
  public init(job: JobID, epoch: Epoch, term: Term) {
    self.job = job
    self.epoch = epoch
    self.term = term
  }
}

/// Tells how an attempt goes on from a record, before its first Chunk; only in answer to an Assign
/// that has `output`, and without it: by text.
public struct AttemptGoesOn: WireMessage {
  /// AttemptGoesOn is number 148.
  public static let kind = MessageKind.attemptGoesOn

  /// The job.
  public let job: JobID
  /// The attempt.
  public let epoch: Epoch
  /// From what.
  public let resumption: Resumption

  /// Joins the fields.
  public init(job: JobID, epoch: Epoch, resumption: Resumption) {
    self.job = job
    self.epoch = epoch
    self.resumption = resumption
  }
}

/// Tells how a registered worker's host is; sent when that changes, where `host-reports` is agreed
/// on.
public struct HostReport: WireMessage {
  /// HostReport is number 195.
  public static let kind = MessageKind.hostReport

  /// Its GPUs, by number; all that were told before are forgotten.
  public let gpus: [GPUFacts]

  /// Joins the fields.
  public init(gpus: [GPUFacts]) {
    self.gpus = gpus
  }
}
