import OpenAIFormat
import Testing
import WireProtocol

@testable import HostFacts

@Suite("What GPU tools say")
struct ParserTests {
  @Test("a whole GPU's row is read by its header")
  func whole() throws {
    let gpus = try #require(NvidiaSMI.gpus(Composed.h100))
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
    let gpus = try #require(NvidiaSMI.gpus(Composed.mig))
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
    let division = NvidiaSMI.Division(Composed.migList)
    #expect(
      division.words(of: "GPU-c08d91cb-e324-655c-71ba-7570956445bc") == "MIG 3g.40gb, 2 x 1g.10gb")
    #expect(division.words(of: "GPU-9f0cc172-1db7-8b47-7302-fa9b2ade0c7b").isEmpty)
    #expect(
      division.parents["MIG-405bbda1-6b05-535f-9702-f95e8cd170ce"]
        == "GPU-c08d91cb-e324-655c-71ba-7570956445bc")
    #expect(NvidiaSMI.Division(Composed.h100List).profiles.isEmpty)
  }

  @Test("processes that are not the engine's are counted; none are where nobody can tell")
  func foreign() throws {
    let gpu = try #require(NvidiaSMI.gpus(Composed.h100)?.first)
    let processes = try #require(NvidiaSMI.processes(Composed.h100Processes))
    #expect(processes.map(\.pid) == [4_711, 9_120])
    #expect(processes.map(\.memory) == [60_100, 1_080])
    let counted = gpu.counting(processes, own: [4_711, 4_712])
    #expect((counted.foreignProcesses, counted.foreignMemory) == (1, 1_080))
    let none = gpu.counting([], own: [])
    #expect((none.foreignProcesses, none.foreignMemory) == (0, 0))
    #expect(gpu.counting(processes, own: nil) == gpu)
    let container = try #require(NvidiaSMI.processes(Composed.containerProcesses))
    #expect(gpu.counting(container, own: [4_711]) == gpu)
    let unknown = gpu.counting([container[1]], own: [4_711])
    #expect((unknown.foreignProcesses, unknown.foreignMemory) == (1, nil))
  }

  @Test("ROCm 6: objects, N/A in any place, processes in bytes")
  func rocm6() throws {
    let gpus = try #require(
      AMDSMI.gpus(
        list: try json(Composed.rocm6List), static: try json(Composed.rocm6Static),
        metric: try json(Composed.rocm6Metric)))
    #expect(gpus.map(\.index) == [0, 1])
    #expect(gpus.map(\.name) == ["AMD Instinct MI300X", "AMD Instinct MI300X"])
    #expect(gpus[0].uuid == "efff74a1-0000-1000-806b-5a8d4f1a0b11")
    #expect(gpus.map(\.utilization) == [87, nil])
    #expect(gpus.map(\.memoryUsed) == [121_344, nil])
    #expect(gpus.map(\.power) == [542_000, nil])
    #expect(gpus.map(\.powerLimit) == [650_000, nil])
    #expect(gpus.map(\.temperature) == [71, 33])
    #expect(gpus.map(\.partition) == ["", ""])
    let processes = try #require(AMDSMI.processes(try json(Composed.rocm6Processes)))
    #expect(processes.map(\.pid) == [4_711, 9_120])
    #expect(processes.map(\.memory) == [121_344, nil])
    #expect(processes.allSatisfy { $0.gpu == "0" })
  }

  @Test("ROCm 7: under gpu_data, and a GPU in parts")
  func rocm7() throws {
    let gpus = try #require(
      AMDSMI.gpus(
        list: try json(Composed.rocm7List), static: try json(Composed.rocm7Static),
        metric: try json(Composed.rocm7Metric)))
    #expect(gpus.map(\.name) == ["AMD Instinct MI355X", ""])
    #expect(gpus.map(\.partition) == ["QPX NPS2, part 0", "part 1"])
    #expect(gpus.map(\.memoryUsed) == [1_024, 0])
    #expect(gpus.map(\.powerLimit) == [1_400_000, nil])
    let bare = try #require(
      AMDSMI.gpus(list: nil, static: nil, metric: try json(Composed.rocm7Metric)))
    #expect(bare.map(\.name) == ["", ""] && bare[0].utilization == 12)
    #expect(AMDSMI.gpus(list: nil, static: nil, metric: try json("{}")) == nil)
    #expect(AMDSMI.processes(try json(#""AMDSMI_STATUS_INIT_ERROR""#)) == nil)
  }

  @Test("what was recorded of NVIDIA's: units after numbers, a divided GPU's busyness unknown")
  func recordedNvidia() throws {
    let mig = try #require(NvidiaSMI.gpus(Recorded.h200MIG)?.first)
    #expect(mig.name == "NVIDIA H200" && mig.utilization == nil)
    #expect((mig.memoryUsed, mig.memoryTotal) == (44, 143_771))
    #expect((mig.power, mig.powerLimit, mig.temperature) == (130_440, 700_000, 40))
    #expect(NvidiaSMI.processes(Recorded.h200MIGProcesses) == [])
    let desktop = try #require(NvidiaSMI.gpus(Recorded.rtx2080)?.first)
    #expect(desktop.uuid == "GPU-1937b558-347d-0f30-105b-893b98985668")
    #expect((desktop.utilization, desktop.memoryUsed, desktop.power) == (0, 344, 30_370))
    #expect(NvidiaSMI.Division(Recorded.rtx2080List).words(of: desktop.uuid).isEmpty)
    let division = NvidiaSMI.Division(Recorded.h100MIGList)
    for gpu in [
      "GPU-63d1e50a-b952-d15c-0740-12bc14859142", "GPU-7e7d2a20-56b8-3220-e75c-1f3185864bda",
    ] {
      #expect(division.words(of: gpu) == "MIG 7 x 1g.10gb")
      #expect(division.parents.values.filter { $0 == gpu }.count == 7)
    }
  }

  @Test("what was recorded of a GPU with two processes: both are foreign, or one, or it is unknown")
  func recordedProcesses() throws {
    let gpu = try #require(NvidiaSMI.gpus(Recorded.l40s)?.first)
    #expect((gpu.utilization, gpu.memoryUsed, gpu.memoryTotal) == (9, 1_235, 46_068))
    #expect((gpu.power, gpu.powerLimit, gpu.temperature) == (110_230, 350_000, 54))
    let processes = try #require(NvidiaSMI.processes(Recorded.l40sProcesses))
    #expect(processes.map(\.pid) == [20_037, 20_038])
    #expect(processes.allSatisfy { $0.gpu == gpu.uuid })
    let both = gpu.counting(processes, own: [])
    #expect((both.foreignProcesses, both.foreignMemory) == (2, 1_219))
    let one = gpu.counting(processes, own: [20_038])
    #expect((one.foreignProcesses, one.foreignMemory) == (1, 538))
    #expect(gpu.counting(processes, own: nil) == gpu)
  }

  @Test("what was recorded of AMD's: two cards under gpu_data, a limit under ppt0")
  func recordedAMD() throws {
    let gpus = try #require(
      AMDSMI.gpus(
        list: nil, static: try json(Recorded.radeonStatic),
        metric: try json(Recorded.radeonMetric)))
    #expect(gpus.map(\.utilization) == [91, 1])
    #expect(gpus.map(\.memoryUsed) == [20_450, 57] && gpus.map(\.memoryTotal) == [30_576, 32_624])
    #expect(gpus.map(\.temperature) == [63, 32])
    #expect(gpus.map(\.powerLimit) == [100_000, nil] && gpus.map(\.power) == [nil, nil])
    #expect(gpus.allSatisfy { $0.partition.isEmpty })
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
