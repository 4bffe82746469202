public import ExchangeTypes
public import JobMarket

extension Command {
  /// Stores one part of a sealed payload, before the submit that names the same request.
  ///
  /// Parts arrive in order from 0. Part 0 starts the upload over: whoever retries sealed the payload
  /// anew, and parts of two seals must not mix.
  public struct PayloadPart: Hashable, Sendable {
    /// Who asks; needs `submit`.
    public let caller: KeyID
    /// The request that the payload belongs to.
    public let requestKey: RequestKey
    /// Which part, from 0.
    public let part: UInt16
    /// How many parts there are.
    public let of: UInt16
    /// The part, sealed.
    public let bytes: [UInt8]
    /// Joins the parts.
    public init(caller: KeyID, requestKey: RequestKey, part: UInt16, of: UInt16, bytes: [UInt8]) {
      self.caller = caller
      self.requestKey = requestKey
      self.part = part
      self.of = of
      self.bytes = bytes
    }
  }

  /// Queues a job; needs `submit`.
  public struct Submit: Hashable, Sendable {
    /// Where the sealed payload is.
    public enum Payload: Hashable, Sendable {
      /// Here.
      case inline([UInt8])
      /// In so many parts, stored before under the same request key.
      case parts(UInt16)
    }

    /// Who asks.
    public let caller: KeyID
    /// The request's name: a retry under it gets the same job.
    public let requestKey: RequestKey
    /// SHA-256 over all that makes the request what it is: 32 bytes.
    public let bodyHash: [UInt8]
    /// Whether the job needs a reader.
    public let mode: JobMode
    /// The kind of request.
    public let endpoint: Endpoint
    /// The model's name.
    public let model: String
    /// The most tokens that the prompt can be.
    public let promptBound: TokenCount
    /// The most output tokens, or nil for the offers' default.
    public let outputMax: TokenCount?
    /// The highest price per prompt token, or nil for the highest that is asked now.
    public let inputCeiling: Price?
    /// The highest price per output token, or nil for the highest that is asked now.
    public let outputCeiling: Price?
    /// How long it may wait for a worker; 0 stands for `Limits.queueTimeoutDefault`.
    public let queueTimeoutMilliseconds: UInt32
    /// The job's key under an hourly key.
    public let wrappedKey: [UInt8]
    /// The payload, sealed under the job's key.
    public let payload: Payload
    /// How it likely uses contexts; nil before state version 3, and of embeddings.
    public let contextUse: ContextUse?

    /// Joins the parts.
    public init(
      caller: KeyID, requestKey: RequestKey, bodyHash: [UInt8], mode: JobMode, endpoint: Endpoint,
      model: String, promptBound: TokenCount, outputMax: TokenCount? = nil,
      inputCeiling: Price? = nil, outputCeiling: Price? = nil,
      queueTimeoutMilliseconds: UInt32 = 0, wrappedKey: [UInt8], payload: Payload,
      contextUse: ContextUse? = nil
    ) {
      self.caller = caller
      self.requestKey = requestKey
      self.bodyHash = bodyHash
      self.mode = mode
      self.endpoint = endpoint
      self.model = model
      self.promptBound = promptBound
      self.outputMax = outputMax
      self.inputCeiling = inputCeiling
      self.outputCeiling = outputCeiling
      self.queueTimeoutMilliseconds = queueTimeoutMilliseconds
      self.wrappedKey = wrappedKey
      self.payload = payload
      self.contextUse = contextUse
    }
  }

  /// Asks a job to end; needs `submit` and the job as one's own.
  ///
  /// Cancelling what has ended is no error.
  public struct Cancel: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// The job.
    public let job: JobID
    /// Joins the parts.
    public init(caller: KeyID, job: JobID) {
      self.caller = caller
      self.job = job
    }
  }

  /// As `Cancel`, for each of one's own jobs named; others are passed over.
  public struct CancelMany: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// The jobs.
    public let jobs: [JobID]
    /// Joins the parts.
    public init(caller: KeyID, jobs: [JobID]) {
      self.caller = caller
      self.jobs = jobs
    }
  }

  /// Deletes the record of each of one's own ended jobs named; needs `submit`.
  ///
  /// Others are passed over.
  public struct Purge: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// The jobs.
    public let jobs: [JobID]
    /// Joins the parts.
    public init(caller: KeyID, jobs: [JobID]) {
      self.caller = caller
      self.jobs = jobs
    }
  }

  /// Says that an attached job has lost its reader.
  public struct Orphan: Hashable, Sendable {
    /// The job.
    public let job: JobID
    /// Joins the parts.
    public init(job: JobID) { self.job = job }
  }

  /// Says that a job has a reader again.
  public struct Adopt: Hashable, Sendable {
    /// Who reads, if he proved it by a key; nil when the leader knows the reader already.
    public let caller: KeyID?
    /// The job.
    public let job: JobID
    /// Joins the parts.
    public init(caller: KeyID?, job: JobID) {
      self.caller = caller
      self.job = job
    }
  }
}
