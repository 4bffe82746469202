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
      that are given as well win.

      SIGHUP (systemctl reload) reads it again. A file that is wrong changes nothing, and the log says which line and key
      is to blame. Options that yard config example marks as live take effect at once, together; a line of the log names
      those that changed and wait for the next start. Replace the file as a whole: write another one and rename it.

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
    @Option(help: "text or json.") var output: ClusterOptions.Format = .text

    func run() throws {
      let read = try ConfigurationFile(reading: file)
      _ = try ConfiguredArguments(of: read).parse()
      if output == .json {
        let line: JSONText = [
          "file": .string(file), "role": .string(read.role.rawValue),
          "keys": .number(UInt64(read.entries.count)),
        ]
        return Terminal.write(line.line)
      }
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
        let mark = role.live.contains(option.key) ? " Live." : ""
        text += "\n# \(option.about)\(mark)\n# \(option.key): \(value)\n"
      }
      Terminal.write(text)
    }
  }
}

extension ConfigurationFile {
  /// Reads and parses the file at `path`; one with an API key in it must be its owner's or group's alone.
  init(reading path: String) throws(CommandError) {
    func refusal(_ what: String) -> CommandError { CommandError(.usage, "\(path) \(what)") }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw refusal(
        "cannot be read: \(String(cString: strerror(errno))); yard config example ROLE prints one to begin with"
      )
    }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    let data: Data
    do { data = try file.read(upToCount: Self.bytesMax + 1) ?? Data() } catch {
      throw refusal("cannot be read: \(error.localizedDescription)")
    }
    guard data.count <= Self.bytesMax else {
      throw refusal("has more than \(Self.bytesMax) bytes")
    }
    guard let text = String(data: data, encoding: .utf8) else { throw refusal("is not UTF-8") }
    try self.init(parsing: text, path: path)
    guard let key = entries.first(where: { $0.key == "key" }) else { return }
    guard
      let mode = try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    else {
      throw self.refusal(key, "who may read \(path) cannot be seen; give the key as YARD_KEY")
    }
    guard mode & 0o007 == 0 else {
      throw self.refusal(key, "anybody may read it: chmod o= \(path), or give the key as YARD_KEY")
    }
  }

  /// More than any configuration.
  private static let bytesMax = 1 << 20
}
