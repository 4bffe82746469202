internal import ArgumentParser
internal import ExchangeTypes
internal import WireProtocol

/// `yard cancel`.
struct CancelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel",
    abstract: "Ask a job to end; it is charged for what it has delivered.",
    discussion: "Example: yard cancel 42")

  @Argument(help: "The job's number.") var job: UInt64
  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    let report = try await cluster.ask(Cancel(job: JobID(job))) {
      if case .jobReport(let report) = $0 { report } else { nil }
    }
    JobPrinter.print(report, asJSON: cluster.isJSON)
  }
}
