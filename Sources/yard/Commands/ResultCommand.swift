internal import ArgumentParser
internal import ExchangeClient
internal import ExchangeTypes
internal import WireProtocol

/// `yard result`.
struct ResultCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "result",
    abstract: "Print an ended job's whole output.",
    discussion: """
      A job that is still open is refused; yard follow waits for it.

      Example: yard result 42 > story.txt
      """)

  @Argument(help: "The job's number.") var job: UInt64
  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    try await cluster.withClient { client in
      let report = try await client.ask(JobQuery(job: JobID(job))) {
        if case .jobReport(let report) = $0 { report } else { nil }
      }
      guard report.summary.state.isFinal else {
        throw CommandError(
          .refused,
          "job \(job) is \(report.summary.state.name); yard follow \(job) waits for its end")
      }
      try await JobConversation(client: client, isJSON: cluster.isJSON, ownsJob: false)
        .follow(.job(JobID(job), fromSeq: 1, commitIndex: LogIndex(0)))
    }
  }
}
