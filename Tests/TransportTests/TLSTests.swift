import ExchangeTypes
import Foundation
import HTTP2Session
import Identity
import NIOCore
import NIOPosix
import Testing
import Transport

@Suite("TLS", .timeLimit(.minutes(5)))
struct TLSTests {
  let net = TestNet()
  let authority: CertificateAuthority
  let server: NodeIdentity
  let nodes: Set<NodeRole> = [.coordinator, .worker, .gateway]
  static let cluster = ClusterID(0xabcd)

  init() throws {
    authority = try CertificateAuthority(cluster: Self.cluster, now: Date())
    server = try Self.node(authority, .coordinator, "c1")
  }

  static func node(_ authority: CertificateAuthority, _ role: NodeRole, _ name: String) throws
    -> NodeIdentity
  {
    try NodeIdentity(
      authority: authority, role: role, name: name, now: Date(), lifetimeSeconds: 3_600)
  }

  /// What the listener says of a dialer, one of which must refuse the other, and what the dialer is told, and counts.
  func refusal(
    _ security: LinkSecurity, settings: LinkSettings = LinkSettings(),
    refusals: RefusalLog = RefusalLog(label: "Transport")
  ) async throws -> (listener: Seen?, dialer: TransportError?) {
    let log = SeenLog()
    let listener = try await net.listen(
      security: .mutualTLS(server, allowing: nodes), settings: settings, log: log)
    let error = await #expect(throws: TransportError.self) {
      try await net.dial(listener.port, security: security, refusals: refusals)
    }
    let seen = await log.wait { if case .failed = $0 { true } else { false } }
    await listener.close()
    return (seen, error)
  }

  func isRefusedByPeer(_ error: TransportError?, _ alert: String) -> Bool {
    if case .refusedByPeer(let reason)? = error { reason.contains(alert) } else { false }
  }

  @Test("tells both ends who the other is, and carries bytes")
  func mutual() async throws {
    let listener = try await net.listen(security: .mutualTLS(server, allowing: nodes))
    let worker = try Self.node(authority, .worker, "w1")
    let link = try await net.dial(
      listener.port, security: .mutualTLS(worker, allowing: [.coordinator]))
    #expect(try await link.run { link, _ in link.peer } == server.identity)
    let id = try await link.run { link, peer in
      let stream = try peer.open(link)
      stream.send([UInt8](repeating: 5, count: 1_000), end: true)
      return stream.id
    }
    await link.log.wait { $0 == .streamClosed(id, .complete) }
    #expect(try await link.run { _, peer in peer.received[id]?.count } == 1_000)
    await listener.close()
  }

  @Test("a node that joins knows a coordinator by the root's fingerprint, and speaks to no other")
  func joining() async throws {
    let listener = try await net.listen(
      security: .serverTLS(server, allowing: Set(NodeRole.allCases)))
    let link = try await net.dial(
      listener.port, security: .joining(fingerprint: server.anchor.fingerprint))
    #expect(try await link.run { link, _ in link.peer } == server.identity)
    let other = try CertificateAuthority(cluster: Self.cluster, now: Date())
    let wrong = try TrustAnchor(pem: other.certificatePEM).fingerprint
    let error = await #expect(throws: TransportError.self) {
      try await net.dial(listener.port, security: .joining(fingerprint: wrong))
    }
    #expect(error == .untrusted(.untrusted))
    await listener.close()
    // A worker's certificate makes no coordinator, though the root has signed it.
    let worker = try Self.node(authority, .worker, "w1")
    let impostor = try await net.listen(
      security: .serverTLS(worker, allowing: Set(NodeRole.allCases)))
    let refused = await #expect(throws: TransportError.self) {
      try await net.dial(
        impostor.port, security: .joining(fingerprint: server.anchor.fingerprint))
    }
    #expect(refused == .untrusted(.wrongRole(found: .worker, allowed: [.coordinator])))
    await impostor.close()
  }

  @Test("a connection begins with the certificate that is current then")
  func renewed() async throws {
    let log = SeenLog()
    let listener = try await net.listen(
      security: .mutualTLS(server, allowing: nodes), log: log)
    let first = try Self.node(authority, .worker, "w1")
    let identity = RenewableIdentity(first)
    let security = LinkSecurity.mutualTLS(identity, allowing: [.coordinator])
    _ = try await net.dial(listener.port, security: security)
    let pem = try authority.certify(
      role: .worker, name: "w1", publicKeyDER: first.key.publicKeyDER, now: Date(),
      lifetimeSeconds: 7_200)
    identity.renew(
      try NodeIdentity(
        certificatePEM: pem, key: first.key, anchor: first.anchor, now: Date()))
    _ = try await net.dial(listener.port, security: security)
    await listener.close()
    var settings = LinkSettings()
    // The first certificate has ended by then, the second has not.
    settings.wallClock = { Date() + 5_400 }
    let later = try await net.listen(
      security: .mutualTLS(server, allowing: nodes), settings: settings)
    _ = try await net.dial(later.port, security: security)
    await later.close()
  }

  @Test("gives each link the limits of its peer's role")
  func limits() async throws {
    let listener = try await net.listen(
      security: .serverTLS(server, allowing: Set(NodeRole.allCases)))
    let worker = try Self.node(authority, .worker, "w1")
    for (security, streams) in [
      (LinkSecurity.mutualTLS(worker, allowing: [.coordinator]), 16_384),
      (.anonymousTLS(server.anchor, allowing: [.coordinator]), 64),
    ] {
      let link = try await net.dial(listener.port, security: security)
      let opened = try await link.run { link, peer in
        var opened = 0
        while opened < 100, (try? peer.open(link)) != nil { opened += 1 }
        return opened
      }
      #expect(opened == min(100, streams))
    }
    await listener.close()
  }

  @Test("refuses a peer of another authority, by name")
  func wrongAuthority() async throws {
    let other = try CertificateAuthority(cluster: Self.cluster, now: Date())
    let key = NodeKey()
    let certificate = try other.certify(
      role: .worker, name: "w", publicKeyDER: key.publicKeyDER, now: Date(), lifetimeSeconds: 60)
    let both = try TrustAnchor(pem: authority.certificatePEM + "\n" + other.certificatePEM)
    let identity = try NodeIdentity(
      certificatePEM: certificate, key: key, anchor: both, now: Date())
    let (seen, error) = try await refusal(.mutualTLS(identity, allowing: [.coordinator]))
    #expect(seen == .failed(.untrusted(.untrusted)))
    #expect(isRefusedByPeer(error, "CERTIFICATE"), "\(String(describing: error))")
  }

  @Test("refuses a server of another cluster, by name")
  func wrongCluster() async throws {
    let other = try CertificateAuthority(cluster: ClusterID(9), now: Date())
    let stranger = try Self.node(other, .worker, "w")
    let refusals = RefusalLog(label: "Transport")
    let (seen, error) = try await refusal(
      .mutualTLS(stranger, allowing: [.coordinator]), refusals: refusals)
    #expect(
      error == .untrusted(.wrongCluster(expected: ClusterID(9), found: Self.cluster)))
    #expect(refusals.counts == ["certificate_wrong_cluster": 1])
    guard case .failed(.refusedByPeer)? = seen else {
      Issue.record("\(String(describing: seen))")
      return
    }
  }

  @Test("refuses a peer without a certificate where one is required")
  func noCertificate() async throws {
    let (seen, error) = try await refusal(.anonymousTLS(server.anchor, allowing: [.coordinator]))
    #expect(seen == .failed(.noCertificate))
    #expect(isRefusedByPeer(error, "CERTIFICATE_REQUIRED"), "\(String(describing: error))")
  }

  @Test("refuses an expired certificate, with its end")
  func expired() async throws {
    let worker = try Self.node(authority, .worker, "w")
    var settings = LinkSettings()
    settings.wallClock = { Date() + 7_200 }
    let refusals = RefusalLog(label: "Transport")
    let (seen, error) = try await refusal(
      .mutualTLS(worker, allowing: [.coordinator]), settings: settings, refusals: refusals)
    #expect(refusals.counts == ["refused_by_peer": 1])
    #expect(seen == .failed(.untrusted(.expired(at: worker.expiresAt))))
    #expect(isRefusedByPeer(error, "CERTIFICATE"), "\(String(describing: error))")
  }

  @Test("refuses a role that may not connect here, on either side")
  func wrongRole() async throws {
    let client = try Self.node(authority, .client, "me")
    let (seen, _) = try await refusal(.mutualTLS(client, allowing: [.coordinator]))
    #expect(seen == .failed(.untrusted(.wrongRole(found: .client, allowed: nodes))))
    let worker = try Self.node(authority, .worker, "w")
    let refusals = RefusalLog(label: "Transport")
    let (_, error) = try await refusal(.mutualTLS(worker, allowing: [.gateway]), refusals: refusals)
    #expect(refusals.counts == ["certificate_wrong_role": 1])
    #expect(error == .untrusted(.wrongRole(found: .coordinator, allowed: [.gateway])))
  }

  @Test("is not spoken with a peer in plaintext, either way round")
  func plaintextPeer() async throws {
    let log = SeenLog()
    let secure = try await net.listen(security: .mutualTLS(server, allowing: nodes), log: log)
    let refusals = RefusalLog(label: "Transport")
    await #expect(throws: TransportError.self) {
      try await net.dial(secure.port, refusals: refusals)
    }
    #expect(refusals.counts.isEmpty, "it was only closed")
    await log.wait { if case .failed(.handshakeFailed) = $0 { true } else { false } }
    await secure.close()
    let open = try await net.listen()
    await #expect(throws: TransportError.self) {
      try await net.dial(
        open.port, security: .anonymousTLS(server.anchor, allowing: [.coordinator]),
        refusals: refusals)
    }
    #expect(refusals.counts == ["handshake_failed": 1])
    await open.close()
  }

  @Test("counts no peer that only closes its connection")
  func closedInHandshake() async throws {
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        // After the first bytes, so that the connection is made and its handshake begun.
        channel.pipeline.addHandler(ClosesAtFirstBytes())
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let refusals = RefusalLog(label: "Transport")
    let error = await #expect(throws: TransportError.self) {
      try await net.dial(
        try #require(listener.localAddress?.port),
        security: .anonymousTLS(server.anchor, allowing: [.coordinator]), refusals: refusals)
    }
    let isEnd = if case .endedInHandshake? = error { true } else { false }
    #expect(isEnd, "\(String(describing: error))")
    #expect(refusals.counts.isEmpty)
    try await listener.close()
  }
}

/// Closes its connection in order when something comes.
private final class ClosesAtFirstBytes: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer
  func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.close(promise: nil) }
}
