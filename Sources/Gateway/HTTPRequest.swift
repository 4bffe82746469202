internal import ExchangeTypes
internal import JobDispatch
internal import NIOCore
internal import NIOHTTP1
internal import OpenAIFormat

/// A request that has arrived, and as far as it has.
///
/// What is wrong with its head is remembered: the body is read and dropped, so that the connection can go on. A class,
/// so that a body that grows piece by piece is copied once. Confined to its connection's loop.
final class HTTPRequest {
  /// What it asks for, by whom, or why it is refused.
  let call: Result<(route: HTTPRoute, key: String), HTTPRefusal>
  /// The head, for the fields that routes read.
  let head: HTTPRequestHead
  /// Its name in answers and logs.
  let id: String
  /// The body so far.
  private(set) var body: [UInt8] = []
  /// Bytes of the body that have come, kept or not.
  private var arrived = 0
  private let bodyMax: Int

  /// Reads a head.
  ///
  /// - Parameters:
  ///   - head: as the decoder gives it.
  ///   - limits: how long a body may be.
  ///   - drawnID: a name, for a client that gave none.
  init(_ head: HTTPRequestHead, limits: HTTPLimits, drawnID: @autoclosure () -> String) {
    self.head = head
    bodyMax = limits.bodyBytesMax
    id = Self.clientsID(head.headers) ?? drawnID()
    do throws(HTTPRefusal) {
      let route = try HTTPRoute(method: head.method.rawValue, target: head.uri)
      call = .success((route, try Self.key(head.headers, route.keyUse)))
    } catch {
      call = .failure(error)
    }
    // A declared length is a promise of the client's: no more is set aside for it than most requests need.
    if case .success = call, let length = declaredLength, length > 0 {
      body.reserveCapacity(min(length, Self.bodyBytesAhead))
    }
  }

  private static let bodyBytesAhead = 64 << 10

  /// What the head says of the body's length.
  private var declaredLength: Int? {
    head.headers.first(name: "content-length").flatMap { Int($0) }
  }

  /// What it asks for, as a word for counters.
  var routeName: String {
    guard case .success(let call) = call else { return "none" }
    return switch call.route {
    case .inference(.chatCompletions): "chat_completions"
    case .inference(.completions): "completions"
    case .inference(.embeddings): "embeddings"
    case .models: "models"
    case .model: "model"
    case .job: "job"
    case .why: "why"
    case .cancel: "cancel"
    case .events: "events"
    case .money(let route): route.name
    case .market(let route): route.name
    case .health: "healthz"
    case .readiness: "readyz"
    case .metrics: "metrics"
    }
  }

  /// Bytes of the body so far.
  var bodyBytes: Int { body.count }

  /// The body, which is then no longer held here.
  func takeBody() -> [UInt8] {
    defer { body = [] }
    return body
  }

  /// Why neither the body nor what follows it is read: it is too long, or nobody could say where it ends or to whom the
  /// request goes.
  var fatal: HTTPRefusal? {
    if let refusal = misdirected ?? misframed { return refusal }
    guard let length = declaredLength, length > bodyMax else { return nil }
    return tooLarge
  }

  /// A host that is missing, doubled or none (RFC 9112, section 3.2).
  private var misdirected: HTTPRefusal? {
    let hosts = head.headers["host"]
    guard hosts.count == 1 || (hosts.isEmpty && head.version.minor == 0) else {
      return HTTPRefusal(.malformedRequest, "a request has one host field, not \(hosts.count)")
    }
    // Blanks behind a value are no part of it (section 5).
    let end = hosts.first?.utf8.lastIndex { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
    if let host = hosts.first?.utf8, let end, !host[...end].allSatisfy(Self.isOfHosts) {
      return HTTPRefusal(.malformedRequest, "the host field is a name or an address, and a port")
    }
    return nil
  }

  /// A body that comes in another coding than chunks alone, which others on the way may read otherwise, or of which
  /// nobody can tell where it ends (RFC 9112, sections 6.1 and 6.3).
  private var misframed: HTTPRefusal? {
    let codings = head.headers[canonicalForm: "transfer-encoding"]
    guard !codings.isEmpty || head.headers.contains(name: "transfer-encoding") else { return nil }
    guard head.version.minor > 0 else {
      return HTTPRefusal(.malformedRequest, "\(head.version) knows no transfer-encoding")
    }
    guard codings.last?.lowercased() == "chunked" else {
      return HTTPRefusal(.malformedRequest, "the last transfer-encoding of a request is chunked")
    }
    guard codings.count == 1 else {
      return HTTPRefusal(.notImplemented, "no other transfer-encoding than chunked is known")
    }
    return nil
  }

  /// Whether a host and a port may hold it (RFC 3986, section 3.2.2).
  private static func isOfHosts(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      true
    default: "-._~!$&'()*+,;=:[]%".utf8.contains(byte)
    }
  }

  /// Whether the client waits for a word before it sends the body (RFC 9110, section 10.1.1).
  var awaitsContinue: Bool {
    head.headers.first(name: "expect")?.lowercased() == "100-continue"
  }

  /// Whether the connection can carry another request: not after one that asks for another protocol, for the decoder
  /// stops there.
  var keepsAlive: Bool {
    head.isKeepAlive && head.method != .CONNECT && !head.headers.contains(name: "upgrade")
  }

  /// Whether the body is kept, for somebody to read.
  var keepsBody: Bool { if case .success = call { true } else { false } }

  /// Adds a piece of the body, or drops it where nobody will read it; either way there is an end to it.
  func append(_ bytes: some Collection<UInt8>) throws(HTTPRefusal) {
    arrived += bytes.count
    guard arrived <= bodyMax else { throw tooLarge }
    guard keepsBody else { return }
    // A large body is moved twice on its way, and not whenever it has doubled; set aside is at most four times what has come.
    if body.count + bytes.count > body.capacity, let length = declaredLength, length > arrived {
      body.reserveCapacity(min(length, 4 * arrived))
    }
    body.append(contentsOf: bytes)
  }

  private var tooLarge: HTTPRefusal {
    HTTPRefusal(.payloadTooLarge, "the body has more than \(bodyMax) bytes")
  }

  /// The key of `authorization: Bearer …`; empty where none is wanted, or may be left away and is.
  private static func key(
    _ headers: HTTPHeaders, _ use: HTTPRoute.KeyUse
  ) throws(HTTPRefusal) -> String {
    guard use != .none else { return "" }
    let values = headers["authorization"]
    let parts = values.first?.split(separator: " ", maxSplits: 1) ?? []
    guard values.count == 1, parts.count == 2, parts[0].lowercased() == "bearer" else {
      // A proxy may ask for a password of its own, and pass it on.
      if use == .optional { return "" }
      throw HTTPRefusal(
        .unauthenticated, "send an API key: authorization: Bearer sy_<id>_<secret>")
    }
    let key = parts[1].drop { $0 == " " }
    // Nor is another's bearer token a key, where none is asked for.
    if use == .optional, !key.hasPrefix("sy_") { return "" }
    // It travels on in a header field: what is no key at all goes no further.
    guard key.hasPrefix("sy_"), key.utf8.count <= (key.hasPrefix("sy_d_") ? 4_096 : 80),
      key.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
    else { throw HTTPRefusal(.unauthenticated, "the API key is unknown or revoked") }
    return String(key)
  }

  private static func clientsID(_ headers: HTTPHeaders) -> String? {
    guard let id = headers.first(name: "x-request-id"), (1...128).contains(id.utf8.count),
      id.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
    else { return nil }
    return id
  }
}
