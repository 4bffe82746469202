public import ExchangeTypes

/// The asks for one model in price order.
///
/// Order: output price, then input price, then worker and place, so that every replica and every
/// planner sees the same list. Invariant: at most one ask for each `OfferID`.
public struct PriceIndex: Sendable {
  /// The asks, the cheapest output first.
  public private(set) var asks: [Ask] = []
  /// How many of them are not for everybody's jobs.
  private var restricted = 0

  /// No ask.
  public init() {}

  /// Whether nobody offers the model.
  public var isEmpty: Bool { asks.isEmpty }

  /// Adds an ask, or replaces the one with the same id.
  public mutating func insert(_ ask: Ask) {
    remove(ask.id)
    let place = asks.firstIndex { precedes(ask, $0) } ?? asks.endIndex
    asks.insert(ask, at: place)
    if ask.tenancy.isRestricted { restricted += 1 }
  }

  /// Removes the ask with this id, if there is one.
  public mutating func remove(_ id: OfferID) {
    guard let place = asks.firstIndex(where: { $0.id == id }) else { return }
    if asks.remove(at: place).tenancy.isRestricted { restricted -= 1 }
  }

  /// Those of the asks that are for an account's jobs.
  public func admitting(_ account: AccountID) -> PriceIndex {
    guard restricted > 0 else { return self }
    var admitting = self
    admitting.asks.removeAll { !$0.tenancy.admits(account) }
    admitting.restricted = admitting.asks.count { $0.tenancy.isRestricted }
    return admitting
  }

  /// What all asks that serve `endpoint` allow together; nil if none does.
  public func bounds(for endpoint: Endpoint) -> Bounds? {
    var bounds: Bounds?
    for ask in asks where ask.offer.endpoints.contains(endpoint) {
      let offer = ask.offer
      guard let known = bounds else {
        bounds = Bounds(
          context: offer.context, outputDefault: offer.outputDefault, highest: offer.prices,
          lowest: offer.prices)
        continue
      }
      bounds = Bounds(
        context: max(known.context, offer.context),
        outputDefault: min(known.outputDefault, offer.outputDefault),
        highest: PricePair(
          input: max(known.highest.input, offer.prices.input),
          output: max(known.highest.output, offer.prices.output)),
        lowest: PricePair(
          input: min(known.lowest.input, offer.prices.input),
          output: min(known.lowest.output, offer.prices.output)))
    }
    return bounds
  }

  /// The limits of a model over all its asks.
  public struct Bounds: Hashable, Sendable {
    /// The largest context.
    public let context: TokenCount
    /// The smallest default output bound, so that every ask can serve a job that takes it.
    public let outputDefault: TokenCount
    /// The highest price of each kind.
    public let highest: PricePair
    /// The lowest price of each kind; no single ask need have both.
    public let lowest: PricePair
  }
}

private func precedes(_ left: Ask, _ right: Ask) -> Bool {
  let a = left.offer.prices
  let b = right.offer.prices
  if a.output != b.output { return a.output < b.output }
  if a.input != b.input { return a.input < b.input }
  return left.id < right.id
}
