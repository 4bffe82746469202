internal import ExchangeTypes
internal import OpenAIFormat
public import WireProtocol

/// Answers about the market.
///
/// Prices are text, in credits per million tokens, exact; amounts are text, in credits.
public enum MarketAnswer {
  /// The answer of `GET /v1/market/book` and of `GET /v1/market/quote`: of the latter each with what the job costs there.
  public static func book(_ book: Book) -> HTTPReply {
    MoneyAnswer.list(Array(book.asks.enumerated()), more: book.more) { writer, entry in
      let (place, ask) = entry
      writer.beginObject()
      writer.member("object", "ask")
      writer.member("account", number: ask.account.rawValue)
      writer.member("supplier", ask.supplier)
      writer.member("worker", number: ask.worker.rawValue)
      writer.member("name", ask.name)
      writer.member("input_price", "\(ask.priceInput)")
      writer.member("cached_input_price", "\(ask.priceCachedInput)")
      writer.member("output_price", "\(ask.priceOutput)")
      writer.member("context", number: UInt64(ask.context))
      writer.member("output_default", number: UInt64(ask.outputDefault))
      writer.member("slots", number: UInt64(ask.slots))
      writer.member("slots_free", number: UInt64(ask.slotsFree))
      writer.member("reserve", number: UInt64(ask.reserve))
      writer.key("admits")
      writer.boolean(ask.admits)
      if place < book.costs.count { writer.member("cost", "\(book.costs[place])") }
      writer.endObject()
    }
  }

  /// The answer of `GET /v1/market/history`: the newest hours in which the model was sold, oldest first.
  public static func history(_ history: PriceHistory) -> HTTPReply {
    MoneyAnswer.list(history.points, more: false) { writer, point in
      writer.beginObject()
      writer.member("object", "interval")
      writer.member("start_ms", number: point.start.rawValue)
      writer.member("interval_ms", number: history.intervalMs)
      writer.member("jobs", number: point.jobs)
      writer.write(
        "input", point.promptTokens, point.inputMean, point.inputLow, point.inputHigh)
      writer.write(
        "cached_input", point.cachedTokens, point.cachedMean, point.cachedLow, point.cachedHigh)
      writer.write(
        "output", point.outputTokens, point.outputMean, point.outputLow, point.outputHigh)
      writer.member("own_tokens", number: point.ownTokens)
      writer.endObject()
    }
  }

  /// The answer of requests for what an account posts.
  public static func asks(_ listing: AskListing) -> HTTPReply {
    MoneyAnswer.list(listing.terms, more: false) { writer, terms in
      writer.beginObject()
      writer.member("object", "posted_ask")
      writer.member("model", terms.model)
      for (name, price) in [
        ("input_price", terms.priceInput), ("cached_input_price", terms.priceCachedInput),
        ("output_price", terms.priceOutput),
      ] {
        writer.key(name)
        if let price { writer.string("\(price)") } else { writer.null() }
      }
      writer.member("reserve", number: UInt64(terms.reserve))
      for (name, accounts) in [("own", terms.own), ("only", terms.only), ("refuse", terms.refuse)] {
        writer.key(name)
        writer.beginArray()
        for account in accounts { writer.verbatim("\(account)".utf8) }
        writer.endArray()
      }
      writer.endObject()
    }
  }

  /// The answer of `GET /v1/earnings`.
  public static func earnings(_ listing: SalesListing) -> HTTPReply {
    MoneyAnswer.list(listing.sales, more: listing.more) { writer, sale in
      writer.beginObject()
      writer.member("id", number: sale.number)
      writer.member("object", "sales")
      writer.member("start_ms", number: sale.start.rawValue)
      writer.member("interval_ms", number: listing.intervalMs)
      writer.member("model", sale.model)
      writer.member("jobs", number: sale.jobs)
      writer.member("prompt_tokens", number: sale.promptTokens)
      writer.member("cached_tokens", number: sale.cachedTokens)
      writer.member("output_tokens", number: sale.outputTokens)
      writer.member("earned", "\(sale.earned)")
      writer.member("own_jobs", number: sale.ownJobs)
      writer.member("own_tokens", number: sale.ownTokens)
      writer.endObject()
    }
  }
}

extension JSONWriter {
  /// Tokens that were sold, and at which prices; null where there are none.
  fileprivate mutating func write(
    _ name: String, _ tokens: UInt64, _ mean: Price, _ low: Price, _ high: Price
  ) {
    key(name)
    beginObject()
    member("tokens", number: tokens)
    for (name, price) in [("mean", mean), ("low", low), ("high", high)] {
      key(name)
      if tokens > 0 { string("\(price)") } else { null() }
    }
    endObject()
  }
}
