// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

import ExchangeTypes
import WireProtocol

extension Hello {
  static func sample(_ source: inout SampleSource) -> Hello {
    Hello(
      versionMin: source.number(UInt16.self),
      versionMax: source.number(UInt16.self),
      role: source.pick(NodeRole.allCases),
      clusterID: ClusterID(rawValue: source.number()),
      node: source.number(UInt64.self),
      name: source.text(atMost: 128),
      incarnation: source.number(UInt64.self),
      features: source.list(atMost: 32) { $0.text(atMost: 64) },
      software: source.text(atMost: 64))
  }
}

extension Welcome {
  static func sample(_ source: inout SampleSource) -> Welcome {
    Welcome(
      version: source.number(UInt16.self),
      role: source.pick(NodeRole.allCases),
      clusterID: ClusterID(rawValue: source.number()),
      node: source.number(UInt64.self),
      name: source.text(atMost: 128),
      incarnation: source.number(UInt64.self),
      features: source.list(atMost: 32) { $0.text(atMost: 64) },
      software: source.text(atMost: 64))
  }
}

extension Failure {
  static func sample(_ source: inout SampleSource) -> Failure {
    Failure(
      code: source.number(UInt16.self),
      message: source.text(atMost: 1024),
      details: source.list(atMost: 16) { ErrorDetail.sample(&$0) },
      retryAfterMs: source.optional { $0.number(UInt32.self) },
      job: JobID(rawValue: source.number(UInt64.self)),
      charge: source.optional { Credits(rawValue: $0.number(UInt64.self)) })
  }
}

extension Ping {
  static func sample(_ source: inout SampleSource) -> Ping {
    Ping(
      nonce: source.number(UInt64.self))
  }
}

extension Pong {
  static func sample(_ source: inout SampleSource) -> Pong {
    Pong(
      nonce: source.number(UInt64.self))
  }
}

extension Goodbye {
  static func sample(_ source: inout SampleSource) -> Goodbye {
    Goodbye(
      reason: source.text(atMost: 256))
  }
}

extension LeaderNotice {
  static func sample(_ source: inout SampleSource) -> LeaderNotice {
    LeaderNotice(
      term: Term(rawValue: source.number(UInt64.self)),
      leader: ReplicaID(rawValue: source.number(UInt64.self)),
      address: source.text(atMost: 256))
  }
}

extension RequestVote {
  static func sample(_ source: inout SampleSource) -> RequestVote {
    RequestVote(
      version: source.number(UInt8.self),
      term: Term(rawValue: source.number(UInt64.self)),
      candidate: ReplicaID(rawValue: source.number(UInt64.self)),
      lastLogIndex: LogIndex(rawValue: source.number(UInt64.self)),
      lastLogTerm: Term(rawValue: source.number(UInt64.self)),
      disruptLeader: source.boolean(),
      preVote: source.boolean())
  }
}

extension RequestVoteResult {
  static func sample(_ source: inout SampleSource) -> RequestVoteResult {
    RequestVoteResult(
      version: source.number(UInt8.self),
      term: Term(rawValue: source.number(UInt64.self)),
      voteGranted: source.boolean(),
      preVote: source.boolean(),
      features: source.number(UInt16.self),
      capacity: source.number(UInt16.self))
  }
}

extension AppendEntries {
  static func sample(_ source: inout SampleSource) -> AppendEntries {
    AppendEntries(
      version: source.number(UInt8.self),
      term: Term(rawValue: source.number(UInt64.self)),
      prevLogIndex: LogIndex(rawValue: source.number(UInt64.self)),
      prevLogTerm: Term(rawValue: source.number(UInt64.self)),
      leaderCommit: LogIndex(rawValue: source.number(UInt64.self)),
      entries: source.list(atMost: 1024) { LogEntry.sample(&$0) })
  }
}

extension AppendEntriesResult {
  static func sample(_ source: inout SampleSource) -> AppendEntriesResult {
    AppendEntriesResult(
      version: source.number(UInt8.self),
      term: Term(rawValue: source.number(UInt64.self)),
      rejected: LogIndex(rawValue: source.number(UInt64.self)),
      lastLogIndex: LogIndex(rawValue: source.number(UInt64.self)),
      features: source.number(UInt16.self),
      capacity: source.number(UInt16.self))
  }
}

extension InstallSnapshot {
  static func sample(_ source: inout SampleSource) -> InstallSnapshot {
    InstallSnapshot(
      version: source.number(UInt8.self),
      term: Term(rawValue: source.number(UInt64.self)),
      lastIndex: LogIndex(rawValue: source.number(UInt64.self)),
      lastTerm: Term(rawValue: source.number(UInt64.self)),
      confIndex: LogIndex(rawValue: source.number(UInt64.self)),
      servers: source.list(atMost: 64) { RaftServer.sample(&$0) },
      manifest: source.bytes(atMost: 65536))
  }
}

extension TimeoutNow {
  static func sample(_ source: inout SampleSource) -> TimeoutNow {
    TimeoutNow(
      version: source.number(UInt8.self),
      term: Term(rawValue: source.number(UInt64.self)),
      lastLogIndex: LogIndex(rawValue: source.number(UInt64.self)),
      lastLogTerm: Term(rawValue: source.number(UInt64.self)))
  }
}

extension ReadConfirm {
  static func sample(_ source: inout SampleSource) -> ReadConfirm {
    ReadConfirm(
      term: Term(rawValue: source.number(UInt64.self)),
      nonce: source.number(UInt64.self))
  }
}

extension ReadConfirmResult {
  static func sample(_ source: inout SampleSource) -> ReadConfirmResult {
    ReadConfirmResult(
      term: Term(rawValue: source.number(UInt64.self)),
      nonce: source.number(UInt64.self),
      confirmed: source.boolean())
  }
}

extension KeyOffer {
  static func sample(_ source: inout SampleSource) -> KeyOffer {
    KeyOffer(
      wrappingKey: source.number(UInt64.self),
      secret: Secret(source.bytes(count: 32)))
  }
}

extension KeyAccept {
  static func sample(_ source: inout SampleSource) -> KeyAccept {
    KeyAccept(
      wrappingKey: source.number(UInt64.self))
  }
}

extension SnapshotFetch {
  static func sample(_ source: inout SampleSource) -> SnapshotFetch {
    SnapshotFetch(
      snapshot: source.bytes(count: 32),
      chunk: source.number(UInt32.self))
  }
}

extension SnapshotChunk {
  static func sample(_ source: inout SampleSource) -> SnapshotChunk {
    SnapshotChunk(
      snapshot: source.bytes(count: 32),
      chunk: source.number(UInt32.self),
      hash: source.bytes(count: 32),
      rows: source.bytes(atMost: 294912))
  }
}

extension Submit {
  static func sample(_ source: inout SampleSource) -> Submit {
    Submit(
      requestKey: RequestKey(high: source.number(), low: source.number()),
      mode: source.pick(JobMode.allCases),
      endpoint: source.pick(Endpoint.allCases),
      model: source.text(atMost: 256),
      body: source.bytes(atMost: 1048576),
      maxInputPrice: source.optional { Price(rawValue: $0.number(UInt64.self)) },
      maxOutputPrice: source.optional { Price(rawValue: $0.number(UInt64.self)) },
      queueTimeoutMs: source.number(UInt32.self),
      follow: source.boolean(),
      retentionMs: source.optional { $0.number(UInt64.self) },
      durable: source.optional { $0.boolean() },
      servedOnly: source.optional { $0.boolean() })
  }
}

extension Accepted {
  static func sample(_ source: inout SampleSource) -> Accepted {
    Accepted(
      job: JobID(rawValue: source.number(UInt64.self)),
      commitIndex: LogIndex(rawValue: source.number(UInt64.self)),
      duplicate: source.boolean(),
      hold: Credits(rawValue: source.number(UInt64.self)),
      rate: source.optional { RateSummary.sample(&$0) },
      model: source.optional { $0.text(atMost: 256) })
  }
}

extension Follow {
  static func sample(_ source: inout SampleSource) -> Follow {
    Follow(
      job: JobID(rawValue: source.number(UInt64.self)),
      fromSeq: source.number(UInt64.self),
      hash: source.optional { $0.bytes(count: 32) },
      commitIndex: LogIndex(rawValue: source.number(UInt64.self)),
      attach: source.boolean(),
      tail: source.optional { TailClaim.sample(&$0) },
      durable: source.optional { $0.boolean() })
  }
}

extension Waiting {
  static func sample(_ source: inout SampleSource) -> Waiting {
    Waiting(
      state: source.pick(JobState.allCases),
      position: source.number(UInt32.self),
      reason: source.text(atMost: 256))
  }
}

extension Events {
  static func sample(_ source: inout SampleSource) -> Events {
    Events(
      job: JobID(rawValue: source.number(UInt64.self)),
      epoch: Epoch(rawValue: source.number(UInt32.self)),
      events: source.list(atMost: 256) { Event.sample(&$0) },
      durableThrough: source.number(UInt64.self),
      hash: source.bytes(count: 32),
      mac: source.bytes(count: 32))
  }
}

extension Ended {
  static func sample(_ source: inout SampleSource) -> Ended {
    Ended(
      summary: JobSummary.sample(&source),
      hash: source.bytes(count: 32),
      lastSeq: source.number(UInt64.self),
      untilDelivered: source.optional { $0.boolean() },
      cachedTokens: source.optional { $0.number(UInt32.self) },
      reasoningTokens: source.optional { $0.number(UInt32.self) })
  }
}

extension Cancel {
  static func sample(_ source: inout SampleSource) -> Cancel {
    Cancel(
      job: JobID(rawValue: source.number(UInt64.self)))
  }
}

extension JobQuery {
  static func sample(_ source: inout SampleSource) -> JobQuery {
    JobQuery(
      job: JobID(rawValue: source.number(UInt64.self)))
  }
}

extension JobReport {
  static func sample(_ source: inout SampleSource) -> JobReport {
    JobReport(
      summary: JobSummary.sample(&source),
      resumed: source.optional { $0.pick(Resumption.allCases) },
      cachedTokens: source.optional { $0.number(UInt32.self) },
      reasoningTokens: source.optional { $0.number(UInt32.self) })
  }
}

extension JobList {
  static func sample(_ source: inout SampleSource) -> JobList {
    JobList(
      after: JobID(rawValue: source.number(UInt64.self)),
      limit: source.number(UInt16.self))
  }
}

extension JobListing {
  static func sample(_ source: inout SampleSource) -> JobListing {
    JobListing(
      jobs: source.list(atMost: 256) { JobSummary.sample(&$0) },
      more: source.boolean())
  }
}

extension Purge {
  static func sample(_ source: inout SampleSource) -> Purge {
    Purge(
      jobs: source.list(atMost: 1024) { JobID(rawValue: $0.number(UInt64.self)) })
  }
}

extension Purged {
  static func sample(_ source: inout SampleSource) -> Purged {
    Purged(
      count: source.number(UInt32.self))
  }
}

extension CancelMany {
  static func sample(_ source: inout SampleSource) -> CancelMany {
    CancelMany(
      jobs: source.list(atMost: 1024) { JobID(rawValue: $0.number(UInt64.self)) })
  }
}

extension CancelledMany {
  static func sample(_ source: inout SampleSource) -> CancelledMany {
    CancelledMany(
      count: source.number(UInt32.self))
  }
}

extension ModelList {
  static func sample(_ source: inout SampleSource) -> ModelList {
    ModelList(
      beginning: source.optional { $0.text(atMost: 48) })
  }
}

extension ModelListing {
  static func sample(_ source: inout SampleSource) -> ModelListing {
    ModelListing(
      models: source.list(atMost: 1024) { ModelSummary.sample(&$0) },
      abilities: source.optional { $0.list(atMost: 1024) { ModelAbilities.sample(&$0) } })
  }
}

extension WorkerList {
  static func sample(_ source: inout SampleSource) -> WorkerList {
    WorkerList()
  }
}

extension WorkerListing {
  static func sample(_ source: inout SampleSource) -> WorkerListing {
    WorkerListing(
      workers: source.list(atMost: 1024) { WorkerSummary.sample(&$0) },
      gpus: source.optional { $0.list(atMost: 512) { WorkerGPU.sample(&$0) } })
  }
}

extension StatusQuery {
  static func sample(_ source: inout SampleSource) -> StatusQuery {
    StatusQuery()
  }
}

extension StatusReport {
  static func sample(_ source: inout SampleSource) -> StatusReport {
    StatusReport(
      replica: ReplicaID(rawValue: source.number(UInt64.self)),
      role: source.pick(ReplicaRole.allCases),
      term: Term(rawValue: source.number(UInt64.self)),
      leader: ReplicaID(rawValue: source.number(UInt64.self)),
      leaderAddress: source.text(atMost: 256),
      commitIndex: LogIndex(rawValue: source.number(UInt64.self)),
      appliedIndex: LogIndex(rawValue: source.number(UInt64.self)),
      lastIndex: LogIndex(rawValue: source.number(UInt64.self)),
      digest: source.bytes(count: 32),
      stateVersion: source.number(UInt32.self),
      logTime: LogTime(rawValue: source.number(UInt64.self)),
      jobsQueued: source.number(UInt32.self),
      jobsRunning: source.number(UInt32.self),
      peers: source.list(atMost: 64) { PeerSummary.sample(&$0) },
      software: source.text(atMost: 64),
      divergedAt: source.optional { LogIndex(rawValue: $0.number(UInt64.self)) },
      stateVersionMax: source.optional { $0.number(UInt32.self) },
      refusals: source.optional { $0.list(atMost: 64) { RefusalCount.sample(&$0) } },
      diskUsed: source.optional { $0.number(UInt64.self) },
      diskCapacity: source.optional { $0.number(UInt64.self) })
  }
}

extension AccountCreate {
  static func sample(_ source: inout SampleSource) -> AccountCreate {
    AccountCreate(
      requestKey: RequestKey(high: source.number(), low: source.number()),
      name: source.text(atMost: 128),
      kind: source.pick(AccountKind.allCases))
  }
}

extension AccountReport {
  static func sample(_ source: inout SampleSource) -> AccountReport {
    AccountReport(
      summary: AccountSummary.sample(&source))
  }
}

extension AccountCredit {
  static func sample(_ source: inout SampleSource) -> AccountCredit {
    AccountCredit(
      requestKey: RequestKey(high: source.number(), low: source.number()),
      account: AccountID(rawValue: source.number(UInt64.self)),
      amount: Credits(rawValue: source.number(UInt64.self)))
  }
}

extension AccountQuery {
  static func sample(_ source: inout SampleSource) -> AccountQuery {
    AccountQuery(
      account: AccountID(rawValue: source.number(UInt64.self)))
  }
}

extension KeyCreate {
  static func sample(_ source: inout SampleSource) -> KeyCreate {
    KeyCreate(
      requestKey: RequestKey(high: source.number(), low: source.number()),
      account: AccountID(rawValue: source.number(UInt64.self)),
      name: source.text(atMost: 128),
      scopes: Scopes(rawValue: source.number(UInt32.self)),
      secretHash: source.bytes(count: 32),
      lifetimeMs: source.optional { $0.number(UInt64.self) },
      limit: source.optional { RateTerms.sample(&$0) })
  }
}

extension KeyReport {
  static func sample(_ source: inout SampleSource) -> KeyReport {
    KeyReport(
      summary: KeySummary.sample(&source),
      life: source.optional { KeyLife.sample(&$0) },
      rate: source.optional { RateSummary.sample(&$0) })
  }
}

extension KeyList {
  static func sample(_ source: inout SampleSource) -> KeyList {
    KeyList(
      account: AccountID(rawValue: source.number(UInt64.self)))
  }
}

extension KeyListing {
  static func sample(_ source: inout SampleSource) -> KeyListing {
    KeyListing(
      keys: source.list(atMost: 1024) { KeySummary.sample(&$0) },
      lives: source.optional { $0.list(atMost: 1024) { KeyLife.sample(&$0) } },
      rates: source.optional { $0.list(atMost: 1024) { RateSummary.sample(&$0) } })
  }
}

extension KeyRevoke {
  static func sample(_ source: inout SampleSource) -> KeyRevoke {
    KeyRevoke(
      key: KeyID(rawValue: source.number(UInt64.self)))
  }
}

extension Invite {
  static func sample(_ source: inout SampleSource) -> Invite {
    Invite(
      role: source.pick(NodeRole.allCases),
      name: source.optional { $0.text(atMost: 64) },
      secretHash: source.bytes(count: 32),
      lifetimeMs: source.number(UInt64.self))
  }
}

extension InvitationReport {
  static func sample(_ source: inout SampleSource) -> InvitationReport {
    InvitationReport(
      summary: InvitationSummary.sample(&source))
  }
}

extension Join {
  static func sample(_ source: inout SampleSource) -> Join {
    Join(
      invitation: InvitationID(rawValue: source.number(UInt64.self)),
      secret: Secret(source.bytes(count: 32)),
      name: source.optional { $0.text(atMost: 64) },
      request: source.bytes(atMost: 1024))
  }
}

extension CertificateIssued {
  static func sample(_ source: inout SampleSource) -> CertificateIssued {
    CertificateIssued(
      role: source.pick(NodeRole.allCases),
      name: source.text(atMost: 64),
      certificate: source.text(atMost: 8192),
      authorities: source.text(atMost: 16384))
  }
}

extension CertificateRenew {
  static func sample(_ source: inout SampleSource) -> CertificateRenew {
    CertificateRenew()
  }
}

extension CertificateRevoke {
  static func sample(_ source: inout SampleSource) -> CertificateRevoke {
    CertificateRevoke(
      role: source.optional { $0.pick(NodeRole.allCases) },
      name: source.text(atMost: 64),
      serial: source.bytes(atMost: 20))
  }
}

extension NodeList {
  static func sample(_ source: inout SampleSource) -> NodeList {
    NodeList()
  }
}

extension NodeListing {
  static func sample(_ source: inout SampleSource) -> NodeListing {
    NodeListing(
      invitations: source.list(atMost: 1024) { InvitationSummary.sample(&$0) },
      certificates: source.list(atMost: 1024) { CertificateSummary.sample(&$0) },
      revocations: source.list(atMost: 1024) { RevocationSummary.sample(&$0) })
  }
}

extension KeyRotate {
  static func sample(_ source: inout SampleSource) -> KeyRotate {
    KeyRotate(
      requestKey: RequestKey(high: source.number(), low: source.number()),
      key: KeyID(rawValue: source.number(UInt64.self)),
      secretHash: source.bytes(count: 32),
      graceMs: source.number(UInt64.self))
  }
}

extension KeyRequest {
  static func sample(_ source: inout SampleSource) -> KeyRequest {
    KeyRequest(
      wrappingKey: source.number(UInt64.self))
  }
}

extension RetentionSet {
  static func sample(_ source: inout SampleSource) -> RetentionSet {
    RetentionSet(
      keptMs: source.optional { $0.number(UInt64.self) },
      untilDelivered: source.boolean())
  }
}

extension RetentionReport {
  static func sample(_ source: inout SampleSource) -> RetentionReport {
    RetentionReport(
      keptMs: source.number(UInt64.self),
      untilDelivered: source.boolean())
  }
}

extension StateStatement {
  static func sample(_ source: inout SampleSource) -> StateStatement {
    StateStatement(
      versionMax: source.number(UInt32.self),
      index: LogIndex(rawValue: source.number(UInt64.self)),
      digest: source.bytes(count: 32),
      asks: source.boolean())
  }
}

extension ClusterQuery {
  static func sample(_ source: inout SampleSource) -> ClusterQuery {
    ClusterQuery()
  }
}

extension ClusterReport {
  static func sample(_ source: inout SampleSource) -> ClusterReport {
    ClusterReport(
      term: Term(rawValue: source.number(UInt64.self)),
      leader: ReplicaID(rawValue: source.number(UInt64.self)),
      lastIndex: LogIndex(rawValue: source.number(UInt64.self)),
      stateVersion: source.number(UInt32.self),
      underWay: source.boolean(),
      members: source.list(atMost: 32) { MemberSummary.sample(&$0) },
      lost: source.optional { $0.list(atMost: 32) { ReplicaID(rawValue: $0.number(UInt64.self)) } })
  }
}
