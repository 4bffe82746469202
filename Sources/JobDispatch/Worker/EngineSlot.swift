/// One of the worker's places for an attempt, and its stream to the leader.
///
/// ```
/// idle ──stream opened, Park──► parked ──Assign──► attached ──stream broke──► detached
///  ▲                              │                   ▲ ▲                        │ stream opened,
///  │◄────────stream broke─────────┘           Continue│ │writable: more           ▼ AttemptResume
///  │                                                  └─────────────────────── resuming
///  │                    settled, abandoned, orphaned
///  └◄──engine let go── releasing ◄──── attached, resuming, detached
///                          └──engine let go, stream open, Park──► parked
/// ```
/// A slot leaves `releasing` only when the engine has let go of the run: the engine never has more runs
/// than the worker has slots.
struct EngineSlot {
  enum State {
    /// Free and without a stream: not registered, not accepting, or waiting until `retryAt`, after a failure or for a full engine.
    case idle(retryAt: UInt64?)
    /// Free: the leader may assign.
    case parked(any MessageChannel)
    /// Runs, or ran, an attempt; a leader follows it.
    case attached(AttemptRunner, any MessageChannel)
    /// The attempt was offered to a leader, which must answer by `deadline`.
    case resuming(AttemptRunner, any MessageChannel, deadline: UInt64, since: UInt64)
    /// No leader follows the attempt `since` then.
    case detached(AttemptRunner, since: UInt64, retryAt: UInt64?)
    /// The attempt is forgotten; the engine has not let go of it.
    case releasing(EngineRunID, (any MessageChannel)?)

    var channel: (any MessageChannel)? {
      switch self {
      case .idle, .detached: nil
      case .parked(let channel), .attached(_, let channel), .resuming(_, let channel, _, _): channel
      case .releasing(_, let channel): channel
      }
    }

    var runner: AttemptRunner? {
      switch self {
      case .idle, .parked, .releasing: nil
      case .attached(let runner, _), .resuming(let runner, _, _, _), .detached(let runner, _, _):
        runner
      }
    }

    /// Whether a run is in the engine, or an attempt is kept.
    var isBusy: Bool {
      switch self {
      case .idle, .parked: false
      case .attached, .resuming, .detached, .releasing: true
      }
    }

    /// The next moment at which the slot does something by itself.
    func deadline(orphanedAfter patience: UInt64) -> UInt64? {
      switch self {
      case .idle(let retryAt): retryAt
      case .parked, .attached, .releasing: nil
      case .resuming(_, _, let deadline, let since): min(deadline, since + patience)
      case .detached(_, let since, let retryAt): min(retryAt ?? .max, since + patience)
      }
    }
  }

  var state = State.idle(retryAt: nil)
  /// How often its stream failed in a row.
  var failures = 0
  /// How often in a row the engine had no room for its run.
  var refusals = 0
  /// Whether it had none for the run of the slot's attempt: one that never reached the engine is no refusal.
  var isRefused = false
}
