internal import ExchangeTypes
internal import Foundation
internal import Identity

/// A whole cluster on this machine, as child processes of this one.
///
/// Order of the start: coordinators → a leader has opened the books → accounts and keys → workers,
/// registered, each with its engine → the gateway. The end is the other way round. A child that dies in between is started again,
/// unless it dies at once.
actor DevCluster {
  struct Plan: Sendable {
    var coordinators: Int
    var workers: Int
    /// An engine for all workers.
    var engine: String
    var directory: String
    var firstPort: UInt16
    /// The first port to try for the gateway.
    var httpPort: UInt16
    /// How the children log, as their command line has it.
    var logging: [String]
  }

  /// The keys of the accounts that a dev cluster has.
  struct Keys: Codable, Sendable, Redacted {
    var root: String
    var consumer: String
    var supplier: String
  }

  private let plan: Plan
  private let files: ClusterDirectory
  private let executable: String
  private var children: [Supervisor] = []
  /// The end of all children, once it has been asked for.
  private var ending: Task<Void, Never>?
  private(set) var addresses: [String] = []
  private(set) var workers: [String] = []
  /// Where the gateway listens.
  private(set) var gateway = ""

  private var logs: String { plan.directory + "/logs" }
  private var keysFile: String { plan.directory + "/dev-keys.json" }
  var identity: String { files.client.identity }

  init(_ plan: Plan) throws {
    self.plan = plan
    files = ClusterDirectory(path: plan.directory)
    executable = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  }

  /// Starts everything; what has been started is to be stopped even if this throws.
  func start() async throws -> Keys {
    try FileManager.default.createDirectory(
      atPath: logs, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let root = try prepare()
    try await startCoordinators()
    let keys = try await openAccounts(root)
    try await startWorkers(keys)
    try await startGateway()
    return keys
  }

  /// Ends all children, the last started first, and starts no more; a start that waits for one throws.
  ///
  /// May be called more than once: every call returns when all have ended.
  func stop() async {
    let ending =
      ending
      ?? Task { [children] in
        for child in children.reversed() { await child.stop() }
      }
    self.ending = ending
    await ending.value
  }

  func context(key: String) -> Context {
    Context(endpoints: addresses, key: key, identity: identity)
  }

  // MARK: Steps

  /// Makes the cluster's files, or takes those of an earlier run.
  ///
  /// Answers the root key.
  private func prepare() throws -> String {
    if FileManager.default.fileExists(atPath: files.clusterFile) {
      let cluster = try ClusterFile.load(from: files.clusterFile)
      guard cluster.coordinators.count == plan.coordinators else {
        throw CommandError(
          .refused,
          "\(plan.directory) holds a cluster of \(cluster.coordinators.count) coordinators; "
            + "start it with --coordinators \(cluster.coordinators.count)")
      }
      try files.addGatewayIfMissing()
      return try savedKeys().root
    }
    let root = try files.create(
      coordinators: plan.coordinators, workers: (1...max(1, plan.workers)).map { "worker-\($0)" })
    try save(Keys(root: root.text, consumer: "", supplier: ""))
    return root.text
  }

  private func startCoordinators() async throws {
    let ports = try Ports.free(plan.coordinators, from: plan.firstPort)
    addresses = ports.map { "127.0.0.1:\($0)" }
    let peers = addresses.enumerated().map { "\($0 + 1)=\($1)" }.joined(separator: ",")
    for (place, address) in addresses.enumerated() {
      let id = place + 1
      let directory = files.coordinator(UInt64(id)).path
      _ = try await launch(
        "coordinator-\(id)", executable,
        [
          "coordinator", "--id", "\(id)", "--listen", address, "--peers", peers, "--dir",
          directory, "--end-with-input",
        ])
    }
  }

  /// A consumer with credit and a supplier, each with a key; kept for later runs.
  private func openAccounts(_ root: String) async throws -> Keys {
    let saved = try savedKeys()
    let keys = try await DevAccounts.open(in: context(key: root), saved: saved)
    if saved.consumer.isEmpty { try save(keys) }
    return keys
  }

  private func startWorkers(_ keys: Keys) async throws {
    for number in 0..<plan.workers {
      let name = "worker-\(number + 1)"
      _ = try await launch(
        name, executable,
        [
          "worker", "run", "--join", addresses.joined(separator: ","), "--engine", plan.engine,
          "--name", name, "--dir", files.worker(name).path, "--price-input", "0.2",
          "--price-output", "0.6", "--end-with-input",
        ], environment: ["YARD_KEY": keys.supplier])
      workers.append(name)
    }
  }

  /// Starts the gateway at the first free port; where another process takes that one meanwhile, at the next.
  private func startGateway() async throws {
    var port = try Ports.free(1, from: plan.httpPort)[0]
    while true {
      do {
        return try await startGateway(at: port)
      } catch let error as CommandError {
        let next = try Ports.free(1, from: port)[0]
        guard next != port else { throw error }
        port = next
      }
    }
  }

  private func startGateway(at port: UInt16) async throws {
    // It is told the port that was found, so that it is there again after a restart.
    gateway = "127.0.0.1:\(port)"
    _ = try await launch(
      "gateway", executable,
      [
        "gateway", "--listen", gateway, "--join", addresses.joined(separator: ","), "--dir",
        files.gateway.path, "--drain", "2", "--end-with-input",
      ])
  }

  /// Starts a child and waits for its line.
  private func launch(
    _ name: String, _ executable: String, _ arguments: [String],
    environment: [String: String] = [:]
  ) async throws -> String {
    guard ending == nil else { throw CancellationError() }
    let log = "\(logs)/\(name).log"
    let logging = plan.logging
    let supervisor = Supervisor(name: name, log: log) {
      try ChildProcess(
        name: name, executable: executable, arguments: arguments + logging,
        environment: environment, log: log)
    }
    children.append(supervisor)
    return try await Patience.saying("waiting for \(name) to be ready; its log is \(log)") {
      try await supervisor.start()
    }
  }

  // MARK: Keys

  private func savedKeys() throws -> Keys {
    guard let data = try PrivateFile.read(keysFile) else {
      throw CommandError(
        .refused, "\(plan.directory) holds a cluster that yard dev did not make: no dev-keys.json")
    }
    return try JSONDecoder().decode(Keys.self, from: data)
  }

  private func save(_ keys: Keys) throws {
    let text = String(decoding: try JSONEncoder().encode(keys), as: UTF8.self)
    try PrivateFile.write(text + "\n", to: keysFile)
  }
}

/// One child of a dev cluster: started, and started again if it dies while it should live.
actor Supervisor {
  private let name: String
  private let log: String
  private let spawn: @Sendable () throws -> ChildProcess
  private var child: ChildProcess?
  private var isStopping = false
  /// A child that dies sooner than this after its start would do so again.
  private static let lifeMin: Duration = .seconds(2)

  init(
    name: String, log: String,
    spawn: @escaping @Sendable () throws -> ChildProcess
  ) {
    self.name = name
    self.log = log
    self.spawn = spawn
  }

  /// Starts the child, and answers its first line.
  func start() async throws -> String {
    guard !isStopping else { throw CancellationError() }
    let child = try spawn()
    self.child = child
    guard let line = await child.firstLine() else {
      let status = await child.end()
      throw CommandError(
        .refused, "\(name) did not start (\(ChildProcess.words(status))): \(lastLine())")
    }
    Task { await watch(child, since: .now) }
    return line
  }

  func stop() async {
    isStopping = true
    await child?.stop(within: 5)
  }

  private func watch(_ child: ChildProcess, since start: ContinuousClock.Instant) async {
    let status = await child.end()
    guard !isStopping else { return }
    let words = ChildProcess.words(status)
    // An end in order was asked for: `yard worker drain`.
    guard status != 0, ContinuousClock.now - start >= Self.lifeMin else {
      return Terminal.note("yard: \(name) ended (\(words)); its log is \(log)")
    }
    Terminal.note("yard: \(name) ended (\(words)); starting it again")
    do {
      _ = try await self.start()
    } catch {
      Terminal.note("yard: \((error as? CommandError)?.message ?? "\(error)")")
    }
  }

  /// The end of the log, where a child that does not start says why.
  private func lastLine() -> String {
    guard let text = try? String(contentsOfFile: log, encoding: .utf8),
      let line = text.split(separator: "\n").last
    else { return "see \(log)" }
    return String(line)
  }
}
