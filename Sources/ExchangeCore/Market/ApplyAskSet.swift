public import ExchangeTypes
public import JobMarket
internal import TokenLedger

// What suppliers post about models; since state version 3.
extension Exchange {
  /// Checks: `wrong_state` (an older state version), caller, `forbidden` (a delegated key), `model_not_found` (no worker of the account offers it), form
  /// (an account that is named twice; prices at which no hold could be placed; cached tokens that cost more than others), `unknown_account`, `no_capacity`.
  ///
  /// The offers of all the account's workers get a new version, so that nothing that was planned before goes on. Jobs that
  /// run keep the prices that they began with.
  mutating func apply(_ command: Command.AskSet) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, .work)
    try requireUndelegated(caller)
    let name = ModelOfAccount(account: caller.account, model: command.model)
    let known = indexes.postedAsks[name]
    if let terms = command.terms {
      try check(terms, on: name)
      if known == nil { try makeSureOfRoomForAsk(of: caller.account) }
    }
    let offering = workers(of: caller.account).filter { worker in
      worker.offers.contains { $0.model == command.model }
    }
    for worker in offering { indexes.leave(worker) }
    switch (known, command.terms) {
    case (let number?, let terms?): postedAsks.update(number) { $0.terms = terms }
    case (nil, let terms?):
      let row = PostedAsk(
        number: meta.takeRequestNumber(), account: caller.account, model: command.model,
        terms: terms)
      postedAsks.insert(row)
      indexes.enter(row)
    case (let number?, nil):
      if let row = postedAsks.remove(number) { indexes.leave(row) }
    case (nil, nil): break
    }
    for worker in offering { repost(worker, command.model) }
    return .askSet(workers: offering.count)
  }

  private func check(_ terms: AskTerms, on name: ModelOfAccount) throws(Rejection) {
    let offers = workers(of: name.account).flatMap(\.offers).filter { $0.model == name.model }
    guard !offers.isEmpty else {
      throw Rejection(.modelNotFound, ["model": name.model, "account": "\(name.account)"])
    }
    if let flaw = terms.flaw { throw Rejection(.malformedRequest, ["field": flaw]) }
    for offer in offers {
      if let flaw = terms.applied(to: offer).flaw {
        throw Rejection(.malformedRequest, ["field": flaw])
      }
      if let cached = terms.cachedInput, cached > terms.applied(to: offer).prices.input {
        throw Rejection(.malformedRequest, ["field": "cached_input"])
      }
    }
    for account in terms.own + terms.only + terms.refuse where ledger[account] == nil {
      throw Rejection(.unknownAccount, ["account": "\(account)"])
    }
  }

  private func makeSureOfRoomForAsk(of account: AccountID) throws(Rejection) {
    let own = indexes.accounts[account]?.postedAsks.count ?? 0
    guard own < limits.postedAsksPerAccountMax else {
      throw Rejection(
        .noCapacity, ["asks": "\(own)", "limit": "\(limits.postedAsksPerAccountMax)"])
    }
  }

  /// Gives a worker's offer of a model a new version, and puts its asks back on the market.
  private mutating func repost(_ worker: Worker, _ model: String) {
    var worker = worker
    for (place, offer) in worker.offers.enumerated() where offer.model == model {
      worker.askVersionLast += 1
      worker.askVersions[place] = worker.askVersionLast
    }
    let reposted = worker
    workers.update(worker.id.rawValue) { $0 = reposted }
    indexes.enter(reposted, asks: asks(of: reposted))
    pending.effects.append(.workerChanged(worker.id))
  }

  // MARK: Reads

  /// What a supplier posts about a model; nil if nothing.
  public func postedTerms(of account: AccountID, model: String) -> AskTerms? {
    indexes.postedAsks[ModelOfAccount(account: account, model: model)]
      .flatMap { postedAsks[$0]?.terms }
  }

  /// All that a supplier posts, in the order in which it began to.
  public func postedTerms(of account: AccountID) -> [(model: String, terms: AskTerms)] {
    indexes.accounts[account]?.postedAsks.sorted
      .compactMap { postedAsks[$0].map { ($0.model, $0.terms) } } ?? []
  }

  /// A worker's asks: its offers as it registered them, under what its supplier posts.
  public func asks(of worker: Worker) -> [Ask] {
    worker.offers.indices.map { ask(of: worker, at: $0) }
  }

  /// A worker's ask at a place of its offers.
  ///
  /// - Precondition: it has so many offers.
  func ask(of worker: Worker, at place: Int) -> Ask {
    let offer = worker.offers[place]
    let terms = postedTerms(of: worker.account, model: offer.model)
    return Ask(
      id: OfferID(worker: worker.id, index: UInt16(place)),
      offer: terms?.applied(to: offer) ?? offer, version: worker.askVersions[place],
      cachedInput: terms?.cachedInput, tenancy: Tenancy(of: worker.account, terms ?? AskTerms()))
  }

  /// How many more jobs of others than the supplier's own an ask takes now: what is kept for its own is not for them.
  public func freeSlotsForOthers(_ ask: Ask) -> Int {
    let free = freeSlots(ask.id)
    guard ask.tenancy.reserve > 0, free > 0 else { return free }
    let others = indexes.workers[ask.id.worker]?.jobs.sorted.count { id in
      guard let job = jobs[id.rawValue], job.model == ask.offer.model else { return false }
      return !ask.tenancy.isOwn(job.account)
    }
    return min(free, max(0, Int(ask.offer.slots) - Int(ask.tenancy.reserve) - (others ?? 0)))
  }

  /// Refuses a job that a supplier does not take, or has no slot for that it does not keep.
  ///
  /// - Precondition: the ask has a free slot.
  func checkTenancy(of job: Job, on ask: Ask) throws(Rejection) {
    guard ask.tenancy.admits(job.account) else {
      throw Rejection(
        .tenantRefused, ["worker": "\(ask.id.worker)", "account": "\(job.account)"])
    }
    guard ask.tenancy.isOwn(job.account) || freeSlotsForOthers(ask) > 0 else {
      throw Rejection(
        .slotsReserved,
        [
          "worker": "\(ask.id.worker)", "slots": "\(ask.offer.slots)",
          "reserve": "\(ask.tenancy.reserve)",
        ])
    }
  }
}
