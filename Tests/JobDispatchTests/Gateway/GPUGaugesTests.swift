import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

@Suite("GPUs as gauges")
struct GPUGaugesTests {
  private func gpu(_ index: UInt16, utilization: UInt8? = nil, power: UInt32? = nil) -> GPUFacts {
    GPUFacts(
      index: index, uuid: "u\"}", name: "n", partition: "", utilization: utilization,
      memoryUsed: index == 0 ? 61_203 : nil, memoryTotal: nil, power: power, powerLimit: nil,
      temperature: nil, foreignProcesses: nil, foreignMemory: nil)
  }

  @Test(
    "in base units, by numbers alone; what is not known has no sample, and no gauge if nobody knows it"
  )
  func text() {
    let text = GPUGauges.text([
      WorkerGPU(worker: WorkerID(3), gpu: gpu(0, utilization: 87, power: 541_250)),
      WorkerGPU(worker: WorkerID(3), gpu: gpu(1, power: 70_000)),
      WorkerGPU(worker: WorkerID(3), gpu: gpu(0, utilization: 9, power: 1)),
      WorkerGPU(worker: WorkerID(4), gpu: gpu(256, utilization: 1)),
    ])
    #expect(
      text == """
        # HELP switchyard_gpu_utilization_ratio Share of the last moments in which the GPU worked.
        # TYPE switchyard_gpu_utilization_ratio gauge
        switchyard_gpu_utilization_ratio{worker="3",gpu="0"} 0.87
        # HELP switchyard_gpu_memory_used_bytes Memory of the GPU in use.
        # TYPE switchyard_gpu_memory_used_bytes gauge
        switchyard_gpu_memory_used_bytes{worker="3",gpu="0"} 64175996928.0
        # HELP switchyard_gpu_power_watts Power that the GPU draws.
        # TYPE switchyard_gpu_power_watts gauge
        switchyard_gpu_power_watts{worker="3",gpu="0"} 541.25
        switchyard_gpu_power_watts{worker="3",gpu="1"} 70.0

        """)
    #expect(GPUGauges.text([]).isEmpty)
  }
}
