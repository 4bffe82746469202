import Coordinator
import ExchangeTypes
import Foundation
import Identity
import NIOPosix
import TemporaryDirectory
import Testing

@Suite("Founding a cluster") struct FoundingTests {
  private func configuration(
    peers: [UInt64], founders: [UInt64], directory: String,
    security: CoordinatorConfiguration.Security = .plaintextOnLoopback
  ) -> CoordinatorConfiguration {
    let members = Dictionary(
      uniqueKeysWithValues: peers.map { (ReplicaID($0), "127.0.0.1:\($0)") })
    return CoordinatorConfiguration(
      replica: ReplicaID(1), host: "127.0.0.1", port: 0, members: members,
      founders: Set(founders.map { ReplicaID($0) }), directory: directory,
      clusterID: ClusterID(0xc1), rootSecretHash: Array(repeating: 7, count: 32),
      keyring: Keyring(cluster: ClusterID(0xc1)), keyringPath: "", security: security,
      software: "test")
  }

  private func start(_ configuration: CoordinatorConfiguration) async throws {
    let node = try await CoordinatorNode.start(
      configuration, on: MultiThreadedEventLoopGroup.singleton
    ) { Issue.record($0) }
    await node.stop()
  }

  @Test(
    "a coordinator that is not given exactly the founders does not begin, and does once it is",
    arguments: [[1], [1, 2, 4], [1, 2, 3, 4]] as [[UInt64]])
  func founders(peers: [UInt64]) async throws {
    let data = try TemporaryDirectory()
    let wrong = configuration(
      peers: peers, founders: [1, 2, 3], directory: data.file("data"))
    await #expect(
      throws: StartFailure.notTheFounders(
        named: Set(wrong.members.keys), founders: wrong.founders)
    ) { try await start(wrong) }
    try await start(
      configuration(peers: [1, 2, 3], founders: [1, 2, 3], directory: data.file("data")))
  }

  @Test("a coordinator under another id than its certificate's leaves its directory as it was")
  func wrongIdentity() async throws {
    let data = try TemporaryDirectory()
    let authority = try CertificateAuthority(cluster: ClusterID(0xc1), now: Date())
    let another = try NodeIdentity(
      authority: authority, role: .coordinator, name: "coordinator-2", now: Date(),
      lifetimeSeconds: 86_400)
    let wrong = configuration(
      peers: [1, 2], founders: [1, 2], directory: data.file("data"), security: .identity(another))
    await #expect(
      throws: StartFailure.wrongIdentity(
        have: "coordinator coordinator-2", want: "coordinator-1")
    ) { try await start(wrong) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: data.path) == [])
  }

  @Test("who the founders were is not asked of a coordinator that has begun")
  func laterPeers() async throws {
    let data = try TemporaryDirectory()
    try await start(configuration(peers: [1, 2], founders: [1, 2], directory: data.file("data")))
    try await start(
      configuration(peers: [1, 2, 3], founders: [1, 2], directory: data.file("data")))
  }
}
