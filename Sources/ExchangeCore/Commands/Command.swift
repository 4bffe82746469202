internal import ExchangeTypes
internal import JobMarket

/// A logged request to change the exchange.
///
/// A command that somebody outside asks for names the key that he asked with (`caller`); `apply`
/// checks again, in log order, that the key is live, that its scopes allow the command, and whose
/// account it is. The others are made by the leader.
///
/// The codes are those of the log: append-only, a retired one is never given again.
public enum Command: Hashable, Sendable {
  /// Opens the cluster's books.
  case bootstrap(Bootstrap)
  /// Lets time pass: everything whose deadline has come expires.
  case pulse
  /// Opens an account.
  case accountCreate(AccountCreate)
  /// Gives an account credit, out of issuance.
  case accountCredit(AccountCredit)
  /// Adds an API key to an account.
  case keyCreate(KeyCreate)
  /// Ends an API key for good.
  case keyRevoke(KeyRevoke)
  /// Stores one part of a payload that is too large for `submit`.
  case payloadPart(PayloadPart)
  /// Queues a job and holds its largest possible charge.
  case submit(Submit)
  /// Gives a queued job to a worker.
  case assign(Assign)
  /// Extends the records of running jobs.
  case checkpoint(Checkpoint)
  /// Ends a job by what its worker says.
  case settle(Settle)
  /// Asks a job to end.
  case cancel(Cancel)
  /// Takes a job back from a worker that will not end it.
  case attemptLost(AttemptLost)
  /// Announces a worker with what it offers.
  case workerRegister(WorkerRegister)
  /// Takes a worker's offers off the market.
  case workerGone(WorkerGone)
  /// Forgets the records of ended jobs.
  case purge(Purge)
  /// Turns on what every voter's program supports.
  case raiseStateVersion(RaiseStateVersion)
  /// Starts the timer that ends an attached job without a reader.
  case orphan(Orphan)
  /// Stops that timer: a reader is back.
  case adopt(Adopt)
  /// Asks several jobs to end.
  case cancelMany(CancelMany)
  /// Queues a job, and gives it to a worker at once if that one still takes it.
  case submitAssigned(SubmitAssigned)
  /// Makes an invitation, by which one node may join.
  case invite(Invite)
  /// Uses an invitation, and numbers the certificate that is issued for it.
  case join(Join)
  /// Numbers a further certificate of a node that has one.
  case renewCertificate(RenewCertificate)
  /// Ends certificates before their time.
  case revokeCertificate(RevokeCertificate)
  /// Adds an API key that dies by itself.
  case keyIssue(KeyIssue)
  /// Gives an API key a new secret.
  case keyRotate(KeyRotate)
  /// Notes which API keys were in use.
  case keysUsed(KeysUsed)
  /// Says which wrapping key new jobs are sealed under.
  case wrappingKeyAnnounce(WrappingKeyAnnounce)
  /// Sets how long records are kept.
  case retentionSet(RetentionSet)
  /// Queues a job whose record is kept for less than the cluster's time.
  case submitRetained(SubmitRetained)
  /// Notes that a job goes on from the token ids of its record.
  case goesOnFromIDs(GoesOnFromIDs)
  /// Sets what an API key may use in a minute.
  case keyLimit(KeyLimit)
  /// Adds an API key with a limit.
  case keyIssueLimited(KeyIssueLimited)
  /// Queues a job that asks for more than a model.
  case submitOnTerms(SubmitOnTerms)
  /// Moves credit between accounts, all of it or nothing.
  case transfer(TransferRequest)
  /// Takes a transfer back, with all that was posted with it.
  case transferReverse(TransferReverse)
  /// Closes an account for good.
  case accountClose(AccountClose)
  /// Sets the operator's part of what jobs cost.
  case feeSet(FeeSet)
  /// Makes a budget.
  case budgetCreate(BudgetCreate)
  /// Changes what a budget allows.
  case budgetSet(BudgetSet)
  /// Adds an API key that draws on a budget.
  case keyIssueBudgeted(KeyIssueBudgeted)
  /// Binds an API key to the key that signs its delegations.
  case delegationKeySet(DelegationKeySet)
  /// Makes a delegation's key at its first use.
  case delegationAdmit(DelegationAdmit)
  /// Ends a delegation for good.
  case delegationRevoke(DelegationRevoke)
  /// Posts what a supplier asks for a model.
  case askSet(AskSet)
  /// Ends a job whose engine had a part of the prompt cached.
  case settleCached(SettleCached)
  /// The same, by a worker that has signed what it states of it.
  case settleSigned(SettleSigned)
  /// Queues a job of a class of its own.
  case submitInClass(SubmitInClass)
  /// Takes a batch job from its worker for a job that minds waiting more.
  case attemptPreempted(AttemptPreempted)
  /// Sets what an account counts for when slots are shared.
  case accountWeigh(AccountWeigh)
  /// Says whose an account is.
  case accountOwnerSet(AccountOwnerSet)
  /// Ends a job whose engine says what of its output was reasoning.
  case settleReasoned(SettleReasoned)

  /// The command's number in the log.
  public var code: UInt8 {
    switch self {
    case .bootstrap: 1
    case .pulse: 2
    case .accountCreate: 3
    case .accountCredit: 4
    case .keyCreate: 5
    case .keyRevoke: 6
    case .payloadPart: 7
    case .submit: 8
    case .assign: 9
    case .checkpoint: 10
    case .settle: 11
    case .cancel: 12
    case .attemptLost: 13
    case .workerRegister: 14
    case .workerGone: 15
    case .purge: 16
    case .raiseStateVersion: 17
    case .orphan: 18
    case .adopt: 19
    case .cancelMany: 20
    case .submitAssigned: 21
    case .invite: 22
    case .join: 23
    case .renewCertificate: 24
    case .revokeCertificate: 25
    case .keyIssue: 28
    case .keyRotate: 29
    case .keysUsed: 30
    case .wrappingKeyAnnounce: 31
    case .retentionSet: 32
    case .submitRetained: 33
    case .goesOnFromIDs: 43
    case .delegationKeySet: 46
    case .delegationAdmit: 47
    case .delegationRevoke: 48
    case .keyLimit: 60
    case .keyIssueLimited: 61
    case .submitOnTerms: 62
    case .transfer: 67
    case .transferReverse: 68
    case .accountClose: 69
    case .feeSet: 70
    case .budgetCreate: 71
    case .budgetSet: 72
    case .keyIssueBudgeted: 73
    case .askSet: 74
    case .settleCached: 75
    case .settleSigned: 76
    case .submitInClass: 80
    case .attemptPreempted: 81
    case .accountWeigh: 82
    case .accountOwnerSet: 89
    case .settleReasoned: 90
    }
  }

  /// The first state version in which it may be proposed: programs that know only older ones cannot read it, and
  /// `apply` refuses it there.
  public var minimumStateVersion: UInt32 {
    switch self {
    case .accountCreate(let command): command.kind.isOriginal ? 1 : 3
    case .submit(let command): command.isOriginal ? 1 : 3
    case .submitAssigned(let command): command.submit.isOriginal ? 1 : 3
    case .workerRegister(let command):
      command.offers.allSatisfy { $0.endpoints.allSatisfy(\.isOriginal) } ? 1 : 3
    default: code <= Self.codeOfFirstVersionMax ? 1 : 3
    }
  }

  /// Commands up to this one came with state version 1, all others with 3.
  private static let codeOfFirstVersionMax: UInt8 = 21

  /// The largest fields that a command may have, chosen so that a batch of any one command fits in an
  /// entry of the log (`LogEntry.payloadBytesMax`).
  public enum Limits {
    /// Names of accounts, keys and workers, in bytes of UTF-8.
    public static let nameBytesMax = 128
    /// A job's wrapped key.
    public static let wrappedKeyBytesMax = 128
    /// A sealed payload inside a submit.
    public static let inlineBytesMax = 12 * 1024
    /// One part of a sealed payload.
    public static let partBytesMax = 15 * 1024
    /// Parts of one payload: 1 MiB of body and its seal.
    public static let partsMax: UInt16 = 72
    /// The sealed events of one checkpoint or of a settle's tail: one event of the largest size fits.
    public static let segmentBytesMax = 14 * 1024
    /// Streams in one checkpoint command.
    public static let checkpointEntriesMax = 200
    /// The sealed error text of a settle.
    public static let detailBytesMax = 1_280
    /// Offers of one worker.
    public static let offersMax = 16
    /// A certificate's serial (RFC 5280, §4.1.2.2).
    public static let serialBytesMax = 20
    /// Jobs named by one purge or cancelMany.
    public static let jobsMax = 1_024
    /// Keys named by one keysUsed.
    public static let keysMax = 1_024
    /// What a model's weights are, in a worker's words.
    public static let digestBytesMax = 128
    /// The public key of a worker's certificate, in DER form.
    public static let publicKeyBytesMax = 128
    /// A worker's signature.
    public static let signatureBytesMax = 64
    /// Transfers that are posted together.
    public static let legsMax = 16
  }
}

extension Command.Submit {
  /// Whether programs of state version 1 can read it.
  fileprivate var isOriginal: Bool { endpoint.isOriginal && contextUse == nil }
}
