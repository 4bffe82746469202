internal import ExchangeTypes
internal import JobMarket
internal import WireProtocol

/// One slot stream of a worker, as the leader sees it.
///
/// ```
/// opened ──Park──► parked ──reserve──► reserved(job) ──assign applied──► running(attempt)
///    │                ▲ │ promise           ▲ │ assign refused                │
///    │                │ └──► promised ──submit applied with its assign        │
///    │                └──────────┴─────────────┘ refused                      │ settled / abandoned
///    └──AttemptResume──► running(attempt)        opened ◄─────────────────────┘
/// any ──closed──► gone
/// ```
final class WorkerSlot {
  enum State: Equatable {
    case opened
    case parked
    /// For the job of a submit that is under way, and has no number yet.
    case promised(model: String)
    case reserved(JobID)
    case running(AttemptID)
    case gone
  }

  let channel: any MessageChannel
  let caller: Caller
  let origin: StreamOrigin
  var worker: WorkerID?
  var state: State = .opened
  /// What the job costs an engine that it has, or will.
  var work = Planner.Work()

  init(channel: any MessageChannel, caller: Caller, origin: StreamOrigin) {
    self.channel = channel
    self.caller = caller
    self.origin = origin
  }
}

/// One worker's registration stream, as the leader sees it.
///
/// ```
/// opened ──WorkerRegister──► registering ──applied──► live(lease) ──closed or silent──► lost(until)
/// lost ──registered again──► live        lost ──lease over──► gone (logged)
/// ```
final class WorkerSession {
  /// How long a silent worker is believed to be there, in milliseconds.
  static let leaseMilliseconds: UInt32 = 4_000

  let worker: WorkerID
  var incarnation: UInt64
  /// The registration stream; nil once it has closed.
  var channel: (any MessageChannel)?
  var leaseUntil: UInt64
  var engineIsHealthy = true
  /// Whether its engine goes on from an output that a request ends with, as it said when it registered.
  var continuesOutput = false
  /// What its engine can do, as it said when it registered; a new leader believes anything until it has.
  var capabilities = Capabilities.all
  /// The GPUs of its host, as it told last.
  var gpus: [GPUFacts] = []
  /// What its engine has read, by model; only its offers' models, for jobs come to no others.
  var prefixes: [String: PrefixMemory] = [:]
  /// How fast it was, by model.
  var speeds: [String: WorkerSpeed] = [:]
  var slots: [WorkerSlot] = []
  /// Whether its end has been proposed.
  var isEnding = false

  init(worker: WorkerID, incarnation: UInt64, channel: (any MessageChannel)?, leaseUntil: UInt64) {
    self.worker = worker
    self.incarnation = incarnation
    self.channel = channel
    self.leaseUntil = leaseUntil
  }

  /// Whether it may be given work now.
  var isLive: Bool { channel != nil && engineIsHealthy && !isEnding }
  /// Slots that wait for a job.
  var free: Int { isLive ? slots.count { $0.state == .parked } : 0 }
  /// Slots that have one, or will, and what those jobs cost between them.
  ///
  /// Counted anew each time, so that nothing that ends in an odd way can leave a count behind.
  var load: (busy: Int, inFlight: Planner.Work) {
    slots.reduce(into: (busy: 0, inFlight: Planner.Work())) { load, slot in
      switch slot.state {
      case .promised, .reserved, .running:
        load.busy += 1
        load.inFlight = load.inFlight + slot.work
      case .opened, .parked, .gone: break
      }
    }
  }

  /// Takes a parked slot for a job, or for one that is being submitted.
  func take(as state: WorkerSlot.State, for work: Planner.Work) -> WorkerSlot? {
    guard isLive, let slot = slots.first(where: { $0.state == .parked }) else { return nil }
    slot.state = state
    slot.work = work
    return slot
  }
}
