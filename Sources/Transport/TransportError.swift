public import HTTP2Session
public import Identity

/// Why a listener could not be opened, or a link not be made.
public enum TransportError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Another process listens there.
  case portInUse(host: String, port: Int)
  /// The address cannot be listened on.
  case cannotListen(host: String, port: Int, reason: String)
  /// Plaintext was asked for on an address that is not of this machine alone.
  case notLoopback(host: String)
  /// Nobody answered in time.
  case connectTimeout(host: String, port: Int, milliseconds: Int64)
  /// The machine is there and says that nobody listens at the port.
  case connectionRefused(host: String, port: Int)
  /// The host is unknown or unreachable, or the connection was not made for another reason.
  case cannotConnect(host: String, port: Int, reason: String)
  /// The peer's certificate does not make it a peer.
  case untrusted(PeerRefusal)
  /// The peer gave no certificate, and one is required.
  case noCertificate
  /// The peer ended the handshake; `reason` is its TLS alert: it may not trust this side's certificate.
  case refusedByPeer(reason: String)
  /// The handshake failed otherwise.
  case handshakeFailed(reason: String)
  /// The connection broke, or the peer closed it, before the link was up.
  case endedInHandshake(reason: String)
  /// The peer broke a rule, or a budget, with the first that it said of HTTP/2.
  case sessionFailed(HTTP2Error)
  /// The handshake was not done in time.
  case handshakeTimeout(milliseconds: Int64)
  /// The peer does not speak HTTP/2 (ALPN `h2`).
  case notHTTP2
  /// The identity's certificate or key is not accepted by the TLS library.
  case unusableIdentity(reason: String)

  /// One line for a log.
  public var description: String {
    switch self {
    case .portInUse(let host, let port): "\(host):\(port) is in use by another process"
    case .cannotListen(let host, let port, let reason):
      "cannot listen on \(host):\(port): \(reason)"
    case .notLoopback(let host):
      "plaintext is for loopback addresses only, and \(host) is not one: use TLS"
    case .connectTimeout(let host, let port, let milliseconds):
      "\(host):\(port) did not answer within \(milliseconds) ms"
    case .connectionRefused(let host, let port):
      "cannot connect to \(host):\(port): connection refused, nobody listens there"
    case .cannotConnect(let host, let port, let reason):
      "cannot connect to \(host):\(port): \(reason)"
    case .untrusted(let refusal): refusal.description
    case .noCertificate: "the peer gave no certificate"
    case .refusedByPeer(let reason): "the peer refused the TLS handshake: \(reason)"
    case .handshakeFailed(let reason): "the TLS handshake failed: \(reason)"
    case .endedInHandshake(let reason): "the connection ended in the handshake: \(reason)"
    case .sessionFailed(let error): error.description
    case .handshakeTimeout(let milliseconds):
      "the handshake was not done within \(milliseconds) ms"
    case .notHTTP2: "the peer does not speak HTTP/2"
    case .unusableIdentity(let reason): "the certificate or key cannot be used for TLS: \(reason)"
    }
  }
}

/// Why a link has ended.
public enum LinkEnd: Error, Hashable, Sendable, CustomStringConvertible {
  /// It was drained: all streams had finished.
  case drained
  /// `Link.close` was called here.
  case closedHere
  /// The peer closed the connection, or it broke.
  case closedByPeer
  /// Nothing was heard from the peer, not even the answer to a ping.
  case silent(milliseconds: UInt64)
  /// The peer's socket took nothing for too long.
  case stalled(milliseconds: UInt64)
  /// The session failed: a breach of a budget, or of the protocol.
  case failed(HTTP2Error)
  /// Reading or writing failed.
  case broken(reason: String)

  /// One line for a log.
  public var description: String {
    switch self {
    case .drained: "drained"
    case .closedHere: "closed here"
    case .closedByPeer: "closed by the peer"
    case .silent(let milliseconds): "nothing heard for \(milliseconds) ms"
    case .stalled(let milliseconds): "the peer read nothing for \(milliseconds) ms"
    case .failed(let error): error.description
    case .broken(let reason): reason
    }
  }
}

/// How a stream has ended.
public enum StreamEnd: Hashable, Sendable {
  /// Both sides sent all they had.
  case complete
  /// One side gave it up, with this code.
  case reset(HTTP2ErrorCode)
  /// Its link ended first.
  case linkLost(LinkEnd)
}
