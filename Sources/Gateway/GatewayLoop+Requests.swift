internal import Crypto
internal import ExchangeClient
internal import ExchangeTypes
internal import JobDispatch
internal import NIOCore
internal import NIOHTTP1
internal import OpenAIFormat
internal import Transport
internal import WireProtocol

// Who answers which request.
extension GatewayLoop {
  /// A whole request has come.
  func serve(_ request: HTTPRequest, on connection: any RequestSource) {
    do throws(HTTPRefusal) {
      let (route, key) = try request.call.get()
      switch route {
      case .inference(let endpoint):
        try infer(endpoint, key, request, connection)
      case .events(let job):
        let last = request.head.headers.first(name: "last-event-id")
        let seq = try JobEventsAnswer.start(after: last)
        let answer = EventsAnswer(on: connection, of: self)
        connection.answer(request, with: answer)
        answer.begin(job, from: seq, key: key)
      case .models:
        ask(ModelList(), key, request, connection) {
          if case .modelListing(let listing) = $0 { ModelAnswer.list(listing) } else { nil }
        }
      case .model(let name):
        ask(ModelAnswer.question(name), key, request, connection) {
          guard case .modelListing(let listing) = $0 else { return nil }
          return ModelAnswer.one(name, of: listing)
        }
      case .job(let job):
        ask(JobQuery(job: job), key, request, connection, Self.job)
      case .why(let job):
        ask(JobWhyQuery(job: job), key, request, connection, Self.why)
      case .cancel(let job):
        ask(Cancel(job: job), key, request, connection, Self.job)
      case .money(let route): try serve(route, key: key, request, connection)
      case .market(let route): try serve(route, key: key, request, connection)
      case .health:
        reply(.json(Array(#"{"status":"ok"}"#.utf8)), to: request, connection)
      case .readiness:
        guard client.isReady else {
          throw HTTPRefusal(
            .unavailable, "no coordinator that knows a leader is connected", retryAfterMs: 1_000)
        }
        reply(.json(Array(#"{"status":"ready"}"#.utf8)), to: request, connection)
      case .metrics:
        answerMetrics(key, request, connection)
      }
    } catch {
      reply(error.reply, to: request, connection)
    }
  }

  /// Reads the body of a request for inference: a long one beside the loop, since that takes milliseconds of one that is made to.
  private func infer(
    _ endpoint: InferenceRequest.Endpoint, _ key: String, _ request: HTTPRequest,
    _ connection: any RequestSource
  ) throws(HTTPRefusal) {
    let (requestKey, drawn) = (try Self.requestKey(request), drawRequestKey())
    let (maxWaitMs, isDurable) = (try Self.maxWaitMs(request), try Self.isDurable(request))
    let read = { @Sendable (body: [UInt8]) -> Result<InferenceCall, HTTPRefusal> in
      Result { () throws(HTTPRefusal) in
        try InferenceCall(
          body: body, endpoint: endpoint, key: requestKey, drawn: drawn, maxWaitMs: maxWaitMs,
          isDurable: isDurable)
      }
    }
    guard request.bodyBytes > limits.bodyBytesAtOnceMax else {
      return begin(try read(request.takeBody()).get(), key, request, connection)
    }
    // A client that goes meanwhile takes its request with it, and the body: nothing here keeps either.
    let isTaken = beside.run(request.bodyBytes) { [weak connection, weak request] in
      request.flatMap { connection?.awaits($0) } ?? false
    } prepare: { [weak request] in
      let body = request?.takeBody() ?? []
      return { read(body) }
    } told: { [weak self, weak connection, weak request] call in
      guard let self, let connection, let request else { return }
      switch call {
      case .success(let call): begin(call, key, request, connection)
      case .failure(let refusal): reply(refusal.reply, to: request, connection)
      }
    }
    guard isTaken else {
      throw HTTPRefusal(
        .overloaded, "as many large requests wait to be read as the gateway keeps",
        retryAfterMs: 1_000)
    }
  }

  private func begin(
    _ call: InferenceCall, _ key: String, _ request: HTTPRequest, _ connection: any RequestSource
  ) {
    if call.isDryRun { return ask(call.dryRun, key, request, connection, Self.why) }
    let answer = InferenceAnswer(call, on: connection, of: self)
    connection.answer(request, with: answer)
    answer.begin(key: key)
  }

  private static func job(_ message: Message) -> HTTPReply? {
    if case .jobReport(let report) = message { JobSummaryAnswer.one(report) } else { nil }
  }

  private static func why(_ message: Message) -> HTTPReply? {
    if case .jobWhyReport(let report) = message { WhyAnswer.reply(report) } else { nil }
  }

  private func reply(_ reply: HTTPReply, to request: HTTPRequest, _ connection: any RequestSource) {
    let answer = CallAnswer()
    connection.answer(request, with: answer)
    connection.send(reply, from: answer)
  }

  /// Asks the leader one thing and answers with what `pick` makes of what it says.
  func ask(
    _ message: any WireMessage, _ key: String, _ request: HTTPRequest,
    _ connection: any RequestSource, _ pick: @escaping (Message) -> HTTPReply?
  ) {
    let answer = CallAnswer()
    connection.answer(request, with: answer)
    client.call(message, key: key, callerRetries: true) { [weak connection] result in
      connection?.send(Self.reply(to: result, pick), from: answer)
    }
  }

  /// What `pick` makes of what the leader said.
  static func reply(
    to result: Result<Message, ClientFailure>, _ pick: (Message) -> HTTPReply?
  ) -> HTTPReply {
    switch result {
    case .success(let message):
      pick(message) ?? HTTPRefusal(.internalError, "a coordinator answered another question").reply
    case .failure(let failure): HTTPRefusal(failure).reply
    }
  }

  /// Whether the answer is to hold only what a majority of the coordinators has on disk.
  private static func isDurable(_ request: HTTPRequest) throws(HTTPRefusal) -> Bool {
    switch request.head.headers["x-switchyard-durable"] {
    case [], ["false"]: return false
    case ["true"]: return true
    default:
      throw HTTPRefusal(
        .malformedRequest, "x-switchyard-durable is true or false, given once",
        param: "x-switchyard-durable")
    }
  }

  /// The longest that the request may wait for a worker; 0 where it says nothing.
  private static func maxWaitMs(_ request: HTTPRequest) throws(HTTPRefusal) -> UInt32 {
    let values = request.head.headers["x-switchyard-max-wait-ms"]
    guard let value = values.first else { return 0 }
    guard values.count == 1, let milliseconds = UInt32(value),
      (1...86_400_000).contains(milliseconds)
    else {
      throw HTTPRefusal(
        .malformedRequest, "x-switchyard-max-wait-ms is from 1 to 86400000, given once",
        param: "x-switchyard-max-wait-ms")
    }
    return milliseconds
  }

  /// The request's own name, as 128 bits of its hash; nil where it has none.
  static func requestKey(_ request: HTTPRequest) throws(HTTPRefusal) -> RequestKey? {
    let values = request.head.headers["idempotency-key"]
    guard let value = values.first else { return nil }
    guard values.count == 1, (1...255).contains(value.utf8.count) else {
      throw HTTPRefusal(
        .malformedRequest, "idempotency-key is given once and has 1 to 255 bytes",
        param: "idempotency-key")
    }
    let hash = Array(SHA256.hash(data: Array("idempotency-key ".utf8) + Array(value.utf8)))
    let halves = [hash[0..<8], hash[8..<16]].map { $0.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
    return RequestKey(high: halves[0], low: halves[1])
  }
}
