internal import Consensus
internal import ExchangeTypes
internal import Identity
internal import JobDispatch
internal import Links
internal import Logging
internal import NIOCore
internal import WireProtocol

/// The links of one coordinator: those that it has dialed to the other coordinators, and those that
/// peers, workers and clients have opened to it.
///
/// Consensus messages to a peer leave on the stream that this side opened, and arrive on the one that
/// the peer opened: one ordered stream for each direction. Chunks of snapshots have streams of their own, which
/// whoever needs them opens. A peer's link is dialed again for as long as the process lives. Where nobody listens any more,
/// and nobody has a link here either, a process has ended: the replica is told, since it may have been the leader's.
final class PeerLinks: CoordinatorLinks {
  /// A peer that takes nothing is not sent more than this: the algorithm repeats what matters.
  private static let outstandingBytesMax = 8 << 20
  private static let redialMilliseconds: Int64 = 100
  /// The same where one side does not want the other, which each try counts and logs.
  private static let refusedMilliseconds: Int64 = 5_000
  /// A link that was up for so long is dialed again at once when it breaks: its end may be the peer's.
  private static let provenMilliseconds: UInt64 = 1_000

  private let local: LocalNode
  private let dialer: NodeDialer
  private let eventLoop: any EventLoop
  private let log: Logger
  private let clock = LoopClock()
  private var peers: [ReplicaID: Peer] = [:]
  /// The members, as far as the own log knows them.
  private var members: [ReplicaID: String] = [:]
  /// Who leads, as a peer has said.
  private var told: LeaderNotice?
  /// In the order in which they came.
  private var accepted: [NodeLink] = []
  /// The streams on which other coordinators fetch a snapshot from this one.
  private var fetching: [ReplicaID: any MessageChannel] = [:]
  private var notice: LeaderNotice?
  /// What was last said of revoked coordinators; nil before anybody was told.
  private var revocations: RevocationNotice?
  private var hasStopped = false
  private unowned let host: ReplicaHost

  init(
    local: LocalNode, dialer: NodeDialer, host: ReplicaHost, eventLoop: any EventLoop,
    log: Logger
  ) {
    self.local = local
    self.dialer = dialer
    self.host = host
    self.eventLoop = eventLoop
    self.log = log
  }

  /// Keeps a link to each of these, and besides to the leader alone.
  func follow(_ members: [ReplicaID: String]) {
    self.members = members
    keepLinks()
  }

  /// A peer says who leads.
  ///
  /// A log that is behind does not list a leader who joined later, and catches up only if it can answer him.
  fileprivate func heard(_ notice: LeaderNotice) {
    guard notice.leader.rawValue > 0, notice.leader.rawValue != local.node, !notice.address.isEmpty,
      told.map({ $0.term < notice.term }) ?? true
    else { return }
    told = notice
    keepLinks()
  }

  private func keepLinks() {
    guard !hasStopped else { return }
    var members = members
    if let told, members[told.leader] == nil { members[told.leader] = told.address }
    for id in peers.keys.sorted() where members[id] != peers[id]?.address {
      peers.removeValue(forKey: id)?.link?.close()
    }
    for id in members.keys.sorted() where peers[id] == nil {
      guard let address = members[id] else { continue }
      let peer = Peer(id: id, address: address, links: self)
      peers[id] = peer
      connect(peer)
    }
    if revocations != nil { tellRevocations() }
  }

  func stop() {
    hasStopped = true
    for id in peers.keys.sorted() { peers[id]?.link?.close() }
    for link in accepted { link.close() }
  }

  // MARK: CoordinatorLinks

  func send(_ message: any WireMessage, to peer: ReplicaID) {
    let stream: (any MessageChannel)? =
      switch message {
      case is SnapshotFetch: snapshotStream(to: peer)
      case is WireProtocol.SnapshotChunk: fetching[peer]
      default: peers[peer]?.stream
      }
    guard let stream, stream.outstandingBytes < Self.outstandingBytesMax else { return }
    // An older coordinator would end the stream over a message that it does not know.
    if message is WireProtocol.StateStatement,
      peers[peer]?.link?.remote?.features.contains(LocalNode.stateStatements) != true
    {
      return
    }
    stream.send(message)
  }

  /// The stream on which this coordinator fetches a snapshot from a peer, opened when it is first needed.
  private func snapshotStream(to peer: ReplicaID) -> (any MessageChannel)? {
    guard let peer = peers[peer], peer.isUp, let link = peer.link else { return nil }
    if peer.snapshots == nil { peer.snapshots = link.openStream(.snapshot, owner: peer) }
    return peer.snapshots
  }

  func open(
    _ service: Service, to peer: ReplicaID, authorization: String,
    owner: any MessageChannelOwner
  ) -> (any MessageChannel)? {
    guard let peer = peers[peer], peer.isUp, let link = peer.link else { return nil }
    return link.openStream(service, authorization: authorization, owner: owner)
  }

  func announce(_ notice: LeaderNotice) {
    self.notice = notice
    for link in accepted { link.tell(notice) }
  }

  func certificatesRevoked() {
    for link in peers.keys.sorted().compactMap({ peers[$0]?.link }) + accepted {
      guard let failure = refusal(of: link.certificate) else { continue }
      host.refused(
        "a link is closed", failure,
        from: StreamOrigin(address: link.address, certificate: link.certificate))
      link.close()
    }
    tellRevocations()
  }

  /// Tells everybody which coordinators are revoked, and where the others are, if that is news.
  private func tellRevocations() {
    let notice = host.dispatcher.revocationNotice
    guard notice != revocations else { return }
    revocations = notice
    for link in accepted { link.tell(notice) }
  }

  /// What is said of revoked coordinators to whoever comes.
  private var currentRevocations: RevocationNotice {
    if let revocations { return revocations }
    let notice = host.dispatcher.revocationNotice
    revocations = notice
    return notice
  }

  /// Why a certificate that is good in itself is not taken: it is revoked.
  fileprivate func refusal(of certificate: PeerCertificate?) -> Failure? {
    guard let certificate else { return nil }
    let node = certificate.identity.node
    guard host.dispatcher.isRevoked(node, serial: certificate.serial) else { return nil }
    return Failure(.certificateRevoked, "the certificate of \(node) is revoked")
  }

  // MARK: Dialed links

  private func connect(_ peer: Peer) {
    guard !hasStopped else { return }
    peer.isRefused = false
    peer.link = dialer.connect(to: peer.address, as: local, owner: peer)
  }

  fileprivate func established(_ peer: Peer, _ link: NodeLink, with remote: RemoteNode) {
    guard remote.role == .coordinator, ReplicaID(remote.node) == peer.id else {
      return link.distrust(
        Failure(.wrongName, "coordinator \(remote.node) is where \(peer.id) should be"))
    }
    peer.isUp = true
    peer.upSince = clock.now
    peer.lastFailure = nil
    peer.stream = link.openStream(.raft, owner: peer)
  }

  fileprivate func closed(_ peer: Peer, _ end: NodeLinkEnd) {
    let isProven = peer.isUp && clock.now >= peer.upSince + Self.provenMilliseconds
    peer.isUp = false
    peer.stream = nil
    peer.snapshots = nil
    peer.link = nil
    let text = "\(end)"
    if peer.lastFailure != text {
      peer.lastFailure = text
      log.notice(
        "no link to a peer",
        metadata: ["peer": "\(peer.id)", "address": "\(peer.address)", "reason": "\(text)"])
    }
    if case .nobodyListens = end { peer.isRefused = true } else { peer.isRefused = false }
    guard !hasStopped, peers[peer.id] === peer else { return }
    tellIfEnded(peer)
    let bound = NIOLoopBound((self, peer), eventLoop: eventLoop)
    let pause = end.isRefusal ? Self.refusedMilliseconds : Self.redialMilliseconds
    eventLoop.scheduleTask(in: .milliseconds(isProven ? 0 : pause)) {
      let (links, peer) = bound.value
      if peer.link == nil, links.peers[peer.id] === peer { links.connect(peer) }
    }
  }

  // MARK: Accepted links

  fileprivate func established(_ link: NodeLink) {
    guard !hasStopped else { return link.close() }
    accepted.append(link)
    if let remote = link.remote, remote.role == .coordinator {
      peers[ReplicaID(remote.node)]?.isRefused = false
    }
    link.tell(currentRevocations)
    if let notice { link.tell(notice) }
  }

  /// Whether a link is there that a coordinator has opened to this one.
  private func hasLink(from peer: ReplicaID) -> Bool {
    accepted.contains {
      $0.remote.map { $0.role == .coordinator && ReplicaID($0.node) == peer } ?? false
    }
  }

  fileprivate func ended(_ link: NodeLink) {
    accepted.removeAll { $0 === link }
    guard !hasStopped, let remote = link.remote, remote.role == .coordinator,
      let peer = peers[ReplicaID(remote.node)]
    else { return }
    tellIfEnded(peer)
  }

  /// Tells the replica where both signs are there, in whichever order the sockets gave them.
  private func tellIfEnded(_ peer: Peer) {
    if peer.isRefused, !hasLink(from: peer.id) { host.peerEnded(peer.id) }
  }

  fileprivate func receive(_ message: Message, from peer: ReplicaID) {
    guard let message = PeerMessage(message) else { return }
    host.receive(message, from: peer)
  }

  fileprivate func began(_ channel: any MessageChannel, by peer: ReplicaID) {
    fetching[peer] = channel
  }

  fileprivate func ended(_ channel: any MessageChannel, by peer: ReplicaID) {
    if fetching[peer] === channel { fetching[peer] = nil }
  }

  /// Whom an accepted connection belongs to.
  func makeOwner() -> any NodeLinkOwner { Accepted(links: self, dispatcher: host.dispatcher) }
}

/// One other coordinator, as this one reaches it: the owner of the link and of its consensus stream.
private final class Peer: NodeLinkOwner, MessageChannelOwner {
  let id: ReplicaID
  let address: String
  var link: NodeLink?
  var stream: LinkChannel?
  /// Where chunks of a snapshot come from, while this coordinator needs one.
  var snapshots: LinkChannel?
  var isUp = false
  /// Whether nobody listened when it was dialed last, and nothing has come of it since.
  var isRefused = false
  /// When the link came up, in the loop's milliseconds.
  var upSince: UInt64 = 0
  /// What was last logged, so that a peer that is down is not logged ten times a second.
  var lastFailure: String?
  private weak var links: PeerLinks?

  init(id: ReplicaID, address: String, links: PeerLinks) {
    self.id = id
    self.address = address
    self.links = links
  }

  func established(_ link: NodeLink, with remote: RemoteNode) {
    links?.established(self, link, with: remote)
  }
  func heard(_ notice: LeaderNotice, on link: NodeLink) { links?.heard(notice) }
  func draining(_ link: NodeLink) { link.close() }
  func refusal(of certificate: PeerCertificate, on link: NodeLink) -> Failure? {
    links?.refusal(of: certificate)
  }
  func closed(_ link: NodeLink, _ end: NodeLinkEnd) { links?.closed(self, end) }

  func received(_ message: Message, on channel: any MessageChannel) {
    if channel === snapshots { links?.receive(message, from: id) }
  }
  func writable(_ channel: any MessageChannel) {}
  func closed(_ channel: any MessageChannel) {
    if snapshots === channel { snapshots = nil }
    // Without its consensus stream a link is of no use: begin again.
    guard stream === channel else { return }
    stream = nil
    link?.close()
  }
}

/// A link that somebody opened to this coordinator.
private final class Accepted: NodeLinkOwner {
  private weak var links: PeerLinks?
  private let dispatcher: Dispatcher
  private var credentials = CredentialCache()
  /// What a coordinator passes on.
  private var relayed: RelayedStreams?

  init(links: PeerLinks, dispatcher: Dispatcher) {
    self.links = links
    self.dispatcher = dispatcher
  }

  func established(_ link: NodeLink, with remote: RemoteNode) { links?.established(link) }
  func heard(_ notice: LeaderNotice, on link: NodeLink) {}
  func draining(_ link: NodeLink) {}
  func refusal(of certificate: PeerCertificate, on link: NodeLink) -> Failure? {
    links?.refusal(of: certificate)
  }
  func closed(_ link: NodeLink, _ end: NodeLinkEnd) { links?.ended(link) }

  func accepted(
    _ channel: LinkChannel, for service: Service, authorization: String, on link: NodeLink
  ) -> any MessageChannelOwner {
    let peer = ReplicaID(link.remote?.node ?? 0)
    if service == .raft { return IncomingPeer(id: peer, links: links) }
    if service == .snapshot {
      links?.began(channel, by: peer)
      return SnapshotReader(id: peer, links: links)
    }
    let (credential, origin) = (
      credentials.credential(of: authorization),
      StreamOrigin(address: link.address, certificate: link.certificate)
    )
    func open() -> any MessageChannelOwner {
      dispatcher.open(
        service, on: channel, credential: credential, authorization: authorization, from: origin)
    }
    guard link.remote?.role == .coordinator, service == .call || service == .job else {
      return open()
    }
    let relayed =
      relayed ?? RelayedStreams(clock: LoopClock()) { [weak link] in link?.wait($0) }
    self.relayed = relayed
    return relayed.accept(channel) { open() }
  }
}

/// The stream on which another coordinator's consensus messages arrive.
private final class IncomingPeer: MessageChannelOwner {
  private let id: ReplicaID
  private weak var links: PeerLinks?

  init(id: ReplicaID, links: PeerLinks?) {
    self.id = id
    self.links = links
  }

  func received(_ message: Message, on channel: any MessageChannel) {
    links?.receive(message, from: id)
  }
  func writable(_ channel: any MessageChannel) {}
  func closed(_ channel: any MessageChannel) {}
}

/// The stream on which another coordinator fetches a snapshot: its requests arrive, chunks leave.
private final class SnapshotReader: MessageChannelOwner {
  private let id: ReplicaID
  private weak var links: PeerLinks?

  init(id: ReplicaID, links: PeerLinks?) {
    self.id = id
    self.links = links
  }

  func received(_ message: Message, on channel: any MessageChannel) {
    links?.receive(message, from: id)
  }
  func writable(_ channel: any MessageChannel) {}
  func closed(_ channel: any MessageChannel) { links?.ended(channel, by: id) }
}
