internal import ArgumentParser
internal import ExchangeClient
internal import ExchangeTypes
internal import Foundation
internal import JobDispatch
internal import OpenAIFormat
internal import WireProtocol

/// `yard doctor`.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Look at a node and at the cluster, and say what to do.",
    discussion: """
      With --dir, once for each node, it looks at this machine: clock, disk, certificate, key ring, engine, GPUs; as the user
      that runs them.
      With a cluster (--endpoint, YARD_ENDPOINTS or a context) it asks the coordinators: who answers, quorum, lag,
      storage, versions, agreement; members are told to a key of scope admin, and nothing to a coordinator's own identity. --metrics
      has every worker's GPUs that the cluster tells of as well, and without a cluster those of the machine. Exit code 3 if
      something is bad.

      Example: yard doctor --dir /var/lib/switchyard/coordinator
               yard doctor --dir /var/lib/switchyard/worker --metrics    for Prometheus' textfile collector
      """)

  @Option(
    help: ArgumentHelp(
      "A node's directory on this machine; as often as it has nodes.", valueName: "dir"))
  var dir: [String] = []
  @Flag(help: "Print Prometheus' text format: 0 is ok, 1 unknown, 2 a warning, 3 bad.")
  var metrics = false
  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    var findings: [Finding] = []
    var gpus: [WorkerGPU] = []
    if !dir.isEmpty { findings += await MachineFindings.all(dir, now: Date()) }
    do {
      let context = try cluster.resolve()
      findings += try await clusterFindings(context)
      if metrics { gpus = await workersGPUs(context) }
    } catch let error as CommandError where error.code == .usage && !dir.isEmpty {
      // No cluster was named; the machine was.
      findings.append(Finding("cluster", .unknown, "not asked", advice: error.message))
      if metrics { gpus = await machinesGPUs() }
    }
    if metrics {
      return Terminal.write(Finding.metrics(findings, at: Date()) + GPUGauges.text(gpus))
    }
    for finding in findings {
      Terminal.write(cluster.isJSON ? finding.json.line : finding.text)
    }
    let bad = findings.filter { $0.level == .bad }
    guard bad.isEmpty else {
      throw CommandError(.refused, "\(bad.map(\.check).joined(separator: ", ")) must be seen to")
    }
  }

  /// The GPUs that this machine's workers tell of; one that does not answer is a finding.
  private func machinesGPUs() async -> [WorkerGPU] {
    var gpus: [WorkerGPU] = []
    for directory in dir {
      guard let status = try? await MachineFindings.workerStatus(directory) else { continue }
      let worker = WorkerID(UInt64(clamping: status["worker"]?.integer ?? 0))
      gpus += MachineFindings.gpus(status).map { WorkerGPU(worker: worker, gpu: $0) }
    }
    return gpus
  }

  /// The GPUs that workers tell of; none without a leader that answers, which is a finding.
  private func workersGPUs(_ context: Context) async -> [WorkerGPU] {
    let listing = try? await Cluster.withClient(
      of: context, patience: UInt64(min(cluster.patience, 3) * 1_000)
    ) { client in
      try await client.ask(WorkerList()) {
        if case .workerListing(let listing) = $0 { listing } else { nil }
      }
    }
    return listing?.gpus ?? []
  }

  private func clusterFindings(_ context: Context) async throws -> [Finding] {
    let answers = try await CoordinatorAnswer.all(of: context, patience: cluster.patience)
    guard answers.contains(where: { (try? $0.result.get()) != nil }) else {
      return ClusterFindings(answers: answers, report: nil).all
    }
    let patience = UInt64(min(cluster.patience, 3) * 1_000)
    let report: ClusterReport?
    do {
      report = try await Cluster.withClient(of: context, patience: patience) { client in
        try await client.ask(ClusterQuery()) {
          if case .clusterReport(let report) = $0 { report } else { nil }
        }
      }
    } catch is CommandError {
      // Without a leader, or with a key of another scope, there is none: the findings say so.
      report = nil
    }
    return ClusterFindings(answers: answers, report: report).all
  }
}
