public import ExchangeTypes
public import JobMarket

// What jobs would cost.
extension Exchange {
  /// A model's asks of workers that take jobs now, the cheapest output first.
  public func book(of model: String) -> [Ask] { asks(model: model).filter { isThere($0) } }

  /// How many more jobs of an account an ask takes now.
  public func freeSlots(_ ask: Ask, for account: AccountID) -> Int {
    guard ask.tenancy.admits(account) else { return 0 }
    return ask.tenancy.isOwn(account) ? freeSlots(ask.id) : freeSlotsForOthers(ask)
  }

  /// What a job of an account that names no ceiling would cost now at each worker that would take it, in the order in
  /// which they are chosen: those with a free slot first, then by price.
  ///
  /// - Parameters:
  ///   - model: the model.
  ///   - promptTokens: tokens of the prompt.
  ///   - outputTokens: tokens of the output; at least one.
  ///   - account: whose job it would be.
  /// - Returns: the asks, each with the charge that such a job would have.
  /// - Throws: what a submit of it would be refused for, but for credit and limits.
  public func quotes(
    model: String, promptTokens: TokenCount, outputTokens: TokenCount, for account: AccountID
  ) throws(Rejection) -> [(ask: Ask, cost: Credits)] {
    let endpoint = asks(model: model).first?.offer.endpoints.first ?? .chatCompletions
    let wish = Wish(
      endpoint: endpoint, promptBound: promptTokens, outputMax: outputTokens, inputCeiling: nil,
      outputCeiling: nil)
    let bid = try bid(for: wish, model: model, of: account)
    var found: [(rank: (Int, UInt128, OfferID), ask: Ask, cost: Credits)] = []
    for ask in book(of: model)
    where ask.tenancy.admits(account) && ask.offer.mismatch(with: bid) == nil {
      let prices = ask.offer.prices
      // An offer's prices fit in an amount for all of its context.
      guard
        let cost = prices.cost(
          inputTokens: promptTokens, outputTokens: outputTokens, rounding: .down)
      else { continue }
      let price = UInt128(prices.input.rawValue) + UInt128(prices.output.rawValue)
      let isBusy = freeSlots(ask, for: account) == 0
      found.append(((isBusy ? 1 : 0, price, ask.id), ask, cost))
    }
    return found.sorted { $0.rank < $1.rank }.map { ($0.ask, $0.cost) }
  }
}
