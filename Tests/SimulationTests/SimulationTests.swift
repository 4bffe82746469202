import SimulationKit
import Testing

@Suite("Simulation")
struct SimulationTests {
  @Test("without faults every job ends and everything adds up")
  func peace() {
    var configuration = SimulationConfiguration(seed: 1, seconds: 5)
    configuration.faults = false
    let report = SimulationRun.run(configuration)
    #expect(report.findings.isEmpty, "\(report.findings)")
    #expect(report.acknowledged > 5)
  }
}
