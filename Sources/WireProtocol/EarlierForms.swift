public import ExchangeTypes

// Messages without the fields that were appended to them later.

extension KeyCreate {
  /// Asks for a key without a limit.
  public init(
    requestKey: RequestKey, account: AccountID, name: String, scopes: Scopes, secretHash: [UInt8],
    lifetimeMs: UInt64?
  ) {
    self.init(
      requestKey: requestKey, account: account, name: name, scopes: scopes, secretHash: secretHash,
      lifetimeMs: lifetimeMs, limit: nil)
  }
}

extension Submit {
  /// Asks for a job that waits for a worker, whether one is connected or not.
  public init(
    requestKey: RequestKey, mode: JobMode, endpoint: Endpoint, model: String, body: [UInt8],
    maxInputPrice: Price?, maxOutputPrice: Price?, queueTimeoutMs: UInt32, follow: Bool,
    retentionMs: UInt64?, durable: Bool? = nil
  ) {
    self.init(
      requestKey: requestKey, mode: mode, endpoint: endpoint, model: model, body: body,
      maxInputPrice: maxInputPrice, maxOutputPrice: maxOutputPrice, queueTimeoutMs: queueTimeoutMs,
      follow: follow, retentionMs: retentionMs, durable: durable, servedOnly: nil)
  }
}

extension Accepted {
  /// Says that a job of the model that was asked for is committed, under a key without a limit.
  public init(job: JobID, commitIndex: LogIndex, duplicate: Bool, hold: Credits) {
    self.init(
      job: job, commitIndex: commitIndex, duplicate: duplicate, hold: hold, rate: nil, model: nil)
  }
}

extension WorkerRegister {
  /// Announces a worker that does not say what its engine can do.
  public init(
    name: String, incarnation: UInt64, offers: [OfferTerms], draining: Bool, continues: Bool?
  ) {
    self.init(
      name: name, incarnation: incarnation, offers: offers, draining: draining,
      continues: continues, capabilities: nil)
  }
}

extension WorkerHeartbeat {
  /// Says how an engine is, and not why it takes nothing.
  public init(worker: WorkerID, nonce: UInt64, busy: UInt16, engineHealthy: Bool) {
    self.init(
      worker: worker, nonce: nonce, busy: busy, engineHealthy: engineHealthy, full: nil)
  }
}

extension ModelList {
  /// Asks for all models.
  public init() { self.init(beginning: nil) }
}

extension ModelListing {
  /// Lists models without what they are served for.
  public init(models: [ModelSummary]) { self.init(models: models, abilities: nil) }
}

extension RevocationNotice {
  /// Says who is revoked, and nothing of where the others are.
  public init(coordinators: [ReplicaID]) { self.init(coordinators: coordinators, others: nil) }
}

extension Assign {
  /// Starts an attempt whose output, if it has one, is known by its text alone.
  public init(
    job: JobID, epoch: Epoch, term: Term, endpoint: Endpoint, model: String, body: [UInt8],
    recordSeq: UInt64, recordHash: [UInt8], outputTokensMax: UInt32
  ) {
    self.init(
      job: job, epoch: epoch, term: term, endpoint: endpoint, model: model, body: body,
      recordSeq: recordSeq, recordHash: recordHash, outputTokensMax: outputTokensMax, output: nil)
  }
}

extension Ended {
  /// Ends a stream of whose prompt nothing is said to have been cached, and of whose output nothing to be reasoning.
  public init(summary: JobSummary, hash: [UInt8], lastSeq: UInt64, untilDelivered: Bool?) {
    self.init(
      summary: summary, hash: hash, lastSeq: lastSeq, untilDelivered: untilDelivered,
      cachedTokens: nil, reasoningTokens: nil)
  }
}

extension JobReport {
  /// Reports a job of whose prompt nothing is said to have been cached, and of whose output nothing to be reasoning.
  public init(summary: JobSummary, resumed: Resumption?) {
    self.init(summary: summary, resumed: resumed, cachedTokens: nil, reasoningTokens: nil)
  }
}
