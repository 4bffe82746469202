internal import Consensus
public import ExchangeTypes
internal import RaftEngine

extension LMDBReplicaStore {
  /// Makes `directory` the disk of a new coordinator that begins with a backup's state, as the only voter.
  ///
  /// What was acknowledged after the backup is gone. The coordinators that were members are retired: their ids are
  /// never given again, and their disks must not run beside this one. Its term is above all that were before.
  ///
  /// - Parameters:
  ///   - backup: whose state; its digest was checked by who calls.
  ///   - directory: a data directory that holds nothing yet.
  ///   - replica: the new coordinator's id, above all that were ever given.
  ///   - address: where others will reach it.
  ///   - now: seconds since 1970 by this machine's clock, for `termOfRestored`.
  /// - Throws: `BackupError` if id or address will not do, or the file has changed; `StoreError` for the disk.
  public static func restore(
    _ backup: BackupFile, to directory: String, as replica: ReplicaID, address: String,
    now: UInt64
  ) async throws {
    let manifest = backup.manifest
    guard let membership = manifest.membership.succeeded(by: replica, address: address) else {
      throw BackupError.unsuitable(replica: replica, highest: manifest.highestReplica)
    }
    try bootstrap(directory: directory, clusterID: manifest.cluster, replicaID: replica)
    let store = try LMDBReplicaStore(
      directory: directory, clusterID: manifest.cluster, replicaID: replica)
    defer { store.close() }
    guard try store.load().isNew else { throw BackupError.occupied(path: directory) }
    let mark = manifest.snapshot.mark
    var batch = WriteBatch()
    batch.staging = [.begin(manifest.snapshot)]
    try await store.written(batch)
    var hash = SnapshotHash.start
    for place in 0..<backup.chunkCount {
      hash = hash.appending(backup.hash(ofChunk: place))
      batch.staging = [.load(try backup.rows(ofChunk: place), hash)]
      try await store.written(batch)
    }
    // Term and members with the state in one transaction: before it, the directory is a new replica's.
    batch.hardState = HardState(
      term: termOfRestored(after: mark.term, at: now), votedFor: nil)
    batch.staging = [
      .flip(
        SnapshotMetadata(
          index: mark.index, term: mark.term, membership: membership, membershipIndex: mark.index))
    ]
    try await store.written(batch)
  }

  /// The term that a restored cluster begins after: nobody has heard of a higher one (decision 36).
  ///
  /// Sixteen for each second since 1970, which no elections catch up with: a backup that is restored twice, as after a first
  /// try that failed, gives two clusters whose terms are apart. Where the clock is behind the backup's term, or was never
  /// set, it is still above what the cluster of the backup can have reached in years. Keys are numbered by 40 bits of a term (`KeyCustody`), enough until the year 4147.
  ///
  /// - Parameters:
  ///   - last: the term of the backup's last entry.
  ///   - now: seconds since 1970.
  /// - Returns: the term.
  static func termOfRestored(after last: Term, at now: UInt64) -> Term {
    let isSet = now >= 1 << 29  // the year 1987
    return Term(isSet && now * 16 > last.rawValue ? now * 16 : last.rawValue + (1 << 24))
  }

  private func written(_ batch: WriteBatch) async throws {
    try await withCheckedThrowingContinuation { continuation in
      write(batch) { continuation.resume(with: $0) }
    }
  }
}
