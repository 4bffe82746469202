// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

/// The number of a message: the `type` of a frame's header.
///
/// Numbers are append-only; a retired one is never given again.
public enum MessageKind: UInt16, Sendable, Hashable, CaseIterable {
  /// Opens a connection: who the initiator is and what it speaks.
  case hello = 1
  /// Accepts a connection.
  case welcome = 2
  /// A typed refusal or the failed end of a stream; the last frame of its sender on the stream.
  case failure = 3
  /// Asks for a Pong: is the other side's loop alive.
  case ping = 4
  /// Answers a Ping.
  case pong = 5
  /// Says that the connection closes once its streams have ended; no new stream is opened on it.
  case goodbye = 6
  /// Tells who leads; sent after Welcome and at every change.
  case leaderNotice = 7
  /// Asks for a vote (Raft, figure 2; pre-vote: Ongaro's dissertation, 9.6).
  case requestVote = 32
  /// Answers a RequestVote.
  case requestVoteResult = 33
  /// Replicates entries, or is a heartbeat if there are none; the sender splits by bytes below the
  /// payload limit.
  case appendEntries = 34
  /// Answers an AppendEntries or an InstallSnapshot.
  case appendEntriesResult = 35
  /// Announces a snapshot; its chunks travel out of band under the hashes of the manifest.
  case installSnapshot = 36
  /// Asks the receiver to start an election at once (Ongaro's dissertation, 3.10).
  case timeoutNow = 37
  /// Asks whether the sender still leads, so that it may answer a read (Ongaro's dissertation,
  /// 6.4).
  case readConfirm = 38
  /// Answers a ReadConfirm.
  case readConfirmResult = 39
  /// Hands an hourly wrapping key to another keyring.
  case keyOffer = 40
  /// Says that an offered wrapping key is durable in the sender's keyring.
  case keyAccept = 41
  /// Asks for one chunk of a snapshot that an InstallSnapshot announced.
  case snapshotFetch = 42
  /// Answers a SnapshotFetch; there is no answer if the snapshot is gone, since another is
  /// announced then.
  case snapshotChunk = 43
  /// Asks for a job.
  case submit = 64
  /// Says that a job is committed.
  case accepted = 65
  /// Asks for a job's events from a place on.
  case follow = 66
  /// Says that there is nothing to send yet, and why.
  case waiting = 67
  /// Carries a job's events; the sender splits by bytes below the payload limit.
  case events = 68
  /// Ends a stream: the job has settled.
  case ended = 69
  /// Asks to cancel a job; the stream ends with Ended once it has settled.
  case cancel = 70
  /// Asks for a job's summary.
  case jobQuery = 71
  /// Answers a JobQuery, a Submit that does not follow, or a Cancel on the call service.
  case jobReport = 72
  /// Asks for jobs of the caller's account, in order of creation.
  case jobList = 73
  /// Answers a JobList.
  case jobListing = 74
  /// Asks to forget ended jobs: their payloads and outputs are deleted.
  case purge = 75
  /// Answers a Purge.
  case purged = 76
  /// Asks to cancel jobs in one command.
  case cancelMany = 77
  /// Answers a CancelMany.
  case cancelledMany = 78
  /// Asks for the models on offer.
  case modelList = 80
  /// Answers a ModelList.
  case modelListing = 81
  /// Asks for the workers that the caller may see.
  case workerList = 82
  /// Answers a WorkerList.
  case workerListing = 83
  /// Asks one coordinator for its status.
  case statusQuery = 84
  /// Answers a StatusQuery.
  case statusReport = 85
  /// Asks for an account.
  case accountCreate = 90
  /// Answers AccountCreate, AccountCredit and AccountQuery.
  case accountReport = 91
  /// Asks to issue credit to an account.
  case accountCredit = 92
  /// Asks for an account.
  case accountQuery = 93
  /// Asks for an API key; the caller draws the secret and the server sees it at its first use only.
  case keyCreate = 94
  /// Answers KeyCreate, KeyRevoke, KeyRotate and KeyLimit.
  case keyReport = 95
  /// Asks for an account's keys.
  case keyList = 96
  /// Answers a KeyList.
  case keyListing = 97
  /// Asks to revoke a key for ever.
  case keyRevoke = 98
  /// Asks for an invitation; the caller draws the secret, and a retry under the same secret is the
  /// same request.
  case invite = 100
  /// Answers an Invite.
  case invitationReport = 101
  /// Asks for a certificate by an invitation.
  case join = 102
  /// Answers a Join or a CertificateRenew.
  case certificateIssued = 103
  /// Asks the leader for a new certificate of the node and the key that the connection's
  /// certificate proves.
  case certificateRenew = 104
  /// Asks to revoke all certificates that a node has, or one by its serial; answered by a
  /// NodeListing.
  case certificateRevoke = 105
  /// Asks for invitations, issued certificates and revocations.
  case nodeList = 106
  /// Answers a NodeList and a CertificateRevoke: the newest of each kind, in their order.
  case nodeListing = 107
  /// Asks to give a key a new secret, which the caller draws; the former one stays good for a
  /// while.
  case keyRotate = 108
  /// Asks another coordinator for an hourly wrapping key that the sender lacks.
  case keyRequest = 109
  /// Sets how long the records of jobs are kept that are submitted from now on, or only asks.
  case retentionSet = 110
  /// Answers a RetentionSet: what holds now.
  case retentionReport = 111
  /// States the digest of a replica's state at a marked index, and what its program supports; only
  /// under the feature `state-statements`.
  case stateStatement = 112
  /// Asks the leader who the coordinators are; needs scope admin.
  case clusterQuery = 113
  /// Answers a ClusterQuery and a ClusterChange.
  case clusterReport = 114
  /// Asks for one change of the coordinators; answered when it is committed.
  ///
  /// May be repeated: what is so already is answered alike. Needs scope admin.
  case clusterChange = 115
  /// Announces a worker and what it offers; sent again when that changes.
  case workerRegister = 128
  /// Answers a WorkerRegister.
  case workerRegistered = 129
  /// Renews the lease of a worker's attempts.
  case workerHeartbeat = 130
  /// Answers a WorkerHeartbeat.
  case workerHeartbeatAck = 131
  /// Opens a slot's stream, on which the leader may send one Assign.
  case park = 132
  /// Starts an attempt on a parked stream.
  case assign = 133
  /// Carries an attempt's events; the sender splits by bytes below the payload limit and keeps
  /// them, or the newest of them, until it is told AttemptSettled.
  case chunk = 134
  /// Ends an attempt's output.
  case attemptFinished = 135
  /// Asks to stop an attempt; the worker answers AttemptFinished.
  case attemptCancel = 136
  /// Says that the attempt is settled: its chunks may be forgotten.
  case attemptSettled = 137
  /// Offers an attempt that outlived its stream to the leader.
  case attemptResume = 138
  /// Accepts an AttemptResume: the worker sends from a place on.
  case attemptContinue = 139
  /// Refuses an attempt: the job is no longer its own, and the worker forgets it.
  case attemptAbandon = 140
  /// Tells which coordinators' certificates are revoked; sent after Welcome and at every change,
  /// where `revocation-notices` is agreed on.
  case revocationNotice = 141
  /// Asks a reader whose Follow has a tail for the part of it that the leader lacks.
  case tailQuery = 146
  /// Answers a TailQuery, in several messages where one would be too large: the last has the event
  /// before Follow.fromSeq.
  case tail = 147
  /// Tells how an attempt goes on from a record, before its first Chunk; only in answer to an
  /// Assign that has `output`, and without it: by text.
  case attemptGoesOn = 148
  /// Asks to limit what an API key may use in a minute, or to end its limit; it begins anew, with a
  /// minute's worth.
  case keyLimit = 155
  /// Asks what a Submit would come to: nothing is stored, held or charged.
  case dryRun = 156
  /// Asks why a job of the caller's is where it is.
  case jobWhyQuery = 157
  /// Answers a JobWhyQuery or a DryRun: what the leader knows, from what it decides by.
  case jobWhyReport = 158
  /// Asks why no jobs come to the caller's workers, and at what price they would.
  case workerWhyQuery = 159
  /// Answers a WorkerWhyQuery.
  case workerWhyReport = 160
  /// Asks for transfers of the journal, oldest first (scope admin).
  case journalQuery = 165
  /// Answers a JournalQuery.
  case journalListing = 166
  /// Asks for the accounts and their sums (scope admin).
  case accountList = 167
  /// Answers an AccountList.
  case accountListing = 168
  /// Asks for transfers, all of them or none (scope admin).
  case transferPost = 169
  /// Answers a TransferPost and a TransferReverse.
  case transferReport = 170
  /// Asks to take a transfer back, with all that were posted with it (scope admin).
  case transferReverse = 171
  /// Closes an account for good and ends its keys (scope admin); answered by an AccountReport.
  case accountClose = 172
  /// Sets the operator's part of the charge of jobs that are submitted from now on (scope admin),
  /// or only asks.
  case feeSet = 173
  /// Answers a FeeSet.
  case feeReport = 174
  /// Asks for a budget (scope submit, for what the caller's own key draws on, or admin).
  case budgetCreate = 175
  /// Answers a BudgetCreate and a BudgetSet.
  case budgetReport = 176
  /// Changes what a budget allows.
  case budgetSet = 177
  /// Asks for an account's budgets (scope read, or admin).
  case budgetList = 178
  /// Answers a BudgetList.
  case budgetListing = 179
  /// Asks for an API key that draws on a budget, as KeyCreate does for one that need not; answered
  /// by a KeyReport.
  case budgetKeyCreate = 180
  /// Asks for the signed receipt of one of the caller's own jobs that has ended.
  case receiptQuery = 181
  /// Answers a ReceiptQuery.
  case receipt = 182
  /// Binds an API key to the public half of the key that signs its delegations, or ends that and
  /// all of them; answered by a DelegationListing without entries.
  case delegationKeySet = 183
  /// Asks to revoke one delegation for ever, whether or not it has been used; answered by a
  /// DelegationReport.
  case delegationRevoke = 184
  /// Asks for the delegations of a key that the cluster has seen.
  case delegationList = 185
  /// Answers a DelegationList and a DelegationKeySet.
  case delegationListing = 186
  /// Answers a DelegationRevoke.
  case delegationReport = 187
  /// Asks what the caller's own key is and may spend.
  case standingQuery = 188
  /// Answers a StandingQuery.
  case standing = 189
  /// Tells how a registered worker's host is; sent when that changes, where `host-reports` is
  /// agreed on.
  case hostReport = 195
  /// Asks for the asks of a model's workers that take jobs now, the cheapest output first.
  case bookQuery = 200
  /// Answers a BookQuery or a QuoteQuery.
  case book = 201
  /// Asks what a job would cost now at each worker that would take it from the caller's account,
  /// the one that it would go to first.
  case quoteQuery = 202
  /// Asks for the price index of a model.
  case priceQuery = 203
  /// Answers a PriceQuery.
  case priceHistory = 204
  /// Posts what the caller's account asks for a model, or takes it back (scope work).
  case askSet = 205
  /// Asks what the caller's account posts about models (scope read, or work).
  case askList = 206
  /// Answers an AskList, and an AskSet by what holds of it.
  case askListing = 207
  /// Asks what a supplier sold, oldest first (its own account with scope read, or work; others'
  /// with admin).
  case salesQuery = 208
  /// Answers a SalesQuery.
  case salesListing = 209
  /// Sets what an account counts for when slots are shared among accounts that wait (scope admin),
  /// or only asks.
  case accountWeightSet = 215
  /// Answers an AccountWeightSet.
  case accountWeightReport = 216
  /// Says whose an account is (scope admin), or only asks; what one of an owner's accounts buys of
  /// another makes no price.
  case accountOwnerSet = 223
  /// Answers an AccountOwnerSet.
  case accountOwnerReport = 224

  /// The most payload bytes in a frame of this kind.
  public var payloadMax: UInt32 {
    switch self {
    case .attemptGoesOn: 32
    case .ping, .pong, .requestVote, .requestVoteResult, .appendEntriesResult, .timeoutNow,
      .readConfirm, .readConfirmResult, .keyOffer, .keyAccept, .snapshotFetch, .cancel, .jobQuery,
      .jobList, .purged, .cancelledMany, .modelList, .workerList, .statusQuery, .accountQuery,
      .keyList, .keyRevoke, .certificateRenew, .nodeList, .keyRequest, .retentionSet,
      .retentionReport, .stateStatement, .clusterQuery, .workerRegistered, .workerHeartbeat,
      .workerHeartbeatAck, .park, .attemptCancel, .attemptSettled, .attemptContinue,
      .attemptAbandon, .tailQuery, .keyLimit, .jobWhyQuery, .workerWhyQuery, .journalQuery,
      .accountList, .transferReverse, .accountClose, .feeSet, .feeReport, .budgetList,
      .receiptQuery, .delegationRevoke, .delegationList, .standingQuery, .askList, .salesQuery,
      .accountWeightSet, .accountWeightReport:
      64
    case .follow, .accountCredit, .keyRotate, .attemptResume, .budgetSet, .delegationKeySet: 128
    case .invite, .invitationReport, .certificateRevoke, .accountOwnerSet, .accountOwnerReport: 256
    case .goodbye, .leaderNotice, .accepted, .waiting, .accountCreate, .accountReport, .keyCreate,
      .keyReport, .clusterChange, .budgetCreate, .budgetReport, .budgetKeyCreate, .bookQuery,
      .quoteQuery, .priceQuery:
      512
    case .transferPost: 1024
    case .join, .askSet: 2048
    case .ended, .jobReport, .attemptFinished, .transferReport, .delegationReport: 4096
    case .hello, .welcome, .failure, .workerRegister, .standing, .hostReport: 8192
    case .revocationNotice: 8200
    case .purge, .cancelMany, .clusterReport: 16_384
    case .statusReport, .certificateIssued, .priceHistory: 32_768
    case .receipt: 40_960
    case .journalListing: 65_536
    case .installSnapshot, .jobWhyReport, .workerWhyReport, .accountListing, .budgetListing,
      .delegationListing, .book, .salesListing:
      131_072
    case .keyListing: 229_376
    case .events, .chunk, .tail: 262_144
    case .snapshotChunk: 295_168
    case .modelListing: 327_680
    case .jobListing, .nodeListing, .askListing: 524_288
    case .submit, .assign, .dryRun: 1_050_624
    case .appendEntries: 1_114_112
    case .workerListing: 5_242_880
    }
  }

  /// Whether bytes after the last known field are refused rather than skipped.
  public var isStrict: Bool {
    switch self {
    case .requestVote, .requestVoteResult, .appendEntries, .appendEntriesResult, .installSnapshot,
      .timeoutNow, .readConfirm, .readConfirmResult, .keyOffer, .keyAccept, .snapshotFetch,
      .snapshotChunk, .keyRequest, .stateStatement:
      true
    default: false
    }
  }

  /// The name in the registry.
  public var name: String {
    switch self {
    case .hello: "Hello"
    case .welcome: "Welcome"
    case .failure: "Failure"
    case .ping: "Ping"
    case .pong: "Pong"
    case .goodbye: "Goodbye"
    case .leaderNotice: "LeaderNotice"
    case .requestVote: "RequestVote"
    case .requestVoteResult: "RequestVoteResult"
    case .appendEntries: "AppendEntries"
    case .appendEntriesResult: "AppendEntriesResult"
    case .installSnapshot: "InstallSnapshot"
    case .timeoutNow: "TimeoutNow"
    case .readConfirm: "ReadConfirm"
    case .readConfirmResult: "ReadConfirmResult"
    case .keyOffer: "KeyOffer"
    case .keyAccept: "KeyAccept"
    case .snapshotFetch: "SnapshotFetch"
    case .snapshotChunk: "SnapshotChunk"
    case .submit: "Submit"
    case .accepted: "Accepted"
    case .follow: "Follow"
    case .waiting: "Waiting"
    case .events: "Events"
    case .ended: "Ended"
    case .cancel: "Cancel"
    case .jobQuery: "JobQuery"
    case .jobReport: "JobReport"
    case .jobList: "JobList"
    case .jobListing: "JobListing"
    case .purge: "Purge"
    case .purged: "Purged"
    case .cancelMany: "CancelMany"
    case .cancelledMany: "CancelledMany"
    case .modelList: "ModelList"
    case .modelListing: "ModelListing"
    case .workerList: "WorkerList"
    case .workerListing: "WorkerListing"
    case .statusQuery: "StatusQuery"
    case .statusReport: "StatusReport"
    case .accountCreate: "AccountCreate"
    case .accountReport: "AccountReport"
    case .accountCredit: "AccountCredit"
    case .accountQuery: "AccountQuery"
    case .keyCreate: "KeyCreate"
    case .keyReport: "KeyReport"
    case .keyList: "KeyList"
    case .keyListing: "KeyListing"
    case .keyRevoke: "KeyRevoke"
    case .invite: "Invite"
    case .invitationReport: "InvitationReport"
    case .join: "Join"
    case .certificateIssued: "CertificateIssued"
    case .certificateRenew: "CertificateRenew"
    case .certificateRevoke: "CertificateRevoke"
    case .nodeList: "NodeList"
    case .nodeListing: "NodeListing"
    case .keyRotate: "KeyRotate"
    case .keyRequest: "KeyRequest"
    case .retentionSet: "RetentionSet"
    case .retentionReport: "RetentionReport"
    case .stateStatement: "StateStatement"
    case .clusterQuery: "ClusterQuery"
    case .clusterReport: "ClusterReport"
    case .clusterChange: "ClusterChange"
    case .workerRegister: "WorkerRegister"
    case .workerRegistered: "WorkerRegistered"
    case .workerHeartbeat: "WorkerHeartbeat"
    case .workerHeartbeatAck: "WorkerHeartbeatAck"
    case .park: "Park"
    case .assign: "Assign"
    case .chunk: "Chunk"
    case .attemptFinished: "AttemptFinished"
    case .attemptCancel: "AttemptCancel"
    case .attemptSettled: "AttemptSettled"
    case .attemptResume: "AttemptResume"
    case .attemptContinue: "AttemptContinue"
    case .attemptAbandon: "AttemptAbandon"
    case .revocationNotice: "RevocationNotice"
    case .tailQuery: "TailQuery"
    case .tail: "Tail"
    case .attemptGoesOn: "AttemptGoesOn"
    case .keyLimit: "KeyLimit"
    case .dryRun: "DryRun"
    case .jobWhyQuery: "JobWhyQuery"
    case .jobWhyReport: "JobWhyReport"
    case .workerWhyQuery: "WorkerWhyQuery"
    case .workerWhyReport: "WorkerWhyReport"
    case .journalQuery: "JournalQuery"
    case .journalListing: "JournalListing"
    case .accountList: "AccountList"
    case .accountListing: "AccountListing"
    case .transferPost: "TransferPost"
    case .transferReport: "TransferReport"
    case .transferReverse: "TransferReverse"
    case .accountClose: "AccountClose"
    case .feeSet: "FeeSet"
    case .feeReport: "FeeReport"
    case .budgetCreate: "BudgetCreate"
    case .budgetReport: "BudgetReport"
    case .budgetSet: "BudgetSet"
    case .budgetList: "BudgetList"
    case .budgetListing: "BudgetListing"
    case .budgetKeyCreate: "BudgetKeyCreate"
    case .receiptQuery: "ReceiptQuery"
    case .receipt: "Receipt"
    case .delegationKeySet: "DelegationKeySet"
    case .delegationRevoke: "DelegationRevoke"
    case .delegationList: "DelegationList"
    case .delegationListing: "DelegationListing"
    case .delegationReport: "DelegationReport"
    case .standingQuery: "StandingQuery"
    case .standing: "Standing"
    case .hostReport: "HostReport"
    case .bookQuery: "BookQuery"
    case .book: "Book"
    case .quoteQuery: "QuoteQuery"
    case .priceQuery: "PriceQuery"
    case .priceHistory: "PriceHistory"
    case .askSet: "AskSet"
    case .askList: "AskList"
    case .askListing: "AskListing"
    case .salesQuery: "SalesQuery"
    case .salesListing: "SalesListing"
    case .accountWeightSet: "AccountWeightSet"
    case .accountWeightReport: "AccountWeightReport"
    case .accountOwnerSet: "AccountOwnerSet"
    case .accountOwnerReport: "AccountOwnerReport"
    }
  }
}
