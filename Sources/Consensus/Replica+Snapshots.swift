internal import ExchangeCore
internal import ExchangeTypes
internal import RaftEngine

/// The log's other end: what is dropped of it, and what a follower gets that needed it.
extension Replica {
  /// A snapshot that nobody has used for so many milliseconds is dropped.
  private static let unusedMilliseconds: UInt64 = 10_000

  // MARK: Trimming

  /// Keeps so much of the log from now on.
  public func keepLog(_ retention: LogRetention) {
    snapshots.retention.trailingBytes = retention.trailingBytes
    snapshots.retention.followersBytes = retention.followersBytes
  }

  /// Drops a step of the log's beginning, if more of it is kept than needs to be.
  ///
  /// The engine is told first, so that it never asks for an entry that is gone; then a write drops them.
  func trimIfDue(now: UInt64) {
    guard !isDead, snapshots.installing == nil, pending.batch.base == nil else { return }
    guard let index = nextCut(now: now), let term = engine.term(at: index),
      let base = snapshots.history.metadata(index: index, term: term)
    else { return }
    do throws(RaftFailure) {
      let update = try engine.step(.snapshotTaken(base, trailing: 0), at: now)
      // Right after a start the engine does not know yet what is committed.
      guard update.refusal == nil else { return }
      if let offered = snapshots.offered, offered.manifest.index < index { dropOffered() }
      snapshots.segments.trim(to: index)
      snapshots.history.trim(to: index)
      pending.noteBase(base, at: now)
      noticed?(.logTrimmed(through: index))
      absorb(update)
    } catch {
      fail(error)
    }
  }

  /// Where the log may be cut next: behind the mark on the disk always; behind what followers and a snapshot
  /// under way need, unless that is too much to keep.
  private func nextCut(now: UInt64) -> LogIndex? {
    let retention = snapshots.retention
    let segments = snapshots.segments
    guard segments.bytes > retention.trailingBytes else { return nil }
    let mark = snapshots.markOnDisk
    let needed = min(mark, neededFrom(now: now))
    if let cut = segments.cut(keeping: retention.trailingBytes, through: needed) { return cut }
    // How large a snapshot becomes is not known while it is made, so the log then grows as far as the disk has room:
    // one that nothing follows any more would be for nobody, and the next would fare no better.
    if snapshots.making != nil, !store.isNearlyFull { return nil }
    // While it is fetched the log may grow with it, or a large one would never arrive whole.
    let fetched = (snapshots.offered?.manifest.byteCount).map { Int(clamping: $0) } ?? 0
    return segments.cut(
      keeping: max(retention.followersBytes, retention.fetchedFactor * fetched), through: mark)
  }

  /// The last entry that nobody needs who can be waited for.
  private func neededFrom(now: UInt64) -> LogIndex {
    var index = snapshots.offered?.manifest.index ?? snapshots.making ?? LogIndex(.max)
    guard isLeading else { return index }
    for server in membership.servers where server.id != id && server.role != .spare {
      guard let age = contactAge(of: server.id, now: now),
        age < snapshots.retention.reachableMilliseconds
      else { continue }
      index = min(index, matchIndex(of: server.id) ?? LogIndex(0))
    }
    return index
  }

  // MARK: The snapshot that is offered

  /// Begins to make a snapshot if the engine wanted to send one and there is none.
  func makeSnapshotIfAsked() {
    guard log.wasAskedForSnapshot, !isDead else { return }
    log.wasAskedForSnapshot = false
    if snapshots.offered != nil {
      snapshots.offered?.lastUsed = engine.lastStep
    } else if snapshots.making == nil, snapshots.markOnDisk.rawValue > 0 {
      snapshots.making = snapshots.markOnDisk
      startSnapshot()
    }
  }

  /// The snapshot that `startSnapshot` began is made.
  public func snapshotFinished(_ result: Result<SnapshotManifest, any Error>, now: UInt64) {
    guard !isDead else { return }
    snapshots.making = nil
    switch result {
    case .success(let manifest):
      guard manifest.index.next >= engine.firstIndex,
        let metadata = snapshots.history.metadata(index: manifest.index, term: manifest.mark.term)
      else {
        // The log was cut behind it meanwhile, or another state installed: the next one is newer.
        store.dropSnapshot()
        noticed?(.snapshotDropped(manifest.index))
        return
      }
      log.offered = (metadata, manifest.encoded)
      snapshots.offered = (manifest, now)
      noticed?(
        .snapshotMade(manifest.index, chunks: manifest.chunkCount, bytes: manifest.byteCount))
    case .failure(let postponed as SnapshotPostponed):
      noticed?(.snapshotPostponed(postponed.description))
    case .failure(let error):
      fail(error)
    }
  }

  func dropUnusedSnapshot(now: UInt64) {
    guard let offered = snapshots.offered, now > offered.lastUsed + Self.unusedMilliseconds
    else { return }
    dropOffered()
  }

  private func dropOffered() {
    guard let offered = snapshots.offered else { return }
    snapshots.offered = nil
    log.offered = nil
    store.dropSnapshot()
    noticed?(.snapshotDropped(offered.manifest.index))
  }

  func sendChunk(_ number: UInt32, of snapshot: SnapshotHash, to peer: ReplicaID, now: UInt64) {
    guard let offered = snapshots.offered, offered.manifest.hash == snapshot,
      number < offered.manifest.chunkCount
    else { return }
    snapshots.offered?.lastUsed = now
    do {
      transport?.send(.snapshotChunk(try store.snapshotChunk(number)), to: peer)
      noticed?(.chunkSent(number, to: peer))
    } catch {
      noticed?(.snapshotPostponed("chunk \(number) cannot be read: \(error)"))
      dropOffered()
    }
  }

  // MARK: Another's snapshot

  /// A leader says that this replica needs a snapshot: fetched and verified before the engine hears of it.
  func receiveAnnouncement(
    _ body: RaftMessage.InstallSnapshot, from peer: ReplicaID, now: UInt64
  ) {
    let index = body.snapshot.index
    let isCurrent = body.term > term || (body.term == term && !isLeading)
    guard isCurrent, snapshots.installing == nil, index > applied,
      engine.term(at: index) != body.snapshot.term
    else {
      // Late, held already or impossible: the engine says so without installing anything.
      step(.receive(.installSnapshot(body), from: peer), at: now)
      return
    }
    guard let manifest = SnapshotManifest(encoded: body.manifest), manifest.index == index,
      manifest.mark.term == body.snapshot.term, manifest.chunkCount > 0
    else {
      noticed?(.snapshotRefused("its manifest is not one that this version reads"))
      return
    }
    if snapshots.intake?.manifest == manifest {
      snapshots.intake?.announced(body, by: peer)
    } else {
      begin(manifest, body, from: peer)
    }
    if snapshots.intake?.isComplete == true {
      installIfVerified(now: now)
    } else {
      requestChunks()
    }
  }

  private func begin(
    _ manifest: SnapshotManifest, _ body: RaftMessage.InstallSnapshot, from peer: ReplicaID
  ) {
    snapshots.verified = nil
    var staged = StagedSnapshot(manifest: manifest)
    if let found = snapshots.staged, found.manifest == manifest {
      staged = found
    } else {
      pending.batch.staging = [.begin(manifest)]
    }
    // From here on it is the intake that knows what lies beside the state.
    snapshots.staged = nil
    snapshots.intake = SnapshotIntake(staged, body, from: peer)
    noticed?(
      .snapshotFetched(
        manifest.index, from: peer, held: staged.loaded, chunks: manifest.chunkCount))
    writeIfDue()
  }

  private func requestChunks() {
    guard let source = snapshots.intake?.source, let wanted = snapshots.intake?.takeRequests(),
      let hash = snapshots.intake?.manifest.hash
    else { return }
    for chunk in wanted { transport?.send(.snapshotFetch(hash, chunk: chunk), to: source) }
  }

  func receiveChunk(_ chunk: SnapshotChunk, from peer: ReplicaID) {
    switch snapshots.intake?.receive(chunk, from: peer) {
    case nil: break
    case .refused(let reason):
      // Asked for again when the leader announces it again, not at once: it may come the same.
      noticed?(.snapshotRefused(reason))
    case .taken(let steps):
      pending.batch.staging += steps
      writeIfDue()
    }
  }

  /// A write has ended: chunks lie beside the state, or a snapshot has taken its place.
  func stagingWritten(_ writing: SnapshotState.Writing, now: UInt64) {
    if let snapshot = writing.flip { return installed(snapshot, now: now) }
    guard writing.chunks > 0, snapshots.intake?.manifest.hash == writing.snapshot else { return }
    snapshots.intake?.wrote(writing.chunks)
    if snapshots.intake?.isComplete == true {
      installIfVerified(now: now)
    } else {
      requestChunks()
    }
  }

  /// Everything is here: if it is what the manifest says, the engine is told.
  private func installIfVerified(now: UInt64) {
    guard let intake = snapshots.intake, snapshots.installing == nil else { return }
    if snapshots.verified?.manifest != intake.manifest {
      do {
        snapshots.verified = (intake.manifest, try verify(intake))
      } catch {
        pending.batch.staging = [.discard]
        snapshots.intake = nil
        noticed?(.snapshotRefused("\(error)"))
        writeIfDue()
        return
      }
    }
    step(.receive(.installSnapshot(intake.announcement), from: intake.source), at: now)
  }

  /// Drops what lies beside the state if the log has brought this replica further meanwhile.
  func dropStaleStaging() {
    guard !isDead, snapshots.installing == nil,
      let index = snapshots.intake?.manifest.index ?? snapshots.staged?.manifest.index,
      index <= applied
    else { return }
    snapshots.intake = nil
    snapshots.staged = nil
    snapshots.verified = nil
    pending.batch.staging = [.discard]
    writeIfDue()
  }

  private func verify(_ intake: SnapshotIntake) throws -> Exchange {
    let manifest = intake.manifest
    guard intake.staged.hash == manifest.hash else { throw SnapshotMismatch() }
    return try Exchange.restoring(expecting: manifest.mark.digest) { table, visit in
      try store.scanStaged(table: table, visit)
    }
  }

  /// The engine has put the snapshot in the place of its log: so does the disk, with the next write.
  func beginInstalling(_ install: SnapshotInstall) {
    guard let verified = snapshots.verified, verified.manifest.encoded == install.manifest,
      verified.manifest.index == install.snapshot.index
    else { return fail(ReplicaFailure.unverifiedSnapshot(install.snapshot.index)) }
    snapshots.installing = install.snapshot
    pending.void()
    pending.batch.staging = [.flip(install.snapshot)]
    log.restart(after: install.snapshot.index)
    snapshots.segments.removeAll()
    snapshots.history = MembershipHistory(base: install.snapshot)
  }

  private func installed(_ snapshot: SnapshotMetadata, now: UInt64) {
    guard let verified = snapshots.verified else {
      return fail(ReplicaFailure.unverifiedSnapshot(snapshot.index))
    }
    exchange = verified.exchange
    applied = snapshot.index
    snapshots.markOnDisk = snapshot.index
    snapshots.verified = nil
    snapshots.intake = nil
    snapshots.installing = nil
    dropOffered()
    compare(at: snapshot.index)
    guard !isDead else { return }
    noticed?(.snapshotInstalled(snapshot.index))
    step(.snapshotInstalled(snapshot), at: now)
  }
}

/// A snapshot whose chunks are not those of its manifest.
private struct SnapshotMismatch: Error, CustomStringConvertible {
  var description: String { "its chunks together fail the hash of its manifest" }
}
