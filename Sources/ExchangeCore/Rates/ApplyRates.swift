public import ExchangeTypes
internal import JobMarket

// Limits per minute of keys, since state version 3. Why they are in the state: decision 18.
extension Exchange {
  /// Checks: `wrong_state` (an older state version), caller, `not_found`, `forbidden` (the key may do what the
  /// caller's may not, or the caller's has a limit itself), `wrong_state` (a dead key), form.
  ///
  /// A limit begins with full buckets, also where there was one before.
  mutating func apply(_ command: Command.KeyLimit) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, [])
    let key = try changeableKey(command.key, by: caller)
    try requireUnlimited(caller)
    guard !key.isDead(at: meta.logTime) else {
      throw Rejection(.wrongState, ["key": "\(key.id)", "reason": "dead"])
    }
    try checkForm(command.limit)
    setLimit(command.limit, of: key.id)
    return .keyLimited(key.id)
  }

  /// Checks: as `KeyLimit` for version and form, then as `KeyCreate`.
  mutating func apply(_ command: Command.KeyIssueLimited) throws(Rejection) -> Accepted {
    try checkForm(command.limit)
    if let lifetime = command.lifetime { try checkSpan(lifetime, "lifetime", least: 1) }
    let accepted = try create(
      command.create, named: bodyHash(.keyIssueLimited(command)), lifetime: command.lifetime)
    if case .key(let id, duplicate: false) = accepted { setLimit(command.limit, of: id) }
    return accepted
  }

  /// A key with a limit gives none out and lifts none: it would be no limit then.
  func requireUnlimited(_ caller: APIKey) throws(Rejection) {
    guard keyRates[caller.id.rawValue]?.hasLimit != true || caller.scopes.contains(.admin) else {
      throw Rejection(.forbidden, ["reason": "has_a_limit"])
    }
  }

  private func checkForm(_ limit: RateLimit) throws(Rejection) {
    guard limit.requests != 0 else { throw Rejection(.malformedRequest, ["field": "requests"]) }
    guard limit.tokens.map({ $0 > 0 && $0 <= RateLimit.most }) ?? true else {
      throw Rejection(.malformedRequest, ["field": "tokens", "limit": "\(RateLimit.most)"])
    }
  }

  private mutating func setLimit(_ limit: RateLimit, of key: KeyID) {
    let rate = KeyRate(key: key, limit: limit, firstJob: meta.nextJob, at: meta.logTime)
    // A row goes with its key only: one that came back in the same entry would be another to the digest.
    if keyRates[key.rawValue] == nil {
      keyRates.insert(rate)
    } else {
      keyRates.update(key.rawValue) { $0 = rate }
    }
  }

  // MARK: Use

  /// Checks: `rate_limit_exceeded`, `request_above_rate_limit`.
  func checkRate(of key: KeyID, for bid: Bid, at time: LogTime) throws(Rejection) {
    for key in ratedKeys(of: key) { try checkOwnRate(of: key, for: bid, at: time) }
  }

  private func checkOwnRate(of key: KeyID, for bid: Bid, at time: LogTime) throws(Rejection) {
    guard let rate = keyRates[key.rawValue] else { return }
    let uses: [(name: String, bucket: RateBucket?, units: UInt64)] = [
      ("requests", rate.requests, 1), ("tokens", rate.tokens, bid.tokensMax.rawValue),
    ]
    for (name, bucket, units) in uses {
      guard let bucket else { continue }
      let wait = bucket.wait(for: units, at: time)
      guard wait != 0 else { continue }
      guard let wait else {
        throw Rejection(
          .requestAboveRateLimit,
          ["limit": name, "needed": "\(units)", "per_minute": "\(bucket.perMinute)"])
      }
      throw Rejection(
        .rateLimitExceeded,
        [
          "limit": name, "needed": "\(units)", "per_minute": "\(bucket.perMinute)",
          "left": "\(bucket.left(at: time))", "retry_after_ms": "\(wait)",
        ])
    }
  }

  /// Takes a job's request, and the most tokens that it can have, out of its key's buckets, and of those of the key that
  /// it was delegated by.
  mutating func takeRate(of key: KeyID, for bid: Bid) {
    let now = meta.logTime
    for key in ratedKeys(of: key) where keyRates[key.rawValue]?.hasLimit == true {
      keyRates.update(key.rawValue) {
        $0.requests?.take(1, at: now)
        $0.tokens?.take(bid.tokensMax.rawValue, at: now)
      }
    }
  }

  /// Puts back the tokens that a job could have had and has not.
  mutating func giveBackRate(of job: Job, used: UInt64) {
    let held = job.bid.tokensMax.rawValue
    guard used < held else { return }
    let now = meta.logTime
    for key in ratedKeys(of: job.key) {
      guard let rate = keyRates[key.rawValue], rate.tokens != nil, job.id >= rate.firstJob else {
        continue
      }
      keyRates.update(key.rawValue) { $0.tokens?.giveBack(held - used, at: now) }
    }
  }

  // MARK: Reads

  /// What a key may use and has left; nil if it has no limit.
  public func rate(of key: KeyID) -> KeyRate? {
    keyRates[key.rawValue].flatMap { $0.hasLimit ? $0 : nil }
  }

  /// Whether a limit per minute may refuse a key's job: its own, or that of the key that it was delegated by.
  public func isRated(_ key: KeyID) -> Bool {
    ratedKeys(of: key).contains { keyRates[$0.rawValue]?.hasLimit == true }
  }
}
