// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

import ExchangeTypes
import WireProtocol

extension ClusterChange {
  static func sample(_ source: inout SampleSource) -> ClusterChange {
    ClusterChange(
      action: source.pick(ClusterAction.allCases),
      replica: ReplicaID(rawValue: source.number(UInt64.self)),
      address: source.text(atMost: 255))
  }
}

extension WorkerRegister {
  static func sample(_ source: inout SampleSource) -> WorkerRegister {
    WorkerRegister(
      name: source.text(atMost: 128),
      incarnation: source.number(UInt64.self),
      offers: source.list(atMost: 16) { OfferTerms.sample(&$0) },
      draining: source.boolean(),
      continues: source.optional { $0.boolean() },
      capabilities: source.optional { $0.number(UInt32.self) })
  }
}

extension WorkerRegistered {
  static func sample(_ source: inout SampleSource) -> WorkerRegistered {
    WorkerRegistered(
      worker: WorkerID(rawValue: source.number(UInt64.self)),
      term: Term(rawValue: source.number(UInt64.self)),
      leaseMs: source.number(UInt32.self))
  }
}

extension WorkerHeartbeat {
  static func sample(_ source: inout SampleSource) -> WorkerHeartbeat {
    WorkerHeartbeat(
      worker: WorkerID(rawValue: source.number(UInt64.self)),
      nonce: source.number(UInt64.self),
      busy: source.number(UInt16.self),
      engineHealthy: source.boolean(),
      full: source.optional { $0.boolean() })
  }
}

extension WorkerHeartbeatAck {
  static func sample(_ source: inout SampleSource) -> WorkerHeartbeatAck {
    WorkerHeartbeatAck(
      nonce: source.number(UInt64.self),
      term: Term(rawValue: source.number(UInt64.self)))
  }
}

extension Park {
  static func sample(_ source: inout SampleSource) -> Park {
    Park(
      worker: WorkerID(rawValue: source.number(UInt64.self)),
      slot: source.number(UInt16.self),
      incarnation: source.number(UInt64.self))
  }
}

extension Assign {
  static func sample(_ source: inout SampleSource) -> Assign {
    Assign(
      job: JobID(rawValue: source.number(UInt64.self)),
      epoch: Epoch(rawValue: source.number(UInt32.self)),
      term: Term(rawValue: source.number(UInt64.self)),
      endpoint: source.pick(Endpoint.allCases),
      model: source.text(atMost: 256),
      body: source.bytes(atMost: 1048576),
      recordSeq: source.number(UInt64.self),
      recordHash: source.bytes(count: 32),
      outputTokensMax: source.number(UInt32.self),
      output: source.optional { $0.list(atMost: 1024) { OutputPart.sample(&$0) } })
  }
}

extension Chunk {
  static func sample(_ source: inout SampleSource) -> Chunk {
    Chunk(
      job: JobID(rawValue: source.number(UInt64.self)),
      epoch: Epoch(rawValue: source.number(UInt32.self)),
      events: source.list(atMost: 256) { Event.sample(&$0) })
  }
}

extension AttemptFinished {
  static func sample(_ source: inout SampleSource) -> AttemptFinished {
    AttemptFinished(
      job: JobID(rawValue: source.number(UInt64.self)),
      epoch: Epoch(rawValue: source.number(UInt32.self)),
      finish: source.pick(FinishReason.allCases),
      usage: Usage.sample(&source),
      lastSeq: source.number(UInt64.self),
      hash: source.bytes(count: 32),
      error: source.number(UInt16.self),
      errorText: source.text(atMost: 1024),
      retryElsewhere: source.boolean(),
      cachedTokens: source.optional { $0.number(UInt32.self) },
      word: source.optional { WorkerWord.sample(&$0) },
      reasoningTokens: source.optional { $0.number(UInt32.self) })
  }
}

extension AttemptCancel {
  static func sample(_ source: inout SampleSource) -> AttemptCancel {
    AttemptCancel(
      job: JobID(rawValue: source.number(UInt64.self)),
      epoch: Epoch(rawValue: source.number(UInt32.self)),
      term: Term(rawValue: source.number(UInt64.self)))
  }
}

extension AttemptSettled {
  static func sample(_ source: inout SampleSource) -> AttemptSettled {
    AttemptSettled(
      job: JobID(rawValue: source.number(UInt64.self)),
      epoch: Epoch(rawValue: source.number(UInt32.self)),
      term: Term(rawValue: source.number(UInt64.self)))
  }
}

extension AttemptResume {
  static func sample(_ source: inout SampleSource) -> AttemptResume {
    AttemptResume(
      worker: WorkerID(rawValue: source.number(UInt64.self)),
      job: JobID(rawValue: source.number(UInt64.self)),
      epoch: Epoch(rawValue: source.number(UInt32.self)),
      incarnation: source.number(UInt64.self),
      firstSeq: source.number(UInt64.self),
      lastSeq: source.number(UInt64.self),
      finished: source.boolean())
  }
}

extension AttemptContinue {
  static func sample(_ source: inout SampleSource) -> AttemptContinue {
    AttemptContinue(
      job: JobID(rawValue: source.number(UInt64.self)),
      epoch: Epoch(rawValue: source.number(UInt32.self)),
      term: Term(rawValue: source.number(UInt64.self)),
      fromSeq: source.number(UInt64.self))
  }
}

extension AttemptAbandon {
  static func sample(_ source: inout SampleSource) -> AttemptAbandon {
    AttemptAbandon(
      job: JobID(rawValue: source.number(UInt64.self)),
      epoch: Epoch(rawValue: source.number(UInt32.self)),
      term: Term(rawValue: source.number(UInt64.self)))
  }
}

extension RevocationNotice {
  static func sample(_ source: inout SampleSource) -> RevocationNotice {
    RevocationNotice(
      coordinators: source.list(atMost: 1024) { ReplicaID(rawValue: $0.number(UInt64.self)) },
      others: source.optional { $0.list(atMost: 16) { CoordinatorAddress.sample(&$0) } })
  }
}

extension TailQuery {
  static func sample(_ source: inout SampleSource) -> TailQuery {
    TailQuery(
      job: JobID(rawValue: source.number(UInt64.self)),
      fromSeq: source.number(UInt64.self))
  }
}

extension Tail {
  static func sample(_ source: inout SampleSource) -> Tail {
    Tail(
      job: JobID(rawValue: source.number(UInt64.self)),
      events: source.list(atMost: 256) { Event.sample(&$0) })
  }
}

extension AttemptGoesOn {
  static func sample(_ source: inout SampleSource) -> AttemptGoesOn {
    AttemptGoesOn(
      job: JobID(rawValue: source.number(UInt64.self)),
      epoch: Epoch(rawValue: source.number(UInt32.self)),
      resumption: source.pick(Resumption.allCases))
  }
}

extension KeyLimit {
  static func sample(_ source: inout SampleSource) -> KeyLimit {
    KeyLimit(
      key: KeyID(rawValue: source.number(UInt64.self)),
      limit: RateTerms.sample(&source))
  }
}

extension DryRun {
  static func sample(_ source: inout SampleSource) -> DryRun {
    DryRun(
      requestKey: RequestKey(high: source.number(), low: source.number()),
      endpoint: source.pick(Endpoint.allCases),
      model: source.text(atMost: 256),
      body: source.bytes(atMost: 1048576),
      maxInputPrice: source.optional { Price(rawValue: $0.number(UInt64.self)) },
      maxOutputPrice: source.optional { Price(rawValue: $0.number(UInt64.self)) },
      servedOnly: source.boolean())
  }
}

extension JobWhyQuery {
  static func sample(_ source: inout SampleSource) -> JobWhyQuery {
    JobWhyQuery(
      job: JobID(rawValue: source.number(UInt64.self)))
  }
}

extension JobWhyReport {
  static func sample(_ source: inout SampleSource) -> JobWhyReport {
    JobWhyReport(
      summary: source.optional { JobSummary.sample(&$0) },
      model: source.text(atMost: 256),
      promptBound: TokenCount(rawValue: source.number(UInt64.self)),
      outputMax: TokenCount(rawValue: source.number(UInt64.self)),
      maxInputPrice: Price(rawValue: source.number(UInt64.self)),
      maxOutputPrice: Price(rawValue: source.number(UInt64.self)),
      hold: Credits(rawValue: source.number(UInt64.self)),
      refusal: source.number(UInt16.self),
      refusalText: source.text(atMost: 1024),
      queueAhead: source.optional { $0.number(UInt32.self) },
      waitsMs: source.optional { $0.number(UInt64.self) },
      candidates: source.list(atMost: 64) { CandidateTerms.sample(&$0) },
      candidatesLeftOut: source.number(UInt32.self),
      attempts: source.list(atMost: 32) { AttemptTerms.sample(&$0) },
      remedyWorker: WorkerID(rawValue: source.number(UInt64.self)),
      remedy: source.list(atMost: 8) { ChangeTerms.sample(&$0) },
      jobClass: source.optional { $0.pick(JobClass.allCases) },
      preemptions: source.optional { $0.number(UInt8.self) },
      warm: source.optional { $0.list(atMost: 64) { WarmPrefix.sample(&$0) } })
  }
}

extension WorkerWhyQuery {
  static func sample(_ source: inout SampleSource) -> WorkerWhyQuery {
    WorkerWhyQuery(
      worker: WorkerID(rawValue: source.number(UInt64.self)))
  }
}

extension WorkerWhyReport {
  static func sample(_ source: inout SampleSource) -> WorkerWhyReport {
    WorkerWhyReport(
      offers: source.list(atMost: 64) { OfferOutlook.sample(&$0) },
      leftOut: source.number(UInt32.self))
  }
}

extension JournalQuery {
  static func sample(_ source: inout SampleSource) -> JournalQuery {
    JournalQuery(
      after: TransferID(rawValue: source.number(UInt64.self)),
      limit: source.number(UInt32.self))
  }
}

extension JournalListing {
  static func sample(_ source: inout SampleSource) -> JournalListing {
    JournalListing(
      entries: source.list(atMost: 512) { TransferEntry.sample(&$0) },
      more: source.boolean(),
      base: TransferID(rawValue: source.number(UInt64.self)),
      baseHash: source.bytes(count: 32),
      head: TransferID(rawValue: source.number(UInt64.self)),
      headHash: source.bytes(count: 32),
      logTime: LogTime(rawValue: source.number(UInt64.self)),
      sales: source.optional { $0.list(atMost: 512) { JournalSale.sample(&$0) } })
  }
}

extension AccountList {
  static func sample(_ source: inout SampleSource) -> AccountList {
    AccountList(
      after: AccountID(rawValue: source.number(UInt64.self)),
      limit: source.number(UInt32.self))
  }
}

extension AccountListing {
  static func sample(_ source: inout SampleSource) -> AccountListing {
    AccountListing(
      accounts: source.list(atMost: 512) { AccountSums.sample(&$0) },
      more: source.boolean(),
      head: TransferID(rawValue: source.number(UInt64.self)))
  }
}

extension TransferPost {
  static func sample(_ source: inout SampleSource) -> TransferPost {
    TransferPost(
      requestKey: RequestKey(high: source.number(), low: source.number()),
      legs: source.list(atMost: 16) { TransferLeg.sample(&$0) })
  }
}

extension TransferReport {
  static func sample(_ source: inout SampleSource) -> TransferReport {
    TransferReport(
      entries: source.list(atMost: 16) { TransferEntry.sample(&$0) },
      duplicate: source.boolean())
  }
}

extension TransferReverse {
  static func sample(_ source: inout SampleSource) -> TransferReverse {
    TransferReverse(
      requestKey: RequestKey(high: source.number(), low: source.number()),
      transfer: TransferID(rawValue: source.number(UInt64.self)))
  }
}

extension AccountClose {
  static func sample(_ source: inout SampleSource) -> AccountClose {
    AccountClose(
      account: AccountID(rawValue: source.number(UInt64.self)))
  }
}

extension FeeSet {
  static func sample(_ source: inout SampleSource) -> FeeSet {
    FeeSet(
      parts: source.optional { $0.number(UInt32.self) },
      account: AccountID(rawValue: source.number(UInt64.self)))
  }
}

extension FeeReport {
  static func sample(_ source: inout SampleSource) -> FeeReport {
    FeeReport(
      parts: source.number(UInt32.self),
      account: AccountID(rawValue: source.number(UInt64.self)))
  }
}

extension BudgetCreate {
  static func sample(_ source: inout SampleSource) -> BudgetCreate {
    BudgetCreate(
      requestKey: RequestKey(high: source.number(), low: source.number()),
      account: AccountID(rawValue: source.number(UInt64.self)),
      parent: BudgetID(rawValue: source.number(UInt64.self)),
      level: source.pick(BudgetLevel.allCases),
      name: source.text(atMost: 128),
      perDay: source.optional { Credits(rawValue: $0.number(UInt64.self)) },
      perMonth: source.optional { Credits(rawValue: $0.number(UInt64.self)) },
      total: source.optional { Credits(rawValue: $0.number(UInt64.self)) })
  }
}

extension BudgetReport {
  static func sample(_ source: inout SampleSource) -> BudgetReport {
    BudgetReport(
      summary: BudgetSummary.sample(&source))
  }
}

extension BudgetSet {
  static func sample(_ source: inout SampleSource) -> BudgetSet {
    BudgetSet(
      budget: BudgetID(rawValue: source.number(UInt64.self)),
      perDay: source.optional { Credits(rawValue: $0.number(UInt64.self)) },
      perMonth: source.optional { Credits(rawValue: $0.number(UInt64.self)) },
      total: source.optional { Credits(rawValue: $0.number(UInt64.self)) },
      closed: source.boolean())
  }
}

extension BudgetList {
  static func sample(_ source: inout SampleSource) -> BudgetList {
    BudgetList(
      account: AccountID(rawValue: source.number(UInt64.self)),
      after: BudgetID(rawValue: source.number(UInt64.self)),
      limit: source.number(UInt32.self))
  }
}

extension BudgetListing {
  static func sample(_ source: inout SampleSource) -> BudgetListing {
    BudgetListing(
      budgets: source.list(atMost: 256) { BudgetSummary.sample(&$0) },
      more: source.boolean())
  }
}

extension BudgetKeyCreate {
  static func sample(_ source: inout SampleSource) -> BudgetKeyCreate {
    BudgetKeyCreate(
      requestKey: RequestKey(high: source.number(), low: source.number()),
      account: AccountID(rawValue: source.number(UInt64.self)),
      name: source.text(atMost: 128),
      scopes: Scopes(rawValue: source.number(UInt32.self)),
      secretHash: source.bytes(count: 32),
      lifetimeMs: source.optional { $0.number(UInt64.self) },
      budget: BudgetID(rawValue: source.number(UInt64.self)))
  }
}

extension ReceiptQuery {
  static func sample(_ source: inout SampleSource) -> ReceiptQuery {
    ReceiptQuery(
      job: JobID(rawValue: source.number(UInt64.self)))
  }
}

extension Receipt {
  static func sample(_ source: inout SampleSource) -> Receipt {
    Receipt(
      statement: source.bytes(atMost: 16384),
      signedAt: source.number(UInt64.self),
      certificate: source.bytes(atMost: 16384),
      signature: source.bytes(atMost: 64))
  }
}

extension DelegationKeySet {
  static func sample(_ source: inout SampleSource) -> DelegationKeySet {
    DelegationKeySet(
      key: KeyID(rawValue: source.number(UInt64.self)),
      signer: source.optional { $0.bytes(count: 32) })
  }
}

extension DelegationRevoke {
  static func sample(_ source: inout SampleSource) -> DelegationRevoke {
    DelegationRevoke(
      key: KeyID(rawValue: source.number(UInt64.self)),
      delegation: DelegationID(high: source.number(), low: source.number()))
  }
}

extension DelegationList {
  static func sample(_ source: inout SampleSource) -> DelegationList {
    DelegationList(
      key: KeyID(rawValue: source.number(UInt64.self)),
      after: source.number(UInt64.self),
      limit: source.number(UInt32.self))
  }
}

extension DelegationListing {
  static func sample(_ source: inout SampleSource) -> DelegationListing {
    DelegationListing(
      clusterID: ClusterID(rawValue: source.number()),
      key: KeyID(rawValue: source.number(UInt64.self)),
      signer: source.optional { $0.bytes(count: 32) },
      delegations: source.list(atMost: 32) { DelegationSummary.sample(&$0) },
      more: source.boolean())
  }
}

extension DelegationReport {
  static func sample(_ source: inout SampleSource) -> DelegationReport {
    DelegationReport(
      summary: DelegationSummary.sample(&source))
  }
}

extension StandingQuery {
  static func sample(_ source: inout SampleSource) -> StandingQuery {
    StandingQuery()
  }
}

extension Standing {
  static func sample(_ source: inout SampleSource) -> Standing {
    Standing(
      key: KeySummary.sample(&source),
      life: KeyLife.sample(&source),
      rate: source.optional { RateSummary.sample(&$0) },
      account: source.optional { AccountSummary.sample(&$0) },
      budgets: source.list(atMost: 16) { BudgetSummary.sample(&$0) },
      left: source.optional { Credits(rawValue: $0.number(UInt64.self)) })
  }
}

extension HostReport {
  static func sample(_ source: inout SampleSource) -> HostReport {
    HostReport(
      gpus: source.list(atMost: 16) { GPUFacts.sample(&$0) })
  }
}

extension BookQuery {
  static func sample(_ source: inout SampleSource) -> BookQuery {
    BookQuery(
      model: source.text(atMost: 256))
  }
}

extension Book {
  static func sample(_ source: inout SampleSource) -> Book {
    Book(
      asks: source.list(atMost: 256) { AskEntry.sample(&$0) },
      costs: source.list(atMost: 256) { Credits(rawValue: $0.number(UInt64.self)) },
      more: source.boolean())
  }
}

extension QuoteQuery {
  static func sample(_ source: inout SampleSource) -> QuoteQuery {
    QuoteQuery(
      model: source.text(atMost: 256),
      promptTokens: source.number(UInt32.self),
      outputTokens: source.number(UInt32.self))
  }
}

extension PriceQuery {
  static func sample(_ source: inout SampleSource) -> PriceQuery {
    PriceQuery(
      model: source.text(atMost: 256),
      intervals: source.number(UInt32.self))
  }
}

extension PriceHistory {
  static func sample(_ source: inout SampleSource) -> PriceHistory {
    PriceHistory(
      intervalMs: source.number(UInt64.self),
      points: source.list(atMost: 168) { PriceEntry.sample(&$0) })
  }
}

extension AskSet {
  static func sample(_ source: inout SampleSource) -> AskSet {
    AskSet(
      terms: PostedTerms.sample(&source),
      withdraw: source.boolean())
  }
}

extension AskList {
  static func sample(_ source: inout SampleSource) -> AskList {
    AskList()
  }
}

extension AskListing {
  static func sample(_ source: inout SampleSource) -> AskListing {
    AskListing(
      terms: source.list(atMost: 256) { PostedTerms.sample(&$0) })
  }
}

extension SalesQuery {
  static func sample(_ source: inout SampleSource) -> SalesQuery {
    SalesQuery(
      account: AccountID(rawValue: source.number(UInt64.self)),
      after: source.number(UInt64.self),
      limit: source.number(UInt32.self))
  }
}

extension SalesListing {
  static func sample(_ source: inout SampleSource) -> SalesListing {
    SalesListing(
      intervalMs: source.number(UInt64.self),
      sales: source.list(atMost: 256) { SalesEntry.sample(&$0) },
      more: source.boolean())
  }
}

extension AccountWeightSet {
  static func sample(_ source: inout SampleSource) -> AccountWeightSet {
    AccountWeightSet(
      account: AccountID(rawValue: source.number(UInt64.self)),
      weight: source.optional { $0.number(UInt32.self) })
  }
}

extension AccountWeightReport {
  static func sample(_ source: inout SampleSource) -> AccountWeightReport {
    AccountWeightReport(
      account: AccountID(rawValue: source.number(UInt64.self)),
      weight: source.number(UInt32.self))
  }
}

extension AccountOwnerSet {
  static func sample(_ source: inout SampleSource) -> AccountOwnerSet {
    AccountOwnerSet(
      account: AccountID(rawValue: source.number(UInt64.self)),
      owner: source.optional { $0.text(atMost: 128) })
  }
}

extension AccountOwnerReport {
  static func sample(_ source: inout SampleSource) -> AccountOwnerReport {
    AccountOwnerReport(
      account: AccountID(rawValue: source.number(UInt64.self)),
      owner: source.text(atMost: 128))
  }
}
