internal import ArgumentParser
internal import ExchangeClient
internal import ExchangeTypes
internal import Foundation
internal import Gateway
internal import Identity
internal import Logging
internal import NIOPosix
internal import Transport

/// `yard gateway`.
struct GatewayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateway",
    abstract: "Serve OpenAI's API over HTTP.",
    discussion: """
      A process without state: start as many as you like behind any balancer. Each request brings its API key,
      authorization: Bearer sy_…. --dir is one that yard init made, with the gateway's certificate for coordinators. With
      --certificate and --certificate-key, which clients can check, it speaks HTTP/2 and HTTP/1.1 under TLS; without them HTTP/1.1
      in clear, beyond this machine only with --clear-http. Prints one JSON line when it listens. SIGTERM lets answers end, for at most
      --drain seconds; SIGHUP reads the certificate's files again, and --config (yard config --help).

      Example: yard gateway --listen 127.0.0.1:8080 --join 10.0.0.1:7400,10.0.0.2:7400 --dir /var/lib/switchyard
      """)

  @Option(
    help: ArgumentHelp(
      "Take options from this file; those given as well win (yard config --help).",
      valueName: "file"))
  var config: String?
  @Option(help: ArgumentHelp("Where it listens.", valueName: "host:port")) var listen: HostPort
  @Option(
    help: ArgumentHelp("The coordinators.", valueName: "host:port,…"),
    transform: Coordinators.init)
  var join: Coordinators
  @Option(help: ArgumentHelp("Its directory, from yard init.", valueName: "dir")) var dir: String?
  @Option(
    help: ArgumentHelp(
      "PEM of the certificate for clients, and of those that lead to its authority.",
      valueName: "file"))
  var certificate: String?
  @Option(help: ArgumentHelp("PEM of its key.", valueName: "file")) var certificateKey: String?
  @Option(help: ArgumentHelp("Event loops.", valueName: "n")) var threads = 1
  @Option(
    help: ArgumentHelp("Connections to the coordinators, for each event loop.", valueName: "n"))
  var links = 2
  @Option(
    help: ArgumentHelp(
      "How long a request looks for a coordinator that answers.", valueName: "seconds"))
  var patience: Double = 15
  @Option(help: ArgumentHelp("How long answers may take to end.", valueName: "seconds"))
  var drain: Double = 30
  @Option(help: ArgumentHelp("The most connections of clients at once.", valueName: "n"))
  var connections = 16_384
  @Option(
    help: ArgumentHelp(
      "The most of one address; callers behind one proxy share them.", valueName: "n"))
  var connectionsPerAddress = 4_096
  @OptionGroup var logs: LogOptions
  @Flag(help: "Let other gateways listen at the same port.") var sharePort = false
  @Flag(help: "Listen in clear beyond this machine: only where TLS ends right before it.")
  var clearHttp = false
  @Flag(help: "No TLS to the coordinators; only to this machine's own.") var insecure = false
  @Flag(help: "End when standard input ends, as a child of its starter does.")
  var endWithInput = false

  func validate() throws {
    if !insecure, dir == nil {
      throw ValidationError("--dir names the gateway's directory, which holds its certificate")
    }
    guard (certificate == nil) == (certificateKey == nil) else {
      throw ValidationError("--certificate and --certificate-key go together")
    }
    guard certificate != nil || clearHttp || Listener.isLoopback(listen.host) else {
      throw ValidationError(
        "HTTP is in clear, keys and prompts with it: give --certificate, listen at 127.0.0.1 behind what ends TLS, or say --clear-http"
      )
    }
    guard certificate == nil || !clearHttp else {
      throw ValidationError("with --certificate nothing is in clear: leave --clear-http out")
    }
    guard (1...256).contains(threads) else {
      throw ValidationError("--threads is \(threads); it must be from 1 to 256")
    }
    guard (1...64).contains(links) else {
      throw ValidationError("--links is \(links); it must be from 1 to 64")
    }
    for (name, value) in [
      ("--connections", connections), ("--connections-per-address", connectionsPerAddress),
    ] {
      guard (1...1_000_000).contains(value) else {
        throw ValidationError("\(name) is \(value); it must be from 1 to 1000000")
      }
    }
    for (name, value) in [("--patience", patience), ("--drain", drain)] {
      guard value >= 0, value <= 3_600 else {
        throw ValidationError("\(name) takes seconds from 0 to 3600")
      }
    }
  }

  /// What may change while it runs.
  private var live: GatewayConfiguration.Live {
    var live = GatewayConfiguration.Live()
    live.connectionsMax = connections
    live.connectionsPerAddressMax = connectionsPerAddress
    live.patience = UInt64(patience * 1_000)
    live.drainMilliseconds = Int64(drain * 1_000)
    return live
  }

  /// What is presented to clients, read from its files; nil for HTTP in clear.
  private func serverCertificate() throws -> ServerCertificate? {
    guard let certificate, let certificateKey else { return nil }
    do throws(TransportError) {
      return try ServerCertificate(certificateFile: certificate, keyFile: certificateKey)
    } catch {
      throw CommandError(.refused, "\(error)")
    }
  }

  func run() async throws {
    // Whoever renews the certificate's files says so, with a configuration file or without.
    if certificate != nil { Signals.keepReloads() }
    var client = ClientConfiguration(
      endpoints: join.endpoints, key: nil,
      security: .plaintextOnLoopback, connections: links, patience: UInt64(patience * 1_000),
      software: Software.name)
    client.role = .gateway
    var renewal: CertificateRenewal?
    if let dir, !insecure {
      do throws(IdentityError) {
        let directory = IdentityDirectory(path: NodeDirectory(path: dir).identity)
        let identity = try directory.load(now: Date())
        let renewable = RenewableIdentity(identity)
        client.security = .mutualTLS(renewable, allowing: [.coordinator])
        client.role = identity.identity.role
        client.name = identity.identity.name
        client.clusterID = identity.identity.cluster
        renewal = CertificateRenewal(
          of: renewable, in: directory, endpoints: client.endpoints, software: Software.name)
      } catch {
        throw CommandError(.refused, "\(error)")
      }
      guard client.role == .gateway || client.role == .client else {
        throw CommandError(
          .refused,
          "the certificate in \(NodeDirectory(path: dir).identity) is that of \(client.role) \(client.name): a gateway's comes "
            + "from yard init or yard node join")
      }
    }
    var configuration = GatewayConfiguration(
      host: listen.host, port: listen.port, client: client)
    configuration.sharesPort = sharePort
    configuration.live = live
    configuration.certificate = try serverCertificate()
    try Logs.set(logs)
    ProcessLimits.writeNoCore()
    SpareHeap.giveBackWhenIdle()
    ProcessLimits.raiseDescriptors()
    let gateway: Gateway
    do {
      gateway = try await Gateway.start(
        configuration, on: MultiThreadedEventLoopGroup(numberOfThreads: threads))
    } catch {
      throw CommandError(.refused, "\(error)")
    }
    let isSecure = configuration.certificate != nil
    let line: JSONText = [
      "ready": true, "address": .string(gateway.address), "tls": .boolean(isSecure),
    ]
    Terminal.write(line.line)
    let log = Logger(label: "Gateway")
    let renewing = Task { [renewal] in
      await renewal?.run(
        on: MultiThreadedEventLoopGroup.singleton, refusals: gateway.refusals
      ) {
        log.log(level: $0.isFailure ? .error : .info, "\($0.text)")
      }
    }
    let reloading = ConfigurationReload.run(Self.self, hasFurtherFiles: isSecure) { [renewal] new in
      let (live, levels) = (new.live, try new.logs.levels)
      let certificate = try isSecure ? new.serverCertificate() : nil
      if let renewal { ConfigurationReload.use(try renewal.readAgain(), in: renewal) }
      gateway.apply(live)
      if let certificate { gateway.apply(certificate) }
      Logs.set(levels)
    }
    await NodeEnd.arrives(withInput: endWithInput)
    reloading?.cancel()
    renewing.cancel()
    await gateway.stop()
  }
}
