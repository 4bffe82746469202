import Testing

@testable import SimulationKit

@Suite("A fault counts when it bites")
struct FaultCountTests {
  private func world(_ body: (Simulation) -> Void) {
    let simulation = Simulation(SimulationConfiguration(seed: 1, seconds: 1))
    body(simulation)
    simulation.clear()
  }

  @Test("a cut counts once, and only if something was to pass")
  func cut() {
    world { simulation in
      let fault = LatentFault(.partition, in: simulation)
      for other in simulation.coordinators.dropFirst() {
        simulation.network.cut(simulation.coordinators[0], other, fault)
      }
      simulation.run(atMost: 1_000_000)
      #expect(simulation.faults.isEmpty)
      for coordinator in simulation.coordinators { coordinator.boot() }
      simulation.run(atMost: 1_000_000)
      #expect(simulation.faults == [.partition: 1])
    }
  }

  @Test("a full disk counts when it refuses a write, a slow one when a write was slow")
  func disks() {
    world { simulation in
      let (full, slow) = (simulation.coordinators[0], simulation.coordinators[1])
      full.disk.isFull = true
      full.disk.fullness = LatentFault(.diskFull, in: simulation)
      slow.disk.slow(to: 50_000...50_000, LatentFault(.diskSlow, in: simulation))
      #expect(simulation.faults.isEmpty)
      for coordinator in simulation.coordinators { coordinator.boot() }
      simulation.run(atMost: 40_000)
      #expect(simulation.faults == [.diskFull: 1])
      simulation.run(atMost: 40_000)
      #expect(simulation.faults == [.diskFull: 1, .diskSlow: 1])
    }
  }

  @Test("a slow network counts when something took longer")
  func network() {
    world { simulation in
      simulation.network.slow(to: 20_000...30_000, LatentFault(.slowNetwork, in: simulation))
      simulation.run(atMost: 1_000_000)
      #expect(simulation.faults.isEmpty)
      for coordinator in simulation.coordinators { coordinator.boot() }
      simulation.run(atMost: 1_000_000)
      #expect(simulation.faults == [.slowNetwork: 1])
    }
  }

  @Test("what must hold besides is asked at the moment of the bite")
  func condition() {
    world { simulation in
      var holds = false
      let fault = LatentFault(.bridge, in: simulation) { holds }
      fault.bite()
      #expect(simulation.faults.isEmpty)
      holds = true
      fault.bite()
      fault.bite()
      #expect(simulation.faults == [.bridge: 1])
    }
  }
}
