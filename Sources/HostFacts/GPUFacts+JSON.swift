public import OpenAIFormat
public import WireProtocol

/// A GPU as programs read it: what is not known is null, units are in the names.
extension GPUFacts {
  /// Writes it as an object.
  public func write(to writer: inout JSONWriter) {
    func number(_ key: String, _ value: (some BinaryInteger)?) {
      writer.key(key)
      if let value { writer.integer(Int(value)) } else { writer.null() }
    }
    writer.beginObject()
    number("gpu", index)
    writer.key("uuid")
    writer.string(uuid)
    writer.key("name")
    writer.string(name)
    writer.key("partition")
    writer.string(partition)
    number("utilization_percent", utilization)
    number("memory_used_mib", memoryUsed)
    number("memory_total_mib", memoryTotal)
    number("power_milliwatts", power)
    number("power_limit_milliwatts", powerLimit)
    number("temperature_celsius", temperature)
    number("foreign_processes", foreignProcesses)
    number("foreign_memory_mib", foreignMemory)
    writer.endObject()
  }

  /// What `write` wrote; nil for anything else.
  public init?(json: JSONValue) {
    func number<Integer: FixedWidthInteger>(_ key: String) -> Integer? {
      json[key]?.integer.flatMap { Integer(exactly: $0) }
    }
    guard let index: UInt16 = number("gpu"), let uuid = json["uuid"]?.string,
      let name = json["name"]?.string, let partition = json["partition"]?.string
    else { return nil }
    self.init(
      index: index, uuid: uuid, name: name, partition: partition,
      utilization: number("utilization_percent"), memoryUsed: number("memory_used_mib"),
      memoryTotal: number("memory_total_mib"), power: number("power_milliwatts"),
      powerLimit: number("power_limit_milliwatts"), temperature: number("temperature_celsius"),
      foreignProcesses: number("foreign_processes"), foreignMemory: number("foreign_memory_mib"))
  }
}
