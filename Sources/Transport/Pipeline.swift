internal import HTTP2Session
internal import Identity
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// What listeners and dialers put on a new connection, the same for both.
struct Pipeline: Sendable {
  let role: HTTP2Session.Role
  let security: LinkSecurity
  let settings: LinkSettings
  let authority: String
  private let context: NIOSSLContext?

  init(role: HTTP2Session.Role, security: LinkSecurity, settings: LinkSettings, authority: String)
    throws(TransportError)
  {
    self.role = role
    self.security = security
    self.settings = settings
    self.authority = authority
    context = try security.makeContext(asServer: role == .server)
  }

  /// Adds TLS, unless plaintext was asked for, and the link's handler.
  func install(
    on channel: any Channel, turns: LoopTurns? = nil,
    makeDelegate: @escaping (Link) -> any LinkDelegate,
    failed: @escaping (TransportError) -> Void
  ) throws {
    let verification = Verification()
    if let context { try channel.pipeline.syncOperations.addHandler(tls(context, verification)) }
    try channel.pipeline.syncOperations.addHandler(
      LinkHandler(
        role: role, security: security, settings: settings, authority: authority,
        verification: verification, turns: turns, makeDelegate: makeDelegate, failed: failed))
  }

  private func tls(_ context: NIOSSLContext, _ verification: Verification) throws -> NIOSSLHandler {
    let check: NIOSSLCustomVerificationCallback = { chain, promise in
      let result = verify(chain)
      verification.result = result
      switch result {
      case .success: promise.succeed(.certificateVerified)
      case .failure: promise.succeed(.failed)
      }
    }
    return switch role {
    case .server: NIOSSLServerHandler(context: context, customVerificationCallback: check)
    case .client:
      try NIOSSLClientHandler(
        context: context, serverHostname: nil, customVerificationCallback: check)
    }
  }

  private func verify(_ chain: [NIOSSLCertificate]) -> Result<PeerCertificate, PeerRefusal> {
    do {
      return .success(try security.verify(chain, now: settings.wallClock()))
    } catch let refusal as PeerRefusal {
      return .failure(refusal)
    } catch {
      return .failure(.malformed(String(describing: error)))
    }
  }

  /// Options of each connection: small frames at once, reads of at most 16 KiB, one for each turn of
  /// the loop.
  ///
  /// What a busy connection sends is so handled in pieces, and what one piece has caused (a proposal, a
  /// message to a peer) leaves before the next is read, instead of after all of them.
  static func configure<Bootstrap: ConnectionBootstrap>(_ bootstrap: Bootstrap) -> Bootstrap {
    bootstrap
      .withOption(ChannelOptions.tcpOption(.tcp_nodelay), 1)
      .withOption(ChannelOptions.maxMessagesPerRead, 1)
      .withOption(
        ChannelOptions.recvAllocator, FixedSizeRecvByteBufferAllocator(capacity: Link.readBytes))
  }

  /// Whether `host` names this machine alone.
  static func isLoopback(_ host: String) -> Bool {
    if host == "localhost" { return true }
    guard let address = try? SocketAddress(ipAddress: host, port: 0) else { return false }
    return isLoopback(address)
  }

  /// Whether the address reaches this machine alone.
  static func isLoopback(_ address: SocketAddress) -> Bool {
    switch address {
    case .v4: address.ipAddress?.hasPrefix("127.") == true
    case .v6: address.ipAddress == "::1"
    case .unixDomainSocket: true
    }
  }
}

/// The part of NIO's two bootstraps that sets options of a connection.
protocol ConnectionBootstrap {
  func withOption<Option: ChannelOption>(_ option: Option, _ value: Option.Value) -> Self
}

extension ServerBootstrap: ConnectionBootstrap {
  func withOption<Option: ChannelOption>(_ option: Option, _ value: Option.Value) -> Self {
    childChannelOption(option, value: value)
  }
}

extension ClientBootstrap: ConnectionBootstrap {
  func withOption<Option: ChannelOption>(_ option: Option, _ value: Option.Value) -> Self {
    channelOption(option, value: value)
  }
}
