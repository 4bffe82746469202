public import ExchangeTypes

/// What a worker sells: one model, with its bounds, its prices and how its output is counted.
public struct Offer: Hashable, Sendable {
  /// The longest model name, in bytes of UTF-8.
  public static let modelBytesMax = 256

  /// The model's name as clients ask for it.
  public let model: String
  /// Tokens that prompt and output may have together.
  public let context: TokenCount
  /// The output bound of a job that names none.
  public let outputDefault: TokenCount
  /// Jobs that the worker runs at a time.
  public let slots: UInt16
  /// What it asks per million tokens.
  public let prices: PricePair
  /// What output tokens are counted by.
  public let basis: BillingBasis
  /// The fewest bytes of UTF-8 that a token of this model may stand for, averaged over an output: a
  /// claim of more tokens than bytes ÷ floor is not believed.
  ///
  /// At least 1.
  public let bytesPerTokenFloor: UInt8
  /// The kinds of request that it serves, in ascending order.
  public let endpoints: [Endpoint]

  /// An offer as a worker sends it; `flaw` says whether it can be accepted.
  public init(
    model: String, context: TokenCount, outputDefault: TokenCount, slots: UInt16,
    prices: PricePair, basis: BillingBasis, bytesPerTokenFloor: UInt8, endpoints: [Endpoint]
  ) {
    self.model = model
    self.context = context
    self.outputDefault = outputDefault
    self.slots = slots
    self.prices = prices
    self.basis = basis
    self.bytesPerTokenFloor = bytesPerTokenFloor
    self.endpoints = endpoints
  }

  /// The name of the first field that no offer may have this way; nil if all are well.
  public var flaw: String? {
    if model.isEmpty || model.utf8.count > Self.modelBytesMax { return "model" }
    if context == .zero || context.rawValue > UInt64(UInt32.max) { return "context" }
    if outputDefault == .zero || outputDefault > context { return "output_default" }
    if slots == 0 { return "slots" }
    if bytesPerTokenFloor == 0 { return "bytes_per_token_floor" }
    let ascending = zip(endpoints, endpoints.dropFirst()).allSatisfy { $0.rawValue < $1.rawValue }
    if endpoints.isEmpty || !ascending { return "endpoints" }
    // A full context at these prices must fit in an amount, or no hold could ever be placed.
    if prices.cost(inputTokens: context, outputTokens: context, rounding: .up) == nil {
      return "prices"
    }
    return nil
  }
}

/// Which offer of which worker.
public struct OfferID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The worker that made it.
  public let worker: WorkerID
  /// Its place in the worker's list.
  public let index: UInt16
  /// The offer of `worker` at `index`.
  public init(worker: WorkerID, index: UInt16) {
    self.worker = worker
    self.index = index
  }
  /// Orders by worker, then by place.
  public static func < (left: Self, right: Self) -> Bool {
    (left.worker, left.index) < (right.worker, right.index)
  }
  /// `worker#place`.
  public var description: String { "\(worker)#\(index)" }
}

/// An offer in the market: its version tells a planner that looked at an older one apart.
public struct Ask: Hashable, Sendable {
  /// Which offer it is.
  public let id: OfferID
  /// What is offered, at the prices that hold.
  public let offer: Offer
  /// Grows whenever the worker changes the offer, or its supplier what is posted about the model.
  public let version: UInt32
  /// The price of prompt tokens that the engine had cached: never more than that of the others, so that a hold covers it.
  public let cachedInput: Price
  /// Whose jobs it is for.
  public let tenancy: Tenancy
  /// Joins the parts; without a tenancy it is for anybody's jobs, without a price of its own what was cached costs
  /// what the rest does.
  public init(
    id: OfferID, offer: Offer, version: UInt32, cachedInput: Price? = nil,
    tenancy: Tenancy = Tenancy(of: AccountID(0))
  ) {
    self.cachedInput = min(cachedInput ?? offer.prices.input, offer.prices.input)
    self.id = id
    self.offer = offer
    self.version = version
    self.tenancy = tenancy
  }
}
