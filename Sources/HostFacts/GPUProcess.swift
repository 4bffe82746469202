internal import WireProtocol

/// A process that a tool sees on a GPU.
struct GPUProcess: Hashable {
  /// The GPU's uuid or number, as the tool's rows of GPUs have it.
  let gpu: String
  let pid: Int
  /// In MiB; nil where the tool does not say.
  let memory: UInt32?
  /// Whether the number is one of this PID namespace.
  let isOurNamespace: Bool
}

extension GPUFacts {
  /// The same with what other processes than the engine's take of the GPU.
  ///
  /// - Parameters:
  ///   - processes: those on this GPU.
  ///   - own: the engine's; nil if they cannot be told.
  /// - Returns: the facts with both counts, or without what cannot be told.
  func counting(_ processes: [GPUProcess], own: Set<Int>?) -> GPUFacts {
    guard let own, processes.allSatisfy(\.isOurNamespace) else { return self }
    let foreign = processes.filter { !own.contains($0.pid) }
    let known = foreign.compactMap(\.memory)
    return with(
      foreignProcesses: UInt16(clamping: Set(foreign.map(\.pid)).count),
      foreignMemory: known.count == foreign.count
        ? UInt32(clamping: known.reduce(0) { $0 + UInt64($1) }) : nil)
  }

  /// The same, divided in these words.
  func with(partition: String) -> GPUFacts {
    GPUFacts(
      index: index, uuid: uuid, name: name, partition: partition, utilization: utilization,
      memoryUsed: memoryUsed, memoryTotal: memoryTotal, power: power, powerLimit: powerLimit,
      temperature: temperature, foreignProcesses: foreignProcesses, foreignMemory: foreignMemory)
  }

  private func with(foreignProcesses: UInt16?, foreignMemory: UInt32?) -> GPUFacts {
    GPUFacts(
      index: index, uuid: uuid, name: name, partition: partition, utilization: utilization,
      memoryUsed: memoryUsed, memoryTotal: memoryTotal, power: power, powerLimit: powerLimit,
      temperature: temperature, foreignProcesses: foreignProcesses, foreignMemory: foreignMemory)
  }
}

/// Texts and numbers as tools write them.
enum ToolValue {
  /// A number that is not negative, with its unit or without; nil for whatever else stands there: `[N/A]`,
  /// `[Not Supported]`, `ERR!`, nothing.
  static func number(_ text: some StringProtocol) -> Double? {
    guard let value = Double(text.prefix { $0 != " " }), value.isFinite, value >= 0, value < 1e15
    else { return nil }
    return value
  }

  /// A whole number of so many units, rounded; nil if it does not fit.
  static func whole<Integer: FixedWidthInteger>(_ value: Double?, times factor: Double = 1)
    -> Integer?
  {
    value.flatMap { Integer(exactly: ($0 * factor).rounded()) }
  }

  /// A text of at most so many bytes, without what no terminal should be sent.
  static func text(_ text: some StringProtocol, bytesMax: Int = 64) -> String {
    var cut = ""
    for character in text
    where character.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f }) {
      guard cut.utf8.count + character.utf8.count <= bytesMax else { break }
      cut.append(character)
    }
    return cut
  }
}
