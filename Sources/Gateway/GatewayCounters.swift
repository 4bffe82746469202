internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

/// What one loop has counted, in Prometheus' terms; names after its conventions and OpenTelemetry's for generative AI.
struct GatewayCounters: Sendable {
  /// Connections that are open.
  var connections = 0
  /// Requests for inference that are being answered.
  var running = 0
  /// Answers that broke after they had begun.
  var broken: UInt64 = 0
  /// Connections that were ended because their reader took nothing.
  var stalled: UInt64 = 0
  /// Connections that came to no agreement on TLS.
  var handshakesFailed: UInt64 = 0
  /// Clients that left before their answer had ended.
  var left: UInt64 = 0
  /// Outputs that were delivered and could not be deleted: they go with their time.
  var undeleted: UInt64 = 0
  /// From a request to its first output.
  var firstToken = Histogram()
  /// Between two tokens of a stream.
  var perToken = Histogram()
  /// From a request to the end of its answer.
  var duration = Histogram()
  private var requests: [String: UInt64] = [:]
  private var answers: [Int: UInt64] = [:]
  private var unlisted: [String: UInt64] = [:]
  private var promptTokens: UInt64 = 0
  private var outputTokens: UInt64 = 0
  /// In nano-credits.
  private var charged: UInt64 = 0

  /// A request is about to be answered.
  mutating func begin(_ request: HTTPRequest) { requests[request.routeName, default: 0] += 1 }

  /// An answer has begun.
  mutating func answered(status: Int) { answers[status, default: 0] += 1 }

  /// A scrape that brought a key was not told of workers.
  mutating func notListed(_ reason: ErrorCode?) {
    unlisted[reason?.name ?? "unknown", default: 0] += 1
  }

  /// A job has settled.
  mutating func settled(_ job: JobSummary) {
    promptTokens &+= job.promptTokens.rawValue
    outputTokens &+= job.outputTokens.rawValue
    charged &+= job.charge.rawValue
  }

  /// Adds what another loop has counted.
  mutating func add(_ other: GatewayCounters) {
    connections += other.connections
    running += other.running
    broken &+= other.broken
    stalled &+= other.stalled
    handshakesFailed &+= other.handshakesFailed
    left &+= other.left
    undeleted &+= other.undeleted
    firstToken.add(other.firstToken)
    perToken.add(other.perToken)
    duration.add(other.duration)
    requests.merge(other.requests) { $0 &+ $1 }
    answers.merge(other.answers) { $0 &+ $1 }
    unlisted.merge(other.unlisted) { $0 &+ $1 }
    promptTokens &+= other.promptTokens
    outputTokens &+= other.outputTokens
    charged &+= other.charged
  }

  /// The answer of `GET /metrics`, with what was told beside it and what was refused, by its kind in the log.
  func reply(with more: String, refused: [String: UInt64]) -> HTTPReply {
    HTTPReply(
      head: .init(
        status: 200, fields: [.init("content-type", "text/plain; version=0.0.4; charset=utf-8")]),
      body: Array((text(refused) + more).utf8), end: .complete)
  }

  private func text(_ refused: [String: UInt64]) -> String {
    var text = ""
    func metric(_ name: String, _ kind: String, _ help: String, _ samples: [(String, String)]) {
      text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
      for (ending, value) in samples { text += "\(name)\(ending) \(value)\n" }
    }
    func number(_ name: String, _ kind: String, _ help: String, _ value: some BinaryInteger) {
      metric("switchyard_gateway_\(name)", kind, help, [("", "\(value)")])
    }
    number("connections", "gauge", "Connections of clients that are open.", connections)
    number("requests_running", "gauge", "Requests for inference being answered.", running)
    metric(
      "switchyard_gateway_requests_total", "counter", "Requests by route.",
      requests.sorted { $0.key < $1.key }.map { ("{route=\"\($0.key)\"}", "\($0.value)") })
    metric(
      "switchyard_gateway_responses_total", "counter", "Answers by status.",
      answers.sorted { $0.key < $1.key }.map { ("{status=\"\($0.key)\"}", "\($0.value)") })
    number("broken_streams_total", "counter", "Answers that ended with an error in them.", broken)
    number(
      "stalled_clients_total", "counter", "Clients cut off because they took nothing.", stalled)
    number(
      "failed_handshakes_total", "counter", "Connections that came to no agreement on TLS.",
      handshakesFailed)
    metric(
      "switchyard_gateway_refusals_total", "counter",
      "Connections that ended for what their client did, and coordinators that refused this gateway, by kind.",
      refused.sorted { $0.key < $1.key }.map { ("{kind=\"\($0.key)\"}", "\($0.value)") })
    number("left_clients_total", "counter", "Clients that left before their answer's end.", left)
    number(
      "undeleted_outputs_total", "counter",
      "Outputs kept until delivery that could not be deleted after it.", undeleted)
    metric(
      "switchyard_gateway_unlisted_workers_total", "counter",
      "Scrapes with a key that were not told of workers' GPUs, by the error.",
      unlisted.sorted { $0.key < $1.key }.map { ("{error=\"\($0.key)\"}", "\($0.value)") })
    metric(
      "switchyard_gateway_tokens_total", "counter", "Tokens charged, by their kind.",
      [("{type=\"input\"}", "\(promptTokens)"), ("{type=\"output\"}", "\(outputTokens)")])
    number(
      "charged_nanocredits_total", "counter", "Nano-credits charged for jobs, each counted once.",
      charged)
    metric(
      "gen_ai_server_time_to_first_token_seconds", "histogram",
      "From a request to its first output.", firstToken.samples)
    metric(
      "gen_ai_server_time_per_output_token_seconds", "histogram",
      "Between two tokens of a stream.", perToken.samples)
    metric(
      "gen_ai_server_request_duration_seconds", "histogram",
      "From a request for inference to its answer's end.", duration.samples)
    return text
  }
}
