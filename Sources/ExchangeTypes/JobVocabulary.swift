/// Which kind of request a job carries; the numbers are those of the wire and of the log.
public enum Endpoint: UInt8, Hashable, Sendable, CaseIterable {
  /// `POST /v1/chat/completions`.
  case chatCompletions = 1
  /// `POST /v1/completions`.
  case completions = 2
  /// `POST /v1/embeddings`.
  case embeddings = 3

  /// Whether there were jobs of this kind before state version 3.
  public var isOriginal: Bool { rawValue <= Endpoint.completions.rawValue }
}

/// Whether a job lives with its reader or without one.
public enum JobMode: UInt8, Hashable, Sendable, CaseIterable {
  /// Ends when its reader leaves, or stays away for longer than the orphan timer.
  case attached = 1
  /// Goes on without a reader.
  case submitted = 2
}

/// How much a job minds waiting; the numbers are those of the wire and of the log.
public enum JobClass: UInt8, Hashable, Sendable, CaseIterable {
  /// Somebody waits for every token: it goes before its account's other jobs, and takes slots from batch jobs.
  case interactive = 1
  /// First come, first served.
  case standard = 2
  /// It gives way to everybody else's, until it has waited long enough.
  case batch = 3

  /// As consumers name it.
  public var name: String {
    switch self {
    case .interactive: "interactive"
    case .standard: "default"
    case .batch: "batch"
    }
  }
}

/// Where a job is in its life; the last four are final.
public enum JobState: UInt8, Hashable, Sendable, CaseIterable {
  /// Waits for a worker.
  case queued = 1
  /// A worker has it.
  case running = 2
  /// A worker has it and was asked to stop.
  case cancelling = 3
  /// Ended by its engine.
  case completed = 4
  /// Ended by an error.
  case failed = 5
  /// Ended by its consumer.
  case cancelled = 6
  /// Never got a worker in time.
  case expired = 7

  /// Whether the job has ended for good.
  public var isFinal: Bool { rawValue >= JobState.completed.rawValue }

  /// As clients name it.
  public var name: String {
    switch self {
    case .queued: "queued"
    case .running: "running"
    case .cancelling: "cancelling"
    case .completed: "completed"
    case .failed: "failed"
    case .cancelled: "cancelled"
    case .expired: "expired"
    }
  }
}

/// Why a job's output stopped.
public enum FinishReason: UInt8, Hashable, Sendable, CaseIterable {
  /// The model ended it, or a stop sequence did.
  case stop = 1
  /// The output reached its bound.
  case length = 2
  /// The model called tools.
  case toolCalls = 3
  /// The engine withheld the rest.
  case contentFilter = 4
  /// The consumer cancelled.
  case cancelled = 5
  /// Something failed; an error code says what.
  case error = 6

  /// As clients name it: the first four are OpenAI's words.
  public var name: String {
    switch self {
    case .stop: "stop"
    case .length: "length"
    case .toolCalls: "tool_calls"
    case .contentFilter: "content_filter"
    case .cancelled: "cancelled"
    case .error: "error"
    }
  }
}

/// What an account is for.
public enum AccountKind: UInt8, Hashable, Sendable, CaseIterable {
  /// Pays for jobs.
  case consumer = 1
  /// Is paid for running them.
  case supplier = 2
  /// Runs the exchange.
  case `operator` = 3
  /// Where credit comes from: the only account that may owe.
  case issuance = 4
  /// Gathers the operator's fees.
  case fees = 5
  /// Keeps what is disputed until it is decided.
  case dispute = 6
  /// Keeps what is set aside for a purpose.
  case reserve = 7

  /// Whether there were accounts of this kind before state version 3.
  public var isOriginal: Bool { rawValue <= AccountKind.issuance.rawValue }

  /// As clients name it.
  public var name: String {
    switch self {
    case .consumer: "consumer"
    case .supplier: "supplier"
    case .operator: "operator"
    case .issuance: "issuance"
    case .fees: "fees"
    case .dispute: "dispute"
    case .reserve: "reserve"
    }
  }
}

/// What the holder of an API key may do.
public struct Scopes: OptionSet, Hashable, Sendable {
  /// The bits, as on the wire and in the log.
  public let rawValue: UInt32
  /// Wraps bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  /// Submit, follow, cancel and purge own jobs.
  public static let submit = Scopes(rawValue: 1)
  /// Register workers.
  public static let work = Scopes(rawValue: 2)
  /// Create accounts, credit and keys for anybody.
  public static let admin = Scopes(rawValue: 4)
  /// Read own jobs, account and keys.
  public static let read = Scopes(rawValue: 8)
  /// Every scope there is.
  public static let all: Scopes = [.submit, .work, .admin, .read]
  /// The scopes by name, in the order of their bits.
  public static let named: [(name: String, scope: Scopes)] = [
    ("submit", .submit), ("work", .work), ("admin", .admin), ("read", .read),
  ]
  /// The names of the scopes in this set, in the order of their bits.
  public var names: [String] { Self.named.filter { contains($0.scope) }.map(\.name) }
}

/// What an offer's output tokens are counted by (`ExchangeCore/Settlement/Bill`).
public enum BillingBasis: UInt8, Hashable, Sendable, CaseIterable {
  /// The engine gives token ids: those in the record.
  case tokenIDs = 1
  /// The engine reports usage at the end: that, bounded by the bytes of the record.
  case usage = 2
  /// The engine reports nothing: the count claimed per chunk, bounded likewise.
  case chunkCount = 3
}

/// Whose a budget is; each level is below those before it.
public enum BudgetLevel: UInt8, Hashable, Sendable, CaseIterable {
  /// All that one account spends, or a part of it with a tree of its own.
  case organisation = 1
  /// Several people.
  case team = 2
  /// One person.
  case user = 3
  /// A program that acts for somebody.
  case agent = 4
  /// One API key; its jobs draw here, and on all levels above.
  case key = 5

  /// As clients name it.
  public var name: String {
    switch self {
    case .organisation: "organisation"
    case .team: "team"
    case .user: "user"
    case .agent: "agent"
    case .key: "key"
    }
  }
}
