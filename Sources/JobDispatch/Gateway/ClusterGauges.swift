internal import ExchangeTypes
public import WireProtocol

/// What a coordinator tells of its queue, its log and the workers, as Prometheus' gauges.
///
/// A worker's label is its number alone.
public enum ClusterGauges {
  private static let ofWorkers:
    [(name: String, help: String, value: @Sendable (WorkerSummary) -> Int)] = [
      ("worker_online", "Whether the leader hears from the worker.", { $0.online ? 1 : 0 }),
      ("worker_draining", "Whether the worker takes no new job.", { $0.draining ? 1 : 0 }),
      ("worker_slots", "Slots over all offers of the worker.", { Int($0.slots) }),
      ("worker_slots_busy", "Slots of the worker that have a job.", { Int($0.busy) }),
    ]

  private static let ofCluster:
    [(name: String, type: String, help: String, value: @Sendable (StatusReport) -> UInt64)] = [
      ("jobs_queued", "gauge", "Jobs that wait for a worker.", { UInt64($0.jobsQueued) }),
      ("jobs_running", "gauge", "Jobs that a worker has.", { UInt64($0.jobsRunning) }),
      (
        "commit_index", "counter", "The last entry of the log that is known to be committed.",
        { $0.commitIndex.rawValue }
      ),
      (
        "applied_index", "counter", "The last entry of the log that has been applied.",
        { $0.appliedIndex.rawValue }
      ),
    ]

  /// Lines of Prometheus' text format.
  ///
  /// - Parameters:
  ///   - workers: in the order in which their samples are to stand.
  ///   - status: what a coordinator says of itself; nil where it is not known.
  /// - Returns: the lines; none of what is not known.
  public static func text(_ workers: [WorkerSummary], _ status: StatusReport?) -> String {
    var text = ""
    if let status {
      for one in ofCluster {
        let name = "switchyard_\(one.name)"
        text += "# HELP \(name) \(one.help)\n# TYPE \(name) \(one.type)\n"
        text += "\(name) \(one.value(status))\n"
      }
    }
    guard !workers.isEmpty else { return text }
    for one in ofWorkers {
      let name = "switchyard_\(one.name)"
      text += "# HELP \(name) \(one.help)\n# TYPE \(name) gauge\n"
      for worker in workers {
        text += "\(name){worker=\"\(worker.worker)\"} \(one.value(worker))\n"
      }
    }
    return text
  }
}
