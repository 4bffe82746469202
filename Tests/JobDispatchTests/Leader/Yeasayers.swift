import Consensus
import ExchangeTypes
import RaftEngine

/// The other voters of a leader under test: they agree to everything, while they hear it.
struct Yeasayers {
  /// Nothing reaches them, and nothing comes from them.
  var areCutOff = false
  /// Whether they keep wrapping keys that they are offered.
  var keepKeys = true
  private let versionMax: UInt32
  private var answers: [(PeerMessage, from: ReplicaID)] = []

  init(versionMax: UInt32) { self.versionMax = versionMax }

  mutating func hear(_ message: PeerMessage, at peer: ReplicaID) {
    guard !areCutOff, let answer = answer(to: message) else { return }
    answers.append((answer, peer))
  }

  mutating func takeAnswer() -> (PeerMessage, from: ReplicaID)? {
    answers.isEmpty ? nil : answers.removeFirst()
  }

  private func answer(to message: PeerMessage) -> PeerMessage? {
    switch message {
    case .raft(.requestVote(let asked)):
      .raft(.requestVoteResult(.init(term: asked.term, granted: true, preVote: asked.preVote)))
    case .raft(.appendEntries(let sent)):
      .raft(
        .appendEntriesResult(
          .init(
            term: sent.term, rejected: nil,
            lastLogIndex: LogIndex(sent.prevLogIndex.rawValue + UInt64(sent.entries.count)))))
    case .readConfirm(let term, let nonce):
      .readConfirmResult(term: term, nonce: nonce, confirmed: true)
    case .statement(let stated) where stated.asks:
      .statement(
        StateStatement(
          versionMax: versionMax, index: stated.index, digest: stated.digest, asks: false))
    case .keyring(.offer(let key, _)) where keepKeys: .keyring(.accept(key: key))
    default: nil
    }
  }
}
