internal import ArgumentParser
internal import ExchangeClient
internal import ExchangeTypes

/// `yard run`.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a job and stream its answer.",
    discussion: """
      The text goes to standard output, tokens and charge to standard error. Ctrl-C cancels the job and
      prints what it cost. With --detach it goes on without a reader and its number is printed.

      With --durable only what a majority of the coordinators has on disk is printed, up to about 60 ms later:
      the stream then goes on even if its worker and its coordinator die at once.

      Example: yard run -m llama-3.1-8b --max-tokens 200 "Why is the sky blue?"
      """)

  @OptionGroup var job: JobOptions
  @Flag(help: "Print the job's number and return; follow it with yard follow.")
  var detach = false
  @Flag(help: "Print nothing before a majority of the coordinators has it.")
  var durable = false
  @OptionGroup var cluster: ClusterOptions

  func validate() throws {
    if detach, durable {
      throw ValidationError("--durable is about the stream, and with --detach there is none")
    }
  }

  func run() async throws {
    if detach {
      try await Submission.detached(try job.submit(mode: .submitted, follow: false), cluster)
      return
    }
    let submit = try job.submit(mode: .attached, follow: true, isDurable: durable)
    try await cluster.withClient { client in
      try await JobConversation(client: client, isJSON: cluster.isJSON, ownsJob: true)
        .follow(.submit(submit))
    }
  }
}
