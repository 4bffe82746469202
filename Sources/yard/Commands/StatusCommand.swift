internal import ArgumentParser
internal import ExchangeClient
internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

/// `yard status`.
struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Ask every coordinator what it is and how far it has got.",
    discussion: """
      Exit code 4 if none answers.

      Example: yard status --output json
      """)

  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    let context = try cluster.resolve()
    // One answer of each is wanted now, so each gets little time.
    let patience = UInt64(min(cluster.patience, 2) * 1_000)
    var table = Table(
      "COORDINATOR", "ID", "ROLE", "TERM", "COMMIT", "APPLIED", "QUEUED", "RUNNING", "DIGEST")
    var answers = 0
    var failures: [(endpoint: String, error: CommandError)] = []
    for endpoint in context.endpoints {
      var single = context
      single.endpoints = [endpoint]
      do {
        let status = try await Cluster.withClient(
          of: single, witnesses: context.endpoints, patience: patience
        ) { client in
          try await Patience.saying("waiting for \(endpoint)") {
            try await client.ask(StatusQuery()) {
              if case .statusReport(let report) = $0 { report } else { nil }
            }
          }
        }
        answers += 1
        if cluster.isJSON {
          Terminal.write(
            JSONText.object([("address", .string(endpoint)), ("status", JSONText(status))]).line)
        } else {
          table.add(
            endpoint, "\(status.replica)",
            status.divergedAt == nil ? status.role.name : "diverged", "\(status.term)",
            "\(status.commitIndex)", "\(status.appliedIndex)", "\(status.jobsQueued)",
            "\(status.jobsRunning)", String(hexadecimal(status.digest).prefix(12)))
        }
      } catch let error as CommandError {
        failures.append((endpoint, error))
        if cluster.isJSON {
          Terminal.write(
            JSONText.object([("address", .string(endpoint)), ("error", .string(error.message))])
              .line)
        } else {
          table.add(endpoint, "-", "unreachable")
        }
      }
    }
    if !cluster.isJSON {
      Terminal.write(table.text)
      for (endpoint, error) in failures { Terminal.note("\(endpoint): \(error.message)") }
    }
    if answers == 0, let last = failures.last {
      throw CommandError(last.error.code, "no coordinator answered")
    }
  }
}
