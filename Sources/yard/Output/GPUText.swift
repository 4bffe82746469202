internal import WireProtocol

/// The GPUs of a host for people and for Prometheus.
enum GPUText {
  /// All of them in a few words: `2: 87%, 61/160 GiB, 610 W, 64 °C, 1 foreign`; empty for none.
  ///
  /// What no GPU tells is left out; what some tell is of those.
  static func words(_ gpus: [GPUFacts]) -> String {
    guard !gpus.isEmpty else { return "" }
    var parts: [String] = []
    if let busiest = gpus.compactMap(\.utilization).max() { parts.append("\(busiest)%") }
    let memory = gpus.compactMap { gpu in
      gpu.memoryUsed.flatMap { used in gpu.memoryTotal.map { (UInt64(used), UInt64($0)) } }
    }
    if !memory.isEmpty {
      let (used, total) = memory.reduce((UInt64(0), UInt64(0))) { ($0.0 + $1.0, $0.1 + $1.1) }
      parts.append("\(used >> 10)/\(total >> 10) GiB")
    }
    let power = gpus.compactMap(\.power)
    if !power.isEmpty { parts.append("\(power.reduce(0) { $0 + UInt64($1) } / 1_000) W") }
    if let warmest = gpus.compactMap(\.temperature).max() { parts.append("\(warmest) °C") }
    if let divided = gpus.first(where: { !$0.partition.isEmpty }) {
      parts.append(divided.partition)
    }
    let foreign = gpus.reduce(0) { $0 + Int($1.foreignProcesses ?? 0) }
    if foreign > 0 { parts.append("\(foreign) foreign") }
    return "\(gpus.count): " + parts.joined(separator: ", ")
  }

  /// A gauge for each fact, in base units; a fact that is not known has no sample.
  ///
  /// - Parameter hosts: the GPUs of workers, by what names them: a label that is quoted already.
  /// - Returns: lines of Prometheus' text format.
  static func metrics(_ hosts: [(labels: String, gpus: [GPUFacts])]) -> String {
    let gauges: [(name: String, help: String, value: (GPUFacts) -> Double?)] = [
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
    var text = ""
    for gauge in gauges {
      let samples = hosts.flatMap { host in
        host.gpus.compactMap { gpu in
          gauge.value(gpu).map { value in
            "{\(host.labels),gpu=\"\(gpu.index)\",uuid=\"\(quoted(gpu.uuid))\",name=\"\(quoted(gpu.name))\"} \(value)"
          }
        }
      }
      guard !samples.isEmpty else { continue }
      let name = "switchyard_gpu_\(gauge.name)"
      text += "# HELP \(name) \(gauge.help)\n# TYPE \(name) gauge\n"
      for sample in samples { text += "\(name)\(sample)\n" }
    }
    return text
  }

  /// A label's value as Prometheus' text format has it.
  static func quoted(_ text: String) -> String {
    text.reduce(into: "") { quoted, character in
      switch character {
      case "\\", "\"": quoted += "\\\(character)"
      case "\n": quoted += "\\n"
      default: quoted.append(character)
      }
    }
  }
}
