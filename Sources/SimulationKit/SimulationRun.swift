internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import RaftEngine
internal import WireProtocol

/// One run from a seed: set up, load with faults, healing, rest, verdict.
///
/// ```
/// set up ──accounts and keys there──► loaded, faults ──time is over──► healed ──a probe ends, nobody
/// waits, replicas agree──► at rest: everything is compared
/// ```
/// What must hold at every moment is checked at every moment; a finding ends the run.
public enum SimulationRun {
  /// Virtual microseconds for the set-up, which nothing disturbs.
  private static let setUpTime: UInt64 = 30_000_000
  /// From the healing until a fresh job is acknowledged: R7's 3 s, and an election that may have begun.
  private static let probeTime: UInt64 = 5_000_000
  /// The same where everything was slower than an election timeout for a while: timeouts are longer since, up to eight times.
  private static let patientProbeTime: UInt64 = 20_000_000
  /// From there until everybody has his vote back, one after the other.
  private static let votesTime: UInt64 = 30_000_000
  /// Until nobody waits: longer than any patience in the workload (queue, orphan timer, back-offs).
  private static let restTime: UInt64 = 150_000_000
  /// Until all replicas agree.
  private static let agreementTime: UInt64 = 10_000_000

  /// Runs a seed to its verdict.
  ///
  /// - Parameter configuration: the cluster, the load, the seed.
  /// - Returns: what was found and what happened.
  public static func run(_ configuration: SimulationConfiguration) -> SimulationReport {
    let heap = RaftHeap.outstandingBytes
    var report = runToRest(configuration)
    // Nothing is left of a run's engines; only a run that is alone in its process can tell.
    if configuration.checksHeap, RaftHeap.outstandingBytes != heap, report.findings.isEmpty {
      report.findings.append(
        Finding(
          promise: "P6", what: "\(RaftHeap.outstandingBytes - heap) bytes of libraft's are left",
          at: report.time))
    }
    return report
  }

  private static func runToRest(_ configuration: SimulationConfiguration) -> SimulationReport {
    let simulation = Simulation(configuration)
    let workload = Workload(simulation)
    let faults = FaultInjector(simulation, workload)
    for coordinator in simulation.coordinators { coordinator.boot() }
    workload.setUp()
    if !simulation.run(atMost: setUpTime, until: { workload.isReady }) {
      demand(simulation, "no cluster after \(setUpTime / 1_000) ms of peace")
    }
    for worker in simulation.workers { worker.boot() }
    for gateway in simulation.gateways { gateway.boot() }
    workload.start()
    if configuration.faults { faults.start() }
    simulation.run(atMost: configuration.seconds * 1_000_000)
    heal(simulation, workload, faults)
    if simulation.findings.isEmpty {
      RestChecker(simulation: simulation, workload: workload).check()
    }
    let report = SimulationReport(simulation, workload)
    simulation.clear()
    workload.clear()
    return report
  }

  /// Mends everything and demands that the cluster comes to rest.
  private static func heal(_ simulation: Simulation, _ workload: Workload, _ faults: FaultInjector)
  {
    guard simulation.findings.isEmpty else { return }
    faults.stop()
    workload.stop()
    let probe = workload.probe()
    let time = simulation.faults[.overload] == nil ? probeTime : patientProbeTime
    guard simulation.run(atMost: time, until: { probe.job != nil || probe.refusal != nil })
    else {
      return demand(
        simulation,
        "no submission was acknowledged \(time / 1_000) ms after healing: "
          + roles(simulation))
    }
    faults.bringBack()
    faults.restoreVotes()
    guard simulation.run(atMost: votesTime, until: { faults.allVote }) else {
      return demand(
        simulation, "somebody has not got his vote back \(votesTime / 1_000) ms after healing")
    }
    guard
      simulation.run(atMost: restTime, until: { workload.isAtRest && hasNoOpenJobs(simulation) })
    else {
      return demand(
        simulation,
        "\(restTime / 1_000) ms after healing somebody still waits: "
          + waiting(simulation, workload))
    }
    // Who had planned to look at a job again may do so now.
    guard
      simulation.run(
        atMost: agreementTime, until: { agree(simulation) && workload.isAtRest })
    else {
      return demand(simulation, "replicas do not agree \(agreementTime / 1_000) ms after rest")
    }
  }

  private static func demand(_ simulation: Simulation, _ what: String) {
    if simulation.findings.isEmpty { simulation.fail("liveness", what) }
  }

  private static func hasNoOpenJobs(_ simulation: Simulation) -> Bool {
    simulation.leader?.replica?.exchange.openJobs(limit: 1).isEmpty ?? false
  }

  private static func agree(_ simulation: Simulation) -> Bool {
    let replicas = simulation.coordinators.compactMap(\.replica)
    guard let first = replicas.first, replicas.count == simulation.coordinators.count else {
      return false
    }
    return replicas.allSatisfy {
      $0.applied == first.lastIndex && $0.exchange.digest == first.exchange.digest
    }
  }

  /// What each coordinator takes itself to be.
  private static func roles(_ simulation: Simulation) -> String {
    simulation.coordinators.map { coordinator in
      guard let replica = coordinator.replica else { return "\(coordinator.name) is down" }
      return "\(coordinator.name) is \(replica.role) in term \(replica.term)"
    }.joined(separator: ", ")
  }

  private static func waiting(_ simulation: Simulation, _ workload: Workload) -> String {
    let open = simulation.leader?.replica?.exchange.openJobs(limit: 3) ?? []
    let jobs = open.map { "job \($0.id) is \($0.state), epoch \($0.lastEpoch)" }
    let readers = workload.submissions.filter { $0.readers.contains { $0.end == nil } }.prefix(3)
      .map { "a reader of job \($0.job.map(\.description) ?? "?")" }
    let streams = workload.submissions.flatMap(\.streams).filter { $0.transcript.end == nil }
      .prefix(3).map { "a stream over HTTP of job \($0.job?.description ?? "?")" }
    return (jobs + readers + streams + ["\(workload.openCalls) calls"]).joined(separator: ", ")
  }
}

/// A run's verdict.
public struct SimulationReport: Sendable {
  /// Where the run came from.
  public let seed: UInt64
  /// A hash over everything that happened: equal seeds and programs have equal digests.
  public let digest: UInt64
  /// Virtual microseconds.
  public let time: UInt64
  /// Events that happened.
  public let events: UInt64
  /// Broken promises; the first ended the run.
  public fileprivate(set) var findings: [Finding]
  /// How often each fault happened to somebody.
  public let faults: [Fault: Int]
  /// How often each rare path was reached.
  public let marks: [CoverageMark: Int]
  /// Requests for jobs.
  public let submissions: Int
  /// Those of them that a coordinator acknowledged.
  public let acknowledged: Int
  /// Log entries that were applied.
  public let entries: Int
  /// Leaders that were elected.
  public let elections: Int

  init(_ simulation: Simulation, _ workload: Workload) {
    seed = simulation.seed
    digest = simulation.clock.digest
    time = simulation.clock.now
    events = simulation.clock.events
    findings = simulation.findings
    faults = simulation.faults
    marks = simulation.marks
    submissions = workload.submissions.count
    acknowledged = workload.submissions.count { $0.job != nil }
    entries = simulation.states.lastIndex
    elections = simulation.elections.elections
  }
}
