import ExchangeCore
import ExchangeTypes
import JobMarket
import TokenLedger

/// A replica with its disk: applies commands as a leader would send them, through the codec.
struct Replica {
  var exchange: Exchange
  var rows: [UInt8: [[UInt8]: [UInt8]]] = [:]
  var index = LogIndex(0)
  let limits: Limits

  init(limits: Limits = Limits()) {
    self.limits = limits
    exchange = Exchange(limits: limits)
  }

  mutating func apply(_ commands: [Command], at time: UInt64) -> Applied {
    let batch = CommandBatch(time: LogTime(milliseconds: time), commands: commands)
    guard let payload = batch.payload() else { fatalError("a test's batch does not fit") }
    index = index.next
    guard let applied = try? exchange.apply(payload: payload, at: index) else {
      fatalError("a test's batch is not readable")
    }
    for change in applied.changes { rows[change.table, default: [:]][change.key] = change.value }
    return applied
  }

  /// The exchange that a restart would make of the rows.
  func restored(expecting digest: StateDigest? = nil) throws -> Exchange {
    try Exchange.restoring(expecting: digest ?? exchange.digest, limits: limits) { table, visit in
      let stored = rows[table] ?? [:]
      for key in stored.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
        if let value = stored[key] { try visit(key, value) }
      }
    }
  }
}

/// A small cluster in which much can happen: alice (account 3, key 2) buys, sam (account 4, key 3)
/// sells model "m" on worker 1 for 1 credit per million prompt tokens and 2 per million of output.
struct World {
  static let root = KeyID(1)
  static let alice = KeyID(2)
  static let sam = KeyID(3)
  static let bob = KeyID(4)
  /// Alice's key that may only read, once `addReader` made it.
  static let reader = KeyID(5)

  var replica: Replica
  var time: UInt64 = 0
  private(set) var lastEffects: [Effect] = []

  var exchange: Exchange { replica.exchange }

  init(limits: Limits = Limits(), credit: UInt64 = Credits.nanoPerCredit) {
    replica = Replica(limits: limits)
    run(.bootstrap(.init(clusterID: ClusterID(7), rootSecretHash: hash(1))))
    run(
      .accountCreate(
        .init(caller: Self.root, requestKey: request(1), name: "alice", kind: .consumer)))
    run(
      .accountCreate(.init(caller: Self.root, requestKey: request(2), name: "sam", kind: .supplier))
    )
    run(
      .accountCreate(.init(caller: Self.root, requestKey: request(3), name: "bob", kind: .consumer))
    )
    for (number, account, scopes) in [
      (4, 3, Scopes([.submit, .read])), (5, 4, Scopes([.submit, .work, .read])),
      (6, 5, Scopes([.submit, .read])),
    ] {
      run(
        .keyCreate(
          .init(
            caller: Self.root, requestKey: request(UInt64(number)),
            account: AccountID(UInt64(account)), name: "k", scopes: scopes, secretHash: hash(2))))
    }
    if credit > 0 {
      run(
        .accountCredit(
          .init(
            caller: Self.root, requestKey: request(7), account: AccountID(3),
            amount: Credits(nano: credit))))
    }
    run(register())
  }

  mutating func addReader() {
    run(
      .keyCreate(
        .init(
          caller: Self.alice, requestKey: request(8), account: AccountID(3), name: "reader",
          scopes: .read, secretHash: hash(3))))
  }

  @discardableResult
  mutating func run(_ command: Command) -> Outcome {
    let applied = replica.apply([command], at: time)
    lastEffects = applied.effects
    return applied.outcomes[0]
  }
}

func request(_ number: UInt64) -> RequestKey { RequestKey(high: 0, low: number) }

func hash(_ number: UInt8) -> [UInt8] { [UInt8](repeating: number, count: 32) }

func offer(
  _ model: String = "m", context: UInt64 = 1_000, outputDefault: UInt64 = 100, slots: UInt16 = 2,
  input: UInt64 = 1_000_000_000, output: UInt64 = 2_000_000_000, basis: BillingBasis = .usage,
  floor: UInt8 = 2, endpoints: [Endpoint] = [.chatCompletions]
) -> Offer {
  Offer(
    model: model, context: TokenCount(context), outputDefault: TokenCount(outputDefault),
    slots: slots,
    prices: PricePair(
      input: Price(nanoPerMillion: input), output: Price(nanoPerMillion: output)), basis: basis,
    bytesPerTokenFloor: floor, endpoints: endpoints)
}

func register(
  _ name: String = "w1", caller: KeyID = World.sam, incarnation: UInt64 = 1,
  offers: [Offer] = [offer()], draining: Bool = false
) -> Command {
  .workerRegister(
    .init(
      caller: caller, name: name, incarnation: incarnation, offers: offers, draining: draining))
}

func submit(
  _ number: UInt64, caller: KeyID = World.alice, body: UInt8 = 9, mode: JobMode = .attached,
  endpoint: Endpoint = .chatCompletions, model: String = "m", prompt: UInt64 = 100,
  output: UInt64? = 50, inputCeiling: UInt64? = nil, outputCeiling: UInt64? = nil,
  timeout: UInt32 = 0, wrappedKey: [UInt8] = [1],
  payload: Command.Submit.Payload = .inline([5, 6]), likely: UInt64? = nil, answers: UInt32 = 1
) -> Command {
  .submit(
    .init(
      caller: caller, requestKey: request(100 + number), bodyHash: hash(body), mode: mode,
      endpoint: endpoint, model: model, promptBound: TokenCount(prompt),
      outputMax: output.map { TokenCount($0) },
      inputCeiling: inputCeiling.map { Price(nanoPerMillion: $0) },
      outputCeiling: outputCeiling.map { Price(nanoPerMillion: $0) },
      queueTimeoutMilliseconds: timeout, wrappedKey: wrappedKey, payload: payload,
      contextUse: likely.map { ContextUse(prompt: TokenCount($0), answers: answers) }))
}

func attempt(_ job: UInt64, _ epoch: UInt32 = 1) -> AttemptID {
  AttemptID(job: JobID(job), epoch: Epoch(epoch))
}

func assign(
  _ job: UInt64, epoch: UInt32 = 1, worker: UInt64 = 1, offer: UInt16 = 0, version: UInt32 = 1
) -> Command {
  .assign(
    .init(
      job: JobID(job), epoch: Epoch(epoch), offer: OfferID(worker: WorkerID(worker), index: offer),
      askVersion: version))
}

/// The submit of that number, given to a worker at once.
func submitAssigned(
  _ number: UInt64, caller: KeyID = World.alice, body: UInt8 = 9, worker: UInt64 = 1,
  offer: UInt16 = 0, version: UInt32 = 1
) -> Command {
  guard case .submit(let submit) = submit(number, caller: caller, body: body) else {
    fatalError("a submit is a submit")
  }
  return .submitAssigned(
    .init(
      submit: submit, offer: OfferID(worker: WorkerID(worker), index: offer), askVersion: version))
}

/// Events of `tokens` tokens and `bytes` bytes, half of the tokens with ids.
func events(
  from seq: UInt64, count: UInt32 = 1, tokens: UInt32 = 10, idTokens: UInt32? = nil,
  bytes: UInt32 = 40, hash number: UInt8 = 3, sealed: [UInt8] = [1, 2, 3]
) -> Command.RecordExtension {
  Command.RecordExtension(
    firstSeq: seq, count: count, tokens: tokens, idTokens: idTokens ?? tokens / 2, bytes: bytes,
    chainHash: hash(number), sealed: sealed)
}

func checkpoint(_ entries: (AttemptID, Command.RecordExtension)...) -> Command {
  .checkpoint(.init(entries: entries.map { .init(attempt: $0.0, events: $0.1) }))
}

func settle(
  _ id: AttemptID, _ finish: FinishReason = .stop, prompt: UInt64? = nil, output: UInt64? = nil,
  error: ErrorCode? = nil, tail: Command.RecordExtension? = nil, claim: Command.Settle.Claim? = nil
) -> Command {
  .settle(
    .init(
      attempt: id, finish: finish,
      usage: ReportedUsage(
        promptTokens: prompt.map { TokenCount($0) }, outputTokens: output.map { TokenCount($0) }),
      error: error, tail: tail, claim: claim))
}

func cancel(_ job: UInt64, caller: KeyID = World.alice) -> Command {
  .cancel(.init(caller: caller, job: JobID(job)))
}

func lost(
  _ id: AttemptID, reason: ErrorCode = .workerLost, retry: Bool = true
) -> Command {
  .attemptLost(.init(attempt: id, reason: reason, retryElsewhere: retry))
}

/// The submit of that number, of a job of a class.
func inClass(
  _ jobClass: JobClass, _ number: UInt64, needs: Capabilities = [], at worker: UInt64? = nil
) -> Command {
  .submitInClass(
    .init(
      order: .init(
        submit: plainSubmit(number), terms: JobTerms(needs: needs),
        assignment: worker.map {
          .init(offer: OfferID(worker: WorkerID($0), index: 0), askVersion: 1)
        }), jobClass: jobClass))
}

func preempted(_ id: AttemptID) -> Command { .attemptPreempted(.init(attempt: id)) }

func ownerSet(_ account: UInt64, _ owner: String, by caller: KeyID = World.root) -> Command {
  .accountOwnerSet(.init(caller: caller, account: AccountID(account), owner: owner))
}

func weigh(_ account: UInt64, _ weight: UInt32, by caller: KeyID = World.root) -> Command {
  .accountWeigh(.init(caller: caller, account: AccountID(account), weight: weight))
}
