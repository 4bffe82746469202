internal import ExchangeCore
internal import ExchangeTypes
internal import WireProtocol

// API keys: made, rotated, revoked, listed, and seen in use.
extension Dispatcher {
  /// Answers a request to change a key.
  ///
  /// A key's former secret changes no key: who has stolen it could otherwise lock its owner out within the grace.
  func changeKeys(_ message: Message, from caller: Caller, _ answer: @escaping Answer) {
    guard
      exchange.key(caller.key)?.secretHash == caller.secretHash
        || isRepeated(message, by: caller)
    else {
      return answer(
        Failure(
          refusing: .forbidden, "this is a key's former secret, which changes no key",
          instead: "use the key's newer secret"))
    }
    switch message {
    case .keyCreate(let message):
      let create = Command.KeyCreate(
        caller: caller.key, requestKey: message.requestKey,
        account: message.account == AccountID(0) ? caller.account : message.account,
        name: message.name, scopes: message.scopes, secretHash: message.secretHash)
      var command = Command.keyCreate(create)
      if let limit = message.limit {
        command = .keyIssueLimited(
          .init(create: create, lifetime: message.lifetimeMs, limit: RateLimit(limit)))
      } else if let lifetime = message.lifetimeMs {
        command = .keyIssue(.init(create: create, lifetime: lifetime))
      }
      change(command, from: caller, answer) { [weak self] in
        guard case .key(let id, _) = $0 else { return nil }
        return self?.keyReport(id)
      }
    case .budgetKeyCreate(let message):
      let create = Command.KeyCreate(
        caller: caller.key, requestKey: message.requestKey,
        account: message.account == AccountID(0) ? caller.account : message.account,
        name: message.name, scopes: message.scopes, secretHash: message.secretHash)
      let command = Command.KeyIssueBudgeted(
        create: create, lifetime: message.lifetimeMs, budget: message.budget)
      change(.keyIssueBudgeted(command), from: caller, answer) { [weak self] in
        guard case .key(let id, _) = $0 else { return nil }
        return self?.keyReport(id)
      }
    case .keyRotate(let message):
      let command = Command.KeyRotate(
        caller: caller.key, requestKey: message.requestKey, key: message.key,
        secretHash: message.secretHash, grace: message.graceMs)
      change(.keyRotate(command), from: caller, answer) { [weak self] in
        guard case .keyRotated(let id, _) = $0 else { return nil }
        return self?.keyReport(id)
      }
    case .keyLimit(let message):
      let command = Command.KeyLimit(
        caller: caller.key, key: message.key, limit: RateLimit(message.limit))
      change(.keyLimit(command), answer) { [weak self] in
        guard case .keyLimited(let id) = $0 else { return nil }
        return self?.keyReport(id)
      }
    case .keyRevoke(let message):
      // The account's oldest dead key may be forgotten with this one, or be this one.
      let dead = exchange.key(message.key).map { KeySummary($0, revoked: true) }
      change(.keyRevoke(.init(caller: caller.key, key: message.key)), answer) { [weak self] in
        guard case .keyRevoked(let id) = $0 else { return nil }
        return self?.keyReport(id) ?? dead.map { KeyReport(summary: $0, life: nil, rate: nil) }
      }
    case .delegationKeySet, .delegationRevoke:
      changeDelegations(message, from: caller, answer)
    default:
      preconditionFailure("not a change of keys: \(message)")
    }
  }

  /// Whether the request was carried out before: whoever has rotated his own key and has not heard of it repeats it
  /// with the secret that he knows.
  private func isRepeated(_ message: Message, by caller: Caller) -> Bool {
    switch message {
    case .keyCreate(let message):
      exchange.remembers(message.requestKey, of: caller.account)
    case .budgetKeyCreate(let message):
      exchange.remembers(message.requestKey, of: caller.account)
    case .keyRotate(let message):
      exchange.remembers(message.requestKey, of: caller.account)
    default: false
    }
  }

  /// Answers an account's keys, of those that the caller is told of.
  func listKeys(_ message: KeyList, from caller: Caller, _ answer: Answer) {
    let id = message.account.rawValue == 0 ? caller.account : message.account
    guard id == caller.account || caller.scopes.contains(.admin), exchange.account(id) != nil
    else {
      return answer(
        Failure(refusing: .unknownAccount, "there is no account \(id) that this key may see"))
    }
    let visible = exchange.keys(of: id).filter { exchange.isVisible($0, to: caller.key) }
    let keys = listed(visible) { !$0.revoked }
    answer(
      KeyListing(
        keys: keys.map { KeySummary($0) }, lives: keys.map(life),
        rates: keys.map {
          rateSummary(of: $0.id)
            ?? RateSummary(requests: nil, requestsLeft: 0, tokens: nil, tokensLeft: 0)
        }))
  }

  private func keyReport(_ id: KeyID) -> (any WireMessage)? {
    exchange.key(id).map {
      KeyReport(summary: KeySummary($0), life: life(of: $0), rate: rateSummary(of: id))
    }
  }

  func life(of key: APIKey) -> KeyLife {
    let now = queue.now
    func until(_ time: LogTime) -> UInt64 { time.rawValue - min(time.rawValue, now.rawValue) }
    return KeyLife(
      expiresInMs: key.expiry.map(until), formerForMs: key.former.map { until($0.until) },
      lastUsedAgoMs: key.lastUsed.map { now.rawValue - min(now.rawValue, $0.rawValue) })
  }

  /// Tells the log which keys were used since it was last told.
  ///
  /// Whether it heard does not matter: a key that is used again is told again.
  func tellUsedKeys(now: UInt64) {
    let keys = usedKeys.take(limit: Command.Limits.keysMax, now: now)
    queue.propose(.keysUsed(.init(keys: keys))) { _ in }
  }
}

extension KeySummary {
  init(_ key: APIKey, revoked: Bool = false) {
    self.init(
      key: key.id, account: key.account, scopes: key.scopes, name: key.name,
      revoked: key.revoked || revoked)
  }
}
