internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import OpenAIFormat
internal import WireProtocol

// Why a job is where it is, and what a request would come to: in the words of the functions that decide it.
extension Dispatcher {
  /// The most offers in an answer, and the most attempts.
  private static let candidatesMax = 64
  private static let attemptsMax = 32

  /// Answers for one of the caller's jobs.
  func why(_ message: JobWhyQuery, of caller: Caller, _ answer: Answer) {
    guard let job = exchange.job(message.job),
      exchange.isOwn(job, of: caller.key, in: caller.account)
    else {
      // Said as it is of a job that is asked for.
      return report(message.job, to: caller, answer)
    }
    let demand = demand(of: job, goesOn: !job.record.isEmpty)
    answer(
      report(
        on: demand, model: job.model, in: job.jobClass, hold: job.held,
        among: job.ending == nil ? allCandidates(for: job.model) : [], job: job))
  }

  /// Answers what a submit would come to: all that it would go through, but for the log.
  func dryRun(
    _ message: DryRun, of caller: Caller, _ isWanted: @escaping () -> Bool,
    _ answer: @escaping Answer
  ) {
    if let known = exchange.job(account: caller.account, requestKey: message.requestKey) {
      let job = exchange.job(known)
      let isOwn =
        job.map { exchange.isOwn($0, of: caller.key, in: caller.account) }
        ?? exchange.tombstone(known).map { exchange.isOwn($0, of: caller.key, in: caller.account) }
        ?? false
      // As the submit would be answered.
      guard isOwn else { return answer(Failure(Rejection(.idempotencyConflict))) }
      return why(JobWhyQuery(job: known), of: caller, answer)
    }
    let submit = Submit(
      requestKey: message.requestKey, mode: .attached, endpoint: message.endpoint,
      model: message.model, body: message.body, maxInputPrice: message.maxInputPrice,
      maxOutputPrice: message.maxOutputPrice, queueTimeoutMs: 0, follow: false,
      retentionMs: nil, durable: nil, servedOnly: message.servedOnly)
    read(message.body, for: message.endpoint, isWanted: isWanted) { [weak self] request in
      self?.dryRun(submit, asking: request, of: caller, answer)
    }
  }

  private func dryRun(
    _ submit: Submit, asking request: Result<InferenceRequest, Failure>, of caller: Caller,
    _ answer: Answer
  ) {
    let order: Order
    do throws(Failure) {
      order = try self.order(submit, asking: try request.get(), from: caller, isDryRun: true)
    } catch {
      return answer(error)
    }
    // Its parts, if it needs any, are nowhere: what `apply` would say of them is no answer.
    let rejection = exchange.refusal(of: order.submit, at: queue.now)
    let refusal = order.refusal ?? rejection.map { Failure($0) }
    let model = order.submit.model
    guard let bid = exchange.demand(of: order.submit) ?? exchange.nearestBid(to: order.submit)
    else {
      return answer(
        refusal ?? Failure(refusing: .modelNotFound))
    }
    let demand = Planner.Demand(
      job: JobID(0), bid: bid, excluded: [], goesOn: false, terms: order.terms,
      account: caller.account,
      work: Planner.Work(of: bid, typicalOutput: outputLengths[model]),
      prefix: prefix(of: order, from: caller))
    let hold = bid.ceilings.cost(
      inputTokens: bid.promptBound, outputTokens: bid.outputMax, rounding: .up)
    answer(
      report(
        on: demand, model: model, in: order.jobClass, hold: hold ?? .zero,
        among: allCandidates(for: model), refusal: refusal))
  }

  private func report(
    on demand: Planner.Demand, model: String, in jobClass: JobClass, hold: Credits,
    among candidates: [Planner.Candidate],
    job: Job? = nil, refusal: Failure? = nil
  ) -> JobWhyReport {
    let judged = Planner.verdicts(on: demand, among: candidates)
    // What runs or has ended needs nobody.
    let remedy =
      job.map { $0.state == .queued } ?? true
      ? Planner.remedy(for: demand, among: candidates) : nil
    var waits: UInt64?
    if case .queued(let until)? = job?.phase {
      waits = until.rawValue - min(until.rawValue, queue.now.rawValue)
    }
    return JobWhyReport(
      summary: job.map(summary), model: model, promptBound: demand.bid.promptBound,
      outputMax: demand.bid.outputMax, maxInputPrice: demand.bid.ceilings.input,
      maxOutputPrice: demand.bid.ceilings.output, hold: hold, refusal: refusal?.code ?? 0,
      refusalText: refusal?.message ?? "",
      queueAhead: job.flatMap { exchange.queuePosition($0.id) }.map { UInt32(clamping: $0) },
      waitsMs: waits,
      candidates: judged.prefix(Self.candidatesMax).enumerated().map { place, judgement in
        CandidateTerms(judgement.candidate, judgement.verdict, of: demand, place: place + 1)
      },
      candidatesLeftOut: UInt32(clamping: max(0, judged.count - Self.candidatesMax)),
      attempts: job.map(attempts) ?? [],
      remedyWorker: remedy?.candidate.ask.id.worker ?? WorkerID(0),
      remedy: remedy?.changes.map(ChangeTerms.init) ?? [], jobClass: jobClass,
      preemptions: job.flatMap { $0.preemptions > 0 ? $0.preemptions : nil },
      warm: known(of: demand.prefix, at: judged.map(\.candidate)))
  }

  /// What workers are thought to have read of a prompt, of those that are shown; nil if none has anything.
  private func known(
    of prefix: PromptPrefix, at candidates: [Planner.Candidate]
  ) -> [WarmPrefix]? {
    let warm = candidates.prefix(Self.candidatesMax).compactMap { candidate -> WarmPrefix? in
      let bytes = candidate.server.prefixes.known(of: prefix)
      return bytes > 0 ? WarmPrefix(worker: candidate.ask.id.worker, bytes: bytes) : nil
    }
    return warm.isEmpty ? nil : warm
  }

  /// A job's attempts: what this leader has seen lost, and the one that it has or ended with.
  private func attempts(of job: Job) -> [AttemptTerms] {
    var attempts = lostAttempts[job.id].map { loss in
      AttemptTerms(
        epoch: loss.epoch, worker: loss.worker, state: loss.reason == nil ? "preempted" : "lost",
        error: loss.reason?.rawValue ?? 0, priceInput: nil, priceOutput: nil)
    }
    let last = job.attempt ?? job.ending?.attempt
    if let last, !attempts.contains(where: { $0.epoch == last.epoch }) {
      attempts.append(
        AttemptTerms(
          epoch: last.epoch, worker: last.offer.worker,
          state: job.ending == nil ? "running" : "settled",
          error: note(of: job, last)?.rawValue ?? 0,
          priceInput: last.prices.input, priceOutput: last.prices.output))
    }
    return Array(attempts.suffix(Self.attemptsMax))
  }

  /// What is worth saying of an attempt that settled: that its engine was to count the output, and did not.
  private func note(of job: Job, _ attempt: Attempt) -> ErrorCode? {
    guard let ending = job.ending, !job.record.isEmpty, attempt.basis != .tokenIDs,
      ending.usage.outputTokens == nil
    else { return nil }
    return .engineNoUsage
  }

  // MARK: For suppliers

  /// The newest job numbers that are looked at for an outlook, and the most jobs of one model among them.
  private static let recentScanMax: UInt64 = 1_024
  private static let recentMax = 64
  /// The most offers in an answer, and the most rivals of each that are looked at, the cheapest: the leader has other work.
  private static let outlooksMax = 8
  private static let rivalsMax = 32

  /// Answers for one of the caller's workers, or for all of them.
  func why(_ message: WorkerWhyQuery, of caller: Caller, _ answer: Answer) {
    let workers: [Worker]
    if message.worker == WorkerID(0) {
      workers = exchange.workers(of: caller.account)
    } else if let worker = exchange.worker(message.worker),
      worker.account == caller.account || caller.scopes.contains(.admin)
    {
      workers = [worker]
    } else {
      return answer(
        Failure(
          refusing: .unknownWorker,
          "there is no worker \(message.worker) in this account"))
    }
    var recent: [String: [Job]] = [:]
    var offers: [OfferOutlook] = []
    let asks = workers.flatMap { exchange.asks(of: $0) }
    for ask in asks.prefix(Self.outlooksMax) {
      let model = ask.offer.model
      let jobs =
        recent[model]
        ?? exchange.recentJobs(
          of: model, limit: Self.recentMax, amongNewest: Self.recentScanMax)
      recent[model] = jobs
      offers.append(outlook(of: ask, for: jobs))
    }
    answer(
      WorkerWhyReport(offers: offers, leftOut: UInt32(clamping: asks.count - offers.count)))
  }

  private func outlook(of ask: Ask, for jobs: [Job]) -> OfferOutlook {
    let all = allCandidates(for: ask.offer.model)
    guard let own = all.first(where: { $0.ask.id == ask.id }) else {
      preconditionFailure("the offer \(ask.id) is not in the market")
    }
    let others = Array(all.lazy.filter { $0.ask.id != ask.id }.prefix(Self.rivalsMax))
    let taken = jobs.count {
      ($0.attempt ?? $0.ending?.attempt)?.offer.worker == ask.id.worker
    }
    let elsewhere = jobs.filter {
      ($0.attempt ?? $0.ending?.attempt)?.offer.worker != ask.id.worker
    }
    // What an ended job was asked beyond its bid is not kept.
    let outlook = Planner.outlook(
      of: own, beside: others, for: elsewhere.map { demand(of: $0, goesOn: false) })
    let plain = Planner.Demand(
      job: JobID(0),
      bid: Bid(
        endpoint: ask.offer.endpoints.first ?? .chatCompletions, promptBound: .zero,
        outputMax: TokenCount(1), ceilings: ask.offer.prices), excluded: [], goesOn: false,
      account: ask.tenancy.supplier)
    let judged = Planner.verdict(on: plain, at: own)
    return OfferOutlook(
      offer: CandidateTerms(own, judged, of: plain, place: 1), model: ask.offer.model,
      queued: UInt32(clamping: exchange.queuedCount(model: ask.offer.model)),
      seen: UInt32(clamping: jobs.count), taken: UInt32(clamping: taken),
      reasons: outlook.reasons.prefix(16).map {
        ReasonCount(reason: $0.name, count: UInt32(clamping: $0.count))
      },
      cheapest: others.first(where: \.server.isThere)?.ask.id.worker,
      prices: outlook.steps.map {
        PriceStep(
          priceInput: $0.prices.input, priceOutput: $0.prices.output,
          jobs: UInt32(clamping: $0.comes))
      })
  }
}

extension CandidateTerms {
  /// A candidate and what a plan would make of it; its place counts only if it would be taken.
  init(
    _ candidate: Planner.Candidate, _ verdict: Planner.Verdict, of demand: Planner.Demand,
    place: Int
  ) {
    let server = candidate.server
    let offer = server.ask.offer
    let obstacle: Planner.Obstacle? =
      if case .excluded(let obstacle) = verdict { obstacle } else { nil }
    self.init(
      worker: server.ask.id.worker,
      name: server.name.map { "\($0.account)/\($0.worker)" } ?? "",
      priceInput: offer.prices.input, priceOutput: offer.prices.output,
      context: UInt32(clamping: offer.context.rawValue), slots: offer.slots,
      busy: UInt16(clamping: candidate.busy), free: UInt16(clamping: candidate.free),
      place: obstacle == nil ? UInt16(clamping: place) : 0, obstacle: obstacle?.name ?? "",
      detail: obstacle?.words ?? "",
      hasFailed: demand.excluded.contains(server.ask.id.worker),
      firstOutputMs: server.speed.firstOutput.value(at: Double(demand.bid.promptBound.rawValue))
        .map(UInt32.init(rounding:)),
      tokensPerSecond: server.speed.tokensPerSecond.map(UInt32.init(rounding:)))
  }
}

extension ChangeTerms {
  /// A change as the field of a request that it is made in.
  init(_ change: Planner.Change) {
    switch change {
    case .inputCeiling(let price):
      self.init(field: "provider.max_price.prompt", value: "\(price.credits)")
    case .outputCeiling(let price):
      self.init(field: "provider.max_price.completion", value: "\(price.credits)")
    case .outputMax(let count): self.init(field: "max_tokens", value: "\(count)")
    case .admitting(let worker):
      self.init(field: "provider", value: "admit \(worker.account)/\(worker.worker)")
    case .without(let capabilities):
      let fields = capabilities.names.compactMap { Dispatcher.capabilityFields[$0] }
      self.init(field: fields.joined(separator: " "), value: "")
    }
  }
}

extension UInt32 {
  /// The nearest whole number, as far as there is one.
  fileprivate init(rounding value: Double) {
    self = UInt32(exactly: Swift.min(Swift.max(0, value), 4_294_967_295).rounded()) ?? .max
  }
}
