import ExchangeCore
import ExchangeTypes
import JobMarket
import TokenLedger

/// Random numbers from a seed (SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", 2014).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

/// Commands of which about half make sense in the state that they meet.
struct CommandGenerator {
  private var random: SeededGenerator
  /// Draws for enrolment alone, so that what else is generated does not depend on it.
  private var enrolmentRandom: SeededGenerator
  /// The same for limits.
  private var rateRandom: SeededGenerator
  /// The same for transfers, fees and closing.
  private var moneyRandom: SeededGenerator
  /// The same for delegations.
  private var delegationRandom: SeededGenerator
  /// The same for what suppliers post.
  private var marketRandom: SeededGenerator
  /// The same for classes.
  private var classRandom: SeededGenerator

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    enrolmentRandom = SeededGenerator(seed: seed + 1_000)
    rateRandom = SeededGenerator(seed: seed + 2_000)
    moneyRandom = SeededGenerator(seed: seed + 3_000)
    delegationRandom = SeededGenerator(seed: seed + 4_000)
    marketRandom = SeededGenerator(seed: seed + 5_000)
    classRandom = SeededGenerator(seed: seed + 6_000)
  }

  mutating func below(_ bound: UInt64) -> UInt64 { UInt64.random(in: 0..<bound, using: &random) }

  mutating func chance(_ part: UInt64, in whole: UInt64) -> Bool { below(whole) < part }

  mutating func elapsed() -> UInt64 { chance(1, in: 40) ? below(3_000) : below(60) }

  mutating func batch(for exchange: Exchange) -> [Command] {
    var commands = (0...below(5)).map { _ in command(for: exchange) }
    if UInt64.random(in: 0..<40, using: &rateRandom) == 0 { commands.append(limitCommand()) }
    if exchange.stateVersion >= Exchange.moneyStateVersion,
      UInt64.random(in: 0..<6, using: &moneyRandom) == 0
    {
      commands.append(moneyCommand(exchange))
    }
    if exchange.stateVersion >= Exchange.moneyStateVersion,
      UInt64.random(in: 0..<6, using: &delegationRandom) == 0
    {
      commands.append(delegationCommand(exchange))
    }
    if UInt64.random(in: 0..<12, using: &rateRandom) == 0 { commands.append(termsCommand()) }
    if UInt64.random(in: 0..<24, using: &marketRandom) == 0 { commands.append(askCommand()) }
    if UInt64.random(in: 0..<16, using: &marketRandom) == 0 {
      commands.append(cachedCommand(exchange))
    }
    if UInt64.random(in: 0..<8, using: &classRandom) == 0 {
      commands.append(classCommand(exchange))
    }
    return UInt64.random(in: 0..<3, using: &enrolmentRandom) == 0
      ? commands + [enrolmentCommand(exchange)] : commands
  }

  /// An open job mostly, sometimes one that ended, was purged or never was.
  private mutating func job(_ exchange: Exchange) -> JobID {
    let open = exchange.openJobs(limit: 40)
    if chance(8, in: 10), let job = open.randomElement(using: &random) { return job.id }
    let last = exchange.jobs(of: AccountID(3), limit: 40).last?.id.rawValue ?? 1
    return JobID(1 + below(last + 2))
  }

  private mutating func caller() -> KeyID {
    chance(9, in: 10)
      ? [World.alice, World.alice, World.bob, World.sam][Int(below(4))] : KeyID(below(9))
  }

  private mutating func attempt(_ exchange: Exchange) -> AttemptID {
    let id = job(exchange)
    let epoch = exchange.job(id)?.lastEpoch.rawValue ?? 1
    return AttemptID(job: id, epoch: Epoch(chance(9, in: 10) ? epoch : UInt32(below(4))))
  }

  private mutating func extend(_ exchange: Exchange, _ job: JobID) -> Command.RecordExtension {
    let last = exchange.job(job)?.record.lastSeq ?? 0
    return events(
      from: chance(9, in: 10) ? last + 1 : below(5), count: UInt32(1 + below(4)),
      tokens: UInt32(below(40)), bytes: UInt32(below(120)), hash: UInt8(below(255)),
      sealed: [UInt8](repeating: 1, count: 1 + Int(below(30))))
  }

  private mutating func command(for exchange: Exchange) -> Command {
    switch below(104) {
    case 0..<6: return .pulse
    case 6..<26:
      let command = submitCommand(exchange)
      guard chance(1, in: 3), case .submit(let submit) = command else { return command }
      let ask = exchange.asks(model: submit.model).randomElement(using: &random)
      return .submitAssigned(
        .init(
          submit: submit, offer: ask?.id ?? OfferID(worker: WorkerID(below(4)), index: 0),
          askVersion: ask?.version ?? 1))
    case 26..<42: return assignCommand(exchange)
    case 42..<54:
      let id = attempt(exchange)
      let other = attempt(exchange)
      let first = extend(exchange, id.job)
      guard id.job != other.job else { return checkpoint((id, first)) }
      return checkpoint((id, first), (other, extend(exchange, other.job)))
    case 54..<64: return settleCommand(exchange)
    case 64..<69: return .cancel(.init(caller: caller(), job: job(exchange)))
    case 69..<76:
      let id = attempt(exchange)
      return lost(
        id, reason: id.job.rawValue.isMultiple(of: 2) ? .engineUnreachable : .engineBusy,
        retry: chance(3, in: 4))
    case 76..<80: return .orphan(.init(job: job(exchange)))
    case 80..<83:
      return .adopt(.init(caller: chance(1, in: 2) ? caller() : nil, job: job(exchange)))
    case 83..<88: return partCommand()
    case 88..<91: return workerCommand(exchange)
    case 91..<93: return .purge(.init(caller: caller(), jobs: [job(exchange), job(exchange)]))
    case 93: return .cancelMany(.init(caller: caller(), jobs: [job(exchange), job(exchange)]))
    default: return accountCommand(exchange)
    }
  }

  private mutating func submitCommand(_ exchange: Exchange) -> Command {
    let parts = chance(1, in: 8)
    let number = below(120)
    return submit(
      number, caller: caller(), body: chance(9, in: 10) ? 9 : 8,
      mode: chance(1, in: 2) ? .attached : .submitted, model: chance(19, in: 20) ? "m" : "other",
      prompt: chance(9, in: 10) ? below(300) : below(2_000),
      output: chance(3, in: 4) ? 1 + below(200) : nil,
      inputCeiling: chance(1, in: 4) ? below(4_000_000_000) : nil,
      outputCeiling: chance(1, in: 4) ? below(6_000_000_000) : nil,
      timeout: UInt32(below(3)) * 1_000,
      payload: parts ? .parts(UInt16(1 + below(3))) : .inline([1, 2, 3]),
      likely: exchange.stateVersion > 2 && number.isMultiple(of: 3) ? number : nil,
      answers: 1 + UInt32(number % 4))
  }

  private mutating func assignCommand(_ exchange: Exchange) -> Command {
    let queued = exchange.queued(model: "m", limit: 20)
    let id =
      chance(9, in: 10) ? queued.randomElement(using: &random) ?? job(exchange) : job(exchange)
    let asks = exchange.asks(model: "m")
    guard chance(9, in: 10), let ask = asks.randomElement(using: &random) else {
      return assign(id.rawValue, worker: below(4), version: UInt32(below(4)))
    }
    let epoch = (exchange.job(id)?.lastEpoch.rawValue ?? 0) + 1
    return .assign(
      .init(
        job: id, epoch: Epoch(epoch), offer: ask.id,
        askVersion: chance(19, in: 20) ? ask.version : ask.version + 1))
  }

  private mutating func settleCommand(_ exchange: Exchange) -> Command {
    let id = attempt(exchange)
    let finish = FinishReason.allCases[Int(below(6))]
    return settle(
      id, finish, prompt: chance(2, in: 3) ? below(500) : nil,
      output: chance(2, in: 3) ? below(300) : nil, error: finish == .error ? .engineError : nil,
      tail: chance(1, in: 2) ? extend(exchange, id.job) : nil)
  }

  private mutating func partCommand() -> Command {
    .payloadPart(
      .init(
        caller: caller(), requestKey: request(100 + below(120)), part: UInt16(below(3)),
        of: UInt16(1 + below(3)), bytes: [1, 2]))
  }

  private mutating func workerCommand(_ exchange: Exchange) -> Command {
    if chance(1, in: 3) {
      let worker = WorkerID(1 + below(3))
      return .workerGone(
        .init(worker: worker, incarnation: exchange.worker(worker)?.incarnation ?? 1))
    }
    let basis = BillingBasis.allCases[Int(below(3))]
    return register(
      "w\(1 + below(5))", caller: caller(), incarnation: below(3),
      offers: [
        offer(slots: UInt16(1 + below(4)), output: 1_000_000_000 * (1 + below(3)), basis: basis)
      ], draining: chance(1, in: 10))
  }

  private mutating func create(_ key: RequestKey) -> Command.KeyCreate {
    .init(
      caller: chance(1, in: 2) ? World.root : caller(), requestKey: key,
      account: AccountID(1 + below(6)), name: "k", scopes: Scopes(rawValue: UInt32(below(17))),
      secretHash: hash(UInt8(below(200))))
  }

  /// Jobs that want sam, or nobody whom there is.
  private mutating func termsCommand() -> Command {
    let number = UInt64.random(in: 200..<400, using: &rateRandom)
    let only = UInt64.random(in: 0..<2, using: &rateRandom) == 0 ? ["sam"] : ["nobody"]
    return .submitOnTerms(
      .init(
        submit: plainSubmit(number), terms: JobTerms(preferences: Preferences(only: only))))
  }

  /// Limits of bob's key alone, so that alice meets what else there is to meet.
  private mutating func limitCommand() -> Command {
    func one(in range: ClosedRange<UInt64>) -> UInt64? {
      UInt64.random(in: 0..<4, using: &rateRandom) == 0
        ? nil : UInt64.random(in: range, using: &rateRandom)
    }
    return .keyLimit(
      .init(
        caller: World.root, key: World.bob,
        limit: RateLimit(
          requests: one(in: 5...100).map { UInt32($0) }, tokens: one(in: 50...1_500))))
  }

  /// An end of which more is said to be cached than there may be.
  private mutating func cachedCommand(_ exchange: Exchange) -> Command {
    swap(&random, &marketRandom)
    defer { swap(&random, &marketRandom) }
    guard case .settle(let settle) = settleCommand(exchange) else {
      fatalError("a settle is a settle")
    }
    let cached = Command.SettleCached(settle: settle, cachedTokens: TokenCount(below(600)))
    guard settle.attempt.job.rawValue.isMultiple(of: 2) else { return .settleCached(cached) }
    let signed = Command.AttemptSigned(
      firstSeq: 1, modelDigest: nil, publicKey: [1], signature: [UInt8](repeating: 2, count: 64))
    guard settle.attempt.job.rawValue.isMultiple(of: 4) else {
      return .settleSigned(.init(settle: cached, signed: signed))
    }
    return .settleReasoned(
      .init(settle: cached, signed: signed, reasoningTokens: cached.cachedTokens))
  }

  /// Jobs of classes, which are mostly taken and sometimes give way.
  private mutating func classCommand(_ exchange: Exchange) -> Command {
    swap(&random, &classRandom)
    defer { swap(&random, &classRandom) }
    guard !chance(1, in: 8) else {
      let account = 1 + below(6)
      let number = below(300)
      let asker = chance(9, in: 10) ? World.root : caller()
      return number.isMultiple(of: 3)
        ? ownerSet(account, ["", "a", "b"][Int(number / 3 % 3)], by: asker)
        : weigh(account, UInt32(number), by: asker)
    }
    guard chance(1, in: 2) else {
      let batch = exchange.openJobs(limit: 40).filter { $0.jobClass == .batch && $0.attempt != nil }
      guard chance(3, in: 4), let job = batch.randomElement(using: &random) else {
        return preempted(attempt(exchange))
      }
      return preempted(AttemptID(job: job.id, epoch: job.lastEpoch))
    }
    return inClass(
      JobClass.allCases[Int(below(3))], 900 + below(200), needs: chance(1, in: 2) ? .tools : [],
      at: chance(1, in: 2) ? 1 : nil)
  }

  /// What suppliers post, mostly taken back again soon.
  private mutating func askCommand() -> Command {
    swap(&random, &marketRandom)
    defer { swap(&random, &marketRandom) }
    let by = chance(9, in: 10) ? World.sam : caller()
    guard chance(1, in: 2) else { return askSet("m", nil, by: by) }
    return askSet(
      chance(9, in: 10) ? "m" : "x",
      AskTerms(
        input: chance(1, in: 2) ? Price(nanoPerMillion: 500_000_000 * below(4)) : nil,
        cachedInput: chance(1, in: 2) ? Price(nanoPerMillion: 100_000_000 * below(9)) : nil,
        output: chance(1, in: 2) ? Price(nanoPerMillion: 500_000_000 * below(6)) : nil,
        reserve: UInt16(below(4)), own: chance(1, in: 4) ? [AccountID(5)] : [],
        only: chance(1, in: 4) ? [AccountID(3)] : [],
        refuse: chance(1, in: 4) ? [AccountID(chance(3, in: 4) ? 4 : below(20))] : []), by: by)
  }

  private mutating func enrolmentCommand(_ exchange: Exchange) -> Command {
    swap(&random, &enrolmentRandom)
    defer { swap(&random, &enrolmentRandom) }
    let node = node("w\(below(3))", chance(1, in: 3) ? .gateway : .worker)
    let known = exchange.certificates(limit: 20).randomElement(using: &random)
    switch below(8) {
    case 0, 1, 2:
      return invite(
        UInt8(below(200)), caller: chance(9, in: 10) ? World.root : caller(), role: node.role,
        name: chance(9, in: 10) ? node.name : nil, lifetime: below(4_000))
    case 3, 4, 5:
      let invitation = exchange.invitations(limit: 10).randomElement(using: &random)
      return .join(
        .init(
          invitation: invitation?.id ?? InvitationID(1),
          secretHash: invitation?.secretHash ?? hash(1),
          name: chance(1, in: 2) ? node.name : nil, publicKeyHash: hash(UInt8(below(3))),
          lifetimeMilliseconds: below(8_000)))
    case 6:
      return renew(known?.node ?? node, known?.number.serial ?? [9, 9], lifetime: below(8_000))
    default:
      return revoke(
        chance(1, in: 2)
          ? .node(known?.node ?? node) : .serial(known?.number.serial ?? [UInt8(1 + below(9))]))
    }
  }

  private mutating func moneyCommand(_ exchange: Exchange) -> Command {
    swap(&random, &moneyRandom)
    defer { swap(&random, &moneyRandom) }
    let number = 1_000 + below(60)
    let by = chance(9, in: 10) ? World.root : caller()
    let open = exchange.budgets(of: AccountID(3), limit: 30)
    let some = open.randomElement(using: &random)?.id.rawValue ?? 1
    switch below(36) {
    case 20,
      21 where open.count < 12:
      return budget(
        by: by, request: number, under: chance(1, in: 2) ? some : nil,
        level: BudgetLevel.allCases[Int(below(5))],
        day: chance(1, in: 2) ? 100_000 * below(9) : nil,
        total: chance(1, in: 2) ? 1_000_000 * below(9) : nil)
    case 20..<22:
      return budgetSet(some, by: by, total: 1_000_000 * below(9), closed: chance(1, in: 6))
    case 22..<26:
      return budgetedKey(
        some, by: by, request: number, lifetime: chance(1, in: 2) ? 1 + below(9_000) : nil)
    case 26..<36:
      let key = open.compactMap(\.key).filter { exchange.key($0)?.revoked == false }
        .randomElement(using: &random)
      return submit(500 + below(200), caller: key ?? World.alice)
    case 0..<9:
      let legs = (0...below(3)).map { _ in
        (
          debit: chance(1, in: 3) ? 2 : below(9), credit: 1 + below(8),
          nano: below(40) == 0 ? UInt64.max - below(9) : below(9_000)
        )
      }
      return transfer(legs, by: by, request: number)
    case 9..<15:
      let kept = exchange.transfers(limit: 40).randomElement(using: &random)
      return reverse(kept?.id.rawValue ?? below(99), by: by, request: number)
    case 15,
      16 where exchange.ledger.count < 9:
      return .accountCreate(
        .init(
          caller: by, requestKey: request(number), name: "b\(below(9))",
          kind: AccountKind.allCases[4 + Int(below(3))]))
    case 17: return .accountClose(.init(caller: by, account: AccountID(6 + below(7))))
    default: return feeSet(UInt32(below(4)) * 300_000, to: 5 + below(7), by: by)
    }
  }

  /// Of bob's key, which has the limits per minute, and of keys that draw on budgets of alice.
  private mutating func delegationCommand(_ exchange: Exchange) -> Command {
    swap(&random, &delegationRandom)
    defer { swap(&random, &delegationRandom) }
    let budgeted = exchange.budgets(of: AccountID(3), limit: 30).compactMap(\.key)
      .filter { exchange.key($0)?.revoked == false && exchange.delegation(of: $0) == nil }
    let parent = budgeted.randomElement(using: &random) ?? World.bob
    let known = exchange.delegations(of: parent, limit: 20)
    // What was bound once is not bound again: now and then another.
    var publicKey = exchange.delegationKey(of: parent)?.first ?? 0
    if publicKey == 0 || below(10) == 9 { publicKey = UInt8(70 + below(150)) }
    switch below(12) {
    case 0, 1: return bind(below(8) == 0 ? nil : publicKey, to: parent, by: World.root)
    case 2: return undelegate(below(9), under: parent, by: chance(1, in: 2) ? World.root : caller())
    case 3..<8:
      let id = below(9)
      return admit(
        id, under: chance(9, in: 10) ? parent : KeyID(below(20)), signedBy: publicKey,
        digest: chance(4, in: 5) ? UInt8(100 + id) : 9,
        scopes: chance(9, in: 10) ? .submit : .work,
        total: chance(1, in: 2) ? 1_000_000 * below(20) : nil,
        models: chance(1, in: 2) ? ["other"] : [], lifetime: 1 + below(9_000))
    default:
      let key = known.compactMap(\.use?.key).filter { exchange.key($0)?.revoked == false }
        .randomElement(using: &random)
      return submit(800 + below(200), caller: key ?? World.bob)
    }
  }

  private mutating func accountCommand(_ exchange: Exchange) -> Command {
    let key = request(10 + below(40))
    switch below(12) {
    case 8: return .keyIssue(.init(create: create(key), lifetime: below(4_000)))
    case 9:
      return .keyRotate(
        .init(
          caller: caller(), requestKey: key, key: KeyID(1 + below(12)),
          secretHash: hash(UInt8(below(200))), grace: below(3) * 700))
    case 11:
      return .retentionSet(
        .init(
          caller: World.root,
          retention: Retention(kept: 1_000 + below(9_000), untilDelivered: chance(1, in: 2))))
    case 10: return .keysUsed(.init(keys: [KeyID(below(9)), KeyID(below(20))]))
    case 0:
      return .accountCreate(
        .init(
          caller: World.root, requestKey: key, name: "a\(below(12))",
          kind: AccountKind.allCases[Int(below(4))]))
    case 1, 2, 3:
      return .accountCredit(
        .init(
          caller: chance(9, in: 10) ? World.root : caller(), requestKey: key,
          account: AccountID(3 + below(4)), amount: Credits(nano: below(400_000))))
    case 4, 5, 6:
      return .keyCreate(create(key))
    default:
      return .keyRevoke(
        .init(
          caller: World.root, key: chance(1, in: 30) ? KeyID(below(5)) : KeyID(5 + below(30))))
    }
  }
}
