public import ExchangeTypes

/// What a replica says of its log and its snapshots, for logs and checkers.
public enum ReplicaNotice: Hashable, Sendable, CustomStringConvertible {
  /// Entries up to here are dropped.
  case logTrimmed(through: LogIndex)
  /// Followers that need entries which are gone are given this one.
  case snapshotMade(LogIndex, chunks: UInt32, bytes: UInt64)
  /// No snapshot could be made now.
  case snapshotPostponed(String)
  /// The snapshot is gone: nobody asked for it any more, or the log may not be kept for it.
  case snapshotDropped(LogIndex)
  /// A chunk left.
  case chunkSent(UInt32, to: ReplicaID)
  /// A snapshot is being fetched; the first `held` of its chunks are here already.
  case snapshotFetched(LogIndex, from: ReplicaID, held: UInt32, chunks: UInt32)
  /// A snapshot, or a part of one, is not what it should be; it is asked for again.
  case snapshotRefused(String)
  /// A snapshot has taken the place of state and log.
  case snapshotInstalled(LogIndex)
  /// A member holds less than it has confirmed: it was started without its directory, under its old id.
  case memberForgot(ReplicaID, holds: LogIndex, confirmed: LogIndex)
  /// This founder was asked for its vote and gave none (guard G14).
  case abstains

  /// One clause for a log.
  public var description: String {
    switch self {
    case .logTrimmed(let index): "entries up to \(index) are dropped"
    case .snapshotMade(let index, let chunks, let bytes):
      "a snapshot at \(index) is offered: \(bytes) bytes in \(chunks) chunks"
    case .snapshotPostponed(let reason): "no snapshot can be made now: \(reason)"
    case .snapshotDropped(let index): "the snapshot at \(index) is dropped"
    case .chunkSent(let number, let peer): "chunk \(number) was sent to \(peer)"
    case .snapshotFetched(let index, let peer, let held, let chunks):
      "the snapshot at \(index) is fetched from \(peer): \(held) of \(chunks) chunks are here"
    case .snapshotRefused(let reason): "a snapshot is refused and asked for again: \(reason)"
    case .snapshotInstalled(let index): "the snapshot at \(index) is installed"
    case .abstains:
      "this founder has nothing but the founding and gives no vote to a longer log, since it may have lost its disk; it votes once a leader has brought it that log"
    case .memberForgot(let member, let index, let confirmed):
      "coordinator \(member) has confirmed entries up to \(confirmed) and holds them up to \(index) only: it has lost "
        + "its directory and its votes; remove it, and add it under a new id (yard cluster --help)"
    }
  }
}
