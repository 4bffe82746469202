internal import Consensus
internal import ExchangeTypes
internal import JobDispatch
internal import Links
internal import Logging
internal import NIOCore
internal import WireProtocol

/// The links of one coordinator: those that it has dialed to the other coordinators, and those that
/// peers, workers and clients have opened to it.
///
/// Consensus messages to a peer leave on the stream that this side opened, and arrive on the one that
/// the peer opened: one ordered stream for each direction. A peer's link is dialed again for as long as
/// the process lives.
final class PeerLinks: CoordinatorLinks {
  /// A peer that takes nothing is not sent more than this: the algorithm repeats what matters.
  private static let outstandingBytesMax = 8 << 20
  private static let redialMilliseconds: Int64 = 100

  private let local: LocalNode
  private let dialer: NodeDialer
  private let eventLoop: any EventLoop
  private let log: Logger
  private var peers: [ReplicaID: Peer] = [:]
  /// In the order in which they came.
  private var accepted: [NodeLink] = []
  private var notice: LeaderNotice?
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

  /// Keeps a link to each of these, and to no other coordinator.
  func follow(_ members: [ReplicaID: String]) {
    guard !hasStopped else { return }
    for id in peers.keys.sorted() where members[id] != peers[id]?.address {
      peers.removeValue(forKey: id)?.link?.close()
    }
    for id in members.keys.sorted() where peers[id] == nil {
      guard let address = members[id] else { continue }
      let peer = Peer(id: id, address: address, links: self)
      peers[id] = peer
      connect(peer)
    }
  }

  func stop() {
    hasStopped = true
    for id in peers.keys.sorted() { peers[id]?.link?.close() }
    for link in accepted { link.close() }
  }

  // MARK: CoordinatorLinks

  func send(_ message: any WireMessage, to peer: ReplicaID) {
    guard let peer = peers[peer], let stream = peer.stream,
      stream.outstandingBytes < Self.outstandingBytesMax
    else { return }
    // An older coordinator would end the stream over a message that it does not know.
    if message is WireProtocol.StateStatement,
      peer.link?.remote?.features.contains(LocalNode.stateStatements) != true
    {
      return
    }
    stream.send(message)
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

  // MARK: Dialed links

  private func connect(_ peer: Peer) {
    guard !hasStopped else { return }
    peer.link = dialer.connect(to: peer.address, as: local, owner: peer)
  }

  fileprivate func established(_ peer: Peer, _ link: NodeLink, with remote: RemoteNode) {
    guard remote.role == .coordinator, ReplicaID(remote.node) == peer.id else {
      log.error(
        "a peer is not who it should be",
        metadata: [
          "address": "\(peer.address)", "expected": "\(peer.id)", "node": "\(remote.node)",
        ])
      link.close()
      return
    }
    peer.isUp = true
    peer.lastFailure = nil
    peer.stream = link.openStream(.raft, owner: peer)
  }

  fileprivate func closed(_ peer: Peer, _ end: NodeLinkEnd) {
    peer.isUp = false
    peer.stream = nil
    peer.link = nil
    let text = "\(end)"
    if peer.lastFailure != text {
      peer.lastFailure = text
      log.notice(
        "no link to a peer",
        metadata: ["peer": "\(peer.id)", "address": "\(peer.address)", "reason": "\(text)"])
    }
    guard !hasStopped, peers[peer.id] === peer else { return }
    let bound = NIOLoopBound((self, peer), eventLoop: eventLoop)
    eventLoop.scheduleTask(in: .milliseconds(Self.redialMilliseconds)) {
      let (links, peer) = bound.value
      if peer.link == nil, links.peers[peer.id] === peer { links.connect(peer) }
    }
  }

  // MARK: Accepted links

  fileprivate func established(_ link: NodeLink) {
    guard !hasStopped else { return link.close() }
    accepted.append(link)
    if let notice { link.tell(notice) }
  }

  fileprivate func ended(_ link: NodeLink) { accepted.removeAll { $0 === link } }

  fileprivate func receive(_ message: Message, from peer: ReplicaID) {
    guard let message = PeerMessage(message) else { return }
    host.receive(message, from: peer)
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
  var isUp = false
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
  func heard(_ notice: LeaderNotice, on link: NodeLink) {}
  func draining(_ link: NodeLink) { link.close() }
  func closed(_ link: NodeLink, _ end: NodeLinkEnd) { links?.closed(self, end) }

  func received(_ message: Message, on channel: any MessageChannel) {}
  func writable(_ channel: any MessageChannel) {}
  func closed(_ channel: any MessageChannel) {
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

  init(links: PeerLinks, dispatcher: Dispatcher) {
    self.links = links
    self.dispatcher = dispatcher
  }

  func established(_ link: NodeLink, with remote: RemoteNode) { links?.established(link) }
  func heard(_ notice: LeaderNotice, on link: NodeLink) {}
  func draining(_ link: NodeLink) {}
  func closed(_ link: NodeLink, _ end: NodeLinkEnd) { links?.ended(link) }

  func accepted(
    _ channel: LinkChannel, for service: Service, authorization: String, on link: NodeLink
  ) -> any MessageChannelOwner {
    if service == .raft {
      return IncomingPeer(id: ReplicaID(link.remote?.node ?? 0), links: links)
    }
    return dispatcher.open(
      service, on: channel, credential: credentials.credential(of: authorization),
      authorization: authorization)
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
