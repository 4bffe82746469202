import ExchangeClient
import ExchangeTypes
import Foundation
import Identity
import JobDispatch
import Links
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing
import Transport
import WireProtocol

@Suite("The client: coordinators that are revoked", .timeLimit(.minutes(5)))
struct RevokedCoordinatorTests {
  /// A cluster's coordinators, each of which answers with its number as the log's index.
  private struct Group {
    private let authority: CertificateAuthority
    private let cluster = ClusterID(7)

    init() throws { authority = try CertificateAuthority(cluster: cluster, now: Date()) }

    func coordinator(
      _ id: UInt64, revoked: [UInt64] = [], others: [String]? = nil,
      calls: NIOLockedValueBox<Int> = .init(0)
    ) async throws -> Scripted {
      try await Scripted(
        id: id, cluster: cluster,
        identity: NodeIdentity(
          authority: authority, role: .coordinator, name: "coordinator-\(id)", now: Date(),
          lifetimeSeconds: 600), revoked: revoked, others: others
      ) { _, _, channel, _ in
        calls.withLockedValue { $0 += 1 }
        channel.answer(Purged(count: UInt32(id)))
      }
    }

    func security() throws -> LinkSecurity {
      .anonymousTLS(try TrustAnchor(pem: authority.certificatePEM), allowing: [.coordinator])
    }

    /// A client that waits for a second coordinator's word for so many milliseconds.
    func client(
      _ coordinators: [Scripted], vouchingPatience: Int64 = 1_000
    ) async throws -> ExchangeClient {
      var configuration = ClientConfiguration(
        endpoints: coordinators.map(\.endpoint), key: "sy_1_x", security: try security(),
        patience: 60_000, software: "test")
      configuration.vouchingPatience = vouchingPatience
      return await ExchangeClient(
        configuration: configuration, on: MultiThreadedEventLoopGroup.singleton)
    }

    /// Milliseconds, longer than a client waits for an answer: nothing that comes in time has come by this.
    static let patience: Int64 = 600_000

    /// What vets links to these coordinators, for tests that dial themselves.
    func trust(
      _ coordinators: [Scripted], on loop: any EventLoop
    ) async throws -> NIOLoopBound<CoordinatorTrust> {
      let endpoints = coordinators.map(\.endpoint)
      return try await loop.submit {
        NIOLoopBound(
          CoordinatorTrust(endpoints: endpoints, patience: Self.patience), eventLoop: loop)
      }.get()
    }
  }

  private func ask(_ client: ExchangeClient) async throws -> UInt32? {
    if case .purged(let purged) = try await client.call(Purge(jobs: [])) {
      purged.count
    } else {
      nil
    }
  }

  @Test("one that says nothing of itself gets no key when others say it")
  func silent() async throws {
    let group = try Group()
    let calls = NIOLockedValueBox(0)
    let stolen = try await group.coordinator(2, calls: calls)
    let good = try await group.coordinator(1, revoked: [2])
    let another = try await group.coordinator(3, revoked: [2])
    let client = try await group.client(
      [stolen, good, another], vouchingPatience: Group.patience)
    let answer = try await ask(client)
    #expect(answer == 1 || answer == 3)
    #expect(calls.withLockedValue { $0 } == 0)
    await client.close()
    for one in [stolen, good, another] { await one.close() }
  }

  @Test("one that says that the others are revoked is outvoted by two")
  func lying() async throws {
    let group = try Group()
    let calls = NIOLockedValueBox(0)
    let stolen = try await group.coordinator(3, revoked: [1, 2], calls: calls)
    let good = try await group.coordinator(1, revoked: [3])
    let another = try await group.coordinator(2, revoked: [3])
    let client = try await group.client(
      [stolen, good, another], vouchingPatience: Group.patience)
    let answer = try await ask(client)
    #expect(answer == 1 || answer == 2)
    #expect(calls.withLockedValue { $0 } == 0)
    await client.close()
    for one in [stolen, good, another] { await one.close() }
  }

  @Test("a link to it ends as soon as another says so")
  func later() async throws {
    let group = try Group()
    let stolen = try await group.coordinator(2)
    let good = try await group.coordinator(1)
    let client = try await group.client([stolen, good])
    #expect(try await ask(client) == 2)
    good.tell(revoked: [2])
    // What is asked until the word has come goes to the old link, which still stands.
    var answer = try await ask(client)
    while answer == 2 { answer = try await ask(client) }
    #expect(answer == 1)
    await client.close()
    await stolen.close()
    await good.close()
  }

  @Test("one that has left a moment ago speaks for nobody that those who are there say is revoked")
  func leftBefore() async throws {
    let group = try Group()
    let left = try await group.coordinator(1)
    let stolen = try await group.coordinator(2)
    let good = try await group.coordinator(3)
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let security = try group.security()
    let trust = try await group.trust([left, stolen, good], on: loop)
    var dialed: [Vetted] = []
    for coordinator in [left, stolen, good] {
      let link = try await loop.submit {
        Vetted(coordinator.endpoint, security, trust.value, LinkLoop(loop))
      }.get()
      dialed.append(link)
    }
    for link in dialed { #expect(try await link.admitted.futureResult.get()) }
    dialed[0].close()
    #expect(try await dialed[0].ended.futureResult.get() == "closed")
    good.tell(revoked: [2])
    #expect(try await dialed[1].ended.futureResult.get() == "distrusted")
    dialed[2].close()
    _ = try await dialed[2].ended.futureResult.get()
    for one in [left, stolen, good] { await one.close() }
  }

  @Test(
    "when the one that was talked to ends, its word still counts for the next: nobody waits for a second"
  )
  func theNextOne() async throws {
    let group = try Group()
    let first = try await group.coordinator(1)
    let second = try await group.coordinator(2)
    let client = try await group.client([first, second], vouchingPatience: Group.patience)
    #expect(try await ask(client) == 1)
    await first.close()
    #expect(try await ask(client) == 2)
    await client.close()
    await second.close()
  }

  @Test(
    "who was told of one coordinator hears from it where the others are, and from them that it is revoked"
  )
  func oneEndpoint() async throws {
    let group = try Group()
    let good = try await group.coordinator(1)
    let first = try await group.coordinator(2, others: [good.endpoint])
    let client = try await group.client([first])
    #expect(try await ask(client) == 2)
    good.tell(revoked: [2])
    // What is asked until the word has come goes to the old link, which still stands.
    var answer = try await ask(client)
    while answer == 2 { answer = try await ask(client) }
    #expect(answer == 1)
    await client.close()
    await first.close()
    await good.close()
  }

  @Test(
    "the word of one that is not trusted any more goes with its link: it speaks against nobody later"
  )
  func lastWord() async throws {
    let group = try Group()
    let stolen = try await group.coordinator(3, revoked: [2])
    let good = try await group.coordinator(1, revoked: [3])
    let another = try await group.coordinator(2)
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let security = try group.security()
    let trust = try await group.trust([stolen, good, another], on: loop)
    func dial(_ coordinator: Scripted) async throws -> Vetted {
      try await loop.submit {
        Vetted(coordinator.endpoint, security, trust.value, LinkLoop(loop))
      }.get()
    }
    let thief = try await dial(stolen)
    let witness = try await dial(good)
    #expect(try await thief.ended.futureResult.get() == "distrusted")
    witness.close()
    #expect(try await witness.ended.futureResult.get() == "closed")
    let last = try await dial(another)
    #expect(try await last.admitted.futureResult.get())
    last.close()
    _ = try await last.ended.futureResult.get()
    for one in [stolen, good, another] { await one.close() }
  }

  /// A link that a trust vets, and what becomes of it.
  private final class Vetted: NodeLinkOwner, Sendable {
    /// Whether streams may be opened; false if it ended before that.
    let admitted: EventLoopPromise<Bool>
    /// How it ended.
    let ended: EventLoopPromise<String>
    private let trust: NIOLoopBound<CoordinatorTrust>
    private let link = NIOLockedValueBox<NIOLoopBound<NodeLink>?>(nil)

    init(_ endpoint: String, _ security: LinkSecurity, _ trust: CoordinatorTrust, _ loop: LinkLoop)
    {
      admitted = loop.eventLoop.makePromise()
      ended = loop.eventLoop.makePromise()
      self.trust = NIOLoopBound(trust, eventLoop: loop.eventLoop)
      let local = LocalNode(
        role: .client, clusterID: ClusterID(7), node: 0, name: "", incarnation: 1,
        features: [LocalNode.revocationNotices], software: "test")
      let dialed = NodeDialer(security: security, on: loop).connect(
        to: endpoint, as: local, owner: self)
      link.withLockedValue { $0 = NIOLoopBound(dialed, eventLoop: loop.eventLoop) }
    }

    func close() {
      guard let link = link.withLockedValue({ $0 }) else { return }
      link.eventLoop.execute { link.value.close() }
    }

    func established(_ link: NodeLink, with remote: RemoteNode) {
      trust.value.established(link) { [admitted] in admitted.succeed(true) }
    }
    func heard(_ notice: LeaderNotice, on link: NodeLink) {}
    func heard(_ notice: RevocationNotice, on link: NodeLink) {
      trust.value.heard(notice, on: link)
    }
    func draining(_ link: NodeLink) {}
    func closed(_ link: NodeLink, _ end: NodeLinkEnd) {
      trust.value.closed(link)
      admitted.succeed(false)
      if case .distrusted = end { ended.succeed("distrusted") } else { ended.succeed("closed") }
    }
  }

  @Test(
    "a false one is refused and counted, and told nothing: at once where there is no other, else another is asked"
  )
  func falseOne() async throws {
    let group = try Group()
    let calls = NIOLockedValueBox(0)
    let other = try Group()
    let stranger = try await other.coordinator(1, calls: calls)
    let good = try await group.coordinator(2)
    for endpoints in [[stranger], [stranger, good]] {
      let refusals = RefusalLog(label: "Transport")
      let configuration = ClientConfiguration(
        endpoints: endpoints.map(\.endpoint), key: "sy_1_x", security: try group.security(),
        patience: 60_000, software: "test")
      let client = await ExchangeClient(
        configuration: configuration, on: MultiThreadedEventLoopGroup.singleton,
        refusals: refusals)
      do {
        #expect(try await ask(client) == 2 && endpoints.count == 2)
      } catch ClientFailure.refused(let failure) {
        #expect(endpoints.count == 1)
        #expect(failure.message.hasPrefix("this side refuses its peer: "))
      }
      #expect((refusals.counts["certificate_untrusted"] ?? 0) >= 1, "\(refusals.counts)")
      await client.close()
    }
    #expect(calls.withLockedValue { $0 } == 0)
    await stranger.close()
    await good.close()
  }

  @Test("where no other answers, the one there is is taken after a second")
  func alone() async throws {
    let group = try Group()
    let down = try await group.coordinator(1)
    let endpoint = try await group.coordinator(2)
    await down.close()
    let client = try await group.client([endpoint, down])
    #expect(try await ask(client) == 2)
    await client.close()
    await endpoint.close()
  }
}
