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
  /// When it brought output last, in monotonic milliseconds: a sign of life like a heartbeat.
  var heardAt: UInt64 = 0
  /// Whether it waits for a job, or for the word that it has one.
  var isVacant: Bool {
    switch state {
    case .parked, .promised, .reserved: true
    case .opened, .running, .gone: false
    }
  }

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
/// lost ──registered again──► live        lost ──lease over──► gone (logged, its attempts lost)
/// ```
final class WorkerSession {
  /// How long a silent worker is believed to be there, in milliseconds.
  static let leaseMilliseconds: UInt32 = 4_000
  /// The end of the lease, in milliseconds, before which the leader reads once more what has come: a leader that stood
  /// still itself finds the lease over and the heartbeats unread.
  static let lastLook: UInt64 = 200

  let worker: WorkerID
  var incarnation: UInt64
  /// The registration stream; nil once it has closed.
  var channel: (any MessageChannel)?
  /// When it is looked for next, in monotonic milliseconds: a last look before the end of the lease, or that end.
  private(set) var leaseUntil: UInt64
  private var hadLastLook = false
  /// Why its engine takes nothing now; nil if it does.
  var engineAbsence: Planner.Absence?
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
  private(set) var isEnding = false

  /// A worker with a lease that begins now, in monotonic milliseconds, and no stream yet.
  init(worker: WorkerID, incarnation: UInt64, now: UInt64) {
    self.worker = worker
    self.incarnation = incarnation
    leaseUntil = Self.lookAt(after: now)
  }

  private static func lookAt(after heard: UInt64) -> UInt64 {
    heard + UInt64(leaseMilliseconds) - lastLook
  }

  /// It has registered, on this stream.
  func begin(on registration: any MessageChannel, now: UInt64) {
    channel = registration
    isEnding = false
    renew(now: now)
  }

  /// It was heard now.
  func renew(now: UInt64) {
    leaseUntil = Self.lookAt(after: now)
    hadLastLook = false
  }

  /// Whether its lease is over, and what had come meanwhile was read.
  func isLeaseOver(now: UInt64) -> Bool {
    guard leaseUntil <= now, !isEnding else { return false }
    let heard = channel == nil ? 0 : slots.map(\.heardAt).max() ?? 0
    if Self.lookAt(after: heard) > now {
      renew(now: heard)
      return false
    }
    guard hadLastLook else {
      hadLastLook = true
      leaseUntil = now + Self.lastLook
      return false
    }
    return true
  }

  /// Its end is being proposed.
  ///
  /// - Returns: the registration stream, which is not its own any more.
  func end() -> (any MessageChannel)? {
    isEnding = true
    leaseUntil = .max
    defer { channel = nil }
    return channel
  }

  /// Its end was refused: it is proposed again then, in monotonic milliseconds.
  func endAgain(at moment: UInt64) {
    isEnding = false
    leaseUntil = moment
  }

  /// Whether it may be given work now.
  var isLive: Bool { channel != nil && engineAbsence == nil && !isEnding }
  /// Slots that wait for a job.
  var free: Int { isLive ? slots.count { $0.state == .parked } : 0 }
  /// Whether one does.
  var hasFree: Bool { isLive && slots.contains { $0.state == .parked } }

  /// What a worker's slots are at.
  struct Occupancy {
    /// Those that wait for a job, if it may be given one.
    var free = 0
    /// Those that have one, or will.
    var busy = 0
    /// Those of them whose job has not begun, and is the model's that was asked for.
    var taken = 0
    /// What the jobs of those that are busy cost between them.
    var inFlight = Planner.Work()
  }

  /// Counts the slots, each of them looked at once: anew each time, so that nothing that ends in an odd way can leave a
  /// count behind.
  func occupancy(of model: String, modelOf: (JobID) -> String?) -> Occupancy {
    var count = Occupancy()
    for slot in slots {
      switch slot.state {
      case .parked:
        count.free += 1
        continue
      case .promised(let other): if other == model { count.taken += 1 }
      case .reserved(let job): if modelOf(job) == model { count.taken += 1 }
      case .running: break
      case .opened, .gone: continue
      }
      count.busy += 1
      count.inFlight = count.inFlight + slot.work
    }
    if !isLive { count.free = 0 }
    return count
  }

  /// Takes a parked slot for a job, or for one that is being submitted.
  func take(as state: WorkerSlot.State, for work: Planner.Work) -> WorkerSlot? {
    guard isLive, let slot = slots.first(where: { $0.state == .parked }) else { return nil }
    slot.state = state
    slot.work = work
    return slot
  }
}
