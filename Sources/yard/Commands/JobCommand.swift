internal import ArgumentParser
internal import ExchangeTypes
internal import WireProtocol

/// `yard job`.
struct JobCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "job",
    abstract: "Show one job: its state, tokens and charge.",
    discussion: "Example: yard job 42 --output json")

  @Argument(help: "The job's number.") var job: UInt64
  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    let report = try await cluster.ask(JobQuery(job: JobID(job))) {
      if case .jobReport(let report) = $0 { report } else { nil }
    }
    JobPrinter.print(report, asJSON: cluster.isJSON)
  }
}

/// One job, for people or for scripts.
enum JobPrinter {
  static func print(_ report: JobReport, asJSON: Bool) {
    if asJSON { return Terminal.write(JSONText(report).line) }
    let job = report.summary
    var table = Table("job", "\(job.job)")
    table.add("state", job.state.name)
    table.add("model", job.model)
    table.add("attempts", "\(job.epoch)")
    if let resumed = report.resumed { table.add("resumed", "by \(resumed.name)") }
    if job.worker.rawValue != 0 { table.add("worker", "\(job.worker)") }
    table.add("tokens", "\(job.promptTokens) prompt, \(job.outputTokens) output")
    if job.state.isFinal {
      table.add("charge", "\(job.charge) credits")
    } else {
      table.add("held", "\(job.hold) credits")
    }
    table.add("events", "\(job.lastSeq)")
    if let finish = job.finish { table.add("finish", finish.name) }
    if job.error != 0 { table.add("error", "\(errorName(job.error)): \(job.errorText)") }
    Terminal.write(table.text)
  }
}
