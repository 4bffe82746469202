public import ExchangeTypes

/// Work that a change of state asks of the leader's shell.
///
/// Effects are hints: all of them can be derived again from the state, and a new leader does.
public enum Effect: Hashable, Sendable {
  /// A job waits for a worker for the first time.
  case jobQueued(JobID)
  /// A worker is to be told to run a job.
  case attemptAssigned(AttemptID, WorkerID)
  /// A worker is to be told to stop.
  case cancelRequested(AttemptID, WorkerID)
  /// A job has ended: readers get its ending, its slot is free.
  case jobEnded(JobID)
  /// A job waits again; its slot is free.
  case jobRequeued(JobID)
  /// A job's record is committed through this event.
  case recordAdvanced(JobID, seq: UInt64)
  /// The record of an ended job is gone.
  case jobPurged(JobID)
  /// A worker is new, or its offers, its incarnation or its draining changed.
  case workerChanged(WorkerID)
  /// A worker is offline.
  case workerGone(WorkerID)
  /// A key is dead: its connections are to be closed.
  case keyRevoked(KeyID)
  /// A key has another secret, or only the newer one: connections that no good secret opened are to be
  /// closed.
  case keySecretsChanged(KeyID)
  /// Certificates are revoked: connections that rest on one are to be closed, on every replica.
  case certificatesRevoked
  /// Another wrapping key is the current one, or one is needed no more.
  case wrappingKeysChanged
}
