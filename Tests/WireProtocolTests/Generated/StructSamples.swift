// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

import ExchangeTypes
import WireProtocol

extension Event {
  static func sample(_ source: inout SampleSource) -> Event {
    Event(
      seq: source.number(UInt64.self),
      choice: source.number(UInt16.self),
      kind: source.pick(EventKind.allCases),
      tokenCount: source.number(UInt32.self),
      ids: source.list(atMost: 256) { $0.number(UInt32.self) },
      bytes: source.bytes(atMost: 12288))
  }
}

extension OutputPart {
  static func sample(_ source: inout SampleSource) -> OutputPart {
    OutputPart(
      bytes: source.number(UInt32.self),
      tokens: source.number(UInt32.self),
      ids: source.list(atMost: 4096) { $0.number(UInt32.self) })
  }
}

extension TailClaim {
  static func sample(_ source: inout SampleSource) -> TailClaim {
    TailClaim(
      epoch: Epoch(rawValue: source.number(UInt32.self)),
      durableThrough: source.number(UInt64.self),
      mac: source.bytes(count: 32))
  }
}

extension Usage {
  static func sample(_ source: inout SampleSource) -> Usage {
    Usage(
      promptTokens: source.optional { $0.number(UInt32.self) },
      outputTokens: source.optional { $0.number(UInt32.self) })
  }
}

extension WorkerWord {
  static func sample(_ source: inout SampleSource) -> WorkerWord {
    WorkerWord(
      firstSeq: source.number(UInt64.self),
      digest: source.optional { $0.text(atMost: 128) },
      signature: source.bytes(count: 64))
  }
}

extension OfferTerms {
  static func sample(_ source: inout SampleSource) -> OfferTerms {
    OfferTerms(
      model: source.text(atMost: 256),
      context: source.number(UInt32.self),
      outputDefault: source.number(UInt32.self),
      slots: source.number(UInt16.self),
      priceInput: Price(rawValue: source.number(UInt64.self)),
      priceOutput: Price(rawValue: source.number(UInt64.self)),
      basis: source.pick(BillingBasis.allCases),
      bytesPerTokenFloor: source.number(UInt8.self),
      endpoints: source.list(atMost: 8) { $0.pick(Endpoint.allCases) })
  }
}

extension ErrorDetail {
  static func sample(_ source: inout SampleSource) -> ErrorDetail {
    ErrorDetail(
      name: source.text(atMost: 64),
      value: source.text(atMost: 256))
  }
}

extension JobSummary {
  static func sample(_ source: inout SampleSource) -> JobSummary {
    JobSummary(
      job: JobID(rawValue: source.number(UInt64.self)),
      state: source.pick(JobState.allCases),
      model: source.text(atMost: 256),
      mode: source.pick(JobMode.allCases),
      createdAt: LogTime(rawValue: source.number(UInt64.self)),
      epoch: Epoch(rawValue: source.number(UInt32.self)),
      worker: WorkerID(rawValue: source.number(UInt64.self)),
      promptTokens: TokenCount(rawValue: source.number(UInt64.self)),
      outputTokens: TokenCount(rawValue: source.number(UInt64.self)),
      charge: Credits(rawValue: source.number(UInt64.self)),
      hold: Credits(rawValue: source.number(UInt64.self)),
      lastSeq: source.number(UInt64.self),
      finish: source.optional { $0.pick(FinishReason.allCases) },
      error: source.number(UInt16.self),
      errorText: source.text(atMost: 1024))
  }
}

extension ModelSummary {
  static func sample(_ source: inout SampleSource) -> ModelSummary {
    ModelSummary(
      model: source.text(atMost: 256),
      context: source.number(UInt32.self),
      outputDefault: source.number(UInt32.self),
      priceInputMin: Price(rawValue: source.number(UInt64.self)),
      priceOutputMin: Price(rawValue: source.number(UInt64.self)),
      suppliers: source.number(UInt16.self),
      slots: source.number(UInt16.self),
      slotsFree: source.number(UInt16.self))
  }
}

extension ModelAbilities {
  static func sample(_ source: inout SampleSource) -> ModelAbilities {
    ModelAbilities(
      endpoints: source.list(atMost: 8) { $0.pick(Endpoint.allCases) },
      capabilities: source.number(UInt32.self))
  }
}

extension WorkerSummary {
  static func sample(_ source: inout SampleSource) -> WorkerSummary {
    WorkerSummary(
      worker: WorkerID(rawValue: source.number(UInt64.self)),
      name: source.text(atMost: 128),
      account: AccountID(rawValue: source.number(UInt64.self)),
      online: source.boolean(),
      draining: source.boolean(),
      slots: source.number(UInt16.self),
      busy: source.number(UInt16.self),
      offers: source.list(atMost: 16) { OfferTerms.sample(&$0) })
  }
}

extension AccountSummary {
  static func sample(_ source: inout SampleSource) -> AccountSummary {
    AccountSummary(
      account: AccountID(rawValue: source.number(UInt64.self)),
      name: source.text(atMost: 128),
      kind: source.pick(AccountKind.allCases),
      balance: Credits(rawValue: source.number(UInt64.self)),
      held: Credits(rawValue: source.number(UInt64.self)),
      spent: Credits(rawValue: source.number(UInt64.self)),
      earned: Credits(rawValue: source.number(UInt64.self)))
  }
}

extension KeySummary {
  static func sample(_ source: inout SampleSource) -> KeySummary {
    KeySummary(
      key: KeyID(rawValue: source.number(UInt64.self)),
      account: AccountID(rawValue: source.number(UInt64.self)),
      scopes: Scopes(rawValue: source.number(UInt32.self)),
      name: source.text(atMost: 128),
      revoked: source.boolean())
  }
}

extension KeyLife {
  static func sample(_ source: inout SampleSource) -> KeyLife {
    KeyLife(
      expiresInMs: source.optional { $0.number(UInt64.self) },
      formerForMs: source.optional { $0.number(UInt64.self) },
      lastUsedAgoMs: source.optional { $0.number(UInt64.self) })
  }
}

extension RateTerms {
  static func sample(_ source: inout SampleSource) -> RateTerms {
    RateTerms(
      requests: source.optional { $0.number(UInt32.self) },
      tokens: source.optional { $0.number(UInt64.self) })
  }
}

extension RateSummary {
  static func sample(_ source: inout SampleSource) -> RateSummary {
    RateSummary(
      requests: source.optional { $0.number(UInt32.self) },
      requestsLeft: source.number(UInt32.self),
      tokens: source.optional { $0.number(UInt64.self) },
      tokensLeft: source.number(UInt64.self))
  }
}

extension InvitationSummary {
  static func sample(_ source: inout SampleSource) -> InvitationSummary {
    InvitationSummary(
      invitation: InvitationID(rawValue: source.number(UInt64.self)),
      role: source.pick(NodeRole.allCases),
      name: source.optional { $0.text(atMost: 64) },
      expiresAt: LogTime(rawValue: source.number(UInt64.self)),
      certificate: CertificateNumber(rawValue: source.number(UInt64.self)))
  }
}

extension CertificateSummary {
  static func sample(_ source: inout SampleSource) -> CertificateSummary {
    CertificateSummary(
      certificate: CertificateNumber(rawValue: source.number(UInt64.self)),
      role: source.pick(NodeRole.allCases),
      name: source.text(atMost: 64),
      issuedAt: LogTime(rawValue: source.number(UInt64.self)),
      expiresAt: LogTime(rawValue: source.number(UInt64.self)),
      revoked: source.boolean())
  }
}

extension RevocationSummary {
  static func sample(_ source: inout SampleSource) -> RevocationSummary {
    RevocationSummary(
      role: source.optional { $0.pick(NodeRole.allCases) },
      name: source.text(atMost: 64),
      serial: source.bytes(atMost: 20),
      at: LogTime(rawValue: source.number(UInt64.self)))
  }
}

extension CoordinatorAddress {
  static func sample(_ source: inout SampleSource) -> CoordinatorAddress {
    CoordinatorAddress(
      replica: ReplicaID(rawValue: source.number(UInt64.self)),
      address: source.text(atMost: 256))
  }
}

extension RefusalCount {
  static func sample(_ source: inout SampleSource) -> RefusalCount {
    RefusalCount(
      kind: source.text(atMost: 64),
      count: source.number(UInt64.self))
  }
}

extension GPUFacts {
  static func sample(_ source: inout SampleSource) -> GPUFacts {
    GPUFacts(
      index: source.number(UInt16.self),
      uuid: source.text(atMost: 64),
      name: source.text(atMost: 64),
      partition: source.text(atMost: 64),
      utilization: source.optional { $0.number(UInt8.self) },
      memoryUsed: source.optional { $0.number(UInt32.self) },
      memoryTotal: source.optional { $0.number(UInt32.self) },
      power: source.optional { $0.number(UInt32.self) },
      powerLimit: source.optional { $0.number(UInt32.self) },
      temperature: source.optional { $0.number(UInt8.self) },
      foreignProcesses: source.optional { $0.number(UInt16.self) },
      foreignMemory: source.optional { $0.number(UInt32.self) })
  }
}

extension WorkerGPU {
  static func sample(_ source: inout SampleSource) -> WorkerGPU {
    WorkerGPU(
      worker: WorkerID(rawValue: source.number(UInt64.self)),
      gpu: GPUFacts.sample(&source))
  }
}

extension MemberSummary {
  static func sample(_ source: inout SampleSource) -> MemberSummary {
    MemberSummary(
      replica: ReplicaID(rawValue: source.number(UInt64.self)),
      address: source.text(atMost: 256),
      role: source.pick(MemberRole.allCases),
      matchIndex: LogIndex(rawValue: source.number(UInt64.self)),
      contactAgeMs: source.number(UInt64.self),
      stateVersionMax: source.number(UInt32.self))
  }
}

extension PeerSummary {
  static func sample(_ source: inout SampleSource) -> PeerSummary {
    PeerSummary(
      replica: ReplicaID(rawValue: source.number(UInt64.self)),
      address: source.text(atMost: 256),
      voter: source.boolean(),
      matchIndex: LogIndex(rawValue: source.number(UInt64.self)),
      contactAgeMs: source.number(UInt64.self))
  }
}

extension LogEntry {
  static func sample(_ source: inout SampleSource) -> LogEntry {
    LogEntry(
      term: Term(rawValue: source.number(UInt64.self)),
      kind: source.pick([.command, .barrier, .change]),
      payload: source.bytes(atMost: 16384))
  }
}

extension RaftServer {
  static func sample(_ source: inout SampleSource) -> RaftServer {
    RaftServer(
      replica: ReplicaID(rawValue: source.number(UInt64.self)),
      address: source.text(atMost: 256),
      role: source.pick(ServerRole.allCases))
  }
}

extension JournalSale {
  static func sample(_ source: inout SampleSource) -> JournalSale {
    JournalSale(
      transfer: TransferID(rawValue: source.number(UInt64.self)),
      promptTokens: TokenCount(rawValue: source.number(UInt64.self)),
      cachedTokens: TokenCount(rawValue: source.number(UInt64.self)),
      outputTokens: TokenCount(rawValue: source.number(UInt64.self)),
      charge: Credits(rawValue: source.number(UInt64.self)),
      own: source.boolean())
  }
}

extension TransferEntry {
  static func sample(_ source: inout SampleSource) -> TransferEntry {
    TransferEntry(
      transfer: TransferID(rawValue: source.number(UInt64.self)),
      debit: AccountID(rawValue: source.number(UInt64.self)),
      credit: AccountID(rawValue: source.number(UInt64.self)),
      amount: Credits(rawValue: source.number(UInt64.self)),
      kind: source.pick(TransferKind.allCases),
      job: source.optional { JobID(rawValue: $0.number(UInt64.self)) },
      time: LogTime(rawValue: source.number(UInt64.self)),
      group: source.optional { TransferID(rawValue: $0.number(UInt64.self)) },
      reverses: source.optional { TransferID(rawValue: $0.number(UInt64.self)) })
  }
}

extension TransferLeg {
  static func sample(_ source: inout SampleSource) -> TransferLeg {
    TransferLeg(
      debit: AccountID(rawValue: source.number(UInt64.self)),
      credit: AccountID(rawValue: source.number(UInt64.self)),
      amount: Credits(rawValue: source.number(UInt64.self)))
  }
}

extension AccountSums {
  static func sample(_ source: inout SampleSource) -> AccountSums {
    AccountSums(
      account: AccountID(rawValue: source.number(UInt64.self)),
      name: source.text(atMost: 128),
      kind: source.pick(AccountKind.allCases),
      debits: Credits(rawValue: source.number(UInt64.self)),
      credits: Credits(rawValue: source.number(UInt64.self)),
      held: Credits(rawValue: source.number(UInt64.self)),
      earned: Credits(rawValue: source.number(UInt64.self)),
      closed: source.boolean())
  }
}

extension BudgetSummary {
  static func sample(_ source: inout SampleSource) -> BudgetSummary {
    BudgetSummary(
      budget: BudgetID(rawValue: source.number(UInt64.self)),
      parent: BudgetID(rawValue: source.number(UInt64.self)),
      account: AccountID(rawValue: source.number(UInt64.self)),
      level: source.pick(BudgetLevel.allCases),
      name: source.text(atMost: 128),
      key: KeyID(rawValue: source.number(UInt64.self)),
      perDay: source.optional { Credits(rawValue: $0.number(UInt64.self)) },
      perMonth: source.optional { Credits(rawValue: $0.number(UInt64.self)) },
      total: source.optional { Credits(rawValue: $0.number(UInt64.self)) },
      closed: source.boolean(),
      held: Credits(rawValue: source.number(UInt64.self)),
      spentInDay: Credits(rawValue: source.number(UInt64.self)),
      spentInMonth: Credits(rawValue: source.number(UInt64.self)),
      spent: Credits(rawValue: source.number(UInt64.self)),
      dayEndsInMs: source.number(UInt64.self),
      monthEndsInMs: source.number(UInt64.self))
  }
}

extension DelegationSummary {
  static func sample(_ source: inout SampleSource) -> DelegationSummary {
    DelegationSummary(
      number: source.number(UInt64.self),
      delegation: DelegationID(high: source.number(), low: source.number()),
      parent: KeyID(rawValue: source.number(UInt64.self)),
      key: KeyID(rawValue: source.number(UInt64.self)),
      name: source.text(atMost: 128),
      scopes: Scopes(rawValue: source.number(UInt32.self)),
      models: source.list(atMost: 8) { $0.text(atMost: 256) },
      live: source.boolean(),
      expiresInMs: source.optional { $0.number(UInt64.self) },
      budget: source.optional { BudgetSummary.sample(&$0) })
  }
}

extension ChangeTerms {
  static func sample(_ source: inout SampleSource) -> ChangeTerms {
    ChangeTerms(
      field: source.text(atMost: 64),
      value: source.text(atMost: 320))
  }
}

extension WarmPrefix {
  static func sample(_ source: inout SampleSource) -> WarmPrefix {
    WarmPrefix(
      worker: WorkerID(rawValue: source.number(UInt64.self)),
      bytes: source.number(UInt64.self))
  }
}

extension CandidateTerms {
  static func sample(_ source: inout SampleSource) -> CandidateTerms {
    CandidateTerms(
      worker: WorkerID(rawValue: source.number(UInt64.self)),
      name: source.text(atMost: 257),
      priceInput: Price(rawValue: source.number(UInt64.self)),
      priceOutput: Price(rawValue: source.number(UInt64.self)),
      context: source.number(UInt32.self),
      slots: source.number(UInt16.self),
      busy: source.number(UInt16.self),
      free: source.number(UInt16.self),
      place: source.number(UInt16.self),
      obstacle: source.text(atMost: 32),
      detail: source.text(atMost: 256),
      hasFailed: source.boolean(),
      firstOutputMs: source.optional { $0.number(UInt32.self) },
      tokensPerSecond: source.optional { $0.number(UInt32.self) })
  }
}

extension AttemptTerms {
  static func sample(_ source: inout SampleSource) -> AttemptTerms {
    AttemptTerms(
      epoch: Epoch(rawValue: source.number(UInt32.self)),
      worker: WorkerID(rawValue: source.number(UInt64.self)),
      state: source.text(atMost: 32),
      error: source.number(UInt16.self),
      priceInput: source.optional { Price(rawValue: $0.number(UInt64.self)) },
      priceOutput: source.optional { Price(rawValue: $0.number(UInt64.self)) })
  }
}

extension ReasonCount {
  static func sample(_ source: inout SampleSource) -> ReasonCount {
    ReasonCount(
      reason: source.text(atMost: 32),
      count: source.number(UInt32.self))
  }
}

extension PriceStep {
  static func sample(_ source: inout SampleSource) -> PriceStep {
    PriceStep(
      priceInput: Price(rawValue: source.number(UInt64.self)),
      priceOutput: Price(rawValue: source.number(UInt64.self)),
      jobs: source.number(UInt32.self))
  }
}

extension OfferOutlook {
  static func sample(_ source: inout SampleSource) -> OfferOutlook {
    OfferOutlook(
      offer: CandidateTerms.sample(&source),
      model: source.text(atMost: 256),
      queued: source.number(UInt32.self),
      seen: source.number(UInt32.self),
      taken: source.number(UInt32.self),
      reasons: source.list(atMost: 16) { ReasonCount.sample(&$0) },
      cheapest: source.optional { WorkerID(rawValue: $0.number(UInt64.self)) },
      prices: source.list(atMost: 8) { PriceStep.sample(&$0) })
  }
}

extension AskEntry {
  static func sample(_ source: inout SampleSource) -> AskEntry {
    AskEntry(
      account: AccountID(rawValue: source.number(UInt64.self)),
      supplier: source.text(atMost: 128),
      worker: WorkerID(rawValue: source.number(UInt64.self)),
      name: source.text(atMost: 128),
      priceInput: Price(rawValue: source.number(UInt64.self)),
      priceCachedInput: Price(rawValue: source.number(UInt64.self)),
      priceOutput: Price(rawValue: source.number(UInt64.self)),
      context: source.number(UInt32.self),
      outputDefault: source.number(UInt32.self),
      slots: source.number(UInt16.self),
      slotsFree: source.number(UInt16.self),
      reserve: source.number(UInt16.self),
      admits: source.boolean())
  }
}

extension PriceEntry {
  static func sample(_ source: inout SampleSource) -> PriceEntry {
    PriceEntry(
      start: LogTime(rawValue: source.number(UInt64.self)),
      jobs: source.number(UInt64.self),
      promptTokens: source.number(UInt64.self),
      inputMean: Price(rawValue: source.number(UInt64.self)),
      inputLow: Price(rawValue: source.number(UInt64.self)),
      inputHigh: Price(rawValue: source.number(UInt64.self)),
      cachedTokens: source.number(UInt64.self),
      cachedMean: Price(rawValue: source.number(UInt64.self)),
      cachedLow: Price(rawValue: source.number(UInt64.self)),
      cachedHigh: Price(rawValue: source.number(UInt64.self)),
      outputTokens: source.number(UInt64.self),
      outputMean: Price(rawValue: source.number(UInt64.self)),
      outputLow: Price(rawValue: source.number(UInt64.self)),
      outputHigh: Price(rawValue: source.number(UInt64.self)),
      ownTokens: source.number(UInt64.self))
  }
}

extension PostedTerms {
  static func sample(_ source: inout SampleSource) -> PostedTerms {
    PostedTerms(
      model: source.text(atMost: 256),
      priceInput: source.optional { Price(rawValue: $0.number(UInt64.self)) },
      priceCachedInput: source.optional { Price(rawValue: $0.number(UInt64.self)) },
      priceOutput: source.optional { Price(rawValue: $0.number(UInt64.self)) },
      reserve: source.number(UInt16.self),
      own: source.list(atMost: 64) { AccountID(rawValue: $0.number(UInt64.self)) },
      only: source.list(atMost: 64) { AccountID(rawValue: $0.number(UInt64.self)) },
      refuse: source.list(atMost: 64) { AccountID(rawValue: $0.number(UInt64.self)) })
  }
}

extension SalesEntry {
  static func sample(_ source: inout SampleSource) -> SalesEntry {
    SalesEntry(
      number: source.number(UInt64.self),
      start: LogTime(rawValue: source.number(UInt64.self)),
      model: source.text(atMost: 256),
      jobs: source.number(UInt64.self),
      promptTokens: source.number(UInt64.self),
      cachedTokens: source.number(UInt64.self),
      outputTokens: source.number(UInt64.self),
      earned: Credits(rawValue: source.number(UInt64.self)),
      ownJobs: source.number(UInt64.self),
      ownTokens: source.number(UInt64.self))
  }
}
