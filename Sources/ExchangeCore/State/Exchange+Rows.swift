internal import ExchangeTypes
internal import TokenLedger

extension Exchange {
  /// Turns what the entry changed into rows and brings the digest up to date.
  mutating func drainChanges() -> [RowChange] {
    var changes: [RowChange] = []
    sealJournal()
    meta.nextTransfer = ledger.nextTransferID
    drainMeta(into: &changes)
    drainAccounts(into: &changes)
    var digest = digest
    keys.drain(into: &changes, &digest)
    jobs.drain(into: &changes, &digest)
    changes += pending.bulkChanges(of: .payloadParts)
    changes += pending.bulkChanges(of: .segments)
    transfers.drain(into: &changes, &digest)
    workers.drain(into: &changes, &digest)
    tombstones.drain(into: &changes, &digest)
    requests.drain(into: &changes, &digest)
    uploads.drain(into: &changes, &digest)
    invitations.drain(into: &changes, &digest)
    certificates.drain(into: &changes, &digest)
    revocations.drain(into: &changes, &digest)
    privacy.drain(into: &changes, &digest)
    idResumptions.drain(into: &changes, &digest)
    keyRates.drain(into: &changes, &digest)
    jobTerms.drain(into: &changes, &digest)
    journals.drain(into: &changes, &digest)
    fees.drain(into: &changes, &digest)
    budgets.drain(into: &changes, &digest)
    postedAsks.drain(into: &changes, &digest)
    sales.drain(into: &changes, &digest)
    cachedPrompts.drain(into: &changes, &digest)
    signedAttempts.drain(into: &changes, &digest)
    changes += pending.bulkChanges(of: .journalSegments)
    delegators.drain(into: &changes, &digest)
    delegations.drain(into: &changes, &digest)
    accountWeights.drain(into: &changes, &digest)
    accountOwners.drain(into: &changes, &digest)
    self.digest = digest
    return changes
  }

  private mutating func drainMeta(into changes: inout [RowChange]) {
    let key = rowKeyBytes(meta.rowKey)
    let value = meta.rowValue
    let new = StateDigest(table: Table.meta.rawValue, key: key, value: value)
    guard new != metaContribution else { return }
    if let old = metaContribution { digest.remove(old) }
    digest.add(new)
    metaContribution = new
    changes.append(RowChange(table: Table.meta.rawValue, key: key, value: value))
  }

  private mutating func drainAccounts(into changes: inout [RowChange]) {
    for id in ledger.takeTouched() {
      guard let account = ledger[id] else { preconditionFailure("an account vanished") }
      let key = rowKeyBytes(id.rawValue)
      let value = account.rowValue
      let new = StateDigest(table: Table.accounts.rawValue, key: key, value: value)
      let place = Int(id.rawValue) - 1
      if place < accountContributions.count {
        guard new != accountContributions[place] else { continue }
        digest.remove(accountContributions[place])
        accountContributions[place] = new
      } else {
        precondition(place == accountContributions.count, "accounts are numbered without gaps")
        accountContributions.append(new)
      }
      digest.add(new)
      changes.append(RowChange(table: Table.accounts.rawValue, key: key, value: value))
    }
  }

  /// Drops deadlines that no longer count from the front, so that `nextDeadline` is exact.
  mutating func dropStaleDeadlines() {
    while let first = indexes.deadlines.first, !counts(first) { indexes.deadlines.removeFirst() }
    let liveMax =
      2 * indexes.open.count + tombstones.count + uploads.count + requests.count
      + 2 * keys.count + indexes.ended.count + invitations.count + certificates.count
      + delegations.count + revocations.count
    var queue = indexes.deadlines
    indexes.deadlines = DeadlineQueue()
    queue.compact(liveMax: liveMax) { counts($0) }
    indexes.deadlines = queue
  }

  /// Whether a deadline is still that of its row.
  func counts(_ deadline: Deadline) -> Bool {
    switch deadline.kind {
    case .queuedJob:
      if case .queued(let until) = jobs[deadline.key]?.phase { return until == deadline.at }
      return false
    case .orphanedJob:
      return jobs[deadline.key]?.orphanDeadline == deadline.at
    case .tombstone: return tombstones[deadline.key]?.expiry == deadline.at
    case .upload: return uploads[deadline.key]?.expiry == deadline.at
    case .accountRequest: return requests[deadline.key]?.expiry == deadline.at
    case .key:
      guard let key = keys[deadline.key] else { return false }
      return !key.revoked && key.expiry == deadline.at
    case .endedJob: return jobs[deadline.key]?.keptUntil == deadline.at
    case .formerSecret: return keys[deadline.key]?.former?.until == deadline.at
    case .invitation: return invitations[deadline.key]?.forgottenAt == deadline.at
    case .certificate: return certificates[deadline.key]?.expiresAt == deadline.at
    case .delegation: return delegations[deadline.key]?.forgottenAt == deadline.at
    case .revocation: return revocations[deadline.key]?.until == deadline.at
    }
  }
}
