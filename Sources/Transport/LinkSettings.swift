public import ExchangeTypes
public import HTTP2Session
public import Identity
internal import NIOCore
internal import NIOSSL

#if canImport(FoundationEssentials)
  public import FoundationEssentials
#else
  public import Foundation
#endif

/// How the two ends of a connection know each other.
public struct LinkSecurity: Sendable {
  enum Kind: Sendable {
    case mutual(NodeIdentity)
    case serverOnly(NodeIdentity)
    case anonymous(TrustAnchor)
    case plaintext
  }

  let kind: Kind
  let allowed: Set<NodeRole>

  /// TLS 1.3, both ends with certificates: between nodes.
  ///
  /// - Parameters:
  ///   - identity: this end's.
  ///   - allowed: the roles that the other end may have.
  /// - Returns: the security of a listener or a dialer.
  public static func mutualTLS(_ identity: NodeIdentity, allowing allowed: Set<NodeRole>)
    -> LinkSecurity
  {
    LinkSecurity(kind: .mutual(identity), allowed: allowed)
  }

  /// TLS 1.3 where the client may come without a certificate, and is then a stranger: a listener's.
  ///
  /// - Parameters:
  ///   - identity: this end's.
  ///   - allowed: the roles that a client with a certificate may have.
  /// - Returns: the security of a listener.
  public static func serverTLS(_ identity: NodeIdentity, allowing allowed: Set<NodeRole>)
    -> LinkSecurity
  {
    LinkSecurity(kind: .serverOnly(identity), allowed: allowed)
  }

  /// TLS 1.3 without a certificate of this end's: a dialer's, who authenticates by an API key.
  ///
  /// - Parameters:
  ///   - anchor: the authority to hold the server to.
  ///   - allowed: the roles that the server may have.
  /// - Returns: the security of a dialer.
  public static func anonymousTLS(_ anchor: TrustAnchor, allowing allowed: Set<NodeRole>)
    -> LinkSecurity
  {
    LinkSecurity(kind: .anonymous(anchor), allowed: allowed)
  }

  /// No TLS, between processes of one machine.
  ///
  /// Other addresses are refused.
  public static let plaintextOnLoopback = LinkSecurity(kind: .plaintext, allowed: [])

  var anchor: TrustAnchor? {
    switch kind {
    case .mutual(let identity), .serverOnly(let identity): identity.anchor
    case .anonymous(let anchor): anchor
    case .plaintext: nil
    }
  }

  /// Whether a peer without a certificate is turned away.
  func demandsCertificate(asServer: Bool) -> Bool {
    if case .serverOnly = kind { !asServer } else { true }
  }

  /// The TLS library's context, made once per listener or dialer; `nil` for plaintext.
  ///
  /// Certificates are checked by `TrustAnchor.verify`, set as the custom verification of each handshake.
  func makeContext(asServer: Bool) throws(TransportError) -> NIOSSLContext? {
    do {
      var configuration: TLSConfiguration
      switch kind {
      case .plaintext: return nil
      case .mutual(let identity), .serverOnly(let identity):
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(identity.certificatePEM.utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(identity.key.pem.utf8), format: .pem)
        if asServer {
          configuration = .makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
          configuration.certificateVerification =
            demandsCertificate(asServer: true) ? .noHostnameVerification : .optionalVerification
        } else {
          configuration = .makeClientConfiguration()
          configuration.certificateChain = chain.map { .certificate($0) }
          configuration.privateKey = .privateKey(key)
          configuration.certificateVerification = .noHostnameVerification
        }
      case .anonymous:
        precondition(!asServer, "a listener has an identity")
        configuration = .makeClientConfiguration()
        configuration.certificateVerification = .noHostnameVerification
      }
      configuration.trustRoots = .certificates([])
      // How long a peer may take to answer the end of TLS, before the socket is closed under it.
      configuration.shutdownTimeout = .seconds(2)
      configuration.minimumTLSVersion = .tlsv13
      configuration.applicationProtocols = ["h2"]
      return try NIOSSLContext(configuration: configuration)
    } catch {
      throw .unusableIdentity(reason: String(describing: error))
    }
  }
}

/// Times and budgets of links.
///
/// Milliseconds everywhere.
public struct LinkSettings: Sendable {
  /// What a peer may cost, by who it is; `nil` is a stranger, or a plaintext peer.
  public var limits: @Sendable (PeerIdentity?) -> HTTP2Limits
  /// From the connection to the peer's SETTINGS: bounds what an unknown peer can hold open.
  public var handshakeMilliseconds: Int64 = 10_000
  /// A peer that was silent for this long is asked for a sign of life.
  public var keepAliveMilliseconds: Int64 = 10_000
  /// A peer that was asked and has not answered within this is given up.
  public var keepAliveTimeoutMilliseconds: Int64 = 5_000
  /// A peer that takes nothing of what waits for it, on a stream or on its socket, is given up after
  /// this: by the accepting side only, which does not know whom it serves.
  public var stallMilliseconds: Int64 = 30_000
  /// How long the last bytes of an ended link may take to leave.
  public var lingerMilliseconds: Int64 = 2_000
  /// The wall clock, for certificates.
  public var wallClock: @Sendable () -> Date = { Date() }

  /// The defaults: a peer with a node's certificate has a node's limits, a client's a client's, and
  /// one without a certificate a stranger's.
  public init(
    limits: @escaping @Sendable (PeerIdentity?) -> HTTP2Limits = LinkSettings.limitsByRole
  ) {
    self.limits = limits
  }

  /// Nodes, clients and strangers by their certificate.
  public static let limitsByRole: @Sendable (PeerIdentity?) -> HTTP2Limits = { peer in
    switch peer?.role {
    case .coordinator, .worker, .gateway: .authenticatedNode
    case .client: .client
    case nil: .stranger
    }
  }
}
