internal import ExchangeTypes
public import WireProtocol

/// The worker's half of the exchange: finds the leader, registers, parks slots, runs attempts and keeps
/// their events until the leader says that they are settled.
///
/// Confined to one loop; knows no socket, engine or clock. Five machines in one:
/// - **link** (one per coordinator): down ──linkUp──► up ──linkDown──► down.
/// - **leader**: the highest (term, node) that any link named. A notice that names no leader changes
///   nothing: the old leader may still commit, and what it sends is fenced by terms and epochs.
/// - **registration**: `Registration`, with the leader only.
/// - **slot**: `EngineSlot.State`, one stream each, on the leader's link.
/// - **attempt**: `AttemptRunner`.
///
/// Invariants:
/// - The highest term seen is obeyed; a message of a lower term changes nothing.
/// - An attempt is kept until AttemptSettled or AttemptAbandon, or until no leader has followed it for
///   `orphanPatience`; its events are sent in order and without a gap from where the leader asked.
/// - The engine never has more runs than the worker has slots.
/// - All that waits is bounded: `RetainedEvents` and `AttemptRunner` say by what.
public final class WorkerMachine: MessageChannelOwner {
  /// Attempts that run at a time from which on none of them sends at each piece that its engine makes (`Beat`).
  public static let manyAttempts = 16
  /// Milliseconds in which a leader must answer a registration: it commits it.
  static let registeringPatience: UInt64 = 5_000
  /// Milliseconds in which a leader must answer an AttemptResume.
  static let resumingPatience: UInt64 = 10_000
  /// Milliseconds for which an attempt that no leader follows is kept.
  static let orphanPatience: UInt64 = 600_000
  /// Milliseconds before the next try after a refusal that a person must mend.
  static let refusedBackOff: UInt64 = 30_000

  /// Whom the worker takes orders from.
  struct Leader: Equatable {
    let term: Term
    let node: ReplicaID
  }

  /// A registration stream.
  struct Session {
    let link: any WorkerLink
    let channel: any MessageChannel
    var term: Term
  }

  /// What a leader granted.
  struct Membership {
    let worker: WorkerID
    let lease: UInt64
    var heartbeatAt: UInt64
    /// When the leader was last heard; one lease later it is believed gone.
    var heardAt: UInt64
    /// The leader has committed that the worker takes no new attempts.
    var isDraining: Bool
  }

  /// ```
  /// none ──leader's link up, engine known──► registering ──WorkerRegistered──► registered
  ///  ▲                                            │                               │
  ///  └──────────refused, silent, stream or link gone, another leader──────────────┘
  /// ```
  enum Registration {
    case none(retryAt: UInt64?)
    case registering(Session, deadline: UInt64)
    case registered(Session, Membership)

    var session: Session? {
      switch self {
      case .none: nil
      case .registering(let session, _), .registered(let session, _): session
      }
    }
  }

  let name: String
  let incarnation: UInt64
  unowned let host: any WorkerHost
  let clock: any MonotonicClock

  var links: [any WorkerLink] = []
  var leader: Leader?
  var termObeyed = Term(0)
  var registration = Registration.none(retryAt: nil)
  var registrationFailures = 0
  /// What a registration was refused for last, until a leader takes the worker.
  var lastRefusal: Failure?
  /// The `draining` of each WorkerRegister that is not answered yet, oldest first.
  var announced: [Bool] = []
  var heartbeatNonce: UInt64 = 0

  /// What the engine offers; nil until it was first found ready.
  var offers: [OfferTerms]?
  var slotCount = 0
  /// Whether the engine goes on from an output that a request ends with.
  var engineContinues = false
  /// What it can do, as bits of `WorkerRegister.capabilities`; nil while that is not known.
  var engineCapabilities: UInt32?
  /// What the weights of its models are, by their names, where it can be said (`WorkerStatement.modelDigest`).
  var modelDigests: [String: String] = [:]
  var engineIsHealthy = false
  /// Whether it has room.
  var room = EngineRoom()
  /// Whether it is given attempts.
  var engineTakes: Bool { engineIsHealthy && room.fullUntil == nil }
  /// Why it is not, as its last probe said; nil before the first, and while it is.
  private var engineFault: String?
  /// The GPUs of its host, as last read.
  var gpus: [GPUFacts] = []
  var slots: [EngineSlot] = []
  private var lastRun: UInt64 = 0

  var isDraining = false
  private(set) var hasLeft = false
  private var beat: Beat
  private var armedAt: UInt64?

  /// A worker that knows neither coordinators nor its engine yet.
  ///
  /// - Parameters:
  ///   - name: stable over restarts and unique under the supplier's account.
  ///   - incarnation: drawn once per process, never zero.
  ///   - host: the process around it; must outlive the machine.
  ///   - clock: monotonic milliseconds.
  ///   - manyAttempts: attempts that are many.
  public init(
    name: String, incarnation: UInt64, host: any WorkerHost, clock: any MonotonicClock,
    manyAttempts: Int = WorkerMachine.manyAttempts
  ) {
    beat = Beat(manyAttempts: manyAttempts, seed: incarnation)
    self.name = name
    self.incarnation = incarnation
    self.host = host
    self.clock = clock
  }

  // MARK: The engine

  /// A probe succeeded: these are the offers, and so many attempts may run at a time.
  ///
  /// - Parameters:
  ///   - offers: what the worker sells; at least one.
  ///   - count: attempts at a time; at least one.
  ///   - continues: whether the engine goes on from an output that a request ends with.
  ///   - capabilities: what it can do (`WorkerRegister.capabilities`); nil if that is not known.
  ///   - digests: what the weights of its models are (`WorkerStatement.modelDigest`), by their names, where that is known.
  public func engineReady(
    offers: [OfferTerms], slots count: Int, continues: Bool = false, capabilities: UInt32? = nil,
    digests: [String: String] = [:]
  ) {
    precondition(count > 0 && !offers.isEmpty)
    guard !hasLeft else { return }
    modelDigests = digests
    let differs =
      self.offers != offers || engineContinues != continues
      || engineCapabilities != capabilities
    let isChange = self.offers != nil && differs
    guard !engineIsHealthy || differs || slotCount != count else { return }
    self.offers = offers
    engineContinues = continues
    engineCapabilities = capabilities
    engineIsHealthy = true
    engineFault = nil
    slotCount = count
    while slots.count < count { slots.append(EngineSlot()) }
    host.note(.engineReady(models: offers.map(\.model), slots: count))
    switch registration {
    case .none: registerIfPossible()
    case .registering: if isChange { announce() }
    case .registered:
      if isChange { announce() }
      sendHeartbeat()
      openSlots()
      closeSurplusSlots()
    }
  }

  /// A probe failed, or a run could not reach the engine: no new attempts until a probe succeeds; what runs goes on.
  ///
  /// It is told once, until the reason is another.
  public func engineFailing(_ reason: String) {
    guard !hasLeft, engineFault != reason else { return }
    engineFault = reason
    engineIsHealthy = false
    host.note(.engineFailing(reason))
    sendHeartbeat()
  }

  /// The host's GPUs were read: a leader that understands it is told, now and when another takes the worker.
  public func hostRead(_ gpus: [GPUFacts]) {
    guard !hasLeft, self.gpus != gpus else { return }
    self.gpus = gpus
    sendHostReport()
  }

  /// A run goes on from the ids that its order has, and has made nothing yet.
  ///
  /// A leader that is not there to hear it takes it for one that goes on by text, which is what it says of the job then.
  public func runGoesOnFromIDs(_ run: EngineRunID) {
    guard case .attached(let runner, let channel) = slots[place(of: run)].state, runner.run == run,
      !runner.isFinished
    else { return }
    let attempt = runner.attempt
    channel.send(AttemptGoesOn(job: attempt.job, epoch: attempt.epoch, resumption: .ids))
  }

  /// A run has made something, which its host keeps until it is taken (`WorkerHost.takeOutput`): at once, or with the beat.
  ///
  /// It is told again only of what comes after it was taken, or if there is no room for more.
  ///
  /// - Parameters:
  ///   - run: which one.
  ///   - isFull: whether the engine waits until it is taken.
  public func runHasOutput(_ run: EngineRunID, isFull: Bool = false) {
    let index = place(of: run)
    guard let runner = slots[index].state.runner, runner.run == run, !isFull,
      !runner.isFinished, case .attached = slots[index].state, runner.hasSent
    else { return runProduced(run, host.takeOutput(of: run)) }
    schedule(runner)
  }

  /// A run made these events.
  public func runProduced(_ run: EngineRunID, _ events: [GeneratedEvent]) {
    guard !events.isEmpty else { return }
    let index = place(of: run)
    guard let runner = slots[index].state.runner, runner.run == run else { return }
    runner.produced(events)
    guard case .attached(_, let channel) = slots[index].state else { return }
    if runner.awaitsFirstSend || runner.isFinished {
      runner.send(on: channel, now: clock.now)
    } else {
      schedule(runner)
    }
  }

  /// Sees to it that what a runner has leaves with the beat.
  private func schedule(_ runner: AttemptRunner) {
    guard runner.dueAt == nil || runner.fillsMessage else { return }
    let due = beat.wait(
      now: clock.now, sentAt: runner.sentAt, fillsMessage: runner.fillsMessage)
    if runner.dueAt.map({ due < $0 }) ?? true { runner.dueAt = due }
    arm(at: due)
  }

  /// Sends what is due, with all that is due soon.
  private func sendDue(_ now: UInt64) {
    var running = 0
    var next: UInt64?
    for slot in slots {
      guard let runner = slot.state.runner else { continue }
      if !runner.isFinished { running += 1 }
      guard let due = runner.dueAt else { continue }
      guard beat.takesAlong(due, now: now) else {
        next = min(next ?? .max, due)
        continue
      }
      runner.dueAt = nil
      runner.produced(host.takeOutput(of: runner.run))
      if case .attached(_, let channel) = slot.state { runner.send(on: channel, now: now) }
    }
    beat.looked(running: running, nextDue: next)
  }

  /// A run has ended, and the engine has let go of it.
  ///
  /// One that could not reach it says what the next probe would, and one that it had no room for that it has none for others: the leader
  /// hears of that before the attempt's end.
  public func runEnded(_ run: EngineRunID, _ ending: EngineEnding) {
    if case .failed(let fault) = ending, fault.code == .engineUnreachable, !hasLeft {
      engineFailing(fault.message)
      host.probeEngine()
    }
    let index = place(of: run)
    noteRoom(ending, of: index)
    switch slots[index].state {
    case .attached(let runner, let channel) where runner.run == run:
      runner.released(ending)
      runner.send(on: channel, now: clock.now)
    case .resuming(let runner, _, _, _) where runner.run == run,
      .detached(let runner, _, _) where runner.run == run:
      runner.released(ending)
    case .releasing(run, let channel): settleSlot(index, channel)
    default: break  // a slot has one run at a time, and lets go of it when it has ended
    }
    leaveIfDone()
  }

  /// What the end of a slot's run says of the engine's room.
  private func noteRoom(_ ending: EngineEnding, of index: Int) {
    guard !hasLeft else { return }
    if case .failed(let fault) = ending, fault.code == .engineBusy {
      slots[index].refusals += 1
      slots[index].isRefused = true
      let took = engineTakes
      room.refused(
        retryAfter: fault.retryAfterMilliseconds, now: clock.now, random: host.random(below:))
      if took { sendHeartbeat() }
    } else {
      slots[index].refusals = 0
      if case .completed = ending { room.completed(now: clock.now) }
    }
    if let until = room.fullUntil { arm(at: until) }
  }

  /// Gives the run of the next attempt in a slot its number, which tells the slot: each piece of output looks for it.
  func nextRun(in index: Int) -> EngineRunID {
    lastRun += 1
    return EngineRunID(rawValue: lastRun << 16 | UInt64(index))
  }

  /// The slot of a run.
  private func place(of run: EngineRunID) -> Int { Int(run.rawValue & 0xffff) }

  // MARK: Leaving

  /// Takes no new attempts, finishes those that run, then leaves.
  public func drain() {
    guard !isDraining, !hasLeft else { return }
    isDraining = true
    host.note(.draining(attempts: slots.count { $0.state.isBusy }))
    if registration.session != nil { announce() }
    leaveIfDone()
  }

  /// Leaves now: the engine is stopped, and the leader lets the streams go on elsewhere.
  public func stop() {
    guard !hasLeft else { return }
    for slot in slots {
      guard let runner = slot.state.runner else { continue }
      runner.stopEngine()
      slot.state.channel?.send(
        Failure(
          .workerLost, "the worker is leaving; continue the job elsewhere",
          job: runner.attempt.job))
      host.note(.forgotten(runner.attempt, .evicted))
    }
    leave()
  }

  /// A draining worker leaves when nothing is kept and the leader knows that it assigns no more.
  func leaveIfDone() {
    guard isDraining, !hasLeft, !slots.contains(where: { $0.state.isBusy }) else { return }
    switch registration {
    case .registered(_, let membership) where !membership.isDraining: return
    case .registering: return
    case .none, .registered: leave()
    }
  }

  private func leave() {
    hasLeft = true
    for index in slots.indices {
      let channel = slots[index].state.channel
      slots[index].state = .idle(retryAt: nil)
      channel?.finish()
    }
    let session = registration.session
    registration = .none(retryAt: nil)
    session?.channel.finish()
    links = []
    host.left()
  }

  // MARK: Messages

  /// A coordinator sent a message on one of the worker's streams.
  public func received(_ message: Message, on channel: any MessageChannel) {
    guard !hasLeft else { return }
    if let session = registration.session, session.channel === channel {
      receivedOnRegistration(message)
    } else if let index = slots.firstIndex(where: { $0.state.channel === channel }) {
      receivedOnSlot(message, index)
    }
    leaveIfDone()
  }

  /// A stream takes more.
  public func writable(_ channel: any MessageChannel) {
    for slot in slots {
      guard case .attached(let runner, let own) = slot.state, own === channel else { continue }
      runner.send(on: channel, now: clock.now)
    }
  }

  /// A stream has ended.
  public func closed(_ channel: any MessageChannel) {
    guard !hasLeft else { return }
    if let session = registration.session, session.channel === channel {
      loseSession("the registration stream ended", retry: .afterBackOff)
    } else if let index = slots.firstIndex(where: { $0.state.channel === channel }) {
      streamBroke(index)
    }
    leaveIfDone()
  }

  /// Whether a message of this term is obeyed; raises the term that is.
  func obeys(_ term: Term) -> Bool {
    guard term >= termObeyed else {
      host.note(.staleTerm(term, obeyed: termObeyed))
      return false
    }
    termObeyed = term
    return true
  }

  // MARK: Time

  /// The moment asked for with `wake` has come.
  public func timerFired() {
    armedAt = nil
    guard !hasLeft else { return }
    let now = clock.now
    if beat.isDue(now: now) { sendDue(now) }
    if room.opens(now: now) { sendHeartbeat() }
    registrationTimer(now)
    for index in slots.indices { slotTimer(index, now) }
    leaveIfDone()
    if !hasLeft, let next = nextDeadline { arm(at: next) }
  }

  private var nextDeadline: UInt64? {
    var next: UInt64?
    func consider(_ moment: UInt64?) {
      if let moment { next = min(next ?? .max, moment) }
    }
    consider(beat.dueAt)
    consider(room.fullUntil)
    switch registration {
    case .none(let retryAt): consider(retryAt)
    case .registering(_, let deadline): consider(deadline)
    case .registered(_, let membership):
      consider(min(membership.heartbeatAt, membership.heardAt + membership.lease))
    }
    for slot in slots { consider(slot.state.deadline(orphanedAfter: Self.orphanPatience)) }
    return next
  }

  /// Asks for the timer at `moment`, unless it fires earlier anyway.
  func arm(at moment: UInt64) {
    guard armedAt.map({ moment < $0 }) ?? true else { return }
    armedAt = moment
    host.wake(at: moment)
  }

  /// How long to wait after so many failures in a row.
  func backOff(_ failures: Int) -> UInt64 {
    Backoff.ofWorker.wait(after: failures, random: host.random(below:))
  }
}
