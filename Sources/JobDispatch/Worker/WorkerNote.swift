public import ExchangeTypes

/// What the worker's machine tells its log.
public enum WorkerNote: Hashable, Sendable {
  /// A leader accepted the worker.
  case registered(WorkerID, Term, leader: ReplicaID)
  /// A leader refused it, and it will try again in so many milliseconds; `isRepeated` where it was told so last time too.
  case registrationRefused(code: UInt16, message: String, againIn: UInt64, isRepeated: Bool)
  /// The registration is gone, and it will try again.
  case registrationLost(String)
  /// An attempt began.
  case assigned(AttemptID, continuesFrom: UInt64)
  /// An attempt was refused before it began.
  case assignmentRefused(AttemptID, String)
  /// An attempt's output ended.
  case generated(AttemptID, FinishReason, EngineFault?, lastSeq: UInt64)
  /// An attempt lost its stream; it goes on and waits for a leader.
  case detached(AttemptID)
  /// A leader took an attempt back, and wants its events from here.
  case resumed(AttemptID, fromSeq: UInt64)
  /// An attempt was forgotten: settled, or no longer this worker's.
  case forgotten(AttemptID, Forgetting)
  /// A message of an older term was ignored.
  case staleTerm(Term, obeyed: Term)
  /// A coordinator sent what the protocol does not allow here; the stream was closed.
  case violation(String)
  /// The engine does not answer as it should: no new attempts.
  case engineFailing(String)
  /// The engine is ready.
  case engineReady(models: [String], slots: Int)
  /// No new attempts from here on.
  case draining(attempts: Int)

  /// Why an attempt was forgotten.
  public enum Forgetting: Hashable, Sendable {
    /// Its ending is in the log.
    case settled
    /// The job went on elsewhere.
    case abandoned
    /// No leader took it back in time.
    case orphaned
    /// The leader wanted events that are not kept here.
    case unanswerable(fromSeq: UInt64)
    /// The worker is leaving.
    case evicted
  }
}
