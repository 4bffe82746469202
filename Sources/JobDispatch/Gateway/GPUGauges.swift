internal import ExchangeTypes
public import WireProtocol

/// Workers' GPUs as Prometheus' gauges, in base units.
///
/// Labels are numbers alone, and few: a supplier's machine could call its GPUs something new at every scrape, and each
/// name would be a series that stays. A fact that is not known has no sample.
public enum GPUGauges {
  /// GPUs of higher numbers are left out: no host has them.
  private static let indexMax: UInt16 = 255

  private static let all: [(name: String, help: String, value: @Sendable (GPUFacts) -> Double?)] = [
    (
      "utilization_ratio", "Share of the last moments in which the GPU worked.",
      { $0.utilization.map { Double($0) / 100 } }
    ),
    (
      "memory_used_bytes", "Memory of the GPU in use.",
      { $0.memoryUsed.map { Double($0) * 1_048_576 } }
    ),
    (
      "memory_total_bytes", "Memory that the GPU has.",
      { $0.memoryTotal.map { Double($0) * 1_048_576 } }
    ),
    ("power_watts", "Power that the GPU draws.", { $0.power.map { Double($0) / 1_000 } }),
    (
      "power_limit_watts", "Power that the GPU may draw.",
      { $0.powerLimit.map { Double($0) / 1_000 } }
    ),
    ("temperature_celsius", "Temperature of the GPU.", { $0.temperature.map { Double($0) } }),
    (
      "foreign_processes", "Processes on the GPU that are not the worker's engine's.",
      { $0.foreignProcesses.map { Double($0) } }
    ),
    (
      "foreign_memory_bytes", "Memory of the GPU that these use.",
      { $0.foreignMemory.map { Double($0) * 1_048_576 } }
    ),
  ]

  /// A gauge for each fact.
  ///
  /// - Parameter gpus: in the order in which their samples are to stand.
  /// - Returns: lines of Prometheus' text format; none for no GPU.
  public static func text(_ gpus: [WorkerGPU]) -> String {
    // A report may name a number twice, and a sample may stand there once.
    var seen: Set<[UInt64]> = []
    let gpus = gpus.filter {
      $0.gpu.index <= indexMax && seen.insert([$0.worker.rawValue, UInt64($0.gpu.index)]).inserted
    }
    var text = ""
    for gauge in all {
      let name = "switchyard_gpu_\(gauge.name)"
      var samples = ""
      for one in gpus {
        guard let value = gauge.value(one.gpu) else { continue }
        samples += "\(name){worker=\"\(one.worker)\",gpu=\"\(one.gpu.index)\"} \(value)\n"
      }
      guard !samples.isEmpty else { continue }
      text += "# HELP \(name) \(gauge.help)\n# TYPE \(name) gauge\n" + samples
    }
    return text
  }
}
