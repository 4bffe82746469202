internal import ExchangeTypes
internal import RaftEngine

/// A snapshot on its way to this replica: which chunks to ask for, and what to make of those that come.
///
/// ```
/// announced ──chunks asked for, checked, written beside the state──► complete
///     └── the link breaks, the process dies: what was written stays, the next announcement goes on from it
/// ```
struct SnapshotIntake {
  /// So many chunks are asked for ahead of what is written.
  static let window: UInt32 = 4

  let manifest: SnapshotManifest
  /// The last announcement of it, and who made it: chunks are asked of him.
  private(set) var announcement: RaftMessage.InstallSnapshot
  private(set) var source: ReplicaID
  /// What has come, written or about to be.
  private(set) var staged: StagedSnapshot
  private var written: UInt32
  private var asked: UInt32
  private var hasProgressed = true
  /// Chunks that overtook one before them; fewer than the window.
  private var early: [UInt32: (rows: [RowChange], hash: [UInt8])] = [:]

  /// Begins with what is on the disk already.
  init(
    _ staged: StagedSnapshot, _ announcement: RaftMessage.InstallSnapshot, from source: ReplicaID
  ) {
    manifest = staged.manifest
    self.staged = staged
    self.announcement = announcement
    self.source = source
    written = staged.loaded
    asked = staged.loaded
  }

  /// Whether every chunk is on the disk.
  var isComplete: Bool { written == manifest.chunkCount }

  /// It was announced again: what was asked for and did not come since the last time is lost.
  mutating func announced(_ announcement: RaftMessage.InstallSnapshot, by peer: ReplicaID) {
    if peer != source || !hasProgressed { asked = staged.loaded }
    self.announcement = announcement
    source = peer
    hasProgressed = false
  }

  /// The chunks to ask for now.
  mutating func takeRequests() -> Range<UInt32> {
    let end = min(manifest.chunkCount, written + Self.window)
    defer { asked = max(asked, end) }
    return min(asked, end)..<end
  }

  enum Verdict {
    case refused(String)
    /// Steps for the disk; none if the chunk was not asked for, or waits for one before it.
    case taken([StagingStep])
  }

  /// A chunk came.
  mutating func receive(_ chunk: SnapshotChunk, from peer: ReplicaID) -> Verdict {
    guard peer == source, chunk.snapshot == manifest.hash, chunk.number >= staged.loaded,
      chunk.number < asked
    else { return .taken([]) }
    guard SnapshotHash.ofChunk(chunk.bytes) == chunk.hash else {
      return .refused("chunk \(chunk.number) fails its hash")
    }
    guard let rows = SnapshotRows.read(chunk.bytes) else {
      return .refused("chunk \(chunk.number) holds no rows")
    }
    early[chunk.number] = (rows, chunk.hash)
    var steps: [StagingStep] = []
    while let (rows, hash) = early.removeValue(forKey: staged.loaded) {
      staged.loaded += 1
      staged.hash = staged.hash.appending(hash)
      steps.append(.load(rows, staged.hash))
      hasProgressed = true
    }
    return .taken(steps)
  }

  /// So many chunks have become durable.
  mutating func wrote(_ count: UInt32) { written += count }
}
