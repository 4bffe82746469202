public import ExchangeTypes
internal import JobMarket

/// What an engine had cached of a job's prompt, and what that costs: the row of table 42.
///
/// Jobs that were never asked a price of its own for it, and of whose prompt nothing was cached, have none.
public struct CachedPrompt: Hashable, Sendable {
  /// The price that an attempt began with.
  struct AttemptPrice: Hashable, Sendable {
    let epoch: Epoch
    let price: Price
    /// More than a job can have tries.
    static let countMax = 16
  }

  /// The job.
  let job: JobID
  /// The prices of attempts that have one of their own for it.
  var prices: [AttemptPrice] = []
  /// Billed prompt tokens that were cached.
  public internal(set) var tokens = TokenCount.zero

  /// What a token of it costs that an attempt had cached.
  public func price(of attempt: Attempt) -> Price {
    prices.first { $0.epoch == attempt.epoch }?.price ?? attempt.prices.input
  }
}

extension Exchange {
  /// What was cached of a job's prompt, and what it costs; nil if nothing was, and it costs what the rest does.
  public func cachedPrompt(of job: JobID) -> CachedPrompt? { cachedPrompts[job.rawValue] }

  /// Keeps the price that an attempt begins with, if it is its own.
  mutating func noteCachedPrice(of attempt: AttemptID, on ask: Ask) {
    guard ask.cachedInput < ask.offer.prices.input else { return }
    updateCachedPrompt(of: attempt.job) {
      $0.prices.append(.init(epoch: attempt.epoch, price: ask.cachedInput))
    }
  }

  /// Keeps how much was cached of what was billed.
  mutating func noteCached(_ tokens: TokenCount, of job: JobID) {
    guard tokens > .zero else { return }
    updateCachedPrompt(of: job) { $0.tokens = tokens }
  }

  private mutating func updateCachedPrompt(
    of job: JobID, _ body: (inout CachedPrompt) -> Void
  ) {
    if cachedPrompts[job.rawValue] == nil { cachedPrompts.insert(CachedPrompt(job: job)) }
    cachedPrompts.update(job.rawValue, body)
  }
}

extension CachedPrompt: StoredRow {
  static var table: Table { .cachedPrompts }
  var rowKey: UInt64 { job.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(prices) {
      $0.write($1.epoch.rawValue)
      $0.write($1.price.rawValue)
    }
    writer.write(tokens.rawValue)
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      job: JobID(key),
      prices: try reader.readList(limit: AttemptPrice.countMax, elementBytesMin: 12) {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        AttemptPrice(
          epoch: Epoch(try reader.read(UInt32.self)), price: try reader.readPrice())
      }, tokens: try reader.readTokens())
  }
}
