public import ExchangeTypes

// What can be asked about delegations.
extension Exchange {
  /// What signs a key's delegations now: 32 bytes; nil if nothing does.
  public func delegationKey(of key: KeyID) -> [UInt8]? {
    delegators[key.rawValue].flatMap { $0.isClosed ? nil : $0.publicKey }
  }

  /// The delegation that a key was made by; nil if it was made by a request.
  public func delegation(of key: KeyID) -> AdmittedDelegation? {
    indexes.delegatedKeys[key].flatMap { delegations[$0] }
  }

  /// The delegation of a digest, as long as it is remembered.
  public func delegation(digest: [UInt8]) -> AdmittedDelegation? {
    indexes.delegationDigests[digest].flatMap { delegations[$0] }
  }

  /// A delegation by its row.
  public func delegation(number: UInt64) -> AdmittedDelegation? { delegations[number] }

  /// The delegations of a key after one, in the order in which they were seen.
  public func delegations(
    of parent: KeyID, after number: UInt64 = 0, limit: Int
  ) -> [AdmittedDelegation] {
    indexes.delegations[parent]?.prefix(after: number, limit: limit)
      .compactMap { delegations[$0] } ?? []
  }

  /// The keys whose limits per minute a key's jobs take from: its own, and that of its delegation's parent; none where no key
  /// has a limit.
  func ratedKeys(of key: KeyID) -> [KeyID] {
    guard keyRates.count > 0 else { return [] }
    return delegation(of: key).map { [key, $0.parent] } ?? [key]
  }

  // MARK: Whose a job is

  /// Whether a key reaches a job: it is its account's, and where the key is a delegation's, it has submitted the job itself.
  public func isOwn(_ job: Job, of key: KeyID, in account: AccountID) -> Bool {
    job.account == account && (job.key == key || delegation(of: key) == nil)
  }

  /// The same of a job that is purged.
  public func isOwn(_ tombstone: Tombstone, of key: KeyID, in account: AccountID) -> Bool {
    tombstone.account == account
      && (tombstone.delegatedKey == key || delegation(of: key) == nil)
  }

  /// The jobs that a key of an account reaches, after one, oldest first.
  public func jobs(
    seenBy key: KeyID, of account: AccountID, after id: JobID = JobID(0), limit: Int
  ) -> [Job] {
    guard delegation(of: key) != nil else { return jobs(of: account, after: id, limit: limit) }
    return indexes.delegatedJobs[key]?.prefix(after: id, limit: limit)
      .compactMap { jobs[$0.rawValue] } ?? []
  }
}
