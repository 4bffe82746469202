internal import WireProtocol

/// What `nvidia-smi` is asked and what its answers mean.
///
/// Fields are those of `nvidia-smi --help-query-gpu`. The tool's output is not promised to stay, so rows are read by
/// the names in its header, and a field that a driver does not know is left out.
enum NvidiaSMI {
  /// What is asked of each GPU.
  static let fields = [
    "index", "uuid", "name", "utilization.gpu", "memory.used", "memory.total", "power.draw",
    "power.limit", "temperature.gpu",
  ]

  /// Asks for a row for each GPU.
  static func gpuArguments(_ fields: [String]) -> [String] {
    ["--query-gpu=" + fields.joined(separator: ","), "--format=csv,nounits"]
  }
  /// Asks for GPUs and how they are divided.
  static let listArguments = ["-L"]
  /// Asks for a row for each process that computes on a GPU.
  static let processArguments = [
    "--query-compute-apps=gpu_uuid,pid,process_name,used_memory", "--format=csv,nounits",
  ]

  /// The field that this tool does not know, if it refused the question for that.
  static func unknownField(in output: String) -> String? {
    guard let match = output.firstMatch(of: /Field "([a-z._]+)" is not a valid field to query/)
    else { return nil }
    return String(match.1)
  }

  /// The GPUs of an answer to `gpuArguments`; nil if it is none.
  static func gpus(_ output: String) -> [GPUFacts]? {
    let lines = output.split(whereSeparator: \.isNewline)
    guard let header = lines.first.map({ cells($0) }) else { return nil }
    // `memory.used [MiB]` is the name with its unit.
    let names = header.map { $0.prefix { $0 != " " } }
    guard names.contains("index"), names.contains("uuid") else { return nil }
    return lines.dropFirst().compactMap { line in
      let values = cells(line)
      guard values.count == names.count else { return nil }
      func value(_ name: String) -> String {
        names.firstIndex(of: Substring(name)).map { String(values[$0]) } ?? ""
      }
      guard let index = UInt16(value("index")) else { return nil }
      return GPUFacts(
        index: index, uuid: ToolValue.text(value("uuid")), name: ToolValue.text(value("name")),
        partition: "", utilization: ToolValue.whole(ToolValue.number(value("utilization.gpu"))),
        memoryUsed: ToolValue.whole(ToolValue.number(value("memory.used"))),
        memoryTotal: ToolValue.whole(ToolValue.number(value("memory.total"))),
        power: ToolValue.whole(ToolValue.number(value("power.draw")), times: 1_000),
        powerLimit: ToolValue.whole(ToolValue.number(value("power.limit")), times: 1_000),
        temperature: ToolValue.whole(ToolValue.number(value("temperature.gpu"))),
        foreignProcesses: nil, foreignMemory: nil)
    }
  }

  /// How GPUs are divided, from `nvidia-smi -L`.
  struct Division: Hashable {
    /// The profiles of a GPU's MIG devices, by its uuid.
    var profiles: [String: [String]] = [:]
    /// The GPU of a MIG device, by the device's uuid.
    var parents: [String: String] = [:]

    init(_ output: String) {
      var gpu: String?
      for line in output.split(whereSeparator: \.isNewline) {
        let uuid = line.firstMatch(of: /\(UUID: ([^)]+)\)/).map { String($0.1) }
        if line.hasPrefix("GPU ") {
          gpu = uuid
        } else if let gpu, let match = line.firstMatch(of: /^\s+MIG (\S+)\s+Device\s/) {
          profiles[gpu, default: []].append(String(match.1))
          if let uuid { parents[uuid] = gpu }
        }
      }
    }

    /// Such as `MIG 3g.40gb, 2 x 1g.10gb`; empty for a GPU that is not divided.
    func words(of gpu: String) -> String {
      var counts: [(profile: String, count: Int)] = []
      for profile in profiles[gpu] ?? [] {
        if let place = counts.firstIndex(where: { $0.profile == profile }) {
          counts[place].count += 1
        } else {
          counts.append((profile, 1))
        }
      }
      let words = counts.map { $0.count == 1 ? $0.profile : "\($0.count) x \($0.profile)" }
      return words.isEmpty ? "" : ToolValue.text("MIG " + words.joined(separator: ", "))
    }
  }

  /// The processes of an answer to `processArguments`; nil if it is none.
  static func processes(_ output: String) -> [GPUProcess]? {
    let lines = output.split(whereSeparator: \.isNewline)
    guard let header = lines.first.map({ cells($0) }), header.first == "gpu_uuid" else {
      return nil
    }
    return lines.dropFirst().compactMap { line in
      // A process's name may have commas in it: it is what stands between the number and the memory.
      let values = cells(line)
      guard values.count >= 4, let pid = Int(values[1]), let memory = values.last else {
        return nil
      }
      return GPUProcess(
        gpu: String(values[0]), pid: pid, memory: ToolValue.whole(ToolValue.number(memory)),
        isOurNamespace: values[2] != "[Not Found]")
    }
  }

  private static func cells(_ line: some StringProtocol) -> [String] {
    line.split(separator: ",", omittingEmptySubsequences: false).map { cell in
      var cell = Substring(cell)
      while cell.first == " " { cell.removeFirst() }
      while cell.last == " " { cell.removeLast() }
      return String(cell)
    }
  }
}
