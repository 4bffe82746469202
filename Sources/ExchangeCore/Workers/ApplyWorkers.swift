internal import ExchangeTypes
internal import JobMarket

extension Exchange {
  /// Checks: caller; form of the name and of each offer, with `wrong_state` (embeddings at an older state version);
  /// `no_capacity` (too many workers).
  ///
  /// A worker is known by its name under its account: registering again changes its offers. An
  /// offer's version grows only when the offer changed, and no version is ever given twice.
  mutating func apply(_ command: Command.WorkerRegister) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, .work)
    try checkForm(command, of: caller.account)
    let name = WorkerName(account: caller.account, name: command.name)
    let known = indexes.workerNames[name].flatMap { workers[$0.rawValue] }
    if known == nil { try makeRoomForWorker(of: caller.account) }
    let old =
      known
      ?? Worker(
        id: meta.nextWorker.take(), account: caller.account, name: command.name,
        incarnation: command.incarnation, offers: [], askVersions: [], askVersionLast: 0,
        draining: command.draining, online: true, changedAt: meta.logTime)
    var worker = old
    worker.incarnation = command.incarnation
    worker.offers = command.offers
    worker.askVersions = command.offers.map { offer in
      if let place = old.offers.firstIndex(of: offer) { return old.askVersions[place] }
      worker.askVersionLast += 1
      return worker.askVersionLast
    }
    worker.draining = command.draining
    worker.online = true
    worker.changedAt = meta.logTime
    if known == nil {
      workers.insert(worker)
    } else {
      indexes.leave(old)
      let changed = worker
      workers.update(worker.id.rawValue) { $0 = changed }
    }
    indexes.enter(worker, asks: asks(of: worker))
    pending.effects.append(.workerChanged(worker.id))
    return .worker(worker.id, askVersions: worker.askVersions)
  }

  /// Checks: `unknown_worker`; `stale_epoch` (a later run of the worker is there).
  ///
  /// One that is offline already is no error.
  mutating func apply(_ command: Command.WorkerGone) throws(Rejection) -> Accepted {
    guard let worker = workers[command.worker.rawValue] else {
      throw Rejection(.unknownWorker, ["worker": "\(command.worker)"])
    }
    guard worker.incarnation == command.incarnation else {
      throw Rejection(
        .staleEpoch,
        ["incarnation": "\(command.incarnation)", "expected": "\(worker.incarnation)"])
    }
    guard worker.online else { return .workerGone(worker.id) }
    let now = meta.logTime
    workers.update(worker.id.rawValue) {
      $0.online = false
      $0.changedAt = now
    }
    pending.effects.append(.workerGone(worker.id))
    return .workerGone(worker.id)
  }

  private func checkForm(
    _ command: Command.WorkerRegister, of account: AccountID
  ) throws(Rejection) {
    guard !command.name.isEmpty else { throw Rejection(.malformedRequest, ["field": "name"]) }
    var seen: Set<String> = []
    for (place, offer) in command.offers.enumerated() {
      let posted = postedTerms(of: account, model: offer.model)
      if let flaw = offer.flaw ?? posted?.applied(to: offer).flaw {
        throw Rejection(.malformedRequest, ["field": flaw, "offer": "\(place)"])
      }
      guard seen.insert(offer.model).inserted else {
        throw Rejection(.malformedRequest, ["field": "model", "offer": "\(place)"])
      }
    }
  }

  /// Forgets the account's worker that has been offline longest, if the account has too many.
  private mutating func makeRoomForWorker(of account: AccountID) throws(Rejection) {
    let own = workers(of: account)
    guard own.count >= limits.workersPerAccountMax else { return }
    let idle = own.filter { !$0.online && busyCount(of: $0.id) == 0 }
    guard let oldest = idle.min(by: { ($0.changedAt, $0.id) < ($1.changedAt, $1.id) }) else {
      throw Rejection(
        .noCapacity, ["workers": "\(own.count)", "limit": "\(limits.workersPerAccountMax)"])
    }
    indexes.leave(oldest)
    indexes.workers[oldest.id] = nil
    workers.remove(oldest.id.rawValue)
  }
}
