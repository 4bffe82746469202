internal import ExchangeTypes
internal import JobDispatch
public import Links
internal import NIOCore
internal import Transport
public import WireProtocol

/// Which coordinators a dialing node talks to: nothing is said on a link before others have vouched for its end.
///
/// ```
/// established ──its own word, and another's, or its patience is over──► admitted
///      └──────────── the others say that it is revoked ◄──────────────────┘ at any time: distrusted
/// ```
///
/// Confined to a loop. `CoordinatorStandings` decides whom to believe. Where there are no certificates, or one
/// coordinator only is known, a link is admitted at once; what others say later counts there too.
public final class CoordinatorTrust {
  private struct Candidate {
    let link: NodeLink
    let id: ReplicaID
    /// Whether it has said whom it knows to be revoked, or is too old to.
    var hasSpoken: Bool
    /// Whether it waits no longer for others.
    var hasWaited: Bool
    /// Told when streams may be opened; nil since then.
    var admit: (() -> Void)?
  }

  private var standings = CoordinatorStandings()
  private var candidates: [Candidate] = []
  /// Those whose link ended a moment ago, with how many of them there were.
  private var lastWords: [ReplicaID: Int] = [:]
  private var hasOthers: Bool
  private let patience: Int64

  /// Trust among these endpoints, each `host:port`.
  ///
  /// A link waits for another coordinator's word for `patience` milliseconds: they may all be down.
  public init(endpoints: [String], patience: Int64 = 1_000) {
    hasOthers = endpoints.count > 1
    self.patience = patience
  }

  /// More coordinators have become known: links that are established from now on wait for one of them.
  public func learnedOthers() { hasOthers = true }

  /// A link is established: calls back when streams may be opened on it, at once if nothing speaks against it.
  ///
  /// A link that is not trusted ends as `distrusted` instead, before or after.
  public func established(_ link: NodeLink, admit: @escaping () -> Void) {
    guard link.certificate != nil, let remote = link.remote else { return admit() }
    let isSilent = !remote.features.contains(LocalNode.revocationNotices)
    candidates.append(
      Candidate(
        link: link, id: ReplicaID(remote.node), hasSpoken: isSilent, hasWaited: false,
        admit: hasOthers ? admit : nil))
    guard hasOthers else { return admit() }
    let bound = link.loop.bind((self, link))
    link.loop.eventLoop.scheduleTask(in: .milliseconds(patience)) {
      let (trust, link) = bound.value
      trust.change(link) {
        $0.hasWaited = true
        $0.hasSpoken = true
      }
    }
    judge()
  }

  /// A coordinator says who is revoked.
  public func heard(_ notice: RevocationNotice, on link: NodeLink) {
    guard let candidate = candidates.first(where: { $0.link === link }) else { return }
    standings.heard(notice.coordinators, from: candidate.id)
    change(link) { $0.hasSpoken = true }
  }

  /// A link is over, and with the last one to a coordinator its word goes.
  ///
  /// When a leader stops, all go to the next one, and who listens to whom changes with them. So that nobody waits for a word
  /// that is on its way, those that were there a moment ago still vouch, for as long as a link would wait; whether
  /// another is revoked is for those to say that are there.
  public func closed(_ link: NodeLink) {
    guard let place = candidates.firstIndex(where: { $0.link === link }) else { return }
    let id = candidates.remove(at: place).id
    let hadSpoken = standings.hasSpoken(id)
    forgetWord(of: id)
    guard hadSpoken else { return }
    lastWords[id, default: 0] += 1
    let bound = link.loop.bind(self)
    link.loop.eventLoop.scheduleTask(in: .milliseconds(patience)) {
      let trust = bound.value
      let left = trust.lastWords[id, default: 1] - 1
      trust.lastWords[id] = left > 0 ? left : nil
    }
  }

  private func forgetWord(of id: ReplicaID) {
    if !candidates.contains(where: { $0.id == id }) { standings.left(id) }
  }

  private func change(_ link: NodeLink, _ body: (inout Candidate) -> Void) {
    guard let place = candidates.firstIndex(where: { $0.link === link }) else { return }
    body(&candidates[place])
    judge()
  }

  /// Admits and ends what may be now; what that causes is seen to before it returns.
  private func judge() {
    // Each may lead to another link, or to the end of one: the list is looked at anew each time.
    while let place = candidates.firstIndex(where: isDue) {
      let candidate = candidates[place]
      if standings.isRevoked(candidate.id) {
        // What such a one has said counts no moment longer.
        candidates.remove(at: place)
        forgetWord(of: candidate.id)
        candidate.link.distrust(
          Failure(
            .certificateRevoked, "the others say that coordinator \(candidate.id) is revoked"))
      } else {
        candidates[place].admit = nil
        candidate.admit?()
      }
    }
  }

  /// Its own word is waited for in any case: it may be about those that speak against it.
  private func isDue(_ candidate: Candidate) -> Bool {
    guard candidate.hasSpoken else { return false }
    if standings.isRevoked(candidate.id) { return true }
    return candidate.admit != nil
      && (candidate.hasWaited || standings.isVouchedFor(candidate.id)
        || lastWords.keys.contains { $0 != candidate.id && !standings.isRevoked($0) })
  }
}
