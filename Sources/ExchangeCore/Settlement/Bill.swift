public import ExchangeTypes
internal import JobMarket

/// What a job owes: computed from its committed record, whatever the worker claims.
///
/// What the output is:
///
/// | basis | usage reported | output tokens billed |
/// |---|---|---|
/// | token ids | any | ids in the record |
/// | usage | yes | min(usage, bytes of the record ÷ floor) |
/// | usage | no (a cut stream) | min(claimed per chunk, bytes ÷ floor) |
/// | chunk count | any | min(claimed per chunk, bytes ÷ floor) |
///
/// and never more than the job's output bound. Prompt tokens are those reported, at most the bound
/// held at submit; none if none are reported. A job that did not complete and whose record is empty
/// owes nothing. Those of them that the engine says that it had cached cost what the attempt asks for such: never more
/// than for others, so that the hold covers them.
///
/// A job that went on after a loss has a cut stream in it, whatever its basis: no engine has counted the
/// whole, so its output is what the record claims per chunk, within the bytes. Its last engine counted the
/// output so far as prompt, cut into tokens anew: a token for each of its bytes is taken off, the most that
/// there can be, since recomputation is never the consumer's.
public struct Bill: Hashable, Sendable {
  /// Prompt tokens billed.
  public let promptTokens: TokenCount
  /// Those of them that the engine had cached.
  public let cachedTokens: TokenCount
  /// Output tokens billed.
  public let outputTokens: TokenCount
  /// What they cost, rounded down once.
  public let charge: Credits

  /// The bill of a job that no worker ever had.
  static let nothing = Bill()

  private init() {
    promptTokens = .zero
    cachedTokens = .zero
    outputTokens = .zero
    charge = .zero
  }

  /// The bill of an attempt's job.
  ///
  /// - Parameters:
  ///   - job: its bounds, its hold and its committed record.
  ///   - attempt: the terms that were fixed when the attempt began.
  ///   - usage: what the engine says that it counted.
  ///   - cached: prompt tokens that the engine says that it had cached.
  ///   - cachedPrice: what the attempt asks for these; at most its price of the others.
  ///   - completed: whether the job ended as its engine meant it to.
  /// - Precondition: the attempt's prices are within the job's ceilings.
  init(
    of job: Job, attempt: Attempt, usage: ReportedUsage, cached: TokenCount = .zero,
    cachedPrice: Price? = nil, completed: Bool
  ) {
    guard completed || !job.record.isEmpty else {
      self = .nothing
      return
    }
    let recomputed = job.interruption?.recordBytes ?? 0
    let prompt = usage.promptTokens?.rawValue ?? 0
    promptTokens = min(TokenCount(prompt - min(prompt, recomputed)), job.bid.promptBound)
    outputTokens = min(
      Self.outputTokens(
        record: job.record, basis: job.interruption == nil ? attempt.basis : .chunkCount,
        floor: attempt.bytesPerTokenFloor, reported: usage.outputTokens), job.bid.outputMax)
    cachedTokens = min(cached, promptTokens)
    let cost = attempt.prices.cost(
      inputTokens: TokenCount(promptTokens.rawValue - cachedTokens.rawValue),
      cachedTokens: cachedTokens, cachedPrice: cachedPrice ?? attempt.prices.input,
      outputTokens: outputTokens, rounding: .down)
    guard let cost, cost <= job.hold else {
      preconditionFailure("a charge is never more than its hold")
    }
    charge = cost
  }

  /// Output tokens by the table, before the job's own bound.
  static func outputTokens(
    record: Record, basis: BillingBasis, floor: UInt8, reported: TokenCount?
  ) -> TokenCount {
    let bound = record.bytes / UInt64(max(floor, 1))
    switch basis {
    case .tokenIDs: return TokenCount(record.idTokens)
    case .usage: return TokenCount(min(reported?.rawValue ?? record.tokens, bound))
    case .chunkCount: return TokenCount(min(record.tokens, bound))
    }
  }
}
