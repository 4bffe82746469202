internal import JobDispatch

/// A process on a machine of its own: starts, stops, is paused, dies; what belongs to an earlier life
/// never reaches a later one.
///
/// ```
/// down ──begin──► up ──pause──► paused ──resume: what came meanwhile, in order──► up
///   ▲               └───────────────┴── end
/// ```
class SimulatedNode {
  /// Its place among all nodes of the run.
  let number: Int
  let name: String
  let simulation: Simulation
  var random: SeededGenerator
  private(set) var clock: NodeClock
  private(set) var life = 0
  private(set) var isUp = false
  private(set) var pausedSince: UInt64?
  private var inbox: [() -> Void] = []
  private let lane: Lane

  init(_ name: String, in simulation: Simulation) {
    self.name = name
    self.simulation = simulation
    number = simulation.nextNodeNumber()
    lane = Lane(major: simulation.clock.makeLane(), minor: 0)
    random = SeededGenerator(seed: simulation.seed, part: UInt64(number) + 1)
    clock = NodeClock(simulation.clock, offset: 0)
  }

  var isRunning: Bool { isUp && pausedSince == nil }

  /// The process starts; its machine's clock shows something that no other clock shows.
  func begin() {
    precondition(!isUp)
    isUp = true
    clock = NodeClock(simulation.clock, offset: random.within(1_000_000...1_000_000_000_000))
  }

  /// The process is gone, with everything that it held.
  func end() {
    isUp = false
    life += 1
    pausedSince = nil
    inbox = []
  }

  func pause() {
    if isUp, pausedSince == nil { pausedSince = simulation.clock.now }
  }

  func resume() {
    guard pausedSince != nil else { return }
    pausedSince = nil
    let waiting = inbox
    inbox = []
    for body in waiting { after(0, body) }
  }

  /// The clock is ahead at once, as where a virtual machine was moved: what was due in between is due now.
  func leap(by microseconds: UInt64) {
    clock.leap(by: microseconds)
    after(0) { [self] in timerIsDue() }
  }

  /// Time has passed: a node that has a timer does what is due, and sets it again.
  func timerIsDue() {}

  /// Lets `body` happen in this life, once the process runs.
  func after(_ microseconds: UInt64, _ body: @escaping () -> Void) {
    at(simulation.clock.now + microseconds, lane: lane, body)
  }

  /// The same at a moment and in a lane.
  func at(_ moment: UInt64, lane: Lane, _ body: @escaping () -> Void) {
    simulation.clock.schedule(at: moment, lane: lane, to: self, body)
  }

  /// The moment of something that was scheduled in `life` has come.
  func meet(_ body: @escaping () -> Void, meantFor life: Int) {
    guard life == self.life, isUp else { return }
    if pausedSince != nil { inbox.append(body) } else { body() }
  }

  /// Somebody has connected: who is told what happens on the connection; nil refuses it.
  func accept(_ end: LinkEnd) -> (any LinkOwner)? { nil }
}

/// One timer of a node, set again as often as one likes.
///
/// A firing that comes too early, since the timer was set later meanwhile, sets itself again.
final class NodeTimer {
  private unowned let node: SimulatedNode
  private let lane: Lane
  private let fire: () -> Void
  private var wanted: UInt64?
  private var armed: UInt64?
  private var generation: UInt64 = 0

  init(of node: SimulatedNode, _ fire: @escaping () -> Void) {
    self.node = node
    self.fire = fire
    lane = Lane(major: node.simulation.clock.makeLane(), minor: 0)
  }

  /// Fires at `moment` in virtual microseconds instead of when it was to fire before.
  func set(_ moment: UInt64) {
    guard moment != .max else {
      wanted = nil
      return
    }
    wanted = moment
    if let armed, armed <= moment { return }
    arm(moment)
  }

  func stop() {
    wanted = nil
    armed = nil
    generation += 1
  }

  private func arm(_ moment: UInt64) {
    armed = moment
    generation += 1
    let current = generation
    node.at(moment, lane: lane) { [self] in
      guard generation == current else { return }
      armed = nil
      guard let wanted else { return }
      if wanted > node.simulation.clock.now { return arm(wanted) }
      self.wanted = nil
      fire()
    }
  }
}
