public import ExchangeTypes

/// What a supplier posts about a model, for all of its workers that offer it.
///
/// It stands over what their registrations say, until it is taken back: so prices change without any worker being
/// started again, and stay as they were posted when one is.
public struct AskTerms: Hashable, Sendable {
  /// The most accounts of a list.
  public static let accountsMax = 64

  /// The price of prompt tokens; nil for the one that each worker registers with.
  public var input: Price?
  /// The price of prompt tokens that the engine had cached; nil for that of the others.
  public var cachedInput: Price?
  /// The price of output tokens; nil for the one that each worker registers with.
  public var output: Price?
  /// Slots of each worker that are for the supplier's own use alone.
  public var reserve: UInt16
  /// Accounts whose jobs may have those slots, beside the supplier's own; no more follows from it.
  public var own: [AccountID]
  /// Nobody else's jobs but these accounts' and its own; empty for anybody's.
  public var only: [AccountID]
  /// Not these accounts' jobs.
  public var refuse: [AccountID]

  /// Joins the parts.
  public init(
    input: Price? = nil, cachedInput: Price? = nil, output: Price? = nil, reserve: UInt16 = 0,
    own: [AccountID] = [], only: [AccountID] = [], refuse: [AccountID] = []
  ) {
    self.input = input
    self.cachedInput = cachedInput
    self.output = output
    self.reserve = reserve
    self.own = own
    self.only = only
    self.refuse = refuse
  }

  /// The name of the first field that no terms may have this way; nil if all are well.
  ///
  /// An account stands in one list, once.
  public var flaw: String? {
    var seen: Set<AccountID> = []
    for (name, accounts) in [("own", own), ("only", only), ("refuse", refuse)] {
      for account in accounts where !seen.insert(account).inserted { return name }
    }
    return nil
  }

  /// A worker's offer at the prices that are posted.
  public func applied(to offer: Offer) -> Offer {
    let prices = PricePair(
      input: input ?? offer.prices.input, output: output ?? offer.prices.output)
    guard prices != offer.prices else { return offer }
    return Offer(
      model: offer.model, context: offer.context, outputDefault: offer.outputDefault,
      slots: offer.slots, prices: prices, basis: offer.basis,
      bytesPerTokenFloor: offer.bytesPerTokenFloor, endpoints: offer.endpoints)
  }
}

/// Whose jobs an ask is for.
public struct Tenancy: Hashable, Sendable {
  /// The supplier.
  public let supplier: AccountID
  /// Slots that only its own jobs get.
  public let reserve: UInt16
  private let own: [AccountID]
  private let only: [AccountID]
  private let refuse: [AccountID]

  /// The tenancy of a supplier's ask; without terms it is for anybody.
  public init(of supplier: AccountID, _ terms: AskTerms = AskTerms()) {
    self.supplier = supplier
    reserve = terms.reserve
    own = terms.own
    only = terms.only
    refuse = terms.refuse
  }

  /// Whether somebody's jobs are not for it.
  public var isRestricted: Bool { !only.isEmpty || !refuse.isEmpty }

  /// Whether an account's jobs are the supplier's own.
  public func isOwn(_ account: AccountID) -> Bool {
    account == supplier || own.contains(account)
  }

  /// Whether it is for an account's jobs; it always is for its own.
  public func admits(_ account: AccountID) -> Bool {
    if isOwn(account) { return true }
    return !refuse.contains(account) && (only.isEmpty || only.contains(account))
  }
}
