public import ExchangeTypes

/// What a job wants, with what its client left open.
public struct Wish: Hashable, Sendable {
  /// How much more than the cheapest offer asks a job may pay that names no ceiling: enough to go to the next
  /// supplier when the cheapest is busy or lost, too little for anybody's surprise.
  public static let spill: UInt64 = 2

  /// The kind of its request.
  public let endpoint: Endpoint
  /// The most tokens that its prompt can be.
  public let promptBound: TokenCount
  /// The most tokens that it wants back; nil leaves that to the offer.
  public let outputMax: TokenCount?
  /// The highest price that it pays per million prompt tokens; nil leaves that to the market.
  public let inputCeiling: Price?
  /// The same for output tokens.
  public let outputCeiling: Price?
  /// How it likely uses contexts, as in `Bid`.
  public let contextUse: ContextUse?

  /// Joins the parts.
  public init(
    endpoint: Endpoint, promptBound: TokenCount, outputMax: TokenCount?, inputCeiling: Price?,
    outputCeiling: Price?, contextUse: ContextUse? = nil
  ) {
    self.endpoint = endpoint
    self.promptBound = promptBound
    self.outputMax = outputMax
    self.inputCeiling = inputCeiling
    self.outputCeiling = outputCeiling
    self.contextUse = contextUse
  }

  /// The bid that an offer makes of this wish: its default bound, as far as its context reaches, and ceilings
  /// from its prices.
  public func bid(by offer: Offer) -> Bid {
    Bid(
      endpoint: endpoint, promptBound: promptBound,
      outputMax: outputBound(default: offer.outputDefault, context: offer.context),
      ceilings: PricePair(
        input: inputCeiling ?? Self.ceilings(from: offer.prices).input,
        output: outputCeiling ?? Self.ceilings(from: offer.prices).output),
      contextUse: contextUse)
  }

  /// The most output tokens: those that were named, or for each answer a default, which gives way to a long prompt; none of embeddings.
  ///
  /// It gives way somewhat early: there are engines that refuse prompt and output together if they might not fit.
  public func outputBound(default bound: TokenCount, context: TokenCount) -> TokenCount {
    guard endpoint != .embeddings else { return .zero }
    if let outputMax { return outputMax }
    let prompt = contextUse.map { min($0.promptAmply, promptBound) } ?? promptBound
    let (room, overflow) = context.rawValue.subtractingReportingOverflow(prompt.rawValue)
    let one = TokenCount(max(1, min(bound.rawValue, overflow ? 0 : room)))
    return contextUse?.output(ofEach: one) ?? one
  }

  /// What a job pays at most that names no ceiling, if an offer at these prices is the one that it goes by.
  public static func ceilings(from prices: PricePair) -> PricePair {
    PricePair(input: prices.input.times(spill), output: prices.output.times(spill))
  }
}

extension PriceIndex {
  /// A wish in the terms of the first ask that serves it, so of the cheapest; nil if none does.
  ///
  /// Only asks for which `isThere` holds have a say: what somebody asks who is not there must move no price.
  public func bid(for wish: Wish, where isThere: (Ask) -> Bool) -> Bid? {
    for ask in asks where isThere(ask) {
      let bid = wish.bid(by: ask.offer)
      if ask.offer.mismatch(with: bid) == nil { return bid }
    }
    return nil
  }
}

extension Price {
  /// This price a few times over, at most the highest that there is.
  fileprivate func times(_ factor: UInt64) -> Price {
    let (product, overflow) = rawValue.multipliedReportingOverflow(by: factor)
    return Price(nanoPerMillion: overflow ? .max : product)
  }
}
