public import ExchangeTypes

/// What a job delivered, as it was billed: what a line of the journal says that moves nothing.
///
/// What a job cost is in transfers, if it moved credit; how much was delivered for it is nowhere else in the journal, and a job that is
/// free, or its supplier's own, has no transfer at all.
public struct Sale: Hashable, Sendable {
  /// Prompt tokens that were billed, those that were cached among them.
  public let promptTokens: TokenCount
  /// What the engine had cached of them.
  public let cachedTokens: TokenCount
  /// Output tokens that were billed.
  public let outputTokens: TokenCount
  /// The job's charge; what a supplier's own account buys of it is charged, and moves nothing.
  public let charge: Credits
  /// Whether consumer and supplier were of one owner.
  public let isOwn: Bool

  /// Joins the parts.
  public init(
    promptTokens: TokenCount, cachedTokens: TokenCount, outputTokens: TokenCount, charge: Credits,
    isOwn: Bool
  ) {
    self.promptTokens = promptTokens
    self.cachedTokens = cachedTokens
    self.outputTokens = outputTokens
    self.charge = charge
    self.isOwn = isOwn
  }
}
