import ExchangeTypes
import RaftEngine

/// SplitMix64: the same seed gives the same cluster, event for event.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// Engines, a network, disks and a clock in memory; everything that happens follows from the seed.
final class Cluster {
  /// How the surroundings behave.
  struct Weather {
    /// Milliseconds that a message takes.
    var latency: ClosedRange<UInt64> = 1...1
    /// Milliseconds that a write takes.
    var diskLatency: ClosedRange<UInt64> = 0...0
    /// Messages lost, in percent.
    var lossPercent = 0
    /// Whether messages between two members stay in order.
    var ordered = true
  }

  struct Link: Hashable {
    let from: UInt64
    let to: UInt64
  }

  struct Packet {
    let from: UInt64
    let to: UInt64
    let message: RaftMessage
    var at: UInt64
    let sequence: UInt64
  }

  var random: SeededGenerator
  var weather = Weather()
  var now: UInt64 = 0
  private(set) var nodes: [ClusterNode] = []
  var packets: [Packet] = []
  var cut: Set<Link> = []
  let checker = Checker()
  /// What happened, for the tests that tell a story; nil while nobody listens.
  var trace: [String]?
  /// Whether the story includes every message.
  var tracesMessages = false
  private var sequence: UInt64 = 0
  let founders: Membership
  let configure: (inout RaftEngine.Configuration) -> Void

  init(
    voters: Int, seed: UInt64 = 1, guards: Guards = .all, starting: Bool = true,
    configure: @escaping (inout RaftEngine.Configuration) -> Void = { _ in }
  ) {
    random = SeededGenerator(seed: seed)
    let servers = (1...UInt64(voters)).map {
      RaftServer(id: ReplicaID($0), address: "node-\($0)", role: .voter)
    }
    founders = Membership(servers) ?? .none
    self.configure = {
      $0.guards = guards
      configure(&$0)
    }
    for server in servers {
      let node = ClusterNode(
        id: server.id.rawValue, disk: Disk(RaftStart.founding(founders)), in: self)
      nodes.append(node)
      if starting { node.start() }
    }
  }

  subscript(_ id: UInt64) -> ClusterNode { nodes[Int(id) - 1] }

  /// Adds an empty server that knows nobody.
  @discardableResult
  func addServer() -> ClusterNode {
    let node = ClusterNode(
      id: UInt64(nodes.count) + 1, disk: Disk(RaftStart(hardState: nil)), in: self)
    nodes.append(node)
    node.start()
    return node
  }

  // MARK: - Faults

  /// Loses everything between these members and the others, both ways.
  func isolate(_ ids: UInt64...) {
    for other in nodes where !ids.contains(other.id) {
      for id in ids {
        cut.insert(Link(from: id, to: other.id))
        cut.insert(Link(from: other.id, to: id))
      }
    }
  }

  func heal() { cut.removeAll() }

  // MARK: - Time

  /// Lets `milliseconds` pass.
  func run(for milliseconds: UInt64) { run(until: now + milliseconds) }

  func run(until end: UInt64) { while advance(to: end) {} }

  /// Lets time pass until `condition` holds, at most `milliseconds`; answers whether it does.
  @discardableResult
  func run(atMost milliseconds: UInt64 = 20_000, until condition: () -> Bool) -> Bool {
    let end = now + milliseconds
    while !condition() {
      guard advance(to: end) else { return condition() }
    }
    return true
  }

  private enum Next {
    case packet(Int)
    case disk(ClusterNode)
    case timer(ClusterNode)
  }

  /// Does the next thing due until `end`; false if there is none.
  private func advance(to end: UInt64) -> Bool {
    var best = end + 1
    var next: Next?
    for node in nodes where node.isUp {
      if let at = node.diskDue, max(at, node.pausedUntil, now) < best {
        best = max(at, node.pausedUntil, now)
        next = .disk(node)
      }
    }
    var bestSequence = UInt64.max
    for (place, packet) in packets.enumerated() {
      let at = max(packet.at, nodes[Int(packet.to) - 1].pausedUntil, now)
      if at < best || (at == best && packet.sequence < bestSequence) {
        if at == best, case .disk = next { continue }
        best = at
        bestSequence = packet.sequence
        next = .packet(place)
      }
    }
    for node in nodes where node.isUp {
      if let at = node.timerDue, max(at, node.pausedUntil, now) < best {
        best = max(at, node.pausedUntil, now)
        next = .timer(node)
      }
    }
    guard let next else {
      now = max(now, end)
      return false
    }
    now = best
    switch next {
    case .packet(let place):
      let packet = packets.remove(at: place)
      let lost =
        cut.contains(Link(from: packet.from, to: packet.to))
        || Int.random(in: 0..<100, using: &random) < weather.lossPercent
      if !lost, self[packet.to].isUp {
        self[packet.to].handle(.receive(packet.message, from: ReplicaID(packet.from)))
      }
    case .disk(let node): node.completeOldestWrite()
    case .timer(let node): node.handle(.timeout)
    }
    return true
  }

  func send(_ message: RaftMessage, from: UInt64, to: UInt64) {
    guard to >= 1, Int(to) <= nodes.count else { return }
    var at = now + UInt64.random(in: weather.latency, using: &random)
    if weather.ordered {
      for packet in packets where packet.from == from && packet.to == to { at = max(at, packet.at) }
    }
    sequence += 1
    packets.append(Packet(from: from, to: to, message: message, at: at, sequence: sequence))
  }

  // MARK: - Views

  /// The running leader of the latest term.
  var leader: ClusterNode? {
    nodes.filter { $0.engine?.role.isLeader ?? false }
      .max { ($0.engine?.term ?? Term(0)) < ($1.engine?.term ?? Term(0)) }
  }

  /// Waits for a leader and gives it.
  func electedLeader() -> ClusterNode {
    run { leader != nil }
    guard let leader else { fatalError("no leader at \(now) ms") }
    return leader
  }

  /// Whether all running members have applied the same, up to the leader's last index.
  var hasConverged: Bool {
    guard let leader, let engine = leader.engine else { return false }
    let members = Set(engine.membership.servers.filter { $0.role != .spare }.map(\.id.rawValue))
    return nodes.filter { $0.isUp && members.contains($0.id) }.allSatisfy {
      $0.applied == engine.lastIndex && $0.state == leader.state
    }
  }

  func record(_ line: @autoclosure () -> String) {
    trace?.append("\(now) \(line())")
  }

  /// Stops every engine, so that nothing of libraft is left.
  func shutDown() { for node in nodes { node.crash() } }
}
