internal import ExchangeTypes
internal import TokenLedger

// Keys that a holder makes for its agents by signing, without asking; since state version 3. Why so: decision 29.
extension Exchange {
  /// Checks: `wrong_state` (an older state version), caller, `not_found`, `forbidden` (as for a rotation: a key that may do
  /// more, or another one by a key with a limit), `wrong_state` (a dead or a delegated key; a public key that was bound before),
  /// `no_capacity` (public keys that were bound before).
  ///
  /// Another public key than the one that is bound ends all that the former signed; so does none.
  mutating func apply(_ command: Command.DelegationKeySet) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, [])
    let key = try changeableKey(command.key, by: caller)
    if key.id != caller.id { try requireUnlimited(caller) }
    guard !key.isDead(at: meta.logTime) else {
      throw Rejection(.wrongState, ["key": "\(key.id)", "reason": "dead"])
    }
    guard delegation(of: key.id) == nil else {
      throw Rejection(.wrongState, ["key": "\(key.id)", "reason": "delegated"])
    }
    let bound = delegators[key.id.rawValue]
    if let bound, let publicKey = command.publicKey {
      guard !bound.hasEnded(publicKey) else {
        throw Rejection(.wrongState, ["key": "\(key.id)", "reason": "ended_before"])
      }
      // Forgetting one would make good again what it signed and nobody has used.
      guard publicKey == bound.publicKey || bound.ended.count < limits.delegationKeysMax else {
        throw Rejection(.noCapacity, ["bound_before": "\(bound.ended.count)"])
      }
    }
    let isSame = bound.map { !$0.isClosed && $0.publicKey == command.publicKey } ?? false
    if !isSame { endDelegations(of: key.id) }
    if bound != nil {
      delegators.update(key.id.rawValue) { $0.bind(command.publicKey) }
    } else if let publicKey = command.publicKey {
      delegators.insert(Delegator(key: key.id, publicKey: publicKey, isClosed: false))
    }
    return .delegationKeySet(key.id)
  }

  /// Checks: `wrong_state` (an older state version), `delegation_revoked` (the parent is dead or unknown, or bound to
  /// nothing), `delegation_forged` (bound to another public key), `delegation_revoked` (it is known and ended),
  /// `delegation_replayed` (its id is another one's), `delegation_widened` (scopes; a time longer than any may have; a limit above one that the
  /// parent draws on), `too_many_keys`, `no_capacity` (delegations that are remembered; budgets).
  ///
  /// The same again answers with the key that the first made.
  mutating func apply(_ command: Command.DelegationAdmit) throws(Rejection) -> Accepted {
    if let key = try check(command) { return .key(key, duplicate: true) }
    guard let parent = keys[command.parent.rawValue] else { preconditionFailure("was checked") }
    let end = meta.logTime.advanced(milliseconds: command.lifetime)
    let key = addKey(
      account: parent.account, name: command.name, scopes: command.scopes,
      secretHash: command.secretHash, expiry: min(end, parent.expiry ?? end))
    addBudget(
      parent: budget(of: parent.id), account: parent.account, level: .key, name: command.name,
      key: key, limits: command.limits)
    insert(
      command.parent, parent.account, command.id,
      use: .init(key: key, digest: command.digest, models: command.models), until: end)
    return .key(key, duplicate: false)
  }

  /// Checks: `wrong_state` (an older state version), caller, `not_found`, `forbidden` (as for a revocation of the
  /// parent), `wrong_state` (the parent is bound to nothing, and there is no such delegation), `no_capacity` (delegations that are
  /// remembered).
  ///
  /// One that is ended already is no error, as long as it is remembered.
  mutating func apply(_ command: Command.DelegationRevoke) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, [])
    let parent = try changeableKey(command.parent, by: caller)
    let name = DelegationName(parent: parent.id, id: command.id)
    if let number = indexes.delegationNames[name] {
      if let use = delegations[number]?.use, let key = keys[use.key.rawValue] { end(key) }
      return .delegationRevoked(number)
    }
    guard let delegator = delegators[parent.id.rawValue], !delegator.isClosed else {
      throw Rejection(.wrongState, ["key": "\(parent.id)", "reason": "not_bound"])
    }
    try requireRoomForDelegation(of: parent.account)
    // Nobody knows until when it was signed: it is never good again, as long as anything that was signed is.
    return .delegationRevoked(
      insert(parent.id, parent.account, command.id, use: nil, until: LogTime(milliseconds: .max)))
  }

  /// What a first use would be refused for if it were applied now; nil if it would not: what is refused is not to fill
  /// the log.
  public func refusal(of command: Command.DelegationAdmit) -> Rejection? {
    do throws(Rejection) {
      _ = try check(command)
      return nil
    } catch {
      return error
    }
  }

  /// Ends what a key's holder has signed: what was used; and what was revoked before needs no row any more, since all
  /// that was signed is worthless now, for good.
  mutating func endDelegations(of parent: KeyID) {
    for number in indexes.delegations[parent]?.sorted ?? [] {
      guard let delegation = delegations[number] else { continue }
      if let use = delegation.use {
        if let key = keys[use.key.rawValue] { end(key) }
      } else {
        delegations.remove(number)
        indexes.leave(delegation)
      }
    }
  }

  /// A delegated key makes, changes and ends no keys and no budgets: what was signed for it alone would pass on.
  func requireUndelegated(_ caller: APIKey) throws(Rejection) {
    guard delegation(of: caller.id) == nil else {
      throw Rejection(.forbidden, ["reason": "delegated"])
    }
  }

  /// Refuses a model that a delegated key was not given.
  func checkModel(_ model: String, of caller: APIKey) throws(Rejection) {
    guard let models = delegation(of: caller.id)?.use?.models, !models.isEmpty,
      !models.contains(model)
    else { return }
    throw Rejection(
      .modelNotDelegated, ["model": model, "delegated": models.joined(separator: " ")])
  }

  // MARK: Parts

  /// Answers the key that the same delegation made before; nil if it makes one now.
  private func check(_ command: Command.DelegationAdmit) throws(Rejection) -> KeyID? {
    let parentName = "\(command.parent)"
    guard let parent = keys[command.parent.rawValue], !parent.isDead(at: meta.logTime) else {
      throw Rejection(.delegationRevoked, ["parent": parentName, "reason": "parent"])
    }
    guard let delegator = delegators[parent.id.rawValue], !delegator.isClosed else {
      throw Rejection(.delegationRevoked, ["parent": parentName, "reason": "not_bound"])
    }
    guard delegator.publicKey == command.publicKey else {
      throw Rejection(.delegationForged, ["parent": parentName])
    }
    if let number = indexes.delegationNames[DelegationName(parent: parent.id, id: command.id)] {
      guard let use = delegations[number]?.use else {
        throw Rejection(.delegationRevoked, ["parent": parentName, "reason": "revoked"])
      }
      guard use.digest == command.digest else {
        throw Rejection(.delegationReplayed, ["parent": parentName, "id": "\(command.id)"])
      }
      guard let key = keys[use.key.rawValue], !key.isDead(at: meta.logTime) else {
        throw Rejection(.delegationRevoked, ["parent": parentName, "reason": "revoked"])
      }
      return key.id
    }
    try checkWidth(of: command, under: parent)
    guard indexes.accounts[parent.account]?.liveKeys ?? 0 < limits.keysPerAccountMax else {
      throw Rejection(.tooManyKeys, ["limit": "\(limits.keysPerAccountMax)"])
    }
    try requireRoomForDelegation(of: parent.account)
    let depth = budget(of: parent.id).map { path(from: $0).count } ?? 0
    guard depth < limits.budgetDepthMax else {
      throw Rejection(.noCapacity, ["depth": "\(limits.budgetDepthMax)"])
    }
    try checkRoomForBudget(of: parent.account)
    return nil
  }

  private func checkWidth(
    of command: Command.DelegationAdmit, under parent: APIKey
  ) throws(Rejection) {
    let allowed = parent.scopes.subtracting(.admin)
    guard !command.scopes.isEmpty, allowed.isSuperset(of: command.scopes) else {
      throw Rejection(
        .delegationWidened,
        ["scopes": "\(command.scopes.rawValue)", "allowed": "\(allowed.rawValue)"])
    }
    guard command.lifetime > 0, command.lifetime <= limits.delegationLifetimeMax else {
      throw Rejection(
        .delegationWidened,
        ["lifetime_ms": "\(command.lifetime)", "limit_ms": "\(limits.delegationLifetimeMax)"])
    }
    for id in budget(of: parent.id).map({ path(from: $0) }) ?? [] {
      for window in BudgetWindow.allCases {
        guard let limit = command.limits.limit(of: window),
          let most = budgets[id.rawValue]?.limit(of: window),
          limit > most
        else { continue }
        throw Rejection(
          .delegationWidened,
          ["window": "\(window)", "limit": "\(limit)", "budget": "\(id)", "allowed": "\(most)"])
      }
    }
  }

  private func requireRoomForDelegation(of account: AccountID) throws(Rejection) {
    let own = indexes.accounts[account]?.delegations ?? 0
    guard own < limits.delegationsPerAccountMax else {
      throw Rejection(
        .noCapacity, ["delegations": "\(own)", "limit": "\(limits.delegationsPerAccountMax)"])
    }
  }

  @discardableResult
  private mutating func insert(
    _ parent: KeyID, _ account: AccountID, _ id: DelegationID, use: AdmittedDelegation.Use?,
    until end: LogTime
  ) -> UInt64 {
    // Numbered with requests, invitations, certificates and budgets.
    let row = AdmittedDelegation(
      number: meta.nextRequest, account: account, parent: parent, id: id, use: use,
      forgottenAt: end.advanced(milliseconds: limits.delegationGrace))
    meta.nextRequest += 1
    delegations.insert(row)
    indexes.enter(row)
    return row.number
  }
}
