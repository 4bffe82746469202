import SimulationKit
import Testing

@Suite("Simulation")
struct SimulationTests {
  @Test("without faults every job ends and everything adds up")
  func peace() {
    var configuration = SimulationConfiguration(seed: 1, seconds: 10)
    configuration.faults = false
    let report = SimulationRun.run(configuration)
    #expect(report.findings.isEmpty, "\(report.findings)")
    #expect(report.acknowledged > 10)
    #expect(report.elections == 1)
    #expect(report.faults.isEmpty)
  }

  @Test(
    "every promise holds while things break, and the cluster heals",
    arguments: 1...6 as ClosedRange<UInt64>)
  func seeds(seed: UInt64) {
    let report = SimulationRun.run(SimulationConfiguration(seed: seed, seconds: 20))
    #expect(report.findings.isEmpty, "seed \(seed): \(report.findings)")
    #expect(report.acknowledged > 0)
    // A fault test in which no fault fired proves nothing.
    #expect(report.faults.values.reduce(0, +) > 0)
  }

  /// Mutations that a few short seeds find; `yard-sim --mutations` looks for all of them.
  @Test(
    "what is planted is found: the checkers can fail",
    arguments: [
      ("alteredEvent", "P2"), ("creditedTwice", "P3"), ("forgottenRequest", "P1"),
      ("appliedOutOfOrder", "P4"), ("droppedPart", "P2"), ("brokenOff", "P2"),
    ])
  func mutation(name: String, promise: String) throws {
    let mutation = try #require(Mutation(name))
    let finding = (1...12 as ClosedRange<UInt64>).lazy.compactMap { seed in
      var configuration = SimulationConfiguration(seed: seed, seconds: 60)
      mutation.apply(to: &configuration)
      return SimulationRun.run(configuration).findings.first
    }.first
    #expect(finding?.promise == promise, "\(String(describing: finding))")
  }

  @Test("every mutation has a name of its own")
  func names() {
    #expect(Set(Mutation.all.map(\.description)).count == Mutation.all.count)
    for mutation in Mutation.all { #expect(Mutation(mutation.description) == mutation) }
    #expect(Mutation("G15") == nil)
  }

  @Test("a seed is one run: the same events in the same order with the same state")
  func determinism() {
    let configuration = SimulationConfiguration(seed: 7, seconds: 20)
    let first = SimulationRun.run(configuration)
    let second = SimulationRun.run(configuration)
    #expect(first.digest == second.digest)
    #expect(first.events == second.events)
    let other = SimulationRun.run(SimulationConfiguration(seed: 8, seconds: 20))
    #expect(first.digest != other.digest)
  }

  @Test("the ledger does what a naive model does, at every step, whatever is asked of it")
  func ledger() {
    let report = LedgerTrial.run(operations: 12_000, seed: 3)
    #expect(report.fault == nil)
    #expect(report.operations == 12_000 && report.transfers > 1_000)
    #expect(report.reversals > 50)
    #expect(Set(report.refusals.keys) == Set(LedgerTrial.refusals))
  }
}
