/// Something that is broken and may harm nobody: the fault is counted when it first bites.
///
/// One is made for each time that something is broken, so a full disk to which nobody writes, or a partition
/// that divides nobody, counts as nothing.
final class LatentFault {
  private let fault: Fault
  private unowned let simulation: Simulation
  private let condition: () -> Bool
  private var hasBitten = false

  /// Waits for its first victim.
  ///
  /// - Parameters:
  ///   - fault: what is broken.
  ///   - simulation: whose count it is.
  ///   - condition: what must hold besides at the moment of the bite.
  init(_ fault: Fault, in simulation: Simulation, if condition: @escaping () -> Bool = { true }) {
    self.fault = fault
    self.simulation = simulation
    self.condition = condition
  }

  /// Somebody has met it.
  func bite() {
    guard !hasBitten, condition() else { return }
    hasBitten = true
    simulation.count(fault)
  }
}
