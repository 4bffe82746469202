internal import ArgumentParser
internal import Foundation

/// `yard config`.
struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config",
    abstract: "Check a node's configuration file, or begin one.",
    discussion: """
      A file has the options of one node, one a line, in a strict subset of YAML: 'key: value', lists of '- element',
      comments, values plain or in quotes. yard coordinator, yard worker run and yard gateway take it as --config; options
      that are given as well win. It is read once, when the node starts.

      Example: yard config example gateway >gateway.yaml
               yard config check gateway.yaml && yard gateway --config gateway.yaml
      """,
    subcommands: [Check.self, Example.self])

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say whether a file is a node's configuration, or which line is not.",
      discussion:
        "Exit code 2 if it is not. Example: yard config check /etc/switchyard/coordinator.yaml")

    @Argument(help: "The file.") var file: String

    func run() throws {
      let read = try ConfigurationFile(reading: file)
      _ = try ConfiguredArguments(of: read).parse()
      Terminal.write("\(file): a \(read.role.rawValue)'s, \(read.entries.count) keys\n")
    }
  }

  struct Example: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print a file with every option of a role, each as a comment.",
      discussion: "Example: yard config example worker")

    @Argument(help: "coordinator, worker or gateway.") var role: NodeCommandRole

    func run() {
      let words = role.words.joined(separator: " ")
      var text =
        "# Options of yard \(words), as its help has them. Check: yard config check FILE\nrole: \(role.rawValue)\n"
      for option in role.options {
        let value = option.isFlag ? "false" : option.defaultValue ?? "<\(option.valueName)>"
        text += "\n# \(option.about)\n# \(option.key): \(value)\n"
      }
      Terminal.write(text)
    }
  }
}

extension ConfigurationFile {
  /// Reads and parses the file at `path`; one with an API key in it must be its owner's or group's alone.
  init(reading path: String) throws(CommandError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw CommandError(
        .usage, "\(path) cannot be read; yard config example ROLE prints one to begin with")
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw CommandError(.usage, "\(path) is not UTF-8")
    }
    try self.init(parsing: text, path: path)
    if let key = entries.first(where: { $0.key == "key" }),
      let mode = try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int,
      mode & 0o007 != 0
    {
      throw refusal(key, "anybody may read it: chmod o= \(path), or give the key as YARD_KEY")
    }
  }
}
