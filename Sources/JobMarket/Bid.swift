public import ExchangeTypes

/// What a job wants of an offer.
public struct Bid: Hashable, Sendable {
  /// The kind of its request.
  public let endpoint: Endpoint
  /// The most tokens that its prompt can be.
  public let promptBound: TokenCount
  /// The most tokens that it wants back.
  public let outputMax: TokenCount
  /// The highest prices that it pays.
  public let ceilings: PricePair
  /// How it likely uses contexts; nil of a job from before that was said, whose bounds lie in one.
  public let contextUse: ContextUse?

  /// Joins the parts.
  public init(
    endpoint: Endpoint, promptBound: TokenCount, outputMax: TokenCount, ceilings: PricePair,
    contextUse: ContextUse? = nil
  ) {
    self.endpoint = endpoint
    self.promptBound = promptBound
    self.outputMax = outputMax
    self.ceilings = ceilings
    self.contextUse = contextUse
  }

  /// Tokens that its longest answer likely needs room for, with its prompt; none for embeddings: each input has the context to
  /// itself, and how many tokens it is, its engine alone knows.
  public var contextNeeded: TokenCount {
    endpoint == .embeddings ? .zero : Self.sum(promptLikely, answerMax)
  }

  /// Tokens that the longest of its prompts likely has, or the bound where nothing more is known.
  public var promptLikely: TokenCount { contextUse?.prompt ?? promptBound }

  /// The most tokens that one of its answers may have.
  public var answerMax: TokenCount {
    TokenCount(outputMax.rawValue / UInt64(contextUse?.answers ?? 1))
  }

  /// The most tokens that the job can have, prompt and output together, or the greatest number if that does not fit.
  public var tokensMax: TokenCount { Self.sum(promptBound, outputMax) }

  private static func sum(_ prompt: TokenCount, _ output: TokenCount) -> TokenCount {
    let (sum, overflow) = prompt.rawValue.addingReportingOverflow(output.rawValue)
    return TokenCount(overflow ? .max : sum)
  }
}

/// Why an offer does not serve a bid, in the order in which it is checked.
public enum Mismatch: Hashable, Sendable {
  /// The offer does not serve this kind of request.
  case endpoint
  /// The offer's context is too small.
  case context(needed: TokenCount, limit: TokenCount)
  /// The offer asks more per prompt token.
  case inputPrice(ceiling: Price, ask: Price)
  /// The offer asks more per output token.
  case outputPrice(ceiling: Price, ask: Price)
}

extension Offer {
  /// Why this offer does not serve `bid`, or nil if it does.
  public func mismatch(with bid: Bid) -> Mismatch? {
    guard endpoints.contains(bid.endpoint) else { return .endpoint }
    guard bid.contextNeeded <= context else {
      return .context(needed: bid.contextNeeded, limit: context)
    }
    guard prices.input <= bid.ceilings.input else {
      return .inputPrice(ceiling: bid.ceilings.input, ask: prices.input)
    }
    guard prices.output <= bid.ceilings.output else {
      return .outputPrice(ceiling: bid.ceilings.output, ask: prices.output)
    }
    return nil
  }
}
