public import ExchangeTypes
internal import JobMarket

/// The replicated state machine: accounts, keys, workers and jobs, and what the commands do to them.
///
/// Pure and deterministic: the same commands in the same order give the same rows and the same digest
/// on every replica, whatever the process. Time is data, a refusal is an outcome, and only a broken
/// invariant ends the process.
public struct Exchange: Sendable {
  /// The highest version of apply's behaviour that this program knows.
  public static let stateVersionMax: UInt32 = 3
  /// From this version on, a job whose attempt is lost may be queued again with its record.
  static let continuationStateVersion: UInt32 = 2
  /// From here on an account's purged jobs displace its own before anybody else's.
  static let fairRetentionStateVersion: UInt32 = 3
  /// From here on only offers of workers that are there fill in what a submit leaves open.
  static let liveMarketStateVersion: UInt32 = 3
  /// From here on a key revokes no key that may do more, and an account's remembered requests have a limit.
  static let keyGuardsStateVersion: UInt32 = 3
  /// From this version on, API keys expire, are rotated and show when they were last used.
  public static let keyLifeStateVersion: UInt32 = 3
  /// From this version on, wrapping keys are announced and records are kept for a time.
  public static let privacyStateVersion: UInt32 = 3
  /// From this version on, transfers are chained, moved and taken back by administrators, and split.
  public static let moneyStateVersion: UInt32 = 3
  /// From this version on, jobs ask for abilities of engines and for suppliers.
  public static let jobTermsStateVersion: UInt32 = 3
  /// From this version on, suppliers post what they ask, and what is sold is counted by the hour.
  public static let marketStateVersion: UInt32 = 3

  /// From this version on, jobs have classes.
  public static let jobClassStateVersion: UInt32 = 3
  /// From this version on, there are jobs and offers of embeddings, and records are bounded by their bytes as well.
  public static let embeddingsStateVersion: UInt32 = 3
  /// From this version on, a job says how it likely uses contexts.
  public static let contextUseStateVersion: UInt32 = 3

  let limits: Limits
  var meta = Meta()
  @Boxed var tables = Tables()
  var metaContribution: StateDigest?
  var accountContributions: [StateDigest] = []

  /// The digest of all rows that count for it.
  public internal(set) var digest = StateDigest()

  /// An exchange before its first command.
  public init() { self.init(limits: Limits()) }

  /// An exchange with other bounds: for tests; all replicas must have the same.
  public init(limits: Limits) { self.limits = limits }

  /// Reads an entry's payload and applies it.
  ///
  /// - Throws: if the payload is not one that this program understands. The entry is committed, so
  ///   the replica cannot go on: its disk is corrupt or its program too old.
  public mutating func apply(
    payload: [UInt8], at index: LogIndex
  ) throws(ApplyError) -> Applied {
    let batch: CommandBatch
    do { batch = try CommandBatch(payload: payload) } catch { throw .malformed(error) }
    for case .raiseStateVersion(let command) in batch.commands
    where command.to > Self.stateVersionMax {
      throw .unsupportedStateVersion(command.to)
    }
    return apply(batch, at: index)
  }

  /// Applies an entry's commands in their order.
  ///
  /// - Parameters:
  ///   - batch: the commands. A time before the state's own is taken as the state's.
  ///   - index: the entry's index, part of the keys of record segments.
  /// - Returns: outcomes, effects and changed rows.
  /// - Precondition: `batch` raises the state version no higher than `stateVersionMax`.
  public mutating func apply(_ batch: CommandBatch, at index: LogIndex) -> Applied {
    meta.logTime = max(meta.logTime, batch.time)
    pending = PendingEntry(index: index)
    var outcomes: [Outcome] = []
    outcomes.reserveCapacity(batch.commands.count)
    for command in batch.commands {
      do {
        outcomes.append(.accepted(try apply(command)))
      } catch {
        outcomes.append(.rejected(error))
      }
    }
    dropStaleDeadlines()
    let changes = drainChanges()
    defer { pending = PendingEntry() }
    return Applied(outcomes: outcomes, effects: pending.effects, changes: changes)
  }

  private mutating func apply(_ command: Command) throws(Rejection) -> Accepted {
    switch command {
    case .bootstrap(let command): return try apply(command)
    case .pulse: return pulse()
    default: break
    }
    guard meta.clusterID != nil else { throw Rejection(.notBootstrapped) }
    if let refusal = prematurity(of: command) { throw refusal }
    switch command {
    case .bootstrap, .pulse: preconditionFailure("handled above")
    case .accountCreate(let command): return try apply(command)
    case .accountCredit(let command): return try apply(command)
    case .keyCreate(let command): return try apply(command)
    case .keyRevoke(let command): return try apply(command)
    case .keyIssue(let command): return try apply(command)
    case .keyRotate(let command): return try apply(command)
    case .keysUsed(let command): return try apply(command)
    case .wrappingKeyAnnounce(let command): return try apply(command)
    case .retentionSet(let command): return try apply(command)
    case .submitRetained(let command): return try apply(command)
    case .goesOnFromIDs(let command): return try apply(command)
    case .keyLimit(let command): return try apply(command)
    case .keyIssueLimited(let command): return try apply(command)
    case .submitOnTerms(let command): return try apply(command)
    case .transfer(let command): return try apply(command)
    case .transferReverse(let command): return try apply(command)
    case .accountClose(let command): return try apply(command)
    case .feeSet(let command): return try apply(command)
    case .budgetCreate(let command): return try apply(command)
    case .budgetSet(let command): return try apply(command)
    case .keyIssueBudgeted(let command): return try apply(command)
    case .delegationKeySet(let command): return try apply(command)
    case .delegationAdmit(let command): return try apply(command)
    case .delegationRevoke(let command): return try apply(command)
    case .askSet(let command): return try apply(command)
    case .settleCached(let command): return try apply(command)
    case .settleSigned(let command): return try apply(command)
    case .submitInClass(let command): return try apply(command)
    case .attemptPreempted(let command): return try apply(command)
    case .accountWeigh(let command): return try apply(command)
    case .accountOwnerSet(let command): return try apply(command)
    case .settleReasoned(let command): return try apply(command)
    case .payloadPart(let command): return try apply(command)
    case .submit(let command): return try apply(command)
    case .assign(let command): return try apply(command)
    case .checkpoint(let command): return apply(command)
    case .settle(let command): return try apply(command)
    case .cancel(let command): return try apply(command)
    case .attemptLost(let command): return try apply(command)
    case .workerRegister(let command): return try apply(command)
    case .workerGone(let command): return try apply(command)
    case .purge(let command): return try apply(command)
    case .raiseStateVersion(let command): return try apply(command)
    case .orphan(let command): return try apply(command)
    case .adopt(let command): return try apply(command)
    case .cancelMany(let command): return try apply(command)
    case .submitAssigned(let command): return try apply(command)
    case .invite(let command): return try apply(command)
    case .join(let command): return try apply(command)
    case .renewCertificate(let command): return try apply(command)
    case .revokeCertificate(let command): return try apply(command)
    }
  }
}

/// What an entry did.
public struct Applied: Hashable, Sendable {
  /// One for each command, in their order.
  public let outcomes: [Outcome]
  /// What the leader's shell has to do, in the order in which it arose.
  public let effects: [Effect]
  /// The rows that changed, each once, with its last value, in the order of (table, key).
  public let changes: [RowChange]

  /// Joins the parts.
  package init(outcomes: [Outcome], effects: [Effect], changes: [RowChange]) {
    self.outcomes = outcomes
    self.effects = effects
    self.changes = changes
  }
}

/// Why a committed entry cannot be applied by this program.
public enum ApplyError: Error, Hashable, Sendable {
  /// The payload is not a batch.
  case malformed(CanonicalError)
  /// The entry raises the state version beyond what this program knows.
  case unsupportedStateVersion(UInt32)
}
