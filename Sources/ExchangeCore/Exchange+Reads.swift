public import ExchangeTypes
public import JobMarket
public import TokenLedger

/// What can be asked of the state; nothing here scans all jobs.
extension Exchange {
  /// The cluster's name; nil before bootstrap.
  public var clusterID: ClusterID? { meta.clusterID }
  /// The time of the last entry.
  public var logTime: LogTime { meta.logTime }
  /// The version of apply's behaviour in force.
  public var stateVersion: UInt32 { meta.stateVersion }
  /// When the next thing expires: a leader proposes `pulse` once it is not after its own log time.
  public var nextDeadline: LogTime? { indexes.deadlines.first?.at }

  // MARK: Accounts and keys

  /// An account.
  public func account(_ id: AccountID) -> Account? { ledger[id] }
  /// An API key, dead or live.
  public func key(_ id: KeyID) -> APIKey? { keys[id.rawValue] }
  /// An account's keys in the order of creation.
  public func keys(of account: AccountID) -> [APIKey] {
    indexes.accounts[account]?.keys.sorted.compactMap { keys[$0.rawValue] } ?? []
  }
  /// Whether a request of an account for accounts or keys was carried out, and is remembered.
  public func remembers(_ requestKey: RequestKey, of account: AccountID) -> Bool {
    indexes.accountRequests[RequestName(account: account, key: requestKey)] != nil
  }
  /// A transfer that the journal still has.
  public func transfer(_ id: TransferID) -> Transfer? { log[id] ?? transfers[id.rawValue] }
  /// Transfers after one, oldest first.
  public func transfers(after id: TransferID = TransferID(0), limit: Int) -> [Transfer] {
    let early = indexes.transfers.prefix(after: id, limit: limit)
      .compactMap { transfers[$0.rawValue] }
    return early + log.prefix(after: id, limit: limit - early.count)
  }

  // MARK: Jobs

  /// A job whose record has not been purged.
  public func job(_ id: JobID) -> Job? { jobs[id.rawValue] }
  /// Whether a job that loses its attempt may have another.
  public func hasTriesLeft(_ job: Job) -> Bool {
    job.lastEpoch.rawValue
      < limits.attemptsMax + UInt32(job.preemptions) + UInt32(job.unreached)
  }
  /// What is left of a purged job.
  public func tombstone(_ id: JobID) -> Tombstone? { tombstones[id.rawValue] }
  /// The job that a request made, purged or not.
  public func job(account: AccountID, requestKey: RequestKey) -> JobID? {
    indexes.jobRequests[RequestName(account: account, key: requestKey)]
  }
  /// An account's jobs after one, oldest first.
  public func jobs(of account: AccountID, after id: JobID = JobID(0), limit: Int) -> [Job] {
    indexes.accounts[account]?.jobs.prefix(after: id, limit: limit)
      .compactMap { jobs[$0.rawValue] } ?? []
  }
  /// Jobs that have not ended, after one, oldest first.
  public func openJobs(after id: JobID = JobID(0), limit: Int) -> [Job] {
    indexes.open.prefix(after: id, limit: limit).compactMap { jobs[$0.rawValue] }
  }
  /// Open jobs whose orphan timer runs.
  public var orphans: [JobID] { Array(indexes.orphans.sorted) }
  /// How many jobs wait for a worker.
  public var queuedCount: Int { indexes.open.count - indexes.running }
  /// How many jobs a worker has.
  public var runningCount: Int { indexes.running }
  /// Where the events of a job's record from `seq` on are: the first reference may begin before it.
  public func segments(of job: JobID, from seq: UInt64 = 1) -> ArraySlice<SegmentReference> {
    guard let segments = indexes.segments[job] else { return [] }
    var low = 0
    var high = segments.count
    while low < high {
      let middle = (low + high) / 2
      if segments[middle].lastSeq < seq { low = middle + 1 } else { high = middle }
    }
    return segments[low...]
  }

  // MARK: Market

  /// Models that somebody offers or waits for, in the order of their names.
  public var models: [String] { indexes.models.keys.sorted() }
  /// The asks for a model in price order, those of workers that are offline or draining too.
  public func asks(model: String) -> [Ask] { indexes.models[model]?.prices.asks ?? [] }
  /// Jobs that wait for a model after one, the first come first; a requeued job keeps its place.
  public func queued(model: String, after id: JobID = JobID(0), limit: Int) -> [JobID] {
    indexes.models[model]?.queue.prefix(after: id, limit: limit) ?? []
  }
  /// The accounts whose jobs wait for a model, in no order.
  public func accountsQueued(model: String) -> [AccountID] {
    indexes.models[model].map { Array($0.queues.keys) } ?? []
  }
  /// An account's jobs of one class that wait for a model after one, the first come first.
  public func queued(
    model: String, of account: AccountID, in jobClass: JobClass, after id: JobID, limit: Int
  ) -> [JobID] {
    indexes.models[model]?.queues[account]?[jobClass].prefix(after: id, limit: limit) ?? []
  }
  /// Whether a job of a class waits for a model.
  public func isQueued(model: String, in jobClass: JobClass) -> Bool {
    indexes.models[model]?.queues.values.contains { !$0[jobClass].isEmpty } ?? false
  }
  /// What a submit would demand of an offer if it were applied now; nil if no offer could ever serve it.
  public func demand(of submit: Command.Submit) -> Bid? {
    keys[submit.caller.rawValue].flatMap { try? bid(for: submit, of: $0.account) }
  }
  /// What a submit comes closest to where no offer could ever serve it: what the cheapest offer of a worker that is there
  /// would make of it, or of any worker; nil if nobody offers the model.
  public func nearestBid(to submit: Command.Submit) -> Bid? {
    let asks = asks(model: submit.model)
    let wish = Wish(
      endpoint: submit.endpoint, promptBound: submit.promptBound, outputMax: submit.outputMax,
      inputCeiling: submit.inputCeiling, outputCeiling: submit.outputCeiling,
      contextUse: submit.contextUse)
    return (asks.first { isThere($0) } ?? asks.first).map { wish.bid(by: $0.offer) }
  }
  /// Jobs for a model whose record has not been purged, the newest first, among the newest numbers.
  public func recentJobs(of model: String, limit: Int, amongNewest count: UInt64) -> [Job] {
    var found: [Job] = []
    var number = meta.nextJob.rawValue
    let end = number - min(number, count)
    while number > end, found.count < limit {
      number -= 1
      if let job = jobs[number], job.model == model { found.append(job) }
    }
    return found
  }
  /// How many jobs wait for a model.
  public func queuedCount(model: String) -> Int { indexes.models[model]?.queue.count ?? 0 }
  /// How many jobs go before a new one of an account and class, batch jobs apart: its own, once for each account that waits, for
  /// they take turns; at most all that wait.
  public func queuedBefore(model: String, of account: AccountID, in jobClass: JobClass) -> Int {
    guard let queues = indexes.models[model]?.queues, let own = queues[account] else { return 0 }
    let before = own[.interactive].count + (jobClass == .interactive ? 0 : own[.standard].count)
    guard before > 0 else { return 0 }
    let prompt = queues.values.lazy.map { $0[.interactive].count + $0[.standard].count }
    return min(prompt.reduce(0, +), before * prompt.count { $0 > 0 })
  }
  /// How many jobs are before a queued one, or nil if it is not queued.
  public func queuePosition(_ id: JobID) -> Int? {
    guard let job = jobs[id.rawValue], case .queued = job.phase else { return nil }
    return indexes.models[job.model]?.queue.lowerBound(id)
  }
  /// What a model's offers come to, those of workers that are there if any is; nil if nobody offers it.
  public func model(_ name: String) -> ModelView? {
    guard let asks = indexes.models[name]?.prices.asks, !asks.isEmpty else { return nil }
    let live = asks.filter { isThere($0) }
    return ModelView(name: name, asks: live.isEmpty ? asks : live, exchange: self)
  }
  /// Whether an ask's worker takes jobs.
  func isThere(_ ask: Ask) -> Bool {
    guard let worker = workers[ask.id.worker.rawValue] else { return false }
    return worker.online && !worker.draining
  }

  // MARK: Workers

  /// A worker, online or not.
  public func worker(_ id: WorkerID) -> Worker? { workers[id.rawValue] }
  /// The worker of an account under a name.
  public func worker(account: AccountID, name: String) -> WorkerID? {
    indexes.workerNames[WorkerName(account: account, name: name)]
  }
  /// All workers in the order of their numbers.
  public var allWorkers: [Worker] { workers.sortedKeys.compactMap { workers[$0] } }
  /// An account's workers in the order of their numbers.
  public func workers(of account: AccountID) -> [Worker] {
    indexes.accounts[account]?.workers.sorted.compactMap { workers[$0.rawValue] } ?? []
  }
  /// The attempts that a worker has, in the order of their jobs.
  public func attempts(of worker: WorkerID) -> [AttemptID] {
    indexes.workers[worker]?.jobs.sorted.compactMap { id in
      jobs[id.rawValue]?.attempt.map { AttemptID(job: id, epoch: $0.epoch) }
    } ?? []
  }
  /// How many attempts a worker has.
  public func busyCount(of worker: WorkerID) -> Int { indexes.workers[worker]?.jobs.count ?? 0 }
  /// How many more jobs an offer takes now: none if the worker is offline or draining.
  public func freeSlots(_ id: OfferID) -> Int {
    guard let worker = workers[id.worker.rawValue], worker.online, !worker.draining,
      Int(id.index) < worker.offers.count
    else { return 0 }
    let offer = worker.offers[Int(id.index)]
    return max(0, Int(offer.slots) - busyCount(of: id.worker, model: offer.model))
  }

  /// How many attempts at jobs of one model a worker has.
  func busyCount(of worker: WorkerID, model: String) -> Int {
    indexes.workers[worker]?.busy[model] ?? 0
  }
}

/// What all offers of one model come to.
public struct ModelView: Hashable, Sendable {
  /// The model's name.
  public let name: String
  /// The largest context.
  public let context: TokenCount
  /// The smallest default output bound.
  public let outputDefault: TokenCount
  /// The lowest price of each kind.
  public let lowest: PricePair
  /// Workers online that offer it.
  public let suppliers: Int
  /// Their slots.
  public let slots: Int
  /// Their slots that take a job now.
  public let slotsFree: Int

  init?(name: String, asks: [Ask], exchange: Exchange) {
    guard let first = asks.first else { return nil }
    var context = first.offer.context
    var outputDefault = first.offer.outputDefault
    var input = first.offer.prices.input
    var output = first.offer.prices.output
    var suppliers = 0
    var slots = 0
    var slotsFree = 0
    for ask in asks {
      context = max(context, ask.offer.context)
      outputDefault = min(outputDefault, ask.offer.outputDefault)
      input = min(input, ask.offer.prices.input)
      output = min(output, ask.offer.prices.output)
      guard exchange.worker(ask.id.worker)?.online == true else { continue }
      suppliers += 1
      slots += Int(ask.offer.slots)
      slotsFree += exchange.freeSlots(ask.id)
    }
    self.name = name
    self.context = context
    self.outputDefault = outputDefault
    lowest = PricePair(input: input, output: output)
    self.suppliers = suppliers
    self.slots = slots
    self.slotsFree = slotsFree
  }
}
