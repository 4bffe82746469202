import ExchangeTypes
import Foundation
import Identity
import JobDispatch
import Links
import NIOCore
import NIOPosix
import Testing
import Transport
import WireProtocol

let cluster = ClusterID(7)

func node(
  _ role: NodeRole, id: UInt64 = 0, cluster: ClusterID = cluster, features: [String] = []
) -> LocalNode {
  LocalNode(
    role: role, clusterID: cluster, node: id, name: "\(role)", incarnation: 1, features: features,
    software: "test")
}

/// What happened to a link, in order.
enum Heard: Sendable, Equatable {
  case established(NodeRole, UInt64)
  case notice(LeaderNotice)
  case revoked([ReplicaID])
  case draining
  case closed(NodeLinkEnd)
}

/// Tells a test what happens to a link, and echoes jobs' Follow messages as Waiting.
final class Observer: NodeLinkOwner, MessageChannelOwner {
  private let heard: AsyncStream<Heard>.Continuation
  private let onEstablished: (NodeLink) -> Void
  /// Whose certificate it does not want.
  private let unwanted: String?

  init(
    _ heard: AsyncStream<Heard>.Continuation, unwanted: String? = nil,
    onEstablished: @escaping (NodeLink) -> Void = { _ in }
  ) {
    self.heard = heard
    self.unwanted = unwanted
    self.onEstablished = onEstablished
  }

  func established(_ link: NodeLink, with remote: RemoteNode) {
    heard.yield(.established(remote.role, remote.node))
    onEstablished(link)
  }
  func heard(_ notice: LeaderNotice, on link: NodeLink) { heard.yield(.notice(notice)) }
  func heard(_ notice: RevocationNotice, on link: NodeLink) {
    heard.yield(.revoked(notice.coordinators))
    link.distrust(Failure(.certificateRevoked, "so it is said"))
  }
  func draining(_ link: NodeLink) { heard.yield(.draining) }
  func refusal(of certificate: PeerCertificate, on link: NodeLink) -> Failure? {
    certificate.identity.name == unwanted
      ? Failure(.certificateRevoked, "\(certificate.identity) is not wanted") : nil
  }
  func closed(_ link: NodeLink, _ end: NodeLinkEnd) {
    heard.yield(.closed(end))
    heard.finish()
  }
  func accepted(
    _ channel: LinkChannel, for service: Service, authorization: String, on link: NodeLink
  ) -> any MessageChannelOwner { self }
  func received(_ message: Message, on channel: any MessageChannel) {}
  func writable(_ channel: any MessageChannel) {}
  func closed(_ channel: any MessageChannel) {}
}

/// Leaves in order once its stream has ended.
final class Leaving: MessageChannelOwner {
  private let link: NodeLink

  init(_ link: NodeLink) { self.link = link }
  func received(_ message: Message, on channel: any MessageChannel) {}
  func writable(_ channel: any MessageChannel) {}
  func closed(_ channel: any MessageChannel) { link.drain(reason: "test") }
}

/// What each side of a link notes.
struct Notes: Sendable {
  let listening = RefusalLog(label: "Transport")
  let dialing = RefusalLog(label: "Transport")
}

/// A listener and one dialed link, and what the dialing side hears; `accepting` is told what the other one does.
func connect(
  listener security: LinkSecurity, dialer: LinkSecurity, isPlaintext: Bool, as local: LocalNode,
  to remote: LocalNode = node(.coordinator, id: 1), unwanted: String? = nil, notes: Notes = Notes(),
  accepting: AsyncStream<Heard>.Continuation = AsyncStream.makeStream(of: Heard.self).continuation,
  accepted: @escaping @Sendable (NodeLink) -> Void = { _ in },
  dialed: @escaping @Sendable (NodeLink) -> Void = { _ in }
) async throws -> [Heard] {
  let loop = MultiThreadedEventLoopGroup.singleton.next()
  let listener = try await Listener.bind(
    host: "127.0.0.1", port: 0, security: security, refusals: notes.listening, group: loop
  ) { link in
    NodeLink.accept(
      link, as: remote, accepting: NodeRole.allCases, isPlaintext: isPlaintext,
      refusals: notes.listening, owner: Observer(accepting, unwanted: unwanted) { accepted($0) })
  }
  let (stream, continuation) = AsyncStream.makeStream(of: Heard.self)
  let endpoint = "127.0.0.1:\(listener.port)"
  loop.execute {
    _ = NodeDialer(security: dialer, on: LinkLoop(loop), refusals: notes.dialing).connect(
      to: endpoint, as: local, owner: Observer(continuation) { dialed($0) })
  }
  var heard: [Heard] = []
  for await item in stream { heard.append(item) }
  await listener.close()
  return heard
}

func plain(
  as local: LocalNode, to remote: LocalNode = node(.coordinator, id: 1), notes: Notes = Notes(),
  accepting: AsyncStream<Heard>.Continuation = AsyncStream.makeStream(of: Heard.self).continuation,
  accepted: @escaping @Sendable (NodeLink) -> Void = { _ in },
  dialed: @escaping @Sendable (NodeLink) -> Void = { _ in }
) async throws -> [Heard] {
  try await connect(
    listener: .plaintextOnLoopback, dialer: .plaintextOnLoopback, isPlaintext: true, as: local,
    to: remote, notes: notes, accepting: accepting, accepted: accepted, dialed: dialed)
}

@Suite("A link between two nodes", .timeLimit(.minutes(5)))
struct NodeLinkTests {
  @Test("greets, hears who leads, and drains in order")
  func life() async throws {
    let notice = LeaderNotice(term: Term(3), leader: ReplicaID(1), address: "127.0.0.1:1")
    let heard = try await plain(as: node(.worker)) { link in
      link.tell(notice)
      link.drain(reason: "test")
    }
    #expect(
      heard == [.established(.coordinator, 1), .notice(notice), .draining, .closed(.orderly)])
  }

  @Test(
    "tells who is revoked to those that understand it, and the dialing side may end it for that")
  func revocations() async throws {
    let knowing = [LocalNode.revocationNotices]
    let notice = RevocationNotice(coordinators: [ReplicaID(1)])
    let notes = Notes()
    let heard = try await plain(
      as: node(.worker, features: knowing), to: node(.coordinator, id: 1, features: knowing),
      notes: notes
    ) { $0.tell(notice) }
    #expect(notes.dialing.counts == ["certificate_revoked": 1])
    let failure = Failure(.certificateRevoked, "so it is said")
    #expect(
      heard == [
        .established(.coordinator, 1), .revoked([ReplicaID(1)]), .closed(.distrusted(failure)),
      ])

    let older = try await plain(as: node(.worker), to: node(.coordinator, id: 1, features: knowing))
    {
      $0.tell(notice)
      $0.drain(reason: "test")
    }
    #expect(older == [.established(.coordinator, 1), .draining, .closed(.orderly)])
  }

  @Test("of another cluster is refused, and both know why")
  func wrongCluster() async throws {
    let (accepting, continuation) = AsyncStream.makeStream(of: Heard.self)
    let notes = Notes()
    let dialing = try await plain(
      as: node(.client, cluster: ClusterID(8)), notes: notes, accepting: continuation)
    let other = await accepting.first { _ in true }
    for (end, expected) in [(dialing.first, NodeLinkEnd.Side.there), (other, .here)] {
      guard case .closed(.refused(let failure, by: let side))? = end else {
        Issue.record("\(dialing), \(String(describing: other))")
        continue
      }
      #expect(failure.errorCode == .wrongCluster && side == expected)
    }
    #expect(notes.dialing.counts == ["wrong_cluster": 1])
    #expect(notes.listening.counts == ["wrong_cluster": 1])
  }

  @Test("that one end closes is over at the other, after having been established")
  func closing() async throws {
    let heard = try await plain(as: node(.client), accepted: { $0.close() })
    // The peer's last words and its Welcome leave together: whichever is understood, it is an end.
    guard case .closed(.broke)? = heard.last else {
      Issue.record("\(heard)")
      return
    }
    #expect(heard.count <= 2)
  }

  @Test("to nobody says where there was nobody")
  func nobody() async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let (stream, continuation) = AsyncStream.makeStream(of: Heard.self)
    loop.execute {
      _ = NodeDialer(security: .plaintextOnLoopback, on: LinkLoop(loop)).connect(
        to: "127.0.0.1:1", as: node(.client), owner: Observer(continuation))
    }
    var heard: [Heard] = []
    for await item in stream { heard.append(item) }
    guard case .closed(.nobodyListens(let cause))? = heard.first else {
      Issue.record("\(heard)")
      return
    }
    #expect(cause.contains("127.0.0.1:1"))
  }

  @Test("without a certificate is a client's, whatever it says of itself")
  func stranger() async throws {
    let authority = try CertificateAuthority(cluster: cluster, now: Date())
    let server = try NodeIdentity(
      authority: authority, role: .coordinator, name: "coordinator-1", now: Date(),
      lifetimeSeconds: 600)
    for (role, isWelcome) in [(NodeRole.worker, false), (.client, true)] {
      let heard = try await connect(
        listener: .serverTLS(server, allowing: [.worker, .client]),
        dialer: .anonymousTLS(
          try TrustAnchor(pem: authority.certificatePEM), allowing: [.coordinator]),
        isPlaintext: false, as: node(role), dialed: { $0.drain(reason: "test") })
      #expect(heard.contains(.established(.coordinator, 1)) == isWelcome, "\(role): \(heard)")
    }
  }

  @Test("with a certificate that the owner does not want is refused before it is welcome")
  func unwanted() async throws {
    let authority = try CertificateAuthority(cluster: cluster, now: Date())
    func identity(_ role: NodeRole, _ name: String) throws -> NodeIdentity {
      try NodeIdentity(
        authority: authority, role: role, name: name, now: Date(), lifetimeSeconds: 600)
    }
    for (name, isWelcome) in [("w1", false), ("w2", true)] {
      let notes = Notes()
      let heard = try await connect(
        listener: .serverTLS(try identity(.coordinator, "coordinator-1"), allowing: [.worker]),
        dialer: .mutualTLS(try identity(.worker, name), allowing: [.coordinator]),
        isPlaintext: false, as: node(.worker), unwanted: "w1", notes: notes,
        dialed: { $0.drain(reason: "test") })
      #expect(heard.contains(.established(.coordinator, 1)) == isWelcome, "\(name): \(heard)")
      let counts: [String: UInt64] = isWelcome ? [:] : ["certificate_revoked": 1]
      #expect(notes.listening.counts == counts && notes.dialing.counts == counts)
      guard !isWelcome else { continue }
      guard case .closed(.refused(let failure, by: .there))? = heard.last else {
        Issue.record("\(heard)")
        continue
      }
      #expect(failure.errorCode == .certificateRevoked)
    }
  }

  @Test("counts a stream that the peer's role may not open")
  func wrongDoor() async throws {
    let notes = Notes()
    _ = try await plain(
      as: node(.client), notes: notes,
      dialed: {
        let stream = $0.openStream(.raft, owner: Leaving($0))
        stream.send(ReadConfirm(term: Term(1), nonce: 1))
      })
    #expect(notes.listening.counts == ["wrong_role": 1] && notes.dialing.counts.isEmpty)
  }

  @Test("of a coordinator that says another id than its certificate is refused")
  func otherCoordinator() async throws {
    let authority = try CertificateAuthority(cluster: cluster, now: Date())
    func identity(_ id: Int) throws -> NodeIdentity {
      try NodeIdentity(
        authority: authority, role: .coordinator, name: "coordinator-\(id)", now: Date(),
        lifetimeSeconds: 600)
    }
    for (claimed, isWelcome) in [(UInt64(3), false), (2, true)] {
      let heard = try await connect(
        listener: .serverTLS(try identity(1), allowing: [.coordinator]),
        dialer: .mutualTLS(try identity(2), allowing: [.coordinator]), isPlaintext: false,
        as: node(.coordinator, id: claimed), dialed: { $0.drain(reason: "test") })
      #expect(heard.contains(.established(.coordinator, 1)) == isWelcome, "\(claimed): \(heard)")
    }
  }
}
