import ExchangeClient
import ExchangeTypes
import Foundation
import Identity
import JobDispatch
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing
import Transport
import WireProtocol

@Suite("The client: coordinators that are revoked", .timeLimit(.minutes(1)))
struct RevokedCoordinatorTests {
  /// A cluster's coordinators, each of which answers with its number as the log's index.
  private struct Group {
    private let authority: CertificateAuthority
    private let cluster = ClusterID(7)

    init() throws { authority = try CertificateAuthority(cluster: cluster, now: Date()) }

    func coordinator(
      _ id: UInt64, revoked: [UInt64] = [], calls: NIOLockedValueBox<Int> = .init(0)
    ) async throws -> Scripted {
      try await Scripted(
        id: id, cluster: cluster,
        identity: NodeIdentity(
          authority: authority, role: .coordinator, name: "coordinator-\(id)", now: Date(),
          lifetimeSeconds: 600), revoked: revoked
      ) { _, _, channel, _ in
        calls.withLockedValue { $0 += 1 }
        channel.answer(Purged(count: UInt32(id)))
      }
    }

    func client(_ coordinators: [Scripted]) async throws -> ExchangeClient {
      await ExchangeClient(
        configuration: ClientConfiguration(
          endpoints: coordinators.map(\.endpoint), key: "sy_1_x",
          security: .anonymousTLS(
            try TrustAnchor(pem: authority.certificatePEM), allowing: [.coordinator]),
          patience: 20_000, software: "test"), on: MultiThreadedEventLoopGroup.singleton)
    }
  }

  private func ask(_ client: ExchangeClient) async throws -> UInt32? {
    if case .purged(let purged) = try await client.call(Purge(jobs: [])) {
      purged.count
    } else {
      nil
    }
  }

  @Test("one that says nothing of itself gets no key when another says it")
  func silent() async throws {
    let group = try Group()
    let calls = NIOLockedValueBox(0)
    let stolen = try await group.coordinator(2, calls: calls)
    let good = try await group.coordinator(1, revoked: [2])
    let client = try await group.client([stolen, good])
    #expect(try await ask(client) == 1)
    #expect(calls.withLockedValue { $0 } == 0)
    await client.close()
    await stolen.close()
    await good.close()
  }

  @Test("one that says that the others are revoked is outvoted by two")
  func lying() async throws {
    let group = try Group()
    let calls = NIOLockedValueBox(0)
    let stolen = try await group.coordinator(3, revoked: [1, 2], calls: calls)
    let good = try await group.coordinator(1, revoked: [3])
    let another = try await group.coordinator(2, revoked: [3])
    let client = try await group.client([stolen, good, another])
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

  @Test(
    "when the one that was talked to ends, its word still counts for the next: nobody waits for a second"
  )
  func theNextOne() async throws {
    let group = try Group()
    let first = try await group.coordinator(1)
    let second = try await group.coordinator(2)
    let client = try await group.client([first, second])
    #expect(try await ask(client) == 1)
    let clock = ContinuousClock()
    await first.close()
    let since = clock.now
    #expect(try await ask(client) == 2)
    #expect(clock.now - since < .milliseconds(900))
    await client.close()
    await second.close()
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
