import ExchangeTypes
import JobDispatch
import Links
import NIOCore
import NIOPosix
import Transport
import WireProtocol

/// A coordinator that answers as its script says, on a real loopback connection.
///
/// The script is told the service, the message, the channel and how many streams came before; `ended` is told of the
/// end of each stream, by that number.
final class Scripted: Sendable {
  typealias Script = @Sendable (Service, Message, any MessageChannel, Int) -> Void

  let listener: Listener
  var endpoint: String { "127.0.0.1:\(listener.port)" }

  init(
    id: UInt64 = 1, cluster: ClusterID = ClusterID(7), notice: LeaderNotice? = nil,
    ended: @escaping @Sendable (Int) -> Void = { _ in }, script: @escaping Script
  ) async throws {
    let local = LocalNode(
      role: .coordinator, clusterID: cluster, node: id, name: "coordinator-\(id)", incarnation: 1,
      software: "scripted")
    listener = try await Listener.bind(
      host: "127.0.0.1", port: 0, security: .plaintextOnLoopback,
      group: MultiThreadedEventLoopGroup.singleton.next()
    ) { link in
      NodeLink.accept(
        link, as: local, accepting: [.client], isPlaintext: true,
        owner: Acceptor(notice: notice, ended: ended, script: script))
    }
  }

  func close() async { await listener.close() }

  private final class Acceptor: NodeLinkOwner {
    private let notice: LeaderNotice?
    private let ended: @Sendable (Int) -> Void
    private let script: Script
    private var streams = 0

    init(
      notice: LeaderNotice?, ended: @escaping @Sendable (Int) -> Void, script: @escaping Script
    ) {
      self.notice = notice
      self.ended = ended
      self.script = script
    }

    func established(_ link: NodeLink, with remote: RemoteNode) {
      if let notice { link.tell(notice) }
    }
    func heard(_ notice: LeaderNotice, on link: NodeLink) {}
    func draining(_ link: NodeLink) {}
    func closed(_ link: NodeLink, _ end: NodeLinkEnd) {}

    func accepted(
      _ channel: LinkChannel, for service: Service, authorization: String, on link: NodeLink
    ) -> any MessageChannelOwner {
      defer { streams += 1 }
      return Stream(service: service, number: streams, ended: ended, script: script)
    }
  }

  private final class Stream: MessageChannelOwner {
    private let service: Service
    private let number: Int
    private let ended: @Sendable (Int) -> Void
    private let script: Script

    init(
      service: Service, number: Int, ended: @escaping @Sendable (Int) -> Void,
      script: @escaping Script
    ) {
      self.service = service
      self.number = number
      self.ended = ended
      self.script = script
    }

    func received(_ message: Message, on channel: any MessageChannel) {
      script(service, message, channel, number)
    }
    func writable(_ channel: any MessageChannel) {}
    func closed(_ channel: any MessageChannel) { ended(number) }
  }
}

extension MessageChannel {
  /// Answers and ends our side.
  func answer(_ message: any WireMessage) {
    send(message)
    finish()
  }
}
