internal import ExchangeTypes

// What happens to keys between their creation and their end; since state version 3.
extension Exchange {
  /// Checks: `wrong_state` (an older state version), the lifetime, then as `KeyCreate`.
  mutating func apply(_ command: Command.KeyIssue) throws(Rejection) -> Accepted {
    try checkSpan(command.lifetime, "lifetime", least: 1)
    return try create(
      command.create, named: bodyHash(.keyIssue(command)), lifetime: command.lifetime)
  }

  /// Checks: `wrong_state` (an older state version), the grace, caller, duplicate, `not_found`, `forbidden` (another key, by
  /// one with a limit, or any by a delegated one), `wrong_state` (a dead or a delegated key: its secret is part of what was
  /// signed), `too_many_keys` (requests that are remembered: each rotation is one).
  ///
  /// Within the grace of an earlier rotation, the secret before that one ends at once: a key has at most two.
  mutating func apply(_ command: Command.KeyRotate) throws(Rejection) -> Accepted {
    try checkSpan(command.grace, "grace")
    let caller = try authorize(command.caller, [])
    let hash = bodyHash(.keyRotate(command))
    if let result = try earlier(caller, command.requestKey, hash), case .key(let id) = result {
      return .keyRotated(id, duplicate: true)
    }
    let key = try changeableKey(command.key, by: caller)
    if key.id != caller.id { try requireUnlimited(caller) }
    guard !key.isDead(at: meta.logTime) else {
      throw Rejection(.wrongState, ["key": "\(key.id)", "reason": "dead"])
    }
    guard delegation(of: key.id) == nil else {
      throw Rejection(.wrongState, ["key": "\(key.id)", "reason": "delegated"])
    }
    try requireRoomForRequest(of: caller)
    let until = meta.logTime.advanced(milliseconds: command.grace)
    indexes.leave(key)
    keys.update(key.id.rawValue) {
      $0.former = command.grace == 0 ? nil : .init(hash: key.secretHash, until: until)
      $0.secretHash = command.secretHash
    }
    if let rotated = keys[key.id.rawValue] { indexes.enter(rotated) }
    remember(caller, command.requestKey, hash, .key(key.id))
    pending.effects.append(.keySecretsChanged(key.id))
    return .keyRotated(key.id, duplicate: false)
  }

  /// Checks: `wrong_state` (an older state version).
  ///
  /// Keys that are not there or dead are passed over.
  mutating func apply(_ command: Command.KeysUsed) throws(Rejection) -> Accepted {
    var count = 0
    let now = meta.logTime
    for id in command.keys {
      guard let key = keys[id.rawValue], !key.isDead(at: now) else { continue }
      keys.update(id.rawValue) { $0.lastUsed = now }
      count += 1
    }
    return .keysUsed(count)
  }

  /// Refuses a time that nobody means: a slip, or one that is to make a sum overflow.
  func checkSpan(
    _ milliseconds: UInt64, _ field: String, least: UInt64 = 0
  ) throws(Rejection) {
    guard milliseconds >= least, milliseconds <= limits.timeSpanMax else {
      throw Rejection(.malformedRequest, ["field": field, "limit": "\(limits.timeSpanMax)"])
    }
  }
}
