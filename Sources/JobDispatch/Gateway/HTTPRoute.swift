public import ExchangeTypes
public import OpenAIFormat

/// What a method and a path ask for.
public enum HTTPRoute: Hashable, Sendable {
  /// `POST /v1/chat/completions`, `POST /v1/completions` and `POST /v1/embeddings`.
  case inference(InferenceRequest.Endpoint)
  /// `GET /v1/models`.
  case models
  /// `GET /v1/models/{id}`; the id may hold slashes.
  case model(String)
  /// `GET /v1/jobs/{id}`.
  case job(JobID)
  /// `POST /v1/jobs/{id}/cancel`.
  case cancel(JobID)
  /// `GET /v1/jobs/{id}/why`.
  case why(JobID)
  /// `GET /v1/jobs/{id}/events`.
  case events(JobID)
  /// Accounts, keys, budgets and the books.
  case money(MoneyRoute)
  /// What is asked, what was sold and earned.
  case market(MarketRoute)
  /// `GET /healthz`: the process answers.
  case health
  /// `GET /readyz`: a coordinator is connected and knows a leader.
  case readiness
  /// `GET /metrics`: the gateway's own, and what the key may see of workers.
  case metrics

  /// What a route wants of a request's API key.
  public enum KeyUse: Hashable, Sendable {
    /// Nothing: the answer is the same for everybody.
    case none
    /// Who brings one is told more.
    case optional
    /// It is asked for in its name.
    case required
  }

  /// What it wants of the request's API key.
  public var keyUse: KeyUse {
    switch self {
    case .health, .readiness: .none
    case .metrics: .optional
    default: .required
    }
  }

  /// OpenAI's paths that nothing here serves.
  private static let unserved: Set<String> = [
    "responses", "messages", "files", "batches", "moderations", "rerank", "images",
    "audio", "fine_tuning", "assistants", "threads", "vector_stores", "uploads", "tokenize",
  ]

  /// Reads a request's first line.
  ///
  /// - Parameters:
  ///   - method: such as `GET`.
  ///   - target: path and query, or an absolute URI (RFC 9112, section 3.2); the query is read of money's and the market's routes only.
  /// - Throws: `not_found`, `method_not_allowed`, `not_implemented`.
  public init(method: String, target: String) throws(HTTPRefusal) {
    // Most requests name one of three paths as it is written, and nothing of that need be taken apart.
    if method == "POST", let endpoint = InferenceRequest.Endpoint(rawValue: target) {
      self = .inference(endpoint)
      return
    }
    let path = try Self.path(of: target)
    if path.first == "v1" {
      let (rest, query) = (Array(path.dropFirst()), Self.query(of: target))
      if let money = try MoneyRoute(method: method, path: rest, query: query) {
        self = .money(money)
        return
      }
      if let market = try MarketRoute(method: method, path: rest, query: query) {
        self = .market(market)
        return
      }
    }
    let route: HTTPRoute
    let allowed: String
    switch path.first {
    case "healthz" where path.count == 1: (route, allowed) = (.health, "GET")
    case "readyz" where path.count == 1: (route, allowed) = (.readiness, "GET")
    case "metrics" where path.count == 1: (route, allowed) = (.metrics, "GET")
    case "v1": (route, allowed) = try Self.versioned(Array(path.dropFirst()), target)
    default: throw Self.notFound(target)
    }
    guard method == allowed || (allowed == "GET" && method == "HEAD") else {
      throw HTTPRefusal(
        .methodNotAllowed, "the path takes \(allowed), not \(method)", allow: allowed)
    }
    self = route
  }

  private static func versioned(
    _ path: [String], _ target: String
  ) throws(HTTPRefusal) -> (HTTPRoute, String) {
    switch path.first {
    case "chat" where path.count == 2 && path[1] == "completions":
      return (.inference(.chatCompletions), "POST")
    case "completions" where path.count == 1: return (.inference(.completions), "POST")
    case "embeddings" where path.count == 1: return (.inference(.embeddings), "POST")
    case "models" where path.count == 1: return (.models, "GET")
    case "models": return (.model(path.dropFirst().joined(separator: "/")), "GET")
    case "jobs" where path.count == 2 || path.count == 3:
      guard let number = UInt64(path[1]), number > 0, path[1].first != "+" else {
        throw HTTPRefusal(.unknownJob, "a job's id is a number from 1 on")
      }
      guard path.count == 3 else { return (.job(JobID(number)), "GET") }
      switch path[2] {
      case "events": return (.events(JobID(number)), "GET")
      case "why": return (.why(JobID(number)), "GET")
      case "cancel": return (.cancel(JobID(number)), "POST")
      default: throw notFound(target)
      }
    case let first? where unserved.contains(first):
      throw HTTPRefusal(.notImplemented, "no worker of this exchange serves /v1/\(first)")
    default: throw notFound(target)
    }
  }

  /// What stands behind the question mark.
  private static func query(of target: String) -> Substring {
    let whole = target.prefix { $0 != "#" }
    return whole.firstIndex(of: "?").map { whole[whole.index(after: $0)...] } ?? ""
  }

  /// The decoded parts of the path; a slash at its end adds none.
  private static func path(of target: String) throws(HTTPRefusal) -> [String] {
    var rest = target[...]
    // An absolute URI: a scheme in either case, and an authority up to the first of `/`, `?` and `#` (RFC 3986, 3.1 and 3.2).
    for scheme in ["http://", "https://"]
    where rest.prefix(scheme.count).lowercased() == scheme {
      rest = rest.dropFirst(scheme.count).drop { $0 != "/" && $0 != "?" && $0 != "#" }
      if rest.first != "/" { rest = "/" }
      break
    }
    if let end = rest.firstIndex(where: { $0 == "?" || $0 == "#" }) { rest = rest[..<end] }
    guard rest.first == "/" else { throw notFound(target) }
    var parts: [String] = []
    for part in rest.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      guard let decoded = decode(part.utf8) else {
        throw HTTPRefusal(.malformedRequest, "the path holds a % without two digits of UTF-8")
      }
      parts.append(decoded)
    }
    if parts.last == "" { parts.removeLast() }
    return parts
  }

  /// Undoes percent-encoding (RFC 3986, section 2.1); nil where there is none to undo.
  static func decode(_ part: Substring.UTF8View) -> String? {
    var bytes: [UInt8] = []
    var rest = part[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(hexadecimalDigit),
        let low = rest.popFirst().flatMap(hexadecimalDigit)
      else { return nil }
      bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func notFound(_ target: String) -> HTTPRefusal {
    HTTPRefusal(.notFound, "there is nothing at \(String(target.prefix(200)))")
  }
}
