internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import TokenLedger

/// Small jobs from submit to settle, many in a write, by twenty accounts in turn.
struct FinishedJobs {
  /// What a job has to do with money.
  enum Money {
    /// Nothing: it is free.
    case free
    /// It has a price, against its account alone.
    case priced
    /// It has a price, of which the operator has a part, against its account and three budgets with limits.
    case full
  }

  /// Enough that tombstones meet the bound of all accounts rather than that of one.
  private static let consumers = 20
  private static let jobsInWrite = 500
  private static let bodyBytes = 200
  private static let outputBytes = 100

  private let replica: BenchedReplica
  private let money: Money
  private var keys: [KeyID] = []
  private var offer = OfferID(worker: WorkerID(1), index: 0)
  private var requests: UInt64 = 0

  init(replica: BenchedReplica, money: Money = .priced) {
    self.replica = replica
    self.money = money
  }

  private func bytes(_ number: UInt64, count: Int) -> [UInt8] {
    var random = SplitMix64(state: number)
    return random.bytes(count)
  }

  private mutating func request() -> RequestKey {
    requests += 1
    return RequestKey(high: 1, low: requests)
  }

  /// Opens accounts, and registers a worker.
  mutating func prepare() throws {
    let root = KeyID(1)
    _ = try replica.apply([
      .bootstrap(.init(clusterID: ClusterID(7), rootSecretHash: bytes(0, count: 32))),
      .raiseStateVersion(.init(to: Exchange.stateVersionMax)),
    ])
    for place in 0...Self.consumers {
      let isSupplier = place == Self.consumers
      let account = try replica.apply([
        .accountCreate(
          .init(
            caller: root, requestKey: request(), name: "a\(place)",
            kind: isSupplier ? .supplier : .consumer))
      ])
      guard case .account(let id, _) = account[0] else { throw unexpected(account) }
      let create = Command.KeyCreate(
        caller: root, requestKey: request(), account: id, name: "k",
        scopes: isSupplier ? [.work] : [.submit, .read], secretHash: bytes(1, count: 32))
      let budget = isSupplier ? nil : try makeBudgets(for: id)
      let key = try replica.apply([
        budget.map { .keyIssueBudgeted(.init(create: create, lifetime: nil, budget: $0)) }
          ?? .keyCreate(create)
      ])
      guard case .key(let number, _) = key[0] else { throw unexpected(key) }
      keys.append(number)
      if !isSupplier {
        _ = try replica.apply([
          .accountCredit(
            .init(
              caller: root, requestKey: request(), account: id, amount: Credits(nano: 1 << 50)))
        ])
      }
    }
    let worker = try replica.apply([
      .workerRegister(
        .init(
          caller: keys[Self.consumers], name: "w", incarnation: 1,
          offers: [
            Offer(
              model: "m", context: TokenCount(4_096), outputDefault: TokenCount(64), slots: 1_000,
              prices: money == .free
                ? PricePair(input: .zero, output: .zero)
                : PricePair(
                  input: Price(nanoPerMillion: 1_000_000), output: Price(nanoPerMillion: 2_000_000)),
              basis: .usage, bytesPerTokenFloor: 2, endpoints: [.chatCompletions])
          ], draining: false))
    ])
    guard case .worker(let id, _) = worker[0] else { throw unexpected(worker) }
    offer = OfferID(worker: id, index: 0)
    if money == .full { try takeFees() }
  }

  /// The budget that a consumer's key draws on, a part of another; nil where there are none.
  private mutating func makeBudgets(for account: AccountID) throws -> BudgetID? {
    guard money == .full else { return nil }
    var parent: BudgetID?
    for level in [BudgetLevel.organisation, .team] {
      let made = try replica.apply([
        .budgetCreate(
          .init(
            caller: KeyID(1), requestKey: request(), account: account, parent: parent, level: level,
            name: "b",
            limits: BudgetLimits(
              perDay: Credits(nano: 1 << 50), perMonth: Credits(nano: 1 << 50),
              total: Credits(nano: 1 << 50))))
      ])
      guard case .budget(let id, _) = made[0] else { throw unexpected(made) }
      parent = id
    }
    return parent
  }

  /// The operator has a part of what is charged.
  private mutating func takeFees() throws {
    let made = try replica.apply([
      .accountCreate(
        .init(caller: KeyID(1), requestKey: request(), name: "fees", kind: .fees))
    ])
    guard case .account(let id, _) = made[0] else { throw unexpected(made) }
    _ = try replica.apply([
      .feeSet(.init(caller: KeyID(1), terms: FeeTerms(parts: 25_000, account: id)))
    ])
  }

  /// Submits, runs and settles so many jobs.
  mutating func finish(_ count: Int) throws {
    var left = count
    while left > 0 {
      let batch = min(left, Self.jobsInWrite)
      let accepted = try replica.apply((0..<batch).map { _ in submit() })
      let attempts = try accepted.map { accepted in
        guard case .submitted(let job) = accepted else { throw unexpected([accepted]) }
        return AttemptID(job: job.job, epoch: Epoch(1))
      }
      let settled = try replica.apply(attempts.map(settle))
      for case .settled(let settled) in settled where settled.state != .completed || !settled.first
      {
        throw unexpected([.settled(settled)])
      }
      left -= batch
    }
  }

  private mutating func submit() -> Command {
    let key = request()
    let submit = Command.Submit(
      caller: keys[Int(key.low % UInt64(Self.consumers))], requestKey: key,
      bodyHash: bytes(key.low, count: 32), mode: .submitted, endpoint: .chatCompletions, model: "m",
      promptBound: TokenCount(100), outputMax: TokenCount(50),
      wrappedKey: bytes(key.low &+ 1, count: 48),
      payload: .inline(bytes(key.low &+ 2, count: Self.bodyBytes)))
    return .submitAssigned(.init(submit: submit, offer: offer, askVersion: 1))
  }

  private func settle(_ attempt: AttemptID) -> Command {
    let hash = bytes(attempt.job.rawValue, count: 32)
    return .settle(
      .init(
        attempt: attempt, finish: .stop,
        usage: ReportedUsage(promptTokens: TokenCount(20), outputTokens: TokenCount(10)),
        tail: Command.RecordExtension(
          firstSeq: 1, count: 10, tokens: 10, idTokens: 0, bytes: 40, chainHash: hash,
          sealed: bytes(attempt.job.rawValue &+ 3, count: Self.outputBytes)),
        claim: .init(lastSeq: 10, chainHash: hash)))
  }

  private func unexpected(_ accepted: [Accepted]) -> BenchedReplica.Failed {
    BenchedReplica.Failed(description: "an answer that fits no command: \(accepted)")
  }
}
