import OpenAIFormat
import Testing
import WireProtocol

@testable import HostFacts

@Suite("What GPU tools say")
struct ParserTests {
  @Test("a whole GPU's row is read by its header")
  func whole() throws {
    let gpus = try #require(NvidiaSMI.gpus(Recorded.h100))
    #expect(gpus.count == 2)
    let first = gpus[0]
    #expect(first.index == 0 && first.name == "NVIDIA H100 80GB HBM3")
    #expect(first.uuid == "GPU-3fd4e0a7-90b2-cbdb-1f7d-1b1f0a6a2a11")
    #expect((first.utilization, first.memoryUsed, first.memoryTotal) == (87, 61_203, 81_559))
    #expect((first.power, first.powerLimit, first.temperature) == (541_270, 700_000, 64))
    #expect(first.foreignProcesses == nil && first.partition.isEmpty)
    #expect(gpus[1].utilization == 0)
  }

  @Test("what a tool does not know is absent and not zero")
  func absent() throws {
    let gpus = try #require(NvidiaSMI.gpus(Recorded.mig))
    #expect(gpus.map(\.utilization) == [nil, nil, nil])
    #expect(gpus.map(\.memoryUsed) == [39_470, 211, nil])
    #expect(gpus.map(\.power) == [112_640, nil, nil])
    #expect(gpus.map(\.powerLimit) == [400_000, nil, nil])
    #expect(gpus.map(\.temperature) == [38, 46, nil])
  }

  @Test(
    "columns that are missing or in another order are found by their names; rows that do not fit are left out"
  )
  func columns() throws {
    let gpus = try #require(
      NvidiaSMI.gpus(
        "uuid, temperature.gpu, index\nGPU-a, 40, 3\nGPU-b, 41\nGPU-c, nan, 300000\nGPU-d, -4, 4\n")
    )
    #expect(gpus.map(\.index) == [3, 4])
    #expect(gpus.map(\.temperature) == [40, nil])
    #expect(gpus.allSatisfy { $0.name.isEmpty && $0.memoryTotal == nil })
  }

  @Test(
    "what is no answer is none",
    arguments: [
      "", "\n", "No devices were found\n",
      "Failed to initialize NVML: Driver/library version mismatch\n",
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
      "index, name\n0, x",
    ])
  func noAnswer(_ text: String) {
    #expect(NvidiaSMI.gpus(text) == nil)
    #expect(NvidiaSMI.processes(text) == nil)
    #expect(NvidiaSMI.unknownField(in: text) == nil)
  }

  @Test("the field that a driver does not know is named")
  func unknownField() {
    #expect(
      NvidiaSMI.unknownField(in: "Field \"power.limit\" is not a valid field to query.\n\n")
        == "power.limit")
  }

  @Test("a divided GPU says how, and its devices' processes are its own")
  func divided() {
    let division = NvidiaSMI.Division(Recorded.migList)
    #expect(
      division.words(of: "GPU-c08d91cb-e324-655c-71ba-7570956445bc") == "MIG 3g.40gb, 2 x 1g.10gb")
    #expect(division.words(of: "GPU-9f0cc172-1db7-8b47-7302-fa9b2ade0c7b").isEmpty)
    #expect(
      division.parents["MIG-405bbda1-6b05-535f-9702-f95e8cd170ce"]
        == "GPU-c08d91cb-e324-655c-71ba-7570956445bc")
    #expect(NvidiaSMI.Division(Recorded.h100List).profiles.isEmpty)
  }

  @Test("processes that are not the engine's are counted; none are where nobody can tell")
  func foreign() throws {
    let gpu = try #require(NvidiaSMI.gpus(Recorded.h100)?.first)
    let processes = try #require(NvidiaSMI.processes(Recorded.h100Processes))
    #expect(processes.map(\.pid) == [4_711, 9_120])
    #expect(processes.map(\.memory) == [60_100, 1_080])
    let counted = gpu.counting(processes, own: [4_711, 4_712])
    #expect((counted.foreignProcesses, counted.foreignMemory) == (1, 1_080))
    let none = gpu.counting([], own: [])
    #expect((none.foreignProcesses, none.foreignMemory) == (0, 0))
    #expect(gpu.counting(processes, own: nil) == gpu)
    let container = try #require(NvidiaSMI.processes(Recorded.containerProcesses))
    #expect(gpu.counting(container, own: [4_711]) == gpu)
    let unknown = gpu.counting([container[1]], own: [4_711])
    #expect((unknown.foreignProcesses, unknown.foreignMemory) == (1, nil))
  }

  @Test("ROCm 6: objects, N/A in any place, processes in bytes")
  func rocm6() throws {
    let gpus = try #require(
      AMDSMI.gpus(
        list: try json(Recorded.rocm6List), static: try json(Recorded.rocm6Static),
        metric: try json(Recorded.rocm6Metric)))
    #expect(gpus.map(\.index) == [0, 1])
    #expect(gpus.map(\.name) == ["AMD Instinct MI300X", "AMD Instinct MI300X"])
    #expect(gpus[0].uuid == "efff74a1-0000-1000-806b-5a8d4f1a0b11")
    #expect(gpus.map(\.utilization) == [87, nil])
    #expect(gpus.map(\.memoryUsed) == [121_344, nil])
    #expect(gpus.map(\.power) == [542_000, nil])
    #expect(gpus.map(\.powerLimit) == [650_000, nil])
    #expect(gpus.map(\.temperature) == [71, 33])
    #expect(gpus.map(\.partition) == ["", ""])
    let processes = try #require(AMDSMI.processes(try json(Recorded.rocm6Processes)))
    #expect(processes.map(\.pid) == [4_711, 9_120])
    #expect(processes.map(\.memory) == [121_344, nil])
    #expect(processes.allSatisfy { $0.gpu == "0" })
  }

  @Test("ROCm 7: under gpu_data, and a GPU in parts")
  func rocm7() throws {
    let gpus = try #require(
      AMDSMI.gpus(
        list: try json(Recorded.rocm7List), static: try json(Recorded.rocm7Static),
        metric: try json(Recorded.rocm7Metric)))
    #expect(gpus.map(\.name) == ["AMD Instinct MI355X", ""])
    #expect(gpus.map(\.partition) == ["QPX NPS2, part 0", "part 1"])
    #expect(gpus.map(\.memoryUsed) == [1_024, 0])
    #expect(gpus.map(\.powerLimit) == [1_400_000, nil])
    let bare = try #require(
      AMDSMI.gpus(list: nil, static: nil, metric: try json(Recorded.rocm7Metric)))
    #expect(bare.map(\.name) == ["", ""] && bare[0].utilization == 12)
    #expect(AMDSMI.gpus(list: nil, static: nil, metric: try json("{}")) == nil)
    #expect(AMDSMI.processes(try json(#""AMDSMI_STATUS_INIT_ERROR""#)) == nil)
  }

  @Test("a text is cut at the wire's bound and has nothing that a terminal obeys")
  func texts() {
    #expect(ToolValue.text("A\u{1b}[31mB") == "A[31mB")
    #expect(ToolValue.text(String(repeating: "é", count: 40)).utf8.count == 64)
    #expect(ToolValue.number("1e400") == nil && ToolValue.number("-1") == nil)
    let huge: UInt8? = ToolValue.whole(300)
    #expect(huge == nil)
  }

  private func json(_ text: String) throws -> JSONValue { try JSONValue.parse(Array(text.utf8)) }
}
