public import ExchangeTypes

/// What one supplier sold of one model in one interval of log time.
///
/// What accounts of the supplier's owner bought of it is counted apart: what one pays oneself says nothing about a price, and
/// nobody makes a price by buying from himself.
public struct Sales: Hashable, Sendable {
  /// The length of an interval, in milliseconds: an hour.
  public static let intervalMilliseconds: UInt64 = 3_600_000
  /// Intervals that can be asked about, the one that it is among them: a week.
  public static let intervalsKept: UInt64 = 168

  /// The row's number: later intervals have larger ones.
  public let number: UInt64
  /// The supplier.
  public let account: AccountID
  /// The model.
  public let model: String
  /// The interval, counted from the beginning of log time.
  public let interval: UInt64
  /// Jobs that ended, were billed, and that this supplier ran last of those that delivered and are not the consumer's own.
  public private(set) var jobs: UInt64 = 0
  /// Their prompts, without what was cached.
  public private(set) var input = PriceVolume()
  /// What engines had cached of their prompts.
  public private(set) var cached = PriceVolume()
  /// Their outputs.
  public private(set) var output = PriceVolume()
  /// What the supplier was paid, after the operator's part; for its shares of jobs that another ended too.
  public private(set) var earned = Credits.zero
  /// Jobs, or parts of jobs, of the supplier's account and of others of its owner.
  public private(set) var ownJobs: UInt64 = 0
  /// Their tokens, prompt and output together.
  public private(set) var ownTokens: UInt64 = 0

  /// Nothing sold yet.
  public init(number: UInt64, account: AccountID, model: String, interval: UInt64) {
    self.number = number
    self.account = account
    self.model = model
    self.interval = interval
  }

  /// Sales as a row says they are.
  public init(
    number: UInt64, account: AccountID, model: String, interval: UInt64, jobs: UInt64,
    input: PriceVolume, cached: PriceVolume, output: PriceVolume, earned: Credits, ownJobs: UInt64,
    ownTokens: UInt64
  ) {
    self.init(number: number, account: account, model: model, interval: interval)
    self.jobs = jobs
    self.input = input
    self.cached = cached
    self.output = output
    self.earned = earned
    self.ownJobs = ownJobs
    self.ownTokens = ownTokens
  }

  /// The interval that a time is in.
  public static func interval(at time: LogTime) -> UInt64 {
    time.rawValue / intervalMilliseconds
  }

  /// When the interval began.
  public var start: LogTime { LogTime(milliseconds: interval * Self.intervalMilliseconds) }

  /// A job that was billed to somebody else.
  ///
  /// - Parameters:
  ///   - promptTokens: its prompt, without what was cached.
  ///   - cachedTokens: what was cached of it.
  ///   - cachedPrice: what that cost.
  ///   - outputTokens: its output.
  ///   - prices: what the rest cost.
  public mutating func add(
    promptTokens: TokenCount, cachedTokens: TokenCount, at cachedPrice: Price,
    outputTokens: TokenCount, at prices: PricePair
  ) {
    jobs += 1
    input.add(promptTokens, at: prices.input)
    cached.add(cachedTokens, at: cachedPrice)
    output.add(outputTokens, at: prices.output)
  }

  /// A job of the supplier's own account.
  public mutating func addOwn(tokens: TokenCount) {
    ownJobs += 1
    ownTokens += tokens.rawValue
  }

  /// A share of a charge.
  public mutating func add(earned amount: Credits) {
    // An account's credits fit in 64 bits, and these are a part of them.
    earned = earned.adding(amount) ?? earned
  }
}

/// Tokens that were sold, and the prices that they were sold at.
public struct PriceVolume: Hashable, Sendable {
  /// How many.
  public private(set) var tokens: UInt64
  /// The lowest price; zero without tokens.
  public private(set) var low: Price
  /// The highest price; zero without tokens.
  public private(set) var high: Price
  /// Each token's price together: 2⁹⁶ for a job at most, so no number of jobs of an hour overflows it.
  public private(set) var sum: UInt128

  /// Nothing sold, or what a row says.
  public init(tokens: UInt64 = 0, low: Price = .zero, high: Price = .zero, sum: UInt128 = 0) {
    self.tokens = tokens
    self.low = low
    self.high = high
    self.sum = sum
  }

  /// The price of the mean token, rounded down; nil without tokens.
  public var mean: Price? {
    // Between the lowest and the highest price, so it fits.
    tokens == 0 ? nil : Price(nanoPerMillion: UInt64(sum / UInt128(tokens)))
  }

  /// Tokens that were sold at one price.
  public mutating func add(_ count: TokenCount, at price: Price) {
    add(
      PriceVolume(
        tokens: count.rawValue, low: price, high: price,
        sum: UInt128(price.rawValue) * UInt128(count.rawValue)))
  }

  /// What somebody else sold.
  public mutating func add(_ other: PriceVolume) {
    guard other.tokens > 0 else { return }
    low = tokens == 0 ? other.low : min(low, other.low)
    high = max(high, other.high)
    tokens += other.tokens
    sum += other.sum
  }
}

/// What a model was sold at in one interval, by all its suppliers: a point of the price index.
public struct PricePoint: Hashable, Sendable {
  /// When the interval began.
  public let start: LogTime
  /// Jobs that were billed.
  public private(set) var jobs: UInt64 = 0
  /// Their prompts, without what was cached.
  public private(set) var input = PriceVolume()
  /// What engines had cached of their prompts.
  public private(set) var cached = PriceVolume()
  /// Their outputs.
  public private(set) var output = PriceVolume()
  /// Tokens that suppliers' own accounts bought from them: in none of the above.
  public private(set) var ownTokens: UInt64 = 0

  /// The points of sales of one model, one for each interval with any, in their order.
  ///
  /// - Precondition: the sales are in the order of their intervals.
  public static func points(of sales: some Sequence<Sales>) -> [PricePoint] {
    var points: [PricePoint] = []
    for sale in sales {
      if points.last?.start != sale.start { points.append(PricePoint(start: sale.start)) }
      points[points.count - 1].add(sale)
    }
    return points
  }

  private init(start: LogTime) { self.start = start }

  private mutating func add(_ sale: Sales) {
    jobs += sale.jobs
    input.add(sale.input)
    cached.add(sale.cached)
    output.add(sale.output)
    ownTokens += sale.ownTokens
  }
}
