internal import HTTP2Session
internal import Identity
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Counts refusals by their kind, and logs them no faster than a disk can take for ever.
///
/// Whoever is refused can try again at once: a line for each would let a stranger fill the disk. Each
/// line has the count of its kind, so that what was not logged is still seen.
public final class RefusalLog: Sendable {
  private struct State {
    var counts: [String: UInt64] = [:]
    /// One for each kind, so that a flood of one kind hides no line of another.
    var buckets: [String: TokenBucket] = [:]
  }

  private let log: Logger
  private let state: NIOLockedValueBox<State>

  /// A log under `label`, of at most 20 lines of each kind in ten seconds.
  public init(label: String) {
    log = Logger(label: label)
    state = NIOLockedValueBox(State())
  }

  /// Notes a refusal.
  ///
  /// - Parameters:
  ///   - what: what happened: a connection was refused, a link ended.
  ///   - address: whose it was.
  ///   - kind: the counter's name, one of few.
  ///   - reason: for people.
  public func note(_ what: String, from address: String, kind: String, _ reason: String) {
    let (count, isLogged) = state.withLockedValue { state in
      let count = state.counts[kind, default: 0] + 1
      state.counts[kind] = count
      let now = LinkLoop.now
      var bucket = state.buckets[kind] ?? TokenBucket(RateBudget(20, per: 10_000), now: now)
      defer { state.buckets[kind] = bucket }
      return (count, bucket.take(now: now))
    }
    if isLogged {
      log.notice(
        "\(what): \(reason)",
        metadata: ["address": "\(address)", "kind": "\(kind)", "count": "\(count)"])
    }
  }

  /// Notes that no link came of a connection, unless there was none.
  func note(_ what: String, from address: String, _ error: TransportError) {
    if let kind = error.kind { note(what, from: address, kind: kind, error.description) }
  }

  /// Notes the link that a connection carries once it has ended, if that is its peer's fault.
  func noteEnd(of link: Link, on channel: any Channel, from address: String) {
    let bound = link.loop.bind(link)
    channel.closeFuture.whenComplete { [self] _ in
      guard let end = bound.value.end, let kind = end.faultKind else { return }
      note("link ended", from: address, kind: kind, end.description)
    }
  }

  /// How often each kind was refused.
  public var counts: [String: UInt64] { state.withLockedValue { $0.counts } }
}

extension TransportError {
  /// The name of the counter, if there was a connection.
  var kind: String? {
    switch self {
    case .untrusted(let refusal):
      switch refusal {
      case .malformed: "certificate_malformed"
      case .noIdentity: "certificate_without_identity"
      case .wrongCluster: "certificate_wrong_cluster"
      case .untrusted: "certificate_untrusted"
      case .unsuitable: "certificate_unsuitable"
      case .notYetValid: "certificate_not_yet_valid"
      case .expired: "certificate_expired"
      case .wrongRole: "certificate_wrong_role"
      }
    case .noCertificate: "certificate_missing"
    case .refusedByPeer: "refused_by_peer"
    case .handshakeFailed, .endedInHandshake: "handshake_failed"
    case .sessionFailed(let error): LinkEnd.failed(error).faultKind ?? "handshake_failed"
    case .handshakeTimeout: "handshake_timeout"
    case .notHTTP2: "not_http2"
    case .portInUse, .cannotListen, .notLoopback, .connectTimeout, .connectionRefused,
      .cannotConnect, .unusableIdentity:
      nil
    }
  }
}

extension LinkEnd {
  /// The name of the counter, if the peer is to blame.
  var faultKind: String? {
    switch self {
    case .failed(.breach(let breach)): "breach_\(breach.rawValue)"
    case .failed(.protocolViolation): "protocol_violation"
    case .failed(.notHTTP2): "not_http2"
    case .failed(.library): "library"
    case .stalled: "stalled"
    case .silent: "silent"
    case .drained, .closedHere, .closedByPeer, .broken: nil
    }
  }
}
