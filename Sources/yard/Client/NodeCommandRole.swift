internal import ArgumentParser
internal import OpenAIFormat

/// A role whose command can be configured by a file.
enum NodeCommandRole: String, CaseIterable, ExpressibleByArgument {
  case coordinator
  case worker
  case gateway

  /// The words of its command.
  var words: [String] { self == .worker ? ["worker", "run"] : [rawValue] }

  private var command: any ParsableCommand.Type {
    switch self {
    case .coordinator: CoordinatorCommand.self
    case .worker: WorkerCommand.Run.self
    case .gateway: GatewayCommand.self
    }
  }

  /// An option of the command, as its help tells it.
  struct Option {
    /// Its long name, without dashes.
    let key: String
    let isFlag: Bool
    /// What stands for its value in the help; empty for a flag.
    let valueName: String
    let about: String
    let defaultValue: String?
  }

  /// All options but those that make no sense in a file.
  ///
  /// They come from the command's own description, so that none can be forgotten.
  var options: [Option] {
    // ArgumentParser's own tools read this description; it is versioned (`serializationVersion` 0).
    guard let described = try? JSONValue.parse(Array(command._dumpHelp().utf8)),
      let arguments = described["command"]?["arguments"]?.elements
    else { preconditionFailure("a command's description of itself is JSON") }
    return arguments.compactMap { argument in
      guard let kind = argument["kind"]?.string, kind != "positional",
        let names = argument["names"]?.elements,
        let key = names.first(where: { $0["kind"]?.string == "long" })?["name"]?.string,
        !["help", "version", "config"].contains(key)
      else { return nil }
      return Option(
        key: key, isFlag: kind == "flag", valueName: argument["valueName"]?.string ?? "",
        about: argument["abstract"]?.string ?? "", defaultValue: argument["defaultValue"]?.string)
    }
  }
}

/// The program's arguments, with those of a configuration file before the ones that were given.
struct ConfiguredArguments {
  let arguments: [String]
  private let file: ConfigurationFile?

  /// Replaces `--config FILE` of a node's command by what the file holds; what is given as well comes later and wins.
  init(_ given: [String]) throws(CommandError) {
    guard let role = NodeCommandRole.allCases.first(where: { given.starts(with: $0.words) }),
      let place = given.firstIndex(where: { $0 == "--config" || $0.hasPrefix("--config=") })
    else {
      arguments = given
      file = nil
      return
    }
    var rest = Array(given.dropFirst(role.words.count))
    let at = place - role.words.count
    let path: String
    if rest[at] == "--config" {
      // Without a file's name the parser says what is missing.
      guard at + 1 < rest.count else {
        arguments = given
        file = nil
        return
      }
      path = rest[at + 1]
      rest.removeSubrange(at...(at + 1))
    } else {
      path = String(rest[at].dropFirst("--config=".count))
      rest.remove(at: at)
    }
    let read = try ConfigurationFile(reading: path)
    guard read.role == role else {
      throw CommandError(
        .usage,
        "\(path): role: it is a \(read.role.rawValue)'s; start it with yard "
          + "\(read.role.words.joined(separator: " ")) --config \(path)")
    }
    arguments = role.words + (try read.arguments()) + rest
    file = read
  }

  /// The arguments that a file alone stands for.
  init(of file: ConfigurationFile) throws(CommandError) {
    arguments = file.role.words + (try file.arguments())
    self.file = file
  }

  /// Parses the arguments; says which line of the file is to blame where one is.
  func parse() throws -> any ParsableCommand {
    do {
      return try Yard.parseAsRoot(arguments)
    } catch {
      guard let file, Yard.exitCode(for: error) == .validationFailure else { throw error }
      let message = Yard.message(for: error)
      guard let entry = file.entries.first(where: { names($0.key, message) }) else {
        throw CommandError(.usage, "\(file.path): \(message)")
      }
      throw file.refusal(entry, message)
    }
  }

  /// Whether a message is about this option and not about one whose name only begins like it.
  private func names(_ key: String, _ message: String) -> Bool {
    message.split(whereSeparator: { !($0.isLetter || $0.isNumber || $0 == "-") })
      .contains { $0 == "--\(key)" }
  }
}
