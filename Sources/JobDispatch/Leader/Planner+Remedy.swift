public import ExchangeTypes
public import JobMarket

// What a consumer could change so that a job is taken.
extension Planner {
  /// A change of a request.
  public enum Change: Hashable, Sendable {
    /// To pay up to this for prompt tokens.
    case inputCeiling(Price)
    /// To pay up to this for output tokens.
    case outputCeiling(Price)
    /// To ask for no more output of an answer.
    case outputMax(TokenCount)
    /// To admit this worker.
    case admitting(SupplierName)
    /// To do without what these are for.
    case without(Capabilities)

    /// What it takes from the consumer: money is given up first, then length, then his wishes, then what the request is.
    fileprivate var weight: Int {
      switch self {
      case .inputCeiling, .outputCeiling: 1
      case .outputMax: 2
      case .admitting: 3
      case .without: 4
      }
    }
  }

  /// The changes after which a server takes a demand, found by asking it again after each.
  ///
  /// - Returns: none if it takes it as it is, once it has room; nil if nothing that a consumer can change is enough.
  public static func changes(of demand: Demand, for server: Server) -> [Change]? {
    var demand = demand
    var changes: [Change] = []
    while let obstacle = server.misfit(to: demand) {
      // Each change takes its obstacle away, and no change brings another.
      guard let change = change(of: demand, against: obstacle, at: server) else { return nil }
      precondition(!changes.contains(change), "\(change) does not help against \(obstacle)")
      changes.append(change)
      demand = demand.applying(change)
    }
    return changes
  }

  /// The least change after which some candidate takes a demand: nil if one does as it is, or nothing would help.
  public static func remedy(
    for demand: Demand, among candidates: [Candidate]
  ) -> (candidate: Candidate, changes: [Change])? {
    let possible = candidates.compactMap { candidate in
      changes(of: demand, for: candidate.server).map { (candidate: candidate, changes: $0) }
    }
    guard !possible.contains(where: { $0.changes.isEmpty }) else { return nil }
    return possible.min { left, right in
      order(left.candidate, left.changes) < order(right.candidate, right.changes)
    }
  }

  private static func order(
    _ candidate: Candidate, _ changes: [Change]
  ) -> (Int, Int, Int, UInt128, OfferID) {
    (
      changes.map(\.weight).max() ?? 0, changes.count, candidate.free > 0 ? 0 : 1,
      candidate.ask.offer.prices.sum, candidate.ask.id
    )
  }

  private static func change(
    of demand: Demand, against obstacle: Obstacle, at server: Server
  ) -> Change? {
    switch obstacle {
    case .absent, .cannotContinue, .full, .tenant, .reserved, .mismatch(.endpoint), .outgrown:
      return nil
    case .mismatch(.context(_, let limit)):
      let prompt = demand.bid.promptLikely
      return prompt < limit
        ? .outputMax(TokenCount(limit.rawValue - prompt.rawValue)) : nil
    case .mismatch(.inputPrice(_, let ask)): return .inputCeiling(ask)
    case .mismatch(.outputPrice(_, let ask)): return .outputCeiling(ask)
    case .lacks(let missing): return .without(missing)
    case .unwanted: return server.name.map { .admitting($0) }
    }
  }
}

extension Planner.Demand {
  /// The demand of a request that is changed so.
  func applying(_ change: Planner.Change) -> Planner.Demand {
    var outputMax = bid.outputMax
    var ceilings = bid.ceilings
    var terms = terms
    switch change {
    case .inputCeiling(let price): ceilings = PricePair(input: price, output: ceilings.output)
    case .outputCeiling(let price): ceilings = PricePair(input: ceilings.input, output: price)
    case .outputMax(let count): outputMax = bid.contextUse?.output(ofEach: count) ?? count
    case .without(let capabilities): terms.needs.subtract(capabilities)
    case .admitting(let worker):
      terms.preferences.ignore.removeAll(where: worker.isCalled)
      let name = "\(worker.account)/\(worker.worker)"
      if !terms.preferences.only.isEmpty { terms.preferences.only.append(name) }
      if !terms.preferences.allowsFallbacks { terms.preferences.order.append(name) }
    }
    return Planner.Demand(
      job: job,
      bid: Bid(
        endpoint: bid.endpoint, promptBound: bid.promptBound, outputMax: outputMax,
        ceilings: ceilings, contextUse: bid.contextUse),
      excluded: excluded, goesOn: goesOn, terms: terms, account: account, prefix: prefix,
      outgrown: outgrown)
  }
}
