internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import WireProtocol

// Streams that are taken from a worker which lives: its engine has failed, or gives nothing any more. Only where
// another worker can go on, for else the engine's own limits and words are the better end.
extension Dispatcher {
  /// Whether an engine's failure is another worker's chance.
  ///
  /// The worker says whether the request is at fault. Where its engine has no room or cannot be reached, and nothing
  /// was begun, the job may also wait for another worker.
  func isMoved(_ finished: AttemptFinished, _ relay: StreamRelay) -> Bool {
    guard finished.finish == .error, finished.retryElsewhere else { return false }
    let error = ErrorCode(rawValue: finished.error)
    if relay.isUntouched, error == .engineBusy || error == .engineUnreachable { return true }
    return canGoOnElsewhere(relay) { _ in true }
  }

  /// Moves streams that have given nothing for too long to workers that have a slot free.
  func suspectStalls(now: UInt64) {
    for relay in relays(where: { $0.suspectedAt <= now }) {
      if canGoOnElsewhere(relay, { $0.free > 0 }) {
        lose(relay, .engineTimeout)
      } else {
        relay.pace.excuse(now: now)
      }
    }
  }

  /// Whether there is another worker, one of which `condition` holds, that can take over what a stream has so far.
  private func canGoOnElsewhere(
    _ relay: StreamRelay, _ condition: (WorkerSession) -> Bool
  ) -> Bool {
    guard let job = exchange.job(relay.attempt.job), job.state == .running,
      exchange.hasTriesLeft(job)
    else { return false }
    let failed = failedWorkers[job.id] ?? []
    let isThere = sessions.values.contains { session in
      session.isLive && session.worker != relay.worker && !failed.contains(session.worker)
        && (session.continuesOutput || relay.last == 0) && condition(session)
        && exchange.worker(session.worker)?.offers.contains {
          $0.model == job.model && $0.mismatch(with: job.bid) == nil
        } == true
    }
    guard isThere, relay.last > 0 else { return isThere }
    // What cannot be read cannot be continued; whoever needs it for anything else says so.
    return (try? continuation(of: job, with: relay, key: relay.key)) != nil
  }
}
