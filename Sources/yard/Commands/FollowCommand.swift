internal import ArgumentParser
internal import ExchangeClient
internal import ExchangeTypes

/// `yard follow`.
struct FollowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "follow",
    abstract: "Stream a job's output, from its beginning or from an event on.",
    discussion: """
      Ctrl-C stops following; the job goes on.

      Example: yard follow 42 --from 100
      """)

  @Argument(help: "The job's number.") var job: UInt64
  @Option(help: ArgumentHelp("The first event to print.", valueName: "seq")) var from: UInt64 = 1
  @OptionGroup var cluster: ClusterOptions

  func validate() throws {
    guard from >= 1 else { throw ValidationError("--from is 0; events are numbered from 1") }
  }

  func run() async throws {
    try await cluster.withClient { client in
      try await JobConversation(client: client, isJSON: cluster.isJSON, ownsJob: false)
        .follow(.job(JobID(job), fromSeq: from, commitIndex: LogIndex(0)))
    }
  }
}
