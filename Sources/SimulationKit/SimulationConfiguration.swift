public import RaftEngine

/// What a run is made of; together with the program, it determines the run.
public struct SimulationConfiguration: Sendable {
  /// How many coordinators vote; nil lets the seed say: three, sometimes four or five.
  public var coordinators: Int?
  /// How many workers serve the one model.
  public var workers = 3
  /// How many gateways answer consumers over HTTP.
  public var gateways = 2
  /// What clients do.
  public var workload = WorkloadConfiguration()
  /// Where all randomness comes from.
  public var seed: UInt64
  /// Virtual seconds under load, with faults unless `faults` is false; the healing comes after it.
  public var seconds: UInt64
  /// Whether anything breaks.
  public var faults = true
  /// The guards of the consensus engine that are on: all of them, but for ablation.
  public var guards = Guards.all
  /// Whether memory that engines leave behind is looked for: only where no other engine is in the process.
  public var checksHeap = false
  /// A bug that is to be found.
  public var bug: PlantedBug?

  /// The default cluster and workload.
  public init(seed: UInt64, seconds: UInt64) {
    self.seed = seed
    self.seconds = seconds
  }

  /// How many coordinators vote in this run.
  var coordinatorCount: Int {
    if let coordinators { return coordinators }
    var random = SeededGenerator(seed: seed, part: 1_000_005)
    return [3, 3, 3, 3, 3, 3, 4, 5][Int(random.below(8))]
  }
}

/// What clients do, and how much of it.
public struct WorkloadConfiguration: Sendable {
  /// Client processes; every third knows no leader and is relayed by followers.
  public var clients = 4
  /// Virtual milliseconds between two requests of one client: half of it to one and a half.
  public var interval: UInt64 = 1_500
  /// The longest output that an engine makes by itself, in tokens of one event each.
  public var tokensMax: UInt64 = 40
  /// Microseconds from one token to the next.
  public var pace: ClosedRange<UInt64> = 10_000...90_000
  /// Attempts that a worker runs at a time.
  public var slotsPerWorker: UInt16 = 3

  /// The default workload.
  public init() {}
}
