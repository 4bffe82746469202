internal import ExchangeTypes
internal import JobMarket
internal import TokenLedger

/// A request as its account names it.
struct RequestName: Hashable, Sendable {
  let account: AccountID
  let key: RequestKey
}

/// A worker as its account names it.
struct WorkerName: Hashable, Sendable {
  let account: AccountID
  let name: String
}

/// An ended job in the order in which records are given up: the oldest ending first.
struct EndedJob: Comparable, Hashable, Sendable {
  let endedAt: LogTime
  let job: JobID

  static func < (left: Self, right: Self) -> Bool {
    (left.endedAt, left.job) < (right.endedAt, right.job)
  }
}

/// Everything that can be found out from the rows alone, kept so that apply and reads need not scan.
///
/// Never stored and never hashed. A row enters and leaves through one pair of functions, and a restart
/// uses the same ones, so a restored exchange has the same indexes.
struct Indexes: Sendable {
  struct OfAccount: Sendable {
    var jobs = SortedDeque<JobID>()
    var openJobs = 0
    var endedJobs = SortedDeque<EndedJob>()
    /// Bytes of their output.
    var recordBytes: UInt64 = 0
    /// Purged jobs whose request is remembered, in the order in which they are forgotten.
    var tombstones = TombstoneOrder()
    var keys = SortedDeque<KeyID>()
    var liveKeys = 0
    var revokedKeys = SortedDeque<KeyID>()
    var workers = SortedDeque<WorkerID>()
    var uploads = 0
    /// Requests for accounts and keys that are remembered.
    var requests = 0
    var budgets = SortedDeque<BudgetID>()
    /// Delegations that are remembered.
    var delegations = 0
    /// Rows of what it posts.
    var postedAsks = SortedDeque<UInt64>()
    /// Rows of what it sold.
    var sales = SortedDeque<UInt64>()
  }

  struct OfModel: Sendable {
    var prices = PriceIndex()
    var queue = SortedDeque<JobID>()
    /// The same by account and class; no account's are all empty.
    var queues: [AccountID: OfClasses] = [:]

    var isUnused: Bool { prices.isEmpty && queue.isEmpty }

    /// A job begins to wait.
    mutating func enter(_ job: Job) {
      queue.insert(job.id)
      queues.change(job.account, or: OfClasses()) { $0[job.jobClass].insert(job.id) }
    }

    /// A job waits no longer.
    mutating func leave(_ job: Job) {
      queue.remove(job.id)
      guard let place = queues.index(forKey: job.account) else { return }
      queues.values[place][job.jobClass].remove(job.id)
      if queues.values[place].isEmpty { queues.remove(at: place) }
    }
  }

  /// The jobs of one account that wait for a model.
  struct OfClasses: Sendable {
    private var interactive = SortedDeque<JobID>()
    private var standard = SortedDeque<JobID>()
    private var batch = SortedDeque<JobID>()

    var isEmpty: Bool { standard.isEmpty && interactive.isEmpty && batch.isEmpty }

    subscript(jobClass: JobClass) -> SortedDeque<JobID> {
      _read {
        switch jobClass {
        case .interactive: yield interactive
        case .standard: yield standard
        case .batch: yield batch
        }
      }
      _modify {
        switch jobClass {
        case .interactive: yield &interactive
        case .standard: yield &standard
        case .batch: yield &batch
        }
      }
    }
  }

  struct OfWorker: Sendable {
    var jobs = SortedDeque<JobID>()
    var busy: [String: Int] = [:]
  }

  var jobRequests: [RequestName: JobID] = [:]
  var uploadRequests: [RequestName: UInt64] = [:]
  var accountRequests: [RequestName: UInt64] = [:]
  /// By the hash of the secret.
  var invitationSecrets: [[UInt8]: InvitationID] = [:]
  /// Those that the state still lists.
  var certificates: [NodeName: SortedDeque<CertificateNumber>] = [:]
  /// The rows of revocations.
  var revokedNodes: [NodeName: UInt64] = [:]
  var revokedSerials: [[UInt8]: UInt64] = [:]
  var tombstoneOrder = TombstoneOrder()
  var accounts: [AccountID: OfAccount] = [:]
  var models: [String: OfModel] = [:]
  var workers: [WorkerID: OfWorker] = [:]
  var workerNames: [WorkerName: WorkerID] = [:]
  var open = SortedDeque<JobID>()
  var orphans = SortedDeque<JobID>()
  var ended = SortedDeque<EndedJob>()
  /// Bytes of their output.
  var recordBytes: UInt64 = 0
  var running = 0
  var lastingAdminKeys = 0
  /// What keys draw on.
  var keyBudgets: [KeyID: BudgetID] = [:]
  /// How many budgets are parts of each; without those of which none is.
  var budgetParts: [BudgetID: Int] = [:]
  /// The rows of delegations by the key whose holder signed them, by id, by digest and by the key that was made.
  var delegations: [KeyID: SortedDeque<UInt64>] = [:]
  var delegationNames: [DelegationName: UInt64] = [:]
  var delegationDigests: [[UInt8]: UInt64] = [:]
  var delegatedKeys: [KeyID: UInt64] = [:]
  /// Those of table 7.
  var transfers = SortedDeque<TransferID>()
  /// The jobs that delegated keys submitted.
  var delegatedJobs: [KeyID: SortedDeque<JobID>] = [:]
  /// Transfers that were taken back, and by which.
  var reversals: [TransferID: TransferID] = [:]
  /// Rows of what suppliers post.
  var postedAsks: [ModelOfAccount: UInt64] = [:]
  /// Rows of what was sold, oldest first; all, those of each model, and each supplier's newest of a model.
  var sales = SortedDeque<UInt64>()
  var salesOfModel: [String: SortedDeque<UInt64>] = [:]
  var salesNow: [ModelOfAccount: UInt64] = [:]
  var segments: [JobID: [SegmentReference]] = [:]
  var segmentUsers: [SegmentRow: Int] = [:]
  /// How many jobs are sealed under each wrapping key.
  var sealedUnder: [UInt64: Int] = [:]
  var deadlines = DeadlineQueue()

  // MARK: Jobs

  /// A job exists.
  mutating func insert(_ job: Job) {
    jobRequests[RequestName(account: job.account, key: job.requestKey)] = job.id
    accounts.change(job.account, or: OfAccount()) { $0.jobs.insert(job.id) }
    if let key = job.wrappingKey { sealedUnder.change(key, or: 0) { $0 += 1 } }
    insertDelegated(job)
    enter(job)
  }

  /// Lists a job with its key, if that is a delegation's; a restart reads those later, and lists the jobs then.
  mutating func insertDelegated(_ job: Job) {
    guard delegatedKeys[job.key] != nil else { return }
    delegatedJobs[job.key, default: SortedDeque()].insert(job.id)
  }

  /// A job's row is gone; its request lives on in a tombstone.
  ///
  /// Answers whether it was the last one under its wrapping key.
  mutating func remove(_ job: Job) -> Bool {
    accounts.change(job.account) { $0.jobs.remove(job.id) }
    if let place = delegatedJobs.index(forKey: job.key) {
      delegatedJobs.values[place].remove(job.id)
      if delegatedJobs.values[place].isEmpty { delegatedJobs.remove(at: place) }
    }
    leave(job)
    guard let key = job.wrappingKey, let users = sealedUnder[key] else { return false }
    sealedUnder[key] = users == 1 ? nil : users - 1
    return users == 1
  }

  /// A job is in a phase.
  mutating func enter(_ job: Job) {
    switch job.phase {
    case .queued(let until):
      models.change(job.model, or: OfModel()) { $0.enter(job) }
      deadlines.insert(Deadline(at: until, kind: .queuedJob, key: job.id.rawValue))
    case .running(let attempt), .cancelling(let attempt):
      running += 1
      workers.change(attempt.offer.worker, or: OfWorker()) {
        $0.jobs.insert(job.id)
        $0.busy.change(job.model, or: 0) { $0 += 1 }
      }
    case .ended(let ending):
      let place = EndedJob(endedAt: ending.endedAt, job: job.id)
      ended.insert(place)
      accounts.change(job.account, or: OfAccount()) {
        $0.endedJobs.insert(place)
        $0.recordBytes += job.record.bytes
      }
      recordBytes += job.record.bytes
      if let until = job.keptUntil {
        deadlines.insert(Deadline(at: until, kind: .endedJob, key: job.id.rawValue))
      }
      return
    }
    open.insert(job.id)
    accounts.change(job.account, or: OfAccount()) { $0.openJobs += 1 }
    if let deadline = job.orphanDeadline { enterOrphan(job.id, deadline) }
  }

  /// A job leaves the phase that it is in.
  mutating func leave(_ job: Job) {
    switch job.phase {
    case .queued:
      models.change(job.model) { $0.leave(job) }
      dropModelIfUnused(job.model)
    case .running(let attempt), .cancelling(let attempt):
      running -= 1
      workers.change(attempt.offer.worker) {
        $0.jobs.remove(job.id)
        if let busy = $0.busy[job.model] { $0.busy[job.model] = busy == 1 ? nil : busy - 1 }
      }
    case .ended(let ending):
      let place = EndedJob(endedAt: ending.endedAt, job: job.id)
      ended.remove(place)
      accounts.change(job.account) {
        $0.endedJobs.remove(place)
        $0.recordBytes -= job.record.bytes
      }
      recordBytes -= job.record.bytes
      return
    }
    open.remove(job.id)
    accounts.change(job.account) { $0.openJobs -= 1 }
    if job.orphanDeadline != nil { orphans.remove(job.id) }
  }

  mutating func enterOrphan(_ job: JobID, _ deadline: LogTime) {
    orphans.insert(job)
    deadlines.insert(Deadline(at: deadline, kind: .orphanedJob, key: job.rawValue))
  }

  // MARK: Keys, workers, requests

  mutating func enter(_ key: APIKey) {
    accounts[key.account, default: OfAccount()].keys.insert(key.id)
    guard !key.revoked else {
      accounts[key.account]?.revokedKeys.insert(key.id)
      return
    }
    accounts[key.account]?.liveKeys += 1
    if key.isLastingAdmin { lastingAdminKeys += 1 }
    if let expiry = key.expiry {
      deadlines.insert(Deadline(at: expiry, kind: .key, key: key.id.rawValue))
    }
    if let former = key.former {
      deadlines.insert(Deadline(at: former.until, kind: .formerSecret, key: key.id.rawValue))
    }
  }

  mutating func leave(_ key: APIKey) {
    accounts[key.account]?.keys.remove(key.id)
    guard !key.revoked else {
      accounts[key.account]?.revokedKeys.remove(key.id)
      return
    }
    accounts[key.account]?.liveKeys -= 1
    if key.isLastingAdmin { lastingAdminKeys -= 1 }
  }

  /// A worker is on the market with these asks.
  mutating func enter(_ worker: Worker, asks: [Ask]) {
    workerNames[WorkerName(account: worker.account, name: worker.name)] = worker.id
    accounts[worker.account, default: OfAccount()].workers.insert(worker.id)
    for ask in asks { models[ask.offer.model, default: OfModel()].prices.insert(ask) }
  }

  mutating func leave(_ worker: Worker) {
    workerNames[WorkerName(account: worker.account, name: worker.name)] = nil
    accounts[worker.account]?.workers.remove(worker.id)
    for (place, offer) in worker.offers.enumerated() {
      models[offer.model]?.prices.remove(OfferID(worker: worker.id, index: UInt16(place)))
      dropModelIfUnused(offer.model)
    }
  }

  mutating func enter(_ tombstone: Tombstone) {
    jobRequests[RequestName(account: tombstone.account, key: tombstone.requestKey)] = tombstone.job
    let deadline = Deadline(at: tombstone.expiry, kind: .tombstone, key: tombstone.job.rawValue)
    tombstoneOrder.insert(deadline)
    accounts.change(tombstone.account, or: OfAccount()) { $0.tombstones.insert(deadline) }
    deadlines.insert(deadline)
  }

  mutating func leave(_ tombstone: Tombstone) {
    jobRequests[RequestName(account: tombstone.account, key: tombstone.requestKey)] = nil
    let deadline = Deadline(at: tombstone.expiry, kind: .tombstone, key: tombstone.job.rawValue)
    tombstoneOrder.remove(deadline)
    accounts.change(tombstone.account) { $0.tombstones.remove(deadline) }
  }

  mutating func enter(_ upload: Upload) {
    uploadRequests[RequestName(account: upload.account, key: upload.requestKey)] = upload.number
    accounts[upload.account, default: OfAccount()].uploads += 1
    deadlines.insert(Deadline(at: upload.expiry, kind: .upload, key: upload.number))
  }

  mutating func leave(_ upload: Upload) {
    uploadRequests[RequestName(account: upload.account, key: upload.requestKey)] = nil
    accounts[upload.account]?.uploads -= 1
  }

  mutating func enter(_ request: AccountRequest) {
    // Those that post are as many as the journal has transfers, and only administrators'.
    if request.result.posted == nil {
      accounts[request.account, default: OfAccount()].requests += 1
    }
    accountRequests[RequestName(account: request.account, key: request.requestKey)] =
      request.number
    deadlines.insert(Deadline(at: request.expiry, kind: .accountRequest, key: request.number))
  }

  mutating func leave(_ request: AccountRequest) {
    if request.result.posted == nil { accounts[request.account]?.requests -= 1 }
    accountRequests[RequestName(account: request.account, key: request.requestKey)] = nil
  }

  mutating func enter(_ invitation: Invitation) {
    invitationSecrets[invitation.secretHash] = invitation.id
    deadlines.insert(
      Deadline(at: invitation.forgottenAt, kind: .invitation, key: invitation.id.rawValue))
  }

  mutating func leave(_ invitation: Invitation) {
    invitationSecrets[invitation.secretHash] = nil
  }

  mutating func enter(_ certificate: IssuedCertificate) {
    certificates[certificate.node, default: SortedDeque()].insert(certificate.number)
    deadlines.insert(
      Deadline(
        at: certificate.expiresAt, kind: .certificate, key: certificate.number.rawValue))
  }

  mutating func leave(_ certificate: IssuedCertificate) {
    certificates[certificate.node]?.remove(certificate.number)
    if certificates[certificate.node]?.count == 0 { certificates[certificate.node] = nil }
  }

  mutating func enter(_ revocation: Revocation) {
    switch revocation.subject {
    case .node(let node, _): revokedNodes[node] = revocation.number
    case .serial(let serial): revokedSerials[serial] = revocation.number
    }
    if let until = revocation.until {
      deadlines.insert(Deadline(at: until, kind: .revocation, key: revocation.number))
    }
  }

  mutating func leave(_ revocation: Revocation) {
    switch revocation.subject {
    case .node(let node, _): revokedNodes[node] = nil
    case .serial(let serial): revokedSerials[serial] = nil
    }
  }

  mutating func enter(_ budget: Budget) {
    accounts[budget.account, default: OfAccount()].budgets.insert(budget.id)
    if let key = budget.key { keyBudgets[key] = budget.id }
    if let parent = budget.parent { budgetParts[parent, default: 0] += 1 }
  }

  /// Only a key's own leaves, with its key or after it.
  mutating func leave(_ budget: Budget) {
    accounts[budget.account]?.budgets.remove(budget.id)
    if let key = budget.key { keyBudgets[key] = nil }
    if let parent = budget.parent, let parts = budgetParts[parent] {
      budgetParts[parent] = parts == 1 ? nil : parts - 1
    }
  }

  mutating func enter(_ delegation: AdmittedDelegation) {
    let number = delegation.number
    accounts[delegation.account, default: OfAccount()].delegations += 1
    delegations[delegation.parent, default: SortedDeque()].insert(number)
    delegationNames[DelegationName(parent: delegation.parent, id: delegation.id)] = number
    if let use = delegation.use {
      delegationDigests[use.digest] = number
      delegatedKeys[use.key] = number
      deadlines.insert(Deadline(at: delegation.forgottenAt, kind: .delegation, key: number))
    }
  }

  mutating func leave(_ delegation: AdmittedDelegation) {
    accounts[delegation.account]?.delegations -= 1
    delegations[delegation.parent]?.remove(delegation.number)
    if delegations[delegation.parent]?.isEmpty == true { delegations[delegation.parent] = nil }
    delegationNames[DelegationName(parent: delegation.parent, id: delegation.id)] = nil
    if let use = delegation.use {
      delegationDigests[use.digest] = nil
      delegatedKeys[use.key] = nil
    }
  }

  mutating func enter(_ transfer: Transfer) {
    transfers.insert(transfer.id)
    enterReversal(transfer)
  }

  mutating func leave(_ transfer: Transfer) {
    transfers.remove(transfer.id)
    leaveReversal(transfer)
  }

  /// A transfer has come that may take another one back.
  mutating func enterReversal(_ transfer: Transfer) {
    if let earlier = transfer.reverses { reversals[earlier] = transfer.id }
  }

  /// It goes; what it took back is older, and so has left already.
  mutating func leaveReversal(_ transfer: Transfer) {
    if let earlier = transfer.reverses { reversals[earlier] = nil }
  }

  // MARK: Market

  mutating func enter(_ posted: PostedAsk) {
    postedAsks[posted.name] = posted.number
    accounts[posted.account, default: OfAccount()].postedAsks.insert(posted.number)
  }

  mutating func leave(_ posted: PostedAsk) {
    postedAsks[posted.name] = nil
    accounts[posted.account]?.postedAsks.remove(posted.number)
  }

  /// The rows of a supplier and a model come in the order of their intervals: the last is the newest.
  mutating func enter(_ row: Sales) {
    sales.insert(row.number)
    salesOfModel[row.model, default: SortedDeque()].insert(row.number)
    accounts[row.account, default: OfAccount()].sales.insert(row.number)
    salesNow[ModelOfAccount(account: row.account, model: row.model)] = row.number
  }

  mutating func leave(_ row: Sales) {
    sales.remove(row.number)
    salesOfModel[row.model]?.remove(row.number)
    if salesOfModel[row.model]?.isEmpty == true { salesOfModel[row.model] = nil }
    accounts[row.account]?.sales.remove(row.number)
    let name = ModelOfAccount(account: row.account, model: row.model)
    if salesNow[name] == row.number { salesNow[name] = nil }
  }

  private mutating func dropModelIfUnused(_ model: String) {
    guard let place = models.index(forKey: model), models.values[place].isUnused else { return }
    models.remove(at: place)
  }

  // MARK: Segments

  mutating func enter(_ segment: SegmentReference, of job: JobID) {
    segments.change(job, or: []) { $0.append(segment) }
    segmentUsers.change(segment.row, or: 0) { $0 += 1 }
  }

  /// A job's record is gone; answers the rows that nobody uses any more.
  mutating func removeSegments(of job: JobID) -> [SegmentRow] {
    var unused: [SegmentRow] = []
    for segment in segments.removeValue(forKey: job) ?? [] {
      guard let users = segmentUsers[segment.row] else {
        preconditionFailure("a segment row without users")
      }
      segmentUsers[segment.row] = users == 1 ? nil : users - 1
      if users == 1 { unused.append(segment.row) }
    }
    return unused
  }
}
