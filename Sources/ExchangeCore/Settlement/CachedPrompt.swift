public import ExchangeTypes
internal import JobMarket

/// What an engine had cached of a job's prompt, what that costs, and what of the output was reasoning: the row of table 42.
///
/// Jobs that were never asked a price of its own for it, of whose prompt nothing was cached and of whose output nothing was reasoning, have none.
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
  /// Billed output tokens that were reasoning; they cost what the others do.
  public internal(set) var reasoning = TokenCount.zero

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

  /// Checks: `wrong_state` (an older state version), then as the settle, whose answer it gives.
  ///
  /// What was reasoning is kept if this is what ends the job, at most as much as was billed of the output.
  mutating func apply(_ command: Command.SettleReasoned) throws(Rejection) -> Accepted {
    let outcome =
      if let signed = command.signed {
        try apply(Command.SettleSigned(settle: command.settle, signed: signed))
      } else {
        try apply(command.settle)
      }
    // The job's record may be the one that has to go for this.
    guard case .settled(let settled) = outcome, settled.first,
      let ending = jobs[settled.job.rawValue]?.ending
    else { return outcome }
    let reasoning = min(command.reasoningTokens, ending.outputTokens)
    if reasoning > .zero { updateCachedPrompt(of: settled.job) { $0.reasoning = reasoning } }
    return outcome
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
  static var versionMax: UInt8 { 2 }
  var version: UInt8 { reasoning > .zero ? 2 : 1 }
  var rowKey: UInt64 { job.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(prices) {
      $0.write($1.epoch.rawValue)
      $0.write($1.price.rawValue)
    }
    writer.write(tokens.rawValue)
    if version > 1 { writer.write(reasoning.rawValue) }
  }

  mutating func readAddition(
    of version: UInt8, from reader: inout CanonicalReader
  ) throws(CanonicalError) {
    let at = reader.offset
    reasoning = try reader.readTokens()
    guard self.version > 1 else { throw .unknownValue(offset: at, value: 0) }
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
