import ExchangeTypes
import Identity
import JobDispatch
import Links
import NIOConcurrencyHelpers
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
  private let told: Told
  var endpoint: String { "127.0.0.1:\(listener.port)" }

  init(
    id: UInt64 = 1, cluster: ClusterID = ClusterID(7), notice: LeaderNotice? = nil,
    identity: NodeIdentity? = nil, revoked: [UInt64] = [], others: [String]? = nil,
    ended: @escaping @Sendable (Int) -> Void = { _ in }, script: @escaping Script
  ) async throws {
    let local = LocalNode(
      role: .coordinator, clusterID: cluster, node: id, name: "coordinator-\(id)", incarnation: 1,
      features: [LocalNode.revocationNotices], software: "scripted")
    let told = Told(revoked, others: others)
    self.told = told
    listener = try await Listener.bind(
      host: "127.0.0.1", port: 0,
      security: identity.map { .serverTLS($0, allowing: [.client]) } ?? .plaintextOnLoopback,
      group: MultiThreadedEventLoopGroup.singleton.next()
    ) { link in
      NodeLink.accept(
        link, as: local, accepting: [.client], isPlaintext: identity == nil,
        refusals: RefusalLog(label: "Transport"),
        owner: Acceptor(notice: notice, told: told, ended: ended, script: script))
    }
  }

  /// Says to everybody who is linked, and to whoever comes, who is revoked.
  func tell(revoked: [UInt64]) { told.tell(revoked) }

  /// Who is revoked, and whom that is said to.
  private final class Told: Sendable {
    private let state: NIOLockedValueBox<(revoked: [UInt64], links: [NIOLoopBound<NodeLink>])>
    private let others: [String]?

    init(_ revoked: [UInt64], others: [String]?) {
      state = NIOLockedValueBox((revoked, []))
      self.others = others
    }

    func established(_ link: NodeLink) {
      let bound = NIOLoopBound(link, eventLoop: link.loop.eventLoop)
      link.tell(
        notice(
          state.withLockedValue {
            $0.links.append(bound)
            return $0.revoked
          }))
    }

    func tell(_ revoked: [UInt64]) {
      let links = state.withLockedValue {
        $0.revoked = revoked
        return $0.links
      }
      for link in links {
        link.eventLoop.execute { [self] in link.value.tell(notice(revoked)) }
      }
    }

    private func notice(_ revoked: [UInt64]) -> RevocationNotice {
      RevocationNotice(
        coordinators: revoked.map(ReplicaID.init),
        others: others?.map { CoordinatorAddress(replica: ReplicaID(9), address: $0) })
    }
  }

  func close() async { await listener.close() }

  private final class Acceptor: NodeLinkOwner {
    private let notice: LeaderNotice?
    private let told: Told
    private let ended: @Sendable (Int) -> Void
    private let script: Script
    private var streams = 0

    init(
      notice: LeaderNotice?, told: Told, ended: @escaping @Sendable (Int) -> Void,
      script: @escaping Script
    ) {
      self.notice = notice
      self.told = told
      self.ended = ended
      self.script = script
    }

    func established(_ link: NodeLink, with remote: RemoteNode) {
      told.established(link)
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
