internal import ArgumentParser
internal import Engines
internal import ExchangeTypes
internal import ExchangeClient
internal import Foundation
internal import Identity
internal import JobDispatch
internal import Logging
internal import OpenAIFormat
internal import NIOPosix
internal import Transport
internal import WireProtocol
internal import WorkerAgent

/// `yard worker`.
struct WorkerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker",
    abstract: "Run a worker beside an engine, drain it, take its machine back, ask how it fares.",
    discussion: "Example: yard worker run --join 10.0.0.1:7400 --engine http://127.0.0.1:8000",
    subcommands: [Run.self, Drain.self, Reclaim.self, Status.self, Why.self])

  struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Offer an engine's models to a cluster.",
      discussion: """
        The key needs scope work; give it by --key-file or as YARD_KEY. SIGTERM drains: what
        runs is finished, nothing new is taken; a second one leaves at once, and the streams go on elsewhere.
        SIGHUP reads --config again (yard config --help).

        Example: yard worker run --join 10.0.0.1:7400,10.0.0.2:7400 --engine http://127.0.0.1:8000 \\
                   --name gpu-1 --price-input 0.2 --price-output 0.6 --dir /var/lib/switchyard
        """)

    @Option(
      help: ArgumentHelp(
        "Take options from this file; those given as well win (yard config --help).",
        valueName: "file"))
    var config: String?
    @Option(
      help: ArgumentHelp("The coordinators.", valueName: "host:port,…"),
      transform: Coordinators.init)
    var join: Coordinators
    @Option(
      help: """
        The engine: http://host:port, builtin or builtin:FILE.gguf, and [,model=NAME][,context=N][,slots=N]\
        [,serves=chat|embeddings|chat+embeddings][,can=nothing|tools+logprobs+…], each instead of what it is found to be.
        """)
    var engine: String
    @Option(help: "Its name; its certificate's, where there is one.") var name: String?
    @Option(help: ArgumentHelp("Jobs at a time; default: what the engine says.", valueName: "n"))
    var slots: Int?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("Credits per million prompt tokens.", valueName: "credits"),
      transform: Amount.price)
    var priceInput = Price.zero
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("Credits per million output tokens.", valueName: "credits"),
      transform: Amount.price)
    var priceOutput = Price.zero
    @Option(
      help: ArgumentHelp("Its directory, from yard init or yard node join.", valueName: "dir"))
    var dir: String?
    @Option(
      help: ArgumentHelp(
        "A file of mode 0600 with the API key (or YARD_KEY); - for a line of standard input.",
        valueName: "file"))
    var keyFile: String?
    @Option(
      help: ArgumentHelp(
        "The API key itself, which every user of the machine then sees in ps.", valueName: "sy_…"))
    var key: String?
    @OptionGroup var logs: LogOptions
    @Flag(help: "No TLS; only to this machine's own coordinators.") var insecure = false
    @Flag(help: "End when standard input ends, as a child of its starter does.")
    var endWithInput = false

    func validate() throws {
      if let slots, !(1...65_535).contains(slots) {
        throw ValidationError("--slots is \(slots); it must be from 1 to 65535")
      }
      guard key == nil || keyFile == nil else {
        throw ValidationError("--key and --key-file name one key twice")
      }
      if !insecure, dir == nil {
        throw ValidationError("--dir names the worker's directory, which holds its certificate")
      }
      do { _ = try EngineSpec.parse(engine) } catch { throw ValidationError("--engine: \(error)") }
    }

    /// What may change while it runs.
    private var live: WorkerConfiguration.Live {
      .init(prices: PricePair(input: priceInput, output: priceOutput), slots: slots)
    }

    func run() async throws {
      guard let key = try GivenSecret.read(file: keyFile, option: key, variable: "YARD_KEY") else {
        throw CommandError(
          .usage, "a worker needs an API key with scope work: --key-file or YARD_KEY")
      }
      let endpoints = join.endpoints
      let own = try identity(endpoints)
      var configuration = WorkerConfiguration(
        endpoints: endpoints, name: own?.name ?? name ?? ProcessInfo.processInfo.hostName,
        apiKey: key, security: own?.security ?? .plaintextOnLoopback,
        engine: try EngineSpec.parse(engine), live: live)
      configuration.renewal = own?.renewal
      configuration.directory = dir
      configuration.toolPath = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin"
      configuration.software = Software.name
      try Logs.set(logs)
      ProcessLimits.writeNoCore()
      SpareHeap.giveBackWhenIdle()
      let agent: WorkerAgent
      do {
        agent = try await WorkerAgent.start(
          configuration, on: MultiThreadedEventLoopGroup(numberOfThreads: 1),
          logger: Logger(label: "WorkerAgent"))
      } catch {
        throw CommandError(.refused, "\(error)")
      }
      let announcing = Task { try await announce(agent, configuration.name) }
      let ending = Task { await end(agent) }
      let reloading = ConfigurationReload.run(Self.self) { new in
        let (live, levels) = (new.live, try new.logs.levels)
        if let renewal = own?.renewal {
          ConfigurationReload.use(try renewal.readAgain(), in: renewal)
        }
        agent.apply(live)
        Logs.set(levels)
      }
      do {
        try await agent.run()
        try await announcing.value
      } catch {
        throw CommandError(.refused, "\(error)")
      }
      ending.cancel()
      reloading?.cancel()
    }

    private struct Own {
      let name: String
      let security: LinkSecurity
      let renewal: CertificateRenewal
    }

    /// Who it is by its certificate, which it renews; nil in plaintext.
    private func identity(_ endpoints: [String]) throws -> Own? {
      guard !insecure, let dir else { return nil }
      let directory = IdentityDirectory(path: NodeDirectory(path: dir).identity)
      let loaded: NodeIdentity
      do {
        loaded = try directory.load(now: Date())
      } catch {
        throw CommandError(.refused, "\(error)")
      }
      guard loaded.identity.role == .worker else {
        throw CommandError(
          .refused,
          "the certificate in \(directory.path) is that of \(loaded.identity): a worker's comes from yard init --workers or "
            + "yard node join")
      }
      let certified = loaded.identity.name
      guard name ?? certified == certified else {
        throw CommandError(
          .refused,
          "the certificate in \(directory.path) is that of \(loaded.identity), so the worker cannot be "
            + "'\(name ?? "")': leave --name away, or join under that name (yard node join)")
      }
      let renewable = RenewableIdentity(loaded)
      return Own(
        name: certified, security: .mutualTLS(renewable, allowing: [.coordinator]),
        renewal: CertificateRenewal(
          of: renewable, in: directory, endpoints: endpoints, software: Software.name))
    }

    /// One line once a leader has taken it.
    private func announce(_ agent: WorkerAgent, _ name: String) async throws {
      guard let worker = try await agent.registered else { return }
      let line: JSONText = ["ready": true, "worker": .id(worker), "name": .string(name)]
      Terminal.write(line.line)
    }

    /// The first signal drains, the second leaves at once, and so does the end of the parent.
    private func end(_ agent: WorkerAgent) async {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { for await _ in Signals.arriving() { agent.drain() } }
        if endWithInput {
          group.addTask {
            await InheritedPipe.ended()
            agent.stop()
          }
        }
      }
    }
  }

  /// Which worker of this machine, and how its answer is printed.
  struct ControlOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The worker's directory.", valueName: "dir")) var dir: String
    @Option(help: "text or json.") var output: ClusterOptions.Format = .text
  }

  struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Ask a running worker to finish what it has and leave.",
      discussion: "Example: yard worker drain --dir /var/lib/switchyard")
    @OptionGroup var control: ControlOptions
    func run() async throws { try await ControlClient.ask(.drain, control) }
  }

  struct Reclaim: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take a machine back: its worker leaves now, and its streams go on elsewhere.",
      discussion: """
        Prints what the worker had, once it is gone. A stream that no other worker can continue ends, charged for \
        what was delivered; to let all finish, use drain.
        Example: yard worker reclaim --dir /var/lib/switchyard
        """)
    @OptionGroup var control: ControlOptions
    func run() async throws { try await ControlClient.ask(.stop, control) }
  }

  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print what a running worker does.",
      discussion: "Example: yard worker status --dir /var/lib/switchyard --output json")
    @OptionGroup var control: ControlOptions
    func run() async throws { try await ControlClient.ask(.status, control) }
  }
}

extension WorkerCommand {
  struct Why: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say why no jobs come to a worker, and at what price they would.",
      discussion: """
        Each offer is judged for the newest jobs of its model as the leader would judge it now, if every worker had a slot
        free; then at lower prices, down to where more of them would come.

        Example: yard worker why --worker 3
        """)
    @Option(help: ArgumentHelp("The worker; without it all of the account.", valueName: "number"))
    var worker: UInt64 = 0
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let report = try await cluster.ask(WorkerWhyQuery(worker: WorkerID(worker))) {
        if case .workerWhyReport(let report) = $0 { report } else { nil }
      }
      WhyPrinter.print(report, asJSON: cluster.isJSON)
    }
  }
}

/// Asks the worker that runs in a directory, and prints what it was doing.
private enum ControlClient {
  static func ask(_ command: ControlCommand, _ options: WorkerCommand.ControlOptions) async throws {
    let path = ControlSocket.path(in: options.dir)
    let answer: String
    do {
      answer = try await Patience.saying("waiting for the worker in \(options.dir)") {
        try await ControlSocket.ask(command, at: path, on: MultiThreadedEventLoopGroup.singleton)
      }
    } catch let error as ControlError {
      throw CommandError(.unavailable, "\(path): \(error)")
    } catch {
      throw CommandError(
        .unavailable, "no worker runs in \(options.dir) (\(path) does not answer)")
    }
    guard options.output == .text else { return Terminal.write(answer + "\n") }
    do { Terminal.write(WorkerText.tables(try JSONValue.parse(Array(answer.utf8)))) } catch {
      throw CommandError(.unavailable, "\(path): the worker's answer is none: \(answer)")
    }
  }
}
