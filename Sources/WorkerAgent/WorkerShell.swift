internal import Engines
internal import ExchangeClient
internal import ExchangeTypes
internal import HostFacts
internal import Identity
internal import JobDispatch
internal import JobMarket
internal import Links
internal import Logging
internal import NIOCore
internal import OpenAIFormat
internal import Transport
internal import WireProtocol

/// The machine's host: confined to the loop, it owns the machine, the links, the timer and the runs.
final class WorkerShell: WorkerHost {
  /// Failed probes in a row before an engine that served is called failing: one may be lost to load.
  private static let probeFailuresMax = 2
  /// Milliseconds until an engine that does not answer is asked again; they double with each time, up to the usual interval.
  private static let probeWaitMin: UInt64 = 250
  /// Bytes of a request that is made ready on the loop.
  private static let bodyOnLoopMax = 32 << 10
  /// Endpoints beyond the configured ones that leader notices may add.
  private static let learnedMax = 8

  private(set) var configuration: WorkerConfiguration
  let loop: LinkLoop
  let dialer: NodeDialer
  let local: LocalNode
  let authorization: String
  /// Which coordinators are talked to.
  let trust: CoordinatorTrust
  private let logger: Logger
  private let engine: any Engine
  private let whenLeft: EventLoopPromise<Void>
  /// Told the worker's number whenever a leader has taken it anew, and nil when it leaves.
  var registered: (WorkerID?) -> Void = { _ in }
  private(set) var links: [CoordinatorLink] = []
  private var runs: [EngineRunID: (run: EngineRun, task: Task<Void, Never>)] = [:]
  private var timer: Scheduled<Void>?
  private var drainTimer: Scheduled<Void>?
  /// What the engine last said of itself.
  private var engineStatus: EngineStatus?
  /// What is known of the engine; a probe takes it along and brings it back.
  private var examination: EngineExamination
  private var probeFailures = 0
  private var probing: Task<Void, Never>?
  private var nextProbe: Scheduled<Void>?
  private var hasLeft = false
  private var watching: Task<Void, Never>?
  /// Why the host's GPU tool told nothing, since it last told something.
  private(set) var gpuFault: String?
  private(set) lazy var machine = WorkerMachine(
    name: configuration.name, incarnation: local.incarnation, host: self, clock: LoopClock())

  init(
    _ configuration: WorkerConfiguration, engine: any Engine, loop: LinkLoop,
    refusals: RefusalLog, logger: Logger, whenLeft: EventLoopPromise<Void>
  ) {
    self.configuration = configuration
    self.engine = engine
    examination = EngineExamination(engine)
    self.loop = loop
    self.logger = logger
    self.whenLeft = whenLeft
    authorization = "Bearer \(configuration.apiKey)"
    dialer = NodeDialer(security: configuration.security, on: loop, refusals: refusals)
    local = LocalNode(
      role: .worker, clusterID: configuration.cluster ?? LocalNode.clusterUnknown,
      name: configuration.name, incarnation: UInt64.random(in: 1...UInt64.max),
      features: [LocalNode.revocationNotices, LocalNode.hostReports, LocalNode.embeddings],
      software: configuration.software)
    trust = CoordinatorTrust(endpoints: configuration.endpoints)
  }

  func start() {
    for endpoint in configuration.endpoints { add(endpoint) }
    probeEngine()
    watchGPUs()
  }

  func add(_ endpoint: String) {
    let link = CoordinatorLink(endpoint: endpoint, shell: self, logger: logger)
    links.append(link)
    link.dial()
  }

  /// A coordinator named the leader, which may be at an address that nobody configured.
  func heard(_ notice: LeaderNotice) {
    if !notice.address.isEmpty, !links.contains(where: { $0.endpoint == notice.address }),
      !links.contains(where: { $0.node == notice.leader }),
      links.count < configuration.endpoints.count + Self.learnedMax
    {
      logger.info("the leader's address is new", metadata: ["endpoint": "\(notice.address)"])
      add(notice.address)
    }
    machine.leaderNotice(notice)
  }

  /// A coordinator that is trusted named the others: who was told of it alone links to them too, so as to hear them.
  ///
  /// One that is linked already under another name than the members' has one link all the same.
  func heard(others: [CoordinatorAddress]) {
    guard configuration.endpoints.count == 1 else { return }
    for other in others
    where !links.contains(where: { $0.endpoint == other.address || $0.node == other.replica }) {
      guard links.count < 1 + Self.learnedMax else { return }
      logger.info("another coordinator is known", metadata: ["endpoint": "\(other.address)"])
      trust.learnedOthers()
      add(other.address)
    }
  }

  // MARK: Leaving

  /// Finishes what runs, within the configured time; a second call stops at once.
  func drainOrStop() {
    if machine.status.isDraining { return machine.stop() }
    drain()
  }

  func drain() {
    machine.drain()
    guard drainTimer == nil else { return }
    let bound = loop.bind(self)
    drainTimer = loop.eventLoop.scheduleTask(in: .seconds(configuration.drainSeconds)) {
      bound.value.logger.warning("the time to drain is over")
      bound.value.machine.stop()
    }
  }

  func left() {
    logger.info("left")
    hasLeft = true
    probing?.cancel()
    nextProbe?.cancel()
    watching?.cancel()
    timer?.cancel()
    drainTimer?.cancel()
    for link in links { link.stop() }
    registered(nil)
    whenLeft.succeed()
  }

  /// The tasks that still have a run in the engine.
  var remainingTasks: [Task<Void, Never>] { runs.values.map(\.task) }

  // MARK: Probes

  func probeEngine() {
    nextProbe?.cancel()
    guard probing == nil, !hasLeft else { return }
    let bound = loop.bind(self)
    probing = Task { [loop, known = examination] in
      var examination = known
      let result: Result<EngineStatus, EngineError>
      do throws(EngineError) { result = .success(try await examination.probe()) } catch {
        result = .failure(error)
      }
      if Task.isCancelled { return }
      let now = examination
      loop.execute { bound.value.probed(result, now) }
    }
  }

  /// When the engine is asked again: soon while it does not answer, and less often the longer it does not.
  private var probeWait: UInt64 {
    let interval = UInt64(max(1, configuration.probeSeconds)) * 1_000
    guard !machine.status.engineIsHealthy else { return interval }
    return Backoff(initial: min(Self.probeWaitMin, interval), limit: interval)
      .wait(after: probeFailures, random: random(below:))
  }

  /// Reads the host's GPUs again and again, if it has a tool for them.
  private func watchGPUs() {
    guard let path = configuration.toolPath, let tool = GPUProbe.find(in: path) else { return }
    logger.info("GPUs are read", metadata: ["tool": "\(tool.name)"])
    let bound = loop.bind(self)
    let interval = Duration.seconds(configuration.gpuSeconds)
    let engine: GPUProbe.Engine =
      switch configuration.engine.place {
      case .server(let url): GPUProbe.Engine(url: url)
      case .builtin: .thisProcess
      }
    watching = Task { [loop] in
      while !Task.isCancelled {
        let result: Result<[GPUFacts], GPUProbeError>
        do throws(GPUProbeError) { result = .success(try await tool.read(engine: engine)) } catch {
          result = .failure(error)
        }
        if Task.isCancelled { return }
        loop.execute { bound.value.gpusRead(result) }
        do { try await Task.sleep(for: interval) } catch { return }
      }
    }
  }

  private func gpusRead(_ result: Result<[GPUFacts], GPUProbeError>) {
    switch result {
    case .success(let gpus):
      gpuFault = nil
      machine.hostRead(gpus)
    case .failure(let error):
      if gpuFault != error.description {
        logger.warning("GPUs cannot be read", metadata: ["reason": "\(error)"])
      }
      gpuFault = error.description
      machine.hostRead([])
    }
  }

  private func probed(
    _ result: Result<EngineStatus, EngineError>, _ examination: EngineExamination
  ) {
    probing = nil
    guard !hasLeft else { return }
    self.examination = examination
    let bound = loop.bind(self)
    defer {
      nextProbe = loop.eventLoop.scheduleTask(in: .milliseconds(Int64(probeWait))) {
        bound.value.probeEngine()
      }
    }
    switch result {
    case .success(let status):
      probeFailures = 0
      if engineStatus != status { log(status) }
      engineStatus = status
      offer(status)
    case .failure(let error):
      probeFailures += 1
      if probeFailures >= Self.probeFailuresMax || !machine.status.engineIsHealthy {
        machine.engineFailing(error.description)
      }
    }
  }

  private func log(_ status: EngineStatus) {
    let serves = status.models.map { model in
      "\(model.name): \(model.endpoints.map(\.rawValue).joined(separator: " "))"
    }
    let missing = Capabilities.all.subtracting(status.capabilities).names
    if let slots = configuration.live.slots, slots > WorkerConfiguration.slotsMax {
      logger.warning(
        "fewer slots are offered than were asked for",
        metadata: ["slots": "\(slots)", "offered": "\(WorkerConfiguration.slotsMax)"])
    }
    if status.models.count > WorkerConfiguration.offersMax {
      logger.warning(
        "some models are not offered: name one with model= in --engine",
        metadata: [
          "models": "\(status.models.count)", "offered": "\(WorkerConfiguration.offersMax)",
        ])
    }
    logger.info(
      "engine known",
      metadata: [
        "kind": "\(status.kind.rawValue)", "serves": "\(serves.joined(separator: ", "))",
        "cannot": "\(missing.joined(separator: ","))",
      ])
  }

  private func offer(_ status: EngineStatus) {
    machine.engineReady(
      offers: configuration.offers(status), slots: configuration.slotCount(status),
      continues: status.continuesOutput, capabilities: status.capabilities.rawValue,
      digests: Dictionary(
        status.models.compactMap { model in model.digest.map { (model.name, $0) } },
        uniquingKeysWith: { first, _ in first }))
  }

  /// Offers on other terms from now on; what runs goes on under those that it was taken under.
  func apply(_ live: WorkerConfiguration.Live) {
    configuration.live = live
    // An engine that fails is offered when it answers again.
    if let engineStatus, machine.status.engineIsHealthy { offer(engineStatus) }
  }

  // MARK: WorkerHost

  func startRun(_ id: EngineRunID, _ order: EngineOrder) {
    let bound = loop.bind(self)
    let run = EngineRun(on: loop.eventLoop) { [loop] isFull in
      loop.execute { bound.value.machine.runHasOutput(id, isFull: isFull) }
    }
    let kind = engineStatus?.kind ?? .generic
    // A thread more for each request costs as much as some of its output. What takes long to parse is not for the loop.
    let isShort = order.endpoint != .embeddings && order.body.count <= Self.bodyOnLoopMax
    let task = Task(executorPreference: isShort ? engine.executor : nil) { [engine, loop] in
      let ending: EngineEnding
      do {
        let request = await engine.resuming(try EngineRequest(order, kind: kind))
        if request.goesOnFromIDs { loop.execute { bound.value.machine.runGoesOnFromIDs(id) } }
        let end = try await engine.run(request) { try run.put(GeneratedEvent($0)) }
        for event in end.choiceEndings { try await run.put(event)?.get() }
        ending = EngineEnding(end)
      } catch let error as EngineError {
        ending = EngineEnding(error)
      } catch is CancellationError {
        ending = .cancelled
      } catch {
        ending = .failed(EngineFault(.malformedRequest, "\(error)"))
      }
      loop.execute { bound.value.ended(id, ending) }
    }
    runs[id] = (run, task)
  }

  func takeOutput(of id: EngineRunID) -> [GeneratedEvent] { runs[id]?.run.take() ?? [] }

  private func ended(_ id: EngineRunID, _ ending: EngineEnding) {
    machine.runProduced(id, takeOutput(of: id))
    runs[id] = nil
    machine.runEnded(id, ending)
  }

  func cancelRun(_ id: EngineRunID) {
    runs[id]?.task.cancel()
    runs[id]?.run.cancel()
  }

  func setReading(_ id: EngineRunID, _ isReading: Bool) { runs[id]?.run.setReading(isReading) }

  func wake(at moment: UInt64) {
    timer?.cancel()
    let now = loop.now
    let bound = loop.bind(self)
    timer = loop.eventLoop.scheduleTask(in: .milliseconds(Int64(clamping: max(moment, now) - now)))
    {
      bound.value.machine.timerFired()
    }
  }

  func signature(under statement: [UInt8]) -> [UInt8]? {
    guard let identity = configuration.security.ownIdentity else { return nil }
    do {
      return try AttemptSignature.sign(statement, by: identity)
    } catch {
      logger.error("an attempt cannot be signed", metadata: ["reason": "\(error)"])
      return nil
    }
  }

  func random(below bound: UInt64) -> UInt64 { UInt64.random(in: 0..<max(bound, 1)) }

  func note(_ note: WorkerNote) {
    switch note {
    case .registered(let worker, let term, let leader):
      logger.info(
        "registered",
        metadata: ["worker": "\(worker)", "term": "\(term)", "leader": "\(leader)"])
      registered(worker)
    case .registrationRefused(let code, let message, let againIn, let isRepeated):
      logger.log(
        level: isRepeated ? .debug : .error, "registration refused",
        metadata: ["code": "\(code)", "reason": "\(message)", "again_in_ms": "\(againIn)"])
    case .registrationLost(let reason):
      logger.notice("registration lost", metadata: ["reason": "\(reason)"])
    case .assigned(let attempt, let seq):
      // One line an attempt is enough for most, and coordinators know who has it meanwhile.
      logger.debug("assigned", metadata: ["attempt": "\(attempt)", "after": "\(seq)"])
    case .assignmentRefused(let attempt, let reason):
      logger.notice(
        "assignment refused", metadata: ["attempt": "\(attempt)", "reason": "\(reason)"])
    case .generated(let attempt, let finish, let fault, let lastSeq):
      func facts() -> Logger.Metadata {
        var facts: Logger.Metadata = [
          "attempt": "\(attempt)", "finish": "\(finish)", "events_through": "\(lastSeq)",
        ]
        if let fault { facts["error"] = "\(fault.code.name)" }
        return facts
      }
      logger.log(level: fault == nil ? .info : .warning, "generated", metadata: facts())
      // An engine's words may repeat what it was sent, and what it made.
      if let fault {
        logger.debug(
          "what the engine said", metadata: ["attempt": "\(attempt)", "reason": "\(fault.message)"])
      }
    case .detached(let attempt):
      logger.notice("attempt lost its stream", metadata: ["attempt": "\(attempt)"])
    case .resumed(let attempt, let seq):
      logger.info("attempt resumed", metadata: ["attempt": "\(attempt)", "from": "\(seq)"])
    case .forgotten(let attempt, let why):
      // How each ended was said when it did.
      logger.log(
        level: why == .settled ? .debug : .info, "attempt forgotten",
        metadata: ["attempt": "\(attempt)", "why": "\(why)"])
    case .staleTerm(let term, let obeyed):
      logger.debug("stale message", metadata: ["term": "\(term)", "obeyed": "\(obeyed)"])
    case .violation(let what):
      logger.error("protocol violated", metadata: ["reason": "\(what)"])
    case .engineFailing(let reason):
      logger.error(
        "engine failing",
        metadata: [
          "reason": "\(reason)", "asked_again_within_seconds": "\(configuration.probeSeconds)",
        ])
    case .engineReady(let models, let slots):
      logger.info(
        "engine ready",
        metadata: ["models": "\(models.joined(separator: ","))", "slots": "\(slots)"])
    case .draining(let attempts):
      logger.notice("draining", metadata: ["attempts": "\(attempts)"])
    }
  }
}
