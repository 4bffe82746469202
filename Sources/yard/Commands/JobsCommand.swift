internal import ArgumentParser
internal import ExchangeTypes
internal import WireProtocol

/// `yard jobs`.
struct JobsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jobs",
    abstract: "List the account's jobs, oldest first.",
    discussion: "Example: yard jobs --after 1000 --limit 50")

  @Option(help: ArgumentHelp("Only jobs after this one.", valueName: "job")) var after: UInt64 = 0
  @Option(help: ArgumentHelp("The most jobs to list.", valueName: "n")) var limit: Int = 1_000
  @OptionGroup var cluster: ClusterOptions

  func validate() throws {
    guard limit >= 1 else { throw ValidationError("--limit is \(limit); it must be at least 1") }
  }

  func run() async throws {
    var table = Table("JOB", "STATE", "MODEL", "TOKENS", "CREDITS", "FINISH")
    try await cluster.withClient { client in
      var last = JobID(after)
      var left = limit
      while left > 0 {
        let page = JobList(after: last, limit: UInt16(min(left, 256)))
        let listing = try await client.ask(page) {
          if case .jobListing(let listing) = $0 { listing } else { nil }
        }
        for job in listing.jobs {
          if cluster.isJSON {
            Terminal.write(JSONText(job).line)
          } else {
            table.add(
              "\(job.job)", job.state.name, job.model, "\(job.promptTokens)+\(job.outputTokens)",
              job.state.isFinal ? "\(job.charge)" : "(\(job.hold) held)",
              job.error == 0 ? job.finish?.name ?? "" : errorName(job.error))
          }
        }
        left -= listing.jobs.count
        guard listing.more, let newest = listing.jobs.last else { break }
        last = newest.job
      }
    }
    if !cluster.isJSON { Terminal.write(table.text) }
  }
}
