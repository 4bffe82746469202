internal import ArgumentParser
internal import Foundation

/// `yard`: one binary for every role.
@main
struct Yard: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "yard",
    abstract: "Pool GPUs behind one endpoint, and pay for exactly the tokens that arrived.",
    discussion: """
      First steps:
        yard dev                                  a whole cluster on this machine
        yard run -m MODEL "Why is the sky blue?"  in another shell

      Exit codes: 0 done, 2 usage, 3 refused, 4 unavailable, 5 job failed, 70 a coordinator's replica died,
        130 interrupted.
      Shell completions: yard --generate-completion-script bash|zsh|fish
      """,
    version: Software.version,
    groupedSubcommands: [
      CommandGroup(
        name: "Jobs:",
        subcommands: [
          RunCommand.self, SubmitCommand.self, FollowCommand.self, JobCommand.self,
          JobsCommand.self, ResultCommand.self, CancelCommand.self, WhyCommand.self,
        ]),
      CommandGroup(
        name: "Market and accounts:",
        subcommands: [
          ModelsCommand.self, WorkersCommand.self, MarketCommand.self, SupplierCommand.self,
          AccountCommand.self, KeyCommand.self,
          BudgetCommand.self, LedgerCommand.self, ReceiptCommand.self,
          ReportCommand.self,
        ]),
      CommandGroup(
        name: "Nodes:",
        subcommands: [
          DevCommand.self, InitCommand.self, CoordinatorCommand.self, WorkerCommand.self,
          GatewayCommand.self, NodeCommand.self, StatusCommand.self, ClusterCommand.self,
          RetentionCommand.self,
        ]),
      CommandGroup(
        name: "Care:",
        subcommands: [
          DoctorCommand.self, ConfigCommand.self, BackupCommand.self, RestoreCommand.self,
        ]),
      CommandGroup(
        name: "Other:", subcommands: [CheckCommand.self, VersionCommand.self]),
    ])

  /// Runs the command that the arguments name, and turns what it throws into one line and a code.
  static func main() async {
    Signals.ignoreBrokenPipes()
    Logs.begin()
    do {
      let given = Array(CommandLine.arguments.dropFirst())
      // A reload that is asked for while the file is read for the first time is one more reading, not the end.
      if ConfiguredArguments.place(of: given) != nil { Signals.keepReloads() }
      let arguments = try ConfiguredArguments(given)
      ConfigurationReload.begin(with: arguments)
      var command = try arguments.parse()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      end(error)
    }
  }

  /// Says what went wrong, once, and ends the process with the code for it.
  private static func end(_ error: any Error) -> Never {
    if let error = error as? CommandError {
      if !error.message.isEmpty { Terminal.note("yard: \(error.message)") }
      Foundation.exit(error.code.rawValue)
    }
    let text = fullMessage(for: error)
    switch exitCode(for: error) {
    case .success:
      Terminal.write(text + "\n")
      Foundation.exit(ExitStatus.done.rawValue)
    case .validationFailure:
      Terminal.note(text)
      Foundation.exit(ExitStatus.usage.rawValue)
    default:
      Terminal.note("yard: \(error)")
      Foundation.exit(ExitStatus.refused.rawValue)
    }
  }
}

/// What this program calls itself.
enum Software {
  static let version = "0.1.0"
  static let name = "yard/\(version)"
}
