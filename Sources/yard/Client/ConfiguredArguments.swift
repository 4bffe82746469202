internal import ArgumentParser

/// The program's arguments, with those of a configuration file before the ones that were given.
struct ConfiguredArguments {
  let arguments: [String]
  let file: ConfigurationFile?
  /// What was typed beside the file.
  private let typed: [String]

  /// Replaces `--config FILE` of a node's command by what the file holds; what is given as well comes later and wins.
  init(_ given: [String]) throws(CommandError) {
    guard let (role, place) = Self.place(of: given) else {
      (arguments, typed, file) = (given, given, nil)
      return
    }
    var rest = Array(given.dropFirst(role.words.count))
    let at = place - role.words.count
    let path: String
    if rest[at] == "--config" {
      // Without a file's name the parser says what is missing.
      guard at + 1 < rest.count else {
        (arguments, typed, file) = (given, given, nil)
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
    typed = rest
    file = read
  }

  /// Where a node's arguments name a file, and which node's they are.
  static func place(of given: [String]) -> (NodeCommandRole, Int)? {
    guard let role = NodeCommandRole.allCases.first(where: { given.starts(with: $0.words) }),
      let place = given.firstIndex(where: { $0 == "--config" || $0.hasPrefix("--config=") })
    else { return nil }
    return (role, place)
  }

  /// The arguments that a file alone stands for.
  init(of file: ConfigurationFile) throws(CommandError) {
    arguments = file.role.words + (try file.arguments())
    typed = []
    self.file = file
  }

  /// What the file says, by its keys, but for options that were typed as well, which win.
  var fromFile: [String: [String]] {
    let won = Set(typed.filter { $0.hasPrefix("--") }.map { $0.dropFirst(2).prefix { $0 != "=" } })
    let entries = file?.entries.filter { !won.contains(Substring($0.key)) } ?? []
    return Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.values) })
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
