import Consensus
import ExchangeCore
import ExchangeTypes
import RaftEngine
import Testing
import TokenLedger

/// Numbers from a seed (SplitMix64): the same on every run and machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// Replicas on disks and a network in memory, in virtual time, in one thread: every run of a seed
/// is the same run.
///
/// What must hold at every moment is checked at every moment.
final class Cluster {
  let seed: UInt64
  var random: SeededGenerator
  private(set) var now: UInt64 = 1_000
  private(set) var nodes: [Node] = []
  private var events: [(at: UInt64, order: UInt64, body: () -> Void)] = []
  private var lastOrder: UInt64 = 0

  // Faults.
  var lossPerMille: UInt64 = 0
  var delayMax: UInt64 = 2
  var writeDelayMax: UInt64 = 2
  private(set) var cut: Set<Link> = []
  struct Link: Hashable {
    let from: ReplicaID
    let to: ReplicaID
  }
  struct Counts {
    var lost = 0
    var crashes = 0
    var lostWrites = 0
    var unknown = 0
    var applied = 0
    var refused = 0
    var staleReads = 0
    var reads = 0
    var unavailable = 0
    var trims = 0
    var installs = 0
  }
  var counts = Counts()

  /// Whether equal digests at equal index are demanded: not where a test plants another state.
  var comparesStates = true

  // What has been promised to callers.
  private var digests: [LogIndex: StateDigest] = [:]
  private(set) var acknowledged: [LogIndex: RequestKey] = [:]
  private(set) var lastAcknowledged = LogIndex(0)
  private var lastRequest: UInt64 = 0
  /// How much of the log replicas keep, if not the default.
  let retention: LogRetention?

  init(_ count: Int, seed: UInt64 = 1, retention: LogRetention? = nil) throws {
    self.seed = seed
    self.retention = retention
    random = SeededGenerator(seed: seed)
    let ids = (1...UInt64(count)).map { ReplicaID($0) }
    let founding = try #require(
      Membership(ids.map { RaftServer(id: $0, address: "m\($0)", role: .voter) }))
    for id in ids { nodes.append(Node(id, founding: founding, cluster: self)) }
    for node in nodes { try node.boot() }
  }

  /// Starts a replica that no group knows yet, under the next id.
  func join() throws -> Node {
    let node = Node(ReplicaID(UInt64(nodes.count) + 1), founding: .none, cluster: self)
    node.joins = true
    nodes.append(node)
    try node.boot()
    return node
  }

  func node(_ id: ReplicaID) -> Node { nodes[Int(id.rawValue) - 1] }
  var leader: Node? {
    nodes.filter { $0.replica?.role == .leader && !$0.isPaused }
      .max { ($0.replica?.term ?? Term(0)) < ($1.replica?.term ?? Term(0)) }
  }

  func below(_ bound: UInt64) -> UInt64 { bound == 0 ? 0 : random.next() % bound }

  // MARK: Time

  func after(_ delay: UInt64, _ body: @escaping () -> Void) {
    lastOrder += 1
    events.append((now + delay, lastOrder, body))
  }

  /// Lets virtual time pass.
  func run(_ milliseconds: UInt64) { run(atMost: milliseconds) { false } }

  /// Lets time pass until `condition` holds.
  ///
  /// Answers whether it came to hold.
  @discardableResult
  func run(atMost milliseconds: UInt64, until condition: () -> Bool) -> Bool {
    let end = now + milliseconds
    while !condition() {
      let due = events.indices.min {
        (events[$0].at, events[$0].order) < (events[$1].at, events[$1].order)
      }
      let timer = nodes.filter(\.isRunning).min { $0.deadline < $1.deadline }
      let eventAt = due.map { events[$0].at } ?? .max
      let timerAt = timer.map { max($0.deadline, now) } ?? .max
      guard min(eventAt, timerAt) <= end else {
        now = end
        return condition()
      }
      if let due, eventAt <= timerAt {
        let event = events.remove(at: due)
        now = max(now, event.at)
        event.body()
      } else if let timer {
        now = max(now, timerAt)
        timer.replica?.tick(now: now)
      }
    }
    return true
  }

  func elect() throws -> Node {
    try #require(run(atMost: 10_000) { self.leader != nil }, "no leader, seed \(seed)")
    return try #require(leader)
  }

  /// Waits until every running replica has applied what the leader has.
  func settle() throws {
    let done = run(atMost: 10_000) {
      guard let leader = self.leader?.replica else { return false }
      return self.nodes.allSatisfy {
        $0.isRunning && $0.replica?.applied == leader.lastIndex
          && $0.replica?.exchange.digest == leader.exchange.digest
      }
    }
    #expect(done, "replicas do not agree in time, seed \(seed)")
  }

  // MARK: The network

  func isolate(_ node: Node) {
    for other in nodes where other !== node {
      cut.insert(Link(from: node.id, to: other.id))
      cut.insert(Link(from: other.id, to: node.id))
    }
  }
  func cutOneWay(from: Node, to: Node) { cut.insert(Link(from: from.id, to: to.id)) }
  func heal() { cut = [] }

  func deliver(_ message: PeerMessage, from: ReplicaID, to: ReplicaID) {
    if below(1_000) < lossPerMille {
      counts.lost += 1
      return
    }
    after(1 + below(delayMax)) { [self] in
      guard !cut.contains(Link(from: from, to: to)) else {
        counts.lost += 1
        return
      }
      // A member that was added and has not been started hears nothing.
      guard to.rawValue <= UInt64(nodes.count) else { return }
      node(to).hear { $0.receive(message, from: from, now: self.now) }
    }
  }

  // MARK: Promises

  /// Every replica that applies an index has the same state there.
  func noteApplied(_ replica: Replica, _ index: LogIndex) {
    guard comparesStates else { return }
    if let known = digests[index] {
      #expect(known == replica.exchange.digest, "\(index) differs, seed \(seed)")
    } else {
      digests[index] = replica.exchange.digest
    }
  }

  /// How many disks hold the entry that `leader` has at `index`.
  func copies(of index: LogIndex) -> Int {
    let all = nodes.compactMap { $0.store.entry(index) }
    return Dictionary(grouping: all) { $0 }.values.map(\.count).max() ?? 0
  }

  /// Submits an account's creation; the ticket is told how it ended.
  @discardableResult
  func propose(to node: Node, key: RequestKey? = nil, bytes: Int = 0) -> Ticket {
    lastRequest += 1
    let key = key ?? RequestKey(high: seed, low: lastRequest)
    let ticket = Ticket(key)
    guard let replica = node.replica, node.isRunning else {
      ticket.end(.unknown)
      return ticket
    }
    let payload = Node.payload(
      .accountCreate(.init(caller: KeyID(1), requestKey: key, name: "\(key)", kind: .consumer)),
      at: now)
    replica.submit(
      [
        (
          payload,
          { [self] result in
            ticket.end(result)
            switch result {
            case .applied(_, let index):
              counts.applied += 1
              #expect(
                copies(of: index) > replica.voters.count / 2, "acknowledged early, seed \(seed)")
              acknowledged[index] = key
              lastAcknowledged = max(lastAcknowledged, index)
            case .refused: counts.refused += 1
            case .unknown: counts.unknown += 1
            }
          }
        )
      ], now: now)
    return ticket
  }

  /// Asks for a linearizable moment; checks that it is one.
  @discardableResult
  func read(at node: Node) -> ReadTicket {
    let ticket = ReadTicket()
    let promised = lastAcknowledged
    guard let replica = node.replica, node.isRunning else {
      ticket.result = .unavailable
      return ticket
    }
    replica.confirmRead(now: now) { [self] result in
      #expect(ticket.result == nil, "a read ended twice, seed \(seed)")
      ticket.result = result
      counts.reads += 1
      if result == .ready {
        #expect(replica.applied >= promised, "a stale read, seed \(seed)")
      } else {
        counts.unavailable += 1
      }
    }
    return ticket
  }

  /// Everything that was acknowledged is in every replica's state, once.
  func checkPromises() {
    for node in nodes {
      guard let exchange = node.replica?.exchange else { continue }
      for (index, key) in acknowledged {
        #expect(
          exchange.account(named: "\(key)") == 1,
          "\(index) was acknowledged and is not there once, seed \(seed)")
      }
    }
  }
}

extension Exchange {
  /// How many of the newest accounts have this name.
  fileprivate func account(named name: String) -> Int {
    var found = 0
    var id: UInt64 = 1
    while let account = account(AccountID(id)) {
      if account.name == name { found += 1 }
      id += 1
    }
    return found
  }
}

/// A proposal and its one end.
final class Ticket {
  let key: RequestKey
  private(set) var results: [ProposalResult] = []
  init(_ key: RequestKey) { self.key = key }
  func end(_ result: ProposalResult) {
    results.append(result)
    #expect(results.count == 1, "a proposal ended twice")
  }
  var isApplied: Bool { if case .applied = results.first { true } else { false } }
  var isUnknown: Bool { if case .unknown = results.first { true } else { false } }
  var isRefused: Bool { if case .refused = results.first { true } else { false } }
}

final class ReadTicket {
  var result: ReadResult?
}
