internal import OpenAIFormat
internal import WireProtocol

/// What `amd-smi` is asked and what its answers mean.
///
/// All are JSON: a list with an object for each GPU, under `gpu_data` since ROCm 7. A value is a number, or an object
/// with `value` and `unit`; `"N/A"` may stand for a value and for whole objects. A divided GPU has an entry for each
/// of its partitions, of which only the first tells everything.
enum AMDSMI {
  /// Asks for each GPU's uuid.
  static let listArguments = ["list", "--json"]
  /// Asks for each GPU's name, limits and partition: what seldom changes.
  static let staticArguments = ["static", "--json"]
  /// Asks how each GPU is.
  static let metricArguments = ["metric", "--json"]
  /// Asks for the processes on each GPU.
  static let processArguments = ["process", "--json"]

  /// The GPUs; nil if `metric` is not the tool's answer.
  static func gpus(list: JSONValue?, static fixed: JSONValue?, metric: JSONValue) -> [GPUFacts]? {
    guard let rows = rows(metric) else { return nil }
    let lists = byNumber(list)
    let statics = byNumber(fixed)
    return rows.compactMap { row in
      guard let index = row["gpu"]?.integer.flatMap({ UInt16(exactly: $0) }) else { return nil }
      let fixed = statics[index]
      let limit = fixed?["limit"]
      let temperatures = row["temperature"]
      return GPUFacts(
        index: index, uuid: ToolValue.text(word(lists[index]?["uuid"]) ?? ""),
        name: ToolValue.text(word(fixed?["asic"]?["market_name"]) ?? ""),
        partition: partition(fixed?["partition"], lists[index]),
        utilization: ToolValue.whole(number(row["usage"]?["gfx_activity"])),
        memoryUsed: ToolValue.whole(mebibytes(row["mem_usage"]?["used_vram"])),
        memoryTotal: ToolValue.whole(mebibytes(row["mem_usage"]?["total_vram"])),
        power: ToolValue.whole(number(row["power"]?["socket_power"]), times: 1_000),
        powerLimit: ToolValue.whole(
          number(limit?["socket_power"]) ?? number(limit?["ppt0"]?["socket_power_limit"])
            ?? number(limit?["max_power"]), times: 1_000),
        temperature: ToolValue.whole(
          number(temperatures?["hotspot"]) ?? number(temperatures?["edge"])),
        foreignProcesses: nil, foreignMemory: nil)
    }
  }

  /// The numbers of the GPUs that `metric` tells of.
  static func numbers(_ metric: JSONValue) -> [UInt16] { byNumber(metric).keys.sorted() }

  /// The processes, by their GPU's number; nil if it is not the tool's answer.
  static func processes(_ answer: JSONValue) -> [GPUProcess]? {
    rows(answer)?.flatMap { row -> [GPUProcess] in
      guard let gpu = row["gpu"]?.integer else { return [] }
      // "No running processes detected" stands in the place of a process.
      return (row["process_list"]?.elements ?? []).compactMap { entry in
        let process = entry["process_info"] ?? entry
        guard let pid = number(process["pid"]).flatMap({ Int(exactly: $0) }) else { return nil }
        let memory =
          mebibytes(process["memory_usage"]?["vram_mem"]) ?? mebibytes(process["mem_usage"])
        return GPUProcess(
          gpu: String(gpu), pid: pid, memory: ToolValue.whole(memory), isOurNamespace: true)
      }
    }
  }

  private static func rows(_ answer: JSONValue) -> [JSONValue]? {
    answer.elements ?? answer["gpu_data"]?.elements
  }

  private static func byNumber(_ answer: JSONValue?) -> [UInt16: JSONValue] {
    var found: [UInt16: JSONValue] = [:]
    for row in answer.flatMap(rows) ?? [] {
      if let number = row["gpu"]?.integer.flatMap({ UInt16(exactly: $0) }) { found[number] = row }
    }
    return found
  }

  /// Such as `CPX NPS4, part 3`; empty for a GPU that is one device.
  private static func partition(_ partition: JSONValue?, _ listed: JSONValue?) -> String {
    var words: [String] = []
    let compute = word(partition?["accelerator_partition"]) ?? word(partition?["compute_partition"])
    if let compute, compute != "SPX" { words.append(compute) }
    if let memory = word(partition?["memory_partition"]), memory != "NPS1" { words.append(memory) }
    var text = words.joined(separator: " ")
    if let part = listed?["partition_id"]?.integer, part > 0 || !words.isEmpty {
      text += (text.isEmpty ? "" : ", ") + "part \(part)"
    }
    return ToolValue.text(text)
  }

  private static func word(_ value: JSONValue?) -> String? {
    guard let text = value?.string, !text.isEmpty, text.uppercased() != "N/A" else { return nil }
    return text
  }

  private static func number(_ value: JSONValue?) -> Double? {
    switch value {
    case .number(let text), .string(let text): ToolValue.number(text)
    case .object: number(value?["value"])
    default: nil
    }
  }

  /// A size in MiB; the tool's `MB` are mebibytes.
  private static func mebibytes(_ value: JSONValue?) -> Double? {
    guard let number = number(value) else { return nil }
    switch value?["unit"]?.string {
    case "MB", "MiB": return number
    case "GB", "GiB": return number * 1_024
    case "KB", "KiB": return number / 1_024
    default: return number / 1_048_576
    }
  }
}
