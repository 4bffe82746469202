// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

/// Asks for the models on offer.
public struct ModelList: WireMessage {
  /// ModelList is number 80.
  public static let kind = MessageKind.modelList

  /// Only those whose names begin so; one that is named just so is not left out.
  public let beginning: String?

  /// Joins the fields.
  public init(beginning: String?) {
    self.beginning = beginning
  }
}

/// Answers a ModelList.
public struct ModelListing: WireMessage {
  /// ModelListing is number 81.
  public static let kind = MessageKind.modelListing

  /// The models, by name; of more than fit, those that nobody serves are left out first.
  public let models: [ModelSummary]
  /// What each of them is served for, in the same order.
  public let abilities: [ModelAbilities]?

  /// Joins the fields.
  public init(models: [ModelSummary], abilities: [ModelAbilities]?) {
    self.models = models
    self.abilities = abilities
  }
}

/// Asks for the workers that the caller may see.
public struct WorkerList: WireMessage {
  /// WorkerList is number 82.
  public static let kind = MessageKind.workerList

  /// Joins the fields.
  public init() {}
}

/// Answers a WorkerList.
public struct WorkerListing: WireMessage {
  /// WorkerListing is number 83.
  public static let kind = MessageKind.workerListing

  /// The workers, by id; of more than fit, the oldest that are offline are left out first.
  public let workers: [WorkerSummary]
  /// The GPUs of those that are connected and told of any, by worker and number, as far as they are
  /// the caller's or he has the scope admin; of more than fit, the last are left out.
  public let gpus: [WorkerGPU]?

  /// Joins the fields.
  public init(workers: [WorkerSummary], gpus: [WorkerGPU]?) {
    self.workers = workers
    self.gpus = gpus
  }
}

/// Asks one coordinator for its status.
public struct StatusQuery: WireMessage {
  /// StatusQuery is number 84.
  public static let kind = MessageKind.statusQuery

  /// Joins the fields.
  public init() {}
}

/// Answers a StatusQuery.
public struct StatusReport: WireMessage {
  /// StatusReport is number 85.
  public static let kind = MessageKind.statusReport

  /// The coordinator.
  public let replica: ReplicaID
  /// What it is in its group.
  public let role: ReplicaRole
  /// Its term.
  public let term: Term
  /// The leader that it knows; 0 if none.
  public let leader: ReplicaID
  /// The leader's `host:port`; empty if unknown.
  public let leaderAddress: String
  /// Highest entry that it knows to be committed.
  public let commitIndex: LogIndex
  /// Highest entry that it has applied.
  public let appliedIndex: LogIndex
  /// Last entry in its log.
  public let lastIndex: LogIndex
  /// State digest at `appliedIndex`.
  public let digest: [UInt8]
  /// The version of apply's behaviour.
  public let stateVersion: UInt32
  /// Log time at `appliedIndex`, in milliseconds.
  public let logTime: LogTime
  /// Jobs that wait.
  public let jobsQueued: UInt32
  /// Jobs with a live attempt.
  public let jobsRunning: UInt32
  /// The other replicas; ages and matches only at the leader.
  public let peers: [PeerSummary]
  /// Program and version.
  public let software: String
  /// The index at which its state was found to be another than the majority's: it serves nothing
  /// any more.
  ///
  /// None while it serves.
  public let divergedAt: LogIndex?
  /// The newest state version that its program can apply.
  public let stateVersionMax: UInt32?
  /// What it has refused since it was started, by kind, in the order of their names.
  public let refusals: [RefusalCount]?
  /// Bytes of its disk that hold something; none where nobody counts them.
  public let diskUsed: UInt64?
  /// The most bytes that can: its budget, or what its volume has where that is less.
  public let diskCapacity: UInt64?

  /// Joins the fields.
  public init(
    replica: ReplicaID, role: ReplicaRole, term: Term, leader: ReplicaID, leaderAddress: String,
    commitIndex: LogIndex, appliedIndex: LogIndex, lastIndex: LogIndex, digest: [UInt8],
    stateVersion: UInt32, logTime: LogTime, jobsQueued: UInt32, jobsRunning: UInt32,
    peers: [PeerSummary], software: String, divergedAt: LogIndex?, stateVersionMax: UInt32?,
    refusals: [RefusalCount]?, diskUsed: UInt64?, diskCapacity: UInt64?
  ) {
    self.replica = replica
    self.role = role
    self.term = term
    self.leader = leader
    self.leaderAddress = leaderAddress
    self.commitIndex = commitIndex
    self.appliedIndex = appliedIndex
    self.lastIndex = lastIndex
    self.digest = digest
    self.stateVersion = stateVersion
    self.logTime = logTime
    self.jobsQueued = jobsQueued
    self.jobsRunning = jobsRunning
    self.peers = peers
    self.software = software
    self.divergedAt = divergedAt
    self.stateVersionMax = stateVersionMax
    self.refusals = refusals
    self.diskUsed = diskUsed
    self.diskCapacity = diskCapacity
  }
}

/// Asks why no jobs come to the caller's workers, and at what price they would.
public struct WorkerWhyQuery: WireMessage {
  /// WorkerWhyQuery is number 159.
  public static let kind = MessageKind.workerWhyQuery

  /// The worker; 0 for all of the account.
  public let worker: WorkerID

  /// Joins the fields.
  public init(worker: WorkerID) {
    self.worker = worker
  }
}

/// Answers a WorkerWhyQuery.
public struct WorkerWhyReport: WireMessage {
  /// WorkerWhyReport is number 160.
  public static let kind = MessageKind.workerWhyReport

  /// The offers, by worker and place.
  public let offers: [OfferOutlook]
  /// Offers that do not fit.
  public let leftOut: UInt32

  /// Joins the fields.
  public init(offers: [OfferOutlook], leftOut: UInt32) {
    self.offers = offers
    self.leftOut = leftOut
  }
}
