internal import ExchangeTypes
internal import TokenLedger

extension Exchange {
  /// Checks: caller, `forbidden` (a delegated key; another's account without `admin`), duplicate, scopes,
  /// `unknown_account`, `account_closed`, `forbidden` (a scope that the caller has not, or that the account's kind may
  /// not have; a life beyond the caller's own; a caller with a limit), `too_many_keys` (live ones, or made and revoked again within the time that requests are remembered).
  mutating func apply(_ command: Command.KeyCreate) throws(Rejection) -> Accepted {
    try create(command, named: bodyHash(.keyCreate(command)), lifetime: nil)
  }

  /// Gives out a key that lives for `lifetime` milliseconds, or until it is revoked.
  mutating func create(
    _ command: Command.KeyCreate, named hash: [UInt8], lifetime: UInt64?,
    under budget: BudgetID? = nil
  ) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, [])
    try requireUndelegated(caller)
    let isAdmin = caller.scopes.contains(.admin)
    guard isAdmin || command.account == caller.account else {
      throw Rejection(.forbidden, ["scope": String(Scopes.admin.rawValue)])
    }
    if let result = try earlier(caller, command.requestKey, hash), case .key(let id) = result {
      return .key(id, duplicate: true)
    }
    guard !command.scopes.isEmpty, Scopes.all.isSuperset(of: command.scopes) else {
      throw Rejection(.malformedRequest, ["field": "scopes"])
    }
    guard let account = ledger[command.account] else {
      throw Rejection(.unknownAccount, ["account": "\(command.account)"])
    }
    guard !account.isClosed else {
      throw Rejection(.accountClosed, ["account": "\(command.account)"])
    }
    let allowed = isAdmin ? account.kind.scopes : account.kind.scopes.intersection(caller.scopes)
    guard allowed.isSuperset(of: command.scopes) else {
      throw Rejection(
        .forbidden, ["scopes": "\(command.scopes.rawValue)", "allowed": "\(allowed.rawValue)"])
    }
    try requireUnlimited(caller)
    let expiry = lifetime.map { meta.logTime.advanced(milliseconds: $0) }
    guard ends(expiry, noLaterThan: caller) else {
      throw Rejection(.forbidden, ["reason": "outlives_its_maker"])
    }
    let parent = try budgetForKey(of: account.id, named: budget, by: caller)
    guard indexes.accounts[account.id]?.liveKeys ?? 0 < limits.keysPerAccountMax else {
      throw Rejection(.tooManyKeys, ["limit": "\(limits.keysPerAccountMax)"])
    }
    try requireRoomForRequest(of: caller)
    let id = addKey(
      account: account.id, name: command.name, scopes: command.scopes,
      secretHash: command.secretHash,
      expiry: expiry)
    if let parent {
      addBudget(
        parent: parent, account: account.id, level: .key, name: command.name, key: id,
        limits: BudgetLimits())
    }
    remember(caller, command.requestKey, hash, .key(id))
    return .key(id, duplicate: false)
  }

  /// Checks: caller, `not_found`, `forbidden` (the key may do what the caller's may not), `wrong_state` (the last key with `admin` that does not expire: without it
  /// nobody could ever administer the cluster again).
  ///
  /// Revoking a dead key is no error.
  mutating func apply(_ command: Command.KeyRevoke) throws(Rejection) -> Accepted {
    let key = try changeableKey(command.key, by: try authorize(command.caller, []))
    guard !key.revoked else { return .keyRevoked(key.id) }
    guard !key.isLastingAdmin || indexes.lastingAdminKeys > 1 else {
      throw Rejection(.wrongState, ["reason": "last_admin_key"])
    }
    end(key)
    return .keyRevoked(key.id)
  }

  /// A key that the caller may end or rotate: one of his own account that may do no more than his, or any with `admin`.
  func changeableKey(_ id: KeyID, by caller: APIKey) throws(Rejection) -> APIKey {
    try requireUndelegated(caller)
    guard let key = keys[id.rawValue],
      caller.scopes.contains(.admin) || key.account == caller.account
    else { throw Rejection(.notFound, ["key": "\(id)"]) }
    guard
      caller.scopes.contains(.admin) || caller.scopes.isSuperset(of: key.scopes)
        || meta.stateVersion < Self.keyGuardsStateVersion
    else {
      throw Rejection(
        .forbidden,
        ["scopes": "\(key.scopes.rawValue)", "allowed": "\(caller.scopes.rawValue)"])
    }
    guard isWithinBudget(key, of: caller) else {
      throw Rejection(.forbidden, ["reason": "outside_its_budget"])
    }
    guard key.id == caller.id || ends(key.expiry, noLaterThan: caller) else {
      throw Rejection(.forbidden, ["reason": "outlives_its_maker"])
    }
    return key
  }

  /// Whether an end is no later than that of the caller's key: one that ends makes, rotates and revokes none that
  /// lives longer, or whoever has stolen it would keep what it was lent for.
  private func ends(_ expiry: LogTime?, noLaterThan caller: APIKey) -> Bool {
    guard let end = caller.expiry, meta.stateVersion >= Self.keyGuardsStateVersion else {
      return true
    }
    return expiry.map { $0 <= end } ?? false
  }

  /// Ends a key for good, revoked or expired, and with it what its holder has signed.
  ///
  /// One that is dead stays so: it may have ended with the key that it was delegated by.
  mutating func end(_ key: APIKey) {
    guard let key = keys[key.id.rawValue], !key.revoked else { return }
    indexes.leave(key)
    keys.update(key.id.rawValue) {
      $0.revoked = true
      $0.former = nil
    }
    if let dead = keys[key.id.rawValue] { indexes.enter(dead) }
    keyRates.remove(key.id.rawValue)
    delegators.remove(key.id.rawValue)
    dropOldestRevokedKeys(of: key.account)
    pending.effects.append(.keyRevoked(key.id))
    endDelegations(of: key.id)
  }

  /// Gives out a key.
  @discardableResult
  mutating func addKey(
    account: AccountID, name: String, scopes: Scopes, secretHash: [UInt8],
    expiry: LogTime? = nil
  ) -> KeyID {
    let key = APIKey(
      id: meta.nextKey.take(), account: account, name: name, scopes: scopes,
      secretHash: secretHash, revoked: false, expiry: expiry)
    keys.insert(key)
    indexes.enter(key)
    return key.id
  }

  private mutating func dropOldestRevokedKeys(of account: AccountID) {
    guard indexes.accounts[account]?.revokedKeys.count ?? 0 > limits.keysRevokedPerAccountMax,
      let id = indexes.accounts[account]?.revokedKeys.first,
      let key = keys.remove(id.rawValue)
    else { return }
    indexes.leave(key)
    if let budget = indexes.keyBudgets[id] { dropUnusedBudgets(from: budget) }
  }
}

extension AccountKind {
  /// What keys of an account of this kind may be allowed: only operators administer, and consumers
  /// have no workers.
  var scopes: Scopes {
    switch self {
    case .consumer: [.submit, .read]
    case .supplier: [.submit, .work, .read]
    case .operator: .all
    case .issuance: []
    case .fees, .dispute, .reserve: .read
    }
  }
}
