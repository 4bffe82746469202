internal import ArgumentParser
internal import ExchangeClient
internal import ExchangeTypes
internal import Foundation
internal import Identity
internal import JobDispatch
internal import Links
internal import NIOPosix
internal import Transport
internal import WireProtocol

/// Which cluster, as whom, and how results are printed: the options of every command that asks one.
struct ClusterOptions: ParsableArguments {
  /// How results are printed.
  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  @Option(
    help: ArgumentHelp(
      "Coordinators, separated by commas (or YARD_ENDPOINTS; default: the current context's).",
      valueName: "host:port,…"))
  var endpoint: String?

  @Option(
    help: ArgumentHelp(
      "A file of mode 0600 with the API key (or YARD_KEY); - for a line of standard input.",
      valueName: "file"))
  var keyFile: String?

  @Option(
    help: ArgumentHelp(
      "The API key itself, which every user of the machine then sees in ps.", valueName: "sy_…"))
  var key: String?

  @Option(
    help: ArgumentHelp(
      "Directory with the cluster's ca.pem (or YARD_IDENTITY).", valueName: "dir"))
  var identity: String?

  @Flag(help: "No TLS; only to this machine's own coordinators.")
  var insecure = false

  @Option(help: ArgumentHelp("A context of the configuration file.", valueName: "name"))
  var context: String?

  @Option(help: ArgumentHelp("text or json.", valueName: "format"))
  var output: Format = .text

  @Option(
    help: ArgumentHelp("How long to look for a coordinator that answers.", valueName: "seconds"))
  var patience: Double = 30

  var isJSON: Bool { output == .json }

  func validate() throws {
    guard patience >= 0, patience < 1e9 else {
      throw ValidationError("--patience takes a number of seconds, 0 or more")
    }
    guard key == nil || keyFile == nil else {
      throw ValidationError("--key and --key-file name one key twice")
    }
  }

  /// The cluster that the options, the environment and the configuration file name, in this order.
  func resolve() throws -> Context {
    let environment = ProcessInfo.processInfo.environment
    func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    let store = try ContextStore.load()
    var base: Context?
    if let context {
      guard let found = store[context] else {
        throw CommandError(
          .usage,
          "there is no context '\(context)' in \(ContextStore.path); it has: "
            + store.contexts.map(\.name).joined(separator: ", "))
      }
      base = found
    } else if let current = store.current {
      base = store[current]
    }
    let listed = (endpoint ?? variable("YARD_ENDPOINTS"))?
      .split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    guard let endpoints = listed ?? base?.endpoints, !endpoints.isEmpty else {
      throw CommandError(
        .usage,
        "which cluster? name coordinators with --endpoint or YARD_ENDPOINTS, or start one: yard dev"
      )
    }
    for endpoint in endpoints { _ = try HostPort(endpoint) }
    let trusted = identity ?? variable("YARD_IDENTITY") ?? base?.identity
    guard insecure || trusted != nil else {
      throw CommandError(
        .usage,
        "whom to trust? name the directory with the cluster's ca.pem by --identity or YARD_IDENTITY, or say "
          + "--insecure for a coordinator of this machine without TLS")
    }
    return Context(
      endpoints: endpoints, key: try givenKey ?? base?.key,
      identity: insecure ? nil : trusted)
  }

  private var givenKey: String? {
    get throws { try GivenSecret.read(file: keyFile, option: key, variable: "YARD_KEY") }
  }

  /// Runs `body` with a client of the cluster, and closes it.
  func withClient<Value>(
    connections: Int = 1, _ body: (ExchangeClient) async throws -> Value
  ) async throws -> Value {
    try await Cluster.withClient(
      of: try resolve(), patience: UInt64(patience * 1_000), connections: connections, body)
  }

  /// Asks one question.
  func ask<Answer: WireMessage>(
    _ message: any WireMessage, _ pick: (Message) -> Answer?
  ) async throws -> Answer {
    try await withClient { client in try await client.ask(message, pick) }
  }
}

extension ExchangeClient {
  /// Asks, and takes the answer's content; says for what it waits if that takes long.
  func ask<Answer: WireMessage>(
    _ message: any WireMessage, _ pick: (Message) -> Answer?
  ) async throws -> Answer {
    let answer = try await reporting { () async throws(ClientFailure) in
      try await patientCall(message)
    }
    guard let content = pick(answer) else { throw CommandError.unexpected(answer) }
    return content
  }

  /// Calls, and says that it waits if that takes long.
  func patientCall(
    _ message: any WireMessage, service: Service = .call
  ) async throws(ClientFailure) -> Message {
    try await Patience.saying("waiting for an answer of the cluster") {
      () async throws(ClientFailure) in try await call(message, service: service)
    }
  }
}

/// Ways to reach a cluster.
enum Cluster {
  /// Runs `body` with a client of the cluster, and closes it.
  ///
  /// Coordinators among `witnesses` are listened to as well: for whether those of the context are revoked.
  static func withClient<Value>(
    of context: Context, witnesses: [String] = [], patience: UInt64, connections: Int = 1,
    _ body: (ExchangeClient) async throws -> Value
  ) async throws -> Value {
    var configuration = try configuration(
      of: context, patience: patience, connections: connections)
    configuration.witnesses = witnesses
    let client = await ExchangeClient(
      configuration: configuration, on: MultiThreadedEventLoopGroup.singleton)
    do {
      let value = try await body(client)
      await client.close()
      return value
    } catch {
      await client.close()
      throw error
    }
  }

  static func configuration(
    of context: Context, patience: UInt64, connections: Int = 1
  ) throws -> ClientConfiguration {
    ClientConfiguration(
      endpoints: context.endpoints, key: context.key, security: try security(of: context),
      connections: connections, patience: patience, software: Software.name)
  }

  /// TLS with the context's authority, or plaintext where it names none.
  static func security(of context: Context) throws -> LinkSecurity {
    guard let path = context.identity else { return .plaintextOnLoopback }
    let directory = IdentityDirectory(path: path)
    do throws(IdentityError) {
      // A client's certificate is optional: its key says who it is. With one, the coordinators grant it
      // a client's budget instead of a stranger's.
      if FileManager.default.fileExists(atPath: path + "/node.pem") {
        return .mutualTLS(try directory.load(now: Date()), allowing: [.coordinator])
      }
      return .anonymousTLS(try directory.loadAnchor(), allowing: [.coordinator])
    } catch {
      throw CommandError(.refused, "\(error)")
    }
  }
}

/// The coordinators that a node is told of: host:port, separated by commas.
struct Coordinators {
  let endpoints: [String]

  init(_ text: String) throws {
    endpoints = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    for endpoint in endpoints where HostPort(argument: endpoint) == nil {
      throw ValidationError("'\(endpoint)' is not host:port, such as 127.0.0.1:7400")
    }
    guard !endpoints.isEmpty else { throw ValidationError("no coordinator is named") }
  }
}

/// `host:port`, with a port that a listener may have.
struct HostPort: ExpressibleByArgument {
  let host: String
  let port: Int
  var text: String { hostAndPort(host, port) }

  init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  init(_ text: String) throws {
    guard let parsed = HostPort(argument: text) else {
      throw CommandError(.usage, "'\(text)' is not host:port, such as 127.0.0.1:7400")
    }
    self = parsed
  }

  init?(argument: String) {
    guard let (host, port) = NodeDialer.split(argument) else { return nil }
    self.init(host: host, port: port)
  }
}
