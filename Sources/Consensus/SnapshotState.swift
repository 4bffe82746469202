internal import ExchangeCore
internal import ExchangeTypes
internal import RaftEngine

/// What a replica knows of its log's extent and of snapshots, its own and another's.
///
/// Own: none ──a follower needs entries that are gone──► being made ──► offered ──nobody asks──► none.
/// Another's: none ──announced──► intake ──complete──► verified ──the engine orders it──► installing ──► none.
struct SnapshotState {
  var retention: LogRetention
  var segments: LogSegments
  var history: MembershipHistory
  /// The applied mark on the disk: a restart needs every entry after it.
  var markOnDisk: LogIndex

  /// The mark on the disk when the snapshot that is being made was begun: its state is that one or a later.
  var making: LogIndex?
  /// The snapshot that followers may fetch, and when one of them last did, or last needed it.
  var offered: (manifest: SnapshotManifest, lastUsed: UInt64)?

  /// What lies beside the state on the disk, once the writes under way have ended.
  var staged: StagedSnapshot?
  var intake: SnapshotIntake?
  /// A snapshot that lies whole beside the state, with the state that it makes.
  var verified: (manifest: SnapshotManifest, exchange: Exchange)?
  /// The snapshot that is taking the place of state and log.
  var installing: SnapshotMetadata?

  init(_ stored: StoredReplica, _ entries: [LogEntry], _ retention: LogRetention) {
    self.retention = retention
    segments = LogSegments(retention)
    segments.append(entries, at: stored.firstEntry)
    history = MembershipHistory(base: stored.base)
    history.append(entries, at: stored.firstEntry)
    markOnDisk = stored.applied?.index ?? LogIndex(0)
    staged = stored.staged
  }

  mutating func append(_ entries: [LogEntry], at first: LogIndex) {
    segments.append(entries, at: first)
    history.append(entries, at: first)
  }

  mutating func truncate(from index: LogIndex) {
    segments.truncate(from: index)
    history.truncate(from: index)
  }

  /// What of a snapshot a write makes durable.
  struct Writing {
    /// Of which snapshot.
    var snapshot: SnapshotHash?
    var chunks: UInt32 = 0
    var flip: SnapshotMetadata?
  }

  func writing(_ steps: [StagingStep]) -> Writing {
    var writing = Writing(snapshot: intake?.manifest.hash)
    for step in steps {
      switch step {
      case .load: writing.chunks += 1
      case .flip(let metadata): writing.flip = metadata
      case .begin, .discard: break
      }
    }
    return writing
  }
}
