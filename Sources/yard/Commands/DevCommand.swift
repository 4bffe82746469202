internal import ArgumentParser
internal import Engines
internal import Foundation

/// `yard dev`.
struct DevCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dev",
    abstract: "Run a whole cluster on this machine until Ctrl-C.",
    discussion: """
      Starts coordinators, workers and a gateway as child processes, and makes a context named dev current, so that yard run
      needs no flag in another shell; at its end it removes that, or puts back another one's that still runs.
      Without --engine each worker runs the built-in engine. Prints one JSON line when ready.
      Without --dir everything is in a temporary directory and is removed at the end.

      Example: yard dev --coordinators 3 --workers 2
      """)

  @Option(help: ArgumentHelp("How many coordinators.", valueName: "n")) var coordinators = 1
  @Option(help: ArgumentHelp("How many workers.", valueName: "n")) var workers = 1
  @Option(
    help: """
      An engine for the workers: http://host:port, builtin or builtin:FILE.gguf, and
      [,model=NAME][,context=N][,slots=N].
      """)
  var engine = "builtin"
  @Option(help: ArgumentHelp("Where the cluster lives, to be kept.", valueName: "dir"))
  var dir: String?
  @Option(help: ArgumentHelp("The first port to try.", valueName: "n")) var port: UInt16 = 7400
  @Option(help: ArgumentHelp("The first port to try for OpenAI's API.", valueName: "n"))
  var httpPort: UInt16 = 8080
  @Flag(help: "End when standard input ends, as a child of its starter does.")
  var endWithInput = false
  @OptionGroup var logs: LogOptions

  func validate() throws {
    guard (1...7).contains(coordinators) else {
      throw ValidationError("--coordinators is \(coordinators); a cluster has 1 to 7")
    }
    guard (0...64).contains(workers) else {
      throw ValidationError("--workers is \(workers); there may be 0 to 64")
    }
    do { _ = try EngineSpec.parse(engine) } catch { throw ValidationError("\(error)") }
  }

  func run() async throws {
    try Logs.set(logs)
    let directory: String
    if let dir {
      directory = URL(fileURLWithPath: dir).path
    } else {
      directory =
        FileManager.default.temporaryDirectory
        .appendingPathComponent("yard-dev-\(ProcessInfo.processInfo.processIdentifier)").path
    }
    let cluster = try DevCluster(
      .init(
        coordinators: coordinators, workers: workers, engine: engine, directory: directory,
        firstPort: port, httpPort: httpPort, logging: logs.arguments))
    // A file that cannot be read is refused before anything starts.
    _ = try ContextStore.load()
    var outcome: (any Error)?
    do {
      try await serve(cluster, directory)
    } catch {
      outcome = error
    }
    await cluster.stop()
    if dir == nil { try FileManager.default.removeItem(atPath: directory) }
    if let outcome { throw outcome }
  }

  private func serve(_ cluster: DevCluster, _ directory: String) async throws {
    let ending = Task { await NodeEnd.arrives(withInput: endWithInput, isHurried: false) }
    let starting = Task { () -> DevCluster.Keys in try await cluster.start() }
    // Ctrl-C while it starts ends it too, and the child that it waits for.
    let interruption = Task {
      await ending.value
      starting.cancel()
      await cluster.stop()
    }
    defer { interruption.cancel() }
    let keys: DevCluster.Keys
    do {
      keys = try await starting.value
    } catch {
      throw starting.isCancelled ? CommandError(.interrupted, "ended before it was ready") : error
    }
    let context = await cluster.context(key: keys.consumer)
    var before = ContextStore()
    try ContextStore.update { store in
      before = store
      store["dev"] = context
      store.current = "dev"
    }
    let line: JSONText = [
      "ready": true, "coordinators": .array(context.endpoints.map { .string($0) }),
      "engine": .string(engine),
      "workers": .array(await cluster.workers.map { .string($0) }), "context": "dev",
      "directory": .string(directory), "identity": .string(context.identity ?? ""),
      "gateway": .string(await cluster.gateway), "key": .string(keys.consumer),
      "root_key": .string(keys.root),
    ]
    Terminal.write(line.line)
    await ending.value
    Terminal.note("yard: ending the cluster…")
    try ContextStore.update { store in
      store.endDev(context, before: before, listens: Ports.listens)
    }
  }
}

extension ContextStore {
  /// Takes the context of a `yard dev` that ends away, and puts back what it stood in the place of.
  ///
  /// - Parameters:
  ///   - context: its own.
  ///   - before: what there was before it.
  ///   - listens: whether anybody listens at an endpoint.
  mutating func endDev(_ context: Context, before: ContextStore, listens: (String) -> Bool) {
    // Another yard dev that has begun since has made it its own.
    guard self["dev"] == context else { return }
    // One whose cluster is gone was left by a yard dev that could not end in order; where this one listened that one did no more.
    let former = before["dev"].flatMap {
      $0.endpoints.contains { !context.endpoints.contains($0) && listens($0) } ? $0 : nil
    }
    self["dev"] = former
    if current == "dev" {
      current = before.current == "dev" && former == nil ? nil : before.current
    }
  }
}
