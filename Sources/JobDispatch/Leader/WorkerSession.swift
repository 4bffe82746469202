internal import ExchangeTypes
internal import WireProtocol

/// One slot stream of a worker, as the leader sees it.
///
/// ```
/// opened ──Park──► parked ──reserve──► reserved(job) ──assign applied──► running(attempt)
///    │                ▲                     │ assign refused                  │
///    │                └─────────────────────┘                                 │ settled / abandoned
///    └──AttemptResume──► running(attempt)        opened ◄─────────────────────┘
/// any ──closed──► gone
/// ```
final class WorkerSlot {
  enum State: Equatable {
    case opened
    case parked
    case reserved(JobID)
    case running(AttemptID)
    case gone
  }

  let channel: any MessageChannel
  let caller: Caller
  var worker: WorkerID?
  var state: State = .opened

  init(channel: any MessageChannel, caller: Caller) {
    self.channel = channel
    self.caller = caller
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
  /// Slots that have one, or will.
  var busy: Int {
    slots.count {
      switch $0.state {
      case .reserved, .running: true
      case .opened, .parked, .gone: false
      }
    }
  }

  /// Reserves a parked slot for `job`.
  func reserve(for job: JobID) -> WorkerSlot? {
    guard isLive, let slot = slots.first(where: { $0.state == .parked }) else { return nil }
    slot.state = .reserved(job)
    return slot
  }
}
