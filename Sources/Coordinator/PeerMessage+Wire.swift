internal import Consensus
internal import ExchangeTypes
internal import RaftEngine
internal import WireProtocol

// Peer messages as the wire carries them. The library's `version` bytes are those of libraft 0.22.1
// (`raft.h`, RAFT_*_VERSION); the wire's own version is agreed on in the handshake.

extension PeerMessage {
  /// The message as a frame's content.
  var wire: any WireMessage {
    switch self {
    case .readConfirm(let term, let nonce):
      return ReadConfirm(term: term, nonce: nonce)
    case .readConfirmResult(let term, let nonce, let confirmed):
      return ReadConfirmResult(term: term, nonce: nonce, confirmed: confirmed)
    case .statement(let statement):
      return WireProtocol.StateStatement(
        versionMax: statement.versionMax, index: statement.index, digest: statement.digest.bytes,
        asks: statement.asks)
    case .keyring(.offer(let key, let secret)):
      return KeyOffer(wrappingKey: key, secret: secret)
    case .keyring(.accept(let key)):
      return KeyAccept(wrappingKey: key)
    case .keyring(.ask(let key)):
      return KeyRequest(wrappingKey: key)
    case .raft(let message):
      return message.wire
    case .snapshotFetch(let snapshot, let chunk):
      return SnapshotFetch(snapshot: snapshot.bytes, chunk: chunk)
    case .snapshotChunk(let chunk):
      return WireProtocol.SnapshotChunk(
        snapshot: chunk.snapshot.bytes, chunk: chunk.number, hash: chunk.hash, rows: chunk.bytes)
    }
  }

  /// What a frame on a peer stream says; nil if it is no peer message.
  init?(_ message: Message) {
    switch message {
    case .readConfirm(let message):
      self = .readConfirm(term: message.term, nonce: message.nonce)
    case .readConfirmResult(let message):
      self = .readConfirmResult(
        term: message.term, nonce: message.nonce, confirmed: message.confirmed)
    case .snapshotFetch(let message):
      guard let snapshot = SnapshotHash(bytes: message.snapshot) else { return nil }
      self = .snapshotFetch(snapshot, chunk: message.chunk)
    case .snapshotChunk(let message):
      guard let snapshot = SnapshotHash(bytes: message.snapshot) else { return nil }
      self = .snapshotChunk(
        Consensus.SnapshotChunk(
          snapshot: snapshot, number: message.chunk, hash: message.hash, bytes: message.rows))
    case .stateStatement(let message):
      guard let digest = StateDigest(bytes: message.digest) else { return nil }
      self = .statement(
        .init(
          versionMax: message.versionMax, index: message.index, digest: digest,
          asks: message.asks))
    case .keyOffer(let message):
      self = .keyring(.offer(key: message.wrappingKey, secret: message.secret))
    case .keyAccept(let message):
      self = .keyring(.accept(key: message.wrappingKey))
    case .keyRequest(let message):
      self = .keyring(.ask(key: message.wrappingKey))
    default:
      guard let message = RaftMessage(message) else { return nil }
      self = .raft(message)
    }
  }
}
