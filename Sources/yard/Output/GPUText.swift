internal import WireProtocol

/// The GPUs of a host for people.
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
}
