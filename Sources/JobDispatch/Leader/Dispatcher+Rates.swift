internal import ExchangeCore
internal import ExchangeTypes
internal import WireProtocol

// Limits of keys, as the wire says them, and what a full queue is told.
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

extension RateLimit {
  /// A limit as a message says it.
  init(_ terms: RateTerms) { self.init(requests: terms.requests, tokens: terms.tokens) }
}
