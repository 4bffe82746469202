internal import ArgumentParser
internal import ExchangeClient
internal import ExchangeTypes
internal import WireProtocol

/// `yard run`.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a job and stream its answer.",
    discussion: """
      The text goes to standard output, tokens and charge to standard error. Ctrl-C cancels the job and
      prints what it cost. With --request-key the same again reads the same job, which goes on if the command is killed. With --detach it goes on without a reader and its number is printed.

      With --durable only what a majority of the coordinators has on disk is printed, up to about 60 ms later:
      the stream then goes on even if its worker and its coordinator die at once.

      With --dry-run no job is made: who would run it is said, and what it would hold at most.

      Example: yard run -m llama-3.1-8b --max-tokens 200 "Why is the sky blue?"
      """)

  @OptionGroup var job: JobOptions
  @Flag(help: "Print the job's number and return; follow it with yard follow.")
  var detach = false
  @Flag(help: "Print nothing before a majority of the coordinators has it.")
  var durable = false
  @Flag(help: "Make no job: say who would run it, and what is in the way.")
  var dryRun = false
  @OptionGroup var cluster: ClusterOptions

  func validate() throws {
    if dryRun, detach || durable {
      throw ValidationError("--dry-run makes no job: neither --detach nor --durable goes with it")
    }
    if detach, durable {
      throw ValidationError("--durable is about the stream, and with --detach there is none")
    }
  }

  func run() async throws {
    if dryRun {
      let submit = try job.submit(mode: .attached, follow: false)
      let report = try await cluster.ask(
        DryRun(
          requestKey: submit.requestKey, endpoint: submit.endpoint, model: submit.model,
          body: submit.body, maxInputPrice: submit.maxInputPrice,
          maxOutputPrice: submit.maxOutputPrice, servedOnly: false)
      ) {
        if case .jobWhyReport(let report) = $0 { report } else { nil }
      }
      return WhyPrinter.print(report, asJSON: cluster.isJSON)
    }
    if detach {
      try await Submission.detached(try job.submit(mode: .submitted, follow: false), cluster)
      return
    }
    // Who names the request may come back for it: it is remembered as long as one that was submitted, and goes on as one.
    let mode: JobMode = job.request.isGiven ? .submitted : .attached
    let submit = try job.submit(mode: mode, follow: true, isDurable: durable)
    try await cluster.withClient { client in
      try await JobConversation(client: client, isJSON: cluster.isJSON, ownsJob: true)
        .follow(.submit(submit))
    }
  }
}
