// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

/// What a stream is for: the `:path` of its HTTP/2 request.
public enum Service: String, Sendable, Hashable, CaseIterable {
  /// The first stream of each connection: the handshake, then liveness and notices until the
  /// connection closes.
  case control = "/switchyard/1/control"
  /// Consensus between coordinators: one stream per direction and connection, messages in order.
  case raft = "/switchyard/1/raft"
  /// One request frame, one response frame, end of stream.
  case call = "/switchyard/1/call"
  /// Chunks of a snapshot, opened by the coordinator that needs it, apart from consensus, which
  /// they must not delay.
  case snapshot = "/switchyard/1/snapshot"
  /// A job's output: Submit or Follow first, then events until Ended or Failure.
  case job = "/switchyard/1/job"
  /// A worker's registration and lease, one stream per connection to the leader.
  case worker = "/switchyard/1/worker"
  /// One slot or one surviving attempt: Park or AttemptResume first, then one attempt.
  case slot = "/switchyard/1/slot"
  /// How a node gets its certificate, without an API key: one request frame, one response frame,
  /// end of stream.
  case enrol = "/switchyard/1/enrol"

  /// What the side that opened the stream may send.
  public var requests: MessageSet {
    switch self {
    case .control: Self.controlRequests
    case .raft: Self.raftRequests
    case .call: Self.callRequests
    case .snapshot: Self.snapshotRequests
    case .job: Self.jobRequests
    case .worker: Self.workerRequests
    case .slot: Self.slotRequests
    case .enrol: Self.enrolRequests
    }
  }

  /// What the side that accepted the stream may send.
  public var responses: MessageSet {
    switch self {
    case .control: Self.controlResponses
    case .raft: Self.raftResponses
    case .call: Self.callResponses
    case .snapshot: Self.snapshotResponses
    case .job: Self.jobResponses
    case .worker: Self.workerResponses
    case .slot: Self.slotResponses
    case .enrol: Self.enrolResponses
    }
  }

  /// Who may open a stream of it.
  public var initiators: [NodeRole] {
    switch self {
    case .control: [.coordinator, .worker, .gateway, .client]
    case .raft: [.coordinator]
    case .call: [.gateway, .client, .coordinator]
    case .snapshot: [.coordinator]
    case .job: [.gateway, .client, .coordinator]
    case .worker: [.worker]
    case .slot: [.worker]
    case .enrol: [.worker, .gateway, .client, .coordinator]
    }
  }

  // Made once: every stream that is opened asks for its two.
  private static let controlRequests: MessageSet = [.hello, .ping, .pong, .goodbye, .failure]
  private static let controlResponses: MessageSet = [
    .welcome, .failure, .ping, .pong, .leaderNotice, .goodbye, .revocationNotice,
  ]
  private static let raftRequests: MessageSet = [
    .requestVote, .requestVoteResult, .appendEntries, .appendEntriesResult, .installSnapshot,
    .timeoutNow, .readConfirm, .readConfirmResult, .keyOffer, .keyAccept, .stateStatement,
    .keyRequest,
  ]
  private static let raftResponses: MessageSet = [
    .requestVote, .requestVoteResult, .appendEntries, .appendEntriesResult, .installSnapshot,
    .timeoutNow, .readConfirm, .readConfirmResult, .keyOffer, .keyAccept, .failure, .stateStatement,
    .keyRequest,
  ]
  private static let callRequests: MessageSet = [
    .submit, .cancel, .jobQuery, .jobList, .purge, .cancelMany, .modelList, .workerList,
    .statusQuery, .accountCreate, .accountCredit, .accountQuery, .keyCreate, .keyList, .keyRevoke,
    .keyRotate, .keyLimit, .invite, .certificateRevoke, .nodeList, .clusterQuery, .clusterChange,
    .retentionSet, .journalQuery, .accountList, .transferPost, .transferReverse, .accountClose,
    .feeSet, .accountWeightSet, .accountOwnerSet, .budgetCreate, .budgetSet, .budgetList,
    .budgetKeyCreate, .receiptQuery, .delegationKeySet, .delegationRevoke, .delegationList, .dryRun,
    .jobWhyQuery, .workerWhyQuery, .standingQuery, .bookQuery, .quoteQuery, .priceQuery, .askSet,
    .askList, .salesQuery,
  ]
  private static let callResponses: MessageSet = [
    .failure, .accepted, .jobReport, .jobListing, .purged, .cancelledMany, .modelListing,
    .workerListing, .statusReport, .accountReport, .keyReport, .keyListing, .invitationReport,
    .nodeListing, .clusterReport, .retentionReport, .journalListing, .accountListing,
    .transferReport, .feeReport, .accountWeightReport, .accountOwnerReport, .budgetReport,
    .budgetListing, .receipt, .delegationListing, .delegationReport, .jobWhyReport,
    .workerWhyReport, .standing, .book, .priceHistory, .askListing, .salesListing,
  ]
  private static let snapshotRequests: MessageSet = [.snapshotFetch]
  private static let snapshotResponses: MessageSet = [.snapshotChunk, .failure]
  private static let jobRequests: MessageSet = [.submit, .follow, .cancel, .tail]
  private static let jobResponses: MessageSet = [
    .failure, .accepted, .waiting, .events, .ended, .tailQuery,
  ]
  private static let workerRequests: MessageSet = [
    .workerRegister, .workerHeartbeat, .hostReport, .failure,
  ]
  private static let workerResponses: MessageSet = [
    .workerRegistered, .workerHeartbeatAck, .leaderNotice, .attemptCancel, .attemptSettled,
    .attemptAbandon, .failure,
  ]
  private static let slotRequests: MessageSet = [
    .park, .attemptResume, .chunk, .attemptFinished, .failure, .attemptGoesOn,
  ]
  private static let slotResponses: MessageSet = [
    .assign, .attemptCancel, .attemptSettled, .attemptContinue, .attemptAbandon, .failure,
  ]
  private static let enrolRequests: MessageSet = [.join, .certificateRenew]
  private static let enrolResponses: MessageSet = [.certificateIssued, .failure]
}
