internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket

/// Small jobs from submit to settle, many in a write, by twenty accounts in turn.
struct FinishedJobs {
  /// Enough that tombstones meet the bound of all accounts rather than that of one.
  private static let consumers = 20
  private static let jobsInWrite = 500
  private static let bodyBytes = 200
  private static let outputBytes = 100

  private let replica: BenchedReplica
  private var keys: [KeyID] = []
  private var offer = OfferID(worker: WorkerID(1), index: 0)
  private var requests: UInt64 = 0

  init(replica: BenchedReplica) { self.replica = replica }

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
      let key = try replica.apply([
        .keyCreate(
          .init(
            caller: root, requestKey: request(), account: id, name: "k",
            scopes: isSupplier ? [.work] : [.submit, .read], secretHash: bytes(1, count: 32)))
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
              prices: PricePair(
                input: Price(nanoPerMillion: 1_000_000), output: Price(nanoPerMillion: 2_000_000)),
              basis: .usage, bytesPerTokenFloor: 2, endpoints: [.chatCompletions])
          ], draining: false))
    ])
    guard case .worker(let id, _) = worker[0] else { throw unexpected(worker) }
    offer = OfferID(worker: id, index: 0)
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
