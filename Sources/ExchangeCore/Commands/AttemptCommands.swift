public import ExchangeTypes
public import JobMarket

extension Command {
  /// Gives a queued job to a worker; the planner's view is checked again here.
  public struct Assign: Hashable, Sendable {
    /// The job.
    public let job: JobID
    /// The attempt's number: one more than the job's last.
    public let epoch: Epoch
    /// The offer that it runs on.
    public let offer: OfferID
    /// The version of the ask that the planner saw.
    public let askVersion: UInt32
    /// Joins the parts.
    public init(job: JobID, epoch: Epoch, offer: OfferID, askVersion: UInt32) {
      self.job = job
      self.epoch = epoch
      self.offer = offer
      self.askVersion = askVersion
    }
  }

  /// A submit and the assign of the job that it makes: the planner knows a free slot, and the job's number is
  /// only given by apply.
  public struct SubmitAssigned: Hashable, Sendable {
    /// The job.
    public let submit: Submit
    /// The offer that it is to run on.
    public let offer: OfferID
    /// The version of the ask that the planner saw.
    public let askVersion: UInt32
    /// Joins the parts.
    public init(submit: Submit, offer: OfferID, askVersion: UInt32) {
      self.submit = submit
      self.offer = offer
      self.askVersion = askVersion
    }
  }

  /// What a job's record grows by: events numbered from `firstSeq`, sealed.
  public struct RecordExtension: Hashable, Sendable {
    /// The first event's number: one more than the record's last.
    ///
    /// A record starts at 1.
    public let firstSeq: UInt64
    /// How many events; at least 1.
    public let count: UInt32
    /// Tokens that the engine claimed for them, chunk by chunk.
    public let tokens: UInt32
    /// Token ids among them.
    public let idTokens: UInt32
    /// Bytes of UTF-8 in them.
    public let bytes: UInt32
    /// The chain hash after the last of them: 32 bytes.
    public let chainHash: [UInt8]
    /// The events, sealed under the job's key.
    public let sealed: [UInt8]
    /// Joins the parts.
    public init(
      firstSeq: UInt64, count: UInt32, tokens: UInt32, idTokens: UInt32, bytes: UInt32,
      chainHash: [UInt8], sealed: [UInt8]
    ) {
      self.firstSeq = firstSeq
      self.count = count
      self.tokens = tokens
      self.idTokens = idTokens
      self.bytes = bytes
      self.chainHash = chainHash
      self.sealed = sealed
    }
  }

  /// Extends records; each entry is judged by itself.
  public struct Checkpoint: Hashable, Sendable {
    /// One stream's progress.
    public struct Entry: Hashable, Sendable {
      /// Whose stream.
      public let attempt: AttemptID
      /// What came.
      public let events: RecordExtension
      /// Joins the parts.
      public init(attempt: AttemptID, events: RecordExtension) {
        self.attempt = attempt
        self.events = events
      }
    }
    /// The streams that advanced.
    public let entries: [Entry]
    /// Joins the parts.
    public init(entries: [Entry]) { self.entries = entries }
  }

  /// Ends a dispatched job: the only command that closes its hold with a capture on the worker's word.
  public struct Settle: Hashable, Sendable {
    /// What the worker says the whole record is; nil when the leader settles without it.
    public struct Claim: Hashable, Sendable {
      /// The last event's number.
      public let lastSeq: UInt64
      /// The chain hash after it: 32 bytes.
      public let chainHash: [UInt8]
      /// Joins the parts.
      public init(lastSeq: UInt64, chainHash: [UInt8]) {
        self.lastSeq = lastSeq
        self.chainHash = chainHash
      }
    }

    /// Whose end it is.
    public let attempt: AttemptID
    /// Why it ended.
    public let finish: FinishReason
    /// What the engine counted.
    public let usage: ReportedUsage
    /// What failed, when `finish` is `error`.
    public let error: ErrorCode?
    /// The error's text, sealed; empty if there is none.
    public let detailSealed: [UInt8]
    /// The events that no checkpoint has carried yet.
    public let tail: RecordExtension?
    /// What the worker says that the record is now.
    public let claim: Claim?
    /// Joins the parts.
    public init(
      attempt: AttemptID, finish: FinishReason, usage: ReportedUsage, error: ErrorCode? = nil,
      detailSealed: [UInt8] = [], tail: RecordExtension? = nil, claim: Claim? = nil
    ) {
      self.attempt = attempt
      self.finish = finish
      self.usage = usage
      self.error = error
      self.detailSealed = detailSealed
      self.tail = tail
      self.claim = claim
    }
  }

  /// Takes an attempt from its worker: the job is queued again, or ends.
  public struct AttemptLost: Hashable, Sendable {
    /// The attempt.
    public let attempt: AttemptID
    /// Why, for the job's ending if it ends.
    public let reason: ErrorCode
    /// Whether another worker may go on, from the record if there is one.
    public let retryElsewhere: Bool
    /// Joins the parts.
    public init(attempt: AttemptID, reason: ErrorCode, retryElsewhere: Bool) {
      self.attempt = attempt
      self.reason = reason
      self.retryElsewhere = retryElsewhere
    }
  }

  /// Announces a worker, or changes what it offers; needs `work`.
  public struct WorkerRegister: Hashable, Sendable {
    /// Who asks: the worker belongs to his account.
    public let caller: KeyID
    /// The worker's name, unique in its account: the same name is the same worker.
    public let name: String
    /// Which run of the worker's process; another number is another process.
    public let incarnation: UInt64
    /// What it offers: no model twice.
    public let offers: [Offer]
    /// Whether it takes no new jobs.
    public let draining: Bool
    /// Joins the parts.
    public init(
      caller: KeyID, name: String, incarnation: UInt64, offers: [Offer], draining: Bool
    ) {
      self.caller = caller
      self.name = name
      self.incarnation = incarnation
      self.offers = offers
      self.draining = draining
    }
  }

  /// Takes a worker offline; its attempts are the subject of `attemptLost`.
  public struct WorkerGone: Hashable, Sendable {
    /// The worker.
    public let worker: WorkerID
    /// The run that is gone; a later run is not.
    public let incarnation: UInt64
    /// Joins the parts.
    public init(worker: WorkerID, incarnation: UInt64) {
      self.worker = worker
      self.incarnation = incarnation
    }
  }
}

/// What an engine says that it counted; nil where it says nothing.
public struct ReportedUsage: Hashable, Sendable {
  /// Prompt tokens.
  public let promptTokens: TokenCount?
  /// Output tokens.
  public let outputTokens: TokenCount?
  /// Joins the parts.
  public init(promptTokens: TokenCount? = nil, outputTokens: TokenCount? = nil) {
    self.promptTokens = promptTokens
    self.outputTokens = outputTokens
  }
}
