internal import ExchangeTypes
internal import Identity
internal import NIOConcurrencyHelpers
internal import NIOCore

/// How many connections a listener holds at once, and how many of one address.
///
/// The bounds of an address are for those who are not nodes of the cluster: without them one stranger
/// could hold every connection that there is. Callers behind one address (a NAT, a proxy) share them.
public struct ConnectionBudget: Hashable, Sendable {
  /// Connections of everybody, handshakes included: descriptors are bounded by it.
  public var connectionsMax = 4_096
  /// Connections of one address, those of nodes with a certificate not counted.
  public var perAddressMax = 256
  /// Connections of one address whose handshake is not done.
  public var handshakesPerAddressMax = 128

  /// The defaults.
  public init() {}
}

/// Why a connection was closed before anything of it was read.
enum ConnectionRefusal: String, Error, CustomStringConvertible {
  case tooMany = "too_many_connections"
  case tooManyOfAddress = "too_many_of_address"
  case tooManyHandshakes = "too_many_handshakes"

  var description: String {
    switch self {
    case .tooMany: "as many connections are open as this node takes"
    case .tooManyOfAddress: "as many connections are open as one address may have"
    case .tooManyHandshakes: "as many handshakes are under way as one address may have"
    }
  }
}

/// The connections of one listener, handshakes included, by their channel.
///
/// Invariant: an address has an entry exactly while it has a counted connection, so the table is as
/// small as the set of connections.
final class OpenConnections: Sendable {
  private struct Address {
    var connections = 0
    var handshakes = 0
  }
  private struct Open {
    let channel: any Channel
    var link: NIOLoopBound<Link>?
    /// Whether it counts among its address's connections.
    var isCounted = true
  }
  private struct State {
    var open: [ObjectIdentifier: Open] = [:]
    var addresses: [String: Address] = [:]

    mutating func change(_ address: String, _ body: (inout Address) -> Void) {
      var entry = addresses[address, default: Address()]
      body(&entry)
      addresses[address] = entry.connections == 0 ? nil : entry
    }
  }

  private let budget: ConnectionBudget
  private let state = NIOLockedValueBox(State())

  init(budget: ConnectionBudget) { self.budget = budget }

  /// Takes a connection whose handshake begins; answers why not if there is no room.
  func add(_ channel: any Channel, from address: String) -> ConnectionRefusal? {
    state.withLockedValue { state in
      guard state.open.count < budget.connectionsMax else { return .tooMany }
      let entry = state.addresses[address] ?? Address()
      guard entry.connections < budget.perAddressMax else { return .tooManyOfAddress }
      guard entry.handshakes < budget.handshakesPerAddressMax else { return .tooManyHandshakes }
      state.open[ObjectIdentifier(channel)] = Open(channel: channel)
      state.change(address) {
        $0.connections += 1
        $0.handshakes += 1
      }
      return nil
    }
  }

  /// The handshake is done: a node of the cluster counts no longer.
  func add(
    _ link: NIOLoopBound<Link>, of channel: any Channel, from address: String, peer: PeerIdentity?
  ) {
    let isNode = peer.map { $0.role != .client } ?? false
    state.withLockedValue { state in
      guard var open = state.open[ObjectIdentifier(channel)], open.link == nil else { return }
      open.link = link
      open.isCounted = !isNode
      state.open[ObjectIdentifier(channel)] = open
      state.change(address) {
        $0.handshakes -= 1
        if isNode { $0.connections -= 1 }
      }
    }
  }

  /// A connection that was taken has closed.
  func remove(_ channel: any Channel, from address: String) {
    state.withLockedValue { state in
      guard let open = state.open.removeValue(forKey: ObjectIdentifier(channel)) else { return }
      state.change(address) {
        if open.link == nil { $0.handshakes -= 1 }
        if open.isCounted { $0.connections -= 1 }
      }
    }
  }

  var channels: [any Channel] { state.withLockedValue { $0.open.values.map(\.channel) } }

  func link(of channel: any Channel) -> NIOLoopBound<Link>? {
    state.withLockedValue { $0.open[ObjectIdentifier(channel)]?.link }
  }
}
