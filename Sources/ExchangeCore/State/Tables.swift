internal import JobMarket
public import TokenLedger

/// What an exchange has of rows, and the indexes over them.
///
/// They are behind one reference: whoever looks at the exchange from another room takes it by value for as long as
/// the look lasts (the compiler can't prove that nothing changes meanwhile), and so takes that one reference, not
/// several for each table.
struct Tables: Sendable {
  var ledger = Ledger()
  var keys = RowTable<APIKey>()
  var jobs = RowTable<Job>()
  var workers = RowTable<Worker>()
  var transfers = RowTable<Transfer>()
  var log = JournalLog()
  var tombstones = RowTable<Tombstone>()
  var requests = RowTable<AccountRequest>()
  var uploads = RowTable<Upload>()
  var invitations = RowTable<Invitation>()
  var certificates = RowTable<IssuedCertificate>()
  var revocations = RowTable<Revocation>()
  var privacy = RowTable<Privacy>()
  var idResumptions = RowTable<IDResumption>()
  var keyRates = RowTable<KeyRate>()
  var jobTerms = RowTable<JobTermsRow>()
  var journals = RowTable<Journal>()
  var fees = RowTable<FeeTerms>()
  var budgets = RowTable<Budget>()
  var delegators = RowTable<Delegator>()
  var delegations = RowTable<AdmittedDelegation>()
  var postedAsks = RowTable<PostedAsk>()
  var sales = RowTable<Sales>()
  var cachedPrompts = RowTable<CachedPrompt>()
  var signedAttempts = RowTable<SignedAttempt>()
  var accountWeights = RowTable<AccountWeight>()
  var accountOwners = RowTable<AccountOwner>()
  var indexes = Indexes()
  var pending = PendingEntry()
}

extension Exchange {
  /// The accounts; read-only from outside.
  public internal(set) var ledger: Ledger {
    _read { yield tables.ledger }
    _modify { yield &tables.ledger }
  }

  var keys: RowTable<APIKey> {
    _read { yield tables.keys }
    _modify { yield &tables.keys }
  }

  var jobs: RowTable<Job> {
    _read { yield tables.jobs }
    _modify { yield &tables.jobs }
  }

  var workers: RowTable<Worker> {
    _read { yield tables.workers }
    _modify { yield &tables.workers }
  }

  var transfers: RowTable<Transfer> {
    _read { yield tables.transfers }
    _modify { yield &tables.transfers }
  }

  var log: JournalLog {
    _read { yield tables.log }
    _modify { yield &tables.log }
  }

  var tombstones: RowTable<Tombstone> {
    _read { yield tables.tombstones }
    _modify { yield &tables.tombstones }
  }

  var requests: RowTable<AccountRequest> {
    _read { yield tables.requests }
    _modify { yield &tables.requests }
  }

  var uploads: RowTable<Upload> {
    _read { yield tables.uploads }
    _modify { yield &tables.uploads }
  }

  var invitations: RowTable<Invitation> {
    _read { yield tables.invitations }
    _modify { yield &tables.invitations }
  }

  var certificates: RowTable<IssuedCertificate> {
    _read { yield tables.certificates }
    _modify { yield &tables.certificates }
  }

  var revocations: RowTable<Revocation> {
    _read { yield tables.revocations }
    _modify { yield &tables.revocations }
  }

  var privacy: RowTable<Privacy> {
    _read { yield tables.privacy }
    _modify { yield &tables.privacy }
  }

  var idResumptions: RowTable<IDResumption> {
    _read { yield tables.idResumptions }
    _modify { yield &tables.idResumptions }
  }

  var keyRates: RowTable<KeyRate> {
    _read { yield tables.keyRates }
    _modify { yield &tables.keyRates }
  }

  var jobTerms: RowTable<JobTermsRow> {
    _read { yield tables.jobTerms }
    _modify { yield &tables.jobTerms }
  }

  var journals: RowTable<Journal> {
    _read { yield tables.journals }
    _modify { yield &tables.journals }
  }

  var fees: RowTable<FeeTerms> {
    _read { yield tables.fees }
    _modify { yield &tables.fees }
  }

  var budgets: RowTable<Budget> {
    _read { yield tables.budgets }
    _modify { yield &tables.budgets }
  }

  var delegators: RowTable<Delegator> {
    _read { yield tables.delegators }
    _modify { yield &tables.delegators }
  }

  var delegations: RowTable<AdmittedDelegation> {
    _read { yield tables.delegations }
    _modify { yield &tables.delegations }
  }

  var postedAsks: RowTable<PostedAsk> {
    _read { yield tables.postedAsks }
    _modify { yield &tables.postedAsks }
  }

  var sales: RowTable<Sales> {
    _read { yield tables.sales }
    _modify { yield &tables.sales }
  }

  var cachedPrompts: RowTable<CachedPrompt> {
    _read { yield tables.cachedPrompts }
    _modify { yield &tables.cachedPrompts }
  }

  var signedAttempts: RowTable<SignedAttempt> {
    _read { yield tables.signedAttempts }
    _modify { yield &tables.signedAttempts }
  }

  var accountWeights: RowTable<AccountWeight> {
    _read { yield tables.accountWeights }
    _modify { yield &tables.accountWeights }
  }

  var accountOwners: RowTable<AccountOwner> {
    _read { yield tables.accountOwners }
    _modify { yield &tables.accountOwners }
  }

  var indexes: Indexes {
    _read { yield tables.indexes }
    _modify { yield &tables.indexes }
  }

  var pending: PendingEntry {
    _read { yield tables.pending }
    _modify { yield &tables.pending }
  }
}
