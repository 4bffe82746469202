internal import ArgumentParser
internal import Coordinator
internal import ExchangeCore
internal import ExchangeTypes
internal import Foundation
internal import Identity
internal import Logging
internal import NIOPosix

/// `yard coordinator`.
struct CoordinatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coordinator",
    abstract: "Run a coordinator.",
    discussion: """
      Its directory is one that yard init or yard cluster prepare made. Prints one JSON line when it listens.
      SIGTERM hands leadership over and ends it; SIGHUP reads --config again (yard config --help).

      With --join it founds nothing: it waits until yard cluster add has made it a member. --peers then names the
      coordinators that it joins, and itself; other members' addresses are learned from the cluster's log.

      Example: yard coordinator --id 1 --listen 10.0.0.1:7400 \\
                 --peers 1=10.0.0.1:7400,2=10.0.0.2:7400,3=10.0.0.3:7400 --dir /var/lib/switchyard
      """)

  @Option(
    help: ArgumentHelp(
      "Take options from this file; those given as well win (yard config --help).",
      valueName: "file"))
  var config: String?
  @Option(help: ArgumentHelp("Its id in the cluster.", valueName: "n")) var id: UInt64
  @Option(help: ArgumentHelp("Where it listens.", valueName: "host:port")) var listen: HostPort
  @Option(
    help: ArgumentHelp(
      "Every coordinator as the others reach it, this one too.", valueName: "id=host:port,…"))
  var peers: String
  @Option(help: ArgumentHelp("Its directory.", valueName: "dir")) var dir: String
  @Option(
    help: ArgumentHelp(
      "How long the certificates of nodes that join or renew are valid.", valueName: "time"))
  var certificateLife = TimeSpan.thirtyDays
  @Option(
    help: ArgumentHelp(
      "How much of the log stays for coordinators that were away; one that needs more gets a snapshot.",
      valueName: "MiB"))
  var keepLog = 32
  @Option(
    help: ArgumentHelp(
      "How much its data may take, if the volume has it: at four fifths no job is taken, at nine tenths running ones end.",
      valueName: "GiB"))
  var diskBudget = 64
  @Flag(help: "Join a cluster that exists, as yard cluster add says, instead of founding one.")
  var join = false
  @Option(
    help: ArgumentHelp(
      "How long one wrapping key is used; while this coordinator leads.", valueName: "time"))
  var rotateKeys = TimeSpan.hour
  /// Behaves as a program of an earlier release: for tests of upgrades.
  @Option(help: .hidden) var stateVersionMax: UInt32?
  @OptionGroup var logs: LogOptions
  @Flag(help: "No TLS; only for listening on this machine's loopback addresses.")
  var insecure = false
  @Flag(help: "End when standard input ends, as a child of its starter does.")
  var endWithInput = false

  func validate() throws {
    guard rotateKeys.milliseconds > 0 else {
      throw ValidationError("--rotate-keys is no time at all")
    }
    guard certificateLife.milliseconds > 0 else {
      throw ValidationError("--certificate-life is no time at all")
    }
    if let stateVersionMax, !(1...Exchange.stateVersionMax).contains(stateVersionMax) {
      throw ValidationError("--state-version-max is none of 1 to \(Exchange.stateVersionMax)")
    }
    guard id > 0 else { throw ValidationError("--id is 0; ids begin with 1") }
    guard (1...65_536).contains(keepLog) else {
      throw ValidationError("--keep-log is \(keepLog); it is 1 to 65536 MiB")
    }
    guard (1...65_536).contains(diskBudget) else {
      throw ValidationError("--disk-budget is \(diskBudget); it is 1 to 65536 GiB")
    }
    _ = try members()
  }

  private var live: CoordinatorConfiguration.Live {
    var live = CoordinatorConfiguration.Live()
    live.certificateLifetimeSeconds = certificateLife.seconds
    live.keyInterval = rotateKeys.milliseconds
    live.keptLogMebibytes = keepLog
    return live
  }

  private func members() throws -> [ReplicaID: String] {
    var members: [ReplicaID: String] = [:]
    for part in peers.split(separator: ",") {
      let pair = part.split(separator: "=", maxSplits: 1)
      guard pair.count == 2, let peer = UInt64(pair[0]), peer > 0,
        let address = HostPort(argument: String(pair[1]))
      else {
        throw ValidationError("'\(part)' in --peers is not id=host:port, such as 1=10.0.0.1:7400")
      }
      guard members.updateValue(address.text, forKey: ReplicaID(peer)) == nil else {
        throw ValidationError("--peers names coordinator \(peer) twice")
      }
    }
    guard members[ReplicaID(id)] != nil else {
      throw ValidationError("--peers does not name coordinator \(id) itself")
    }
    return members
  }

  func run() async throws {
    let node = NodeDirectory(path: dir)
    let cluster = try ClusterFile.load(from: node.clusterFile)
    guard !join || !cluster.coordinators.contains(id) else {
      throw CommandError(
        .refused,
        "coordinator \(id) is one of the cluster's first, which start without --join; one that lost its disk has "
          + "forgotten its votes, and comes back under a new id (yard cluster --help)")
    }
    guard join || cluster.coordinators.contains(id) else {
      let known = cluster.coordinators.map(String.init).joined(separator: ", ")
      throw CommandError(
        .refused,
        "the cluster of \(dir) has coordinators \(known), and no \(id); one that was added later starts with --join"
      )
    }
    var configuration: CoordinatorConfiguration
    do {
      let identity = IdentityDirectory(path: node.identity)
      var made = CoordinatorConfiguration(
        replica: ReplicaID(id), host: listen.host, port: listen.port, members: try members(),
        founders: Set(cluster.coordinators.map { ReplicaID($0) }), directory: node.data,
        clusterID: cluster.clusterID,
        rootSecretHash: cluster.rootSecretHash,
        keyring: try Keyring.loadIfPresent(path: node.keyring, cluster: cluster.clusterID),
        keyringPath: node.keyring,
        security: insecure
          ? .plaintextOnLoopback
          : .identity(
            try identity.load(cluster: cluster.clusterID, now: Date())),
        software: Software.name)
      made.issuer = insecure ? nil : try identity.loadIssuer()
      configuration = made
    } catch let error as IdentityError {
      throw CommandError(.refused, "\(error)")
    }
    configuration.live = live
    configuration.diskBudgetBytes = diskBudget << 30
    configuration.stateVersionMax = stateVersionMax
    configuration.joins = join
    try Logs.set(logs)
    ProcessLimits.writeNoCore()
    SpareHeap.giveBackWhenIdle()
    if configuration.keyring.keys.isEmpty {
      Logger(label: "Coordinator").notice(
        "the keyring is empty: its keys are asked of the other coordinators",
        metadata: ["path": "\(node.keyring)"])
    }
    let running: CoordinatorNode
    let id = id
    do {
      running = try await CoordinatorNode.start(
        configuration, on: MultiThreadedEventLoopGroup(numberOfThreads: 1)
      ) { error in
        // Nothing may be said or written after the replica has died: not even an orderly end.
        Terminal.note("yard: coordinator \(id) failed: \(error)")
        Foundation.exit(ExitStatus.replicaDied.rawValue)
      }
    } catch {
      throw CommandError(.refused, "\(error)")
    }
    let line: JSONText = [
      "ready": true, "coordinator": .unsigned(id), "address": .string(running.address),
    ]
    Terminal.write(line.line)
    let reloading = ConfigurationReload.run(Self.self) { new in
      let (live, levels) = (new.live, try new.logs.levels)
      running.apply(live)
      Logs.set(levels)
    }
    await NodeEnd.arrives(withInput: endWithInput)
    reloading?.cancel()
    await running.stop()
  }
}
