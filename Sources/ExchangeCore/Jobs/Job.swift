public import ExchangeTypes
public import JobMarket

/// One client request for inference, from its submit until its record is purged.
///
/// `queued → running → completed | failed | cancelled`, with detours through `cancelling` and back to
/// `queued`, with or without a record; see the room's README for the machine.
public struct Job: Hashable, Sendable {
  /// Its number.
  public let id: JobID
  /// Who pays; taken from the caller's key, never from the request.
  public let account: AccountID
  /// The key that submitted it.
  public let key: KeyID
  /// The client's name for the request.
  public let requestKey: RequestKey
  /// What the request was: 32 bytes.
  public let bodyHash: [UInt8]
  /// Whether it needs a reader.
  public let mode: JobMode
  /// The model's name.
  public let model: String
  /// Endpoint, token bounds, price ceilings and how it uses contexts.
  public internal(set) var bid: Bid
  /// The amount held at submit; closed with the job.
  public let hold: Credits
  /// Its key, wrapped under an hourly key.
  public let wrappedKey: [UInt8]
  /// Where its sealed payload is in table 5; the rows go when the job ends.
  public let payload: PayloadReference
  /// When it was submitted.
  public let createdAt: LogTime
  /// How long it may wait for a worker each time that it is queued, in milliseconds.
  public let queueTimeout: UInt64
  /// Where it is in its life.
  public internal(set) var phase: Phase
  /// The number of its last attempt; 0 before the first.
  public internal(set) var lastEpoch: Epoch
  /// The totals of what has been committed of its output.
  public internal(set) var record: Record
  /// When it is cancelled for want of a reader; nil while it has one, needs none, or was cancelled.
  public internal(set) var orphanDeadline: LogTime?
  /// The last lost attempt that left a part of the output; nil while there was none.
  public internal(set) var interruption: Interruption?
  /// How long its record is kept once it has ended; nil for jobs from before state version 3, whose records
  /// only go when they are purged or too many.
  public internal(set) var retention: Retention?
  /// The operator's part of the charge, in parts of a million, as it was when the job was submitted.
  public internal(set) var feeParts: UInt32 = 0
  /// What it draws on, with all that that is a part of; nil if only its account's credit bounds it.
  public internal(set) var budget: BudgetID?
  /// What lost attempts added to the record, in their order: each has its share of the charge.
  public internal(set) var deliveries: [Delivery] = []
  /// How much it minds waiting.
  public internal(set) var jobClass = JobClass.standard
  /// How often its slot was given to a job that minds more.
  public internal(set) var preemptions: UInt8 = 0
  /// How often it was given to a worker that could not reach its engine, or found it full, and that began nothing of it: tries that are not counted.
  public internal(set) var unreached: UInt8 = 0

  /// A job's place in its life, with what only exists there.
  public enum Phase: Hashable, Sendable {
    /// Waits for a worker, at most until then.
    case queued(until: LogTime)
    /// A worker has it.
    case running(Attempt)
    /// A worker has it and was asked to stop.
    case cancelling(Attempt)
    /// It has ended; its hold is closed.
    case ended(Ending)
  }

  /// The state as the wire names it.
  public var state: JobState {
    switch phase {
    case .queued: .queued
    case .running: .running
    case .cancelling: .cancelling
    case .ended(let ending): ending.state
    }
  }

  /// The attempt that a worker has now.
  public var attempt: Attempt? {
    switch phase {
    case .running(let attempt), .cancelling(let attempt): attempt
    case .queued, .ended: nil
    }
  }

  /// The ending, if it has ended.
  public var ending: Ending? {
    if case .ended(let ending) = phase { ending } else { nil }
  }

  /// When its record goes; nil while it has not ended, or for a job of an older state version.
  public var keptUntil: LogTime? {
    guard let ending, let retention else { return nil }
    return ending.endedAt.advanced(milliseconds: retention.kept)
  }

  /// The number of the wrapping key that its key is sealed under.
  var wrappingKey: UInt64? { WrappedKey.number(in: wrappedKey) }

  /// What is held for it now.
  public var held: Credits { ending == nil ? hold : .zero }

  /// Whose terms the bill is, or was, made of: the last attempt that added to the record, or the last one
  /// if none has.
  public var billedAttempt: Attempt? {
    let last = attempt ?? ending?.attempt
    guard let interruption else { return last }
    guard let last, record.bytes > interruption.recordBytes else {
      return interruption.attempt
    }
    return last
  }

  /// What each attempt added to the output, those that added something, in their order.
  ///
  /// Lost attempts are known from state version 3 on.
  public var contributions: [Delivery] {
    let last = record.bytes - (interruption?.recordBytes ?? 0)
    guard let attempt = attempt ?? ending?.attempt, last > 0 else { return deliveries }
    return deliveries + [Delivery(supplier: attempt.supplier, bytes: last)]
  }

  /// Keeps what an attempt that is lost leaves behind.
  mutating func noteLost(_ attempt: Attempt) {
    let isFirst = interruption == nil && !record.isEmpty
    guard isFirst || record.bytes > interruption?.recordBytes ?? .max else { return }
    // A job of an older state version has no place for it: its last supplier is paid for all.
    if retention != nil {
      deliveries.append(
        Delivery(
          supplier: attempt.supplier, bytes: record.bytes - (interruption?.recordBytes ?? 0)))
    }
    interruption = Interruption(attempt: attempt, recordBytes: record.bytes)
  }
}

/// What an attempt left that was lost in the middle of the output: the next one goes on from there.
public struct Interruption: Hashable, Sendable {
  /// The attempt, with the terms for what it delivered.
  public let attempt: Attempt
  /// Bytes of the record when it was lost: whatever goes on has them in its prompt, and they are not the
  /// consumer's prompt.
  public let recordBytes: UInt64
}

/// What an attempt that was lost added to the output.
public struct Delivery: Hashable, Sendable {
  /// More than a job can have tries.
  static let countMax = 16
  /// Who is paid for it.
  public let supplier: AccountID
  /// Bytes of the record.
  public let bytes: UInt64
}

/// One worker's try at a job, with the terms that were fixed when it began.
public struct Attempt: Hashable, Sendable {
  /// Which try it is.
  public let epoch: Epoch
  /// The offer that it runs on.
  public let offer: OfferID
  /// The run of the worker's process that has it.
  public let incarnation: UInt64
  /// Who is paid.
  public let supplier: AccountID
  /// The prices asked when it began.
  public let prices: PricePair
  /// What its output tokens are counted by.
  public let basis: BillingBasis
  /// The offer's bytes per token.
  public let bytesPerTokenFloor: UInt8
  /// When it began.
  public let startedAt: LogTime
}

/// The totals of a job's committed output: the bill is made from these.
public struct Record: Hashable, Sendable {
  /// The last event's number; 0 while there is none.
  public internal(set) var lastSeq: UInt64 = 0
  /// The chain hash after it; 32 zero bytes while there is none.
  public internal(set) var chainHash = [UInt8](repeating: 0, count: 32)
  /// Tokens that the engine claimed, chunk by chunk.
  public internal(set) var tokens: UInt64 = 0
  /// Token ids.
  public internal(set) var idTokens: UInt64 = 0
  /// Bytes of UTF-8.
  public internal(set) var bytes: UInt64 = 0

  /// An empty record.
  public init() {}

  /// Whether nothing has come yet.
  public var isEmpty: Bool { lastSeq == 0 }
}

/// How a job ended.
public struct Ending: Hashable, Sendable {
  /// `completed`, `failed`, `cancelled` or `expired`.
  public let state: JobState
  /// Why its output stopped; nil if none ever began.
  public let finish: FinishReason?
  /// What went wrong, if something did.
  public let error: ErrorCode?
  /// The error's text, sealed under the job's key; may be empty.
  public let detailSealed: [UInt8]
  /// What the engine said that it counted.
  public let usage: ReportedUsage
  /// Prompt tokens billed.
  public let promptTokens: TokenCount
  /// Output tokens billed.
  public let outputTokens: TokenCount
  /// What the consumer paid.
  public let charge: Credits
  /// The transfer that paid it; nil when nothing moved.
  public let transfer: TransferID?
  /// The last attempt, if there was one; of a job that ended in the queue, the last that delivered.
  public let attempt: Attempt?
  /// When it ended.
  public let endedAt: LogTime
}

/// Where a sealed payload is in table 5: rows (upload, 0) to (upload, parts − 1).
public struct PayloadReference: Hashable, Sendable {
  /// The upload's number.
  public let upload: UInt64
  /// How many parts it has.
  public let parts: UInt16
  /// How many sealed bytes they have together.
  public let bytes: UInt64

  /// The key of a part's row.
  public func rowKey(part: UInt16) -> [UInt8] { Self.rowKey(upload: upload, part: part) }

  static func rowKey(upload: UInt64, part: UInt16) -> [UInt8] {
    var writer = CanonicalWriter(capacity: 10)
    writer.write(upload)
    writer.write(part)
    return writer.bytes
  }
}
