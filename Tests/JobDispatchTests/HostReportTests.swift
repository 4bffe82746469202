import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

@Suite("What workers tell of their hosts")
struct HostReportTests {
  private static func gpu(_ index: UInt16, utilization: UInt8? = nil) -> GPUFacts {
    GPUFacts(
      index: index, uuid: "GPU-\(index)", name: "H100", partition: "", utilization: utilization,
      memoryUsed: nil, memoryTotal: 81_559, power: nil, powerLimit: nil, temperature: nil,
      foreignProcesses: nil, foreignMemory: nil)
  }

  @Test("a leader that understands it is told of GPUs when they change, and the next one at once")
  func worker() throws {
    let bench = Bench()
    let old = try bench.register()
    bench.machine.hostRead([Self.gpu(0)])
    #expect(
      try old.registration.all(HostReport.self).isEmpty, "it has not said that it understands")
    #expect(bench.machine.status.gpus == [Self.gpu(0)])

    let link = FakeLink(2)
    link.takesHostReports = true
    bench.machine.linkUp(link)
    bench.notice(2, 6)
    #expect(try link.registration.all(HostReport.self).isEmpty, "it is not registered yet")
    try bench.accept(link, 6)
    let told = try link.registration
    #expect(told.all(HostReport.self).map(\.gpus) == [[Self.gpu(0)]])
    bench.machine.hostRead([Self.gpu(0)])
    #expect(told.all(HostReport.self).count == 1)
    bench.machine.hostRead([Self.gpu(0, utilization: 50), Self.gpu(1)])
    bench.machine.hostRead([])
    #expect(told.all(HostReport.self).map(\.gpus.count) == [1, 2, 0])
  }

  @Test("a listing has the GPUs of workers that are connected, as told last")
  func leader() throws {
    let bench = try LeaderBench()
    func listed() throws -> [WorkerGPU] {
      try bench.call(.workerList(.init())).last(WorkerListing.self).gpus ?? []
    }
    let silent = try WorkerPeer(bench, "silent")
    let worker = try WorkerPeer(bench, "w", incarnation: 2)
    #expect(try listed().isEmpty)
    bench.say(.hostReport(.init(gpus: [Self.gpu(1), Self.gpu(0)])), on: worker.registration)
    bench.say(.hostReport(.init(gpus: [Self.gpu(0, utilization: 87)])), on: worker.registration)
    #expect(
      try listed() == [WorkerGPU(worker: worker.id, gpu: Self.gpu(0, utilization: 87))])
    #expect(silent.id != worker.id)
    let other = bench.call(.workerList(.init()), try bench.poorCredential())
    let others = try other.last(WorkerListing.self)
    #expect(others.workers.count == 2 && others.gpus?.isEmpty == true, "they are not his")
    bench.close(worker.registration)
    #expect(try listed().isEmpty)
  }

  @Test("who has not registered has no host")
  func stranger() throws {
    let bench = try LeaderBench()
    let peer = bench.open(.worker)
    bench.say(.hostReport(.init(gpus: [Self.gpu(0)])), on: peer)
    #expect(try bench.call(.workerList(.init())).last(WorkerListing.self).gpus?.isEmpty == true)
  }
}
