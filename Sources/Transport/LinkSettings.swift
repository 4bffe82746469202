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
    case mutual(RenewableIdentity)
    case serverOnly(NodeIdentity)
    case anonymous(TrustAnchor)
    case joining(fingerprint: [UInt8])
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
    mutualTLS(RenewableIdentity(identity), allowing: allowed)
  }

  /// TLS 1.3, both ends with certificates, where this end's may be renewed: a dialer's.
  ///
  /// - Parameters:
  ///   - identity: this end's; each connection begins with the certificate that is current then.
  ///   - allowed: the roles that the other end may have.
  /// - Returns: the security of a dialer.
  public static func mutualTLS(_ identity: RenewableIdentity, allowing allowed: Set<NodeRole>)
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

  /// TLS 1.3 for a node that has nothing of its cluster but an invitation: a dialer's.
  ///
  /// Nothing is sent before a coordinator has presented the root of the fingerprint, and a certificate of its
  /// own that this root has signed.
  ///
  /// - Parameter fingerprint: the invitation's.
  /// - Returns: the security of a dialer.
  public static func joining(fingerprint: [UInt8]) -> LinkSecurity {
    LinkSecurity(kind: .joining(fingerprint: fingerprint), allowed: [.coordinator])
  }

  /// No TLS, between processes of one machine.
  ///
  /// Other addresses are refused.
  public static let plaintextOnLoopback = LinkSecurity(kind: .plaintext, allowed: [])

  /// The certificate and key of this end, the newest where they are renewed; nil where it has none.
  public var ownIdentity: NodeIdentity? {
    switch kind {
    case .mutual(let identity): identity.current
    case .serverOnly(let identity): identity
    case .anonymous, .joining, .plaintext: nil
    }
  }

  var isPlaintext: Bool {
    if case .plaintext = kind { true } else { false }
  }

  /// Checks the certificates that a peer presents, its own first.
  ///
  /// - Throws: why they do not make it a peer.
  func verify(_ chain: [NIOSSLCertificate], now: Date) throws -> PeerCertificate {
    let chain = try chain.map { try $0.toDERBytes() }
    let anchor: TrustAnchor
    switch kind {
    case .mutual(let identity): anchor = identity.current.anchor
    case .serverOnly(let identity): anchor = identity.anchor
    case .anonymous(let known): anchor = known
    case .joining(let fingerprint):
      anchor = try TrustAnchor(chain: chain, fingerprint: fingerprint)
    case .plaintext: preconditionFailure("plaintext has no certificates")
    }
    guard let leaf = chain.first else { throw PeerRefusal.malformed("no certificate") }
    return try anchor.verify(der: leaf, now: now, allowed: allowed)
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
      case .mutual(let identity):
        configuration = try configure(identity.current, asServer: asServer)
      case .serverOnly(let identity):
        configuration = try configure(identity, asServer: asServer)
      case .anonymous, .joining:
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

  /// What is ours on both sides.
  ///
  /// A server presents the cluster's roots too: one of them is enough for a node that has only its
  /// fingerprint.
  private func configure(_ identity: NodeIdentity, asServer: Bool) throws -> TLSConfiguration {
    let own = try NIOSSLCertificate.fromPEMBytes(Array(identity.certificatePEM.utf8))
    let key = try NIOSSLPrivateKey(bytes: Array(identity.key.pem.utf8), format: .pem)
    var configuration: TLSConfiguration
    if asServer {
      let roots = try identity.anchor.roots.map { try NIOSSLCertificate(bytes: $0, format: .der) }
      configuration = .makeServerConfiguration(
        certificateChain: (own + roots).map { .certificate($0) }, privateKey: .privateKey(key))
      configuration.certificateVerification =
        demandsCertificate(asServer: true) ? .noHostnameVerification : .optionalVerification
    } else {
      configuration = .makeClientConfiguration()
      configuration.certificateChain = own.map { .certificate($0) }
      configuration.privateKey = .privateKey(key)
      configuration.certificateVerification = .noHostnameVerification
    }
    return configuration
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

  /// The defaults: a peer with a node's certificate has a node's limits, a worker or a client its own, and
  /// one without a certificate a stranger's.
  public init(
    limits: @escaping @Sendable (PeerIdentity?) -> HTTP2Limits = LinkSettings.limitsByRole
  ) {
    self.limits = limits
  }

  /// Nodes, workers, clients and strangers by their certificate.
  public static let limitsByRole: @Sendable (PeerIdentity?) -> HTTP2Limits = { peer in
    switch peer?.role {
    case .coordinator, .gateway: .authenticatedNode
    case .worker: .worker
    case .client: .client
    case nil: .stranger
    }
  }
}
