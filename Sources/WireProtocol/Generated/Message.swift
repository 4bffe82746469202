// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

internal import ExchangeTypes

/// Any message, told apart by its kind.
public enum Message: Sendable, Hashable {
  /// Hello: see there.
  case hello(Hello)
  /// Welcome: see there.
  case welcome(Welcome)
  /// Failure: see there.
  case failure(Failure)
  /// Ping: see there.
  case ping(Ping)
  /// Pong: see there.
  case pong(Pong)
  /// Goodbye: see there.
  case goodbye(Goodbye)
  /// LeaderNotice: see there.
  case leaderNotice(LeaderNotice)
  /// RequestVote: see there.
  case requestVote(RequestVote)
  /// RequestVoteResult: see there.
  case requestVoteResult(RequestVoteResult)
  /// AppendEntries: see there.
  case appendEntries(AppendEntries)
  /// AppendEntriesResult: see there.
  case appendEntriesResult(AppendEntriesResult)
  /// InstallSnapshot: see there.
  case installSnapshot(InstallSnapshot)
  /// TimeoutNow: see there.
  case timeoutNow(TimeoutNow)
  /// ReadConfirm: see there.
  case readConfirm(ReadConfirm)
  /// ReadConfirmResult: see there.
  case readConfirmResult(ReadConfirmResult)
  /// KeyOffer: see there.
  case keyOffer(KeyOffer)
  /// KeyAccept: see there.
  case keyAccept(KeyAccept)
  /// SnapshotFetch: see there.
  case snapshotFetch(SnapshotFetch)
  /// SnapshotChunk: see there.
  case snapshotChunk(SnapshotChunk)
  /// Submit: see there.
  case submit(Submit)
  /// Accepted: see there.
  case accepted(Accepted)
  /// Follow: see there.
  case follow(Follow)
  /// Waiting: see there.
  case waiting(Waiting)
  /// Events: see there.
  case events(Events)
  /// Ended: see there.
  case ended(Ended)
  /// Cancel: see there.
  case cancel(Cancel)
  /// JobQuery: see there.
  case jobQuery(JobQuery)
  /// JobReport: see there.
  case jobReport(JobReport)
  /// JobList: see there.
  case jobList(JobList)
  /// JobListing: see there.
  case jobListing(JobListing)
  /// Purge: see there.
  case purge(Purge)
  /// Purged: see there.
  case purged(Purged)
  /// CancelMany: see there.
  case cancelMany(CancelMany)
  /// CancelledMany: see there.
  case cancelledMany(CancelledMany)
  /// ModelList: see there.
  case modelList(ModelList)
  /// ModelListing: see there.
  case modelListing(ModelListing)
  /// WorkerList: see there.
  case workerList(WorkerList)
  /// WorkerListing: see there.
  case workerListing(WorkerListing)
  /// StatusQuery: see there.
  case statusQuery(StatusQuery)
  /// StatusReport: see there.
  case statusReport(StatusReport)
  /// AccountCreate: see there.
  case accountCreate(AccountCreate)
  /// AccountReport: see there.
  case accountReport(AccountReport)
  /// AccountCredit: see there.
  case accountCredit(AccountCredit)
  /// AccountQuery: see there.
  case accountQuery(AccountQuery)
  /// KeyCreate: see there.
  case keyCreate(KeyCreate)
  /// KeyReport: see there.
  case keyReport(KeyReport)
  /// KeyList: see there.
  case keyList(KeyList)
  /// KeyListing: see there.
  case keyListing(KeyListing)
  /// KeyRevoke: see there.
  case keyRevoke(KeyRevoke)
  /// Invite: see there.
  case invite(Invite)
  /// InvitationReport: see there.
  case invitationReport(InvitationReport)
  /// Join: see there.
  case join(Join)
  /// CertificateIssued: see there.
  case certificateIssued(CertificateIssued)
  /// CertificateRenew: see there.
  case certificateRenew(CertificateRenew)
  /// CertificateRevoke: see there.
  case certificateRevoke(CertificateRevoke)
  /// NodeList: see there.
  case nodeList(NodeList)
  /// NodeListing: see there.
  case nodeListing(NodeListing)
  /// KeyRotate: see there.
  case keyRotate(KeyRotate)
  /// KeyRequest: see there.
  case keyRequest(KeyRequest)
  /// RetentionSet: see there.
  case retentionSet(RetentionSet)
  /// RetentionReport: see there.
  case retentionReport(RetentionReport)
  /// StateStatement: see there.
  case stateStatement(StateStatement)
  /// ClusterQuery: see there.
  case clusterQuery(ClusterQuery)
  /// ClusterReport: see there.
  case clusterReport(ClusterReport)
  /// ClusterChange: see there.
  case clusterChange(ClusterChange)
  /// WorkerRegister: see there.
  case workerRegister(WorkerRegister)
  /// WorkerRegistered: see there.
  case workerRegistered(WorkerRegistered)
  /// WorkerHeartbeat: see there.
  case workerHeartbeat(WorkerHeartbeat)
  /// WorkerHeartbeatAck: see there.
  case workerHeartbeatAck(WorkerHeartbeatAck)
  /// Park: see there.
  case park(Park)
  /// Assign: see there.
  case assign(Assign)
  /// Chunk: see there.
  case chunk(Chunk)
  /// AttemptFinished: see there.
  case attemptFinished(AttemptFinished)
  /// AttemptCancel: see there.
  case attemptCancel(AttemptCancel)
  /// AttemptSettled: see there.
  case attemptSettled(AttemptSettled)
  /// AttemptResume: see there.
  case attemptResume(AttemptResume)
  /// AttemptContinue: see there.
  case attemptContinue(AttemptContinue)
  /// AttemptAbandon: see there.
  case attemptAbandon(AttemptAbandon)
  /// RevocationNotice: see there.
  case revocationNotice(RevocationNotice)
  /// TailQuery: see there.
  case tailQuery(TailQuery)
  /// Tail: see there.
  case tail(Tail)
  /// AttemptGoesOn: see there.
  case attemptGoesOn(AttemptGoesOn)
  /// KeyLimit: see there.
  case keyLimit(KeyLimit)
  /// DryRun: see there.
  case dryRun(DryRun)
  /// JobWhyQuery: see there.
  case jobWhyQuery(JobWhyQuery)
  /// JobWhyReport: see there.
  case jobWhyReport(JobWhyReport)
  /// WorkerWhyQuery: see there.
  case workerWhyQuery(WorkerWhyQuery)
  /// WorkerWhyReport: see there.
  case workerWhyReport(WorkerWhyReport)
  /// JournalQuery: see there.
  case journalQuery(JournalQuery)
  /// JournalListing: see there.
  case journalListing(JournalListing)
  /// AccountList: see there.
  case accountList(AccountList)
  /// AccountListing: see there.
  case accountListing(AccountListing)
  /// TransferPost: see there.
  case transferPost(TransferPost)
  /// TransferReport: see there.
  case transferReport(TransferReport)
  /// TransferReverse: see there.
  case transferReverse(TransferReverse)
  /// AccountClose: see there.
  case accountClose(AccountClose)
  /// FeeSet: see there.
  case feeSet(FeeSet)
  /// FeeReport: see there.
  case feeReport(FeeReport)
  /// BudgetCreate: see there.
  case budgetCreate(BudgetCreate)
  /// BudgetReport: see there.
  case budgetReport(BudgetReport)
  /// BudgetSet: see there.
  case budgetSet(BudgetSet)
  /// BudgetList: see there.
  case budgetList(BudgetList)
  /// BudgetListing: see there.
  case budgetListing(BudgetListing)
  /// BudgetKeyCreate: see there.
  case budgetKeyCreate(BudgetKeyCreate)
  /// ReceiptQuery: see there.
  case receiptQuery(ReceiptQuery)
  /// Receipt: see there.
  case receipt(Receipt)
  /// DelegationKeySet: see there.
  case delegationKeySet(DelegationKeySet)
  /// DelegationRevoke: see there.
  case delegationRevoke(DelegationRevoke)
  /// DelegationList: see there.
  case delegationList(DelegationList)
  /// DelegationListing: see there.
  case delegationListing(DelegationListing)
  /// DelegationReport: see there.
  case delegationReport(DelegationReport)
  /// StandingQuery: see there.
  case standingQuery(StandingQuery)
  /// Standing: see there.
  case standing(Standing)
  /// HostReport: see there.
  case hostReport(HostReport)
  /// BookQuery: see there.
  case bookQuery(BookQuery)
  /// Book: see there.
  case book(Book)
  /// QuoteQuery: see there.
  case quoteQuery(QuoteQuery)
  /// PriceQuery: see there.
  case priceQuery(PriceQuery)
  /// PriceHistory: see there.
  case priceHistory(PriceHistory)
  /// AskSet: see there.
  case askSet(AskSet)
  /// AskList: see there.
  case askList(AskList)
  /// AskListing: see there.
  case askListing(AskListing)
  /// SalesQuery: see there.
  case salesQuery(SalesQuery)
  /// SalesListing: see there.
  case salesListing(SalesListing)
  /// AccountWeightSet: see there.
  case accountWeightSet(AccountWeightSet)
  /// AccountWeightReport: see there.
  case accountWeightReport(AccountWeightReport)
  /// AccountOwnerSet: see there.
  case accountOwnerSet(AccountOwnerSet)
  /// AccountOwnerReport: see there.
  case accountOwnerReport(AccountOwnerReport)

  /// Reads the fields of a message of `kind`.
  ///
  /// What follows them is left unread: `init(_:)` judges it by the class.
  init(
    _ kind: MessageKind, from reader: inout CanonicalReader
  ) throws(CanonicalError) {
    switch kind {
    case .hello: self = .hello(try Hello(from: &reader))
    case .welcome: self = .welcome(try Welcome(from: &reader))
    case .failure: self = .failure(try Failure(from: &reader))
    case .ping: self = .ping(try Ping(from: &reader))
    case .pong: self = .pong(try Pong(from: &reader))
    case .goodbye: self = .goodbye(try Goodbye(from: &reader))
    case .leaderNotice: self = .leaderNotice(try LeaderNotice(from: &reader))
    case .requestVote: self = .requestVote(try RequestVote(from: &reader))
    case .requestVoteResult: self = .requestVoteResult(try RequestVoteResult(from: &reader))
    case .appendEntries: self = .appendEntries(try AppendEntries(from: &reader))
    case .appendEntriesResult: self = .appendEntriesResult(try AppendEntriesResult(from: &reader))
    case .installSnapshot: self = .installSnapshot(try InstallSnapshot(from: &reader))
    case .timeoutNow: self = .timeoutNow(try TimeoutNow(from: &reader))
    case .readConfirm: self = .readConfirm(try ReadConfirm(from: &reader))
    case .readConfirmResult: self = .readConfirmResult(try ReadConfirmResult(from: &reader))
    case .keyOffer: self = .keyOffer(try KeyOffer(from: &reader))
    case .keyAccept: self = .keyAccept(try KeyAccept(from: &reader))
    case .snapshotFetch: self = .snapshotFetch(try SnapshotFetch(from: &reader))
    case .snapshotChunk: self = .snapshotChunk(try SnapshotChunk(from: &reader))
    case .submit: self = .submit(try Submit(from: &reader))
    case .accepted: self = .accepted(try Accepted(from: &reader))
    case .follow: self = .follow(try Follow(from: &reader))
    case .waiting: self = .waiting(try Waiting(from: &reader))
    case .events: self = .events(try Events(from: &reader))
    case .ended: self = .ended(try Ended(from: &reader))
    case .cancel: self = .cancel(try Cancel(from: &reader))
    case .jobQuery: self = .jobQuery(try JobQuery(from: &reader))
    case .jobReport: self = .jobReport(try JobReport(from: &reader))
    case .jobList: self = .jobList(try JobList(from: &reader))
    case .jobListing: self = .jobListing(try JobListing(from: &reader))
    case .purge: self = .purge(try Purge(from: &reader))
    case .purged: self = .purged(try Purged(from: &reader))
    case .cancelMany: self = .cancelMany(try CancelMany(from: &reader))
    case .cancelledMany: self = .cancelledMany(try CancelledMany(from: &reader))
    case .modelList: self = .modelList(try ModelList(from: &reader))
    case .modelListing: self = .modelListing(try ModelListing(from: &reader))
    case .workerList: self = .workerList(try WorkerList(from: &reader))
    case .workerListing: self = .workerListing(try WorkerListing(from: &reader))
    case .statusQuery: self = .statusQuery(try StatusQuery(from: &reader))
    case .statusReport: self = .statusReport(try StatusReport(from: &reader))
    case .accountCreate: self = .accountCreate(try AccountCreate(from: &reader))
    case .accountReport: self = .accountReport(try AccountReport(from: &reader))
    case .accountCredit: self = .accountCredit(try AccountCredit(from: &reader))
    case .accountQuery: self = .accountQuery(try AccountQuery(from: &reader))
    case .keyCreate: self = .keyCreate(try KeyCreate(from: &reader))
    case .keyReport: self = .keyReport(try KeyReport(from: &reader))
    case .keyList: self = .keyList(try KeyList(from: &reader))
    case .keyListing: self = .keyListing(try KeyListing(from: &reader))
    case .keyRevoke: self = .keyRevoke(try KeyRevoke(from: &reader))
    case .invite: self = .invite(try Invite(from: &reader))
    case .invitationReport: self = .invitationReport(try InvitationReport(from: &reader))
    case .join: self = .join(try Join(from: &reader))
    case .certificateIssued: self = .certificateIssued(try CertificateIssued(from: &reader))
    case .certificateRenew: self = .certificateRenew(try CertificateRenew(from: &reader))
    case .certificateRevoke: self = .certificateRevoke(try CertificateRevoke(from: &reader))
    case .nodeList: self = .nodeList(try NodeList(from: &reader))
    case .nodeListing: self = .nodeListing(try NodeListing(from: &reader))
    case .keyRotate: self = .keyRotate(try KeyRotate(from: &reader))
    case .keyRequest: self = .keyRequest(try KeyRequest(from: &reader))
    case .retentionSet: self = .retentionSet(try RetentionSet(from: &reader))
    case .retentionReport: self = .retentionReport(try RetentionReport(from: &reader))
    case .stateStatement: self = .stateStatement(try StateStatement(from: &reader))
    case .clusterQuery: self = .clusterQuery(try ClusterQuery(from: &reader))
    case .clusterReport: self = .clusterReport(try ClusterReport(from: &reader))
    case .clusterChange: self = .clusterChange(try ClusterChange(from: &reader))
    case .workerRegister: self = .workerRegister(try WorkerRegister(from: &reader))
    case .workerRegistered: self = .workerRegistered(try WorkerRegistered(from: &reader))
    case .workerHeartbeat: self = .workerHeartbeat(try WorkerHeartbeat(from: &reader))
    case .workerHeartbeatAck: self = .workerHeartbeatAck(try WorkerHeartbeatAck(from: &reader))
    case .park: self = .park(try Park(from: &reader))
    case .assign: self = .assign(try Assign(from: &reader))
    case .chunk: self = .chunk(try Chunk(from: &reader))
    case .attemptFinished: self = .attemptFinished(try AttemptFinished(from: &reader))
    case .attemptCancel: self = .attemptCancel(try AttemptCancel(from: &reader))
    case .attemptSettled: self = .attemptSettled(try AttemptSettled(from: &reader))
    case .attemptResume: self = .attemptResume(try AttemptResume(from: &reader))
    case .attemptContinue: self = .attemptContinue(try AttemptContinue(from: &reader))
    case .attemptAbandon: self = .attemptAbandon(try AttemptAbandon(from: &reader))
    case .revocationNotice: self = .revocationNotice(try RevocationNotice(from: &reader))
    case .tailQuery: self = .tailQuery(try TailQuery(from: &reader))
    case .tail: self = .tail(try Tail(from: &reader))
    case .attemptGoesOn: self = .attemptGoesOn(try AttemptGoesOn(from: &reader))
    case .keyLimit: self = .keyLimit(try KeyLimit(from: &reader))
    case .dryRun: self = .dryRun(try DryRun(from: &reader))
    case .jobWhyQuery: self = .jobWhyQuery(try JobWhyQuery(from: &reader))
    case .jobWhyReport: self = .jobWhyReport(try JobWhyReport(from: &reader))
    case .workerWhyQuery: self = .workerWhyQuery(try WorkerWhyQuery(from: &reader))
    case .workerWhyReport: self = .workerWhyReport(try WorkerWhyReport(from: &reader))
    case .journalQuery: self = .journalQuery(try JournalQuery(from: &reader))
    case .journalListing: self = .journalListing(try JournalListing(from: &reader))
    case .accountList: self = .accountList(try AccountList(from: &reader))
    case .accountListing: self = .accountListing(try AccountListing(from: &reader))
    case .transferPost: self = .transferPost(try TransferPost(from: &reader))
    case .transferReport: self = .transferReport(try TransferReport(from: &reader))
    case .transferReverse: self = .transferReverse(try TransferReverse(from: &reader))
    case .accountClose: self = .accountClose(try AccountClose(from: &reader))
    case .feeSet: self = .feeSet(try FeeSet(from: &reader))
    case .feeReport: self = .feeReport(try FeeReport(from: &reader))
    case .budgetCreate: self = .budgetCreate(try BudgetCreate(from: &reader))
    case .budgetReport: self = .budgetReport(try BudgetReport(from: &reader))
    case .budgetSet: self = .budgetSet(try BudgetSet(from: &reader))
    case .budgetList: self = .budgetList(try BudgetList(from: &reader))
    case .budgetListing: self = .budgetListing(try BudgetListing(from: &reader))
    case .budgetKeyCreate: self = .budgetKeyCreate(try BudgetKeyCreate(from: &reader))
    case .receiptQuery: self = .receiptQuery(try ReceiptQuery(from: &reader))
    case .receipt: self = .receipt(try Receipt(from: &reader))
    case .delegationKeySet: self = .delegationKeySet(try DelegationKeySet(from: &reader))
    case .delegationRevoke: self = .delegationRevoke(try DelegationRevoke(from: &reader))
    case .delegationList: self = .delegationList(try DelegationList(from: &reader))
    case .delegationListing: self = .delegationListing(try DelegationListing(from: &reader))
    case .delegationReport: self = .delegationReport(try DelegationReport(from: &reader))
    case .standingQuery: self = .standingQuery(try StandingQuery(from: &reader))
    case .standing: self = .standing(try Standing(from: &reader))
    case .hostReport: self = .hostReport(try HostReport(from: &reader))
    case .bookQuery: self = .bookQuery(try BookQuery(from: &reader))
    case .book: self = .book(try Book(from: &reader))
    case .quoteQuery: self = .quoteQuery(try QuoteQuery(from: &reader))
    case .priceQuery: self = .priceQuery(try PriceQuery(from: &reader))
    case .priceHistory: self = .priceHistory(try PriceHistory(from: &reader))
    case .askSet: self = .askSet(try AskSet(from: &reader))
    case .askList: self = .askList(try AskList(from: &reader))
    case .askListing: self = .askListing(try AskListing(from: &reader))
    case .salesQuery: self = .salesQuery(try SalesQuery(from: &reader))
    case .salesListing: self = .salesListing(try SalesListing(from: &reader))
    case .accountWeightSet: self = .accountWeightSet(try AccountWeightSet(from: &reader))
    case .accountWeightReport: self = .accountWeightReport(try AccountWeightReport(from: &reader))
    case .accountOwnerSet: self = .accountOwnerSet(try AccountOwnerSet(from: &reader))
    case .accountOwnerReport: self = .accountOwnerReport(try AccountOwnerReport(from: &reader))
    }
  }

  /// The message itself.
  public var content: any WireMessage {
    switch self {
    case .hello(let content): content
    case .welcome(let content): content
    case .failure(let content): content
    case .ping(let content): content
    case .pong(let content): content
    case .goodbye(let content): content
    case .leaderNotice(let content): content
    case .requestVote(let content): content
    case .requestVoteResult(let content): content
    case .appendEntries(let content): content
    case .appendEntriesResult(let content): content
    case .installSnapshot(let content): content
    case .timeoutNow(let content): content
    case .readConfirm(let content): content
    case .readConfirmResult(let content): content
    case .keyOffer(let content): content
    case .keyAccept(let content): content
    case .snapshotFetch(let content): content
    case .snapshotChunk(let content): content
    case .submit(let content): content
    case .accepted(let content): content
    case .follow(let content): content
    case .waiting(let content): content
    case .events(let content): content
    case .ended(let content): content
    case .cancel(let content): content
    case .jobQuery(let content): content
    case .jobReport(let content): content
    case .jobList(let content): content
    case .jobListing(let content): content
    case .purge(let content): content
    case .purged(let content): content
    case .cancelMany(let content): content
    case .cancelledMany(let content): content
    case .modelList(let content): content
    case .modelListing(let content): content
    case .workerList(let content): content
    case .workerListing(let content): content
    case .statusQuery(let content): content
    case .statusReport(let content): content
    case .accountCreate(let content): content
    case .accountReport(let content): content
    case .accountCredit(let content): content
    case .accountQuery(let content): content
    case .keyCreate(let content): content
    case .keyReport(let content): content
    case .keyList(let content): content
    case .keyListing(let content): content
    case .keyRevoke(let content): content
    case .invite(let content): content
    case .invitationReport(let content): content
    case .join(let content): content
    case .certificateIssued(let content): content
    case .certificateRenew(let content): content
    case .certificateRevoke(let content): content
    case .nodeList(let content): content
    case .nodeListing(let content): content
    case .keyRotate(let content): content
    case .keyRequest(let content): content
    case .retentionSet(let content): content
    case .retentionReport(let content): content
    case .stateStatement(let content): content
    case .clusterQuery(let content): content
    case .clusterReport(let content): content
    case .clusterChange(let content): content
    case .workerRegister(let content): content
    case .workerRegistered(let content): content
    case .workerHeartbeat(let content): content
    case .workerHeartbeatAck(let content): content
    case .park(let content): content
    case .assign(let content): content
    case .chunk(let content): content
    case .attemptFinished(let content): content
    case .attemptCancel(let content): content
    case .attemptSettled(let content): content
    case .attemptResume(let content): content
    case .attemptContinue(let content): content
    case .attemptAbandon(let content): content
    case .revocationNotice(let content): content
    case .tailQuery(let content): content
    case .tail(let content): content
    case .attemptGoesOn(let content): content
    case .keyLimit(let content): content
    case .dryRun(let content): content
    case .jobWhyQuery(let content): content
    case .jobWhyReport(let content): content
    case .workerWhyQuery(let content): content
    case .workerWhyReport(let content): content
    case .journalQuery(let content): content
    case .journalListing(let content): content
    case .accountList(let content): content
    case .accountListing(let content): content
    case .transferPost(let content): content
    case .transferReport(let content): content
    case .transferReverse(let content): content
    case .accountClose(let content): content
    case .feeSet(let content): content
    case .feeReport(let content): content
    case .budgetCreate(let content): content
    case .budgetReport(let content): content
    case .budgetSet(let content): content
    case .budgetList(let content): content
    case .budgetListing(let content): content
    case .budgetKeyCreate(let content): content
    case .receiptQuery(let content): content
    case .receipt(let content): content
    case .delegationKeySet(let content): content
    case .delegationRevoke(let content): content
    case .delegationList(let content): content
    case .delegationListing(let content): content
    case .delegationReport(let content): content
    case .standingQuery(let content): content
    case .standing(let content): content
    case .hostReport(let content): content
    case .bookQuery(let content): content
    case .book(let content): content
    case .quoteQuery(let content): content
    case .priceQuery(let content): content
    case .priceHistory(let content): content
    case .askSet(let content): content
    case .askList(let content): content
    case .askListing(let content): content
    case .salesQuery(let content): content
    case .salesListing(let content): content
    case .accountWeightSet(let content): content
    case .accountWeightReport(let content): content
    case .accountOwnerSet(let content): content
    case .accountOwnerReport(let content): content
    }
  }
}
