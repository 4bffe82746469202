import ExchangeTypes
import OpenAIFormat
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("Routes")
struct HTTPRouteTests {
  @Test(
    "a method and a path ask for one thing",
    arguments: [
      ("POST", "/v1/chat/completions", HTTPRoute.inference(.chatCompletions)),
      ("POST", "/v1/completions/", .inference(.completions)),
      ("GET", "/v1/models?x=1", .models),
      ("GET", "/v1/models/org/a%20b%2Fc", .model("org/a b/c")),
      ("HEAD", "http://host:1/healthz", .health),
      // A scheme is the same in either case (RFC 3986, section 3.1).
      ("GET", "HTTP://a/healthz", .health), ("GET", "hTTps://a/v1/models?b/c#d", .models),
      ("GET", "http://[::1]:80/healthz#/x", .health),
      ("GET", "/v1/jobs/7", .job(JobID(7))),
      ("GET", "/v1/jobs/7/events", .events(JobID(7))),
      ("POST", "/v1/jobs/7/cancel", .cancel(JobID(7))),
      ("POST", "/v1/embeddings", .inference(.embeddings)),
    ])
  func asked(method: String, target: String, route: HTTPRoute) throws {
    #expect(try HTTPRoute(method: method, target: target) == route)
  }

  @Test(
    "what is nothing is refused by its own code",
    arguments: [
      ("GET", "/", ErrorCode.notFound), ("GET", "*", .notFound), ("GET", "", .notFound),
      ("GET", "/v1", .notFound), ("GET", "/healthz/x", .notFound),
      // An authority ends at its first slash, question mark or number sign (RFC 3986, section 3.2).
      ("GET", "http://a?b/healthz", .notFound), ("GET", "http://a#b/healthz", .notFound),
      ("GET", "HTTP://a", .notFound), ("GET", "http:/healthz", .notFound),
      ("GET", "/v1/jobs/0", .unknownJob), ("GET", "/v1/jobs/-1", .unknownJob),
      ("GET", "/v1/jobs/99999999999999999999", .unknownJob), ("GET", "/v1/jobs/1/x", .notFound),
      ("GET", "/v1/chat/completions", .methodNotAllowed),
      ("DELETE", "/v1/models", .methodNotAllowed),
      ("POST", "/v1/rerank", .notImplemented), ("GET", "/v1/models/%zz", .malformedRequest),
      ("GET", "/v1/models/%ff", .malformedRequest), ("GET", "/v1/models/a%2", .malformedRequest),
    ])
  func refused(method: String, target: String, code: ErrorCode) {
    expectNoRoute(method, target, code)
  }
}

@Suite("Refusals over HTTP")
struct HTTPRefusalTests {
  @Test("statuses, words and what to do about it")
  func words() {
    let key = HTTPRefusal(Failure(.unauthenticated, "no"))
    #expect(key.status == 401 && key.name == "invalid_api_key" && key.shouldRetry == false)
    #expect(key.reply.head?.fields.contains(.init("www-authenticate", "Bearer")) == true)
    let credit = HTTPRefusal(Failure(.insufficientCredit, "no"))
    #expect(credit.status == 402 && credit.name == "insufficient_quota")
    #expect(credit.error.type == "insufficient_quota")
    let busy = HTTPRefusal(Failure(.overloaded, "later", retryAfterMs: 1_500))
    #expect(busy.status == 503 && busy.shouldRetry == true)
    #expect(busy.reply.head?.fields.contains(.init("retry-after", "2")) == true)
    #expect(busy.reply.head?.fields.contains(.init("retry-after-ms", "1500")) == true)
    #expect(HTTPRefusal(Failure(.tooManyJobs, "wait")).shouldRetry == nil)
    let unknown = HTTPRefusal(
      Failure(code: 9_999, message: "?", details: [], retryAfterMs: nil, job: JobID(0), charge: nil)
    )
    #expect(unknown.status == 500 && unknown.name == "error_9999" && unknown.shouldRetry == false)
  }

  @Test(
    "a key's limits are said in OpenAI's header fields, and those that were met with the refusal")
  func rates() {
    func said(_ rate: RateSummary?) -> [String] {
      RateFields.of(rate).map { "\($0.name.dropFirst("x-ratelimit-".count)) \($0.value)" }
    }
    #expect(said(nil) == [])
    #expect(
      said(RateSummary(requests: 60, requestsLeft: 57, tokens: 1_000, tokensLeft: 0)) == [
        "limit-requests 60", "remaining-requests 57", "reset-requests 3s", "limit-tokens 1000",
        "remaining-tokens 0", "reset-tokens 1m0s",
      ])
    #expect(
      said(RateSummary(requests: nil, requestsLeft: 0, tokens: 60_000, tokensLeft: 59_999))
        == ["limit-tokens 60000", "remaining-tokens 59999", "reset-tokens 1ms"])
    func refusal(_ code: ErrorCode, _ details: [(String, String)]) -> HTTPRefusal {
      HTTPRefusal(
        Failure(
          refusing: code, details: details.map { ErrorDetail(name: $0.0, value: $0.1) },
          retryAfterMs: code.isRetryable ? 1_200 : nil))
    }
    let met = refusal(
      .rateLimitExceeded,
      [("limit", "requests"), ("needed", "1"), ("per_minute", "50"), ("left", "0")])
    let fields = met.reply.head?.fields ?? []
    #expect(met.status == 429 && met.name == "rate_limit_exceeded")
    for field in [
      HTTPReply.Field("x-should-retry", "true"), .init("retry-after", "2"),
      .init("retry-after-ms", "1200"), .init("x-ratelimit-limit-requests", "50"),
      .init("x-ratelimit-remaining-requests", "0"), .init("x-ratelimit-reset-requests", "1m0s"),
    ] { #expect(fields.contains(field), "\(field)") }
    let never = refusal(
      .requestAboveRateLimit, [("limit", "tokens"), ("needed", "900"), ("per_minute", "500")])
    #expect(never.status == 429)
    #expect(never.reply.head?.fields.contains(.init("x-should-retry", "false")) == true)
    #expect(never.reply.head?.fields.contains { $0.name == "retry-after" } == false)
  }

  @Test("every code that may reach HTTP has a status of an error")
  func statuses() {
    for code in ErrorCode.allCases where code.httpStatus != nil {
      #expect((400...599).contains(HTTPRefusal(code, "").status), "\(code)")
    }
  }
}

@Suite("Calls for inference")
struct InferenceCallTests {
  private func call(_ body: String, key: RequestKey? = nil) throws -> InferenceCall {
    try InferenceCall(
      body: Array(body.utf8), endpoint: .chatCompletions, key: key,
      drawn: RequestKey(high: 1, low: 2))
  }

  @Test("the body travels byte for byte, unknown fields and all")
  func verbatim() throws {
    let body = #"{ "model":"m","messages":[{"role":"user","content":"x"}], "new_field": 1.0 }"#
    let call = try call(body)
    #expect(call.submit.body == Array(body.utf8))
    #expect(call.submit.mode == .attached && call.submit.follow && !call.stream)
    #expect(call.submit.requestKey == RequestKey(high: 1, low: 2))
  }

  @Test("a request that names itself goes on without its connection")
  func named() throws {
    let key = RequestKey(high: 8, low: 9)
    let body = #"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}"#
    let call = try call(body, key: key)
    #expect(call.submit.mode == .submitted && call.submit.requestKey == key && call.stream)
    #expect(!call.isDryRun)
  }

  @Test("a dry run asks what would happen, under the request's own name")
  func dryRun() throws {
    let body = #"{"model":"m","dry_run":true,"messages":[{"role":"user","content":"x"}]}"#
    let call = try call(body)
    #expect(call.isDryRun && call.dryRun.body == Array(body.utf8) && call.dryRun.servedOnly)
    #expect(call.dryRun.requestKey == call.submit.requestKey)
  }

  @Test(
    "what is no request names the field at fault",
    arguments: [
      ("", nil), ("[]", nil), (#"{"messages":[]}"#, "model"),
      (#"{"model":"m"}"#, "messages"),
      (#"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":"yes"}"#, "stream"),
      (#"{"model":"m","messages":[{"role":"user","content":"x"}],"n":0}"#, "n"),
    ] as [(String, String?)])
  func malformed(body: String, param: String?) {
    #expect {
      _ = try call(body)
    } throws: {
      let refusal = $0 as? HTTPRefusal
      return refusal?.status == 400 && refusal?.param == param
    }
  }
}
