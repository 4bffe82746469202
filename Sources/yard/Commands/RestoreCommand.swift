internal import ArgumentParser
internal import ExchangeTypes
internal import Foundation
internal import Identity
internal import Storage

/// `yard restore`.
struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Verify a backup, or begin a cluster again from one.",
    discussion: """
      With --verify it only reads the file: every row, and the state that they make.

      Only where a majority of the coordinators is gone for good: what was acknowledged after the backup is lost, and a
      coordinator of the old members that runs again would be a second cluster of the same name. The new one begins
      alone under an id above all that were ever given, in a term above all that were heard of; others are added to it (yard
      cluster --help).

      Example: yard restore switchyard.backup --verify
               yard cluster prepare ./cluster 4                          the directory with its certificate
               yard restore switchyard.backup --dir ./cluster/coordinator-4 --id 4 --address 10.0.0.4:7400
               yard coordinator --id 4 --join --listen 10.0.0.4:7400 --peers 4=10.0.0.4:7400 \\
                 --dir ./cluster/coordinator-4
      """)

  @Argument(help: "A file that yard backup made.") var file: String
  @Flag(help: "Only verify.") var verify = false
  @Option(
    help: ArgumentHelp(
      "The new coordinator's directory, from yard cluster prepare.", valueName: "dir"))
  var dir: String?
  @Option(help: ArgumentHelp("The new coordinator's id.", valueName: "n")) var id: UInt64?
  @Option(help: ArgumentHelp("Where others will reach it.", valueName: "host:port"))
  var address: HostPort?
  @Option(help: "text or json.") var output: ClusterOptions.Format = .text

  func validate() throws {
    if verify {
      guard dir == nil, id == nil, address == nil else {
        throw ValidationError("--verify writes nothing: leave --dir, --id and --address away")
      }
    } else if dir == nil || id == nil || address == nil {
      throw ValidationError("give --verify, or --dir, --id and --address of the new coordinator")
    }
    if id == 0 { throw ValidationError("--id is 0; ids begin with 1") }
  }

  func run() async throws {
    do {
      let backup = try BackupReport.verified(file)
      guard let dir, let id, let address else {
        return BackupReport.print(backup, asJSON: output == .json, "whole")
      }
      let node = NodeDirectory(path: dir)
      let cluster = try ClusterFile.load(from: node.clusterFile)
      guard cluster.clusterID == backup.manifest.cluster else {
        throw CommandError(
          .refused,
          "\(file) is of cluster \(backup.manifest.cluster), and \(dir) of cluster \(cluster.clusterID): restore it "
            + "to a directory that yard cluster prepare made for the first")
      }
      try Self.confirm(id, in: node, of: cluster.clusterID)
      try await LMDBReplicaStore.restore(
        backup, to: node.data, as: ReplicaID(id), address: address.text,
        now: UInt64(Date().timeIntervalSince1970))
      BackupReport.print(backup, asJSON: output == .json, "restored to \(node.data)")
    } catch let error as CommandError {
      throw error
    } catch {
      throw CommandError(.refused, "\(error)")
    }
  }

  /// Refuses an id that is not that of the directory's certificate: no coordinator could start there.
  private static func confirm(_ id: UInt64, in node: NodeDirectory, of cluster: ClusterID) throws {
    let identity: PeerIdentity
    do {
      identity = try IdentityDirectory(path: node.identity).load(cluster: cluster, now: Date())
        .identity
    } catch IdentityError.missing {
      return  // A cluster without TLS has no certificates.
    }
    guard identity.role == .coordinator, identity.name == "coordinator-\(id)" else {
      throw CommandError(
        .refused,
        "the certificate in \(node.identity) is that of \(identity), not of coordinator \(id): give the id that "
          + "yard cluster prepare was given, or another directory")
    }
  }
}
