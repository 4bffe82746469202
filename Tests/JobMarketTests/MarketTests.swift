import ExchangeTypes
import JobMarket
import Testing

@Suite("Market")
struct MarketTests {
  private func offer(
    model: String = "m", context: UInt64 = 100, outputDefault: UInt64 = 10, slots: UInt16 = 1,
    input: UInt64 = 1, output: UInt64 = 2, floor: UInt8 = 1,
    endpoints: [Endpoint] = [.chatCompletions]
  ) -> Offer {
    Offer(
      model: model, context: TokenCount(context), outputDefault: TokenCount(outputDefault),
      slots: slots,
      prices: PricePair(
        input: Price(nanoPerMillion: input), output: Price(nanoPerMillion: output)),
      basis: .usage, bytesPerTokenFloor: floor, endpoints: endpoints)
  }

  @Test("an offer names its first flaw")
  func flaws() {
    #expect(offer().flaw == nil)
    #expect(offer(model: "", context: 0).flaw == "model")
    #expect(offer(model: String(repeating: "m", count: 257)).flaw == "model")
    #expect(offer(context: 0, outputDefault: 0).flaw == "context")
    #expect(offer(context: 1 << 32).flaw == "context")
    #expect(offer(outputDefault: 0, slots: 0).flaw == "output_default")
    #expect(offer(outputDefault: 101).flaw == "output_default")
    #expect(offer(slots: 0, floor: 0).flaw == "slots")
    #expect(offer(floor: 0, endpoints: []).flaw == "bytes_per_token_floor")
    #expect(offer(endpoints: []).flaw == "endpoints")
    #expect(offer(endpoints: [.completions, .chatCompletions]).flaw == "endpoints")
    #expect(offer(endpoints: [.completions, .completions]).flaw == "endpoints")
    #expect(offer(context: 1 << 31, input: .max, output: .max).flaw == "prices")
  }

  @Test("a mismatch is found in its order: endpoint, context, input price, output price")
  func mismatches() {
    func bid(
      _ endpoint: Endpoint = .chatCompletions, prompt: UInt64 = 60, output: UInt64 = 40,
      input: UInt64 = 1, ceiling: UInt64 = 2
    ) -> Bid {
      Bid(
        endpoint: endpoint, promptBound: TokenCount(prompt), outputMax: TokenCount(output),
        ceilings: PricePair(
          input: Price(nanoPerMillion: input), output: Price(nanoPerMillion: ceiling)))
    }
    #expect(offer().mismatch(with: bid()) == nil)
    #expect(offer().mismatch(with: bid(.completions, prompt: 99)) == .endpoint)
    #expect(
      offer().mismatch(with: bid(prompt: 61, input: 0))
        == .context(needed: TokenCount(101), limit: TokenCount(100)))
    #expect(
      offer().mismatch(with: bid(prompt: .max, output: .max))
        == .context(needed: TokenCount(.max), limit: TokenCount(100)))
    #expect(
      offer().mismatch(with: bid(input: 0, ceiling: 0))
        == .inputPrice(ceiling: .zero, ask: Price(nanoPerMillion: 1)))
    #expect(
      offer().mismatch(with: bid(ceiling: 1))
        == .outputPrice(ceiling: Price(nanoPerMillion: 1), ask: Price(nanoPerMillion: 2)))
  }

  @Test(
    "a context is asked for by what is likely of one answer, and the bounds are the hold's alone")
  func contexts() {
    func bid(_ use: ContextUse?, prompt: UInt64 = 400, output: UInt64 = 320) -> Bid {
      Bid(
        endpoint: .chatCompletions, promptBound: TokenCount(prompt),
        outputMax: TokenCount(output),
        ceilings: PricePair(
          input: Price(nanoPerMillion: 1), output: Price(nanoPerMillion: 2)), contextUse: use)
    }
    func use(_ prompt: UInt64, _ answers: UInt32 = 1) -> ContextUse {
      ContextUse(prompt: TokenCount(prompt), answers: answers)
    }
    #expect(offer().mismatch(with: bid(use(60, 8))) == nil)
    #expect(bid(use(60, 8)).tokensMax == TokenCount(720))
    #expect(
      offer().mismatch(with: bid(use(61, 8)))
        == .context(needed: TokenCount(101), limit: TokenCount(100)))
    #expect(bid(nil).contextNeeded == TokenCount(720), "an older form: all of it in one")
    #expect(bid(use(1, 2), output: .max).contextNeeded == TokenCount(.max / 2 + 1))
    #expect(use(1, 0).answers == 1 && use(1, 2).output(ofEach: TokenCount(.max)).rawValue == .max)

    func output(_ use: ContextUse?, prompt: UInt64 = 400) -> UInt64 {
      Wish(
        endpoint: .chatCompletions, promptBound: TokenCount(prompt), outputMax: nil,
        inputCeiling: nil, outputCeiling: nil, contextUse: use
      ).bid(by: offer()).outputMax.rawValue
    }
    #expect(output(nil) == 1 && output(nil, prompt: 95) == 5)
    #expect(output(use(80, 3)) == 30, "the default, for each answer")
    #expect(output(use(86)) == 4, "which gives way, an eighth of the prompt early")
    #expect(output(use(99, 3)) == 3, "but for one token each")
    #expect(output(use(95), prompt: 95) == 5, "and none early where the bound is as low")
  }

  @Test("asks are in price order, each once, whatever the order of arrival")
  func index() {
    func ask(_ worker: UInt64, _ offer: Offer, version: UInt32 = 1) -> Ask {
      Ask(id: OfferID(worker: WorkerID(worker), index: 0), offer: offer, version: version)
    }
    let asks = [
      ask(4, offer(output: 1)), ask(3, offer(input: 0)), ask(1, offer()), ask(2, offer()),
      ask(5, offer(context: 500, outputDefault: 5, output: 9, endpoints: [.completions])),
    ]
    for rotation in 0..<asks.count {
      var index = PriceIndex()
      for ask in asks[rotation...] + asks[..<rotation] { index.insert(ask) }
      #expect(index.asks == asks)
      index.insert(ask(4, offer(output: 10), version: 2))
      #expect(index.asks.map(\.id.worker.rawValue) == [3, 1, 2, 5, 4])
      #expect(index.bounds(for: .completions)?.context == TokenCount(500))
      let bounds = index.bounds(for: .chatCompletions)
      #expect(bounds?.context == TokenCount(100) && bounds?.outputDefault == TokenCount(10))
      #expect(bounds?.highest.output == Price(nanoPerMillion: 10))
      #expect(bounds?.lowest.input == .zero && bounds?.lowest.output == Price(nanoPerMillion: 2))
      for ask in asks { index.remove(ask.id) }
      #expect(index.isEmpty && index.bounds(for: .completions) == nil)
    }
  }
}
