public import ExchangeTypes

/// What became of a command.
public enum Outcome: Hashable, Sendable {
  /// It did what it asked for, or had done so before.
  case accepted(Accepted)
  /// It changed nothing but the time.
  case rejected(Rejection)
}

/// What an accepted command answers.
public enum Accepted: Hashable, Sendable {
  /// The books are open.
  case bootstrapped(account: AccountID, key: KeyID)
  /// Deadlines passed; `more` are due and wait for the next pulse.
  case pulsed(expired: Int, more: Bool)
  /// The account exists.
  case account(AccountID, duplicate: Bool)
  /// The credit is posted.
  case credited(TransferID, duplicate: Bool)
  /// The key exists.
  case key(KeyID, duplicate: Bool)
  /// The key is dead.
  case keyRevoked(KeyID)
  /// The key has a new secret.
  case keyRotated(KeyID, duplicate: Bool)
  /// The key has this limit, or none, from now on.
  case keyLimited(KeyID)
  /// So many live keys were marked as used.
  case keysUsed(Int)
  /// The wrapping key that is current now.
  case wrappingKey(UInt64)
  /// How long records are kept from now on.
  case retention(Retention)
  /// The parts from 0 up to here are stored.
  case partsStored(UInt16)
  /// The job exists.
  case submitted(Submitted)
  /// The worker has the job.
  case assigned(AttemptID)
  /// Each entry of a checkpoint, in its order.
  case checkpointed([CheckpointOutcome])
  /// The job has ended, now (`first`) or before.
  case settled(Settled)
  /// The job's state after it was asked to end.
  case cancelled(JobID, JobState)
  /// The job goes on from token ids.
  case goesOnFromIDs(JobID)
  /// The job's state after its worker was lost: queued, or ended.
  case attemptLost(JobID, JobState)
  /// The worker is known under this number, and its offers have these versions.
  case worker(WorkerID, askVersions: [UInt32])
  /// The worker is offline.
  case workerGone(WorkerID)
  /// So many jobs were forgotten.
  case purged(Int)
  /// The version in force.
  case stateVersion(UInt32)
  /// The job is cancelled at this time unless a reader comes back.
  case orphaned(JobID, until: LogTime)
  /// The job has a reader.
  case adopted(JobID)
  /// So many jobs were asked to end.
  case cancelledMany(Int)
  /// The invitation exists.
  case invited(InvitationID, duplicate: Bool)
  /// The node's certificate has this number.
  case certified(CertificateNumber, NodeName, duplicate: Bool)
  /// The certificates are revoked, in the row of this number.
  case revoked(UInt64)

  /// The transfers are posted: so many, from this one on.
  case transferred(first: TransferID, count: Int, duplicate: Bool)
  /// The account is closed.
  case accountClosed(AccountID)
  /// The account counts for what was asked.
  case accountWeighed(AccountID)
  /// The account is whose was said.
  case accountOwnerSet(AccountID)
  /// What the operator takes from now on.
  case fee(FeeTerms)
  /// The budget exists.
  case budget(BudgetID, duplicate: Bool)
  /// The budget allows what was asked for.
  case budgetSet(BudgetID)
  /// What the supplier posts holds, for so many workers that offer the model now.
  case askSet(workers: Int)
  /// The key's delegations are signed by what was asked for, or by nothing.
  case delegationKeySet(KeyID)
  /// The delegation is dead, in the row of this number.
  case delegationRevoked(UInt64)

  /// Whether an earlier request under the same key has done it, and this one nothing.
  public var isDuplicate: Bool {
    switch self {
    case .account(_, let duplicate), .credited(_, let duplicate), .key(_, let duplicate),
      .keyRotated(_, let duplicate), .invited(_, let duplicate), .certified(_, _, let duplicate),
      .transferred(_, _, let duplicate), .budget(_, let duplicate):
      duplicate
    case .submitted(let submitted): submitted.duplicate
    default: false
    }
  }

  /// What `submit` gives.
  public struct Submitted: Hashable, Sendable {
    /// The job.
    public let job: JobID
    /// What is held for it; zero once it has ended.
    public let hold: Credits
    /// Whether an earlier request under the same key made it.
    public let duplicate: Bool
  }

  /// What `settle` gives.
  public struct Settled: Hashable, Sendable {
    /// The job.
    public let job: JobID
    /// How it ended.
    public let state: JobState
    /// What was charged.
    public let charge: Credits
    /// Whether this command ended it.
    public let first: Bool
  }
}

/// What became of one entry of a checkpoint.
public enum CheckpointOutcome: Hashable, Sendable {
  /// The record now ends with this event.
  case advanced(JobID, lastSeq: UInt64)
  /// The record did not change.
  case rejected(JobID, Rejection)
}

/// Why a command changed nothing: a code, and the numbers that would make the difference.
public struct Rejection: Error, Hashable, Sendable {
  /// One fact, for people and programs.
  public struct Detail: Hashable, Sendable {
    /// What it is, in snake case.
    public let name: String
    /// Its value as text.
    public let value: String
  }

  /// The kind of refusal.
  public let code: ErrorCode
  /// The facts, in the order in which they explain.
  public let details: [Detail]
  /// The job that the request made before, when it has one.
  public let job: JobID?
  /// What that job was charged, when it has ended.
  public let charge: Credits?

  /// A refusal with facts.
  ///
  /// - Parameters:
  ///   - code: the kind.
  ///   - details: name and value of each fact, in order.
  ///   - job: the job that the request made before.
  ///   - charge: what that job was charged.
  public init(
    _ code: ErrorCode, _ details: KeyValuePairs<String, String> = [:], job: JobID? = nil,
    charge: Credits? = nil
  ) {
    self.code = code
    self.details = details.map { Detail(name: $0.key, value: $0.value) }
    self.job = job
    self.charge = charge
  }
}
