public import ExchangeTypes
internal import JobMarket
internal import TokenLedger

/// Why rows are not a state of the exchange: the disk is damaged, or its program was newer.
public enum RestoreError: Error, Hashable, Sendable {
  /// A row whose key or value this program does not understand.
  case malformed(table: Table, key: [UInt8], CanonicalError)
  /// The rows are not those that the digest was made from.
  case digestMismatch(expected: StateDigest, found: StateDigest)
  /// Rows that contradict each other; the text says how.
  case inconsistent(String)
  /// The rows were written under a version of apply's behaviour that this program does not know.
  case unsupportedStateVersion(UInt32)
}

extension Exchange {
  /// Rebuilds the exchange from its rows and verifies them against the digest of their index.
  ///
  /// - Parameters:
  ///   - digest: the digest stored with the rows.
  ///   - limits: the bounds; all replicas must have the same.
  ///   - scan: called once for each table to restore; calls the visitor with each of its rows, in key
  ///     order.
  /// - Returns: the exchange as it was when the digest was made.
  /// - Throws: what `scan` throws, or `RestoreError`.
  public static func restoring(
    expecting digest: StateDigest, limits: Limits = Limits(),
    scan: (
      _ table: UInt8, _ visit: (_ key: [UInt8], _ value: [UInt8]) throws -> Void
    ) throws -> Void
  ) throws -> Exchange {
    var exchange = Exchange(limits: limits)
    var accounts: [Account] = []
    var segments: [(SegmentRow, [Segment])] = []
    for table in Table.allCases where table.isRestored {
      try scan(table.rawValue) { key, value in
        do {
          if table == .segments {
            segments.append((try SegmentRow(key: key), try SegmentWriter.segments(of: value)))
          } else if table == .journalSegments {
            let posted = try exchange.log.restore(key: try rowKey(key), value: value)
            for transfer in posted { exchange.indexes.enterReversal(transfer) }
          } else {
            try exchange.restore(table, key: key, value: value, &accounts)
          }
        } catch let error as CanonicalError {
          throw RestoreError.malformed(table: table, key: key, error)
        }
      }
    }
    guard exchange.digest == digest else {
      throw RestoreError.digestMismatch(expected: digest, found: exchange.digest)
    }
    try exchange.finishRestoring(accounts, segments)
    return exchange
  }

  private mutating func restore(
    _ table: Table, key: [UInt8], value: [UInt8], _ accounts: inout [Account]
  ) throws {
    let contribution = StateDigest(table: table.rawValue, key: key, value: value)
    digest.add(contribution)
    let number = try rowKey(key)
    func row<Row: StoredRow>(_ type: Row.Type = Row.self) throws(CanonicalError) -> Row {
      try Row(key: number, value: value)
    }
    switch table {
    case .meta:
      meta = try row()
      metaContribution = contribution
      guard meta.stateVersion <= Self.stateVersionMax else {
        throw RestoreError.unsupportedStateVersion(meta.stateVersion)
      }
    case .accounts:
      accounts.append(try row())
      accountContributions.append(contribution)
    case .keys:
      let key: APIKey = try row()
      keys.restore(key, contribution: contribution)
      indexes.enter(key)
    case .jobs:
      let job: Job = try row()
      jobs.restore(job, contribution: contribution)
      indexes.insert(job)
    case .transfers:
      let transfer: Transfer = try row()
      transfers.restore(transfer, contribution: contribution)
      indexes.enter(transfer)
    case .workers:
      let worker: Worker = try row()
      workers.restore(worker, contribution: contribution)
      // What its supplier posts comes later, and puts its asks in their place again.
      indexes.enter(worker, asks: asks(of: worker))
    case .tombstones:
      let tombstone: Tombstone = try row()
      tombstones.restore(tombstone, contribution: contribution)
    case .accountRequests:
      let request: AccountRequest = try row()
      requests.restore(request, contribution: contribution)
      indexes.enter(request)
    case .uploads:
      let upload: Upload = try row()
      uploads.restore(upload, contribution: contribution)
      indexes.enter(upload)
    case .invitations:
      let invitation: Invitation = try row()
      invitations.restore(invitation, contribution: contribution)
      indexes.enter(invitation)
    case .certificates:
      let certificate: IssuedCertificate = try row()
      certificates.restore(certificate, contribution: contribution)
      indexes.enter(certificate)
    case .revocations:
      let revocation: Revocation = try row()
      revocations.restore(revocation, contribution: contribution)
      indexes.enter(revocation)
    case .privacy:
      privacy.restore(try row(), contribution: contribution)
    case .idResumptions:
      idResumptions.restore(try row(), contribution: contribution)
    case .keyRates:
      keyRates.restore(try row(), contribution: contribution)
    case .jobTerms:
      jobTerms.restore(try row(), contribution: contribution)
    case .journal: journals.restore(try row(), contribution: contribution)
    case .fees: fees.restore(try row(), contribution: contribution)
    case .budgets:
      let budget: Budget = try row()
      budgets.restore(budget, contribution: contribution)
      indexes.enter(budget)
    case .delegators: delegators.restore(try row(), contribution: contribution)
    case .delegations:
      let delegation: AdmittedDelegation = try row()
      delegations.restore(delegation, contribution: contribution)
      indexes.enter(delegation)
    case .postedAsks:
      let posted: PostedAsk = try row()
      postedAsks.restore(posted, contribution: contribution)
      let offering = workers(of: posted.account).filter { worker in
        worker.offers.contains { $0.model == posted.model }
      }
      for worker in offering { indexes.leave(worker) }
      indexes.enter(posted)
      for worker in offering { indexes.enter(worker, asks: asks(of: worker)) }
    case .sales:
      let row: Sales = try row()
      sales.restore(row, contribution: contribution)
      indexes.enter(row)
    case .accountWeights: accountWeights.restore(try row(), contribution: contribution)
    case .accountOwners: accountOwners.restore(try row(), contribution: contribution)
    case .cachedPrompts: cachedPrompts.restore(try row(), contribution: contribution)
    case .signedAttempts: signedAttempts.restore(try row(), contribution: contribution)
    case .payloadParts, .segments, .journalSegments:
      preconditionFailure("bulk rows are not restored")
    }
  }

  private mutating func finishRestoring(
    _ accounts: [Account], _ segments: [(SegmentRow, [Segment])]
  ) throws(RestoreError) {
    guard let ledger = Ledger(accounts: accounts, nextTransfer: meta.nextTransfer) else {
      throw .inconsistent("accounts")
    }
    self.ledger = ledger
    for (row, parts) in segments {
      for part in parts where jobs.contains(part.attempt.job.rawValue) {
        indexes.enter(part.reference(in: row), of: part.attempt.job)
      }
    }
    var held: [AccountID: UInt128] = [:]
    for key in jobs.sortedKeys {
      guard let job = jobs[key] else { continue }
      held[job.account, default: 0] += UInt128(job.held.rawValue)
      indexes.insertDelegated(job)
      var lastSeq: UInt64 = 0
      for segment in indexes.segments[job.id] ?? [] {
        guard segment.firstSeq == lastSeq + 1 else { throw .inconsistent("record of job \(key)") }
        lastSeq = segment.lastSeq
      }
      guard lastSeq == job.record.lastSeq else { throw .inconsistent("record of job \(key)") }
    }
    for account in accounts where UInt128(account.debitsHeld.rawValue) != held[account.id] ?? 0 {
      throw .inconsistent("holds of account \(account.id)")
    }
    // In the order in which they are forgotten, which is not that of their jobs: so none is put between others.
    let remembered = tombstones.sortedKeys.compactMap { tombstones[$0] }
    for tombstone in remembered.sorted(by: { ($0.expiry, $0.job) < ($1.expiry, $1.job) }) {
      indexes.enter(tombstone)
    }
    guard chainRestoredJournal() else { throw .inconsistent("journal") }
    guard restoreBudgetHolds() else { throw .inconsistent("holds of budgets") }
    dropStaleDeadlines()
  }
}

extension SegmentRow {
  fileprivate init(key: [UInt8]) throws(CanonicalError) {
    var reader = CanonicalReader(key)
    self.init(index: LogIndex(try reader.read(UInt64.self)), ordinal: try reader.read())
    try reader.finish()
  }
}

private func rowKey(_ bytes: [UInt8]) throws(CanonicalError) -> UInt64 {
  var reader = CanonicalReader(bytes)
  let key = try reader.read(UInt64.self)
  try reader.finish()
  return key
}
