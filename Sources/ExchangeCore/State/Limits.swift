/// The bounds of everything that grows.
///
/// They are part of apply's behaviour: changing one needs a new `stateVersion`. Tests make small ones.
public struct Limits: Hashable, Sendable {
  /// Accounts: their rows are never deleted and all live in memory, about 200 bytes each.
  public var accountsMax = 100_000
  /// Live keys of one account: enough for one per service and person.
  public var keysPerAccountMax = 1_000
  /// Requests for keys of one account that are remembered, rotations too, where no administrator makes them.
  public var requestsPerAccountMax = 5_000
  /// Revoked keys that an account still lists.
  public var keysRevokedPerAccountMax = 100
  /// Jobs of one account that have not ended.
  public var jobsOpenPerAccountMax = 10_000
  /// Jobs of all accounts that have not ended: about 1 KiB of memory each.
  public var jobsOpenMax = 200_000
  /// Ended jobs of one account whose records are kept: one account must not displace all others'.
  public var jobsEndedPerAccountMax = 5_000
  /// Ended jobs whose records are kept.
  public var jobsEndedMax = 10_000
  /// Bytes of output of one account's ended jobs whose records are kept; the newest is kept whatever it has.
  ///
  /// Vectors are a thousand times as long as text.
  public var recordBytesPerAccountMax: UInt64 = 1 << 30
  /// The same for all accounts: an eighth of what a coordinator's disk is given.
  public var recordBytesMax: UInt64 = 8 << 30
  /// Tombstones; beyond it the oldest go before their time, since refusing jobs would be worse.
  public var tombstonesMax = 500_000
  /// Tombstones of one account: its own oldest go before anybody else's.
  public var tombstonesPerAccountMax = 50_000
  /// Workers of one account, offline ones included.
  public var workersPerAccountMax = 1_000
  /// Uploads of one account that no submit has taken.
  public var uploadsPerAccountMax = 64
  /// Uploads of all accounts: each may take 1 MiB of disk.
  public var uploadsMax = 1_000
  /// Transfers in the journal; balances do not need it, and totals are never forgotten.
  public var transfersMax = 100_000
  /// Things that one pulse lets expire, so that an entry takes bounded time.
  public var expiriesPerPulseMax = 1_000
  /// Tries at one job.
  public var attemptsMax: UInt32 = 3
  /// How often a batch job gives its slot to one that minds waiting more: tries that are not counted.
  public var preemptionsMax: UInt8 = 2
  /// How often a job may meet an engine that cannot be reached or is full: tries that are not counted.
  public var unreachedMax: UInt8 = 8
  /// How long a job waits for a worker if its submit does not say, in milliseconds.
  public var queueTimeoutDefault: UInt64 = 600_000
  /// How long a job may wait for a worker at most, in milliseconds.
  public var queueTimeoutMax: UInt64 = 86_400_000
  /// How long an attached job lives without a reader, in milliseconds.
  public var orphanTimeout: UInt64 = 15_000
  /// How long a key may live, a former secret be good and a record be kept if somebody says so, in milliseconds: a hundred years.
  public var timeSpanMax: UInt64 = 100 * 366 * 86_400_000
  /// How long a request is remembered after its record is gone, in milliseconds.
  public var requestRetention: UInt64 = 86_400_000
  /// The same of an attached job, in milliseconds.
  ///
  /// Whoever reads it repeats its request for seconds, or lets it go: who may come back later submits.
  public var attachedRequestRetention: UInt64 = 600_000
  /// Invitations, used and forgotten ones of the last day included.
  public var invitationsMax = 10_000
  /// How long an invitation may be worth something, in milliseconds: a week.
  public var invitationLifetimeMax: UInt64 = 604_800_000
  /// Certificates of one node that are listed: each is valid to its end all the same.
  public var certificatesPerNodeMax = 4
  /// Revocations: those of nodes are never forgotten, those of one certificate when it has ended, however often it was handed out.
  public var revocationsMax = 10_000
  /// Budgets of one account: those of keys go with their keys, others' rows are never deleted.
  public var budgetsPerAccountMax = 5_000
  /// Budgets of all accounts: about 200 bytes of memory each.
  public var budgetsMax = 100_000
  /// Budgets from a key to the top of its tree, those of keys that other keys made included.
  public var budgetDepthMax = 8
  /// Delegations of one account that are remembered, ended ones included: about 200 bytes of memory each.
  public var delegationsPerAccountMax = 10_000
  /// Public keys that were bound to one API key before, which must be remembered as long as it lives.
  public var delegationKeysMax = 32
  /// How long a delegation may be good, in milliseconds: a year and a day.
  public var delegationLifetimeMax: UInt64 = 366 * 86_400_000
  /// How long a delegation is remembered after its end, in milliseconds: clocks of leaders differ by less.
  public var delegationGrace: UInt64 = 86_400_000
  /// Models that one account posts asks for.
  public var postedAsksPerAccountMax = 256
  /// Hours of models that an account's sales are kept for: a week of ten models and more.
  public var salesPerAccountMax = 2_000
  /// The same for all accounts: about 200 bytes of memory each.
  public var salesMax = 50_000
  /// Old sales that are dropped at most with each row that comes.
  public var salesDroppedMax = 4
  /// How long an upload waits for its next part or its submit, in milliseconds.
  public var uploadTimeout: UInt64 = 600_000

  /// The bounds of state version 1.
  public init() {}
}
