// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

/// Asks for a job.
public struct Submit: WireMessage {
  /// Submit is number 64.
  public static let kind = MessageKind.submit

  /// The caller's name for this request: a retry under it is the same request.
  public let requestKey: RequestKey
  /// Whether it needs its reader.
  public let mode: JobMode
  /// What the body is for.
  public let endpoint: Endpoint
  /// The model asked for.
  public let model: String
  /// The OpenAI request, verbatim.
  public let body: [UInt8]
  /// Most nano-credits per million prompt tokens; absent for twice what the cheapest worker that is
  /// there asks.
  public let maxInputPrice: Price?
  /// Most nano-credits per million output tokens; absent for the highest ask at submit.
  public let maxOutputPrice: Price?
  /// Longest wait for a slot, in milliseconds; 0 for the exchange's own limit.
  public let queueTimeoutMs: UInt32
  /// Whether the stream goes on with the job's events.
  public let follow: Bool
  /// How long the job's record is to be kept after its end, in milliseconds; 0 until it is
  /// delivered.
  ///
  /// Never longer than the cluster keeps any; absent for as long as that.
  public let retentionMs: UInt64?
  /// Whether the reader that follows is sent only what is committed.
  public let durable: Bool?
  /// Whether the job is refused with no_worker_online rather than queued while no worker of the
  /// model is connected.
  public let servedOnly: Bool?

  /// Joins the fields.
  public init(
    requestKey: RequestKey, mode: JobMode, endpoint: Endpoint, model: String, body: [UInt8],
    maxInputPrice: Price?, maxOutputPrice: Price?, queueTimeoutMs: UInt32, follow: Bool,
    retentionMs: UInt64?, durable: Bool?, servedOnly: Bool?
  ) {
    self.requestKey = requestKey
    self.mode = mode
    self.endpoint = endpoint
    self.model = model
    self.body = body
    self.maxInputPrice = maxInputPrice
    self.maxOutputPrice = maxOutputPrice
    self.queueTimeoutMs = queueTimeoutMs
    self.follow = follow
    self.retentionMs = retentionMs
    self.durable = durable
    self.servedOnly = servedOnly
  }
}

/// Says that a job is committed.
public struct Accepted: WireMessage {
  /// Accepted is number 65.
  public static let kind = MessageKind.accepted

  /// The job.
  public let job: JobID
  /// The entry that created it, for a Follow on any coordinator.
  public let commitIndex: LogIndex
  /// Whether an earlier request under the same key created it.
  public let duplicate: Bool
  /// What is held for it.
  public let hold: Credits
  /// What its key may use and has left; absent if it has no limit, and from an older coordinator.
  public let rate: RateSummary?
  /// The model that the job asks for, where that is one of the request's others; absent if it is
  /// the first.
  public let model: String?

  /// Joins the fields.
  public init(
    job: JobID, commitIndex: LogIndex, duplicate: Bool, hold: Credits, rate: RateSummary?,
    model: String?
  ) {
    self.job = job
    self.commitIndex = commitIndex
    self.duplicate = duplicate
    self.hold = hold
    self.rate = rate
    self.model = model
  }
}

/// Asks for a job's events from a place on.
public struct Follow: WireMessage {
  /// Follow is number 66.
  public static let kind = MessageKind.follow

  /// The job.
  public let job: JobID
  /// The first event wanted; 1 for all.
  public let fromSeq: UInt64
  /// Chain hash before that event, if the reader has one: a mismatch answers stream_diverged.
  public let hash: [UInt8]?
  /// The entry that created the job; 0 if unknown.
  ///
  /// The leader answers, and only from a state that has it.
  public let commitIndex: LogIndex
  /// Whether this reader takes an attached job over.
  public let attach: Bool
  /// What vouches for the events that the reader has and the record may not have; absent if it has
  /// none.
  public let tail: TailClaim?
  /// Whether the reader is sent only what is committed.
  public let durable: Bool?

  /// Joins the fields.
  public init(
    job: JobID, fromSeq: UInt64, hash: [UInt8]?, commitIndex: LogIndex, attach: Bool,
    tail: TailClaim?, durable: Bool?
  ) {
    self.job = job
    self.fromSeq = fromSeq
    self.hash = hash
    self.commitIndex = commitIndex
    self.attach = attach
    self.tail = tail
    self.durable = durable
  }
}

/// Says that there is nothing to send yet, and why.
public struct Waiting: WireMessage {
  /// Waiting is number 67.
  public static let kind = MessageKind.waiting

  /// Where the job is in its life.
  public let state: JobState
  /// Jobs before it in the queue of its model.
  public let position: UInt32
  /// Why it waits, for people.
  public let reason: String

  /// Joins the fields.
  public init(state: JobState, position: UInt32, reason: String) {
    self.state = state
    self.position = position
    self.reason = reason
  }
}

/// Carries a job's events; the sender splits by bytes below the payload limit.
public struct Events: WireMessage {
  /// Events is number 68.
  public static let kind = MessageKind.events

  /// The job.
  public let job: JobID
  /// The attempt that made them.
  public let epoch: Epoch
  /// The events, without a gap.
  public let events: [Event]
  /// The last event that is committed: what lies beyond, the reader keeps.
  public let durableThrough: UInt64
  /// Chain hash after the last event.
  public let hash: [UInt8]
  /// Stream MAC over job, epoch, last seq, durableThrough and hash.
  public let mac: [UInt8]

  /// Joins the fields.
  public init(
    job: JobID, epoch: Epoch, events: [Event], durableThrough: UInt64, hash: [UInt8], mac: [UInt8]
  ) {
    self.job = job
    self.epoch = epoch
    self.events = events
    self.durableThrough = durableThrough
    self.hash = hash
    self.mac = mac
  }
}

/// Ends a stream: the job has settled.
public struct Ended: WireMessage {
  /// Ended is number 69.
  public static let kind = MessageKind.ended

  /// The job as it ended.
  public let summary: JobSummary
  /// Chain hash of the whole record.
  public let hash: [UInt8]
  /// The last event of the record; 0 if none.
  public let lastSeq: UInt64
  /// Whether the record is kept only until its owner says that he has it, which a Purge does.
  public let untilDelivered: Bool?
  /// Billed prompt tokens that the engine had cached; absent if it said of none.
  public let cachedTokens: UInt32?
  /// Billed output tokens that the engine counts as reasoning; absent if it said of none.
  public let reasoningTokens: UInt32?

  /// Joins the fields.
  public init(
    summary: JobSummary, hash: [UInt8], lastSeq: UInt64, untilDelivered: Bool?,
    cachedTokens: UInt32?, reasoningTokens: UInt32?
  ) {
    self.summary = summary
    self.hash = hash
    self.lastSeq = lastSeq
    self.untilDelivered = untilDelivered
    self.cachedTokens = cachedTokens
    self.reasoningTokens = reasoningTokens
  }
}

/// Asks to cancel a job; the stream ends with Ended once it has settled.
public struct Cancel: WireMessage {
  /// Cancel is number 70.
  public static let kind = MessageKind.cancel

  /// The job.
  public let job: JobID

  /// Joins the fields.
  public init(job: JobID) {
    self.job = job
  }
}

/// Asks for a job's summary.
public struct JobQuery: WireMessage {
  /// JobQuery is number 71.
  public static let kind = MessageKind.jobQuery

  /// The job.
  public let job: JobID

  /// Joins the fields.
  public init(job: JobID) {
    self.job = job
  }
}

/// Answers a JobQuery, a Submit that does not follow, or a Cancel on the call service.
public struct JobReport: WireMessage {
  /// JobReport is number 72.
  public static let kind = MessageKind.jobReport

  /// The job.
  public let summary: JobSummary
  /// How its output went on after an attempt was lost in the middle of it; absent if it did not.
  public let resumed: Resumption?
  /// Of a job that has ended: billed prompt tokens that the engine had cached; absent if it said of
  /// none.
  public let cachedTokens: UInt32?
  /// Of a job that has ended: billed output tokens that the engine counts as reasoning; absent if
  /// it said of none.
  public let reasoningTokens: UInt32?

  /// Joins the fields.
  public init(
    summary: JobSummary, resumed: Resumption?, cachedTokens: UInt32?, reasoningTokens: UInt32?
  ) {
    self.summary = summary
    self.resumed = resumed
    self.cachedTokens = cachedTokens
    self.reasoningTokens = reasoningTokens
  }
}

/// Asks for jobs of the caller's account, in order of creation.
public struct JobList: WireMessage {
  /// JobList is number 73.
  public static let kind = MessageKind.jobList

  /// The last job already seen; 0 for the first page.
  public let after: JobID
  /// Most jobs wanted, 1 to 256.
  public let limit: UInt16

  /// Joins the fields.
  public init(after: JobID, limit: UInt16) {
    self.after = after
    self.limit = limit
  }
}

/// Answers a JobList.
public struct JobListing: WireMessage {
  /// JobListing is number 74.
  public static let kind = MessageKind.jobListing

  /// The jobs, in ascending order.
  public let jobs: [JobSummary]
  /// Whether there are more.
  public let more: Bool

  /// Joins the fields.
  public init(jobs: [JobSummary], more: Bool) {
    self.jobs = jobs
    self.more = more
  }
}

/// Asks to forget ended jobs: their payloads and outputs are deleted.
public struct Purge: WireMessage {
  /// Purge is number 75.
  public static let kind = MessageKind.purge

  /// The jobs.
  public let jobs: [JobID]

  /// Joins the fields.
  public init(jobs: [JobID]) {
    self.jobs = jobs
  }
}

/// Answers a Purge.
public struct Purged: WireMessage {
  /// Purged is number 76.
  public static let kind = MessageKind.purged

  /// Jobs forgotten.
  public let count: UInt32

  /// Joins the fields.
  public init(count: UInt32) {
    self.count = count
  }
}

/// Asks to cancel jobs in one command.
public struct CancelMany: WireMessage {
  /// CancelMany is number 77.
  public static let kind = MessageKind.cancelMany

  /// The jobs.
  public let jobs: [JobID]

  /// Joins the fields.
  public init(jobs: [JobID]) {
    self.jobs = jobs
  }
}

/// Answers a CancelMany.
public struct CancelledMany: WireMessage {
  /// CancelledMany is number 78.
  public static let kind = MessageKind.cancelledMany

  /// Jobs whose cancel was logged.
  public let count: UInt32

  /// Joins the fields.
  public init(count: UInt32) {
    self.count = count
  }
}

/// Asks a reader whose Follow has a tail for the part of it that the leader lacks.
public struct TailQuery: WireMessage {
  /// TailQuery is number 146.
  public static let kind = MessageKind.tailQuery

  /// The job.
  public let job: JobID
  /// The first event wanted; the last is the one before Follow.fromSeq.
  public let fromSeq: UInt64

  /// Joins the fields.
  public init(job: JobID, fromSeq: UInt64) {
    self.job = job
    self.fromSeq = fromSeq
  }
}

/// Answers a TailQuery, in several messages where one would be too large: the last has the event
/// before Follow.fromSeq.
public struct Tail: WireMessage {
  /// Tail is number 147.
  public static let kind = MessageKind.tail

  /// The job.
  public let job: JobID
  /// Events as a leader sent them, without a gap.
  public let events: [Event]

  /// Joins the fields.
  public init(job: JobID, events: [Event]) {
    self.job = job
    self.events = events
  }
}

/// Asks what a Submit would come to: nothing is stored, held or charged.
public struct DryRun: WireMessage {
  /// DryRun is number 156.
  public static let kind = MessageKind.dryRun

  /// The request's name: one that has its job already is answered with that.
  public let requestKey: RequestKey
  /// What the body is for.
  public let endpoint: Endpoint
  /// The model asked for.
  public let model: String
  /// The OpenAI request, verbatim.
  public let body: [UInt8]
  /// As in Submit.
  public let maxInputPrice: Price?
  /// As in Submit.
  public let maxOutputPrice: Price?
  /// As in Submit.
  public let servedOnly: Bool

  /// Joins the fields.
  public init(
    requestKey: RequestKey, endpoint: Endpoint, model: String, body: [UInt8], maxInputPrice: Price?,
    maxOutputPrice: Price?, servedOnly: Bool
  ) {
    self.requestKey = requestKey
    self.endpoint = endpoint
    self.model = model
    self.body = body
    self.maxInputPrice = maxInputPrice
    self.maxOutputPrice = maxOutputPrice
    self.servedOnly = servedOnly
  }
}

/// Asks why a job of the caller's is where it is.
public struct JobWhyQuery: WireMessage {
  /// JobWhyQuery is number 157.
  public static let kind = MessageKind.jobWhyQuery

  /// The job.
  public let job: JobID

  /// Joins the fields.
  public init(job: JobID) {
    self.job = job
  }
}

/// Answers a JobWhyQuery or a DryRun: what the leader knows, from what it decides by.
public struct JobWhyReport: WireMessage {
  /// JobWhyReport is number 158.
  public static let kind = MessageKind.jobWhyReport

  /// The job; absent where there is none.
  public let summary: JobSummary?
  /// The model that it gets.
  public let model: String
  /// The most tokens that its prompt can be.
  public let promptBound: TokenCount
  /// The most output tokens.
  public let outputMax: TokenCount
  /// The highest price per million prompt tokens.
  public let maxInputPrice: Price
  /// The highest price per million output tokens.
  public let maxOutputPrice: Price
  /// What is held for it, or would be; 0 once it has ended.
  public let hold: Credits
  /// The code that a Submit would be refused with now; 0 if it would be admitted.
  public let refusal: UInt16
  /// The refusal's words.
  public let refusalText: String
  /// Jobs of the model that came before it and wait; absent if it does not wait.
  public let queueAhead: UInt32?
  /// For how long it still waits, in milliseconds; absent if it does not wait.
  public let waitsMs: UInt64?
  /// The model's offers: first those that would be chosen, in that order.
  ///
  /// None once the job has ended.
  public let candidates: [CandidateTerms]
  /// Offers that do not fit.
  public let candidatesLeftOut: UInt32
  /// Its attempts as far as they are known: the last one, and what this leader has seen lost.
  public let attempts: [AttemptTerms]
  /// Where the cheapest change of the request would bring it; 0 if none is needed or none would
  /// help.
  public let remedyWorker: WorkerID
  /// That change.
  public let remedy: [ChangeTerms]
  /// Its class, or what it would have.
  public let jobClass: JobClass?
  /// How often a batch job has given its slot to another.
  public let preemptions: UInt8?
  /// Candidates whose engines have probably read the beginning of the prompt; absent if none has,
  /// or it is not known.
  public let warm: [WarmPrefix]?

  /// Joins the fields.
  public init(
    summary: JobSummary?, model: String, promptBound: TokenCount, outputMax: TokenCount,
    maxInputPrice: Price, maxOutputPrice: Price, hold: Credits, refusal: UInt16,
    refusalText: String, queueAhead: UInt32?, waitsMs: UInt64?, candidates: [CandidateTerms],
    candidatesLeftOut: UInt32, attempts: [AttemptTerms], remedyWorker: WorkerID,
    remedy: [ChangeTerms], jobClass: JobClass?, preemptions: UInt8?, warm: [WarmPrefix]?
  ) {
    self.summary = summary
    self.model = model
    self.promptBound = promptBound
    self.outputMax = outputMax
    self.maxInputPrice = maxInputPrice
    self.maxOutputPrice = maxOutputPrice
    self.hold = hold
    self.refusal = refusal
    self.refusalText = refusalText
    self.queueAhead = queueAhead
    self.waitsMs = waitsMs
    self.candidates = candidates
    self.candidatesLeftOut = candidatesLeftOut
    self.attempts = attempts
    self.remedyWorker = remedyWorker
    self.remedy = remedy
    self.jobClass = jobClass
    self.preemptions = preemptions
    self.warm = warm
  }
}
