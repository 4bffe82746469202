import ExchangeTypes
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("The market over HTTP")
struct MarketHTTPTests {
  @Test(
    "a method and a path ask for one thing; a model's name may have what paths escape",
    arguments: [
      ("GET", "/v1/market/book?model=a%2Fb%20c", MarketRoute.book(model: "a/b c")),
      (
        "GET", "/v1/market/quote?model=m&input_tokens=2000&output_tokens=500",
        .quote(model: "m", promptTokens: 2_000, outputTokens: 500)
      ),
      (
        "HEAD", "/v1/market/quote?output_tokens=1&model=m",
        .quote(model: "m", promptTokens: 0, outputTokens: 1)
      ),
      ("GET", "/v1/market/history?model=m", .history(model: "m", hours: 24)),
      ("GET", "/v1/market/history?model=m&hours=168", .history(model: "m", hours: 168)),
      ("GET", "/v1/market/asks", .asks), ("PUT", "/v1/market/asks", .setAsk),
      ("DELETE", "/v1/market/asks?model=m", .withdrawAsk(model: "m")),
      ("GET", "/v1/earnings", .earnings(of: AccountID(0), after: 0)),
      ("GET", "/v1/earnings?account=4&after=9", .earnings(of: AccountID(4), after: 9)),
    ])
  func asked(method: String, target: String, route: MarketRoute) throws {
    #expect(try HTTPRoute(method: method, target: target) == .market(route))
  }

  @Test(
    "what is nothing is refused by its own code",
    arguments: [
      ("POST", "/v1/market/asks", ErrorCode.methodNotAllowed, nil),
      ("PUT", "/v1/market/book?model=m", .methodNotAllowed, nil),
      ("GET", "/v1/market", .notFound, nil), ("GET", "/v1/market/asks/m", .notFound, nil),
      ("GET", "/v1/market/book", .malformedRequest, "model"),
      ("GET", "/v1/market/book?model=", .malformedRequest, "model"),
      ("GET", "/v1/market/book?model=%f", .malformedRequest, "model"),
      ("GET", "/v1/market/quote?model=m", .malformedRequest, "output_tokens"),
      ("GET", "/v1/market/quote?model=m&output_tokens=0", .malformedRequest, "output_tokens"),
      (
        "GET", "/v1/market/quote?model=m&output_tokens=1&input_tokens=4294967296",
        .malformedRequest, "input_tokens"
      ),
      ("GET", "/v1/market/history?model=m&hours=169", .malformedRequest, "hours"),
      ("DELETE", "/v1/market/asks", .malformedRequest, "model"),
      ("GET", "/v1/earnings?model=m", .malformedRequest, "model"),
    ] as [(String, String, ErrorCode, String?)])
  func refused(method: String, target: String, code: ErrorCode, param: String?) {
    expectNoRoute(method, target, code, param: param)
  }

  @Test("the body of an ask: prices are text, what is absent is the worker's or nobody")
  func ask() throws {
    let whole = try MoneyBody.ask(
      Array(
        #"{"model":"m","input_price":"0.2","cached_input_price":"0.1","output_price":"0.6","reserve":2,"own":[5,6],"only":[],"refuse":[7]}"#
          .utf8))
    #expect(
      whole
        == PostedTerms(
          model: "m", priceInput: Price(nanoPerMillion: 200_000_000),
          priceCachedInput: Price(nanoPerMillion: 100_000_000),
          priceOutput: Price(nanoPerMillion: 600_000_000), reserve: 2,
          own: [AccountID(5), AccountID(6)], only: [], refuse: [AccountID(7)]))
    #expect(
      try MoneyBody.ask(Array(#"{"model":"m"}"#.utf8))
        == PostedTerms(
          model: "m", priceInput: nil, priceCachedInput: nil, priceOutput: nil, reserve: 0,
          own: [], only: [], refuse: []))
    for (body, param) in [
      ("{}", "model"), (#"{"model":"m","input_price":0.2}"#, "input_price"),
      (#"{"model":"m","reserve":65536}"#, "reserve"), (#"{"model":"m","own":5}"#, "own"),
      (#"{"model":"m","only":[0]}"#, "only"), (#"{"model":"m","price":"1"}"#, "price"),
    ] {
      #expect {
        _ = try MoneyBody.ask(Array(body.utf8))
      } throws: {
        let refusal = $0 as? HTTPRefusal
        return refusal?.code == .malformedRequest && refusal?.param == param
      }
    }
  }

  @Test(
    "answers: prices in credits a million, null where nothing was sold; a quote says what it costs")
  func answers() {
    let ask = AskEntry(
      account: AccountID(4), supplier: "sam", worker: WorkerID(1), name: "w1",
      priceInput: Price(nanoPerMillion: 200_000_000), priceCachedInput: .zero,
      priceOutput: Price(nanoPerMillion: 1_000_000_000), context: 4_096, outputDefault: 256,
      slots: 2, slotsFree: 1, reserve: 0, admits: true)
    let quote = text(
      MarketAnswer.book(Book(asks: [ask], costs: [Credits(nano: 900_000)], more: false)))
    #expect(
      quote
        == #"{"object":"list","data":[{"object":"ask","account":4,"supplier":"sam","worker":1,"name":"w1","input_price":"0.2","cached_input_price":"0","output_price":"1","context":4096,"output_default":256,"slots":2,"slots_free":1,"reserve":0,"admits":true,"cost":"0.0009"}],"has_more":false}"#
    )
    let (mean, none) = (Price(nanoPerMillion: 4_666_666_666), Price.zero)
    let history = text(
      MarketAnswer.history(
        PriceHistory(
          intervalMs: 3_600_000,
          points: [
            PriceEntry(
              start: LogTime(milliseconds: 3_600_000), jobs: 3, promptTokens: 0, inputMean: none,
              inputLow: none, inputHigh: none, cachedTokens: 0, cachedMean: none, cachedLow: none,
              cachedHigh: none, outputTokens: 45, outputMean: mean, outputLow: mean,
              outputHigh: mean, ownTokens: 75)
          ])))
    #expect(
      history.contains(
        #""jobs":3,"input":{"tokens":0,"mean":null,"low":null,"high":null},"cached_input":"#))
    #expect(history.contains(#""output":{"tokens":45,"mean":"4.666666666","low""#))
    #expect(history.contains(#""own_tokens":75}"#))
  }

  private func text(_ reply: HTTPReply) -> String { String(decoding: reply.body, as: UTF8.self) }
}
