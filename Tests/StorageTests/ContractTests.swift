import Consensus
import ExchangeTypes
import Storage
import TemporaryDirectory
import Testing

@Suite("The contract of a replica's disk") struct ContractTests {
  @Test("LMDB keeps it", arguments: ReplicaStoreContract.all)
  func lmdb(clause: ReplicaStoreContract) async throws {
    try await clause.check(on: LMDBMedium())
  }

  @Test("the model in memory keeps it", arguments: ReplicaStoreContract.all)
  func memory(clause: ReplicaStoreContract) async throws {
    try await clause.check(on: MemoryMedium())
  }
}

private struct MemoryMedium: ReplicaMedium {
  let store = MemoryReplicaStore()
  func open() throws -> any ReplicaStore { store }
  func close(_ store: any ReplicaStore) {}
}

/// A data directory that was bootstrapped for replica 1 of one cluster.
struct LMDBMedium: ReplicaMedium {
  static let clusterID = ClusterID(0xc1)
  static let replicaID = ReplicaID(1)

  let directory: TemporaryDirectory
  let options: LMDBReplicaStore.Options

  var path: String { directory.file("data") }
  var dataFile: String { path + "/data.mdb" }

  init(options: LMDBReplicaStore.Options = .init()) throws {
    directory = try TemporaryDirectory()
    self.options = options
    let path = directory.file("data")
    try LMDBReplicaStore.bootstrap(
      directory: path, clusterID: Self.clusterID, replicaID: Self.replicaID)
  }

  func openStore() throws(StoreError) -> LMDBReplicaStore {
    try LMDBReplicaStore(
      directory: path, clusterID: Self.clusterID, replicaID: Self.replicaID,
      options: options)
  }

  func open() throws -> any ReplicaStore { try openStore() }

  func close(_ store: any ReplicaStore) { (store as? LMDBReplicaStore)?.close() }
}
