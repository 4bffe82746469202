import ExchangeCore
import ExchangeTypes
import Testing

/// A step of a transcript: a label for people, and the command.
typealias Step = (label: String, command: Command)

extension World {
  /// Runs the steps and answers one line for each: `label: outcome [effects]`.
  mutating func transcript(_ steps: [Step]) -> String {
    steps.map { step in
      let outcome = run(step.command)
      let effects = lastEffects.map(describe).joined(separator: ", ")
      return "\(step.label): \(describe(outcome))" + (effects.isEmpty ? "" : " [\(effects)]")
    }.joined(separator: "\n")
  }

  /// Expects what `transcript` answers to be `expected`.
  mutating func expect(
    _ expected: String, of steps: [Step], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let found = transcript(steps)
    #expect(found == expected, sourceLocation: sourceLocation)
  }
}

func describe(_ outcome: Outcome) -> String {
  switch outcome {
  case .rejected(let rejection): describe(rejection)
  case .accepted(let accepted): describe(accepted)
  }
}

func describe(_ rejection: Rejection) -> String {
  let details = rejection.details.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
  return "✗ \(rejection.code.name)" + (details.isEmpty ? "" : " (\(details))")
}

private func describe(_ accepted: Accepted) -> String {
  func mark(_ duplicate: Bool) -> String { duplicate ? " again" : "" }
  switch accepted {
  case .bootstrapped(let account, let key): return "account \(account), key \(key)"
  case .pulsed(let expired, let more): return "expired \(expired)" + (more ? ", more" : "")
  case .account(let id, let duplicate): return "account \(id)" + mark(duplicate)
  case .credited(let id, let duplicate): return "transfer \(id)" + mark(duplicate)
  case .key(let id, let duplicate): return "key \(id)" + mark(duplicate)
  case .keyRevoked(let id): return "key \(id) dead"
  case .keyRotated(let id, let duplicate): return "key \(id) rotated" + mark(duplicate)
  case .keyLimited(let id): return "key \(id) limited"
  case .keysUsed(let count): return "\(count) used"
  case .wrappingKey(let key): return "key \(key) current"
  case .retention(let retention):
    return "kept \(retention.kept)" + (retention.untilDelivered ? " until delivered" : "")
  case .partsStored(let count): return "\(count) stored"
  case .submitted(let job): return "job \(job.job) holds \(job.hold)" + mark(job.duplicate)
  case .assigned(let id): return "attempt \(id)"
  case .checkpointed(let entries):
    return entries.map { entry in
      switch entry {
      case .advanced(let job, let seq): "\(job) through \(seq)"
      case .rejected(let job, let rejection): "\(job) \(describe(rejection))"
      }
    }.joined(separator: "; ")
  case .settled(let ending):
    return "\(ending.state) for \(ending.charge)" + mark(!ending.first)
  case .cancelled(_, let state): return "\(state)"
  case .attemptLost(_, let state): return "\(state)"
  case .goesOnFromIDs(let job): return "\(job) from ids"
  case .worker(let id, let versions): return "worker \(id), asks \(versions)"
  case .workerGone(let id): return "worker \(id) gone"
  case .purged(let count): return "purged \(count)"
  case .stateVersion(let version): return "version \(version)"
  case .orphaned(_, let until): return "until \(until)"
  case .adopted: return "adopted"
  case .cancelledMany(let count): return "cancelled \(count)"
  case .invited(let id, let duplicate): return "invitation \(id)" + mark(duplicate)
  case .certified(let number, let node, let duplicate):
    return "certificate \(number) of \(node)" + mark(duplicate)
  case .revoked(let number): return "revocation \(number)"
  case .transferred(let first, let count, let duplicate):
    let last = first.rawValue + UInt64(count) - 1
    return "transfers \(first)" + (count > 1 ? " to \(last)" : "") + mark(duplicate)
  case .accountClosed(let id): return "account \(id) closed"
  case .accountWeighed(let id): return "account \(id) weighed"
  case .accountOwnerSet(let id): return "account \(id) owned"
  case .fee(let terms): return "\(terms.parts) to \(terms.account)"
  case .budget(let id, let duplicate): return "budget \(id)" + mark(duplicate)
  case .budgetSet(let id): return "budget \(id) set"
  case .delegationKeySet(let id): return "key \(id) signs"
  case .delegationRevoked: return "delegation dead"
  case .askSet(let workers): return "posted for \(workers)"
  }
}

private func describe(_ effect: Effect) -> String {
  switch effect {
  case .jobQueued(let job): "queued \(job)"
  case .attemptAssigned(let id, let worker): "assign \(id) to \(worker)"
  case .cancelRequested(let id, let worker): "stop \(id) at \(worker)"
  case .jobEnded(let job): "ended \(job)"
  case .jobRequeued(let job): "requeued \(job)"
  case .recordAdvanced(let job, let seq): "record \(job) at \(seq)"
  case .jobPurged(let job): "purged \(job)"
  case .workerChanged(let id): "worker \(id) changed"
  case .workerGone(let id): "worker \(id) gone"
  case .keyRevoked(let id): "key \(id) dead"
  case .keySecretsChanged(let id): "secrets of key \(id)"
  case .certificatesRevoked: "certificates revoked"
  case .wrappingKeysChanged: "keys"
  }
}
