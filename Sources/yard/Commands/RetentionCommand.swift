internal import ArgumentParser
internal import WireProtocol

/// `yard retention`.
struct RetentionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retention",
    abstract: "Show or set how long the outputs of ended jobs are kept.",
    discussion: """
      Holds for jobs that are submitted afterwards; a job may ask for less (yard run --retention). When the last job
      of a wrapping key is gone, every coordinator destroys the key, and backups hold nothing that can be read.

      Examples: yard retention
                yard retention 24h
                yard retention 24h --until-delivered
      """)

  @Argument(
    help: ArgumentHelp(
      "Outputs go this long after their job's end; without it, shows what holds.",
      valueName: "time"))
  var time: TimeSpan?
  @Flag(help: "Outputs go as soon as their reader has them, and after the time at the latest.")
  var untilDelivered = false
  @OptionGroup var cluster: ClusterOptions

  func validate() throws {
    guard time != nil || !untilDelivered else {
      throw ValidationError("--until-delivered needs a time, for what is never delivered")
    }
  }

  func run() async throws {
    let message = RetentionSet(keptMs: time?.milliseconds, untilDelivered: untilDelivered)
    let report = try await cluster.ask(message) {
      if case .retentionReport(let report) = $0 { report } else { nil }
    }
    if cluster.isJSON {
      let line: JSONText = [
        "kept_ms": .unsigned(report.keptMs), "until_delivered": .boolean(report.untilDelivered),
      ]
      Terminal.write(line.line)
    } else {
      let words = TimeSpan.words(milliseconds: report.keptMs)
      Terminal.write(
        report.untilDelivered
          ? "outputs are kept until delivered, at most \(words)\n"
          : "outputs are kept for \(words)\n")
    }
  }
}
