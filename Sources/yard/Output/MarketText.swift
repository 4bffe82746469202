internal import ExchangeTypes
internal import WireProtocol

// The market as lines of JSON.
extension JSONText {
  init(_ ask: AskEntry, of model: String, cost: Credits? = nil) {
    var members: [(String, JSONText)] = [
      ("model", .string(model)), ("account", .id(ask.account)),
      ("supplier", .string(ask.supplier)), ("worker", .id(ask.worker)),
      ("name", .string(ask.name)),
      ("price_input_nano_per_million", .unsigned(ask.priceInput.rawValue)),
      ("price_cached_input_nano_per_million", .unsigned(ask.priceCachedInput.rawValue)),
      ("price_output_nano_per_million", .unsigned(ask.priceOutput.rawValue)),
      ("context", .number(ask.context)), ("output_default", .number(ask.outputDefault)),
      ("slots", .number(ask.slots)), ("slots_free", .number(ask.slotsFree)),
      ("reserve", .number(ask.reserve)), ("admits", .boolean(ask.admits)),
    ]
    if let cost { members.append(("cost_nano", .unsigned(cost.rawValue))) }
    self = .object(members)
  }

  init(_ point: PriceEntry, interval: UInt64) {
    func price(_ price: Price, of tokens: UInt64) -> JSONText {
      tokens == 0 ? .null : .unsigned(price.rawValue)
    }
    self = [
      "start_ms": .unsigned(point.start.rawValue), "interval_ms": .unsigned(interval),
      "jobs": .unsigned(point.jobs), "prompt_tokens": .unsigned(point.promptTokens),
      "input_mean": price(point.inputMean, of: point.promptTokens),
      "input_low": price(point.inputLow, of: point.promptTokens),
      "input_high": price(point.inputHigh, of: point.promptTokens),
      "cached_tokens": .unsigned(point.cachedTokens),
      "cached_mean": price(point.cachedMean, of: point.cachedTokens),
      "cached_low": price(point.cachedLow, of: point.cachedTokens),
      "cached_high": price(point.cachedHigh, of: point.cachedTokens),
      "output_tokens": .unsigned(point.outputTokens),
      "output_mean": price(point.outputMean, of: point.outputTokens),
      "output_low": price(point.outputLow, of: point.outputTokens),
      "output_high": price(point.outputHigh, of: point.outputTokens),
      "own_tokens": .unsigned(point.ownTokens),
    ]
  }

  init(_ terms: PostedTerms) {
    func price(_ price: Price?) -> JSONText { price.map { .unsigned($0.rawValue) } ?? .null }
    func list(_ accounts: [AccountID]) -> JSONText { .array(accounts.map { .id($0) }) }
    self = [
      "model": .string(terms.model), "price_input_nano_per_million": price(terms.priceInput),
      "price_cached_input_nano_per_million": price(terms.priceCachedInput),
      "price_output_nano_per_million": price(terms.priceOutput),
      "reserve": .number(terms.reserve), "own": list(terms.own), "only": list(terms.only),
      "refuse": list(terms.refuse),
    ]
  }

  init(_ sale: SalesEntry, interval: UInt64) {
    self = [
      "start_ms": .unsigned(sale.start.rawValue), "interval_ms": .unsigned(interval),
      "model": .string(sale.model), "jobs": .unsigned(sale.jobs),
      "prompt_tokens": .unsigned(sale.promptTokens),
      "cached_tokens": .unsigned(sale.cachedTokens),
      "output_tokens": .unsigned(sale.outputTokens),
      "earned_nano": .unsigned(sale.earned.rawValue), "own_jobs": .unsigned(sale.ownJobs),
      "own_tokens": .unsigned(sale.ownTokens),
    ]
  }
}
