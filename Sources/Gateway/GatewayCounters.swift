internal import JobDispatch

/// What one loop has counted.
struct GatewayCounters {
  /// Connections that are open.
  var connections = 0
  /// Requests by what they ask for.
  private(set) var requests: [String: UInt64] = [:]
  /// Answers by status.
  private(set) var answers: [Int: UInt64] = [:]
  /// Answers that broke after they had begun.
  var broken: UInt64 = 0
  /// Connections that were ended because their reader took nothing.
  var stalled: UInt64 = 0

  /// A request is about to be answered.
  mutating func begin(_ request: HTTPRequest) {
    requests[request.routeName, default: 0] += 1
  }

  /// An answer has begun.
  mutating func answered(status: Int) { answers[status, default: 0] += 1 }

  /// The counters in Prometheus' text format.
  var reply: HTTPReply {
    var text = ""
    func metric(_ name: String, _ kind: String, _ help: String, _ samples: [(String, String)]) {
      text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
      for (labels, value) in samples { text += "\(name)\(labels) \(value)\n" }
    }
    metric(
      "switchyard_gateway_connections", "gauge", "Connections of clients that are open.",
      [("", "\(connections)")])
    metric(
      "switchyard_gateway_requests_total", "counter", "Requests by route.",
      requests.sorted { $0.key < $1.key }.map { ("{route=\"\($0.key)\"}", "\($0.value)") })
    metric(
      "switchyard_gateway_responses_total", "counter", "Answers by status.",
      answers.sorted { $0.key < $1.key }.map { ("{status=\"\($0.key)\"}", "\($0.value)") })
    metric(
      "switchyard_gateway_broken_streams_total", "counter",
      "Answers that ended with an error after they had begun.", [("", "\(broken)")])
    metric(
      "switchyard_gateway_stalled_clients_total", "counter",
      "Connections ended because their client took nothing.", [("", "\(stalled)")])
    return HTTPReply(
      head: .init(
        status: 200, fields: [.init("content-type", "text/plain; version=0.0.4; charset=utf-8")]),
      body: Array(text.utf8), end: .complete)
  }
}
