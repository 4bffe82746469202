internal import ExchangeTypes

extension Exchange {
  /// Lets everything expire whose deadline is not after the log's time, in the order of (deadline,
  /// kind, key), at most `Limits.expiriesPerPulseMax` of it.
  mutating func pulse() -> Accepted {
    var expired = 0
    while expired < limits.expiriesPerPulseMax {
      dropStaleDeadlines()
      guard let deadline = indexes.deadlines.first, deadline.at <= meta.logTime else { break }
      indexes.deadlines.removeFirst()
      expire(deadline)
      expired += 1
    }
    dropStaleDeadlines()
    let more = indexes.deadlines.first.map { $0.at <= meta.logTime } ?? false
    return .pulsed(expired: expired, more: more)
  }

  private mutating func expire(_ deadline: Deadline) {
    switch deadline.kind {
    case .queuedJob:
      guard let job = jobs[deadline.key] else { preconditionFailure("a stale deadline") }
      endQueued(job, state: .expired, error: .deadlineExpired)
    case .orphanedJob:
      guard let job = jobs[deadline.key] else { preconditionFailure("a stale deadline") }
      cancel(job)
    case .tombstone:
      forget(tombstone: JobID(deadline.key))
    case .upload:
      guard let upload = uploads[deadline.key] else { preconditionFailure("a stale deadline") }
      drop(upload)
    case .accountRequest:
      guard let request = requests[deadline.key] else { preconditionFailure("a stale deadline") }
      forget(request)
    case .key:
      guard let key = keys[deadline.key] else { preconditionFailure("a stale deadline") }
      end(key)
    case .endedJob:
      purgeRecord(of: JobID(deadline.key))
    case .formerSecret:
      keys.update(deadline.key) { $0.former = nil }
      pending.effects.append(.keySecretsChanged(KeyID(deadline.key)))
    case .invitation:
      guard let invitation = invitations.remove(deadline.key) else {
        preconditionFailure("a stale deadline")
      }
      indexes.leave(invitation)
    case .certificate:
      guard let certificate = certificates.remove(deadline.key) else {
        preconditionFailure("a stale deadline")
      }
      indexes.leave(certificate)
    case .delegation:
      guard let delegation = delegations.remove(deadline.key) else {
        preconditionFailure("a stale deadline")
      }
      indexes.leave(delegation)
    case .revocation:
      guard let revocation = revocations.remove(deadline.key) else {
        preconditionFailure("a stale deadline")
      }
      indexes.leave(revocation)
    }
  }
}
