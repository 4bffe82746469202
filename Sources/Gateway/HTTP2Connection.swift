internal import HTTP2Session
internal import JobDispatch
internal import NIOCore
internal import Transport

/// One client's connection over HTTP/2: as many requests at once as it has streams.
///
/// What it may cost is `HTTP2Limits`', and its session sees to that; the times of requests are kept here, as on a connection of
/// HTTP/1.1. A connection without requests is drained after the time that an idle one has.
final class HTTP2Connection: LinkDelegate, ClientConnection {
  private let loop: GatewayLoop
  private let link: Link
  /// Why the connection is not served at all.
  private let refusal: HTTPRefusal?
  private var requests: [StreamID: HTTP2Request] = [:]
  /// When a connection without requests has lasted too long, in monotonic milliseconds.
  private var deadline: UInt64

  init(loop: GatewayLoop, link: Link, refusal: HTTPRefusal?) {
    self.loop = loop
    self.link = link
    self.refusal = refusal
    deadline = loop.now + loop.limits.headMilliseconds
    loop.add(self)
  }

  // MARK: The link

  func accepted(_ stream: LinkStream, headers: [HeaderField], on link: Link)
    -> (any StreamHandler)?
  {
    let request = HTTP2Request(on: stream, of: loop, limits: link.limits) { [weak self] in
      self?.ended(stream.id)
    }
    requests[stream.id] = request
    request.begin(headers, refusal: refusal)
    if refusal != nil { link.drain() }
    return request
  }

  func draining(_ link: Link) {}

  func closed(_ link: Link, _ end: LinkEnd) {
    if case .stalled = end { loop.counters.stalled += 1 }
    loop.remove(self)
  }

  private func ended(_ id: StreamID) {
    requests[id] = nil
    deadline = loop.now + loop.limits.idleMilliseconds
  }

  // MARK: The loop

  func tick(now: UInt64) {
    for request in requests.values { request.tick(now: now) }
    if requests.isEmpty, now >= deadline { link.drain() }
  }

  func drain() { link.drain() }
  func abort() { link.close() }

  /// What a client may cost on one connection: what a stranger may, within the limits of requests.
  static func settings(_ limits: HTTPLimits) -> LinkSettings {
    var session = HTTP2Limits.stranger
    session.headerBytesMax = limits.headerBytesMax
    session.headerFieldsMax = limits.headerFieldsMax
    session.outboundHighWater = limits.outboundHighWater
    var settings = LinkSettings { [session] _ in session }
    settings.handshakeMilliseconds = Int64(clamping: limits.headMilliseconds)
    // A client that does not read does not answer either: it has the time of a slow reader.
    settings.keepAliveMilliseconds = Int64(clamping: limits.stallMilliseconds)
    settings.keepAliveTimeoutMilliseconds = Int64(clamping: limits.stallMilliseconds / 2)
    settings.stallMilliseconds = Int64(clamping: limits.stallMilliseconds)
    settings.lingerMilliseconds = Int64(clamping: limits.lingerMilliseconds)
    return settings
  }
}
