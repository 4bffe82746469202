internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

// What is asked, what was sold and earned: each request is one question to the leader.
extension GatewayLoop {
  /// A whole request about the market has come.
  func serve(
    _ route: MarketRoute, key: String, _ request: HTTPRequest, _ connection: any RequestSource
  ) throws(HTTPRefusal) {
    switch route {
    case .book(let model):
      ask(BookQuery(model: model), key, request, connection, Self.book)
    case .quote(let model, let promptTokens, let outputTokens):
      ask(
        QuoteQuery(model: model, promptTokens: promptTokens, outputTokens: outputTokens), key,
        request, connection, Self.book)
    case .history(let model, let hours):
      ask(PriceQuery(model: model, intervals: hours), key, request, connection) {
        if case .priceHistory(let history) = $0 { MarketAnswer.history(history) } else { nil }
      }
    case .asks:
      ask(AskList(), key, request, connection, Self.asks)
    case .setAsk:
      let terms = try MoneyBody.ask(request.takeBody())
      ask(AskSet(terms: terms, withdraw: false), key, request, connection, Self.asks)
    case .withdrawAsk(let model):
      let none = PostedTerms(
        model: model, priceInput: nil, priceCachedInput: nil, priceOutput: nil, reserve: 0,
        own: [], only: [], refuse: [])
      ask(AskSet(terms: none, withdraw: true), key, request, connection, Self.asks)
    case .earnings(let account, let after):
      ask(
        SalesQuery(account: account, after: after, limit: MarketRoute.earningsLimit), key, request,
        connection
      ) { if case .salesListing(let listing) = $0 { MarketAnswer.earnings(listing) } else { nil } }
    }
  }

  private static func book(_ message: Message) -> HTTPReply? {
    if case .book(let book) = message { MarketAnswer.book(book) } else { nil }
  }

  private static func asks(_ message: Message) -> HTTPReply? {
    if case .askListing(let listing) = message { MarketAnswer.asks(listing) } else { nil }
  }
}
