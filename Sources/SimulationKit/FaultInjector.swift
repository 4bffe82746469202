internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import RaftEngine

/// Breaks things at random moments, and mends them after random times.
///
/// Chosen so that a majority is often, not always, up and connected: both what happens then and what
/// happens without one must hold.
final class FaultInjector {
  /// Each newcomer takes a place in the list of members that stays.
  private static let replacementsMax = 6

  private unowned let simulation: Simulation
  private let workload: Workload
  private var random: SeededGenerator
  private var isOn = false
  private var stayingDown: SimulatedCoordinator?
  /// The last coordinator that is replaced.
  private var replacement: MemberReplacement?
  /// What makes everything slow.
  private var overloading: LatentFault?
  private let lane: Lane

  init(_ simulation: Simulation, _ workload: Workload) {
    self.simulation = simulation
    self.workload = workload
    random = SeededGenerator(seed: simulation.seed, part: 1_000_004)
    lane = Lane(major: simulation.clock.makeLane(), minor: 0)
  }

  func start() {
    isOn = true
    simulation.faultsAreOn = true
    // Every run has a temper of its own, from nearly calm to stormy.
    simulation.network.lossPerMille = random.below(8)
    // What the port between coordinators allows, and a connection would never show.
    if random.below(3) == 0 {
      simulation.network.peerDisorder = .init(
        lostPerMille: random.below(80), doubledPerMille: random.below(30),
        delay: 300...(2_000 + random.below(60_000)))
    }
    next()
  }

  /// Everything works from here on, but for one coordinator in half of the runs in which all vote: the others are
  /// a majority, and must do without it.
  func stop() {
    let hadFaults = isOn
    isOn = false
    simulation.faultsAreOn = false
    simulation.network.lossPerMille = 0
    simulation.network.peerDisorder = nil
    endOverload()
    simulation.network.heal()
    for node in nodes { node.resume() }
    for coordinator in simulation.coordinators {
      coordinator.disk.isFull = false
      coordinator.disk.isNearlyFull = false
      coordinator.disk.isSpent = false
      coordinator.disk.failsNextSync = false
      coordinator.releaseWrites()
      coordinator.hurryWrites()
    }
    for worker in simulation.workers { worker.recoverEngine() }
    if hadFaults, random.below(2) == 0, allVote, let missing = upCoordinator() {
      simulation.count(.healedWithoutOne)
      missing.crash(silently: false)
      stayingDown = missing
    }
    let processes: [SimulatedNode] =
      simulation.coordinators + simulation.workers + simulation.gateways
    for node in processes where node !== stayingDown { simulation.boot(node) }
  }

  /// One that is up, so that its peers are told of its end: a half open link takes longer to notice.
  private func upCoordinator() -> SimulatedCoordinator? {
    let up = simulation.coordinators.filter(\.isUp)
    return up.isEmpty ? nil : pick(up)
  }

  // MARK: Members

  /// A voter loses its vote; if one has none, it gets it back.
  ///
  /// Not while one is replaced: with the disk of one lost, and another without his vote, the third of three can do nothing more.
  private func changeMembers() {
    guard let leader = simulation.leader, let replica = leader.replica,
      simulation.coordinators.count > 2, replacement?.isOver ?? true
    else { return }
    if let standby = replica.membership.servers.first(where: { $0.role == .standby }) {
      leader.reconfigure(.promote(standby.id))
      if leader.isReconfiguring, random.below(2) == 0 { holdUpNewcomer(standby.id) }
    } else {
      leader.reconfigure(.demote(pick(simulation.coordinators.filter { $0 !== leader }).id))
    }
  }

  /// A coordinator loses its disk, or is removed while it runs, and a new one takes its place.
  ///
  /// Not of two: one that can be without another has lost more than it may.
  private func replaceMember() {
    guard replacement?.isOver ?? true, let leader = simulation.leader, allVote,
      !leader.isReconfiguring,
      simulation.coordinators.count > 2, simulation.former.count < Self.replacementsMax
    else { return }
    let old = pick(simulation.coordinators.filter { $0 !== leader })
    let replacement = MemberReplacement(
      of: old, losesDisk: random.below(2) == 0, stay: random.within(2_000_000...15_000_000),
      in: simulation, lane: lane)
    self.replacement = replacement
    replacement.begin()
  }

  /// The next write of a newcomer takes longer than a leader waits for him to catch up: he gets no vote.
  private func holdUpNewcomer(_ id: ReplicaID) {
    guard let newcomer = simulation.coordinators.first(where: { $0.id == id }), newcomer.isRunning
    else { return }
    let fault = latent(.newcomerHeldUp) {
      newcomer.replica.map { !$0.voters.contains(id) } ?? false
    }
    newcomer.disk.slow(to: 5_500_000...7_000_000, fault)
    after(200_000) { [self] in quicken(newcomer.disk) }
  }

  /// Nothing passes between this coordinator and the others.
  private func cutOff(_ coordinator: SimulatedCoordinator) {
    for other in simulation.coordinators where other !== coordinator {
      simulation.network.cut(coordinator, other)
      simulation.network.cut(other, coordinator)
    }
  }

  /// Gives everybody his vote back, one after the other, as an operator would: again until it is so.
  func restoreVotes() {
    guard !allVote else { return }
    if let leader = simulation.leader, let replica = leader.replica, !leader.isReconfiguring,
      let standby = replica.membership.servers.first(where: { $0.role == .standby })
    {
      leader.reconfigure(.promote(standby.id))
    }
    after(200_000) { [self] in restoreVotes() }
  }

  /// Whether every coordinator votes, as all of them know.
  var allVote: Bool {
    (replacement?.isOver ?? true)
      && simulation.coordinators.allSatisfy {
        $0.replica?.membership.voters.count == simulation.coordinators.count
      }
  }

  /// The last coordinator comes back as well.
  func bringBack() {
    if let stayingDown { simulation.boot(stayingDown) }
    stayingDown = nil
  }

  private var nodes: [SimulatedNode] {
    simulation.coordinators + simulation.workers + simulation.gateways + workload.clients
  }

  private func after(_ microseconds: UInt64, _ body: @escaping () -> Void) {
    simulation.clock.schedule(at: simulation.clock.now + microseconds, lane: lane, body)
  }

  private func next() {
    after(random.within(50_000...1_500_000)) { [self] in
      guard isOn else { return }
      breakSomething()
      next()
    }
  }

  private func latent(
    _ fault: Fault, if condition: @escaping () -> Bool = { true }
  ) -> LatentFault {
    LatentFault(fault, in: simulation, if: condition)
  }

  private func pick<Node>(_ nodes: [Node]) -> Node { nodes[Int(random.below(UInt64(nodes.count)))] }

  private func breakSomething() {
    switch random.below(47) {
    case 0: kill(pick(simulation.coordinators), silently: false)
    case 1: kill(pick(simulation.coordinators), silently: true)
    case 2, 3: if let leader = simulation.leader { kill(leader, silently: random.below(2) == 0) }
    case 4: pause(pick(simulation.coordinators), .coordinatorPaused)
    case 5: if let leader = simulation.leader { pause(leader, .coordinatorPaused) }
    case 6: slowDisk(pick(simulation.coordinators))
    case 7: fullDisk(pick(simulation.coordinators))
    case 8: failSync(pick(simulation.coordinators))
    case 9, 10: partition(oneWay: false)
    case 11, 12: partition(oneWay: true)
    case 13, 14: breakLink()
    case 15: slowNetwork()
    case 16: killWorker(pick(simulation.workers), silently: false)
    case 17: killWorker(pick(simulation.workers), silently: true)
    case 18: pause(pick(simulation.workers), .workerPaused)
    case 19: drain(pick(simulation.workers))
    case 20: breakEngine(pick(simulation.workers))
    case 21, 22: changeMembers()
    case 23:
      if let leader = simulation.leader, random.below(2) == 0 {
        stopInOrder(leader)
      } else {
        stopInOrder(pick(simulation.coordinators))
      }
    case 24, 25: killLeaderAndWorker(silently: random.below(3) == 0)
    case 26: loseSite()
    case 27: die(pick(simulation.coordinators), .writing)
    case 28: die(pick(simulation.coordinators), .voting)
    case 29, 30: bridge()
    case 31, 32: cutOffWriting()
    case 33, 34: spreadFalseNews()
    case 35, 36, 37: speakLate()
    case 38: if random.below(8) == 0 { overload() }
    case 39: leapClock(pick(simulation.coordinators + simulation.workers as [SimulatedNode]))
    case 40: outliveLeadership()
    case 41: reclaim(pick(simulation.workers))
    case 42: killGateway(silently: random.below(3) == 0)
    case 44, 45: replaceMember()
    case 43: if let gateway = streaming() { pause(gateway, .gatewayPaused) }
    default: pause(pick(workload.clients), .clientPaused)
    }
  }

  // MARK: Processes

  private func kill(_ coordinator: SimulatedCoordinator, silently: Bool) {
    guard coordinator.isUp else { return }
    simulation.count(silently ? .coordinatorPowerLoss : .coordinatorKilled)
    if coordinator.replica?.role == .leader { simulation.count(.leaderKilled) }
    coordinator.crash(silently: silently)
    simulation.restart(coordinator, after: random.within(100_000...5_000_000))
  }

  /// What the leader had delivered and not committed is with its readers alone.
  private func killLeaderAndWorker(silently: Bool) {
    let workers = simulation.workers.filter { $0.isUp && $0.isBusy }
    guard let leader = simulation.leader, leader.isUp, !workers.isEmpty else { return }
    simulation.count(.leaderAndWorkerKilled)
    killWorker(pick(workers), silently: silently)
    kill(leader, silently: silently)
  }

  /// The power of the whole site: what all of them called durable is all that there is.
  private func loseSite() {
    simulation.count(.siteLostPower)
    for coordinator in simulation.coordinators where coordinator.isUp {
      coordinator.crash(silently: true)
      simulation.restart(coordinator, after: random.within(100_000...1_000_000))
    }
  }

  /// Dies several times at the worst moments, and is back before anybody has given it up.
  private func die(_ coordinator: SimulatedCoordinator, _ death: SimulatedCoordinator.SuddenDeath) {
    for time in 0..<(1 + random.below(4)) {
      after(time * random.within(200_000...900_000)) { [self] in
        if isOn { coordinator.die(death) }
      }
    }
  }

  /// SIGTERM: the process ends once its leadership is somebody else's, or nobody takes it.
  private func stopInOrder(_ coordinator: SimulatedCoordinator) {
    guard coordinator.isRunning else { return }
    simulation.count(.coordinatorStopped)
    coordinator.handOver { [self] in
      guard isOn else { return }
      coordinator.crash(silently: false)
      simulation.restart(coordinator, after: random.within(100_000...2_000_000))
    }
  }

  private func killWorker(_ worker: SimulatedWorker, silently: Bool) {
    guard worker.isUp else { return }
    simulation.count(silently ? .workerPowerLoss : .workerKilled)
    worker.crash(silently: silently)
    simulation.restart(worker, after: random.within(100_000...8_000_000))
  }

  /// A gateway in the middle of an answer.
  private func streaming() -> SimulatedGateway? {
    let streaming = simulation.gateways.filter { $0.isRunning && $0.isStreaming }
    return streaming.isEmpty ? nil : pick(streaming)
  }

  private func killGateway(silently: Bool) {
    guard let gateway = streaming() else { return }
    simulation.count(silently ? .gatewayPowerLoss : .gatewayCrashed)
    gateway.crash(silently: silently)
    simulation.restart(gateway, after: random.within(100_000...8_000_000))
  }

  private func pause(_ node: SimulatedNode, _ fault: Fault) {
    guard node.isRunning else { return }
    simulation.count(fault)
    node.pause()
    simulation.network.wentSilent(node)
    let since = node.pausedSince
    let time =
      random.below(4) == 0 ? random.within(4_000_000...20_000_000) : random.below(2_000_000)
    after(time) { if node.pausedSince == since { node.resume() } }
  }

  /// The leader stands still until another one leads, and goes on with no coordinator to tell it so: for an election timeout it
  /// takes itself for the leader, and who is connected to it asks what others have changed meanwhile.
  private func outliveLeadership() {
    guard let leader = simulation.leader, simulation.overloadedSince == nil else { return }
    cutOff(leader)
    leader.pause()
    simulation.network.wentSilent(leader)
    let since = leader.pausedSince
    after(random.within(1_200_000...2_500_000)) { [self] in
      if leader.pausedSince == since { leader.resume() }
      let isOutlived = simulation.coordinators.contains { $0 !== leader && $0.isLeader }
      if leader.isLeader, isOutlived { simulation.count(.staleLeader) }
      after(random.within(700_000...1_500_000)) { [self] in simulation.network.heal() }
    }
  }

  private func leapClock(_ node: SimulatedNode) {
    guard node.isRunning else { return }
    simulation.count(.clockLeapt)
    node.leap(by: random.within(100_000...6_000_000))
  }

  private func drain(_ worker: SimulatedWorker) {
    guard worker.isRunning else { return }
    simulation.count(.workerDrained)
    worker.drain()
  }

  /// Its owner wants the machine back now.
  private func reclaim(_ worker: SimulatedWorker) {
    guard worker.isRunning, worker.isBusy else { return }
    simulation.count(.reclaimed)
    worker.reclaim()
  }

  private func breakEngine(_ worker: SimulatedWorker) {
    guard worker.isRunning else { return }
    let life = worker.life
    if random.below(2) == 0 {
      worker.stallEngine(latent(.engineStalled))
    } else {
      worker.failEngine(latent(.engineFailed))
    }
    after(random.within(500_000...12_000_000)) { [self] in
      guard worker.life == life else { return }
      worker.after(0) { worker.recoverEngine() }
      _ = self
    }
  }

  // MARK: Disks

  private func slowDisk(_ coordinator: SimulatedCoordinator) {
    coordinator.disk.slow(to: 20_000...(100_000 + random.below(900_000)), latent(.diskSlow))
    after(random.within(500_000...5_000_000)) { [self] in quicken(coordinator.disk) }
  }

  /// A disk is as quick as everything else.
  private func quicken(_ disk: SimulatedDisk) {
    if let overloading { disk.slow(to: Self.overloadedWrite, overloading) } else { disk.quicken() }
  }

  /// What the leader takes now only it has, and it hears what is to stand in the place of those entries while it writes them.
  ///
  /// In a quarter of the cases one write outlasts its leadership and the silence. In the others the leader hears those who do not
  /// hear it, and its writes end when it harms most: a candidate's term becomes durable with the leader's entries, in a write that is
  /// under way when the new leader's come. A candidate's writes take so long that the leader has given up before he is asked for his vote.
  private func cutOffWriting() {
    guard let leader = simulation.leader, simulation.overloadedSince == nil else { return }
    if random.below(4) == 0 {
      cutOff(leader)
      leader.disk.slow(
        to: 2_000_000...2_800_000, latent(.cutOffWriting) { leader.isRunning && !leader.isLeader })
      after(random.within(1_200_000...1_600_000)) { [self] in
        simulation.network.heal()
        quicken(leader.disk)
      }
      return
    }
    leader.holdWrites(latent(.cutOffWriting))
    for coordinator in simulation.coordinators where coordinator !== leader {
      simulation.network.cut(leader, coordinator)
      coordinator.disk.slow(to: 250_000...400_000, nil)
    }
    after(3_500_000) { [self] in
      simulation.network.heal()
      leader.releaseWrites()
      for coordinator in simulation.coordinators { quicken(coordinator.disk) }
    }
  }

  private func fullDisk(_ coordinator: SimulatedCoordinator) {
    let disk = coordinator.disk
    disk.isFull = true
    disk.fullness = latent(.diskFull)
    disk.isNearlyFull = true
    disk.isSpent = true
    let time = random.within(500_000...4_000_000)
    after(time) { disk.isFull = false }
    after(time + 500_000) { disk.isSpent = disk.isFull }
    after(time + 1_000_000) { disk.isNearlyFull = disk.isFull }
  }

  private func failSync(_ coordinator: SimulatedCoordinator) {
    if coordinator.isRunning { coordinator.disk.failsNextSync = true }
  }

  // MARK: The network

  /// Divides the nodes in two at random; one way, what one side says does not arrive.
  private func partition(oneWay: Bool) {
    let fault = latent(oneWay ? .partitionOneWay : .partition)
    let all = nodes
    let side = all.map { _ in random.below(3) == 0 }
    for (here, from) in zip(side, all) where here {
      for (there, to) in zip(side, all) where !there {
        simulation.network.cut(from, to, fault)
        if !oneWay { simulation.network.cut(to, from, fault) }
      }
    }
    after(random.within(100_000...9_000_000)) { [self] in simulation.network.heal() }
  }

  /// Two coordinators hear each other only through others' votes; in half of the cases those die as they vote.
  private func bridge() {
    let one = pick(simulation.coordinators)
    let other = pick(simulation.coordinators)
    guard one !== other else { return }
    let between = simulation.coordinators.filter { $0 !== one && $0 !== other }
    let network = simulation.network
    let fault = latent(.bridge) {
      between.contains { third in
        third.isRunning
          && [one, other].allSatisfy { !network.isCut($0, third) && !network.isCut(third, $0) }
      }
    }
    network.cut(one, other, fault)
    network.cut(other, one, fault)
    after(random.within(500_000...6_000_000)) { [self] in simulation.network.heal() }
    guard random.below(2) == 0 else { return }
    for third in between { die(third, .voting) }
  }

  private func breakLink() {
    let links = simulation.network.links.filter {
      !$0.isPatient && $0.dialer.isUp && $0.acceptor.isUp && $0.dialer.node.isRunning
        && $0.acceptor.node.isRunning
    }
    guard !links.isEmpty else { return }
    simulation.count(.linkBroken)
    simulation.network.breakLink(pick(links))
  }

  private func slowNetwork() {
    guard overloading == nil else { return }
    simulation.network.slow(to: 1_000...(20_000 + random.below(180_000)), latent(.slowNetwork))
    after(random.within(500_000...4_000_000)) { [self] in
      if overloading == nil { simulation.network.quicken() }
    }
  }

  // MARK: Everybody

  private static let overloadedWrite: ClosedRange<UInt64> = 300_000...900_000
  private static let overloadedLatency: ClosedRange<UInt64> = 400_000...800_000

  /// A machine that has far more to do than it can: messages and writes take longer than an election timeout.
  private func overload() {
    guard simulation.overloadedSince == nil else { return }
    let fault = latent(.overload)
    overloading = fault
    simulation.overloadedSince = simulation.clock.now
    simulation.network.slow(to: Self.overloadedLatency, fault)
    for coordinator in simulation.coordinators {
      coordinator.disk.slow(to: Self.overloadedWrite, fault)
    }
    after(random.within(15_000_000...40_000_000)) { [self] in endOverload() }
  }

  private func endOverload() {
    overloading = nil
    simulation.overloadedSince = nil
    simulation.network.quicken()
    for coordinator in simulation.coordinators { coordinator.disk.quicken() }
  }

  /// Some coordinators, or all, are told that the leader is no more.
  private func spreadFalseNews() {
    guard let leader = simulation.leader else { return }
    let fault = latent(.falseEnd) { leader.isUp }
    let isTold = random.below(2) == 0 ? 2 : 1
    for coordinator in simulation.coordinators where coordinator !== leader {
      guard coordinator.isRunning, isTold == 2 || random.below(2) == 0 else { continue }
      coordinator.after(random.below(20_000)) {
        if coordinator.hear(ofTheEndOf: leader.id) { fault.bite() }
      }
    }
  }

  /// A leader that decided on what it knew before: its word for an attempt comes when another one runs.
  private func speakLate() {
    guard let leader = simulation.leader, let exchange = leader.replica?.exchange,
      let job = exchange.openJobs(limit: 64).first(where: {
        $0.attempt != nil && $0.lastEpoch > Epoch(1)
      })
    else { return }
    let gone = AttemptID(job: job.id, epoch: Epoch(job.lastEpoch.rawValue - 1))
    leader.propose(.settle(.init(attempt: gone, finish: .stop, usage: ReportedUsage()))) {
      [self] result in
      if case .applied = result { simulation.count(.lateWord) }
    }
  }
}
