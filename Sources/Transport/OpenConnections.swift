internal import ExchangeTypes
internal import HTTP2Session
internal import Identity
internal import NIOConcurrencyHelpers
internal import NIOCore

/// How many connections a listener holds at once: of everybody, of those who have not shown that they are nodes of the cluster, of
/// one address, and of one node.
///
/// Without bounds of each, one stranger, or the worker of one supplier, could hold every connection that there is. Callers behind one
/// address (a NAT, a proxy) share its bound; addresses of IPv6 count by their /64.
public struct ConnectionBudget: Hashable, Sendable {
  /// Connections of everybody, handshakes included: descriptors are bounded by it.
  public var connectionsMax = 4_096
  /// Of those, connections of strangers and clients, and of whoever's handshake is not done: the rest is left to nodes.
  ///
  /// Above it the address that has most gives up its oldest.
  public var unknownMax = 3_072
  /// Connections of one address, those of nodes with a certificate not counted.
  public var perAddressMax = 256
  /// Connections of one address whose handshake is not done.
  public var handshakesPerAddressMax = 128
  /// Connections of one node by its certificate, a gateway's apart: a worker or another coordinator has one or two.
  public var perNodeMax = 32
  /// Connections of one gateway, of which each loop has its own.
  public var perGatewayMax = 512
  /// Of all, those that are left to other coordinators and to handshakes, one of which may be theirs.
  public var reservedForCoordinators = 64

  /// The defaults.
  public init() {}
}

/// Why a connection was closed, before anything of it was read or once it was known whose it is.
enum ConnectionRefusal: String, Error, CustomStringConvertible {
  case tooMany = "too_many_connections"
  case tooManyOfAddress = "too_many_of_address"
  case tooManyHandshakes = "too_many_handshakes"
  case tooManyOfNode = "too_many_of_node"
  case displaced = "displaced"

  var description: String {
    switch self {
    case .tooMany: "as many connections are open as this node takes"
    case .tooManyOfAddress: "as many connections are open as one address may have"
    case .tooManyHandshakes: "as many handshakes are under way as one address may have"
    case .tooManyOfNode: "as many connections are open as one node may have"
    case .displaced: "no more connections fit, and of all addresses this one has most"
    }
  }
}

/// The connections of one listener, handshakes included, by their channel.
///
/// Invariant: a connection is among the unknown ones from its beginning until its handshake shows a node, which it is counted for
/// from then on; one that was displaced is nowhere.
final class OpenConnections: Sendable {
  private struct Open {
    let channel: any Channel
    let address: AddressPrefix
    var link: NIOLoopBound<Link>?
    /// The node that it counts for.
    var node: PeerIdentity?
  }
  private struct State {
    var open: [ObjectIdentifier: Open] = [:]
    var unknown = UnknownConnections()
    /// Those that are not done, by address.
    var handshakes = Shares<AddressPrefix>()
    var nodes = Shares<PeerIdentity>()

    /// Forgets a connection, which is counted no more.
    mutating func remove(_ channel: any Channel) {
      guard let open = open.removeValue(forKey: ObjectIdentifier(channel)) else { return }
      if open.link == nil { handshakes.add(-1, to: open.address) }
      if let node = open.node { nodes.add(-1, to: node) } else { unknown.remove(channel) }
    }
  }

  private let budget: ConnectionBudget
  private let state = NIOLockedValueBox(State())

  init(budget: ConnectionBudget) { self.budget = budget }

  /// Takes a connection whose handshake begins.
  ///
  /// - Parameters:
  ///   - channel: the connection.
  ///   - address: whose it is.
  ///   - displaced: told which connection was closed for it, if one was.
  /// - Returns: why it is not taken; nil if it is.
  func add(
    _ channel: any Channel, from address: AddressPrefix, displaced: (AddressPrefix) -> Void
  ) -> ConnectionRefusal? {
    let (refusal, given) = state.withLockedValue { state in
      take(channel, from: address, &state)
    }
    if let given {
      displaced(given.of)
      given.channel.close(promise: nil)
    }
    return refusal
  }

  private func take(_ channel: any Channel, from address: AddressPrefix, _ state: inout State) -> (
    ConnectionRefusal?, (channel: any Channel, of: AddressPrefix)?
  ) {
    guard state.unknown.count(of: address) < budget.perAddressMax else {
      return (.tooManyOfAddress, nil)
    }
    guard state.handshakes[address] < budget.handshakesPerAddressMax else {
      return (.tooManyHandshakes, nil)
    }
    let limit = min(budget.unknownMax, budget.connectionsMax - state.nodes.total)
    var given: (channel: any Channel, of: AddressPrefix)?
    switch state.unknown.add(
      channel, from: address, perAddressMax: budget.perAddressMax, within: limit)
    {
    case .taken: break
    case .takenInsteadOf(let other, let loser):
      state.remove(other)
      given = (other, loser)
    case .tooManyOfAddress: return (.tooManyOfAddress, nil)
    case .tooMany: return (.tooMany, nil)
    }
    state.open[ObjectIdentifier(channel)] = Open(channel: channel, address: address)
    state.handshakes.add(1, to: address)
    return (nil, given)
  }

  /// The handshake is done: a node of the cluster counts as itself from now on; answers why it may not.
  func add(_ link: NIOLoopBound<Link>, of channel: any Channel, peer: PeerIdentity?)
    -> ConnectionRefusal?
  {
    state.withLockedValue { state in
      guard var open = state.open[ObjectIdentifier(channel)], open.link == nil else { return nil }
      open.link = link
      state.handshakes.add(-1, to: open.address)
      defer { state.open[ObjectIdentifier(channel)] = open }
      guard let peer, peer.role != .client else { return nil }
      let most = peer.role == .gateway ? budget.perGatewayMax : budget.perNodeMax
      guard state.nodes[peer] < most else { return .tooManyOfNode }
      guard
        peer.role == .coordinator
          || state.nodes.total < budget.connectionsMax - budget.reservedForCoordinators
      else { return .tooMany }
      state.unknown.remove(channel)
      state.nodes.add(1, to: peer)
      open.node = peer
      return nil
    }
  }

  /// A connection that was taken has closed.
  func remove(_ channel: any Channel) { state.withLockedValue { $0.remove(channel) } }

  var channels: [any Channel] { state.withLockedValue { $0.open.values.map(\.channel) } }

  func link(of channel: any Channel) -> NIOLoopBound<Link>? {
    state.withLockedValue { $0.open[ObjectIdentifier(channel)]?.link }
  }
}

/// Owns a link that is being closed: nobody has it.
final class UnwantedLink: LinkDelegate {
  func accepted(_ stream: LinkStream, headers: [HeaderField], on link: Link)
    -> (any StreamHandler)?
  { nil }
  func draining(_ link: Link) {}
  func closed(_ link: Link, _ end: LinkEnd) {}
}
