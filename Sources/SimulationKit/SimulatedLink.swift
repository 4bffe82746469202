internal import Consensus
internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

/// Told what happens to a connection; the simulated counterpart of a node link's owner.
protocol LinkOwner: AnyObject {
  /// The handshake is done.
  func established(_ end: LinkEnd)
  /// The peer opened a stream: who owns it.
  func accepted(
    _ channel: SimulatedChannel, for service: Service, authorization: String, on end: LinkEnd
  ) -> any MessageChannelOwner
  /// The peer says who leads.
  func heard(_ notice: LeaderNotice, on end: LinkEnd)
  /// A message of the consensus algorithm.
  func received(_ message: PeerMessage, on end: LinkEnd)
  /// A consumer's request over HTTP.
  func received(_ request: SimulatedRequest, on end: LinkEnd)
  /// A part of its answer.
  func received(_ reply: HTTPReply, on end: LinkEnd)
  /// The connection is over, or never was; after all its channels.
  func closed(_ end: LinkEnd)
}

extension LinkOwner {
  func received(_ request: SimulatedRequest, on end: LinkEnd) {
    preconditionFailure("only gateways are asked over HTTP")
  }
  func received(_ reply: HTTPReply, on end: LinkEnd) {
    preconditionFailure("only consumers are answered over HTTP")
  }
}

/// One connection between two nodes.
final class SimulatedLink {
  let dialer: LinkEnd
  let acceptor: LinkEnd
  unowned let network: SimulatedNetwork

  init(_ dialing: SimulatedNode, _ accepting: SimulatedNode, network: SimulatedNetwork) {
    self.network = network
    dialer = LinkEnd(dialing, isDialer: true)
    acceptor = LinkEnd(accepting, isDialer: false)
    dialer.join(self)
    acceptor.join(self)
  }

  /// Whether its ends wait as long as it takes: a consumer's HTTP client does.
  var isPatient: Bool { acceptor.node is SimulatedGateway }

  func connects(_ one: SimulatedNode, _ other: SimulatedNode) -> Bool {
    (dialer.node === one && acceptor.node === other)
      || (dialer.node === other && acceptor.node === one)
  }

  func endedAtOneSide() {
    guard dialer.isOver, acceptor.isOver else { return }
    network.forget(self)
    unlink()
  }

  /// Its ends know each other no more; until then they keep each other.
  func unlink() {
    dialer.unlink()
    acceptor.unlink()
  }
}

/// One side of a connection.
///
/// ```
/// greeting ──the peer answers──► up ──close, silence, the process dies──► over
/// ```
final class LinkEnd {
  enum Packet {
    case hello
    case welcome
    case refused
    case opened(UInt32, Service, authorization: String)
    case message(UInt32, MessageKind, payload: [UInt8])
    case ended(UInt32)
    case reset(UInt32)
    case notice(LeaderNotice)
    case peer(PeerMessage)
    case request(SimulatedRequest)
    case reply(HTTPReply)
    case closed

    /// Streams are numbered from 1; what concerns the connection comes before or after all of them.
    var minor: UInt32 {
      switch self {
      case .hello, .welcome, .notice, .peer, .request, .reply: 0
      case .opened(let number, _, _), .message(let number, _, _), .ended(let number),
        .reset(let number):
        number
      case .refused, .closed: .max
      }
    }
  }

  private enum State { case greeting, up, over }

  let node: SimulatedNode
  let life: Int
  let isDialer: Bool
  /// What it is an end of; nil once the connection is over on both sides.
  private var link: SimulatedLink?
  /// The peer's machine said that nobody listens.
  private(set) var foundNobody = false
  private var owner: (any LinkOwner)?
  private var state = State.greeting
  private var channels: [UInt32: SimulatedChannel] = [:]
  private var lastChannel: UInt32 = 0
  private var isDraining = false
  private let lane: UInt32
  /// Its own: the order in which links are written to in one turn moves no other link.
  private var random: SeededGenerator
  // What leaves here: it arrives in order, and what leaves in one turn arrives together.
  private var lastTurn: UInt64 = .max
  private var lastArrival: UInt64 = 0
  private var held: [Packet] = []
  private var lastPeerArrival: UInt64 = 0

  init(_ node: SimulatedNode, isDialer: Bool) {
    self.node = node
    life = node.life
    self.isDialer = isDialer
    lane = node.simulation.clock.makeLane()
    random = SeededGenerator(seed: node.simulation.seed, part: 2_000_000 + UInt64(lane))
  }

  fileprivate func join(_ link: SimulatedLink) { self.link = link }
  fileprivate func unlink() { link = nil }

  /// The other side; nil once the connection is over on both.
  var peerEnd: LinkEnd? {
    guard let link else { return nil }
    return isDialer ? link.acceptor : link.dialer
  }
  var peer: LinkEnd {
    guard let peerEnd else { preconditionFailure("a link has two ends") }
    return peerEnd
  }
  var isUp: Bool { state == .up }
  var isOver: Bool { state == .over }

  // MARK: Its life

  /// The dialing side says hello.
  func greet(owner: any LinkOwner) {
    self.owner = owner
    transmit(.hello)
    node.after(SimulatedNetwork.greetingPatience) { [self] in
      if state == .greeting { close() }
    }
  }

  /// Ends this side; the peer hears of it if it can.
  func close() {
    guard state != .over else { return }
    transmit(.closed)
    finish()
  }

  /// Opens no more streams, and closes when those that are open have ended.
  func drain() {
    isDraining = true
    closeIfDrained()
  }

  fileprivate func closeIfDrained() {
    guard isDraining, channels.isEmpty, state != .over else { return }
    node.after(0) { [self] in if channels.isEmpty { close() } }
  }

  /// The process behind this side is gone: its kernel may say so, nobody here hears of it.
  func vanish(tellingPeer: Bool) {
    guard state != .over else { return }
    if tellingPeer { transmit(.closed) }
    state = .over
    let last = held
    clear()
    if tellingPeer { keepClosing(last) }
    link?.endedAtOneSide()
  }

  private func finish() {
    state = .over
    let ending = channels.keys.sorted().compactMap { channels[$0] }
    channels = [:]
    let last = owner
    owner = nil
    // What was said over HTTP before it was closed is still on its way.
    if link?.isPatient != true { keepClosing(held) }
    // Owners hear of it in a turn of its own, as from an event loop.
    node.after(0) { [self] in
      for channel in ending { channel.lost() }
      last?.closed(self)
    }
    link?.endedAtOneSide()
  }

  /// Of what a cut direction holds, only the end of the connection matters once it is over.
  private func keepClosing(_ packets: [Packet]) {
    held = packets.filter { if case .closed = $0 { true } else { false } }
  }

  /// Breaks what keeps the run in memory.
  func clear() {
    for channel in channels.values { channel.clear() }
    channels = [:]
    owner = nil
    held = []
  }

  // MARK: Sending

  /// Opens a stream; only the dialing side may.
  ///
  /// On a link that cannot, it ends by itself after this has returned.
  func openStream(
    _ service: Service, authorization: String, owner: any MessageChannelOwner
  ) -> SimulatedChannel {
    lastChannel += 1
    let channel = SimulatedChannel(lastChannel, service, on: self, isOpener: true)
    channel.begin(owner: owner)
    guard state == .up, !isDraining else {
      channel.abort()
      return channel
    }
    channels[channel.number] = channel
    transmit(.opened(channel.number, service, authorization: authorization))
    return channel
  }

  func send(_ request: SimulatedRequest) {
    if state == .up { transmit(.request(request)) }
  }

  func send(_ reply: HTTPReply) {
    if state == .up { transmit(.reply(reply)) }
  }

  func tell(_ notice: LeaderNotice) {
    if state == .up { transmit(.notice(notice)) }
  }

  func send(_ message: PeerMessage) {
    guard state == .up else { return }
    guard let network = link?.network, let disorder = network.peerDisorder, held.isEmpty,
      !network.isCut(node, peer.node)
    else { return transmit(.peer(message)) }
    sendAlone(message, disorder)
  }

  /// One message by itself: lost, late or twice, as the port between coordinators allows.
  private func sendAlone(_ message: PeerMessage, _ disorder: SimulatedNetwork.PeerDisorder) {
    let simulation = node.simulation
    if random.chance(perMille: disorder.lostPerMille) { return simulation.count(.peerMessageLost) }
    var copies = 1
    if case .raft = message, random.chance(perMille: disorder.doubledPerMille) {
      simulation.count(.peerMessageDoubled)
      copies = 2
    }
    for _ in 0..<copies {
      let arrival = simulation.clock.now + random.within(disorder.delay)
      if arrival < lastPeerArrival { simulation.count(.peerMessageDelayed) }
      lastPeerArrival = max(lastPeerArrival, arrival)
      deliver(.peer(message), at: arrival)
    }
  }

  func send(_ packet: Packet, of channel: SimulatedChannel) {
    if channels[channel.number] === channel { transmit(packet) }
  }

  func remove(_ channel: SimulatedChannel) {
    if channels[channel.number] === channel {
      channels[channel.number] = nil
      closeIfDrained()
    }
  }

  func channel(_ number: UInt32) -> SimulatedChannel? { channels[number] }

  private func transmit(_ packet: Packet) {
    guard let network = link?.network else { return }
    guard held.isEmpty, !network.isCut(node, peer.node) else {
      held.append(packet)
      network.held(node, peer.node)
      return
    }
    let now = node.simulation.clock.now
    if lastTurn != now {
      lastTurn = now
      lastArrival = max(lastArrival, now + network.delay(&random))
    }
    deliver(packet, at: lastArrival)
  }

  private func deliver(_ packet: Packet, at moment: UInt64) {
    let target = peer
    let arrival = Lane(major: lane, minor: packet.minor)
    if !target.node.isUp || target.node.life != target.life {
      // Nobody is there: a machine that is up says so to a hello, all else vanishes.
      if case .hello = packet {
        node.at(moment + 500, lane: arrival) { [self] in arrived(.refused) }
      }
      return
    }
    target.node.at(moment, lane: arrival) { target.arrived(packet) }
  }

  /// The direction works again: what was held leaves, after a retransmission.
  func releaseHeld() {
    guard !held.isEmpty else { return }
    let waiting = held
    held = []
    lastTurn = node.simulation.clock.now
    lastArrival = max(lastArrival, lastTurn + random.within(1_000...400_000))
    for packet in waiting { deliver(packet, at: lastArrival) }
  }

  // MARK: Receiving

  private func arrived(_ packet: Packet) {
    switch packet {
    case .hello:
      guard state == .greeting, let owner = node.accept(self) else { return close() }
      self.owner = owner
      state = .up
      transmit(.welcome)
      owner.established(self)
    case .welcome:
      guard state == .greeting else { return }
      state = .up
      owner?.established(self)
    case .refused, .closed:
      guard state != .over else { return }
      if case .refused = packet { foundNobody = true }
      finish()
    case .notice(let notice):
      if state == .up { owner?.heard(notice, on: self) }
    case .peer(let message):
      // A message that was on its way when its connection broke may still be read.
      if state == .up { owner?.received(message, on: self) }
    case .request(let request):
      if state == .up { owner?.received(request, on: self) }
    case .reply(let reply):
      if state == .up { owner?.received(reply, on: self) }
    case .opened(let number, let service, let authorization):
      guard state == .up, let owner else { return }
      let channel = SimulatedChannel(number, service, on: self, isOpener: false)
      channels[number] = channel
      channel.begin(
        owner: owner.accepted(channel, for: service, authorization: authorization, on: self))
    case .message(let number, let kind, let payload):
      channels[number]?.arrived(kind, payload)
    case .ended(let number):
      channels[number]?.peerEnded()
    case .reset(let number):
      guard let channel = channels[number] else { return }
      channels[number] = nil
      channel.lost()
      closeIfDrained()
    }
  }
}
