internal import ArgumentParser
internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

/// `yard why`.
struct WhyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why",
    abstract: "Say why a job is where it is: who could run it, and what is in the way.",
    discussion: """
      The candidates are judged by what the leader plans by, as it is now. Of an ended job its attempts are shown,
      those of former leaders' terms by their number alone.

      Example: yard why 42
      """)

  @Argument(help: "The job's number.") var job: UInt64
  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    let report = try await cluster.ask(JobWhyQuery(job: JobID(job))) {
      if case .jobWhyReport(let report) = $0 { report } else { nil }
    }
    WhyPrinter.print(report, asJSON: cluster.isJSON)
  }
}

/// Explanations, for people or for scripts.
enum WhyPrinter {
  static func print(_ report: JobWhyReport, asJSON: Bool) {
    if asJSON { return line(WhyAnswer.json(report)) }
    var table: Table
    if let job = report.summary {
      table = Table("job", "\(job.job)")
      table.add("state", job.state.name)
      table.add("attempts", "\(job.epoch)")
      if job.state.isFinal { table.add("charge", "\(job.charge) credits") }
      if job.error != 0 { table.add("error", "\(errorName(job.error)): \(job.errorText)") }
    } else {
      table = Table("dry run", "nothing was stored, held or charged")
      table.add(
        "admitted",
        report.refusal == 0 ? "yes" : "no: \(errorName(report.refusal)): \(report.refusalText)")
    }
    table.add("model", report.model)
    if let jobClass = report.jobClass, jobClass != .standard { table.add("class", jobClass.name) }
    if let times = report.preemptions { table.add("gave its slot", "\(times) times") }
    table.add(
      "tokens", "\(report.promptBound) prompt, \(report.outputMax) output, at most")
    table.add("pays at most", pair(report.maxInputPrice, report.maxOutputPrice))
    if report.hold > .zero {
      table.add(report.summary == nil ? "would hold" : "held", "\(report.hold) credits")
    }
    if let ahead = report.queueAhead { table.add("jobs before it", "\(ahead)") }
    if let waits = report.waitsMs { table.add("waits for", "\((waits + 999) / 1_000) s more") }
    Terminal.write(table.text)
    attempts(report)
    candidates(report.candidates, leftOut: report.candidatesLeftOut)
    for warm in report.warm ?? [] {
      Terminal.write(
        "worker \(warm.worker) has read the first \(warm.bytes) bytes of the prompt before\n")
    }
    remedy(report)
  }

  static func print(_ report: WorkerWhyReport, asJSON: Bool) {
    if asJSON { return line(WhyAnswer.json(report)) }
    if report.offers.isEmpty { return Terminal.write("no offer: no worker is registered\n") }
    for outlook in report.offers {
      let offer = outlook.offer
      var table = Table("offer", "\(outlook.model) by \(offer.name) (worker \(offer.worker))")
      table.add("asks", pair(offer.priceInput, offer.priceOutput))
      table.add("slots", "\(offer.busy) busy, \(offer.free) free, of \(offer.slots)")
      if !offer.detail.isEmpty { table.add("in the way", "\(offer.obstacle): \(offer.detail)") }
      table.add("jobs waiting", "\(outlook.queued)")
      table.add("recent jobs", "\(outlook.taken) of the last \(outlook.seen) came here")
      for reason in outlook.reasons {
        table.add("", "\(reason.count) would not now: \(words(reason.reason))")
      }
      if let cheapest = outlook.cheapest { table.add("cheapest beside it", "worker \(cheapest)") }
      for step in outlook.prices {
        table.add(
          "at", "\(pair(step.priceInput, step.priceOutput)): \(step.jobs) of the others would come")
      }
      Terminal.write(table.text)
    }
    if report.leftOut > 0 { Terminal.write("\(report.leftOut) more offers\n") }
  }

  private static func line(_ json: [UInt8]) {
    Terminal.write(String(decoding: json, as: UTF8.self) + "\n")
  }

  private static func pair(_ input: Price, _ output: Price) -> String {
    "\(Credits(nano: input.rawValue)) prompt, \(Credits(nano: output.rawValue)) output per million"
  }

  private static func attempts(_ report: JobWhyReport) {
    guard !report.attempts.isEmpty else { return }
    var table = Table("ATTEMPT", "WORKER", "STATE", "WHY")
    for attempt in report.attempts {
      table.add(
        "\(attempt.epoch)", "\(attempt.worker)", attempt.state,
        attempt.error == 0 ? "" : errorName(attempt.error))
    }
    Terminal.write("\n" + table.text)
  }

  private static func candidates(_ candidates: [CandidateTerms], leftOut: UInt32) {
    guard !candidates.isEmpty else { return }
    var table = Table("PLACE", "WORKER", "ASKS", "BUSY", "FIRST", "TOKENS/S", "IN THE WAY")
    for candidate in candidates {
      table.add(
        candidate.place == 0 ? "-" : "\(candidate.place)", candidate.name,
        "\(Credits(nano: candidate.priceInput.rawValue))/\(Credits(nano: candidate.priceOutput.rawValue))",
        "\(candidate.busy)/\(candidate.slots)",
        candidate.firstOutputMs.map { "\($0) ms" } ?? "-",
        candidate.tokensPerSecond.map { "\($0)" } ?? "-",
        candidate.obstacle.isEmpty
          ? candidate.hasFailed ? "nothing; it failed the job before" : ""
          : candidate.detail)
    }
    Terminal.write("\n" + table.text)
    if leftOut > 0 { Terminal.write("\(leftOut) more offers\n") }
  }

  private static func remedy(_ report: JobWhyReport) {
    guard !report.remedy.isEmpty else { return }
    Terminal.write("\nworker \(report.remedyWorker) would take it with:\n")
    for change in report.remedy {
      Terminal.write(
        change.value.isEmpty
          ? "  no \(change.field)\n" : "  \(change.field) = \(change.value)\n")
    }
  }

  /// What the reasons of an outlook mean.
  private static func words(_ reason: String) -> String {
    switch reason {
    case "order": "their consumers name others first"
    case "slower": "another is faster, which they are sorted by"
    case "dearer": "another asks less"
    case "loaded": "another asks the same and would be through sooner"
    case "busier": "another asks the same and has less to do"
    case "later": "another asks the same and was there first"
    case "failed": "it has failed them before"
    case "context": "they need more context"
    case "input_price": "they pay less for prompt tokens"
    case "output_price": "they pay less for output tokens"
    case "capability": "its engine cannot do what they ask for"
    case "preference": "their consumers do not admit it"
    case "endpoint": "it does not serve that kind of request"
    default: reason
    }
  }
}
