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
    case .control:
      [.hello, .ping, .pong, .goodbye, .failure]
    case .raft:
      [
        .requestVote, .requestVoteResult, .appendEntries, .appendEntriesResult, .installSnapshot,
        .timeoutNow, .readConfirm, .readConfirmResult, .keyOffer, .keyAccept, .stateStatement,
        .keyRequest,
      ]
    case .call:
      [
        .submit, .cancel, .jobQuery, .jobList, .purge, .cancelMany, .modelList, .workerList,
        .statusQuery, .accountCreate, .accountCredit, .accountQuery, .keyCreate, .keyList,
        .keyRevoke, .keyRotate, .keyLimit, .invite, .certificateRevoke, .nodeList, .clusterQuery,
        .clusterChange, .retentionSet, .journalQuery, .accountList, .transferPost, .transferReverse,
        .accountClose, .feeSet, .accountWeightSet, .budgetCreate, .budgetSet, .budgetList,
        .budgetKeyCreate, .receiptQuery, .delegationKeySet, .delegationRevoke, .delegationList,
        .dryRun, .jobWhyQuery, .workerWhyQuery, .standingQuery, .bookQuery, .quoteQuery,
        .priceQuery, .askSet, .askList, .salesQuery,
      ]
    case .snapshot:
      [.snapshotFetch]
    case .job:
      [.submit, .follow, .cancel, .tail]
    case .worker:
      [.workerRegister, .workerHeartbeat, .hostReport, .failure]
    case .slot:
      [.park, .attemptResume, .chunk, .attemptFinished, .failure, .attemptGoesOn]
    case .enrol:
      [.join, .certificateRenew]
    }
  }

  /// What the side that accepted the stream may send.
  public var responses: MessageSet {
    switch self {
    case .control:
      [.welcome, .failure, .ping, .pong, .leaderNotice, .goodbye, .revocationNotice]
    case .raft:
      [
        .requestVote, .requestVoteResult, .appendEntries, .appendEntriesResult, .installSnapshot,
        .timeoutNow, .readConfirm, .readConfirmResult, .keyOffer, .keyAccept, .failure,
        .stateStatement, .keyRequest,
      ]
    case .call:
      [
        .failure, .accepted, .jobReport, .jobListing, .purged, .cancelledMany, .modelListing,
        .workerListing, .statusReport, .accountReport, .keyReport, .keyListing, .invitationReport,
        .nodeListing, .clusterReport, .retentionReport, .journalListing, .accountListing,
        .transferReport, .feeReport, .accountWeightReport, .budgetReport, .budgetListing, .receipt,
        .delegationListing, .delegationReport, .jobWhyReport, .workerWhyReport, .standing, .book,
        .priceHistory, .askListing, .salesListing,
      ]
    case .snapshot:
      [.snapshotChunk, .failure]
    case .job:
      [.failure, .accepted, .waiting, .events, .ended, .tailQuery]
    case .worker:
      [
        .workerRegistered, .workerHeartbeatAck, .leaderNotice, .attemptCancel, .attemptSettled,
        .attemptAbandon, .failure,
      ]
    case .slot:
      [.assign, .attemptCancel, .attemptSettled, .attemptContinue, .attemptAbandon, .failure]
    case .enrol:
      [.certificateIssued, .failure]
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
}
