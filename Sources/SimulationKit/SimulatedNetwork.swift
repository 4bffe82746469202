internal import WireProtocol

/// The network between all nodes: connections, how long things take on them, and what is cut.
///
/// Connections are ordered and lose nothing, as TCP's do: loss shows as a stall, or as a connection that
/// breaks. A direction that is cut holds what is sent until it heals or one side gives the link up.
final class SimulatedNetwork {
  /// Microseconds from one node to another.
  private(set) var latency = SimulatedNetwork.quick
  /// What made it slow.
  private var slowness: LatentFault?
  /// The same when nothing is slow.
  static let quick: ClosedRange<UInt64> = 100...1_500
  /// In so many of a thousand turns something is lost and has to be sent again.
  var lossPerMille: UInt64 = 0
  /// How messages between coordinators travel: in order and whole, unless the run tries out what their port allows.
  var peerDisorder: PeerDisorder?
  /// Microseconds that a retransmission takes.
  static let retransmission: ClosedRange<UInt64> = 200_000...1_600_000
  /// A dialing side gives up a peer that was silent for this long; the accepting side later
  /// (`NodeLink.Timing`, `LinkSettings`).
  static let dialerPatience: ClosedRange<UInt64> = 6_000_000...8_000_000
  static let acceptorPatience: UInt64 = 15_000_000
  static let greetingPatience: UInt64 = 5_000_000

  /// What `PeerTransport` allows: messages are lost, overtaken and doubled, each by itself.
  struct PeerDisorder {
    let lostPerMille: UInt64
    let doubledPerMille: UInt64
    /// Microseconds that one message takes longer than it would.
    let delay: ClosedRange<UInt64>
  }

  unowned let simulation: Simulation
  var random: SeededGenerator
  private var cuts: [Direction: Cut] = [:]
  private(set) var links: [SimulatedLink] = []

  private struct Direction: Hashable {
    let from: Int
    let to: Int
  }

  private struct Cut {
    let since: UInt64
    let reason: LatentFault?
  }

  init(_ simulation: Simulation) {
    self.simulation = simulation
    random = SeededGenerator(seed: simulation.seed, part: 1_000_001)
  }

  // MARK: Connections

  /// Opens a connection; `owner` is told whether it came to be.
  func connect(
    _ dialer: SimulatedNode, to acceptor: SimulatedNode, owner: any LinkOwner
  ) -> LinkEnd {
    let link = SimulatedLink(dialer, acceptor, network: self)
    links.append(link)
    link.dialer.greet(owner: owner)
    return link.dialer
  }

  func forget(_ link: SimulatedLink) {
    if let place = links.firstIndex(where: { $0 === link }) { links.remove(at: place) }
  }

  /// Breaks a connection between two living nodes, as a middle box or an idle timeout does.
  func breakLink(_ link: SimulatedLink) {
    link.dialer.node.after(random.below(2_000)) { link.dialer.close() }
    link.acceptor.node.after(random.below(2_000)) { link.acceptor.close() }
  }

  // MARK: Cuts

  func isCut(_ from: SimulatedNode, _ to: SimulatedNode) -> Bool {
    cuts[Direction(from: from.number, to: to.number)] != nil
  }

  /// Nothing passes in one direction from now on; `reason` bites when something was to.
  func cut(_ from: SimulatedNode, _ to: SimulatedNode, _ reason: LatentFault? = nil) {
    let direction = Direction(from: from.number, to: to.number)
    guard cuts[direction] == nil else { return }
    let since = simulation.clock.now
    cuts[direction] = Cut(since: since, reason: reason)
    for link in links where link.connects(from, to) && !link.isPatient {
      giveUp(link) { [self] in cuts[direction]?.since == since }
    }
  }

  /// A cut direction holds something that was to pass.
  func held(_ from: SimulatedNode, _ to: SimulatedNode) {
    cuts[Direction(from: from.number, to: to.number)]?.reason?.bite()
  }

  /// Every direction works again.
  func heal() {
    cuts = [:]
    for link in links {
      link.dialer.releaseHeld()
      link.acceptor.releaseHeld()
    }
  }

  /// A node was paused: its peers hear nothing of it.
  func wentSilent(_ node: SimulatedNode) {
    let since = node.pausedSince
    let life = node.life
    for link in links
    where (link.dialer.node === node || link.acceptor.node === node) && !link.isPatient {
      giveUp(link) { since != nil && node.pausedSince == since && node.life == life }
    }
  }

  /// A node's process is gone.
  ///
  /// - Parameters:
  ///   - node: which.
  ///   - silently: the whole machine is, so that nobody says so.
  func died(_ node: SimulatedNode, silently: Bool) {
    for link in links {
      for end in [link.dialer, link.acceptor] where end.node === node {
        end.vanish(tellingPeer: !silently)
        if silently { giveUp(link) { true } }
      }
    }
  }

  /// The machine is back: peers of its earlier life find that out.
  func returned(_ node: SimulatedNode) {
    for link in links {
      for end in [link.dialer, link.acceptor]
      where end.node !== node && end.peer.node === node && end.peer.isOver {
        end.node.after(random.below(1_000_000)) { end.close() }
      }
    }
  }

  /// Closes both ends of a link in the time that each takes to notice a silence, if it is one still.
  private func giveUp(_ link: SimulatedLink, while isSilent: @escaping () -> Bool) {
    link.dialer.node.after(random.within(Self.dialerPatience)) {
      if isSilent() { link.dialer.close() }
    }
    link.acceptor.node.after(Self.acceptorPatience) {
      if isSilent() { link.acceptor.close() }
    }
  }

  /// What is sent from now on takes so many microseconds, for a reason.
  func slow(to latency: ClosedRange<UInt64>, _ reason: LatentFault) {
    self.latency = latency
    slowness = reason
  }

  /// Nothing takes longer than usual.
  func quicken() {
    latency = Self.quick
    slowness = nil
  }

  /// Microseconds that what is sent now takes, drawn from the sender's generator.
  func delay(_ random: inout SeededGenerator) -> UInt64 {
    var delay = random.within(latency)
    if let slowness, delay > Self.quick.upperBound { slowness.bite() }
    if random.chance(perMille: lossPerMille) {
      simulation.count(.retransmission)
      delay += random.within(Self.retransmission)
    }
    return delay
  }

  /// Breaks what keeps the run in memory.
  func clear() {
    for link in links {
      link.dialer.clear()
      link.acceptor.clear()
      link.unlink()
    }
    links = []
    cuts = [:]
    quicken()
  }
}
