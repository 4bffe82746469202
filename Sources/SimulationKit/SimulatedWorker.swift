internal import Consensus
internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

/// A worker: the real machine, with links, timer and a scripted engine around it.
final class SimulatedWorker: SimulatedNode {
  /// What a worker registers with, fixed for the run: the bill's checker knows it by the worker's name.
  struct Terms {
    let basis: BillingBasis
    let bytesPerTokenFloor: UInt8
    let prices: PricePair
    let slots: UInt16
    let context: UInt32
    /// Whether its engine goes on from what another has begun.
    let continuesOutput: Bool
  }

  static let model = "m"
  /// Above what any script makes.
  static let outputDefault: UInt32 = 512
  /// The context of all workers but one, whose has half of it.
  static let contextMax: UInt32 = 1 << 20

  let terms: Terms
  /// The key that it registers with; set before it boots.
  var authorization = ""
  private(set) var machine: WorkerMachine?
  private var links: [CoordinatorDialer] = []
  private var runs: [EngineRunID: EngineRun] = [:]
  private var incarnation: UInt64 = 0
  private let place: Int
  /// Microseconds from token to token.
  private let pace: ClosedRange<UInt64>
  /// What makes the engine give nothing.
  private var stall: LatentFault?
  /// What makes it answer errors.
  private var failing: LatentFault?
  /// Attempts whose engine failed after it had made something.
  private var failed: Set<AttemptID> = []
  private lazy var timer = NodeTimer(of: self) { [unowned self] in timerIsDue() }

  /// One request in the engine.
  private final class EngineRun {
    let output: ScriptedOutput
    let length: UInt64
    let isCut: Bool
    var made: UInt64 = 0
    /// What it has made and its machine has not taken.
    var waiting: [GeneratedEvent] = []
    var isReading = true
    var isWaiting = false
    var isCancelled = false
    init(_ output: ScriptedOutput, length: UInt64, isCut: Bool) {
      self.output = output
      self.length = length
      self.isCut = isCut
    }
  }

  init(_ place: Int, in simulation: Simulation) {
    self.place = place
    let bases: [BillingBasis] = [.usage, .chunkCount, .tokenIDs]
    terms = Terms(
      basis: bases[place % 3], bytesPerTokenFloor: UInt8(1 + place % 3),
      prices: PricePair(
        input: Price(nanoPerMillion: 1_000_003 + UInt64(place) * 1_000),
        output: Price(nanoPerMillion: 2_000_017 + UInt64(place) * 3_000)),
      slots: simulation.configuration.workload.slotsPerWorker,
      context: place == 0 ? Self.contextMax / 2 : Self.contextMax, continuesOutput: place != 1)
    pace = simulation.configuration.workload.pace
    super.init("w\(place + 1)", in: simulation)
  }

  // MARK: Life

  func boot() {
    begin()
    incarnation = max(1, random.next())
    // Every other worker takes two attempts for many, so that its streams wait as those of a busy one do.
    let machine = WorkerMachine(
      name: name, incarnation: incarnation, host: self, clock: clock,
      manyAttempts: place % 2 == 0 ? 2 : WorkerMachine.manyAttempts)
    self.machine = machine
    links = simulation.coordinators.map { CoordinatorDialer($0, of: self) }
    for link in links { link.dial() }
    after(random.within(1_000...300_000)) { [self] in engineReady() }
  }

  func crash(silently: Bool) {
    guard isUp else { return }
    stop()
    simulation.network.died(self, silently: silently)
  }

  private func stop() {
    timer.stop()
    links = []
    runs = [:]
    machine = nil
    failed = []
    stall = nil
    failing = nil
    end()
  }

  override func timerIsDue() { machine?.timerFired() }

  /// Breaks what keeps the run in memory.
  func clear() {
    timer.stop()
    stall = nil
    failing = nil
    links = []
    runs = [:]
    machine = nil
  }

  /// The owner wants the machine back: what runs is finished first.
  func drain() { machine?.drain() }

  /// The owner wants it back at once: what runs goes on elsewhere.
  func reclaim() { machine?.stop() }

  /// Whether its engine is at work.
  var isBusy: Bool { !runs.isEmpty }

  // MARK: The engine

  private func engineReady() {
    machine?.engineReady(
      offers: [
        OfferTerms(
          model: Self.model, context: terms.context, outputDefault: Self.outputDefault,
          slots: terms.slots, priceInput: terms.prices.input, priceOutput: terms.prices.output,
          basis: terms.basis, bytesPerTokenFloor: terms.bytesPerTokenFloor,
          endpoints: [.chatCompletions, .completions])
      ], slots: Int(terms.slots), continues: terms.continuesOutput)
  }

  /// The engine makes nothing until `recoverEngine`.
  func stallEngine(_ fault: LatentFault) { stall = fault }

  /// The engine answers every request with an error, and its next probe fails.
  func failEngine(_ fault: LatentFault) {
    failing = fault
    after(random.within(0...2_000_000)) { [self] in
      if failing === fault { machine?.engineFailing("the engine does not answer") }
    }
  }

  func recoverEngine() {
    failing = nil
    if stall != nil {
      stall = nil
      for run in runs.keys.sorted() { step(run) }
    }
    engineReady()
  }

  private func step(_ id: EngineRunID) {
    guard let run = runs[id], !run.isCancelled, !run.isWaiting, goesOn(run) else { return }
    run.isWaiting = true
    after(random.within(pace)) { [self] in
      run.isWaiting = false
      guard runs[id] === run, !run.isCancelled, goesOn(run) else { return }
      if run.made < run.length {
        run.made += 1
        run.waiting.append(made(run.output.generated(at: run.made)))
        if run.waiting.count == 1 { machine?.runHasOutput(id) }
        step(id)
      } else if run.isCut {
        simulation.count(.engineError)
        ended(id, .failed(EngineFault(.engineTruncated, "the engine's stream was cut")))
      } else {
        ended(
          id,
          .completed(
            .stop, run.output.usage(after: run.made, by: terms.basis),
            reasoningTokens: run.output.reasoningTokens(after: run.made)))
      }
    }
  }

  /// Whether somebody takes what a run makes next, and the engine makes it.
  private func goesOn(_ run: EngineRun) -> Bool {
    guard run.isReading else { return false }
    stall?.bite()
    return stall == nil
  }

  private func made(_ event: GeneratedEvent) -> GeneratedEvent {
    guard simulation.configuration.bug == .alteredEvent, random.chance(perMille: 20) else {
      return event
    }
    var altered = event
    altered.bytes[0] ^= 0x20
    return altered
  }

  private func ended(_ id: EngineRunID, _ ending: EngineEnding) {
    machine?.runProduced(id, takeOutput(of: id))
    runs[id] = nil
    machine?.runEnded(id, ending)
  }

  /// Somebody leads of whom it was not told: a link to him as well.
  fileprivate func learn(_ leader: ReplicaID) {
    guard !links.contains(where: { $0.coordinator.id == leader }),
      let coordinator = simulation.coordinators.first(where: { $0.id == leader })
    else { return }
    let link = CoordinatorDialer(coordinator, of: self)
    links.append(link)
    link.dial()
  }

  fileprivate func redial(_ link: CoordinatorDialer, after wait: UInt64) {
    after(wait) { [self] in
      if links.contains(where: { $0 === link }) { link.dial() }
    }
  }
}

extension SimulatedWorker: WorkerHost {
  func startRun(_ id: EngineRunID, _ order: EngineOrder) {
    let output = ScriptedOutput(attempt: order.attempt)
    let length = min(
      UInt64(order.outputTokensMax), output.length(max: simulation.configuration.workload.tokensMax)
    )
    let isCut = random.chance(perMille: simulation.faultsAreOn ? 20 : 0)
    runs[id] = EngineRun(output, length: length, isCut: isCut)
    if order.goesOn,
      let former = simulation.reclaimedStreams.removeValue(forKey: order.attempt.job),
      former != number
    {
      simulation.mark(.reclaimedStreamMoved)
    }
    if terms.context == Self.contextMax,
      simulation.jobsTooLong.remove(order.attempt.job) != nil
    {
      simulation.mark(.wentToLargerContext)
    }
    failing?.bite()
    if failing != nil || random.chance(perMille: simulation.faultsAreOn ? 20 : 0) {
      let isUnreachable = random.chance(perMille: 500)
      simulation.count(isUnreachable ? .engineUnreachable : .engineBusy)
      return refuse(
        id,
        isUnreachable
          ? EngineFault(.engineUnreachable, "nobody answers at the engine's address")
          : EngineFault(.engineBusy, "the engine has no room"))
    }
    if findsTooLong(order) {
      simulation.count(.promptTooLong)
      simulation.jobsTooLong.insert(order.attempt.job)
      return refuse(
        id, EngineFault(.contextLengthExceeded, "the prompt is too long for the context"))
    }
    step(id)
  }

  /// The engine makes nothing of a request, and says so soon.
  private func refuse(_ id: EngineRunID, _ fault: EngineFault) {
    after(random.within(1_000...5_000)) { [self] in
      if runs[id] != nil { ended(id, .failed(fault)) }
    }
  }

  /// Whether a prompt has more tokens than the smaller context, which nobody knew before: those of one job in sixteen, each time that it begins.
  private func findsTooLong(_ order: EngineOrder) -> Bool {
    guard simulation.faultsAreOn, terms.context < Self.contextMax, !order.goesOn else {
      return false
    }
    return SeededGenerator.mix(simulation.seed ^ SeededGenerator.mix(order.attempt.job.rawValue))
      % 16 == 0
  }

  func takeOutput(of id: EngineRunID) -> [GeneratedEvent] {
    guard let run = runs[id] else { return [] }
    defer { run.waiting = [] }
    return run.waiting
  }

  func cancelRun(_ id: EngineRunID) {
    guard let run = runs[id], !run.isCancelled else { return }
    run.isCancelled = true
    after(random.within(100...20_000)) { [self] in
      guard runs[id] === run else { return }
      ended(id, .cancelled)
    }
  }

  /// What a run could not reach is there again soon, unless it fails for longer.
  func probeEngine() {
    after(random.within(100_000...2_000_000)) { [self] in
      if failing == nil { engineReady() }
    }
  }

  func setReading(_ id: EngineRunID, _ isReading: Bool) {
    guard let run = runs[id] else { return }
    run.isReading = isReading
    if isReading { step(id) }
  }

  func wake(at moment: UInt64) { timer.set(clock.moment(of: moment)) }

  /// A simulated link has no certificates.
  func signature(under statement: [UInt8]) -> [UInt8]? { nil }

  func random(below bound: UInt64) -> UInt64 { random.below(max(bound, 1)) }

  func note(_ note: WorkerNote) {
    switch note {
    case .resumed: simulation.mark(.attemptResumed)
    case .detached: simulation.mark(.attemptDetached)
    case .generated(let attempt, .error, _, lastSeq: 1...): failed.insert(attempt)
    case .forgotten(let attempt, .abandoned):
      simulation.mark(.attemptAbandoned)
      if stall != nil { simulation.mark(.stalledStreamMoved) }
      if failed.remove(attempt) != nil { simulation.mark(.failedStreamMoved) }
    case .forgotten(let attempt, .evicted): simulation.reclaimedStreams[attempt.job] = number
    case .violation(let what): simulation.fail("P6", "\(name) was told nonsense: \(what)")
    case .forgotten(_, .unanswerable(let seq)):
      simulation.fail("P2", "\(name) was asked for event \(seq), which it never had to keep")
    default: break
    }
  }

  func left() {
    after(0) { [self] in
      stop()
      simulation.network.died(self, silently: false)
      simulation.restart(self, after: random.within(500_000...3_000_000))
    }
  }
}

/// A worker's link to one coordinator, dialed again with back-off.
private final class CoordinatorDialer: LinkOwner {
  private static let backOffMin: UInt64 = 100_000
  private static let backOffMax: UInt64 = 5_000_000

  fileprivate let coordinator: SimulatedCoordinator
  private unowned let worker: SimulatedWorker
  private var end: LinkEnd?
  private var connection: Connection?
  private var failures: UInt64 = 0

  /// An established link as the machine sees it: each connection is another.
  private final class Connection: WorkerLink {
    let node: ReplicaID
    private let end: LinkEnd
    private let authorization: String
    init(_ end: LinkEnd, node: ReplicaID, authorization: String) {
      self.end = end
      self.node = node
      self.authorization = authorization
    }
    func openStream(_ service: Service, owner: any MessageChannelOwner) -> any MessageChannel {
      let channel = end.openStream(service, authorization: authorization, owner: owner)
      if service == .slot { channel.alter = lie }
      return channel
    }

    /// Now and then a supplier claims events that it never sends.
    private func lie(_ message: any WireMessage) -> any WireMessage {
      guard let honest = message as? AttemptFinished, end.node.simulation.faultsAreOn,
        end.node.random.chance(perMille: 20)
      else { return message }
      end.node.simulation.count(.workerLied)
      return AttemptFinished(
        job: honest.job, epoch: honest.epoch, finish: honest.finish, usage: honest.usage,
        lastSeq: honest.lastSeq + 3, hash: honest.hash, error: honest.error,
        errorText: honest.errorText, retryElsewhere: honest.retryElsewhere,
        cachedTokens: honest.cachedTokens, word: honest.word,
        reasoningTokens: honest.reasoningTokens)
    }
  }

  init(_ coordinator: SimulatedCoordinator, of worker: SimulatedWorker) {
    self.coordinator = coordinator
    self.worker = worker
  }

  func dial() {
    guard end == nil else { return }
    end = worker.simulation.network.connect(worker, to: coordinator, owner: self)
  }

  func established(_ end: LinkEnd) {
    guard self.end === end else { return }
    failures = 0
    let connection = Connection(end, node: coordinator.id, authorization: worker.authorization)
    self.connection = connection
    worker.machine?.linkUp(connection)
  }

  func accepted(
    _ channel: SimulatedChannel, for service: Service, authorization: String, on end: LinkEnd
  ) -> any MessageChannelOwner { preconditionFailure("only dialing sides open streams") }
  func heard(_ notice: LeaderNotice, on end: LinkEnd) {
    worker.machine?.leaderNotice(notice)
    worker.learn(notice.leader)
  }
  func received(_ message: PeerMessage, on end: LinkEnd) {}

  func closed(_ end: LinkEnd) {
    guard self.end === end else { return }
    self.end = nil
    if let connection {
      self.connection = nil
      worker.machine?.linkDown(connection)
    }
    failures += 1
    let doubled = min(Self.backOffMax, Self.backOffMin << min(failures - 1, 16))
    worker.redial(self, after: doubled / 2 + worker.random.below(doubled / 2 + 1))
  }
}
