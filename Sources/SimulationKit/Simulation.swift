internal import Consensus
internal import ExchangeTypes
internal import JobDispatch
internal import RaftEngine
internal import WireProtocol

/// One run's world: nodes, network, time, and what has been found out about them.
final class Simulation {
  let configuration: SimulationConfiguration
  let clusterID = ClusterID(7)
  let clock = SimulatedClock()
  let membership: Membership
  let addresses: [ReplicaID: String]
  private(set) lazy var network = SimulatedNetwork(self)
  private(set) lazy var sealer = SimulatedSealer(self)
  private(set) lazy var elections = ElectionChecker(self)
  private(set) lazy var states = StateChecker(self)
  private(set) lazy var order = OrderChecker(self)
  private(set) lazy var history = HistoryChecker(self)
  private(set) lazy var messages = MessageChecker(self)
  private(set) lazy var members = MembersChecker(self)
  /// Those that belong to the cluster, or are about to.
  private(set) var coordinators: [SimulatedCoordinator] = []
  /// Those that were replaced: some of them run for a while yet.
  private(set) var former: [SimulatedCoordinator] = []
  private(set) var workers: [SimulatedWorker] = []
  private(set) var gateways: [SimulatedGateway] = []
  private(set) var findings: [Finding] = []
  private(set) var faults: [Fault: Int] = [:]
  private(set) var marks: [CoverageMark: Int] = [:]
  /// Since when everything takes longer than an election timeout, in virtual microseconds; nil if it does not.
  var overloadedSince: UInt64?
  /// Readers of jobs who have not been told an end.
  var openReaders = 0
  /// Jobs whose streams a worker gave back since its owner wanted the machine, with that node's number.
  var reclaimedStreams: [JobID: Int] = [:]
  /// Jobs that the smaller context was too small for, and that have not begun at a larger one.
  var jobsTooLong: Set<JobID> = []
  /// Whether engines and requests may fail by themselves.
  var faultsAreOn = false
  private var nodes = 0

  var seed: UInt64 { configuration.seed }

  init(_ configuration: SimulationConfiguration) {
    self.configuration = configuration
    let ids = (1...UInt64(configuration.coordinatorCount)).map { ReplicaID($0) }
    guard
      let membership = Membership(
        ids.map { RaftServer(id: $0, address: "c\($0)", role: .voter) })
    else { preconditionFailure("no such cluster") }
    self.membership = membership
    addresses = Dictionary(uniqueKeysWithValues: ids.map { ($0, "c\($0)") })
    coordinators = ids.map { SimulatedCoordinator($0, in: self) }
    workers = (0..<configuration.workers).map { SimulatedWorker($0, in: self) }
    gateways = (0..<configuration.gateways).map { SimulatedGateway("g\($0 + 1)", in: self) }
  }

  /// A coordinator of now or of the past.
  func coordinator(_ id: ReplicaID) -> SimulatedCoordinator? {
    coordinators.first { $0.id == id } ?? former.first { $0.id == id }
  }

  /// Another coordinator takes one's place, under an id that nobody had, with nothing on its disk.
  ///
  /// - Parameters:
  ///   - old: who has been removed.
  ///   - term: that of a leader who knows so.
  /// - Returns: the other.
  func replace(_ old: SimulatedCoordinator, in term: Term) -> SimulatedCoordinator {
    elections.removed(old.id, in: term)
    let highest = (coordinators + former).map(\.id.rawValue).max() ?? 0
    let newcomer = SimulatedCoordinator(ReplicaID(highest + 1), joins: true, in: self)
    former.append(old)
    coordinators = coordinators.map { $0 === old ? newcomer : $0 }
    return newcomer
  }

  func nextNodeNumber() -> Int {
    nodes += 1
    return nodes
  }

  /// The coordinator that leads the highest term, if it is known to.
  var leader: SimulatedCoordinator? {
    coordinators.filter(\.isLeader).max {
      ($0.replica?.term ?? Term(0)) < ($1.replica?.term ?? Term(0))
    }
  }

  // MARK: Time

  /// Lets virtual time pass until `condition` holds; answers whether it came to hold, with nothing
  /// found to be wrong.
  @discardableResult
  func run(atMost microseconds: UInt64, until condition: () -> Bool = { false }) -> Bool {
    let end = clock.now + microseconds
    while findings.isEmpty {
      if condition() { return true }
      guard clock.runNext(until: end) else { return condition() }
    }
    return false
  }

  // MARK: What happens

  /// A fault happened.
  func count(_ fault: Fault) { faults[fault, default: 0] += 1 }

  /// A rare path was reached.
  func mark(_ mark: CoverageMark) { marks[mark, default: 0] += 1 }

  /// A promise is broken.
  func fail(_ promise: String, _ what: String) {
    findings.append(Finding(promise: promise, what: what, at: clock.now))
  }

  func noteFailure(_ failure: Failure) {
    switch failure.errorCode {
    case .outcomeUnknown: mark(.outcomeUnknown)
    case .streamDiverged: mark(.streamDiverged)
    default: break
    }
  }

  /// A process that ended is started again.
  func restart(_ node: SimulatedNode, after wait: UInt64) {
    let life = node.life
    clock.schedule(at: clock.now + wait, lane: Lane(major: 0, minor: UInt32(node.number))) {
      [self] in
      if node.life == life { boot(node) }
    }
  }

  /// Starts a process that is down.
  func boot(_ node: SimulatedNode) {
    guard !node.isUp, findings.isEmpty else { return }
    switch node {
    case let node as SimulatedCoordinator: if !node.hasLostDisk { node.boot() }
    case let node as SimulatedWorker: node.boot()
    case let node as SimulatedGateway: node.boot()
    default: preconditionFailure("\(node.name) is not restarted")
    }
  }

  /// Breaks what keeps the run in memory.
  func clear() {
    clock.clear()
    network.clear()
    for coordinator in coordinators + former { coordinator.clear() }
    for worker in workers { worker.clear() }
    for gateway in gateways { gateway.clear() }
    coordinators = []
    former = []
    workers = []
    gateways = []
  }
}

/// A promise that was broken, or a demand that was not met.
public struct Finding: Sendable, CustomStringConvertible {
  /// P1 to P6 of the design, `R` for its requirements, or `liveness`.
  public let promise: String
  /// What was seen.
  public let what: String
  /// When, in virtual microseconds.
  public let at: UInt64

  /// All three in one line.
  public var description: String { "\(promise) at \(at / 1_000) ms: \(what)" }
}
