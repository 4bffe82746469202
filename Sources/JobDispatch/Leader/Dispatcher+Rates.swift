internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import WireProtocol

// Limits of keys, as the wire says them, and what a full or a long queue is told.
extension Dispatcher {
  /// What a key may use and has left now; nil if it has no limit.
  func rateSummary(of key: KeyID) -> RateSummary? {
    guard let rate = exchange.rate(of: key) else { return nil }
    let now = queue.now
    return RateSummary(
      requests: rate.requests.map { UInt32(clamping: $0.perMinute) },
      requestsLeft: UInt32(clamping: rate.requests?.left(at: now) ?? 0),
      tokens: rate.tokens?.perMinute, tokensLeft: rate.tokens?.left(at: now) ?? 0)
  }

  /// What the state as it is refuses a submit for that is not worth an entry of the log: nil if it may go there.
  ///
  /// A large body enters the log only for a job that there will be: parts without one would stay for minutes. And a
  /// client that asks on and on beyond its limit is to cost nobody a write.
  func earlyRefusal(of submit: Command.Submit, inParts: Bool) -> Failure? {
    guard inParts || exchange.isRated(submit.caller) else { return nil }
    return exchange.refusal(of: submit, at: queue.now).map(refusal)
  }

  /// What a refused submit's client is told.
  func refusal(_ rejection: Rejection) -> Failure {
    Failure(
      rejection,
      retryAfterMs: rejection.code == .overloaded ? drain.promise(now: clock.now) : nil)
  }
}

extension Dispatcher {
  /// Models of which it is known how long one waits for them: beyond that all begin anew.
  private static let waitForecastsMax = 1_024

  /// Jobs that waited for a model have come to their turns.
  ///
  /// - Parameters:
  ///   - model: the model.
  ///   - isFull: whether others wait for workers that are there. What only a worker that is away may take waits for nobody's end.
  func noteTurns(of model: String, isFull: Bool) {
    let count = turnsGiven.removeValue(forKey: model) ?? 0
    let queued = isFull ? exchange.queuedCount(model: model) : 0
    // Jobs whose assignment is under way are still queued in the state.
    let isWaited =
      queued > 0 && queued > reservations.keys.count { exchange.job($0)?.model == model }
    guard isWaited || waitForecasts[model] != nil else { return }
    if waitForecasts.count >= Self.waitForecastsMax, waitForecasts[model] == nil {
      waitForecasts = [:]
    }
    waitForecasts[model, default: WaitForecast()]
      .came(count, isWaited: isWaited, now: clock.now)
  }

  /// The refusal of a request that names how long it may wait, where it would wait longer.
  ///
  /// So it is told at once, and not after that time. Nil while nobody is before it, nobody knows how long one waits, or a slot
  /// is free that may take it: who is before it waits for another then. Batch jobs are not asked to be quick.
  func refusalOfWait(
    _ message: Submit, for model: String, on terms: JobTerms, in jobClass: JobClass,
    of account: AccountID
  ) -> Failure? {
    guard message.queueTimeoutMs > 0, jobClass != .batch else { return nil }
    let before = exchange.queuedBefore(model: model, of: account, in: jobClass)
    guard before > 0,
      let wait = waitForecasts[model]?.wait(behind: before, now: clock.now),
      wait > UInt64(message.queueTimeoutMs),
      !candidates(for: model).contains(where: {
        $0.freeForOthers > 0 && $0.server.ask.tenancy.admits(account)
          && $0.server.obstacle(to: terms) == nil
      })
    else { return nil }
    return Failure(
      refusing: .queueTooLong,
      facts: "it would begin in about \(wait) ms, and may wait for \(message.queueTimeoutMs)",
      details: [
        ErrorDetail(name: "queue_timeout_ms", value: "\(message.queueTimeoutMs)"),
        ErrorDetail(name: "waits_ms", value: "\(wait)"),
      ],
      retryAfterMs: UInt32(
        clamping: min(
          DrainForecast.waits.upperBound,
          max(DrainForecast.waits.lowerBound, wait - UInt64(message.queueTimeoutMs)))))
  }
}

extension RateLimit {
  /// A limit as a message says it.
  init(_ terms: RateTerms) { self.init(requests: terms.requests, tokens: terms.tokens) }
}
