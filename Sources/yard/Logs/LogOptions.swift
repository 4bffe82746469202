internal import ArgumentParser

/// How a node's log lines look.
enum LogFormat: String, CaseIterable, ExpressibleByArgument {
  /// For people: time, level, module, message, fields.
  case text
  /// One JSON object a line.
  case json
}

/// The options of logging, which all roles have, and `yard dev` for the nodes that it starts.
struct LogOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "From which level on it logs, and single modules from which: info,Consensus=debug.",
      valueName: "level,…"))
  var logLevel = "info"
  @Option(
    help: ArgumentHelp("How a line of the log looks: text or json.", valueName: "format"))
  var logFormat = LogFormat.text

  func validate() throws { _ = try levels }

  /// The same options for a child.
  var arguments: [String] { ["--log-level", logLevel, "--log-format", logFormat.rawValue] }

  /// What `--log-level` says.
  var levels: LogLevels {
    get throws(ValidationError) {
      do throws(LogLevels.Refusal) {
        return try LogLevels(parsing: logLevel)
      } catch {
        throw ValidationError("--log-level: \(error.what)")
      }
    }
  }
}
