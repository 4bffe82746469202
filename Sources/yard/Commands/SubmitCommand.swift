internal import ArgumentParser
internal import ExchangeTypes
internal import WireProtocol

/// `yard submit`.
struct SubmitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "submit",
    abstract: "Submit a job that goes on without a reader.",
    discussion: """
      Prints the job's number once it cannot be lost any more.

      Example: job=$(yard submit -m llama-3.1-8b "Write a story.") && yard follow $job
      """)

  @OptionGroup var job: JobOptions
  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    try await Submission.detached(try job.submit(mode: .submitted, follow: false), cluster)
  }
}

/// Submits without following.
enum Submission {
  static func detached(_ submit: Submit, _ cluster: ClusterOptions) async throws {
    let accepted = try await cluster.ask(submit) {
      if case .accepted(let accepted) = $0 { accepted } else { nil }
    }
    if cluster.isJSON {
      let line: JSONText = [
        "job": .id(accepted.job), "hold_nano": .unsigned(accepted.hold.rawValue),
        "commit_index": .unsigned(accepted.commitIndex.rawValue),
        "duplicate": .boolean(accepted.duplicate),
      ]
      Terminal.write(line.line)
    } else {
      Terminal.write("\(accepted.job)\n")
      Terminal.note("job \(accepted.job): at most \(accepted.hold) credits are held for it")
    }
  }
}
