internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import WireProtocol

// The market: what is asked, what a job would cost, what was sold at which price, and what suppliers post.
extension Dispatcher {
  /// The most entries of an answer.
  private static let entriesMax = 256

  /// Posts what the caller's account asks for a model, or takes it back.
  func postAsk(_ message: AskSet, from caller: Caller, _ answer: @escaping Answer) {
    let model = message.terms.model
    let terms = message.withdraw ? nil : AskTerms(message.terms)
    change(.askSet(.init(caller: caller.key, model: model, terms: terms)), answer) {
      [weak self] _ in
      guard let self else { return nil }
      let held = exchange.postedTerms(of: caller.account, model: model)
      return AskListing(terms: held.map { [PostedTerms(model: model, $0)] } ?? [])
    }
  }

  /// Answers a question about the market.
  func queryMarket(_ message: Message, from caller: Caller, _ answer: Answer) {
    switch message {
    case .bookQuery(let message):
      let book = exchange.book(of: message.model)
      answer(
        Book(
          asks: book.prefix(Self.entriesMax).map { entry(of: $0, for: caller.account) }, costs: [],
          more: book.count > Self.entriesMax))
    case .quoteQuery(let message):
      quote(message, for: caller, answer)
    case .priceQuery(let message):
      let intervals = min(Int(message.intervals), Int(Sales.intervalsKept))
      answer(
        PriceHistory(
          intervalMs: Sales.intervalMilliseconds,
          points: exchange.priceHistory(model: message.model, intervals: max(1, intervals))
            .map(PriceEntry.init)))
    case .askList:
      answer(
        AskListing(
          terms: exchange.postedTerms(of: caller.account).prefix(Self.entriesMax).map {
            PostedTerms(model: $0.model, $0.terms)
          }))
    case .salesQuery(let message):
      listSales(message, from: caller, answer)
    default:
      preconditionFailure("not a question about the market: \(message)")
    }
  }

  private func quote(_ message: QuoteQuery, for caller: Caller, _ answer: Answer) {
    guard message.outputTokens > 0 else {
      return answer(
        Failure(
          refusing: .malformedRequest, "a job has at least one token of output",
          details: [ErrorDetail(name: "field", value: "output_tokens")]))
    }
    do throws(Rejection) {
      let quotes = try exchange.quotes(
        model: message.model, promptTokens: TokenCount(UInt64(message.promptTokens)),
        outputTokens: TokenCount(UInt64(message.outputTokens)), for: caller.account)
      let told = quotes.prefix(Self.entriesMax)
      answer(
        Book(
          asks: told.map { entry(of: $0.ask, for: caller.account) }, costs: told.map(\.cost),
          more: quotes.count > told.count))
    } catch {
      answer(Failure(error))
    }
  }

  private func listSales(_ message: SalesQuery, from caller: Caller, _ answer: Answer) {
    let id = message.account == AccountID(0) ? caller.account : message.account
    guard id == caller.account || caller.scopes.contains(.admin), exchange.account(id) != nil else {
      return answer(
        Failure(refusing: .unknownAccount, "there is no account \(id) that this key may see"))
    }
    let limit = min(max(Int(message.limit), 1), Self.entriesMax)
    let found = exchange.sales(of: id, after: message.after, limit: limit + 1)
    answer(
      SalesListing(
        intervalMs: Sales.intervalMilliseconds, sales: found.prefix(limit).map(SalesEntry.init),
        more: found.count > limit))
  }

  private func entry(of ask: Ask, for account: AccountID) -> AskEntry {
    let name = exchange.supplierName(of: ask.id.worker)
    return AskEntry(
      account: ask.tenancy.supplier, supplier: name?.account ?? "", worker: ask.id.worker,
      name: name?.worker ?? "", priceInput: ask.offer.prices.input,
      priceCachedInput: ask.cachedInput, priceOutput: ask.offer.prices.output,
      context: UInt32(clamping: ask.offer.context.rawValue),
      outputDefault: UInt32(clamping: ask.offer.outputDefault.rawValue), slots: ask.offer.slots,
      slotsFree: UInt16(clamping: exchange.freeSlots(ask, for: account)),
      reserve: ask.tenancy.reserve, admits: ask.tenancy.admits(account))
  }
}

extension AskTerms {
  /// What a message says that a supplier posts.
  init(_ terms: PostedTerms) {
    self.init(
      input: terms.priceInput, cachedInput: terms.priceCachedInput, output: terms.priceOutput,
      reserve: terms.reserve, own: terms.own,
      only: terms.only, refuse: terms.refuse)
  }
}

extension PostedTerms {
  /// What a supplier posts, as the wire says it.
  init(model: String, _ terms: AskTerms) {
    self.init(
      model: model, priceInput: terms.input, priceCachedInput: terms.cachedInput,
      priceOutput: terms.output, reserve: terms.reserve,
      own: terms.own, only: terms.only, refuse: terms.refuse)
  }
}

extension PriceEntry {
  fileprivate init(_ point: PricePoint) {
    self.init(
      start: point.start, jobs: point.jobs, promptTokens: point.input.tokens,
      inputMean: point.input.mean ?? .zero, inputLow: point.input.low,
      inputHigh: point.input.high, cachedTokens: point.cached.tokens,
      cachedMean: point.cached.mean ?? .zero, cachedLow: point.cached.low,
      cachedHigh: point.cached.high, outputTokens: point.output.tokens,
      outputMean: point.output.mean ?? .zero, outputLow: point.output.low,
      outputHigh: point.output.high, ownTokens: point.ownTokens)
  }
}

extension SalesEntry {
  fileprivate init(_ sale: Sales) {
    self.init(
      number: sale.number, start: sale.start, model: sale.model, jobs: sale.jobs,
      promptTokens: sale.input.tokens, cachedTokens: sale.cached.tokens,
      outputTokens: sale.output.tokens, earned: sale.earned,
      ownJobs: sale.ownJobs, ownTokens: sale.ownTokens)
  }
}
