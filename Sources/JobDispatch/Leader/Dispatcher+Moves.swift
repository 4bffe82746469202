internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import WireProtocol

// Streams that are taken from a worker which lives: its engine has failed, or gives nothing any more. Only where
// another worker can go on, for else the engine's own limits and words are the better end.
extension Dispatcher {
  /// Whether an engine's failure is another worker's chance.
  ///
  /// The worker says whether the request is at fault; where it is too long for a context, one with more room may have it: how many tokens a
  /// prompt has, nobody knew before. Where its engine has no room or cannot be reached, and nothing
  /// was begun, the job may also wait for another worker.
  func isMoved(_ finished: AttemptFinished, _ relay: StreamRelay) -> Bool {
    guard finished.finish == .error else { return false }
    if isOutgrown(finished, relay) {
      return exchange.job(relay.attempt.job).flatMap(outgrown) != nil
        && successor(of: relay) { _ in true } != nil
    }
    guard finished.retryElsewhere else { return false }
    if isUntaken(finished, relay) { return true }
    return successor(of: relay) { _ in true } != nil
  }

  /// Whether nothing was begun, for the prompt is too long for the context.
  func isOutgrown(_ finished: AttemptFinished, _ relay: StreamRelay) -> Bool {
    relay.isUntouched && ErrorCode(rawValue: finished.error) == .contextLengthExceeded
  }

  /// An engine found a job too long: no context that is as small is asked again.
  func noteOutgrown(of relay: StreamRelay) {
    guard let job = exchange.job(relay.attempt.job),
      let ask = exchange.asks(model: job.model).first(where: { $0.id == job.attempt?.offer })
    else { return }
    lostAttempts.noteOutgrown(job.id, ask.offer.context)
  }

  /// The context that was too small for a job; nil once no offer that is for it has more, of a worker that takes jobs.
  ///
  /// Then those that are left have the last word again, and it waits for nobody.
  func outgrown(_ job: Job) -> TokenCount? {
    guard let context = lostAttempts.outgrown[job.id] else { return nil }
    let terms = exchange.terms(of: job.id) ?? JobTerms()
    let hasMore = exchange.asks(model: job.model).contains { ask in
      guard ask.offer.context > context, ask.tenancy.admits(job.account),
        ask.offer.mismatch(with: job.bid) == nil
      else { return false }
      let server = server(ask)
      return server.absence != .offline && server.absence != .draining
        && server.obstacle(to: terms) == nil
    }
    return hasMore ? context : nil
  }

  /// Whether nothing was begun, for want of room or reach.
  func isUntaken(_ finished: AttemptFinished, _ relay: StreamRelay) -> Bool {
    let error = ErrorCode(rawValue: finished.error)
    return relay.isUntouched && (error == .engineBusy || error == .engineUnreachable)
  }

  /// A worker could not reach its engine, or found it full: nobody is sent there until it says that it takes attempts.
  ///
  /// It says that it does not by its heartbeat, which comes on another stream, perhaps later; an older worker does not know yet, or
  /// waits for no full engine: it is left alone until its next one.
  func noteUntaken(_ finished: AttemptFinished, of worker: WorkerID) {
    guard let session = sessions[worker], session.engineAbsence != .engineDown else { return }
    session.engineAbsence =
      ErrorCode(rawValue: finished.error) == .engineBusy ? .engineFull : .engineDown
  }

  /// Takes attempts from workers that have given nothing for as long as no engine may take: whoever keeps his link and
  /// a slot and says nothing would otherwise keep a job, and its hold, for ever.
  func endSilence(now: UInt64) {
    for relay in relays(where: { $0.deadAt <= now }) { lose(relay, .engineTimeout) }
  }

  /// Moves streams that have given nothing for too long to workers that have a slot free, as many as there are slots.
  func suspectStalls(now: UInt64) {
    var taken: [WorkerID: Int] = [:]
    for relay in relays(where: { $0.suspectedAt <= now }) {
      if let worker = successor(of: relay, where: { $0.free > taken[$0.worker, default: 0] }) {
        taken[worker, default: 0] += 1
        lose(relay, .engineTimeout)
      } else {
        relay.pace.excuse(now: now)
      }
    }
  }

  /// Another worker, one of which `condition` holds, that can take over what a stream has so far and that its job admits.
  private func successor(
    of relay: StreamRelay, where condition: (WorkerSession) -> Bool
  ) -> WorkerID? {
    guard let job = exchange.job(relay.attempt.job), job.state == .running,
      exchange.hasTriesLeft(job)
    else { return nil }
    let demand = demand(of: job, goesOn: relay.last > 0)
    let able = exchange.asks(model: job.model).filter { ask in
      guard let session = sessions[ask.id.worker], session.worker != relay.worker,
        !demand.excluded.contains(session.worker), condition(session)
      else { return false }
      return server(ask).misfit(to: demand) == nil
    }
    guard let worker = able.map(\.id.worker).min() else { return nil }
    // What cannot be read cannot be continued; whoever needs it for anything else says so.
    guard relay.last == 0 || (try? continuation(of: job, with: relay, key: relay.key)) != nil
    else { return nil }
    return worker
  }
}
