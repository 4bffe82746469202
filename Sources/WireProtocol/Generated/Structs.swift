// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

/// One numbered piece of a job's output.
public struct Event: Hashable, Sendable {
  /// Its number in the job's record: 1, 2, 3, … without a gap.
  public let seq: UInt64
  /// Which of the `n` choices it belongs to; the first is 0.
  public let choice: UInt16
  /// What the bytes are.
  public let kind: EventKind
  /// How many tokens the engine says it stands for; a claim, never more than a bound of the bill.
  public let tokenCount: UInt32
  /// Ids of the tokens, where the engine gives them; else empty.
  public let ids: [UInt32]
  /// The bytes, as the engine sent them.
  public let bytes: [UInt8]

  /// Joins the fields.
  public init(
    seq: UInt64, choice: UInt16, kind: EventKind, tokenCount: UInt32, ids: [UInt32], bytes: [UInt8]
  ) {
    self.seq = seq
    self.choice = choice
    self.kind = kind
    self.tokenCount = tokenCount
    self.ids = ids
    self.bytes = bytes
  }
}

/// A part of an output that another attempt has made: text with the ids of its tokens, or without.
public struct OutputPart: Hashable, Sendable {
  /// How many bytes of the text it is.
  public let bytes: UInt32
  /// How many tokens the engine said that it is.
  public let tokens: UInt32
  /// Their ids, all of them; empty if the engine has not given all.
  public let ids: [UInt32]

  /// Joins the fields.
  public init(bytes: UInt32, tokens: UInt32, ids: [UInt32]) {
    self.bytes = bytes
    self.tokens = tokens
    self.ids = ids
  }
}

/// What a leader vouched for in the last Events that a reader got: what it has beyond the record is
/// that.
public struct TailClaim: Hashable, Sendable {
  /// The attempt that made the tail.
  public let epoch: Epoch
  /// The last event that was committed then: the reader has every event after it.
  public let durableThrough: UInt64
  /// The stream MAC of that message.
  public let mac: [UInt8]

  /// Joins the fields.
  public init(epoch: Epoch, durableThrough: UInt64, mac: [UInt8]) {
    self.epoch = epoch
    self.durableThrough = durableThrough
    self.mac = mac
  }
}

/// Token counts that an engine reported at the end.
public struct Usage: Hashable, Sendable {
  /// Tokens of the prompt; absent if the engine said nothing.
  public let promptTokens: UInt32?
  /// Tokens of the output; absent if the engine said nothing.
  public let outputTokens: UInt32?

  /// Joins the fields.
  public init(promptTokens: UInt32?, outputTokens: UInt32?) {
    self.promptTokens = promptTokens
    self.outputTokens = outputTokens
  }
}

/// What a worker signs of an attempt that it has ended, beside what the message says (a receipt's
/// *worker statement*).
public struct WorkerWord: Hashable, Sendable {
  /// The first event that is its own; those before it were in the record.
  ///
  /// One more than the last if it made none.
  public let firstSeq: UInt64
  /// What the model's weights are, as the worker says: the kind of the hash, a colon, and the hash
  /// in hexadecimal.
  ///
  /// Absent if it cannot say.
  public let digest: String?
  /// ECDSA over P-256 and SHA-256 with the key of the worker's certificate: r and s, the lower of
  /// the two.
  public let signature: [UInt8]

  /// Joins the fields.
  public init(firstSeq: UInt64, digest: String?, signature: [UInt8]) {
    self.firstSeq = firstSeq
    self.digest = digest
    self.signature = signature
  }
}

/// A model that a worker serves, with its price.
public struct OfferTerms: Hashable, Sendable {
  /// The model's name.
  public let model: String
  /// Most tokens of prompt and output together.
  public let context: UInt32
  /// The output bound of a request that names none.
  public let outputDefault: UInt32
  /// Jobs it serves at the same time.
  public let slots: UInt16
  /// Nano-credits per million prompt tokens.
  public let priceInput: Price
  /// Nano-credits per million output tokens.
  public let priceOutput: Price
  /// How output tokens are counted.
  public let basis: BillingBasis
  /// Fewest UTF-8 bytes of text per token on average, at least 1: bounds claimed counts.
  public let bytesPerTokenFloor: UInt8
  /// The endpoints it serves.
  public let endpoints: [Endpoint]

  /// Joins the fields.
  public init(
    model: String, context: UInt32, outputDefault: UInt32, slots: UInt16, priceInput: Price,
    priceOutput: Price, basis: BillingBasis, bytesPerTokenFloor: UInt8, endpoints: [Endpoint]
  ) {
    self.model = model
    self.context = context
    self.outputDefault = outputDefault
    self.slots = slots
    self.priceInput = priceInput
    self.priceOutput = priceOutput
    self.basis = basis
    self.bytesPerTokenFloor = bytesPerTokenFloor
    self.endpoints = endpoints
  }
}

/// One named fact about a failure, such as a limit and what was asked for.
public struct ErrorDetail: Hashable, Sendable {
  /// What the fact is, in snake_case.
  public let name: String
  /// The fact.
  public let value: String

  /// Joins the fields.
  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// What is known about a job, without its content.
public struct JobSummary: Hashable, Sendable {
  /// The job.
  public let job: JobID
  /// Where it is in its life.
  public let state: JobState
  /// The model asked for.
  public let model: String
  /// Whether it needs its reader.
  public let mode: JobMode
  /// Log time of the submit, in milliseconds.
  public let createdAt: LogTime
  /// The latest attempt; 0 before the first.
  public let epoch: Epoch
  /// The worker of the latest attempt; 0 before the first.
  public let worker: WorkerID
  /// Prompt tokens billed; 0 while the job is open.
  public let promptTokens: TokenCount
  /// Output tokens billed; 0 while the job is open.
  public let outputTokens: TokenCount
  /// What was captured; 0 while the job is open.
  public let charge: Credits
  /// What is held; 0 once the job has ended.
  public let hold: Credits
  /// The last event in the committed record; 0 if none.
  public let lastSeq: UInt64
  /// Why the output ended; absent while the job is open.
  public let finish: FinishReason?
  /// An error code; 0 if none.
  public let error: UInt16
  /// More about the error; empty if none.
  public let errorText: String

  /// Joins the fields.
  public init(
    job: JobID, state: JobState, model: String, mode: JobMode, createdAt: LogTime, epoch: Epoch,
    worker: WorkerID, promptTokens: TokenCount, outputTokens: TokenCount, charge: Credits,
    hold: Credits, lastSeq: UInt64, finish: FinishReason?, error: UInt16, errorText: String
  ) {
    self.job = job
    self.state = state
    self.model = model
    self.mode = mode
    self.createdAt = createdAt
    self.epoch = epoch
    self.worker = worker
    self.promptTokens = promptTokens
    self.outputTokens = outputTokens
    self.charge = charge
    self.hold = hold
    self.lastSeq = lastSeq
    self.finish = finish
    self.error = error
    self.errorText = errorText
  }
}

/// What the exchange offers under one model name.
public struct ModelSummary: Hashable, Sendable {
  /// The name.
  public let model: String
  /// The largest context offered, in tokens.
  public let context: UInt32
  /// The output bound of a request that names none.
  public let outputDefault: UInt32
  /// The lowest price per million prompt tokens.
  public let priceInputMin: Price
  /// The lowest price per million output tokens.
  public let priceOutputMin: Price
  /// Accounts that offer it.
  public let suppliers: UInt16
  /// Slots of online workers.
  public let slots: UInt16
  /// Those of them that are free.
  public let slotsFree: UInt16

  /// Joins the fields.
  public init(
    model: String, context: UInt32, outputDefault: UInt32, priceInputMin: Price,
    priceOutputMin: Price, suppliers: UInt16, slots: UInt16, slotsFree: UInt16
  ) {
    self.model = model
    self.context = context
    self.outputDefault = outputDefault
    self.priceInputMin = priceInputMin
    self.priceOutputMin = priceOutputMin
    self.suppliers = suppliers
    self.slots = slots
    self.slotsFree = slotsFree
  }
}

/// What the workers that offer a model can do with it, each of them some of it.
public struct ModelAbilities: Hashable, Sendable {
  /// The endpoints that offers of it name, in ascending order.
  public let endpoints: [Endpoint]
  /// What the engines of connected workers can do, as WorkerRegister says it; 0 while none is
  /// connected.
  public let capabilities: UInt32

  /// Joins the fields.
  public init(endpoints: [Endpoint], capabilities: UInt32) {
    self.endpoints = endpoints
    self.capabilities = capabilities
  }
}

/// What is known about a worker.
public struct WorkerSummary: Hashable, Sendable {
  /// The worker.
  public let worker: WorkerID
  /// Its name under its account.
  public let name: String
  /// The account that is paid.
  public let account: AccountID
  /// Whether the leader hears from it.
  public let online: Bool
  /// Whether it takes no new job.
  public let draining: Bool
  /// Slots over all its offers.
  public let slots: UInt16
  /// Those of them in use.
  public let busy: UInt16
  /// What it offers.
  public let offers: [OfferTerms]

  /// Joins the fields.
  public init(
    worker: WorkerID, name: String, account: AccountID, online: Bool, draining: Bool, slots: UInt16,
    busy: UInt16, offers: [OfferTerms]
  ) {
    self.worker = worker
    self.name = name
    self.account = account
    self.online = online
    self.draining = draining
    self.slots = slots
    self.busy = busy
    self.offers = offers
  }
}

/// An account and its sums.
public struct AccountSummary: Hashable, Sendable {
  /// The account.
  public let account: AccountID
  /// Its name.
  public let name: String
  /// What it is for.
  public let kind: AccountKind
  /// Available and held, together.
  public let balance: Credits
  /// Held for open jobs.
  public let held: Credits
  /// All that was ever debited.
  public let spent: Credits
  /// All that was ever credited.
  public let earned: Credits

  /// Joins the fields.
  public init(
    account: AccountID, name: String, kind: AccountKind, balance: Credits, held: Credits,
    spent: Credits, earned: Credits
  ) {
    self.account = account
    self.name = name
    self.kind = kind
    self.balance = balance
    self.held = held
    self.spent = spent
    self.earned = earned
  }
}

/// An API key, without its secret.
public struct KeySummary: Hashable, Sendable {
  /// The key.
  public let key: KeyID
  /// Its account.
  public let account: AccountID
  /// What it allows: bits of Scopes.
  public let scopes: Scopes
  /// Its name.
  public let name: String
  /// Whether it is dead.
  public let revoked: Bool

  /// Joins the fields.
  public init(key: KeyID, account: AccountID, scopes: Scopes, name: String, revoked: Bool) {
    self.key = key
    self.account = account
    self.scopes = scopes
    self.name = name
    self.revoked = revoked
  }
}

/// When an API key ends and when it was used, counted from the answer in log time.
public struct KeyLife: Hashable, Sendable {
  /// Milliseconds until it dies by itself; absent if it does not.
  public let expiresInMs: UInt64?
  /// Milliseconds for which its former secret is still taken; absent if there is none.
  public let formerForMs: UInt64?
  /// Milliseconds since it was last seen in use, to within a minute; absent if it never was.
  public let lastUsedAgoMs: UInt64?

  /// Joins the fields.
  public init(expiresInMs: UInt64?, formerForMs: UInt64?, lastUsedAgoMs: UInt64?) {
    self.expiresInMs = expiresInMs
    self.formerForMs = formerForMs
    self.lastUsedAgoMs = lastUsedAgoMs
  }
}

/// What an API key may use in a minute.
public struct RateTerms: Hashable, Sendable {
  /// Jobs that it may submit, from 1 on; absent if they are not limited.
  public let requests: UInt32?
  /// Tokens that its jobs may have, prompt and output together, from 1 to 10¹²; absent if they are
  /// not limited.
  public let tokens: UInt64?

  /// Joins the fields.
  public init(requests: UInt32?, tokens: UInt64?) {
    self.requests = requests
    self.tokens = tokens
  }
}

/// What an API key may use in a minute, and what it has left: buckets that hold a minute's worth
/// and fill as time passes.
public struct RateSummary: Hashable, Sendable {
  /// Jobs that it may submit in a minute; absent if they are not limited.
  public let requests: UInt32?
  /// How many of them it may submit now; 0 if they are not limited.
  public let requestsLeft: UInt32
  /// Tokens that its jobs may have in a minute, prompt and output together; absent if they are not
  /// limited.
  public let tokens: UInt64?
  /// How many of them its next job may have now; 0 if they are not limited.
  public let tokensLeft: UInt64

  /// Joins the fields.
  public init(requests: UInt32?, requestsLeft: UInt32, tokens: UInt64?, tokensLeft: UInt64) {
    self.requests = requests
    self.requestsLeft = requestsLeft
    self.tokens = tokens
    self.tokensLeft = tokensLeft
  }
}

/// An invitation, without its secret.
public struct InvitationSummary: Hashable, Sendable {
  /// The invitation.
  public let invitation: InvitationID
  /// What its node becomes.
  public let role: NodeRole
  /// The node's name; an invitation for none is refused.
  public let name: String?
  /// Log time from which on it is worth nothing, in milliseconds.
  public let expiresAt: LogTime
  /// The certificate that was issued for it; 0 while it is unused.
  public let certificate: CertificateNumber

  /// Joins the fields.
  public init(
    invitation: InvitationID, role: NodeRole, name: String?, expiresAt: LogTime,
    certificate: CertificateNumber
  ) {
    self.invitation = invitation
    self.role = role
    self.name = name
    self.expiresAt = expiresAt
    self.certificate = certificate
  }
}

/// A certificate that the cluster has issued.
public struct CertificateSummary: Hashable, Sendable {
  /// Its number, from which its serial follows.
  public let certificate: CertificateNumber
  /// What its node is.
  public let role: NodeRole
  /// Its node's name.
  public let name: String
  /// Log time of its issue, in milliseconds.
  public let issuedAt: LogTime
  /// Log time of its end, in milliseconds.
  public let expiresAt: LogTime
  /// Whether it is revoked.
  public let revoked: Bool

  /// Joins the fields.
  public init(
    certificate: CertificateNumber, role: NodeRole, name: String, issuedAt: LogTime,
    expiresAt: LogTime, revoked: Bool
  ) {
    self.certificate = certificate
    self.role = role
    self.name = name
    self.issuedAt = issuedAt
    self.expiresAt = expiresAt
    self.revoked = revoked
  }
}

/// What is revoked: the certificates of a node, or one certificate.
public struct RevocationSummary: Hashable, Sendable {
  /// The node's role; absent where one certificate is revoked.
  public let role: NodeRole?
  /// The node's name; empty where one certificate is revoked.
  public let name: String
  /// The certificate's serial; empty where a node is revoked.
  public let serial: [UInt8]
  /// Log time of the revocation, in milliseconds.
  public let at: LogTime

  /// Joins the fields.
  public init(role: NodeRole?, name: String, serial: [UInt8], at: LogTime) {
    self.role = role
    self.name = name
    self.serial = serial
    self.at = at
  }
}

/// Where a coordinator listens.
public struct CoordinatorAddress: Hashable, Sendable {
  /// The coordinator.
  public let replica: ReplicaID
  /// Its `host:port`.
  public let address: String

  /// Joins the fields.
  public init(replica: ReplicaID, address: String) {
    self.replica = replica
    self.address = address
  }
}

/// How often something was refused.
public struct RefusalCount: Hashable, Sendable {
  /// What for: the word in the log's line.
  public let kind: String
  /// How often since the process was started.
  public let count: UInt64

  /// Joins the fields.
  public init(kind: String, count: UInt64) {
    self.kind = kind
    self.count = count
  }
}

/// A GPU of a worker's host, as the tool of its vendor tells it.
///
/// What the tool does not know is absent.
public struct GPUFacts: Hashable, Sendable {
  /// Its number on the host.
  public let index: UInt16
  /// Its id, stable over restarts; empty if the tool gives none.
  public let uuid: String
  /// Its product's name; empty if the tool gives none.
  public let name: String
  /// How it is divided, or which part of one it is, such as `MIG 3g.40gb, 2 x 1g.10gb`; empty for
  /// one that is whole.
  public let partition: String
  /// Per cent of the last moments in which it worked.
  public let utilization: UInt8?
  /// MiB in use.
  public let memoryUsed: UInt32?
  /// MiB that it has.
  public let memoryTotal: UInt32?
  /// Milliwatts drawn.
  public let power: UInt32?
  /// Milliwatts that it may draw.
  public let powerLimit: UInt32?
  /// Degrees Celsius.
  public let temperature: UInt8?
  /// Processes on it that are not the worker's engine's.
  public let foreignProcesses: UInt16?
  /// MiB that these use.
  public let foreignMemory: UInt32?

  /// Joins the fields.
  public init(
    index: UInt16, uuid: String, name: String, partition: String, utilization: UInt8?,
    memoryUsed: UInt32?, memoryTotal: UInt32?, power: UInt32?, powerLimit: UInt32?,
    temperature: UInt8?, foreignProcesses: UInt16?, foreignMemory: UInt32?
  ) {
    self.index = index
    self.uuid = uuid
    self.name = name
    self.partition = partition
    self.utilization = utilization
    self.memoryUsed = memoryUsed
    self.memoryTotal = memoryTotal
    self.power = power
    self.powerLimit = powerLimit
    self.temperature = temperature
    self.foreignProcesses = foreignProcesses
    self.foreignMemory = foreignMemory
  }
}

/// A GPU, and whose it is.
public struct WorkerGPU: Hashable, Sendable {
  /// The worker on whose host it is.
  public let worker: WorkerID
  /// What that worker told last.
  public let gpu: GPUFacts

  /// Joins the fields.
  public init(worker: WorkerID, gpu: GPUFacts) {
    self.worker = worker
    self.gpu = gpu
  }
}

/// A member of the consensus group, as its leader sees it.
public struct MemberSummary: Hashable, Sendable {
  /// The member.
  public let replica: ReplicaID
  /// Its `host:port`; for one that is retired, a name that is no address.
  public let address: String
  /// What it may do.
  public let role: MemberRole
  /// The last entry known to be on its disk; 0 where unknown.
  public let matchIndex: LogIndex
  /// Milliseconds since it last answered the leader; 0 for the leader itself, the largest number if
  /// never.
  public let contactAgeMs: UInt64
  /// The newest state version that its program has said to support in this term; 0 if it has not.
  public let stateVersionMax: UInt32

  /// Joins the fields.
  public init(
    replica: ReplicaID, address: String, role: MemberRole, matchIndex: LogIndex,
    contactAgeMs: UInt64, stateVersionMax: UInt32
  ) {
    self.replica = replica
    self.address = address
    self.role = role
    self.matchIndex = matchIndex
    self.contactAgeMs = contactAgeMs
    self.stateVersionMax = stateVersionMax
  }
}

/// How the leader sees another replica.
public struct PeerSummary: Hashable, Sendable {
  /// The replica.
  public let replica: ReplicaID
  /// Its `host:port`.
  public let address: String
  /// Whether it votes.
  public let voter: Bool
  /// The last entry known to be on its disk; 0 where unknown.
  public let matchIndex: LogIndex
  /// Milliseconds since it last answered the leader; 0 for itself, the largest number if never or
  /// unless it leads.
  public let contactAgeMs: UInt64

  /// Joins the fields.
  public init(
    replica: ReplicaID, address: String, voter: Bool, matchIndex: LogIndex, contactAgeMs: UInt64
  ) {
    self.replica = replica
    self.address = address
    self.voter = voter
    self.matchIndex = matchIndex
    self.contactAgeMs = contactAgeMs
  }
}

/// One member of a configuration of the consensus group.
public struct RaftServer: Hashable, Sendable {
  /// The member.
  public let replica: ReplicaID
  /// Its `host:port`.
  public let address: String
  /// What it is there.
  public let role: ServerRole

  /// Joins the fields.
  public init(replica: ReplicaID, address: String, role: ServerRole) {
    self.replica = replica
    self.address = address
    self.role = role
  }
}

/// What a sale of the journal says beside its line.
public struct JournalSale: Hashable, Sendable {
  /// The number of the line.
  public let transfer: TransferID
  /// Prompt tokens that were billed, those that were cached among them.
  public let promptTokens: TokenCount
  /// What the engine had cached of them.
  public let cachedTokens: TokenCount
  /// Output tokens that were billed.
  public let outputTokens: TokenCount
  /// The job's charge.
  public let charge: Credits
  /// Whether consumer and supplier were of one owner.
  public let own: Bool

  /// Joins the fields.
  public init(
    transfer: TransferID, promptTokens: TokenCount, cachedTokens: TokenCount,
    outputTokens: TokenCount, charge: Credits, own: Bool
  ) {
    self.transfer = transfer
    self.promptTokens = promptTokens
    self.cachedTokens = cachedTokens
    self.outputTokens = outputTokens
    self.charge = charge
    self.own = own
  }
}

/// A transfer of the journal.
public struct TransferEntry: Hashable, Sendable {
  /// Its number, in the order of posting.
  public let transfer: TransferID
  /// Who pays.
  public let debit: AccountID
  /// Who is paid.
  public let credit: AccountID
  /// How much.
  public let amount: Credits
  /// Why.
  public let kind: TransferKind
  /// The job paid for, if one was.
  public let job: JobID?
  /// Log time of the posting, in milliseconds.
  public let time: LogTime
  /// The first of the transfers that were posted together with it; absent if it was posted alone.
  public let group: TransferID?
  /// The transfer that it takes back; absent if it is no reversal.
  public let reverses: TransferID?

  /// Joins the fields.
  public init(
    transfer: TransferID, debit: AccountID, credit: AccountID, amount: Credits, kind: TransferKind,
    job: JobID?, time: LogTime, group: TransferID?, reverses: TransferID?
  ) {
    self.transfer = transfer
    self.debit = debit
    self.credit = credit
    self.amount = amount
    self.kind = kind
    self.job = job
    self.time = time
    self.group = group
    self.reverses = reverses
  }
}

/// A transfer that is asked for.
public struct TransferLeg: Hashable, Sendable {
  /// Who pays.
  public let debit: AccountID
  /// Who is paid.
  public let credit: AccountID
  /// How much.
  public let amount: Credits

  /// Joins the fields.
  public init(debit: AccountID, credit: AccountID, amount: Credits) {
    self.debit = debit
    self.credit = credit
    self.amount = amount
  }
}

/// An account as the books have it.
public struct AccountSums: Hashable, Sendable {
  /// The account.
  public let account: AccountID
  /// Its name.
  public let name: String
  /// What it is for.
  public let kind: AccountKind
  /// All that was ever debited.
  public let debits: Credits
  /// All that was ever credited.
  public let credits: Credits
  /// Held for open jobs.
  public let held: Credits
  /// The part of the credits that was captured for work done.
  public let earned: Credits
  /// Whether it is closed.
  public let closed: Bool

  /// Joins the fields.
  public init(
    account: AccountID, name: String, kind: AccountKind, debits: Credits, credits: Credits,
    held: Credits, earned: Credits, closed: Bool
  ) {
    self.account = account
    self.name = name
    self.kind = kind
    self.debits = debits
    self.credits = credits
    self.held = held
    self.earned = earned
    self.closed = closed
  }
}

/// A budget: what it allows, and what was drawn on it.
public struct BudgetSummary: Hashable, Sendable {
  /// The budget.
  public let budget: BudgetID
  /// The budget that it is a part of; 0 for the top of a tree.
  public let parent: BudgetID
  /// Who pays.
  public let account: AccountID
  /// Whose it is.
  public let level: BudgetLevel
  /// A name for people.
  public let name: String
  /// The key that draws on it, at the level of keys; else 0.
  public let key: KeyID
  /// Most that may be spent in a day of log time; absent for no such limit.
  public let perDay: Credits?
  /// Most that may be spent in 30 days of log time; absent for no such limit.
  public let perMonth: Credits?
  /// Most that may ever be spent; absent for no such limit.
  public let total: Credits?
  /// Whether it allows nothing at all.
  public let closed: Bool
  /// Held for open jobs.
  public let held: Credits
  /// Spent in the day of log time that it is.
  public let spentInDay: Credits
  /// Spent in the 30 days of log time that it is.
  public let spentInMonth: Credits
  /// Ever spent.
  public let spent: Credits
  /// Milliseconds of log time until the day ends.
  public let dayEndsInMs: UInt64
  /// Milliseconds of log time until the 30 days end.
  public let monthEndsInMs: UInt64

  /// Joins the fields.
  public init(
    budget: BudgetID, parent: BudgetID, account: AccountID, level: BudgetLevel, name: String,
    key: KeyID, perDay: Credits?, perMonth: Credits?, total: Credits?, closed: Bool, held: Credits,
    spentInDay: Credits, spentInMonth: Credits, spent: Credits, dayEndsInMs: UInt64,
    monthEndsInMs: UInt64
  ) {
    self.budget = budget
    self.parent = parent
    self.account = account
    self.level = level
    self.name = name
    self.key = key
    self.perDay = perDay
    self.perMonth = perMonth
    self.total = total
    self.closed = closed
    self.held = held
    self.spentInDay = spentInDay
    self.spentInMonth = spentInMonth
    self.spent = spent
    self.dayEndsInMs = dayEndsInMs
    self.monthEndsInMs = monthEndsInMs
  }
}

/// A delegation that the cluster has seen, or was told to refuse.
public struct DelegationSummary: Hashable, Sendable {
  /// The place in a listing; grows.
  public let number: UInt64
  /// Its id, drawn by who signed it.
  public let delegation: DelegationID
  /// The key whose holder signed it.
  public let parent: KeyID
  /// The key that its first use made; 0 if it was revoked before.
  public let key: KeyID
  /// The agent's name; empty once the key is forgotten.
  public let name: String
  /// What it allows: bits of Scopes.
  public let scopes: Scopes
  /// The only models that it may ask for; empty for all.
  public let models: [String]
  /// Whether it opens anything.
  public let live: Bool
  /// Milliseconds until it ends; absent once it has.
  public let expiresInMs: UInt64?
  /// What it may spend and has spent; absent once that is forgotten.
  public let budget: BudgetSummary?

  /// Joins the fields.
  public init(
    number: UInt64, delegation: DelegationID, parent: KeyID, key: KeyID, name: String,
    scopes: Scopes, models: [String], live: Bool, expiresInMs: UInt64?, budget: BudgetSummary?
  ) {
    self.number = number
    self.delegation = delegation
    self.parent = parent
    self.key = key
    self.name = name
    self.scopes = scopes
    self.models = models
    self.live = live
    self.expiresInMs = expiresInMs
    self.budget = budget
  }
}

/// A change to a request.
public struct ChangeTerms: Hashable, Sendable {
  /// The field, as `provider.only`, or the option's.
  public let field: String
  /// What it would have to be; empty where it would have to go.
  public let value: String

  /// Joins the fields.
  public init(field: String, value: String) {
    self.field = field
    self.value = value
  }
}

/// A worker whose engine has read a prompt that began alike, of the same account.
public struct WarmPrefix: Hashable, Sendable {
  /// The worker.
  public let worker: WorkerID
  /// Bytes of the prompt, from its beginning, that need not be read again.
  public let bytes: UInt64

  /// Joins the fields.
  public init(worker: WorkerID, bytes: UInt64) {
    self.worker = worker
    self.bytes = bytes
  }
}

/// An offer of a model as the leader judges it for one job: the same judgement that a plan is made
/// of.
public struct CandidateTerms: Hashable, Sendable {
  /// Whose offer.
  public let worker: WorkerID
  /// How consumers name the worker: `account/worker`.
  public let name: String
  /// What it asks per million prompt tokens.
  public let priceInput: Price
  /// What it asks per million output tokens.
  public let priceOutput: Price
  /// Tokens that prompt and output may have together.
  public let context: UInt32
  /// Jobs of the model that it runs at a time.
  public let slots: UInt16
  /// Slots of the worker that have a job, or will.
  public let busy: UInt16
  /// Slots that would take one now.
  public let free: UInt16
  /// Its place in the order of choice, from 1 on; 0 if something is in the way.
  public let place: UInt16
  /// What is in the way: offline, draining, silent, engine_down, engine_full, endpoint, context,
  /// outgrown (an engine found it too long for as much context), input_price, output_price,
  /// cannot_continue, tenant, capability, preference, full or reserved; empty if nothing is.
  public let obstacle: String
  /// The obstacle in words; empty if there is none.
  public let detail: String
  /// Whether it has lost or refused the job before: it is asked last.
  public let hasFailed: Bool
  /// Milliseconds to the first output, as this leader has measured; absent before that.
  public let firstOutputMs: UInt32?
  /// Tokens a second after it, as measured; absent before that.
  public let tokensPerSecond: UInt32?

  /// Joins the fields.
  public init(
    worker: WorkerID, name: String, priceInput: Price, priceOutput: Price, context: UInt32,
    slots: UInt16, busy: UInt16, free: UInt16, place: UInt16, obstacle: String, detail: String,
    hasFailed: Bool, firstOutputMs: UInt32?, tokensPerSecond: UInt32?
  ) {
    self.worker = worker
    self.name = name
    self.priceInput = priceInput
    self.priceOutput = priceOutput
    self.context = context
    self.slots = slots
    self.busy = busy
    self.free = free
    self.place = place
    self.obstacle = obstacle
    self.detail = detail
    self.hasFailed = hasFailed
    self.firstOutputMs = firstOutputMs
    self.tokensPerSecond = tokensPerSecond
  }
}

/// One worker's try at a job.
public struct AttemptTerms: Hashable, Sendable {
  /// Which try.
  public let epoch: Epoch
  /// Whose.
  public let worker: WorkerID
  /// running, settled, lost, or preempted: its slot was given to another job.
  public let state: String
  /// Why it was lost, or a note about one that settled (engine_no_usage); 0 if there is neither.
  public let error: UInt16
  /// What was asked per million prompt tokens, while that is known.
  public let priceInput: Price?
  /// The same for output tokens.
  public let priceOutput: Price?

  /// Joins the fields.
  public init(
    epoch: Epoch, worker: WorkerID, state: String, error: UInt16, priceInput: Price?,
    priceOutput: Price?
  ) {
    self.epoch = epoch
    self.worker = worker
    self.state = state
    self.error = error
    self.priceInput = priceInput
    self.priceOutput = priceOutput
  }
}

/// How many jobs one reason holds for.
public struct ReasonCount: Hashable, Sendable {
  /// An obstacle's name, or what another offer was preferred for: failed, order, slower, dearer,
  /// loaded, busier or later.
  public let reason: String
  /// The jobs.
  public let count: UInt32

  /// Joins the fields.
  public init(reason: String, count: UInt32) {
    self.reason = reason
    self.count = count
  }
}

/// What a price would bring.
public struct PriceStep: Hashable, Sendable {
  /// Per million prompt tokens.
  public let priceInput: Price
  /// Per million output tokens.
  public let priceOutput: Price
  /// How many of the jobs that were looked at would come, if all who are there had a slot free.
  public let jobs: UInt32

  /// Joins the fields.
  public init(priceInput: Price, priceOutput: Price, jobs: UInt32) {
    self.priceInput = priceInput
    self.priceOutput = priceOutput
    self.jobs = jobs
  }
}

/// Why jobs come to an offer, or do not.
public struct OfferOutlook: Hashable, Sendable {
  /// The offer, and what is in the way of any job: obstacle and place are for a job that asks for
  /// nothing special.
  public let offer: CandidateTerms
  /// Its model.
  public let model: String
  /// Jobs that wait for the model.
  public let queued: UInt32
  /// Recent jobs for the model that were looked at, newest first.
  public let seen: UInt32
  /// Those of them that the worker runs or ran last.
  public let taken: UInt32
  /// Why the others would not come now, each counted once.
  public let reasons: [ReasonCount]
  /// The worker there is that asks least for the model beside it.
  public let cheapest: WorkerID?
  /// Its own price, then lower ones at which more of the jobs would come.
  public let prices: [PriceStep]

  /// Joins the fields.
  public init(
    offer: CandidateTerms, model: String, queued: UInt32, seen: UInt32, taken: UInt32,
    reasons: [ReasonCount], cheapest: WorkerID?, prices: [PriceStep]
  ) {
    self.offer = offer
    self.model = model
    self.queued = queued
    self.seen = seen
    self.taken = taken
    self.reasons = reasons
    self.cheapest = cheapest
    self.prices = prices
  }
}

/// A worker's ask for a model, as it holds now.
public struct AskEntry: Hashable, Sendable {
  /// The supplier.
  public let account: AccountID
  /// Its name.
  public let supplier: String
  /// The worker.
  public let worker: WorkerID
  /// Its name.
  public let name: String
  /// Nano-credits per million prompt tokens.
  public let priceInput: Price
  /// The same for prompt tokens that the engine had cached.
  public let priceCachedInput: Price
  /// Nano-credits per million output tokens.
  public let priceOutput: Price
  /// Most tokens of prompt and output together.
  public let context: UInt32
  /// The output bound of a request that names none.
  public let outputDefault: UInt32
  /// Jobs it runs at the same time.
  public let slots: UInt16
  /// Jobs of the caller's account that it takes now.
  public let slotsFree: UInt16
  /// Slots that are for the supplier's own jobs alone.
  public let reserve: UInt16
  /// Whether it is for jobs of the caller's account.
  public let admits: Bool

  /// Joins the fields.
  public init(
    account: AccountID, supplier: String, worker: WorkerID, name: String, priceInput: Price,
    priceCachedInput: Price, priceOutput: Price, context: UInt32, outputDefault: UInt32,
    slots: UInt16, slotsFree: UInt16, reserve: UInt16, admits: Bool
  ) {
    self.account = account
    self.supplier = supplier
    self.worker = worker
    self.name = name
    self.priceInput = priceInput
    self.priceCachedInput = priceCachedInput
    self.priceOutput = priceOutput
    self.context = context
    self.outputDefault = outputDefault
    self.slots = slots
    self.slotsFree = slotsFree
    self.reserve = reserve
    self.admits = admits
  }
}

/// What a model was sold at in one interval of log time.
public struct PriceEntry: Hashable, Sendable {
  /// When the interval began.
  public let start: LogTime
  /// Jobs that were billed.
  public let jobs: UInt64
  /// Their prompt tokens, without those that engines had cached.
  public let promptTokens: UInt64
  /// The mean price of these, by volume, rounded down.
  public let inputMean: Price
  /// The lowest price of these.
  public let inputLow: Price
  /// The highest price of these.
  public let inputHigh: Price
  /// Prompt tokens that engines had cached.
  public let cachedTokens: UInt64
  /// The mean price of these, by volume, rounded down.
  public let cachedMean: Price
  /// The lowest price of these.
  public let cachedLow: Price
  /// The highest price of these.
  public let cachedHigh: Price
  /// Their output tokens.
  public let outputTokens: UInt64
  /// The mean price of these, by volume, rounded down.
  public let outputMean: Price
  /// The lowest price of these.
  public let outputLow: Price
  /// The highest price of these.
  public let outputHigh: Price
  /// Tokens that suppliers' own accounts bought from them: in none of the above.
  public let ownTokens: UInt64

  /// Joins the fields.
  public init(
    start: LogTime, jobs: UInt64, promptTokens: UInt64, inputMean: Price, inputLow: Price,
    inputHigh: Price, cachedTokens: UInt64, cachedMean: Price, cachedLow: Price, cachedHigh: Price,
    outputTokens: UInt64, outputMean: Price, outputLow: Price, outputHigh: Price, ownTokens: UInt64
  ) {
    self.start = start
    self.jobs = jobs
    self.promptTokens = promptTokens
    self.inputMean = inputMean
    self.inputLow = inputLow
    self.inputHigh = inputHigh
    self.cachedTokens = cachedTokens
    self.cachedMean = cachedMean
    self.cachedLow = cachedLow
    self.cachedHigh = cachedHigh
    self.outputTokens = outputTokens
    self.outputMean = outputMean
    self.outputLow = outputLow
    self.outputHigh = outputHigh
    self.ownTokens = ownTokens
  }
}

/// What a supplier posts about a model, for all of its workers.
public struct PostedTerms: Hashable, Sendable {
  /// The model.
  public let model: String
  /// Nano-credits per million prompt tokens; absent for what each worker registers with.
  public let priceInput: Price?
  /// The same for prompt tokens that the engine had cached, at most as much; absent for the price
  /// of the others.
  public let priceCachedInput: Price?
  /// Nano-credits per million output tokens; absent for what each worker registers with.
  public let priceOutput: Price?
  /// Slots of each worker that are for the supplier's own jobs alone.
  public let reserve: UInt16
  /// Accounts whose jobs may have its reserved slots, beside its own account's.
  public let own: [AccountID]
  /// Nobody else's jobs but these accounts' and its own; empty for anybody's.
  public let only: [AccountID]
  /// Not these accounts' jobs.
  public let refuse: [AccountID]

  /// Joins the fields.
  public init(
    model: String, priceInput: Price?, priceCachedInput: Price?, priceOutput: Price?,
    reserve: UInt16, own: [AccountID], only: [AccountID], refuse: [AccountID]
  ) {
    self.model = model
    self.priceInput = priceInput
    self.priceCachedInput = priceCachedInput
    self.priceOutput = priceOutput
    self.reserve = reserve
    self.own = own
    self.only = only
    self.refuse = refuse
  }
}

/// What a supplier sold of a model in one interval of log time.
public struct SalesEntry: Hashable, Sendable {
  /// Its place: later intervals have larger ones.
  public let number: UInt64
  /// When the interval began.
  public let start: LogTime
  /// The model.
  public let model: String
  /// Jobs that were billed to others.
  public let jobs: UInt64
  /// Their prompt tokens, without those that engines had cached.
  public let promptTokens: UInt64
  /// Prompt tokens that engines had cached.
  public let cachedTokens: UInt64
  /// Their output tokens.
  public let outputTokens: UInt64
  /// What the supplier was paid, after the operator's part.
  public let earned: Credits
  /// Jobs of the supplier's own account.
  public let ownJobs: UInt64
  /// Their tokens, prompt and output together.
  public let ownTokens: UInt64

  /// Joins the fields.
  public init(
    number: UInt64, start: LogTime, model: String, jobs: UInt64, promptTokens: UInt64,
    cachedTokens: UInt64, outputTokens: UInt64, earned: Credits, ownJobs: UInt64, ownTokens: UInt64
  ) {
    self.number = number
    self.start = start
    self.model = model
    self.jobs = jobs
    self.promptTokens = promptTokens
    self.cachedTokens = cachedTokens
    self.outputTokens = outputTokens
    self.earned = earned
    self.ownJobs = ownJobs
    self.ownTokens = ownTokens
  }
}
