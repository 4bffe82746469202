internal import ArgumentParser

/// `yard check`.
struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Measure a cluster, and put its budgets under load.",
    discussion: "Example: yard check perf --clients 256 --seconds 10",
    subcommands: [CheckPerfCommand.self, CheckBudgetCommand.self])
}
