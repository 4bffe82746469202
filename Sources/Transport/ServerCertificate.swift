internal import Identity
public import NIOCore
internal import NIOSSL
internal import NIOTLS

/// A certificate for the public, with its key: of a name that browsers and clients of any kind can check, by an authority that
/// they know.
///
/// It has nothing to do with the cluster's own authority: nodes are never known by it.
public struct ServerCertificate: Sendable {
  /// What a client and this side have agreed to speak.
  public enum Spoken: Hashable, Sendable {
    /// HTTP/1.1, also of a client that names nothing.
    case http1
    /// HTTP/2.
    case http2
  }

  private let context: NIOSSLContext

  /// Reads a certificate with those that lead to its authority, its own first, and its private key, both as PEM.
  ///
  /// - Parameters:
  ///   - certificateFile: the path of the certificates.
  ///   - keyFile: the path of the key.
  /// - Throws: `TransportError.unusableIdentity` with the file at fault; also where the key is another certificate's, and where others than
  ///   its owner and its group may read it, or the group may write it.
  public init(certificateFile: String, keyFile: String) throws(TransportError) {
    let chain: [NIOSSLCertificate]
    do {
      chain = try NIOSSLCertificate.fromPEMFile(certificateFile)
    } catch {
      throw .unusableIdentity(reason: "\(certificateFile): \(error)")
    }
    guard !chain.isEmpty else {
      throw .unusableIdentity(reason: "\(certificateFile) holds no certificate")
    }
    let keyBytes: [UInt8]
    do throws(IdentityError) {
      keyBytes = try SecretFile.readKey(keyFile)
    } catch {
      throw .unusableIdentity(reason: error.description)
    }
    do {
      let key = try NIOSSLPrivateKey(bytes: keyBytes, format: .pem)
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
      configuration.minimumTLSVersion = .tlsv12
      configuration.applicationProtocols = ["h2", "http/1.1"]
      configuration.shutdownTimeout = .seconds(2)
      context = try NIOSSLContext(configuration: configuration)
    } catch {
      throw .unusableIdentity(reason: "\(keyFile), as the key of \(certificateFile): \(error)")
    }
  }

  /// Begins TLS on a connection that was accepted.
  ///
  /// - Parameters:
  ///   - channel: the connection, without a handler; it is closed where there is no agreement in time.
  ///   - milliseconds: how long the handshake may take.
  ///   - agreed: adds the handlers of what was agreed; the connection is closed if it throws.
  ///   - failed: told that there was no agreement.
  /// - Throws: what the connection's pipeline says.
  public func begin(
    on channel: any Channel, within milliseconds: UInt64,
    agreed: @escaping (Spoken) throws -> Void, failed: @escaping () -> Void
  ) throws {
    try channel.pipeline.syncOperations.addHandlers([
      NIOSSLServerHandler(context: context),
      Agreement(within: milliseconds, agreed: agreed, failed: failed),
    ])
  }

  /// Waits for the handshake's end, and leaves.
  private final class Agreement: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let milliseconds: UInt64
    private let agreed: (Spoken) throws -> Void
    private let failed: () -> Void
    private var limit: Scheduled<Void>?
    private var isOver = false

    init(
      within milliseconds: UInt64, agreed: @escaping (Spoken) throws -> Void,
      failed: @escaping () -> Void
    ) {
      self.milliseconds = milliseconds
      self.agreed = agreed
      self.failed = failed
    }

    func handlerAdded(context: ChannelHandlerContext) {
      let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
      limit = context.eventLoop.scheduleTask(in: .milliseconds(Int64(clamping: milliseconds))) {
        let (handler, context) = bound.value
        handler.fail(context)
      }
    }

    func handlerRemoved(context: ChannelHandlerContext) { limit?.cancel() }

    func channelActive(context: ChannelHandlerContext) {
      context.fireChannelActive()
      // The rest of the handshake is read by the handler of TLS itself.
      context.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      guard case .handshakeCompleted(let name)? = event as? TLSUserEvent, !isOver else {
        return context.fireUserInboundEventTriggered(event)
      }
      do {
        isOver = true
        limit?.cancel()
        try agreed(name == "h2" ? .http2 : .http1)
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
      } catch {
        context.close(promise: nil)
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      // Once there was agreement, what breaks is the next handler's.
      if isOver { context.fireErrorCaught(error) } else { fail(context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
      fail(context)
      context.fireChannelInactive()
    }

    private func fail(_ context: ChannelHandlerContext) {
      guard !isOver else { return }
      isOver = true
      limit?.cancel()
      failed()
      context.close(promise: nil)
    }
  }
}
