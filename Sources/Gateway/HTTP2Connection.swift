internal import HTTP2Session
internal import JobDispatch
internal import NIOCore
internal import Transport

/// One client's connection over HTTP/2: as many requests at once as it has streams.
///
/// ```
/// serving ──idle too long, refused, or to stop──► draining ──2 s──► ending ──no request left──► closed
///                                                    └──────── the client's word, none left ──────┘
/// ```
/// What it may cost is `HTTP2Limits`', and its session sees to that; the times of requests are kept here, as on a connection of
/// HTTP/1.1. Draining asks for the client's word that it has heard, which need not come: what was under way towards us is served
/// for 2 s, every stream after that is refused, and the connection ends with its last request.
final class HTTP2Connection: LinkDelegate, ClientConnection {
  private let loop: GatewayLoop
  private let link: Link
  let address: AddressPrefix
  /// Why the connection is not served at all.
  private let refusal: HTTPRefusal?
  private var requests: [StreamID: HTTP2Request] = [:]
  /// When a connection without requests has lasted too long, in monotonic milliseconds.
  private var deadline: UInt64
  /// When what was under way as draining began has arrived, in monotonic milliseconds.
  private var endsAt: UInt64?

  init(loop: GatewayLoop, link: Link, from address: AddressPrefix, refusal: HTTPRefusal?) {
    self.loop = loop
    self.link = link
    self.address = address
    self.refusal = refusal
    deadline =
      loop.now + (refusal == nil ? loop.limits.headMilliseconds : loop.limits.lingerMilliseconds)
    loop.add(self)
    // Where the loop stops, its channel is closed already: nothing can be answered.
    if endsAt != nil { endsAt = loop.now }
  }

  // MARK: The link

  func accepted(_ stream: LinkStream, headers: [HeaderField], on link: Link)
    -> (any StreamHandler)?
  {
    guard !isEnding(at: loop.now) else { return nil }
    let id = stream.id
    let request = HTTP2Request(
      on: stream, of: loop, from: address, limits: link.limits,
      hasRoom: { [weak self] in self?.hasRoom ?? false },
      whenTaken: { [weak self] isOver in self?.taken(on: id, isOver: isOver) })
    requests[stream.id] = request
    request.begin(headers, refusal: refusal)
    if refusal != nil { drain() }
    return request
  }

  func draining(_ link: Link) {}

  func closed(_ link: Link, _ end: LinkEnd) {
    if case .stalled = end { loop.counters.stalled += 1 }
    loop.remove(self)
  }

  var outstanding: Int { requests.values.reduce(0) { $0 + $1.outstanding } }

  var heldBodyBytes: Int { requests.values.reduce(0) { $0 + $1.heldBodyBytes } }

  func giveUpBodies(_ refusal: HTTPRefusal) {
    for request in requests.values.filter({ $0.heldBodyBytes > 0 }) { request.giveUpBody(refusal) }
  }

  /// Whether the client is there, and has taken enough of its answers to be given another.
  private var hasRoom: Bool {
    link.end == nil && outstanding < loop.limits.outboundHighWater * link.limits.streamsMax
  }

  private func taken(on id: StreamID, isOver: Bool) {
    if isOver {
      requests[id] = nil
      deadline = loop.now + loop.limits.idleMilliseconds
    }
    for id in requests.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
      requests[id]?.serveIfRoom()
    }
  }

  // MARK: The loop

  func tick(now: UInt64) {
    for request in requests.values { request.tick(now: now) }
    guard requests.isEmpty else { return }
    if now >= deadline { drain() }
    if isEnding(at: now) { link.close() }
  }

  private func isEnding(at now: UInt64) -> Bool { endsAt.map { now >= $0 } ?? false }

  func drain() {
    guard endsAt == nil else { return }
    endsAt = loop.now + loop.limits.lingerMilliseconds
    link.drain()
  }
  func abort() { link.close() }

  /// What a client may cost on one connection: what a stranger may, within the limits of requests.
  ///
  /// All streams together may keep more: 64 answers that are held back at their high water are 16 MiB, and each may go beyond it
  /// by what was on its way when it was held (a whole answer is one part of up to 8 MiB; of a stream it is what the
  /// coordinator's window had let through). A client that reads is not to lose one in its middle. What a client that does not read can
  /// keep is bounded before: above those 16 MiB no further request is begun.
  static func settings(_ limits: HTTPLimits) -> LinkSettings {
    var session = HTTP2Limits.stranger
    session.headerBytesMax = limits.headerBytesMax
    session.headerFieldsMax = limits.headerFieldsMax
    session.outboundHighWater = limits.outboundHighWater
    session.outboundTotalMax = 128 << 20
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
