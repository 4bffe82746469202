internal import ArgumentParser

/// `yard check`.
struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Measure a cluster.",
    discussion: "Example: yard check perf --clients 256 --seconds 10",
    subcommands: [CheckPerfCommand.self])
}
