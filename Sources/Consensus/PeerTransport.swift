public import ExchangeTypes
public import RaftEngine

/// What replicas say to each other.
public enum PeerMessage: Sendable, Hashable {
  /// A message of the consensus algorithm.
  case raft(RaftMessage)
  /// A leader asks whether its term is still the receiver's.
  case readConfirm(term: Term, nonce: UInt64)
  /// The answer: `confirmed` if the receiver's current term equals `term`.
  case readConfirmResult(term: Term, nonce: UInt64, confirmed: Bool)
  /// A follower asks for a chunk of a snapshot that was announced to it.
  case snapshotFetch(SnapshotHash, chunk: UInt32)
  /// The answer. There is none if the snapshot is gone: another is announced then.
  case snapshotChunk(SnapshotChunk)
  /// What the sender's state is at a marked index, and what its program supports.
  case statement(StateStatement)
  /// A message about a wrapping key, for the replica's observer: none of this room's business.
  case keyring(KeyringMessage)
}

/// What coordinators say to each other about wrapping keys.
public enum KeyringMessage: Sendable, Hashable {
  /// Hands over a key.
  case offer(key: UInt64, secret: Secret)
  /// Says that a key is durable at the sender.
  case accept(key: UInt64)
  /// Says that the sender lacks a key, and asks for it.
  case ask(key: UInt64)
}

/// The port to the other replicas.
///
/// A message may be lost, delayed or overtaken, never altered.
public protocol PeerTransport: AnyObject {
  /// Sends, or drops the message if there is no link: the algorithm repeats what matters.
  func send(_ message: PeerMessage, to peer: ReplicaID)
}

/// Who this replica believes leads.
public enum ReplicaRole: Sendable, Hashable {
  /// Follows; the leader's id if one is known.
  case follower(leader: ReplicaID?)
  /// Asks for votes.
  case candidate
  /// Leads, but has not yet applied an entry of its own term: may not answer anything.
  case elected
  /// Leads and knows everything that was ever acknowledged.
  case leader
}
